use std::sync::{Arc, Mutex};

use arcstr::ArcStr;
use futures::FutureExt;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{
        finish, tell,
        tests::{connection, ready, telling},
    },
    *,
};
use crate::cluster::object::ObjectKey;

fn failed(code: u16) -> (u16, Value) {
    (code, json!({ "kind": "Status", "status": "Failure", "reason": "x", "code": code, "message": "" }))
}

#[tokio::test(start_paused = true)]
async fn what_a_status_says_is_derived_again_unless_the_api_server_told_what_became_of_it() {
    let key = ObjectKey::new("team-a", "ci");
    let (known, before) = connection(&key, &ready("True", "Ready"));
    let (_, next) = connection(&key, &ready("False", "BadCredentials"));
    for (answer, expected) in [(None, true), (Some(500), true), (Some(422), false), (Some(403), false)] {
        let ctx = telling(move |_, _| async move {
            match answer {
                Some(code) => failed(code),
                None => std::future::pending().await,
            }
        });
        let (mut record, _) = ctx.records.take(&key, &ArcStr::from("u"), Timestamp::now(), |_, _| {});
        let written = write(&known, Some(&before), &next, &mut record, &ctx);
        // A reconcile that takes too long is cut wherever it is.
        let _ = tokio::time::timeout(Duration::from_secs(1), written).await;
        let sink = ctx.sinks.each().next().unwrap();
        assert_eq!(sink.left_out().now_or_never().is_some(), expected, "{answer:?}");
    }
}

#[tokio::test]
async fn what_was_asked_for_meanwhile_is_learned_before_the_status_is_written() {
    let key = ObjectKey::new("team-a", "ci");
    let status = ready("True", "Ready");
    let (known, _) = connection(&key, &status);
    let rows = [
        (json!({}), false),
        (json!({ "annotations": { "githubpat.dev/requestedAt": "now" } }), true),
        (json!({ "deletionTimestamp": "2026-03-01T12:00:00Z", "finalizers": ["foregroundDeletion"] }), true),
        (json!({ "generation": 2 }), true),
    ];
    for (change, is_news) in rows {
        let mut metadata = json!({
            "name": "ci", "namespace": "team-a", "uid": "u", "generation": 1, "resourceVersion": "2",
            "labels": { "team": "infra" },
        });
        change.as_object().unwrap().iter().for_each(|(field, value)| metadata[field] = value.clone());
        let spec = json!({ "secretRef": { "name": "pat" } });
        let object = json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "metadata": metadata,
            "spec": spec, "status": status,
        });
        let ctx = telling(move |_, _| {
            let object = object.clone();
            async move { (200, object) }
        });
        ctx.index.saw_connection(known.clone());
        let seen = live(&known, &ctx).await;
        let is_again = matches!(seen, Err(Next::After(Duration::ZERO)));
        assert_eq!((seen.is_ok(), is_again), (!is_news, is_news), "{change}");
        let now = ctx.index.connection(&key).unwrap();
        assert_eq!(now.resource_version == known.resource_version, !is_news, "{change}: it is known by then");
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_whose_answer_was_lost_is_no_change_by_somebody_else() {
    let key = ObjectKey::new("team-a", "ci");
    let (known, before) = connection(&key, &ready("True", "Ready"));
    let (changed, next) = connection(&key, &ready("False", "BadCredentials"));
    // What came of the write before, where that is not known either, stays unknown whatever becomes of this one.
    let rows =
        [(None, false, false), (Some(500), false, false), (Some(422), false, true), (Some(429), true, false)];
    for (answer, is_unsure, is_of_others) in rows {
        let ctx = telling(move |_, _| async move {
            match answer {
                Some(code) => failed(code),
                None => std::future::pending().await,
            }
        });
        let (mut record, _) = ctx.records.take(&key, &ArcStr::from("u"), Timestamp::now(), |_, _| {});
        let fingerprint = known.status.as_ref().unwrap().fingerprint();
        record.written = Some(Written { fingerprint, generation: 1, is_unsure });
        let written = write(&known, Some(&before), &next, &mut record, &ctx);
        let _ = tokio::time::timeout(Duration::from_secs(1), written).await;
        may_write(&changed, &mut record).unwrap();
        assert_eq!(record.rare.contentions.get(STATUS).is_some(), is_of_others, "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_incident_of_a_connection_that_was_deleted_meanwhile_ends() {
    let key = ObjectKey::new("team-a", "ci");
    let (first, before) = connection(&key, &ready("True", "Ready"));
    let (_, refused) = connection(&key, &ready("False", "BadCredentials"));
    let (_, lacking) = connection(&key, &ready("False", "ScopeMissing"));
    let ctx = telling(|_, _| async { failed(500) });
    let waiting = || ctx.sinks.each().next().unwrap().waiting().0;
    ctx.index.saw_connection(first.clone());
    tell::tell(&first, Some(&before), &refused, &ctx);
    assert_eq!(waiting(), 1);
    // Nobody has heard of the deletion between the two.
    let second = Connection { uid: "v".into(), ..first };
    ctx.index.saw_connection(second.clone());
    tell::tell(&second, Some(&before), &refused, &ctx);
    assert_eq!(waiting(), 3, "the end of the first, and the begin of the second");
    // The second is deleted while its status is written. With a selector it may have other labels instead, which is read first.
    ctx.index.lost_connection(&key, "v");
    tell::tell(&second, Some(&refused), &lacking, &ctx);
    ctx.queue.open();
    let woken = tokio::time::timeout(Duration::from_secs(1), ctx.queue.next()).await;
    assert!(woken.is_ok(), "it is looked after");
}

#[tokio::test(start_paused = true)]
async fn while_something_is_under_way_at_the_end_nobody_says_that_all_is_told() {
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    let before = now - SignedDuration::from_secs(10);
    for is_under_way in [true, false] {
        let kept = Arc::new(Mutex::new(0));
        let keeps = kept.clone();
        let ctx = telling(move |method, _| {
            *keeps.lock().unwrap() += usize::from(method == "PATCH");
            async move { (200, json!({ "data": { "all": before.to_string() } })) }
        });
        // It has been told everything by now, but for what is under way.
        ctx.sinks.fill(0, Vec::new(), Some(now), now);
        ctx.lead();
        if is_under_way {
            ctx.queue.wake(&ObjectKey::new("team-a", "ci"), super::super::Priority::Changed);
            ctx.queue.open();
            let _ = ctx.queue.next().await;
        }
        finish(&ctx).await;
        assert_eq!(*kept.lock().unwrap(), usize::from(!is_under_way));
    }
}
