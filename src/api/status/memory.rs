//! What a status remembers of the token, and how it is remembered.

use jiff::Timestamp;

use super::{
    DeferralStatus, FurtherRequirements, PermissionProofs, RefusedStatus, RequirementStatus, TokenStatus,
    time,
};
use crate::domain::{
    Reason,
    answer::{Account, Deferral, Expiry, Grant, Refusal},
    knowledge::{Deferred, Hidden, Knowledge, Proofs, Refused},
    proof::{Denial, Proof},
    requirement::{self, Evidence, Requirement},
    scopes::Scopes,
    token::HashedToken,
};

/// What a status remembers beside the token: whether it serves its purposes.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::api) struct Purposes<'a> {
    /// The lines.
    pub requirements: &'a [RequirementStatus],
    /// The demands without one.
    pub further: Option<&'a FurtherRequirements>,
    /// The permissions on each of several.
    pub permissions: Option<&'a PermissionProofs>,
}

/// What a status remembers of that token on that host; nothing of any other. A refusal that an acceptance came after is void.
pub(in crate::api) fn knowledge(
    token: Option<&TokenStatus>,
    deferral: Option<&DeferralStatus>,
    purposes: Purposes<'_>,
    (hashed, host): (HashedToken, &str),
    demanded: &Requirement,
) -> Knowledge {
    let Some(token) = token.filter(|token| token.hashed_token == hashed && token.host == host) else {
        return Knowledge::default();
    };
    let accepted = token.checked_at.as_ref().map(|at| at.0);
    let refused = token.refused.as_ref().and_then(RefusedStatus::remembered);
    Knowledge {
        grant: accepted.map(|at| (token.grant(), at)),
        before: None,
        refused: refused.filter(|refused| accepted.is_none_or(|accepted| refused.last > accepted)),
        first_proven: token.first_proven_at.as_ref().map(|at| at.0),
        deferred: deferral
            .and_then(DeferralStatus::remembered)
            .filter(|deferred| accepted.is_none_or(|accepted| deferred.since >= accepted)),
        proofs: proofs(token, purposes, demanded),
        hidden: Hidden::remembered(&token.hidden_organizations),
    }
}

fn proofs(token: &TokenStatus, purposes: Purposes<'_>, demanded: &Requirement) -> Proofs {
    let Purposes { requirements, further, permissions } = purposes;
    let lines: Vec<_> = requirements.iter().filter_map(RequirementStatus::line).collect();
    let packed = further.map(|further| further.packed().proofs(demanded, &further.on)).unwrap_or_default();
    let mut proofs: Proofs = packed.into_iter().chain(requirement::remembered(&lines)).collect();
    if let Some(permissions) = permissions.map(PermissionProofs::packed) {
        let grant = token.grant();
        let evidence = Evidence::remembered(token.kind, &grant, &proofs);
        // A line knows more of the one that it names.
        let more = demanded.remembered(&evidence, &permissions);
        proofs = more.into_iter().chain(proofs).collect();
    }
    for proven in proofs.values_mut() {
        if let Some((Proof::Denied(Denial::LifetimeForbidden(lifetime)), _)) = &mut proven.last {
            lifetime.token = token.id;
        }
    }
    proofs
}

impl TokenStatus {
    /// When it ends, as far as that is credible: no later than this end, which a person declared.
    pub fn ends(&self, declared: Option<Timestamp>) -> Option<Timestamp> {
        match self.grant().expiry.no_later_than(declared) {
            Expiry::At(at) => Some(at),
            Expiry::Never | Expiry::Unreadable | Expiry::Implausible(_) => None,
        }
    }

    /// What GitHub said when it accepted it last, as far as the status has it.
    pub fn grant(&self) -> Grant {
        let login = self.login.as_deref().zip(self.user_id);
        let account = login.map(|(login, id)| Account { login: login.into(), id });
        let expiry = match &self.expires_at {
            Some(at) if self.expiry_implausible => Expiry::Implausible(at.0),
            Some(at) => Expiry::At(at.0),
            None if self.expiry_unreadable => Expiry::Unreadable,
            None => Expiry::Never,
        };
        Grant { account, scopes: self.scopes.as_ref().map(Scopes::from_iter), expiry }
    }
}

impl RefusedStatus {
    fn remembered(&self) -> Option<Refused> {
        let refusal = Refusal::from_reason(self.reason.parse::<Reason>().ok()?)?;
        let once = Refused::once(refusal, self.first.0);
        Some(Refused { count: self.count, needed: self.needed.max(1), last: self.last.0, ..once })
    }
}

impl From<Refused> for RefusedStatus {
    fn from(refused: Refused) -> Self {
        let reason = refused.refusal.reason().as_str().to_owned();
        let Refused { refusal: _, count, needed, first, last } = refused;
        RefusedStatus { reason, count, needed, first: time(first), last: time(last) }
    }
}

