//! From what was seen to what is to be done: whether to ask GitHub, what holds, what to change, when to requeue.
//!
//! Pure, total and deterministic. Nothing here can fail.

mod change;
mod found;
mod observation;
mod outputs;
mod versions;
mod withdrawal;

use jiff::{SignedDuration, Timestamp};

use super::{
    Finding, Reason, Verdict,
    answer::{Expiry, Grant, Refusal},
    knowledge::{Knowledge, Proofs, Proven, Refused},
    output::Output,
    probe::Probe,
    probing::schedule::{self, earlier, later},
    proof::Proof,
    requirement::{Evidence, Line},
    token::Description,
};
pub use change::{Change, Plan};
pub use found::{Circle, Found, Holds, holds};
pub use observation::{Acceptances, Condemned, Demand, Heard, Host, Observation, OnInvalid};
pub use outputs::{Missing, Stand, contended, foreign};
pub use versions::unnamed;
pub use withdrawal::{Withdrawal, is_gone};

/// What holds of the token, step by step.
#[derive(Clone, Debug)]
pub struct Judgement<'a> {
    /// GitHub accepts it.
    pub identity: Verdict<&'a Grant>,
    /// Why the acceptance is an earlier one, if it is.
    pub earlier: Option<Finding>,
    /// It meets the requirements.
    pub requirements: Verdict<()>,
    /// The demands that GitHub must be asked about, one line each.
    pub lines: Vec<Line>,
    /// Scopes beyond those that are demanded.
    pub excess: Vec<&'a str>,
    /// Why it may not any more, if only the last answer speaks against it.
    pub doubted: Option<Finding>,
    /// It does not end soon.
    pub expiry: Verdict<Expiry>,
}

/// What to do and to say.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// What holds.
    pub judgement: Judgement<'a>,
    /// What must be read before the changes are complete. Then decide again.
    pub missing: Missing<'a>,
    /// What to change, in this order.
    pub changes: Vec<Change>,
    /// What to delete once every named output stands.
    pub leftovers: Vec<Change>,
    /// What the outputs are meant to become.
    pub plan: Plan,
    /// Their withdrawal, if the spec has a grace and something speaks for it.
    pub withdrawal: Option<Withdrawal>,
    /// Former outputs that wait for their finalizers.
    pub others: Vec<(String, Stand)>,
    /// What stands under the name of each output before the changes.
    pub stands: Vec<(&'a str, Stand)>,
    /// When GitHub is to be asked at the latest; `None` if not before the Secret changes.
    pub due: Option<Timestamp>,
    /// When to requeue; from one second to a day.
    pub requeue_after: SignedDuration,
}

/// What holds of the token that was seen.
pub fn judge(seen: &Observation) -> Judgement<'_> {
    let (identity, earlier) = identity(seen);
    let (requirements, doubted) = requirements(seen);
    let (lines, excess) = demands(seen);
    Judgement { identity, earlier, requirements, lines, excess, doubted, expiry: expiry(seen) }
}

/// What to do and to say about what was seen.
pub fn decide(seen: &Observation) -> Decision<'_> {
    let judgement = judge(seen);
    let withdrawal = withdrawal::withdrawal(seen, &judgement);
    let outputs = outputs::outputs(seen, &judgement, withdrawal);
    Decision {
        judgement,
        missing: outputs.missing,
        changes: outputs.changes,
        leftovers: outputs.leftovers,
        plan: outputs.plan,
        withdrawal,
        others: outputs::others(seen),
        stands: outputs.stands,
        due: seen.due(),
        requeue_after: requeue_after(seen, withdrawal),
    }
}

