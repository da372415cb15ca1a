//! An operator of today over what one of commit `a555db4`, the first one that ran end to end, has left in a cluster.

mod rolled_back;
pub(crate) mod stored;

use std::collections::BTreeMap;

use github_pat_operator::{
    api::{self, GithubPatConnection},
    settings::from_yaml,
};
use github_simulator::NewToken;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, ResourceExt, api::PostParams};
use serde_json::json;

use crate::world::World;
use stored::{COUNTS, held, statuses_of, store, stored};

/// The resource as the chart of that commit had it.
fn definition() -> CustomResourceDefinition {
    from_yaml(include_str!("upgrade/chart/files/githubpatconnections.githubpat.dev.yaml")).unwrap()
}

/// Puts this definition in the place of the one that there is.
async fn define(world: &World, mut definition: CustomResourceDefinition) {
    let definitions = Api::<CustomResourceDefinition>::all(world.client.clone());
    let stands = definitions.get(&definition.name_any()).await.unwrap();
    definition.metadata.resource_version = stands.resource_version();
    definitions.replace(&definition.name_any(), &PostParams::default(), &definition).await.unwrap();
    // The API server reads what it has stored by the new definition.
    world.plane.serves(&definition.name_any()).await.unwrap();
}

#[tokio::test]
#[ignore = "brings up a cluster as the first operator left it; .ci/long runs it"]
async fn what_the_first_operator_left_goes_on_without_a_question_and_with_one_write_each() {
    let world = World::audited().await;
    define(&world, definition()).await;
    for (kind, count) in COUNTS {
        for number in 0..count {
            store(&world, kind, number).await;
        }
    }
    define(&world, api::definition()).await;
    let before = held(&world).await;
    // Twenty tokens were refused within the last minute, which leaves a new one none of the failed logins of the defaults.
    let settings = format!("{}failedLoginsPerHour: 1000\nfailedLoginsPerNamespace: 500\n", world.settings());
    let operator = world.operator_with_settings(&settings).await;
    for (kind, count) in COUNTS {
        for number in 0..count {
            // The first operator did not tell it.
            let is_taken = |seen: &GithubPatConnection| seen.status.as_ref().unwrap().next_check_at.is_some();
            world.until(&format!("{kind}-{number}"), is_taken).await;
        }
    }
    for (kind, status, reason) in [
        ("classic", "True", "Ready"),
        ("fine", "True", "Ready"),
        ("short", "False", "ScopeMissing"),
        ("dead", "False", "BadCredentials"),
        ("gone", "False", "BadCredentials"),
        // docs/upgrading.md tells of it.
        ("narrow", "False", "FormatNeedsScope"),
    ] {
        let seen = world.ready(&format!("{kind}-0"), status, reason).await;
        let stored = stored();
        let was = stored["kinds"][kind]["status"]["conditions"][0]["status"].as_str().unwrap().to_owned();
        let since = seen.status.unwrap().condition("Ready").unwrap().last_transition_time.0;
        let is_older = Timestamp::now().duration_since(since) > SignedDuration::from_secs(30);
        assert_eq!(
            is_older,
            was == status,
            "{kind}: who stays as it was keeps the instant since which it is so"
        );
    }
    operator.stop().await;
    assert!(world.github.calls().is_empty(), "{:?}", world.github.calls());
    assert!(held(&world).await == before, "what workloads read has changed");
    let written = world.writes();
    let connections: usize = COUNTS.iter().map(|(_, count)| count).sum();
    let of = |resource: &str| {
        let names =
            written.iter().filter(|(_, written, _)| written == resource).map(|(_, _, name)| name.clone());
        let mut counts = BTreeMap::<_, usize>::new();
        names.for_each(|name| *counts.entry(name).or_default() += 1);
        counts
    };
    let (statuses, secrets) = (of("githubpatconnections"), of("secrets"));
    assert_eq!(statuses.len(), connections);
    assert!(statuses.values().chain(secrets.values()).all(|count| *count == 1), "{statuses:?} {secrets:?}");

    // From then on it is at home.
    let again = world.operator_with_settings(&settings).await;
    world.secret("new", &world.github.token(NewToken::classic("new", "octocat"))).await;
    world.connection("new", json!({})).await;
    world.ready("new", "True", "Ready").await;
    again.stop().await;
    let more: Vec<_> = world.writes().split_off(written.len());
    assert!(more.iter().all(|(_, _, name)| name == "new"), "{more:?}");
    assert!(world.github.calls().iter().all(|call| call.token.as_deref() == Some("new")));

    // A rollback puts the first definition back, and an upgrade or a new installation this one: nothing is asked, written or lost.
    let (asked, before, statuses) =
        (world.github.calls().len(), held(&world).await, statuses_of(&world).await);
    let written = world.writes().len();
    define(&world, definition()).await;
    define(&world, api::definition()).await;
    assert!(statuses_of(&world).await == statuses, "a status has changed");
    let anew = world.operator_with_settings(&settings).await;
    world.secret("last", &world.github.token(NewToken::classic("last", "octocat"))).await;
    world.connection("last", json!({})).await;
    world.ready("last", "True", "Ready").await;
    anew.stop().await;
    let more: Vec<_> = world.writes().split_off(written);
    assert!(more.iter().all(|(_, _, name)| name == "last"), "{more:?}");
    let asked = world.github.calls().split_off(asked);
    assert!(asked.iter().all(|call| call.token.as_deref() == Some("last")), "{asked:?}");
    let mut after = held(&world).await;
    after.remove("last");
    assert!(after == before, "what workloads read has changed");
}
