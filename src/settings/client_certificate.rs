//! The certificate by which the operator proves to a host who it is, where the host or a gateway before it wants one.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use reqwest::Identity;
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::unread;

/// A certificate with its chain and its key.
#[derive(Clone)]
pub struct ClientCertificate {
    /// Key and certificates in PEM.
    pem: SecretString,
}

/// A client certificate as the file gives it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientCertificateInput {
    /// The path of a PEM file with the certificate and those between it and its authority.
    pub certificate_file: PathBuf,
    /// The path of a PEM file with its key.
    pub key_file: PathBuf,
}

impl ClientCertificate {
    /// The certificate for the HTTP client.
    ///
    /// # Errors
    ///
    /// If the client does not take it.
    pub fn for_client(&self) -> reqwest::Result<Identity> {
        Identity::from_pem(self.pem.expose_secret().as_bytes())
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").finish_non_exhaustive()
    }
}

impl PartialEq for ClientCertificate {
    fn eq(&self, other: &Self) -> bool {
        self.pem.expose_secret() == other.pem.expose_secret()
    }
}

impl ClientCertificateInput {
    /// The files that it names.
    pub(super) fn files(&self) -> [&Path; 2] {
        [&self.certificate_file, &self.key_file]
    }

    /// The certificate, or the field that is wrong and why.
    pub(super) fn checked(&self) -> Result<ClientCertificate, (&'static str, String)> {
        const CERTIFICATE: &str = "clientCertificate.certificateFile";
        const KEY: &str = "clientCertificate.keyFile";
        let read = |field, path: &Path| {
            let text = fs::read_to_string(path).map_err(|error| unread(&error));
            text.map_err(|message| (field, format!("{}: {message}", path.display())))
        };
        let wrong = |field, path: &Path, message: &str| (field, format!("{}: {message}", path.display()));
        let certificates = read(CERTIFICATE, &self.certificate_file)?;
        let key = Zeroizing::new(read(KEY, &self.key_file)?);
        // The library's own words have the bytes of the file in them, in decimal.
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates.as_bytes()).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| {
            wrong(CERTIFICATE, &self.certificate_file, "it holds no certificate in PEM, or one that is cut")
        })?;
        let parsed = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| {
            wrong(KEY, &self.key_file, "it holds no private key in PEM that is not encrypted")
        })?;
        CertifiedKey::from_der(chain, parsed, &ring::default_provider()).map_err(|_| {
            let message =
                "it is not the key of the certificate in certificateFile, or of a kind that TLS does not use";
            wrong(KEY, &self.key_file, message)
        })?;
        // Made as long as it will be, so that no part of the key is left where it was shorter.
        let mut pem = String::with_capacity(key.len().saturating_add(certificates.len()).saturating_add(1));
        pem.extend([&*key, "\n", &*certificates]);
        Ok(ClientCertificate { pem: pem.into() })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    /// A certificate and its key, both in PEM.
    fn made() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["operator".to_owned()]).unwrap().self_signed(&key);
        (certificate.unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn a_certificate_without_its_key_is_refused_by_the_file_that_is_wrong_and_nothing_of_a_key_is_said() {
        let ((certificate, key), (others, other_key)) = (made(), made());
        let cut = certificate.replace("-----END CERTIFICATE-----", "");
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let rows = [
            ("both", certificate.clone(), key.clone(), None),
            ("a chain", format!("{certificate}{others}"), key.clone(), None),
            ("no certificate", String::new(), key.clone(), Some("certificateFile")),
            ("a key for a certificate", key.clone(), key.clone(), Some("certificateFile")),
            ("a cut certificate", cut, key.clone(), Some("certificateFile")),
            ("no key", certificate.clone(), String::new(), Some("keyFile")),
            ("an encrypted key", certificate.clone(), encrypted, Some("keyFile")),
            ("another key", certificate.clone(), other_key, Some("not the key of the certificate")),
            ("the other certificate first", format!("{others}{certificate}"), key, Some("keyFile")),
        ];
        let folder = tempfile::tempdir().unwrap();
        let [certificate_file, key_file] = ["tls.crt", "tls.key"].map(|name| folder.path().join(name));
        let input = ClientCertificateInput { certificate_file, key_file };
        for (name, certificate, key, words) in rows {
            fs::write(&input.certificate_file, &certificate).unwrap();
            fs::write(&input.key_file, &key).unwrap();
            match (input.checked(), words) {
                (Ok(made), None) => {
                    assert!(made.for_client().is_ok(), "{name}");
                    assert_eq!(format!("{made:?}"), "ClientCertificate { .. }");
                }
                (Err((field, message)), Some(words)) => {
                    assert!(format!("{field} {message}").contains(words), "{name}: {field} {message}");
                    let lines = key.lines().filter(|line| !line.is_empty());
                    assert!(lines.into_iter().all(|line| !message.contains(line)), "{name}: {message}");
                }
                (made, _) => panic!("{name}: {made:?}"),
            }
        }
        fs::remove_file(&input.key_file).unwrap();
        let (field, message) = input.checked().unwrap_err();
        assert!(field.ends_with("keyFile") && message.contains("there is no such file"), "{message}");
    }
}
