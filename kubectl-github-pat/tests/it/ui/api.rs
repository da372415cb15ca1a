//! The JSON, held against its description.

use github_simulator::NewToken;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Page, overview};
use crate::world::{UNWATCHED, World, holds_no};

#[tokio::test]
async fn the_json_is_as_its_description_says_and_the_same_as_the_page() {
    let place = World::place("ui");
    let token = place.world.github.token(NewToken::classic("ui-json", "acme-ci").scopes(&["repo"]));
    place.secret("json-pat", &token).await;
    let spec = json!({ "require": { "scopes": ["repo", "gist"] }, "publish": [{ "secretName": "json-git", "format": "BasicAuth" }] });
    place.connection("json", spec).await;
    place.until("json", "ScopeMissing").await;
    let quiet = World::place(UNWATCHED);
    overview::connection(
        &quiet,
        "ui-json",
        "True",
        "Ready",
        overview::token("j\u{202e}son", Some("2100-01-01T00:00:00Z")),
    )
    .await;
    let page = Page::open(&place, place.world.plane.admin_kubeconfig(), &[]).await;
    page.until("/api/v1/connections?name=json", "\"total\": 2").await;

    let described: Value = serde_json::from_str(&page.get("/api/v1/openapi.json").await.text).unwrap();
    assert_eq!(
        (&described["openapi"], &described["info"]["version"]),
        (&json!("3.1.0"), &json!(env!("CARGO_PKG_VERSION")))
    );
    assert!(
        described["components"]["schemas"]["Status"]["properties"]["conditions"].is_object(),
        "{described}"
    );
    let rows = [
        ("/api/v1/connections", "/api/v1/connections", 200),
        ("/api/v1/connections", "/api/v1/connections?name=json&health=broken&limit=1&page=1", 200),
        ("/api/v1/connections", "/api/v1/connections?name=none", 200),
        ("/api/v1/connections", "/api/v1/connections?page=x", 400),
        ("/api/v1/connections", "/api/v1/connections?health=ready", 400),
        ("/api/v1/connections", "/api/v1/connections?namspace=x", 400),
        ("/api/v1/connections/{namespace}/{name}", "/api/v1/connections/%ff/json", 400),
        ("/api/v1/overview", "/api/v1/overview", 200),
        ("/api/v1/connections/{namespace}/{name}", "/api/v1/connections/ui/json", 200),
        ("/api/v1/connections/{namespace}/{name}", "/api/v1/connections/unwatched/ui-json", 200),
        ("/api/v1/connections/{namespace}/{name}", "/api/v1/connections/ui/nothing", 404),
        ("/api/v1/openapi.json", "/api/v1/openapi.json", 200),
    ];
    let paths = described["paths"].as_object().unwrap();
    for path in paths.keys() {
        assert!(rows.iter().any(|(of, ..)| of == path), "{path} is asked for by no row");
    }
    for (of, path, status) in rows {
        let answer = page.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.headers["content-type"]),
            (status, &"application/json".parse().unwrap()),
            "{path}"
        );
        let schema =
            paths[of].pointer(&format!("/get/responses/{status}/content/application~1json/schema")).unwrap();
        let schema = json!({ "allOf": [schema], "components": described["components"] });
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let value: Value = serde_json::from_str(&answer.text).unwrap();
        let errors: Vec<_> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{path}: {errors:?}\n{value:#}");
        assert!(!answer.text.contains('\u{202e}'), "{path}");
        holds_no(&answer.text, &token);
    }
    let list: Value = serde_json::from_str(&page.get("/api/v1/connections?name=json").await.text).unwrap();
    assert_eq!((&list["items"][0]["name"], &list["items"][0]["health"]), (&json!("json"), &json!("broken")));
    assert_eq!(list["items"][1]["login"], "j\u{202e}son", "it stays the same value");
    assert!(list["items"][1]["expiresInDays"].as_i64().unwrap() > 9_000);
    let one: Value = serde_json::from_str(&page.get("/api/v1/connections/ui/json").await.text).unwrap();
    assert_eq!(
        (&one["demands"][0]["demand"], &one["demands"][0]["state"]),
        (&json!("scope gist"), &json!("NotMet"))
    );
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_answered_as_what_is_around_it() {
    let place = World::place("ui");
    let page = Page::open(&place, place.world.plane.admin_kubeconfig(), &[]).await;
    let (html, of_json) = ("text/html; charset=utf-8", "application/json");
    for (path, status, kind, said) in [
        ("/?page=abc", StatusCode::BAD_REQUEST, html, "The address asks for what cannot be: "),
        ("/?expires=tomorrow", StatusCode::BAD_REQUEST, html, "The address asks for what cannot be: "),
        ("/nope", StatusCode::NOT_FOUND, html, "The address leads nowhere."),
        (
            "/api/v1/connections?page=abc",
            StatusCode::BAD_REQUEST,
            of_json,
            "The address asks for what cannot be: ",
        ),
        (
            "/api/v1/nope",
            StatusCode::NOT_FOUND,
            of_json,
            "/api/v1/openapi.json describes those that there are",
        ),
        ("/api/nope", StatusCode::NOT_FOUND, of_json, "/api/v1/openapi.json describes those that there are"),
    ] {
        let answer = page.get(path).await;
        assert_eq!(
            (answer.status, answer.headers["content-type"].to_str().unwrap()),
            (status, kind),
            "{path}"
        );
        let text = match serde_json::from_str::<Value>(&answer.text) {
            Ok(value) if kind == of_json => value["error"].as_str().unwrap().to_owned(),
            _ => answer.text,
        };
        assert!(text.contains(said), "{path}: {text}");
    }
    let answer = page.post("/api/v1/overview", &[]).await;
    let value: Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(
        (answer.status, &answer.headers["content-type"], &answer.headers["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &of_json.parse().unwrap(), &"GET,HEAD".parse().unwrap())
    );
    assert_eq!(value, json!({ "error": "what is at this address can be read alone, by GET" }));
}
