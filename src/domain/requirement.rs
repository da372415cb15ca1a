//! What a connection demands of a token.
//!
//! A rule is a function in `RULES`; it says what it found, or that nobody can tell yet.

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{
    Finding, Reason, Verdict,
    answer::{Expiry, Grant},
    duration::{self, Duration},
    scopes,
    token::TokenKind,
};

/// What the token must be and have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
pub struct Requirement {
    /// The kinds of token that are allowed. Tokens of other kinds are asked about too, and are then refused by name.
    #[schemars(length(min = 1, max = 5), extend("x-kubernetes-list-type" = "set"))]
    pub kinds: Vec<TokenKind>,
    /// Classic scopes that the token must have, itself or by a larger scope: `repo` satisfies `public_repo`. Fine-grained
    /// tokens have no scopes, so they do not satisfy any.
    #[schemars(schema_with = "scope_names")]
    pub scopes: Vec<String>,
    /// What is demanded of the token's expiry.
    pub expiry: ExpiryRule,
}

fn scope_names(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 64,
        "items": {
            "type": "string",
            "maxLength": scopes::LONGEST,
            "x-kubernetes-validations": [{
                "rule": format!("self.matches('{}')", scopes::PATTERN),
                "message": "each of scopes must be one classic scope as GitHub writes it, such as repo or read:org",
            }],
        },
        "x-kubernetes-list-type": "set",
    })
}

impl Default for Requirement {
    fn default() -> Self {
        let kinds = vec![TokenKind::Classic, TokenKind::FineGrained];
        Requirement { kinds, scopes: Vec::new(), expiry: ExpiryRule::default() }
    }
}

/// What is demanded of the token's expiry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
pub struct ExpiryRule {
    /// Whether the token must expire at all.
    pub required: bool,
    /// The longest lifetime, counted from the first time the operator saw GitHub accept the token, since a bearer cannot learn
    /// when a token was made. A token without expiry violates it. As in `8784h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = duration::rules("maxLifetime", "1h", "99999h")))]
    pub max_lifetime: Option<Duration>,
    /// The least time that must be left. As in `24h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = duration::rules("minRemaining", "1m", "99999h")))]
    pub min_remaining: Option<Duration>,
}

/// Whose token it must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "has(self.login) || has(self.userId)",
    "message": "expect must name an account: give login, userId or both",
}]))]
pub struct Expectation {
    /// The login of the account, in any case. It changes when the account is renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), extend("x-kubernetes-validations" = [{
        "rule": "self.matches('^[-_a-zA-Z0-9]+([[]bot[]])?$')",
        "message": "login must be that of a GitHub account, such as octocat, without @",
    }]))]
    pub login: Option<String>,
    /// The numeric id of the account, which stays when it is renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub user_id: Option<i64>,
}

impl Expectation {
    /// Whether the token is of the account that is expected.
    pub fn judge(&self, grant: Option<&Grant>) -> Verdict<()> {
        if *self == Expectation::default() {
            return Verdict::Yes(());
        }
        let Some(grant) = grant else { return not_determined() };
        let account = grant.account.as_ref();
        let is_login =
            |login: &String| account.is_some_and(|account| account.login.eq_ignore_ascii_case(login));
        let is_id = |id: i64| account.is_some_and(|account| account.id == id);
        if self.login.as_ref().is_none_or(is_login) && self.user_id.is_none_or(is_id) {
            return Verdict::Yes(());
        }
        let wanted = [self.login.clone(), self.user_id.map(|id| format!("id {id}"))];
        let wanted: Vec<_> = wanted.into_iter().flatten().collect();
        let found = account.map_or_else(
            || "belongs to an app installation and no account".to_owned(),
            |account| format!("belongs to {} (id {})", account.login, account.id),
        );
        Verdict::no(
            Reason::AnotherAccount,
            format!(
                "the token {found}, and spec.expect names {}: store a token of that account, or change spec.expect",
                wanted.join(", ")
            ),
        )
    }
}

/// What is known of a token when its requirements are judged.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Its kind.
    pub kind: TokenKind,
    /// What GitHub said when it accepted the token last.
    pub grant: Option<&'a Grant>,
    /// When it was accepted first.
    pub first_proven: Option<Timestamp>,
    /// The present instant by GitHub's clock.
    pub now: Timestamp,
}

