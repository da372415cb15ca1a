//! An operator with a selector that knows of nothing yet, for the tests of its parts.

use std::sync::Arc;

use super::Context;
use crate::{
    github::Github,
    prober::Prober,
    settings::{SecretScope, Settings, SettingsInput},
    sinks::Sinks,
};

/// What the API server answers: status and body.
pub(super) type Answer = (u16, serde_json::Value);

/// The operator whose API server answers so, by method and path.
pub(super) fn context<F>(answer: impl Fn(String, String) -> F + Send + Sync + 'static) -> Context
where
    F: Future<Output = Answer> + Send + 'static,
{
    // Several TLS users in one process: the first one installs the provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let answer = answer(request.method().to_string(), request.uri().path().to_owned());
        async move {
            let (code, body) = answer.await;
            let body = kube::client::Body::from(body.to_string().into_bytes());
            Ok::<_, std::io::Error>(http::Response::builder().status(code).body(body).unwrap())
        }
    });
    let (selector, secret_scope) = (Some("team=infra".to_owned()), Some(SecretScope::Cluster));
    let input = SettingsInput { selector, secret_scope, ..SettingsInput::default() };
    let settings = Settings::new(input, SettingsInput::default()).unwrap();
    let (_, github) = tokio::sync::watch::channel(Arc::new(Github::new(&settings).unwrap()));
    let (prober, _) = Prober::new(github, settings.limited_hosts());
    let client = kube::Client::new(service, "default");
    Context::new(client, prober, Sinks::new(&[]).unwrap(), settings)
}
