//! Makes the changes that were decided on, and says of each output what stands there then.

mod events;

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::Instrument;

use self::events::Deletes;
use super::{
    Context, Failure, LOST,
    failed::Failed,
    observe::{Observed, SourceRead},
    records::Record,
    watched::UNTOLD,
};
use crate::{
    cluster::{
        connections::Connection,
        index::Access,
        object::ObjectKey,
        outputs::{self, Outcome, Owner, Provenance},
        secrets::{self, SecretEntry},
    },
    domain::{
        Finding, Reason,
        answer::Expiry,
        decide::{Change, Decision, Found, Holds, Plan, Stand, contended, foreign},
        event::Event,
        output::Stamp,
        token::Token,
        workload::Following,
    },
    traces::TARGET,
};

/// The pause before a Secret is looked at again that stands, while no list of its namespace's Secrets has told of it.
const WHILE_UNLISTED: Duration = Duration::from_secs(1);
/// The longest pause until an output that somebody else has changed meanwhile is reconciled again, in which the status says nothing of it.
const AFTER_CONFLICT: Duration = Duration::from_secs(1);
/// How long the changes of one pass may take before no more is begun of them: the others come in the next one, as after a failure.
const LONGEST_MAKING: Duration = Duration::from_secs(12);
/// The longest pause before that, where none has failed.
const AFTER_LATE: Duration = Duration::from_secs(1);
/// The pause before the next look at a source that holds another token by now, where no event of the watch wakes the connection first.
const WHEN_SOURCE_CHANGED: Duration = Duration::from_secs(1);

/// What became of the changes.
pub(super) struct Outcomes<'a> {
    /// What stands under the name of each output.
    pub(super) stands: Vec<(&'a str, Stand)>,
    /// What of former outputs will not go, and what somebody else keeps changing.
    pub(super) others: Vec<(String, Stand)>,
    /// What was changed, to be told as Events.
    pub(super) events: Vec<Event>,
    /// What the API server refused.
    pub(super) failures: Vec<Failure>,
    /// After which pause to go on with what could not be done yet.
    pub(super) pause: Option<Duration>,
    /// When all of it had been made.
    pub(super) acted: Timestamp,
    /// What was seen and done after that.
    pub(super) following: Option<Following>,
    /// There was no time for all of it.
    pub(super) is_late: bool,
    /// The namespace is being deleted, and all of this with it.
    pub(super) terminating: bool,
    /// The pause after which the next pass tells how some of it stands, which somebody else changed meanwhile; no longer than
    /// [`AFTER_CONFLICT`], so that no status is written for it.
    pub(super) conflicted: Option<Duration>,
}

struct Acting<'a, 'b> {
    outcomes: Outcomes<'a>,
    /// Why outputs are withdrawn, if they are.
    withdraws: Option<&'static str>,
    /// Whether versions go since nothing names them.
    retires: bool,
    /// Whether the change is one of many against another writer, of which no Event is told.
    is_repeated: bool,
    begun: Instant,
    /// The time that was lost to changes that failed.
    lost: Duration,
    observed: &'b Observed,
    /// The source as it was last read.
    read: Option<SourceRead>,
    connection: &'b Connection,
    record: &'b mut Record,
    ctx: &'b Context,
}

