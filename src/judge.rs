//! Judges one token without Kubernetes, by the rules and the questions of the operator.

mod asking;

use crate::{
    api::{GithubPatConnectionSpec as Spec, GithubPatConnectionStatus as Status, RequirementStatus},
    domain::{
        Finding, Verdict,
        decide::{Decision, Host, Observation, Stand, decide},
        requirement::Line,
        token::Token,
    },
    github::{self, Github},
    links::links,
    settings::{self, Settings},
    status::{self, Before, Pass},
};

/// What the operator would say of a token.
#[derive(Debug)]
pub struct Judged {
    /// The status that it would write. Of outputs it has only what refuses the token.
    pub status: Status,
    /// The demands that GitHub was asked about, each with its sentence.
    pub lines: Vec<Line>,
}

/// Asks GitHub about the token, each question once, and again where the first answer speaks against the token.
///
/// `connection` is how the form for a new token calls it, `source` is where the token stood, as sentences name it. What is no token
/// is asked about nowhere.
///
/// # Errors
///
/// If the settings name a host that cannot be asked.
pub async fn judge(
    settings: &Settings,
    host: &settings::Host,
    spec: &Spec,
    connection: &str,
    source: &str,
    token: Result<Token, Finding>,
) -> Result<Judged, github::Error> {
    let github = Github::new(settings)?;
    let known = Host { name: host.name.as_str().into(), addresses: host.addresses.clone() };
    let token = token.map_or_else(
        |finding| Verdict::No(vec![Finding { message: format!("{source}: {}", finding.message), ..finding }]),
        Verdict::Yes,
    );
    let seen = asking::ask(github, spec, known, settings, token).await;
    let decision = decide(&seen);
    let status = status(&seen, &decision, host, spec, connection, source);
    Ok(Judged { status, lines: decision.judgement.lines.clone() })
}

/// The status that the operator would write, without outputs, of which only what refuses the token is told.
fn status(
    seen: &Observation,
    decision: &Decision<'_>,
    host: &settings::Host,
    spec: &Spec,
    connection: &str,
    source: &str,
) -> Status {
    let refused = decision.stands.iter().any(|(_, stand)| matches!(stand, Stand::Refused(_)));
    // Nothing is written here, so what is not refused counts as written.
    let stands = decision.stands.iter().map(|(name, stand)| match stand {
        Stand::Refused(finding) => (*name, Stand::Refused(finding.clone())),
        _ => (*name, Stand::Wanted),
    });
    let stands: Vec<_> = stands.collect();
    let kind = seen.token.yes().map(|token| token.kind);
    let links = links(host, connection, spec, kind, &decision.judgement.lines);
    let pass = Pass {
        after: status::After::default(),
        seen,
        decision,
        stands: &stands,
        others: &[],
        withdrawn_outputs: None,
        source,
        secret_name: source,
        links: Some(&links),
        raised_from: None,
        standbys: None,
        web: None,
        handled_request: None,
    };
    let mut status = status::next(Before::default(), None, &pass).unwrap_or_default();
    status.conditions.retain(|condition| condition.type_ != "Published" || refused);
    status.outputs.clear();
    status.next_check_at = None;
    // Nobody stores it, so that there is room for all.
    status.requirements = decision.judgement.lines.iter().map(RequirementStatus::from).collect();
    status.further_requirements = None;
    status
}
