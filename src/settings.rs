//! Every setting, with type, default, unit, flag and environment variable; checked together, before anything starts.
//!
//! A flag outweighs its environment variable, that outweighs the file, that outweighs the default. `docs/settings.md` is their
//! table, which a test holds against this file.

mod host;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use jiff::SignedDuration;
use reqwest::header::HeaderValue;
use serde::{Deserialize, de::DeserializeOwned};

pub use host::Host;

use crate::domain::{duration::Duration, probing::schedule::Timing};

const TRUST_FOR: Duration = Duration::hours(24);
const HEARTBEAT: Duration = Duration::hours(1);

/// The settings of a running operator.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The hosts that connections may name; `github.com` is always among them.
    pub hosts: Vec<Host>,
    /// The shortest interval; a connection that asks for less gets this.
    pub minimum_interval: SignedDuration,
    /// How long an acceptance is trusted while GitHub gives no answer.
    pub trust_for: SignedDuration,
    /// How long after a first refusal the confirming question comes.
    pub confirm_after: SignedDuration,
    /// How old `checkedAt` in a status may become.
    pub heartbeat: SignedDuration,
    /// How many connections are reconciled at once.
    pub concurrency: u16,
    /// The `X-GitHub-Api-Version` header.
    pub github_api_version: HeaderValue,
    /// Where `/livez` and `/readyz` are served.
    pub listen: SocketAddr,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines there are.
    pub log_filter: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Settings as a file, the environment or the command line give them.
#[derive(Clone, Debug, Default, Deserialize, clap::Args)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Input {
    /// Shortest interval; a connection that asks for less gets this. From 10s to 24h [default: 1m]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_MINIMUM_INTERVAL", value_name = "DURATION")]
    pub minimum_interval: Option<Duration>,
    /// How long an acceptance is trusted while GitHub gives no answer. From 1m to 720h [default: 24h]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_TRUST_FOR", value_name = "DURATION")]
    pub trust_for: Option<Duration>,
    /// How long after a first refusal the confirming question comes. From 1s to 1h [default: 1m]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_CONFIRM_AFTER", value_name = "DURATION")]
    pub confirm_after: Option<Duration>,
    /// How old checkedAt in a status may become before it is written anew. From 1m to 24h [default: 1h]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_HEARTBEAT", value_name = "DURATION")]
    pub heartbeat: Option<Duration>,
    /// How many connections are reconciled at once. From 1 to 1000 [default: 32]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_CONCURRENCY", value_name = "NUMBER")]
    pub concurrency: Option<u16>,
    /// The X-GitHub-Api-Version header [default: 2022-11-28]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_GITHUB_API_VERSION", value_name = "DATE")]
    pub github_api_version: Option<String>,
    /// Where /livez and /readyz are served [default: 127.0.0.1:8080]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// How log lines look [default: text]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Which log lines there are, as in info or warn,github_pat_operator=debug [default: info]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_LOG_FILTER", value_name = "DIRECTIVES")]
    pub log_filter: Option<String>,
    /// GitHub hosts beside github.com; in the file only.
    #[arg(skip)]
    pub hosts: Vec<host::HostInput>,
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the settings file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("the settings file {} is wrong: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        message: String,
    },
    /// One setting is out of its bounds.
    #[error("the setting {name} is wrong: {message}")]
    Value {
        /// Which one, as in the file.
        name: String,
        /// Why, and what would be right.
        message: String,
    },
}

impl Error {
    fn value(name: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Value { name: name.into(), message: message.into() }
    }
}

impl Input {
    /// What stands in the file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is no YAML, or has a field that is no setting.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text =
            fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let given = from_yaml::<Option<Input>>(&text);
        Ok(given.map_err(|message| Error::Parse { path: path.to_owned(), message })?.unwrap_or_default())
    }
}