/// Makes every change; one that fails keeps only its own Secret from the next. What failed when it was tried last goes behind the others, and
/// once too much time is lost to what fails, the rest is left for the next pass. What is named no more goes last, and only once
/// everything that is named stands.
pub(super) async fn act<'a>(
    decision: &Decision<'a>,
    observed: &Observed,
    connection: &Connection,
    record: &mut Record,
    ctx: &Context,
) -> Outcomes<'a> {
    let unread = observed.failures.iter().filter(|failure| failure.fault.is_forbidden());
    let unread: Vec<_> = unread.map(|failure| (failure.secret.as_str(), failure.finding())).collect();
    let stands = decision.stands.iter().map(|(name, stand)| {
        let refused = unread.iter().find(|(unread, _)| unread == name).map(|(_, finding)| finding.clone());
        (*name, refused.map_or_else(|| stand.clone(), Stand::Refused))
    });
    let outcomes = Outcomes {
        stands: stands.collect(),
        others: decision.others.clone(),
        events: Vec::new(),
        failures: Vec::new(),
        pause: None,
        acted: observed.seen.now,
        following: None,
        is_late: false,
        terminating: false,
        conflicted: None,
    };
    let is_gone =
        |name: &str| decision.stands.iter().any(|(known, stand)| *known == name && !stand.is_ours());
    record.rare.foreign_marks.retain(is_gone);
    if record.rare.rewritten.is_some_and(|at| is_told(at.into(), connection, observed)) {
        record.rare.rewritten = None;
    }
    // Former versions come and go with each token.
    let named = observed.seen.demand.outputs.iter().map(|output| &*output.secret_name);
    record.retain_outputs(named.chain(observed.seen.found.iter().map(Found::name)));
    let withdraws = matches!(decision.plan, Plan::Withdraw | Plan::WithdrawAt(_));
    let withdraws = withdraws.then(|| observed.seen.cause_of_withdrawal());
    let mut acting = Acting {
        outcomes,
        withdraws,
        retires: false,
        is_repeated: false,
        begun: Instant::now(),
        lost: Duration::ZERO,
        observed,
        read: observed.read.clone(),
        connection,
        record,
        ctx,
    };
    acting.keep_failed(decision);
    for change in in_order(&decision.changes, &acting.record.rare.not_changed) {
        acting.make(change).await;
    }
    acting.withdraws = acting.withdraws.filter(|_| decision.plan == Plan::Withdraw);
    if acting.outcomes.stands.iter().all(|(_, stand)| stand.is_ours()) {
        for change in in_order(&decision.leftovers, &acting.record.rare.not_changed) {
            acting.make(change).await;
        }
    }
    if !acting.outcomes.terminating {
        acting.tell_of_rivals();
    }
    acting.outcomes.acted = Timestamp::now();
    acting.outcomes
}

/// The changes with those behind that failed before, the last one last. Of the others what stands is made anew after all that does not
/// stand yet.
fn in_order<'a>(changes: &'a [Change], failed: &Failed<Finding>) -> Vec<&'a Change> {
    let mut changes: Vec<_> = changes.iter().collect();
    changes.sort_by_cached_key(|change| {
        (failed.place(change.name()), matches!(change, Change::Recreate { .. }))
    });
    changes
}

/// True if the status says that the outputs were published after that, or tells of no rotation that would have to say it.
fn is_told(rewritten: Timestamp, connection: &Connection, observed: &Observed) -> bool {
    let Some(status) = connection.status.as_ref().filter(|status| status.leaves().is_some()) else {
        return true;
    };
    let token = observed.seen.token.yes().map(|token| token.hashed);
    token.and_then(|token| status.published(token)).is_some_and(|published| published > rewritten)
}

/// Deletes versions that nothing names any more.
pub(super) async fn retire<'a>(
    outcomes: Outcomes<'a>,
    changes: &[Change],
    observed: &Observed,
    connection: &Connection,
    record: &mut Record,
    ctx: &Context,
) -> Outcomes<'a> {
    let mut acting = Acting {
        outcomes,
        withdraws: None,
        retires: true,
        is_repeated: false,
        begun: Instant::now(),
        lost: Duration::ZERO,
        observed,
        read: observed.read.clone(),
        connection,
        record,
        ctx,
    };
    for change in in_order(changes, &acting.record.rare.not_changed) {
        acting.make(change).await;
    }
    acting.outcomes
}

