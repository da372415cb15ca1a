//! How tools that wait find a connection: Argo CD by the health check of the docs, run by the Lua that it has; Flux and `helm --wait` by
//! their own package of kstatus.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use control_plane::binaries::{self, Program};
use github_pat_operator::api::GithubPatConnection;
use github_simulator::{NewToken, Outage, TokenKind, token_text_for};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::{programs, world::World};

/// The Lua text of the ConfigMap in the docs.
fn health_check() -> String {
    let page = include_str!("../../docs/platforms.md");
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let config = blocks.map(|block| serde_saphyr::from_str::<Value>(block).unwrap());
    let mut checks = config.filter_map(|config| {
        let check = &config["data"]["resource.customizations.health.githubpat.dev_GithubPatConnection"];
        check.as_str().map(str::to_owned)
    });
    checks.next().unwrap()
}

/// A value as Lua writes it.
fn literal(value: &Value) -> String {
    let list = |parts: Vec<String>| format!("{{{}}}", parts.join(", "));
    match value {
        Value::Null => "nil".to_owned(),
        Value::Array(items) => list(items.iter().map(literal).collect()),
        Value::Object(fields) => {
            list(fields.iter().map(|(key, value)| format!("[{key:?}] = {}", literal(value))).collect())
        }
        Value::String(text) => format!("[==[{text}]==]"),
        other => other.to_string(),
    }
}

/// Status and message of the health of the object, in Argo CD's words.
fn health(world: &World, object: &Value) -> (String, String) {
    let script = format!(
        "obj = {}\nlocal function check()\n{}\nend\nlocal health = check()\nprint(health.status)\nprint(health.message)\n",
        literal(object),
        health_check()
    );
    let script = world.file("health.lua", &script);
    let run = Command::new(binaries::find(Program::Lua).unwrap()).arg(script).output().unwrap();
    let (said, error) = (String::from_utf8(run.stdout).unwrap(), String::from_utf8_lossy(&run.stderr));
    let (status, message) = said.split_once('\n').unwrap_or_else(|| panic!("{said} {error}"));
    (status.to_owned(), message.trim_end().to_owned())
}

/// How the objects are by kstatus, in its words; `None` if it could not be built.
fn kstatus(objects: &[Value]) -> Option<Vec<String>> {
    let mut command = Command::new(programs::built("kstatus", ".")?);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines: String = objects.iter().map(|object| format!("{object}\n")).collect();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

#[tokio::test]
#[ignore = "runs the health checks of several tools; .ci/long runs it"]
async fn tools_that_wait_find_each_kind_of_connection_as_the_docs_say() {
    let world = World::start().await;
    let operator = world.operator().await;
    world.secret("good", &world.github.token(NewToken::classic("good", "good"))).await;
    world.secret("suspended", &world.github.token(NewToken::classic("suspended", "good"))).await;
    world.secret("dead", &token_text_for(TokenKind::Classic, 4_000_000)).await;
    world.secret("silent", &world.github.token(NewToken::classic("silent", "good"))).await;
    for name in ["good", "suspended", "dead", "missing"] {
        world.connection(name, json!({})).await;
    }
    world.ready("suspended", "True", "Ready").await;
    world.change("suspended", json!({ "suspend": true })).await;
    let mut seen = vec![
        ("accepted", world.ready("good", "True", "Ready").await, "Healthy", "Current"),
        ("suspended", world.ready("suspended", "Unknown", "Suspended").await, "Suspended", "InProgress"),
        ("refused", world.ready("dead", "False", "BadCredentials").await, "Degraded", "Failed"),
        ("no Secret", world.ready("missing", "False", "SecretNotFound").await, "Degraded", "InProgress"),
    ];
    world.github.outage(Some(Outage::Status(503)));
    world.connection("silent", json!({})).await;
    let silent = world.ready("silent", "Unknown", "ServerError").await;
    seen.push(("no answer yet", silent, "Progressing", "InProgress"));
    let doubted = world.ready("good", "True", "AcceptedEarlier").await;
    seen.push(("no answer, but one before", doubted, "Healthy", "Current"));
    operator.stop().await;
    let new = world.connection("new", json!({})).await;
    seen.push(("never seen", new, "Progressing", "InProgress"));
    let changed = world.change("dead", json!({ "interval": "1h" })).await;
    seen.push(("another generation", changed, "Progressing", "InProgress"));
    let spec = json!({ "spec": { "suspend": false } });
    let resumed: GithubPatConnection =
        world.connections().patch("suspended", &PatchParams::default(), &Patch::Merge(spec)).await.unwrap();
    seen.push(("resumed, not seen yet", resumed, "Progressing", "InProgress"));
    let objects: Vec<_> =
        seen.iter().map(|(_, connection, ..)| serde_json::to_value(connection).unwrap()).collect();
    if let Some(found) = kstatus(&objects) {
        let expected: Vec<_> = seen.iter().map(|(name, .., by_kstatus)| (*name, *by_kstatus)).collect();
        let found: Vec<_> =
            seen.iter().map(|(name, ..)| *name).zip(found.iter().map(String::as_str)).collect();
        assert_eq!(found, expected);
    }
    for ((name, connection, expected, _), object) in seen.iter().zip(&objects) {
        let (status, message) = health(&world, object);
        assert_eq!(status, *expected, "{name}: {message}");
        let ready = connection.status.as_ref().and_then(|status| status.condition("Ready"));
        let is_current = connection.status.as_ref().and_then(|status| status.observed_generation)
            == connection.metadata.generation;
        let said = ready
            .filter(|_| is_current)
            .map_or("the operator has not seen this generation yet", |ready| &*ready.message);
        assert_eq!(message, said, "{name}");
    }
}
