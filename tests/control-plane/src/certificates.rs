//! The certificate authority of one control plane: the API server's certificate, those of users, and the key that signs
//! ServiceAccount tokens.
//!
//! All keys are elliptic, as RSA keys would take longer to make than the rest of a start.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, Error,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};

/// Names by which the API server is reached, from here and from inside a cluster: the last one is its Service's address.
const SERVER_NAMES: [&str; 4] = ["127.0.0.1", "localhost", "kubernetes.default.svc", "10.0.0.1"];

#[derive(Debug)]
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its private key, or a public key and its private one, both PEM.
pub(crate) struct Pair {
    pub(crate) public: String,
    pub(crate) private: String,
}

impl Authority {
    pub(crate) fn new() -> Result<Self, Error> {
        let mut params = params("control-plane", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// The certificate everybody trusts, PEM.
    pub(crate) fn certificate(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn server(&self) -> Result<Pair, Error> {
        let mut params = params("kube-apiserver", None);
        let names = CertificateParams::new(SERVER_NAMES.map(str::to_owned))?;
        params.subject_alt_names = names.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// A certificate that the API server takes for the user `name`, in `group` if there is one.
    pub(crate) fn user(&self, name: &str, group: Option<&str>) -> Result<Pair, Error> {
        let mut params = params(name, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<Pair, Error> {
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Pair { public: certificate.pem(), private: key.serialize_pem() })
    }
}

/// A key pair for ServiceAccount tokens.
pub(crate) fn token_keys() -> Result<Pair, Error> {
    let key = KeyPair::generate()?;
    Ok(Pair { public: key.public_key_pem(), private: key.serialize_pem() })
}

fn params(name: &str, group: Option<&str>) -> CertificateParams {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, name);
    if let Some(group) = group {
        distinguished_name.push(DnType::OrganizationName, group);
    }
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished_name;
    params
}
