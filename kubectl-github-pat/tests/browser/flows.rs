//! What a person does with the page.

use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};

use github_simulator::NewToken;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use thirtyfour::Key;
use tokio::io::AsyncWriteExt;

use crate::{
    browser::Browser,
    world::{Place, SOON, holds_no},
};

/// Opens the page as the desktop would: by a file that nobody else can read, from which the link is in no argument of a program.
pub(crate) async fn enter(browser: &Browser) {
    let path = Path::new(browser.file.strip_prefix("file://").unwrap());
    assert!(!browser.file.contains("enter"), "{}", browser.file);
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    browser.driver.goto(&browser.file).await.unwrap();
    browser.reads("Expiries in the next 12 months").await;
    assert_eq!(browser.path().await, "/");
    assert!(!path.exists(), "the file is gone once the browser has come");
    assert_eq!(browser.runs("return document.cookie").await, "", "no script reads the cookie");
    let cookie = browser.driver.get_named_cookie("github-pat").await.unwrap();
    assert_eq!(
        (cookie.path.as_deref(), cookie.domain.as_deref()),
        (Some("/"), browser.origin.strip_prefix("http://").unwrap().split(':').next())
    );
    browser.driver.goto(&browser.link).await.unwrap();
    browser.reads("which works once").await;
    browser.goto("/").await;
    browser.reads("Live").await;
}

/// Tab and Enter are enough.
pub(crate) async fn keyboard(browser: &Browser) {
    browser.goto("/").await;
    let focused = "return document.activeElement.textContent.trim() || document.activeElement.id";
    let press = |key: Key| async move {
        browser.driver.action_chain().send_keys(key).perform().await.unwrap();
    };
    press(Key::Tab).await;
    assert_eq!(browser.runs(focused).await, "Skip to the content");
    assert_eq!(
        browser.runs("return document.activeElement.getBoundingClientRect().left >= 0").await,
        true,
        "it is seen"
    );
    press(Key::Enter).await;
    assert_eq!(browser.runs("return document.activeElement.id").await, "content");
    browser.goto("/").await;
    for _ in 0..3 {
        press(Key::Tab).await;
    }
    assert_eq!(browser.runs(focused).await, "Connect a token");
    let outline = browser.runs("return getComputedStyle(document.activeElement).outlineStyle").await;
    assert_eq!(outline, "solid", "where the focus is can be seen");
    press(Key::Enter).await;
    browser.reads("Check and connect").await;
    assert_eq!(browser.path().await, "/connect");
}

/// What changes in the cluster is seen without a reload, and what a person has typed stays.
pub(crate) async fn live(browser: &Browser, place: &Place) {
    browser.goto("/").await;
    browser.reads("Live").await;
    browser.runs("window.isTheSamePage = true").await;
    browser.one("input[name=login]").await.send_keys("typed").await.unwrap();
    place.connection("appears", json!({})).await;
    browser.reads("appears").await;
    browser.reads("SecretNotFound").await;
    assert_eq!(browser.runs("return window.isTheSamePage").await, true);
    assert_eq!(browser.one("input[name=login]").await.value().await.unwrap().as_deref(), Some("typed"));
}

/// A token in the wrong field does not become a part of an address.
pub(crate) async fn token_in_the_filter(browser: &Browser, place: &Place) {
    let token = place.world.github.token(NewToken::classic("filtered", "acme-ci"));
    for field in ["input[name=name]", "input[name=login]"] {
        browser.goto("/").await;
        browser.reads("Live").await;
        browser.one(field).await.send_keys(&*token).await.unwrap();
        browser.one(field).await.send_keys(Key::Enter).await.unwrap();
        browser.reads("was taken out of the field").await;
        // What happens in the cluster does not take the reason away.
        let before = browser.runs("return document.getElementById('rows').innerHTML").await;
        place.connection(&format!("a-filtered-{}", fastrand::u32(..)), json!({})).await;
        crate::browser::until(|| async {
            let rows = browser.runs("return document.getElementById('rows').innerHTML").await;
            (rows != before).then_some(())
        })
        .await;
        browser.reads("was taken out of the field").await;
        is_nowhere(browser, &token).await;
        assert_eq!(browser.runs("return location.search").await, "");
    }
    browser.one("input[name=name]").await.send_keys("ghp_ci.txt").await.unwrap();
    browser.one("input[name=name]").await.send_keys(Key::Enter).await.unwrap();
    browser.reads("Show all").await;
    assert_eq!(
        browser.runs("return location.search").await,
        "?name=ghp_ci.txt&namespace=&host=&login=&health="
    );
}

