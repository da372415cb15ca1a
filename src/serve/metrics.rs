//! `/metrics`: what is known of connections and hosts, and what was done, for Prometheus.
//!
//! What is known is read at each scrape, so nothing is told of what is gone. Labels come from closed sets, but for the namespace, the name
//! and the organization of a connection, and what settings ask for. No byte of a token is at hand here.

mod connections;
mod exposition;
mod hosts;
mod process;
mod room;

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder},
    metrics::MetricType,
    registry::Registry,
};

use crate::{
    cluster::{
        index::Index,
        requests::{Requests, SECRETS},
    },
    prober::Prober,
};
use connections::Connections;
use exposition::Form;
use hosts::Hosts;
use room::Room;

/// What is shown beside what others register.
pub struct View {
    /// The connections.
    pub index: Arc<Index>,
    /// The hosts.
    pub prober: Prober,
    /// The requests to the API server.
    pub requests: Requests,
    /// Whether connections are shown by namespace and name, at this moment.
    pub per_connection: Box<dyn Fn() -> bool + Send + Sync>,
    /// The labels of connections that are shown.
    pub labels: Vec<String>,
    /// For how long work has waited while nothing moved.
    pub stalled_for: Box<dyn Fn() -> Option<Duration> + Send + Sync>,
}

/// All metrics, and room for those who read them.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    room: Room,
}

impl Metrics {
    /// What this view shows, and what the registry has already.
    pub fn new(mut registry: Registry, view: View) -> Self {
        let View { index, prober, requests, per_connection, labels, stalled_for } = view;
        let labels = labels.into_iter().map(|key| (connections::shown(&key), key)).collect();
        let connections =
            Connections { index: index.clone(), prober: prober.clone(), per_connection, labels };
        registry.register_collector(Box::new(connections));
        registry.register_collector(Box::new(Hosts(prober)));
        requests.register(&mut registry);
        registry.register_collector(Box::new(Own { index, requests, stalled_for }));
        registry.register_collector(Box::new(process::Process));
        Metrics { registry: Arc::new(registry), room: Room::new() }
    }

    /// Answers one scrape.
    pub(super) async fn answer(&self, headers: &HeaderMap) -> Response {
        let accepted = headers.get_all(header::ACCEPT);
        let form = Form::wanted(accepted.iter().filter_map(|value| value.to_str().ok()));
        let Some(place) = self.room.place().await else {
            let busy = "as many scrapes as may be are under way";
            return (StatusCode::SERVICE_UNAVAILABLE, busy).into_response();
        };
        let body = Body::from_stream(exposition::text(self.registry.clone(), form, place));
        ([(header::CONTENT_TYPE, form.content_type())], body).into_response()
    }
}

/// What the operator tells of itself.
struct Own {
    index: Arc<Index>,
    requests: Requests,
    stalled_for: Box<dyn Fn() -> Option<Duration> + Send + Sync>,
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}

impl Collector for Own {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        gauge(&mut encoder, "github_pat_operator_build_info", "The operator's version")?
            .encode_family(&version)?
            .encode_gauge(&1_u32)?;
        let listed = self.index.has_listed().borrow().all();
        gauge(&mut encoder, "github_pat_operator_ready", "1 once connections and Secrets have been listed")?
            .encode_gauge(&u32::from(listed))?;
        let stalled = (self.stalled_for)().unwrap_or_default();
        gauge(
            &mut encoder,
            "github_pat_operator_stalled_seconds",
            "For how long work has waited while nothing moved; 0 while nothing waits",
        )?
        .encode_gauge(&stalled.as_secs_f64())?;
        let mut watches = gauge(
            &mut encoder,
            "github_pat_watch_age_seconds",
            "Since when the API server has answered the oldest watch; each ends after a minute",
        )?;
        let now = Timestamp::now();
        // Secrets are followed where there are connections and that is granted; what ended otherwise does not age.
        let follows = |resource: &str, namespace: Option<&str>| match resource {
            SECRETS => self.index.follows_secrets(namespace),
            _ => Some(true),
        };
        for (resource, begun) in self.requests.oldest(follows) {
            let age = now.duration_since(begun).as_secs_f64().max(0.0);
            watches.encode_family(&[("resource", resource)])?.encode_gauge(&age)?;
        }
        Ok(())
    }
}

/// The beginning of a family of gauges.
fn gauge<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    name: &'a str,
    help: &str,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    encoder.encode_descriptor(name, help, None, MetricType::Gauge)
}

#[cfg(test)]
pub(super) mod tests;