type Rule = fn(&Requirement, &Evidence<'_>) -> Verdict<()>;

/// Every rule, the most important first.
const RULES: &[Rule] = &[kind, scope, expiry];

impl Requirement {
    /// Whether the expectation and all rules hold: every violation, else the first thing that is not known.
    pub fn judge(&self, expectation: &Expectation, evidence: &Evidence<'_>) -> Verdict<()> {
        let mut violations = Vec::new();
        let mut unknown = None;
        let rules = RULES.iter().map(|rule| rule(self, evidence));
        for judged in std::iter::once(expectation.judge(evidence.grant)).chain(rules) {
            match judged {
                Verdict::Yes(()) => {}
                Verdict::No(found) => violations.extend(found),
                Verdict::Unknown(finding) => unknown = unknown.or(Some(finding)),
            }
        }
        match unknown {
            _ if !violations.is_empty() => Verdict::No(violations),
            Some(finding) => Verdict::Unknown(finding),
            None => Verdict::Yes(()),
        }
    }
}

fn kind(demanded: &Requirement, evidence: &Evidence<'_>) -> Verdict<()> {
    if demanded.kinds.contains(&evidence.kind) {
        return Verdict::Yes(());
    }
    let allowed: Vec<_> = demanded.kinds.iter().map(|kind| format!("{kind:?}")).collect();
    let why = match evidence.kind {
        TokenKind::Classic | TokenKind::FineGrained => "store one of an allowed kind",
        TokenKind::OAuth => "it ends with the sign-in it came from; store a personal access token",
        TokenKind::AppUser => "it lives for hours and the app renews it; store a personal access token",
        TokenKind::AppInstallation => {
            "it lives for an hour and is renewed elsewhere; store a personal access token"
        }
    };
    Verdict::no(
        Reason::KindNotAllowed,
        format!(
            "the token is a {} ({:?}), and require.kinds allows {}: {why}, or name its kind there",
            evidence.kind.words(),
            evidence.kind,
            allowed.join(", ")
        ),
    )
}

fn scope(demanded: &Requirement, evidence: &Evidence<'_>) -> Verdict<()> {
    if demanded.scopes.is_empty() {
        return Verdict::Yes(());
    }
    if !evidence.kind.has_scopes() {
        return Verdict::no(
            Reason::ScopesNotApplicable,
            format!(
                "require.scopes demands {}, and a {} has no scopes: use a classic token, or demand no scopes",
                demanded.scopes.join(", "),
                evidence.kind.words()
            ),
        );
    }
    let Some(grant) = evidence.grant else { return not_determined() };
    let Some(granted) = &grant.scopes else {
        return Verdict::unknown(
            Reason::ScopesUnknown,
            "GitHub sent no list of scopes with its answer: look for a proxy that strips the X-OAuth-Scopes header",
        );
    };
    let missing = scopes::missing(&demanded.scopes, granted);
    if missing.is_empty() {
        return Verdict::Yes(());
    }
    Verdict::no(
        Reason::ScopeMissing,
        format!(
            "the token lacks the scope{} {}: edit it under Settings, Developer settings, Tokens (classic); \
             its value stays the same",
            if missing.len() > 1 { "s" } else { "" },
            missing.join(", ")
        ),
    )
}

fn expiry(demanded: &Requirement, evidence: &Evidence<'_>) -> Verdict<()> {
    let rule = demanded.expiry;
    if !rule.required && rule.max_lifetime.is_none() && rule.min_remaining.is_none() {
        return Verdict::Yes(());
    }
    let Some(grant) = evidence.grant else { return not_determined() };
    match grant.expiry {
        Expiry::Unreadable => unreadable(),
        Expiry::Implausible(_) => implausible(),
        Expiry::Never => never(rule),
        Expiry::At(at) => {
            let found: Vec<_> =
                [lifetime(rule, at, evidence), remaining(rule, at, evidence)].into_iter().flatten().collect();
            if found.is_empty() { Verdict::Yes(()) } else { Verdict::No(found) }
        }
    }
}

fn never(rule: ExpiryRule) -> Verdict<()> {
    if rule.required {
        return Verdict::no(
            Reason::ExpiryRequired,
            "require.expiry.required is set, and the token never expires: make one with an expiry",
        );
    }
    match rule.max_lifetime {
        Some(longest) => Verdict::no(
            Reason::LifetimeTooLong,
            format!(
                "the token never expires, and require.expiry.maxLifetime is {longest}: make one with an expiry"
            ),
        ),
        None => Verdict::Yes(()),
    }
}

fn lifetime(rule: ExpiryRule, at: Timestamp, evidence: &Evidence<'_>) -> Option<Finding> {
    let longest = rule.max_lifetime?;
    let lived_since = evidence.first_proven.unwrap_or(evidence.now);
    (at.duration_since(lived_since) > longest.get()).then(|| {
        Finding::new(
            Reason::LifetimeTooLong,
            format!(
                "the token expires at {at}, more than require.expiry.maxLifetime ({longest}) after it was first seen: \
                 make one that ends sooner"
            ),
        )
    })
}

fn remaining(rule: ExpiryRule, at: Timestamp, evidence: &Evidence<'_>) -> Option<Finding> {
    let least = rule.min_remaining?;
    (at.duration_since(evidence.now) <= least.get()).then(|| {
        Finding::new(
            Reason::RemainingTooShort,
            format!(
                "the token expires at {at}, in less than require.expiry.minRemaining ({least}): \
                 make a new one and store it in the Secret"
            ),
        )
    })
}

fn not_determined() -> Verdict<()> {
    Verdict::unknown(
        Reason::NotDetermined,
        "GitHub has not accepted the token yet, so nothing is known of it",
    )
}

fn implausible() -> Verdict<()> {
    Verdict::unknown(
        Reason::NotDetermined,
        "GitHub accepts the token and names an end that had passed, so that nobody can tell when it ends: make a new one",
    )
}

fn unreadable() -> Verdict<()> {
    Verdict::unknown(
        Reason::NotDetermined,
        "GitHub named an expiry in a form that could not be read: look for a newer version of this operator",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::answer::Account;

    const DAY: i64 = 86_400;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn grant(scopes: Option<&[&str]>, expiry: Expiry) -> Grant {
        let scopes = scopes.map(|list| list.iter().collect());
        Grant { account: Some(Account { login: "octocat".into(), id: 1 }), scopes, expiry }
    }

    fn reasons(judged: &Verdict<()>) -> (&'static str, Vec<Reason>) {
        match judged {
            Verdict::Yes(()) => ("True", vec![]),
            Verdict::No(found) => ("False", found.iter().map(|finding| finding.reason).collect()),
            Verdict::Unknown(finding) => ("Unknown", vec![finding.reason]),
        }
    }

    fn demand(kinds: &[TokenKind], scopes: &[&str], expiry: ExpiryRule) -> Requirement {
        let kinds = if kinds.is_empty() { Requirement::default().kinds } else { kinds.to_vec() };
        Requirement { kinds, scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(), expiry }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one row per case")]
    fn each_rule_says_what_it_found() {
        use Reason::*;
        use TokenKind::*;
        let none = ExpiryRule::default();
        let required = ExpiryRule { required: true, ..none };
        let month = ExpiryRule { max_lifetime: Some(Duration::hours(720)), ..none };
        let day = ExpiryRule { min_remaining: Some(Duration::hours(24)), ..none };
        let both = ExpiryRule { required: true, ..month };
        let far = Expiry::At(at(1000 * DAY));
        let near = Expiry::At(at(100 * DAY + 60));
        let rows: Vec<(&str, Requirement, TokenKind, Option<Grant>, &str, Vec<Reason>)> = vec![
            ("nothing demanded, nothing known", demand(&[], &[], none), Classic, None, "True", vec![]),
            ("an app's token", demand(&[], &[], none), AppUser, None, "False", vec![KindNotAllowed]),
            ("an OAuth token", demand(&[], &[], none), OAuth, None, "False", vec![KindNotAllowed]),
            (
                "named, so allowed",
                demand(&[AppInstallation], &[], none),
                AppInstallation,
                None,
                "True",
                vec![],
            ),
            (
                "only fine-grained",
                demand(&[FineGrained], &[], none),
                Classic,
                None,
                "False",
                vec![KindNotAllowed],
            ),
            (
                "a scope there",
                demand(&[], &["public_repo"], none),
                Classic,
                Some(grant(Some(&["repo"]), far)),
                "True",
                vec![],
            ),
            (
                "a scope missing",
                demand(&[], &["gist"], none),
                Classic,
                Some(grant(Some(&["repo"]), far)),
                "False",
                vec![ScopeMissing],
            ),
            (
                "no scopes at all",
                demand(&[], &["gist"], none),
                Classic,
                Some(grant(Some(&[]), far)),
                "False",
                vec![ScopeMissing],
            ),
            (
                "no list of scopes",
                demand(&[], &["gist"], none),
                Classic,
                Some(grant(None, far)),
                "Unknown",
                vec![ScopesUnknown],
            ),
            (
                "scopes of a fine-grained token",
                demand(&[], &["gist"], none),
                FineGrained,
                None,
                "False",
                vec![ScopesNotApplicable],
            ),
            ("not asked yet", demand(&[], &["gist"], none), Classic, None, "Unknown", vec![NotDetermined]),
            (
                "no expiry",
                demand(&[], &[], required),
                Classic,
                Some(grant(None, Expiry::Never)),
                "False",
                vec![ExpiryRequired],
            ),
            ("an expiry", demand(&[], &[], required), Classic, Some(grant(None, far)), "True", vec![]),
            (
                "lives for ever",
                demand(&[], &[], month),
                Classic,
                Some(grant(None, Expiry::Never)),
                "False",
                vec![LifetimeTooLong],
            ),
            (
                "lives too long",
                demand(&[], &[], both),
                Classic,
                Some(grant(None, far)),
                "False",
                vec![LifetimeTooLong],
            ),
            ("lives short", demand(&[], &[], both), Classic, Some(grant(None, near)), "True", vec![]),
            ("enough left", demand(&[], &[], day), Classic, Some(grant(None, far)), "True", vec![]),
            (
                "too little left",
                demand(&[], &[], day),
                Classic,
                Some(grant(None, near)),
                "False",
                vec![RemainingTooShort],
            ),
            (
                "unreadable",
                demand(&[], &[], day),
                Classic,
                Some(grant(None, Expiry::Unreadable)),
                "Unknown",
                vec![NotDetermined],
            ),
            (
                "implausible",
                demand(&[], &[], day),
                Classic,
                Some(grant(None, Expiry::Implausible(at(0)))),
                "Unknown",
                vec![NotDetermined],
            ),
            (
                "all violations at once",
                demand(&[Classic], &["gist"], required),
                OAuth,
                Some(grant(Some(&[]), Expiry::Never)),
                "False",
                vec![KindNotAllowed, ScopeMissing, ExpiryRequired],
            ),
            (
                "a violation outweighs what is unknown",
                demand(&[Classic], &["gist"], required),
                OAuth,
                None,
                "False",
                vec![KindNotAllowed],
            ),
        ];
        for (name, demanded, kind, grant, status, expected) in rows {
            let evidence = Evidence {
                kind,
                grant: grant.as_ref(),
                first_proven: Some(at(99 * DAY)),
                now: at(100 * DAY),
            };
            assert_eq!(
                reasons(&demanded.judge(&Expectation::default(), &evidence)),
                (status, expected),
                "{name}"
            );
        }
    }

    #[test]
    fn a_token_of_another_account_is_told_by_name() {
        let grant = |account: Option<(&str, i64)>| Grant {
            account: account.map(|(login, id)| Account { login: login.into(), id }),
            scopes: None,
            expiry: Expiry::Never,
        };
        let expected =
            |login: Option<&str>, user_id| Expectation { login: login.map(str::to_owned), user_id };
        let bot = Some(("acme-bot", 7));
        let rows = [
            ("nothing", expected(None, None), bot, true),
            ("the login", expected(Some("acme-bot"), None), bot, true),
            ("in another case", expected(Some("Acme-Bot"), None), bot, true),
            ("the id", expected(None, Some(7)), bot, true),
            ("both", expected(Some("acme-bot"), Some(7)), bot, true),
            ("another login", expected(Some("octocat"), None), bot, false),
            ("another id", expected(None, Some(8)), bot, false),
            ("the login of another id", expected(Some("acme-bot"), Some(8)), bot, false),
            ("no account", expected(Some("acme-bot"), None), None, false),
        ];
        for (name, expected, account, met) in rows {
            let judged = expected.judge(Some(&grant(account)));
            assert_eq!(judged.yes().is_some(), met, "{name}");
            if let Verdict::No(findings) = judged {
                assert_eq!(findings[0].reason, Reason::AnotherAccount, "{name}");
            }
        }
        assert!(matches!(expected(None, Some(7)).judge(None), Verdict::Unknown(_)));
    }
}
