//! Turns a decision, and what went wrong while acting on it, into conditions. Pure; it also keeps transition times.

use jiff::{SignedDuration, Timestamp};

use crate::{
    api::{
        Condition, ConditionStatus, GithubPatConnectionStatus as Status, Links, OutputStatus, RefusedStatus,
        RetryStatus, TokenStatus, time,
    },
    domain::{
        Finding, Judged, Reason,
        answer::{Expiry, Grant},
        decide::{Change, Decision, Found, Host, Observation, Standing},
        format::Output,
        token::Token,
    },
};

/// All that a status is made of.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// What was seen.
    pub seen: &'a Observation,
    /// What was decided.
    pub decision: &'a Decision,
    /// Which outputs could not be changed, and why.
    pub failed: &'a [(String, Finding)],
    /// Where the token was read from, as a sentence names it.
    pub source: &'a str,
    /// The same as the status names it.
    pub secret_name: &'a str,
    /// Pages that help.
    pub links: Option<&'a Links>,
    /// The interval that the spec asks for, if it was raised.
    pub raised_from: Option<SignedDuration>,
}

/// The longest message of a condition, in characters: far below what the schema allows, so that the API server takes it,
/// whatever a Secret, a webhook or a spec brings into a sentence.
const LONGEST_MESSAGE: usize = 4096;

struct Verdict {
    status: ConditionStatus,
    finding: Finding,
}

type Judge = fn(&Outcome<'_>) -> Verdict;

/// The conditions, in the order in which they speak for `Ready`.
const CONDITIONS: &[(&str, Judge)] = &[
    ("SecretResolved", secret_resolved),
    ("Authenticated", authenticated),
    ("RequirementsMet", requirements_met),
    ("NotExpiring", not_expiring),
    ("Published", published),
];

/// The status after this outcome: the previous one, unchanged, if there is nothing new to say.
pub fn next(previous: Option<&Status>, generation: Option<i64>, outcome: &Outcome<'_>) -> Status {
    let mut status = Status {
        observed_generation: generation,
        conditions: conditions(previous, generation, outcome),
        token: token(previous, outcome),
        outputs: outputs(previous, outcome),
        retry: match previous {
            Some(previous) if outcome.seen.demand.suspend => previous.retry.clone(),
            _ => outcome.seen.token.yes().and(outcome.seen.knowledge.deferred).map(RetryStatus::from),
        },
        links: outcome.links.cloned(),
    };
    if let Some(previous) = previous {
        keep_checked_at(&mut status, previous, outcome.seen.timing.heartbeat);
    }
    status
}

/// The conditions of a connection that the API server stored and nobody here can read.
pub fn unreadable(error: &str, generation: Option<i64>, now: Timestamp) -> Vec<Condition> {
    let message = format!("the resource cannot be read ({error}): apply it anew");
    let verdict = |status| says(status, Reason::SpecUnreadable, message.clone());
    let others = CONDITIONS.iter().map(|(type_, _)| (*type_, verdict(ConditionStatus::Unknown)));
    std::iter::once(("Ready", verdict(ConditionStatus::False)))
        .chain(others)
        .map(|(type_, verdict)| condition(type_, verdict, None, generation, now))
        .collect()
}

/// Lets `checkedAt` stand as it is while nothing else changes and it is younger than the heartbeat.
fn keep_checked_at(status: &mut Status, previous: &Status, heartbeat: SignedDuration) {
    let (Some(token), Some(before)) = (&mut status.token, &previous.token) else { return };
    let (Some(now), Some(then)) = (token.checked_at.clone(), before.checked_at.clone()) else { return };
    token.checked_at = Some(then.clone());
    let nothing_else_changed = *status == *previous;
    // One that lies ahead was written by a clock that was wrong.
    let is_recent = then.0 <= now.0 && now.0.duration_since(then.0) < heartbeat;
    if let Some(token) = &mut status.token
        && !(nothing_else_changed && is_recent)
    {
        token.checked_at = Some(now);
    }
}

fn conditions(previous: Option<&Status>, generation: Option<i64>, outcome: &Outcome<'_>) -> Vec<Condition> {
    let before = |type_: &str| previous.and_then(|status| status.condition(type_));
    let now = outcome.seen.now;
    if outcome.seen.demand.suspend {
        let kept = CONDITIONS.iter().map(|(type_, _)| match before(type_) {
            Some(condition) => condition.clone(),
            None => condition(type_, suspended(), None, generation, now),
        });
        return std::iter::once(condition("Ready", suspended(), before("Ready"), generation, now))
            .chain(kept)
            .collect();
    }
    let judged: Vec<_> = CONDITIONS.iter().map(|(type_, judge)| (*type_, judge(outcome))).collect();
    let ready = ready(&judged, outcome);
    std::iter::once(("Ready", ready))
        .chain(judged)
        .map(|(type_, verdict)| condition(type_, verdict, before(type_), generation, now))
        .collect()
}

fn condition(
    type_: &str,
    verdict: Verdict,
    before: Option<&Condition>,
    generation: Option<i64>,
    now: Timestamp,
) -> Condition {
    // The schema's default carries the epoch: nothing has ever been judged.
    let unchanged = before
        .filter(|before| {
            before.status == verdict.status && before.last_transition_time.0 > Timestamp::UNIX_EPOCH
        })
        .map(|before| before.last_transition_time.clone());
    Condition {
        type_: type_.to_owned(),
        status: verdict.status,
        reason: verdict.finding.reason.as_str().to_owned(),
        message: bounded(verdict.finding.message),
        last_transition_time: unchanged.unwrap_or_else(|| time(now)),
        observed_generation: generation,
    }
}

fn bounded(message: String) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some(_) => message.chars().take(LONGEST_MESSAGE - 1).chain(['…']).collect(),
        None => message,
    }
}

