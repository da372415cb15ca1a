//! Whose certificate is accepted.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::{RootCertStore, server::WebPkiClientVerifier, version::TLS12};

use super::*;

/// A certificate for `localhost` that vouches for itself.
struct Localhost {
    pem: String,
    config: Arc<ServerConfig>,
}

impl Localhost {
    /// Good from 2020 to 2119, except for what is changed.
    fn but(change: impl FnOnce(&mut CertificateParams)) -> Localhost {
        Localhost::made(change, false)
    }

    /// Its server wants a certificate of the client too. In TLS 1.2 the client hears so within the handshake.
    fn wants_a_certificate() -> Localhost {
        Localhost::made(|_| {}, true)
    }

    fn made(change: impl FnOnce(&mut CertificateParams), mutual: bool) -> Localhost {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2120, 1, 1));
        params.distinguished_name.push(DnType::CommonName, "localhost");
        change(&mut params);
        let certificate = params.self_signed(&key).unwrap();
        let (provider, mut roots) = (Arc::new(ring::default_provider()), RootCertStore::empty());
        let config = ServerConfig::builder_with_provider(provider.clone());
        let config = if mutual {
            roots.add(certificate.der().clone()).unwrap();
            let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config
                .with_protocol_versions(&[&TLS12])
                .unwrap()
                .with_client_cert_verifier(clients.build().unwrap())
        } else {
            config.with_safe_default_protocol_versions().unwrap().with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
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
    let rows = [
        ("its own authority", tls.url(), Some(&authority), None),
        ("its own authority among others", tls.url(), Some(&both), None),
        ("an address in the certificate", format!("https://{}", tls.address()), Some(&authority), None),
        ("no authority", tls.url(), None, Some(Reason::CertificateUnknownAuthority)),
        ("another authority", tls.url(), Some(&of_other), Some(Reason::CertificateUnknownAuthority)),
        ("another name", url_of_misnamed, Some(&of_misnamed), Some(Reason::CertificateNameMismatch)),
        ("no TLS at all", plain.url().replace("http:", "https:"), None, Some(Reason::TlsHandshakeFailed)),
    ];
    for (name, url, bundle, reason) in rows {
        let github = github(&[("github", url, bundle.map(|path| path.as_path()))]);
        let token = made(&tls, NewToken::classic(name, "acme-ci"));
        let heard = github.ask(&token, Probe::Identity, "github", Transport::Kept).await;
        assert_eq!((deferred(&heard), login(&heard).is_some()), (reason, reason.is_none()), "{name}");
    }
    assert_eq!(tls.calls().len(), 3);
    // The same where no other authorities are trusted.
    for (bundle, reason) in [(&authority, None), (&of_other, Some(Reason::CertificateUnknownAuthority))] {
        let host = json!({ "name": "github", "apiUrl": tls.url(), "caBundle": bundle, "onlyCaBundle": true });
        let github = from_settings(&json!({ "hosts": [host] }).to_string());
        let token = made(&tls, NewToken::classic("alone", "acme-ci"));
        let heard = github.ask(&token, Probe::Identity, "github", Transport::Kept).await;
        assert_eq!(
            (deferred(&heard), login(&heard).is_some()),
            (reason, reason.is_none()),
            "{bundle:?} alone"
        );
    }
    assert_eq!(tls.calls().len(), 4);
    assert!([&other, &misnamed, &plain].iter().all(|host| host.calls().is_empty()));
}

#[tokio::test]
async fn each_fault_of_a_trusted_certificate_is_told_apart() {
    let rows = [
        // After the handshake all these servers hang up.
        ("valid", Localhost::but(|_| {}), Reason::ConnectionBroken),
        (
            "expired",
            Localhost::but(|params| params.not_after = date_time_ymd(2021, 1, 1)),
            Reason::CertificateExpired,
        ),
        (
            "not yet valid",
            Localhost::but(|params| params.not_before = date_time_ymd(2119, 1, 1)),
            Reason::CertificateNotYetValid,
        ),
        (
            "a common name alone",
            Localhost::but(|params| params.subject_alt_names.clear()),
            Reason::CertificateNameMismatch,
        ),
        (
            "an authority",
            Localhost::but(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            Reason::CertificateIsAuthority,
        ),
        (
            "not for servers",
            Localhost::but(|params| {
                params.extended_key_usages.push(rcgen::ExtendedKeyUsagePurpose::ClientAuth);
            }),
            Reason::TlsFailed,
        ),
        ("of a server that wants one too", Localhost::wants_a_certificate(), Reason::TlsHandshakeFailed),
    ];
    let (folder, simulator) = (tempfile::tempdir().unwrap(), simulator().await);
    let token = made(&simulator, NewToken::classic("ci", "acme-ci"));
    for (name, localhost, reason) in rows {
        let bundle = bundle(folder.path(), "ca.pem", &localhost.pem);
        let github = github(&[("github", localhost.shakes_hands(), Some(&bundle))]);
        let heard = github.ask(&token, Probe::Identity, "github", Transport::Kept).await;
        assert_eq!(deferred(&heard), Some(reason), "{name}");
    }
}

#[tokio::test]
async fn a_host_that_wants_a_certificate_gets_the_one_of_the_settings_and_another_host_none() {
    let (host, other) =
        (Simulator::start_mutual_tls().await.unwrap(), Simulator::start_mutual_tls().await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let of = |simulator: &Simulator, name: &str| {
        let (certificate, key) = simulator.client_pem().unwrap();
        json!({
            "certificateFile": bundle(folder.path(), &format!("{name}.crt"), certificate),
            "keyFile": bundle(folder.path(), &format!("{name}.key"), key),
        })
    };
    let authority = bundle(folder.path(), "ca.pem", host.ca_pem().unwrap());
    let rows = [
        ("its own", Some(of(&host, "own")), None),
        ("none", None, Some(Reason::TlsHandshakeFailed)),
        ("that of another authority", Some(of(&other, "other")), Some(Reason::TlsHandshakeFailed)),
    ];
    for (name, certificate, reason) in rows {
        let settings = json!({ "hosts": [
            { "name": "github", "apiUrl": host.url(), "caBundle": authority, "clientCertificate": certificate },
        ] });
        let github = from_settings(&settings.to_string());
        let token = made(&host, NewToken::classic(name, "acme-ci"));
        for transport in [Transport::Kept, Transport::Fresh] {
            let heard = github.ask(&token, Probe::Identity, "github", transport).await;
            assert_eq!((deferred(&heard), login(&heard).is_some()), (reason, reason.is_none()), "{name}");
        }
    }
    assert_eq!(host.calls().len(), 2);
}
