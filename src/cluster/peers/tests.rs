use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

const TERMS: Terms = Terms {
    lease_duration: Duration::from_secs(15),
    renew_deadline: Duration::from_secs(10),
    retry_period: Duration::from_secs(2),
};

/// The first of two shards, and the Leases that it finds.
fn peers() -> (Peers, Arc<Mutex<Vec<Value>>>) {
    let leases = Arc::new(Mutex::new(Vec::new()));
    let stand = leases.clone();
    let server = tower::service_fn(move |_: Request<Body>| {
        let list = json!({ "metadata": {}, "items": *stand.lock().unwrap() });
        let body = Body::from(list.to_string().into_bytes());
        async move { Ok::<_, std::io::Error>(Response::new(body)) }
    });
    let shard = "0/2".parse().unwrap();
    (Peers::new(Client::new(server, "ns"), "ns", "a-0", shard, TERMS), leases)
}

/// A Lease that somebody holds who counts so many shards.
fn lease(name: &str, shards: u16, version: &str) -> Value {
    json!({
        "metadata": {
            "name": name, "uid": "u", "resourceVersion": version,
            "annotations": { SHARDS: shards.to_string() },
        },
        "spec": { "holderIdentity": "b", "leaseDurationSeconds": 15, "renewTime": version },
    })
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_held_and_is_missing_is_held_for_as_long_as_its_leader_may_count_on_it() {
    let (mut peers, leases) = peers();
    assert!(peers.is_alone().await, "there is none");
    leases.lock().unwrap().push(lease("a-2", 3, "1"));
    assert!(!peers.is_alone().await, "held by one that counts three shards");

    leases.lock().unwrap().clear();
    assert!(!peers.is_alone().await, "its leader has not heard that it was deleted");
    time::advance(TERMS.retry_period).await;
    leases.lock().unwrap().push(lease("a-2", 3, "2"));
    assert!(!peers.is_alone().await, "and writes it again");

    leases.lock().unwrap().clear();
    let begun = Instant::now();
    peers.until_alone().await;
    assert!(begun.elapsed() >= TERMS.lease_duration, "{:?}", begun.elapsed());
    assert!(peers.is_alone().await, "it stays missing");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_a_shard_of_the_same_number_has_taken_over_is_waited_for_no_more() {
    let (mut peers, leases) = peers();
    leases.lock().unwrap().push(lease("a-1", 3, "1"));
    assert!(!peers.is_alone().await);
    *leases.lock().unwrap() = vec![lease("a-1", 2, "2")];
    assert!(peers.is_alone().await);
}
