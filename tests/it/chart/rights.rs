//! The rights that the chart grants, in each of its modes: all of them are used, and no others.

use std::{collections::BTreeSet, time::Duration};

use control_plane::AuditEvent;
use github_pat_operator::settings::SecretScope;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::api::DeleteParams;

use super::*;
use crate::world::is_so;

/// The values of each mode: by namespace, for all namespaces, and in some namespaces alone; and the flags that say the same.
pub(crate) const MODES: [(&str, &[&str]); 3] = [
    ("grant.namespaces={team-a}", &[]),
    ("grant.allNamespaces=true", &["--secret-scope", "Cluster"]),
    ("watchNamespaces={team-a}", &["--watch-namespaces", "team-a"]),
];

/// Where, empty for everywhere, and group, resource with subresource, and verb.
type Right = (String, [String; 3]);

#[tokio::test]
async fn with_the_rights_of_the_chart_a_token_is_published_and_each_right_is_used() {
    for (value, flags) in MODES {
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
        operator.stop().await;

        let granted = granted(&manifests);
        assert_eq!(used_once_as_many(&world, &granted).await, granted, "{value}");
    }
}

/// True once the API server has refused the ServiceAccount this right.
fn is_refused(world: &World, [group, resource, verb]: &[String; 3]) -> bool {
    let refused = world.plane.audit().unwrap().into_iter().filter(|event| event.code == 403);
    let mut ours = refused.filter(|event| event.user.starts_with("system:serviceaccount:"));
    ours.any(|event| {
        let parts = [event.resource, event.subresource].join("/");
        event.group == *group && event.verb == *verb && parts.trim_end_matches('/') == resource
    })
}

/// Waits for this, or for the refusal.
async fn until(world: &World, right: &[String; 3], done: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + SOON;
    while !is_refused(world, right) && !done().await {
        assert!(tokio::time::Instant::now() < deadline, "{right:?} is missed by nobody");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the API server lets the ServiceAccount do this no more.
async fn until_taken(world: &World, [group, resource, verb]: &[String; 3]) {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review: SubjectAccessReview = from(json!({ "metadata": {}, "spec": {
        "user": format!("system:serviceaccount:{RELEASE}:{RELEASE}"),
        "resourceAttributes": {
            "namespace": NAMESPACE, "group": group, "resource": resource, "subresource": subresource, "verb": verb,
        },
    } }));
    let reviews = Api::<SubjectAccessReview>::all(world.client.clone());
    while reviews.create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn each_right_that_is_taken_away_is_missed() {
    let world = World::with(Options { audit: true, paged_lists: true, ..Options::default() }).await;
    world.namespace(RELEASE).await;
    let manifests = rendered(&["--set", MODES[0].0]);
    for manifest in &manifests {
        apply(&world.client, manifest, false).await;
    }
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let names = ["", "-secrets"].map(|end| format!("{RELEASE}{end}"));
    let roles = manifests.iter().filter(|manifest| manifest["kind"] == "ClusterRole");
    let roles = roles.filter(|role| names.iter().any(|name| role["metadata"]["name"] == *name));
    let all: Vec<_> =
        roles.flat_map(|role| rules(role).into_iter().map(move |right| (role, right))).collect();
    assert_eq!(all.len(), 11);
    for (number, (role, right)) in all.iter().enumerate() {
        let left = rules(role).into_iter().filter(|other| other != right);
        let left: Vec<_> = left
            .map(|[group, resource, verb]| json!({ "apiGroups": [group], "resources": [resource], "verbs": [verb] }))
            .collect();
        let mut limited = (*role).clone();
        limited["rules"] = json!(left);
        apply(&world.client, &limited, false).await;
        until_taken(&world, right).await;
        let operator = world.unready_operator(kubeconfig.clone(), &world.settings(), &[]);
        let (name, out) = (format!("ci-{number}"), format!("out-{number}"));
        let texts = ["first", "second"]
            .map(|text| world.github.token(NewToken::classic(&format!("{text}-{number}"), "acme-ci")));
        let output = async || world.value(&out, "token").await;
        world.secret(&name, &texts[0]).await;
        let spec = json!({ "interval": "24h", "publish": [{ "secretName": out, "format": "Opaque" }] });
        world.connection(&name, spec).await;
        let is_ready = async || {
            let seen = world.connections().get(&name).await.unwrap();
            is_so(&seen, "Ready", "True", "Ready")
        };
        until(&world, right, is_ready).await;
        world.secret(&name, &texts[1]).await;
        until(&world, right, async || output().await.as_deref() == Some(texts[1].as_str())).await;
        world.change(&name, json!({ "publish": [] })).await;
        until(&world, right, async || output().await.is_none()).await;
        until(&world, right, async || false).await;
        operator.stop().await;
        apply(&world.client, role, false).await;
        world.connections().delete(&name, &DeleteParams::default()).await.unwrap();
    }
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

#[test]
fn the_notes_name_the_command_that_grants_a_namespace() {
    let notes = |flags: &[&str]| {
        let chart = chart();
        let install =
            ["install", RELEASE, chart.to_str().unwrap(), "--dry-run=client", "--namespace", "pats"];
        let output = helm(&[install.as_slice(), flags].concat());
        said(&output).split("NOTES:").nth(1).unwrap().to_owned()
    };
    let command = "kubectl create rolebinding github-pat-operator --clusterrole=github-pat-operator-secrets \
                   --serviceaccount=pats:github-pat-operator\n";
    assert!(notes(&[]).contains(command), "{}", notes(&[]));
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
fn granted(manifests: &[Value]) -> BTreeSet<Right> {
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
fn used(world: &World, granted: &BTreeSet<Right>) -> BTreeSet<Right> {
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
