//! How GitHub is asked: over real sockets, by hosts that behave and hosts that do not.

pub(crate) mod proxy;
mod tls;

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use control_plane::usage;
use futures::{
    StreamExt,
    future::join_all,
    stream::{self, FuturesUnordered},
};
use github_pat_operator::{
    domain::{
        Reason,
        answer::{Answer, RateLimit, Refusal, Reply as Said},
        probe::Probe,
        token::Token,
    },
    github::{Exchange, Github, Line},
    settings::{Settings, SettingsInput, from_yaml},
};
use github_simulator::{Call, ExpiryLayout, NewToken, Reply, Simulator};
use jiff::SignedDuration;
use rustls::{ServerConfig, ServerConnection, crypto::ring, pki_types::PrivateKeyDer};
use serde_json::json;

#[tokio::test]
async fn no_host_holds_a_question_longer_than_ten_seconds() {
    let simulator = simulator().await;
    // Accepts connections and says nothing, not even in TLS.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute_url = format!("https://{}", mute.local_addr().unwrap());
    let hosts = [("github", simulator.url(), None), ("mute", mute_url, None)];
    let github = github(&hosts);
    let rows = [
        ("no answer", "github", Reply::Stall, 9..12, Reason::TimedOut),
        ("a byte a second", "github", Reply::Drip, 9..12, Reason::TimedOut),
        ("no TLS handshake", "mute", Reply::AsUsual, 2..5, Reason::ConnectTimedOut),
    ];
    let asked = rows.into_iter().enumerate().map(async |(number, (name, host, reply, seconds, reason))| {
        let token = made(&simulator, NewToken::classic(&format!("t{number}"), "acme-ci"));
        simulator.script(&format!("t{number}"), vec![reply]);
        let begin = Instant::now();
        let heard = github.ask(&token, Probe::Identity, host, Line::Kept).await;
        assert_eq!(deferred(&heard), Some(reason), "{name}");
        assert!(seconds.contains(&begin.elapsed().as_secs()), "{name}: {:?}", begin.elapsed());
    });
    join_all(asked).await;
}

