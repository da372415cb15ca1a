use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    super::{
        DEADLINE,
        observe::Observer,
        reconcile,
        tests::{connection, context, hearing, ready},
        watched::UNTOLD,
    },
    *,
};
use crate::{
    api::GithubPatConnectionSpec as Spec,
    cluster::{index::Index, scope::Scope},
    domain::{
        decide::decide,
        format::Format,
        output::{Output, Payload},
        token::Token,
        version::Version,
    },
};

fn source(token: &Token) -> Value {
    let metadata = json!({ "name": "pat", "namespace": "team-a", "uid": "s", "resourceVersion": "1" });
    json!({ "metadata": metadata, "data": { "token": BASE64_STANDARD.encode(token.expose()) } })
}

/// How many outputs stand after a connection whose token is proven had those of these names to write, and the pause until it is
/// reconciled again.
async fn acted(ctx: &Context, token: &Token, outputs: &[&str]) -> (usize, Option<Duration>) {
    let now = Timestamp::now().to_string();
    let mut status = ready("True", "Ready");
    status["token"] = json!({
        "secretName": "pat", "host": "github.com", "kind": "Classic", "hashedToken": token.hashed(),
        "firstProvenAt": now, "checkedAt": now, "login": "acme-ci", "userId": 1, "scopes": [],
    });
    let (connection, _) = connection(&ObjectKey::new("team-a", "ci"), &status);
    ctx.index.saw_connection(connection.clone());
    let publish: Vec<_> =
        outputs.iter().map(|name| json!({ "secretName": name, "format": "Opaque" })).collect();
    let spec: Spec =
        serde_json::from_value(json!({ "secretRef": { "name": "pat" }, "publish": publish })).unwrap();
    let (mut record, _) = ctx.records.take(&connection.key, &connection.uid, Timestamp::now(), |_, _| {});
    let (connection, spec) = (&connection, &spec);
    let mut observer = Observer { connection, spec, ctx, record: &mut record, place: 0, used: 0, read: None };
    let mut observed = observer.observe().await;
    observer.complete(&mut observed, true, &[]).await;
    let decision = decide(&observed.seen);
    assert_eq!(decision.changes.len(), outputs.len());
    let outcomes = act(&decision, &observed, connection, &mut record, ctx).await;
    (outcomes.stands.iter().filter(|(_, stand)| *stand == Stand::Wanted).count(), outcomes.pause)
}

