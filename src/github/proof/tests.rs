use reqwest::{
    StatusCode,
    header::{HeaderName, HeaderValue},
};

use super::*;
use crate::domain::{answer::Deferral, permission::Level};

const MARK: (&str, &str) = ("x-github-request-id", "0400:1DC1:1A2B:3C4D:69A42C40");
const NOW: &str = "2026-03-01T12:00:00Z";

fn reply(probe: &Probe, status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let line = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let headers = headers.iter().map(line).collect();
    let response =
        Response { status: StatusCode::from_u16(status).unwrap(), headers, body: body.as_bytes().to_vec() };
    interpret(probe, &response, NOW.parse().unwrap())
}

fn message(text: &str) -> String {
    serde_json::json!({ "message": text, "documentation_url": "https://docs.github.com/rest" }).to_string()
}

fn permission(key: &str, level: Level) -> Probe {
    Probe::Permission(Permission::named(key, level).unwrap(), "acme/app".into())
}

fn no_answer(reason: Reason) -> Reply {
    Reply::Deferral(Deferral::new(reason))
}

/// 403 texts of the REST API, as GitHub writes them today.
#[test]
fn each_text_of_a_policy_is_told_apart() {
    let lifetime = "The 'acme' organization forbids access via a fine-grained personal access tokens if the token's lifetime is \
                    greater than 366 days. Please adjust your token's lifetime at the following URL: \
                    https://github.com/settings/personal-access-tokens/1";
    let classic_lifetime = "The 'acme' enterprise forbids access via a personal access tokens (classic) if the token's lifetime \
                            is greater than 90 days. Please adjust your token's lifetime at the following URL: \
                            https://github.com/settings/tokens/1";
    let rows = [
        (
            "Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this \
             organization.",
            Denial::SsoRequired,
        ),
        (
            "`acme` forbids access via a personal access token (classic). Please use a GitHub App, OAuth App, or a personal \
             access token with fine-grained permissions.",
            Denial::ClassicForbidden,
        ),
        (
            "`acme` forbids access via a personal access token with fine-grained permissions. Please use a GitHub App, or an \
             OAuth App.",
            Denial::FineGrainedForbidden,
        ),
        (lifetime, Denial::LifetimeForbidden(Lifetime { days: Some(366), token: Some(1) })),
        (classic_lifetime, Denial::LifetimeForbidden(Lifetime { days: Some(90), token: Some(1) })),
        (
            "Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list \
             enabled, and your IP address is not permitted to access this resource.",
            Denial::AddressForbidden,
        ),
        (
            "Although you appear to have the correct authorization credentials, the `acme` organization has enabled OAuth App \
             access restrictions, meaning that data access to third-parties is limited.",
            Denial::AppForbidden,
        ),
        ("Repository access blocked", Denial::Blocked),
        ("Resource not accessible by personal access token", Denial::PermissionMissing),
        ("Must have admin rights to Repository.", Denial::Undecided(None)),
        (
            "Upgrade to GitHub Pro or make this repository public to enable this feature.",
            Denial::Undecided(None),
        ),
        ("Dependabot alerts are disabled for this repository.", Denial::Undecided(None)),
        ("A text of tomorrow.", Denial::Undecided(None)),
    ];
    for probe in [
        Probe::organization("acme").unwrap(),
        Probe::membership("acme").unwrap(),
        Probe::repository("acme/app").unwrap(),
        permission("secrets", Level::Read),
    ] {
        for (text, expected) in rows {
            assert_eq!(reply(&probe, 403, &[MARK], &message(text)), denied(expected), "{probe:?}: {text}");
            let upper = message(text).to_uppercase().replace("MESSAGE", "message");
            assert_eq!(reply(&probe, 403, &[MARK], &upper), denied(expected), "in capitals: {text}");
        }
    }
    let sso = ("x-github-sso", "required; url=https://github.com/orgs/acme/sso?authorization_request=x");
    let probe = Probe::repository("acme/app").unwrap();
    assert_eq!(reply(&probe, 403, &[MARK, sso], &message("Another text.")), denied(Denial::SsoRequired));
    let partial = ("x-github-sso", "partial-results; organizations=21955855");
    assert_eq!(
        reply(&probe, 403, &[MARK, partial], &message("Another text.")),
        denied(Denial::Undecided(None))
    );
}

