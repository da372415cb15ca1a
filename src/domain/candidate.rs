//! Which of several tokens is in use: the first that is of use, without a change for anything that is not believed.

use jiff::{SignedDuration, Timestamp};

use super::{
    Finding, Reason, Verdict,
    answer::Grant,
    decide::{Observation, judge},
    probing::schedule::later,
    token::HashedToken,
};

/// Whether a token could be in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// GitHub accepts it, and it meets the requirements. An earlier answer may say so, or something may speak against it that is
    /// not believed.
    Usable,
    /// GitHub refuses it, it has expired, or it does not meet the requirements.
    Unusable(Finding),
    /// Nobody can tell yet.
    Unknown(Finding),
    /// There is no token in the Secret.
    Absent(Finding),
}

impl Standing {
    /// Why it is not usable, if it is not.
    pub const fn finding(&self) -> Option<&Finding> {
        match self {
            Standing::Usable => None,
            Standing::Unusable(finding) | Standing::Unknown(finding) | Standing::Absent(finding) => {
                Some(finding)
            }
        }
    }
}

/// A Secret that the token may come from.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The name of the Secret.
    pub secret: String,
    /// What holds of the token in it.
    pub standing: Standing,
    /// When GitHub accepted it last, if this process has heard that and nothing speaks against it.
    pub proven: Option<Timestamp>,
    /// True while a first answer about it is on its way.
    pub is_awaited: bool,
    /// True if GitHub has refused it since it accepted it, believed or not.
    pub is_refused: bool,
    /// The token.
    pub token: Option<HashedToken>,
    /// When it ends, if GitHub named an end.
    pub ends: Option<Timestamp>,
}

/// A candidate, and what was seen of it unless it is in use.
pub type Considered = (Candidate, Option<Box<Observation>>);

impl Candidate {
    /// The candidate that was seen so. `remembered` is what its status says of it.
    pub fn new(secret: &str, seen: &Observation, remembered: Option<Standing>) -> Self {
        let (standing, is_proven) = standing(seen, remembered);
        let accepted = seen.knowledge.grant.as_ref().map(|(_, at)| *at);
        Candidate {
            secret: secret.to_owned(),
            standing,
            proven: accepted.filter(|_| is_proven),
            is_awaited: seen.awaits_first_answer(),
            is_refused: seen.token.yes().is_some() && seen.knowledge.refused.is_some(),
            token: seen.token.yes().map(|token| token.hashed),
            ends: seen.expires_at(),
        }
    }

    /// The same once nothing is to be hoped for from a Secret without a token: the one that was in it ended at that instant, or the
    /// Secret has been missing for as long as it may.
    #[must_use]
    pub fn given_up(self, ended: Option<Timestamp>, is_lost: bool) -> Self {
        let Standing::Absent(finding) = &self.standing else { return self };
        let finding = match ended {
            Some(at) => {
                let message = format!("the token that was in Secret {} expired at {at}", self.secret);
                Finding::new(Reason::Expired, message)
            }
            None if is_lost => finding.clone(),
            None => return self,
        };
        Candidate { standing: Standing::Unusable(finding), ..self }
    }

    /// True if another one may have to take over soon.
    pub const fn is_shaken(&self) -> bool {
        matches!(self.standing, Standing::Unusable(_)) || self.is_refused
    }
}

/// What holds of the token, and whether this process has heard so and nothing speaks against it.
///
/// What a status remembers stands for the answers about the purposes of a token until GitHub has been heard about it.
fn standing(seen: &Observation, remembered: Option<Standing>) -> (Standing, bool) {
    match &seen.token {
        Verdict::Yes(_) => {}
        Verdict::No(findings) => return (Standing::Absent(first(findings)), false),
        Verdict::Unknown(finding) => return (Standing::Unknown(finding.clone()), false),
    }
    let judged = judge(seen);
    match (&judged.identity, &judged.requirements) {
        (Verdict::Yes(_), Verdict::Unknown(finding)) if seen.rests => {
            (remembered.unwrap_or_else(|| Standing::Unknown(finding.clone())), false)
        }
        (Verdict::No(findings), _) | (Verdict::Yes(_), Verdict::No(findings)) => {
            (Standing::Unusable(first(findings)), false)
        }
        (Verdict::Unknown(finding), _) | (Verdict::Yes(_), Verdict::Unknown(finding)) => {
            (Standing::Unknown(finding.clone()), false)
        }
        (Verdict::Yes(grant), Verdict::Yes(())) => {
            if let Some(finding) = unsuited(seen, grant) {
                return (Standing::Unusable(finding), false);
            }
            let is_doubted =
                judged.earlier.is_some() || judged.doubted.is_some() || seen.knowledge.refused.is_some();
            (Standing::Usable, seen.has_heard() && !is_doubted)
        }
    }
}

