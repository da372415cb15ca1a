//! Every setting, with type, default, unit, flag and environment variable; checked together, before any of them is in effect.
//!
//! A flag outweighs its environment variable, that outweighs the file, that outweighs the default. `docs/settings.md` is their
//! table, which a test holds against this file.

mod client_certificate;
mod consistent;
mod host;
mod lease;
mod no_proxy;
mod proxy;
mod range;
mod reload;
mod scraping;
mod shown;
mod sink;
mod source;
mod strict;
mod traces;
mod url;
mod watch;
mod yaml;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use jiff::SignedDuration;
use reqwest::header::HeaderValue;
use serde::Deserialize;

pub use client_certificate::{ClientCertificate, ClientCertificateInput};
pub use host::{Host, HostInput, is_loopback};
pub use lease::Lease;
pub use proxy::{Proxy, ProxyInput};
pub use range::Range;
pub use reload::{AUTHORITIES_OF_SINKS, NEED_A_RESTART, Taken};
pub use scraping::Scraping;
pub use shown::MetricsDetail;
pub use sink::{Sink, SinkFormat, SinkInput, Sinks};
pub use source::Source;
pub use traces::Traces;
pub use watch::{SecretScope, Watch};
pub use yaml::{documents, from_value, from_yaml, unread, with_names};

use crate::domain::{
    duration::Duration,
    probing::{Limits, schedule::Timing},
    selector::{NotASelector, Selector},
    shard::Shard,
};

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;

// Name, default, least, most; durations in seconds. The checks, the sentences of errors and the help text of the flags
// follow from these lines, and a test holds docs/settings.md against them.
const MINIMUM_INTERVAL: Range = Range::duration("minimumInterval", MINUTE, 10, 24 * HOUR);
const TRUST_FOR: Range = Range::duration("trustFor", 24 * HOUR, MINUTE, 720 * HOUR);
/// How long after a first refusal the confirming question may come.
pub const CONFIRM_AFTER: Range = Range::duration("confirmAfter", MINUTE, 1, HOUR);
const PROOF_INTERVAL: Range = Range::duration("proofInterval", 6 * HOUR, MINUTE, 168 * HOUR);
const HEARTBEAT: Range = Range::duration("heartbeat", HOUR, MINUTE, 24 * HOUR);
const INCIDENT_HOLD: Range = Range::duration("incidentHold", 30 * MINUTE, MINUTE, 24 * HOUR);
const FAILED_LOGINS_PER_HOUR: Range = Range::count("failedLoginsPerHour", 30, 1, 10_000);
const FAILED_LOGINS_PER_NAMESPACE: Range = Range::count("failedLoginsPerNamespace", 6, 1, 10_000);
// GitHub's secondary limits are 900 points a minute, of which a question costs one, and 100 requests at once:
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
const QUESTIONS_PER_MINUTE: Range = Range::count("questionsPerMinute", 600, 1, 60_000);
const CONCURRENCY: Range = Range::count("concurrency", 16, 1, 1000);
// client-go's defaults: https://pkg.go.dev/k8s.io/client-go/tools/leaderelection#LeaderElectionConfig
const LEASE_DURATION: Range = Range::duration("leaseDuration", 15, 3, 5 * MINUTE);
const RENEW_DEADLINE: Range = Range::duration("renewDeadline", 10, 2, 4 * MINUTE);
const RETRY_PERIOD: Range = Range::duration("retryPeriod", 2, 1, MINUTE);
const SINK_TIMEOUT: Range = Range::duration("sinks[].timeout", 10, 1, MINUTE);
const HOST_CONCURRENCY: Range = Range::count("hosts[].concurrency", 16, 1, 100);
const CONNECT_TIMEOUT: Range = Range::duration("hosts[].connectTimeout", 3, 1, 30);
// GitHub itself gives up on a request after 10 s:
// https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api#timeouts
const TIMEOUT: Range = Range::duration("hosts[].timeout", 10, 1, MINUTE);

