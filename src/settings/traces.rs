//! Where traces are sent.

use reqwest::Url;
use rustls::pki_types::CertificateDer;

use super::{Error, SettingsInput, host::certificates, url::parsed};

/// Where traces are sent, over OTLP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traces {
    /// Where spans are posted.
    pub url: Url,
    /// Authorities to trust beside those of the machine.
    pub ca_bundle: Vec<CertificateDer<'static>>,
}

impl Traces {
    /// `None` if nobody is to be told.
    pub(super) fn new(outer: &SettingsInput, inner: &SettingsInput) -> Result<Option<Self>, Error> {
        let bundle = outer.traces_ca_bundle.as_ref().or(inner.traces_ca_bundle.as_ref());
        let Some(endpoint) = outer.traces_endpoint.as_deref().or(inner.traces_endpoint.as_deref()) else {
            let message = "there is no tracesEndpoint that it would be for: set that, or leave it out";
            return bundle.map_or(Ok(None), |_| Err(Error::value("tracesCaBundle", message)));
        };
        let ca_bundle = bundle.map(|path| {
            let wrong = |message| Error::value("tracesCaBundle", format!("{}: {message}", path.display()));
            certificates(path).map_err(wrong)
        });
        let url = url(endpoint).map_err(|message| Error::value("tracesEndpoint", message))?;
        Ok(Some(Traces { url, ca_bundle: ca_bundle.transpose()?.unwrap_or_default() }))
    }
}

/// The URL of the collector with the path of traces, as in
/// <https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp>. It is not repeated: it may have something
/// secret in it.
fn url(text: &str) -> Result<Url, String> {
    let mut url = parsed(text, "http://collector.monitoring:4318")?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("it is no http or https URL: write it as in http://collector.monitoring:4318".to_owned());
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        let advice = "it has more than scheme, host, port and path: give headers by the variable OTEL_EXPORTER_OTLP_HEADERS";
        return Err(advice.to_owned());
    }
    let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::{super::from_yaml, *};

    fn read(yaml: &str) -> Result<Option<Traces>, String> {
        let input = from_yaml::<SettingsInput>(yaml).unwrap();
        Traces::new(&input, &SettingsInput::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn traces_go_to_the_path_of_traces_below_the_endpoint_and_nowhere_by_default() {
        assert_eq!(read("{}").unwrap(), None);
        let rows = [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("https://otlp.example.com/otlp/", "https://otlp.example.com/otlp/v1/traces"),
        ];
        for (endpoint, url) in rows {
            let traces = read(&format!("tracesEndpoint: '{endpoint}'")).unwrap().unwrap();
            assert_eq!(traces.url.as_str(), url);
        }
    }

    #[test]
    fn a_wrong_endpoint_is_refused_by_name_and_not_repeated() {
        let rows = [
            ("tracesEndpoint: hunter2", "the setting tracesEndpoint is wrong"),
            ("tracesEndpoint: 'ftp://hunter2'", "it is no http or https URL"),
            ("tracesEndpoint: 'https://me:hunter2@a'", "OTEL_EXPORTER_OTLP_HEADERS"),
            ("tracesEndpoint: 'https://a?key=hunter2'", "OTEL_EXPORTER_OTLP_HEADERS"),
            ("tracesCaBundle: /nowhere", "there is no tracesEndpoint"),
            (
                "{ tracesEndpoint: 'https://a', tracesCaBundle: /nowhere }",
                "tracesCaBundle is wrong: /nowhere: there is no such file",
            ),
        ];
        for (yaml, words) in rows {
            let said = read(yaml).unwrap_err();
            assert!(said.contains(words) && !said.contains("hunter2"), "{yaml}: {said}");
        }
    }
}
