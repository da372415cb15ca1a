//! Turns a decision, and what stands after acting on it, into conditions. Pure; it also keeps transition times.

mod account;
mod announced;
mod consumers;
mod events;
mod judges;
mod notices;
mod room;
mod rotation;
mod standby;
mod suspended;
mod token;

use jiff::{SignedDuration, Timestamp};

use crate::{
    api::{
        CONDITION_TYPES, Condition, ConditionStatus, ConsumersStatus, DeferralStatus, FurtherRequirements,
        GithubPatConnectionStatus as Status, Links, OutputStatus, PermissionProofs, RECONCILING, ReadyChange,
        RequirementStatus, SEE_READY, STALLED, StatusSummary, TokenStatus, WithdrawalStatus, WithdrawnOutput,
        time,
    },
    domain::{
        Finding, Reason,
        decide::{Decision, Found, Observation, Plan, Stand},
        holder::Holders,
        probing::schedule,
        reason::Severity,
        workload::{Following, Workload},
    },
};
pub use announced::{announced, explain, undone};
pub use events::events;
use judges::{authenticated, not_expiring, published, requirements_met, secret_resolved};
pub use notices::{Warned, end_in_doubt, notices, notices_open, notices_since};
pub use standby::Standbys;

/// All that a status is made of.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    /// What was seen.
    pub seen: &'a Observation,
    /// What was decided.
    pub decision: &'a Decision<'a>,
    /// What stands under the name of each output now.
    pub stands: &'a [(&'a str, Stand)],
    /// What of former outputs will not go, and what somebody else keeps changing.
    pub others: &'a [(String, Stand)],
    /// The outputs that are gone, and what others had put on them; `None` as long as this process does not know.
    pub withdrawn_outputs: Option<&'a [WithdrawnOutput]>,
    /// Where the token was read from, as a sentence names it.
    pub source: &'a str,
    /// The same as the status names it.
    pub secret_name: &'a str,
    /// Pages that help.
    pub links: Option<&'a Links>,
    /// The interval that the spec asks for, if it was raised.
    pub raised_from: Option<SignedDuration>,
    /// The other Secrets that the token may come from, if the spec names any.
    pub standbys: Option<Standbys<'a>>,
    /// What comes once every output holds the token.
    pub after: After<'a>,
    /// The root of the host's pages.
    pub web: Option<&'a str>,
    /// The request that was last acted on.
    pub handled_request: Option<&'a str>,
}

/// What comes once every output holds the token.
#[derive(Clone, Copy, Debug, Default)]
pub struct After<'a> {
    /// The workloads to restart.
    pub restart: &'a [Workload],
    /// Whether consumers are listed at all.
    pub lists_consumers: bool,
    /// What was seen and done, if it has come so far.
    pub following: Option<&'a Following>,
    /// When the outputs had been written.
    pub acted: Timestamp,
    /// When this process last replaced another token in an output, as far as the status may not tell of it yet.
    pub rewritten: Option<Timestamp>,
    /// Who else still has the token that was in use before, if that was looked up.
    pub holders: Option<&'a Holders>,
}

/// What stood before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before<'a> {
    /// The status in the cluster.
    pub summary: Option<&'a StatusSummary>,
    /// The same with its sentences, which only a suspended connection keeps.
    pub conditions: &'a [Condition],
}

/// A condition before it has its instants.
#[derive(Clone)]
struct Draft {
    status: ConditionStatus,
    finding: Finding,
}

impl Draft {
    /// The same reason in another condition, whose message need not be written again.
    fn repeated(&self, status: ConditionStatus) -> Draft {
        says(status, self.finding.reason, SEE_READY.to_owned())
    }
}

