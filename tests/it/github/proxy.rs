//! Whether a host is asked through the proxy that the settings name for it, and what is said if that fails.

use std::{
    io::{BufRead, BufReader, copy},
    net::{Shutdown, TcpStream},
    thread,
};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::*;

/// An HTTP proxy that opens tunnels for who has these credentials, and notes the head of each request.
pub(crate) struct Proxy {
    pub(crate) url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) fn start(credentials: Option<&str>, answers: &'static str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let wanted = credentials.map(|text| format!("basic {}", BASE64_STANDARD.encode(text)));
        let noted = heads.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, noted, wanted) = (client.unwrap(), noted.clone(), wanted.clone());
                thread::spawn(move || serve(client, &noted, wanted.as_deref(), answers));
            }
        });
        Proxy { url, heads }
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn serve(mut client: TcpStream, heads: &Mutex<Vec<String>>, wanted: Option<&str>, answers: &str) {
    let lines = BufReader::new(client.try_clone().unwrap()).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    heads.lock().unwrap().push(head.join("\n"));
    let given = head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("proxy-authorization").then(|| value.trim().to_owned())
    });
    let is_wanted = wanted.is_none_or(|wanted| {
        given.as_deref().is_some_and(|given| given.split(' ').next_back() == wanted.split(' ').next_back())
    });
    let answer = if is_wanted { answers } else { "HTTP/1.1 407 Proxy Authentication Required" };
    client.write_all(format!("{answer}\r\n\r\n").as_bytes()).unwrap();
    if !answer.contains(" 200 ") {
        return;
    }
    let target = head[0].split(' ').nth(1).unwrap();
    let mut server = TcpStream::connect(target).unwrap();
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let sending = thread::spawn(move || {
        let _ = copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let _ = copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Write);
    let _ = sending.join();
}

pub(crate) const OPENS: &str = "HTTP/1.1 200 Connection established";

/// The host `github` with these lines for its proxy.
fn through(url: &str, ca_bundle: &Path, proxy: &str) -> Github {
    let ca_bundle = ca_bundle.display();
    from_settings(&format!(
        "hosts: [{{ name: github, apiUrl: '{url}', caBundle: '{ca_bundle}', proxy: {{ {proxy} }} }}]"
    ))
}

#[tokio::test]
async fn a_host_is_asked_through_its_proxy_which_sees_neither_token_nor_answer() {
    let tls = Simulator::start_tls().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = bundle(folder.path(), "ca.pem", tls.ca_pem().unwrap());
    let (right, wrong) =
        (bundle(folder.path(), "right", "bot:a:b\n"), bundle(folder.path(), "wrong", "bot:no"));
    let open = Proxy::start(None, OPENS);
    let closed = Proxy::start(Some("bot:a:b"), OPENS);
    let refusing = Proxy::start(None, "HTTP/1.1 403 Forbidden");
    let gone = Port::reserve().unwrap().keep();
    let file = |path: &Path| format!("credentialsFile: '{}'", path.display());
    let rows = [
        ("open", format!("url: '{}'", open.url), None),
        ("with credentials", format!("url: '{}', {}", closed.url, file(&right)), None),
        ("without", format!("url: '{}'", closed.url), Some(Reason::ProxyAuthenticationRequired)),
        (
            "with others",
            format!("url: '{}', {}", closed.url, file(&wrong)),
            Some(Reason::ProxyAuthenticationRequired),
        ),
        ("not allowed", format!("url: '{}'", refusing.url), Some(Reason::ProxyFailed)),
        ("not there", format!("url: 'http://{gone}'"), Some(Reason::ProxyFailed)),
        ("not needed", format!("url: 'http://{gone}', noProxy: [localhost]"), None),
    ];
    for (name, proxy, reason) in rows {
        let github = through(&tls.url(), &authority, &proxy);
        let token = made(&tls, NewToken::classic(name, "acme-ci"));
        for transport in [Transport::Kept, Transport::Fresh] {
            let heard = github.ask(&token, Probe::Identity, "github", transport).await;
            assert_eq!((deferred(&heard), login(&heard).is_some()), (reason, reason.is_none()), "{name}");
        }
        for head in [&open, &closed, &refusing].iter().flat_map(|proxy| proxy.heads()) {
            assert!(head.starts_with("CONNECT localhost:"), "{head}");
            assert!(!token.shows_in(&head), "{head}");
        }
    }
    assert_eq!([open.heads().len(), refusing.heads().len()], [2, 2]);
}

#[tokio::test]
async fn what_no_proxy_names_is_reached_directly_and_said_to_be() {
    let tls = Simulator::start_tls().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = bundle(folder.path(), "ca.pem", tls.ca_pem().unwrap());
    let gone = || Port::reserve().unwrap().keep();
    let (by_address, by_name) = (format!("https://{}", tls.address()), tls.url());
    let nowhere = format!("https://{}", gone());
    let rows = [
        ("its network", &by_address, "127.0.0.0/8", None),
        ("its address", &by_address, "127.0.0.1", None),
        ("all addresses", &by_address, "*", None),
        ("all names", &by_name, "*", None),
        ("its name", &by_name, "localhost", None),
        ("another network", &by_address, "10.0.0.0/8", Some(Reason::ProxyFailed)),
        ("a network for a name", &by_name, "127.0.0.0/8", Some(Reason::ProxyFailed)),
        ("an end of its address", &by_address, "0.0.1", Some(Reason::ProxyFailed)),
        ("a network in which it is down", &nowhere, "127.0.0.0/8", Some(Reason::ConnectionRefused)),
    ];
    for (name, url, entry, reason) in rows {
        let proxy = format!("url: 'http://{}', noProxy: ['{entry}']", gone());
        let token = made(&tls, NewToken::classic(name, "acme-ci"));
        let heard =
            through(url, &authority, &proxy).ask(&token, Probe::Identity, "github", Transport::Kept).await;
        assert_eq!((deferred(&heard), login(&heard).is_some()), (reason, reason.is_none()), "{name}");
    }
}
