//! What a dry run prints, and what it says of a token.

use github_pat_operator::settings::{documents, from_yaml};
use github_simulator::NewToken;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::world::{Place, World, holds_no, run_with};

impl Place {
    /// The connection can be applied as it was printed, as by `kubectl apply --server-side --dry-run=server`.
    async fn can_be_applied(&self, printed: &Value) {
        let params = PatchParams { dry_run: true, ..PatchParams::apply("kubectl") };
        let applied = self.connections().patch("dry", &params, &Patch::Apply(printed)).await;
        assert!(applied.is_ok(), "{printed}: {applied:?}");
    }
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_what_it_prints_can_be_applied() {
    let place = World::place("connect");
    let token = place.world.github.token(NewToken::classic("dry", "acme-ci").scopes(&["repo"]));
    let flags =
        ["connect", "dry", "--scope", "repo", "--push", "acme/app", "--dry-run", "client", "-o", "yaml"];
    let ended = run_with(&flags, &[], b"").await;
    assert_eq!(ended.code, 0, "neither a cluster nor a token is needed: {ended:?}");
    let printed: Value = from_yaml(&ended.out).unwrap();
    assert_eq!(printed["spec"]["require"]["repositories"], json!([{ "name": "acme/app", "access": "Push" }]));
    assert_eq!(documents(&ended.out).unwrap().len(), 1, "and no Secret");
    assert!(ended.err.contains("would write Secret dry-pat with the token under key token"), "{}", ended.err);
    assert_eq!(printed["metadata"], json!({ "name": "dry" }), "no namespace was named");
    let ended = run_with(&[&flags[..], &["-n", place.namespace]].concat(), &[], b"").await;
    let printed: Value = from_yaml(&ended.out).unwrap();
    assert_eq!(printed["metadata"], json!({ "name": "dry", "namespace": "connect" }));
    place.can_be_applied(&printed).await;
    let admin = place.world.plane.admin_kubeconfig();
    let flags =
        ["connect", "dry", "--host", "simulated", "--scope", "repo", "--dry-run", "server", "-o", "yaml"];
    let ended = place.plugin_with(admin, &flags, token.as_bytes()).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let printed: Value = from_yaml(&ended.out).unwrap();
    assert_eq!(printed["spec"]["interval"], "30m", "the API server has filled in its defaults");
    assert_eq!(printed["metadata"], json!({ "name": "dry", "namespace": "connect" }));
    assert_eq!(printed.get("status"), None);
    place.can_be_applied(&printed).await;
    holds_no(&(ended.out + &ended.err), &token);
    let ended =
        place.plugin_with(admin, &["connect", "dry", "--scope", "Repo!", "--dry-run", "server"], b"").await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains("each of scopes must be one classic scope"), "{}", ended.err);
    assert_eq!(place.names("dry").await, [""; 0]);
}

#[tokio::test]
async fn a_connection_that_was_taken_from_a_cluster_can_be_made_in_another_one() {
    let place = World::place("connect");
    let token = place.world.github.token(NewToken::classic("abroad", "acme-ci"));
    let manifest = json!({
        "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
        "metadata": {
            "name": "abroad", "namespace": "connect", "uid": "0b1e9a4e-8d6f-4c1e-9d53-2f0f5cf1c9aa", "resourceVersion": "77", "generation": 3,
            "creationTimestamp": "2026-03-01T10:00:00Z", "labels": { "team": "infra" },
        },
        "spec": { "host": "simulated", "secretRef": { "name": "abroad-pat" } },
        "status": { "observedGeneration": 3, "conditions": [] },
    });
    let manifest = place.world.file("abroad.json", &manifest.to_string());
    let connect = ["connect", "abroad", "-f", &manifest];
    let ended = place.plugin_with(place.world.plane.admin_kubeconfig(), &connect, token.as_bytes()).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(place.seen("abroad").await.metadata.labels.unwrap()["team"], "infra");
}

#[tokio::test]
async fn a_name_as_long_as_names_can_be_has_a_secret_too() {
    let place = World::place("connect");
    let token = place.world.github.token(NewToken::classic("longest", "acme-ci"));
    let admin = place.world.plane.admin_kubeconfig();
    for length in [249, 250, 253] {
        let name = "n".repeat(length);
        let flags = ["connect", &name, "--host", "simulated", "--dry-run", "server"];
        let ended = place.plugin_with(admin, &flags, token.as_bytes()).await;
        let said = format!("would write Secret {}-pat with", "n".repeat(249));
        assert!(ended.code == 0 && ended.out.starts_with(&said), "{ended:?}");
    }
}

#[tokio::test]
async fn a_dry_run_without_a_cluster_judges_the_token_that_is_handed_over() {
    let place = World::place("connect");
    let github = &place.world.github;
    let [good, lacking] = [("dry-good", "repo"), ("dry-lacking", "gist")]
        .map(|(name, scope)| github.token(NewToken::classic(name, "acme-ci").scopes(&[scope])));
    let file = place.world.file("dry-lacking", &lacking);
    let flags = ["connect", "dry-judged", "--host", "simulated", "--scope", "repo", "--dry-run", "client"];
    let settings = [("GITHUB_PAT_OPERATOR_CONFIG", place.world.settings.to_str().unwrap())];
    for (row, more, input, code) in [
        ("none", &[] as &[&str], "", 0),
        ("a good one by a pipe", &[], &good, 0),
        ("one that lacks a scope by a pipe", &[], &lacking, 1),
        ("one that lacks a scope by a file", &["--token-file", &file], "", 1),
    ] {
        let ended = run_with(&[&flags[..], more].concat(), &settings, input.as_bytes()).await;
        assert_eq!((ended.code, ended.out.starts_with("would write")), (code, code == 0), "{row}: {ended:?}");
        assert_eq!(ended.err.contains("ScopeMissing"), code == 1, "{row}: {ended:?}");
    }
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn a_dry_run_without_a_cluster_refuses_names_that_no_secret_can_have() {
    let place = World::place("connect");
    let manifest = |spec: Value| {
        let manifest = json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "metadata": { "name": "dry-named" }, "spec": spec,
        });
        place.world.file("dry-named.json", &manifest.to_string())
    };
    let source = manifest(json!({ "secretRef": { "name": "Foo Bar" } }));
    let standby = manifest(json!({ "secretRef": { "name": "a" }, "standby": [{ "name": "Foo Bar" }] }));
    let output = manifest(
        json!({ "secretRef": { "name": "a" }, "publish": [{ "secretName": "Foo Bar", "format": "BasicAuth" }] }),
    );
    for flags in [["--output", "Foo Bar:BasicAuth"], ["-f", &source], ["-f", &standby], ["-f", &output]] {
        let flags = [&["connect", "dry-named", "--dry-run", "client"][..], &flags].concat();
        let ended = run_with(&flags, &[], b"").await;
        assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{flags:?}: {ended:?}");
        assert!(ended.err.contains("no name of a Kubernetes object"), "{flags:?}: {ended:?}");
    }
}
