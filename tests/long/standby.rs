//! Standbys where it takes minutes: operators killed in the middle of a rotation, and tokens that end.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all, pin_mut};
use github_pat_operator::{
    api::{ConditionStatus, GithubPatConnection, Phase},
    domain::token::{HashedToken, Token},
};
use github_simulator::{NewToken, Outage, Reply};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    ResourceExt,
    api::DeleteParams,
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};

use crate::{
    tenant::Tenant,
    world::{NAMESPACE, SOON, World, is_so},
};

/// So many operators are killed in each of so many clusters, and so many at most in one rotation.
const KILLS: usize = 67;
const CLUSTERS: usize = 3;
const KILLS_OF_ONE: usize = 6;

/// A connection with the Secret `NAME-next` in reserve, and two outputs.
pub(crate) fn spec(name: &str, more: Value) -> Value {
    let mut spec = json!({
        "standby": [{ "name": format!("{name}-next") }],
        "holdDown": "0s",
        "publish": [
            { "secretName": format!("{name}-git"), "format": "BasicAuth" },
            { "secretName": format!("{name}-env"), "format": "Opaque" },
        ],
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

pub(crate) fn in_use(seen: &GithubPatConnection) -> Option<&str> {
    let candidates = &seen.status.as_ref()?.candidates;
    candidates.iter().find(|candidate| candidate.in_use).map(|candidate| &*candidate.secret_name)
}

pub(crate) fn is_usable(seen: &GithubPatConnection, secret: &str) -> bool {
    let candidates = seen.status.iter().flat_map(|status| &status.candidates);
    candidates
        .filter(|candidate| candidate.secret_name == secret)
        .any(|candidate| candidate.usable == ConditionStatus::True)
}

/// True if the token of that Secret is in use, and nothing is left of the one before.
pub(crate) fn is_rotated_to(seen: &GithubPatConnection, secret: &str) -> bool {
    let Some(status) = &seen.status else { return false };
    let token = status.token.as_ref().map(|token| token.hashed_token);
    let safe = status.rotation.as_ref().filter(|rotation| rotation.phase == Phase::SafeToRevoke);
    in_use(seen) == Some(secret) && safe.is_some_and(|safe| Some(safe.new_token.hashed_token) == token)
}

/// True if this is the token in use.
pub(crate) fn has(seen: &GithubPatConnection, text: &str) -> bool {
    let token = seen.status.as_ref().and_then(|status| status.token.as_ref());
    token.is_some_and(|token| token.hashed_token == hashed(text))
}

/// True if this token is the one of a candidate.
pub(crate) fn knows(seen: &GithubPatConnection, text: &str) -> bool {
    let candidates = seen.status.iter().flat_map(|status| &status.candidates);
    candidates
        .filter_map(|candidate| candidate.token.as_ref())
        .any(|token| token.hashed_token == hashed(text))
}

fn hashed(text: &str) -> HashedToken {
    Token::try_from(text.as_bytes()).unwrap().hashed()
}

/// Both outputs of the connection.
pub(crate) async fn held(tenant: &Tenant<'_>, name: &str) -> [Option<String>; 2] {
    [
        tenant.value(&format!("{name}-git"), "password").await,
        tenant.value(&format!("{name}-env"), "token").await,
    ]
}

/// Every value that an output ever had, as name and value; a pair as login and token.
fn values(tenant: &Tenant<'_>) -> Arc<Mutex<BTreeSet<(String, String)>>> {
    let values = Arc::new(Mutex::new(BTreeSet::new()));
    let (noted, api) = (values.clone(), tenant.secrets());
    tokio::spawn(async move {
        let events = watcher(api, watcher::Config::default()).default_backoff().applied_objects();
        pin_mut!(events);
        while let Some(event) = events.next().await {
            let Ok(secret) = event else { continue };
            let is_output = |secret: &Secret| secret.labels().contains_key("githubpat.dev/connection-uid");
            if !is_output(&secret) {
                continue;
            }
            let data = secret.data.clone().unwrap_or_default();
            let text = |value: &ByteString| String::from_utf8(value.0.clone()).unwrap();
            let value = match data.get("token") {
                Some(token) => text(token),
                None => {
                    ["username", "password"].map(|key| data.get(key).map(text).unwrap_or_default()).join(" ")
                }
            };
            noted.lock().unwrap().insert((secret.name_any(), value));
        }
    });
    values
}

/// What each output of the connection holds with this token of this account.
fn of_outputs(name: &str, login: &str, text: &str) -> [(String, String); 2] {
    [(format!("{name}-git"), format!("{login} {text}")), (format!("{name}-env"), text.to_owned())]
}

#[tokio::test]
async fn whenever_an_operator_is_killed_in_a_rotation_the_outputs_end_with_the_new_token() {
    join_all((0..CLUSTERS).map(|_| rounds_with_kills())).await;
}

async fn rounds_with_kills() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    // Tokens are revoked by the dozen.
    let settings = world.settings() + "failedLoginsPerHour: 1000\nfailedLoginsPerNamespace: 1000\n";
    let mut operator = world.operator_with_settings(&settings).await;
    let values = values(&ours);
    let mut published = BTreeSet::new();
    let names = ["ci", "other"];
    for name in names {
        for secret in [name.to_owned(), format!("{name}-next")] {
            let text = world.github.token(NewToken::classic(&secret, "acme-ci"));
            ours.secret(&secret, &text).await;
            published.extend(of_outputs(name, "acme-ci", &text));
        }
        ours.connection(name, spec(name, json!({}))).await;
        ours.until(name, |seen| in_use(seen) == Some(name) && is_usable(seen, &format!("{name}-next"))).await;
    }
    let uids = ours.uids().await;
    let mut before = names.map(str::to_owned);
    let (mut round, mut kills) = (0_usize, 0);
    while kills < KILLS {
        round += 1;
        let began = Instant::now();
        // In turn the standby takes over from a token that is revoked, and the first choice comes back with a new one.
        let fails_over = round % 2 == 1;
        let secret_of = |name: &str| if fails_over { format!("{name}-next") } else { name.to_owned() };
        // The accounts change too, so that a mixture shows.
        let login = if fails_over { "acme-bot" } else { "acme-ci" };
        let mut texts = Vec::new();
        for (name, before) in names.iter().zip(&mut before) {
            let (secret, token) = (secret_of(name), format!("{name}-{round}"));
            let text = world.github.token(NewToken::classic(&token, login));
            ours.secret(&secret, &text).await;
            if fails_over {
                ours.until(name, |seen| in_use(seen) == Some(name) && is_usable(seen, &secret)).await;
                world.github.revoke(before);
                ours.request(name, &format!("round {round}")).await;
            }
            *before = token;
            published.extend(of_outputs(name, login, &text));
            texts.push(text);
        }
        let mut of_this = 0;
        while of_this < KILLS_OF_ONE {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(0..4000))).await;
            drop(operator);
            operator = world.operator_with_settings(&settings).await;
            of_this += 1;
            let mut all = Vec::new();
            for name in names {
                let secret = secret_of(name);
                all.push(is_rotated_to(&ours.until(name, |_| true).await, &secret));
            }
            if all.into_iter().all(|is_rotated| is_rotated) {
                break;
            }
        }
        kills += of_this;
        for (name, text) in names.iter().zip(texts) {
            let secret = secret_of(name);
            ours.until(name, |seen| is_rotated_to(seen, &secret)).await;
            assert_eq!(held(&ours, name).await, [Some(text.clone()), Some(text)], "{name} in round {round}");
            // Each process asks about it once at most, and then as often as any.
            let due = usize::try_from(began.elapsed().as_secs() / 10).unwrap();
            let asked = world.asked(&format!("{name}-{round}"));
            assert!(
                asked <= 2 + of_this + due,
                "{name} in round {round}: {asked} questions, {of_this} kills"
            );
        }
    }
    assert_eq!(ours.uids().await, uids, "an orphan, or something lost or made anew");
    let expected = ["ci", "ci-env", "ci-git", "ci-next", "other", "other-env", "other-git", "other-next"];
    assert!(uids.keys().map(String::as_str).eq(expected), "{uids:?}");
    let seen = values.lock().unwrap().clone();
    let strange: Vec<_> = seen.difference(&published).collect();
    assert!(strange.is_empty(), "outputs held what nobody stored: {strange:?}");
    assert!(seen.len() > round, "the values were followed");
    eprintln!("{kills} operators were killed in {round} rotations of two connections");
}

