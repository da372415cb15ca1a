//! A certificate authority made for one simulator, and the server certificate it signs.

use crate::Error;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use std::sync::Arc;
use tokio_rustls::rustls::{
    self, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

/// Names that the server has: `localhost`, and that of GitHub for whom a hosts file leads here.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "api.github.com"];

/// How a server proves that it has them.
pub(crate) struct Identity {
    /// The certificate a client must trust, as PEM.
    pub(crate) ca_pem: String,
    pub(crate) config: Arc<ServerConfig>,
    /// Certificate and key of the only client that is let in, as PEM; `None` if all are.
    pub(crate) client: Option<(String, String)>,
}

/// A new authority and a certificate for [`NAMES`]; and if the server wants to know its client, one for that too.
pub(crate) fn identity(knows_client: bool) -> Result<Identity, Error> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.distinguished_name.push(DnType::CommonName, "github-simulator CA");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let key = KeyPair::generate()?;
    let names = NAMES.map(str::to_owned);
    let mut server = CertificateParams::new(names)?;
    server.distinguished_name.push(DnType::CommonName, "github-simulator");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let certificate = server.signed_by(&key, &authority)?;

    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let (config, client) = if knows_client {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone())?;
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let clients = clients.map_err(|error| rustls::Error::General(error.to_string()))?;
        (config.with_client_cert_verifier(clients), Some(client(&authority)?))
    } else {
        (config.with_no_client_auth(), None)
    };
    let mut config = config.with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity { ca_pem: authority.pem(), config: Arc::new(config), client })
}

/// A certificate for a client, and its key.
fn client(authority: &CertifiedIssuer<'_, KeyPair>) -> Result<(String, String), Error> {
    let key = KeyPair::generate()?;
    let mut client = CertificateParams::default();
    client.distinguished_name.push(DnType::CommonName, "client of github-simulator");
    client.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    client.use_authority_key_identifier_extension = true;
    Ok((client.signed_by(&key, authority)?.pem(), key.serialize_pem()))
}
