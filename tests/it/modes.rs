//! The mode of a run: it is the one that was asked for, but for tests that exist and say why not.

use std::{collections::BTreeSet, fs, time::Duration};

use github_simulator::NewToken;
use serde_json::json;

use crate::{
    docs::root,
    mode::{EXEMPT, Mode},
    world::{NAMESPACE, SOON, World},
};

#[tokio::test]
async fn the_operators_of_a_run_watch_what_its_mode_says() {
    let world = World::start().await;
    let operator = world.operator().await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({})).await;
    world.ready("ci", "True", "Ready").await;
    // A list came before. What comes now, the watch of the Secret brings.
    world.secret("ci", &world.github.token(NewToken::classic("next", "acme-ci"))).await;
    world.until_asked("next", 1).await;
    operator.stop().await;
    let in_namespace =
        [format!("/namespaces/{NAMESPACE}/githubpatconnections"), format!("/namespaces/{NAMESPACE}/secrets")];
    let everywhere = ["/v1alpha1/githubpatconnections".to_owned(), "/v1/secrets".to_owned()];
    let [of_connections, of_secrets] = match Mode::of_this_test() {
        Mode::OptIn => [&everywhere[0], &in_namespace[1]],
        Mode::All => [&everywhere[0], &everywhere[1]],
        Mode::Namespaces => [&in_namespace[0], &in_namespace[1]],
    };
    // The API server tells of a watch once it has ended.
    let all_watched = async {
        loop {
            let watches = world.requests().into_iter().filter(|event| event.verb == "watch");
            let watched: BTreeSet<_> =
                watches.map(|event| event.uri.split('?').next().unwrap().to_owned()).collect();
            if watched.len() >= 2 {
                return watched;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let watched = tokio::time::timeout(SOON, all_watched).await.expect("two watches are told of");
    let watched: Vec<_> = watched.into_iter().collect();
    assert!(
        watched.len() == 2 && watched[0].ends_with(of_secrets) && watched[1].ends_with(of_connections),
        "{watched:?}"
    );
}

#[test]
fn each_test_that_keeps_the_default_mode_is_there() {
    let folder = root().join("tests/it");
    for (_, test, reason) in EXEMPT {
        let (module, name) = test.rsplit_once("::").unwrap_or(("", test));
        let file = |module: &str| folder.join(module.replace("::", "/")).with_extension("rs");
        let function = format!("async fn {name}() {{");
        let is_there = file(test).is_file()
            || fs::read_to_string(file(module)).is_ok_and(|source| source.contains(&function));
        assert!(is_there && !reason.is_empty(), "{test}");
    }
}