#[tokio::test]
async fn an_output_that_is_there_again_after_etcd_went_back_is_not_created_again_and_again() {
    // Whether it was told that it is gone, and whether it stands before it is created: the first list was a moment old.
    for (was_lost, is_unlisted) in [(false, false), (true, false), (false, true)] {
        let token = Token::try_from(format!("{}_{:036}", "ghp", 1).as_bytes()).unwrap();
        let text = source(&token);
        let out = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": {
            "name": "out", "namespace": "team-a", "uid": "o", "resourceVersion": "7",
            "labels": { "githubpat.dev/connection-uid": "u" },
            "ownerReferences": [{
                "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "name": "ci", "uid": "u",
                "controller": true,
            }],
        } });
        let status = |code: u16, reason: &str| json!({ "kind": "Status", "status": "Failure", "reason": reason, "code": code, "message": "" });
        let (created, stands) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(was_lost || is_unlisted)));
        let (counted, is_there) = (created.clone(), stands.clone());
        let ctx = context(move |method, path| {
            let answer = match method.as_str() {
                "POST" => {
                    *counted.lock().unwrap() += 1;
                    *is_there.lock().unwrap() = true;
                    (409, status(409, "AlreadyExists"))
                }
                _ if path.ends_with("/pat") => (200, text.clone()),
                // It comes back after it was looked for.
                _ if path.ends_with("/out") && *is_there.lock().unwrap() => (200, out.clone()),
                _ => (404, status(404, "NotFound")),
            };
            async move { answer }
        });
        ctx.index.connections_listed(&Scope::All);
        ctx.index.secrets_listed(&Scope::All);
        let (known, _) = connection(&ObjectKey::new("team-a", "ci"), &ready("True", "Ready"));
        ctx.index.saw_connection(known);
        if was_lost {
            let key = ObjectKey::new("team-a", "out");
            let stood = secrets::read_meta(&ctx.client, &key).await.unwrap().unwrap();
            ctx.index.saw_secret(&key, stood);
            ctx.index.lost_secret(&key, &"o".into());
            *stands.lock().unwrap() = false;
        }
        let (_, pause) = acted(&ctx, &token, &["out"]).await;
        let expected = if was_lost { WHILE_UNLISTED } else { Duration::ZERO };
        let creations = usize::from(!is_unlisted);
        let seen = (*created.lock().unwrap(), pause);
        assert_eq!(
            seen,
            (creations, Some(expected)),
            "lost before: {was_lost}, not listed yet: {is_unlisted}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_source_holds_no_more_is_written_to_no_further_output() {
    // Whether the Secrets are listed, and what changes: nothing, a label of the source, or its token.
    let rows = [
        (true, false, false),
        (true, true, false),
        (true, true, true),
        (false, false, false),
        (false, true, false),
        (false, true, true),
    ];
    for (is_listed, is_changed, is_other) in rows {
        let token = Token::try_from(format!("{}_{:036}", "ghp", 1).as_bytes()).unwrap();
        let (index, created) = (Arc::new(OnceLock::<Arc<Index>>::new()), Arc::new(Mutex::new(0)));
        let (known, counted, text) = (index.clone(), created.clone(), source(&token));
        let ctx = context(move |method, path| {
            let answer = match method.as_str() {
                "POST" => {
                    let mut created = counted.lock().unwrap();
                    *created += 1;
                    // Another token is stored while the first output is written.
                    if is_listed && is_changed && *created == 1 {
                        let (key, index) = (ObjectKey::new("team-a", "pat"), known.get().unwrap());
                        let mut entry = index.secret(&key).unwrap();
                        entry.version.resource_version = "2".into();
                        index.saw_secret(&key, entry);
                    }
                    let name = format!("out-{created}");
                    let metadata =
                        json!({ "name": name, "namespace": "team-a", "uid": name, "resourceVersion": "9" });
                    (201, json!({ "metadata": metadata }))
                }
                _ if path.ends_with("/pat") => {
                    let (mut now, created) = (text.clone(), *counted.lock().unwrap());
                    if is_changed && created > 0 {
                        now["metadata"]["resourceVersion"] = "2".into();
                    }
                    if is_other && created > 0 {
                        now["data"]["token"] = BASE64_STANDARD.encode("another").into();
                    }
                    (200, now)
                }
                _ => (
                    404,
                    json!({ "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": "" }),
                ),
            };
            async move {
                if method == "POST" {
                    tokio::time::sleep(UNTOLD.saturating_mul(2)).await;
                }
                answer
            }
        });
        index.set(ctx.index.clone()).unwrap();
        ctx.index.connections_listed(&Scope::All);
        if is_listed {
            ctx.index.secrets_listed(&Scope::All);
        }
        let (wanted, pause) = acted(&ctx, &token, &["out-1", "out-2", "out-3"]).await;
        let expected = if is_other { (1, 1, Some(WHEN_SOURCE_CHANGED)) } else { (3, 3, None) };
        assert_eq!((*created.lock().unwrap(), wanted, pause), expected, "listed: {is_listed}");
    }
}

