//! What the page says of itself when what it shows is so no more.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use github_simulator::NewToken;
use kube::api::DeleteParams;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    browser::Browser,
    flows,
    wire::{Wire, wire},
    world::{Place, holds_no},
};

const IS_STALE: &str = "return document.body.hasAttribute('data-stale')";
pub(crate) const LIVE: &str = "return document.getElementById('live').textContent";
const OVER: &str = "The page is served no more";

/// The connection that a person looks at goes, and comes again.
pub(crate) async fn deleted(browser: &Browser, place: &Place) {
    let token = place.world.github.token(NewToken::classic("leaves", "acme-ci"));
    place.secret("leaves-pat", &token).await;
    place.connection("leaves", json!({})).await;
    place.until("leaves", "Ready").await;
    browser.goto("/connections/ui/leaves").await;
    browser.reads("usable since").await;
    browser.reads("Live").await;
    browser.runs("window.isTheSamePage = true").await;
    place.connections().delete("leaves", &DeleteParams::default()).await.unwrap();
    browser.reads("there is no connection leaves in namespace ui").await;
    let text = browser.runs("return document.body.innerText").await;
    assert!(!text.as_str().unwrap().contains("usable since"), "{text}");
    place.connection("leaves", json!({})).await;
    browser.reads("usable since").await;
    assert_eq!(browser.runs("return window.isTheSamePage").await, true);
}

/// The API server goes away, and comes again.
pub(crate) async fn away(browser: &Browser, hold: &watch::Sender<Wire>) {
    for (path, expected, kept) in [
        (
            "/connections/ui/leaves",
            "Not up to date: cannot read connection leaves in namespace ui",
            "usable since",
        ),
        ("/", "What is shown is as it was at", "leaves"),
    ] {
        browser.goto(path).await;
        browser.reads("Live").await;
        assert_eq!(browser.runs(IS_STALE).await, false, "{path}");
        hold.send(Wire::Cut).unwrap();
        browser.reads(expected).await;
        browser.reads("Not up to date").await;
        assert_eq!(browser.runs(IS_STALE).await, true, "{path}");
        let shown = browser.runs("return document.querySelector('main').innerText").await;
        assert!(shown.as_str().unwrap().contains(kept), "{path}: {shown}");
        hold.send(Wire::Open).unwrap();
        browser.reads("Live").await;
        assert_eq!(browser.runs(IS_STALE).await, false, "{path}");
    }
}

/// The way to the API server stays, and carries nothing any more.
pub(crate) async fn silent(browser: &Browser, hold: &watch::Sender<Wire>) {
    browser.goto("/connections/ui/leaves").await;
    browser.reads("Live").await;
    let begun = Instant::now();
    hold.send(Wire::Silent).unwrap();
    browser.reads("Not up to date: the API server does not answer").await;
    // A watch that is over in 10 seconds, 5 more until that is not believed, and 3 for the page.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(browser.runs(IS_STALE).await, true);
    hold.send(Wire::Open).unwrap();
    browser.reads("Live").await;
}

/// The person turns away before the program has said who it is, as who goes through the tabs does, and comes back much later.
pub(crate) async fn turned_away_early(browser: &Browser) {
    browser.goto("/connect").await;
    browser.one("input[name=name]").await.send_keys("typed").await.unwrap();
    browser.runs(&format!("{}{}{}", turn(false), turn(true), turn(false))).await;
    // Longer than the program has to say who it is.
    tokio::time::sleep(Duration::from_secs(22)).await;
    let text = browser.runs(LIVE).await;
    assert!(!text.as_str().unwrap().contains(OVER), "the program runs: {text}");
    looks(browser, true).await;
    until_usable(browser).await;
    assert_eq!(browser.runs(IS_STALE).await, false);
    browser.one("input[name=name]").await.send_keys(" on").await.unwrap();
    assert_eq!(browser.one("input[name=name]").await.value().await.unwrap().as_deref(), Some("typed on"));
    // Nor does it say that it is live before it is known.
    browser.goto("/").await;
    browser.reads("Live").await;
    let said = browser.runs(&format!("{}{}{LIVE}", turn(false), turn(true))).await;
    assert!(!said.as_str().unwrap().contains("Live"), "{said}");
    browser.reads("Live").await;
}

