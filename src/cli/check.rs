//! The same judgement without Kubernetes, about one token.

use std::{
    fmt::Write,
    fs,
    io::Read,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::mpsc,
    time,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Error, file, print};
use crate::{
    api::{
        self, ConditionStatus, GithubPatConnection, GithubPatConnectionSpec as Spec,
        GithubPatConnectionStatus as Status,
    },
    domain::{
        Finding, Judged,
        decide::{Decision, Demand, Host, Observation, Stand, decide},
        duration::Duration,
        knowledge::Knowledge,
        probe::Probe,
        probing::{Limits, Subject, Urgency, schedule::Past},
        token::Token,
    },
    github::Github,
    links::links,
    prober::{Asked, Asker, Known, Prober},
    settings::{CONFIRM_AFTER, Settings, SettingsInput, from_yaml},
    status::{self, Before, Outcome},
    telemetry,
};

const API_VERSION: &str = "githubpat.dev/v1alpha1";
const KIND: &str = "GithubPatConnection";
/// Where the schema of the spec is in the definition.
const SPEC_SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
const STANDARD_INPUT: &str = "standard input";
/// How long a pipe may take if GITHUB_TOKEN is set too.
const PIPE_DEADLINE: time::Duration = time::Duration::from_secs(5);
/// Longer than any token with what people put around it.
const LONGEST_INPUT: u64 = 64 * 1024;

/// Judges one token without Kubernetes. The token comes on standard input, from --secret-file or from GITHUB_TOKEN, never as an
/// argument, since other users see arguments.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The file that holds the token; else a file or pipe on standard input, else GITHUB_TOKEN, else what is typed
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// A manifest of a GithubPatConnection, whose host and requirements are judged
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    connection: Option<PathBuf>,
    /// The GitHub host, by its name in the settings [default: that of the manifest, else github.com]
    #[arg(long)]
    host: Option<String>,
    /// The settings file, as for run
    #[arg(long, env = "GITHUB_PAT_OPERATOR_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to print
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    #[arg(help = format!("How long after a refusal the confirming question comes. {}", CONFIRM_AFTER.help()))]
    confirm_after: Duration,
    /// Which log lines there are, on standard error
    #[arg(long, value_name = "DIRECTIVES", default_value = "error")]
    log_filter: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Asks GitHub about the token and prints the conditions.
pub(super) async fn run(check: Check) -> Result<ExitCode, Error> {
    let given = SettingsInput { confirm_after: Some(check.confirm_after), ..SettingsInput::default() };
    let settings = Settings::new(given, file(check.config)?)?;
    telemetry::start(settings.log_format, &check.log_filter)?;
    let spec = spec(check.connection.as_deref(), check.host)?;
    let Some(host) = settings.host(&spec.host) else {
        let known: Vec<_> = settings.hosts.iter().map(|host| host.name.as_str()).collect();
        return Err(Error::Usage(format!(
            "there is no host {} in the settings: name one of {}",
            shown(&spec.host),
            known.join(", ")
        )));
    };
    let (source, bytes) = input(check.secret_file.as_deref())?;
    let github = Github::new(&settings)?;
    let known = Host { name: host.name.as_str().into(), registry: host.registry.clone() };
    let token = Token::try_from(bytes.as_slice())
        .map_err(|finding| Finding { message: format!("{source}: {}", finding.message), ..finding });
    let token = token.map_or_else(|finding| Judged::No(vec![finding]), Judged::Yes);
    let seen = ask(github, &spec, known, &settings, token).await;
    let decision = decide(&seen);
    let status = judged(&seen, &decision, host, &spec, &source);
    print(&match check.output {
        Output::Text => text(&status),
        Output::Json => {
            serde_json::to_string_pretty(&status).map_err(|error| Error::Print(error.to_string()))?
        }
    })?;
    Ok(match status.condition("Ready").map(|ready| ready.status) {
        Some(ConditionStatus::True) => ExitCode::SUCCESS,
        Some(ConditionStatus::False) => ExitCode::from(1),
        _ => ExitCode::from(2),
    })
}