/// False for what a person must mend, else Unknown for what nobody knows, else True, with a word on what to look out for.
fn ready(judged: &[(&str, Verdict)], outcome: &Outcome<'_>) -> Verdict {
    let note = outcome.raised_from.map_or_else(String::new, |asked| {
        let (asked, given) = (asked.as_secs(), outcome.seen.timing.interval.as_secs());
        format!("; spec.interval of {asked}s is below the administrator's minimum and was raised to {given}s")
    });
    let speaks_against = |(_, verdict): &&(&str, Verdict)| match verdict.status {
        ConditionStatus::True => false,
        ConditionStatus::False => verdict.finding.reason != Reason::ExpiresSoon,
        ConditionStatus::Unknown => verdict.finding.reason.needs_a_person(),
    };
    let unknown = |(type_, verdict): &&(&str, Verdict)| {
        // The token works; when it ends matters only to who demands something of it, and that is another condition.
        let of_no_weight = *type_ == "NotExpiring" && verdict.finding.reason == Reason::ExpiryImplausible;
        verdict.status == ConditionStatus::Unknown && !of_no_weight
    };
    let say = |status, found: &Verdict| {
        let message = format!("{}{note}", found.finding.message);
        Verdict { status, finding: Finding::new(found.finding.reason, message) }
    };
    if let Some((_, against)) = judged.iter().find(speaks_against) {
        return say(ConditionStatus::False, against);
    }
    if let Some((_, open)) = judged.iter().find(unknown) {
        return say(ConditionStatus::Unknown, open);
    }
    let worth_a_word = [Reason::AcceptedEarlier, Reason::ExpiresSoon, Reason::ExpiryImplausible];
    if let Some((_, word)) = judged.iter().find(|(_, verdict)| worth_a_word.contains(&verdict.finding.reason))
    {
        return say(ConditionStatus::True, word);
    }
    holds(Reason::Ready, format!("GitHub accepts the token and every requirement holds{note}"))
}

fn secret_resolved(outcome: &Outcome<'_>) -> Verdict {
    judged(&outcome.decision.judgement.secret, |token| {
        let mut message = format!("{} holds a {}", outcome.source, token.kind().words());
        if token.trailing_newline() {
            message += "; one newline at its end was taken off, which others who read it may send along";
        }
        if let Some(doubt) = token.doubt() {
            message += "; ";
            message += doubt.words();
        }
        Finding::new(Reason::Resolved, message)
    })
}

fn authenticated(outcome: &Outcome<'_>) -> Verdict {
    let judgement = &outcome.decision.judgement;
    judged(&judgement.identity, |grant| {
        judgement.earlier.clone().unwrap_or_else(|| Finding::new(Reason::Accepted, accepted(grant)))
    })
}

fn accepted(grant: &Grant) -> String {
    match &grant.account {
        Some(account) => format!("GitHub accepts the token of {} (id {})", account.login, account.id),
        None => "GitHub accepts the token of an app installation".to_owned(),
    }
}

