//! From the operator of commit `a555db4`, the first one that ran end to end, to that of today and back, and again: both run for real, with
//! the charts that they come with.
//!
//! `.ci/rollback` builds the first one from the history of this repository and runs this test.

use std::path::PathBuf;

use github_pat_operator::api::GithubPatConnection;
use serde_json::Value;

use super::*;
use crate::{
    release::{RELEASE, chart, helm_in, said},
    world::Operator,
};

/// Asks GitHub only about what is new.
fn connection(spec: Value) -> Value {
    crate::world::merged(json!({ "interval": "1h" }), spec)
}

/// Helm, about the release in this world.
fn helm(world: &World, verb: &[&str], chart: Option<PathBuf>, flags: &[&str]) {
    let home = std::env::temp_dir();
    let output = helm_in(world.plane.admin_kubeconfig(), &home, verb, chart.as_deref(), flags);
    assert!(output.status.success(), "{verb:?}: {}", said(&output));
}

async fn started(world: &World, settings: &str, flags: &[&str]) -> Operator {
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let operator = world.unready_operator(kubeconfig, settings, flags);
    operator.wait_until_ready().await;
    operator
}

/// The new operator once it has taken all of these over; it asks nothing and changes no Secret.
async fn taken_over(world: &World, settings: &str, names: &[&str]) -> usize {
    let (asked, before, written) = (world.github.calls().len(), held(world).await, writes(world).len());
    let operator = started(world, settings, &["--secret-scope", "Cluster"]).await;
    for name in names {
        let is_taken = |seen: &GithubPatConnection| {
            seen.status.as_ref().is_some_and(|status| status.next_check_at.is_some())
        };
        world.until(name, is_taken).await;
    }
    operator.stop().await;
    assert!(held(world).await == before, "what workloads read has changed");
    let asked = world.github.calls().split_off(asked);
    assert!(asked.is_empty(), "{asked:?}");
    let written = counted(writes(world).split_off(written));
    assert!(written.values().all(|count| *count == 1), "{written:?}");
    written.len()
}

/// How often each object was written.
fn counted(writes: Vec<(String, String)>) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    writes.into_iter().for_each(|write| *counts.entry(write).or_default() += 1);
    counts
}

/// The first operator has changed these Secrets, each of them once, and the statuses. docs/upgrading.md tells of it.
fn assert_written(written: &BTreeMap<(String, String), usize>, secrets: &[(&str, &str, usize)]) {
    let once = ["classic", "strict", "later", "versioned", "of-env", "during"].map(|name| (name, 1));
    // The status of `turned` before and after its new token, and that of `short` before and after it was mended, each time with a write more
    // that is to take `Stalled` off and changes nothing.
    let statuses = once.into_iter().chain([("turned", 2), ("short", 4)]);
    let mut most: Vec<_> = statuses.map(|(name, most)| ("githubpatconnections", name, most)).collect();
    most.extend(secrets);
    most.sort_unstable();
    let names = written.keys().map(|(resource, name)| (resource.as_str(), name.as_str()));
    assert!(names.eq(most.iter().map(|(resource, name, _)| (*resource, *name))), "{written:?}");
    assert!(written.values().zip(most).all(|(count, (.., most))| *count <= most), "{written:?}");
}

/// What the release's ServiceAccount has written.
fn writes(world: &World) -> Vec<(String, String)> {
    let account = format!("system:serviceaccount:{RELEASE}:{RELEASE}");
    let events = world.plane.audit().unwrap().into_iter();
    let written =
        events.filter(|event| event.user == account && event.is_write() && event.resource != "events");
    written.map(|event| (event.resource, event.name)).collect()
}

