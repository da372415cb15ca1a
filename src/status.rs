//! Turns a decision, and what stands after acting on it, into conditions. Pure; it also keeps transition times.

use jiff::{SignedDuration, Timestamp};

use crate::{
    api::{
        CONDITION_TYPES, Condition, ConditionStatus, DeferralStatus, GithubPatConnectionStatus as Status,
        Links, OutputStatus, RefusedStatus, STALLED, StatusSummary, TokenStatus, time,
    },
    domain::{
        Finding, Judged, Reason,
        answer::{Expiry, Grant},
        decide::{Decision, Found, Host, Observation, Plan, Stand},
        reason::Severity,
        token::{Description, Doubt},
    },
};

/// All that a status is made of.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// What was seen.
    pub seen: &'a Observation,
    /// What was decided.
    pub decision: &'a Decision<'a>,
    /// What stands under the name of each output now.
    pub stands: &'a [(&'a str, Stand)],
    /// Where the token was read from, as a sentence names it.
    pub source: &'a str,
    /// The same as the status names it.
    pub secret_name: &'a str,
    /// Pages that help.
    pub links: Option<&'a Links>,
    /// The interval that the spec asks for, if it was raised.
    pub raised_from: Option<SignedDuration>,
    /// The request that was last acted on.
    pub handled_request: Option<&'a str>,
}

/// What stood before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before<'a> {
    /// The status in the cluster.
    pub summary: Option<&'a StatusSummary>,
    /// The same with its sentences, which only a suspended connection keeps.
    pub conditions: &'a [Condition],
}

/// The longest message of a condition, in characters: far below what the schema allows, so that the API server takes it,
/// whatever a Secret, a webhook or a spec brings into a sentence.
const LONGEST_MESSAGE: usize = 4096;

struct Verdict {
    status: ConditionStatus,
    finding: Finding,
}

