//! The rights that the chart grants, in each of its modes: all of them are used, and no others.
//!
//! That no others are is held by the whole suite: its operators have the rights of the chart, and a world fails whose audit log has a
//! request of theirs that RBAC refused; `.ci/modes` runs it in each mode. That all are, and that each is missed, is held here, in `missed`, `taken`, `sinks`, `waiting` and `readers`.

use std::{collections::BTreeSet, time::Duration};

use control_plane::AuditEvent;
use github_pat_operator::{api::GithubPatConnection, settings::SecretScope};

use super::*;
use crate::{
    reload::until_told,
    ungranted::{becomes, connect},
};

/// The values of each mode: by namespace, for all namespaces, and in some namespaces alone; and the flags that say the same.
pub(crate) const MODES: [(&str, &[&str]); 3] = [
    ("grant.namespaces={team-a}", &[]),
    ("grant.allNamespaces=true", &["--secret-scope", "Cluster"]),
    ("watchNamespaces={team-a}", &["--watch-namespaces", "team-a"]),
];

/// Where, empty for everywhere, and group, resource with subresource, and verb.
pub(super) type Right = (String, [String; 3]);

#[tokio::test]
#[ignore = "starts an operator for each mode of the chart; .ci/long runs it"]
async fn with_the_rights_of_the_chart_a_token_is_published_and_each_right_is_used() {
    let shards: (&str, &[&str]) = ("grant.namespaces={team-a},shards=1", &["--shard", "0/1"]);
    for (value, flags) in MODES.into_iter().chain([shards]) {
        // The right to list is used where the API server sends no list as a stream.
        let world = World::with(Options { audit: true, paged_lists: true, ..Options::default() }).await;
        world.namespace(RELEASE).await;
        let manifests = rendered(&["--set", value]);
        for manifest in &manifests {
            apply(&world.client, manifest, false).await;
        }
        let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
        let lease = ["--leader-election", "true", "--lease-namespace", RELEASE];
        let operator = world.operator_as(kubeconfig, &[&lease, flags].concat()).await;
        let first = world.github.token(NewToken::classic("first", "acme-ci"));
        world.secret("ci", &first).await;
        world.connection("ci", json!({ "publish": [{ "secretName": "out", "format": "Opaque" }] })).await;
        world.ready("ci", "True", "Ready").await;
        world.secret_until("out", |secret| holds(secret, &first)).await;
        let second = world.github.token(NewToken::classic("second", "acme-ci"));
        world.secret("ci", &second).await;
        world.secret_until("out", |secret| holds(secret, &second)).await;
        world.change("ci", json!({ "publish": [] })).await;
        world.secret_until("out", |secret| secret.is_none()).await;
        operator.renew(&format!("{}trustFor: 48h\n", world.settings()));
        until_told(&world, RELEASE, "SettingsReloaded", "trustFor").await;
        operator.stop().await;

        let granted = granted(&manifests);
        assert_eq!(used_once_as_many(&world, &granted).await, granted, "{value}");
    }
}

#[tokio::test]
async fn a_request_of_an_operator_that_rbac_refuses_fails_the_test_that_started_it() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let missed = || world.rights.missed(&world.plane.audit_text().unwrap());
    assert_eq!(missed(), [""; 0]);
    // Those that the world does not know, so that nothing is granted there.
    let ungranted = async |name: &str| {
        let namespace = Namespace { metadata: named(name), ..Namespace::default() };
        Api::<Namespace>::all(world.client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        connect(&world, name).await;
        becomes(&world, name, "False", "NamespaceNotGranted").await;
    };
    ungranted("elsewhere").await;
    let is_there = |missed: &[String], name: &str| {
        missed.iter().any(|request| request.contains(&format!("/{name}/secrets")))
    };
    assert!(is_there(&missed(), "elsewhere"), "{:?}", missed());
    world.may_be_refused("/nowhere/secrets");
    ungranted("nowhere").await;
    let refused = missed();
    assert!(is_there(&refused, "elsewhere") && !is_there(&refused, "nowhere"), "{refused:?}");
    // What has been refused before is none of it.
    world.may_be_refused("/elsewhere/secrets");
    assert!(is_there(&missed(), "elsewhere"), "{:?}", missed());
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(world)));
    let said = ended.unwrap_err().downcast::<String>().unwrap();
    assert!(said.contains("the chart does not grant") && said.contains("/elsewhere/secrets"), "{said}");
}

