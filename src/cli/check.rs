//! The same judgement without Kubernetes, about one token.

use std::{
    fmt::Write,
    fs,
    io::{self, Read},
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::mpsc,
    time,
};

use super::{
    Error, STANDARD_INPUT, file, host,
    manifest::{self, Manifest, SecretValue},
    plain::{plain, plain_json},
    print, shown,
};
use crate::{
    api::{ConditionStatus, GithubPatConnectionSpec as Spec, GithubPatConnectionStatus as Status},
    domain::{Finding, Reason, duration::Duration, requirement::Line, token::Token},
    judge::judge,
    settings::{CONFIRM_AFTER, Settings, SettingsInput, unread},
    telemetry,
};

/// How long a pipe may take if GITHUB_TOKEN is set too.
const PIPE_DEADLINE: time::Duration = time::Duration::from_secs(5);
/// Longer than any token with what people put around it.
const LONGEST_INPUT: u64 = 64 * 1024;

/// What each exit code means; README.md has the same.
const EXIT_CODES: &str = "\
Exit codes:
  0  usable: Ready is True, also while the token expires soon
  1  not usable: Ready is False. There is no token or something else in its place, GitHub refused the token twice, it has
     expired or misses a requirement, an output cannot hold it, or GitHub restricts the token or its account
  2  undetermined: Ready is Unknown. GitHub gave no clear answer, or refused the token once; or check itself failed
  3  wrong usage: an argument, a file, a variable or a setting is wrong, and nothing was asked";

/// Judges one token without Kubernetes.
///
/// The token comes on standard input, from --secret-file or from GITHUB_TOKEN, never as an
/// argument, since other users see arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub struct Check {
    /// The file that holds the token; else the Secret of the manifest, else a file or pipe on standard input, else
    /// GITHUB_TOKEN, else what is typed
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// A manifest with a GithubPatConnection, whose host and requirements are judged; it may have the Secret too, and - is
    /// standard input
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Which GithubPatConnection of the manifest, if there are several: its name, or NAMESPACE/NAME
    #[arg(long, requires = "manifest")]
    name: Option<String>,
    /// The GitHub host, by its name in the settings [default: that of the manifest, else github.com]
    #[arg(long)]
    host: Option<String>,
    /// The settings file, as for run
    #[arg(long, env = "GITHUB_PAT_OPERATOR_CONFIG", hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to print
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    #[arg(help = format!("How long after a refusal the confirming question comes. {}", CONFIRM_AFTER.help()))]
    confirm_after: Duration,
    /// Which log lines there are, on standard error; warn has the cause where no answer came
    #[arg(long, value_name = "DIRECTIVES", default_value = "error")]
    log_filter: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Asks GitHub about the token and prints the conditions. `handed` is standard input, where nothing else has the token.
pub(super) async fn run<R: Read>(
    check: Check,
    handed: impl FnOnce() -> io::Result<R>,
) -> Result<ExitCode, Error> {
    let given = SettingsInput { confirm_after: Some(check.confirm_after), ..SettingsInput::default() };
    let settings = Settings::new(given, file(check.config)?)?;
    telemetry::start(settings.log_format, &check.log_filter, None)?;
    let (mut spec, secret) = match &check.manifest {
        Some(path) => {
            let Manifest { spec, secret, .. } = manifest::read(path, check.name.as_deref())?;
            (spec, secret)
        }
        None => (without_demands()?, None),
    };
    spec.host = check.host.unwrap_or(spec.host);
    let host = host(&settings, &spec.host)?;
    let parsed = |bytes: &[u8]| Token::parse(bytes, host.legacy_tokens);
    let is_taken = check.manifest.as_deref().is_some_and(manifest::is_standard_input);
    let (source, token) = match secret.filter(|_| check.secret_file.is_none()) {
        Some(SecretValue { source, value: Some(bytes) }) => (source, parsed(&bytes)),
        Some(SecretValue { source, value: None }) => {
            let message = format!(
                "it has no key {}: add it, or name another in spec.secretRef.key",
                shown(&spec.secret_ref.key)
            );
            (source, Err(Finding::new(Reason::KeyNotFound, message)))
        }
        None => {
            let (source, bytes) = input(check.secret_file.as_deref(), is_taken, handed)?;
            (source, parsed(&bytes))
        }
    };
    let judged = judge(&settings, host, &spec, "github-pat-operator check", &source, token).await?;
    let status = &judged.status;
    print(&match check.output {
        Output::Text => text(status, &judged.lines),
        Output::Json => {
            let json = serde_json::to_string_pretty(status);
            plain_json(&json.map_err(|error| Error::Print(error.to_string()))?)
        }
    })?;
    Ok(ExitCode::from(status.usability().exit_code()))
}

