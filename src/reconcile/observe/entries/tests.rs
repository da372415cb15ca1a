use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::{
    api::GithubPatConnectionSpec as Spec,
    cluster::{object::ObjectKey, scope::Scope},
    domain::token::Token,
    reconcile::tests::{connection, context, ready},
};

#[tokio::test]
async fn entries_that_cannot_be_read_are_a_failure_and_no_change() {
    let token = Token::try_from(format!("{}_{:036}", "ghp", 1).as_bytes()).unwrap();
    let config = |user: &str| {
        let auth = BASE64_STANDARD.encode(format!("{user}:pass"));
        BASE64_STANDARD.encode(json!({ "auths": { "registry.example.com": { "auth": auth } } }).to_string())
    };
    let secret = |name: &str, version: &str, data: serde_json::Value| {
        let metadata =
            json!({ "name": name, "namespace": "team-a", "uid": name, "resourceVersion": version });
        json!({ "metadata": metadata, "type": "kubernetes.io/dockerconfigjson", "data": data })
    };
    let source = secret("pat", "1", json!({ "token": BASE64_STANDARD.encode(token.expose()) }));
    let [more, changed] = [("1", "a"), ("2", "b")]
        .map(|(version, user)| secret("more", version, json!({ ".dockerconfigjson": config(user) })));
    // What the API server answers then, how many failures that are, and whether the entries are others.
    for (code, failures, conflict) in
        [(200, 0, false), (201, 0, true), (429, 1, false), (503, 1, false), (403, 1, false)]
    {
        let answered = Arc::new(AtomicU16::new(200));
        let (now, source, more, changed) = (answered.clone(), source.clone(), more.clone(), changed.clone());
        let ctx = context(move |_, path| {
            let answer = match (path.ends_with("/more"), now.load(Ordering::SeqCst)) {
                (false, _) => (200, source.clone()),
                (true, 200) => (200, more.clone()),
                (true, 201) => (200, changed.clone()),
                (true, code) => {
                    (code, json!({ "kind": "Status", "status": "Failure", "reason": "x", "code": code }))
                }
            };
            async move { answer }
        });
        ctx.index.connections_listed(&Scope::All);
        ctx.index.secrets_listed(&Scope::All);
        let key = ObjectKey::new("team-a", "ci");
        let (mut known, _) = connection(&key, &ready("True", "Ready"));
        let from = json!({ "name": "more" });
        let publish =
            json!([{ "secretName": "out", "format": "DockerConfigJson", "extraEntriesFrom": from }]);
        let given = json!({ "secretRef": { "name": "pat" }, "publish": publish });
        let spec: Spec = serde_json::from_value(given.clone()).unwrap();
        known.spec = given.into();
        ctx.index.saw_connection(known.clone());
        let (mut record, _) = ctx.records.take(&key, &known.uid, Timestamp::now(), |_, _| {});
        let (connection, ctx, record) = (&known, &ctx, &mut *record);
        let mut observer = Observer { connection, spec: &spec, ctx, record, place: 0, used: 0, read: None };
        observer.observe().await;
        let mut observed = observer.observe().await;
        assert!(matches!(observed.seen.demand.outputs[0].extra, Extra::Seen(_)), "they are known");
        answered.store(code, Ordering::SeqCst);
        observer.complete_entries(&mut observed).await;
        assert_eq!((observed.failures.len(), observed.conflict), (failures, conflict), "{code}");
    }
}