type Judge = fn(&Outcome<'_>) -> Verdict;

/// Who judges the conditions after `Ready`, in the order in which they speak for it.
const JUDGES: [Judge; 5] = [secret_resolved, authenticated, requirements_met, not_expiring, published];

/// The conditions after `Ready`, each with its judge.
fn judges() -> impl Iterator<Item = (&'static str, Judge)> {
    CONDITION_TYPES.into_iter().skip(1).zip(JUDGES)
}

/// The status after this outcome; `None` if it says what stands there already.
pub fn next(before: Before<'_>, generation: Option<i64>, outcome: &Outcome<'_>) -> Option<Status> {
    let summary = before.summary;
    let status = Status {
        observed_generation: generation,
        conditions: conditions(before, generation, outcome),
        token: token(summary, outcome),
        outputs: outputs(summary, outcome),
        deferral: match summary {
            Some(summary) if outcome.seen.demand.suspend => summary.deferral.as_deref().cloned(),
            _ => outcome.seen.token.yes().and(outcome.seen.knowledge.deferred).map(DeferralStatus::from),
        },
        next_check_at: outcome.decision.due.map(time),
        last_handled_request: outcome.handled_request.map(str::to_owned),
        links: outcome.links.cloned(),
    };
    let is_said = summary.is_some_and(|summary| {
        summary.says_the_same(&status) && !is_overdue(&status, summary, outcome.seen.timing.heartbeat)
    });
    (!is_said).then_some(status)
}

/// True if `checkedAt` in the cluster is older than the heartbeat. One that lies ahead was written by a clock that was wrong.
fn is_overdue(status: &Status, summary: &StatusSummary, heartbeat: SignedDuration) -> bool {
    let checked =
        |token: Option<&TokenStatus>| token.and_then(|token| token.checked_at.as_ref().map(|at| at.0));
    has_aged(checked(status.token.as_ref()), checked(summary.token.as_deref()), heartbeat)
}

/// True if `checkedAt` in the cluster is to be written anew, though nothing else is.
pub fn has_aged(now: Option<Timestamp>, then: Option<Timestamp>, heartbeat: SignedDuration) -> bool {
    match (now, then) {
        (Some(now), Some(then)) => then > now || now.duration_since(then) >= heartbeat,
        (now, then) => now != then,
    }
}

/// The status of a connection that the API server stored and nobody here can read; `None` if it stands there already.
pub fn unreadable(
    summary: Option<&StatusSummary>,
    generation: Option<i64>,
    error: &str,
    now: Timestamp,
) -> Option<Status> {
    let message = format!("the resource cannot be read ({error}): mend the field and apply it anew");
    let verdict = |status| says(status, Reason::SpecUnreadable, message.clone());
    let conditions = CONDITION_TYPES.into_iter().map(|type_| {
        let status = if type_ == "Ready" { ConditionStatus::False } else { ConditionStatus::Unknown };
        condition(type_, verdict(status), summary, generation, now)
    });
    let stalled = condition(STALLED, verdict(ConditionStatus::True), summary, generation, now);
    let status = Status {
        observed_generation: generation,
        conditions: conditions.chain([stalled]).collect(),
        token: summary.and_then(|summary| summary.token.as_deref().cloned()),
        outputs: summary.map(|summary| summary.outputs.to_vec()).unwrap_or_default(),
        deferral: summary.and_then(|summary| summary.deferral.as_deref().cloned()),
        next_check_at: None,
        last_handled_request: summary
            .and_then(|summary| summary.last_handled_request.as_deref().map(str::to_owned)),
        links: None,
    };
    (!summary.is_some_and(|summary| summary.says_the_same(&status))).then_some(status)
}

fn conditions(before: Before<'_>, generation: Option<i64>, outcome: &Outcome<'_>) -> Vec<Condition> {
    let (summary, now) = (before.summary, outcome.seen.now);
    if outcome.seen.demand.suspend {
        let kept = |type_: &str| before.conditions.iter().find(|condition| condition.type_ == type_).cloned();
        let others = judges().map(|(type_, _)| {
            kept(type_).unwrap_or_else(|| condition(type_, suspended(), summary, generation, now))
        });
        return std::iter::once(condition("Ready", suspended(), summary, generation, now))
            .chain(others)
            .collect();
    }
    let judged: Vec<_> = judges().map(|(type_, judge)| (type_, judge(outcome))).collect();
    let ready = ready(&judged, outcome);
    let stalled = stalled(&ready);
    std::iter::once(("Ready", ready))
        .chain(judged)
        .chain(stalled.map(|stalled| (STALLED, stalled)))
        .map(|(type_, verdict)| condition(type_, verdict, summary, generation, now))
        .collect()
}

fn condition(
    type_: &str,
    verdict: Verdict,
    summary: Option<&StatusSummary>,
    generation: Option<i64>,
    now: Timestamp,
) -> Condition {
    let unchanged = summary
        .and_then(|summary| summary.condition(type_))
        .filter(|before| before.status == verdict.status)
        .and_then(|before| before.at());
    Condition {
        type_: type_.to_owned(),
        status: verdict.status,
        reason: verdict.finding.reason.as_str().to_owned(),
        message: bounded(verdict.finding.message),
        last_transition_time: time(unchanged.unwrap_or(now)),
        observed_generation: generation,
    }
}

fn bounded(message: String) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some(_) => message.chars().take(LONGEST_MESSAGE - 1).chain(['…']).collect(),
        None => message,
    }
}

