//! How GitHub is asked: over real sockets, by hosts that behave and hosts that do not.

mod answers;
pub(crate) mod proxy;
mod tls;
mod transports;

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use control_plane::{Port, usage};
use futures::{
    StreamExt,
    future::join_all,
    stream::{self, FuturesUnordered},
};
use github_pat_operator::{
    domain::{
        Reason,
        answer::{Answer, Deferral, RateLimit, Refusal, Reply as Said},
        permission::{Level, Permission},
        probe::Probe,
        proof::{Denial, Proof},
        token::Token,
    },
    github::{Exchange, Github, Transport},
    settings::{Settings, SettingsInput, from_yaml},
};
use github_simulator::{Call, ExpiryLayout, NewToken, Reply, Simulator};
use jiff::SignedDuration;
use rustls::{ServerConfig, ServerConnection, crypto::ring, pki_types::PrivateKeyDer};
use serde_json::json;

#[tokio::test]
async fn each_cause_of_no_connection_is_told_apart() {
    use Reason::{ConnectionBroken, ConnectionRefused, DnsNameNotFound, UnexpectedAnswer};
    let simulator = simulator().await;
    let token = made(&simulator, NewToken::classic("ci", "acme-ci"));
    let closed = Port::reserve().unwrap().keep();
    let unknown = || "https://github.invalid".to_owned();
    let user = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".as_slice();
    let rows = [
        ("a closed port", format!("http://{closed}"), ConnectionRefused),
        ("a closed port over TLS", format!("https://{closed}"), ConnectionRefused),
        ("a name that does not exist", unknown(), DnsNameNotFound),
        ("hangs up at once", says(b""), ConnectionBroken),
        ("hangs up during TLS", says(b"").replace("http:", "https:"), ConnectionBroken),
        ("hangs up in the headers", says(b"HTTP/1.1 200 OK\r\nx-gi"), ConnectionBroken),
        ("hangs up in the body", says(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}"), ConnectionBroken),
        ("hangs up between chunks", says(user), ConnectionBroken),
        ("a chunk that is none", says(&[user, b"no chunk\r\n"].concat()), UnexpectedAnswer),
        ("another protocol", says(b"SSH-2.0-OpenSSH_9.7\r\n"), UnexpectedAnswer),
    ];
    for (name, url, reason) in rows {
        let heard =
            github(&[("github", url, None)]).ask(&token, Probe::Identity, "github", Transport::Fresh).await;
        let told = deferred(&heard).unwrap();
        // A machine without DNS cannot tell.
        let without_dns = told == Reason::DnsFailed && reason == DnsNameNotFound;
        assert!(told == reason || without_dns, "{name}: {told:?}");
        assert_eq!((heard.date, heard.limit), (None, None), "{name}");
    }
    let heard = of(&simulator).ask(&token, Probe::Identity, "nowhere", Transport::Kept).await;
    assert_eq!(deferred(&heard), Some(Reason::HostUnknown));
    assert_eq!(simulator.calls().len(), 0);
}

#[tokio::test]
async fn the_log_has_the_deepest_cause_and_no_url_and_what_answers_are_not_known() {
    let written = Written::default();
    let log = tracing_subscriber::fmt().json().with_writer(written.clone()).finish();
    // While there is but one subscriber, tracing asks that of the thread which comes first to a line: another test has none.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    let _guard = tracing::subscriber::set_default(log);
    let simulator = simulator().await;
    let token = made(&simulator, NewToken::classic("ci", "acme-ci"));
    let url = format!("https://{}/api/v3", Port::reserve().unwrap().keep());
    github(&[("ghe.example.com", url, None)])
        .ask(&token, Probe::Identity, "ghe.example.com", Transport::Kept)
        .await;
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "WARN");
    let fields = ["message", "host", "reason"].map(|field| line["fields"][field].as_str().unwrap());
    assert_eq!(fields, ["no response", "ghe.example.com", "ConnectionRefused"]);
    assert!(line["fields"]["cause"].as_str().unwrap().contains("refused"), "{text}");
    assert!(!text.contains("api/v3") && !token.shows_in(&text), "{text}");

    let strange =
        |id: &str| Reply::error(418, "A text of tomorrow.", "").with_header("x-github-request-id", id);
    simulator.script("ci", vec![strange("A:B:C:D:E"), strange("of a gateway")]);
    for request in [Some("A:B:C:D:E"), None] {
        written.0.lock().unwrap().clear();
        of(&simulator).ask(&token, Probe::Identity, "github", Transport::Kept).await;
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        let told =
            (line["level"].as_str(), line["fields"]["status"].as_u64(), line["fields"]["request"].as_str());
        assert_eq!(told, (Some("WARN"), Some(418), request), "{text}");
        assert_eq!(line["fields"]["reason"], "UnexpectedAnswer");
    }
}

