//! How the pages look: narrow and wide, light and dark, held against the rules of axe-core, and pictured.

use std::{env, path::Path};

use github_simulator::NewToken;
use jiff::{SignedDuration, Timestamp};
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    world::{Place, UNWATCHED, World},
};

/// The pages, what they are called, and what stands on no other.
const PAGES: [(&str, &str, &str); 4] = [
    ("overview", "/", "Expiries in the next 12 months"),
    ("connection", "/connections/ui/pictured", "the chain breaks here"),
    ("connect", "/connect?namespace=ui", "What the token must have, and who reads it"),
    ("rotate", "/connections/ui/browser/rotate", "The next token goes to Secret"),
];
/// The pictures of docs/ui.md.
const PICTURED: [&str; 4] =
    ["overview-1440-light", "overview-1440-dark", "overview-360-dark", "connection-1440-light"];

/// A name about as long as names can be takes no other column out of the window.
pub(crate) async fn long_names(browser: &Browser) {
    let quiet = World::place(UNWATCHED);
    // Its Secret has a longer one.
    let name = "n".repeat(249);
    let spec = json!({
        "publish": [{ "secretName": "o".repeat(200), "format": "BasicAuth" }],
        "require": { "repositories": [{ "name": format!("{}/{}", "a".repeat(39), "r".repeat(100)) }] },
    });
    quiet.connection(&name, spec).await;
    quiet.status(&name, json!({ "observedGeneration": 1, "conditions": [] })).await;
    browser.looks(1440, 900, false).await;
    for path in [format!("/?name={name}"), format!("/connections/{}/{name}", quiet.namespace)] {
        browser.goto(&path).await;
        browser.reads(&name).await;
        let wider = "return [...document.querySelectorAll('.scroll')].filter((table) => table.scrollWidth > table.clientWidth)
            .map((table) => table.getAttribute('aria-label'))";
        assert_eq!(browser.runs(wider).await, json!([]), "{path}");
    }
    quiet.connections().delete(&name, &DeleteParams::default()).await.unwrap();
}

pub(crate) async fn all(browser: &Browser, place: &Place, axe: &str) {
    arrange(place).await;
    browser.goto("/").await;
    browser.reads("pictured").await;
    let head = browser.runs("return document.getElementById('place').textContent").await;
    assert!(head.as_str().is_some_and(|place| place.contains("https://127.0.0.1:")), "{head}");
    let mut faults = Vec::new();
    for (name, path, text) in PAGES {
        for (width, height) in [(360, 800), (1440, 900)] {
            for (word, is_dark) in [("light", false), ("dark", true)] {
                browser.looks(width, height, is_dark).await;
                browser.goto(path).await;
                browser.reads(text).await;
                let called = format!("{name}-{width}-{word}");
                let broken = broken_rules(browser, axe).await;
                if broken != Value::Array(vec![]) {
                    faults.push(format!("{called}: {broken:#}"));
                }
                let overflow = browser
                    .runs(
                        "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
                    )
                    .await;
                if overflow != 0 {
                    faults.push(format!("{called} is wider than the window by {overflow} pixels"));
                }
                let labels = overlapping(browser).await;
                if labels != json!([]) {
                    faults.push(format!("{called}: labels of the timeline overlap: {labels}"));
                }
                if let Some(folder) = env::var_os("UI_PICTURES") {
                    let picture = browser.driver.screenshot_as_png().await.unwrap();
                    std::fs::write(Path::new(&folder).join(format!("{called}.png")), picture).unwrap();
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ui.md");
    let page = std::fs::read_to_string(page).unwrap();
    for picture in PICTURED {
        assert!(page.contains(&format!("(pictures/ui-{picture}.png)")), "{picture} is not shown");
    }
}

/// Connections that do well and badly, with expiries over the year.
async fn arrange(place: &Place) {
    let ahead = |days: i64| Timestamp::now().checked_add(SignedDuration::from_hours(24 * days + 1)).unwrap();
    let token = place
        .world
        .github
        .token(NewToken::classic("pictured", "acme-ci").scopes(&["gist"]).expires(ahead(12)));
    place.secret("pictured-pat", &token).await;
    let spec = json!({
        "require": { "scopes": ["repo", "gist"], "expiry": { "required": true } },
        "publish": [{ "secretName": "pictured-git", "format": "BasicAuth" }],
    });
    place.connection("pictured", spec).await;
    place.until("pictured", "ScopeMissing").await;
    let quiet = World::place(UNWATCHED);
    for (name, days, reason) in [
        ("deploy", 40, "Ready"),
        ("docs", 75, "Ready"),
        ("mirror", 76, "Ready"),
        ("nightly", 5, "ExpiresSoon"),
        ("release", 210, "Ready"),
        ("registry", 330, "Ready"),
    ] {
        quiet.connection(name, json!({})).await;
        let status = json!({
            "observedGeneration": 1,
            "conditions": [{ "type": "Ready", "status": "True", "reason": reason, "message": "", "lastTransitionTime": "2026-03-01T10:00:00Z" }],
            "token": {
                "secretName": "pat", "host": "simulated", "kind": "Classic", "login": "acme-ci", "userId": 1, "expiresAt": ahead(days),
                "hashedToken": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "checkedAt": "2026-03-01T10:00:00Z",
            },
        });
        quiet.status(name, status).await;
    }
}

/// The labels of the timeline that lie over one another, or out of it.
async fn overlapping(browser: &Browser) -> Value {
    browser
        .runs(
            "const frame = document.querySelector('.timeline')?.getBoundingClientRect();
            const labels = [...document.querySelectorAll('.timeline text')].map((label) => [label.textContent, label.getBoundingClientRect()])
                .filter(([, box]) => box.width > 0);
            if (frame && labels.length < 4) return ['labels are missing'];
            return labels.filter(([, one], index) => one.left < frame.left || one.right > frame.right || labels.some(([, other], place) =>
                place > index && one.left < other.right + 2 && other.left < one.right + 2 && one.top < other.bottom - 2 && other.top < one.bottom - 2))
                .map(([text]) => text);",
        )
        .await
}

/// The rules of axe-core that the page breaks.
async fn broken_rules(browser: &Browser, axe: &str) -> Value {
    browser.runs(axe).await;
    browser
        .runs(
            "return axe.run(document, { resultTypes: ['violations'] }).then((found) => found.violations.map((rule) =>
                ({ rule: rule.id, help: rule.help, at: rule.nodes.map((node) => node.html + ' ' + node.failureSummary) })))",
        )
        .await
}
