//! What the status says of each verdict, one function a condition.

use jiff::{SignedDuration, Timestamp};

use super::{Draft, Pass, holds, says, standby::with_standbys};
use crate::{
    api::ConditionStatus,
    domain::{
        Finding, Reason, Verdict,
        answer::{Expiry, Grant},
        decide::{OnInvalid, Plan, Stand},
        output::Output,
        requirement::{Line, State},
        token::{Flaw, TokenKind},
    },
};

pub(super) fn secret_resolved(pass: &Pass<'_>) -> Draft {
    draft(&pass.seen.token, |token| {
        let mut message = format!("{} holds a {}", pass.source, token.kind.words());
        if token.trailing_newline {
            message += "; one newline at its end was taken off, which others who read it may send along";
        }
        if let Some(flaw) = token.flaw {
            message += "; ";
            message += flaw.words();
        }
        Finding::new(Reason::Resolved, message)
    })
}

pub(super) fn authenticated(pass: &Pass<'_>) -> Draft {
    let judgement = &pass.decision.judgement;
    let mut draft = draft(&judgement.identity, |grant| {
        judgement.earlier.clone().unwrap_or_else(|| Finding::new(Reason::Accepted, accepted(grant)))
    });
    let flaw = pass.seen.token.yes().and_then(|token| token.flaw);
    // One that was accepted before was not mistyped.
    let is_likely = draft.finding.reason == Reason::BadCredentials && !pass.seen.knowledge.accepted_before();
    if let Some(flaw) = flaw.filter(|_| is_likely) {
        draft.finding.message = likely_cause(flaw);
    }
    draft
}

/// Why GitHub refused the token, where its shape tells more than GitHub does.
fn likely_cause(flaw: Flaw) -> String {
    format!(
        "GitHub refused the token (401 Bad credentials), and {}: copy the whole token again, or make a new one",
        flaw.words()
    )
}

fn accepted(grant: &Grant) -> String {
    match &grant.account {
        Some(account) => format!("GitHub accepts the token of {} (id {})", account.login, account.id),
        None => "GitHub accepts the token of an app installation".to_owned(),
    }
}

pub(super) fn requirements_met(pass: &Pass<'_>) -> Draft {
    let judgement = &pass.decision.judgement;
    draft(&judgement.requirements, |()| {
        let met = || Finding::new(Reason::RequirementsMet, met(&judgement.lines));
        judgement.doubted.clone().unwrap_or_else(met)
    })
}

/// That the token meets every requirement, and which of them nobody can prove.
fn met(lines: &[Line]) -> String {
    let unproven = lines.iter().filter(|line| line.state == State::Unproven);
    let unproven: Vec<_> = unproven.map(|line| format!("{} ({})", line.name, line.finding.message)).collect();
    if unproven.is_empty() {
        return "the token meets every requirement".to_owned();
    }
    format!("the token meets every requirement that can be proven; not proven: {}", joined(&unproven))
}

pub(super) fn not_expiring(pass: &Pass<'_>) -> Draft {
    let draft = draft(&pass.decision.judgement.expiry, |expiry| match expiry {
        Expiry::At(at) => Finding::new(Reason::NotExpiring, format!("the token expires at {at}")),
        Expiry::Never | Expiry::Unreadable | Expiry::Implausible(_) => {
            Finding::new(Reason::NeverExpires, format!("the token never expires{}", long_known(pass)))
        }
    });
    with_standbys(draft, pass)
}

/// The time after its first proof from which on a classic token is called long known. GitHub removes one that nobody has used for a year, and
/// this operator uses it:
/// <https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/token-expiration-and-revocation>
const LONG: SignedDuration = SignedDuration::from_hours(335 * 24);

/// A hint that nothing but this operator seems to use the token: GitHub tells no bearer when a token was used, or by whom.
fn long_known(pass: &Pass<'_>) -> String {
    let is_classic = pass.seen.token.yes().is_some_and(|token| token.kind == TokenKind::Classic);
    let first = pass.seen.knowledge.first_proven.filter(|_| is_classic);
    match first.filter(|first| pass.seen.now.duration_since(*first) >= LONG) {
        Some(first) => format!(
            "; the questions of this operator have kept it in use for more than eleven months, since {first}, so that GitHub does \
             not remove it as unused after a year: if nothing else seems to use it, revoke it"
        ),
        None => String::new(),
    }
}

