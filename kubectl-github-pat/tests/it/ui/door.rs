//! Who gets in.

use std::{process::Stdio, time::Duration};

use reqwest::{Method, StatusCode, header::SET_COOKIE};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use super::{Answer, Page};
use crate::world::{PLUGIN, SOON, World};

/// The header that only the program knows that serves the page.
const PROOF: &str = "github-pat-proof";
const PATHS: [&str; 8] = [
    "/",
    "/connections/ui/x",
    "/api/v1/connections",
    "/?page=2",
    "/page.css",
    "/page.js",
    "/events?version=0",
    "/nowhere",
];

#[tokio::test]
async fn the_link_lets_one_browser_in_and_only_once() {
    let place = World::place("ui");
    let page = Page::closed(&place, place.world.plane.admin_kubeconfig(), &[]).await;
    assert!(page.host.starts_with("pat-") && page.host.contains(".localhost:"), "{}", page.link);
    for path in PATHS {
        let refused = page.get(path).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert!(refused.text.contains("has not opened the link"), "{path}: {}", refused.text);
    }
    let wrong = page.get("/enter/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").await;
    assert_eq!((wrong.status, wrong.headers.get(SET_COOKIE)), (StatusCode::FORBIDDEN, None));
    let head = page.ask(Method::HEAD, &page.key(), &[]).await;
    assert_eq!((head.status(), head.headers().get(SET_COOKIE)), (StatusCode::METHOD_NOT_ALLOWED, None));
    let entered = page.get(&page.key()).await;
    assert_eq!(entered.status, StatusCode::OK, "neither a wrong key nor a look at its head uses it up");
    let cookie = entered.headers[SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.starts_with("github-pat=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    assert!(!cookie.contains("Domain"), "no other name of this machine gets it: {cookie}");
    assert!(entered.text.contains("url=/"), "it leads to the page: {}", entered.text);
    let again = page.get(&page.key()).await;
    assert_eq!((again.status, again.headers.get(SET_COOKIE)), (StatusCode::FORBIDDEN, None));

    let pair = cookie.split(';').next().unwrap();
    let rows = [
        (pair.to_owned(), StatusCode::OK),
        (format!("other=1; {pair}"), StatusCode::OK),
        ("github-pat=".to_owned(), StatusCode::FORBIDDEN),
        (format!("{pair}x"), StatusCode::FORBIDDEN),
        (pair.replace("github-pat", "another"), StatusCode::FORBIDDEN),
    ];
    for (cookie, expected) in rows {
        let answer = page.ask(Method::GET, "/", &[("cookie", &cookie)]).await;
        assert_eq!(answer.status(), expected, "{cookie}");
    }
}

#[tokio::test]
async fn an_open_page_knows_the_program_that_served_it_and_nobody_else_does() {
    let place = World::place("ui");
    let page = Page::open(&place, place.world.plane.admin_kubeconfig(), &[]).await;
    let proof = page.get("/").await.headers[PROOF].to_str().unwrap().to_owned();
    assert!(proof.len() > 40, "{proof}");
    for path in ["/connections/ui/none", "/page.js", "/api/v1/overview", "/nowhere"] {
        assert_eq!(page.get(path).await.headers[PROOF], proof.as_str(), "{path}");
    }
    let mut events = page.ask(Method::GET, "/events", &[]).await;
    let first = tokio::time::timeout(SOON, events.chunk()).await.unwrap().unwrap().unwrap();
    assert_eq!(first, format!("event: hello\ndata: {proof}\n\n"), "and it says so first of all");
    for (row, path, headers) in [
        ("a stranger", "/", [("cookie", "")]),
        ("a stranger at the entrance", "/enter/x", [("cookie", "")]),
        ("another name", "/", [("host", "evil.example")]),
    ] {
        let answer = Answer::of(page.ask(Method::GET, path, &headers).await).await;
        assert!(!answer.headers.contains_key(PROOF) && !answer.text.contains(&proof), "{row}: {answer:?}");
    }
    let text = page.get("/connect").await.text;
    assert!(!text.contains(&proof), "no form sends it: {text}");
    let other = Page::open(&place, place.world.plane.admin_kubeconfig(), &[]).await;
    assert_ne!(other.get("/").await.headers[PROOF], proof.as_str());
}

#[tokio::test]
async fn another_name_and_another_page_are_turned_away_even_with_the_cookie() {
    let place = World::place("ui");
    let page = Page::open(&place, place.world.plane.admin_kubeconfig(), &[]).await;
    let (host, port) = (page.host.as_str(), page.host.split(':').next_back().unwrap());
    let (ip, local, rebound) =
        (format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("evil.example:{port}"));
    let (own, upper) = (format!("http://{host}"), format!("http://{}", host.to_uppercase()));
    let secure = format!("https://{host}");
    let other_port = format!("http://{}:1", host.split(':').next().unwrap());
    let misdirected = StatusCode::MISDIRECTED_REQUEST;
    let rows: [(&str, &[(&str, &str)], StatusCode); 15] = [
        ("its own", &[], StatusCode::OK),
        ("its own with its origin", &[("origin", &own), ("sec-fetch-site", "same-origin")], StatusCode::OK),
        ("typed by hand", &[("sec-fetch-site", "none")], StatusCode::OK),
        ("a name that leads to this machine", &[("host", &rebound)], misdirected),
        ("the same with its origin", &[("host", &rebound), ("origin", &own)], misdirected),
        ("the address", &[("host", &ip)], misdirected),
        ("localhost", &[("host", &local)], misdirected),
        ("another page", &[("origin", "http://evil.example")], StatusCode::FORBIDDEN),
        ("a page without an origin", &[("origin", "null")], StatusCode::FORBIDDEN),
        ("another port of this name", &[("origin", &other_port)], StatusCode::FORBIDDEN),
        ("another scheme", &[("origin", &secure)], StatusCode::FORBIDDEN),
        ("another case", &[("origin", &upper)], StatusCode::FORBIDDEN),
        ("localhost's page", &[("origin", &format!("http://{local}"))], StatusCode::FORBIDDEN),
        ("another site", &[("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        ("another port of this site", &[("sec-fetch-site", "same-site")], StatusCode::FORBIDDEN),
    ];
    for (row, headers, expected) in rows {
        let answer = page.ask(Method::GET, "/", headers).await;
        assert_eq!(answer.status(), expected, "{row}");
    }
    // A browser asks first whether another page may.
    let headers =
        [("origin", "http://evil.example"), ("access-control-request-method", "POST"), ("cookie", "")];
    let preflight = page.ask(Method::OPTIONS, "/", &headers).await;
    assert_eq!(preflight.status(), StatusCode::FORBIDDEN);
    let preflight = page.ask(Method::OPTIONS, "/", &[]).await;
    assert_eq!(preflight.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(preflight.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
}

#[tokio::test]
async fn each_answer_tells_the_browser_to_run_load_frame_and_keep_nothing_of_others() {
    let place = World::place("ui");
    let page = Page::open(&place, place.world.plane.admin_kubeconfig(), &["-n", "ui"]).await;
    let enter = page.key();
    let stranger = Answer::of(page.ask(Method::GET, "/", &[("cookie", "")]).await).await;
    let rebound = Answer::of(page.ask(Method::GET, "/", &[("host", "evil.example")]).await).await;
    let mut answers = vec![("a stranger".to_owned(), stranger), ("another name".to_owned(), rebound)];
    for path in [
        "/",
        "/connect",
        "/connections/ui/none",
        "/api/v1/connections",
        "/api/v1/openapi.json",
        "/page.css",
        "/page.js",
        "/icon.svg",
        "/nowhere",
        "/?page=x",
        &enter,
    ] {
        answers.push((path.to_owned(), page.get(path).await));
    }
    for (row, answer) in answers {
        let header = |name: &str| {
            answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let policy = header("content-security-policy");
        let sources: Vec<_> = policy.split("; ").collect();
        for expected in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(sources.contains(&expected), "{row}: {expected} is not in {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*') && sources.len() == 8, "{row}: {policy}");
        assert_eq!(header("connection"), "close", "a browser asks nothing once more by itself: {row}");
        assert_eq!(header("x-frame-options"), "DENY", "{row}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{row}");
        assert_eq!(header("referrer-policy"), "same-origin", "{row}");
        assert_eq!(header("cache-control"), "no-store", "{row}");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{row}");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{row}");
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")), "{row}");
        assert!(!answer.text.contains("<style") && !answer.text.contains(" style="), "{row}");
        let handlers = answer.text.split(" on").skip(1).filter(|rest| {
            let name: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
            !name.is_empty() && rest[name.len()..].starts_with('=')
        });
        assert_eq!(handlers.count(), 0, "{row}");
        let scripts = answer.text.matches("<script").count();
        assert_eq!(scripts, answer.text.matches("<script src=\"/page.js\" defer></script>").count(), "{row}");
    }
}

#[tokio::test]
async fn the_page_listens_on_this_machine_alone_and_on_both_of_its_addresses() {
    let place = World::place("ui");
    let page = Page::closed(&place, place.world.plane.admin_kubeconfig(), &[]).await;
    let port: u16 = page.host.split(':').next_back().unwrap().parse().unwrap();
    let mut found = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let Ok(text) = std::fs::read_to_string(table) else { continue };
        let rows = text.lines().skip(1).filter_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let (local, state) = (fields.next()?, fields.nth(1)?);
            (state == "0A").then(|| local.to_owned())
        });
        found.extend(rows.filter(|local| local.ends_with(&format!(":{port:04X}"))));
    }
    let mut loopback = vec!["0100007F"];
    // A machine without it has no second address.
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        loopback.push("00000000000000000000000001000000");
    }
    let found: Vec<_> = found.iter().map(|local| local.split(':').next().unwrap()).collect();
    assert_eq!(found, loopback);
}

#[tokio::test]
async fn the_file_that_leads_the_browser_in_goes_with_the_program() {
    let place = World::place("ui");
    for signal in ["-HUP", "-INT", "-TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let count = || std::fs::read_dir(folder.path()).unwrap().count();
        // Whoever runs the tests may have them outlive the terminal.
        let mut command = Command::new("/usr/bin/env");
        command
            .args(["--default-signal=HUP", PLUGIN, "ui"])
            .env_clear()
            .envs(place.variables(place.world.plane.admin_kubeconfig()));
        command.envs([("BROWSER", "/bin/true"), ("XDG_RUNTIME_DIR", folder.path().to_str().unwrap())]);
        let mut page = command.kill_on_drop(true).stdout(Stdio::null()).spawn().unwrap();
        let written = async {
            while count() == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(SOON, written).await.unwrap();
        signalled(&page.id().unwrap().to_string(), signal);
        let ended = tokio::time::timeout(SOON, page.wait()).await.unwrap().unwrap();
        assert_eq!((ended.code(), count()), (Some(0), 0), "{signal}");
    }
}

#[tokio::test]
async fn a_page_that_is_to_outlive_its_terminal_does() {
    let place = World::place("ui");
    let mut command = Command::new("/usr/bin/nohup");
    command.args([PLUGIN, "ui", "--no-open"]).env_clear();
    command.envs(place.variables(place.world.plane.admin_kubeconfig()));
    command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut page = command.spawn().unwrap();
    let id = page.id().unwrap().to_string();
    let (mut out, mut link) = (BufReader::new(page.stdout.take().unwrap()), String::new());
    tokio::time::timeout(SOON, out.read_line(&mut link)).await.unwrap().unwrap();
    signalled(&id, "-HUP");
    let ended = tokio::time::timeout(Duration::from_secs(2), page.wait()).await;
    assert!(ended.is_err(), "its terminal was closed: {ended:?}");
    signalled(&id, "-TERM");
    let ended = tokio::time::timeout(SOON, page.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(0));
}

/// Sends the signal to the process.
fn signalled(process: &str, signal: &str) {
    assert!(std::process::Command::new("kill").args([signal, process]).status().unwrap().success());
}