/// Whether GitHub accepts the token, and why that is an earlier answer if it is.
fn identity(seen: &Observation) -> (Verdict<&Grant>, Option<Finding>) {
    if let Verdict::Unknown(finding) = &seen.host {
        return (Verdict::Unknown(finding.clone()), None);
    }
    if seen.token.yes().is_none() {
        return (Verdict::unknown(Reason::NoToken, "there is no token to ask GitHub about"), None);
    }
    if let Some(refused) = seen.knowledge.believed_refusal() {
        let expired = seen.ends().is_some_and(|ends| ends <= refused.last);
        return (Verdict::No(vec![if expired { expired_finding(seen) } else { refused.into() }]), None);
    }
    if seen.has_ended() {
        return (Verdict::No(vec![expired_finding(seen)]), None);
    }
    match (&seen.knowledge.grant, doubt(&seen.knowledge)) {
        (Some((grant, _)), None) if seen.is_fresh() => (Verdict::Yes(grant), None),
        (Some((grant, at)), Some((doubt, since))) if seen.now < later(since, seen.timing.trust_for) => {
            let message = format!("GitHub accepted the token at {at}; since {since}, {}", doubt.message);
            let reason = match doubt.reason {
                Reason::HostRefusesMany => Reason::HostRefusesMany,
                _ => Reason::AcceptedEarlier,
            };
            (Verdict::Yes(grant), Some(Finding::new(reason, message)))
        }
        (_, Some((doubt, since))) => {
            let message = format!("since {since}, {}", doubt.message);
            (Verdict::unknown(doubt.reason, message), None)
        }
        (_, None) => {
            (Verdict::unknown(Reason::NotAskedYet, "GitHub has not been asked about the token yet"), None)
        }
    }
}

/// What stands against the last acceptance, and since when: an outage after a refusal does not begin the doubt anew.
fn doubt(knowledge: &Knowledge) -> Option<(Finding, Timestamp)> {
    if let Some(deferred) = knowledge.deferred {
        let finding = Finding::new(deferred.deferral.reason, deferred.deferral.told());
        let since = knowledge.refused.map_or(deferred.since, |refused| refused.first.min(deferred.since));
        return Some((finding, since));
    }
    let refused = knowledge.refused?;
    let message = "GitHub refuses the token; one refusal is not believed, the next question decides";
    Some((Finding::new(Reason::RefusedOnce, message), refused.first))
}

fn expired_finding(seen: &Observation) -> Finding {
    let at = seen.expires_at().unwrap_or(seen.now);
    Finding::new(
        Reason::Expired,
        format!("the token expired at {at}: make a new one and store it in the Secret"),
    )
}

/// True once the token is known to be of no use for good, by GitHub's word or by the requirements.
fn is_condemned(seen: &Observation, judgement: &Judgement<'_>) -> bool {
    is_condemned_by(seen, seen.knowledge.refused)
        || fails(judgement) && seen.token.yes().is_some() && would_be_useless(seen, &seen.knowledge.proofs)
}

/// The same by what this process heard. What only a status remembers may come from a backup, and deletes nothing; and one
/// acceptance alone is not believed where it costs an output.
fn is_heard_condemned(seen: &Observation, judgement: &Judgement<'_>) -> bool {
    // What only shows the way to other questions need not be heard twice.
    let leads = |probe: &Probe, proven: &Proven| {
        proven.heard >= 1
            && matches!(probe, Probe::Organization(_) | Probe::Repository(_))
            && proven.proof().is_some_and(Proof::is_held)
    };
    let heard = |probe: &Probe, proven: &Proven| proven.heard >= 2 || leads(probe, proven);
    let proofs = seen.knowledge.proofs.iter().filter(|(probe, proven)| heard(probe, proven));
    let proofs = proofs.map(|(probe, proven)| (probe.clone(), proven.clone())).collect();
    is_condemned_by(seen, seen.knowledge.refused.filter(|_| seen.heard.refusal))
        || fails(judgement) && seen.heard.acceptances == Acceptances::Many && would_be_useless(seen, &proofs)
}

/// True if these refusals condemn it: three of them, or one after its end.
fn is_condemned_by(seen: &Observation, refused: Option<Refused>) -> bool {
    let is_refused = |refused: Refused| refused.withdraws() || has_ended_by(&refused, seen.ends());
    seen.token.yes().is_some() && refused.is_some_and(is_refused)
}