/// The program ends after it has refused a token, and the person loads the page anew: the token is not sent to whoever answers then.
pub(crate) async fn loaded_anew_after_the_end(place: &Place) {
    let token = place.world.github.token(NewToken::classic("refused", "acme-ci").scopes(&["gist"]));
    let mut browser = Browser::start(place, place.world.plane.admin_kubeconfig()).await;
    flows::enter(&browser).await;
    browser.goto("/connect?namespace=ui").await;
    browser.one("input[name=name]").await.send_keys("anew").await.unwrap();
    browser.one("input[name=scope]").await.send_keys("repo").await.unwrap();
    browser.runs("document.querySelector('select[name=host]').value = 'simulated'").await;
    browser.one("input[name=token]").await.send_keys(&*token).await.unwrap();
    browser.one("button[value=connect]:not(.default)").await.click().await.unwrap();
    browser.reads("Nothing was written: the token is not usable.").await;
    browser.stop_serving().await;
    browser.reads(OVER).await;
    let impostor = Impostor::at(&browser.origin).await;
    browser.driver.refresh().await.unwrap();
    browser.reads("Paste it here").await;
    let heard = impostor.heard.lock().unwrap().join("\n");
    assert!(heard.starts_with("GET /connect") && !heard.contains("POST "), "a token was sent once more");
    holds_no(&heard, &token);
    browser.end().await;
}

/// The program ends while somebody looks at its page, and another user's program gets the port.
pub(crate) async fn ended_before_the_eyes(place: &Place) {
    let mut browser = Browser::start(place, place.world.plane.admin_kubeconfig()).await;
    flows::enter(&browser).await;
    browser.stop_serving().await;
    browser.reads(OVER).await;
    let impostor = Impostor::at(&browser.origin).await;
    is_over(&browser, &impostor, 0).await;
    // As if the page had not heard of the end yet when it asks for what has changed.
    browser.runs("isOver = false; source = { close() {} }; hold(false); say(''); refresh();").await;
    browser.reads(OVER).await;
    {
        let heard = impostor.heard.lock().unwrap();
        assert!(heard.len() == 1 && heard[0].starts_with("GET / "), "{heard:?}");
    }
    is_over(&browser, &impostor, 1).await;
    browser.end().await;
}

/// It ends while a page that is followed waits for what it shows anew: nobody else is asked for that.
pub(crate) async fn ended_while_it_is_asked(place: &Place) {
    place.connection("asked-last", json!({})).await;
    let (kubeconfig, hold) = wire(place).await;
    let mut browser = Browser::start(place, &kubeconfig).await;
    flows::enter(&browser).await;
    browser.goto("/connections/ui/asked-last").await;
    browser.reads("Live").await;
    hold.send(Wire::Silent).unwrap();
    browser.runs("refresh()").await;
    browser.reads("Not up to date: the API server does not answer").await;
    browser.stop_serving().await;
    let impostor = Impostor::at(&browser.origin).await;
    browser.reads(OVER).await;
    let asked = {
        let heard = impostor.heard.lock().unwrap();
        assert!(heard.iter().all(|asked| asked.starts_with("GET /events?")), "{heard:?}");
        heard.len()
    };
    assert!(asked <= 1, "one answer was enough to see that it is somebody else: {asked}");
    is_over(&browser, &impostor, asked).await;
    browser.end().await;
}

