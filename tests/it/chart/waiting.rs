//! Pods that wait for connections: the policy of the chart puts the gate on them, and the operator, with the rights of the chart, takes it
//! off.

use std::{collections::BTreeSet, time::Duration};

use control_plane::AuditEvent;
use github_pat_operator::api::GithubPatConnection;
use jiff::Timestamp;
use k8s_openapi::api::{core::v1::ServiceAccount, events::v1::Event, rbac::v1::ClusterRole};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams},
};

use super::*;
use crate::{metrics::text::Scrape, world::Operator};

pub(super) const GATE: &str = "githubpat.dev/token";
const FOREIGN: &str = "example.com/quota";
const OTHER: &str = "team-b";
const BOTH: [&str; 3] = ["both", "both-2", "both-3"];
const VALUES: [&str; 4] = ["--set", "waitingPods.enabled=true", "--set", "grant.namespaces={team-a,team-b}"];

/// A Pod whose annotation has this text.
pub(super) fn pod(name: &str, wait_for: Option<&str>, gates: &[&str]) -> Pod {
    let annotations = wait_for.map(|names| json!({ "githubpat.dev/wait-for": names, "theirs": "1" }));
    let gates: Vec<_> = gates.iter().map(|gate| json!({ "name": gate })).collect();
    from(json!({
        "metadata": { "name": name, "annotations": annotations },
        "spec": {
            "serviceAccountName": "default", "schedulingGates": gates,
            "containers": [{ "name": "main", "image": "builder" }],
        },
    }))
}

fn gates(pod: &Pod) -> Vec<&str> {
    let gates = pod.spec.as_ref().unwrap().scheduling_gates.iter().flatten();
    gates.map(|gate| gate.name.as_str()).collect()
}

pub(super) fn pods(world: &World, namespace: &str) -> Api<Pod> {
    Api::namespaced(world.client.clone(), namespace)
}

async fn create(world: &World, namespace: &str, pod: &Pod) -> Pod {
    pods(world, namespace).create(&PostParams::default(), pod).await.unwrap()
}

/// Waits until the Pod has these gates and no others.
async fn until_gates(world: &World, namespace: &str, name: &str, expected: &[&str]) {
    let is_so = |found: Option<&Pod>| found.is_some_and(|pod| gates(pod) == expected);
    let waited = tokio::time::timeout(SOON, await_condition(pods(world, namespace), name, is_so)).await;
    waited.unwrap_or_else(|_| panic!("{name} never has the gates {expected:?}")).unwrap();
}

/// What an Event about the Pod says of which this holds, once there is one.
async fn told_once(world: &World, namespace: &str, pod: &str, holds: impl Fn(&str) -> bool) -> String {
    let mut count = 1;
    loop {
        let all = told(world, namespace, pod, count).await;
        if let Some(note) = all.iter().find(|note| holds(note)) {
            return note.clone();
        }
        count = all.len() + 1;
    }
}

