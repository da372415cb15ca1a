use std::sync::{Arc, Mutex};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use crate::domain::{output::Format, token::Token};

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
    others: Option<&mut ForeignMarks>,
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
                "labels": { "kept": "yes", "before": "yes", OWNER_LABEL: "owner", MANAGED_BY.0: MANAGED_BY.1 },
                "annotations": { "githubpat.dev/format": "Opaque", "mine": "yes", APPLIED[0]: "before" },
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
async fn labels_and_annotations_of_the_spec_follow_it_and_those_of_others_stay() {
    let asked = |output: Output| async {
        let create = Change::Create { output: output.clone(), payload: payload() };
        let replace = Change::Replace { output, version: version(), payload: payload() };
        let (_, created) = made(&create, "7", &[]).await;
        let (_, replaced) = made(&replace, "7", &[]).await;
        [created, replaced].map(|asked| asked.last().unwrap().1["metadata"].clone())
    };
    let mut wanted = output();
    wanted.labels =
        BTreeMap::from([("kept".to_owned(), "no".to_owned()), ("team".to_owned(), "a".to_owned())]);
    wanted.annotations = BTreeMap::from([("note".to_owned(), "x".to_owned())]);
    for meta in asked(wanted).await {
        assert_eq!((&meta["labels"]["team"], &meta["labels"]["kept"]), (&json!("a"), &json!("no")));
        assert_eq!(meta["labels"][MANAGED_BY.0], MANAGED_BY.1);
        let annotations = &meta["annotations"];
        assert_eq!(annotations["note"], "x");
        assert_eq!(annotations[APPLIED[0]], "kept,team");
        assert_eq!(annotations[APPLIED[1]], "note");
    }
    let [_, meta] = asked(output()).await;
    assert_eq!((&meta["labels"]["kept"], &meta["annotations"]["mine"]), (&json!("yes"), &json!("yes")));
    assert_eq!(meta["labels"]["before"], Value::Null, "the list names it, and the spec does not");
    assert!(APPLIED.iter().all(|list| meta["annotations"][list].is_null()), "{meta}");
}

#[test]
fn an_output_tells_its_token_and_until_when_it_is_good() {
    let key = ObjectKey::new("ns", "ci");
    let owner = Owner { key: &key, uid: "owner" };
    let token = Token::try_from(["ghp_", &"a".repeat(36)].concat().as_bytes()).unwrap();
    let at =
        |second: i64| Timestamp::from_millisecond(second.saturating_mul(1000).saturating_add(1)).unwrap();
    let provenance = |expires| Some(Provenance { token: token.hashed(), at: at(100), expires });
    let annotations = |expires| annotations(owner, &output(), &payload(), provenance(expires));
    let said = annotations(Some(at(200)));
    assert!(!said.contains_key(ENTRIES_TOKEN_HASHES), "it is no pull secret with entries of another one");
    let said = [CONNECTION, FORMAT, TOKEN_HASH, PROVEN_AT, EXPIRES_AT].map(|name| said[name].clone());
    let hash = token.hashed().to_string();
    assert_eq!(
        said,
        ["ci", "Opaque", &hash, "1970-01-01T00:01:40Z", "1970-01-01T00:03:20Z"].map(str::to_owned)
    );
    assert!(!annotations(None).contains_key(EXPIRES_AT));

    let secret = made_of(&output(), provenance(None));
    let whole = Marks { labels: secret.labels().clone(), annotations: secret.annotations().clone() };
    assert!(describe(&whole, owner, &output(), &payload(), token.hashed()));
    for key in [CONNECTION, FORMAT, TOKEN_HASH, PROVEN_AT, MANAGED_BY.0] {
        let mut found = whole.clone();
        found.labels.remove(key);
        found.annotations.remove(key);
        let is_described = describe(&found, owner, &output(), &payload(), token.hashed());
        assert_eq!(is_described, key == PROVEN_AT, "{key}: an instant is that of the write");
    }
}