/// Every setting with bounds, those of a host as `hosts[].name`, of a sink as `sinks[].name`.
pub const RANGES: [Range; 17] = [
    MINIMUM_INTERVAL,
    TRUST_FOR,
    CONFIRM_AFTER,
    HEARTBEAT,
    PROOF_INTERVAL,
    INCIDENT_HOLD,
    FAILED_LOGINS_PER_HOUR,
    FAILED_LOGINS_PER_NAMESPACE,
    QUESTIONS_PER_MINUTE,
    CONCURRENCY,
    LEASE_DURATION,
    RENEW_DEADLINE,
    RETRY_PERIOD,
    SINK_TIMEOUT,
    HOST_CONCURRENCY,
    CONNECT_TIMEOUT,
    TIMEOUT,
];

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
    /// How far apart the questions are whether an accepted token serves its purposes.
    pub proof_interval: SignedDuration,
    /// How long the refusals of a host that refuses many tokens at once are not believed.
    pub incident_hold: SignedDuration,
    /// How many failed logins the operator allows itself per hour and host.
    pub failed_logins_per_hour: u32,
    /// The share of each namespace in them, not above all of them.
    pub failed_logins_per_namespace: u32,
    /// How many questions a host is asked per minute at most.
    pub questions_per_minute: u32,
    /// How many connections are reconciled at once.
    pub concurrency: u16,
    /// Whether the objects are listed that name an output, which takes rights of its own.
    pub consumers: bool,
    /// Whether the gate is lifted off Pods that wait for connections, which takes rights of its own.
    pub waiting_pods: bool,
    /// The Lease that one of several replicas holds; `None` if there is one replica only.
    pub lease: Option<Lease>,
    /// Whether `/metrics` shows each connection by namespace and name.
    pub metrics_per_connection: bool,
    /// The labels of connections that stand in metrics and notifications.
    pub connection_labels: Vec<String>,
    /// What else of each connection `/metrics` shows.
    pub metrics_details: Vec<MetricsDetail>,
    /// Whom to tell of changes.
    pub sinks: Sinks,
    /// What of the cluster is watched.
    pub watch: Watch,
    /// Which of several operators this is that share the namespaces; `None` if there is one.
    pub shard: Option<Shard>,
    /// The labels of the connections that are looked after; `None` if all are.
    pub selector: Option<Selector>,
    /// The `X-GitHub-Api-Version` header.
    pub github_api_version: HeaderValue,
    /// Where `/livez` and `/readyz` are served, and `/metrics` too if it has no address of its own.
    pub listen: SocketAddr,
    /// Where and to whom `/metrics` is served.
    pub scraping: Scraping,
    /// Where traces are sent; `None` if nowhere.
    pub traces: Option<Traces>,
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
#[command(mut_args = with_bounds)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SettingsInput {
    /// Shortest interval; a connection that asks for less gets this
    #[arg(long, env = "GITHUB_PAT_OPERATOR_MINIMUM_INTERVAL", value_name = "DURATION")]
    pub minimum_interval: Option<Duration>,
    /// How long an acceptance is trusted while GitHub gives no answer
    #[arg(long, env = "GITHUB_PAT_OPERATOR_TRUST_FOR", value_name = "DURATION")]
    pub trust_for: Option<Duration>,
    /// How long after a first refusal the confirming question comes
    #[arg(long, env = "GITHUB_PAT_OPERATOR_CONFIRM_AFTER", value_name = "DURATION")]
    pub confirm_after: Option<Duration>,
    /// How old checkedAt in a status may become before it is written anew
    #[arg(long, env = "GITHUB_PAT_OPERATOR_HEARTBEAT", value_name = "DURATION")]
    pub heartbeat: Option<Duration>,
    /// How far apart the questions are whether an accepted token serves its purposes
    #[arg(long, env = "GITHUB_PAT_OPERATOR_PROOF_INTERVAL", value_name = "DURATION")]
    pub proof_interval: Option<Duration>,
    /// How long the refusals of a host that refuses many tokens at once are not believed
    #[arg(long, env = "GITHUB_PAT_OPERATOR_INCIDENT_HOLD", value_name = "DURATION")]
    pub incident_hold: Option<Duration>,
    /// How many failed logins the operator allows itself per hour and GitHub host, which counts them against the address
    #[arg(long, env = "GITHUB_PAT_OPERATOR_FAILED_LOGINS_PER_HOUR", value_name = "NUMBER", value_parser = whole_number)]
    pub failed_logins_per_hour: Option<i64>,
    /// The share of each namespace in them; not above --failed-logins-per-hour
    #[arg(long, env = "GITHUB_PAT_OPERATOR_FAILED_LOGINS_PER_NAMESPACE", value_name = "NUMBER", value_parser = whole_number)]
    pub failed_logins_per_namespace: Option<i64>,
    /// How many questions a GitHub host is asked per minute at most
    #[arg(long, env = "GITHUB_PAT_OPERATOR_QUESTIONS_PER_MINUTE", value_name = "NUMBER", value_parser = whole_number)]
    pub questions_per_minute: Option<i64>,
    /// How many connections are reconciled at once
    #[arg(long, env = "GITHUB_PAT_OPERATOR_CONCURRENCY", value_name = "NUMBER", value_parser = whole_number)]
    pub concurrency: Option<i64>,
    /// Whether to list the Pods, workloads and others that name an output [default: false]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_CONSUMERS", value_name = "true|false", value_parser = truth)]
    pub consumers: Option<bool>,
    /// Whether to lift the scheduling gate githubpat.dev/token off Pods once the connections that they wait for are Ready [default: false]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_WAITING_PODS", value_name = "true|false", value_parser = truth)]
    pub waiting_pods: Option<bool>,
    /// Whether several replicas may run, of which one at a time works: the one that holds the Lease [default: false]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_LEADER_ELECTION", value_name = "true|false", value_parser = truth)]
    pub leader_election: Option<bool>,
    /// The name of the Lease [default: github-pat-operator]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_LEASE_NAME", value_name = "NAME")]
    pub lease_name: Option<String>,
    /// The namespace of the Lease [default: that of the Pod or of the kubeconfig]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_LEASE_NAMESPACE", value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// How long the others wait for a leader that is not heard of any more
    #[arg(long, env = "GITHUB_PAT_OPERATOR_LEASE_DURATION", value_name = "DURATION")]
    pub lease_duration: Option<Duration>,
    /// How long the leader tries to renew the Lease before it ends
    #[arg(long, env = "GITHUB_PAT_OPERATOR_RENEW_DEADLINE", value_name = "DURATION")]
    pub renew_deadline: Option<Duration>,
    /// How far apart the renewals of the Lease are
    #[arg(long, env = "GITHUB_PAT_OPERATOR_RETRY_PERIOD", value_name = "DURATION")]
    pub retry_period: Option<Duration>,
    /// Whether /metrics shows each connection by namespace and name, and not only how many there are [default: true]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_METRICS_PER_CONNECTION", value_name = "true|false", value_parser = truth)]
    pub metrics_per_connection: Option<bool>,
    /// The labels of connections that stand in /metrics and in notifications, separated by commas
    #[arg(
        long,
        env = "GITHUB_PAT_OPERATOR_CONNECTION_LABELS",
        value_name = "LABEL,…",
        value_delimiter = ','
    )]
    pub connection_labels: Option<Vec<String>>,
    /// What else of each connection stands in /metrics: the login of its account, and what names its outputs, separated by commas
    #[arg(long, env = "GITHUB_PAT_OPERATOR_METRICS_DETAILS", value_delimiter = ',')]
    pub metrics_details: Option<Vec<MetricsDetail>>,
    /// How the Secrets are watched: one watch for each namespace that has connections, or one for all namespaces [default: Namespaced]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_SECRET_SCOPE")]
    pub secret_scope: Option<SecretScope>,
    /// The namespaces whose connections the operator looks after, separated by commas [default: all]
    #[arg(
        long,
        env = "GITHUB_PAT_OPERATOR_WATCH_NAMESPACES",
        value_name = "NAMESPACE,…",
        value_delimiter = ','
    )]
    pub watch_namespaces: Option<Vec<String>>,
    /// Which of several operators this is that share the namespaces and the budgets of hosts, and how many there are, as in 0/4 [default: the only one]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_SHARD", value_name = "INDEX/COUNT")]
    pub shard: Option<String>,
    /// The labels of the connections that the operator looks after, as in team=infra,!canary [default: all connections]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_SELECTOR", value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// The role that grants the Secrets of a namespace once it is bound there [default: github-pat-operator-secrets]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_SECRETS_ROLE", value_name = "NAME")]
    pub secrets_role: Option<String>,
    /// The role that lets the operator lift the gates of the Pods of a namespace once it is bound there [default: github-pat-operator-waiting-pods]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_WAITING_PODS_ROLE", value_name = "NAME")]
    pub waiting_pods_role: Option<String>,
    /// The X-GitHub-Api-Version header [default: 2022-11-28]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_GITHUB_API_VERSION", value_name = "DATE")]
    pub github_api_version: Option<String>,
    /// Where /livez and /readyz are served, and /metrics without --metrics-listen [default: 127.0.0.1:8080]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_LISTEN", value_name = "ADDRESS:PORT", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Where /metrics is served [default: where --listen says]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_METRICS_LISTEN", value_name = "ADDRESS:PORT", value_parser = address)]
    pub metrics_listen: Option<SocketAddr>,
    /// The folder with tls.crt and tls.key, over which /metrics is served then [default: none, plain HTTP]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_METRICS_TLS_DIRECTORY", value_name = "FOLDER")]
    pub metrics_tls_directory: Option<PathBuf>,
    /// Whether a reader of /metrics must show a bearer token whose user the API server lets get /metrics [default: false]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_METRICS_AUTHENTICATION", value_name = "true|false", value_parser = truth)]
    pub metrics_authentication: Option<bool>,
    /// The URL of the OpenTelemetry collector to which traces are sent over OTLP [default: none]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_TRACES_ENDPOINT", value_name = "URL")]
    pub traces_endpoint: Option<String>,
    /// A PEM file with authorities that the collector is trusted by, beside those of the machine [default: none]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_TRACES_CA_BUNDLE", value_name = "FILE")]
    pub traces_ca_bundle: Option<PathBuf>,
    /// How log lines look [default: text]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Which log lines there are, as in info or warn,github_pat_operator=debug [default: info]
    #[arg(long, env = "GITHUB_PAT_OPERATOR_LOG_FILTER", value_name = "DIRECTIVES")]
    pub log_filter: Option<String>,
    /// GitHub hosts beside github.com; in the file only.
    #[arg(skip)]
    pub hosts: Vec<HostInput>,
    /// Whom to tell of changes; in the file only.
    #[arg(skip)]
    pub sinks: Vec<SinkInput>,
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the settings file {}: {}", path.display(), unread(source))]
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
    /// There was a file, and now it is one that somebody may be writing.
    #[error("the settings file {} is empty; for the defaults alone, write {{}}", .0.display())]
    Empty(PathBuf),
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

