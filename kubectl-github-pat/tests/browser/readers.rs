//! What the browser hands to a screen reader: the accessibility tree with roles, names, and the regions whose changes are read out.

use serde_json::{Value, json};

use crate::browser::Browser;

/// What stands on each page, by role and name.
const PAGES: [(&str, &str, &[(&str, &str)]); 4] = [
    (
        "/",
        "pictured",
        &[
            ("RootWebArea", "Connections · github-pat"),
            ("link", "Skip to the content"),
            ("navigation", "Pages"),
            ("main", ""),
            ("status polite", ""),
            ("heading", "Connections"),
            ("region", "How they do"),
            ("group", "Expiries in the next 12 months"),
            ("search", "Connections"),
            ("textbox", "Name"),
            ("textbox", "Login"),
            ("combobox", "How it does"),
            ("button", "Show"),
            ("region", "Table of connections"),
            ("columnheader", "Reason"),
            ("rowheader", "ui/ pictured"),
            ("table", "By namespace"),
            ("table", "By host"),
        ],
    ),
    (
        "/connections/ui/pictured",
        "the chain breaks here",
        &[
            ("RootWebArea", "ui/pictured · github-pat"),
            ("status polite", ""),
            ("heading", "ui/pictured"),
            ("region", "Verdict"),
            ("link", "Rotate its token"),
            ("region", "What to do"),
            ("region", "Conditions"),
            ("region", "Demands"),
            ("rowheader", "scope repo"),
            ("region", "Outputs"),
            ("rowheader", "pictured-git"),
            ("DisclosureTriangle", "YAML"),
        ],
    ),
    (
        "/connect?namespace=ui",
        "What the token must have, and who reads it",
        &[
            ("RootWebArea", "Connect · github-pat"),
            ("heading", "Connect a token"),
            ("group", "Connection"),
            ("group", "What the token must have, and who reads it"),
            ("textbox required", "Name"),
            ("combobox", "Kind of token"),
            ("textbox", "Scopes of a classic token"),
            ("DisclosureTriangle", "Secret of the token"),
            ("button", "Show GitHub's form"),
            ("textbox required described", "Token"),
            ("button", "Check and connect"),
            ("status polite", ""),
        ],
    ),
    (
        "/connections/ui/browser/rotate",
        "The next token goes to Secret",
        &[
            ("heading", "Rotate ui/browser"),
            ("link", "ui/browser"),
            ("region", "GitHub's form"),
            ("DisclosureTriangle", "Another Secret"),
            ("textbox required described", "Next token"),
            ("button", "Check and rotate"),
            ("status polite", ""),
        ],
    ),
];

/// What is read out of each page, and that a refused token is told at once.
pub(crate) async fn all(browser: &Browser) {
    let mut faults = Vec::new();
    for (path, text, expected) in PAGES {
        browser.goto(path).await;
        browser.reads(text).await;
        if path == "/" || path.ends_with("pictured") {
            browser.reads("Live").await;
        }
        let tree = tree(browser).await;
        let is_there = |role: &str, name: &str| tree.iter().any(|it| it.0 == role && it.1 == name);
        let missing: Vec<_> = expected.iter().filter(|(role, name)| !is_there(role, name)).collect();
        if !missing.is_empty() {
            faults.push(format!("{path}: {missing:?} are not in {tree:?}"));
        }
        // No control is without a name, and no button stands there twice.
        let is_control =
            |role: &str| ["button", "textbox", "combobox", "link"].iter().any(|it| role.starts_with(it));
        if tree.iter().any(|(role, name)| is_control(role) && name.is_empty()) {
            faults.push(format!("{path}: a control has no name in {tree:?}"));
        }
        let mut buttons: Vec<_> =
            tree.iter().filter(|(role, _)| role == "button").map(|(_, name)| name).collect();
        let count = buttons.len();
        buttons.sort();
        buttons.dedup();
        if buttons.len() != count {
            faults.push(format!("{path}: a button stands there twice in {tree:?}"));
        }
        let ends: &[(&str, &str)] = match path {
            "/" => &[
                ("link", " broken"),
                ("link", " warned"),
                ("link", " fine"),
                ("link", " in all"),
                ("link", ": unwatched/nightly"),
            ],
            _ => &[],
        };
        for (role, end) in ends {
            if !tree.iter().any(|it| it.0 == *role && it.1.ends_with(end)) {
                faults.push(format!("{path}: {role} …{end:?} is not in {tree:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    rejected(browser).await;
}

/// A token that is not usable is told by an alert.
async fn rejected(browser: &Browser) {
    browser.goto("/connect?namespace=ui").await;
    browser.one("input[name=name]").await.send_keys("unread").await.unwrap();
    browser.runs("document.querySelector('select[name=host]').value = 'simulated'").await;
    browser.one("input[name=token]").await.send_keys("nonsense").await.unwrap();
    browser.one("button[value=connect]:not(.default)").await.click().await.unwrap();
    browser.reads("Nothing was written").await;
    let tree = tree(browser).await;
    assert!(tree.iter().any(|it| it.0 == "alert assertive"), "{tree:?}");
}

/// Role and name of each node that is not hidden, but for what texts consist of. Behind the role stands how its changes are read out, and
/// whether it must be filled in and has a description.
async fn tree(browser: &Browser) -> Vec<(String, String)> {
    let cdp = browser.driver.cdp();
    cdp.send_raw("Accessibility.enable", json!({})).await.unwrap();
    let found = cdp.send_raw("Accessibility.getFullAXTree", json!({})).await.unwrap();
    cdp.send_raw("Accessibility.disable", json!({})).await.unwrap();
    let nodes = found["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == false);
    let nodes = nodes.filter(|node| {
        !["InlineTextBox", "StaticText", "LineBreak"].iter().any(|role| node["role"]["value"] == *role)
    });
    let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
    nodes
        .map(|node| {
            let property = |name: &str| {
                let all = node["properties"].as_array().into_iter().flatten();
                all.clone().find(|it| it["name"] == name).map(|it| it["value"].clone())
            };
            let mut role = text(&node["role"]);
            let is_of_itself = ["status", "alert"].contains(&role.as_str());
            if let Some(live) = property("live").filter(|_| is_of_itself) {
                role = format!("{role} {}", text(&live));
            }
            if property("required").is_some_and(|it| it["value"] == true) {
                role += " required";
            }
            if !text(&node["description"]).is_empty() {
                role += " described";
            }
            (role, text(&node["name"]).split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect()
}