impl DeferralStatus {
    fn remembered(&self) -> Option<Deferred> {
        let reason = self.reason.parse().ok()?;
        let until = self.not_before.as_ref().map(|at| at.0);
        let answer = self.answer.as_deref().and_then(|answer| answer.parse().ok());
        let incident_ends = self.incident_ends_at.as_ref().map(|at| at.0);
        Some(Deferred::first(Deferral { reason, until, answer, incident_ends }, self.since.0))
    }
}

impl From<Deferred> for DeferralStatus {
    /// The end of a limit is worth a write; that of an outage, which each answer names anew, is not.
    fn from(deferred: Deferred) -> Self {
        let is_limit = matches!(
            deferred.deferral.reason,
            Reason::RateLimited | Reason::SecondaryRateLimited | Reason::LoginLocked
        );
        DeferralStatus {
            since: time(deferred.since),
            reason: deferred.deferral.reason.as_str().to_owned(),
            answer: deferred.deferral.answer.map(|answer| answer.to_string()),
            not_before: deferred.deferral.until.filter(|_| is_limit).map(time),
            incident_ends_at: deferred.deferral.incident_ends.map(time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::token::{Token, TokenKind};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn hashed(letter: &str) -> HashedToken {
        Token::try_from(["ghp_", &letter.repeat(36)].concat().as_bytes()).unwrap().hashed()
    }

    /// What is remembered of a token of a, on github.com, that was accepted and refused at these instants.
    fn status(accepted: Option<i64>, refused: Option<(i32, i64, i64)>) -> TokenStatus {
        let refused = refused.map(|(count, first, last)| RefusedStatus {
            reason: "BadCredentials".to_owned(),
            count,
            needed: 2,
            first: time(at(first)),
            last: time(at(last)),
        });
        TokenStatus {
            secret_name: "pat".to_owned(),
            host: "github.com".to_owned(),
            kind: TokenKind::Classic,
            hashed_token: hashed("a"),
            id: None,
            flaw: None,
            login: None,
            user_id: None,
            previous_account: None,
            scopes: None,
            expires_at: None,
            expiry_unreadable: false,
            expiry_implausible: false,
            excess: Vec::new(),
            hidden_organizations: Vec::new(),
            first_proven_at: accepted.map(|accepted| time(at(accepted))),
            accepted_before: None,
            checked_at: accepted.map(|accepted| time(at(accepted))),
            refused,
        }
    }

    #[test]
    fn a_remembered_refusal_older_than_an_acceptance_is_void() {
        let rows = [
            ("only refused", status(None, Some((2, 10, 20))), None, Some(2)),
            ("only accepted", status(Some(30), None), Some(30), None),
            ("accepted, then refused", status(Some(5), Some((2, 10, 20))), Some(5), Some(2)),
            ("refused, then accepted", status(Some(30), Some((2, 10, 20))), Some(30), None),
            ("both within a second", status(Some(20), Some((1, 20, 20))), Some(20), None),
        ];
        for (name, status, accepted, refused) in rows {
            let known = knowledge(
                Some(&status),
                None,
                Purposes::default(),
                (hashed("a"), "github.com"),
                &Requirement::default(),
            );
            assert_eq!(known.grant.map(|(_, at)| at.as_second()), accepted, "{name}");
            assert_eq!(known.refused.map(|refused| refused.count), refused, "{name}");
        }
    }

    #[test]
    fn a_status_of_another_token_or_host_counts_for_nothing() {
        let token = status(Some(5), Some((2, 10, 20)));
        let deferral = DeferralStatus {
            since: time(at(25)),
            reason: "ServerError".to_owned(),
            answer: None,
            not_before: None,
            incident_ends_at: None,
        };
        let rows = [
            ("the same", hashed("a"), "github.com", true),
            ("another token", hashed("b"), "github.com", false),
            ("another host", hashed("a"), "ghe.example.com", false),
        ];
        for (name, hashed, host, counts) in rows {
            let none = Purposes::default();
            let known =
                knowledge(Some(&token), Some(&deferral), none, (hashed, host), &Requirement::default());
            let parts = (known.grant.is_some(), known.refused.is_some(), known.deferred.is_some());
            assert_eq!(parts, (counts, counts, counts), "{name}");
            assert_eq!(known == Knowledge::default(), !counts, "{name}");
        }
        let purposes = Purposes::default();
        let subject = (hashed("a"), "github.com");
        let none = knowledge(None, Some(&deferral), purposes, subject, &Requirement::default());
        assert_eq!(none, Knowledge::default(), "a deferral of no token");
    }
}