impl SettingsInput {
    /// What stands in the file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is no YAML, or has a field that is no setting.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text =
            fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let input = from_yaml::<Option<SettingsInput>>(&text);
        Ok(input.map_err(|message| Error::Parse { path: path.to_owned(), message })?.unwrap_or_default())
    }
}

/// How much of an account's hourly limit is spent on asking, in hundredths of a percent, so that shards can share it; the rest is for those
/// who use its tokens.
const ACCOUNT_SHARE: u32 = 2000;

impl Settings {
    /// All settings together: what `outer` does not give comes from `inner`, and the rest from the defaults.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be used, by name.
    pub fn new(outer: SettingsInput, inner: SettingsInput) -> Result<Self, Error> {
        let duration = |range: Range, outer: Option<_>, inner| range.checked_duration(outer.or(inner));
        let shard = shard(outer.shard.as_ref().or(inner.shard.as_ref()))?;
        let selector = selector(outer.selector.as_ref().or(inner.selector.as_ref()))?;
        let name = lease::name(&outer, &inner, selector.as_ref());
        let lease = Lease::new(&outer, &inner, &name, shard)?;
        let watch = Watch::new(&outer, &inner)?;
        let sinks = Sinks::new(&outer, &inner, &name, shard)?;
        let scraping = Scraping::new(&outer, &inner)?;
        let traces = Traces::new(&outer, &inner)?;
        let labels = outer.connection_labels.or(inner.connection_labels).unwrap_or_default();
        let settings = Settings {
            connection_labels: shown::label_keys(labels)?,
            metrics_details: outer.metrics_details.or(inner.metrics_details).unwrap_or_default(),
            sinks,
            watch,
            shard,
            selector,
            hosts: host::all(outer.hosts.into_iter().chain(inner.hosts))?,
            minimum_interval: duration(MINIMUM_INTERVAL, outer.minimum_interval, inner.minimum_interval)?,
            trust_for: duration(TRUST_FOR, outer.trust_for, inner.trust_for)?,
            confirm_after: duration(CONFIRM_AFTER, outer.confirm_after, inner.confirm_after)?,
            heartbeat: duration(HEARTBEAT, outer.heartbeat, inner.heartbeat)?,
            proof_interval: duration(PROOF_INTERVAL, outer.proof_interval, inner.proof_interval)?,
            incident_hold: duration(INCIDENT_HOLD, outer.incident_hold, inner.incident_hold)?,
            failed_logins_per_hour: FAILED_LOGINS_PER_HOUR
                .checked_number(outer.failed_logins_per_hour.or(inner.failed_logins_per_hour))?,
            failed_logins_per_namespace: FAILED_LOGINS_PER_NAMESPACE
                .checked_number(outer.failed_logins_per_namespace.or(inner.failed_logins_per_namespace))?,
            questions_per_minute: QUESTIONS_PER_MINUTE
                .checked_number(outer.questions_per_minute.or(inner.questions_per_minute))?,
            concurrency: CONCURRENCY.checked_number(outer.concurrency.or(inner.concurrency))?,
            consumers: outer.consumers.or(inner.consumers).unwrap_or_default(),
            waiting_pods: outer.waiting_pods.or(inner.waiting_pods).unwrap_or_default(),
            lease,
            metrics_per_connection: outer
                .metrics_per_connection
                .or(inner.metrics_per_connection)
                .unwrap_or(true),
            github_api_version: api_version(outer.github_api_version.or(inner.github_api_version))?,
            listen: outer.listen.or(inner.listen).unwrap_or(([127, 0, 0, 1], 8080).into()),
            scraping,
            traces,
            log_format: outer.log_format.or(inner.log_format).unwrap_or(LogFormat::Text),
            log_filter: outer.log_filter.or(inner.log_filter).unwrap_or_else(|| "info".to_owned()),
        };
        settings.consistent()
    }

