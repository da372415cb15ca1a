use super::*;
use crate::domain::reason::Reason;
use futures::FutureExt;
use serde_json::json;

fn pod(name: &str, uid: &str, wait_for: &str) -> WaitingPod {
    serde_json::from_value(json!({
        "metadata": {
            "name": name, "namespace": "team-a", "uid": uid, "resourceVersion": wait_for.len().to_string(),
            "annotations": { "githubpat.dev/wait-for": wait_for },
        },
        "spec": { "schedulingGates": [{ "name": "githubpat.dev/token" }] },
    }))
    .unwrap()
}

fn next(gates: &Gates) -> Option<Look> {
    gates.next().now_or_never()
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_looked_at_when_it_comes_and_when_its_connection_changes_and_by_one_at_a_time() {
    let gates = Gates::default();
    gates.saw(pod("a", "1", "ci,bot"));
    let look = next(&gates).unwrap();
    let ready = Some(Readiness::Ready);
    let changed = |namespace: &str, name: &str, readiness| {
        gates.changed(&ObjectKey::new(namespace, name), readiness);
        next(&gates)
    };
    assert_eq!(changed("team-a", "ci", ready), None, "somebody looks at it");
    gates.done(&look, None);
    let mut look = next(&gates).unwrap();
    look.seen = vec![ready, None];
    gates.done(&look, None);
    gates.saw(pod("a", "1", "ci,bot"));
    for (namespace, name) in [("team-a", "other"), ("team", "ci"), ("team-a-b", "ci")] {
        assert_eq!(changed(namespace, name, None), None, "it waits for none of this name");
    }
    assert_eq!(
        (changed("team-a", "ci", ready), changed("team-a", "bot", None)),
        (None, None),
        "as they were"
    );
    let look = changed("team-a", "bot", Some(Readiness::NotReady(Reason::Suspended))).unwrap();
    gates.done(&look, None);
    gates.saw(pod("a", "1", "other"));
    let look = next(&gates).unwrap();
    assert!(look.wish.place("other").is_some() && &*look.version == "5", "another one now: {look:?}");
}

#[tokio::test(start_paused = true)]
async fn the_first_gate_that_is_lifted_where_none_could_be_has_all_pods_there_looked_at() {
    let gates = Gates::default();
    let look = || next(&gates).unwrap();
    let all = ["a", "b"].map(|name| {
        gates.saw(pod(name, "1", "ci"));
        look()
    });
    let pause = gates.refused(&all[0], "no right");
    let not_yet = gates.may_lift(&all[1]).unwrap_err();
    assert_eq!(not_yet, NotYet { cause: "no right".into(), pause });
    gates.done(&all[0], Some(pause));
    gates.done(&all[1], Some(Duration::from_secs(60)));
    tokio::time::advance(pause).await;
    let first = look();
    assert_eq!((first.key.name(), gates.may_lift(&first)), ("a", Ok(())));
    gates.lifted(&first);
    assert_eq!(look().key.name(), "b");
    assert_eq!(next(&gates), None, "the first one waits no more");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_known_here_is_asked_about_once_in_a_pause() {
    let gates = Gates::default();
    let key = ObjectKey::new("team-a", "ci");
    assert_eq!(gates.is_elsewhere(&key), None);
    gates.keep_elsewhere(key.clone(), true);
    assert_eq!(gates.is_elsewhere(&key), Some(true));
    tokio::time::advance(BELIEVED).await;
    assert_eq!(gates.is_elsewhere(&key), None);
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_looked_at_again_after_the_pause_and_remembers_what_was_told() {
    let gates = Gates::default();
    gates.saw(pod("a", "1", "ci"));
    let mut look = next(&gates).unwrap();
    look.told.tell("why", 0);
    look.failures = 3;
    gates.done(&look, Some(Duration::from_secs(5)));
    assert_eq!(next(&gates), None);
    let begun = Instant::now();
    assert_eq!(gates.next().await, look);
    assert_eq!(begun.elapsed().as_secs(), 5);
    // Another Pod of the same name is none that anybody knows.
    gates.saw(pod("a", "2", "ci"));
    gates.done(&look, None);
    let other = next(&gates).unwrap();
    assert_eq!((&*other.uid, other.told, other.failures), ("2", Told::default(), 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_or_waits_no_more_is_looked_at_no_more() {
    let gates = Gates::default();
    let all = Scope::All;
    for name in ["a", "b", "c"] {
        gates.saw(pod(name, "1", "ci"));
    }
    gates.list(&all);
    gates.saw(pod("b", "1", "ci"));
    gates.saw(pod("c", "1", "ci"));
    gates.listed(&all);
    let mut lifted = pod("b", "1", "ci");
    lifted.waits = false;
    gates.saw(lifted);
    gates.lost(&ObjectKey::new("team-a", "c"), "other");
    assert_eq!(next(&gates).unwrap().key.name(), "c");
    gates.lost(&ObjectKey::new("team-a", "c"), "1");
    gates.changed(&ObjectKey::new("team-a", "ci"), Some(Readiness::Ready));
    assert_eq!(next(&gates), None);
}
