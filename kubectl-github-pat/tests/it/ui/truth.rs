//! The page says of what it shows whether it is still so.

use github_simulator::NewToken;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::{Api, api::DeleteParams, api::PostParams};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::{Page, overview};
use crate::{
    rights::until_allowed,
    wire::{Wire, wire},
    world::{Place, SOON, UNWATCHED, World, from},
};

/// What a page has that is not followed any more.
const STALE: &str = " data-stale";
/// The overview with the connections of all other tests, of which there are more than a page has.
const ALL: &str = "/?limit=500";

impl Page {
    /// The changes of the page at this path, from what it shows on.
    pub(super) async fn events(&self, path: &str) -> Response {
        let text = self.get(path).await.text;
        let address = text.split("data-events=\"").nth(1).unwrap().split('"').next().unwrap();
        self.ask(Method::GET, &address.replace("&#38;", "&"), &[]).await
    }
}

/// Returns once a change is told.
pub(super) async fn changes(events: &mut Response) {
    let told = async {
        let mut text = Vec::new();
        while !text.windows(14).any(|part| part == b"event: change\n") {
            text.extend_from_slice(&events.chunk().await.unwrap().unwrap());
        }
    };
    tokio::time::timeout(SOON, told).await.unwrap();
}

async fn known(page: &Page, path: &str) -> bool {
    !page.get(path).await.text.contains(STALE)
}

/// Returns once the page says that what it shows is not followed, or that it is again.
async fn until(page: &Page, path: &str, is_stale: bool) -> String {
    let seen = async {
        while known(page, path).await == is_stale {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    if tokio::time::timeout(SOON, seen).await.is_err() {
        panic!("{path} is not as it should be: {}", page.get(path).await.text);
    }
    page.get(path).await.text
}

async fn quiet(name: &str) -> Place {
    let place = World::place(UNWATCHED);
    overview::connection(&place, name, "True", "Ready", overview::token("truth", None)).await;
    place
}

#[tokio::test]
async fn an_api_server_that_is_away_is_told_on_every_page_and_so_is_its_return() {
    let place = quiet("truth-away").await;
    let (kubeconfig, hold) = wire(&place).await;
    let page = Page::open(&place, &kubeconfig, &[]).await;
    let path = "/connections/unwatched/truth-away";
    page.until("/?name=truth-away", path).await;
    for path in ["/", path] {
        assert!(known(&page, path).await, "{path}");
    }
    let (mut of_all, mut of_one) = (page.events("/").await, page.events(path).await);
    hold.send(Wire::Cut).unwrap();
    changes(&mut of_all).await;
    changes(&mut of_one).await;
    let told = until(&page, "/?name=truth-away", true).await;
    for expected in ["cannot watch connections: ", "What is shown is as it was at ", " UTC.", path] {
        assert!(told.contains(expected), "{expected:?} is not in {told}");
    }
    let list: Value = serde_json::from_str(&page.get("/api/v1/connections").await.text).unwrap();
    let as_of: jiff::Timestamp = list["asOf"].as_str().unwrap().parse().unwrap();
    assert!(as_of <= jiff::Timestamp::now() && list["problem"].is_string(), "{list}");
    assert_eq!(page.get(path).await.status, StatusCode::BAD_GATEWAY);

    let (mut of_all, mut of_one) = (
        page.events("/").await,
        page.ask(Method::GET, "/events?version=x&namespace=unwatched&name=truth-away", &[]).await,
    );
    changes(&mut of_one).await;
    hold.send(Wire::Open).unwrap();
    changes(&mut of_all).await;
    changes(&mut of_one).await;
    until(&page, "/", false).await;
    assert!(until(&page, path, false).await.contains("<b>usable</b>"));
    let list: Value = serde_json::from_str(&page.get("/api/v1/connections").await.text).unwrap();
    assert_eq!((list.get("problem"), list.get("asOf")), (None, None));
}

#[tokio::test]
async fn a_way_that_carries_nothing_any_more_is_told_within_seconds() {
    let place = quiet("truth-silent").await;
    let (kubeconfig, hold) = wire(&place).await;
    let page = Page::open(&place, &kubeconfig, &[]).await;
    page.until(ALL, "/connections/unwatched/truth-silent").await;
    let begun = std::time::Instant::now();
    hold.send(Wire::Silent).unwrap();
    let told = until(&page, "/", true).await;
    assert!(told.contains("the API server did not answer in time"), "{told}");
    assert!(begun.elapsed().as_secs() < 40, "{:?}", begun.elapsed());
    hold.send(Wire::Open).unwrap();
    until(&page, "/", false).await;
}

#[tokio::test]
async fn a_right_that_is_taken_away_is_told_and_what_it_showed_of_other_namespaces_goes() {
    let place = quiet("truth-right").await;
    let meta = json!({ "name": "truth-looks" });
    let looks = json!({ "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch"] });
    let roles: Api<ClusterRole> = Api::all(place.client.clone());
    roles
        .create(&PostParams::default(), &from(json!({ "metadata": meta, "rules": [&looks] })))
        .await
        .unwrap();
    let bindings: Api<ClusterRoleBinding> = Api::all(place.client.clone());
    let binding = json!({
        "metadata": meta,
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "truth-looks" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "truth-looker" }],
    });
    bindings.create(&PostParams::default(), &from(binding.clone())).await.unwrap();
    until_allowed(&place, "truth-looker", None, &json!([looks])).await;
    let looker = place.world.plane.user("truth-looker", None).unwrap();
    let page = Page::open(&place, &looker, &[]).await;
    let path = "/connections/unwatched/truth-right";
    page.until(ALL, path).await;
    let mut events = page.events(path).await;
    bindings.delete("truth-looks", &DeleteParams::default()).await.unwrap();
    changes(&mut events).await;
    let told = page.until(ALL, "you may not watch connections: ").await.text;
    assert!(told.contains(STALE), "{told}");
    assert!(!told.contains(path), "it is shown no more: {told}");
    let one = page.get(path).await;
    assert_eq!(one.status, StatusCode::BAD_GATEWAY);
    assert!(one.text.contains("you may not read connection truth-right"), "{}", one.text);

    // A right that comes back, as after an API server that knew of none for a moment, opens what it opened before.
    bindings.create(&PostParams::default(), &from(binding)).await.unwrap();
    page.until(ALL, path).await;
    let again = until(&page, ALL, false).await;
    assert!(
        again.contains("<h1 id=\"title\" data-live>Connections</h1>") && !again.contains("You may not list"),
        "{again}"
    );
}

