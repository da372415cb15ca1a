//! `/livez`, `/readyz` and `/metrics`.

mod doors;
pub mod metrics;
pub mod readers;
pub mod tls;

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use axum::{
    Extension, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use futures::future;
use rustix::{io::Errno, net::sockopt::set_ipv6_v6only};
use tokio::net::{TcpListener, TcpSocket};

use doors::Peer;
use metrics::Metrics;
use readers::Readers;
use tls::Tls;

/// How many connections may wait to be accepted; the kubelet opens one at a time.
const BACKLOG: u32 = 128;
/// Where the metrics are.
const METRICS: &str = "/metrics";
/// Work that waits for this long while nothing moves means that this process is stuck: longer than the reconcile of a connection may
/// take (25 s), and short enough that `/livez` fails within 30 s.
pub const STUCK: Duration = Duration::from_secs(27);

/// The probes cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not to be had.
    #[error("cannot listen on {address}, which the setting {setting} names: {}", of_listening(source))]
    Listen {
        /// The setting.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// There is no certificate to serve with.
    #[error("the setting metricsTlsDirectory is wrong: {0}")]
    Certificate(#[from] tls::Error),
}

/// What the probes tell, at the moment of the question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether connections and Secrets have been listed.
    pub listed: bool,
    /// For how long work has waited while nothing moved; `None` while nothing waits.
    pub stalled_for: Option<Duration>,
}

type Probe = Arc<dyn Fn() -> Health + Send + Sync>;

/// Why an address is not to be had, and what to do.
fn of_listening(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another process listens there: end it, or choose another port".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have it: choose one of its addresses, or [::] for all".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "this user may not listen there: choose a port above 1023".to_owned()
        }
        _ => {
            let text = error.to_string();
            let cause = text.split(" (os error").next().unwrap_or_default();
            format!("the system says {cause:?}: choose another")
        }
    }
}

/// Where the probes and the metrics are served.
#[derive(Debug)]
pub struct Listening {
    probes: TcpListener,
    /// Only if the metrics are served elsewhere than the probes.
    metrics: Option<TcpListener>,
    tls: Option<Arc<Tls>>,
}

impl Listening {
    /// Listens on this address for probes, and for scrapes there too if they have no address of their own. With a folder, those are served
    /// there with the certificate that is in it.
    ///
    /// # Errors
    ///
    /// If an address cannot be listened on, or there is no such certificate.
    pub fn new(
        probes: SocketAddr,
        metrics: Option<SocketAddr>,
        certificate: Option<&Path>,
    ) -> Result<Self, Error> {
        Ok(Listening {
            probes: listen("listen", probes)?,
            metrics: metrics.map(|address| listen("metricsListen", address)).transpose()?,
            tls: certificate.map(Tls::new).transpose()?.map(Arc::new),
        })
    }

    /// Where the probes are served.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn of_probes(&self) -> io::Result<SocketAddr> {
        self.probes.local_addr()
    }
}

/// Serves the probes and the metrics for ever: alive while work moves or none waits, ready once everything has been listed. Without
/// readers, everybody may read the metrics.
pub async fn serve(
    listening: Listening,
    health: impl Fn() -> Health + Send + Sync + 'static,
    metrics: Metrics,
    readers: Option<Readers>,
) -> Infallible {
    let probes = Router::new()
        .route("/livez", get(async |State(probe): State<Probe>| alive(probe())))
        .route("/readyz", get(async |State(probe): State<Probe>| ready(probe())))
        .with_state(Arc::new(health) as Probe);
    let scrapes = Router::new().route(
        METRICS,
        get(async move |Extension(Peer(from)): Extension<Peer>, headers: HeaderMap| {
            if let Some(readers) = readers
                && let Err(refusal) = readers.admit(&headers, from, METRICS).await
            {
                return refusal;
            }
            metrics.answer(&headers).await
        }),
    );
    match listening.metrics {
        None => doors::serve(listening.probes, probes.merge(scrapes), None).await,
        Some(metrics) => {
            let both =
                (doors::serve(listening.probes, probes, None), doors::serve(metrics, scrapes, listening.tls));
            let (never, _) = future::join(both.0, both.1).await;
            never
        }
    }
}

/// Listens on the address. `[::]` means all addresses of both families: where the kernel has no IPv6, all of IPv4.
fn listen(setting: &'static str, address: SocketAddr) -> Result<TcpListener, Error> {
    let bound = bind(address).or_else(|source| match without_ipv6(address, &source) {
        Some(address) => bind(address),
        None => Err(source),
    });
    bound.map_err(|source| Error::Listen { setting, address, source })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        let socket = TcpSocket::new_v6()?;
        // Otherwise net.ipv6.bindv6only of the node decides whether [::] accepts IPv4.
        set_ipv6_v6only(&socket, false)?;
        socket
    };
    // As TcpListener::bind does: the port of a process that has just ended is free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What to listen on instead, if all addresses are wanted and the kernel has no IPv6, as after `ipv6.disable=1`.
