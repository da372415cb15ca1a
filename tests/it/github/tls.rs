//! Whose certificate is accepted.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

/// A certificate for `localhost` that vouches for itself.
struct Localhost {
    pem: String,
    config: Arc<ServerConfig>,
}

impl Localhost {
    /// Good from 2020 to the first day of this year.
    fn until(year: i32) -> Localhost {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(year, 1, 1));
        let certificate = params.self_signed(&key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        Localhost { pem: certificate.pem(), config: Arc::new(config) }
    }

    /// The URL of a server that shakes hands once with this certificate, if the client will, and hangs up.
    fn shakes_hands(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = self.config.clone();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut connection = ServerConnection::new(config).unwrap();
            // The client may turn away, which is what the test is about.
            let _ = connection.complete_io(&mut stream);
        });
        format!("https://localhost:{port}")
    }
}

#[tokio::test]
async fn only_a_certificate_of_a_trusted_authority_for_that_name_and_time_is_accepted() {
    let (tls, other) = (Simulator::start_tls().await.unwrap(), Simulator::start_tls().await.unwrap());
    let elsewhere = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0));
    let misnamed = Simulator::start_on(elsewhere, true).await.unwrap();
    let plain = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, pem: &str| bundle(folder.path(), name, pem);
    let authority = path("own.pem", tls.ca_pem().unwrap());
    let both = path("both.pem", &format!("{}{}", other.ca_pem().unwrap(), tls.ca_pem().unwrap()));
    let of_other = path("other.pem", other.ca_pem().unwrap());
    let of_misnamed = path("misnamed.pem", misnamed.ca_pem().unwrap());
    let url_of_misnamed = format!("https://127.0.0.2:{}", misnamed.address().port());
    let (valid, expired) = (Localhost::until(2120), Localhost::until(2021));
    let (of_valid, of_expired) = (path("valid.pem", &valid.pem), path("expired.pem", &expired.pem));
    let rows = [
        ("its own authority", tls.url(), Some(&authority), None),
        ("its own authority among others", tls.url(), Some(&both), None),
        ("an address in the certificate", format!("https://{}", tls.address()), Some(&authority), None),
        ("no authority", tls.url(), None, Some(Reason::TlsFailed)),
        ("another authority", tls.url(), Some(&of_other), Some(Reason::TlsFailed)),
        ("another name", url_of_misnamed, Some(&of_misnamed), Some(Reason::TlsFailed)),
        ("no TLS at all", plain.url().replace("http:", "https:"), None, Some(Reason::TlsFailed)),
        ("an expired certificate", expired.shakes_hands(), Some(&of_expired), Some(Reason::TlsFailed)),
        // The same server with a valid one: after the handshake it hangs up.
        ("a valid certificate", valid.shakes_hands(), Some(&of_valid), Some(Reason::Unreachable)),
    ];
    for (name, url, bundle, reason) in rows {
        let github = github(&[("github", url, bundle.map(|path| path.as_path()))]);
        let token = made(&tls, NewToken::classic(name, "acme-ci"));
        let heard = github.ask(&token, Probe::Identity, "github", Line::Kept).await;
        assert_eq!((deferred(&heard), login(&heard).is_some()), (reason, reason.is_none()), "{name}");
    }
    assert_eq!(tls.calls().len(), 3);
    assert!([&other, &misnamed, &plain].iter().all(|host| host.calls().is_empty()));
}
