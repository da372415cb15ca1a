//! What is known of the purposes of a token, each by a probe of its own, and the rules by which that changes.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    super::{
        answer::Deferral,
        probe::Probe,
        proof::{Denial, Facts, Proof},
    },
    Deferred,
};

/// What is remembered of one probe about one token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// What is believed, and the instant of the last answer that said so.
    pub last: Option<(Proof, Timestamp)>,
    /// A first answer that speaks against the token. The next one decides.
    pub doubted: Option<(Denial, Timestamp)>,
    /// The questions since that brought no answer.
    pub deferred: Option<Deferred>,
    /// When it was asked last, in this process.
    pub asked: Option<Timestamp>,
    /// Whether the last question was turned away, and not asked.
    pub turned_away: bool,
    /// How many answers in a row this process heard that say the same: held, or denied.
    pub heard: u8,
}

/// What is remembered of a token beside its identity.
pub type Proofs = BTreeMap<Probe, Proven>;

impl Proven {
    /// What was believed at this instant, as a status remembers it.
    pub const fn remembered(proof: Proof, at: Timestamp) -> Self {
        Proven {
            last: Some((proof, at)),
            doubted: None,
            deferred: None,
            asked: None,
            turned_away: false,
            heard: 0,
        }
    }

    /// Takes in an answer. One that speaks against the token is believed when it comes twice, like a refusal.
    pub fn learn(&mut self, proof: Proof, at: Timestamp) {
        (self.asked, self.turned_away) = (Some(at), false);
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        let was_denied = matches!(self.last, Some((Proof::Denied(_), _)));
        let denied = self.doubted.is_some() || was_denied;
        self.heard = if denied == proof.is_held() { 1 } else { self.heard.saturating_add(1) };
        self.deferred = None;
        match proof {
            Proof::Denied(denial) if !was_denied && self.doubted.is_none() => {
                self.doubted = Some((denial, at))
            }
            proof => {
                let before = self.doubted.take().map(|(denial, _)| denial).or_else(|| self.denial());
                self.last = Some((proof.after(before), at));
            }
        }
    }

    /// Keeps that there was no answer. What was proven stays.
    pub fn defer(&mut self, deferral: Deferral, at: Timestamp) {
        (self.asked, self.turned_away) = (Some(at), false);
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        let first = || Deferred::first(deferral, at);
        self.deferred = Some(self.deferred.map_or_else(first, |before| before.then(deferral)));
    }

    /// Keeps that it was to be asked at this instant, and was not.
    pub fn turn_away(&mut self, deferral: Deferral, at: Timestamp) {
        self.defer(deferral, at);
        self.turned_away = true;
    }

    /// Keeps that it was not asked, as the other one tells: since when and why, and when that was tried last.
    pub fn not_asked(&mut self, other: &Proven) {
        let Some(not_asked) = other.deferred else { return };
        let deferred = self.deferred.map_or(not_asked, |before| before.then(not_asked.deferral));
        (self.deferred, self.asked, self.turned_away) = (Some(deferred), other.asked, true);
    }

    /// The same, without what lies ahead: the clock was set back since.
    #[must_use]
    pub fn by(mut self, now: Timestamp) -> Self {
        self.set_back(now);
        self
    }

    /// The clock was set back: nothing lies ahead, and when it was asked last is not known by the clock of now.
    pub fn set_back(&mut self, now: Timestamp) {
        self.asked = self.asked.filter(|at| *at <= now);
        let answers = self.last.iter_mut().map(|(_, at)| at).chain(self.doubted.iter_mut().map(|(_, at)| at));
        answers.for_each(|at| *at = (*at).min(now));
        self.deferred.iter_mut().for_each(|deferred| deferred.set_back(now));
    }

    /// What is believed.
    pub fn proof(&self) -> Option<&Proof> {
        self.last.as_ref().map(|(proof, _)| proof)
    }

    /// What is believed: that the token has it not.
    fn denial(&self) -> Option<Denial> {
        match self.proof() {
            Some(Proof::Denied(denial)) => Some(*denial),
            _ => None,
        }
    }

    /// What is believed: that the token has it, and what else the answer told.
    pub fn facts(&self) -> Option<&Facts> {
        match self.proof() {
            Some(Proof::Held(facts)) => Some(facts),
            _ => None,
        }
    }

    /// What a connection may hold true: what its own status remembers, under what this process heard.
    #[must_use]
    pub fn overlaid(&self, heard: &Proven) -> Proven {
        let mut proven = heard.clone();
        if let (Some((before, at)), None) = (&self.last, &heard.last) {
            proven.last = Some((before.clone(), *at));
            // The status says that it was denied before, so this process need not hear it twice.
            if let (Proof::Denied(_), Some((denial, at))) = (before, proven.doubted) {
                proven.last = Some((Proof::Denied(denial), at));
                proven.doubted = None;
            }
        }
        proven.last = proven.last.map(|(proof, at)| (proof.after(self.denial()), at));
        proven
    }
}