#[tokio::test]
async fn a_requirement_that_the_token_in_use_fails_twice_makes_the_second_take_over() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    for name in ["ci", "ci-next"] {
        ours.secret(name, &world.github.token(NewToken::classic(name, "acme-ci").scopes(&["repo"]))).await;
    }
    let more = json!({ "interval": "24h", "onInvalid": "Withdraw", "require": { "scopes": ["repo"] } });
    ours.connection("ci", spec("ci", more)).await;
    ours.until("ci", |seen| in_use(seen) == Some("ci") && is_usable(seen, "ci-next")).await;
    let uids = ours.uids().await;
    let (asked, values) = (world.asked("ci"), values(&ours));
    world.github.set_scopes("ci", &[]);
    ours.request("ci", "now").await;
    let seen = ours.until("ci", |seen| is_rotated_to(seen, "ci-next")).await;
    let first = &seen.status.as_ref().unwrap().candidates[0];
    assert_eq!((first.usable, first.reason.as_str()), (ConditionStatus::False, "ScopeMissing"));
    assert_eq!(world.asked("ci"), asked + 2, "it was asked about once more before it was believed");
    let text = world.github.token_text("ci-next");
    assert_eq!(held(&ours, "ci").await, [text.clone(), text]);
    assert_eq!(ours.uids().await, uids, "what can be taken over is not withdrawn");
    // It works for GitHub, so it is still to be revoked.
    assert_eq!(seen.status.unwrap().rotation.unwrap().old_token_ended, None);
    let stored = ["ci", "ci-next"].map(|name| world.github.token_text(name).unwrap());
    let is_stored =
        |value: &String| stored.iter().any(|text| value == text || *value == format!("acme-ci {text}"));
    let seen = values.lock().unwrap().clone();
    assert!(seen.iter().all(|(_, value)| is_stored(value)), "{seen:?}");
}