#[test]
fn nothing_without_a_mark_of_github_speaks_for_or_against_a_token() {
    let page = "<html><body>Forbidden by the gateway: SAML login required</body></html>";
    for probe in [
        Probe::organization("acme").unwrap(),
        Probe::repository("acme/app").unwrap(),
        permission("secrets", Level::Read),
        Probe::push("acme/app").unwrap(),
    ] {
        for (status, body) in [(200, "{}"), (403, page), (404, page), (401, page), (204, "")] {
            let told = reply(&probe, status, &[], body);
            assert!(matches!(told, Reply::Deferral(_)), "{probe:?} {status}: {told:?}");
        }
    }
}

#[test]
fn what_says_nothing_about_the_token_is_a_deferral() {
    let limit = [MARK, ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1772366500")];
    for probe in [
        Probe::organization("acme").unwrap(),
        Probe::repository("acme/app").unwrap(),
        permission("contents", Level::Read),
        Probe::push("acme/app").unwrap(),
        Probe::package("acme/app").unwrap(),
    ] {
        let reason = |reply| match reply {
            Reply::Deferral(deferral) => Some(deferral.reason),
            Reply::Answer(_) => None,
        };
        assert_eq!(reason(reply(&probe, 502, &[], "")), Some(Reason::ServerError), "{probe:?}");
        let text = message("API rate limit exceeded for user ID 1.");
        assert_eq!(reason(reply(&probe, 403, &limit, &text)), Some(Reason::RateLimited), "{probe:?}");
        let text = message("You have exceeded a secondary rate limit.");
        assert_eq!(
            reason(reply(&probe, 429, &[MARK], &text)),
            Some(Reason::SecondaryRateLimited),
            "{probe:?}"
        );
        assert_eq!(reason(reply(&probe, 302, &[MARK], "")), Some(Reason::Redirected), "{probe:?}");
        assert!(reason(reply(&probe, 418, &[MARK], "")).is_some(), "{probe:?}");
    }
}

#[test]
fn an_organization_lets_in_whom_it_shows_itself() {
    let probe = Probe::organization("acme").unwrap();
    assert_eq!(reply(&probe, 200, &[MARK], r#"{"login":"acme","id":1}"#), held());
    assert_eq!(reply(&probe, 200, &[MARK], r#"{"portal":true}"#), no_answer(Reason::NotTheApi));
    assert_eq!(reply(&probe, 404, &[MARK], &message("Not Found")), denied(Denial::NotFound));
    let probe = Probe::membership("acme").unwrap();
    assert_eq!(reply(&probe, 200, &[MARK], r#"{"state":"active","role":"member"}"#), held());
    assert_eq!(reply(&probe, 200, &[MARK], r#"{"state":"pending"}"#), denied(Denial::MembershipPending));
    assert_eq!(reply(&probe, 200, &[MARK], r#"{"state":"new"}"#), no_answer(Reason::UnexpectedAnswer));
    assert_eq!(reply(&probe, 404, &[MARK], &message("Not Found")), denied(Denial::NotFound));
}

#[test]
fn a_repository_tells_the_highest_role_of_the_account() {
    let of = |permissions: serde_json::Value| {
        let body =
            serde_json::json!({ "full_name": "acme/app", "private": true, "permissions": permissions });
        match reply(&Probe::repository("acme/app").unwrap(), 200, &[MARK], &body.to_string()) {
            Reply::Answer(Answer::Proof(Proof::Held(facts))) => facts.role,
            other => panic!("{other:?}"),
        }
    };
    let rows = [
        (serde_json::json!({ "pull": true }), Some(Role::Read)),
        (serde_json::json!({ "pull": true, "triage": true, "push": false }), Some(Role::Triage)),
        (serde_json::json!({ "pull": true, "triage": true, "push": true }), Some(Role::Write)),
        (
            serde_json::json!({ "pull": true, "push": true, "maintain": true, "admin": false }),
            Some(Role::Maintain),
        ),
        (
            serde_json::json!({ "pull": true, "push": true, "maintain": true, "admin": true }),
            Some(Role::Admin),
        ),
        (serde_json::json!({ "pull": false }), None),
        (serde_json::json!({}), None),
    ];
    for (permissions, expected) in rows {
        assert_eq!(of(permissions.clone()), expected, "{permissions}");
    }
}

#[test]
fn a_repository_tells_who_sees_it_and_its_name() {
    let probe = Probe::repository("acme/app").unwrap();
    let body = |name: &str, private: bool, visibility: &str, archived: bool| {
        let body = serde_json::json!({
            "full_name": name, "private": private, "visibility": visibility, "archived": archived, "id": 1,
        });
        body.to_string()
    };
    let facts = |visibility, archived, moved_to: Option<&str>| {
        let moved_to = moved_to.map(Into::into);
        Reply::Answer(Answer::Proof(Proof::Held(Facts {
            visibility: Some(visibility),
            archived,
            moved_to,
            role: None,
        })))
    };
    let rows = [
        (body("acme/app", true, "private", false), facts(Visibility::Private, false, None)),
        (body("Acme/App", true, "internal", false), facts(Visibility::Internal, false, None)),
        (body("acme/app", false, "public", true), facts(Visibility::Public, true, None)),
        (body("acme/other", true, "private", false), facts(Visibility::Private, false, Some("acme/other"))),
        (body("../user", true, "private", false), no_answer(Reason::NotTheApi)),
        ("[]".to_owned(), no_answer(Reason::NotTheApi)),
    ];
    for (body, expected) in rows {
        assert_eq!(reply(&probe, 200, &[MARK], &body), expected, "{body}");
    }
    assert_eq!(reply(&probe, 404, &[MARK], &message("Not Found")), denied(Denial::NotFound));
    assert_eq!(reply(&probe, 451, &[MARK], &message("Repository access blocked")), denied(Denial::Blocked));
    assert_eq!(
        reply(&probe, 401, &[MARK], &message("Bad credentials")),
        Reply::Answer(Answer::Refused(Refusal::BadCredentials)),
        "which identity is to confirm"
    );
}

#[test]
fn the_statuses_of_a_permission_tell_whether_it_is_there() {
    let rows = [
        ("contents", Level::Read, 200, held()),
        ("contents", Level::Read, 409, held()),
        ("contents", Level::Read, 410, denied(Denial::Undecided(None))),
        ("issues", Level::Read, 410, held()),
        // Whether it is there, the repository tells.
        ("pages", Level::Read, 404, denied(Denial::Undecided(None))),
        ("secrets", Level::Read, 404, denied(Denial::Undecided(None))),
        ("codespaces", Level::Write, 422, held()),
        ("codespaces", Level::Read, 422, denied(Denial::Undecided(None))),
        ("statuses", Level::Read, 409, denied(Denial::Undecided(None))),
    ];
    for (key, level, status, expected) in rows {
        let text = if status == 410 { "Issues has been disabled in this repository." } else { "Not Found" };
        let told = reply(&permission(key, level), status, &[MARK], &message(text));
        assert_eq!(told, expected, "{key} {level:?} {status}");
    }
}

#[test]
fn a_404_proves_a_permission_only_of_a_hidden_repository_that_the_token_sees_at_that_moment() {
    let response = |status: u16, headers: &[(&str, &str)], body: &str| Response {
        status: StatusCode::from_u16(status).unwrap(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect(),
        body: body.as_bytes().to_vec(),
    };
    let not_found = || response(404, &[MARK], &message("Not Found"));
    let counting =
        |row: &&'static crate::domain::permission::Row| row.read.is_some_and(|get| get.also.contains(&404));
    let counted: Vec<_> =
        crate::domain::permission::TABLE.iter().filter(counting).map(|row| row.key).collect();
    assert_eq!(counted, ["environments", "pages", "secret_scanning_alerts", "security_events", "statuses"]);
    for key in counted {
        assert!(rests_on_sight(&permission(key, Level::Read), &not_found()), "{key}");
        assert_eq!(
            reply(&permission(key, Level::Read), 404, &[MARK], &message("Not Found")),
            denied(Denial::Undecided(None))
        );
    }
    for (name, probe, response) in [
        ("a row that does not say so", permission("secrets", Level::Read), not_found()),
        ("another question", Probe::repository("acme/app").unwrap(), not_found()),
        ("another status", permission("pages", Level::Read), response(403, &[MARK], "{}")),
        ("no mark of GitHub", permission("pages", Level::Read), response(404, &[], "")),
    ] {
        assert!(!rests_on_sight(&probe, &response), "{name}");
    }
    let seen = |private: bool, visibility: &str| {
        serde_json::json!({ "full_name": "acme/app", "private": private, "visibility": visibility })
            .to_string()
    };
    let undecided = || denied(Denial::Undecided(None));
    let by = |visibility| {
        Reply::Answer(Answer::Proof(Proof::Held(Facts { visibility: Some(visibility), ..Facts::default() })))
    };
    let rows = [
        ("private", response(200, &[MARK], &seen(true, "private")), by(Visibility::Private)),
        ("internal", response(200, &[MARK], &seen(true, "internal")), by(Visibility::Internal)),
        ("public", response(200, &[MARK], &seen(false, "public")), undecided()),
        ("hidden by now", not_found(), undecided()),
        ("a portal", response(200, &[MARK], "{}"), no_answer(Reason::NotTheApi)),
        ("an outage", response(502, &[], ""), Reply::Deferral(Deferral::new(Reason::ServerError))),
        ("a policy", response(403, &[MARK], &message("SAML enforcement")), denied(Denial::SsoRequired)),
        (
            "not for the token",
            response(403, &[MARK], &message("Resource not accessible by personal access token")),
            undecided(),
        ),
    ];
    let probe = Probe::repository("acme/app").unwrap();
    for (name, response, expected) in rows {
        assert_eq!(by_sight(&probe, &response, NOW.parse().unwrap()), expected, "{name}");
    }
}

#[test]
fn git_shows_by_its_advertisement_that_it_takes_a_push() {
    let probe = Probe::push("acme/app").unwrap();
    assert_eq!(reply(&probe, 200, &[], "001f# service=git-receive-pack\n0000"), held());
    assert_eq!(
        reply(&probe, 200, &[MARK], "001e# service=git-upload-pack\n0000"),
        no_answer(Reason::UnexpectedAnswer)
    );
    let rows = [
        (403, "Permission to acme/app.git denied to octocat.", Denial::Refused),
        (403, "Permission to acme/saml-proxy.git denied to octocat.", Denial::Refused),
        (403, "Write access to repository not granted.", Denial::Refused),
        (403, "A text of tomorrow.", Denial::Undecided(None)),
        (
            403,
            "Personal access tokens (classic) are forbidden from accessing this repository.",
            Denial::ClassicForbidden,
        ),
        (403, "The 'acme' organization has enabled or enforced SAML SSO.", Denial::SsoRequired),
        (404, "Repository not found.", Denial::NotFound),
    ];
    for (status, text, expected) in rows {
        assert_eq!(reply(&probe, status, &[MARK], text), denied(expected), "{text}");
    }
    assert_eq!(
        reply(&probe, 401, &[MARK], "Invalid username or token."),
        no_answer(Reason::UnexplainedUnauthorized)
    );
}

#[test]
fn the_registry_has_verdicts_of_its_own() {
    let probe = Probe::package("acme/app").unwrap();
    let errors = |code: &str| format!(r#"{{"errors":[{{"code":"{code}","message":"denied"}}]}}"#);
    let rows = [
        (200, r#"{"token":"djE6"}"#.to_owned(), held()),
        (200, r#"{"access_token":"djE6"}"#.to_owned(), held()),
        (200, "{}".to_owned(), no_answer(Reason::UnexpectedAnswer)),
        (403, errors("DENIED"), denied(Denial::Refused)),
        (401, errors("UNAUTHORIZED"), denied(Denial::Refused)),
        (404, errors("NAME_UNKNOWN"), denied(Denial::NotFound)),
        (403, "<html>blocked</html>".to_owned(), no_answer(Reason::UnexpectedAnswer)),
        (401, "<html>proxy</html>".to_owned(), no_answer(Reason::UnexpectedAnswer)),
    ];
    assert_eq!(reply(&probe, 403, &[], &errors("DENIED")), no_answer(Reason::UnexpectedAnswer), "a mirror");
    for (status, body, expected) in rows {
        assert_eq!(reply(&probe, status, &[MARK], &body), expected, "{status} {body}");
    }
}