    /// When GitHub is asked for a connection with this interval.
    pub fn timing(&self, interval: Duration) -> Timing {
        Timing {
            interval: interval.get().max(self.minimum_interval),
            minimum_interval: self.minimum_interval,
            confirm_after: self.confirm_after,
            heartbeat: self.heartbeat,
            trust_for: self.trust_for,
            proof_interval: self.proof_interval,
            follows: false,
        }
    }

    /// How many operators share the budgets of hosts.
    fn shards(&self) -> u32 {
        self.shard.map_or(1, |shard| shard.count().into())
    }

    /// How much this host is asked, by this shard.
    fn limits(&self, host: &Host) -> Limits {
        let shards = self.shards();
        // A namespace is looked after by one of them, but an account may have tokens in several.
        let share = |all: u32| all.checked_div(shards).unwrap_or(all);
        let concurrency = share(host.concurrency.into());
        Limits {
            confirm_after: self.confirm_after,
            minimum_interval: self.minimum_interval,
            incident_hold: self.incident_hold,
            failed_logins_per_hour: share(self.failed_logins_per_hour),
            failed_logins_per_namespace: self
                .failed_logins_per_namespace
                .min(share(self.failed_logins_per_hour)),
            points_per_minute: share(self.questions_per_minute),
            concurrency: u16::try_from(concurrency).unwrap_or(host.concurrency),
            account_share: share(ACCOUNT_SHARE),
        }
    }

