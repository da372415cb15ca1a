//! The rights that come with values, and those on the Lease: each that is taken away is missed.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{ConfigMap, ServiceAccount},
};
use kube::api::{DeleteParams, ListParams};

use super::{
    missed::{until, until_taken_in, without},
    readers::{Reader, SECURED, account, certify},
    rights::{MODES, rules, workloads},
    waiting::{GATE, pod, pods},
    *,
};
use crate::{release::is_role_of, replica::SHORT, sinks::receiver::Receiver, world::free_address};

/// The roles that are bound to somebody, and each right of theirs that the plain ones lack.
fn rights_beside<'a>(manifests: &'a [Value], plain: &[Value]) -> Vec<(&'a Value, [String; 3])> {
    fn bound(manifests: &[Value]) -> impl Iterator<Item = &Value> {
        manifests.iter().filter(|role| manifests.iter().any(|binding| is_role_of(role, binding)))
    }
    let of_all: BTreeSet<_> = bound(plain).flat_map(rules).collect();
    let all = bound(manifests).flat_map(|role| rules(role).into_iter().map(move |right| (role, right)));
    all.filter(|(_, right)| !of_all.contains(right)).collect()
}

/// The Lease of a leader that has ended without a word.
fn held_by_somebody() -> Value {
    let now = "2020-01-01T00:00:00.000000Z";
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": RELEASE, "namespace": RELEASE },
        "spec": {
            "holderIdentity": "somebody", "leaseDurationSeconds": 3, "leaseTransitions": 1,
            "acquireTime": now, "renewTime": now,
        },
    })
}

/// The namespace to which the rights of this role are limited; empty for none.
fn limit_of(role: &Value) -> &str {
    role["metadata"]["namespace"].as_str().unwrap_or_default()
}

/// Where a right of this role is used: in the namespace of the role, or that of the connections.
fn place_of(role: &Value) -> &str {
    role["metadata"]["namespace"].as_str().unwrap_or(NAMESPACE)
}

#[tokio::test]
#[ignore = "starts an operator for each of twenty rights; .ci/long runs it"]
async fn each_right_on_the_lease_or_by_a_value_that_is_taken_away_is_missed() {
    each_by_a_value_is_missed(MODES[0]).await;
}

#[tokio::test]
#[ignore = "starts an operator for each of twenty rights; .ci/long runs it"]
async fn each_right_on_the_lease_or_by_a_value_that_is_taken_where_all_is_granted_is_missed() {
    each_by_a_value_is_missed(MODES[1]).await;
}

#[tokio::test]
#[ignore = "starts an operator for each of twenty rights; .ci/long runs it"]
async fn each_right_on_the_lease_or_by_a_value_that_is_taken_from_roles_alone_is_missed() {
    each_by_a_value_is_missed(MODES[2]).await;
}

