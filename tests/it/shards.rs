//! Several operators that share the namespaces.

mod lowered;

use std::{collections::BTreeMap, time::Duration};

use github_pat_operator::{api::GithubPatConnection, domain::shard::Shard};
use github_simulator::NewToken;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
    runtime::wait::await_condition,
};
use serde_json::json;

use crate::{
    replica::{LEASE, Replica, SHORT, leases},
    world::{SOON, World, from, is_so},
};

const TEAMS: [&str; 8] = ["one", "two", "three", "four", "five", "six", "seven", "eight"];

/// The number of the shard that has this namespace.
fn owner(namespace: &str, count: u16) -> u16 {
    (0..count).find(|index| format!("{index}/{count}").parse::<Shard>().unwrap().has(namespace)).unwrap()
}

/// An operator for each of so many shards, each a user of its own.
async fn start(world: &World, count: u16, more: &[&str]) -> Vec<Replica> {
    let mut replicas = Vec::new();
    for index in 0..count {
        let shard = format!("{index}/{count}");
        let flags = [&["--shard", &shard], &SHORT[..], more].concat();
        replicas.push(Replica::unready(world, &format!("shard-{index}-of-{count}"), &flags).await);
    }
    replicas
}

/// Puts a token into the Secret of a team.
async fn store(world: &World, team: &str, round: usize) {
    let token = world.github.token(NewToken::classic(&format!("{team}-{round}"), "acme-ci"));
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "ci" }, "stringData": { "token": token },
    });
    let api = Api::<Secret>::namespaced(world.client.clone(), team);
    api.patch("ci", &PatchParams::apply("test").force(), &Patch::Apply(secret)).await.unwrap();
}

async fn connect(world: &World, team: &str) {
    world.namespace(team).await;
    store(world, team, 0).await;
    let spec = json!({
        "host": "simulated", "secretRef": { "name": "ci" }, "interval": "24h",
        "publish": [{ "secretName": "out", "format": "Opaque" }],
    });
    let connection: GithubPatConnection = from(json!({ "metadata": { "name": "ci" }, "spec": spec }));
    let api = Api::<GithubPatConnection>::namespaced(world.client.clone(), team);
    api.create(&PostParams::default(), &connection).await.unwrap();
}

/// Waits until each team has its last token in its output, and its connection says so.
async fn are_published(world: &World, round: usize) {
    for team in TEAMS {
        let text = world.github.token_text(&format!("{team}-{round}")).unwrap();
        let holds = |secret: Option<&Secret>| {
            let value = secret.and_then(|secret| secret.data.as_ref()?.get("token"));
            value.is_some_and(|value| value.0 == text.as_bytes())
        };
        let api = Api::<Secret>::namespaced(world.client.clone(), team);
        let published = await_condition(api, "out", holds);
        let waited = tokio::time::timeout(SOON, published).await;
        waited.unwrap_or_else(|_| panic!("{team} is not published")).unwrap();
        let ready = |seen: Option<&GithubPatConnection>| {
            seen.is_some_and(|seen| is_so(seen, "Ready", "True", "Ready"))
        };
        let api = Api::<GithubPatConnection>::namespaced(world.client.clone(), team);
        tokio::time::timeout(SOON, await_condition(api, "ci", ready)).await.unwrap().unwrap();
    }
}

/// Who has written in the namespace of each team since so many requests of the audit log, by user.
fn writers(world: &World, since: usize) -> BTreeMap<String, Vec<String>> {
    let mut writers = BTreeMap::<String, Vec<String>>::new();
    let written = world.plane.audit().unwrap().split_off(since).into_iter();
    let is_ours = |namespace: &str| TEAMS.contains(&namespace);
    for event in written.filter(|event| event.is_write() && is_ours(&event.namespace)) {
        let users = writers.entry(event.namespace).or_default();
        if event.user.starts_with("shard-") && !users.contains(&event.user) {
            users.push(event.user);
        }
    }
    writers.retain(|_, users| !users.is_empty());
    writers
}

