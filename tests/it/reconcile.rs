//! From YAML to conditions: what a cluster admin sees.

use github_simulator::NewToken;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_good_token_makes_its_connection_ready() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]));
    world.secret("ci", &text).await;
    world.connection("ci", json!({ "require": { "scopes": ["public_repo"] } })).await;
    let connection = world.ready("ci", "True", "Ready").await;
    let status = connection.status.unwrap();
    let token = status.token.unwrap();
    assert_eq!(token.login.as_deref(), Some("acme-ci"));
    assert_eq!(token.scopes, Some(vec!["repo".to_owned()]));
    assert_eq!(status.conditions.len(), 6);
    assert_eq!(world.asked("ci"), 1);
}