/// The first of the gravest findings speaks: False for what a person must mend, Unknown for what nobody knows, else True.
fn ready(judged: &[(&str, Verdict)], outcome: &Outcome<'_>) -> Verdict {
    let note = outcome.raised_from.map_or_else(String::new, |asked| {
        let (asked, given) = (asked.as_secs(), outcome.seen.timing.interval.as_secs());
        format!("; spec.interval of {asked}s is below the administrator's minimum and was raised to {given}s")
    });
    // What holds is worth a note at most.
    let gravity = |verdict: &Verdict| match verdict.status {
        ConditionStatus::True => verdict.finding.reason.severity().min(Severity::Note),
        ConditionStatus::False | ConditionStatus::Unknown => verdict.finding.reason.severity(),
    };
    // `max_by_key` gives the last of equals, and the first is wanted.
    let Some((_, gravest)) = judged.iter().rev().max_by_key(|(_, verdict)| gravity(verdict)) else {
        return holds(Reason::Ready, "there is nothing to judge");
    };
    let status = match gravity(gravest) {
        Severity::Fine => {
            return holds(
                Reason::Ready,
                format!("GitHub accepts the token and every requirement holds{note}"),
            );
        }
        Severity::Note => ConditionStatus::True,
        Severity::Wait => ConditionStatus::Unknown,
        Severity::Mend => ConditionStatus::False,
    };
    says(status, gravest.finding.reason, format!("{}{note}", gravest.finding.message))
}

/// There while nothing but a person makes the connection Ready.
fn stalled(ready: &Verdict) -> Option<Verdict> {
    let stalls = ready.status == ConditionStatus::False && ready.finding.reason.stalls();
    stalls.then(|| says(ConditionStatus::True, ready.finding.reason, ready.finding.message.clone()))
}

fn secret_resolved(outcome: &Outcome<'_>) -> Verdict {
    judged(&outcome.seen.token, |token| {
        let mut message = format!("{} holds a {}", outcome.source, token.kind.words());
        if token.trailing_newline {
            message += "; one newline at its end was taken off, which others who read it may send along";
        }
        if let Some(doubt) = token.doubt {
            message += "; ";
            message += doubt.words();
        }
        Finding::new(Reason::Resolved, message)
    })
}

fn authenticated(outcome: &Outcome<'_>) -> Verdict {
    let judgement = &outcome.decision.judgement;
    let mut verdict = judged(&judgement.identity, |grant| {
        judgement.earlier.clone().unwrap_or_else(|| Finding::new(Reason::Accepted, accepted(grant)))
    });
    let doubt = outcome.seen.token.yes().and_then(|token| token.doubt);
    // One that was accepted before was not mistyped.
    let is_likely =
        verdict.finding.reason == Reason::BadCredentials && !outcome.seen.knowledge.accepted_before();
    if let Some(doubt) = doubt.filter(|_| is_likely) {
        verdict.finding.message = likely_cause(doubt);
    }
    verdict
}

/// Why GitHub refused the token, where its shape tells more than GitHub does.
fn likely_cause(doubt: Doubt) -> String {
    format!(
        "GitHub refused the token (401 Bad credentials), and {}: copy the whole token again, or make a new one",
        doubt.words()
    )
}

fn accepted(grant: &Grant) -> String {
    match &grant.account {
        Some(account) => format!("GitHub accepts the token of {} (id {})", account.login, account.id),
        None => "GitHub accepts the token of an app installation".to_owned(),
    }
}

fn requirements_met(outcome: &Outcome<'_>) -> Verdict {
    let judgement = &outcome.decision.judgement;
    judged(&judgement.requirements, |()| {
        let met = || Finding::new(Reason::RequirementsMet, "the token meets every requirement");
        judgement.doubted.clone().unwrap_or_else(met)
    })
}

fn not_expiring(outcome: &Outcome<'_>) -> Verdict {
    judged(&outcome.decision.judgement.expiry, |expiry| match expiry {
        Expiry::At(at) => Finding::new(Reason::NotExpiring, format!("the token expires at {at}")),
        Expiry::Never | Expiry::Unreadable | Expiry::Implausible(_) => {
            Finding::new(Reason::NeverExpires, "GitHub named no expiry")
        }
    })
}

