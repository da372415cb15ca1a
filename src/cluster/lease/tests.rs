use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use http::{Method, Request, Response};
use kube::client::Body;

use super::*;

#[test]
fn whatever_stands_in_a_lease_is_read() {
    let at = "9999-12-31T23:59:59.999999Z";
    let rows = [
        (json!({}), (None, None, None)),
        (json!({ "spec": null }), (None, None, None)),
        (json!({ "spec": { "holderIdentity": "", "leaseDurationSeconds": 1 } }), (None, Some(1), None)),
        (
            json!({ "spec": { "holderIdentity": "a", "leaseDurationSeconds": i32::MAX, "renewTime": at } }),
            (Some("a"), Some(i32::MAX), Some(at)),
        ),
        (
            json!({ "spec": { "holderIdentity": 1, "leaseDurationSeconds": 1e300, "renewTime": {} } }),
            (None, None, None),
        ),
    ];
    for (mut lease, (holder, seconds, renewed)) in rows {
        lease["metadata"] = json!({ "name": "a", "uid": "u", "resourceVersion": "7" });
        let expected = ElectionRecord {
            version: ("u".to_owned(), "7".to_owned()),
            holder: holder.map(str::to_owned),
            seconds,
            renewed: renewed.map(str::to_owned),
        };
        assert_eq!(record(&serde_json::from_value(lease.clone()).unwrap()), expected, "{lease}");
    }
}

#[test]
fn each_process_is_another_replica() {
    let (one, other) = (identity(), identity());
    assert_ne!(one, other);
    assert_eq!(one.rsplit_once('_').unwrap().0, other.rsplit_once('_').unwrap().0, "on the same machine");
}

const TERMS: Terms = Terms {
    lease_duration: Duration::from_secs(15),
    renew_deadline: Duration::from_secs(10),
    retry_period: Duration::from_secs(2),
};
/// When a Lease that nobody has seen is taken: at the first look after its duration, where it cannot be watched.
const FIRST: Duration = Duration::from_secs(16);

/// An API server with one Lease, which may be watched by nobody.
#[derive(Default)]
struct Server {
    lease: Mutex<Option<Value>>,
    written: AtomicUsize,
    asked: AtomicUsize,
    /// So many writes take effect and are not answered.
    mute: AtomicUsize,
    /// Whether reads are not answered.
    is_unread: AtomicBool,
    /// Whether the process is stopped until the next write is answered, and for how long.
    stop: Mutex<Option<Duration>>,
}

impl Server {
    fn elector(self: &Arc<Self>) -> (Elector, Arc<Fence>) {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, std::io::Error>(server.answer(request).await) }
        });
        let fence = Fence::new(TERMS.write_deadline(DEADLINE));
        (Elector::new(Client::new(service, "ns"), "ns", "a", None, TERMS, fence.clone()), fence)
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (is_read, is_new) = (request.method() == Method::GET, request.method() == Method::POST);
        if request.uri().query().is_some_and(|query| query.contains("watch=")) {
            return refused(403, "Forbidden");
        }
        let body = request.into_body().collect_bytes().await.unwrap();
        if is_read {
            if self.is_unread.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            let lease = self.lease.lock().unwrap().clone();
            return lease.map_or_else(|| refused(404, "NotFound"), |lease| answered(200, &lease));
        }
        let mut lease: Value = serde_json::from_slice(&body).unwrap();
        {
            let mut stands = self.lease.lock().unwrap();
            match stands.as_ref() {
                Some(_) if is_new => return refused(409, "AlreadyExists"),
                None if !is_new => return refused(404, "NotFound"),
                Some(stands)
                    if stands["metadata"]["resourceVersion"] != lease["metadata"]["resourceVersion"] =>
                {
                    return refused(409, "Conflict");
                }
                _ => {}
            }
            let version = self.written.fetch_add(1, Ordering::Relaxed).to_string();
            lease["metadata"]["resourceVersion"] = json!(version);
            *stands = Some(lease.clone());
        }
        let is_muted =
            self.mute.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |mute| mute.checked_sub(1));
        if is_muted.is_ok() {
            std::future::pending::<()>().await;
        }
        let stop = self.stop.lock().unwrap().take();
        if let Some(stop) = stop {
            time::advance(stop).await;
        }
        answered(200, &lease)
    }

    fn holder(&self) -> String {
        self.lease.lock().unwrap().as_ref().unwrap()["spec"]["holderIdentity"].as_str().unwrap().to_owned()
    }
}

fn answered(code: u16, body: &Value) -> Response<Body> {
    Response::builder().status(code).body(Body::from(body.to_string().into_bytes())).unwrap()
}

fn refused(code: u16, reason: &str) -> Response<Body> {
    answered(
        code,
        &json!({ "kind": "Status", "status": "Failure", "message": "no", "reason": reason, "code": code }),
    )
}

