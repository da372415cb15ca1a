//! No byte of a token leaves its place: canaries in every flow, searched everywhere in every encoding.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE},
};
use github_pat_operator::api::{GithubPatConnection, Phase};
use github_simulator::{Access, NewOrganization, NewRepository, NewToken, Outage, Reply, Role, Visibility};
use k8s_openapi::api::core::v1::{Event, Secret};
use kube::{
    Api,
    api::{DynamicObject, ListParams, PostParams},
    discovery::{Discovery, verbs},
};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    sinks::receiver::Receiver,
    world::{NAMESPACE, Operator, World, from, is_so, merged},
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

    receiver.until("/", |messages| messages.len() >= 4).await;
    assert_all_clean(&world, &receiver, operator, "echo401", &tokens).await;
}

/// Whatever the operator says and leaves is searched, and that it was taken is seen by this connection in it.
async fn assert_all_clean(
    world: &World,
    receiver: &Receiver,
    operator: Operator,
    name: &str,
    tokens: &[(String, String)],
) {
    assert_clean("an object", &everything(world).await, tokens);
    let (_, metrics) = operator.metrics("application/openmetrics-text").await;
    assert!(metrics.contains(&format!("name=\"{name}\"")), "the metrics were not taken: {metrics}");
    assert_clean("the metrics", &metrics, tokens);
    let told = receiver.messages("/");
    assert!(!told.is_empty(), "no notification was taken");
    assert_clean("a notification", &serde_json::to_string(&told).unwrap(), tokens);
    let events = Api::<Event>::all(world.client.clone()).list(&ListParams::default()).await.unwrap();
    assert_clean("an event", &serde_json::to_string(&events).unwrap(), tokens);
    assert_clean("the audit log", &world.plane.audit_text().unwrap(), tokens);
    let log = operator.stop().await;
    assert!(log.contains("TRACE") && log.contains("hyper"), "the log was not taken at TRACE of all crates");
    assert_clean("the log", &log, tokens);
    let posted = receiver.requests().into_iter().filter(|request| request.path == "/v1/traces");
    let traces: String = posted.map(|request| String::from_utf8_lossy(request.body()).into_owned()).collect();
    let is_taken = traces.contains("ask GitHub") && traces.contains(&format!("team-a/{name}"));
    assert!(is_taken, "the traces were not taken");
    assert_clean("a trace", &traces, tokens);
}

#[tokio::test]
async fn a_token_that_is_demanded_of_published_and_rotated_shows_nowhere_but_in_its_secrets() {
    let world = World::audited().await;
    let receiver = Receiver::start().await;
    let sink = json!([{ "name": "ops", "url": receiver.url("/") }]);
    let registry = world.github.address().to_string();
    let settings = format!(
        "{}leaseNamespace: {NAMESPACE}\nsinks: {sink}\nlogFilter: trace\nlogFormat: json\ntracesEndpoint: {}\n\
         consumers: true\nmetricsDetails: [account, consumers]\n",
        world.settings().replace("registry.example", &format!("'{registry}'")),
        receiver.url("")
    );
    let operator = world.operator_with_settings(&settings).await;
    let github = &world.github;
    github.organization(NewOrganization::new("acme"));
    github.account("acme-ci");
    github.member("acme", "acme-ci", Role::Member);
    github.repository(NewRepository::private("acme/app"));
    github.collaborator("acme/app", "acme-ci", Access::Push);
    github.package("acme/app", Visibility::Private);
    let new = |name| NewToken::classic(name, "acme-ci").scopes(&["repo", "read:org", "read:packages"]);
    let names = ["first", "second", "third", "further"];
    let tokens = names.map(|name| (name.to_owned(), github.token(new(name))));
    let text = |place: usize| tokens[place].1.as_str();
    world.secret("ci", text(0)).await;
    world.secret("ci-next", text(1)).await;
    let login = BASE64_STANDARD.encode(format!("acme-ci:{}", text(3)));
    let entries = json!({ "auths": { "r.example": { "auth": login } } }).to_string();
    let pull: Secret = from(json!({
        "metadata": { "name": "further" }, "type": "kubernetes.io/dockerconfigjson",
        "stringData": { ".dockerconfigjson": entries },
    }));
    world.secrets().create(&PostParams::default(), &pull).await.unwrap();
    let url = format!("{}/acme", github.url());
    let formats = [
        ("Env", json!({})),
        ("GitCredentials", json!({})),
        ("Netrc", json!({})),
        ("DockerConfigJson", json!({ "versioned": true, "extraEntriesFrom": { "name": "further" } })),
        ("Npmrc", json!({})),
        ("MavenSettings", json!({})),
        ("NuGetConfig", json!({ "owner": "acme" })),
        ("ArgoCDRepoCreds", json!({ "url": url })),
        ("FluxGit", json!({})),
        ("GhHosts", json!({})),
        ("Renovate", json!({})),
        ("TerraformGithub", json!({})),
        ("Jenkins", json!({})),
    ];
    let publish: Vec<_> = formats
        .into_iter()
        .enumerate()
        .map(|(place, (format, more))| {
            merged(json!({ "secretName": format!("out-{place}"), "format": format }), more)
        })
        .collect();
    let require = json!({
        "organizations": [{ "name": "acme" }], "repositories": [{ "name": "acme/app", "access": "Push" }],
        "packages": [{ "name": "acme/app" }], "scopes": ["repo"],
    });
    let spec = json!({ "standby": [{ "name": "ci-next" }], "publish": publish, "require": require });
    world.connection("ci", spec).await;
    world.ready("ci", "True", "Ready").await;
    let in_use = |token: usize| {
        let hashed = BASE64_STANDARD.encode(Sha256::digest(tokens[token].1.as_bytes()));
        move |seen: &GithubPatConnection| {
            let status = seen.status.as_ref();
            let used = status.and_then(|status| status.token.as_ref());
            let rotation = status.and_then(|status| status.rotation.as_ref());
            let is_over = rotation.is_some_and(|rotation| rotation.phase == Phase::SafeToRevoke);
            used.is_some_and(|used| used.hashed_token.to_string() == hashed)
                && is_over
                && is_so(seen, "Ready", "True", "StandbyUnusable")
        }
    };
    // A standby takes over, then the next token is stored and its first question is answered by somebody who repeats it.
    github.revoke("first");
    world.until("ci", in_use(1)).await;
    github.script("third", vec![echo(500, text(2))]);
    world.secret("ci", text(2)).await;
    github.revoke("second");
    world.until("ci", in_use(2)).await;
    for question in ["/repos/acme/app", "info/refs", "/token?"] {
        assert!(github.calls().iter().any(|call| call.path.contains(question)), "{question} was not asked");
    }
    assert_all_clean(&world, &receiver, operator, "ci", &tokens).await;
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