pub(super) fn published(pass: &Pass<'_>) -> Draft {
    let others = pass.others.iter().map(|(name, stand)| (name.as_str(), stand));
    let all = pass.stands.iter().map(|(name, stand)| (*name, stand)).chain(others);
    let mut against: Vec<Finding> = all.filter_map(|(name, stand)| speaks_against(name, stand)).collect();
    // What a circle keeps from being written may be what another output lacks; what passes by itself is told after what a person must mend.
    against.sort_by_key(|finding| match finding.reason {
        Reason::PublishCycle => 0,
        Reason::ApiServerUnavailable => 2,
        _ => 1,
    });
    if let Some(first) = against.first() {
        let passes = first.reason == Reason::ApiServerUnavailable;
        return fails(if passes { ConditionStatus::Unknown } else { ConditionStatus::False }, against);
    }
    if let Some(finding) = pass.seen.not_granted().filter(|_| pass.decision.plan != Plan::NothingRequested) {
        return fails(ConditionStatus::Unknown, vec![finding.clone()]);
    }
    let wanted = pass.stands.len();
    let all = |wish: fn(&Stand) -> bool| pass.stands.iter().all(|(_, stand)| wish(stand));
    match pass.decision.plan {
        Plan::NothingRequested => holds(Reason::NothingRequested, "spec.publish asks for no output"),
        Plan::Write if !all(|stand| *stand == Stand::Wanted) => {
            let message =
                "an output could not be read, or changed while it was written; the operator retries";
            says(ConditionStatus::Unknown, Reason::NotDetermined, message.to_owned())
        }
        Plan::Write => {
            let what = if wanted == 1 { "the output holds" } else { &format!("all {wanted} outputs hold") };
            holds(Reason::Published, format!("{what} the token{}", polled(pass)))
        }
        Plan::Keep if all(|stand| *stand == Stand::Wanted) => holds(
            Reason::Retained,
            format!(
                "the outputs keep the token, which GitHub accepted before; nothing else is written to them{}{}",
                polled(pass),
                condemning(pass)
            ),
        ),
        Plan::Keep => retained(pass, wanted),
        Plan::WithdrawAt(at) => withdrawn_at(pass, wanted, at),
        Plan::Withdraw => withdrawn(pass, wanted),
    }
}

/// A hint that a token which dies in an output is sent to GitHub again and again. Failed logins count against its account:
/// <https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api#failed-login-limit>.
fn polled(pass: &Pass<'_>) -> String {
    if pass.seen.demand.on_invalid == OnInvalid::Withdraw {
        return String::new();
    }
    let mut programs: Vec<_> = pass.seen.demand.outputs.iter().filter_map(Output::polled_by).collect();
    programs.sort_unstable();
    programs.dedup();
    match programs.as_slice() {
        [] => String::new(),
        programs => format!(
            "; {} would go on asking GitHub with a token that is dead, until its account is locked: set spec.onInvalid to \
             Withdraw, which takes it away",
            programs.join(" and ")
        ),
    }
}

