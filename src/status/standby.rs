//! What the status says of the Secrets that stand by.

use jiff::Timestamp;

use super::{Draft, Pass, says, token::known};
use crate::{
    api::{CandidateStatus, ConditionStatus, StatusSummary, TokenStatus, time},
    domain::{
        Finding, Reason, Verdict,
        candidate::{Candidate, Considered, Standing, next_in_line},
        decide::{Observation, judge},
        excerpt,
    },
};

/// What the schema allows.
pub(super) const LONGEST: usize = 256;
/// Behind the name of a Secret that stands by and ends soon.
pub(super) const STANDS_BY: &str = ", which stands by, ";
/// What is said of a usable token that stands by. GitHub's refusal of the one in use is seen at its next check, which is too late for consumers.
const TAKES_OVER_LATER: &str = "takes over when the token in use expires, when GitHub refuses it twice, or when it does not meet spec.require; to revoke that one \
     without a gap, make this Secret spec.secretRef first";

/// The Secrets that the token may come from, in order of preference.
#[derive(Clone, Copy, Debug)]
pub struct Standbys<'a> {
    /// Each, and what was seen of it unless it is in use.
    pub all: &'a [Considered],
    /// The one whose token the status speaks of.
    pub place: usize,
    /// Since when it is in use; `None` if none is.
    pub since: Option<Timestamp>,
    /// When one that is preferred to it takes its place at the earliest.
    pub back_at: Option<Timestamp>,
}

impl<'a> Standbys<'a> {
    /// Those that are not in use, each with what was seen of it.
    fn others(self) -> impl Iterator<Item = (&'a Candidate, &'a Observation)> {
        self.all.iter().filter_map(|(candidate, seen)| Some((candidate, seen.as_deref()?)))
    }

    /// The Secret in use, if another one holds the same token.
    fn twin(self, other: &Candidate) -> Option<&'a str> {
        let (used, _) = self.all.get(self.place).filter(|_| self.since.is_some())?;
        let is_twin = used.secret != other.secret && used.token.is_some() && used.token == other.token;
        is_twin.then_some(&*used.secret)
    }
}

/// One entry for each Secret that the token may come from; the earlier ones while the connection is suspended.
pub(super) fn candidates(
    summary: Option<&StatusSummary>,
    used: Option<&TokenStatus>,
    pass: &Pass<'_>,
) -> Vec<CandidateStatus> {
    let before = summary.map(|summary| &*summary.candidates).unwrap_or_default();
    match pass.standbys {
        Some(standbys) => {
            let all = standbys.all.iter().enumerate();
            all.map(|(place, considered)| entry((before, used), standbys, place, considered)).collect()
        }
        None if pass.seen.demand.suspend && pass.seen.demand.sources.len() > 1 => before.to_vec(),
        None => Vec::new(),
    }
}

fn entry(
    (before, used): (&[CandidateStatus], Option<&TokenStatus>),
    standbys: Standbys<'_>,
    place: usize,
    (candidate, seen): &Considered,
) -> CandidateStatus {
    let in_use = standbys.since.filter(|_| place == standbys.place);
    let kept = || before.iter().find(|before| before.secret_name == candidate.secret)?.token.clone();
    let token = match seen.as_deref() {
        Some(seen) => token(&candidate.secret, seen).map(Box::new).or_else(kept),
        None => used.filter(|used| used.secret_name == candidate.secret).map(|used| Box::new(used.brief())),
    };
    let finding = candidate.standing.finding();
    let waits_until =
        standbys.back_at.filter(|_| place < standbys.place && candidate.standing == Standing::Usable);
    let waits = waits_until.map(|at| {
        format!(
            "takes over at {at} at the earliest (spec.holdDown), once GitHub accepts it after the last change"
        )
    });
    let same = || standbys.twin(candidate).map(same_token);
    let stands_by = standbys.since.is_some() && place > standbys.place;
    let ready = (stands_by && candidate.standing == Standing::Usable).then(|| TAKES_OVER_LATER.to_owned());
    let mut message = finding.map(|finding| finding.message.clone()).or(waits).or_else(same).or(ready);
    message.iter_mut().for_each(|message| excerpt::cut(message, LONGEST));
    CandidateStatus {
        secret_name: candidate.secret.clone(),
        in_use: in_use.is_some(),
        since: in_use.map(time),
        usable: match candidate.standing {
            Standing::Usable => ConditionStatus::True,
            Standing::Unusable(_) | Standing::Absent(_) => ConditionStatus::False,
            Standing::Unknown(_) => ConditionStatus::Unknown,
        },
        reason: finding.map_or(Reason::Accepted, |finding| finding.reason).as_str().to_owned(),
        message,
        token,
    }
}

fn same_token(used: &str) -> String {
    format!("it holds the token that is in use from Secret {used}: put the next one into it")
}

fn token(secret: &str, seen: &Observation) -> Option<TokenStatus> {
    let (token, host) = (seen.token.yes()?, seen.host.yes()?);
    Some(known(token, host, secret, seen, &judge(seen)))
}

