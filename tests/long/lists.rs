//! How everything is listed.

use control_plane::AuditEvent;
use github_simulator::NewToken;
use serde_json::json;

use crate::{
    tenant::Tenant,
    world::{NAMESPACE, World},
};

#[tokio::test]
async fn the_first_list_comes_as_a_stream_and_later_ones_in_pages() {
    let mut world = World::audited().await;
    // More than fit on one page of Secrets.
    for number in 0..12 {
        world.secret(&format!("unrelated-{number}"), "x").await;
    }
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({})).await;
    let operator = world.operator().await;
    world.ready("ci", "True", "Ready").await;
    let lists = |world: &World| {
        let lists = world.requests().into_iter().filter(|event| event.verb == "list" && event.code == 200);
        lists.collect::<Vec<AuditEvent>>()
    };
    assert_eq!(lists(&world), []);

    world.may_be_refused("");
    world.plane.stop_api_server().unwrap();
    operator.until_logged("cannot watch").await;
    world.plane.start_api_server().await.unwrap();
    let ours = Tenant::of(&world, NAMESPACE);
    ours.secret("ci", &world.github.token(NewToken::classic("next", "next"))).await;
    ours.until("ci", |seen| {
        let token = seen.status.as_ref().and_then(|status| status.token.as_ref());
        token.is_some_and(|token| token.login.as_deref() == Some("next"))
    })
    .await;
    let lists = lists(&world);
    let of = |resource: &str| lists.iter().filter(|event| event.resource == resource).collect::<Vec<_>>();
    let (connections, secrets) = (of("githubpatconnections"), of("secrets"));
    assert!(!connections.is_empty() && secrets.len() >= 2, "{lists:?}");
    // A watch that fails while the API server starts begins anew with another list, of one page or of two.
    for (pages, limit, of_a_list) in [(connections, "limit=300", 1), (secrets, "limit=10", 2)] {
        for (number, page) in pages.into_iter().enumerate() {
            assert!(page.uri.contains(limit), "{page:?}");
            assert_eq!(page.uri.contains("continue="), number % of_a_list > 0, "{page:?}");
        }
    }
}