/// It ends while nobody looks, with a token in the form that was not sent yet.
pub(crate) async fn ended_behind_the_back(place: &Place) {
    let token = place.world.github.token(NewToken::classic("unsent", "acme-ci"));
    let mut browser = Browser::start(place, place.world.plane.admin_kubeconfig()).await;
    flows::enter(&browser).await;
    browser.goto("/connect").await;
    looks(&browser, false).await;
    looks(&browser, true).await;
    browser.reads("Check and connect").await;
    until_usable(&browser).await;
    browser.one("input[name=token]").await.send_keys(&*token).await.unwrap();
    assert_eq!(browser.runs("return document.activeElement.name").await, "token", "it can be used");
    looks(&browser, false).await;
    looks(&browser, true).await;
    until_usable(&browser).await;
    assert_eq!(browser.runs("return document.activeElement.name").await, "token", "the focus is back");

    looks(&browser, false).await;
    browser.stop_serving().await;
    let impostor = Impostor::at(&browser.origin).await;
    looks(&browser, true).await;
    browser.reads(OVER).await;
    // One question was needed to see that it is somebody else.
    is_over(&browser, &impostor, 1).await;
    let kept =
        browser.runs("return JSON.stringify([...document.querySelectorAll('input')].map((it) => it.value))");
    holds_no(kept.await.as_str().unwrap(), &token);
    browser.end().await;
}

/// As if the person went to another tab, or came back.
async fn looks(browser: &Browser, is_seen: bool) {
    browser.runs(&turn(is_seen)).await;
}

/// The script for it.
fn turn(is_seen: bool) -> String {
    format!(
        "Object.defineProperty(document, 'hidden', {{ value: {}, configurable: true }});
        document.dispatchEvent(new Event('visibilitychange'));",
        !is_seen
    )
}

/// Returns once the page can be used.
async fn until_usable(browser: &Browser) {
    let usable = "return !document.querySelector('main').inert";
    crate::browser::until(|| async { browser.runs(usable).await.as_bool().filter(|usable| *usable) }).await;
}

async fn is_over(browser: &Browser, impostor: &Impostor, asked: usize) {
    looks(browser, false).await;
    looks(browser, true).await;
    // A browser that tries again by itself does so every few seconds.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(impostor.heard.lock().unwrap().len(), asked, "{:?}", impostor.heard);
    let text = browser.runs("return document.body.innerText").await;
    assert!(!text.as_str().unwrap().contains("Paste it here"), "{text}");
    assert!(browser.runs(LIVE).await.as_str().unwrap().contains(OVER));
    assert_eq!(browser.runs("return document.querySelector('main').inert").await, true);
    assert_eq!(browser.runs(IS_STALE).await, true);
}

/// Another program at the port of the page, which says whatever makes an open page take its words.
struct Impostor {
    /// What it was asked, as it came.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Impostor {
    async fn at(origin: &str) -> Impostor {
        let port: u16 = origin.rsplit(':').next().unwrap().parse().unwrap();
        let heard = Arc::default();
        let mut bound = 0;
        for address in [Ipv4Addr::LOCALHOST.into(), std::net::IpAddr::from(Ipv6Addr::LOCALHOST)] {
            // A machine may have no IPv6.
            let Ok(listener) = TcpListener::bind((address, port)).await else { continue };
            bound += 1;
            let heard = Arc::clone(&heard);
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(answer(stream, Arc::clone(&heard)));
                }
            });
        }
        assert!(bound > 0, "nobody else has the port");
        Impostor { heard }
    }
}

async fn answer(mut stream: TcpStream, heard: Arc<Mutex<Vec<String>>>) {
    let mut head = [0; 16 * 1024];
    let read = stream.read(&mut head).await.unwrap_or_default();
    // A browser opens connections in advance, by which it asks nothing.
    if read == 0 {
        return;
    }
    let mut asked = String::from_utf8_lossy(&head[..read]).into_owned();
    let is_events = asked.starts_with("GET /events");
    // A form may come after its head.
    if asked.starts_with("POST ") {
        let read = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut head)).await;
        asked.push_str(&String::from_utf8_lossy(&head[..read.map_or(0, |read| read.unwrap_or_default())]));
    }
    heard.lock().unwrap().push(asked);
    let (kind, body) = match is_events {
        true => ("text/event-stream", "event: hello\ndata: x\n\nevent: change\ndata: 9\n\n"),
        false => {
            ("text/html", "<main id=content><section data-live id=verdict>Paste it here</section></main>")
        }
    };
    let text = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.write_all(text.as_bytes()).await;
    if is_events {
        let _ = stream.read(&mut head).await;
    }
}