fn requirements_met(outcome: &Outcome<'_>) -> Verdict {
    judged(&outcome.decision.judgement.requirements, |()| {
        Finding::new(Reason::RequirementsMet, "the token meets every requirement")
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
    let wanted = outcome.seen.demand.outputs.len();
    let against = outcome.failed.iter().map(|(_, finding)| finding).chain(&outcome.decision.refusals);
    let against: Vec<Finding> = against.cloned().collect();
    match outcome.decision.standing {
        _ if outcome.seen.found.as_ref().is_err_and(|finding| finding.reason == Reason::SecretForbidden) => {
            fails(ConditionStatus::False, against)
        }
        _ if outcome.seen.found.is_err() => fails(ConditionStatus::Unknown, against),
        _ if !against.is_empty() => fails(ConditionStatus::False, against),
        Standing::NothingRequested => holds(Reason::NothingRequested, "spec.publish asks for no output"),
        Standing::Published if wanted == 1 => holds(Reason::Published, "the output holds the token"),
        Standing::Published => holds(Reason::Published, format!("all {wanted} outputs hold the token")),
        Standing::Retained => holds(
            Reason::Retained,
            "the outputs keep the token, which GitHub accepted before; nothing else is written to them",
        ),
        Standing::Withheld(0) => says(
            ConditionStatus::False,
            Reason::Withheld,
            "the token is not written to the outputs until it is good".to_owned(),
        ),
        Standing::Withheld(earlier) => {
            let message = format!(
                "the token is not written to the outputs until it is good; {earlier} of {wanted} keep the one that was \
                 proven before"
            );
            says(ConditionStatus::False, Reason::Withheld, message)
        }
        Standing::Withdrawn => {
            let message =
                "the outputs were deleted, since spec.onInvalid is Withdraw and the token is of no use";
            says(ConditionStatus::False, Reason::Withdrawn, message.to_owned())
        }
        Standing::Pending => {
            let message = "nothing is written to the outputs before GitHub has accepted the token";
            says(ConditionStatus::Unknown, Reason::NotDetermined, message.to_owned())
        }
    }
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
fn token(previous: Option<&Status>, outcome: &Outcome<'_>) -> Option<TokenStatus> {
    let before = previous.and_then(|status| status.token.clone());
    match (outcome.seen.token.yes(), outcome.seen.host.yes()) {
        (Some(token), Some(host)) if !outcome.seen.demand.suspend => Some(known(token, host, outcome)),
        _ => before,
    }
}

fn known(token: &Token, host: &Host, outcome: &Outcome<'_>) -> TokenStatus {
    let knowledge = &outcome.seen.knowledge;
    let grant = knowledge.grant.as_ref().map(|(grant, _)| grant);
    let account = grant.and_then(|grant| grant.account.clone());
    TokenStatus {
        secret_name: outcome.secret_name.to_owned(),
        host: host.name.clone(),
        kind: token.kind(),
        hashed_token: token.hashed(),
        doubt: token.doubt(),
        login: account.as_ref().map(|account| account.login.clone()),
        user_id: account.map(|account| account.id),
        scopes: grant.and_then(|grant| grant.scopes.clone()),
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

/// The named outputs that exist and are ours once the changes are made.
fn outputs(previous: Option<&Status>, outcome: &Outcome<'_>) -> Vec<OutputStatus> {
    let before = previous.map(|status| status.outputs.as_slice()).unwrap_or_default();
    let Ok(found) = &outcome.seen.found else { return before.to_vec() };
    if outcome.seen.demand.suspend {
        return before.to_vec();
    }
    let failed = |name: &str| outcome.failed.iter().any(|(failed, _)| failed == name);
    let stands = |output: &&Output| {
        let name = &output.secret_name;
        let found =
            found.iter().any(|secret| matches!(secret, Found::Ours { name: ours, .. } if ours == name));
        let changes = outcome.decision.changes.iter().filter(|_| !failed(name));
        changes.fold(found, |stands, change| match change {
            Change::Create { name: made, .. } if made == name => true,
            Change::Delete { name: gone, .. } if gone == name => false,
            _ => stands,
        })
    };
    // A Secret whose type is that of another format keeps its layout until it is made anew.
    let laid_out = |output: &Output| {
        let made =
            |change: &Change| matches!(change, Change::Create { name, .. } if *name == output.secret_name);
        let stands = |secret: &Found| {
            matches!(secret, Found::Ours { name, payload, .. }
            if *name == output.secret_name && payload.type_ == output.format.secret_type())
        };
        found.iter().any(stands)
            || (outcome.decision.changes.iter().any(made) && !failed(&output.secret_name))
    };
    let format = |output: &Output| {
        let earlier = before.iter().find(|known| known.secret_name == output.secret_name);
        earlier.filter(|_| !laid_out(output)).map_or(output.format, |known| known.format)
    };
    let standing = outcome.seen.demand.outputs.iter().filter(stands);
    standing
        .map(|output| OutputStatus { secret_name: output.secret_name.clone(), format: format(output) })
        .collect()
}

#[cfg(test)]
mod tests;
