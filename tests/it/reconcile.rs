//! From YAML to conditions: what a cluster admin sees.

use github_pat_operator::{api::GithubPatConnection, domain::token::TokenKind};
use github_simulator::{ExpiryLayout, NewToken, Outage, Reply};
use jiff::{SignedDuration, Timestamp};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::world::{World, is_so};

fn in_(seconds: i64) -> Timestamp {
    let now = Timestamp::now().as_second();
    Timestamp::from_second(now.saturating_add(seconds)).unwrap()
}

#[tokio::test]
async fn good_tokens_make_their_connections_ready_and_tell_what_github_told() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let year = in_(300 * 86_400);
    let classic = NewToken::classic("classic", "acme-ci").scopes(&["repo", "read:org"]).expires(year);
    let fine = NewToken::fine_grained("fine", "acme-ci").expires(year).layout(ExpiryLayout::Offset("+0200"));
    world.secret("classic", &world.github.token(classic)).await;
    world.secret("fine", &(world.github.token(fine) + "\n")).await;
    world.connection("classic", json!({ "require": { "scopes": ["public_repo", "read:org"] } })).await;
    world.connection("fine", json!({})).await;

    let status = world.ready("classic", "True", "Ready").await.status.unwrap();
    let types: Vec<_> = status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
    assert_eq!(
        types,
        ["Ready", "SecretResolved", "Authenticated", "RequirementsMet", "NotExpiring", "Published"]
    );
    let token = status.token.unwrap();
    assert_eq!(
        (token.login.as_deref(), token.user_id),
        (Some("acme-ci"), Some(world.github.account("acme-ci")))
    );
    assert_eq!(token.scopes.unwrap(), ["read:org", "repo"]);
    assert_eq!(token.expires_at.map(|at| at.0), Some(year));
    assert!(
        status.links.unwrap().create_token.contains("/settings/tokens/new?scopes=public_repo%2Cread%3Aorg")
    );

    let status = world.ready("fine", "True", "Ready").await.status.unwrap();
    let token = status.token.clone().unwrap();
    assert_eq!((token.scopes, token.expires_at.map(|at| at.0)), (None, Some(year)));
    assert!(status.condition("SecretResolved").unwrap().message.contains("newline"));
    assert_eq!((world.asked("classic"), world.asked("fine")), (1, 1));
}

#[tokio::test]
async fn what_is_wrong_with_the_secret_is_named_and_a_mended_secret_is_noticed_at_once() {
    let world = World::start().await;
    let _operator = world.operator().await;
    world.secret("password", "correct horse battery staple").await;
    for name in ["missing", "password", "key"] {
        let key = if name == "key" { "nosuch" } else { "token" };
        world.connection(name, json!({ "secretRef": { "name": name, "key": key } })).await;
    }
    let missing = world.condition("missing", "SecretResolved", "False", "SecretNotFound").await;
    assert!(missing.message.contains("Secret missing"), "{}", missing.message);
    let password = world.condition("password", "Ready", "False", "NotAToken").await;
    assert!(!password.message.contains("horse"), "{}", password.message);
    world.secret("key", "x").await;
    let key = world.condition("key", "Ready", "False", "KeyNotFound").await;
    assert!(key.message.contains("Secret key has no key nosuch"), "{}", key.message);
    assert_eq!(world.github.calls().len(), 0, "nothing of this is a token");

    let text = world.github.token(NewToken::classic("mended", "acme-ci"));
    world.secret("missing", &text).await;
    world.secret("password", &text).await;
    world.ready("missing", "True", "Ready").await;
    world.ready("password", "True", "Ready").await;
}