/// What the Events about the Pod say, once there are so many.
async fn told(world: &World, namespace: &str, pod: &str, count: usize) -> Vec<String> {
    let events = Api::<Event>::namespaced(world.client.clone(), namespace);
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let all = events.list(&ListParams::default()).await.unwrap().items;
        let about = all
            .into_iter()
            .filter(|event| event.regarding.as_ref().is_some_and(|about| about.name.as_deref() == Some(pod)));
        let notes: Vec<String> = about
            .map(|event| [event.type_, event.reason, event.note].map(Option::unwrap_or_default).join(" "))
            .collect();
        if notes.len() >= count {
            return notes;
        }
        assert!(tokio::time::Instant::now() < deadline, "{pod}: {notes:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A world in which the chart is installed, and the policies are at work.
async fn installed() -> (World, Vec<Value>) {
    // The right to list is used where the API server sends no list as a stream.
    let world = World::with(Options { audit: true, paged_lists: true, ..Options::default() }).await;
    for namespace in [RELEASE, OTHER] {
        world.namespace(namespace).await;
    }
    for namespace in [NAMESPACE, OTHER] {
        let account: ServiceAccount = from(json!({ "metadata": { "name": "default" } }));
        Api::namespaced(world.client.clone(), namespace)
            .create(&PostParams::default(), &account)
            .await
            .unwrap();
    }
    let manifests = rendered(&VALUES);
    for manifest in &manifests {
        apply(&world.client, manifest, false).await;
    }
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let deadline = tokio::time::Instant::now() + SOON;
    let probe = pod("probe", Some("ci"), &[]);
    while gates(&pods(&world, NAMESPACE).create(&dry, &probe).await.unwrap()) != [GATE] {
        assert!(tokio::time::Instant::now() < deadline, "no Pod gets the gate");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (world, manifests)
}

async fn operator(world: &World) -> Operator {
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    world.operator_as(kubeconfig, &["--waiting-pods", "true"]).await
}

/// The requests of the operator that came in since then and of which this holds.
fn since(world: &World, start: Timestamp, holds: impl Fn(&AuditEvent) -> bool) -> Vec<String> {
    let user = format!("system:serviceaccount:{RELEASE}:{RELEASE}");
    let all = world.plane.audit().unwrap().into_iter();
    let ours = all.filter(|event| event.user == user && event.received >= start && holds(event));
    ours.map(|event| format!("{} {} {}", event.verb, event.uri, event.code)).collect()
}

/// How long after the status that says Ready the gate was taken off, by the clock of the API server.
async fn delay(world: &World, connection: &str, pod: &str) -> Duration {
    let deadline = tokio::time::Instant::now() + SOON;
    // The audit log has a request a moment after it shows its effect.
    let (all, lifted) = loop {
        let all = world.plane.audit().unwrap();
        let lifted =
            all.iter().find(|event| event.verb == "patch" && event.resource == "pods" && event.name == pod);
        if let Some(at) = lifted.map(|lifted| lifted.received) {
            break (all, at);
        }
        assert!(tokio::time::Instant::now() < deadline, "the audit log never has the patch of {pod}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let statuses = all.iter().filter(|event| event.subresource == "status" && event.name == connection);
    let last = statuses.map(|event| event.received).filter(|at| *at <= lifted).max().unwrap();
    lifted.duration_since(last).unsigned_abs()
}

#[tokio::test]
#[ignore = "starts a scheduler and controllers; .ci/long runs it"]
async fn a_pod_waits_until_all_connections_are_ready_that_it_names_and_no_longer() {
    let (world, manifests) = installed().await;
    for name in BOTH {
        create(&world, NAMESPACE, &pod(name, Some("ci, bot"), &[FOREIGN])).await;
    }
    create(&world, OTHER, &pod("elsewhere", Some("ci"), &[])).await;
    let plain = create(&world, NAMESPACE, &pod("plain", None, &[])).await;
    assert_eq!(gates(&plain), [""; 0], "who names no connection has no gate");
    let mut scheduled = pod("scheduled", Some("ci"), &[]);
    scheduled.spec.as_mut().unwrap().node_name = Some("node".to_owned());
    assert_eq!(gates(&create(&world, NAMESPACE, &scheduled).await), [""; 0], "nor who has a node");

    let operator_of_the_chart = operator(&world).await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({ "publish": [{ "secretName": "out", "format": "Opaque" }] })).await;
    world.secret("bot", &world.github.token(NewToken::classic("bot", "acme-ci").scopes(&[]))).await;
    world.connection("bot", json!({ "require": { "scopes": ["repo"] } })).await;
    world.ready("ci", "True", "Ready").await;
    world.ready("bot", "False", "ScopeMissing").await;
    create(&world, NAMESPACE, &pod("late", Some("ci"), &[])).await;
    until_gates(&world, NAMESPACE, "late", &[]).await;
    // On a busy machine the Pod may be told before both are judged; what it is told of ci then is so.
    let of_bot = "Warning WaitsForConnection the Pod waits for the connection bot";
    let said = told_once(&world, NAMESPACE, "both", |note| {
        note.starts_with(of_bot) && note.contains("(ScopeMissing)")
    })
    .await;
    assert!(!said.contains("connection ci"), "{said}");
    let said = told(&world, OTHER, "elsewhere", 1).await.remove(0);
    assert!(said.contains("connection ci, and there is none of this name in this namespace"), "{said}");
    let kept: Vec<_> =
        pods(&world, NAMESPACE).get("both").await.map(|pod| gates(&pod).len()).into_iter().collect();
    assert_eq!(kept, [2], "it waits while one of both is broken");

    world.secret("bot", &world.github.token(NewToken::classic("bot-2", "acme-ci").scopes(&["repo"]))).await;
    for name in BOTH {
        until_gates(&world, NAMESPACE, name, &[FOREIGN]).await;
    }
    let lifted = pods(&world, NAMESPACE).get("both").await.unwrap();
    assert_eq!(lifted.annotations().len(), 2, "nothing else has changed");
    // A busy machine may be late with one of them; a timer would be with all.
    let mut delays = Vec::new();
    for name in BOTH {
        delays.push(delay(&world, "bot", name).await);
    }
    assert!(delays.iter().any(|delay| *delay < Duration::from_secs(1)), "{delays:?}");

    operator_of_the_chart.stop().await;
    let granted = rights::granted(&manifests);
    let of_pods = |rights: &BTreeSet<rights::Right>| -> BTreeSet<rights::Right> {
        rights.iter().filter(|(_, [_, resource, _])| resource == "pods").cloned().collect()
    };
    let right = |place: &str, verb: &str| (place.to_owned(), ["", "pods", verb].map(str::to_owned));
    // The audit log has a watch once it has ended, which the API server notices after the process has.
    let deadline = tokio::time::Instant::now() + SOON;
    let used = loop {
        let used = rights::used(&world, &granted);
        if used.contains(&right("", "watch")) {
            break used;
        }
        assert!(tokio::time::Instant::now() < deadline, "Pods were never watched: {used:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let expected = [right("", "list"), right("", "watch"), right(NAMESPACE, "patch"), right(OTHER, "patch")];
    assert_eq!(of_pods(&granted), expected.into());
    assert_eq!(of_pods(&granted).difference(&of_pods(&used)).collect::<Vec<_>>(), [&right(OTHER, "patch")]);

    // Whoever starts anew writes nothing: what was told stands there.
    let start = Timestamp::now();
    let again = operator(&world).await;
    let deadline = tokio::time::Instant::now() + SOON;
    let is_told =
        |event: &AuditEvent| event.verb == "create" && event.resource == "events" && event.code == 409;
    while since(&world, start, is_told).is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "the Pod elsewhere is not looked at again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let written = since(&world, start, |event| event.is_write() && event.code < 300);
    assert_eq!(written, [""; 0]);
    assert_eq!(gates(&pods(&world, OTHER).get("elsewhere").await.unwrap()), [GATE]);

    who_may_not_lift_says_so_and_goes_on_once_it_may(&world, &manifests).await;
    who_goes_is_missed(&world, &again).await;
    again.stop().await;
}

/// Without the right to patch Pods.
async fn who_may_not_lift_says_so_and_goes_on_once_it_may(world: &World, manifests: &[Value]) {
    let name = format!("{RELEASE}-waiting-pods");
    let is_it = |manifest: &&Value| manifest["kind"] == "ClusterRole" && manifest["metadata"]["name"] == name;
    let role = manifests.iter().find(is_it).unwrap();
    world.may_be_refused("/pods/");
    let mut limited = role.clone();
    limited["rules"] = json!([]);
    apply(&world.client, &limited, false).await;
    let seen = Api::<ClusterRole>::all(world.client.clone()).get(&name).await.unwrap();
    assert_eq!(seen.rules.unwrap_or_default(), []);
    // The authorizer hears of it a moment later.
    missed::until_taken(world, &["", "pods", "patch"].map(str::to_owned)).await;
    let all = ["kept", "kept-too"];
    let command = format!(
        "kubectl create rolebinding {name} -n {NAMESPACE} --clusterrole={name} --serviceaccount={RELEASE}:{RELEASE}"
    );
    for kept in all {
        create(world, NAMESPACE, &pod(kept, Some("ci"), &[])).await;
        let said = told(world, NAMESPACE, kept, 1).await.remove(0);
        assert!(said.contains("may not lift the gate") && said.contains("Forbidden (403)"), "{said}");
        assert!(said.ends_with(&command), "{said}");
    }
    apply(&world.client, role, false).await;
    for kept in all {
        until_gates(world, NAMESPACE, kept, &[]).await;
        assert_eq!(told(world, NAMESPACE, kept, 1).await.len(), 1, "told once");
    }
}

/// A connection that is deleted while a Pod waits for it, and made anew.
async fn who_goes_is_missed(world: &World, operator: &Operator) {
    let connections = Api::<GithubPatConnection>::namespaced(world.client.clone(), NAMESPACE);
    connections.delete("ci", &DeleteParams::default()).await.unwrap();
    await_gone(&connections, "ci").await;
    // The operator hears of connections and of Pods by two watches.
    let is_gone = |scrape: &Scrape| scrape.value("github_pat_connection_info", &[("name", "ci")]).is_none();
    operator.scrape_until("ci is gone", is_gone).await;
    create(world, NAMESPACE, &pod("early", Some("ci"), &[])).await;
    create(world, NAMESPACE, &pod("unclear", Some("team-b/ci"), &[])).await;
    let said = told(world, NAMESPACE, "early", 1).await.remove(0);
    assert!(said.contains("connection ci, and there is none of this name"), "{said}");
    let said = told(world, NAMESPACE, "unclear", 1).await.remove(0);
    assert!(said.contains("has something that is no name of a connection"), "{said}");
    world.connection("ci", json!({})).await;
    until_gates(world, NAMESPACE, "early", &[]).await;
    assert_eq!(gates(&pods(world, NAMESPACE).get("unclear").await.unwrap()), [GATE]);
}

async fn await_gone(connections: &Api<GithubPatConnection>, name: &str) {
    let deadline = tokio::time::Instant::now() + SOON;
    while connections.get_opt(name).await.unwrap().is_some() {
        assert!(tokio::time::Instant::now() < deadline, "{name} does not go");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What somebody may do with Pods who holds the operator's ServiceAccount, and every right that there is.
pub(super) async fn of_a_pod_only_our_gate_is_taken_off(world: &World, thief: &Client) {
    let account: ServiceAccount = from(json!({ "metadata": { "name": "default" } }));
    let accounts = Api::<ServiceAccount>::namespaced(world.client.clone(), NAMESPACE);
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let pod: Pod = from(json!({
        "metadata": { "name": "a", "labels": { "app": "a" }, "annotations": { "theirs": "1" }, "finalizers": ["example.com/theirs"] },
        "spec": {
            "schedulingGates": [{ "name": "example.com/quota" }, { "name": "githubpat.dev/token" }],
            "containers": [{ "name": "main", "image": "a" }], "activeDeadlineSeconds": 100,
        },
    }));
    let theirs = Api::<Pod>::namespaced(world.client.clone(), NAMESPACE);
    theirs.create(&PostParams::default(), &pod).await.unwrap();
    let pods = Api::<Pod>::namespaced(thief.clone(), NAMESPACE);
    let without = |name: &str| json!({ "$patch": "delete", "name": name });
    let lift = json!({ "spec": { "schedulingGates": [without("githubpat.dev/token")] } });
    let beside = |section: &str, field: &str, value: Value| {
        let mut patch = lift.clone();
        patch[section][field] = value;
        (patch, false)
    };
    let (ours, all) = (without("githubpat.dev/token"), without("example.com/quota"));
    let image = json!([{ "name": "main", "image": "theirs" }]);
    let owner = json!([{ "apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "u" }]);
    let rows = [
        (lift.clone(), true),
        (json!({ "spec": { "containers": image } }), false),
        beside("spec", "schedulingGates", json!([all])),
        beside("spec", "schedulingGates", json!([all, ours])),
        beside("spec", "containers", image.clone()),
        beside("spec", "activeDeadlineSeconds", json!(50)),
        beside("spec", "nodeSelector", json!({ "node": "theirs" })),
        beside("spec", "tolerations", json!([{ "key": "a", "operator": "Exists" }])),
        beside("metadata", "labels", json!({ "app": "b" })),
        beside("metadata", "annotations", json!({ "theirs": "2" })),
        beside("metadata", "finalizers", json!(["example.com/ours"])),
        beside("metadata", "ownerReferences", owner),
    ];
    for (patch, is_allowed) in rows {
        let params = PatchParams { dry_run: true, ..PatchParams::default() };
        let sentence = policies::refusal(pods.patch("a", &params, &Patch::Strategic(&patch)).await);
        assert_eq!(sentence.is_none(), is_allowed, "{patch}: {sentence:?}");
        assert!(is_allowed || sentence.unwrap().contains("changes nothing of a Pod but"), "{patch}");
    }
    let mut another = pod.clone();
    another.metadata.name = Some("b".to_owned());
    let made = pods.create(&PostParams { dry_run: true, ..PostParams::default() }, &another).await;
    assert!(policies::refusal(made).unwrap().contains("does not CREATE /pods"));
    let gone = pods.delete("a", &DeleteParams { dry_run: true, ..DeleteParams::default() }).await;
    assert!(policies::refusal(gone).unwrap().contains("does not DELETE /pods"));
}

#[test]
fn the_gate_comes_with_its_value_where_the_cluster_has_such_policies_and_in_the_namespaces_that_are_chosen() {
    let of = |flags: &[&str]| {
        let manifests = rendered(flags).into_iter();
        manifests.filter(|manifest| manifest["kind"] == "MutatingAdmissionPolicy").collect::<Vec<_>>()
    };
    assert_eq!(of(&[]).len(), 0, "off by default");
    assert_eq!(of(&["--set", "waitingPods.enabled=true,waitingPods.addGate=false"]).len(), 0);
    let selector = |flags: &[&str]| of(flags)[0]["spec"]["matchConstraints"]["namespaceSelector"].clone();
    assert_eq!(selector(&VALUES[..2]), Value::Null);
    let some = [VALUES[0], VALUES[1], "--set", "watchNamespaces={a}"];
    let here = json!({ "key": "kubernetes.io/metadata.name", "operator": "In", "values": ["a"] });
    assert_eq!(selector(&some), json!({ "matchExpressions": [here] }));
    let both = [&some[..], &["--set", "waitingPods.namespaceSelector.matchLabels.team=infra"]].concat();
    let expected = json!({ "matchLabels": { "team": "infra" }, "matchExpressions": [here] });
    assert_eq!(selector(&both), expected);

    let older = ["--set", "waitingPods.enabled=true", "--kube-version", "1.35.4"];
    let refused = template(&older);
    assert!(
        !refused.status.success() && said(&refused).contains("waitingPods.addGate takes"),
        "{}",
        said(&refused)
    );
    assert!(said(&refused).contains("this cluster is v1.35.4: set it to false"), "{}", said(&refused));
    let without = ["--set", "waitingPods.addGate=false"];
    assert!(template(&[&older[..], &without].concat()).status.success());
    for newer in ["1.36.0", "1.36.0-rc.1", "1.37.2-eks-1"] {
        assert!(template(&[&older[..3], &[newer]].concat()).status.success(), "{newer}");
    }
}

#[test]
fn the_settings_of_the_chart_lift_gates_where_the_chart_grants_it() {
    for (flag, is_on) in [("waitingPods.enabled=false", false), ("waitingPods.enabled=true", true)] {
        let manifests = rendered(&["--set", flag]);
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(settings(&manifests, directory.path()).waiting_pods, is_on);
        let all =
            manifests.iter().filter(|manifest| manifest["kind"] == "ClusterRole").flat_map(rights::rules);
        let of_pods = all.filter(|[_, resource, _]| resource == "pods").map(|[_, _, verb]| verb);
        let expected: &[&str] = if is_on { &["list", "watch", "patch"] } else { &[] };
        assert_eq!(
            of_pods.collect::<BTreeSet<_>>(),
            expected.iter().map(|verb| (*verb).to_owned()).collect()
        );
    }
}

#[test]
fn the_right_to_patch_pods_is_of_a_role_of_its_own_and_takes_the_policy_that_confines_it() {
    let rules = |flags: &[&str], end: &str| {
        let name = format!("{RELEASE}-{end}");
        let manifests = rendered(flags);
        let mut roles = manifests.iter().filter(|manifest| {
            manifest["kind"].as_str().unwrap().ends_with("Role") && manifest["metadata"]["name"] == name
        });
        roles.next().map(rights::rules)
    };
    // Who granted the Secrets before has granted no Pods by that.
    for (grant, _) in rights::MODES {
        let (without, with) = (["--set", grant], ["--set", grant, VALUES[0], VALUES[1]]);
        assert_eq!(rules(&without, "secrets").unwrap(), rules(&with, "secrets").unwrap(), "{grant}");
        assert_eq!(rules(&without, "waiting-pods"), None, "{grant}");
        let patch = ["", "pods", "patch"].map(str::to_owned);
        assert_eq!(rules(&with, "waiting-pods").unwrap(), std::slice::from_ref(&patch), "{grant}");
        let of_pods = rights::granted(&rendered(&with)).into_iter().filter(|(_, right)| *right == patch);
        let places: Vec<_> = of_pods.map(|(place, _)| place).collect();
        assert_eq!(places, [if grant.contains("allNamespaces") { "" } else { NAMESPACE }], "{grant}");
    }
    let role = |flags: &[&str]| {
        let directory = tempfile::tempdir().unwrap();
        settings(&rendered(flags), directory.path()).watch.waiting_pods_role
    };
    assert_eq!(role(&[VALUES[0], VALUES[1], "--set", "fullnameOverride=pats"]), "pats-waiting-pods");
    let bare = template(&[VALUES[0], VALUES[1], "--set", "admissionPolicies.confineOperator=false"]);
    assert!(
        !bare.status.success() && said(&bare).contains("confineOperator alone holds it"),
        "{}",
        said(&bare)
    );
}