#[test]
fn a_pull_secret_tells_whose_tokens_it_took_from_another_one() {
    let key = ObjectKey::new("ns", "ci");
    let owner = Owner { key: &key, uid: "owner" };
    let [own, one, two] = ["a", "b", "c"]
        .map(|letter| Token::try_from(["ghp_", &letter.repeat(36)].concat().as_bytes()).unwrap());
    let pair = BASE64_STANDARD.encode(format!("ci:{}", one.expose()));
    let auths = json!({ "auths": {
        "own.example": { "auth": "", "username": "ci", "password": own.expose() },
        "one.example": { "auth": pair },
        "two.example": { "password": two.expose() },
        "again.example": { "password": two.expose() },
        "other.example": { "auth": BASE64_STANDARD.encode("ci:s3cret"), "password": "s3cret" },
        "strange.example": { "auth": 7 },
    } });
    let data = BTreeMap::from([(".dockerconfigjson".to_owned(), auths.to_string().into_bytes().into())]);
    let payload = Payload { type_: "kubernetes.io/dockerconfigjson".to_owned(), data };
    let mut output = Output::new("out", Format::DockerConfigJson);
    let provenance = Some(Provenance { token: own.hashed(), at: Timestamp::UNIX_EPOCH, expires: None });
    assert!(!annotations(owner, &output, &payload, provenance).contains_key(ENTRIES_TOKEN_HASHES));
    let from = json!({ "name": "further" });
    output.extra_entries_from = Some(serde_json::from_value(from).unwrap());
    let mut further = [one.hashed(), two.hashed()];
    further.sort();
    let secret = super::made(owner, &output, &payload, provenance);
    assert_eq!(secret.annotations()[ENTRIES_TOKEN_HASHES], further.map(String::from).join(","));
    let tokens: Vec<_> = entry(&secret).tokens().collect();
    assert_eq!(tokens, [own.hashed(), further[0], further[1]].map(|hashed| hashed.leading()));

    let mut found = Marks { labels: secret.labels().clone(), annotations: secret.annotations().clone() };
    let describe = |found: &Marks| describe(found, owner, &output, &payload, own.hashed());
    assert!(describe(&found));
    found.annotations.insert(ENTRIES_TOKEN_HASHES.to_owned(), one.hashed().to_string());
    assert!(!describe(&found), "one is missing");
    found.annotations.remove(ENTRIES_TOKEN_HASHES);
    assert!(!describe(&found), "all are missing");
}

fn made_of(output: &Output, provenance: Option<Provenance>) -> Wiped {
    let key = ObjectKey::new("ns", "ci");
    super::made(Owner { key: &key, uid: "owner" }, output, &payload(), provenance)
}

#[tokio::test]
async fn what_is_released_loses_what_makes_it_ours_and_nothing_else() {
    let change = Change::Release { name: "out".to_owned(), version: version() };
    let (outcome, asked) = made(&change, "7", &[]).await;
    assert!(matches!(outcome.unwrap(), Outcome::Released(_)));
    let meta = &asked.last().unwrap().1["metadata"];
    assert_eq!(meta["labels"], json!({ "kept": "yes", "before": "yes" }));
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
        let mut others = ForeignMarks::default();
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

#[tokio::test]
async fn an_output_that_a_rehearsal_keeps_is_not_told_as_gone() {
    let service = |is_refused: bool| {
        tower::service_fn(move |request: Request<Body>| async move {
            let is_dry = request.uri().query().is_some_and(|query| query.contains("dryRun=All"));
            let meta = json!({
                "name": "out", "uid": "uid", "resourceVersion": "7", "labels": { "kept": "yes" }, "finalizers": ["hold"],
            });
            let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque" });
            let refusal = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "message": "no", "code": 403,
            });
            let (status, body) = if is_dry && is_refused { (403, refusal) } else { (200, secret) };
            let response = Response::builder().status(status).body(Body::from(body.to_string().into_bytes()));
            Ok::<_, kube::Error>(response.unwrap())
        })
    };
    let key = ObjectKey::new("ns", "ci");
    let owner = Owner { key: &key, uid: "owner" };
    let change = Change::Recreate { output: output(), version: version(), payload: payload() };
    for (is_refused, kept) in [(true, 0), (false, 1)] {
        let (client, mut others) = (Client::new(service(is_refused), "ns"), ForeignMarks::default());
        let outcome = apply(&client, owner, &change, None, Some(&mut others)).await;
        assert_eq!((outcome.is_err(), others.told().len()), (is_refused, kept));
    }
}

#[test]
fn the_values_of_a_secret_are_wiped_and_its_keys_stay() {
    let data = BTreeMap::from([("token".to_owned(), ByteString(b"not a token".to_vec()))]);
    let mut secret = Wiped(Secret { data: Some(data), ..Secret::default() });
    secret.wipe();
    let wiped = BTreeMap::from([("token".to_owned(), ByteString::default())]);
    assert_eq!(secret.data, Some(wiped));
}