#[tokio::test(start_paused = true)]
async fn of_two_replicas_one_leads_and_the_other_follows_it_also_where_it_may_not_watch() {
    let server = Arc::new(Server::default());
    let [(mut one, of_one), (mut other, of_other)] = [server.elector(), server.elector()];
    let begun = Instant::now();
    tokio::select! {
        () = one.acquire(std::future::ready(())) => {}
        () = other.acquire(std::future::ready(())) => std::mem::swap(&mut one, &mut other),
    }
    assert_eq!(begun.elapsed(), FIRST, "a Lease that nobody has seen");
    assert_eq!(server.holder(), one.identity);
    let waiting =
        async { time::timeout(Duration::from_secs(600), other.acquire(std::future::ready(()))).await };
    tokio::select! {
        lost = one.keep() => panic!("{lost}"),
        waited = waiting => assert!(waited.is_err(), "it waits as long as the other one leads"),
    }
    assert_ne!(of_one.is_open(), of_other.is_open(), "one of them writes");
    one.release().await.unwrap();
    assert_eq!(server.holder(), "");
    let begun = Instant::now();
    other.acquire(std::future::ready(())).await;
    assert_eq!((server.holder(), begun.elapsed()), (other.identity.clone(), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_lease_whose_answer_was_lost_is_found_to_be_ours() {
    let server = Arc::new(Server::default());
    server.mute.store(1, Ordering::Relaxed);
    let (mut elector, fence) = server.elector();
    let begun = Instant::now();
    elector.acquire(std::future::ready(())).await;
    let since = begun.elapsed().saturating_sub(FIRST);
    assert!(since < Duration::from_secs(11) && fence.is_open(), "{since:?}");
    // So is one that was renewed.
    server.mute.store(1, Ordering::Relaxed);
    let kept = time::timeout(Duration::from_secs(60), elector.keep()).await;
    assert!(kept.is_err() && fence.is_open());
}

#[tokio::test(start_paused = true)]
async fn who_is_stopped_gives_back_what_it_took_and_asks_nothing_if_it_took_nothing() {
    let server = Arc::new(Server::default());
    let (mut elector, _) = server.elector();
    elector.release().await.unwrap();
    assert_eq!(server.asked.load(Ordering::Relaxed), 0, "it never tried");

    server.mute.store(1, Ordering::Relaxed);
    let soon_after = FIRST.saturating_add(Duration::from_secs(1));
    let cut = time::timeout(soon_after, elector.acquire(std::future::ready(()))).await;
    assert!(cut.is_err() && server.holder() == elector.identity, "it holds the Lease and does not know it");
    elector.release().await.unwrap();
    assert_eq!(server.holder(), "");
}

#[tokio::test(start_paused = true)]
async fn who_is_stopped_while_it_looks_at_a_lease_that_others_changed_gives_it_back() {
    let server = Arc::new(Server::default());
    let (mut elector, _) = server.elector();
    elector.acquire(std::future::ready(())).await;
    server.lease.lock().unwrap().as_mut().unwrap()["metadata"]["resourceVersion"] = json!("edited");
    server.is_unread.store(true, Ordering::Relaxed);
    let cut = time::timeout(Duration::from_secs(3), elector.keep()).await;
    assert!(cut.is_err(), "a second after the renewal was due");
    server.is_unread.store(false, Ordering::Relaxed);
    elector.release().await.unwrap();
    assert_eq!(server.holder(), "");
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_not_taken_before_everything_is_listed() {
    let server = Arc::new(Server::default());
    let (mut elector, _) = server.elector();
    let begun = Instant::now();
    elector.acquire(time::sleep(Duration::from_secs(20))).await;
    assert!(begun.elapsed() >= Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_heard_of_too_late_does_not_go_on_with_a_fence_that_was_closed() {
    let server = Arc::new(Server::default());
    let (mut elector, fence) = server.elector();
    elector.acquire(std::future::ready(())).await;
    // The renewal is due two seconds after the last one. As after SIGSTOP and SIGCONT, the answer and the deadline are there at once.
    *server.stop.lock().unwrap() = Some(Duration::from_millis(8_001));
    let (kept, worked) = tokio::join!(
        time::timeout(Duration::from_secs(600), elector.keep()),
        fence.while_open(async {
            loop {
                time::sleep(Duration::from_secs(1)).await
            }
        }),
    );
    assert_eq!((kept, worked), (Ok(Lost::NotRenewed(TERMS.renew_deadline)), None::<()>));
    assert!(!fence.is_open(), "it writes nothing more");
}

#[tokio::test(start_paused = true)]
async fn how_long_the_api_server_had_is_told_as_it_was() {
    let server = Arc::new(Server::default());
    server.is_unread.store(true, Ordering::Relaxed);
    for (renew_deadline, expected) in [(3, "1.5 s"), (4, "2 s"), (10, "5 s"), (60, "5 s")] {
        let (mut elector, _) = server.elector();
        elector.terms.renew_deadline = Duration::from_secs(renew_deadline);
        let told = elector.look().await.unwrap_err().to_string();
        assert_eq!(told, format!("the API server did not answer within {expected}"));
    }
}
