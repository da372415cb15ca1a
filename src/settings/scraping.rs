//! How `/metrics` is served to those who scrape it.

use std::{net::SocketAddr, path::PathBuf};

use super::{Error, SettingsInput};

/// Where and to whom `/metrics` is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scraping {
    /// Where, if not beside `/livez` and `/readyz`.
    pub listen: Option<SocketAddr>,
    /// The folder with the certificate; `None` means plain HTTP.
    pub tls_directory: Option<PathBuf>,
    /// Whether a reader must show a token that the API server lets read.
    pub authentication: bool,
}

impl Scraping {
    pub(super) fn new(outer: &SettingsInput, inner: &SettingsInput) -> Result<Self, Error> {
        let directory = outer.metrics_tls_directory.as_ref().or(inner.metrics_tls_directory.as_ref());
        let scraping = Scraping {
            listen: outer.metrics_listen.or(inner.metrics_listen),
            tls_directory: directory.cloned(),
            authentication: outer.metrics_authentication.or(inner.metrics_authentication).unwrap_or_default(),
        };
        if scraping.tls_directory.is_some() && scraping.listen.is_none() {
            let message = "TLS is for /metrics alone, since the kubelet asks /livez and /readyz without it: set metricsListen too";
            return Err(Error::value("metricsTlsDirectory", message));
        }
        if scraping.authentication && scraping.tls_directory.is_none() {
            let message = "without TLS everybody on the way could read the tokens of readers: set metricsTlsDirectory too";
            return Err(Error::value("metricsAuthentication", message));
        }
        Ok(scraping)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::from_yaml, *};

    #[test]
    fn a_token_of_a_reader_goes_over_tls_alone_and_tls_leaves_the_probes_alone() {
        let read = |yaml: &str| {
            let input = from_yaml::<SettingsInput>(yaml).unwrap();
            Scraping::new(&input, &SettingsInput::default()).map_err(|error| error.to_string())
        };
        assert_eq!(read("{}").unwrap(), Scraping::default());
        let all =
            read("{ metricsListen: '[::]:8443', metricsTlsDirectory: /tls, metricsAuthentication: true }");
        assert!(all.unwrap().authentication);
        assert!(read("metricsListen: '[::]:8081'").unwrap().listen.is_some());
        let rows = [
            (
                "metricsTlsDirectory: /tls",
                "the setting metricsTlsDirectory is wrong",
                "set metricsListen too",
            ),
            (
                "metricsAuthentication: true",
                "the setting metricsAuthentication is wrong",
                "set metricsTlsDirectory too",
            ),
        ];
        for (yaml, setting, remedy) in rows {
            let said = read(yaml).unwrap_err();
            assert!(said.starts_with(setting) && said.ends_with(remedy), "{yaml}: {said}");
        }
    }
}
