use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    super::{
        reconcile,
        tests::{connection, context, ready},
    },
    *,
};
use crate::{cluster::scope::Scope, domain::gate::Told};

fn pod(name: &str) -> Look {
    Look {
        key: ObjectKey::new("team-a", name),
        uid: name.into(),
        version: "1".into(),
        wish: Wish::Connections(vec!["ci".into()]),
        created: None,
        since: Instant::now(),
        seen: Vec::new(),
        told: Told::default(),
        failures: 0,
    }
}

fn forbidden(name: &str, why: &str) -> (u16, Value) {
    let message = format!("pods \"{name}\" is forbidden: {why}");
    (
        403,
        json!({ "kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403, "message": message }),
    )
}

fn policy(name: &str) -> String {
    format!("ValidatingAdmissionPolicy '{name}' with binding 'b' denied request: no")
}

/// Why each Pod may not start, by its name, until that is taken away.
type Refused = Arc<Mutex<Vec<(&'static str, String)>>>;

fn refusing(refused: &[(&'static str, String)]) -> (Context, Refused) {
    let refused = Arc::new(Mutex::new(refused.to_vec()));
    let standing = refused.clone();
    let ctx = context(move |_, path| {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let why = standing.lock().unwrap().iter().find(|(pod, _)| *pod == name).map(|(_, why)| why.clone());
        async move { why.map_or_else(|| (200, json!({})), |why| forbidden(&name, &why)) }
    });
    (ctx, refused)
}

/// The words of each cause that the Pod may have been told, in its first hour.
fn was_told(look: &Look, cause: &str) -> bool {
    look.told.again(cause, 0).is_none()
}

#[tokio::test(start_paused = true)]
async fn of_pods_that_are_refused_singly_each_is_told_its_own_cause_and_starts_once_that_is_over() {
    let plugin = "violates PodSecurity \"restricted:latest\"".to_owned();
    let rows = [("a", policy("p1")), ("b", policy("p2")), ("c", plugin)];
    let (ctx, refused) = refusing(&rows);
    let mut looks = rows.map(|(name, _)| pod(name));
    for look in &mut looks {
        assert!(lift(look, &ctx).await.is_some(), "{}", look.key);
    }
    let told = looks.each_ref().map(|look| look.told.clone());
    assert!(told[0] != told[1] && told[1] != told[2] && told[2] != Told::default());
    for look in &mut looks {
        assert!(lift(look, &ctx).await.is_some(), "{}", look.key);
    }
    assert_eq!(looks.each_ref().map(|look| look.told.clone()), told, "nobody is told what keeps another");
    let cause = format!(
        "all connections that the Pod waits for are Ready, and the operator may not lift the gate {GATE}: the API server answered Forbidden (403); \
         an admission plugin of the API server, or a proxy before it, refused it; the operator's log has its words"
    );
    assert!(was_told(&looks[2], &cause));
    for name in ["c", "b"] {
        refused.lock().unwrap().retain(|(pod, _)| *pod != name);
        let look = looks.iter_mut().find(|look| look.key.name() == name).unwrap();
        assert_eq!(lift(look, &ctx).await, None, "{name} starts though a is refused still");
    }
    assert!(lift(&mut looks[0], &ctx).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn where_rbac_refuses_one_pod_tries_for_all_and_all_are_told_the_command() {
    // The second one is not repeated in a command.
    for user in ["system:serviceaccount:ops:github-pat-operator", "arn:aws:iam::1:role/ops"] {
        let why = format!("User \"{user}\" cannot patch resource \"pods\"");
        let (ctx, refused) = refusing(&[("a", why)]);
        let (mut first, mut second) = (pod("a"), pod("b"));
        assert!(lift(&mut first, &ctx).await.is_some());
        assert!(lift(&mut second, &ctx).await.is_some(), "it is held, though nobody refuses it");
        assert_eq!(first.told, second.told);
        assert!(first.told != Told::default() && !was_told(&first, ""));
        refused.lock().unwrap().clear();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(lift(&mut first, &ctx).await, None);
        assert_eq!(lift(&mut second, &ctx).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_another_operator_that_came_after_its_pod_is_not_said_to_be_missing() {
    let is_there = Arc::new(AtomicBool::new(false));
    let stands = is_there.clone();
    let ctx = context(move |_, _| {
        let code = if stands.load(Ordering::SeqCst) { 200 } else { 404 };
        async move {
            match code {
                200 => (200, json!({ "metadata": { "name": "ci", "namespace": "team-a", "uid": "u" } })),
                _ => (
                    404,
                    json!({ "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": "" }),
                ),
            }
        }
    });
    let mut look = pod("builder");
    // The answer takes a moment.
    tokio::time::advance(Duration::from_millis(5)).await;
    let again = look_at(&mut look, &ctx).await.unwrap();
    assert!(again <= PATIENCE && look.told == Told::default(), "{again:?}");
    is_there.store(true, Ordering::SeqCst);
    tokio::time::advance(again).await;
    assert_eq!(look_at(&mut look, &ctx).await, None, "another operator lets it start");
    assert_eq!(look.told, Told::default());
    is_there.store(false, Ordering::SeqCst);
    tokio::time::advance(PATIENCE).await;
    assert!(look_at(&mut look, &ctx).await.is_some());
    assert_ne!(look.told, Told::default(), "there is none any more");
}

#[tokio::test(start_paused = true)]
async fn a_first_pass_that_failed_judges_nothing() {
    let ctx = context(|_, _| async {
        (503, json!({ "kind": "Status", "status": "Failure", "reason": "x", "code": 503, "message": "" }))
    });
    let key = ObjectKey::new("team-a", "ci");
    let scope = Scope::of(&[], None).pop().unwrap();
    ctx.index.list_connections(&scope);
    // The process before found its output, which may be gone since.
    ctx.index.listed_connection(connection(&key, &ready("True", "Ready")).0);
    ctx.index.connections_listed(&scope);
    ctx.index.list_secrets(&scope);
    ctx.index.secrets_listed(&scope);
    assert_eq!(known(&key, &ctx), Some(Readiness::Unjudged));
    assert!(reconcile(&key, &ctx).await.is_some(), "it comes again");
    assert_eq!(known(&key, &ctx), Some(Readiness::Unjudged));
}
