//! `helm upgrade`, `helm rollback` and `helm uninstall` under a hundred connections that the first operator has left, with the operator
//! replaced each time as its Deployment does it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, Instant},
};

use control_plane::AuditEvent;
use github_pat_operator::{api::GithubPatConnection, settings::from_yaml};
use github_simulator::NewToken;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::core::v1::{ConfigMap, ServiceAccount},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
    runtime::wait::{await_condition, conditions::is_deleted},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    release::{RELEASE, chart, helm_in, said},
    stored::{COUNTS, held, statuses_of, store},
    world::{Operator, SOON, World},
};

const DEFINITION: &str = "githubpatconnections.githubpat.dev";
/// What is connected after each step, to see that the operator is at work.
const MARKER: &str = "marker";
/// The story takes less. Whoever is asked about within it by the clock may be.
const STORY: SignedDuration = SignedDuration::from_mins(10);

/// A cluster with a release in it that Helm looks after.
struct Cluster {
    world: World,
    home: TempDir,
}

/// All that stands, but for markers: the Secrets, the UIDs of connections, and their statuses.
#[derive(PartialEq, Debug)]
struct Stands {
    secrets: BTreeMap<String, (Option<String>, Value)>,
    connections: BTreeMap<String, Option<String>>,
    statuses: BTreeMap<String, Value>,
}

impl Cluster {
    /// With the definition of this chart, of which Helm has made the release.
    async fn installed(chart: &Path) -> Cluster {
        let world = World::audited().await;
        let definitions = Api::<CustomResourceDefinition>::all(world.client.clone());
        let uid = definitions.get(DEFINITION).await.unwrap().uid().unwrap();
        definitions.delete(DEFINITION, &DeleteParams::default()).await.unwrap();
        let gone = await_condition(definitions, DEFINITION, is_deleted(&uid));
        tokio::time::timeout(SOON, gone).await.unwrap().unwrap();
        let cluster = Cluster { world, home: tempfile::tempdir().unwrap() };
        cluster.helm(&["install", "--create-namespace"], Some(chart), &[]);
        cluster.serves().await;
        cluster
    }

    /// Has Helm do this, and waits until the API server serves the definition that it leaves.
    async fn becomes(&self, verb: &[&str], chart: Option<&Path>, flags: &[&str]) {
        self.helm(verb, chart, flags);
        self.serves().await;
    }

    fn helm(&self, verb: &[&str], chart: Option<&Path>, flags: &[&str]) {
        let output = helm_in(self.world.plane.admin_kubeconfig(), self.home.path(), verb, chart, flags);
        assert!(output.status.success(), "{verb:?}: {}", said(&output));
    }

    async fn serves(&self) {
        self.world.plane.serves(DEFINITION).await.unwrap();
        statuses_of(&self.world).await;
    }

    /// A Pod of the Deployment: it has the rights and the settings of the release, but that of hosts it knows the simulated one.
    async fn pod(&self) -> Operator {
        let world = &self.world;
        let maps = Api::<ConfigMap>::namespaced(world.client.clone(), RELEASE);
        let text = maps.get(RELEASE).await.unwrap().data.unwrap().remove("settings.yaml").unwrap();
        let (mut settings, of_world) =
            (from_yaml::<Value>(&text).unwrap(), from_yaml::<Value>(&world.settings()).unwrap());
        settings["hosts"] = of_world["hosts"].clone();
        let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
        let pod = world.unready_operator(kubeconfig, &settings.to_string(), &["--lease-namespace", RELEASE]);
        pod.wait_until_ready().await;
        pod
    }

    /// Puts a Pod of the release as it is now in the place of this one, which goes once the new one is ready.
    async fn rolled(&self, old: Operator) -> Operator {
        let new = self.pod().await;
        old.stop().await;
        new.until_logged("leading").await;
        new
    }

    /// Connects one more, which must become Ready.
    async fn is_at_work(&self, step: usize) {
        let name = format!("{MARKER}-{step}");
        self.world.secret(&name, &self.world.github.token(NewToken::classic(&name, "octocat"))).await;
        self.world.connection(&name, json!({ "interval": "24h" })).await;
        self.world.ready(&name, "True", "Ready").await;
    }

    /// All that stands, but for what has one of these names.
    async fn stands(&self, but: &BTreeSet<String>) -> Stands {
        let is_told = |name: &String| !name.starts_with(MARKER) && !but.contains(name);
        let mut stands = Stands {
            secrets: held(&self.world).await,
            connections: BTreeMap::new(),
            statuses: statuses_of(&self.world).await,
        };
        for one in self.world.connections().list(&ListParams::default()).await.unwrap() {
            stands.connections.insert(one.name_any(), one.uid());
        }
        stands.secrets.retain(|name, _| !name.starts_with(MARKER));
        stands.connections.retain(|name, _| !name.starts_with(MARKER));
        stands.statuses.retain(|name, _| is_told(name));
        stands
    }

