//! No byte of a token leaves its place: canaries in every flow, searched everywhere in every encoding.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE},
};
use github_simulator::{NewToken, Outage, Reply};
use k8s_openapi::api::core::v1::Event;
use kube::{
    Api,
    api::{DynamicObject, ListParams},
    discovery::{Discovery, verbs},
};
use serde_json::json;

use crate::{
    sinks::receiver::Receiver,
    world::{NAMESPACE, World},
};

/// Texts that give a token away: itself, any twelve characters of its secret part, and other ways to write it.
fn traces(token: &str) -> Vec<String> {
    let body = token.split_once('_').map_or(token, |(_, body)| body);
    let mut traces: Vec<String> =
        body.as_bytes().windows(12).map(|part| String::from_utf8(part.to_vec()).unwrap()).collect();
    traces.push(token.chars().rev().collect());
    traces.push(token.bytes().map(|byte| format!("{byte:02x}")).collect());
    traces.push(token.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", "));
    for shift in 0..3 {
        let shifted = &token.as_bytes()[shift..];
        let whole = shifted.len() - shifted.len() % 3;
        traces.push(BASE64_STANDARD.encode(&shifted[..whole]));
        traces.push(BASE64_URL_SAFE.encode(&shifted[..whole]));
    }
    traces
}

fn assert_clean(place: &str, text: &str, tokens: &[(String, String)]) {
    for (name, token) in tokens {
        for trace in traces(token) {
            let around = text
                .find(&trace)
                .map(|at| text[at.saturating_sub(200)..].chars().take(260).collect::<String>());
            assert!(around.is_none(), "the token {name} shows in {place}: {}", around.unwrap_or_default());
        }
    }
}

/// Every object of every kind, Secrets without their data.
async fn everything(world: &World) -> String {
    let discovery = Discovery::new(world.client.clone()).run().await.unwrap();
    let mut texts = Vec::new();
    for group in discovery.groups() {
        for (resource, capabilities) in group.recommended_resources() {
            if !capabilities.supports_operation(verbs::LIST) {
                continue;
            }
            let objects = Api::<DynamicObject>::all_with(world.client.clone(), &resource);
            for mut object in objects.list(&ListParams::default()).await.unwrap() {
                if resource.kind == "Secret" {
                    object.data = json!({});
                }
                texts.push(serde_json::to_string(&object).unwrap());
            }
        }
    }
    texts.join("\n")
}

/// GitHub, or what stands in its place, repeats the token wherever it can.
fn echo(status: u16, token: &str) -> Reply {
    let body = json!({ "login": token, "id": 1, "message": format!("Bad credentials {token}"), "documentation_url": token });
    let headers = [
        "x-github-request-id",
        "x-oauth-scopes",
        "x-github-sso",
        "github-authentication-token-expiration",
        "location",
        "date",
        "retry-after",
    ];
    Reply::Answer {
        status,
        headers: headers.map(|name| (name.to_owned(), token.to_owned())).to_vec(),
        body: body.to_string(),
    }
}