impl Settings {
    /// All settings together: what `outer` does not give comes from `inner`, and the rest from the defaults.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be used, by name.
    pub fn new(outer: Input, inner: Input) -> Result<Self, Error> {
        let minimum = outer.minimum_interval.or(inner.minimum_interval);
        let trust = outer.trust_for.or(inner.trust_for);
        let confirm = outer.confirm_after.or(inner.confirm_after);
        let heartbeat = outer.heartbeat.or(inner.heartbeat);
        if trust.unwrap_or(TRUST_FOR) < heartbeat.unwrap_or(HEARTBEAT) {
            let message = "it is below heartbeat, and after a restart an acceptance may seem that old";
            return Err(Error::value("trustFor", message));
        }
        Ok(Settings {
            hosts: host::all(outer.hosts.into_iter().chain(inner.hosts))?,
            minimum_interval: within(
                "minimumInterval",
                minimum,
                Duration::minutes(1),
                Duration::seconds(10),
                Duration::hours(24),
            )?,
            trust_for: within("trustFor", trust, TRUST_FOR, Duration::minutes(1), Duration::hours(720))?,
            confirm_after: within(
                "confirmAfter",
                confirm,
                Duration::minutes(1),
                Duration::seconds(1),
                Duration::hours(1),
            )?,
            heartbeat: within("heartbeat", heartbeat, HEARTBEAT, Duration::minutes(1), Duration::hours(24))?,
            concurrency: concurrency(outer.concurrency.or(inner.concurrency).unwrap_or(32))?,
            github_api_version: api_version(outer.github_api_version.or(inner.github_api_version))?,
            listen: outer.listen.or(inner.listen).unwrap_or(([127, 0, 0, 1], 8080).into()),
            log_format: outer.log_format.or(inner.log_format).unwrap_or(LogFormat::Text),
            log_filter: outer.log_filter.or(inner.log_filter).unwrap_or_else(|| "info".to_owned()),
        })
    }

    /// When GitHub is asked for a connection with this interval.
    pub fn timing(&self, interval: Duration) -> Timing {
        Timing {
            interval: interval.get().max(self.minimum_interval),
            minimum_interval: self.minimum_interval,
            confirm_after: self.confirm_after,
            heartbeat: self.heartbeat,
            trust_for: self.trust_for,
        }
    }

    /// The host of this name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }
}

fn within(
    name: &str,
    given: Option<Duration>,
    default: Duration,
    least: Duration,
    most: Duration,
) -> Result<SignedDuration, Error> {
    let duration = given.unwrap_or(default);
    if duration < least || duration > most {
        return Err(Error::value(name, format!("{duration} is not between {least} and {most}")));
    }
    Ok(duration.get())
}

fn concurrency(count: u16) -> Result<u16, Error> {
    if (1..=1000).contains(&count) {
        return Ok(count);
    }
    Err(Error::value("concurrency", format!("{count} is not between 1 and 1000")))
}

fn api_version(given: Option<String>) -> Result<HeaderValue, Error> {
    let version = given.unwrap_or_else(|| "2022-11-28".to_owned());
    let is_date = version.parse::<jiff::civil::Date>().is_ok() && version.len() == 10;
    let value = HeaderValue::try_from(&version).ok().filter(|_| is_date);
    value.ok_or_else(|| {
        Error::value("githubApiVersion", format!("{version:?} is not a date as in 2022-11-28"))
    })
}

