//! The operator at work under the policy that confines it, as the chart's ServiceAccount: what it shall read from now on it releases.

use std::collections::BTreeMap;

use kube::ResourceExt;

use super::{
    policies::{guarded, until_refused},
    *,
};

/// What others put on each output: it stays.
fn of_others() -> Value {
    json!({
        "labels": { "theirs": "1" }, "annotations": { "theirs": "1" }, "finalizers": ["example.com/backup"],
    })
}

#[tokio::test]
async fn a_former_output_is_released_under_the_policy_with_all_else_as_it_was() {
    let world = guarded(&["--set", "grant.namespaces={team-a}"]).await;
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    releases(&world, &kubeconfig).await;
}

/// The operator releases each kind of former output where the chart is applied, with its policies.
pub(super) async fn releases(world: &World, kubeconfig: &Path) {
    let operator = world.operator_as(kubeconfig.to_owned(), &[]).await;
    let account = world.plane.client_of(kubeconfig).await.unwrap();
    let (secrets, dry) = (
        Api::<Secret>::namespaced(account, NAMESPACE),
        PostParams { dry_run: true, ..PostParams::default() },
    );
    let plain: Secret = from(json!({ "metadata": { "name": "plain" } }));
    let refused = until_refused("a Secret without a label", async || secrets.create(&dry, &plain).await);
    assert!(refused.await.contains("creates only Secrets with the label"));

    let scopes = &["read:packages"];
    let marks = json!({ "labels": { "asked": "1" }, "annotations": { "asked": "1" } });
    let opaque = |name: &str| json!({ "secretName": name, "format": "Opaque", "labels": marks["labels"], "annotations": marks["annotations"] });
    let pull = |name: &str, registry: &str| json!({ "secretName": name, "format": "DockerConfigJson", "registries": [registry] });
    let mut taking = pull("taking", "two.example");
    taking["extraEntriesFrom"] = json!({ "name": "entries-out" });
    let source = |name: &str| json!({ "secretRef": { "name": format!("{name}-out") }, "publish": [] });
    // The connection, its output, whether somebody takes the label off it, and how it comes to be read.
    let rows = [
        ("source", opaque("source-out"), false, source("source")),
        (
            "suspended",
            opaque("suspended-out"),
            false,
            crate::world::merged(source("suspended"), json!({ "suspend": true })),
        ),
        ("entries", pull("entries-out", "one.example"), false, json!({ "publish": [taking] })),
        ("unlabelled", opaque("unlabelled-out"), true, source("unlabelled")),
    ];
    let mut stood = BTreeMap::new();
    for (name, output, is_unlabelled, _) in &rows {
        let token = NewToken::classic(name, "acme-ci").scopes(scopes);
        world.secret(name, &world.github.token(token)).await;
        world.connection(name, json!({ "publish": [output] })).await;
        world.ready(name, "True", "Ready").await;
        let mut others = of_others();
        if *is_unlabelled {
            others["labels"]["githubpat.dev/connection-uid"] = Value::Null;
        }
        let output = output["secretName"].as_str().unwrap();
        let patch = Patch::Merge(json!({ "metadata": others }));
        let patched = world.secrets().patch(output, &PatchParams::default(), &patch).await.unwrap();
        stood.insert(*name, patched);
        if *is_unlabelled {
            world.ready(name, "False", "ForeignSecret").await;
        }
    }
    for (name, _, _, spec) in rows {
        world.change(name, spec).await;
        let output = format!("{name}-out");
        let is_free =
            |secret: Option<&Secret>| secret.is_some_and(|secret| secret.owner_references().is_empty());
        world.secret_until(&output, is_free).await;
        let (released, mut expected) =
            (world.secrets().get(&output).await.unwrap(), stood.remove(name).unwrap());
        let is_ours = |key: &str| key.starts_with("githubpat.dev/") || key == "app.kubernetes.io/managed-by";
        expected.labels_mut().retain(|key, _| !is_ours(key));
        expected.annotations_mut().retain(|key, _| !is_ours(key));
        expected.metadata.owner_references = None;
        expected.metadata.resource_version = released.metadata.resource_version.clone();
        expected.metadata.managed_fields = released.metadata.managed_fields.clone();
        expected.metadata.annotations =
            expected.metadata.annotations.filter(|annotations| !annotations.is_empty());
        assert_eq!(released, expected, "{name}");
    }
    operator.stop().await;
}