/// The proofs of a status under those that this process heard.
#[must_use]
pub(super) fn overlaid(remembered: &Proofs, heard: &Proofs) -> Proofs {
    let mut proofs = remembered.clone();
    for (probe, heard) in heard {
        let proven = proofs.get(probe).map_or_else(|| heard.clone(), |before| before.overlaid(heard));
        proofs.insert(probe.clone(), proven);
    }
    proofs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Reason;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const NO: Proof = Proof::Denied(Denial::NotFound);

    fn yes() -> Proof {
        Proof::Held(Facts::default())
    }

    /// What is known after these answers at seconds 1, 2, ...
    fn known(answers: &[Proof]) -> Proven {
        let mut proven = Proven::default();
        for (second, proof) in (1..).zip(answers) {
            proven.learn(proof.clone(), at(second));
        }
        proven
    }

    #[test]
    fn what_speaks_against_a_token_is_believed_when_it_comes_twice() {
        let sso = Proof::Denied(Denial::SsoRequired);
        let rows: [(&str, &[Proof], Option<Proof>, bool); 8] = [
            ("nothing", &[], None, false),
            ("held", &[yes()], Some(yes()), false),
            ("denied once", &[NO], None, true),
            ("denied twice", &[NO, NO], Some(NO), false),
            ("denied in two ways", &[NO, sso.clone()], Some(sso.clone()), false),
            ("held, then denied once", &[yes(), NO], Some(yes()), true),
            ("held, then denied twice", &[yes(), NO, NO], Some(NO), false),
            ("denied, then in another way", &[NO, NO, sso.clone()], Some(sso), false),
        ];
        for (name, answers, believed, doubted) in rows {
            let proven = known(answers);
            assert_eq!((proven.proof(), proven.doubted.is_some()), (believed.as_ref(), doubted), "{name}");
        }
        let healed = known(&[NO, NO, yes()]);
        assert_eq!((healed.proof(), healed.doubted), (Some(&yes()), None), "an acceptance needs no second");
    }

    #[test]
    fn of_answers_without_a_cause_the_first_stays() {
        let denied = |text: &str| Proof::Denied(Denial::Undecided(text.parse().ok()));
        let (first, second, third) =
            (denied("403 A:B:C:D:1"), denied("404 A:B:C:D:2"), denied("403 A:B:C:D:3"));
        let unknown = Proof::Denied(Denial::Undecided(None));
        let rows: [(&str, &[Proof], &Proof); 5] = [
            ("confirmed", &[first.clone(), second.clone()], &first),
            ("and again", &[first.clone(), second.clone(), third.clone()], &first),
            ("something else between", &[first.clone(), NO, third.clone()], &third),
            ("held between", &[first.clone(), first.clone(), yes(), second.clone(), third.clone()], &second),
            ("the first was forgotten", &[unknown.clone(), unknown, third.clone()], &third),
        ];
        for (name, answers, believed) in rows {
            assert_eq!(known(answers).proof(), Some(believed), "{name}");
        }
        let remembered = Proven::remembered(first.clone(), at(1));
        for heard in [&[second.clone()][..], &[second.clone(), third]] {
            assert_eq!(remembered.overlaid(&known(heard)).proof(), Some(&first), "across a restart");
        }
    }

    #[test]
    fn silence_erases_nothing() {
        let mut proven = known(&[yes(), NO]);
        proven.defer(Deferral::new(Reason::ServerError), at(9));
        proven.defer(Deferral::new(Reason::TimedOut), at(12));
        assert_eq!((proven.proof(), proven.doubted), (Some(&yes()), Some((Denial::NotFound, at(2)))));
        assert_eq!(proven.deferred.map(|deferred| deferred.since), Some(at(9)));
        proven.learn(yes(), at(15));
        assert_eq!(proven.deferred, None);
    }

    #[test]
    fn what_a_status_remembers_lies_under_what_was_heard() {
        let probe = Probe::repository("acme/app").unwrap();
        let other = Probe::repository("acme/lib").unwrap();
        let of = |probe: &Probe, proven: Proven| Proofs::from([(probe.clone(), proven)]);
        let remembered = of(&probe, Proven::remembered(yes(), at(1)));
        let denied = of(&probe, Proven::remembered(NO, at(1)));
        assert_eq!(overlaid(&remembered, &Proofs::new()), remembered);
        let once = overlaid(&remembered, &of(&probe, known(&[NO])));
        assert_eq!((once[&probe].proof(), once[&probe].doubted.is_some()), (Some(&yes()), true));
        let again = overlaid(&denied, &of(&probe, known(&[NO])));
        assert_eq!((again[&probe].proof(), again[&probe].doubted), (Some(&NO), None), "it was denied before");
        assert_eq!(overlaid(&remembered, &of(&probe, known(&[NO, NO])))[&probe].proof(), Some(&NO));
        assert_eq!(overlaid(&remembered, &of(&other, known(&[NO]))).len(), 2, "each for itself");
    }

    #[test]
    fn what_lies_ahead_after_the_clock_was_set_back_holds_nothing_up() {
        let mut proven = known(&[yes(), NO]);
        proven.defer(Deferral::new(Reason::ServerError), at(900));
        let back = proven.by(at(1));
        assert_eq!((back.asked, back.last.map(|(_, at)| at)), (None, Some(at(1))));
        assert_eq!(
            (back.doubted.map(|(_, at)| at), back.deferred.map(|seen| seen.since)),
            (Some(at(1)), Some(at(1)))
        );
    }
}
