#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::time;

use super::{
    super::super::{
        Context,
        records::Record,
        report,
        tests::{connection, context, ready},
    },
    *,
};
use crate::{
    api::{GithubPatConnectionSpec as Spec, GithubPatConnectionStatus as Status},
    cluster::{connections::Connection, object::ObjectKey, scope::Scope},
    domain::{
        Reason,
        answer::{Answer, Refusal, Reply},
        probing::queue::CAPACITY,
        proof::{Denial, Proof},
    },
};

#[test]
fn what_waited_for_others_to_go_first_is_as_urgent_as_it_was() {
    let at = Timestamp::from_second(1_772_366_400).unwrap();
    let deferred = |reason| Some(Deferred::first(Deferral::new(reason), at));
    let (busy, failed) = (deferred(Reason::HostBusy), deferred(Reason::TimedOut));
    let fresh = |deferred| Knowledge { deferred, ..Knowledge::default() };
    let mut refused = fresh(busy);
    refused.learn(Reply::Answer(Answer::Refused(Refusal::BadCredentials)), at);
    let rows = [
        ("new", fresh(None), false, Urgency::New),
        ("new, and turned away", fresh(busy), false, Urgency::New),
        ("rotated, and turned away", fresh(busy), true, Urgency::Rotated),
        ("no answer", fresh(failed), true, Urgency::Retry),
        ("refused, and turned away", Knowledge { deferred: busy, ..refused }, false, Urgency::Confirm),
    ];
    for (name, knowledge, is_rotated, urgency) in rows {
        assert_eq!(urgency_of_identity(&knowledge, false, is_rotated), urgency, "{name}");
    }
    let proven = Proven::remembered(Proof::Denied(Denial::NotFound), at);
    let unproven = Proven { last: None, ..proven.clone() };
    let rows = [
        ("never asked", None, Urgency::New),
        ("never asked, and turned away", Some(Proven { deferred: busy, ..unproven.clone() }), Urgency::New),
        ("no answer", Some(Proven { deferred: failed, ..unproven }), Urgency::Retry),
        ("known", Some(proven.clone()), Urgency::Routine),
        ("known, and turned away", Some(Proven { deferred: busy, ..proven.clone() }), Urgency::Routine),
        ("doubted", Some(Proven { doubted: Some((Denial::NotFound, at)), ..proven }), Urgency::Confirm),
    ];
    for (name, proven, urgency) in rows {
        assert_eq!(urgency_of_proof(proven.as_ref()), urgency, "{name}");
    }
}

#[test]
fn an_answer_that_came_since_is_the_answer_to_the_question_that_was_not_taken() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let not_now = Deferred::first(Deferral::new(Reason::RateLimited), at(10));
    let rows = [
        (None, None, true),
        (Some(5), None, true),
        (Some(10), Some(10), true),
        (Some(11), None, false),
        (None, Some(11), false),
        (Some(5), Some(11), false),
        (Some(11), Some(5), false),
    ];
    for (accepted, refused, expected) in rows {
        let waits = waits_still(&not_now, accepted.map(at), refused.map(at));
        assert_eq!(waits, expected, "accepted {accepted:?}, refused {refused:?}");
    }
}

fn numbered(number: usize) -> Token {
    Token::try_from(format!("{}_{number:036}", "ghp").as_bytes()).unwrap()
}

/// Connections of several namespaces on one token, which their statuses say was accepted a moment ago.
struct World {
    ctx: Context,
    token: Token,
    reads: Arc<AtomicUsize>,
}

impl World {
    fn new() -> World {
        let world = World::unlisted();
        world.ctx.index.secrets_listed(&Scope::All);
        world
    }

