//! Connections: accepting them, one task each, and closing them without an answer.

use crate::{
    admin,
    answer::{Answer, Manner},
    body::{Drip, Huge},
    journal::Call,
    question::Question,
    reply::Outage,
    rest::Outcome,
    shared::Shared,
    statistics::Glimpse,
    world::World,
};
use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use jiff::Timestamp;
use std::{future::pending, net::IpAddr, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// A TCP connection, as its requests see it.
struct Connection {
    number: u64,
    address: IpAddr,
    cut: Notify,
}

/// Counts a connection as open until it is dropped.
struct Open(Arc<Shared>);

impl Open {
    fn count(shared: &Arc<Shared>) -> Open {
        shared.journal.connection_opened();
        Open(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.journal.connection_closed();
    }
}

/// Serves until it is dropped, and its connections with it.
pub(crate) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let router =
        Router::new().nest("/_simulator", admin::routes()).fallback(answer).with_state(Arc::clone(&shared));
    let mut connections = JoinSet::new();
    let mut number: u64 = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A client that is gone already, or no file descriptor left: the next one may fare better.
                let Ok((stream, client)) = accepted else {
                    tokio::task::yield_now().await;
                    continue;
                };
                number = number.saturating_add(1);
                let connection = Connection { number, address: client.ip(), cut: Notify::new() };
                let is_mute = shared.world().outage == Some(Outage::Mute);
                let conversation = converse(stream, tls.clone(), is_mute, Arc::new(connection), router.clone());
                let open = Open::count(&shared);
                connections.spawn(async move {
                    conversation.await;
                    drop(open);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(
    mut stream: TcpStream,
    tls: Option<TlsAcceptor>,
    is_mute: bool,
    connection: Arc<Connection>,
    router: Router,
) {
    // Small answers at once; without it they are only slower.
    let _ = stream.set_nodelay(true);
    match tls {
        None => speak(stream, connection, router).await,
        // Until the client hangs up, in whatever way.
        Some(_) if is_mute => drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await),
        // A client that does not trust the authority ends here, and is not a call.
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                speak(stream, connection, router).await;
            }
        }
    }
}

/// Answers requests until the client has enough, or the connection is cut.
async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin, connection: Arc<Connection>, router: Router) {
    let service = TowerToHyperService::new(router.layer(Extension(Arc::clone(&connection))));
    let requests = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // Clients may hang up in the middle of a request: that is theirs to notice.
        _ = requests => {}
        () = connection.cut.notified() => {}
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    let question = question(&request, connection.address);
    let (outcome, latency, mut held) = {
        let mut world = shared.world();
        let machine = Timestamp::now();
        let now = world.now(machine);
        let (token, outcome) = world.decide(&question, now);
        let authorized = question.header("authorization").is_some();
        let glimpse = Glimpse { at: machine, authorized, status: outcome.status() };
        shared.journal.note(glimpse, || call(question, token, glimpse, &connection, &world));
        (outcome, world.latency, world.held.subscribe())
    };
    tokio::time::sleep(latency).await;
    // Its sender lives as long as the simulator.
    let _ = held.wait_for(|held| !held).await;
    match outcome {
        Outcome::Answer(answer) => response(answer),
        Outcome::Cut => {
            connection.cut.notify_one();
            pending().await
        }
        Outcome::Stall => pending().await,
    }
}

fn question(request: &Request, address: IpAddr) -> Question {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let headers = request.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let method = request.method().to_string();
    Question { method, path: path.to_owned(), headers: headers.collect(), address }
}

fn call(
    question: Question,
    token: Option<String>,
    glimpse: Glimpse,
    connection: &Connection,
    world: &World,
) -> Call {
    let Glimpse { at, authorized, status } = glimpse;
    let headers = question.headers.into_iter().filter(|(name, _)| name != "authorization");
    Call {
        at,
        token,
        authorized,
        method: question.method,
        path: world.redact(&question.path),
        status,
        headers: headers.map(|(name, value)| (name, world.redact(&value))).collect(),
        connection: connection.number,
    }
}

fn response(answer: Answer) -> Response {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        // Computed by hyper, which does not forgive contradictions.
        if !["content-length", "transfer-encoding"].contains(&name.to_ascii_lowercase().as_str()) {
            response = response.header(name, value);
        }
    }
    let body = match answer.manner {
        Manner::Whole => Body::from(answer.body),
        Manner::Drip => Body::new(Drip::new()),
        Manner::Huge => Body::new(Huge::new(&answer.body)),
    };
    response.body(body).unwrap_or_else(|_| {
        // Statuses and headers were checked when the test gave them.
        let mut broken = Response::new(Body::empty());
        *broken.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        broken
    })
}