/// That another token takes the place of the one in use, which is of no use, unless that one turns out to be of no use too. Nobody has to
/// act before GitHub has answered.
pub(super) fn takes_over(pass: &Pass<'_>) -> Option<String> {
    let standbys = pass.standbys?;
    let (current, _) = standbys.all.get(standbys.place)?;
    let mut others = standbys.others().map(|(candidate, _)| candidate);
    let may_come = |other: &&Candidate| match &other.standing {
        Standing::Usable => true,
        // What an answer of GitHub left open stays open.
        Standing::Unknown(finding) => !matches!(
            finding.reason,
            Reason::ScopesUnknown | Reason::ExpiryUnreadable | Reason::ExpiryImplausible
        ),
        Standing::Unusable(_) | Standing::Absent(_) => false,
    };
    let next = others.find(may_come).filter(|_| matches!(current.standing, Standing::Unusable(_)))?;
    Some(format!("Secret {} takes over once its token is proven", next.secret))
}

/// Says so wherever the token in use is found to be of no use, first of all: a person reads how a sentence begins.
pub(super) fn foretell(drafts: &mut [(&str, Draft)], takes_over: &str) {
    // The sentence of `NotExpiring` is the stage by which warnings are told.
    let of_the_token = ["Authenticated", "RequirementsMet"];
    let drafts = drafts.iter_mut().filter(|(type_, _)| of_the_token.contains(type_));
    for (_, draft) in drafts.filter(|(_, draft)| draft.status == ConditionStatus::False) {
        draft.finding.message = format!("{takes_over}; {}", draft.finding.message);
    }
}

/// What `NotExpiring` says beside the end of the token in use: what takes over, and which cannot.
pub(super) fn with_standbys(draft: Draft, pass: &Pass<'_>) -> Draft {
    let is_near = (draft.status, draft.finding.reason) == (ConditionStatus::False, Reason::ExpiresSoon);
    let Some(standbys) = pass.standbys else { return if is_near { alone(draft, pass) } else { draft } };
    match (draft.status, draft.finding.reason) {
        (ConditionStatus::False, Reason::ExpiresSoon) => match next_in_line(standbys.all, standbys.place) {
            Some(next) => {
                let message = format!("{}; Secret {} takes over", cause(&draft.finding), next.secret);
                // That one ends later, and may end soon too.
                let soon = standbys
                    .others()
                    .filter(|(other, _)| other.secret == next.secret)
                    .find_map(concern(standbys));
                match soon {
                    Some(soon) => {
                        says(ConditionStatus::True, soon.reason, format!("{message}; {}", soon.message))
                    }
                    None => says(ConditionStatus::True, Reason::StandbyTakesOver, message),
                }
            }
            // Another one takes over before that.
            None if takes_over(pass).is_some() => draft,
            None => alone(draft, pass),
        },
        (ConditionStatus::True, _) => match standbys.others().find_map(concern(standbys)) {
            Some(Finding { reason, message }) => {
                says(draft.status, reason, format!("{message}; {}", draft.finding.message))
            }
            None => draft,
        },
        _ => draft,
    }
}

/// That the token ends soon, and no other is there.
fn alone(draft: Draft, pass: &Pass<'_>) -> Draft {
    let page = pass.links.map_or_else(String::new, |links| format!("; it is made on {}", links.create_token));
    let message = format!("{}; nothing can take over{page}", draft.finding.message);
    says(draft.status, draft.finding.reason, message)
}

/// Why a token that stands by cannot take over, or soon cannot.
fn concern<'a>(standbys: Standbys<'a>) -> impl Fn((&'a Candidate, &'a Observation)) -> Option<Finding> {
    move |(candidate, seen)| {
        let secret = &candidate.secret;
        let unusable = |why: &str| {
            Finding::new(Reason::StandbyUnusable, format!("Secret {secret} cannot take over ({why})"))
        };
        match &candidate.standing {
            Standing::Unusable(finding) | Standing::Absent(finding) => Some(unusable(&finding.message)),
            Standing::Unknown(_) => None,
            Standing::Usable => match (standbys.twin(candidate), judge(seen).expiry) {
                (Some(used), _) => {
                    let message = format!("Secret {secret} is no standby ({})", same_token(used));
                    Some(Finding::new(Reason::StandbyUnusable, message))
                }
                (None, Verdict::No(findings)) => findings.first().map(|finding| {
                    let message = format!("in Secret {secret}{STANDS_BY}{}", cause(finding));
                    Finding::new(Reason::StandbyExpiresSoon, message)
                }),
                (None, Verdict::Yes(_) | Verdict::Unknown(_)) => None,
            },
        }
    }
}

/// The part of a sentence before its remedy.
fn cause(finding: &Finding) -> &str {
    finding.message.split_once(": ").map_or(&*finding.message, |(cause, _)| cause)
}
