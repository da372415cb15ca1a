//! What a watch leaves of what is known, by what the API server answers.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use axum::{body::Body, http};
use futures::stream;
use kube::Client;

use super::*;

const EXPIRED: &str = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 1 (2)","reason":"Expired","code":410}}"#;
const BOOKMARK: &str = r#"{"type":"BOOKMARK","object":{"kind":"GithubPatConnection","apiVersion":"githubpat.dev/v1alpha1","metadata":{"resourceVersion":"7"}}}"#;

#[tokio::test]
async fn what_an_api_server_no_longer_knows_is_not_called_live_and_what_it_follows_is() {
    let rows = [("expired", EXPIRED, true), ("a bookmark", BOOKMARK, false), ("nothing new", "", false)];
    for (row, event, is_gone) in rows {
        let answers = tower::service_fn(move |_: http::Request<kube::client::Body>| async move {
            Ok::<_, Infallible>(http::Response::new(Body::from(format!("{event}\n"))))
        });
        let api: Api<Guarded> = Api::all(Client::new(answers, "default"));
        let mirror = Mirror::new(Scope::All);
        mirror.say(Some("the API server was away".to_owned()));
        let mut version = "1".to_owned();
        let watched = mirror.watch(&api, &mut version).await;
        assert_eq!(matches!(watched, Err(Broken::Gone)), is_gone, "{row}: {watched:?}");
        assert_eq!(mirror.problem().is_some(), is_gone, "{row}");
        assert_eq!(mirror.state().heard_at.is_none(), is_gone, "{row}: nothing was heard since");
        assert_eq!(version, if row == "a bookmark" { "7" } else { "1" }, "{row}");
    }
}

#[test]
fn a_user_who_may_look_everywhere_again_waits_for_the_list_and_loses_nothing_by_it() {
    let mirror = Mirror::new(Scope::All);
    let of_one = || mirror.version("team-a", "ci");
    let (before, one_before) = (mirror.snapshot().version, of_one());
    mirror.narrow("team-a");
    let (narrow, one_narrow) = (mirror.snapshot(), of_one());
    assert_eq!((narrow.scope, narrow.is_listed), (Scope::Allowed("team-a".to_owned()), false));
    mirror.say(Some("you may not watch connections".to_owned()));
    let one_broken = of_one();
    mirror.widen();
    let wide = mirror.snapshot();
    assert_eq!((wide.scope, wide.is_listed, wide.problem), (Scope::All, false, None));
    assert!(wide.version > narrow.version && narrow.version > before, "open pages are told");
    let versions = [one_before, one_narrow, one_broken, of_one()];
    assert!(versions.windows(2).all(|pair| pair[0] != pair[1]), "those of one connection too: {versions:?}");
}

const FORBIDDEN: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"no","reason":"Forbidden","code":403}"#;
const NONE: &str = r#"{"kind":"GithubPatConnectionList","apiVersion":"githubpat.dev/v1alpha1","metadata":{"resourceVersion":"1"},"items":[]}"#;

/// A watch that brings a bookmark, and ends in time unless nothing comes through any more.
fn watched(is_silent: Arc<AtomicBool>) -> Body {
    let end = async move {
        sleep(Duration::from_secs(u64::from(WATCH))).await;
        if is_silent.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
    };
    let line = stream::once(async { Ok::<_, Infallible>(format!("{BOOKMARK}\n")) });
    Body::from_stream(line.chain(stream::once(end).filter_map(async |()| None)))
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_in_time_to_who_sees_one_namespace_also_while_it_is_asked_what_they_may() {
    let is_silent = Arc::new(AtomicBool::new(false));
    let (fell, mut silence) = watch::channel(());
    let silent = is_silent.clone();
    let answers = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (address, is_silent, fell) = (request.uri().to_string(), is_silent.clone(), fell.clone());
        async move {
            if address.contains("selfsubjectaccessreviews") && !is_silent.swap(true, Ordering::SeqCst) {
                fell.send_replace(());
            }
            if is_silent.load(Ordering::SeqCst) {
                pending::<()>().await;
            }
            let (code, body) = match address.as_str() {
                all if !all.contains("/namespaces/") => (403, Body::from(FORBIDDEN)),
                watch if watch.contains("watch=") => (200, watched(is_silent)),
                _ => (200, Body::from(NONE)),
            };
            let mut answer = http::Response::new(body);
            *answer.status_mut() = http::StatusCode::from_u16(code).unwrap();
            Ok::<_, Infallible>(answer)
        }
    });
    let (mirror, cluster) = (Mirror::new(Scope::All), Cluster::behind(Client::new(answers, "team-a")));
    let told = async {
        silence.changed().await.unwrap();
        let (begun, mut changed) = (tokio::time::Instant::now(), mirror.subscribe());
        assert_eq!(mirror.problem(), None, "it was live until then");
        while mirror.problem().is_none() {
            changed.changed().await.unwrap();
        }
        begun.elapsed()
    };
    let took = tokio::select! {
        () = mirror.follow(&cluster) => None,
        took = told => Some(took),
    };
    assert!(took.is_some_and(|took| took <= Duration::from_secs(20)), "{took:?}");
    let problem = mirror.problem().unwrap().message;
    assert!(silent.load(Ordering::SeqCst) && problem.contains("did not answer in time"), "{problem}");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_at_once_is_begun_anew_twice_a_second_at_most() {
    let count = Arc::new(AtomicU32::new(0));
    let asked = count.clone();
    let answers = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let is_watch = request.uri().to_string().contains("watch=");
        assert!(asked.fetch_add(u32::from(is_watch), Ordering::SeqCst) < 100, "it never rests");
        async move { Ok::<_, Infallible>(http::Response::new(Body::from(if is_watch { "" } else { NONE }))) }
    });
    let (mirror, cluster) = (Mirror::new(Scope::All), Cluster::behind(Client::new(answers, "team-a")));
    let followed = timeout(Duration::from_secs(10), mirror.follow(&cluster)).await;
    let count = count.load(Ordering::SeqCst);
    assert!(followed.is_err() && (15..=21).contains(&count), "{count}");
}