impl Acting<'_, '_> {
    async fn make(&mut self, change: &Change) {
        let contention = self.record.rare.contentions.get(change.name());
        if self.outcomes.terminating || self.ctx.has_let_go(self.connection) {
            return;
        }
        let has_failed = !self.outcomes.failures.is_empty();
        if self.begun.elapsed() >= LONGEST_MAKING || self.lost >= LOST && !has_failed {
            self.outcomes.is_late = true;
            if !has_failed {
                self.requeue_after(AFTER_LATE);
            }
        }
        if self.lost >= LOST || self.outcomes.is_late {
            self.leave(change);
            return;
        }
        // Another change may have taken seconds.
        if change.writes() && self.source_has_changed().await {
            self.requeue_after(WHEN_SOURCE_CHANGED);
            return;
        }
        if !self.may_write(change) {
            return;
        }
        if !self.record.rare.not_changed.is_empty() {
            self.record.rare.not_changed.remove(change.name());
        }
        if let Some(stands) = self.stands_unlisted(change).await {
            self.done(change, Outcome::Taken(stands));
            return;
        }
        let owner = Owner { key: &self.connection.key, uid: &self.connection.uid };
        let is_named = self.is_named(change.name());
        let provenance = self.provenance();
        let foreign_marks = is_named.then_some(&mut self.record.rare.foreign_marks);
        let applied = outputs::apply(&self.ctx.client, owner, change, provenance, foreign_marks);
        let span = tracing::info_span!(target: TARGET, "publish", secret = change.name());
        let begun = Instant::now();
        match applied.instrument(span).await {
            Ok(done) => self.done(change, done),
            Err(fault) if fault.is_terminating() => {
                self.record.rare.contentions.put_back(change.name(), contention);
                self.outcomes.terminating = true;
                let message = "the namespace is being deleted, so nothing is written in it";
                let finding = Finding::new(Reason::NamespaceTerminating, message);
                self.stands(change.name(), Stand::Refused(finding));
            }
            Err(fault) => {
                self.record.rare.contentions.put_back(change.name(), contention);
                self.lost = self.lost.saturating_add(begun.elapsed());
                let (doing, verbs) = match change {
                    Change::Create { .. } => ("create", "create"),
                    Change::Replace { .. } | Change::Release { .. } => ("update", "get and update"),
                    Change::Recreate { .. } => ("make anew", "delete and create"),
                    Change::Delete { .. } => ("delete", "delete"),
                };
                let failure = Failure { doing, secret: change.name().to_owned(), verbs, fault };
                self.record.rare.not_changed.push(change.name(), failure.finding());
                self.stands(change.name(), Stand::Refused(failure.finding()));
                self.outcomes.failures.push(failure);
            }
        }
    }

    /// The outputs whose last change failed, of those that are to be changed still, and of versions that go once nothing names them.
    fn keep_failed(&mut self, decision: &Decision<'_>) {
        if self.record.rare.not_changed.is_empty() {
            return;
        }
        let due = decision.changes.iter().chain(&decision.leftovers).map(Change::name);
        let seen = &self.observed.seen;
        let versions = seen.found.iter().map(Found::name).filter(|name| seen.is_version(name));
        self.record.rare.not_changed.keep(due.chain(versions));
    }

    /// Leaves a change for the next pass, which comes since others have failed or taken too long. Of one that failed before is told what was
    /// told then, so that the status does not change with each pass.
    fn leave(&mut self, change: &Change) {
        if self.retires {
            return;
        }
        let what = match change {
            Change::Create { .. } | Change::Replace { .. } | Change::Recreate { .. } => "written",
            Change::Release { .. } => "released",
            Change::Delete { .. } => "deleted",
        };
        let message = format!(
            "Secret {} is not {what} yet, since the API server takes too long to answer for others; the operator tries again",
            change.name()
        );
        let why = self.record.rare.not_changed.why(change.name()).cloned();
        let finding = why.unwrap_or_else(|| Finding::new(Reason::ApiServerUnavailable, message));
        self.stands(change.name(), Stand::Refused(finding));
    }

    fn requeue_after(&mut self, pause: Duration) {
        self.outcomes.pause = Some(self.outcomes.pause.map_or(pause, |before| before.min(pause)));
    }

    /// The Secret that is to be created, if it stands: after a restart the first list may be a moment old, and lacks what the process before
    /// created in that moment.
    async fn stands_unlisted(&mut self, change: &Change) -> Option<SecretEntry> {
        let is_start = self.connection.was_judged() && !self.record.is_judged;
        let is_unseen = is_start && !self.record.knows(change.name());
        if !matches!(change, Change::Create { .. }) || !is_unseen {
            return None;
        }
        let begun = Instant::now();
        let read = secrets::read_meta(&self.ctx.client, &self.connection.key.beside(change.name())).await;
        if read.is_err() {
            // The creation is tried all the same, and tells what is wrong unless it works.
            self.lost = self.lost.saturating_add(begun.elapsed());
        }
        read.ok().flatten()
    }

    /// An output was changed by somebody else, and is looked at again after this pause.
    fn requeue_after_conflict(&mut self, pause: Duration) {
        self.requeue_after(pause);
        if pause <= AFTER_CONFLICT {
            self.outcomes.conflicted = self.outcomes.pause;
        }
    }

