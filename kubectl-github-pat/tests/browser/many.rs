//! The page with ten thousand connections, on an API server of its own: how long it takes and how much memory, with bounds.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use control_plane::{ControlPlane, Options, usage};
use futures::{StreamExt, stream};
use github_pat_operator::api::{self, GithubPatConnection};
use github_simulator::Simulator;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
    runtime::wait::{await_condition, conditions::is_crd_established},
};
use reqwest::Method;
use serde_json::json;

use crate::{
    browser::Browser,
    flows,
    page::Page,
    world::{Place, SOON, World, from},
};

const CONNECTIONS: usize = 10_000;
const NAMESPACES: usize = 100;
/// What any answer may take: a person waits for it. The program is built without optimization.
const ANSWER: Duration = Duration::from_millis(1500);
/// What a change may take until an open page has it.
const CHANGE: Duration = Duration::from_secs(3);
/// What the list may take until it is there.
const LIST: Duration = Duration::from_secs(60);
/// What the process may have resident at most.
const MEMORY: u64 = 160 << 20;
/// What a page may weigh.
const WEIGHT: usize = 256 << 10;

pub(crate) async fn all() {
    let place = place().await;
    let begun = Instant::now();
    create(&place.client).await;
    told("creating them", begun.elapsed());
    by_requests(&place).await;
    in_a_browser(&place).await;
}

/// A cluster with nobody else in it.
async fn place() -> Place {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let plane = ControlPlane::start(Options::default()).await.unwrap();
    let client = plane.admin_client().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.yaml");
    std::fs::write(&settings, "").unwrap();
    let world = World { plane, github: Simulator::start().await.unwrap(), settings, folder };
    Place { world: Box::leak(Box::new(world)), client, namespace: "team-0" }
}

/// Creates them with their status in one write each: there is no subresource for it until they are there.
async fn create(client: &Client) {
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    let mut plain = api::definition();
    plain.spec.versions[0].subresources = None;
    let name = plain.metadata.name.clone().unwrap();
    definitions.create(&PostParams::default(), &plain).await.unwrap();
    let established = await_condition(definitions.clone(), &name, is_crd_established());
    tokio::time::timeout(SOON, established).await.unwrap().unwrap();
    for number in 0..NAMESPACES {
        let namespace: Namespace = from(json!({ "metadata": { "name": format!("team-{number}") } }));
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    }
    let created = stream::iter(0..CONNECTIONS).for_each_concurrent(16, async |number| {
        let namespace = format!("team-{}", number % NAMESPACES);
        let api = Api::<GithubPatConnection>::namespaced(client.clone(), &namespace);
        api.create(&PostParams::default(), &connection(number)).await.unwrap();
    });
    created.await;
    let whole = json!({ "spec": { "versions": api::definition().spec.versions } });
    definitions.patch(&name, &PatchParams::default(), &Patch::Merge(whole)).await.unwrap();
}

/// Every hundredth is broken, every twentieth ends soon, and the ends of the others lie over fourteen months.
fn connection(number: usize) -> GithubPatConnection {
    let (ready, reason) = match number {
        _ if number.is_multiple_of(100) => ("False", "ScopeMissing"),
        _ if number % 20 == 1 => ("True", "ExpiresSoon"),
        _ => ("True", "Ready"),
    };
    let days = i64::try_from(if reason == "ExpiresSoon" { number % 7 } else { 8 + number % 420 }).unwrap();
    let ends = Timestamp::now().checked_add(SignedDuration::from_hours(24 * days + 1)).unwrap();
    let condition = |type_: &str, status: &str, reason: &str| {
        let message = format!(
            "what there is to say of {type_} of connection number {number}, in a sentence of a usual length"
        );
        json!({
            "type": type_, "status": status, "reason": reason, "message": message, "observedGeneration": 1,
            "lastTransitionTime": "2026-03-01T10:00:00Z",
        })
    };
    from(json!({
        "metadata": { "name": format!("c{number:05}"), "labels": { "team": format!("team-{}", number % NAMESPACES) } },
        "spec": {
            "host": "github.com", "secretRef": { "name": format!("c{number:05}-pat") },
            "require": { "scopes": ["repo", "read:packages"] },
            "publish": [{ "secretName": format!("c{number:05}-git"), "format": "BasicAuth" }],
        },
        "status": {
            "observedGeneration": 1,
            "conditions": [
                condition("Ready", ready, reason), condition("SecretResolved", "True", "SecretResolved"),
                condition("Authenticated", "True", "Accepted"), condition("RequirementsMet", ready, reason),
                condition("NotExpiring", "True", "Ready"), condition("Published", "True", "Published"),
            ],
            "token": {
                "secretName": format!("c{number:05}-pat"), "host": "github.com", "kind": "Classic", "login": format!("bot-{}", number % 500),
                "userId": number, "scopes": ["read:packages", "repo"], "expiresAt": ends.to_string(),
                "hashedToken": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "checkedAt": "2026-03-01T10:00:00Z",
            },
        },
    }))
}