/// What the outputs are withdrawn for, once that is sure enough, if it begins to show.
fn condemning(pass: &Pass<'_>) -> &'static str {
    if !pass.seen.demand.withdraws() || !pass.decision.judgement.identity.is_no() {
        return "";
    }
    match pass.seen.knowledge.refused {
        Some(_) => {
            "; spec.onInvalid takes effect with a refusal that comes ten minutes after the first, or later"
        }
        None => "; spec.onInvalid takes effect once GitHub has confirmed that it is of no use",
    }
}

/// What of an output a person must mend, whatever the plan.
pub(super) fn speaks_against(name: &str, stand: &Stand) -> Option<Finding> {
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

fn retained(pass: &Pass<'_>, wanted: usize) -> Draft {
    let judgement = &pass.decision.judgement;
    let against = pass.seen.token.is_no() || judgement.identity.is_no() || judgement.requirements.is_no();
    if !against {
        let message = "nothing is written to the outputs before GitHub has accepted the token";
        return says(ConditionStatus::Unknown, Reason::NotDetermined, message.to_owned());
    }
    let message = match standing(pass) {
        0 => "the token is not written to the outputs until it is good".to_owned(),
        standing if pass.seen.condemned_before.is_some() && pass.seen.demand.may_be_replaced => format!(
            "{standing} of {wanted} outputs stand: those that hold the token which GitHub had refused keep it until a token \
             that stands by takes over, or none can"
        ),
        standing if pass.seen.condemned_before.as_ref().is_some_and(|known| known.heard.is_none()) => {
            format!(
                "{standing} of {wanted} outputs stand: they hold an earlier token, or the operator deletes them once GitHub \
             refuses theirs again, for a connection that has it in use"
            )
        }
        earlier => format!(
            "the token is not written to the outputs until it is good; {earlier} of {wanted} keep the one that was \
             proven before{}",
            polled(pass)
        ),
    };
    says(ConditionStatus::False, Reason::Withheld, message)
}

fn withdrawn_at(pass: &Pass<'_>, wanted: usize, at: Timestamp) -> Draft {
    match standing(pass) {
        // Those went at once.
        0 if is_dead(pass) && is_all_polled(pass) => withdrawn(pass, wanted),
        0 => retained(pass, wanted),
        standing => {
            let cause = pass.seen.cause_of_withdrawal();
            let message = if pass.seen.demand.may_be_replaced {
                format!(
                    "{standing} of {wanted} outputs stand; since {cause}, at {at} by spec.withdrawAfter a token that stands by \
                     takes over, or they are deleted if none can"
                )
            } else {
                format!(
                    "{standing} of {wanted} outputs will be deleted at {at} by spec.withdrawAfter, since {cause}"
                )
            };
            says(ConditionStatus::False, Reason::WithdrawalPending, message)
        }
    }
}

fn withdrawn(pass: &Pass<'_>, wanted: usize) -> Draft {
    match standing(pass) {
        0 => {
            let cause = pass.seen.cause_of_withdrawal();
            let message = format!("no output stands, since spec.onInvalid is Withdraw and {cause}");
            says(ConditionStatus::False, Reason::Withdrawn, message)
        }
        _ => retained(pass, wanted),
    }
}

/// True if the token is of no use, or was before its source was gone.
fn is_dead(pass: &Pass<'_>) -> bool {
    pass.decision.judgement.identity.is_no() || pass.seen.condemned_before.is_some()
}

/// True if a program would poll with each of the outputs.
fn is_all_polled(pass: &Pass<'_>) -> bool {
    pass.seen.demand.outputs.iter().all(|output| output.polled_by().is_some())
}

/// How many outputs stand.
fn standing(pass: &Pass<'_>) -> usize {
    pass.stands.iter().filter(|(_, stand)| stand.is_ours()).count()
}

fn draft<T>(verdict: &Verdict<T>, good: impl FnOnce(&T) -> Finding) -> Draft {
    match verdict {
        Verdict::Yes(value) => Draft { status: ConditionStatus::True, finding: good(value) },
        Verdict::No(findings) => fails(ConditionStatus::False, findings.clone()),
        Verdict::Unknown(finding) => Draft { status: ConditionStatus::Unknown, finding: finding.clone() },
    }
}

/// The most sentences in one message.
const SENTENCES: usize = 4;

/// The first of these sentences, and how many more there are.
fn joined(sentences: &[String]) -> String {
    let told = sentences.iter().take(SENTENCES).map(String::as_str).collect::<Vec<_>>().join("; ");
    match sentences.len().saturating_sub(SENTENCES) {
        0 => told,
        more => format!("{told}; and {more} more"),
    }
}

/// The first finding's reason, and the sentences of the first ones.
fn fails(status: ConditionStatus, findings: Vec<Finding>) -> Draft {
    let reason = findings.first().map_or(Reason::NotDetermined, |finding| finding.reason);
    let messages: Vec<_> = findings.into_iter().map(|finding| finding.message).collect();
    says(status, reason, joined(&messages))
}