/// The page and the operator have one idea of what looks like a token.
pub(crate) async fn what_a_token_looks_like(browser: &Browser, place: &Place) {
    let [classic, legacy] =
        ["pattern", "pattern-2"].map(|name| place.world.github.token(NewToken::classic(name, "acme-ci")));
    let fine_grained = place.world.github.token(NewToken::fine_grained("pattern-3", "acme-ci"));
    let body = &classic[4..];
    let texts = [
        classic.clone(),
        fine_grained,
        format!("see {legacy}, please"),
        format!("/tmp/x_{classic}"),
        format!("gho_{body}"),
        format!("ghu_{body}"),
        format!("ghs_{body}"),
        format!("ghr_{body}"),
        format!("gha_{body}"),
        format!("laughs_{body}"),
        body.to_owned(),
        format!("ghp_{}", &body[..19]),
        format!("ghp_{}", &body[..20]),
        "ghp_ci.txt".to_owned(),
        "team-a".to_owned(),
    ];
    browser.goto("/").await;
    for text in texts {
        let script = format!(
            "const field = document.querySelector('input[name=name]');
            const form = document.querySelector('form.filter');
            field.value = {};
            let isSent = false;
            const note = (event) => {{ isSent = !event.defaultPrevented; event.preventDefault(); }};
            document.addEventListener('submit', note, {{ once: true }});
            form.requestSubmit();
            return isSent;",
            json!(text)
        );
        let is_sent = browser.runs(&script).await;
        let row = text.replace(body, "BODY");
        assert_eq!(is_sent, !github_pat_operator::cli::holds_a_token(&text), "{row}");
    }
}

/// A token from the form to the Secret.
pub(crate) async fn connect(browser: &Browser, place: &Place) {
    let github = &place.world.github;
    let lacking = github.token(NewToken::classic("browser-lacking", "acme-ci").scopes(&["gist"]));
    let token = github.token(NewToken::classic("browser-good", "acme-ci").scopes(&["repo"]));
    browser.goto("/connect?namespace=ui").await;
    browser.one("input[name=name]").await.send_keys("browser").await.unwrap();
    browser.one("input[name=scope]").await.send_keys("repo").await.unwrap();
    browser.one("input[name=output]").await.send_keys("browser-git:BasicAuth").await.unwrap();
    browser.runs("document.querySelector('select[name=host]').value = 'simulated'").await;
    browser.one("button[value=form]").await.click().await.unwrap();
    browser.reads("/settings/tokens/new?scopes=repo").await;
    browser.one("input[name=token]").await.send_keys(&*lacking).await.unwrap();
    browser.one("button[value=connect]:not(.default)").await.click().await.unwrap();
    browser.reads("Nothing was written: the token is not usable.").await;
    assert_eq!(
        browser.runs("return document.activeElement.id").await,
        "rejected",
        "a reader of the screen hears it"
    );
    assert_eq!(browser.one("input[name=scope]").await.value().await.unwrap().as_deref(), Some("repo"));
    is_nowhere(browser, &lacking).await;
    browser.one("input[name=token]").await.send_keys(&*token).await.unwrap();
    browser.one("input[name=token]").await.send_keys(Key::Enter).await.unwrap();
    browser.reads("usable since").await;
    assert_eq!(browser.path().await, "/connections/ui/browser");
    is_nowhere(browser, &token).await;
    browser.driver.back().await.unwrap();
    is_nowhere(browser, &token).await;
    assert_eq!(place.value("browser-git", "password").await, Some(token));
}