fn published(outcome: &Outcome<'_>) -> Verdict {
    let against: Vec<Finding> =
        outcome.stands.iter().filter_map(|(name, stand)| speaks_against(name, stand)).collect();
    if !against.is_empty() {
        return fails(ConditionStatus::False, against);
    }
    let wanted = outcome.stands.len();
    let all = |wish: fn(&Stand) -> bool| outcome.stands.iter().all(|(_, stand)| wish(stand));
    match outcome.decision.plan {
        Plan::NothingRequested => holds(Reason::NothingRequested, "spec.publish asks for no output"),
        Plan::Write if !all(|stand| *stand == Stand::Wanted) => {
            let message =
                "an output could not be read, or changed while it was written; the operator retries";
            says(ConditionStatus::Unknown, Reason::NotDetermined, message.to_owned())
        }
        Plan::Write if wanted == 1 => holds(Reason::Published, "the output holds the token"),
        Plan::Write => holds(Reason::Published, format!("all {wanted} outputs hold the token")),
        Plan::Keep if all(|stand| *stand == Stand::Wanted) => holds(
            Reason::Retained,
            "the outputs keep the token, which GitHub accepted before; nothing else is written to them",
        ),
        Plan::Keep => kept(outcome, wanted),
        Plan::Withdraw => withdrawn(outcome, wanted),
    }
}

/// What of an output a person must mend, whatever the plan.
fn speaks_against(name: &str, stand: &Stand) -> Option<Finding> {
    match stand {
        Stand::Refused(finding) => Some(finding.clone()),
        Stand::Leaving(finalizers) => Some(Finding::new(
            Reason::Leaving,
            format!(
                "Secret {name} is being deleted and waits for its finalizers ({}): have whoever set them remove them",
                finalizers.join(", ")
            ),
        )),
        Stand::Wanted | Stand::Other | Stand::Absent => None,
    }
}

fn kept(outcome: &Outcome<'_>, wanted: usize) -> Verdict {
    let judgement = &outcome.decision.judgement;
    let against = outcome.seen.token.is_no() || judgement.identity.is_no() || judgement.requirements.is_no();
    if !against {
        let message = "nothing is written to the outputs before GitHub has accepted the token";
        return says(ConditionStatus::Unknown, Reason::NotDetermined, message.to_owned());
    }
    let message = match standing(outcome) {
        0 => "the token is not written to the outputs until it is good".to_owned(),
        earlier => format!(
            "the token is not written to the outputs until it is good; {earlier} of {wanted} keep the one that was \
             proven before"
        ),
    };
    says(ConditionStatus::False, Reason::Withheld, message)
}

fn withdrawn(outcome: &Outcome<'_>, wanted: usize) -> Verdict {
    match standing(outcome) {
        0 => {
            let message =
                "the outputs were deleted, since spec.onInvalid is Withdraw and the token is of no use";
            says(ConditionStatus::False, Reason::Withdrawn, message.to_owned())
        }
        // They hold an earlier token, against which nobody has said anything.
        _ => kept(outcome, wanted),
    }
}

/// How many outputs stand.
fn standing(outcome: &Outcome<'_>) -> usize {
    outcome.stands.iter().filter(|(_, stand)| stand.is_ours()).count()
}

fn judged<T>(judged: &Judged<T>, good: impl FnOnce(&T) -> Finding) -> Verdict {
    match judged {
        Judged::Yes(value) => Verdict { status: ConditionStatus::True, finding: good(value) },
        Judged::No(findings) => fails(ConditionStatus::False, findings.clone()),
        Judged::Unknown(finding) => Verdict { status: ConditionStatus::Unknown, finding: finding.clone() },
    }
}

/// The first finding's reason, and every finding's sentence.
fn fails(status: ConditionStatus, findings: Vec<Finding>) -> Verdict {
    let reason = findings.first().map_or(Reason::NotDetermined, |finding| finding.reason);
    let messages: Vec<_> = findings.into_iter().map(|finding| finding.message).collect();
    says(status, reason, messages.join("; "))
}