async fn each_by_a_value_is_missed((mode, of_mode): (&str, &[&str])) {
    let world = World::with(Options { audit: true, paged_lists: true, ..Options::default() }).await;
    world.namespace(RELEASE).await;
    let values = ["--set", "restartWorkloads=true", "--set", "settings.consumers=true", "--set", mode];
    let manifests = rendered(&values);
    let plain = rendered(&[&values[4..], &["--set", "settings.leaderElection=false"]].concat());
    for manifest in &manifests {
        apply(&world.client, manifest, false).await;
    }
    let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
    for kind in kinds {
        let object: DynamicObject = from(json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": "builder" },
            "spec": {
                "selector": { "matchLabels": { "app": "builder" } },
                "template": {
                    "metadata": { "labels": { "app": "builder" } },
                    "spec": { "containers": [{ "name": "main", "image": "builder" }] },
                },
            },
        }));
        workloads(&world, kind).create(&PostParams::default(), &object).await.unwrap();
    }
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    world.may_be_refused("");
    let all = rights_beside(&manifests, &plain);
    assert_eq!(all.len(), 20);
    for (number, (role, right)) in all.iter().enumerate() {
        apply(&world.client, &without(role, right), false).await;
        until_taken_in(&world, place_of(role), RELEASE, right).await;
        if right[2] == "create" {
            let leases = Api::<Lease>::namespaced(world.client.clone(), RELEASE);
            leases.delete(RELEASE, &Default::default()).await.unwrap();
        } else {
            apply(&world.client, &held_by_somebody(), false).await;
        }
        let lease = ["--leader-election", "true", "--lease-namespace", RELEASE, "--consumers", "true"];
        let flags = [lease.as_slice(), &SHORT, of_mode].concat();
        let operator = world.unready_operator(kubeconfig.clone(), &world.settings(), &flags);
        let (name, out) = (format!("ci-{number}"), format!("out-{number}"));
        let restart = kinds.map(|kind| json!({ "kind": kind, "name": "builder" }));
        let publish = json!([{ "secretName": out, "format": "Opaque" }]);
        world.secret(&name, "").await;
        world.connection(&name, json!({ "interval": "24h", "publish": publish, "restart": restart })).await;
        let rotating = async {
            for turn in 0.. {
                let token = NewToken::classic(&format!("{name}-{turn}"), "acme-ci");
                world.secret(&name, &world.github.token(token)).await;
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        };
        tokio::select! {
            () = until(&world, (limit_of(role), right), async || false) => {}
            () = rotating => unreachable!("it goes on for ever"),
        }
        operator.stop().await;
        apply(&world.client, role, false).await;
        world.connections().delete(&name, &DeleteParams::default()).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "starts an operator for each of eight rights; .ci/long runs it"]
async fn each_right_for_sinks_waiting_pods_and_readers_that_is_taken_away_is_missed() {
    each_for_others_is_missed(MODES[0]).await;
}

#[tokio::test]
#[ignore = "starts an operator for each of eight rights; .ci/long runs it"]
async fn each_right_for_sinks_waiting_pods_and_readers_that_is_taken_where_all_is_granted_is_missed() {
    each_for_others_is_missed(MODES[1]).await;
}

#[tokio::test]
#[ignore = "starts an operator for each of eight rights; .ci/long runs it"]
async fn each_right_for_sinks_waiting_pods_and_readers_that_is_taken_from_roles_alone_is_missed() {
    each_for_others_is_missed(MODES[2]).await;
}

async fn each_for_others_is_missed((mode, of_mode): (&str, &[&str])) {
    let world = World::with(Options { paged_lists: true, ..Options::default() }).await;
    for namespace in [RELEASE, "monitoring"] {
        world.namespace(namespace).await;
    }
    let receiver = Receiver::start().await;
    let sinks = json!({ "ops": { "url": receiver.url("/") } });
    let set_sinks = format!("settings.sinks={sinks}");
    let more = ["--set-json", &set_sinks, "--set", "waitingPods.enabled=true", "--set", SECURED];
    let (manifests, plain) =
        (rendered(&[&["--set", mode], more.as_slice()].concat()), rendered(&["--set", mode]));
    for manifest in &manifests {
        apply(&world.client, manifest, false).await;
    }
    let default: ServiceAccount = from(json!({ "metadata": { "name": "default" } }));
    Api::namespaced(world.client.clone(), NAMESPACE).create(&PostParams::default(), &default).await.unwrap();
    let (kubeconfig, scraper) =
        (world.plane.service_account(RELEASE, RELEASE).await.unwrap(), account(&world, "prometheus").await);
    let folder = tempfile::tempdir().unwrap();
    let pem = certify(folder.path());
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({ "interval": "24h" })).await;
    let kept = format!("{RELEASE}-sinks");
    let settings = format!(
        "{}leaseNamespace: {RELEASE}\nsinks: [{{ name: ops, url: '{}' }}]\n",
        world.settings(),
        receiver.url("/")
    );
    world.may_be_refused("");
    let all = rights_beside(&manifests, &plain);
    assert_eq!(all.len(), 8, "{all:?}");
    for (number, (role, right)) in all.iter().enumerate() {
        apply(&world.client, &without(role, right), false).await;
        until_taken_in(&world, place_of(role), &kept, right).await;
        // It is made anew.
        let maps = Api::<ConfigMap>::namespaced(world.client.clone(), RELEASE);
        if maps.get_opt(&kept).await.unwrap().is_some() {
            maps.delete(&kept, &DeleteParams::default()).await.unwrap();
        }
        let address = free_address();
        let tls = ["--metrics-listen", &address, "--metrics-tls-directory", folder.path().to_str().unwrap()];
        let more =
            ["--metrics-authentication", "true", "--waiting-pods", "true", "--lease-namespace", RELEASE];
        let operator =
            world.unready_operator(kubeconfig.clone(), &settings, &[tls.as_slice(), &more, of_mode].concat());
        let reader = Reader::new(&address, &pem);
        let at_work = async {
            for turn in 0.. {
                // Somebody to be told of, somebody who waits, and somebody who reads.
                world.connection(&format!("missing-{number}-{turn}"), json!({})).await;
                let waits = pod(&format!("waits-{number}-{turn}"), Some("ci"), &[GATE]);
                pods(&world, NAMESPACE).create(&PostParams::default(), &waits).await.unwrap();
                reader.status(Some(&scraper)).await;
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        };
        tokio::select! {
            () = until(&world, (limit_of(role), right), async || false) => {}
            () = at_work => unreachable!("it goes on for ever"),
        }
        operator.stop().await;
        apply(&world.client, role, false).await;
    }
}

#[tokio::test]
#[ignore = ".ci/long runs it beside the others"]
async fn a_shard_that_may_not_list_leases_says_so_and_leads_once_it_may() {
    let world = World::start().await;
    world.namespace(RELEASE).await;
    let manifests = rendered(&["--set", MODES[0].0, "--set", "shards=1"]);
    for manifest in &manifests {
        apply(&world.client, manifest, false).await;
    }
    let list = ["coordination.k8s.io", "leases", "list"].map(str::to_owned);
    let plain = rendered(&["--set", MODES[0].0]);
    let more = rights_beside(&manifests, &plain);
    assert_eq!(more.iter().map(|(_, right)| right).collect::<Vec<_>>(), [&list], "all that shards add");
    let role = more[0].0;
    apply(&world.client, &without(role, &list), false).await;
    until_taken_in(&world, RELEASE, "", &list).await;
    world.may_be_refused("/leases?");
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let lease = ["--leader-election", "true", "--lease-namespace", RELEASE, "--shard", "0/1"];
    let flags = [lease.as_slice(), &SHORT].concat();
    let operator = world.unready_operator(kubeconfig, &world.settings(), &flags);
    operator.until_logged("the Leases of other shards cannot be listed").await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({})).await;
    // It looks again and again, and a leader would ask within a moment.
    let looked = || {
        let text = world.plane.audit_text().unwrap();
        let is_look = |line: &&str| {
            line.contains(r#""authorization.k8s.io/decision":"forbid""#) && line.contains("/leases?")
        };
        text.lines().filter(is_look).count()
    };
    let (before, deadline) = (looked(), tokio::time::Instant::now() + SOON);
    while looked() < before + 3 {
        assert!(tokio::time::Instant::now() < deadline, "it does not look again: {}", operator.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let leases = Api::<Lease>::namespaced(world.client.clone(), RELEASE);
    let of = |lease: Lease| lease.spec.and_then(|spec| spec.holder_identity);
    let holders = leases.list(&ListParams::default()).await.unwrap().into_iter().filter_map(of);
    assert_eq!(holders.filter(|holder| !holder.is_empty()).collect::<Vec<_>>(), [""; 0], "nobody leads");
    assert_eq!(world.asked("ci"), 0, "who does not lead asks nothing");
    apply(&world.client, role, false).await;
    world.ready("ci", "True", "Ready").await;
    operator.stop().await;
}
