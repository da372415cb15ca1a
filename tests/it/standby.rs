//! Several tokens for one connection: which one is in use, and how the next one takes its place.

mod preferred;

use std::time::Duration;

use github_pat_operator::api::{
    CandidateStatus, ConditionStatus, GithubPatConnection, Phase, RotationStatus,
};
use github_simulator::NewToken;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{core::v1::Secret, events::v1::Event};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    metrics::text::Scrape,
    world::{NAMESPACE, SOON, World, from, is_so},
};

/// A connection of this name with the Secret `NAME-next` in reserve, and two outputs.
fn spec(name: &str, more: Value) -> Value {
    let mut spec = json!({
        "standby": [{ "name": format!("{name}-next") }],
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

fn candidate(seen: &GithubPatConnection, place: usize) -> Option<CandidateStatus> {
    seen.status.as_ref()?.candidates.get(place).cloned()
}

fn is_usable(seen: &GithubPatConnection, place: usize, usable: ConditionStatus) -> bool {
    candidate(seen, place).is_some_and(|candidate| candidate.usable == usable)
}

fn rotation(seen: &GithubPatConnection) -> Option<RotationStatus> {
    seen.status.as_ref()?.rotation.clone()
}

fn is_safe(seen: &GithubPatConnection) -> bool {
    rotation(seen).is_some_and(|rotation| rotation.phase == Phase::SafeToRevoke)
}

/// The Secret whose token is in use.
fn in_use(seen: &GithubPatConnection) -> Option<String> {
    let candidates = seen.status.as_ref().map(|status| status.candidates.clone()).unwrap_or_default();
    let mut used = candidates.into_iter().filter(|candidate| candidate.in_use);
    let first = used.next().map(|candidate| candidate.secret_name);
    assert!(used.next().is_none(), "two in use");
    first
}

impl World {
    /// Makes a token of acme-ci of this name, and stores it in the Secret of this name.
    async fn store(&self, secret: &str, token: &str) -> String {
        let text = self.github.token(NewToken::classic(token, "acme-ci"));
        self.secret(secret, &text).await;
        text
    }

    /// The connection, Ready with the first token in use and the second proven.
    async fn pair(&self, name: &str, more: Value) -> [String; 2] {
        let next = format!("{name}-next");
        let texts = [self.store(name, name).await, self.store(&next, &next).await];
        self.connection(name, spec(name, more)).await;
        self.until(name, |seen| {
            in_use(seen).as_deref() == Some(name)
                && is_usable(seen, 1, ConditionStatus::True)
                && is_so(seen, "Ready", "True", "Ready")
        })
        .await;
        texts
    }

    /// What both outputs of the connection hold.
    async fn held(&self, name: &str) -> [Option<String>; 2] {
        [
            self.value(&format!("{name}-git"), "password").await,
            self.value(&format!("{name}-env"), "token").await,
        ]
    }

    async fn events(&self, name: &str, reason: &str) -> Vec<String> {
        let api = Api::<Event>::namespaced(self.client.clone(), NAMESPACE);
        let events = api.list(&ListParams::default()).await.unwrap().items;
        let is_it = |event: &&Event| {
            event.regarding.as_ref().unwrap().name.as_deref() == Some(name)
                && event.reason.as_deref() == Some(reason)
        };
        events.iter().filter(is_it).map(|event| event.note.clone().unwrap_or_default()).collect()
    }

    /// Waits until so many events of this reason were told.
    async fn until_told(&self, name: &str, reason: &str, count: usize) -> Vec<String> {
        let told = async {
            loop {
                let told = self.events(name, reason).await;
                if told.len() >= count {
                    return told;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let told = tokio::time::timeout(SOON, told).await;
        told.unwrap_or_else(|_| panic!("{name} has fewer than {count} events {reason}"))
    }
}

#[tokio::test]
async fn a_rotation_takes_two_commands_and_says_when_the_old_token_can_be_revoked() {
    let world = World::audited().await;
    let operator = world.operator().await;
    let old = world.store("ci", "old").await;
    world.connection("ci", spec("ci", json!({}))).await;
    let other = world.pair("other", json!({})).await;
    let noted = world.condition("ci", "NotExpiring", "True", "StandbyUnusable").await;
    assert!(noted.message.starts_with("Secret ci-next cannot take over"), "{}", noted.message);
    let seen = world.until("ci", |seen| in_use(seen).is_some()).await;
    assert_eq!((in_use(&seen).as_deref(), rotation(&seen)), (Some("ci"), None));

    // The first command.
    let next = world.store("ci-next", "next").await;
    let seen = world.until("ci", |seen| is_usable(seen, 1, ConditionStatus::True)).await;
    assert_eq!(in_use(&seen).as_deref(), Some("ci"), "nothing changes while the first one serves");
    assert_eq!(world.held("ci").await, [Some(old.clone()), Some(old)]);
    world.ready("ci", "True", "Ready").await;

    // The second one.
    world.github.revoke("old");
    let seen = world.until("ci", is_safe).await;
    assert_eq!(in_use(&seen).as_deref(), Some("ci-next"));
    assert_eq!(world.held("ci").await, [Some(next.clone()), Some(next)]);
    let (done, status) = (rotation(&seen).unwrap(), seen.status.unwrap());
    assert_eq!(
        (done.old_token.secret_name.as_str(), done.old_token.login.as_deref()),
        ("ci", Some("acme-ci"))
    );
    assert_eq!(done.old_token_ended.as_deref(), Some("BadCredentials"), "{}", done.message);
    let token = status.token.clone().unwrap();
    assert_eq!((token.secret_name.as_str(), token.hashed_token), ("ci-next", done.new_token.hashed_token));
    let used = status.candidates[1].token.as_deref().unwrap();
    assert_eq!((used.hashed_token, &used.expires_at), (token.hashed_token, &token.expires_at));
    assert_eq!(used.checked_at, None, "what changes with each question stands there once");
    let resolved = status.message("SecretResolved").unwrap();
    assert!(resolved.starts_with("Secret ci-next holds"), "{resolved}");
    let first = &status.candidates[0];
    assert_eq!((first.usable, first.reason.as_str()), (ConditionStatus::False, "BadCredentials"));
    assert_eq!(first.token.as_ref().unwrap().hashed_token, done.old_token.hashed_token);
    world.until_told("ci", "SafeToRevoke", 1).await;
    let told = world.until_told("ci", "TokenInUseChanged", 1).await;
    assert_eq!(
        told,
        ["the token in Secret ci-next is in use in place of the one in Secret ci (BadCredentials)"]
    );
    let seen = world.until("other", |_| true).await;
    assert_eq!((in_use(&seen).as_deref(), rotation(&seen)), (Some("other"), None), "the other one goes on");
    assert_eq!(world.held("other").await, [Some(other[0].clone()), Some(other[0].clone())]);
    operator.stop().await;

    let (asked, written) = (world.asked("old") + world.asked("other-next"), world.writes().len());
    let (in_use_asked, _operator) = (world.asked("next"), world.operator().await);
    world.until_asked("next", in_use_asked + 2).await;
    assert_eq!(
        world.asked("old") + world.asked("other-next"),
        asked,
        "a restart asks about none that stands by"
    );
    assert_eq!(world.writes().len(), written, "and writes nothing: {:?}", world.writes().split_off(written));
    assert_eq!(world.events("ci", "SafeToRevoke").await.len(), 1);
}

#[tokio::test]
async fn a_new_token_in_the_same_secret_is_a_rotation_that_ends_with_a_link() {
    let world = World::audited().await;
    let operator = world.operator().await;
    let publish =
        json!([{ "secretName": "git", "format": "BasicAuth" }, { "secretName": "out", "format": "Opaque" }]);
    world.store("ci", "old").await;
    world.connection("ci", json!({ "publish": publish })).await;
    let seen = world.ready("ci", "True", "Ready").await;
    let (old, before) = (seen.status.clone().unwrap().token.unwrap(), rotation(&seen));
    assert_eq!(before, None, "the first token takes nobody's place");
    let new = world.store("ci", "new").await;
    let done = rotation(&world.until("ci", is_safe).await).unwrap();
    assert_eq!(world.value("out", "token").await.as_ref(), Some(&new));
    assert_eq!(world.value("git", "password").await, Some(new));
    assert_eq!(done.old_token.hashed_token, old.hashed_token);
    assert_eq!(done.old_token_ended, None);
    let page = format!("{}/settings/tokens", world.github.url());
    assert!(
        done.revoke_at.as_ref().is_some_and(|at| at.ends_with("/settings/tokens")),
        "{:?} {page}",
        done.revoke_at
    );
    let told = world.until_told("ci", "SafeToRevoke", 1).await;
    assert!(told[0].contains("revoke it") && told[0].contains("acme-ci"), "{told:?}");
    operator.stop().await;
    let of_outputs = world.writes().into_iter().filter(|(_, kind, _)| kind == "secrets");
    let of_outputs: Vec<_> = of_outputs.map(|(verb, _, name)| format!("{verb} {name}")).collect();
    let once_each = ["create git", "create out", "update git", "update out"];
    assert_eq!(of_outputs, once_each, "every output changes once, in one write");

    let (asked, written) = (world.asked("new"), world.writes().len());
    let _operator = world.operator().await;
    world.until_asked("new", asked + 2).await;
    assert_eq!(world.writes().len(), written, "{:?}", world.writes().split_off(written));

    // One that is never proven takes nobody's place; the old one does again.
    let dead = world.github.token(NewToken::classic("dead", "acme-ci"));
    world.github.revoke("dead");
    world.secret("ci", &dead).await;
    let proving = |seen: &GithubPatConnection| rotation(seen).is_some_and(|now| now.phase == Phase::Proving);
    let seen = world.until("ci", proving).await;
    assert_eq!(rotation(&seen).unwrap().old_token.hashed_token, done.new_token.hashed_token);
    world.ready("ci", "False", "BadCredentials").await;
    world.secret("ci", &world.github.token_text("new").unwrap()).await;
    let seen = world.ready("ci", "True", "Ready").await;
    assert_eq!(rotation(&seen), None, "it was given up");
    assert_eq!(world.events("ci", "SafeToRevoke").await.len(), 1);
}

#[tokio::test]
async fn a_restart_in_any_phase_asks_and_writes_nothing() {
    let world = World::audited().await;
    let operator = world.operator().await;
    // An output that cannot be written keeps the rotation from its end; a token that GitHub refuses, from its beginning.
    for name in ["publishing", "proving"] {
        world.pair(name, json!({ "interval": "24h" })).await;
    }
    let foreign: Secret = from(json!({ "metadata": { "name": "publishing-env" } }));
    world.secrets().delete("publishing-env", &DeleteParams::default()).await.unwrap();
    world.change("publishing", json!({ "suspend": true })).await;
    world.ready("publishing", "Unknown", "Suspended").await;
    world.secrets().delete("publishing-env", &DeleteParams::default()).await.ok();
    world.secrets().create(&PostParams::default(), &foreign).await.unwrap();
    world.github.revoke("publishing");
    world.change("publishing", json!({ "suspend": false })).await;
    let requested = json!({ "metadata": { "annotations": { "githubpat.dev/requestedAt": "now" } } });
    world.connections().patch("publishing", &PatchParams::default(), &Patch::Merge(requested)).await.unwrap();
    let is_at = |seen: &GithubPatConnection, phase| rotation(seen).is_some_and(|now| now.phase == phase);
    let seen = world
        .until("publishing", |seen| {
            is_at(seen, Phase::Publishing) && is_so(seen, "Ready", "False", "ForeignSecret")
        })
        .await;
    assert_eq!(in_use(&seen).as_deref(), Some("publishing-next"));
    let is_handled = |seen: &GithubPatConnection| {
        seen.status.as_ref().is_some_and(|status| status.last_handled_request.as_deref() == Some("now"))
    };
    world.until("publishing", is_handled).await;
    world.github.revoke("proving-next");
    let dead = world.github.token(NewToken::classic("dead", "acme-ci"));
    world.github.revoke("dead");
    world.secret("proving-next", &dead).await;
    world.until("proving", |seen| is_usable(seen, 1, ConditionStatus::False)).await;
    world.secret("proving", &dead).await;
    world
        .until("proving", |seen| {
            is_at(seen, Phase::Proving) && is_so(seen, "Ready", "False", "BadCredentials")
        })
        .await;
    operator.stop().await;
    let before = world.until("proving", |_| true).await.status;

    let (asked, written) = (world.github.calls().len(), world.writes().len());
    let _operator = world.operator().await;
    // Another connection is judged, so that the operator has looked at these.
    let text = world.store("later", "later").await;
    world.connection("later", json!({ "publish": [{ "secretName": "out", "format": "Opaque" }] })).await;
    world.ready("later", "True", "Ready").await;
    assert_eq!(world.value("out", "token").await, Some(text));
    tokio::time::sleep(Duration::from_secs(3)).await;
    let calls = world.github.calls().split_off(asked);
    let others: Vec<_> = calls.iter().filter(|call| call.token.as_deref() != Some("later")).collect();
    assert!(others.is_empty(), "{others:?}");
    let since = world.writes().split_off(written);
    let since: Vec<_> =
        since.iter().filter(|(_, _, name)| !["later", "out"].contains(&name.as_str())).collect();
    let after = world.until("proving", |_| true).await.status;
    assert!(since.is_empty(), "{since:?}\n{}\n{}", json!(before), json!(after));
    let seen = world.until("publishing", |_| true).await;
    assert!(is_at(&seen, Phase::Publishing));
}

#[tokio::test]
async fn while_both_are_dead_the_outputs_keep_what_they_hold_until_one_is_replaced() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let texts = world.pair("ci", json!({})).await;
    world.github.revoke("ci-next");
    world.github.revoke("ci");
    let seen = world
        .until("ci", |seen| {
            is_so(seen, "Ready", "False", "BadCredentials") && is_usable(seen, 1, ConditionStatus::False)
        })
        .await;
    assert_eq!(in_use(&seen).as_deref(), Some("ci"), "a change would help nobody");
    assert_eq!(world.held("ci").await, [Some(texts[0].clone()), Some(texts[0].clone())]);
    let third = world.store("ci-next", "third").await;
    let seen = world.until("ci", is_safe).await;
    assert_eq!(in_use(&seen).as_deref(), Some("ci-next"));
    assert_eq!(world.held("ci").await, [Some(third.clone()), Some(third)]);
}

#[tokio::test]
async fn a_standby_without_a_good_token_changes_nothing_for_the_one_in_use() {
    let world = World::audited().await;
    let _operator = world.operator().await;
    let texts = world.pair("ci", json!({})).await;
    let rows = [
        ("garbage", Some("correct horse battery staple"), "NotAToken"),
        ("nothing", Some(""), "TokenEmpty"),
        ("no Secret", None, "SecretNotFound"),
    ];
    for (name, value, reason) in rows {
        match value {
            Some(value) => world.secret("ci-next", value).await,
            None => {
                world.secrets().delete("ci-next", &DeleteParams::default()).await.unwrap();
            }
        }
        let is_told =
            |seen: &GithubPatConnection| candidate(seen, 1).is_some_and(|next| next.reason == reason);
        let seen = world.until("ci", is_told).await;
        assert!(is_so(&seen, "Ready", "True", "StandbyUnusable"), "{name}");
        assert_eq!(in_use(&seen).as_deref(), Some("ci"), "{name}");
        assert_eq!(world.held("ci").await, [Some(texts[0].clone()), Some(texts[0].clone())], "{name}");
    }
    // The other way round: what is in use stays while its Secret holds something else.
    world.store("ci-next", "again").await;
    world.until("ci", |seen| is_usable(seen, 1, ConditionStatus::True)).await;
    world.secret("ci", "correct horse battery staple").await;
    let seen = world.ready("ci", "False", "NotAToken").await;
    assert_eq!(in_use(&seen).as_deref(), Some("ci"));
    assert_eq!(world.held("ci").await, [Some(texts[0].clone()), Some(texts[0].clone())]);
}

#[tokio::test]
async fn a_standby_of_two_connections_is_asked_about_once_and_serves_both() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let shared = world.store("shared", "shared").await;
    for name in ["a", "b"] {
        world.store(name, name).await;
        world.connection(name, spec(name, json!({ "standby": [{ "name": "shared" }] }))).await;
    }
    for name in ["a", "b"] {
        world.until(name, |seen| is_usable(seen, 1, ConditionStatus::True)).await;
    }
    assert_eq!(world.asked("shared"), 1);
    world.github.revoke("a");
    world.until("a", is_safe).await;
    assert_eq!(world.held("a").await, [Some(shared.clone()), Some(shared.clone())]);
    let seen = world.until("b", |_| true).await;
    assert_eq!(in_use(&seen).as_deref(), Some("b"));
    // Who has it in use has it asked about more often.
    let asked = world.asked("shared");
    world.until_asked("shared", asked + 2).await;
    world.github.revoke("b");
    world.until("b", is_safe).await;
    assert_eq!(world.held("b").await, [Some(shared.clone()), Some(shared)]);
}

#[tokio::test]
async fn a_warning_of_the_expiry_names_what_takes_over() {
    let world = World::start().await;
    let operator = world.operator().await;
    let day = SignedDuration::from_hours(24);
    let ends = |days: i32| Timestamp::now().checked_add(day * days).unwrap();
    for (name, next) in [("calm", Some(300)), ("urgent", Some(3)), ("alone", None)] {
        let of = |name: &str, days| NewToken::classic(name, "acme-ci").expires(ends(days));
        world.secret(name, &world.github.token(of(name, 6))).await;
        if let Some(days) = next {
            let next = format!("{name}-next");
            world.secret(&next, &world.github.token(of(&next, days))).await;
        }
        world.connection(name, spec(name, json!({ "warnBefore": ["168h"] }))).await;
    }
    let calm = world.condition("calm", "NotExpiring", "True", "StandbyTakesOver").await;
    assert!(calm.message.ends_with("in less than 7 days; Secret calm-next takes over"), "{}", calm.message);
    world.ready("calm", "True", "StandbyTakesOver").await;
    for name in ["urgent", "alone"] {
        let urgent = world.condition(name, "NotExpiring", "False", "ExpiresSoon").await;
        let (remedy, nothing) = (": make a new one in time; ", "; nothing can take over; it is made on http");
        assert!(urgent.message.contains(remedy) && urgent.message.contains(nothing), "{}", urgent.message);
    }
    // What the alerts of an expiry ask for.
    let within = |scrape: &Scrape, of| scrape.value("github_pat_tokens_expiring", &[("within", of)]);
    let all = |scrape: &Scrape| ["3d", "14d", "30d"].map(|of| within(scrape, of));
    let scrape = operator
        .scrape_until("three tokens that end", |scrape| all(scrape) == [Some(0.0), Some(3.0), Some(3.0)])
        .await;
    let of = |name| scrape.value("github_pat_candidates_expiration_timestamp_seconds", &[("name", name)]);
    for (name, days) in [("calm", 300), ("urgent", 6)] {
        let named = of(name).unwrap() - ends(days).as_duration().as_secs_f64();
        assert!((-300.0..=1.0).contains(&named), "the last end of {name} is {named} s off");
    }
    let told = world.until_told("urgent", "ExpiresSoon", 1).await;
    assert!(!told[0].contains("nothing can"), "{told:?}");
    let far = NewToken::classic("far", "acme-ci").expires(ends(300));
    world.secret("urgent", &world.github.token(far)).await;
    let soon = world.condition("urgent", "NotExpiring", "True", "StandbyExpiresSoon").await;
    assert!(
        soon.message.starts_with("in Secret urgent-next, which stands by, the token expires at"),
        "{}",
        soon.message
    );
}
