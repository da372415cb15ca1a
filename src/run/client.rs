//! The client of the API server. kube's own keeps each connection for ever that it once needed, and a burst needs dozens; this one ends
//! those that nobody uses.

use std::time::Duration;

use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::Builder,
    rt::{TokioExecutor, TokioTimer},
};
use kube::{Client, Config, client::ConfigExt};
use tower::{BoxError, ServiceBuilder};

use crate::cluster::{
    fence::InTime,
    transport::{self, Transport},
};

/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(5);

/// The transport by this configuration. Behind a proxy it is that of kube's client.
///
/// # Errors
///
/// If what the configuration names cannot be used.
pub(super) fn connect(config: Config) -> Result<Transport, kube::Error> {
    if config.proxy_url.is_some() {
        return Ok(transport::of(Client::try_from(config)?));
    }
    let mut connector = TimeoutConnector::new(config.rustls_https_connector()?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let pool = Builder::new(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_request(InTime::of)
        .map_err(BoxError::from)
        .service(pool);
    Ok(transport::transport(service))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

    use std::{
        io::{Read, Write},
        net::TcpListener,
        pin::pin,
        thread,
        time::Instant,
    };

    use futures::poll;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{Api, api::DeleteParams};
    use tokio::runtime;

    use super::*;
    use crate::cluster::fence::Fence;

    const WRITE: Duration = Duration::from_secs(1);

    /// Reads an object, deletes another one by the same connection, and stops the process past its Lease after so many steps of that;
    /// true if the API server has the whole of it, and only afterwards.
    async fn is_sent_late(steps: usize) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(WRITE * 4)).unwrap();
            let mut buffer = [0; 4096];
            assert!(stream.read(&mut buffer).unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
            let (mut came, mut at) = (Vec::new(), None);
            while let Some(read) = stream.read(&mut buffer).ok().filter(|read| *read > 0) {
                came.extend_from_slice(&buffer[..read]);
                at = Some(Instant::now());
            }
            // The head alone may be there: without the body that it announces it is no request.
            at.filter(|_| came.ends_with(b"}"))
        });
        let fence = Fence::new(WRITE);
        fence.open(tokio::time::Instant::now() + Duration::from_secs(60));
        let transport = connect(Config::new(url.parse().unwrap())).unwrap();
        let client = Client::new(fence.around(transport), "ns");
        let objects: Api<ConfigMap> = Api::namespaced(client, "ns");
        let params = DeleteParams::default();
        assert!(objects.get("first").await.is_ok());
        // Long enough for a write that begins now, and for none that begins afterwards.
        let late = Instant::now() + WRITE * 3 / 2;
        fence.open(late.into());
        let mut second = pin!(objects.delete("second", &params));
        for _ in 0..steps {
            assert!(poll!(second.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
        assert!(poll!(second.as_mut()).is_pending());
        // As SIGSTOP and SIGCONT: no task goes on meanwhile.
        thread::sleep(WRITE * 2);
        // Whichever task goes on first, and so that of the connection.
        tokio::time::sleep(WRITE / 10).await;
        assert!(second.await.is_err());
        server.join().unwrap().is_some_and(|at| at > late)
    }

    #[test]
    fn what_waits_in_a_connection_while_the_process_is_stopped_past_its_deadline_is_not_sent() {
        // A thread is what a process is elsewhere.
        let stopped_after = |steps| {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(is_sent_late(steps))
        };
        let late: Vec<_> = thread::scope(|scope| {
            let all: Vec<_> = (0..6).map(|steps| scope.spawn(move || stopped_after(steps))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(late, [false; 6], "by how many steps came before");
    }
}