fn owners(count: u16) -> BTreeMap<String, Vec<String>> {
    let owned = |team: &str| vec![format!("shard-{}-of-{count}", owner(team, count))];
    TEAMS.iter().map(|team| ((*team).to_owned(), owned(team))).collect()
}

#[tokio::test]
#[ignore = "starts five operators one after the other; .ci/long runs it"]
async fn two_shards_write_nothing_of_each_other_share_the_budgets_and_hand_over_when_there_are_three() {
    let world = World::audited().await;
    assert!((0..2).all(|index| TEAMS.iter().any(|team| owner(team, 2) == index)), "both have some");
    let moved = TEAMS.iter().filter(|team| owner(team, 2) != owner(team, 3)).count();
    assert!((1..TEAMS.len()).contains(&moved), "{moved} move");
    // The Lease of another release, whose name ends in a number, is no shard's.
    let named = json!({ "metadata": { "name": format!("{LEASE}-7") }, "spec": { "holderIdentity": "another", "leaseDurationSeconds": 3600 } });
    let named = serde_json::from_value(named).unwrap();
    leases(&world.client).create(&PostParams::default(), &named).await.unwrap();
    let two = start(&world, 2, &["--questions-per-minute", "120", "--failed-logins-per-hour", "9"]).await;
    for replica in &two {
        replica.leads().await;
    }
    for team in TEAMS {
        connect(&world, team).await;
    }
    are_published(&world, 0).await;
    assert_eq!(writers(&world, 0), owners(2));
    for (index, replica) in two.iter().enumerate() {
        let scrape = replica.operator.scrape().await;
        let host = [("host", "simulated")];
        assert_eq!(scrape.value("github_pat_host_points", &host), Some(6.0), "a tenth of the half");
        assert_eq!(scrape.value("github_pat_host_failed_logins_limit", &host), Some(4.0));
        let shard = [("shard", &*index.to_string()), ("shards", "2")];
        assert_eq!(scrape.value("github_pat_operator_shard_info", &shard), Some(1.0));
        let lease = format!("{LEASE}-{index}");
        assert_eq!(scrape.value("leader_election_master_status", &[("name", &lease)]), Some(1.0));
        let teams = TEAMS.iter().filter(|team| usize::from(owner(team, 2)) == index).count();
        let shown = scrape.samples("github_pat_connection_info", &[]).len();
        assert_eq!(shown, teams, "only its own are told");
        let lease = leases(&world.client).get(&lease).await.unwrap();
        assert_eq!(lease.metadata.annotations.unwrap()["githubpat.dev/shards"], "2");
    }

    // Three start while the two work: they wait, whoever of them has no Lease of the two before it, too.
    let before = world.plane.audit().unwrap().len();
    let three = start(&world, 3, &[]).await;
    for replica in &three {
        replica.operator.wait_until_ready().await;
        replica.operator.until_logged("is held by an operator that counts other shards").await;
    }
    for team in TEAMS {
        store(&world, team, 1).await;
    }
    are_published(&world, 1).await;
    assert_eq!(writers(&world, before), owners(2), "the two work on");
    assert!(three.iter().all(|replica| !replica.has_led()));

    for replica in two {
        replica.stop().await;
    }
    let before = world.plane.audit().unwrap().len();
    for replica in &three {
        replica.leads().await;
    }
    // What would be asked or written for the change alone has been by then.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(writers(&world, before), BTreeMap::new(), "nothing is written for the change");
    for team in TEAMS {
        store(&world, team, 2).await;
    }
    are_published(&world, 2).await;
    assert_eq!(writers(&world, before), owners(3));
    let asked =
        |round: usize| TEAMS.iter().map(|team| world.asked(&format!("{team}-{round}"))).collect::<Vec<_>>();
    assert_eq!(
        [0, 1, 2].map(asked),
        [[1; 8], [1; 8], [1; 8]].map(|counts| counts.to_vec()),
        "each token once"
    );
    for replica in three {
        replica.stop().await;
    }
}