type Judge = fn(&Pass<'_>) -> Draft;

/// Who judges the conditions after `Ready`, in the order in which they speak for it.
const JUDGES: [Judge; 5] = [secret_resolved, authenticated, requirements_met, not_expiring, published];

/// The conditions after `Ready`, each with its judge.
fn judged() -> impl Iterator<Item = (&'static str, Judge)> {
    CONDITION_TYPES.into_iter().skip(1).zip(JUDGES)
}

/// The status after this pass; `None` if it says what stands there already.
pub fn next(before: Before<'_>, generation: Option<i64>, pass: &Pass<'_>) -> Option<Status> {
    let summary = before.summary;
    let token = token::token(summary, pass);
    let withdrawn = summary.map(|summary| &*summary.withdrawn_outputs);
    let conditions = conditions(before, token.as_ref(), generation, pass);
    let (requirements, further_requirements, permission_proofs) = requirements(summary, pass);
    let status = room::fitted(Status {
        observed_generation: generation,
        history: history(summary, &conditions, pass.seen.now),
        conditions,
        requirements,
        further_requirements,
        permission_proofs,
        candidates: standby::candidates(summary, token.as_ref(), pass),
        rotation: rotation::next(summary, token.as_ref(), pass),
        token,
        outputs: outputs(summary, pass),
        withdrawal: pass.decision.withdrawal.map(WithdrawalStatus::from),
        withdrawn_outputs: pass.withdrawn_outputs.or(withdrawn).unwrap_or_default().to_vec(),
        consumers: said_consumers(summary, pass),
        deferral: match summary {
            Some(summary) if pass.seen.demand.suspend => suspended::deferral(summary, pass.seen),
            _ => pass.seen.token.yes().and(pass.seen.knowledge.deferred).map(DeferralStatus::from),
        },
        next_check_at: pass.decision.due.map(time),
        last_handled_request: pass.handled_request.map(str::to_owned),
        links: pass.links.cloned(),
    });
    let is_said = summary.is_some_and(|summary| {
        let is_strange =
            summary.next_check_at.is_some_and(|at| at > schedule::later(pass.seen.now, schedule::FARTHEST));
        summary.says_the_same(&status)
            && !is_strange
            && !lists_anew(&status, summary)
            && !is_overdue(&status, summary, pass.seen.timing.heartbeat)
    });
    (!is_said).then_some(status)
}

/// What is said of the consumers: as they were listed now, or last.
fn said_consumers(summary: Option<&StatusSummary>, pass: &Pass<'_>) -> Option<ConsumersStatus> {
    let before = summary.and_then(|summary| summary.consumers.as_deref());
    if !pass.after.lists_consumers || pass.seen.demand.outputs.is_empty() {
        return None;
    }
    match pass.after.following.and_then(|following| following.consumers.as_ref()) {
        Some(found) => {
            let rotation = summary.and_then(|summary| summary.rotation.as_deref());
            let published = rotation.and_then(|rotation| rotation.published_at.as_ref().map(|at| at.0));
            Some(consumers::consumers(found, published, pass.seen.now))
        }
        None => before.cloned(),
    }
}

/// True if the consumers were listed for the first time since the outputs hold the token of the last rotation.
fn lists_anew(status: &Status, summary: &StatusSummary) -> bool {
    let listed = |consumers: &ConsumersStatus| consumers.observed_at.0;
    let published = status.rotation.as_ref().and_then(|rotation| rotation.published_at.as_ref());
    let (before, now) = (summary.consumers.as_deref().map(listed), status.consumers.as_ref().map(listed));
    published
        .is_some_and(|at| before.is_none_or(|before| before < at.0) && now.is_some_and(|now| now >= at.0))
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
    let ready = says(ConditionStatus::False, Reason::SpecUnreadable, message);
    let others = judged().map(|(type_, _)| (type_, ready.repeated(ConditionStatus::Unknown)));
    let stalled = (STALLED, ready.repeated(ConditionStatus::True));
    let dated = |(type_, draft)| condition(type_, draft, summary, generation, now);
    let conditions: Vec<_> =
        std::iter::once(("Ready", ready.clone())).chain(others).chain([stalled]).map(dated).collect();
    let status = room::fitted(Status {
        observed_generation: generation,
        history: history(summary, &conditions, now),
        conditions,
        token: summary.and_then(|summary| summary.token.as_deref().cloned()),
        requirements: summary.map(|summary| summary.requirements.to_vec()).unwrap_or_default(),
        further_requirements: summary.and_then(|summary| summary.further_requirements.as_deref().cloned()),
        permission_proofs: summary.and_then(|summary| summary.permission_proofs.as_deref().cloned()),
        candidates: summary.map(|summary| summary.candidates.to_vec()).unwrap_or_default(),
        rotation: summary.and_then(|summary| summary.rotation.as_deref().cloned()),
        outputs: summary.map(|summary| summary.outputs.to_vec()).unwrap_or_default(),
        withdrawal: None,
        withdrawn_outputs: summary.map(|summary| summary.withdrawn_outputs.to_vec()).unwrap_or_default(),
        consumers: summary.and_then(|summary| summary.consumers.as_deref().cloned()),
        deferral: summary.and_then(|summary| summary.deferral.as_deref().cloned()),
        next_check_at: None,
        last_handled_request: summary
            .and_then(|summary| summary.last_handled_request.as_deref().map(str::to_owned)),
        links: None,
    });
    (!summary.is_some_and(|summary| summary.says_the_same(&status))).then_some(status)
}

/// The number of changes of Ready that are kept.
const HISTORY: usize = 10;

/// The last changes of Ready, and this one if it is one. What it said first is added with the first change: until then its condition
/// has the instant.
fn history(summary: Option<&StatusSummary>, conditions: &[Condition], now: Timestamp) -> Vec<ReadyChange> {
    let Some(summary) = summary else { return Vec::new() };
    let mut history = summary.history.to_vec();
    let before = summary.condition("Ready").filter(|before| before.at().is_some());
    let (Some(before), Some(ready)) = (before, conditions.first()) else { return history };
    let is_same =
        before.status == ready.status && before.reason.is_some_and(|reason| reason.as_str() == ready.reason);
    if !is_same {
        if let (true, Some(at), Some(reason)) = (history.is_empty(), before.at(), before.reason) {
            history.push(ReadyChange {
                at: time(at),
                ready: before.status,
                reason: reason.as_str().to_owned(),
            });
        }
        history.push(ReadyChange { at: time(now), ready: ready.status, reason: ready.reason.clone() });
    }
    history.split_off(history.len().saturating_sub(HISTORY))
}

fn conditions(
    before: Before<'_>,
    token: Option<&TokenStatus>,
    generation: Option<i64>,
    pass: &Pass<'_>,
) -> Vec<Condition> {
    let (summary, now) = (before.summary, pass.seen.now);
    let dated = |(type_, draft)| condition(type_, draft, summary, generation, now);
    if pass.seen.demand.suspend {
        let ready = suspended::ready();
        let others = judged().map(|(type_, _)| {
            kept(before.conditions, type_)
                .unwrap_or_else(|| dated((type_, ready.repeated(ConditionStatus::Unknown))))
        });
        let others: Vec<_> = others.collect();
        return std::iter::once(dated(("Ready", ready))).chain(others).collect();
    }
    let mut drafts: Vec<_> = judged().map(|(type_, judge)| (type_, judge(pass))).collect();
    if let Some(note) = token.and_then(|token| noted(token, pass)) {
        let accepted = drafts.iter_mut().find(|(_, draft)| draft.finding.reason == Reason::Accepted);
        accepted.into_iter().for_each(|(_, draft)| draft.finding.message += &note);
    }
    let takes_over = standby::takes_over(pass);
    if let Some(takes_over) = &takes_over {
        standby::foretell(&mut drafts, takes_over);
    }
    let mut ready = ready(&drafts);
    for (_, draft) in &mut drafts {
        if draft.finding.message == ready.finding.message {
            *draft = draft.repeated(draft.status);
        }
    }
    ready.finding.message += &raised(pass);
    let stalled = stalled(&ready).filter(|_| takes_over.is_none());
    let reconciling = reconciling(&ready, pass);
    std::iter::once(("Ready", ready))
        .chain(drafts)
        .chain(stalled.map(|stalled| (STALLED, stalled)))
        .chain(reconciling.map(|reconciling| (RECONCILING, reconciling)))
        .map(dated)
        .collect()
}

/// The condition as it stands, with its message in full: the message of Ready is about to be another one.
fn kept(conditions: &[Condition], type_: &str) -> Option<Condition> {
    let find = |type_: &str| conditions.iter().find(|condition| condition.type_ == type_);
    let (mut condition, ready) = (find(type_)?.clone(), find("Ready")?);
    if condition.message == SEE_READY && ready.reason != Reason::Suspended.as_str() {
        condition.message.clone_from(&ready.message);
    }
    Some(condition)
}

fn condition(
    type_: &str,
    draft: Draft,
    summary: Option<&StatusSummary>,
    generation: Option<i64>,
    now: Timestamp,
) -> Condition {
    let unchanged = summary
        .and_then(|summary| summary.condition(type_))
        .filter(|before| before.status == draft.status)
        .and_then(|before| before.at())
        // What lies ahead was written by a clock that was wrong, or by somebody else.
        .filter(|at| *at <= now);
    Condition {
        type_: type_.to_owned(),
        status: draft.status,
        reason: draft.finding.reason.as_str().to_owned(),
        message: draft.finding.message,
        last_transition_time: time(unchanged.unwrap_or(now)),
        observed_generation: generation,
    }
}

/// The first of the gravest findings speaks: False for what a person must mend, Unknown for what nobody knows, else True.
fn ready(drafts: &[(&str, Draft)]) -> Draft {
    // What holds is worth a note at most.
    let gravity = |draft: &Draft| match draft.status {
        ConditionStatus::True => draft.finding.reason.severity().min(Severity::Note),
        ConditionStatus::False | ConditionStatus::Unknown => draft.finding.reason.severity(),
    };
    // `max_by_key` gives the last of equals, and the first is wanted.
    let Some((_, gravest)) = drafts.iter().rev().max_by_key(|(_, draft)| gravity(draft)) else {
        return holds(Reason::Ready, "there is nothing to judge");
    };
    let status = match gravity(gravest) {
        Severity::Fine => {
            return holds(Reason::Ready, "GitHub accepts the token and every requirement holds");
        }
        Severity::Note => ConditionStatus::True,
        Severity::Wait => ConditionStatus::Unknown,
        Severity::Mend => ConditionStatus::False,
    };
    Draft { status, ..gravest.clone() }
}

/// What is noted of the account, unless `spec.expect` refuses it, which has its own sentence.
fn noted(token: &TokenStatus, pass: &Pass<'_>) -> Option<String> {
    let grant = pass.seen.knowledge.grant.as_ref().map(|(grant, _)| grant);
    let is_refused = pass.seen.demand.expectation.judge(grant).is_no();
    account::note(token).filter(|_| !is_refused)
}

/// What `Ready` also says if the interval of the spec was raised.
fn raised(pass: &Pass<'_>) -> String {
    pass.raised_from.map_or_else(String::new, |asked| {
        let (asked, given) = (asked.as_secs(), pass.seen.timing.interval.as_secs());
        format!("; spec.interval of {asked}s is below the administrator's minimum and was raised to {given}s")
    })
}

/// There while the first answer about the token is awaited.
fn reconciling(ready: &Draft, pass: &Pass<'_>) -> Option<Draft> {
    let (token, knowledge) = (pass.seen.token.yes(), &pass.seen.knowledge);
    let is_awaited = token.is_some() && knowledge.grant.is_none() && knowledge.refused.is_none();
    let is_unknown = ready.status == ConditionStatus::Unknown;
    (is_unknown && is_awaited).then(|| ready.repeated(ConditionStatus::True))
}

/// There while nothing but a person makes the connection Ready.
fn stalled(ready: &Draft) -> Option<Draft> {
    let stalls = ready.status == ConditionStatus::False && ready.finding.reason.stalls();
    stalls.then(|| ready.repeated(ConditionStatus::True))
}

fn holds(reason: Reason, message: impl Into<String>) -> Draft {
    says(ConditionStatus::True, reason, message.into())
}

fn says(status: ConditionStatus, reason: Reason, message: String) -> Draft {
    Draft { status, finding: Finding::new(reason, message) }
}

/// What a status says of the purposes of the token.
type Purposes = (Vec<RequirementStatus>, Option<FurtherRequirements>, Option<PermissionProofs>);

/// One line a demand, as long as there is a token; what was known before else, with what had no line then.
fn requirements(summary: Option<&StatusSummary>, pass: &Pass<'_>) -> Purposes {
    let lines = &pass.decision.judgement.lines;
    let has_token = pass.seen.token.yes().is_some() && pass.seen.host.yes().is_some();
    if has_token && !pass.seen.demand.suspend {
        return (lines.iter().map(RequirementStatus::from).collect(), None, PermissionProofs::of(lines));
    }
    let Some(summary) = summary else { return Purposes::default() };
    let before = &summary.requirements;
    let kept = if has_token { suspended::requirements(before, lines) } else { before.to_vec() };
    let further = summary.further_requirements.as_deref().cloned();
    (kept, further, summary.permission_proofs.as_deref().cloned())
}

/// True if an output of this connection stood under that name, whatever became of the change.
fn is_ours(pass: &Pass<'_>, name: &str) -> bool {
    pass.seen.found.iter().any(|found| matches!(found, Found::Ours { name: ours, .. } if ours == name))
}

/// The named outputs that stand and are ours. Where nobody may look, what stood when somebody could.
fn outputs(summary: Option<&StatusSummary>, pass: &Pass<'_>) -> Vec<OutputStatus> {
    let before = summary.map(|summary| &*summary.outputs).unwrap_or_default();
    if pass.seen.demand.suspend {
        return suspended::outputs(before, pass.seen);
    }
    if pass.seen.not_granted().is_some() {
        let named = &pass.seen.demand.outputs;
        let is_named = |output: &&OutputStatus| named.iter().any(|named| named.base() == output.secret_name);
        return before.iter().filter(is_named).cloned().collect();
    }
    let stood_as = |name: &str| {
        let found = pass.seen.found.iter().find_map(|found| match found {
            Found::Ours { name: ours, format, .. } if ours == name => *format,
            _ => None,
        });
        let is_it =
            |output: &&OutputStatus| output.current_name.as_deref().unwrap_or(&output.secret_name) == name;
        found.or_else(|| before.iter().find(is_it).map(|output| output.format))
    };
    let standing = pass.seen.demand.outputs.iter().zip(pass.stands).filter_map(|(output, (name, stand))| {
        let (name, format) = match stand {
            Stand::Wanted => (*name, output.format),
            // It keeps the layout in which it was written.
            Stand::Other | Stand::Leaving(_) => (*name, stood_as(name)?),
            Stand::Refused(_) if is_ours(pass, name) => (*name, stood_as(name)?),
            // The version before serves until the present one is written.
            _ if pass.decision.plan == Plan::Write => {
                let serving = pass.seen.serving_version(output)?;
                (serving, stood_as(serving)?)
            }
            Stand::Absent | Stand::Refused(_) => return None,
        };
        let current_name = output.versioned.then(|| name.to_owned());
        Some(OutputStatus { secret_name: output.base().to_owned(), current_name, format })
    });
    standing.collect()
}

#[cfg(test)]
mod tests;