    /// The same, which knows nothing of the Secrets yet.
    fn unlisted() -> World {
        let (token, reads) = (numbered(CAPACITY), Arc::new(AtomicUsize::new(0)));
        let (text, counted) = (BASE64_STANDARD.encode(token.expose()), reads.clone());
        let ctx = context(move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            let metadata = json!({ "name": "pat", "uid": "s", "resourceVersion": "1" });
            let secret = json!({ "metadata": metadata, "data": { "token": text } });
            async move { (200, secret) }
        });
        ctx.index.connections_listed(&Scope::All);
        World { ctx, token, reads }
    }

    /// The same whose Secrets are all gone.
    fn without_secret() -> World {
        let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "message": "", "code": 404 });
        let ctx = context(move |_, _| {
            let status = status.clone();
            async move { (404, status) }
        });
        ctx.index.connections_listed(&Scope::All);
        ctx.index.secrets_listed(&Scope::All);
        World { ctx, token: numbered(CAPACITY), reads: Arc::default() }
    }

    /// The connection of this namespace, and what is remembered of it.
    fn connect(&self, namespace: &str) -> (Connection, Box<Record>) {
        self.connected(namespace, Timestamp::now())
    }

    /// The same whose token was accepted then.
    fn connected(&self, namespace: &str, accepted: Timestamp) -> (Connection, Box<Record>) {
        let (key, mut status) = (ObjectKey::new(namespace, "ci"), ready("True", "Ready"));
        let accepted = accepted.to_string();
        status["token"] = json!({
            "secretName": "pat", "host": "github.com", "kind": "Classic", "hashedToken": self.token.hashed(),
            "firstProvenAt": accepted, "checkedAt": accepted,
        });
        let (mut connection, _) = connection(&key, &status);
        connection.uid = namespace.into();
        self.ctx.index.saw_connection(connection.clone());
        let (record, _) = self.ctx.records.take(&key, &connection.uid, Timestamp::now(), |_, _| {});
        (connection, record)
    }

    /// The status says that this token, which was good, is held back by an incident of the host.
    fn held(&self, connection: &mut Connection, token: &Token) -> Subject {
        let (now, hashed) = (Timestamp::now(), token.hashed());
        let (ends, before) = (now + SignedDuration::from_mins(10), now - SignedDuration::from_hours(1));
        let mut status = ready("True", "Ready");
        status["token"] = json!({ "secretName": "pat", "host": "github.com", "kind": "Classic", "hashedToken": hashed,
            "firstProvenAt": before.to_string(), "checkedAt": before.to_string() });
        status["deferral"] = json!({ "since": now.to_string(), "reason": "HostRefusesMany", "incidentEndsAt": ends.to_string() });
        connection.status = Some(serde_json::from_value::<Status>(status).unwrap().into());
        self.ctx.remember(&connection.key, connection);
        self.ctx.subject("github.com", hashed)
    }

    /// What is observed with these demands.
    async fn observe(&self, of: &mut (Connection, Box<Record>), require: Value) -> Observed {
        let spec: Spec =
            serde_json::from_value(json!({ "secretRef": { "name": "pat" }, "require": require })).unwrap();
        let (connection, record) = (&of.0, &mut *of.1);
        let ctx = &self.ctx;
        Observer { connection, spec: &spec, ctx, record, place: 0, used: 0, read: None }.observe().await
    }

    fn ask(&self, number: usize, namespace: &str) -> Asked {
        let (token, now) = (numbered(number), Timestamp::now());
        let subject = self.ctx.subject("github.com", token.hashed());
        let asker = Asker { namespace, accepted_before: true, condemned: false, account: None };
        self.ctx.prober.ask(token, &subject, Probe::Identity, Urgency::New, &asker, now)
    }

    fn reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }
}

/// Why a purpose is not known yet.
fn deferred(observed: &Observed) -> Vec<Reason> {
    observed
        .seen
        .knowledge
        .proofs
        .values()
        .filter_map(|proven| proven.deferred.map(|deferred| deferred.deferral.reason))
        .collect()
}

#[tokio::test]
async fn a_purpose_for_which_the_queue_has_no_room_costs_no_read_and_is_told_to_its_namespace_alone() {
    let world = World::new();
    let [mut ours, mut theirs] = ["team-a", "team-b"].map(|namespace| world.connect(namespace));
    for of in [&mut ours, &mut theirs] {
        world.observe(of, json!({})).await;
        assert_eq!(world.reads(), 1, "nobody has read it yet");
    }
    (0..CAPACITY).for_each(|number| assert_eq!(world.ask(number, "team-a"), Asked::Pending));
    let require = || json!({ "repositories": [{ "name": "acme/app" }, { "name": "acme/lib" }] });
    let seen = world.observe(&mut ours, require()).await;
    assert_eq!((world.reads(), deferred(&seen)), (0, vec![Reason::HostBusy; 2]));
    let due = seen.seen.proofs_due().into_iter().map(|(_, at)| at.duration_since(seen.seen.now).as_secs());
    assert!(due.clone().all(|seconds| (29..=31).contains(&seconds)), "{:?}", due.collect::<Vec<_>>());
    let since = |seen: &Observed| seen.seen.knowledge.proofs.values().find_map(|proven| proven.deferred);
    let again = world.observe(&mut ours, require()).await;
    assert_eq!((world.reads(), since(&again)), (0, since(&seen)), "it waits");

    let seen = world.observe(&mut theirs, json!({ "repositories": [{ "name": "acme/app" }] })).await;
    assert_eq!((world.reads(), deferred(&seen)), (1, Vec::new()));
    assert_eq!(seen.seen.pending_proofs, [Probe::repository("acme/app").unwrap()]);
    let seen = world.observe(&mut ours, require()).await;
    assert_eq!(deferred(&seen), [Reason::HostBusy], "the other one waits for its answer now");
}