#[test]
fn no_verb_on_secrets_holds_everywhere_unless_all_namespaces_are_granted() {
    let everywhere = |flags: &[&str]| -> Vec<Right> {
        granted(&rendered(flags)).into_iter().filter(|(place, _)| place.is_empty()).collect()
    };
    let of_secrets = |flags: &[&str]| {
        everywhere(flags).into_iter().filter(|(_, [_, resource, _])| resource == "secrets").count()
    };
    assert_eq!(of_secrets(&[]), 0);
    assert_eq!(MODES.map(|(value, _)| of_secrets(&["--set", value])), [0, 6, 0]);
    assert_eq!(everywhere(&["--set", MODES[2].0]), [], "Roles alone");
    let kinds = rendered(&["--set", MODES[2].0]).into_iter().map(|manifest| manifest["kind"].clone());
    assert!(kinds.into_iter().all(|kind| kind != "ClusterRoleBinding"));
}

#[test]
fn the_command_that_grants_a_namespace_gives_the_binding_a_name_that_the_chart_leaves_free() {
    for flags in [[].as_slice(), &["--set", "grant.namespaces={a}"], &["--set", "waitingPods.enabled=true"]] {
        let manifests = rendered(flags);
        let account = &of_kind(&manifests, "ServiceAccount")["metadata"]["name"];
        let bindings = manifests.iter().filter(|manifest| manifest["kind"] == "RoleBinding");
        let names: Vec<_> = bindings.map(|binding| &binding["metadata"]["name"]).collect();
        assert!(!names.is_empty() && !names.contains(&account), "{names:?}");
    }
}

#[test]
fn the_settings_of_the_chart_watch_what_it_grants() {
    let watch = |flags: &[&str]| {
        let directory = tempfile::tempdir().unwrap();
        settings(&rendered(flags), directory.path()).watch
    };
    let scopes = MODES.map(|(value, _)| watch(&["--set", value]).secret_scope);
    assert_eq!(scopes, [SecretScope::Namespaced, SecretScope::Cluster, SecretScope::Namespaced]);
    let namespaces = MODES.map(|(value, _)| watch(&["--set", value]).namespaces);
    assert_eq!(namespaces, [vec![], vec![], vec![NAMESPACE.to_owned()]]);
    for (value, _) in MODES {
        let flags = ["--set", value, "--set", "fullnameOverride=pats"];
        let (manifests, role) = (rendered(&flags), watch(&flags).secrets_role);
        let is_it = |manifest: &&Value| manifest["metadata"]["name"] == role;
        let kind = &manifests.iter().find(is_it).unwrap()["kind"];
        assert!(*kind == "ClusterRole" || *kind == "Role", "{value}: {kind}");
    }
}

#[test]
fn values_that_grant_what_is_of_no_use_are_refused() {
    let rows = [
        (["watchNamespaces={a}", "grant.namespaces={b}"], "leave out grant"),
        (["watchNamespaces={a}", "grant.allNamespaces=true"], "leave out grant"),
        (["grant.namespaces={a}", "grant.allNamespaces=true"], "leave out grant.namespaces"),
        (["grant.namespaces={a,a}", "nameOverride="], "/grant/namespaces"),
        (["watchNamespaces={A}", "nameOverride="], "/watchNamespaces/0"),
    ];
    for ([one, other], words) in rows {
        let output = template(&["--set", one, "--set", other]);
        assert!(
            !output.status.success() && said(&output).contains(words),
            "{one} {other}: {}",
            said(&output)
        );
    }
}

/// What Helm says after an installation with these flags.
fn notes(flags: &[&str]) -> String {
    let chart = chart();
    let install = ["install", RELEASE, chart.to_str().unwrap(), "--dry-run=client", "--namespace", "pats"];
    let output = helm(&[install.as_slice(), flags].concat());
    said(&output).split("NOTES:").nth(1).unwrap().to_owned()
}

