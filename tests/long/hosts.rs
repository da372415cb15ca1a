//! One host that is silent holds nobody else up.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use github_simulator::{NewToken, Outage, Simulator};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    tenant::{Tenant, in_, questions, until_asked},
    world::{NAMESPACE, World, is_so},
};

/// How long a new connection may take beside the silent host.
const PROMPT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_host_that_accepts_and_never_answers_holds_up_no_connection_of_another() {
    let mut world = World::start().await;
    world.another_host("silent").await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let silent = world.host("silent");
    silent.outage(Some(Outage::Stall));
    let _operator = world.operator().await;
    let of_silent = |from: usize, to: usize| {
        (from..to).map(move |number| {
            let name = format!("silent-{number}");
            let text = silent.token(NewToken::classic(&name, &name));
            (name, text)
        })
    };
    let spec = json!({ "host": "silent" });
    ours.many(of_silent(0, 160), &spec).await;
    theirs.many(of_silent(160, 320), &spec).await;
    assert!(silent.wait_until(PROMPT * 30, |calls| calls.len() >= 3).await, "the silent host was asked");

    for (tenant, name) in [(ours, "first"), (theirs, "second")] {
        tenant.secret(name, &world.github.token(NewToken::classic(name, "acme-ci"))).await;
        let since = Instant::now();
        tenant.connection(name, json!({})).await;
        tenant.ready(name, "True", "Ready").await;
        eprintln!("new, ready after {:?}", since.elapsed());
        assert!(since.elapsed() <= PROMPT, "a new connection was Ready only after {:?}", since.elapsed());
    }

    let rotated = world.github.token(NewToken::classic("rotated", "other"));
    let since = Instant::now();
    ours.secret("first", &rotated).await;
    ours.until("first", |seen| {
        let token = seen.status.as_ref().and_then(|status| status.token.as_ref());
        token.is_some_and(|token| token.login.as_deref() == Some("other"))
    })
    .await;
    eprintln!("rotated, ready after {:?}", since.elapsed());
    assert!(since.elapsed() <= PROMPT, "a rotated token was judged only after {:?}", since.elapsed());

    let end = in_(8);
    ours.secret("ending", &world.github.token(NewToken::classic("ending", "acme-ci").expires(end))).await;
    ours.connection("ending", json!({ "interval": "24h", "warnBefore": [] })).await;
    world.github.revoke("second");
    theirs.request("second", "now").await;
    theirs.ready("second", "False", "BadCredentials").await;
    let refused: Vec<_> =
        questions(&world.github, "second").into_iter().filter(|(_, status)| *status == Some(401)).collect();
    let apart = refused[1].0.duration_since(refused[0].0);
    eprintln!("confirmed after {apart:#}");
    assert!(apart <= SignedDuration::from_secs(3), "confirmAfter is 1 s, and it took {apart:#}");

    let ended = ours.ready("ending", "False", "Expired").await;
    let said = ended.status.as_ref().unwrap().condition("Ready").unwrap().last_transition_time.0;
    let late = said.duration_since(end);
    eprintln!("expired, said {late:#} later");
    assert!(late <= SignedDuration::from_secs(2), "the expiry was said {late:#} late");
}

#[tokio::test]
async fn a_silent_host_that_answers_again_is_asked_about_all_of_its_tokens() {
    let mut world = World::audited().await;
    world.another_host("silent").await;
    let ours = Tenant::of(&world, NAMESPACE);
    let silent = world.host("silent");
    let names: Vec<_> = (0..20).map(|number| format!("bot-{number}")).collect();
    let made = names.iter().map(|name| (name.clone(), silent.token(NewToken::classic(name, name))));
    ours.many(made, &json!({ "host": "silent" })).await;
    ours.secret("clock", &world.github.token(NewToken::classic("clock", "clock"))).await;
    ours.connection("clock", json!({})).await;
    let _operator = world.operator().await;
    for name in &names {
        ours.ready(name, "True", "Ready").await;
    }
    let written = world.until_written(names.len() + 1).await.len();
    silent.outage(Some(Outage::Stall));
    for name in &names {
        ours.until_within(Duration::from_secs(120), name, |seen| {
            is_so(seen, "Ready", "True", "AcceptedEarlier")
        })
        .await;
    }
    until_asked(&world.github, "clock", questions(&world.github, "clock").len() + 3).await;
    let during = world.until_written(written + names.len()).await.len();
    assert_eq!(during, written + names.len(), "one write for each connection, however long it lasts");
    silent.outage(None);
    for name in &names {
        ours.until_within(Duration::from_secs(400), name, |seen| is_so(seen, "Ready", "True", "Ready")).await;
    }
    assert_eq!(world.until_written(during + names.len()).await.len(), during + names.len());
}

/// An address behind which another server can be put.
struct Door {
    address: SocketAddr,
    behind: Arc<Mutex<SocketAddr>>,
}

