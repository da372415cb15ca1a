#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Response;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};

use super::*;
use crate::cluster::transport::transport;

const WRITE: Duration = Duration::from_secs(5);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// An API server that answers after so long, the requests that reached it, and a client whose writes pass the fence.
fn fenced(fence: &Arc<Fence>, latency: Duration) -> (Api<ConfigMap>, Arc<AtomicUsize>) {
    let reached = Arc::new(AtomicUsize::new(0));
    let counted = reached.clone();
    let server = tower::service_fn(move |_: Request<Body>| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            time::sleep(latency).await;
            let body = r#"{ "metadata": { "name": "a" } }"#.as_bytes().to_vec();
            Ok::<_, std::io::Error>(Response::new(Body::from(body)))
        }
    });
    let client = Client::new(fence.around(transport(server)), "ns");
    (Api::namespaced(client, "ns"), reached)
}

#[tokio::test(start_paused = true)]
async fn whatever_writes_is_sent_only_while_the_lease_outlives_its_deadline() {
    let fence = Fence::new(WRITE);
    let (api, reached) = fenced(&fence, Duration::ZERO);
    let write = async || {
        let object = ConfigMap::default();
        let merge = Patch::Merge(serde_json::json!({}));
        let written = [
            api.create(&PostParams::default(), &object).await.is_ok(),
            api.replace("a", &PostParams::default(), &object).await.is_ok(),
            api.patch("a", &PatchParams::default(), &merge).await.is_ok(),
            api.delete("a", &DeleteParams::default()).await.is_ok(),
        ];
        assert!(api.get("a").await.is_ok(), "who does not lead reads");
        assert!(written.iter().all(|one| *one == written[0]), "{written:?}");
        written[0]
    };
    assert!(!write().await, "nobody leads at first");
    fence.open(Instant::now() + seconds(15));
    assert!(write().await);
    time::advance(seconds(10)).await;
    assert!(write().await, "five seconds are left");
    time::advance(Duration::from_millis(1)).await;
    assert!(!write().await, "a millisecond less is too little");
    fence.open(Instant::now() + seconds(15));
    assert!(write().await, "renewed");
    fence.close();
    assert!(!write().await);
    assert_eq!(reached.load(Ordering::Relaxed), 6 + 3 * 4);
}

#[tokio::test(start_paused = true)]
async fn a_write_is_waited_for_no_longer_than_its_deadline() {
    let fence = Fence::new(WRITE);
    fence.open(Instant::now() + seconds(60));
    let (api, _) = fenced(&fence, seconds(3600));
    let begun = Instant::now();
    let error = api.delete("a", &DeleteParams::default()).await.unwrap_err();
    assert_eq!(begun.elapsed(), WRITE);
    assert!(matches!(error, kube::Error::Service(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_not_sent_by_its_deadline_is_not_sent_later() {
    let fence = Fence::new(WRITE);
    fence.open(Instant::now() + seconds(60));
    // A connection to the API server, which a write has to wait for.
    let (connected, sent) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (ready, counted) = (connected.clone(), sent.clone());
    let server = tower::service_fn(move |_: Request<Body>| {
        let (ready, counted) = (ready.clone(), counted.clone());
        async move {
            ready.notified().await;
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Response::new(Body::from(b"{}".to_vec())))
        }
    });
    let api: Api<ConfigMap> = Api::namespaced(Client::new(fence.around(transport(server)), "ns"), "ns");
    let continued = async {
        time::sleep(seconds(1)).await;
        // As after SIGSTOP and SIGCONT: it can be sent, and its time is over, at one instant.
        connected.notify_one();
        time::advance(WRITE).await;
    };
    let params = DeleteParams::default();
    let (written, ()) = tokio::join!(api.delete("a", &params), continued);
    assert!(matches!(written, Err(kube::Error::Service(_))), "{written:?}");
    assert_eq!(sent.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_given_back_only_when_no_write_can_take_effect_any_more() {
    let fence = Fence::new(WRITE);
    let begun = Instant::now();
    fence.settled().await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "nothing was written");

    fence.open(begun + seconds(60));
    let (api, _) = fenced(&fence, seconds(2));
    let write = async || api.delete("a", &DeleteParams::default()).await.map(drop);
    tokio::join!(write(), fence.settled()).0.unwrap();
    assert_eq!(begun.elapsed(), seconds(2), "answered");

    assert!(time::timeout(seconds(1), write()).await.is_err(), "cut");
    fence.settled().await;
    assert_eq!(begun.elapsed(), seconds(2) + WRITE, "the deadline of the write that nobody waited for");
}

#[tokio::test(start_paused = true)]
async fn work_ends_where_it_stands_when_the_lease_is_over() {
    let fence = Fence::new(WRITE);
    assert_eq!(fence.while_open(async { 1 }).await, None, "it does not begin");
    fence.open(Instant::now() + seconds(15));
    assert_eq!(fence.while_open(async { 1 }).await, Some(1));
    let worked = AtomicUsize::new(0);
    let work = async {
        loop {
            worked.fetch_add(1, Ordering::Relaxed);
            time::sleep(seconds(4)).await;
        }
    };
    assert_eq!(fence.while_open(work).await, None::<()>);
    assert_eq!(worked.load(Ordering::Relaxed), 3, "at 0, 4 and 8 seconds, not at 12");
}
