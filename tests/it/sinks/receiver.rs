//! Who receives notifications, well or badly.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::{Notify, watch},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::world::SOON;

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    /// It is answered with this status, and not taken.
    Answer(u16),
    /// It is answered with the address of another path, and not taken.
    Redirect(&'static str),
    /// It is taken, and answered once the receiver is told to.
    TakeLate,
    /// It is never answered.
    Stall,
    /// The connection is cut, and it is not taken.
    Cut,
    /// It is taken, and the connection is cut before the answer.
    TakeAndCut,
}

/// A request that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// When it came.
    pub(crate) at: Instant,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    taken: Vec<Request>,
    /// The path of each request, taken or not, and when it came.
    came: Vec<(String, Instant)>,
    behaviours: HashMap<String, VecDeque<Behaviour>>,
    late: Arc<Notify>,
}

/// A server that takes what is posted, unless it is told to behave otherwise.
pub(crate) struct Receiver {
    state: Arc<Mutex<State>>,
    news: watch::Receiver<()>,
    url: String,
    server: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Receiver {
    pub(crate) async fn start() -> Receiver {
        Receiver::serving(None).await
    }

    /// One that is asked over TLS, and its certificate in PEM.
    pub(crate) async fn start_tls() -> (Receiver, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config =
            builder.unwrap().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key);
        let tls = TlsAcceptor::from(Arc::new(config.unwrap()));
        (Receiver::serving(Some(tls)).await, made.cert.pem())
    }

    async fn serving(tls: Option<TlsAcceptor>) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = match tls {
            None => format!("http://{address}"),
            Some(_) => format!("https://localhost:{}", address.port()),
        };
        let (state, (sender, news)) = (Arc::<Mutex<State>>::default(), watch::channel(()));
        let (sender, shared) = (Arc::new(sender), state.clone());
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, sender) = (shared.clone(), sender.clone());
                let Some(tls) = tls.clone() else {
                    tokio::spawn(serve(stream, shared, sender));
                    continue;
                };
                tokio::spawn(async move {
                    // Who does not trust the certificate ends the handshake.
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, shared, sender).await;
                    }
                });
            }
        });
        Receiver { state, news, url, server }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The next requests to this path are treated like this, one after the other, and the others are taken.
    pub(crate) fn behave(&self, path: &str, behaviours: impl IntoIterator<Item = Behaviour>) {
        let behaviours = behaviours.into_iter().collect();
        self.state.lock().unwrap().behaviours.insert(path.to_owned(), behaviours);
    }

    /// Answers a request that was taken and not answered.
    pub(crate) fn answer_late(&self) {
        self.state.lock().unwrap().late.notify_one();
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().taken.clone()
    }

    /// When requests to this path came, taken or not.
    pub(crate) fn came(&self, path: &str) -> Vec<Instant> {
        let state = self.state.lock().unwrap();
        state.came.iter().filter(|(known, _)| known == path).map(|(_, at)| *at).collect()
    }

    /// What was posted to this path and taken.
    pub(crate) fn messages(&self, path: &str) -> Vec<Value> {
        let all = self.requests().into_iter().filter(|request| request.path == path);
        all.map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
    }

    /// The same, once it is so.
    pub(crate) async fn until(&self, path: &str, holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut news = self.news.clone();
        let holds = news.wait_for(|()| holds(&self.messages(path)));
        let waited = tokio::time::timeout(SOON, holds).await.is_ok();
        assert!(waited, "{path} has {:?}", self.messages(path));
        self.messages(path)
    }
}

impl Request {
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// True if it has the signature by which GitHub signs, made with this secret.
    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
        let tag = ring::hmac::sign(&key, &self.body);
        let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        self.header("x-hub-signature-256") == Some(&*format!("sha256={tag}"))
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    state: Arc<Mutex<State>>,
    news: Arc<watch::Sender<()>>,
) {
    while let Some(request) = read(&mut stream).await {
        let behaviour = {
            let mut state = state.lock().unwrap();
            state.came.push((request.path.clone(), request.at));
            let behaviour = state.behaviours.get_mut(&request.path).and_then(VecDeque::pop_front);
            if matches!(behaviour, None | Some(Behaviour::TakeAndCut | Behaviour::TakeLate)) {
                state.taken.push(request);
            }
            behaviour
        };
        news.send_replace(());
        if let Some(Behaviour::TakeLate) = behaviour {
            let late = state.lock().unwrap().late.clone();
            late.notified().await;
        }
        let head = match behaviour {
            None | Some(Behaviour::TakeLate) => "204 No Content\r\n".to_owned(),
            Some(Behaviour::Answer(status)) => format!("{status} Answer\r\n"),
            Some(Behaviour::Redirect(path)) => format!("307 Temporary Redirect\r\nlocation: {path}\r\n"),
            Some(Behaviour::Cut | Behaviour::TakeAndCut) => return,
            Some(Behaviour::Stall) => return tokio::time::sleep(Duration::from_secs(3600)).await,
        };
        let answer = format!("HTTP/1.1 {head}content-length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The next request of the connection; `None` at its end.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut text = Vec::new();
    let end = loop {
        if let Some(end) = text.windows(4).position(|part| part == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut text).await.ok()? == 0 {
            return None;
        }
    };
    let mut body = text.split_off(end);
    let head = String::from_utf8(text).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ').map(str::to_owned);
    let (method, path) = (first.next().unwrap(), first.next().unwrap());
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut request = Request { method, path, at: Instant::now(), headers, body: Vec::new() };
    let length: usize = request.header("content-length").unwrap().parse().unwrap();
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    request.body = body;
    Some(request)
}
