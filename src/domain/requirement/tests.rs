mod lines;
mod properties;
mod several;

use super::*;
use crate::domain::{
    answer::{Account, Expiry},
    duration::Duration,
};

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
    Requirement {
        kinds,
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        expiry,
        ..Requirement::default()
    }
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
        ("named, so allowed", demand(&[AppInstallation], &[], none), AppInstallation, None, "True", vec![]),
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
            proofs: &Proofs::new(),
            has_registry: true,
            needed: None,
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
    let expected = |login: Option<&str>, user_id| Expectation { login: login.map(str::to_owned), user_id };
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
        ("the id under another login", expected(Some("octocat"), Some(7)), bot, true),
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