#[tokio::test]
async fn a_token_that_ends_gives_way_to_the_second_and_is_withdrawn_only_if_nothing_can_take_over() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    let ends = Timestamp::now().checked_add(SignedDuration::from_secs(25)).unwrap();
    for (name, is_good) in [("good", true), ("dead", false)] {
        let next = format!("{name}-next");
        let text = world.github.token(NewToken::classic(name, "acme-ci").expires(ends));
        ours.secret(name, &text).await;
        ours.secret(&next, &world.github.token(NewToken::classic(&next, "acme-ci"))).await;
        if !is_good {
            world.github.revoke(&next);
        }
        ours.connection(name, spec(name, json!({ "onInvalid": "Withdraw", "warnBefore": [] }))).await;
        ours.until(name, |seen| in_use(seen) == Some(name) && is_usable(seen, &next) == is_good).await;
        assert_eq!(held(&ours, name).await, [Some(text.clone()), Some(text)]);
    }
    ours.until("good", |seen| is_rotated_to(seen, "good-next")).await;
    let text = world.github.token_text("good-next");
    assert_eq!(held(&ours, "good").await, [text.clone(), text]);
    let seen = ours.ready("dead", "False", "Expired").await;
    assert_eq!(in_use(&seen), Some("dead"));
    ours.until("dead", |seen| is_so(seen, "Published", "False", "Withdrawn")).await;
    assert_eq!(held(&ours, "dead").await, [None, None]);
    let seen = ours.until("good", |_| true).await;
    let ended = seen.status.unwrap().rotation.unwrap().old_token_ended;
    assert_eq!(ended.as_deref(), Some("Expired"));
}

