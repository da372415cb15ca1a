//! Lets in who asks, over connections that are bounded in number and time: who stalls, at whatever step, harms nobody else.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io::{self, ErrorKind},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time,
};

use super::tls::Tls;

/// The most connections that are open at once. One more ends the one that has been open for longest, so that a probe of the kubelet, which takes
/// milliseconds, is always answered.
const MOST: usize = 64;
/// How long the handshake of TLS may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a request may take to arrive.
const REQUEST: Duration = Duration::from_secs(5);
/// How long all of it may take: one connection is for one question.
const LONGEST: Duration = Duration::from_secs(45);
/// A request has some hundred bytes, and a token of a ServiceAccount two thousand at most.
const LARGEST_REQUEST: usize = 16 * 1024;
/// How long to wait before the next try, if the system has no more files.
const PAUSE: Duration = Duration::from_secs(1);

/// From where a question comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// Answers for ever.
pub(super) async fn serve(listener: TcpListener, router: Router, tls: Option<Arc<Tls>>) -> Infallible {
    let (mut open, mut by_age) = (JoinSet::new(), VecDeque::<AbortHandle>::new());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // One that has panicked has harmed nobody else.
            Some(_) = open.join_next() => {
                by_age.retain(|connection| !connection.is_finished());
                continue;
            }
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if !is_of_the_other_side(&error) {
                    time::sleep(PAUSE).await;
                }
                continue;
            }
        };
        if by_age.len() >= MOST
            && let Some(oldest) = by_age.pop_front()
        {
            oldest.abort();
        }
        let (router, tls) = (router.clone().layer(Extension(Peer(from.ip()))), tls.clone());
        by_age.push_back(open.spawn(async move {
            let _ = time::timeout(LONGEST, answer(stream, router, tls)).await;
        }));
    }
}

/// True if whoever came went before he was let in, which is no reason to keep others waiting.
fn is_of_the_other_side(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

async fn answer(stream: TcpStream, router: Router, tls: Option<Arc<Tls>>) {
    let Some(tls) = tls else { return http(stream, router).await };
    if let Ok(Ok(stream)) = time::timeout(HANDSHAKE, tls.accept(stream)).await {
        http(stream, router).await;
    }
}

async fn http(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let answered = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .max_buf_size(LARGEST_REQUEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = answered {
        tracing::debug!(%error, "a connection for probes or metrics broke off");
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn who_went_before_he_was_let_in_keeps_nobody_waiting_and_a_lack_of_files_does() {
        for (error, expected) in [(Errno::CONNABORTED, true), (Errno::MFILE, false), (Errno::NFILE, false)] {
            assert_eq!(is_of_the_other_side(&error.into()), expected, "{error}");
        }
    }
}