/// The manifest's spec, or one without demands.
fn spec(path: Option<&Path>, host: Option<String>) -> Result<Spec, Error> {
    let mut spec = match path {
        Some(path) => manifest(path)?,
        None => serde_json::from_value(serde_json::json!({ "secretRef": { "name": "token" } }))
            .map_err(|error| Error::Print(error.to_string()))?,
    };
    if let Some(host) = host {
        spec.host = host;
    }
    Ok(spec)
}

fn manifest(path: &Path) -> Result<Spec, Error> {
    let wrong =
        |message: String| Error::Usage(format!("{} is wrong: {message}", shown(&path.display().to_string())));
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let manifest: Value = from_yaml(&text).map_err(wrong)?;
    for (field, expected) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        if manifest.get(field).and_then(Value::as_str) != Some(expected) {
            return Err(wrong(format!("{field} must be {expected}")));
        }
    }
    let schema = serde_json::to_value(api::definition()).map_err(|error| Error::Print(error.to_string()))?;
    if let (Some(spec), Some(schema)) = (manifest.get("spec"), schema.pointer(SPEC_SCHEMA))
        && let Some(field) = unknown_field("spec", spec, schema)
    {
        return Err(wrong(format!("{field} is no field of a {KIND}")));
    }
    let connection: GithubPatConnection = from_yaml(&text).map_err(wrong)?;
    Ok(connection.spec)
}

/// The first field that the schema does not have; a demand in a misspelt field would be none, and the token found usable.
fn unknown_field(path: &str, value: &Value, schema: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let path = format!("{path}.{name}");
            match schema.get("properties").and_then(|properties| properties.get(name)) {
                Some(schema) => unknown_field(&path, value, schema),
                None => Some(path),
            }
        }),
        Value::Array(items) => {
            let schema = schema.get("items")?;
            items
                .iter()
                .enumerate()
                .find_map(|(index, item)| unknown_field(&format!("{path}[{index}]"), item, schema))
        }
        _ => None,
    }
}

/// The bytes of the token and where they stood: in the file that is named, on standard input if a file or a pipe hands some over,
/// in the variable, or typed.
fn input(secret_file: Option<&Path>) -> Result<(String, Vec<u8>), Error> {
    if let Some(path) = secret_file {
        let name = shown(&path.display().to_string());
        return read(fs::File::open(path), &name).map(|bytes| (name, bytes));
    }
    match std::env::var_os("GITHUB_TOKEN").filter(|token| !token.is_empty()) {
        Some(token) => Ok(match handed_over() {
            Some(bytes) => (STANDARD_INPUT.to_owned(), bytes),
            None => ("GITHUB_TOKEN".to_owned(), token.into_encoded_bytes()),
        }),
        None => read(Ok(std::io::stdin()), STANDARD_INPUT).map(|bytes| (STANDARD_INPUT.to_owned(), bytes)),
    }
}

/// What a file or a pipe on standard input holds. A pipe may be one that somebody left open, so it has a while and no longer.
fn handed_over() -> Option<Vec<u8>> {
    let kind = fs::metadata("/dev/stdin").ok()?.file_type();
    if !(kind.is_file() || kind.is_fifo() || kind.is_socket()) {
        return None;
    }
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(read(Ok(std::io::stdin()), STANDARD_INPUT)));
    receiver.recv_timeout(PIPE_DEADLINE).ok()?.ok().filter(|bytes| !bytes.is_empty())
}

/// A word of the command line as a message may repeat it: people put a token where a name belongs.
fn shown(word: &str) -> String {
    match Token::try_from(word.as_bytes()) {
        Ok(_) => "what looks like a token (not repeated here)".to_owned(),
        Err(_) => word.to_owned(),
    }
}

fn read(source: std::io::Result<impl Read>, name: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = source.and_then(|source| source.take(LONGEST_INPUT).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| Error::Usage(format!("cannot read {name}: {error}")))
}