#[tokio::test]
async fn a_token_that_does_not_serve_its_purpose_is_not_ready() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let github = &world.github;
    let tokens = [
        ("scope", github.token(NewToken::classic("scope", "a").scopes(&["gist"]))),
        ("app", github.token(NewToken::app_user("app", "b").expires(in_(3600)))),
        ("installation", github.token(NewToken::installation("installation", "c"))),
        ("endless", github.token(NewToken::classic("endless", "d"))),
    ];
    for (name, text) in &tokens {
        world.secret(name, text).await;
    }
    world.connection("scope", json!({ "require": { "scopes": ["repo", "gist"] } })).await;
    world.connection("app", json!({})).await;
    world.connection("installation", json!({ "require": { "kinds": ["AppInstallation"] } })).await;
    world.connection("endless", json!({ "require": { "expiry": { "required": true } } })).await;

    let scope = world.condition("scope", "RequirementsMet", "False", "ScopeMissing").await;
    assert!(scope.message.contains("scope repo"), "{}", scope.message);
    world.ready("app", "False", "KindNotAllowed").await;
    assert!(is_so(&world.until("app", |_| true).await, "Authenticated", "True", "Accepted"));
    world.ready("installation", "True", "Ready").await;
    world.ready("endless", "False", "ExpiryRequired").await;

    world.github.set_scopes("scope", &["repo", "gist"]);
    world.ready("scope", "True", "Ready").await;
    world.change("endless", json!({ "require": { "expiry": { "required": false } } })).await;
    world.ready("endless", "True", "Ready").await;
}

#[tokio::test]
async fn a_token_expires_to_the_second_and_is_asked_about_once_more() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let soon = world.github.token(NewToken::fine_grained("soon", "acme-ci").expires(in_(5 * 86_400)));
    world.secret("soon", &soon).await;
    world.connection("soon", json!({})).await;
    world.ready("soon", "True", "ExpiresSoon").await;
    let warning = world.condition("soon", "NotExpiring", "False", "ExpiresSoon").await;
    assert!(warning.message.contains("less than 7 days"), "{}", warning.message);

    let end = in_(15);
    let ending = world.github.token(NewToken::classic("ending", "acme-ci").expires(end));
    world.secret("ending", &ending).await;
    world.connection("ending", json!({ "interval": "24h", "warnBefore": [] })).await;
    world.ready("ending", "True", "Ready").await;
    let ended = world.ready("ending", "False", "Expired").await;
    let condition = ended.status.as_ref().unwrap().condition("Authenticated").unwrap().clone();
    let late = condition.last_transition_time.0.duration_since(end);
    assert!(condition.reason == "Expired" && (0..=2).contains(&late.as_secs()), "{condition:?}");
    world.until_asked("ending", 2).await;
    let refused =
        world.until("ending", |seen| seen.status.as_ref().unwrap().token.as_ref().unwrap().refused.is_some());
    assert_eq!(refused.await.status.unwrap().token.unwrap().refused.unwrap().count, 1);
}

#[tokio::test]
async fn one_refusal_condemns_nobody_and_the_second_is_asked_over_a_fresh_connection() {
    let world = World::start().await;
    let _operator = world.operator_with(&["--confirm-after", "3s"]).await;
    for name in ["flaky", "revoked"] {
        world.secret(name, &world.github.token(NewToken::classic(name, "acme-ci"))).await;
        world.connection(name, json!({})).await;
        world.ready(name, "True", "Ready").await;
    }
    world.github.script("flaky", vec![Reply::bad_credentials()]);
    let once = world.ready("flaky", "True", "AcceptedEarlier").await;
    assert!(is_so(&once, "Authenticated", "True", "AcceptedEarlier"));
    world.ready("flaky", "True", "Ready").await;

    world.github.revoke("revoked");
    world.ready("revoked", "True", "AcceptedEarlier").await;
    world.ready("revoked", "False", "BadCredentials").await;
    let calls = world.github.calls();
    let of = |name: &str| calls.iter().filter(|call| call.token.as_deref() == Some(name)).collect::<Vec<_>>();
    let refused: Vec<_> = of("revoked").into_iter().filter(|call| call.status == Some(401)).collect();
    assert_eq!(refused.len(), 2);
    assert_ne!(refused[0].connection, refused[1].connection);
    assert!(refused[1].at.duration_since(refused[0].at) >= SignedDuration::from_secs(2));
}

#[tokio::test]
async fn a_suspended_account_is_named() {
    let world = World::start().await;
    let _operator = world.operator().await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.github.suspend("acme-ci");
    world.connection("ci", json!({})).await;
    world.ready("ci", "False", "AccountSuspended").await;
}