    /// What the operator wrote since so many requests, but for its Lease, and what it asked GitHub since so many questions, of what has
    /// none of these names.
    fn did(&self, since: (usize, usize), but: &BTreeSet<String>) -> (Vec<String>, Vec<String>) {
        let is_told = |name: &str| !name.starts_with(MARKER) && !but.contains(name);
        let user = format!("system:serviceaccount:{RELEASE}:{RELEASE}");
        let events = self.world.plane.audit().unwrap().split_off(since.0).into_iter();
        let written = events.filter(|event: &AuditEvent| {
            event.user == user && event.is_write() && event.resource != "leases" && is_told(&event.name)
        });
        let asked = self.world.github.calls().split_off(since.1).into_iter();
        let asked = asked.map(|call| call.token.unwrap_or_default()).filter(|name| is_told(name));
        (
            written.map(|event| format!("{} {} {}", event.verb, event.uri, event.code)).collect(),
            asked.collect(),
        )
    }
}

/// Who is asked about by the clock while the story goes on.
async fn due(world: &World) -> BTreeSet<String> {
    let end = Timestamp::now() + STORY;
    let is_due = |one: &GithubPatConnection| {
        one.status.as_ref().and_then(|status| status.next_check_at.as_ref()).is_some_and(|at| at.0 < end)
    };
    let all = world.connections().list(&ListParams::default()).await.unwrap();
    all.into_iter().filter(is_due).map(|one| one.name_any()).collect()
}

#[tokio::test]
async fn upgrades_rollbacks_and_a_new_installation_ask_and_write_nothing_and_lose_no_connection() {
    let first = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/upgrade/chart");
    let cluster = Cluster::installed(&first).await;
    let world = &cluster.world;
    for (kind, count) in COUNTS {
        for number in 0..count {
            store(world, kind, number).await;
        }
    }
    let left = cluster.stands(&BTreeSet::new()).await;
    assert_eq!(left.connections.len(), 100);

    let begun = Instant::now();
    let (this, keep) = (chart(), "--reset-then-reuse-values");
    // Twenty tokens were refused within the last minute, which leaves the markers none of the failed logins of the defaults.
    let budgets = "settings.failedLoginsPerHour=1000,settings.failedLoginsPerNamespace=500";
    let grant = "grant.namespaces={team-a}";
    cluster.becomes(&["upgrade"], Some(&this), &[keep, "--set", budgets, "--set", grant]).await;
    let mut pod = cluster.pod().await;
    for name in left.connections.keys() {
        world.until(name, |seen| seen.status.as_ref().unwrap().next_check_at.is_some()).await;
    }
    cluster.is_at_work(0).await;
    assert_eq!(cluster.did((0, 0), &BTreeSet::new()).1, [""; 0], "the upgrade asks nothing");
    let due = due(world).await;
    assert!(due.len() <= 30, "of the refused twenty, and of those accepted by chance: {due:?}");
    let before = cluster.stands(&due).await;
    assert_eq!((&before.secrets, &before.connections), (&left.secrets, &left.connections));

    let since = (world.plane.audit().unwrap().len(), world.github.calls().len());
    let quiet = async |what: &str, step: usize| {
        cluster.is_at_work(step).await;
        assert_eq!(cluster.did(since, &due), (Vec::new(), Vec::new()), "{what}");
        assert!(cluster.stands(&due).await == before, "{what}: what stands is another");
    };
    cluster.becomes(&["upgrade"], Some(&this), &[keep, "--set", "settings.trustFor=48h"]).await;
    pod = cluster.rolled(pod).await;
    quiet("an upgrade that changes a setting", 1).await;
    cluster.becomes(&["rollback"], None, &["2"]).await;
    pod = cluster.rolled(pod).await;
    quiet("a rollback of it", 2).await;
    // The first operator is no part of this: while it runs, ours does not.
    pod.stop().await;
    cluster.becomes(&["rollback"], None, &["1"]).await;
    cluster.becomes(&["upgrade"], Some(&this), &[keep, "--set", budgets, "--set", grant]).await;
    let pod = cluster.pod().await;
    quiet("a rollback to the first chart, and an upgrade", 3).await;
    pod.stop().await;
    // The definition stays, and with it what the operator looks after.
    cluster.becomes(&["uninstall"], None, &[]).await;
    let accounts = Api::<ServiceAccount>::namespaced(world.client.clone(), RELEASE);
    assert!(accounts.get_opt(RELEASE).await.unwrap().is_none(), "the release is gone");
    assert!(cluster.stands(&due).await == before, "without a release: what stands is another");
    cluster.becomes(&["install"], Some(&this), &["--set", budgets, "--set", grant]).await;
    let pod = cluster.pod().await;
    quiet("a release that is uninstalled, and installed again", 4).await;
    pod.stop().await;
    let took = begun.elapsed();
    eprintln!(
        "two upgrades, two rollbacks, a third upgrade and another installation took {took:?}; due by the clock: {}",
        due.len()
    );
    assert!(took < Duration::from_secs(600), "{took:?}");
}
