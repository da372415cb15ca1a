//! The demands that need no question of their own, one by one and in words: what accepts a token tells whether they are met.

use super::{
    Evidence, Excess, Expectation, ExpiryRule, Requirement, TokenKind, Verdict, expiry, forbid, impossible,
    kind, scope,
};

/// A demand in words, and whether it is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// What is demanded, as in `scope repo`.
    pub demand: String,
    /// Whether it is met.
    pub verdict: Verdict<()>,
}

impl Requirement {
    /// Each demand that has no [line](Requirement::lines), in the order of the spec.
    pub fn stated(&self, expectation: &Expectation, evidence: &Evidence<'_>) -> Vec<Stated> {
        let mut all = Vec::new();
        let mut state = |demand: String, verdict| all.push(Stated { demand, verdict });
        if let Some(account) = account(expectation) {
            state(account, expectation.judge(evidence.grant));
        }
        let kinds: Vec<_> = self.kinds.iter().copied().map(TokenKind::as_str).collect();
        state(format!("kind {}", kinds.join(" or ")), kind::kind(self, evidence));
        for name in &self.scopes {
            let alone = Requirement { scopes: vec![name.clone()], ..self.clone() };
            state(format!("scope {name}"), scope::scope(&alone, evidence));
        }
        for name in &self.forbid.scopes {
            let mut alone = self.clone();
            alone.forbid.scopes = vec![name.clone()];
            state(format!("no scope {name}"), forbid::scopes(&alone, evidence));
        }
        if self.excess == Excess::Refuse {
            state("no scopes beyond these".to_owned(), forbid::excess(self, evidence));
        }
        if let Some(end) = end(self.expiry) {
            state(end, expiry::expiry(self, evidence));
        }
        let possible = impossible::impossible(self, evidence);
        if possible.is_no() {
            state("demands that some token can meet".to_owned(), possible);
        }
        all
    }
}

fn account(expectation: &Expectation) -> Option<String> {
    let id = expectation.user_id.map(|id| format!("id {id}"));
    let named: Vec<_> = [expectation.login.clone(), id].into_iter().flatten().collect();
    (!named.is_empty()).then(|| format!("account {}", named.join(", ")))
}

fn end(rule: ExpiryRule) -> Option<String> {
    let required = rule.required.then(|| "an expiry".to_owned());
    let longest = rule.max_lifetime.map(|longest| format!("a lifetime of {longest} at most"));
    let left = rule.min_remaining.map(|left| format!("at least {left} left"));
    let all: Vec<_> = [required, longest, left].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        Reason,
        answer::{Account, Expiry, Grant},
        knowledge::Proofs,
    };

    #[test]
    fn each_demand_of_the_spec_has_its_own_verdict_and_nothing_else_is_stated() {
        let demanded: Requirement = serde_json::from_value(serde_json::json!({
            "kinds": ["Classic"], "scopes": ["read:org", "gist"],
            "forbid": { "scopes": ["delete_repo", "admin:org"] }, "excess": "Refuse",
            "expiry": { "required": true, "maxLifetime": "8784h", "minRemaining": "24h" },
        }))
        .unwrap();
        let expectation = Expectation { login: Some("acme-ci".to_owned()), user_id: Some(7) };
        let account = Some(Account { login: "acme-ci".into(), id: 7 });
        let scopes = Some(["admin:org"].iter().collect());
        let grant = Grant { account, scopes, expiry: Expiry::Never };
        let proofs = Proofs::default();
        let evidence = Evidence::remembered(TokenKind::Classic, &grant, &proofs);
        let told = |stated: Vec<Stated>| {
            let reason = |verdict: Verdict<()>| match verdict {
                Verdict::Yes(()) => None,
                Verdict::No(found) => Some(found[0].reason),
                Verdict::Unknown(finding) => Some(finding.reason),
            };
            let row = |Stated { demand, verdict }| (demand, reason(verdict));
            stated.into_iter().map(row).collect::<Vec<_>>()
        };
        let rows = [
            ("account acme-ci, id 7", None),
            ("kind Classic", None),
            ("scope read:org", None),
            ("scope gist", Some(Reason::ScopeMissing)),
            ("no scope delete_repo", None),
            ("no scope admin:org", Some(Reason::ScopeForbidden)),
            ("no scopes beyond these", Some(Reason::ExcessScopes)),
            ("an expiry, a lifetime of 8784h at most, at least 24h left", Some(Reason::ExpiryRequired)),
        ];
        let rows = rows.map(|(demand, reason)| (demand.to_owned(), reason));
        let (impossible, found): (Vec<_>, Vec<_>) = told(demanded.stated(&expectation, &evidence))
            .into_iter()
            .partition(|(_, reason)| *reason == Some(Reason::DemandImpossible));
        assert_eq!(found, rows);
        assert!(impossible.is_empty(), "{impossible:?}");
        let unasked = Evidence { grant: None, ..evidence };
        let unknown = told(demanded.stated(&expectation, &unasked));
        assert!(unknown.contains(&("scope gist".to_owned(), Some(Reason::NotDetermined))), "{unknown:?}");
        let nothing = told(Requirement::default().stated(&Expectation::default(), &evidence));
        assert_eq!(nothing, [("kind Classic or FineGrained".to_owned(), None)]);
    }
}
