//! The token endpoint of the container registry.

use crate::client::{client, get, json};
use github_simulator::{NewOrganization, NewRepository, NewToken, Reply, Role, Simulator, Visibility};
use reqwest::Response;
use serde_json::{Value, json as object};

async fn exchange(github: &Simulator, text: Option<&str>, name: &str) -> Response {
    let host = github.address();
    let path = format!("/token?scope=repository%3A{}%3Apull&service={host}", name.replace('/', "%2F"));
    let request = get(github, &path);
    match text {
        Some(text) => request.basic_auth("acme-ci", Some(text)),
        None => request,
    }
    .send()
    .await
    .unwrap()
}

fn error(code: &str, message: &str) -> Value {
    object!({"errors": [{"code": code, "message": message}]})
}

/// An organization with an image of each visibility, and one whose repository says who pulls it.
async fn start() -> Simulator {
    let github = Simulator::start().await.unwrap();
    github.organization(NewOrganization::new("acme").base_access(None));
    github.member("acme", "acme-ci", Role::Member);
    for (name, visibility) in [
        ("acme/private", Visibility::Private),
        ("acme/internal", Visibility::Internal),
        ("acme/public", Visibility::Public),
        ("acme/app", Visibility::Private),
    ] {
        github.package(name, visibility);
    }
    github.repository(NewRepository::private("acme/app"));
    github
}

#[tokio::test]
async fn a_token_is_exchanged_or_refused_in_the_registrys_own_words() {
    let (dead, no_right) = ("denied", "requested access to the resource is denied");
    let classic = |scopes: &[&str]| NewToken::classic("ci", "acme-ci").scopes(scopes);
    let stranger = || NewToken::classic("ci", "other").scopes(&["read:packages"]);
    let rows = [
        ("member", classic(&["read:packages"]), "acme/private", None),
        ("larger scope", classic(&["write:packages"]), "acme/internal", None),
        ("public", stranger(), "acme/public", None),
        ("OAuth", NewToken::oauth("ci", "acme-ci").scopes(&["read:packages"]), "acme/private", None),
        ("stranger", stranger(), "acme/private", Some(no_right)),
        ("no role in its repository", classic(&["read:packages"]), "acme/app", Some(no_right)),
        ("no such image", classic(&["read:packages"]), "acme/none", Some(no_right)),
        ("no scope", classic(&["repo"]), "acme/private", Some(dead)),
        ("no scope, public", classic(&[]), "acme/public", Some(dead)),
        ("fine-grained", NewToken::fine_grained("ci", "acme-ci").owner("acme"), "acme/private", Some(dead)),
        ("fine-grained, public", NewToken::fine_grained("ci", "acme-ci"), "acme/public", Some(dead)),
    ];
    for (name, token, package, refused) in rows {
        let github = start().await;
        let text = github.token(token);
        let response = exchange(&github, Some(&text), package).await;
        assert_eq!(response.status(), if refused.is_some() { 403 } else { 200 }, "{name}");
        let body = json(response).await;
        match refused {
            Some(message) => assert_eq!(body, error("DENIED", message), "{name}"),
            None => assert!(body["token"].is_string(), "{name}: {body}"),
        }
    }
}

#[tokio::test]
async fn dead_credentials_are_denied_even_what_is_public_and_no_credentials_are_not() {
    let github = start().await;
    let text = github.token(NewToken::classic("ci", "acme-ci").scopes(&["read:packages"]));
    github.revoke("ci");
    for package in ["acme/private", "acme/public"] {
        let response = exchange(&github, Some(&text), package).await;
        assert_eq!(response.status(), 403, "{package}");
        assert_eq!(json(response).await, error("DENIED", "denied"), "{package}");
    }
    assert_eq!(exchange(&github, None, "acme/public").await.status(), 200);
    let response = exchange(&github, None, "acme/private").await;
    assert_eq!(response.status(), 401);
    assert_eq!(json(response).await, error("UNAUTHORIZED", "authentication required"));
    assert!(github.calls()[0].path.starts_with("/token?scope=repository%3Aacme%2Fprivate%3Apull&service="));
    github.restore("ci");
    assert_eq!(exchange(&github, Some(&text), "acme/private").await.status(), 200);
    let bearer = client().get(format!("{}{}", github.url(), github.calls()[0].path)).bearer_auth(&text);
    assert_eq!(bearer.send().await.unwrap().status(), 403, "not basic");
}

#[tokio::test]
async fn policies_bite_and_fixed_replies_win() {
    let github = start().await;
    github.organization(NewOrganization::new("acme").sso());
    let text = github.token(NewToken::classic("ci", "acme-ci").scopes(&["read:packages"]));
    let response = exchange(&github, Some(&text), "acme/private").await;
    assert_eq!(json(response).await, error("DENIED", "requested access to the resource is denied"));
    github.authorize("ci", "acme");
    assert_eq!(exchange(&github, Some(&text), "acme/private").await.status(), 200);
    github.at_path("ci", "/token", Reply::Status(502));
    assert_eq!(exchange(&github, Some(&text), "acme/private").await.status(), 502);
}