    /// Each host by its name, and how much it is asked.
    pub fn limited_hosts(&self) -> impl Iterator<Item = (&str, Limits)> {
        self.hosts.iter().map(|host| (host.name.as_str(), self.limits(host)))
    }

    /// The host of this name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }
}

fn shard(given: Option<&String>) -> Result<Option<Shard>, Error> {
    given.map(|text| text.parse().map_err(|message: &str| Error::value("shard", message))).transpose()
}

/// An empty one, as the chart writes it, is that of all connections.
fn selector(given: Option<&String>) -> Result<Option<Selector>, Error> {
    let given = given.filter(|text| !text.trim().is_empty());
    let wrong = |error: NotASelector| Error::value("selector", error.to_string());
    given.map(|text| text.parse().map_err(wrong)).transpose()
}

/// The flag with bounds and default in its help text, if it has bounds.
fn with_bounds(flag: clap::Arg) -> clap::Arg {
    let range = RANGES.iter().find(|range| flag.get_long() == Some(&range.flag()));
    match (range, flag.get_help()) {
        (Some(range), Some(help)) => {
            let help = format!("{help}. {} [default: {}]", range.help(), range.default());
            flag.help(help)
        }
        _ => flag,
    }
}

fn api_version(given: Option<String>) -> Result<HeaderValue, Error> {
    let version = given.unwrap_or_else(|| "2022-11-28".to_owned());
    let is_date = version.parse::<jiff::civil::Date>().is_ok() && version.len() == 10;
    let value = HeaderValue::try_from(&version).ok().filter(|_| is_date);
    value.ok_or_else(|| {
        Error::value("githubApiVersion", format!("{version:?} is not a date as in 2022-11-28"))
    })
}

/// A whole number from the command line or the environment.
fn whole_number(text: &str) -> Result<i64, &'static str> {
    text.parse().map_err(|_| "write a whole number")
}

/// True or false from the command line or the environment.
fn truth(text: &str) -> Result<bool, &'static str> {
    text.parse().map_err(|_| "write true or false")
}

/// An address from the command line or the environment.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("write {}", yaml::ADDRESS))
}

#[cfg(test)]
mod tests;