#[tokio::test]
async fn a_token_shows_nowhere_but_in_its_secrets() {
    let world = World::audited().await;
    let receiver = Receiver::start().await;
    let sink = json!([{ "name": "ops", "url": receiver.url("/") }]);
    let settings = format!(
        "{}leaseNamespace: {NAMESPACE}\nsinks: {sink}\nlogFilter: trace\nlogFormat: json\ntracesEndpoint: {}\n",
        world.settings(),
        receiver.url("")
    );
    let operator = world.operator_with_settings(&settings).await;
    let github = &world.github;
    let publish = json!([
        { "secretName": "good-out", "format": "Opaque" },
        { "secretName": "good-git", "format": "BasicAuth" },
        { "secretName": "good-pull", "format": "DockerConfigJson" },
    ]);
    let mut tokens = Vec::new();
    for name in
        ["good", "revoked", "pasted", "twice", "down", "echo200", "echo401", "echo403", "echo302", "echo500"]
    {
        let text = github.token(NewToken::classic(name, "acme-ci").scopes(&["repo", "read:packages"]));
        tokens.push((name.to_owned(), text.clone()));
        let stored = match name {
            "pasted" => format!("Bearer {text}"),
            "twice" => BASE64_STANDARD.encode(&text),
            _ => text.clone(),
        };
        if let Some(status) = name.strip_prefix("echo") {
            // A refusal is confirmed.
            let times = if status == "401" { 2 } else { 1 };
            github.script(name, vec![echo(status.parse().unwrap(), &text); times]);
        }
        world.secret(name, &stored).await;
    }
    github.revoke("revoked");
    let of_token = [
        ("good", "True", "Ready"),
        ("revoked", "False", "BadCredentials"),
        ("pasted", "False", "TokenMalformed"),
        ("twice", "False", "TokenMalformed"),
        ("echo401", "False", "BadCredentials"),
        ("down", "True", "Ready"),
    ];
    // Three of these in a row would have everybody wait, so a good answer comes before each.
    let of_host = [
        ("echo200", "Unknown", "NotTheApi"),
        ("echo302", "Unknown", "Redirected"),
        ("echo403", "Unknown", "SecondaryRateLimited"),
        ("echo500", "Unknown", "ServerError"),
    ];
    assert_eq!(of_token.len() + of_host.len(), tokens.len());
    for (name, ..) in of_token {
        let publish = if name == "good" { publish.clone() } else { json!([]) };
        world.connection(name, json!({ "publish": publish })).await;
    }
    for (name, status, reason) in of_token {
        world.ready(name, status, reason).await;
    }
    for (name, status, reason) in of_host {
        world.until_asked("good", world.asked("good") + 1).await;
        world.connection(name, json!({})).await;
        world.ready(name, status, reason).await;
    }
    github.outage(Some(Outage::Cut));
    world.ready("good", "True", "AcceptedEarlier").await;

    assert_clean("an object", &everything(&world).await, &tokens);
    let (_, metrics) = operator.metrics("application/openmetrics-text").await;
    assert!(metrics.contains("name=\"echo401\""), "the metrics were not taken: {metrics}");
    assert_clean("the metrics", &metrics, &tokens);
    let told = receiver.until("/", |messages| messages.len() >= 4).await;
    assert_clean("a notification", &serde_json::to_string(&told).unwrap(), &tokens);
    let events = Api::<Event>::all(world.client.clone()).list(&ListParams::default()).await.unwrap();
    assert_clean("an event", &serde_json::to_string(&events).unwrap(), &tokens);
    assert_clean("the audit log", &world.plane.audit_text().unwrap(), &tokens);
    let log = operator.stop().await;
    assert!(log.contains("TRACE") && log.contains("hyper"), "the log was not taken at TRACE of all crates");
    assert_clean("the log", &log, &tokens);
    let posted = receiver.requests().into_iter().filter(|request| request.path == "/v1/traces");
    let traces: String = posted.map(|request| String::from_utf8_lossy(request.body()).into_owned()).collect();
    assert!(traces.contains("ask GitHub") && traces.contains("team-a/echo401"), "the traces were not taken");
    assert_clean("a trace", &traces, &tokens);
}

#[test]
fn the_search_finds_a_token_in_every_encoding() {
    let token = github_simulator::token_text_for(github_simulator::TokenKind::Classic, 7);
    let tokens = [("canary".to_owned(), token.clone())];
    let hidden = [
        format!("x{token}x"),
        token[8..24].to_owned(),
        BASE64_STANDARD.encode(format!("a{token}")),
        BASE64_STANDARD.encode(format!("ab{token}")),
        format!("{:?}", token.as_bytes()),
        token.bytes().map(|byte| format!("{byte:02x}")).collect(),
    ];
    for text in hidden {
        let found = std::panic::catch_unwind(|| assert_clean("here", &text, &tokens));
        assert!(found.is_err(), "{text}");
    }
    assert_clean("here", "nothing to see", &tokens);
}
