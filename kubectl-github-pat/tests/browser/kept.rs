//! What a person does on a page stays while the page follows the cluster.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::{
    browser::{Browser, until},
    world::{Place, UNWATCHED, World},
};

/// What stands on the page, and what of it a person has opened, scrolled and chosen.
const SEEN: &str = "return {
    isTheSame: document.getElementById('demands') === window.demands,
    open: [...document.querySelectorAll('details[open] > summary')].map((summary) => summary.id),
    focused: document.activeElement.id,
    scrolled: [document.getElementById('demands-table').scrollLeft, document.getElementById('yaml-lines').scrollLeft],
    selected: getSelection().toString(),
}";

/// Opened, focused, scrolled and selected parts of the page of one connection.
pub(crate) async fn all() {
    let place = World::place(UNWATCHED);
    place.connection("kept", json!({ "require": { "repositories": [{ "name": "acme/app" }] } })).await;
    demands(&place, &["acme/app"]).await;
    let browser = Browser::start(&place, place.world.plane.admin_kubeconfig()).await;
    browser.driver.goto(&browser.link).await.unwrap();
    browser.looks(360, 800, false).await;
    browser.goto("/connections/unwatched/kept").await;
    browser.reads("Live").await;
    browser
        .runs(
            "window.demands = document.getElementById('demands');
             for (const details of document.querySelectorAll('#demands details, #yaml details')) details.open = true;
             document.getElementById('demands-table').scrollLeft = 30;
             document.getElementById('yaml-lines').scrollLeft = 20;
             getSelection().selectAllChildren(document.querySelector('#demands thead th'));
             document.getElementById('demands-table').focus()",
        )
        .await;
    let summary = "demand-Repository+acme%2Fapp-title";
    let mut seen = json!({
        "isTheSame": true, "open": [summary, "yaml-title"], "focused": "demands-table", "scrolled": [30, 20], "selected": "Demand",
    });
    assert_eq!(browser.runs(SEEN).await, seen);
    let note = Patch::Merge(json!({ "metadata": { "annotations": { "note": "was-changed" } } }));
    place.connections().patch("kept", &PatchParams::default(), &note).await.unwrap();
    shows(&browser, "yaml", "was-changed").await;
    assert_eq!(browser.runs(SEEN).await, seen, "a section that is as before is not touched");

    demands(&place, &["acme/another", "acme/app"]).await;
    shows(&browser, "demands", "acme/another").await;
    shows(&browser, "yaml", "acme/another").await;
    seen["isTheSame"] = false.into();
    seen["selected"] = "".into();
    assert_eq!(browser.runs(SEEN).await, seen, "one that stands in another place is as it was");
    for id in [summary, "yaml-title", "yaml-lines"] {
        browser.runs(&format!("document.getElementById('{id}').focus()")).await;
        let other = format!("acme/of-{id}");
        demands(&place, &[&other, "acme/app"]).await;
        shows(&browser, "demands", &other).await;
        shows(&browser, "yaml", &other).await;
        assert_eq!(browser.runs("return document.activeElement.id").await, id);
    }
    browser.end().await;
}

/// Writes a status in which these repositories are not to be seen.
async fn demands(place: &Place, names: &[&str]) {
    let lines: Vec<_> = names
        .iter()
        .map(|name| json!({ "kind": "Repository", "name": name, "state": "NotMet", "reason": "RepositoryNotVisible" }))
        .collect();
    let at = "2026-03-01T10:00:00Z";
    let token = json!({
        "secretName": "kept-pat", "host": "simulated", "kind": "Classic", "checkedAt": at,
        "hashedToken": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    });
    let status = json!({ "observedGeneration": 1, "token": token, "requirements": lines });
    place.status("kept", status).await;
}

/// Waits until the part of the page has this text, seen or not.
async fn shows(browser: &Browser, part: &str, text: &str) {
    let script = format!("return document.getElementById('{part}').textContent");
    until(|| async {
        let seen: Value = browser.runs(&script).await;
        seen.as_str().filter(|seen| seen.contains(text)).map(drop)
    })
    .await;
}
