//! What is known of the purposes of a token: shared by all that demand the same, and kept across a restart.

use std::{collections::BTreeMap, time::Duration};

use github_pat_operator::api::GithubPatConnection;
use github_simulator::{NewOrganization, NewRepository, NewToken, Reply, Role, Visibility};
use kube::ResourceExt;
use serde_json::json;

use crate::world::World;

/// An organization with three private repositories, and a fine-grained token for them.
async fn arranged(world: &World) -> String {
    world.github.organization(NewOrganization::new("acme"));
    world.github.account("acme-ci");
    world.github.member("acme", "acme-ci", Role::Member);
    for name in ["acme/app", "acme/lib", "acme/tool"] {
        world.github.repository(NewRepository::of(Visibility::Private, name));
    }
    let token = NewToken::fine_grained("fine", "acme-ci").owner("acme");
    world.github.token(token.permissions(&[("contents", "read"), ("issues", "read")]))
}

#[tokio::test]
async fn permissions_on_several_repositories_are_asked_once_for_all_and_not_again_after_a_restart() {
    let world = World::start().await;
    let operator = world.operator().await;
    let text = arranged(&world).await;
    let on = |names: &[&str]| names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>();
    let spec = |names: &[&str]| {
        let permissions = json!({ "contents": "read", "issues": "read" });
        json!({ "interval": "24h", "require": { "repositories": on(names), "permissions": permissions } })
    };
    world.secret("one", &text).await;
    world.connection("one", spec(&["acme/app", "acme/lib"])).await;
    world.secret("other", &text).await;
    world.connection("other", spec(&["acme/lib", "acme/tool"])).await;
    for name in ["one", "other"] {
        let seen = world.ready(name, "True", "Ready").await;
        let status = seen.status.unwrap();
        assert!(status.permission_proofs.is_some());
        let on: Vec<_> = status.requirements.iter().filter_map(|line| line.on.as_deref()).collect();
        assert_eq!(on, Vec::<&str>::new(), "proven on each");
    }
    let mut asked: Vec<_> = world.github.calls().into_iter().map(|call| call.path).collect();
    asked.sort_unstable();
    let mut expected = Vec::new();
    for name in ["acme/app", "acme/lib", "acme/tool"] {
        expected.extend(
            ["", "/commits?per_page=1", "/issues?per_page=1"].map(|path| format!("/repos/{name}{path}")),
        );
    }
    expected.push("/user".to_owned());
    assert_eq!(asked, expected, "each permission once on each repository");
    operator.stop().await;

    let (asked, before) = (world.github.calls().len(), versions(&world).await);
    let _operator = world.operator().await;
    until_looked(&world).await;
    let calls = world.github.calls().split_off(asked);
    let others: Vec<_> = calls.iter().filter(|call| call.token.as_deref() == Some("fine")).collect();
    assert!(others.is_empty(), "{others:?}");
    assert_eq!(versions(&world).await, before, "nothing is written");
}

#[tokio::test]
async fn organizations_that_single_sign_on_hides_are_told_by_their_numbers_while_answers_say_so() {
    let world = World::start().await;
    let operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "octocat"));
    let user = json!({ "login": "octocat", "id": world.github.account("octocat") });
    let partial = |numbers: &str| {
        Reply::json(&user)
            .with_header("x-oauth-scopes", "")
            .with_header("x-github-sso", &format!("partial-results; organizations={numbers}"))
    };
    world.github.script("ci", vec![partial("21955855,20582480"), partial("20582480,21955855")]);
    world.secret("ci", &text).await;
    world.connection("ci", json!({ "interval": "10s" })).await;
    let hidden = |seen: &GithubPatConnection| {
        let token = seen.status.as_ref().and_then(|status| status.token.clone());
        token.map(|token| token.hidden_organizations).unwrap_or_default()
    };
    let seen = world.until("ci", |seen| hidden(seen) == [20_582_480, 21_955_855]).await;
    world.until_asked("ci", 2).await;
    let again = world.until("ci", |_| true).await;
    assert_eq!(again.resource_version(), seen.resource_version(), "in another order it is no news");
    world.until("ci", |seen| hidden(seen).is_empty()).await;
    operator.stop().await;
}

/// The versions of the two connections.
async fn versions(world: &World) -> [Option<String>; 2] {
    let connections = world.connections();
    let version = async |name: &str| connections.get(name).await.unwrap().resource_version();
    [version("one").await, version("other").await]
}

#[tokio::test]
async fn hundreds_of_questions_of_one_connection_are_asked_once_each_and_delay_nobody() {
    let world = World::start().await;
    let settings =
        format!("{}questionsPerMinute: 60000\nlogFilter: github_pat_operator=debug\n", world.settings());
    let operator = world.operator_with_settings(&settings).await;
    world.github.organization(NewOrganization::new("acme"));
    world.github.account("acme-ci");
    world.github.member("acme", "acme-ci", Role::Member);
    let names: Vec<_> = (0..16).map(|number| format!("acme/app{number}")).collect();
    for name in &names {
        world.github.repository(NewRepository::of(Visibility::Private, name));
    }
    let keys = [
        "actions",
        "actions_variables",
        "contents",
        "dependabot_secrets",
        "issues",
        "pull_requests",
        "secrets",
    ];
    let held: Vec<_> = keys.iter().map(|key| (*key, "read")).collect();
    let text = world.github.token(NewToken::fine_grained("fine", "acme-ci").owner("acme").permissions(&held));
    let permissions: BTreeMap<_, _> = held.iter().copied().collect();
    let repositories: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
    world.secret("many", &text).await;
    let require = json!({ "repositories": repositories, "permissions": permissions });
    world.connection("many", json!({ "interval": "24h", "require": require })).await;
    until_looked(&world).await;
    world.ready("many", "True", "Ready").await;
    let mut asked: Vec<_> = world.github.calls().into_iter().map(|call| (call.token, call.path)).collect();
    asked.retain(|(token, _)| token.as_deref() == Some("fine"));
    asked.sort_unstable();
    let twice: Vec<_> = asked.windows(2).filter(|two| two[0] == two[1]).map(|two| &two[0].1).collect();
    assert!(twice.is_empty(), "each once, and not {twice:?}\n{}", operator.log());
    assert_eq!(asked.len(), 1 + 16 + 16 * keys.len());
    operator.stop().await;
    let _operator = world.operator_with_settings(&settings).await;
    let before = world.github.calls().len();
    world.secret("more", &world.github.token(NewToken::classic("more", "octocat"))).await;
    world.connection("more", json!({})).await;
    world.ready("more", "True", "Ready").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let calls = world.github.calls().split_off(before);
    assert!(calls.iter().all(|call| call.token.as_deref() != Some("fine")), "a restart asks nothing");
}

/// Another connection is judged, so that the operator has looked at all.
async fn until_looked(world: &World) {
    world.secret("later", &world.github.token(NewToken::classic("later", "octocat"))).await;
    world.connection("later", json!({})).await;
    world.ready("later", "True", "Ready").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
}