/// The next token, until the old one is safe to revoke.
pub(crate) async fn rotate(browser: &Browser, place: &Place) {
    let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({ "spec": { "holdDown": "0s", "interval": "10s" } }));
    place.connections().patch("browser", &params, &patch).await.unwrap();
    let next = place.world.github.token(NewToken::classic("browser-next", "acme-ci").scopes(&["repo"]));
    place.until("browser", "Ready").await;
    browser.goto("/connections/ui/browser").await;
    browser.reads("usable since").await;
    browser.one("a.act").await.click().await.unwrap();
    browser.reads("The next token goes to Secret browser-pat-next").await;
    browser.one("input[name=token]").await.send_keys(&*next).await.unwrap();
    browser.one("input[name=token]").await.send_keys(Key::Enter).await.unwrap();
    browser.reads("Last rotation").await;
    browser.runs("window.isTheSamePage = true").await;
    browser.reads("SafeToRevoke, begun").await;
    assert_eq!(browser.runs("return window.isTheSamePage").await, true, "it was not loaded anew");
    assert_eq!(browser.path().await, "/connections/ui/browser");
    is_nowhere(browser, &next).await;
    assert_eq!(place.value("browser-git", "password").await, Some(next));
}

/// A script that somebody brings into the page does not run.
pub(crate) async fn scripts_of_others(browser: &Browser) {
    browser.goto("/").await;
    let script = "
        const script = document.createElement('script');
        script.textContent = 'window.hasRun = true';
        document.body.append(script);
        const image = document.createElement('img');
        image.setAttribute('onerror', 'window.hasRun = true');
        image.src = 'data:image/png;base64,x';
        document.body.append(image);
        const link = document.createElement('a');
        link.href = 'javascript:window.hasRun = true';
        document.body.append(link);
        link.click();";
    browser.runs(script).await;
    assert_eq!(browser.runs("return window.hasRun === undefined").await, true);
    // Somebody who would answer, and whom no page but ours is kept from.
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", other.local_addr().unwrap());
    let fetched =
        format!("return fetch('{address}', {{ mode: 'no-cors' }}).then(() => 'sent', (error) => error.name)");
    assert_eq!(browser.runs(&fetched).await, "TypeError");
    let asked = tokio::time::timeout(Duration::from_millis(500), other.accept()).await;
    assert!(asked.is_err(), "the page may ask nobody else: {asked:?}");
    // The same without the policy: it is what keeps the page from asking.
    bypass_policy(browser, true).await;
    browser.goto("/").await;
    let asked = async {
        let (mut stream, _) = other.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.unwrap();
    };
    let both = async { tokio::join!(browser.runs(&fetched), asked) };
    let (fetched, ()) = tokio::time::timeout(SOON, both).await.unwrap();
    assert_eq!(fetched, "sent");
    bypass_policy(browser, false).await;
    browser.goto("/").await;
}

/// Whether the next pages are shown without their Content-Security-Policy.
pub(crate) async fn bypass_policy(browser: &Browser, is_bypassed: bool) {
    let cdp = browser.driver.cdp();
    cdp.send_raw("Page.setBypassCSP", json!({ "enabled": is_bypassed })).await.unwrap();
}

/// Nothing that the page has or the browser keeps for it has any part of the token.
async fn is_nowhere(browser: &Browser, token: &str) {
    let kept = browser.runs(
        "// What the browser shows in place of an old answer to a form has no storage.
        const of = (read) => { try { return Object.entries(read()); } catch { return []; } };
        return JSON.stringify([
            document.documentElement.outerHTML,
            [...document.querySelectorAll('input, textarea')].map((field) => field.value),
            of(() => localStorage), of(() => sessionStorage), location.href, of(() => ({ ...[document.cookie] })), document.referrer,
            history.state, performance.getEntries().map((entry) => entry.name),
        ])",
    );
    holds_no(kept.await.as_str().unwrap(), token);
    let all = browser.driver.get_all_cookies().await.unwrap();
    holds_no(&format!("{all:?}"), token);
}