#[tokio::test]
async fn a_host_is_waited_for_as_long_as_its_settings_say() {
    let simulator = simulator().await;
    let url = simulator.url();
    let github = from_settings(&format!(
        "hosts: [{{ name: hasty, apiUrl: '{url}', timeout: 1s, connectTimeout: 1s }}, {{ name: patient, apiUrl: '{url}', \
         timeout: 14s }}]"
    ));
    for (host, seconds) in [("hasty", 1..3), ("patient", 13..17)] {
        let token = made(&simulator, NewToken::classic(host, "acme-ci"));
        simulator.script(host, vec![Reply::Stall]);
        let begin = Instant::now();
        let heard = github.ask(&token, Probe::Identity, host, Line::Kept).await;
        assert_eq!(deferred(&heard), Some(Reason::TimedOut), "{host}");
        assert!(seconds.contains(&begin.elapsed().as_secs()), "{host}: {:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn a_hostile_answer_is_a_deferral_at_once() {
    let simulator = simulator().await;
    let user = json!({ "login": "acme-ci", "id": 1 });
    let padded =
        |length: usize| Reply::json(&json!({ "login": "acme-ci", "id": 1, "bio": "a".repeat(length) }));
    let many =
        (0..400).fold(Reply::json(&user), |reply, number| reply.with_header(&format!("x-{number}"), "a"));
    let rows = [
        ("cut", Reply::Cut, Some(Reason::ConnectionBroken)),
        ("32 MiB", Reply::Huge, Some(Reason::NotTheApi)),
        ("just below 64 KiB", padded(65_000), None),
        ("just above 64 KiB", padded(65_600), Some(Reason::NotTheApi)),
        ("a long refusal", padded(65_600).with_status(401), Some(Reason::UnexpectedAnswer)),
        ("a deep answer", plain("[".repeat(60_000)), Some(Reason::NotTheApi)),
        ("half an answer", plain(r#"{"login":"acme-ci","#.to_owned()), Some(Reason::NotTheApi)),
        ("no answer in it", plain(String::new()), Some(Reason::NotTheApi)),
        ("a page", plain("<html>Sign in to the guest network</html>".to_owned()), Some(Reason::NotTheApi)),
        ("hundreds of headers", many, Some(Reason::UnexpectedAnswer)),
        ("not modified", Reply::Status(304), Some(Reason::UnexpectedAnswer)),
        // What claims to be compressed is read as it is: nothing here unpacks a bomb.
        ("a claim to be compressed", Reply::json(&user).with_header("content-encoding", "gzip"), None),
    ];
    let github = of(&simulator);
    for (name, reply, reason) in rows {
        let token = made(&simulator, NewToken::classic(name, "acme-ci"));
        simulator.script(name, vec![reply]);
        let begin = Instant::now();
        let heard = github.ask(&token, Probe::Identity, "github", Line::Kept).await;
        assert_eq!((deferred(&heard), login(&heard).is_some()), (reason, reason.is_none()), "{name}");
        assert!(begin.elapsed() < Duration::from_secs(5), "{name}: {:?}", begin.elapsed());
        let asked = simulator.calls().iter().filter(|call| call.token.as_deref() == Some(name)).count();
        assert_eq!(asked, 1, "{name} is not asked about again at once");
    }
}

/// Set in the process that measures itself.
const ALONE: &str = "GITHUB_PAT_OPERATOR_TESTS_ALONE";

/// Measured in a process of its own, since other tests run in this one.
#[tokio::test]
async fn huge_answers_take_little_memory() {
    if std::env::var_os(ALONE).is_none() {
        let mut alone = Command::new(std::env::current_exe().unwrap());
        alone.args(["--exact", "github::huge_answers_take_little_memory", "--nocapture"]).env(ALONE, "yes");
        let ended = alone.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        let complaint = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.contains("1 passed"), "{said}{complaint}");
        return;
    }
    let simulator = simulator().await;
    let github = of(&simulator);
    let tokens: Vec<_> =
        (0..16).map(|number| made(&simulator, NewToken::classic(&number.to_string(), "a"))).collect();
    for number in 0..16 {
        simulator.script(&number.to_string(), vec![Reply::Huge]);
    }
    let before = usage(std::process::id()).unwrap().peak;
    let heard =
        join_all(tokens.iter().map(|token| github.ask(token, Probe::Identity, "github", Line::Kept))).await;
    assert!(heard.iter().all(|heard| deferred(heard) == Some(Reason::NotTheApi)));
    let grown = usage(std::process::id()).unwrap().peak.saturating_sub(before);
    // Read whole they are 512 MiB.
    assert!(grown < 64 << 20, "{grown} bytes more");
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let (simulator, stranger, tls) =
        (simulator().await, simulator().await, Simulator::start_tls().await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path(), "ca.pem", tls.ca_pem().unwrap());
    let hosts = [("github", simulator.url(), None), ("tls", tls.url(), Some(bundle.as_path()))];
    let github = github(&hosts);
    let places = [
        ("the same host", "github", format!("{}/user/1", simulator.url())),
        ("a loop", "github", "/user".to_owned()),
        ("another host", "github", format!("{}/user", stranger.url())),
        ("another host without scheme", "github", format!("//{}/user", stranger.address())),
        ("the metadata of a cloud", "github", "http://169.254.169.254/latest/meta-data/".to_owned()),
        ("plain http", "tls", format!("{}/user", stranger.url())),
        ("a file", "tls", "file:///etc/passwd".to_owned()),
    ];
    for status in [301, 302, 303, 307, 308] {
        for (name, host, place) in &places {
            let asked = if *host == "tls" { &tls } else { &simulator };
            let before = asked.calls().len();
            let name = format!("{status} to {name}");
            let token = made(asked, NewToken::classic(&name, "acme-ci"));
            asked.script(&name, vec![Reply::redirect(place).with_status(status)]);
            let heard = github.ask(&token, Probe::Identity, host, Line::Kept).await;
            assert_eq!(deferred(&heard), Some(Reason::Redirected), "{name}");
            assert_eq!(asked.calls().len(), before + 1, "{name}");
        }
    }
    assert_eq!(stranger.calls(), Vec::<Call>::new());
}

#[tokio::test]
async fn each_cause_of_no_connection_is_told_apart() {
    use Reason::{ConnectionBroken, ConnectionRefused, DnsNameNotFound, UnexpectedAnswer};
    let simulator = simulator().await;
    let token = made(&simulator, NewToken::classic("ci", "acme-ci"));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
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
            github(&[("github", url, None)]).ask(&token, Probe::Identity, "github", Line::Fresh).await;
        let told = deferred(&heard).unwrap();
        // A machine without DNS cannot tell.
        let without_dns = told == Reason::DnsFailed && reason == DnsNameNotFound;
        assert!(told == reason || without_dns, "{name}: {told:?}");
        assert_eq!((heard.date, heard.limit), (None, None), "{name}");
    }
    let heard = of(&simulator).ask(&token, Probe::Identity, "nowhere", Line::Kept).await;
    assert_eq!(deferred(&heard), Some(Reason::HostUnknown));
    assert_eq!(simulator.calls().len(), 0);
}

#[tokio::test]
async fn the_log_has_the_deepest_cause_and_no_url() {
    let written = Written::default();
    let log = tracing_subscriber::fmt().json().with_writer(written.clone()).finish();
    let _guard = tracing::subscriber::set_default(log);
    let simulator = simulator().await;
    let token = made(&simulator, NewToken::classic("ci", "acme-ci"));
    let url = format!("https://{}/api/v3", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    github(&[("ghe.example.com", url, None)])
        .ask(&token, Probe::Identity, "ghe.example.com", Line::Kept)
        .await;
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "WARN");
    let fields = ["message", "host", "reason"].map(|field| line["fields"][field].as_str().unwrap());
    assert_eq!(fields, ["no response", "ghe.example.com", "ConnectionRefused"]);
    assert!(line["fields"]["cause"].as_str().unwrap().contains("refused"), "{text}");
    assert!(!text.contains("api/v3") && !token.shows_in(&text), "{text}");
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
        let heard = github.ask(&token, Probe::Identity, "github", Line::Kept).await;
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
async fn a_fresh_line_is_a_new_connection_and_a_kept_one_is_used_again() {
    let simulator = simulator().await;
    let github = of(&simulator);
    let lines = [Line::Kept, Line::Kept, Line::Fresh, Line::Fresh, Line::Kept, Line::Fresh, Line::Kept];
    for (number, line) in lines.into_iter().enumerate() {
        let token = made(&simulator, NewToken::classic(&number.to_string(), "acme-ci"));
        let heard = github.ask(&token, Probe::Identity, "github", line).await;
        assert!(login(&heard).is_some(), "{number}");
    }
    let connections: Vec<_> = simulator.calls().iter().map(|call| call.connection).collect();
    assert_eq!(connections, [1, 1, 2, 3, 1, 4, 1]);
}

#[tokio::test]
async fn a_broken_kept_connection_harms_one_question_only() {
    let simulator = simulator().await;
    let github = of(&simulator);
    for (name, reply, reason) in [
        ("first", Reply::AsUsual, None),
        ("second", Reply::Cut, Some(Reason::ConnectionBroken)),
        ("third", Reply::AsUsual, None),
    ] {
        let token = made(&simulator, NewToken::classic(name, "acme-ci"));
        simulator.script(name, vec![reply]);
        let heard = github.ask(&token, Probe::Identity, "github", Line::Kept).await;
        assert_eq!(deferred(&heard), reason, "{name}");
    }
    let connections: Vec<_> = simulator.calls().iter().map(|call| call.connection).collect();
    assert_eq!(connections, [1, 1, 2], "nothing is sent twice");
}

#[tokio::test]
async fn a_busy_host_has_as_many_connections_as_questions_at_a_time() {
    let tls = Simulator::start_tls().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path(), "ca.pem", tls.ca_pem().unwrap());
    let github = github(&[("github", tls.url(), Some(&bundle))]);
    let tokens: Vec<_> =
        (0..100).map(|number| made(&tls, NewToken::classic(&number.to_string(), "acme-ci"))).collect();
    tls.latency(Duration::from_millis(20));
    let asked = tokens.iter().map(|token| github.ask(token, Probe::Identity, "github", Line::Kept));
    let heard: Vec<_> = stream::iter(asked).buffer_unordered(16).collect().await;
    assert!(heard.iter().all(|heard| login(heard).is_some()));
    let connections = tls.calls().iter().map(|call| call.connection).max().unwrap();
    assert_eq!(tls.calls().len(), 100);
    assert!(connections <= 16, "{connections} connections for 100 questions, 16 at a time");
}

#[tokio::test]
async fn each_asker_has_a_question_of_its_own_and_no_verdict_crosses_to_another_token() {
    let simulator = simulator().await;
    simulator.latency(Duration::from_millis(100));
    let github = of(&simulator);
    let name = |number: usize| format!("user-{number}");
    let tokens: Vec<_> =
        (0..64).map(|number| made(&simulator, NewToken::classic(&name(number), &name(number)))).collect();
    for number in (0..64).filter(|number| number % 8 == 0) {
        simulator.revoke(&name(number));
    }
    let askers = (0..192).map(async |asker| {
        let number = asker % 64;
        let line = if asker < 128 { Line::Kept } else { Line::Fresh };
        (number, github.ask(&tokens[number], Probe::Identity, "github", line).await)
    });
    let mut askers: FuturesUnordered<_> = askers.collect();
    while let Some((number, heard)) = askers.next().await {
        if number % 8 == 0 {
            assert_eq!(heard.reply, Said::Answer(Answer::Refused(Refusal::BadCredentials)), "{number}");
        } else {
            assert_eq!(login(&heard), Some(name(number)));
        }
    }
    for number in 0..64 {
        let asked = simulator.calls().iter().filter(|call| call.token == Some(name(number))).count();
        assert_eq!(asked, 3, "{number}: once for each asker");
    }
}

#[tokio::test]
async fn clock_and_budget_are_read_from_every_response_with_a_mark_of_github() {
    let simulator = simulator().await;
    let rows = [("in time", 0), ("ahead", 90), ("behind", -3600)];
    for (name, seconds) in rows {
        simulator.clock_offset(SignedDuration::from_secs(seconds));
        let token = made(&simulator, NewToken::classic(name, "acme-ci"));
        let heard = of(&simulator).ask(&token, Probe::Identity, "github", Line::Kept).await;
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
        let heard = of(&simulator).ask(&token, Probe::Identity, "github", Line::Kept).await;
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
        let heard = github.ask(&token, Probe::Identity, "github", Line::Kept).await;
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
