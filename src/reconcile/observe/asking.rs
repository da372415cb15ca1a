//! What is known of the token, and the question about it if one is due.

use jiff::{SignedDuration, Timestamp};

use super::{Observed, Observer};
use crate::{
    api::StatusDigest,
    domain::{
        Verdict,
        answer::{Deferral, Expiry, Grant},
        decide::{Acceptances, Heard, Host, Observation, OnInvalid, is_gone},
        knowledge::{Deferred, Knowledge, Proven},
        probe::Probe,
        probing::{Subject, Urgency, schedule::later},
        requirement::Requirement,
        second::Second,
        token::{Description, Flaw, HashedToken, Token},
    },
    prober::{Asked, Asker},
};

/// The most questions about the purposes of one token that wait at a time: a connection may demand hundreds, and none shall fill the queue of
/// its host. The others follow when these are answered.
const AT_ONCE: usize = 64;
/// However many request it, a token is asked about no sooner after a question than this.
const BETWEEN_REQUESTS: SignedDuration = SignedDuration::from_secs(5);

impl Observer<'_> {
    /// Keeps track of which token on which host this connection uses.
    pub(super) fn subject(&mut self, token: &Verdict<Description>, host: &Verdict<Host>, now: Timestamp) {
        let hashed = token.yes().map(|token| token.hashed).or_else(|| self.was_there(token));
        let subject = hashed.zip(host.yes()).map(|(token, host)| self.ctx.subject(&host.name, token));
        let is_written = self.record.written.is_some();
        let (ctx, key, watched) = (self.ctx, &self.connection.key, self.record.watched_mut(self.place));
        let moved = subject.as_ref().and_then(|subject| ctx.prober.moved(&subject.host));
        moved.into_iter().for_each(|at| watched.host_moved(at));
        let before = watched.subject.as_ref();
        // Of a token that the status names, and that is not there any more, nobody is held back.
        let is_known = subject.is_some() || is_gone(token);
        let held = self.connection.status.as_ref().filter(|_| before.is_none() && is_known);
        let held = held.and_then(StatusDigest::incident).map(|(host, token, _)| ctx.subject(host, token));
        if let Some(held) = held.filter(|held| Some(held) != subject.as_ref()) {
            ctx.prober.leave_incident(&held);
        }
        // What is known of the last token is kept until another one is there: its Secret may come back as it was.
        let Some(subject) = subject.filter(|subject| Some(subject) != before) else { return };
        ctx.records.share(key, watched.id, before, &subject, ctx.tells_usage());
        ctx.prober.keep(&subject);
        let watched = self.record.watched_mut(self.place);
        watched.since = now.into();
        (watched.not_now, watched.proofs_not_now) = (None, None);
        // What this process wrote into the status, it has heard itself.
        let has_asked = || ctx.prober.snapshot(&subject).is_some_and(|heard| heard.asked.is_some());
        let is_ours = is_written && token.yes().is_some() && has_asked();
        let status = self.connection.status.as_ref().filter(|_| !is_ours);
        let remembered = remembered(status, &subject, &self.spec.require);
        watched.remembered = remembered.filter(|known| moved.is_none_or(|moved| known.is_since(moved)));
        watched.first_proven =
            watched.remembered.as_ref().and_then(|remembered| remembered.first_proven).map(Second::from);
        let remembered = watched.remembered.as_ref().filter(|remembered| remembered.refused.is_none());
        let accepted = remembered.and_then(|remembered| remembered.grant.as_ref());
        watched.is_contested = accepted.is_some_and(|(_, at)| ctx.records.is_refused_since(&subject, *at));
        // A suspended connection waits for nothing.
        let waiting = watched.remembered.as_ref().filter(|_| !self.spec.suspend);
        let is_over = |grant: &Grant| matches!(grant.expiry, Expiry::At(end) if end <= now);
        let is_good = |known: &Knowledge| {
            let is_accepted = known.grant.as_ref().is_some_and(|(grant, _)| !is_over(grant));
            is_accepted && known.refused.is_none() && known.deferred.is_none()
        };
        if !watched.is_contested && waiting.is_some_and(|known| is_good(known)) {
            ctx.prober.remember_good(&subject);
        }
        let deferred = waiting.and_then(|known| Some((known.deferred?.deferral, known.is_good())));
        if let Some(said) = deferred {
            ctx.prober.remember_deferral(&subject, said, now);
        }
        watched.subject = Some(subject);
    }

    /// The token that the status names, if the source is gone since before this process began: others may hear it refused, for which the
    /// outputs that hold it are withdrawn.
    fn was_there(&self, token: &Verdict<Description>) -> Option<HashedToken> {
        let withdraws = self.spec.on_invalid == OnInvalid::Withdraw && self.is_in_use();
        let is_unknown = self.watched().subject.is_none();
        let status = self.connection.status.as_ref().filter(|_| is_gone(token) && withdraws && is_unknown)?;
        // Of that of another host it remembers nothing.
        let remembers = |token: &HashedToken| {
            status.knowledge(*token, &self.spec.host, &self.spec.require) != Knowledge::default()
        };
        status.token.filter(remembers)
    }

    /// What this process has heard of the token, and before that what the connection's own status remembers.
    pub(super) fn recall(&mut self, seen: &mut Observation) {
        let (ctx, watched) = (self.ctx, self.record.watched_mut(self.place));
        let Some(subject) = watched.subject.clone() else { return };
        if seen.token.yes().is_none() || seen.host.yes().is_none() {
            return;
        }
        let snapshot = ctx.prober.snapshot(&subject);
        let refused =
            snapshot.as_ref().and_then(|snapshot| snapshot.knowledge.refused).map(|refused| refused.last);
        let answered = snapshot.as_ref().and_then(|snapshot| snapshot.answered);
        (seen.past.brought_forward, seen.past.unanswered) = ctx.prober.awaited(&subject);
        if let Some(snapshot) = &snapshot {
            seen.pending = snapshot.pending;
            seen.heard = Heard {
                acceptances: match (&snapshot.knowledge.grant, snapshot.knowledge.heard_one_acceptance()) {
                    (None, _) => Acceptances::None,
                    (Some(_), true) => Acceptances::One,
                    (Some(_), false) => Acceptances::Many,
                },
                refusal: snapshot.knowledge.refused.is_some(),
                deferral: snapshot.knowledge.deferred.is_some(),
            };
            seen.past = snapshot.past(watched.since.into()).by(seen.now);
            if snapshot.knowledge.grant.is_some() && !snapshot.knowledge.heard_one_acceptance() {
                watched.remembered = watched.remembered.take().and_then(proofs_alone);
            }
        }
        seen.knowledge = match (watched.remembered.as_deref(), snapshot) {
            (Some(remembered), Some(snapshot)) => remembered.overlaid(&snapshot.knowledge),
            (None, Some(snapshot)) => snapshot.knowledge,
            (Some(remembered), None) => remembered.clone(),
            (None, None) => Knowledge::default(),
        };
        let first = watched.first_proven.map(Timestamp::from);
        let first = first.into_iter().chain(seen.knowledge.first_proven).min();
        seen.knowledge.first_proven = first.filter(|_| seen.knowledge.grant.is_some());
        let (requirement, now) = (&seen.demand.requirement, seen.now);
        let proofs = std::mem::take(&mut seen.knowledge.proofs);
        let own = proofs.into_iter().filter(|(probe, _)| requirement.asks(probe));
        seen.knowledge.proofs = own.map(|(probe, proven)| (probe, proven.by(now))).collect();
        let hidden = std::mem::take(&mut seen.knowledge.hidden);
        seen.knowledge.hidden = hidden.of(|probe| requirement.asks(probe));
        let is_pending = |probe: &Probe| ctx.prober.is_pending(&subject, probe);
        seen.pending_proofs = seen.probes().into_iter().filter(is_pending).collect();
        if let Some(not_now) = watched.proofs_not_now.as_deref_mut() {
            not_now.retain(|probe, proven| {
                let answered = seen.knowledge.proofs.get(probe).and_then(|known| known.asked);
                requirement.asks(probe) && !seen.pending_proofs.contains(probe) && answered < proven.asked
            });
            for (probe, proven) in &*not_now {
                seen.knowledge.proofs.entry(probe.clone()).or_default().not_asked(proven);
            }
        }
        let awaited = seen.pending.then_some(&Probe::Identity).into_iter().chain(&seen.pending_proofs);
        awaited.for_each(|probe| ctx.prober.awaits(&subject, probe));
        let accepted = seen.knowledge.grant.as_ref().map(|(_, at)| *at);
        watched.not_now = watched.not_now.take().filter(|not_now| waits_still(not_now, accepted, refused));
        if seen.knowledge.deferred.is_none() && !seen.pending {
            seen.knowledge.deferred = watched.not_now.as_deref().copied();
        }
        self.forget_unasked_request(seen, answered);
    }

    /// A requested question may be turned away while it waits, without having been asked: then the request is still to be acted on.
    /// That of a token which was replaced meanwhile is not: the new one is asked anyway.
    fn forget_unasked_request(&mut self, seen: &Observation, answered: Option<Timestamp>) {
        let since = Timestamp::from(self.watched().since);
        let requested = self.record.rare.asked_on_request.map(Timestamp::from);
        let requested = requested.filter(|requested| since <= *requested && *requested <= seen.now);
        let Some(requested) = requested else { return };
        let accepted = seen.knowledge.grant.as_ref().map(|(_, at)| *at);
        let refused = seen.knowledge.refused.map(|refused| refused.last);
        // One that was on its way already serves the request, too.
        let is_asked = accepted.max(refused).max(seen.past.asked).max(answered) >= Some(requested);
        if !is_asked && !seen.pending && self.is_in_use() && self.is_current(seen) {
            self.record.rare.handled_request = None;
        }
    }

    /// True if the annotation asks for a question that was not asked yet, and there is a token to ask its host about. What was
    /// known of another token or host is kept, and must not be asked for.
    fn is_requested(&self, seen: &Observation) -> bool {
        let handled = self.handled_request();
        let requested = self.connection.requested.as_deref();
        self.is_in_use()
            && requested.is_some()
            && requested != handled
            && !seen.demand.suspend
            && self.is_current(seen)
    }

    /// True if the token in the source, on the host that the spec names, is the subject.
    fn is_current(&self, seen: &Observation) -> bool {
        let now = seen.token.yes().zip(seen.host.yes());
        self.watched().subject.as_ref().is_some_and(|subject| {
            now.is_some_and(|(token, host)| subject.token == token.hashed && subject.host == host.name)
        })
    }

    /// When to ask because the annotation requests it: at once, but one request no sooner after another than the settings allow
    /// for questions, so that nobody can spend the budgets of all by requests.
    pub(super) fn requested_at(&self, seen: &Observation) -> Option<Timestamp> {
        let before =
            self.record.rare.asked_on_request.map(Timestamp::from).filter(|asked| *asked <= seen.now);
        // Others may request the same of the same token.
        let apart = seen.past.asked.map(|asked| later(asked, BETWEEN_REQUESTS));
        // A confirmation is believed only after the pause that it is to have.
        let refused = seen.knowledge.refused.filter(|refused| !refused.is_believed());
        let confirmed =
            refused.map(|refused| later(seen.past.exactly(refused.last), seen.timing.confirm_after));
        // It is kept in whole seconds, and the question came within that second.
        let ended = before.map(|asked| later(asked, SignedDuration::from_secs(1)));
        let soonest = ended.map(|ended| later(ended, seen.timing.minimum_interval));
        let soonest = [soonest, apart, confirmed, seen.not_before].into_iter().flatten();
        let at = soonest.fold(seen.now, Timestamp::max);
        self.is_requested(seen).then_some(at)
    }

    pub(super) fn is_request_due(&self, seen: &Observation) -> bool {
        self.requested_at(seen).is_some_and(|at| at <= seen.now)
    }

    /// The request that was last acted on, by this process or the one before.
    fn handled_request(&self) -> Option<&str> {
        let before = self.connection.status.as_ref().and_then(StatusDigest::last_handled_request);
        self.record.rare.handled_request.as_deref().or(before)
    }

    pub(super) async fn ask(&mut self, observed: &mut Observed) {
        let (subject, seen) = (self.watched().subject.clone(), &observed.seen);
        let (urgency, namespace) = (self.urgency(seen), self.connection.key.namespace());
        let prober = &self.ctx.prober;
        let busy = |subject| prober.busy(subject, Probe::Identity, urgency, namespace, seen.now);
        // The source is read only where the question may wait.
        if let Some(deferral) = subject.as_ref().filter(|_| seen.bytes.is_none()).and_then(busy) {
            return self.keep_not_now(observed, deferral);
        }
        self.bytes(observed).await;
        let (Some(token), Some(subject)) = (observed.seen.bytes.clone(), self.watched().subject.clone())
        else {
            return;
        };
        // While the source was read, another connection may have asked about the same token, and have been answered.
        observed.seen.now = Timestamp::now();
        self.recall(&mut observed.seen);
        let requested = self.is_request_due(&observed.seen);
        if !requested && !observed.seen.is_due() {
            return;
        }
        let urgency = self.urgency(&observed.seen);
        let knowledge = &observed.seen.knowledge;
        let asker = Asker {
            namespace: self.connection.key.namespace(),
            accepted_before: knowledge.grant.is_some(),
            // That a token is refused which has ended is no sign of trouble with the host.
            condemned: knowledge.believed_refusal().is_some() || observed.seen.is_over_at_github(),
            account: knowledge
                .grant
                .as_ref()
                .and_then(|(grant, _)| grant.account.as_ref())
                .map(|account| account.id),
        };
        match self.ctx.prober.ask(
            token.clone(),
            &subject,
            Probe::Identity,
            urgency,
            &asker,
            observed.seen.now,
        ) {
            Asked::Pending => {
                self.hold(token);
                self.watched_mut().not_now = None;
                observed.seen.pending = true;
                if requested {
                    self.record.rare.handled_request = self.connection.requested.clone();
                    self.record.rare.asked_on_request = Some(observed.seen.now.into());
                }
            }
            Asked::NotNow(deferral) => self.keep_not_now(observed, deferral),
        }
    }

    /// Keeps why the question is not taken, and when to come again.
    fn keep_not_now(&mut self, observed: &mut Observed, deferral: Deferral) {
        observed.seen.not_before = deferral.until;
        let knowledge = &observed.seen.knowledge;
        // A busy host is news only about a token of which nothing is known.
        let is_known = knowledge.grant.is_some() || knowledge.refused.is_some();
        if !deferral.is_of_queue() || !is_known {
            let since = whole_seconds(observed.seen.now);
            self.watched_mut()
                .not_now
                .get_or_insert_with(|| Box::new(Deferred::first(deferral, since)))
                .deferral = deferral;
        }
        self.recall(&mut observed.seen);
    }

    /// Asks what else is due: whether the token serves its purposes.
    pub(super) async fn ask_proofs(&mut self, observed: &mut Observed) {
        if observed.conflict || !self.has_room_for_proofs(observed) {
            return;
        }
        self.bytes(observed).await;
        let (Some(token), Some(subject)) = (observed.seen.bytes.clone(), self.watched().subject.clone())
        else {
            return;
        };
        // While the source was read, what was on its way may have been answered.
        observed.seen.now = Timestamp::now();
        self.recall(&mut observed.seen);
        let (now, due) = (observed.seen.now, proofs_due(&observed.seen));
        let knowledge = &observed.seen.knowledge;
        let account = knowledge.grant.as_ref().and_then(|(grant, _)| grant.account.as_ref());
        let asker = Asker {
            namespace: self.connection.key.namespace(),
            accepted_before: true,
            condemned: false,
            account: account.map(|account| account.id),
        };
        let mut is_pending = false;
        for probe in due {
            let urgency = urgency_of_proof(knowledge.proofs.get(&probe));
            match self.ctx.prober.ask(token.clone(), &subject, probe.clone(), urgency, &asker, now) {
                Asked::Pending => is_pending = true,
                Asked::NotNow(deferral) => self.keep_proof_not_now(probe, deferral, now),
            }
        }
        if is_pending {
            self.hold(token);
        }
        self.recall(&mut observed.seen);
    }

    /// True if one of the questions that are due may wait. The source is read only then.
    fn has_room_for_proofs(&mut self, observed: &mut Observed) -> bool {
        let (seen, namespace) = (&observed.seen, self.connection.key.namespace());
        let due = proofs_due(seen);
        let Some(subject) = self.watched().subject.clone().filter(|_| !due.is_empty()) else { return false };
        if seen.bytes.is_some() {
            return true;
        }
        let busy = due.into_iter().map(|probe| {
            let urgency = urgency_of_proof(seen.knowledge.proofs.get(&probe));
            let busy = self.ctx.prober.busy(&subject, probe.clone(), urgency, namespace, seen.now)?;
            Some((probe, busy))
        });
        let Some(busy) = busy.collect::<Option<Vec<_>>>() else { return true };
        busy.into_iter().for_each(|(probe, busy)| self.keep_proof_not_now(probe, busy, observed.seen.now));
        self.recall(&mut observed.seen);
        false
    }

    /// Keeps that the queue of the host has no room for this question. It is of this namespace: what else keeps a question from being asked
    /// the prober keeps for all that use the token.
    fn keep_proof_not_now(&mut self, probe: Probe, deferral: Deferral, now: Timestamp) {
        if deferral.is_of_queue() {
            let not_now = self.watched_mut().proofs_not_now.get_or_insert_default();
            not_now.entry(probe).or_default().defer(deferral, now);
        }
    }

    /// Keeps the bytes while the question about them is on its way.
    fn hold(&mut self, token: Token) {
        let reading = self.reading();
        if let Some((at, version)) = self.read.clone() {
            self.watched_mut().hold(reading, version.as_ref(), token, at);
        }
    }

    fn urgency(&self, seen: &Observation) -> Urgency {
        let (knowledge, token) = (&seen.knowledge, seen.token.yes());
        let is_dubious =
            token.is_some_and(|token| token.flaw == Some(Flaw::Checksum)) && self.spec.host == "github.com";
        let before = self.connection.status.as_ref().and_then(|status| status.token);
        let rotated =
            self.is_in_use() && before.is_some_and(|before| token.is_none_or(|token| before != token.hashed));
        match urgency_of_identity(knowledge, is_dubious, rotated) {
            Urgency::Dubious => Urgency::Dubious,
            _ if self.is_request_due(seen) => Urgency::New,
            // It is to take over.
            _ if seen.distrusted_before.is_some() && !self.is_in_use() => Urgency::New,
            urgency => urgency,
        }
    }
}