#[tokio::test(start_paused = true)]
async fn writes_that_fail_slowly_keep_no_other_output_waiting() {
    // Nobody answers, or a webhook is given up after four seconds.
    for answers_after in [None, Some(Duration::from_secs(4))] {
        let refused =
            move |number| if number < 5 { answers_after.map(|after| (after, false)) } else { AT_ONCE };
        let (stand, _) = stand_after(3, refused).await;
        assert_eq!(
            stand,
            [0, 0, 11],
            "two are given up in each pass, and go last in the next: {answers_after:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn writes_that_take_long_and_are_let_in_are_gone_on_with_in_the_next_pass() {
    // Six in each pass; each is written once.
    let (stand, pauses) = stand_after(3, |_| Some((Duration::from_secs(2), true))).await;
    assert_eq!(stand, [6, 12, 16]);
    let is_short = |pause: &Duration| !pause.is_zero() && *pause < Duration::from_secs(2);
    assert!(pauses.iter().take(2).all(is_short), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_was_late_is_followed_by_the_next_within_a_second_if_nothing_failed() {
    for (each_takes, expected) in [(4, (3, Some(AFTER_LATE))), (2, (4, None))] {
        let token = Token::try_from(format!("{}_{:036}", "ghp", 1).as_bytes()).unwrap();
        let text = source(&token);
        let ctx = hearing(move |method, path, sent| {
            let name = sent["metadata"]["name"].clone();
            let metadata =
                json!({ "name": name, "namespace": "team-a", "uid": name, "resourceVersion": "9" });
            let answer = match method.as_str() {
                "POST" => (201, json!({ "metadata": metadata })),
                _ if path.ends_with("/pat") => (200, text.clone()),
                _ => {
                    (404, json!({ "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404 }))
                }
            };
            async move {
                if method == "POST" {
                    tokio::time::sleep(Duration::from_secs(each_takes)).await;
                }
                answer
            }
        });
        ctx.index.connections_listed(&Scope::All);
        ctx.index.secrets_listed(&Scope::All);
        let acted = acted(&ctx, &token, &["out-1", "out-2", "out-3", "out-4"]).await;
        assert_eq!(acted, expected, "{each_takes} s");
    }
}

const AT_ONCE: Option<(Duration, bool)> = Some((Duration::ZERO, true));

/// How many of sixteen outputs stand after each of so many passes, and the pause after each. The creation of each, by its number, is
/// answered after this time, if ever, and let in or refused.
async fn stand_after(
    passes: usize,
    answer_to: impl Fn(usize) -> Option<(Duration, bool)> + Send + Sync + 'static,
) -> (Vec<usize>, Vec<Duration>) {
    const OUTPUTS: usize = 16;
    let token = Token::try_from(format!("{}_{:036}", "ghp", 1).as_bytes()).unwrap();
    let name = |number: usize| format!("out-{number:02}");
    let created = Arc::new(Mutex::new(Vec::new()));
    let (text, kept) = (source(&token), created.clone());
    let ctx = hearing(move |method, path, sent| {
        let of = sent["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let number = (0..OUTPUTS).find(|number| name(*number) == of);
        let answered = if method == "POST" { number.and_then(&answer_to) } else { AT_ONCE };
        let answer = match (method.as_str(), answered) {
            ("POST", Some((_, false))) => {
                (504, json!({ "kind": "Status", "status": "Failure", "reason": "Timeout", "code": 504 }))
            }
            ("POST", Some(_)) => {
                kept.lock().unwrap().push(of.clone());
                let metadata =
                    json!({ "name": of, "namespace": "team-a", "uid": of, "resourceVersion": "9" });
                (201, json!({ "metadata": metadata }))
            }
            _ if path.ends_with("/pat") => (200, text.clone()),
            _ => (404, json!({ "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404 })),
        };
        async move {
            match answered {
                Some((after, _)) => tokio::time::sleep(after).await,
                None => std::future::pending().await,
            }
            answer
        }
    });
    ctx.index.connections_listed(&Scope::All);
    ctx.index.secrets_listed(&Scope::All);
    let now = Timestamp::now().to_string();
    let mut status = ready("True", "Ready");
    status["token"] = json!({
        "secretName": "pat", "host": "github.com", "kind": "Classic", "hashedToken": token.hashed(),
        "firstProvenAt": now, "checkedAt": now, "login": "acme-ci", "userId": 1, "scopes": [],
    });
    let (mut known, _) = connection(&ObjectKey::new("team-a", "ci"), &status);
    let publish: Vec<_> =
        (0..OUTPUTS).map(|number| json!({ "secretName": name(number), "format": "Opaque" })).collect();
    known.spec = json!({ "secretRef": { "name": "pat" }, "publish": publish }).into();
    ctx.index.saw_connection(known.clone());
    let (mut stand, mut pauses) = (Vec::new(), Vec::new());
    for _ in 0..passes {
        let begun = Instant::now();
        let pause = reconcile(&known.key, &ctx).await;
        pauses.push(pause.unwrap_or(Duration::MAX));
        assert!(begun.elapsed() < DEADLINE, "it is not cut");
        stand.push(created.lock().unwrap().len());
    }
    (stand, pauses)
}

#[test]
fn what_failed_goes_last_and_of_that_what_failed_last() {
    let version = || Version { uid: "s".into(), resource_version: "1".into() };
    let change = |name: &str| Change::Delete { name: name.to_owned(), version: version() };
    let changes = ["a", "b", "c", "d"].map(change);
    let mut failed = Failed::default();
    let why = || Finding::new(Reason::WriteFailed, "it is refused");
    ["c", "gone", "a"].iter().for_each(|name| failed.push(name, why()));
    let names: Vec<_> = in_order(&changes, &failed).into_iter().map(Change::name).collect();
    assert_eq!(names, ["b", "d", "c", "a"]);
    // One that is made anew waits for those that do not stand yet, and for none that fails again and again.
    let mut changes = changes.to_vec();
    if let Some(first) = changes.get_mut(1) {
        let payload = Payload { type_: "Opaque".to_owned(), data: BTreeMap::new() };
        *first = Change::Recreate { output: Output::new("b", Format::Opaque), version: version(), payload };
    }
    let names: Vec<_> = in_order(&changes, &failed).into_iter().map(Change::name).collect();
    assert_eq!(names, ["d", "b", "c", "a"]);
}