#[tokio::test]
async fn a_question_is_one_get_with_a_few_headers_and_no_cookies() {
    let simulator = simulator().await;
    let yaml = format!(
        "githubApiVersion: 2026-03-10\nhosts: [{{ name: github, apiUrl: '{}/api/v3' }}]",
        simulator.url()
    );
    let github = from_settings(&yaml);
    let user = json!({ "login": "acme-ci", "id": 1 });
    for name in ["first", "second"] {
        let token = made(&simulator, NewToken::classic(name, "acme-ci"));
        let reply = Reply::json(&user)
            .with_header("set-cookie", "logged_in=yes; Path=/")
            .with_header("etag", "\"a\"");
        simulator.script(name, vec![reply]);
        let heard = github.ask(&token, Probe::Identity, "github", Transport::Kept).await;
        assert_eq!(login(&heard).as_deref(), Some("acme-ci"));
    }
    let calls = simulator.calls();
    assert_eq!(calls[0].connection, calls[1].connection);
    let address = simulator.address().to_string();
    let agent = concat!("github-pat-operator/", env!("CARGO_PKG_VERSION"));
    for call in calls {
        assert_eq!(
            (call.method.as_str(), call.path.as_str(), call.authorized),
            ("GET", "/api/v3/user", true)
        );
        let headers: BTreeSet<_> =
            call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("accept", "application/vnd.github+json"),
            ("host", address.as_str()),
            ("user-agent", agent),
            ("x-github-api-version", "2026-03-10"),
        ];
        assert_eq!(headers, BTreeSet::from(expected), "and the token's own");
    }
}

#[tokio::test]
async fn clock_and_budget_are_read_from_every_response_with_a_mark_of_github() {
    let simulator = simulator().await;
    let rows = [("in time", 0), ("ahead", 90), ("behind", -3600)];
    for (name, seconds) in rows {
        simulator.clock_offset(SignedDuration::from_secs(seconds));
        let token = made(&simulator, NewToken::classic(name, "acme-ci"));
        let heard = of(&simulator).ask(&token, Probe::Identity, "github", Transport::Kept).await;
        let ahead = heard.date.unwrap().duration_since(heard.answered);
        assert!(ahead.as_secs().abs_diff(seconds) <= 2, "{name}: {ahead}");
        assert!(heard.at <= heard.answered, "{name}");
    }
    let budget = |reply: Reply| {
        let numbers = [("limit", "5000"), ("remaining", "4990"), ("reset", "1767268800")];
        numbers
            .into_iter()
            .fold(reply, |reply, (name, value)| reply.with_header(&format!("x-ratelimit-{name}"), value))
    };
    let told = Some(RateLimit { limit: 5000, remaining: 4990, reset: 1_767_268_800 });
    let user = json!({ "login": "acme-ci", "id": 1 });
    let error = json!({ "message": "Bad credentials", "documentation_url": "https://docs.github.com/rest" });
    let rows = [
        ("a user", budget(plain(user.to_string()).with_header("x-github-request-id", "1:2")), true),
        ("a refusal", budget(plain(error.to_string()).with_status(401)), true),
        ("trouble at GitHub", budget(plain(error.to_string()).with_status(503)), true),
        ("an edge", budget(plain("<html>".to_owned()).with_status(503)), false),
        ("a user of somebody else", budget(plain(user.to_string())), false),
    ];
    for (name, reply, marked) in rows {
        let token = made(&simulator, NewToken::classic(name, "acme-ci"));
        let date = "Thu, 01 Jan 2026 12:00:00 GMT";
        simulator.script(name, vec![reply.with_header("date", date)]);
        let heard = of(&simulator).ask(&token, Probe::Identity, "github", Transport::Kept).await;
        assert_eq!(heard.limit, told.filter(|_| marked), "{name}");
        let clock = heard.date.map(|date| date.to_string());
        assert_eq!(clock.as_deref(), Some("2026-01-01T12:00:00Z").filter(|_| marked), "{name}");
    }
}