/// As a dashboard asks.
async fn by_requests(place: &Place) {
    let begun = Instant::now();
    let page = Page::open(place, place.world.plane.admin_kubeconfig(), &[]).await;
    let id = page.process();
    // Seldom, since who answers is who lists.
    while !page.get("/api/v1/overview").await.text.contains("\"isListed\": true") {
        assert!(begun.elapsed() < LIST, "the first list does not come");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    within("the first list", LIST, begun.elapsed());
    let listed = usage(id).unwrap();
    told("CPU time for it", listed.cpu);
    let rows = [
        ("the overview", "/", "10000 of 10000, page 1 of 200"),
        ("its last page", "/?page=200", "page 200 of 200"),
        ("a filter by name", "/?name=c0999", "10 of 10000"),
        ("a filter by health", "/?health=broken", "100 of 10000, page 1 of 2"),
        ("a filter by login", "/?login=BOT-7", "20 of 10000"),
        ("a connection", "/connections/team-7/c00007", "c00007-git"),
        ("JSON of 500 connections", "/api/v1/connections?limit=500", "\"total\": 10000"),
        ("JSON of the overview", "/api/v1/overview", "\"broken\": 100"),
    ];
    for (row, path, expected) in rows {
        let mut took = Vec::new();
        for _ in 0..5 {
            let begun = Instant::now();
            let answer = page.get(path).await;
            took.push(begun.elapsed());
            assert!(answer.text.contains(expected), "{row}: {expected:?} is not in {}", answer.text);
            let is_page = !path.starts_with("/api/");
            assert!(!is_page || answer.text.len() < WEIGHT, "{row}: {} bytes", answer.text.len());
        }
        took.sort();
        within(row, ANSWER, took[2]);
    }
    let mut took = Vec::new();
    for number in [3, 1234, 9999] {
        let mut events = page.ask(Method::GET, &version(&page).await, &[]).await;
        breaks(&place.client, number).await;
        // What the API server takes for the write is not the page's.
        let begun = Instant::now();
        let told = async {
            let mut text = Vec::new();
            while !text.windows(14).any(|part| part == b"event: change\n") {
                text.extend_from_slice(&events.chunk().await.unwrap().unwrap());
            }
        };
        tokio::time::timeout(CHANGE, told).await.unwrap();
        let path = format!("/?health=broken&name=c{number:05}");
        assert!(page.get(&path).await.text.contains("1 of 10000"));
        took.push(begun.elapsed());
    }
    took.sort();
    within("a change, until it is seen", ANSWER, took[1]);

    let before = usage(id).unwrap().cpu;
    for number in 2000..2100 {
        breaks(&place.client, number).await;
    }
    page.until("/api/v1/overview", "\"broken\": 202").await;
    told("CPU time for 100 changes", usage(id).unwrap().cpu.saturating_sub(before));
    let usage = usage(id).unwrap();
    eprintln!("memory: {} MiB, {} MiB at most", usage.rss >> 20, usage.peak >> 20);
    assert!(usage.peak < MEMORY, "{usage:?}");
}

/// As a person sees it.
async fn in_a_browser(place: &Place) {
    let browser = Browser::start(place, place.world.plane.admin_kubeconfig()).await;
    flows::enter(&browser).await;
    crate::browser::until(|| async {
        let text = browser.runs("return document.body.innerText").await;
        text.as_str().filter(|text| text.contains("10000 of 10000")).map(|_| ())
    })
    .await;
    let opening = took(browser.goto("/")).await;
    within("opening the overview in Chromium", CHANGE, opening);
    browser.reads("Live").await;
    let elements = browser.runs("return document.querySelectorAll('*').length").await;
    eprintln!("elements of the overview: {elements}");
    assert!(elements.as_u64().unwrap() < 4000, "{elements}");
    browser.one("input[name=name]").await.send_keys("c0999").await.unwrap();
    let filtering = took(async {
        browser.one("form.filter button").await.click().await.unwrap();
        browser.reads("10 of 10000").await;
    });
    within("filtering in Chromium", CHANGE, filtering.await);
    browser.reads("Live").await;
    browser.runs("window.isTheSamePage = true").await;
    breaks(&place.client, 9991).await;
    let seen = took(async {
        let expected =
            "return document.querySelector('#rows tr.broken th')?.textContent.includes('c09991') === true";
        crate::browser::until(|| async { browser.runs(expected).await.as_bool().filter(|is_so| *is_so) })
            .await;
    });
    within("a change, until Chromium shows it", CHANGE, seen.await);
    assert_eq!(browser.runs("return window.isTheSamePage").await, true);
    browser.end().await;
}

/// The connection is refused by GitHub from now on.
async fn breaks(client: &Client, number: usize) {
    let api =
        Api::<GithubPatConnection>::namespaced(client.clone(), &format!("team-{}", number % NAMESPACES));
    let mut conditions = serde_json::to_value(connection(number).status.unwrap().conditions).unwrap();
    conditions[0]["status"] = json!("False");
    conditions[0]["reason"] = json!("BadCredentials");
    let patch = Patch::Merge(json!({ "status": { "conditions": conditions } }));
    api.patch_status(&format!("c{number:05}"), &PatchParams::default(), &patch).await.unwrap();
}

/// Where the overview listens from now on.
async fn version(page: &Page) -> String {
    let text = page.get("/").await.text;
    text.split("data-events=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&")
}

async fn took(done: impl Future<Output = ()>) -> Duration {
    let begun = Instant::now();
    done.await;
    begun.elapsed()
}

fn told(what: &str, took: Duration) {
    eprintln!("{what}: {} ms", took.as_millis());
}

#[track_caller]
fn within(what: &str, bound: Duration, took: Duration) {
    told(what, took);
    assert!(took < bound, "{what} took {took:?}, and may take {bound:?}");
}