#[tokio::test]
async fn limits_and_outages_do_not_shake_a_good_token() {
    let world = World::start().await;
    let _operator = world.operator().await;
    for (name, login) in [("limited", "busy"), ("other", "calm")] {
        world.secret(name, &world.github.token(NewToken::classic(name, login))).await;
        world.connection(name, json!({})).await;
        world.ready(name, "True", "Ready").await;
    }
    let reset = in_(25);
    world.github.limit("busy", 0, reset);
    let limited = world.ready("limited", "True", "AcceptedEarlier").await.status.unwrap();
    let deferral = limited.deferral.unwrap();
    assert_eq!(deferral.reason, "RateLimited");
    assert!(deferral.not_before.unwrap().0.duration_since(reset).abs() <= SignedDuration::from_secs(1));
    assert!(limited.conditions.iter().any(|condition| condition.message.contains("hourly rate limit")));
    world.ready("limited", "True", "Ready").await;

    world.github.outage(Some(Outage::Status(503)));
    for name in ["limited", "other"] {
        world.ready(name, "True", "AcceptedEarlier").await;
    }
    world.secret("fresh", &world.github.token(NewToken::classic("fresh", "calm"))).await;
    world.connection("fresh", json!({})).await;
    world.ready("fresh", "Unknown", "ServerError").await;
    world.github.outage(None);
    for name in ["limited", "other", "fresh"] {
        world.ready(name, "True", "Ready").await;
    }
}

#[tokio::test]
async fn an_unknown_host_and_a_short_interval_are_told() {
    let world = World::start().await;
    let operator = world.operator_with(&["--minimum-interval", "1m"]).await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({ "interval": "30s" })).await;
    world.connection("elsewhere", json!({ "host": "ghe.example.com", "secretRef": { "name": "ci" } })).await;
    let ready = world.condition("ci", "Ready", "True", "Ready").await;
    assert!(
        ready.message.contains("spec.interval of 30s") && ready.message.contains("60s"),
        "{}",
        ready.message
    );
    let unknown = world.condition("elsewhere", "Ready", "False", "HostUnknown").await;
    assert!(unknown.message.contains("(github.com, simulated)"), "{}", unknown.message);
    assert!(operator.stop().await.contains("token judged"));
}

#[tokio::test]
async fn a_suspended_connection_is_neither_asked_about_nor_written() {
    let world = World::start().await;
    let _operator = world.operator().await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({ "publish": [{ "secretName": "out", "format": "Opaque" }] })).await;
    world.ready("ci", "True", "Ready").await;
    world.change("ci", json!({ "suspend": true, "publish": [] })).await;
    let suspended = world.ready("ci", "Unknown", "Suspended").await;
    assert!(suspended.status.unwrap().condition("Authenticated").unwrap().status.as_str() == "True");
    let asked = world.asked("ci");
    // A second connection lives through two instants of its own; the first is as it was between them.
    world.secret("clock", &world.github.token(NewToken::classic("clock", "acme-ci"))).await;
    world.connection("clock", json!({})).await;
    world.until_asked("clock", 3).await;
    assert_eq!(world.asked("ci"), asked);
    assert!(world.value("out", "token").await.is_some(), "what was published stays");
    world.change("ci", json!({ "suspend": false })).await;
    world.ready("ci", "True", "Ready").await;
    world.secret_until("out", |secret| secret.is_none()).await;
}