#[test]
fn the_notes_say_that_no_registry_has_the_image_until_a_value_names_one() {
    let words =
        "image.repository is not set, so nodes look for github-pat-operator on docker.io, where it is not";
    assert!(notes(&[]).contains(words), "{}", notes(&[]));
    let set = notes(&["--set", "image.repository=registry.example.com/github-pat-operator"]);
    assert!(!set.contains("image.repository"), "{set}");
}

#[test]
fn the_notes_name_the_command_that_grants_a_namespace() {
    let commands = |notes: &str| {
        let lines = notes.lines().filter(|line| line.starts_with("kubectl ") || line.starts_with("read "));
        lines.map(|line| line.split(['-', '<']).next().unwrap().trim().to_owned()).collect::<Vec<_>>()
    };
    let apply = "kubectl apply";
    assert_eq!(commands(&notes(&[])), ["kubectl create rolebinding github", apply]);
    for (value, _) in MODES {
        let notes = notes(&["--set", value]);
        assert_eq!(commands(&notes), ["read", apply], "the next two commands: {notes}");
        let manifest = notes.split("<<END\n").nth(1).unwrap().split("END\n").next().unwrap();
        let connection: GithubPatConnection = from_yaml(manifest).unwrap();
        let secret = &connection.spec.secret_ref.name;
        assert!(
            notes.contains(&format!("kubectl create secret generic {secret} --from-file=token")),
            "{notes}"
        );
    }
    // There, and not where kubectl happens to be.
    for value in ["grant.namespaces={team-b,team-c}", "watchNamespaces={team-b,team-c}"] {
        let notes = notes(&["--set", value]);
        let lines = notes.lines().filter(|line| line.contains("kubectl "));
        let elsewhere: Vec<_> = lines.filter(|line| !line.contains(" -n team-b")).collect();
        assert!(elsewhere.is_empty(), "{elsewhere:?}");
        assert!(notes.contains("store a token there, here in team-b."), "{notes}");
    }
    let anywhere = notes(&["--set", MODES[1].0]);
    assert!(
        !anywhere.contains(" there.") && anywhere.contains("store a token in any namespace"),
        "{anywhere}"
    );
    let command = "kubectl create rolebinding github-pat-operator --clusterrole=github-pat-operator-secrets \
                   --serviceaccount=pats:github-pat-operator\n";
    assert!(notes(&[]).contains(command), "{}", notes(&[]));
    let of_pods = "github-pat-operator-waiting-pods, also as the name of the binding, where Pods are to wait";
    assert!(!notes(&[]).contains(of_pods), "{}", notes(&[]));
    let waiting = notes(&["--set", "waitingPods.enabled=true,waitingPods.addGate=false"]);
    assert!(waiting.contains(of_pods), "{waiting}");
    assert!(!notes(&["--set", MODES[1].0]).contains("rolebinding"));
    let some = notes(&["--set", MODES[2].0]);
    assert!(!some.contains("rolebinding") && some.contains(": team-a."), "{some}");
}