/// The spec of a connection that demands nothing.
fn without_demands() -> Result<Spec, Error> {
    serde_json::from_value(serde_json::json!({ "secretRef": { "name": "token" } }))
        .map_err(|error| Error::Print(error.to_string()))
}

/// The bytes of the token and where they stood: in the file that is named, on standard input if a file or a pipe hands some over,
/// in the variable, or typed. Standard input has no token if the manifest was taken from it.
fn input<R: Read>(
    secret_file: Option<&Path>,
    is_taken: bool,
    handed: impl FnOnce() -> io::Result<R>,
) -> Result<(String, Vec<u8>), Error> {
    if let Some(path) = secret_file {
        let name = shown(&path.display().to_string());
        return read(fs::File::open(path), &name).map(|bytes| (name, bytes));
    }
    let variable = std::env::var_os("GITHUB_TOKEN").filter(|token| !token.is_empty());
    if is_taken {
        return variable.map(|token| ("GITHUB_TOKEN".to_owned(), token.into_encoded_bytes())).ok_or_else(|| {
            Error::Usage(format!(
                "{STANDARD_INPUT} has the manifest and not the Secret that the connection names: add the Secret, or give the \
                 token by --secret-file or GITHUB_TOKEN"
            ))
        });
    }
    match variable {
        Some(token) => Ok(match handed_over()? {
            Some(bytes) => (STANDARD_INPUT.to_owned(), bytes),
            None => ("GITHUB_TOKEN".to_owned(), token.into_encoded_bytes()),
        }),
        None => read(handed(), STANDARD_INPUT).map(|bytes| (STANDARD_INPUT.to_owned(), bytes)),
    }
}

/// What a file or a pipe on standard input holds. A pipe may be one that somebody left open, so it has a while and no longer.
fn handed_over() -> Result<Option<Vec<u8>>, Error> {
    let kind = fs::metadata("/dev/stdin").ok().map(|metadata| metadata.file_type());
    if !kind.is_some_and(|kind| kind.is_file() || kind.is_fifo() || kind.is_socket()) {
        return Ok(None);
    }
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(read(Ok(io::stdin()), STANDARD_INPUT)));
    let read = receiver.recv_timeout(PIPE_DEADLINE).ok().transpose()?;
    Ok(read.filter(|bytes| !bytes.is_empty()))
}

fn read(source: io::Result<impl Read>, name: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = source.and_then(|source| source.take(LONGEST_INPUT).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| Error::Usage(format!("cannot read {name}: {}", unread(&error))))
}

/// The conditions as a person reads them.
fn text(status: &Status, lines: &[Line]) -> String {
    let mut text = String::new();
    for condition in &status.conditions {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<16} {:<8} {:<22} {}",
            condition.type_,
            condition.status.as_str(),
            condition.reason,
            plain(&condition.message)
        );
    }
    for Line { kind, name, on, state, finding, .. } in lines {
        let (name, state) = (plain(&format!("{kind:?} {name}")), format!("{state:?}"));
        let on = on.as_deref().filter(|on| !on.is_empty()).map(|on| plain(&format!("on {on}: ")));
        let (on, reason) = (on.unwrap_or_default(), finding.reason.as_str());
        let _ = writeln!(text, "{name:<40} {state:<9} {reason:<22} {on}{}", plain(&finding.message));
    }
    let ready = status.condition("Ready").map(|ready| ready.status);
    if let Some(links) = status.links.as_ref().filter(|_| ready == Some(ConditionStatus::False)) {
        let _ = writeln!(text, "\nA new token: {}", plain(&links.create_token));
        let _ = links.fill_in.iter().try_for_each(|fill_in| writeln!(text, "{}", plain(fill_in)));
    }
    text
}
