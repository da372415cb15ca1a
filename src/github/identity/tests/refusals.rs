//! 401 and 403: what speaks against the token, and what does not.

use super::*;

#[test]
fn only_bad_credentials_is_a_refusal_among_the_401s() {
    let refused = refuse(Refusal::BadCredentials);
    let docs = r#"{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest"}"#;
    let newer =
        r#"{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}"#;
    let null = r#"{"message":"Bad credentials","documentation_url":null,"errors":["a text",{"code":"x"}]}"#;
    let otp = r#"{"message":"Must specify two-factor authentication OTP code."}"#;
    let jwt = r#"{"message":"A JSON web token could not be decoded"}"#;
    let late = r#"{"message":"'Expiration time' claim ('exp') must be a numeric value"}"#;
    let early = r#"{"message":"'Issued at' claim ('iat') must be an Integer"}"#;
    let unexplained = defer(Reason::UnexplainedUnauthorized);
    let anonymous = [("x-ratelimit-limit", "0"), ("x-ratelimit-remaining", "0")];
    check(&[
        ("older", Classic, 401, EMPTY, docs, refused.clone()),
        ("newer", FineGrained, 401, EMPTY, newer, refused.clone()),
        ("an installation's", AppInstallation, 401, EMPTY, newer, refused.clone()),
        ("other case", Classic, 401, MARK, r#"{"message":"BAD CREDENTIALS"}"#, refused.clone()),
        ("labelled otherwise", Classic, 401, HTML, docs, refused.clone()),
        ("a null beside it", Classic, 401, MARK, null, refused.clone()),
        ("nothing remains, which is no limit", Classic, 401, &anonymous, newer, refused.clone()),
        ("remaining 0 and a reset", Classic, 401, SPENT, newer, refused.clone()),
        ("a pause is named", Classic, 401, &[("retry-after", "60")], newer, refused),
        (
            "no header arrived",
            Classic,
            401,
            EMPTY,
            r#"{"message":"Requires authentication","status":"401"}"#,
            defer(Reason::CredentialsNotReceived),
        ),
        (
            "two factors",
            Classic,
            401,
            &[("x-github-otp", "required; app")],
            otp,
            defer(Reason::OneTimePasswordDemanded),
        ),
        (
            "two factors by header",
            Classic,
            401,
            &[("x-github-otp", "required; sms")],
            "{}",
            defer(Reason::OneTimePasswordDemanded),
        ),
        ("a JWT", AppInstallation, 401, EMPTY, jwt, defer(Reason::TakenForJwt)),
        ("a JWT's end", AppInstallation, 401, EMPTY, late, defer(Reason::TakenForJwt)),
        ("a JWT's begin", AppInstallation, 401, EMPTY, early, defer(Reason::TakenForJwt)),
        ("an empty object", Classic, 401, EMPTY, "{}", unexplained.clone()),
        ("an empty body", Classic, 401, EMPTY, "", unexplained.clone()),
        ("a proxy's page", Classic, 401, HTML, "<h1>401 Bad credentials</h1>", unexplained.clone()),
        (
            "the message is no text",
            Classic,
            401,
            EMPTY,
            r#"{"message":{"a":"Bad credentials"}}"#,
            unexplained.clone(),
        ),
        ("a list", Classic, 401, EMPTY, r#"["Bad credentials"]"#, unexplained.clone()),
        ("GitHub's, without its words", Classic, 401, MARK, "{}", unexplained.clone()),
        ("a gateway's, with GitHub's words", Classic, 401, EMPTY, null, unexplained.clone()),
        (
            "another text",
            Classic,
            401,
            EMPTY,
            r#"{"message":"This hotplug network is not enrolled"}"#,
            unexplained,
        ),
    ]);
}

#[test]
fn of_the_other_403s_one_speaks_against_the_token() {
    use Reason::{AccessRestricted, AccountRestricted, RequestRejected, UnexpectedAnswer};
    let suspended = refuse(Refusal::AccountSuspended);
    let sso = &[("x-github-sso", "required; url=https://github.com/orgs/acme/sso?authorization_request=x")];
    let rows: &[Of403<'_>] = &[
        ("suspended", Classic, PLENTY, "Sorry. Your account was suspended.", suspended.clone()),
        ("suspended, no rate headers", Classic, EMPTY, "SORRY. YOUR ACCOUNT WAS SUSPENDED.", suspended),
        ("integration", AppInstallation, PLENTY, "Resource not accessible by integration", installation()),
        (
            "of another kind",
            Classic,
            PLENTY,
            "Resource not accessible by integration",
            defer(UnexpectedAnswer),
        ),
        (
            "of an app user",
            AppUser,
            PLENTY,
            "Resource not accessible by integration",
            defer(UnexpectedAnswer),
        ),
        ("of an OAuth app", OAuth, PLENTY, "Resource not accessible by integration", defer(UnexpectedAnswer)),
        (
            "a permission",
            FineGrained,
            PLENTY,
            "Resource not accessible by personal access token",
            defer(UnexpectedAnswer),
        ),
        (
            "addresses",
            Classic,
            EMPTY,
            "Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list enabled, and your IP address is not permitted to access this resource.",
            defer(AccessRestricted),
        ),
        ("single sign-on by header", Classic, sso, "", defer(AccessRestricted)),
        (
            "single sign-on by text",
            Classic,
            EMPTY,
            "Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this organization.",
            defer(AccessRestricted),
        ),
        (
            "no classic tokens",
            Classic,
            EMPTY,
            "`acme` forbids access via a personal access token (classic). Please use a GitHub App, OAuth App, or a personal access token with fine-grained permissions.",
            defer(AccessRestricted),
        ),
        (
            "no fine-grained tokens",
            FineGrained,
            EMPTY,
            "`acme` forbids access via a personal access token with fine-grained permissions. Please use a GitHub App, or an OAuth App.",
            defer(AccessRestricted),
        ),
        (
            "lifetime",
            FineGrained,
            PLENTY,
            "The 'acme' organization forbids access via a fine-grained personal access tokens if the token's lifetime is greater than 366 days.",
            defer(AccessRestricted),
        ),
        (
            "lifetime of an enterprise",
            Classic,
            PLENTY,
            "The 'acme' enterprise forbids access via a personal access tokens (classic) if the token's lifetime is greater than 90 days.",
            defer(AccessRestricted),
        ),
        (
            "e-mail",
            Classic,
            PLENTY,
            "At least one email address must be verified to do that.",
            defer(AccountRestricted),
        ),
        (
            "a bill",
            Classic,
            PLENTY,
            "Your account is locked due to a billing issue.",
            defer(AccountRestricted),
        ),
        (
            "no user agent, 2013",
            Classic,
            EMPTY,
            "Missing or invalid User Agent string. See http://developer.github.com/v3/#user-agent-required",
            defer(RequestRejected),
        ),
        ("blocked", Classic, EMPTY, "Repository access blocked", defer(UnexpectedAnswer)),
        ("a role", Classic, PLENTY, "Must have admin rights to Repository.", defer(UnexpectedAnswer)),
        ("nothing", Classic, EMPTY, "", defer(UnexpectedAnswer)),
    ];
    for (name, kind, headers, message, expected) in rows {
        let body = serde_json::json!({ "message": message, "documentation_url": "https://docs.github.com/rest/users/users#get-the-authenticated-user", "status": "403" });
        assert_eq!(reply(*kind, 403, headers, body.to_string().as_bytes()), *expected, "{name}");
    }
    let rules = "<html><body><p>Request forbidden by administrative rules. Please make sure your request has a User-Agent header";
    check(&[
        ("no user agent, today", Classic, 403, HTML, rules, defer(RequestRejected)),
        ("a firewall's page", Classic, 403, HTML, UNICORN, defer(UnexpectedAnswer)),
        ("an empty body", Classic, 403, EMPTY, "", defer(UnexpectedAnswer)),
        (
            "labelled as bytes",
            AppInstallation,
            403,
            &[("content-type", "application/octet-stream")],
            r#"{"message":"resource not accessible by INTEGRATION"}"#,
            installation(),
        ),
    ]);
}

#[test]
fn a_refusal_speaks_against_the_token_only_with_a_mark_of_github() {
    let page = |url: &str| format!(r#","documentation_url":"{url}""#);
    let rows: [(&str, &[(&str, &str)], String, bool); 15] = [
        ("no mark", EMPTY, String::new(), false),
        ("the request's number", MARK, String::new(), true),
        ("an Enterprise Server's", &[("x-github-media-type", "github.v3; format=json")], String::new(), true),
        ("the documentation", EMPTY, page("https://docs.github.com/rest"), true),
        (
            "an Enterprise Server's page",
            EMPTY,
            page("https://docs.github.com/enterprise-server@3.14/rest"),
            true,
        ),
        ("the documentation until 2020", EMPTY, page("https://developer.github.com/v3"), true),
        ("in capitals", EMPTY, page("HTTPS://DOCS.GITHUB.COM/rest"), true),
        ("a gateway's page", EMPTY, page("https://gateway.example.com/errors"), false),
        ("GitHub in the path", EMPTY, page("https://gateway.example.com/docs.github.com/"), false),
        ("GitHub as a user", EMPTY, page("https://docs.github.com@gateway.example.com/"), false),
        ("GitHub as a part", EMPTY, page("https://docs.github.com.example.com/"), false),
        ("no URL", EMPTY, page("docs.github.com"), false),
        ("headers of a limit", PLENTY, String::new(), false),
        ("a server of that name", &[("server", "github.com")], String::new(), false),
        ("a gateway's number", &[("x-request-id", "0400:1DC1")], String::new(), false),
    ];
    let refusals = [
        (401, "Bad credentials", Refusal::BadCredentials, Reason::UnexplainedUnauthorized),
        (403, "Sorry. Your account was suspended.", Refusal::AccountSuspended, Reason::UnexpectedAnswer),
    ];
    for (name, headers, page, marked) in rows {
        for (status, message, refusal, otherwise) in refusals {
            let body = format!(r#"{{"message":"{message}"{page}}}"#);
            let expected = if marked { refuse(refusal) } else { defer(otherwise) };
            assert_eq!(reply(Classic, status, headers, body.as_bytes()), expected, "{status}, {name}");
        }
    }
}