#[tokio::test]
async fn an_acceptance_older_than_trust_for_is_doubted_from_the_first_question_without_an_answer_on() {
    let world = World::start().await;
    let operator = world.operator().await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({ "interval": "24h" })).await;
    let mut seen = world.ready("ci", "True", "Ready").await;
    operator.stop().await;
    // The last answer is older than trustFor, 24 h, and than the interval and the heartbeat together, so that the token is asked about at once.
    let before =
        Timestamp::from_second(Timestamp::now().as_second()).unwrap() - SignedDuration::from_hours(26);
    let mut status = serde_json::to_value(&seen.status).unwrap();
    status["token"]["checkedAt"] = json!(before.to_string());
    status["token"]["firstProvenAt"] = json!(before.to_string());
    seen.status = serde_json::from_value(status).unwrap();
    world.connections().replace_status("ci", &PostParams::default(), &seen).await.unwrap();
    world.github.script("ci", vec![Reply::error(502, "bad gateway", "")]);
    let _operator = world.operator().await;
    let told = world
        .until("ci", |seen| {
            let ready = seen.status.as_ref().and_then(|status| status.condition("Ready"));
            ready.is_some_and(|ready| ready.reason != "Ready")
        })
        .await;
    let ready = told.status.as_ref().unwrap().condition("Ready").unwrap();
    assert_eq!((ready.status.as_str(), &*ready.reason), ("True", "AcceptedEarlier"), "{}", ready.message);
    assert_eq!(world.asked("ci"), 2);
}

#[tokio::test]
async fn the_annotation_has_github_asked_now_and_the_status_tells_that_it_was() {
    let world = World::start().await;
    let _operator = world.operator().await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({ "interval": "24h" })).await;
    let status = world.ready("ci", "True", "Ready").await.status.unwrap();
    assert!(status.next_check_at.unwrap().0 > Timestamp::now(), "the next question is announced");
    assert_eq!((status.last_handled_request, world.asked("ci")), (None, 1));
    for (request, questions) in [("first", 2), ("second", 3)] {
        let annotation =
            Patch::Merge(json!({ "metadata": { "annotations": { "githubpat.dev/requestedAt": request } } }));
        world.connections().patch("ci", &PatchParams::default(), &annotation).await.unwrap();
        let handled = |seen: &GithubPatConnection| {
            seen.status.as_ref().unwrap().last_handled_request.as_deref() == Some(request)
        };
        world.until("ci", handled).await;
        assert_eq!(world.asked("ci"), questions, "once for each request, before it is told");
    }
}

#[tokio::test]
async fn a_request_whose_answer_the_operator_did_not_live_to_hear_is_made_again() {
    let world = World::start().await;
    let operator = world.operator().await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({ "interval": "24h" })).await;
    world.ready("ci", "True", "Ready").await;
    world.github.outage(Some(Outage::Stall));
    let requested = json!({ "metadata": { "annotations": { "githubpat.dev/requestedAt": "now" } } });
    world.connections().patch("ci", &PatchParams::default(), &Patch::Merge(requested)).await.unwrap();
    world.until_asked("ci", 2).await;
    // Its status is written meanwhile.
    world.change("ci", json!({ "warnBefore": [] })).await;
    let seen = world.ready("ci", "True", "Ready").await;
    assert_eq!(seen.status.unwrap().last_handled_request, None, "nothing has come of it yet");
    drop(operator);
    world.github.outage(None);
    let _operator = world.operator().await;
    let handled = |seen: &GithubPatConnection| {
        seen.status.as_ref().unwrap().last_handled_request.as_deref() == Some("now")
    };
    world.until("ci", handled).await;
    assert_eq!(world.asked("ci"), 3);
}

#[tokio::test]
async fn a_recreated_namesake_starts_anew() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let first = world.github.token(NewToken::classic("first", "acme-ci"));
    world.secret("ci", &first).await;
    let old = world.connection("ci", json!({})).await;
    world.ready("ci", "True", "Ready").await;
    world.connections().delete("ci", &DeleteParams::default()).await.unwrap();
    world.secrets().delete("ci", &DeleteParams::default()).await.unwrap();
    let second = world.github.token(NewToken::classic("second", "other"));
    world.secret("ci", &second).await;
    let new = world.connection("ci", json!({})).await;
    assert_ne!(old.metadata.uid, new.metadata.uid);
    let status = world.ready("ci", "True", "Ready").await.status.unwrap();
    assert_eq!(status.token.unwrap().login.as_deref(), Some("other"));
}

#[tokio::test]
async fn an_unseen_connection_is_pending_without_a_write() {
    let world = World::start().await;
    let connection = world.connection("ci", json!({})).await;
    let ready = connection.status.unwrap().condition("Ready").unwrap().clone();
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("Unknown", "Pending"));
    assert!(ready.observed_generation.is_none());
}