impl Door {
    async fn to(server: SocketAddr) -> Door {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let behind = Arc::new(Mutex::new(server));
        let target = behind.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let server = *target.lock().unwrap();
                tokio::spawn(async move {
                    let mut server = tokio::net::TcpStream::connect(server).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Door { address, behind }
    }

    fn put(&self, server: &Simulator) {
        *self.behind.lock().unwrap() = server.address();
    }
}

/// The address of a server that gives everybody this answer.
async fn always(answer: &'static str) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = client.read(&mut [0; 4096]).await;
                let _ = client.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

/// Of a portal or a moved server, which sends everybody to another host.
const REDIRECT: &str = "HTTP/1.1 302 Found\r\nlocation: https://login.invalid/\r\ncontent-length: 0\r\n\r\n";
/// Of a gateway that wants a login of its own.
const UNAUTHORIZED: &str =
    "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic\r\ncontent-length: 0\r\n\r\n";

/// A host that is wrong in one way, with a few tokens or a lone one, and the right one that comes in its place.
struct Wrong {
    name: &'static str,
    door: Door,
    right: Simulator,
    reason: &'static str,
    tokens: Vec<String>,
}

impl Wrong {
    async fn new(
        name: &'static str,
        behind: SocketAddr,
        right: Simulator,
        reason: &'static str,
        tokens: usize,
    ) -> Wrong {
        let tokens = (0..tokens).map(|number| format!("{name}-{number}")).collect();
        Wrong { name, door: Door::to(behind).await, right, reason, tokens }
    }

    fn settings(&self, world: &World) -> String {
        let (name, address) = (self.name, self.door.address);
        match self.right.ca_pem() {
            Some(pem) => {
                let bundle = world.file("ca.pem", pem);
                format!("{{ name: {name}, apiUrl: 'https://{address}', caBundle: '{}' }}", bundle.display())
            }
            None => format!("{{ name: {name}, apiUrl: 'http://{address}' }}"),
        }
    }
}

#[tokio::test]
async fn once_a_host_is_the_right_one_every_connection_that_waits_is_asked_about_within_a_minute() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let other = Simulator::start_tls().await.unwrap();
    let portal = always(REDIRECT).await;
    let (tls, plain) = (Simulator::start_tls, Simulator::start);
    let (certificate, redirect) = ("CertificateUnknownAuthority", "Redirected");
    let hosts = [
        Wrong::new("many", other.address(), tls().await.unwrap(), certificate, 12).await,
        Wrong::new("lone", other.address(), tls().await.unwrap(), certificate, 1).await,
        Wrong::new("many-moved", portal, plain().await.unwrap(), redirect, 12).await,
        Wrong::new("lone-moved", portal, plain().await.unwrap(), redirect, 1).await,
    ];
    let settings = hosts.iter().map(|host| host.settings(&world)).collect::<Vec<_>>().join(", ");
    // The defaults of everything else: minimumInterval is a minute, and so is the longest that a repair may go unnoticed.
    let _operator = world.operator_with_settings(&format!("hosts: [{settings}]")).await;
    for host in &hosts {
        let made =
            host.tokens.iter().map(|name| (name.clone(), host.right.token(NewToken::classic(name, name))));
        ours.many(made, &json!({ "host": host.name, "interval": "30m" })).await;
    }
    for host in &hosts {
        for name in &host.tokens {
            ours.ready(name, "Unknown", host.reason).await;
        }
    }
    // Long enough for pauses that double to have become long.
    tokio::time::sleep(Duration::from_secs(200)).await;
    let mended = Timestamp::now();
    hosts.iter().for_each(|host| host.door.put(&host.right));
    for host in &hosts {
        for name in &host.tokens {
            let asked =
                |calls: &[github_simulator::Call]| calls.iter().any(|call| call.token.as_ref() == Some(name));
            assert!(host.right.wait_until(Duration::from_secs(400), asked).await, "{name} was asked about");
            let (first, _) = questions(&host.right, name)[0];
            let after = first.duration_since(mended);
            eprintln!("{name}: asked about after {after:#}");
            assert!(after <= SignedDuration::from_secs(62), "{name} was asked about only after {after:#}");
        }
    }
    for name in hosts.iter().flat_map(|host| &host.tokens) {
        ours.ready(name, "True", "Ready").await;
    }
}

#[tokio::test]
async fn once_a_host_answers_one_those_that_a_gateway_answered_are_asked_about_within_a_minute() {
    behind_a_gateway(false).await;
}

#[tokio::test]
async fn and_so_they_are_after_a_restart_of_the_operator() {
    behind_a_gateway(true).await;
}

async fn behind_a_gateway(restarts: bool) {
    let world = World::start().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let gateway = always(UNAUTHORIZED).await;
    let host =
        Wrong::new("gateway", gateway, Simulator::start().await.unwrap(), "UnexplainedUnauthorized", 6).await;
    let settings = format!("hosts: [{}]", host.settings(&world));
    let mut operator = world.operator_with_settings(&settings).await;
    let spec = json!({ "host": host.name, "interval": "30m" });
    let made = |name: &String| (name.clone(), host.right.token(NewToken::classic(name, name)));
    let (few, others) = host.tokens.split_at(3);
    ours.many(few.iter().map(made), &spec).await;
    theirs.many(others.iter().map(made), &spec).await;
    let all = || few.iter().map(|name| (&ours, name)).chain(others.iter().map(|name| (&theirs, name)));
    for (tenant, name) in all() {
        tenant.ready(name, "Unknown", host.reason).await;
    }
    // They were asked about after 0, 60 and 180 seconds, and are after 420.
    tokio::time::sleep(Duration::from_secs(200)).await;
    if restarts {
        drop(operator);
        operator = world.operator_with_settings(&settings).await;
    }
    host.door.put(&host.right);
    theirs.many([made(&"new".to_owned())], &spec).await;
    theirs.ready("new", "True", "Ready").await;
    let answered = Timestamp::now();
    for (tenant, name) in all() {
        let is_ready = |seen: &_| is_so(seen, "Ready", "True", "Ready");
        tenant.until_within(Duration::from_secs(300), name, is_ready).await;
        let (first, _) = questions(&host.right, name)[0];
        let after = first.duration_since(answered);
        eprintln!("{name}: asked about after {after:#}");
        assert!(after <= SignedDuration::from_secs(62), "{name} was asked about only after {after:#}");
    }
    drop(operator);
}
