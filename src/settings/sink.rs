//! Whom to tell of changes, over HTTP. They stand in the settings, since a URL in a tenant's hands would have the operator talk to
//! whatever it can reach.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use jiff::SignedDuration;
use reqwest::Url;
use rustls::pki_types::CertificateDer;
use serde::Deserialize;

use super::{Error, SINK_TIMEOUT, SettingsInput, host::certificates, shown::is_label_key, url::parsed};
use crate::domain::{duration::Duration, notice::Level, shard::Shard};

/// Whom to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// By which the log and the metrics call it.
    pub name: String,
    /// Where messages are posted.
    pub url: Url,
    /// How they look.
    pub format: SinkFormat,
    /// The file with the secret that they are signed with.
    pub secret_file: Option<PathBuf>,
    /// The namespaces of whose connections it is told; of none, all.
    pub namespaces: Vec<String>,
    /// The labels that a connection must have, each with this value.
    pub labels: BTreeMap<String, String>,
    /// What is less grave is not told.
    pub severity: Level,
    /// Authorities to trust beside those of the machine.
    pub ca_bundle: Vec<CertificateDer<'static>>,
    /// How long one message may take.
    pub timeout: SignedDuration,
}

/// All of them, and where it is kept what they were told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sinks {
    /// Each of them.
    pub all: Vec<Sink>,
    /// The ConfigMap.
    pub config_map: String,
    /// Its namespace; `None` means that of the Pod or of the kubeconfig.
    pub namespace: Option<String>,
}

/// How a message looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum SinkFormat {
    /// The message itself.
    #[default]
    Webhook,
    /// A CloudEvent around it, in structured mode.
    CloudEvents,
}

/// A sink as the file gives it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SinkInput {
    /// By which the log and the metrics call it.
    pub name: String,
    /// Where messages are posted.
    pub url: String,
    /// How they look.
    pub format: Option<SinkFormat>,
    /// The path of a file with the secret that they are signed with.
    pub secret_file: Option<PathBuf>,
    /// The namespaces of whose connections it is told.
    pub namespaces: Option<Vec<String>>,
    /// The labels that a connection must have.
    pub labels: Option<BTreeMap<String, String>>,
    /// What is less grave is not told.
    pub severity: Option<Level>,
    /// The path of a PEM file with authorities to trust beside those of the machine.
    pub ca_bundle: Option<PathBuf>,
    /// How long one message may take.
    pub timeout: Option<Duration>,
}

impl Sinks {
    pub(super) fn new(
        outer: &SettingsInput,
        inner: &SettingsInput,
        lease: &str,
        shard: Option<Shard>,
    ) -> Result<Self, Error> {
        let mut names = BTreeSet::new();
        let given = outer.sinks.iter().chain(&inner.sinks).enumerate();
        let checked = given.map(|(index, given)| {
            let wrong = |(field, message)| Error::value(format!("sinks[{index}].{field}"), message);
            let sink = given.checked().map_err(wrong)?;
            if names.insert(sink.name.clone()) {
                Ok(sink)
            } else {
                Err(wrong(("name", format!("{} is named twice", sink.name))))
            }
        });
        // Each shard keeps what it has told itself.
        let name = shard.map_or(lease.to_owned(), |shard| format!("{lease}-{}", shard.index()));
        Ok(Sinks {
            all: checked.collect::<Result<_, _>>()?,
            config_map: format!("{name}-sinks"),
            namespace: outer.lease_namespace.clone().or_else(|| inner.lease_namespace.clone()),
        })
    }

    /// These sinks, each with the authorities that it has among the new ones, if nothing else of it is another there.
    pub(super) fn with_authorities_of(&self, new: &Sinks) -> Vec<Sink> {
        let renewed = |sink: &Sink| {
            let same = new.all.iter().find(|other| other.name == sink.name)?;
            let renewed = Sink { ca_bundle: same.ca_bundle.clone(), ..sink.clone() };
            (renewed == *same).then_some(renewed)
        };
        self.all.iter().map(|sink| renewed(sink).unwrap_or_else(|| sink.clone())).collect()
    }
}

