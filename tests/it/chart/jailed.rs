//! The operator at work under the policy that confines its ServiceAccount, with the rights of the chart: it takes over what it may, and makes
//! and deletes what is its own.

use kube::{ResourceExt, api::ListParams};

use super::{
    policies::{guarded, until_refused},
    rights::MODES,
    *,
};

/// The label of outputs.
const OURS: &str = "githubpat.dev/connection-uid";

/// Secrets of the namespace that hold this token, by name.
async fn holders(world: &World, token: &str) -> BTreeSet<String> {
    let secrets = world.secrets().list(&ListParams::default()).await.unwrap();
    let holds = |secret: &Secret| {
        let mut values = secret.data.iter().flatten().map(|(_, value)| &value.0);
        secret.labels().contains_key(OURS) && values.any(|value| value == token.as_bytes())
    };
    secrets.into_iter().filter(holds).map(|secret| secret.name_any()).collect()
}

/// Waits until the token is in these outputs and in one version of `pull`; gives the name of that.
async fn published(world: &World, token: &str, outputs: &[&str]) -> String {
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let holders = holders(world, token).await;
        let versions: Vec<_> = holders.iter().filter(|name| name.starts_with("pull-")).collect();
        if let ([version], true) = (&versions[..], outputs.iter().all(|name| holders.contains(*name))) {
            return (*version).clone();
        }
        assert!(tokio::time::Instant::now() < deadline, "{outputs:?} do not hold the token: {holders:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn the_confined_operator_takes_over_secrets_and_keeps_versions() {
    let world = guarded(&["--set", MODES[0].0]).await;
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let account = world.plane.client(world.plane.config(&kubeconfig).await.unwrap()).unwrap();
    let (account, dry) = (
        Api::<Secret>::namespaced(account, NAMESPACE),
        PostParams { dry_run: true, ..PostParams::default() },
    );
    let unmarked: Secret = from(json!({ "metadata": { "name": "a" } }));
    until_refused("a Secret without our label", async || account.create(&dry, &unmarked).await).await;

    // Of the first operator, which left no annotation.
    let connection = world.connection("ci", json!({ "interval": "24h" })).await;
    let (uid, first) = (connection.uid().unwrap(), world.github.token(NewToken::classic("first", "acme-ci")));
    let owner = json!({
        "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "name": "ci", "uid": uid, "controller": true,
    });
    let labels = json!({ "app.kubernetes.io/managed-by": "github-pat-operator", OURS: uid });
    let adopted = json!({ "annotations": { "githubpat.dev/adopt": "ci" } });
    let rows = [
        ("of-the-first", json!({ "labels": labels, "ownerReferences": [owner] }), "Opaque", false),
        ("given", adopted.clone(), "Opaque", false),
        ("immutable", adopted.clone(), "Opaque", true),
        ("of-another-type", adopted, "kubernetes.io/basic-auth", false),
    ];
    for (name, metadata, type_, immutable) in &rows {
        let mut secret = json!({
            "metadata": metadata, "type": type_, "immutable": immutable,
            "stringData": { "username": "bot", "password": "old", "token": first },
        });
        secret["metadata"]["name"] = json!(name);
        world.secrets().create(&PostParams::default(), &from(secret)).await.unwrap();
    }
    let lease = ["--leader-election", "true", "--lease-namespace", RELEASE];
    let operator = world.operator_as(kubeconfig, &lease).await;
    world.secret("ci", &first).await;
    let names = rows.map(|(name, ..)| name);
    let mut publish: Vec<_> =
        names.iter().map(|name| json!({ "secretName": name, "format": "Opaque" })).collect();
    publish.push(json!({ "secretName": "pull", "format": "Opaque", "versioned": true, "keepVersions": 1 }));
    world.change("ci", json!({ "publish": publish })).await;
    let one = published(&world, &first, &names).await;
    world.ready("ci", "True", "Ready").await;

    let second = world.github.token(NewToken::classic("second", "acme-ci"));
    world.secret("ci", &second).await;
    let two = published(&world, &second, &names).await;
    // Who takes the label off gives the Secret away, and back by the annotation.
    let patch = async |metadata: Value| {
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        world.secrets().patch("given", &PatchParams::default(), &patch).await.unwrap();
    };
    patch(json!({ "labels": { OURS: null } })).await;
    world.until("ci", |seen| !crate::world::is_so(seen, "Ready", "True", "Ready")).await;
    patch(json!({ "annotations": { "githubpat.dev/adopt": "ci" } })).await;
    let third = world.github.token(NewToken::classic("third", "acme-ci"));
    world.secret("ci", &third).await;
    let three = published(&world, &third, &names).await;
    world.ready("ci", "True", "Ready").await;
    world.secret_until(&one, |secret| secret.is_none()).await;
    assert!(world.value(&two, "token").await.is_some(), "the one before stays");

    world.change("ci", json!({ "publish": [] })).await;
    for name in names.iter().copied().chain([two.as_str(), three.as_str()]) {
        world.secret_until(name, |secret| secret.is_none()).await;
    }
    operator.stop().await;
}