#[tokio::test]
async fn a_token_for_which_the_queue_has_no_room_is_due_when_it_is_tried_again() {
    let world = World::new();
    (0..CAPACITY).for_each(|number| assert_eq!(world.ask(number, "team-a"), Asked::Pending));
    for (name, ago, is_known) in [("new", 0, false), ("accepted long ago", 26, true)] {
        let mut of = world.connected("team-a", Timestamp::now() - SignedDuration::from_hours(ago));
        of.0.status = of.0.status.take().filter(|_| is_known);
        let seen = world.observe(&mut of, json!({})).await.seen;
        let wait = seen.due().map(|at| at.duration_since(seen.now).as_secs());
        assert!(wait.is_some_and(|seconds| (29..=31).contains(&seconds)), "{name}: {wait:?}");
        assert_eq!(seen.waits_for_its_turn(), is_known, "{name}: what was judged is asked about first");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_judged_long_ago_keeps_its_status_for_five_minutes_while_others_go_first() {
    let world = World::new();
    (0..CAPACITY).for_each(|number| assert_eq!(world.ask(number, "team-a"), Asked::Pending));
    let mut of = world.connected("team-a", Timestamp::now() - SignedDuration::from_hours(26));
    let observed = world.observe(&mut of, json!({})).await;
    let mut on_its_way = world.observe(&mut of, json!({})).await;
    (on_its_way.seen.pending, on_its_way.seen.not_before) = (true, None);
    let mut waits = |observed: &Observed| report::awaits(&of.0, observed, &mut of.1).is_some();
    assert!(waits(&observed));
    time::advance(Duration::from_secs(299)).await;
    assert!(waits(&on_its_way) && waits(&observed), "it was let into the queue, and sent back");
    time::advance(Duration::from_secs(2)).await;
    assert!(!waits(&observed));
    assert!(waits(&on_its_way), "however long that takes");
}

#[tokio::test]
async fn a_request_whose_question_was_turned_away_while_it_waited_is_still_to_be_acted_on() {
    // Whether the question still waits, and in seconds after the request: when the token was accepted, when it was first seen, and now.
    let rows = [
        ("it waits", true, -60, 0, 2, true),
        ("turned away", false, -60, 0, 2, false),
        ("turned away within the second", false, -60, 0, 0, false),
        ("answered", false, 1, 0, 2, true),
        ("the token was replaced", false, -60, 1, 2, true),
        ("the clock was set back", false, -60, 0, -2, true),
    ];
    for (name, waits, accepted, since, now, is_handled) in rows {
        let world = World::new();
        let requested = Timestamp::now() - SignedDuration::from_secs(now);
        let at = |seconds| requested + SignedDuration::from_secs(seconds);
        let mut of = world.connected("team-a", at(accepted));
        of.0.requested = Some("now".into());
        world.observe(&mut of, json!({})).await;
        let asked = world.ctx.prober.is_pending(of.1.first.subject.as_ref().unwrap(), &Probe::Identity);
        assert!(asked && of.1.rare.handled_request.is_some(), "{name}");
        of.1.rare.asked_on_request = Some(requested.into());
        of.1.first.since = at(since).into();
        // A prober that holds no question is as one that has turned it away.
        let other = if waits { world } else { World::new() };
        let seen = other.observe(&mut of, json!({})).await.seen;
        assert_eq!(seen.pending, waits, "{name}");
        assert_eq!(of.1.rare.handled_request.is_some(), is_handled, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_nobody_vouches_for_are_read_anew() {
    let rows = [
        ("at once", "", 100, 0),
        ("a while later", "", 600, 1),
        ("a while later, and listed", "listed", 600, 0),
        ("the watch has ended since", "listed, ended", 600, 1),
        ("it was listed anew", "listed, ended, listed", 600, 0),
        ("another one had come while it was read", "listed, changed", 0, 1),
    ];
    for (name, told, pause, expected) in rows {
        let world = World::unlisted();
        let mut of = world.connect("team-a");
        let spec: Spec = serde_json::from_value(json!({ "secretRef": { "name": "pat" } })).unwrap();
        let (connection, record) = (&of.0, &mut *of.1);
        let ctx = &world.ctx;
        let mut observer = Observer { connection, spec: &spec, ctx, record, place: 0, used: 0, read: None };
        let mut observed = observer.observe().await;
        assert_eq!(world.reads(), 1, "{name}");
        let (key, mut entry) = (connection.key.beside("pat"), observer.entry("pat").unwrap());
        for told in told.split(", ").filter(|told| !told.is_empty()) {
            match told {
                "listed" => {
                    ctx.index.list_secrets(&Scope::All);
                    ctx.index.listed_secret(&Scope::All, &key, entry.clone());
                    ctx.index.secrets_listed(&Scope::All);
                }
                "ended" => ctx.index.secrets_untold(&Scope::All),
                _ => {
                    entry.version.resource_version = "2".into();
                    ctx.index.saw_secret(&key, entry.clone());
                }
            }
        }
        observer.hold(world.token.clone());
        observed.seen.bytes = None;
        tokio::time::advance(Duration::from_millis(pause)).await;
        observer.bytes(&mut observed).await;
        assert_eq!((world.reads(), observed.seen.bytes), (expected, Some(world.token.clone())), "{name}");
    }
}

#[tokio::test]
async fn a_token_that_was_replaced_or_taken_away_while_no_process_ran_is_held_back_no_longer() {
    for (name, is_there, number, is_held) in [
        ("the same", true, CAPACITY, true),
        ("replaced", true, 1, false),
        ("taken away", false, CAPACITY, false),
    ] {
        let world = if is_there { World::new() } else { World::without_secret() };
        let (mut connection, record) = world.connect("team-a");
        let before = world.held(&mut connection, &numbered(number));
        assert!(world.ctx.prober.holds_back(&before), "{name}");
        world.observe(&mut (connection, record), json!({})).await;
        assert_eq!(world.ctx.prober.holds_back(&before), is_held, "{name}");
    }
}

#[tokio::test]
async fn the_status_of_a_suspended_connection_has_no_incident_go_on() {
    for suspend in [false, true] {
        let world = World::new();
        let (mut connection, _) = world.connect("team-a");
        connection.spec = json!({ "secretRef": { "name": "pat" }, "suspend": suspend }).into();
        let before = world.held(&mut connection, &world.token);
        assert_eq!(world.ctx.prober.holds_back(&before), !suspend);
    }
}

#[tokio::test]
async fn a_good_token_that_a_status_knows_shows_whether_a_host_that_refuses_another_still_accepts_any() {
    for (name, known, is_asked) in [("good", json!(null), true), ("refused once", refused_once(), false)] {
        let world = World::new();
        let (mut connection, record) = world.connect("team-a");
        let mut status: Value = ready("True", "Ready");
        let before = Timestamp::now() - SignedDuration::from_hours(1);
        status["token"] = json!({ "secretName": "pat", "host": "github.com", "kind": "Classic",
            "hashedToken": world.token.hashed(), "firstProvenAt": before.to_string(), "checkedAt": before.to_string(),
            "refused": known });
        connection.status = Some(serde_json::from_value::<Status>(status).unwrap().into());
        world.observe(&mut (connection, record), json!({})).await;
        let subject = world.ctx.subject("github.com", world.token.hashed());
        let is_witness =
            world.ctx.prober.snapshot(&subject).is_some_and(|known| known.asked.is_none() && !known.pending);
        assert_eq!(is_witness, is_asked, "{name}");
    }
}

/// What a status remembers of one refusal.
fn refused_once() -> Value {
    let at = (Timestamp::now() - SignedDuration::from_mins(1)).to_string();
    json!({ "reason": "BadCredentials", "count": 1, "first": at, "last": at })
}