/// What the prober hears about the token.
async fn ask(
    github: Github,
    spec: &Spec,
    host: Host,
    settings: &Settings,
    token: Judged<Token>,
) -> Observation {
    let now = Timestamp::now();
    let subject = |token: &Token| Subject { host: host.name.clone(), token: token.hashed() };
    let asked = token.yes().map(|token| (token.clone(), subject(token)));
    let described = match token {
        Judged::Yes(token) => Judged::Yes(token.describe()),
        Judged::No(findings) => Judged::No(findings),
        Judged::Unknown(finding) => Judged::Unknown(finding),
    };
    let (prober, workers) = Prober::new(github, [(host.name.clone(), limits(settings))]);
    let mut seen = Observation {
        now,
        skew: SignedDuration::ZERO,
        token: described,
        bytes: asked.as_ref().map(|(token, _)| token.clone()),
        host: Judged::Yes(host.clone()),
        knowledge: Knowledge::default(),
        heard_refusal: false,
        past: Past { since: now, asked: None, released: None },
        demand: Demand { suspend: false, ..spec.demand() },
        timing: settings.timing(spec.interval),
        pending: false,
        not_before: None,
        found: Vec::new(),
    };
    let Some((token, subject)) = asked else { return seen };
    let known = tokio::select! {
        known = confirmed(&prober, &token, &subject, settings.confirm_after) => known,
        () = workers.run() => None,
    };
    seen.now = Timestamp::now();
    seen.skew = prober.clock_offset(&host.name);
    if let Some(known) = known {
        seen.past = known.past(now);
        seen.knowledge = known.knowledge;
    }
    seen
}

/// One question, and after a first refusal the one that confirms it.
async fn confirmed(
    prober: &Prober,
    token: &Token,
    subject: &Subject,
    confirm_after: SignedDuration,
) -> Option<Known> {
    let known = answer(prober, token, subject, Urgency::New).await?;
    if known.knowledge.refused.is_none() {
        return Some(known);
    }
    tokio::time::sleep(confirm_after.unsigned_abs()).await;
    answer(prober, token, subject, Urgency::Confirm).await
}

/// What is known once the question has been asked.
async fn answer(prober: &Prober, token: &Token, subject: &Subject, urgency: Urgency) -> Option<Known> {
    let asker = Asker { namespace: "", accepted_before: false, condemned: false, account: None };
    let asked = prober.ask(token.clone(), subject, Probe::Identity, urgency, &asker, Timestamp::now());
    if asked == Asked::Pending {
        prober.changes().next().await;
    }
    prober.heard(subject)
}

/// Wide enough for two questions.
fn limits(settings: &Settings) -> Limits {
    Limits {
        confirm_after: settings.confirm_after,
        minimum_interval: settings.minimum_interval,
        incident_hold: SignedDuration::ZERO,
        failed_logins_per_hour: 2,
        failed_logins_per_namespace: 2,
        points_per_minute: 60,
        concurrency: 1,
        account_share: 100,
    }
}

/// The status that the operator would write, without outputs, of which only what refuses the token is told.
fn judged(
    seen: &Observation,
    decision: &Decision<'_>,
    host: &crate::settings::Host,
    spec: &Spec,
    source: &str,
) -> Status {
    let refused = decision.stands.iter().any(|(_, stand)| matches!(stand, Stand::Refused(_)));
    // Nothing is written here, so what is not refused counts as written.
    let stands = decision.stands.iter().map(|(name, stand)| match stand {
        Stand::Refused(finding) => (*name, Stand::Refused(finding.clone())),
        _ => (*name, Stand::Wanted),
    });
    let stands: Vec<_> = stands.collect();
    let links = links(host, "github-pat-operator check", spec);
    let outcome = Outcome {
        seen,
        decision,
        stands: &stands,
        source,
        secret_name: source,
        links: Some(&links),
        raised_from: None,
        handled_request: None,
    };
    let mut status = status::next(Before::default(), None, &outcome).unwrap_or_default();
    status.conditions.retain(|condition| condition.type_ != "Published" || refused);
    status.outputs.clear();
    status.next_check_at = None;
    status
}

/// The conditions as a person reads them.
fn text(status: &Status) -> String {
    let mut text = String::new();
    for condition in &status.conditions {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<16} {:<8} {:<22} {}",
            condition.type_,
            condition.status.as_str(),
            condition.reason,
            condition.message
        );
    }
    let ready = status.condition("Ready").map(|ready| ready.status);
    if let Some(links) = status.links.as_ref().filter(|_| ready == Some(ConditionStatus::False)) {
        let _ = writeln!(text, "\nA new token: {}", links.create_token);
    }
    text
}