#[tokio::test]
#[ignore = "runs the operator of commit a555db4; .ci/rollback builds it"]
async fn the_first_operator_takes_over_after_a_rollback_and_gives_back_after_an_upgrade_and_only_versions_are_lost()
 {
    let Some(first) = std::env::var_os("FIRST_OPERATOR") else { panic!("FIRST_OPERATOR names no program") };
    let mut world = World::audited().await;
    let ours = world.program.clone();
    let of_first = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/upgrade/chart");
    let url = world.github.url().to_owned();
    let known = format!(
        "hosts: [{{ name: simulated, apiUrl: '{url}', registry: registry.example }}]\nconfirmAfter: 1s\n"
    );
    let settings = format!("{known}failedLoginsPerHour: 1000\nfailedLoginsPerNamespace: 500\n");
    let token = |name: &str, login: &str| {
        world.github.token(NewToken::classic(name, login).scopes(&["repo", "read:packages"]))
    };

    helm(
        &world,
        &["install"],
        Some(of_first),
        &["--create-namespace", "--take-ownership", "--force-conflicts"],
    );
    world.program = first.into();
    let operator = started(&world, &known, &[]).await;
    let output = |name: &str, format: &str| json!({ "secretName": format!("{name}-{}", format.to_lowercase()), "format": format });
    let all = ["Opaque", "BasicAuth", "DockerConfigJson"].map(|format| output("classic", format));
    let specs = [
        ("classic", json!({ "publish": all })),
        ("short", json!({ "require": { "scopes": ["admin:org"] }, "publish": [output("short", "Opaque")] })),
        ("strict", json!({ "onInvalid": "Withdraw", "publish": [output("strict", "Opaque")] })),
        ("turned", json!({ "publish": [output("turned", "Opaque")] })),
    ];
    for (name, spec) in &specs {
        world.secret(name, &token(name, "acme-ci")).await;
        world.connection(name, connection(spec.clone())).await;
    }
    let verdicts = [
        ("classic", "True", "Ready"),
        ("short", "False", "ScopeMissing"),
        ("strict", "True", "Ready"),
        ("turned", "True", "Ready"),
    ];
    for (name, status, reason) in verdicts {
        world.ready(name, status, reason).await;
    }
    operator.stop().await;

    let upgrade = ["--reset-then-reuse-values", "--set", "grant.allNamespaces=true"];
    helm(&world, &["upgrade"], Some(chart()), &upgrade);
    let first = std::mem::replace(&mut world.program, ours.clone());
    let names: Vec<_> = specs.iter().map(|(name, _)| *name).collect();
    taken_over(&world, &settings, &names).await;
    let operator = started(&world, &settings, &["--secret-scope", "Cluster"]).await;
    // What the first one knows nothing of, and what both know.
    for (name, publish) in [
        ("versioned", json!([{ "secretName": "versioned-out", "format": "Opaque", "versioned": true }])),
        ("of-env", json!([output("of-env", "Env"), output("of-env", "Opaque")])),
        ("later", json!([output("later", "Opaque")])),
    ] {
        world.secret(name, &token(name, "acme-ci")).await;
        world.connection(name, connection(json!({ "publish": publish }))).await;
        world.ready(name, "True", "Ready").await;
    }
    let turned = token("turned-2", "acme-ci");
    world.secret("turned", &turned).await;
    world.secret_until("turned-opaque", |secret| has(secret, &turned)).await;
    world.ready("turned", "True", "Ready").await;
    operator.stop().await;

    let stood = held(&world).await;
    let (asked, written) = (world.github.calls().len(), writes(&world).len());
    helm(&world, &["rollback"], None, &["1"]);
    world.program = first;
    let operator = started(&world, &known, &[]).await;
    let turned = token("turned-3", "acme-ci");
    world.secret("turned", &turned).await;
    world.secret_until("turned-opaque", |secret| has(secret, &turned)).await;
    world.secret("during", &token("during", "acme-ci")).await;
    world.connection("during", connection(json!({ "publish": [output("during", "Opaque")] }))).await;
    for (name, status, reason) in
        verdicts.into_iter().chain([("later", "True", "Ready"), ("during", "True", "Ready")])
    {
        world.ready(name, status, reason).await;
    }
    // One of a format that it does not know says so, and its outputs stay.
    world.ready("of-env", "False", "SpecUnreadable").await;
    // It knows of no `Stalled`, which stays also once a person has helped; docs/upgrading.md tells of it.
    world.change("short", json!({ "require": null })).await;
    let mended = world.ready("short", "True", "Ready").await;
    assert!(is_stalled(&mended), "{:?}", mended.status);
    operator.stop().await;
    let asked = world.github.calls().split_off(asked);
    let asked: Vec<_> = asked.iter().map(|call| (call.token.as_deref(), call.path.as_str())).collect();
    assert_eq!(asked, [(Some("turned-3"), "/user"), (Some("during"), "/user")], "only what is new");
    let written = counted(writes(&world).split_off(written));
    let now = held(&world).await;
    let others =
        stood.iter().filter(|(name, held)| now.get(*name) != Some(held)).map(|(name, _)| name.as_str());
    let others: Vec<_> = others.filter(|name| !["turned", "turned-opaque"].contains(name)).collect();
    // docs/upgrading.md tells of it: the first one knows no versions.
    assert!(matches!(others[..], [version] if version.starts_with("versioned-out-")), "{others:?}");
    assert_eq!(now["versioned-out"].1, stood[others[0]].1, "the same token under the plain name");
    let secrets = ["versioned-out", "turned-opaque", "during-opaque", "short-opaque", others[0]];
    assert_written(&written, &secrets.map(|name| ("secrets", name, 1)));

    helm(&world, &["upgrade"], Some(chart()), &upgrade);
    world.program = ours;
    let all: Vec<_> = names.iter().copied().chain(["versioned", "of-env", "later", "during"]).collect();
    taken_over(&world, &settings, &all).await;
    for name in ["versioned", "of-env", "later", "during", "short"] {
        let taken = world.ready(name, "True", "Ready").await;
        assert!(!is_stalled(&taken), "{name}: {:?}", taken.status);
    }
    assert_eq!(taken_over(&world, &settings, &all).await, 0, "the second start writes nothing");
}

fn has(secret: Option<&k8s_openapi::api::core::v1::Secret>, text: &str) -> bool {
    let value = secret.and_then(|secret| secret.data.as_ref()?.get("token"));
    value.is_some_and(|value| value.0 == text.as_bytes())
}

fn is_stalled(connection: &GithubPatConnection) -> bool {
    connection.status.as_ref().is_some_and(|status| status.condition("Stalled").is_some())
}