    /// True if the source holds other bytes by now than those that were read, or may hold them.
    async fn source_has_changed(&mut self) -> bool {
        let (Some(read), Some(token)) = (&self.read, &self.observed.seen.bytes) else { return false };
        let now = self.ctx.index.secret(&read.secret).map(|entry| entry.version);
        // Where nobody tells of a change, it is known for a moment only that there was none.
        let is_known = read.at.elapsed() <= UNTOLD || self.ctx.index.is_told(&read.secret);
        if is_known && now.as_ref() == Some(&read.version) {
            return false;
        }
        // A label or an annotation of it may be all that has changed.
        let at = Instant::now();
        let source = match secrets::read(&self.ctx.client, &read.secret).await {
            Ok(Some(source)) => source,
            Ok(None) => return true,
            Err(fault) => {
                tracing::warn!(connection = %self.connection.key, secret = %read.secret, error = %fault, said = fault.said(Some(token)),
                    "the source was not read again before a write; the next reconcile reads it");
                self.lost = self.lost.saturating_add(at.elapsed());
                return true;
            }
        };
        let value = source.payload.data.get(&read.key);
        let holds =
            value.is_some_and(|value| Token::parse(value, read.legacy).is_ok_and(|held| held == *token));
        if holds {
            self.read = Some(SourceRead { version: source.entry.version, at, ..read.clone() });
        }
        !holds
    }

    /// Says of each output that somebody else keeps changing that it is so, also in the moments in which it is as it shall be.
    fn tell_of_rivals(&mut self) {
        let told = self.record.rare.contentions.told(Instant::now());
        let told = told.filter(|(name, ..)| self.is_named(name));
        let told: Vec<_> = told
            .map(|(name, manager, left)| (name.to_owned(), Stand::Refused(contended(name, manager)), left))
            .collect();
        for (name, stand, left) in told {
            self.outcomes.others.push((name, stand));
            self.requeue_after(left);
        }
    }

    /// False while another writer changes the same object again and again, or right after a conflict.
    fn may_write(&mut self, change: &Change) -> bool {
        let now = Instant::now();
        let stamp = self.stamp(change.name());
        // Who undoes what we deleted or released is another writer too.
        let is_changed =
            stamp.is_some() && self.record.wrote(change.name(), stamp) && !self.holds_it(change.name());
        let is_contended = !change.writes() || is_changed;
        let contentions = &mut self.record.rare.contentions;
        let admitted = match contentions.blocked(change.name(), now) {
            Some(pause) => Err(pause),
            None if is_contended => contentions.of(change.name()).admit(now),
            None => Ok(0),
        };
        if is_contended && change.writes() {
            let contention = contentions.of(change.name());
            if admitted.is_ok() { contention.answers(now) } else { contention.waits() }
        }
        self.is_repeated = admitted.is_ok_and(|count| count > 1);
        match admitted {
            Ok(count) if count > 1 => {
                tracing::warn!(connection = %self.connection.key, secret = change.name(), count,
                    "somebody else keeps changing an output; it is written again ever more slowly");
                true
            }
            Ok(_) => true,
            Err(pause) => {
                self.requeue_after_conflict(pause);
                false
            }
        }
    }