/// Why no output that the spec asks for can have this token, though another token of the account could do.
fn unsuited(seen: &Observation, grant: &Grant) -> Option<Finding> {
    let (token, addresses) = (seen.token.yes()?, seen.addresses()?);
    // What is wrong with the output itself is wrong for every token.
    let is_of_token =
        |finding: &Finding| [Reason::FormatNeedsClassic, Reason::FormatNeedsScope].contains(&finding.reason);
    let outputs = seen.demand.outputs.iter();
    let faults = outputs.map(|output| output.suits(token.kind, grant, addresses).err().filter(is_of_token));
    faults.collect::<Option<Vec<_>>>()?.into_iter().next()
}

fn first(findings: &[Finding]) -> Finding {
    let unknown = || Finding::new(Reason::NotDetermined, "nobody can tell yet");
    findings.first().cloned().unwrap_or_else(unknown)
}

/// What a choice rests on beside the candidates.
#[derive(Clone, Copy, Debug)]
pub struct Present {
    /// Which candidate is in use, and since when; `None` if none was yet.
    pub in_use: Option<(usize, Timestamp)>,
    /// Since when another one may have to take over: an acceptance from before does not count then.
    pub wanted: Option<Timestamp>,
    /// How long a token stays in use before a preferred one comes back.
    pub hold_down: SignedDuration,
    /// The present instant.
    pub now: Timestamp,
}

/// Which candidate is to be in use, as its place in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The place.
    pub place: usize,
    /// When a preferred one, which is good again, comes back at the earliest.
    pub back_at: Option<Timestamp>,
}

/// Which candidate is to be in use.
///
/// The one in use stays unless it is unusable, or a preferred one was proven after the last change and that is long enough ago.
/// Only a proven one takes its place. While none was in use yet, a Secret without a token is passed over too, and later once
/// [it is given up](Candidate::given_up).
pub fn choose(all: &[Considered], present: &Present) -> Choice {
    let stay = |place| Choice { place, back_at: None };
    let (current, since) = present.in_use.map_or((0, None), |(place, since)| (place, Some(since)));
    let Some(standing) = all.get(current).map(|(candidate, _)| &candidate.standing) else {
        return stay(0);
    };
    let gives_way = match standing {
        Standing::Unusable(_) => true,
        Standing::Absent(_) => since.is_none(),
        Standing::Usable | Standing::Unknown(_) => false,
    };
    if gives_way {
        return stay(successor(all, current, present.wanted).unwrap_or(current));
    }
    let Some(since) = since else { return stay(current) };
    let is_back = |(candidate, _): &Considered| candidate.proven.is_some_and(|at| at > since);
    let Some(preferred) = all.iter().take(current).position(is_back) else { return stay(current) };
    let back_at = later(since, present.hold_down);
    if back_at <= present.now { stay(preferred) } else { Choice { place: current, back_at: Some(back_at) } }
}

/// The first candidate that may take over: proven since one is wanted. It waits for an answer about one before it that is on its way.
fn successor(all: &[Considered], current: usize, wanted: Option<Timestamp>) -> Option<usize> {
    let others = all.iter().map(|(candidate, _)| candidate).enumerate();
    let mut open = others
        .filter(|(place, _)| *place != current)
        .filter(|(_, candidate)| candidate.is_awaited || is_proven(candidate, wanted));
    open.next().filter(|(_, candidate)| is_proven(candidate, wanted)).map(|(place, _)| place)
}

/// True if the candidate was accepted since another one is wanted.
pub fn is_proven(candidate: &Candidate, wanted: Option<Timestamp>) -> bool {
    candidate.proven.is_some_and(|at| wanted.is_none_or(|wanted| at >= wanted))
}

/// The candidate that takes over when the one in use ends: the first other one that is usable and does not end before it.
pub fn next_in_line(all: &[Considered], in_use: usize) -> Option<&Candidate> {
    let ends = all.get(in_use)?.0.ends;
    let outlives = |candidate: &Candidate| match (ends, candidate.ends) {
        (Some(ends), Some(other)) => other > ends,
        (_, None) => true,
        (None, Some(_)) => false,
    };
    let others = all.iter().enumerate().filter(|(place, _)| *place != in_use);
    others.map(|(_, (other, _))| other).find(|other| other.standing == Standing::Usable && outlives(other))
}

#[cfg(test)]
mod tests;