/// True if GitHub never accepts a token again after these refusals, which ends then by the clock of this process: a suspended account may come
/// back.
pub fn is_over(refused: &Refused, ends: Option<Timestamp>) -> bool {
    refused.withdraws() && refused.refusal == Refusal::BadCredentials || has_ended_by(refused, ends)
}

fn has_ended_by(refused: &Refused, ends: Option<Timestamp>) -> bool {
    ends.is_some_and(|ends| ends <= refused.last)
}

/// True if GitHub accepts the token and it does not meet the requirements.
fn fails(judgement: &Judgement<'_>) -> bool {
    judgement.identity.yes().is_some() && judgement.requirements.is_no()
}

/// True if the token, as GitHub accepted it last, did not meet the requirements then, by these proofs.
///
/// A clock that was set forward makes a token neither too old nor nearly expired before GitHub has been heard again.
fn would_be_useless(seen: &Observation, proofs: &Proofs) -> bool {
    let (Some(token), Some((grant, at))) = (seen.token.yes(), &seen.knowledge.grant) else { return false };
    let evidence = Evidence { proofs, ..evidence(seen, token, Some(grant), later(*at, seen.skew)) };
    seen.demand.requirement.judge(&seen.demand.expectation, &evidence).is_no()
}

/// Whether the token would meet the requirements at this instant by GitHub's clock, if GitHub had said this.
fn would_meet(seen: &Observation, token: &Description, grant: Option<&Grant>, now: Timestamp) -> Verdict<()> {
    let Demand { requirement, expectation, .. } = &seen.demand;
    requirement.judge(expectation, &evidence(seen, token, grant, now))
}

/// What the requirements are judged by.
fn evidence<'a>(
    seen: &'a Observation,
    token: &Description,
    grant: Option<&'a Grant>,
    now: Timestamp,
) -> Evidence<'a> {
    Evidence {
        kind: token.kind,
        grant,
        first_proven: seen.knowledge.first_proven,
        proofs: &seen.knowledge.proofs,
        has_registry: seen.addresses().is_some_and(|addresses| addresses.registry.is_some()),
        needed: seen.demand.outputs.iter().find_map(Output::needed_scope),
        now,
    }
}

/// One line for each demand that GitHub must be asked about, and the scopes that nobody demands, as far as there is a token and its
/// host is known.
fn demands(seen: &Observation) -> (Vec<Line>, Vec<&str>) {
    let (Some(token), Some(_)) = (seen.token.yes(), seen.host.yes()) else { return (Vec::new(), Vec::new()) };
    let grant = seen.knowledge.grant.as_ref().map(|(grant, _)| grant);
    let evidence = evidence(seen, token, grant, seen.github_now());
    (seen.demand.requirement.lines(&evidence), seen.demand.requirement.excess_of(&evidence))
}

/// Whether the token meets the requirements. One answer that speaks against a token which met them before is not believed; the
/// next one decides.
fn requirements(seen: &Observation) -> (Verdict<()>, Option<Finding>) {
    let Some(token) = seen.token.yes() else {
        return (Verdict::unknown(Reason::NotDetermined, "there is no token to judge"), None);
    };
    let judge = |grant| would_meet(seen, token, grant, seen.github_now());
    let grant = seen.knowledge.grant.as_ref().map(|(grant, _)| grant);
    match (judge(grant), seen.knowledge.before.as_deref()) {
        (Verdict::Yes(()) | Verdict::Unknown(_), _) if seen.host.yes().is_none() => (host_unknown(), None),
        (Verdict::Yes(()) | Verdict::Unknown(_), _) if grant.is_none() => {
            let message = match seen.knowledge.believed_refusal() {
                Some(_) => "GitHub refuses the token, so nothing else is known of it",
                None => "GitHub has not accepted the token yet, so nothing is known of it",
            };
            (Verdict::unknown(Reason::NotDetermined, message), None)
        }
        (Verdict::No(findings), Some(before)) if judge(Some(before)).yes().is_some() => {
            let messages: Vec<_> = findings.into_iter().map(|finding| finding.message).collect();
            let message = format!("one answer is not believed, the next decides: {}", messages.join("; "));
            (Verdict::Yes(()), Some(Finding::new(Reason::ViolatedOnce, message)))
        }
        (judged, _) => (judged, None),
    }
}