fn holds(reason: Reason, message: impl Into<String>) -> Verdict {
    says(ConditionStatus::True, reason, message.into())
}

fn says(status: ConditionStatus, reason: Reason, message: String) -> Verdict {
    Verdict { status, finding: Finding::new(reason, message) }
}

fn suspended() -> Verdict {
    let message = "spec.suspend is set: GitHub is not asked and nothing is written; unset it to go on";
    says(ConditionStatus::Unknown, Reason::Suspended, message.to_owned())
}

/// What is known of the token in the Secret; or what was known before, while there is none or its host is not known.
fn token(summary: Option<&StatusSummary>, outcome: &Outcome<'_>) -> Option<TokenStatus> {
    match (outcome.seen.token.yes(), outcome.seen.host.yes()) {
        (Some(token), Some(host)) if !outcome.seen.demand.suspend => Some(known(token, host, outcome)),
        _ => summary.and_then(|summary| summary.token.as_deref().cloned()),
    }
}

fn known(token: &Description, host: &Host, outcome: &Outcome<'_>) -> TokenStatus {
    let knowledge = &outcome.seen.knowledge;
    // What is not believed yet must not be all that the next process remembers.
    let believed = outcome.decision.judgement.doubted.as_ref().and(knowledge.before.as_deref());
    let grant = believed.or(knowledge.grant.as_ref().map(|(grant, _)| grant));
    let account = grant.and_then(|grant| grant.account.clone());
    TokenStatus {
        secret_name: outcome.secret_name.to_owned(),
        host: host.name.to_string(),
        kind: token.kind,
        hashed_token: token.hashed,
        doubt: token.doubt,
        login: account.as_ref().map(|account| account.login.to_string()),
        user_id: account.map(|account| account.id),
        scopes: grant
            .and_then(|grant| grant.scopes.as_ref())
            .map(|scopes| scopes.iter().map(str::to_owned).collect()),
        expires_at: grant.and_then(|grant| match grant.expiry {
            Expiry::At(at) | Expiry::Implausible(at) => Some(time(at)),
            Expiry::Never | Expiry::Unreadable => None,
        }),
        expiry_unreadable: grant.is_some_and(|grant| grant.expiry == Expiry::Unreadable),
        expiry_implausible: grant.is_some_and(|grant| matches!(grant.expiry, Expiry::Implausible(_))),
        first_proven_at: knowledge.first_proven.map(time),
        checked_at: knowledge.grant.as_ref().map(|(_, at)| time(*at)),
        refused: knowledge.refused.map(RefusedStatus::from),
    }
}

/// True if an output of this connection stood under that name, whatever became of the change.
fn is_ours(outcome: &Outcome<'_>, name: &str) -> bool {
    outcome.seen.found.iter().any(|found| matches!(found, Found::Ours { name: ours, .. } if ours == name))
}

/// The named outputs that stand and are ours.
fn outputs(summary: Option<&StatusSummary>, outcome: &Outcome<'_>) -> Vec<OutputStatus> {
    let before = summary.map(|summary| &*summary.outputs).unwrap_or_default();
    if outcome.seen.demand.suspend {
        return before.to_vec();
    }
    let stood_as =
        |name: &str| before.iter().find(|output| output.secret_name == name).map(|output| output.format);
    let standing =
        outcome.seen.demand.outputs.iter().zip(outcome.stands).filter_map(|(output, (name, stand))| {
            let format = match stand {
                Stand::Wanted => output.format,
                // It keeps the layout in which it was written.
                Stand::Other | Stand::Leaving(_) => stood_as(name)?,
                Stand::Refused(_) if is_ours(outcome, name) => stood_as(name)?,
                Stand::Absent | Stand::Refused(_) => return None,
            };
            Some(OutputStatus { secret_name: (*name).to_owned(), format })
        });
    standing.collect()
}

#[cfg(test)]
mod tests;
