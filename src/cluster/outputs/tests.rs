use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use crate::domain::output::Format;

/// Makes the change on an API server that has one Secret in this version; gives the outcome and what was asked, with bodies.
async fn made(
    change: &Change,
    version: &str,
    finalizers: &[&str],
) -> (Result<Outcome, Fault>, Vec<(String, Value)>) {
    made_with(change, version, finalizers, None).await
}

/// The same, with what is kept of outputs that are gone.
async fn made_with(
    change: &Change,
    version: &str,
    finalizers: &[&str],
    others: Option<&mut Others>,
) -> (Result<Outcome, Fault>, Vec<(String, Value)>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (log, version, finalizers) = (asked.clone(), version.to_owned(), json!(finalizers));
    let server = tower::service_fn(move |request: Request<Body>| {
        let (log, version, finalizers) = (log.clone(), version.clone(), finalizers.clone());
        async move {
            let is_dry = request.uri().query().is_some_and(|query| query.contains("dryRun=All"));
            let method = format!("{}{}", request.method(), if is_dry { ", dry run" } else { "" });
            let body = request.into_body().collect_bytes().await?;
            log.lock().unwrap().push((method, serde_json::from_slice(&body).unwrap_or_default()));
            let meta = json!({
                "name": "out", "uid": "uid", "resourceVersion": version, "finalizers": finalizers,
                "labels": { "kept": "yes", OWNER_LABEL: "owner", MANAGED_BY.0: MANAGED_BY.1 },
                "annotations": { "githubpat.dev/format": "Opaque", "mine": "yes" },
                "ownerReferences": [
                    { "apiVersion": "v1", "kind": "A", "name": "ci", "uid": "owner" },
                    { "apiVersion": "v1", "kind": "B", "name": "b", "uid": "other" },
                ],
            });
            let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque" });
            Ok::<_, kube::Error>(Response::new(Body::from(secret.to_string().into_bytes())))
        }
    });
    let key = ObjectKey::new("ns", "ci");
    let outcome =
        apply(&Client::new(server, "ns"), Owner { key: &key, uid: "owner" }, change, None, others).await;
    let asked = asked.lock().unwrap().clone();
    (outcome, asked)
}

fn version() -> Version {
    Version { uid: "uid".into(), resource_version: "7".into() }
}

fn payload() -> Payload {
    Payload { type_: "Opaque".to_owned(), data: BTreeMap::from([("token".to_owned(), b"x".to_vec().into())]) }
}

fn output() -> Output {
    Output::new("out", Format::Opaque)
}

#[tokio::test]
async fn a_deletion_names_the_very_state_that_goes() {
    let change = Change::Delete { name: "out".to_owned(), version: version() };
    let (outcome, asked) = made(&change, "7", &[]).await;
    assert_eq!(outcome.unwrap(), Outcome::Gone);
    let [(method, body)] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(
        (method.as_str(), &body["preconditions"]),
        ("DELETE", &json!({ "uid": "uid", "resourceVersion": "7" }))
    );
}

#[tokio::test]
async fn a_secret_with_finalizers_is_not_made_anew_before_it_is_gone() {
    let change = Change::Recreate { output: output(), version: version(), payload: payload() };
    let (outcome, asked) = made(&change, "7", &["example.com/hold"]).await;
    assert!(matches!(outcome.unwrap(), Outcome::Leaving(_)));
    let methods =
        |asked: &[(String, Value)]| asked.iter().map(|(method, _)| method.clone()).collect::<Vec<_>>();
    assert_eq!(methods(&asked), ["GET", "POST, dry run", "DELETE"], "no POST follows");
    let (outcome, asked) = made(&change, "7", &[]).await;
    assert!(matches!(outcome.unwrap(), Outcome::Written(_)));
    assert_eq!(methods(&asked), ["GET", "POST, dry run", "DELETE", "POST"]);
    let (_, body) = asked.last().unwrap();
    let meta = &body["metadata"];
    assert_eq!((&meta["labels"]["kept"], &meta["annotations"]["mine"]), (&json!("yes"), &json!("yes")));
    assert_eq!(meta["labels"][OWNER_LABEL], "owner");
}

#[tokio::test]
async fn an_update_replaces_the_state_that_was_seen_and_no_other() {
    let change = Change::Replace { output: output(), version: version(), payload: payload() };
    let (outcome, asked) = made(&change, "7", &[]).await;
    assert!(matches!(outcome.unwrap(), Outcome::Written(_)));
    let (method, body) = asked.last().unwrap();
    let meta = &body["metadata"];
    assert_eq!(
        (method.as_str(), &meta["uid"], &meta["resourceVersion"]),
        ("PUT", &json!("uid"), &json!("7"))
    );
    assert_eq!((&meta["labels"]["kept"], &meta["annotations"]["mine"]), (&json!("yes"), &json!("yes")));
    assert_eq!(body["data"]["token"], "eA==");

    let (outcome, asked) = made(&change, "8", &[]).await;
    assert_eq!(outcome.unwrap(), Outcome::Conflict);
    assert!(asked.iter().all(|(method, _)| method == "GET"), "{asked:?}");
}

#[tokio::test]
async fn what_is_released_loses_what_makes_it_ours_and_nothing_else() {
    let change = Change::Release { name: "out".to_owned(), version: version() };
    let (outcome, asked) = made(&change, "7", &[]).await;
    assert!(matches!(outcome.unwrap(), Outcome::Released(_)));
    let meta = &asked.last().unwrap().1["metadata"];
    assert_eq!(meta["labels"], json!({ "kept": "yes" }));
    assert_eq!(meta["annotations"], json!({ "mine": "yes" }));
    assert_eq!(meta["ownerReferences"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_others_put_on_an_output_outlasts_its_deletion_and_is_forgotten_with_its_name() {
    let recreate = Change::Recreate { output: output(), version: version(), payload: payload() };
    let delete = Change::Delete { name: "out".to_owned(), version: version() };
    let create = Change::Create { output: output(), payload: payload() };
    let rows = [
        ("a recreation that waits for a finalizer", &recreate, "7", "GET, POST, dry run, DELETE", true),
        ("a withdrawal", &delete, "7", "GET, DELETE", true),
        ("a withdrawal of another state", &delete, "8", "GET", false),
    ];
    for (name, gone, state, methods, kept) in rows {
        let mut others = Others::default();
        let (_, asked) = made_with(gone, state, &["example.com/hold"], Some(&mut others)).await;
        let asked: Vec<_> = asked.into_iter().map(|(method, _)| method).collect();
        assert_eq!(asked.join(", "), methods, "{name}");
        for is_named in [true, false] {
            others.retain(|_| is_named);
            let (_, asked) = made_with(&create, "7", &[], Some(&mut others)).await;
            let meta = &asked.last().unwrap().1["metadata"];
            let found = (&meta["labels"]["kept"], &meta["annotations"]["mine"]);
            let yes = if kept && is_named { json!("yes") } else { Value::Null };
            assert_eq!(found, (&yes, &yes), "{name}");
            assert_eq!(meta["labels"][OWNER_LABEL], "owner", "{name}");
        }
    }
}