#[tokio::test]
async fn connections_with_one_token_are_served_by_one_question() {
    let world = World::start().await;
    let _operator = world.operator().await;
    world.secret("shared", &world.github.token(NewToken::classic("shared", "acme-ci"))).await;
    for name in 0..12 {
        let name = format!("sharer-{name}");
        world.connection(&name, json!({ "secretRef": { "name": "shared" } })).await;
        world.ready(&name, "True", "Ready").await;
    }
    let before = world.asked("shared");
    let start = world.github.calls().len();
    world.until_asked("shared", before.saturating_add(3)).await;
    let calls = world.github.calls();
    let at: Vec<_> = calls.iter().skip(start).map(|call| call.at).collect();
    for pair in at.windows(2) {
        assert!(
            pair[1].duration_since(pair[0]) > SignedDuration::from_secs(5),
            "one question an interval: {at:?}"
        );
    }
}

#[tokio::test]
async fn a_request_sends_no_token_to_a_host_that_the_spec_no_longer_names() {
    let world = World::start().await;
    let _operator = world.operator().await;
    world.secret("ci", &world.github.token(NewToken::classic("first", "acme-ci"))).await;
    world.connection("ci", json!({ "interval": "24h" })).await;
    world.ready("ci", "True", "Ready").await;
    let request = |at: &str| json!({ "metadata": { "annotations": { "githubpat.dev/requestedAt": at } } });
    let rows = [
        ("another host and another token", json!({ "host": "unknown.example.com" }), "second", "HostUnknown"),
        ("a bad paste", json!({}), "no token at all", "NotAToken"),
    ];
    for (name, spec, value, reason) in rows {
        let second = world.github.token(NewToken::classic(name, "octocat"));
        let text = if value == "second" { second } else { value.to_owned() };
        let asked = world.github.calls().len();
        world.change("ci", spec).await;
        world.secret("ci", &text).await;
        let patch = kube::api::Patch::Merge(request(name));
        world.connections().patch("ci", &kube::api::PatchParams::default(), &patch).await.unwrap();
        world
            .until("ci", |seen| {
                is_so(seen, "Ready", "False", reason) || is_so(seen, "Ready", "Unknown", reason)
            })
            .await;
        // Another connection is judged meanwhile, so whatever was to be asked was asked.
        let marker = format!("marker-{reason}").to_lowercase();
        world.secret(&marker, &world.github.token(NewToken::classic(&marker, "acme-ci"))).await;
        world.connection(&marker, json!({ "secretRef": { "name": marker } })).await;
        world.ready(&marker, "True", "Ready").await;
        let calls = world.github.calls();
        let strangers = calls[asked..].iter().filter(|call| call.token.as_deref() != Some(marker.as_str()));
        assert_eq!(strangers.count(), 0, "{name}");
    }
}

#[tokio::test]
async fn a_token_of_40_hexadecimal_digits_is_sent_to_the_host_that_allows_it_and_to_no_other() {
    let mut world = World::start().await;
    world.another_host("modern").await;
    let settings =
        world.settings().replacen("{ name: simulated,", "{ name: simulated, legacyTokens: true,", 1);
    let _operator = world.operator_with_settings(&settings).await;
    let digits = "0123456789abcdef".repeat(3)[..40].to_owned();
    for github in [&world.github, world.host("modern")] {
        github.token(NewToken::classic("old", "acme-ci").text(&digits));
    }
    world.secret("ci", &digits).await;
    let publish = json!([{ "secretName": "out", "format": "BasicAuth" }]);
    world.connection("ci", json!({ "publish": publish })).await;
    let token = world.ready("ci", "True", "Ready").await.status.unwrap().token.unwrap();
    assert_eq!((token.kind, token.flaw), (TokenKind::Classic, None));
    assert_eq!(world.value("out", "password").await.as_ref(), Some(&digits));
    world.change("ci", json!({ "host": "modern" })).await;
    world.ready("ci", "False", "LegacyToken").await;
    assert_eq!(world.host("modern").calls().len(), 0);
    world.change("ci", json!({ "host": "simulated" })).await;
    world.ready("ci", "True", "Ready").await;
}