#[tokio::test]
async fn what_is_gone_from_its_secret_gives_way_once_its_end_or_its_grace_is_over() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    let ends = Timestamp::now().checked_add(SignedDuration::from_secs(60)).unwrap();
    let ended = |name: &str| NewToken::classic(name, "acme-ci").expires(ends);
    let endless = |name: &str| NewToken::classic(name, "acme-ci");
    let grace = json!({ "onInvalid": "Withdraw", "withdrawAfter": "30s", "warnBefore": [] });
    // Each with its token, what the spec says, whether the second one is good, and what takes the place of the first.
    let rows = [
        ("deleted", ended("deleted"), json!({ "warnBefore": [] }), true, None),
        ("garbage", ended("garbage"), json!({ "warnBefore": [] }), true, Some("no token")),
        ("kept", endless("kept"), json!({ "onInvalid": "Withdraw" }), true, None),
        ("grace", endless("grace"), grace.clone(), true, None),
        ("lost", endless("lost"), grace, false, None),
    ];
    let mut before = Vec::new();
    for (name, token, more, is_good, _) in &rows {
        let next = format!("{name}-next");
        let text = world.github.token(token.clone());
        ours.secret(name, &text).await;
        ours.secret(&next, &world.github.token(endless(&next))).await;
        if !is_good {
            world.github.revoke(&next);
        }
        ours.connection(name, spec(name, more.clone())).await;
        ours.until(name, |seen| in_use(seen) == Some(name) && is_usable(seen, &next) == *is_good).await;
        before.push(text);
    }
    for (name, _, _, _, other) in &rows {
        match other {
            Some(other) => ours.secret(name, other).await,
            None => drop(ours.secrets().delete(name, &DeleteParams::default()).await.unwrap()),
        }
        ours.ready(name, "False", if other.is_some() { "NotAToken" } else { "SecretNotFound" }).await;
    }
    let seen = ours.until("grace", |seen| is_so(seen, "Published", "False", "WithdrawalPending")).await;
    let message = seen.status.as_ref().unwrap().message("Published").unwrap();
    assert!(
        message.contains("a token that stands by takes over, or they are deleted if none can"),
        "{message}"
    );
    assert_eq!(in_use(&seen), Some("grace"), "not before the grace is over");
    let seen = ours.until("lost", |seen| is_so(seen, "Published", "False", "WithdrawalPending")).await;
    assert!(seen.status.unwrap().message("Published").unwrap().contains("will be deleted at"));
    ours.until("grace", |seen| is_rotated_to(seen, "grace-next")).await;
    ours.until("lost", |seen| is_so(seen, "Published", "False", "Withdrawn")).await;
    // The ends come after a restart.
    operator.stop().await;
    let _operator = world.operator().await;
    for name in ["deleted", "garbage"] {
        let seen = ours.until(name, |seen| is_rotated_to(seen, &format!("{name}-next"))).await;
        // GitHub names whole seconds.
        assert!(Timestamp::now().as_second() >= ends.as_second(), "not before the end of the token");
        let ended = seen.status.unwrap().rotation.unwrap().old_token_ended;
        assert_eq!(ended.as_deref(), Some("Expired"), "{name}: nothing is left to revoke");
    }
    for (name, text) in rows.iter().map(|row| row.0).zip(before) {
        let expected = match name {
            "kept" => Some(text),
            "lost" => None,
            _ => world.github.token_text(&format!("{name}-next")),
        };
        assert_eq!(held(&ours, name).await, [expected.clone(), expected], "{name}");
    }
}

#[tokio::test]
async fn no_outage_and_no_single_refusal_makes_another_token_take_over() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    ours.secret("ci", &text).await;
    ours.secret("ci-next", &world.github.token(NewToken::classic("ci-next", "acme-ci"))).await;
    ours.connection("ci", spec("ci", json!({ "holdDown": "10m" }))).await;
    ours.until("ci", |seen| in_use(seen) == Some("ci") && is_usable(seen, "ci-next")).await;
    for outage in [Outage::Status(502), Outage::Cut] {
        world.github.outage(Some(outage));
        ours.ready("ci", "True", "AcceptedEarlier").await;
        let calls = world.github.calls().len();
        assert!(world.github.wait_until(SOON, |seen| seen.len() > calls + 1).await);
        world.github.outage(None);
        let seen = ours.ready("ci", "True", "Ready").await;
        assert_eq!(in_use(&seen), Some("ci"));
    }
    world.github.script("ci", vec![Reply::bad_credentials()]);
    ours.until("ci", |seen| seen.status.as_ref().unwrap().token.as_ref().unwrap().refused.is_some()).await;
    let seen = ours.ready("ci", "True", "Ready").await;
    assert_eq!((in_use(&seen), &seen.status.as_ref().unwrap().rotation), (Some("ci"), &None));
    assert_eq!(held(&ours, "ci").await, [Some(text.clone()), Some(text)]);
}
