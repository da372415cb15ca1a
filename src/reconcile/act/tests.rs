use std::sync::{Arc, Mutex, OnceLock};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    super::{
        observe::Observer,
        tests::{connection, context, ready},
        watched::UNTOLD,
    },
    *,
};
use crate::{
    api::GithubPatConnectionSpec as Spec,
    cluster::{index::Index, scope::Scope},
    domain::{decide::decide, token::Token},
};

fn source(token: &Token) -> Value {
    let metadata = json!({ "name": "pat", "namespace": "team-a", "uid": "s", "resourceVersion": "1" });
    json!({ "metadata": metadata, "data": { "token": BASE64_STANDARD.encode(token.expose()) } })
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
        let now = Timestamp::now().to_string();
        let mut status = ready("True", "Ready");
        status["token"] = json!({
            "secretName": "pat", "host": "github.com", "kind": "Classic", "hashedToken": token.hashed(),
            "firstProvenAt": now, "checkedAt": now, "login": "acme-ci", "userId": 1, "scopes": [],
        });
        let (connection, _) = connection(&ObjectKey::new("team-a", "ci"), &status);
        ctx.index.saw_connection(connection.clone());
        let outputs =
            [1, 2, 3].map(|number| json!({ "secretName": format!("out-{number}"), "format": "Opaque" }));
        let spec: Spec =
            serde_json::from_value(json!({ "secretRef": { "name": "pat" }, "publish": outputs })).unwrap();
        let (mut record, _) = ctx.records.take(&connection.key, &connection.uid, Timestamp::now(), |_, _| {});
        let (connection, spec, ctx) = (&connection, &spec, &ctx);
        let mut observer =
            Observer { connection, spec, ctx, record: &mut record, place: 0, used: 0, read: None };
        let mut observed = observer.observe().await;
        observer.complete(&mut observed, true, &[]).await;
        let decision = decide(&observed.seen);
        assert_eq!(decision.changes.len(), 3);
        let outcomes = act(&decision, &observed, connection, &mut record, ctx).await;
        let wanted = outcomes.stands.iter().filter(|(_, stand)| *stand == Stand::Wanted).count();
        let expected = if is_other { (1, 1, Some(WHEN_SOURCE_CHANGED)) } else { (3, 3, None) };
        assert_eq!((*created.lock().unwrap(), wanted, outcomes.pause), expected, "listed: {is_listed}");
    }
}
