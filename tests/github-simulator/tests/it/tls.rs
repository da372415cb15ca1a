//! TLS by an authority of its own.

use crate::client::builder;
use github_simulator::{NewToken, Simulator};
use reqwest::Certificate;

#[tokio::test]
async fn a_client_that_trusts_the_authority_is_answered_by_name_and_by_address() {
    let github = Simulator::start_tls().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    let authority = Certificate::from_pem(github.ca_pem().unwrap().as_bytes()).unwrap();
    let client = builder().user_agent("simulator-tests").tls_certs_only([authority]).build().unwrap();
    let port = github.address().port();
    assert_eq!(github.url(), format!("https://localhost:{port}"));
    for host in ["localhost", "127.0.0.1"] {
        let response =
            client.get(format!("https://{host}:{port}/user")).bearer_auth(&text).send().await.unwrap();
        assert_eq!(response.status(), 200, "{host}");
    }
    assert_eq!(github.calls().len(), 2);
}

#[tokio::test]
async fn a_client_that_does_not_trust_it_never_sends_its_token() {
    let github = Simulator::start_tls().await.unwrap();
    let other = Simulator::start_tls().await.unwrap();
    let authority = Certificate::from_pem(other.ca_pem().unwrap().as_bytes()).unwrap();
    let client = builder().user_agent("simulator-tests").tls_certs_only([authority]);
    let request = client.build().unwrap().get(format!("{}/user", github.url())).bearer_auth("nothing");
    assert!(request.send().await.unwrap_err().is_connect());
    assert!(github.calls().is_empty());
}

#[tokio::test]
async fn plain_http_has_no_authority() {
    assert_eq!(Simulator::start().await.unwrap().ca_pem(), None);
}