/// True unless this process has heard an answer since the question was not taken: that is an answer to it too. In the second in which it
/// was not taken, either may have been first.
fn waits_still(not_now: &Deferred, accepted: Option<Timestamp>, refused: Option<Timestamp>) -> bool {
    accepted.max(refused) <= Some(not_now.since)
}

/// A question that waited for others to go first was not asked, and is as urgent as it was.
fn urgency_of_identity(knowledge: &Knowledge, is_dubious: bool, is_rotated: bool) -> Urgency {
    let is_retry = is_retry(knowledge.deferred);
    match (knowledge.grant.is_some(), knowledge.refused.is_some(), is_retry) {
        (false, _, _) if is_dubious => Urgency::Dubious,
        (_, true, _) => Urgency::Confirm,
        (_, _, true) => Urgency::Retry,
        (true, _, _) => Urgency::Routine,
        (false, false, false) if is_rotated => Urgency::Rotated,
        (false, false, false) => Urgency::New,
    }
}

fn urgency_of_proof(proven: Option<&Proven>) -> Urgency {
    match proven {
        Some(proven) if proven.doubted.is_some() => Urgency::Confirm,
        Some(proven) if is_retry(proven.deferred) => Urgency::Retry,
        Some(proven) if proven.last.is_some() => Urgency::Routine,
        _ => Urgency::New,
    }
}

