//! A client that asks as the product does, and does nothing by itself.

use github_simulator::Simulator;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, redirect::Policy};

/// No redirects, no proxy, no trust in anyone, one kept connection.
pub(crate) fn client() -> Client {
    builder().user_agent("simulator-tests").build().unwrap()
}

/// The same before it has a `User-Agent`.
pub(crate) fn builder() -> ClientBuilder {
    // The second call finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(Policy::none()).no_proxy().tls_certs_only([])
}

pub(crate) fn get(github: &Simulator, path: &str) -> RequestBuilder {
    client().get(format!("{}{path}", github.url()))
}

/// What GitHub says to `GET /user` with this text.
pub(crate) async fn ask(github: &Simulator, text: &str) -> Response {
    get(github, "/user").bearer_auth(text).send().await.unwrap()
}

/// The one value of a header; `None` if there is no such header.
pub(crate) fn header(response: &Response, name: &str) -> Option<String> {
    let values: Vec<_> = response.headers().get_all(name).iter().collect();
    assert!(values.len() < 2, "{name} came {} times", values.len());
    values.first().map(|value| value.to_str().unwrap().to_owned())
}

pub(crate) fn number(response: &Response, name: &str) -> i64 {
    header(response, name).unwrap().parse().unwrap()
}

pub(crate) async fn json(response: Response) -> serde_json::Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}