#[tokio::test]
async fn every_kind_of_token_is_asked_about_over_tls_as_over_plain_http() {
    let tls = Simulator::start_tls().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path(), "ca.pem", tls.ca_pem().unwrap());
    let github = github(&[("github", tls.url(), Some(&bundle))]);
    let rows = [
        ("classic", NewToken::classic("classic", "a"), Some("a")),
        ("fine", NewToken::fine_grained("fine", "b").layout(ExpiryLayout::Offset("+0200")), Some("b")),
        ("oauth", NewToken::oauth("oauth", "c"), Some("c")),
        ("app", NewToken::app_user("app", "d"), Some("d")),
        ("installation", NewToken::installation("installation", "e"), None),
    ];
    for (name, new, expected) in rows {
        let token = made(&tls, new);
        let heard = github.ask(&token, Probe::Identity, "github", Transport::Kept).await;
        assert!(matches!(heard.reply, Said::Answer(Answer::Granted(_))), "{name}: {:?}", heard.reply);
        assert_eq!(login(&heard).as_deref(), expected, "{name}");
    }
}

async fn simulator() -> Simulator {
    Simulator::start().await.unwrap()
}

/// A client of the simulator, as the host `github`.
fn of(simulator: &Simulator) -> Github {
    github(&[("github", simulator.url(), None)])
}

/// A client of hosts by name, URL and authority.
fn github(hosts: &[(&str, String, Option<&Path>)]) -> Github {
    let host = |(name, url, bundle): &(&str, String, Option<&Path>)| json!({ "name": name, "apiUrl": url, "caBundle": bundle });
    from_settings(&json!({ "hosts": hosts.iter().map(host).collect::<Vec<_>>() }).to_string())
}

fn from_settings(yaml: &str) -> Github {
    // Several TLS users in one process: the first one installs the provider.
    let _ = ring::default_provider().install_default();
    let given = from_yaml::<SettingsInput>(yaml).unwrap();
    Github::new(&Settings::new(given, SettingsInput::default()).unwrap()).unwrap()
}

fn made(simulator: &Simulator, new: NewToken) -> Token {
    Token::try_from(simulator.token(new).as_bytes()).unwrap()
}

fn deferred(heard: &Exchange) -> Option<Reason> {
    match &heard.reply {
        Said::Deferral(deferral) => Some(deferral.reason),
        Said::Answer(_) => None,
    }
}

fn login(heard: &Exchange) -> Option<String> {
    match &heard.reply {
        Said::Answer(Answer::Granted(grant)) => {
            grant.account.as_ref().map(|account| account.login.to_string())
        }
        _ => None,
    }
}

/// The URL of a server that reads a request, says this once, and hangs up.
fn says(words: &[u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, words) = (format!("http://{}", listener.local_addr().unwrap()), words.to_vec());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // Until the request is read, hanging up is a reset, which may overtake the words.
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&words);
    });
    url
}

/// What was logged.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Written {
    type Writer = Written;

    fn make_writer(&self) -> Written {
        self.clone()
    }
}

fn plain(body: String) -> Reply {
    Reply::Answer { status: 200, headers: Vec::new(), body }
}

fn bundle(folder: &Path, name: &str, pem: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, pem).unwrap();
    path
}