impl SinkInput {
    /// The sink, or the field that is wrong and why.
    fn checked(&self) -> Result<Sink, (&'static str, String)> {
        if !is_name(&self.name) {
            let message =
                format!("{:?} is no name of 63 lower case letters, digits and hyphens at most", self.name);
            return Err(("name", message));
        }
        let ca_bundle = self.ca_bundle.as_deref().map(|path| {
            certificates(path).map_err(|message| ("caBundle", format!("{}: {message}", path.display())))
        });
        if let Some(key) = self.labels.iter().flat_map(BTreeMap::keys).find(|key| !is_label_key(key)) {
            return Err(("labels", format!("{key:?} is no key of a label, as in team or example.com/owner")));
        }
        Ok(Sink {
            name: self.name.clone(),
            url: url(&self.url).map_err(|message| ("url", message))?,
            format: self.format.unwrap_or_default(),
            secret_file: self.secret_file.clone(),
            namespaces: self.namespaces.clone().unwrap_or_default(),
            labels: self.labels.clone().unwrap_or_default(),
            severity: self.severity.unwrap_or_default(),
            ca_bundle: ca_bundle.transpose()?.unwrap_or_default(),
            timeout: SINK_TIMEOUT.length(self.timeout).map_err(|message| ("timeout", message))?,
        })
    }
}

/// An `http` or `https` URL. It is not repeated: it may have something secret in it.
fn url(text: &str) -> Result<Url, String> {
    let url = parsed(text, "https://hooks.example.com/github-pats")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a user or password: use secretFile, by which messages are signed".to_owned());
    }
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err("it is no http or https URL: use https".to_owned()),
    }
}

/// True for what is a key in a ConfigMap and the value of a label.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len())
        && name.chars().all(is_plain)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::{
        super::{from_yaml, lease},
        *,
    };

    fn read(yaml: &str) -> Result<Sinks, String> {
        let input = from_yaml::<SettingsInput>(yaml)?;
        let shard = input.shard.as_ref().map(|shard| shard.parse().unwrap());
        let inner = SettingsInput::default();
        let lease = lease::name(&input, &inner, None);
        Sinks::new(&input, &inner, &lease, shard).map_err(|error| error.to_string())
    }

    #[test]
    fn a_sink_needs_a_name_and_a_url_and_has_a_default_for_the_rest() {
        let sinks = read("sinks: [{ name: ops, url: 'https://hooks.example.com/a?b=c' }]").unwrap();
        let sink = &sinks.all[0];
        assert_eq!(
            (sink.format, sink.severity, sink.timeout.as_secs()),
            (SinkFormat::Webhook, Level::Info, 10)
        );
        assert_eq!(sinks.config_map, "github-pat-operator-sinks");
        let sinks = read(
            "leaseName: pats\nleaseNamespace: ops\nsinks: [{ name: bus, url: 'http://broker', format: CloudEvents, severity: critical }]",
        );
        let sinks = sinks.unwrap();
        assert_eq!((&*sinks.config_map, sinks.namespace.as_deref()), ("pats-sinks", Some("ops")));
        assert_eq!((sinks.all[0].format, sinks.all[0].severity), (SinkFormat::CloudEvents, Level::Critical));
        let of_shard =
            read("leaseName: pats\nshard: 2/4\nsinks: [{ name: bus, url: 'http://broker' }]").unwrap();
        assert_eq!(of_shard.config_map, "pats-2-sinks", "each shard keeps what it has told itself");
    }

    #[test]
    fn a_wrong_sink_is_refused_by_its_field_and_its_url_is_not_repeated() {
        let rows = [
            ("{ name: Ops, url: 'https://a' }", "sinks[0].name"),
            (
                "{ name: a, url: 'https://a' }, { name: a, url: 'https://b' }",
                "sinks[1].name is wrong: a is named twice",
            ),
            ("{ name: a, url: 'ftp://hunter2' }", "sinks[0].url"),
            ("{ name: a, url: 'https://me:hunter2@a' }", "use secretFile"),
            ("{ name: a, url: hunter2 }", "sinks[0].url"),
            ("{ name: a, url: 'https://a', timeout: 0s }", "sinks[0].timeout"),
            ("{ name: a, url: 'https://a', format: Slack }", "sinks[0].format"),
            ("{ name: a, url: 'https://a', severity: fatal }", "sinks[0].severity"),
            (
                "{ name: a, url: 'https://a', caBundle: /nowhere }",
                "sinks[0].caBundle is wrong: /nowhere: there is no such file",
            ),
            ("{ name: a, url: 'https://a', labels: { 'a b': c } }", "sinks[0].labels is wrong"),
            ("{ name: a, url: 'https://a', secret: x }", "secret"),
        ];
        for (row, words) in rows {
            let said = read(&format!("sinks: [{row}]")).unwrap_err();
            assert!(said.contains(words) && !said.contains("hunter2"), "{row}: {said}");
        }
    }
}
