//! kubectl itself, from Go modules, on the resource and on an output: applied by the server, merged three ways by the client, as Argo CD
//! does it with the same library, and edited.

use std::{fs, path::PathBuf, process::Command, slice, time::Duration};

use control_plane::AuditEvent;
use github_simulator::NewToken;
use jiff::Timestamp;
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    programs::{built, command, fed, feed, printed},
    world::{NAMESPACE, SOON, World},
};

/// Puts an annotation of its own among the others, in place of the one that is there already.
const EDITOR: &str = r"sed -i -e '/^    theirs: edited$/d' -e 's/^  annotations:$/&\n    theirs: edited/' $1";
/// How each applies a manifest.
const APPLY: [&[&str]; 2] =
    [&["apply", "--server-side", "-f", "-"], &["apply", "--field-manager", "argocd-controller", "-f", "-"]];

/// A person with the program.
struct Person {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: TempDir,
}

impl Person {
    fn kubectl(&self, arguments: &[&str]) -> Command {
        let mut kubectl = command(&self.program, self.home.path());
        let editor = self.home.path().join("editor");
        fs::write(&editor, EDITOR).unwrap();
        kubectl.env("KUBECONFIG", &self.kubeconfig).env("KUBE_EDITOR", format!("sh {}", editor.display()));
        kubectl.args(["--namespace", NAMESPACE]).args(arguments);
        kubectl
    }

    /// Applies it in both ways and edits it, three times each: a second time nothing changes.
    fn applies_and_edits(&self, kind: &str, manifest: &Value) {
        let name = manifest["metadata"]["name"].as_str().unwrap();
        let version =
            || printed(&mut self.kubectl(&["get", kind, name, "-o", "jsonpath={.metadata.resourceVersion}"]));
        for arguments in APPLY {
            let mut before = None;
            for _ in 0..3 {
                fed(&mut self.kubectl(arguments), slice::from_ref(manifest));
                let after = version();
                assert!(before.is_none_or(|before| before == after), "{arguments:?} of {kind} {name}");
                before = Some(after);
            }
        }
        for again in [false, true, true] {
            let before = version();
            printed(&mut self.kubectl(&["edit", kind, name]));
            assert!(!again || version() == before, "edit of {kind} {name}");
        }
        let mut theirs = self.kubectl(&["get", kind, name, "-o", "jsonpath={.metadata.annotations.theirs}"]);
        assert_eq!(printed(&mut theirs), "edited");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_applies_and_edits_the_resource_and_outputs_without_a_fight() {
    let Some(program) = built("kubectl", ".") else { return };
    let world = World::audited().await;
    let kubeconfig = world.plane.user("person", Some("system:masters")).unwrap();
    let person = Person { program, kubeconfig, home: tempfile::tempdir().unwrap() };
    let _operator = world.operator().await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    let resource = json!({
        "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
        "metadata": { "name": "ci", "labels": { "team": "a" } },
        "spec": {
            "host": "simulated", "interval": "24h", "secretRef": { "name": "ci" },
            "publish": [{ "secretName": "out", "format": "Opaque" }],
        },
    });
    fed(&mut person.kubectl(APPLY[1]), slice::from_ref(&resource));
    world.ready("ci", "True", "Ready").await;
    let output = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "out", "labels": { "team": "a" } } });
    person.applies_and_edits("ghpat", &resource);
    person.applies_and_edits("secret", &output);
    until_read_again(&world).await;
    assert_eq!(
        written(&world),
        ["create secrets out", "update githubpatconnections ci"],
        "nothing but what made it ready"
    );

    // A rotation is one write, and takes nothing away from anybody.
    let next = world.github.token(NewToken::classic("next", "acme-ci"));
    world.secret("ci", &next).await;
    world
        .secret_until("out", |secret| {
            let data = secret.and_then(|secret| secret.data.as_ref());
            data.is_some_and(|data| data["token"].0 == next.as_bytes())
        })
        .await;
    world.ready("ci", "True", "Ready").await;
    person.applies_and_edits("ghpat", &resource);
    person.applies_and_edits("secret", &output);
    until_read_again(&world).await;
    let of_output: Vec<_> = written(&world).into_iter().filter(|written| written.ends_with(" out")).collect();
    assert_eq!(of_output, ["create secrets out", "update secrets out"], "made, and rotated");
    let labels = world.secrets().get("out").await.unwrap().labels().clone();
    assert_eq!(labels["team"], "a");

    // The data is the operator's: who applies it is told so, and who merges it in has it put right.
    let mut with_data = output;
    with_data["data"] = json!({ "token": "eA==" });
    let refused = feed(&mut person.kubectl(APPLY[0]), slice::from_ref(&with_data));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("conflict with \"github-pat-operator\""), "{said}");
    fed(&mut person.kubectl(APPLY[1]), slice::from_ref(&with_data));
    world
        .secret_until("out", |secret| {
            let data = secret.and_then(|secret| secret.data.as_ref());
            data.is_some_and(|data| data["token"].0 == next.as_bytes())
        })
        .await;
}

/// What the operator wrote so far.
fn written(world: &World) -> Vec<String> {
    world.writes().into_iter().map(|(verb, kind, name)| format!("{verb} {kind} {name}")).collect()
}

/// Waits until the operator has looked at all that came before: it reads the source once more.
async fn until_read_again(world: &World) {
    let last = Timestamp::now();
    let touched = json!({ "metadata": { "annotations": { "touched": last.to_string() } } });
    world.secrets().patch("ci", &PatchParams::default(), &Patch::Merge(touched)).await.unwrap();
    let is_read = |event: &AuditEvent| {
        event.verb == "get" && event.resource == "secrets" && event.name == "ci" && event.received >= last
    };
    let read = tokio::time::timeout(SOON, async {
        while !world.requests().iter().any(is_read) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(read.await.is_ok(), "the source was not read again");
}
