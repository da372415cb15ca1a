//! The Secrets that the token may come from: what is known of each, and which token is in use.

use jiff::{SignedDuration, Timestamp};

use super::{super::standby::InUse, Observed, Observer, Standbys};
use crate::domain::{
    Reason,
    candidate::{Candidate, Choice, Considered, Present, Standing, choose, is_proven},
    decide::{Observation, requeue_after},
    probing::schedule::later,
    second::Second,
};

/// An acceptance of a standby counts no longer than this while the token in use is about to be condemned.
const PROOF_COUNTS: SignedDuration = SignedDuration::from_mins(5);

impl Observer<'_> {
    /// Brings what is remembered in step with the Secrets that the spec names.
    pub(super) fn align(&mut self) {
        let (ctx, spec, key) = (self.ctx, self.spec, &self.connection.key);
        let left = self.record.align(&spec.secret_ref, &spec.standby, Timestamp::now());
        ctx.records.leave(key, &left, ctx.tells_usage());
        let status = self.connection.status.as_ref();
        let Some(standby) = self.record.standby.as_deref_mut() else { return };
        if standby.in_use.is_none() {
            let in_use = status.and_then(|status| status.in_use());
            standby.in_use = in_use.map(|(secret, at)| InUse { secret: secret.into(), since: at.into() });
        }
        standby.doubt(Timestamp::now().into());
        // What the spec names no more is not in use.
        standby.in_use =
            standby.in_use.take().filter(|used| spec.candidates().any(|named| *named.name == *used.secret));
    }

    /// Sees every candidate, and chooses the one that is in use.
    pub(super) async fn observe_candidates(&mut self) -> Observed {
        self.used = self.place_in_use().unwrap_or_default();
        // Who was chosen stays, so that the second turn ends it.
        let mut turns = self.spec.candidates().count();
        loop {
            self.place = self.used;
            let mut observed = self.observe_in_use().await;
            if self.spec.suspend {
                return observed;
            }
            let mut standbys = self.consider_all(&observed.seen).await;
            self.place = self.used;
            let choice = self.choice(&standbys.all, observed.seen.now);
            turns = turns.saturating_sub(1);
            if choice.place == self.used || turns == 0 {
                standbys.due = choice.back_at.map_or(standbys.due, |at| at.min(standbys.due));
                self.settle(&mut observed, standbys);
                return observed;
            }
            self.used = choice.place;
            self.take_over(observed.seen.now);
        }
    }

    fn place_in_use(&self) -> Option<usize> {
        let in_use = self.record.standby.as_deref()?.in_use.as_ref()?;
        self.spec.candidates().position(|named| *named.name == *in_use.secret)
    }

    /// The candidate at the place in use is in use from now on.
    fn take_over(&mut self, now: Timestamp) {
        let secret = self.spec.candidates().nth(self.used).map(|named| named.name.as_str().into());
        if let Some(standby) = self.record.standby.as_deref_mut() {
            standby.in_use = secret.map(|secret| InUse { secret, since: now.into() });
            standby.wanted = None;
        }
    }

    /// Looks at every candidate that is not in use, and asks what is due about it.
    async fn consider_all(&mut self, in_use: &Observation) -> Standbys {
        let mut standbys = Standbys {
            all: Vec::new(),
            place: self.used,
            since: None,
            is_news: false,
            due: Timestamp::MAX,
            failures: Vec::new(),
        };
        let (current, ends) = self.current(in_use);
        standbys.due = ends.unwrap_or(standbys.due);
        let wanted = self.wanted(&current, in_use.now);
        let mut is_open = true;
        for place in 0..self.spec.candidates().count() {
            if place == self.used {
                standbys.all.push((current.clone(), None));
                continue;
            }
            self.place = place;
            let considered = self.consider(wanted.filter(|_| is_open), &mut standbys).await;
            // One after the other is asked whether it can take over.
            is_open = is_open && !considered.0.is_awaited && !is_proven(&considered.0, wanted);
            standbys.all.push(considered);
        }
        standbys
    }

    /// The one in use; and when the token ends that was in its Secret, if there is none now and that is to come.
    fn current(&self, in_use: &Observation) -> (Candidate, Option<Timestamp>) {
        let candidate = Candidate::new(&self.reference().name, in_use, None);
        let declared = in_use.demand.requirement.expiry.expires_at;
        let status =
            self.connection.status.as_ref().filter(|_| matches!(candidate.standing, Standing::Absent(_)));
        let end = status
            .zip(in_use.host.yes())
            .and_then(|(status, host)| status.end_of(&candidate.secret, &host.name, declared));
        let left = end.map(|end| end.duration_since(in_use.github_now()));
        let to_come = left.filter(SignedDuration::is_positive).map(|left| later(in_use.now, left));
        let ended = end.filter(|_| to_come.is_none());
        let is_lost = in_use.is_lost() || in_use.condemned_before.is_some();
        (candidate.given_up(ended, is_lost), to_come)
    }

    /// Since when an acceptance of another candidate counts, if one may have to take over.
    fn wanted(&mut self, current: &Candidate, now: Timestamp) -> Option<Timestamp> {
        let standby = self.record.standby.as_deref_mut()?;
        let is_missing = standby.in_use.is_none() && matches!(current.standing, Standing::Absent(_));
        if !current.is_shaken() && !is_missing {
            standby.wanted = None;
            return None;
        }
        let is_old = |since: Second| later(since.into(), PROOF_COUNTS) < now;
        let must_change = is_missing || matches!(current.standing, Standing::Unusable(_));
        if standby.wanted.is_none_or(|since| must_change && is_old(since)) {
            standby.wanted = Some(now.into());
        }
        standby.wanted.map(Timestamp::from)
    }

    async fn consider(&mut self, wanted: Option<Timestamp>, standbys: &mut Standbys) -> Considered {
        let secret = &self.reference().name;
        let mut observed = self.look().await;
        let remembered = self.remembered(&observed.seen);
        observed.seen.rests = remembered.is_some() && !observed.seen.has_heard();
        let candidate = Candidate::new(secret, &observed.seen, remembered.clone());
        let is_usable = candidate.standing == Standing::Usable;
        if is_usable && self.place > self.used {
            let timing = &mut observed.seen.timing;
            timing.interval = timing.interval.max(timing.proof_interval);
        }
        self.follow(&mut observed.seen);
        let distrusted = observed.seen.distrusted_before;
        let is_sound = is_usable && !candidate.is_refused && observed.seen.knowledge.deferred.is_none();
        let back = self.comes_back();
        let back_at = back.map(|(_, at)| at);
        let wanted = wanted.or(back.filter(|(_, at)| *at <= observed.seen.now).map(|(since, _)| since));
        let wanted = wanted.filter(|_| is_sound && !is_proven(&candidate, wanted));
        let again = self.may_ask_at(&observed.seen);
        observed.seen.distrusted_before = distrusted.max(wanted.filter(|_| again <= observed.seen.now));
        if observed.seen.is_due() {
            self.ask(&mut observed).await;
        }
        self.ask_proofs(&mut observed).await;
        observed.seen.distrusted_before = distrusted;
        standbys.failures.append(&mut observed.failures);
        let is_deferred = observed.seen.knowledge.deferred.is_some();
        let is_awaited = wanted.is_some() && !is_deferred;
        standbys.due = standbys.due.min(later(observed.seen.now, requeue_after(&observed.seen, None)));
        if is_awaited && !observed.seen.pending {
            standbys.due = standbys.due.min(again);
        }
        if let Some(at) = back_at.filter(|at| is_sound && *at > observed.seen.now) {
            standbys.due = standbys.due.min(at);
        }
        let candidate = Candidate::new(secret, &observed.seen, remembered);
        let candidate = Candidate { is_awaited: candidate.is_awaited || is_awaited, ..candidate };
        // The bytes leave with the question.
        observed.seen.bytes = None;
        (candidate, Some(Box::new(observed.seen)))
    }

    /// Since when an acceptance of this candidate counts for its coming back, and when it may, if it is preferred to the one in use.
    fn comes_back(&self) -> Option<(Timestamp, Timestamp)> {
        let in_use = self.record.standby.as_deref()?.in_use.as_ref().filter(|_| self.place < self.used)?;
        let since = Timestamp::from(in_use.since);
        Some((later(since, SignedDuration::from_secs(1)), later(since, self.hold_down())))
    }

    fn hold_down(&self) -> SignedDuration {
        self.spec.hold_down().get()
    }

    /// When the token may be asked about again at the earliest.
    fn may_ask_at(&self, seen: &Observation) -> Timestamp {
        let accepted = seen.knowledge.grant.as_ref().map(|(_, at)| *at);
        let asked = seen.past.asked.or(accepted);
        asked.map_or(seen.now, |asked| later(asked, seen.timing.minimum_interval))
    }

    /// What the status says of the candidate, as long as it speaks of the same demands.
    fn remembered(&self, seen: &Observation) -> Option<Standing> {
        let (token, host) = (seen.token.yes()?, seen.host.yes()?);
        let status = self.connection.status.as_ref().filter(|_| self.connection.is_known())?;
        status.standing(&self.reference().name, token.hashed, &host.name)
    }

    fn choice(&self, all: &[Considered], now: Timestamp) -> Choice {
        let standby = self.record.standby.as_deref();
        let since = standby.and_then(|standby| standby.in_use.as_ref()).map(|in_use| in_use.since.into());
        let present = Present {
            in_use: since.map(|since| (self.used, since)),
            wanted: standby.and_then(|standby| standby.wanted).map(Timestamp::from),
            hold_down: self.hold_down(),
            now,
        };
        choose(all, &present)
    }

    /// Keeps which token is in use, once it is proven, and whether the status knows.
    fn settle(&mut self, observed: &mut Observed, mut standbys: Standbys) {
        let is_usable = |place| {
            standbys
                .all
                .get(place)
                .is_some_and(|(candidate, _): &Considered| candidate.standing == Standing::Usable)
        };
        let is_none = self.record.standby.as_deref().is_some_and(|standby| standby.in_use.is_none());
        if is_none && is_usable(self.used) {
            self.take_over(observed.seen.now);
        }
        let mut others = standbys.all.iter().enumerate().filter(|(place, _)| *place != self.used);
        // What waits for its turn has not been tried.
        let may_serve = |candidate: &Candidate| match &candidate.standing {
            Standing::Usable => true,
            Standing::Unknown(finding) => candidate.is_awaited || finding.reason == Reason::HostBusy,
            Standing::Unusable(_) | Standing::Absent(_) => candidate.is_awaited,
        };
        let waits = |seen: Option<&Observation>| seen.is_some_and(Observation::waits_for_its_turn);
        if others.any(|(_, (candidate, seen))| may_serve(candidate) || waits(seen.as_deref())) {
            observed.seen.demand.may_be_replaced = true;
        }
        let in_use = self.record.standby.as_deref().and_then(|standby| standby.in_use.as_ref());
        let told = self.connection.status.as_ref().and_then(|status| status.in_use());
        standbys.is_news = told.zip(in_use).is_some_and(|((told, _), in_use)| *told != *in_use.secret);
        standbys.since = in_use.map(|in_use| in_use.since.into());
        observed.standbys = Some(standbys);
    }
}
