//! Sends traces to a collector. One that does not answer delays nothing: what does not fit is dropped.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider},
};
use reqwest::Client;
use tokio::runtime::Handle;

use crate::{
    http::{self, CONNECT_TIMEOUT, Trust, cause},
    settings::Traces,
};

const NAME: &str = env!("CARGO_PKG_NAME");
/// The most spans that wait to be sent. Each takes half a KiB.
const LONGEST_QUEUE: usize = 8192;
/// How often they are sent.
const EVERY: Duration = Duration::from_secs(2);
/// How long the collector may take for some of them.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last of them may take when the operator ends.
const FAREWELL: Duration = Duration::from_secs(2);
/// An answer says how many spans were refused, if any.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Traces cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The TLS set-up failed.
    #[error("cannot prepare TLS for the setting tracesEndpoint: {0}")]
    Tls(#[from] reqwest::Error),
    /// The exporter cannot be made.
    #[error("cannot send traces: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// Sends spans in the background until it is finished.
#[derive(Debug)]
pub struct Exporting(SdkTracerProvider);

impl Exporting {
    /// To this collector. Called within the runtime that sends.
    pub(super) fn new(to: &Traces) -> Result<Self, Error> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Sender::new(to)?)
            .with_endpoint(to.url.as_str())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(TIMEOUT)
            .build()?;
        let config =
            BatchConfigBuilder::default().with_max_queue_size(LONGEST_QUEUE).with_scheduled_delay(EVERY);
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(config.build()).build();
        let resource = Resource::builder().with_service_name(NAME).with_attributes(itself()).build();
        let provider = SdkTracerProvider::builder().with_resource(resource).with_span_processor(processor);
        Ok(Exporting(provider.build()))
    }

    pub(super) fn tracer(&self) -> SdkTracer {
        self.0.tracer(NAME)
    }

    /// Sends what waits, if the collector takes it at once.
    pub async fn finish(self) {
        // It blocks until this runtime has sent it.
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(FAREWELL));
        if !matches!(tokio::time::timeout(FAREWELL.saturating_mul(2), ended).await, Ok(Ok(Ok(())))) {
            tracing::debug!("the last traces were not sent");
        }
    }
}

/// What tells this process from others.
fn itself() -> Vec<KeyValue> {
    let named =
        [("k8s.namespace.name", "POD_NAMESPACE"), ("k8s.pod.name", "POD_NAME"), ("k8s.pod.uid", "POD_UID")];
    let named =
        named.into_iter().filter_map(|(key, variable)| Some(KeyValue::new(key, env::var(variable).ok()?)));
    named.chain([KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))]).collect()
}

/// Posts to the collector, from the runtime of the operator.
#[derive(Debug)]
struct Sender {
    client: Client,
    runtime: Handle,
    is_failing: Arc<AtomicBool>,
}

impl Sender {
    fn new(to: &Traces) -> reqwest::Result<Self> {
        let trust = match to.url.scheme() {
            "http" => Trust::Plain,
            _ => Trust::With(&to.ca_bundle),
        };
        let builder = http::client(trust, CONNECT_TIMEOUT, TIMEOUT)?;
        Ok(Sender { client: builder.build()?, runtime: Handle::current(), is_failing: Arc::default() })
    }

    /// Says once that it fails, and once that it does no more.
    fn tell(&self, fault: Option<String>) {
        match (fault, self.is_failing.load(Ordering::Relaxed)) {
            (Some(cause), false) => {
                tracing::warn!(cause, "traces cannot be sent, and are dropped until they can");
                self.is_failing.store(true, Ordering::Relaxed);
            }
            (None, true) => {
                tracing::info!("traces are sent again");
                self.is_failing.store(false, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move { post(&client, request).await }).await?;
        match &sent {
            Ok(answer) if answer.status().is_success() => self.tell(None),
            Ok(answer) => self.tell(Some(format!("the collector answered {}", answer.status().as_u16()))),
            Err(error) => self.tell(Some(cause(error, "the collector"))),
        }
        Ok(sent?)
    }
}

async fn post(client: &Client, request: Request<Bytes>) -> reqwest::Result<Response<Bytes>> {
    let mut answer = client.execute(request.try_into()?).await.map_err(reqwest::Error::without_url)?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend(chunk.iter().take(LONGEST_ANSWER.saturating_sub(body.len())));
    }
    let mut told = Response::new(Bytes::from(body));
    *told.status_mut() = answer.status();
    Ok(told)
}
