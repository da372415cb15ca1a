//! What ends a subcommand early, as one sentence with the next command.

use std::error::Error as _;

use github_pat_operator::{api::Usability, cli, cli::holds_a_token, domain::token::Token, run::kubeconfig};
use kube::core::Status;

/// What ends a subcommand early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command line, a file or a name is wrong.
    #[error("{0}")]
    Usage(String),
    /// The cluster cannot be talked to, or does not do what it is asked.
    #[error("{0}")]
    Cluster(String),
    /// The API server has answered, and did not do what it was asked.
    #[error("{0}")]
    Refused(String),
    /// Output cannot be written.
    #[error("cannot write: {0}; df -h shows whether a disk is full")]
    Write(#[from] std::io::Error),
    /// The terminal at which a person is asked cannot be used.
    #[error("cannot read the terminal: {0}; the token can also come from --token-file or a pipe")]
    Terminal(std::io::Error),
    /// A token was judged, and it is not usable.
    #[error("nothing was written, since the token is {}{}", .0.words(), next_step(*.0))]
    Rejected(Usability),
    /// A person has given up.
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// A part of the operator has failed.
    #[error(transparent)]
    Operator(#[from] cli::Error),
}

impl Error {
    /// 3 for what the caller must mend, 2 for what leaves open whether a connection is of use.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) => 3,
            Error::Cluster(_) | Error::Refused(_) | Error::Write(_) | Error::Terminal(_) => 2,
            Error::Rejected(usability) => usability.exit_code(),
            // As a shell has it for a program that Ctrl-C has ended.
            Error::Interrupted => 130,
            Error::Operator(error) => error.exit_code().max(2),
        }
    }

    /// The same where something was written before, as this sentence says: the command line alone cannot mend that.
    pub(crate) fn after(self, written: &str) -> Self {
        match self {
            Error::Usage(text) | Error::Cluster(text) | Error::Refused(text) => {
                Error::Cluster(format!("{text}; {written}"))
            }
            other => other,
        }
    }

    /// The same, unless a part of this token, which was sent, came back in a sentence: an admission webhook or policy may repeat what it judges.
    pub(crate) fn without(self, token: &Token) -> Self {
        let unless_shown = |text: String| {
            match token.shows_in(&text) {
            true => "the API server refuses it with a sentence that holds a part of the token (not repeated here): a webhook or a policy of \
                     the cluster repeats what it is shown, which its administrator should know"
                .to_owned(),
            false => text,
        }
        };
        match self {
            Error::Usage(text) => Error::Usage(unless_shown(text)),
            Error::Cluster(text) => Error::Cluster(unless_shown(text)),
            Error::Refused(text) => Error::Refused(unless_shown(text)),
            other => other,
        }
    }

    /// What the API server, or the way to it, did not let happen. `doing` is what was to be done, as in `read connection ci-bot`; `flags` name
    /// the cluster for kubectl.
    pub(crate) fn of_cluster(doing: &str, error: &kube::Error, flags: &str) -> Self {
        // What a gateway or a server in trouble says leaves open whether it was done.
        let of = match error {
            kube::Error::Api(status) if status.code < 500 => Error::Refused,
            _ => Error::Cluster,
        };
        of(match error {
            kube::Error::Api(status) if status.code == 401 => {
                format!("the API server does not accept your credentials: kubectl auth whoami{flags} shows who you are to it")
            }
            kube::Error::Api(status) if status.code == 403 => format!(
                "you may not {doing}: {}; kubectl auth can-i --list{flags} shows what you may",
                unless_a_token(&status.message)
            ),
            kube::Error::Api(status) if let Some(namespace) = missing_namespace(status) => {
                let flags = flags.replacen(&format!(" -n {namespace}"), "", 1);
                return Error::Usage(format!(
                    "the API server does not let you {doing}: {}; kubectl get namespaces{flags} shows which there are",
                    unless_a_token(&status.message)
                ));
            }
            kube::Error::Api(status) if is_wrong_usage(status) => {
                return Error::Usage(format!("the API server does not let you {doing}: {}", unless_a_token(&status.message)));
            }
            kube::Error::Api(status) if status.code == 404 && status.details.as_ref().is_none_or(|it| it.name.is_empty()) => {
                "this cluster does not know the resource GithubPatConnection: install the operator first, as docs/getting-started.md says"
                    .to_owned()
            }
            kube::Error::Api(status) => {
                format!("the API server does not let you {doing}: {}", unless_a_token(&status.message))
            }
            kube::Error::Auth(_) => format!("no cluster to talk to: {}", kubeconfig::no_client(error)),
            other => format!(
                "cannot {doing}: {}; kubectl version{flags} shows whether the API server can be reached",
                unless_a_token(&innermost(other))
            ),
        })
    }
}

/// What to do after this verdict, which itself says what is wrong with a token.
const fn next_step(usability: Usability) -> &'static str {
    match usability {
        Usability::Undetermined => ": the same command a little later asks GitHub once more",
        Usability::Usable | Usability::NotUsable => "",
    }
}

/// The namespace that does not exist.
fn missing_namespace(status: &Status) -> Option<&str> {
    let details =
        status.details.as_ref().filter(|details| status.code == 404 && details.kind == "namespaces")?;
    Some(&details.name)
}

/// True if what was sent cannot be right, as opposed to what a policy or a webhook of this cluster does not want.
fn is_wrong_usage(status: &Status) -> bool {
    match status.code {
        400 => !status.message.starts_with("admission webhook"),
        // A policy names no field.
        422 => status.details.iter().flat_map(|details| &details.causes).any(|cause| !cause.field.is_empty()),
        _ => false,
    }
}

/// What lies at the bottom of an error.
fn innermost(error: &kube::Error) -> String {
    let (mut text, mut inner) = (error.to_string(), error.source());
    while let Some(error) = inner {
        text = error.to_string();
        inner = error.source();
    }
    text
}

/// A sentence of the API server or of an admission webhook, which may repeat what it was sent.
fn unless_a_token(sentence: &str) -> &str {
    if holds_a_token(sentence) {
        "its sentence holds what looks like a token (not repeated here)"
    } else {
        sentence
    }
}