fn is_retry(deferred: Option<Deferred>) -> bool {
    deferred.is_some_and(|deferred| !deferred.deferral.is_of_queue())
}

/// What is to be asked now about the purposes of the token, as far as there is room for it.
fn proofs_due(seen: &Observation) -> Vec<Probe> {
    let due = seen.proofs_due().into_iter().filter(|(_, at)| *at <= seen.now);
    due.map(|(probe, _)| probe).take(AT_ONCE.saturating_sub(seen.pending_proofs.len())).collect()
}

/// The instant as a status keeps it, so that a sentence that names it is the same after a restart.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// What was proven beside identity, which a second acceptance does not confirm.
fn proofs_alone(remembered: Box<Knowledge>) -> Option<Box<Knowledge>> {
    let Knowledge { proofs, hidden, .. } = *remembered;
    (!proofs.is_empty()).then(|| Box::new(Knowledge { proofs, hidden, ..Knowledge::default() }))
}

/// What the status remembers of the token, if it remembers anything.
fn remembered(
    status: Option<&StatusDigest>,
    subject: &Subject,
    demanded: &Requirement,
) -> Option<Box<Knowledge>> {
    let knowledge = status?.knowledge(subject.token, &subject.host, demanded);
    (knowledge != Knowledge::default()).then(|| Box::new(knowledge))
}

#[cfg(test)]
mod tests;