    fn done(&mut self, change: &Change, done: Outcome) {
        let (name, key) = (change.name(), self.connection.key.beside(change.name()));
        match done {
            Outcome::Written(entry) => {
                self.record.rare.foreign_marks.retain(|kept| kept != name);
                self.tell(change);
                let mut found = self.observed.seen.found.iter();
                if found.any(|found| found.name() == name && found.has_another_token()) {
                    self.record.rare.rewritten = Some(Timestamp::now().into());
                }
                let stamp = self.stamp(name);
                self.record.verify(name, &entry.version, stamp, Holds::Wanted, true);
                self.wrote(&key, entry);
                self.stands(name, Stand::Wanted);
            }
            Outcome::Gone => {
                self.tell(change);
                self.record.forget_output(name);
                let woken = self.ctx.index.read_secret(&key, change.version(), None);
                self.ctx.wake_others(&self.connection.key, woken);
                self.stands(name, Stand::Absent);
            }
            Outcome::Leaving(entry) => {
                let finalizers = entry.leaving.as_deref().cloned().unwrap_or_default();
                tracing::info!(connection = %self.connection.key, secret = name, ?finalizers, "output waits for finalizers");
                if matches!(change, Change::Delete { .. }) && !self.is_repeated {
                    self.outcomes.events.push(events::leaving(name, &finalizers, self.deletes(name)));
                }
                self.wrote(&key, entry);
                self.stands(name, Stand::Leaving(finalizers));
            }
            Outcome::Released(entry) => {
                self.tell(change);
                self.wrote(&key, entry);
            }
            Outcome::Taken(entry) => {
                let is_ours = entry.owner() == Some(&self.connection.uid);
                let may_adopt = self.ctx.index.may_adopt(self.connection, &entry);
                if is_ours || may_adopt {
                    let state = entry.version.clone();
                    self.wrote(&key, entry);
                    // After etcd went back, a list is to tell first that what was gone is there again.
                    let is_known = self.ctx.index.secret(&key).is_some_and(|known| known.version == state);
                    match is_known {
                        true => self.requeue_after_conflict(Duration::ZERO),
                        false => self.requeue_after(WHILE_UNLISTED),
                    }
                    return;
                }
                let of = self.ctx.index.maker(&self.connection.key, &entry);
                // Nobody tells that it is gone if that happens before the Secrets are listed, so it is not taken for known.
                if self.ctx.index.access(&key) == Access::Awaited {
                    self.outcomes.pause = Some(WHILE_UNLISTED);
                } else {
                    self.wrote(&key, entry);
                }
                self.stands(name, Stand::Refused(foreign(name, of.as_deref())));
            }
            Outcome::Conflict => self.conflict(name),
        }
    }

    /// The next connection of a chain reads what this one wrote.
    fn wrote(&self, key: &ObjectKey, entry: SecretEntry) {
        let woken = self.ctx.index.wrote_secret(key, entry);
        self.ctx.wake_others(&self.connection.key, woken);
    }

    fn conflict(&mut self, name: &str) {
        let (count, pause) = self.record.rare.contentions.of(name).conflict(Instant::now());
        tracing::warn!(connection = %self.connection.key, secret = name, count, requeue_after = ?pause,
            "an output changed while it was written; it is reconciled again");
        self.record.forget_output(name);
        self.requeue_after_conflict(pause);
    }

    fn stands(&mut self, name: &str, stand: Stand) {
        if let Some((_, stands)) = self.outcomes.stands.iter_mut().find(|(known, _)| *known == name) {
            *stands = stand;
        } else if !matches!(stand, Stand::Absent) {
            self.outcomes.others.push((name.to_owned(), stand));
        }
    }

    fn is_named(&self, name: &str) -> bool {
        self.observed.seen.demand.outputs.iter().any(|output| output.secret_name == name)
    }

    /// True if nobody changed the output, though it is written.
    fn holds_it(&self, name: &str) -> bool {
        let is_it = |found: &&Found| found.name() == name;
        let found = self.observed.seen.found.iter().find(is_it);
        matches!(found, Some(Found::Ours { holds: Holds::Wanted, .. }))
    }

    fn stamp(&self, name: &str) -> Option<Stamp> {
        let output = self.observed.seen.demand.outputs.iter().find(|output| output.secret_name == name)?;
        self.observed.seen.stamp(output)
    }

    fn provenance(&self) -> Option<Provenance> {
        let seen = &self.observed.seen;
        let (token, (grant, at)) = seen.token.yes().zip(seen.knowledge.grant.as_ref())?;
        let declared = seen.demand.requirement.expiry.expires_at;
        let expires = match grant.expiry.no_later_than(declared) {
            Expiry::At(at) => Some(at),
            _ => None,
        };
        Some(Provenance { token: token.hashed, at: *at, expires })
    }

    fn tell(&mut self, change: &Change) {
        tracing::info!(connection = %self.connection.key, secret = change.name(), change = change.verb(), "output changed");
        if !self.is_repeated {
            self.outcomes.events.push(events::made(change, self.deletes(change.name())));
        }
    }

    fn deletes(&self, name: &str) -> Deletes {
        match self.withdraws {
            Some(cause) => Deletes::Withdraws(cause),
            None if self.retires => Deletes::Unnamed,
            None if self.observed.seen.is_version(name) => Deletes::Outdated,
            None => Deletes::Former,
        }
    }
}

#[cfg(test)]
mod tests;