fn without_ipv6(address: SocketAddr, error: &io::Error) -> Option<SocketAddr> {
    let no_family = error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error());
    (no_family && address.is_ipv6() && address.ip().is_unspecified())
        .then(|| (Ipv4Addr::UNSPECIFIED, address.port()).into())
}

fn alive(health: Health) -> (StatusCode, &'static str) {
    if health.stalled_for.is_some_and(|stalled| stalled >= STUCK) {
        (StatusCode::SERVICE_UNAVAILABLE, "work waits, and nothing has moved for 27 s")
    } else {
        (StatusCode::OK, "ok")
    }
}

fn ready(health: Health) -> (StatusCode, &'static str) {
    if health.listed {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "connections or Secrets have not been listed yet")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    #[tokio::test]
    async fn a_listener_on_all_addresses_answers_over_ipv4_and_over_ipv6() {
        let listening = Listening::new("[::]:0".parse().unwrap(), None, None).unwrap();
        let port = listening.of_probes().unwrap().port();
        let metrics = metrics::tests::of(&[], true);
        tokio::spawn(serve(listening, Health::default, metrics, None));
        let has_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
        let addresses = [("127.0.0.1", true), ("::1", has_ipv6)];
        for (address, _) in addresses.into_iter().filter(|(_, is_there)| *is_there) {
            let mut stream = TcpStream::connect((address, port)).await.unwrap();
            stream
                .write_all(b"GET /livez HTTP/1.1\r\nhost: operator\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{address}: {answer}");
        }
    }

    #[tokio::test]
    async fn a_probe_tells_whether_work_moves_and_everything_was_listed_when_it_is_asked() {
        let listening = Listening::new("127.0.0.1:0".parse().unwrap(), None, None).unwrap();
        let port = listening.of_probes().unwrap().port();
        let now = Arc::new(Mutex::new(Health::default()));
        let told = now.clone();
        let health = move || *told.lock().unwrap();
        tokio::spawn(serve(listening, health, metrics::tests::of(&[], true), None));
        let stuck = Health { listed: true, stalled_for: Some(STUCK) };
        let rows = [
            (Health::default(), 200, 503),
            (stuck, 503, 200),
            (Health { stalled_for: None, ..stuck }, 200, 200),
        ];
        for (health, alive, ready) in rows {
            *now.lock().unwrap() = health;
            for (path, expected) in [("/livez", alive), ("/readyz", ready)] {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let question = format!("GET {path} HTTP/1.1\r\nhost: operator\r\nconnection: close\r\n\r\n");
                stream.write_all(question.as_bytes()).await.unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.unwrap();
                assert!(
                    answer.starts_with(&format!("HTTP/1.1 {expected} ")),
                    "{path} of {health:?}: {answer}"
                );
            }
        }
    }

    /// Connections that say nothing, or begin a question and do not end it.
    async fn stalled(port: u16, count: usize) -> Vec<TcpStream> {
        let mut open = Vec::new();
        for number in 0..count {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            if number % 2 == 0 {
                stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: ").await.unwrap();
            }
            open.push(stream);
        }
        open
    }

    #[tokio::test]
    async fn a_probe_is_answered_at_once_however_many_others_stall() {
        let listening = Listening::new("127.0.0.1:0".parse().unwrap(), None, None).unwrap();
        let port = listening.of_probes().unwrap().port();
        tokio::spawn(serve(listening, Health::default, metrics::tests::of(&[], true), None));
        let mut others = stalled(port, 200).await;
        let begun = std::time::Instant::now();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: operator\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains("connection: close"), "one connection is for one question: {answer}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        let mut nothing = [0; 16];
        // The oldest were ended for the sake of the newest, and those go by themselves.
        for at in [0, 199] {
            let read = tokio::time::timeout(Duration::from_secs(10), others[at].read(&mut nothing)).await;
            assert!(read.is_ok(), "{at} is still open");
        }
    }

    #[test]
    fn all_addresses_are_those_of_ipv4_where_the_kernel_has_no_ipv6() {
        let (no_family, taken) = (Errno::AFNOSUPPORT, Errno::ADDRINUSE);
        let rows = [
            ("[::]:8080", no_family, Some("0.0.0.0:8080")),
            ("[::]:8080", taken, None),
            ("[::1]:8080", no_family, None),
            ("0.0.0.0:8080", no_family, None),
        ];
        for (address, error, expected) in rows {
            let instead = without_ipv6(address.parse().unwrap(), &error.into());
            assert_eq!(instead, expected.map(|address| address.parse().unwrap()), "{address}: {error}");
        }
    }

    #[test]
    fn alive_is_said_while_work_moves_or_none_waits() {
        let rows = [(None, 200), (Some(0), 200), (Some(26), 200), (Some(27), 503), (Some(3600), 503)];
        for (seconds, expected) in rows {
            let health = Health { listed: true, stalled_for: seconds.map(Duration::from_secs) };
            assert_eq!(alive(health).0.as_u16(), expected, "{seconds:?}");
        }
    }

    #[test]
    fn ready_is_said_once_everything_was_listed() {
        for (listed, expected) in [(false, 503), (true, 200)] {
            assert_eq!(ready(Health { listed, stalled_for: None }).0.as_u16(), expected);
        }
    }
}