#[tokio::test]
async fn the_rights_to_restart_workloads_and_to_list_consumers_come_with_their_values_and_each_is_used() {
    let world = World::with(Options { audit: true, paged_lists: true, ..Options::default() }).await;
    world.namespace(RELEASE).await;
    let values = ["--set", "restartWorkloads=true", "--set", "settings.consumers=true", "--set", MODES[0].0];
    let manifests = rendered(&values);
    for manifest in &manifests {
        apply(&world.client, manifest, false).await;
    }
    let template = json!({
        "metadata": { "labels": { "app": "builder" } },
        "spec": { "containers": [{ "name": "main", "image": "builder" }] },
    });
    let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
    for kind in kinds {
        let object: DynamicObject = from(json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": "builder" },
            "spec": { "selector": { "matchLabels": { "app": "builder" } }, "template": template },
        }));
        workloads(&world, kind).create(&PostParams::default(), &object).await.unwrap();
    }
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let _operator = world.operator_as(kubeconfig, &["--consumers", "true"]).await;
    world.secret("ci", &world.github.token(NewToken::classic("first", "acme-ci"))).await;
    let restart = kinds.map(|kind| json!({ "kind": kind, "name": "builder" }));
    let publish = json!([{ "secretName": "out", "format": "Opaque" }]);
    world.connection("ci", json!({ "publish": publish, "restart": restart })).await;
    world.ready("ci", "True", "Ready").await;
    world.secret("ci", &world.github.token(NewToken::classic("second", "acme-ci"))).await;
    for kind in kinds {
        let annotated = |found: Option<&DynamicObject>| {
            found.is_some_and(|found| found.data.to_string().contains("restart.githubpat.dev/ci"))
        };
        let restarted = await_condition(workloads(&world, kind), "builder", annotated);
        tokio::time::timeout(SOON, restarted).await.unwrap().unwrap();
    }

    let more = |values: &[&str]| granted(&rendered(values));
    let both: BTreeSet<_> = more(&values).difference(&more(&["--set", MODES[0].0])).cloned().collect();
    assert_eq!(both.len(), 16);
    for (value, count) in [("restartWorkloads=true", 6), ("settings.consumers=true", 10)] {
        assert_eq!(more(&["--set", value]).difference(&more(&[])).count(), count, "{value}");
    }
    let used = used(&world, &granted(&manifests));
    assert_eq!(both.difference(&used).count(), 0, "{both:?} {used:?}");
    assert!(used.is_subset(&granted(&manifests)), "{used:?}");
}

pub(super) fn workloads(world: &World, kind: &str) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("apps", "v1", kind);
    Api::namespaced_with(world.client.clone(), NAMESPACE, &ApiResource::from_gvk(&gvk))
}

/// What the roles grant that are bound to the ServiceAccount, each right where it holds.
pub(super) fn granted(manifests: &[Value]) -> BTreeSet<Right> {
    let mut granted = BTreeSet::new();
    for binding in manifests {
        if !binding["kind"].as_str().unwrap().ends_with("RoleBinding") {
            continue;
        }
        assert_eq!(
            binding["subjects"],
            json!([{ "kind": "ServiceAccount", "name": RELEASE, "namespace": RELEASE }])
        );
        let place = binding["metadata"]["namespace"].as_str().unwrap_or_default();
        let role = &binding["roleRef"];
        let bound = |manifest: &&Value| {
            let metadata = &manifest["metadata"];
            let is_here = role["kind"] == "ClusterRole" || metadata["namespace"] == place;
            manifest["kind"] == role["kind"] && metadata["name"] == role["name"] && is_here
        };
        let rules = rules(manifests.iter().find(bound).unwrap());
        granted.extend(rules.into_iter().map(|right| (place.to_owned(), right)));
    }
    granted
}

pub(crate) fn rules(role: &Value) -> Vec<[String; 3]> {
    let texts = |rule: &Value, field: &str| -> Vec<String> { from(rule[field].clone()) };
    let mut rights = Vec::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                let verbs = texts(rule, "verbs").into_iter();
                rights.extend(verbs.map(|verb| [group.clone(), resource.clone(), verb]));
            }
        }
    }
    rights
}

/// The rights that the ServiceAccount has used, once they are so many: a watch is in the audit log only when it has ended.
async fn used_once_as_many(world: &World, granted: &BTreeSet<Right>) -> BTreeSet<Right> {
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let used = used(world, granted);
        if used.len() >= granted.len() || tokio::time::Instant::now() > deadline {
            return used;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The rights that the ServiceAccount has used: the one for the namespace of the request, where there is one, else the one for all.
pub(super) fn used(world: &World, granted: &BTreeSet<Right>) -> BTreeSet<Right> {
    let user = format!("system:serviceaccount:{RELEASE}:{RELEASE}");
    let events = world.plane.audit().unwrap().into_iter().filter(|event| event.user == user);
    let right = |event: AuditEvent| {
        assert_ne!(event.code, 403, "{} {} is not granted", event.verb, event.uri);
        let parts = [event.resource, event.subresource];
        let right = [event.group, parts.join("/").trim_end_matches('/').to_owned(), event.verb];
        let everywhere = (String::new(), right.clone());
        if granted.contains(&everywhere) { everywhere } else { (event.namespace, right) }
    };
    events.map(right).collect()
}