/// What may have been known of the token before belongs to another host.
fn host_unknown<T>() -> Verdict<T> {
    let message = "the host that spec.host names is not known, so nothing is known of the token on it";
    Verdict::unknown(Reason::NotDetermined, message)
}

fn expiry(seen: &Observation) -> Verdict<Expiry> {
    if seen.token.yes().is_none() {
        return Verdict::unknown(Reason::NotDetermined, "there is no token whose end could be known");
    }
    if seen.host.yes().is_none() {
        return host_unknown();
    }
    let Some(expiry) = seen.expiry() else {
        let message = match seen.knowledge.believed_refusal() {
            Some(_) => "GitHub refuses the token, so its end is not known",
            None => "GitHub has not told yet when the token expires",
        };
        return Verdict::unknown(Reason::NotDetermined, message);
    };
    match expiry {
        Expiry::Never => Verdict::Yes(Expiry::Never),
        Expiry::Unreadable => Verdict::unknown(
            Reason::ExpiryUnreadable,
            "GitHub named an expiry in a form that could not be read: look for a newer version of this operator",
        ),
        Expiry::Implausible(at) => Verdict::unknown(
            Reason::ExpiryImplausible,
            format!(
                "GitHub accepts the token and names {at}, which had passed, as its end: the operator does not use this \
                 date; see on GitHub when the token ends"
            ),
        ),
        Expiry::At(_) if seen.has_ended() => Verdict::No(vec![expired_finding(seen)]),
        Expiry::At(at) => {
            let left = at.duration_since(seen.github_now());
            match seen.demand.warn_before.iter().filter(|warning| left <= **warning).min() {
                Some(warning) => Verdict::no(Reason::ExpiresSoon, expires_soon(at, *warning)),
                None => Verdict::Yes(Expiry::At(at)),
            }
        }
    }
}

/// Until the next instant at which something may turn: a question is due, the expiry or a warning is reached, trust or a grace runs
/// out.
pub fn requeue_after(seen: &Observation, withdrawal: Option<Withdrawal>) -> SignedDuration {
    if seen.demand.suspend {
        return schedule::requeue_after(seen.now, None, []);
    }
    let ends = seen.ends();
    let before_end = |by: SignedDuration| ends.map(|ends| earlier(ends, by));
    let remaining = seen.demand.requirement.expiry.min_remaining.map(|duration| duration.get());
    let trusted = doubt(&seen.knowledge).map(|(_, since)| later(since, seen.timing.trust_for));
    let instants =
        [ends, remaining.and_then(before_end), trusted, withdrawal.map(|withdrawal| withdrawal.at)];
    let warnings = seen.demand.warn_before.iter().map(|warning| before_end(*warning));
    let due = seen.due().filter(|_| !seen.pending);
    let due = due.into_iter().chain(seen.proofs_due().into_iter().map(|(_, at)| at)).min();
    schedule::requeue_after(seen.now, due, instants.into_iter().chain(warnings).flatten())
}

/// What is said of a token that ends at this instant, within this time of `warnBefore`.
pub fn expires_soon(at: Timestamp, within: SignedDuration) -> String {
    format!("the token expires at {at}, in less than {}: make a new one in time", hours(within))
}

fn hours(length: SignedDuration) -> String {
    let (hours, rest) = (length.as_hours(), length.as_secs() % 3600);
    match (hours / 24, hours % 24, rest) {
        (days, 0, 0) if days > 1 => format!("{days} days"),
        (_, _, 0) => counted(hours, "hour"),
        _ => counted(length.as_mins(), "minute"),
    }
}

/// The count with its unit, as in "1 hour" and "2 hours".
pub fn counted(count: i64, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
pub(crate) mod tests;
