//! What stands in the overview.

use github_simulator::NewToken;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Page, truth::changes};
use crate::world::{Place, UNWATCHED, World};

/// A connection whose status is this, where no operator writes another one.
pub(super) async fn connection(place: &Place, name: &str, ready: &str, reason: &str, token: Value) {
    place.connection(name, json!({})).await;
    place
        .status(
            name,
            json!({
                "observedGeneration": 1,
                "conditions": [{
                    "type": "Ready", "status": ready, "reason": reason, "message": format!("why {name} is so"),
                    "lastTransitionTime": "2026-03-01T10:00:00Z",
                }],
                "token": token,
            }),
        )
        .await;
}

pub(super) fn token(login: &str, expires: Option<&str>) -> Value {
    let mut token = json!({
        "secretName": "pat", "host": "simulated", "kind": "Classic", "login": login, "userId": 1,
        "hashedToken": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "checkedAt": "2026-03-01T10:00:00Z",
    });
    if let Some(at) = expires {
        token["expiresAt"] = json!(at);
    }
    token
}

#[tokio::test]
async fn the_overview_counts_draws_sorts_filters_and_follows_the_cluster() {
    let place = World::place(UNWATCHED);
    let soon = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(24 * 40 + 1)).unwrap();
    let day = soon.strftime("%Y-%m-%d").to_string();
    connection(&place, "over-fine", "True", "Ready", token("ui-login", Some(&soon.to_string()))).await;
    connection(&place, "over-warned", "True", "ExpiresSoon", token("ui-login", Some(&soon.to_string())))
        .await;
    connection(&place, "over-broken", "False", "BadCredentials", token("ui-other", None)).await;
    let page = Page::open(&place, place.world.plane.admin_kubeconfig(), &[]).await;
    let all = page.until("/?name=over-", "over-broken").await.text;
    for expected in [
        "<h1 id=\"title\" data-live>Connections</h1>",
        "</span> broken</a>",
        "</span> warned</a>",
        "</span> fine</a>",
        ">3 of ",
        " title=\"why over-broken is so\"",
        "<a href=\"/?namespace=unwatched\">unwatched</a>",
        "<a href=\"/?host=simulated\">simulated</a>",
        &format!("aria-label=\"{day}, in 40 days: unwatched/over-fine, unwatched/over-warned\""),
    ] {
        assert!(all.contains(expected), "{expected:?} is not in\n{all}");
    }
    let place_of = |name: &str| all.find(&format!("/connections/unwatched/{name}\"")).unwrap();
    assert!(place_of("over-broken") < place_of("over-fine"), "what breaks next stands first");
    let rows = [
        ("health=broken", vec!["over-broken"]),
        ("health=warned", vec!["over-warned"]),
        ("login=UI-Login", vec!["over-fine", "over-warned"]),
        ("host=elsewhere", vec![]),
        ("namespace=ui", vec![]),
        ("limit=1&page=1", vec!["over-broken"]),
        ("limit=1&page=3", vec!["over-warned"]),
        (&format!("expires={day}"), vec!["over-fine", "over-warned"]),
    ];
    for (query, expected) in rows {
        let text = page.get(&format!("/?name=over-&{query}")).await.text;
        let list = text.split("id=\"rows\"").nth(1).unwrap();
        let found: Vec<_> = ["over-broken", "over-fine", "over-warned"]
            .into_iter()
            .filter(|name| list.contains(&format!("/connections/unwatched/{name}\"")))
            .collect();
        assert_eq!(found, expected, "{query}");
    }
    assert_eq!(page.get("/?expires=soon").await.status, StatusCode::BAD_REQUEST);

    let mut events = page.events("/").await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    connection(&place, "over-new", "True", "Ready", token("ui-login", None)).await;
    changes(&mut events).await;
    page.until("/?name=over-", "over-new").await;
}

#[tokio::test]
async fn who_may_not_look_everywhere_is_shown_what_they_may_and_told_so() {
    let place = World::place("ui-half");
    place.connection("mine", json!({})).await;
    for (name, days, reason) in [
        ("fine-1", 90, "Ready"),
        ("fine-2", 90, "Ready"),
        ("fine-3", 90, "Ready"),
        ("soon-1", 2, ""),
        ("soon-2", 2, ""),
    ] {
        let ends = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap();
        let token =
            place.world.github.token(NewToken::classic(&format!("half-{name}"), "acme-ci").expires(ends));
        place.secret(&format!("{name}-pat"), &token).await;
        place.connection(name, json!({})).await;
        place.until(name, if reason.is_empty() { "ExpiresSoon" } else { reason }).await;
    }
    place.until("mine", "SecretNotFound").await;
    let looks = json!({ "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch"] });
    place.allow("ui-viewer", json!([looks])).await;
    let viewer = place.world.plane.user("ui-viewer", None).unwrap();
    // As kubectl config set-context --current --namespace does it.
    let text = std::fs::read_to_string(&viewer).unwrap();
    let mut config: Value = github_pat_operator::settings::from_yaml(&text).unwrap();
    config["contexts"][0]["context"]["namespace"] = json!("ui-half");
    let viewer = std::path::PathBuf::from(place.world.file("viewer.yaml", &config.to_string()));
    let page = Page::open(&place, &viewer, &[]).await;
    let text = page.until("/", "/connections/ui-half/mine").await.text;
    let tallies = text.split("id=\"tallies\"").nth(1).unwrap().split("</section>").next().unwrap();
    let counts: Vec<_> =
        tallies.split("<b>").skip(1).map(|rest| rest.split("</b>").next().unwrap()).collect();
    let words: Vec<_> =
        tallies.split("<li class=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!((words, counts), (vec!["broken", "warned", "fine"], vec!["1", "2", "3", "6"]), "{tallies}");
    let row = |name: &str| {
        let row = text.split(&format!("\">{name}</a></th>")).nth(1).unwrap();
        row.split("</tr>").next().unwrap().to_owned()
    };
    let counted = "<td class=\"broken\">1</td><td class=\"warned\">2</td><td>3</td>";
    assert_eq!([row("ui-half"), row("simulated")], [counted; 2], "{text}");
    assert!(
        text.contains(
            "You may not list and watch the connections of all namespaces, so those of ui-half are shown."
        ),
        "{text}"
    );
    let nobody = place.world.plane.user("ui-nobody", None).unwrap();
    let page = Page::open(&place, &nobody, &["-n", "ui-half"]).await;
    // The field that a token is taken out of has an empty alert from the beginning.
    let text = page.until("/", "you may not watch connections: ").await.text;
    assert!(text.contains("kubectl auth can-i --list -n ui-half shows"), "{text}");
    assert!(!text.contains("/connections/"), "{text}");
}