#[tokio::test]
async fn until_the_first_list_has_come_nothing_is_called_live() {
    let place = quiet("truth-first").await;
    let (kubeconfig, hold) = wire(&place).await;
    hold.send(Wire::Silent).unwrap();
    let page = Page::open(&place, &kubeconfig, &[]).await;
    let shown = page.get("/").await.text;
    assert!(shown.contains(STALE) && shown.contains("Waiting for the API server"), "{shown}");
    assert!(!shown.contains("No token ends within 12 months"), "nobody knows: {shown}");
    hold.send(Wire::Open).unwrap();
    page.until("/?name=truth-first", "/connections/unwatched/truth-first").await;
    until(&page, "/", false).await;
}

#[tokio::test]
async fn a_connection_that_is_deleted_is_told_and_one_that_is_not_followed_says_so() {
    let place = World::place("ui");
    let token = place.world.github.token(NewToken::classic("truth-gone", "acme-ci"));
    place.secret("truth-gone-pat", &token).await;
    place.connection("truth-gone", json!({})).await;
    place.until("truth-gone", "Ready").await;
    let page = Page::open(&place, place.world.plane.admin_kubeconfig(), &["-n", "ui"]).await;
    let path = "/connections/ui/truth-gone";
    page.until("/?name=truth-gone", path).await;
    let shown = page.get(path).await.text;
    assert!(!shown.contains("is not followed"), "{shown}");
    let mut events = page.events(path).await;
    place.connections().delete("truth-gone", &DeleteParams::default()).await.unwrap();
    changes(&mut events).await;
    assert_eq!(page.get(path).await.status, StatusCode::NOT_FOUND);

    quiet("truth-beside").await;
    let beside = page.get("/connections/unwatched/truth-beside").await.text;
    assert!(
        beside.contains("The page follows the connections of namespace ui. This one is not followed: it is read once a minute."),
        "{beside}"
    );
}