/// The value that the YAML text is.
///
/// # Errors
///
/// One line that names the field and says what is wrong with it.
pub fn from_yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value: serde_json::Value =
        serde_saphyr::from_str(text).map_err(|error| one_line(&error.to_string()))?;
    if value.is_array() {
        return Err("it is a list, where fields with names are wanted".to_owned());
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (path, message) = (error.path().to_string(), one_line(&error.inner().to_string()));
        if path == "." { message } else { format!("{path}: {message}") }
    })
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(yaml: &str) -> Result<Settings, Error> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("settings.yaml");
        fs::write(&path, yaml).unwrap();
        Settings::new(Input::default(), Input::read(&path)?)
    }

    #[test]
    fn without_any_setting_the_defaults_hold() {
        let settings = settings("").unwrap();
        assert_eq!(settings.minimum_interval, SignedDuration::from_mins(1));
        assert_eq!(settings.concurrency, 32);
        let host = settings.host("github.com").unwrap();
        assert_eq!(
            (host.endpoint("user").as_str(), host.web_url.as_str()),
            ("https://api.github.com/user", "https://github.com")
        );
        assert_eq!(host.registry.as_deref(), Some("ghcr.io"));
    }

    #[test]
    fn a_flag_outweighs_the_file() {
        let flags = Input { concurrency: Some(2), ..Input::default() };
        let file = Input { concurrency: Some(3), trust_for: Some(Duration::hours(2)), ..Input::default() };
        let settings = Settings::new(flags, file).unwrap();
        assert_eq!((settings.concurrency, settings.trust_for), (2, SignedDuration::from_hours(2)));
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_would_be_right() {
        let rows = [
            ("minimumInterval: 1s", "minimumInterval", "between 10s and 24h"),
            ("minimumInterval: soon", "minimumInterval", "30m"),
            ("{ trustFor: 1s, heartbeat: 1m }", "trustFor", "below heartbeat"),
            ("trustFor: 999h", "trustFor", "between"),
            ("trustFor: 30m", "trustFor", "below heartbeat"),
            ("confirmAfter: 2h", "confirmAfter", "between"),
            ("heartbeat: 0s", "heartbeat", "between"),
            ("concurrency: 0", "concurrency", "between 1 and 1000"),
            ("githubApiVersion: latest", "githubApiVersion", "2022-11-28"),
            ("hosts: [{ name: a, apiUrl: 'http://ghe.example.com/api/v3' }]", "hosts[0].apiUrl", "loopback"),
            ("hosts: [{ name: a, apiUrl: 'ftp://ghe.example.com' }]", "hosts[0].apiUrl", "https"),
            ("hosts: [{ name: a, apiUrl: 'https://me:you@ghe.example.com' }]", "hosts[0].apiUrl", "user"),
            ("hosts: [{ name: a, apiUrl: 'https://ghe.example.com/?a=b' }]", "hosts[0].apiUrl", "query"),
            ("hosts: [{ name: a, apiUrl: 'no url' }]", "hosts[0].apiUrl", "URL"),
            ("hosts: [{ name: A_b, apiUrl: 'https://a.example.com' }]", "hosts[0].name", "lower case"),
            ("hosts: [{ name: a, apiUrl: 'https://a.example.com', webUrl: x }]", "hosts[0].webUrl", "URL"),
            (
                "hosts: [{ name: a, apiUrl: 'https://a.example.com', registry: 'https://r' }]",
                "hosts[0].registry",
                "host name",
            ),
            (
                "hosts: [{ name: a, apiUrl: 'https://a.example.com', caBundle: /no/such }]",
                "hosts[0].caBundle",
                "/no/such",
            ),
            (
                "hosts: [{ name: a, apiUrl: 'https://a.example.com' }, { name: a, apiUrl: 'https://b.example.com' }]",
                "hosts[1].name",
                "twice",
            ),
            ("nosuch: 1", "nosuch", "unknown"),
            ("[", "settings.yaml", "wrong"),
            ("[30s, 5s]", "settings.yaml", "a list"),
        ];
        for (yaml, name, words) in rows {
            let error = settings(yaml).expect_err(yaml).to_string();
            assert!(error.contains(name) && error.contains(words), "{yaml}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn the_pages_of_a_host_follow_from_its_api() {
        let rows = [
            (
                "https://ghe.example.com/api/v3",
                "https://ghe.example.com/api/v3/user",
                "https://ghe.example.com",
            ),
            (
                "https://ghe.example.com:8443/api/v3/",
                "https://ghe.example.com:8443/api/v3/user",
                "https://ghe.example.com:8443",
            ),
            ("https://api.acme.ghe.com", "https://api.acme.ghe.com/user", "https://acme.ghe.com"),
            ("http://127.0.0.1:4000", "http://127.0.0.1:4000/user", "http://127.0.0.1:4000"),
            ("http://localhost:4000", "http://localhost:4000/user", "http://localhost:4000"),
            ("http://[::1]:4000", "http://[::1]:4000/user", "http://[::1]:4000"),
        ];
        for (api, user, web) in rows {
            let settings = settings(&format!("hosts: [{{ name: a, apiUrl: '{api}' }}]")).unwrap();
            let host = settings.host("a").unwrap();
            assert_eq!((host.endpoint("user").as_str(), host.web_url.as_str()), (user, web), "{api}");
            assert!(settings.host("github.com").is_some());
        }
    }
}
