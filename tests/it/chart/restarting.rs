//! Whose workloads a connection may have restarted: those that its author may patch, on a real API server.

use std::slice;

use github_pat_operator::{api::GithubPatConnection, domain::workload::WorkloadKind};

use super::{
    policies::{CONNECTIONS, Right, connection, guarded, refusal, until_refused, user},
    *,
};

const SECRETS: Right<'static> = ("", "secrets", &[], &["get"]);

fn spec(restart: &[(&str, &str)]) -> Value {
    let restart: Vec<_> = restart.iter().map(|(kind, name)| json!({ "kind": kind, "name": name })).collect();
    let output = json!({ "secretName": "out", "format": "Opaque" });
    json!({ "secretRef": { "name": "ci" }, "publish": [output], "restart": restart })
}

#[tokio::test]
async fn who_has_a_workload_restarted_must_be_allowed_to_patch_it() {
    let world = guarded(&[]).await;
    let names: Vec<String> = (0..8).map(|number| format!("w-{number}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let stranger = user(&world, "stranger", &[CONNECTIONS, SECRETS]).await;
    // Each verb but the one that counts, and that one on other resources of the names.
    let reader: [Right<'_>; 4] = [
        CONNECTIONS,
        SECRETS,
        ("", "pods", &[], &["patch"]),
        ("apps", "deployments", &[], &["get", "list", "watch", "create", "update", "delete"]),
    ];
    let reader = user(&world, "reader", &reader).await;
    let owner = [
        CONNECTIONS,
        SECRETS,
        ("apps", "statefulsets", &["db"], &["patch"]),
        ("apps", "deployments", all.as_slice(), &["patch"] as &[&str]),
    ];
    let owner = user(&world, "owner", &owner).await;
    let kinds: [&[&str]; 2] = [&["daemonsets", "deployments", "statefulsets"], &["patch"]];
    let rights: Vec<Right<'_>> =
        kinds[0].iter().map(|plural| ("apps", *plural, &[] as &[&str], kinds[1])).collect();
    let editor = user(&world, "editor", &[&[CONNECTIONS, SECRETS], rights.as_slice()].concat()).await;

    let api = |client: &Client| Api::<GithubPatConnection>::namespaced(client.clone(), NAMESPACE);
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let create = async |client: &Client, restart: &[(&str, &str)]| {
        refusal(api(client).create(&dry, &connection("ci", &spec(restart))).await)
    };
    let theirs = connection("ci", &spec(&[("Deployment", "w-0")]));
    until_refused("a stranger", async || api(&stranger).create(&dry, &theirs).await).await;

    let every: Vec<(&str, &str)> = all.iter().map(|name| ("Deployment", *name)).collect();
    let mut last = every.clone();
    last[7] = ("StatefulSet", "w-7");
    let rows: [(&str, &[(&str, &str)], Option<&str>); 7] = [
        ("nothing", &[], None),
        ("its own", &[("Deployment", "w-0"), ("StatefulSet", "db")], None),
        ("eight of its own", &every, None),
        ("the last of eight", &last, Some("StatefulSet w-7")),
        ("another name", &[("Deployment", "theirs")], Some("Deployment theirs")),
        ("the name on another kind", &[("DaemonSet", "w-0")], Some("DaemonSet w-0")),
        ("its own and another", &[("StatefulSet", "db"), ("StatefulSet", "w-0")], Some("StatefulSet w-0")),
    ];
    for (name, restart, refused) in rows {
        let sentence = create(&owner, restart).await;
        let expected =
            refused.map(|workload| format!("restart names the {workload}, which you may not patch"));
        assert_eq!(sentence.is_some(), expected.is_some(), "{name}: {sentence:?}");
        assert!(sentence.unwrap_or_default().contains(&expected.unwrap_or_default()), "{name}");
        assert_eq!(create(&editor, restart).await, None, "{name}");
        for nobody in [&stranger, &reader] {
            assert_eq!(create(nobody, restart).await.is_some(), !restart.is_empty(), "{name}");
        }
    }
    for kind in [WorkloadKind::Deployment, WorkloadKind::StatefulSet, WorkloadKind::DaemonSet] {
        let one = [(kind.as_str(), "any")];
        assert_eq!(create(&editor, &one).await, None, "{kind:?}");
        assert!(create(&owner, &one).await.unwrap().contains(kind.as_str()), "{kind:?}");
    }
}

#[test]
fn the_policy_asks_about_as_many_workloads_as_a_connection_can_name_in_all_namespaces() {
    let policy = |flags: &[&str]| -> Value {
        let mut manifests = rendered(flags).into_iter();
        let name = format!("{RELEASE}-workload-access");
        manifests.find(|manifest| manifest["metadata"]["name"] == name.as_str()).unwrap()["spec"].clone()
    };
    let asked = policy(&[])["validations"].as_array().unwrap().len();
    let schema = serde_json::to_value(api::definition().spec.versions[0].schema.clone()).unwrap();
    let most = schema.pointer("/openAPIV3Schema/properties/spec/properties/restart/maxItems").unwrap();
    assert_eq!(Some(asked as u64), most.as_u64());
    // A connection elsewhere is not judged once more when its namespace is added.
    assert_eq!(policy(&["--set", "watchNamespaces={a,b}"]), policy(&[]));
    // What is named while nothing can be restarted is restarted once that is true, and by another release that may.
    assert_eq!(policy(&["--set", "restartWorkloads=true"]), policy(&["--set", "restartWorkloads=false"]));
}

#[tokio::test]
async fn who_leaves_the_workloads_as_they_are_needs_no_right_on_them() {
    let world = guarded(&[]).await;
    let stranger = user(&world, "stranger", &[CONNECTIONS, SECRETS]).await;
    let owner =
        user(&world, "owner", &[CONNECTIONS, SECRETS, ("apps", "deployments", &["mine"], &["patch"])]).await;
    let api = |client: &Client| Api::<GithubPatConnection>::namespaced(client.clone(), NAMESPACE);
    let both = [("Deployment", "mine"), ("Deployment", "theirs")];
    let made = connection("ci", &spec(&both));
    until_refused("a stranger", async || {
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        api(&stranger).create(&dry, &made).await
    })
    .await;
    // Whoever may patch everything has named both.
    api(&world.client).create(&PostParams::default(), &made).await.unwrap();
    let patched = async |client: &Client, spec: Value| {
        let params = PatchParams { dry_run: true, ..PatchParams::default() };
        refusal(api(client).patch("ci", &params, &Patch::Merge(json!({ "spec": spec }))).await)
    };
    let restart = |named: &[(&str, &str)]| json!({ "restart": spec(named)["restart"] });
    let (mine, theirs) = (&both[0], &both[1]);
    let rows = [
        ("another interval", json!({ "interval": "1h" }), None, None),
        ("the same list", restart(&both), None, None),
        ("the list turned round", restart(&[*theirs, *mine]), None, None),
        ("one less", restart(slice::from_ref(theirs)), None, None),
        ("none", json!({ "restart": null }), None, None),
        ("one more", restart(&[*mine, *theirs, ("Deployment", "more")]), Some("more"), Some("more")),
        ("another kind", restart(&[("DaemonSet", "mine")]), Some("mine"), Some("mine")),
    ];
    for (name, change, of_stranger, of_owner) in rows {
        for (client, refused) in [(&stranger, of_stranger), (&owner, of_owner)] {
            let sentence = patched(client, change.clone()).await;
            assert_eq!(sentence.is_some(), refused.is_some(), "{name}: {sentence:?}");
            assert!(sentence.unwrap_or_default().contains(refused.unwrap_or_default()), "{name}");
        }
    }
    // Metadata and deletion are free.
    let params = PatchParams::default();
    let noted =
        Patch::Merge(json!({ "metadata": { "annotations": { "githubpat.dev/requestedAt": "now" } } }));
    assert_eq!(refusal(api(&stranger).patch("ci", &params, &noted).await), None);
    // What was taken off is named anew by who may patch it alone.
    let less = Patch::Merge(json!({ "spec": restart(slice::from_ref(theirs)) }));
    assert_eq!(refusal(api(&stranger).patch("ci", &params, &less).await), None);
    assert!(patched(&stranger, restart(&both)).await.unwrap().contains("Deployment mine"));
    assert_eq!(patched(&owner, restart(&both)).await, None);
    assert_eq!(refusal(api(&stranger).delete("ci", &kube::api::DeleteParams::default()).await), None);
}
