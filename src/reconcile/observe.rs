//! Sees what a decision needs: what is known of the cluster and of the token, and reads what is due. It judges nothing.

mod asking;
mod candidates;
mod entries;
mod outputs;
mod source;

use std::{mem, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    Context, Failure, LOST,
    records::Record,
    sum::sum,
    watched::{Reading, Watched},
};
use crate::{
    api::{GithubPatConnectionSpec as Spec, SecretKeyRef, StatusDigest},
    cluster::{connections::Connection, object::ObjectKey, secrets::SecretEntry},
    domain::{
        Reason, Verdict,
        candidate::Considered,
        decide::{Heard, Host, Observation},
        knowledge::Knowledge,
        probing::{
            Subject,
            schedule::{Past, later},
        },
        token::{Description, LegacyTokens},
        version::Version,
    },
};

/// What was seen of one connection.
pub(super) struct Observed {
    /// The ground of the decision.
    pub(super) seen: Observation,
    /// The source as it held the bytes, if they were read.
    pub(super) read: Option<SourceRead>,
    /// What could not be read.
    pub(super) failures: Vec<Failure>,
    /// The source held another token than a moment ago: reconcile again.
    pub(super) conflict: bool,
    /// When to ask because the annotation requests it, if that was not done yet.
    pub(super) requested_at: Option<Timestamp>,
    /// The Secrets that the token may come from, if the spec names standbys.
    pub(super) standbys: Option<Standbys>,
}

/// The source in the state in which its bytes were read.
#[derive(Clone, Debug)]
pub(super) struct SourceRead {
    /// The Secret.
    pub(super) secret: ObjectKey,
    /// The key of the token in it.
    pub(super) key: String,
    /// What the host lets be taken for a token.
    pub(super) legacy: LegacyTokens,
    /// Its state.
    pub(super) version: Version,
    /// When they were read.
    pub(super) at: Instant,
}

/// The Secrets that the token may come from, in order of preference.
#[derive(Debug)]
pub(super) struct Standbys {
    /// Each, and what was seen of it.
    pub(super) all: Vec<Considered>,
    /// The one whose token is in use; as long as none is, the first that may be.
    pub(super) place: usize,
    /// Since when, if it is in use.
    pub(super) since: Option<Timestamp>,
    /// True if the status names another one, and must name this one before anything is written.
    pub(super) is_news: bool,
    /// The earliest instant at which something is to be done about one that is not in use.
    pub(super) due: Timestamp,
    /// What could not be read.
    pub(super) failures: Vec<Failure>,
}

/// What one reconcile of one connection observes with.
pub(super) struct Observer<'a> {
    pub(super) connection: &'a Connection,
    pub(super) spec: &'a Spec,
    pub(super) ctx: &'a Context,
    pub(super) record: &'a mut Record,
    /// Which Secret is looked at: 0 for that of `spec.secretRef`, else that of `spec.standby` before this place.
    pub(super) place: usize,
    /// The place of the one that is in use.
    pub(super) used: usize,
    /// When the bytes were read that it has, and in which state of the Secret, if it has them.
    pub(super) read: Option<(Instant, Option<Version>)>,
}

impl<'a> Observer<'a> {
    /// Sees all of it.
    pub(super) async fn observe(&mut self) -> Observed {
        self.align();
        if self.spec.standby.is_empty() {
            return self.observe_in_use().await;
        }
        self.observe_candidates().await
    }

    /// Sees the token in use, and what stands under the names of the outputs. A question that is due is handed to the prober, which
    /// nobody waits for.
    async fn observe_in_use(&mut self) -> Observed {
        let mut observed = self.look().await;
        self.entries(&mut observed).await;
        self.follow(&mut observed.seen);
        observed.seen.name_versions();
        // What a question is worth depends on what stands there, and the other way round.
        observed.seen.found = self.found(&observed.seen);
        if observed.seen.is_due() || self.is_request_due(&observed.seen) {
            self.ask(&mut observed).await;
        }
        self.ask_proofs(&mut observed).await;
        observed.requested_at = self.requested_at(&observed.seen);
        // An answer may have come meanwhile, also one to somebody else's question.
        observed.seen.name_versions();
        observed.seen.found = self.found(&observed.seen);
        observed.seen.condemned_before = self.condemned_before(&observed.seen, &mut observed.failures).await;
        observed
    }

    /// What is known of the token in one Secret at one instant, by which all of it is judged. What is changed and told later has instants
    /// of its own.
    async fn look(&mut self) -> Observed {
        let now = Timestamp::now();
        self.watched_mut().not_ahead_of(now);
        self.record.rare.not_ahead_of(now, self.ctx.settings().minimum_interval);
        self.read = None;
        let (token, bytes, failure) = self.source().await;
        let host = host(self.ctx, &self.spec.host);
        self.subject(&token, &host, now);
        self.resume(now);
        let timing = self.ctx.settings().timing(self.spec.interval);
        let rotates = self.rotates(&token);
        let mut observed = Observed {
            seen: Observation {
                now,
                skew: self.ctx.prober.clock_offset(&self.spec.host),
                token,
                bytes,
                host,
                knowledge: Knowledge::default(),
                heard: Heard::default(),
                past: Past::unasked(self.watched().since.into()),
                pending: false,
                pending_proofs: Vec::new(),
                distrusted_before: self.distrusted_before().map(|at| at.min(now)),
                requested: self.requested(now),
                not_before: None,
                withdrawing_since: self.connection.status.as_ref().and_then(StatusDigest::withdrawing_since),
                withdrawing_missing: self.connection.status.as_ref().is_some_and(StatusDigest::misses_source),
                condemned_before: None,
                wanted_by_others: self
                    .watched()
                    .subject
                    .as_ref()
                    .is_some_and(|of| self.ctx.records.is_wanted(of)),
                rests: false,
                demand: self.spec.demand(),
                timing,
                found: Vec::new(),
                serving: self
                    .connection
                    .status
                    .iter()
                    .flat_map(StatusDigest::serving)
                    .map(str::to_owned)
                    .collect(),
                rotates,
                circles: self.record.rare.circles.to_vec(),
            },
            read: self.source_read(),
            failures: failure.into_iter().collect(),
            conflict: false,
            requested_at: None,
            standbys: None,
        };
        self.recall(&mut observed.seen);
        observed
    }

    /// Keeps how often this connection has the token asked about, and learns whether another one has it asked about more often.
    fn follow(&mut self, seen: &mut Observation) {
        let can_ask = seen.token.yes().is_some() && seen.host.yes().is_some() && !self.spec.suspend;
        let interval = can_ask.then_some(seen.timing.interval);
        let Watched { id, subject, .. } = self.watched();
        let (ctx, key) = (self.ctx, &self.connection.key);
        let follows = |subject: &Subject| ctx.records.follows(key, *id, subject, interval, ctx.tells_usage());
        seen.timing.follows = subject.as_ref().is_some_and(follows);
    }

    /// True if the status says that every output holds this token, and that the one before is not safe to revoke yet.
    fn rotates(&self, token: &Verdict<Description>) -> bool {
        let status = self.connection.status.as_ref().filter(|_| self.is_in_use());
        token.yes().zip(status).is_some_and(|(token, status)| status.published(token.hashed).is_some())
    }

    /// Before which instant an acceptance does not count.
    fn distrusted_before(&self) -> Option<Timestamp> {
        let watched = self.watched();
        let contested = watched.is_contested.then_some(watched.since);
        self.record.rare.resumed.or(contested).map(Timestamp::from)
    }

    /// When all questions about the purposes of the token were last wanted anew: by a request, or since other ones are demanded.
    fn requested(&mut self, now: Timestamp) -> Option<Timestamp> {
        // A map of a spec has its keys in order, so that equal demands have equal texts.
        let demands = serde_json::to_string(&self.spec.require).ok().map(|text| sum(&text));
        let before = mem::replace(&mut self.record.demands, demands);
        if before.is_some() && before != demands {
            // However often somebody changes them, each is asked once in the shortest interval.
            let last = self.record.rare.demanded.map(Timestamp::from);
            let apart = last.map(|last| later(last, self.ctx.settings().minimum_interval));
            self.record.rare.demanded = Some(apart.unwrap_or(now).max(now).into());
        }
        let instants = [self.record.rare.asked_on_request, self.record.rare.demanded].into_iter().flatten();
        instants.map(Timestamp::from).filter(|at| *at <= now).max()
    }

    /// Keeps since when the connection is no longer suspended, as long as its status says that it is.
    fn resume(&mut self, now: Timestamp) {
        let ready = self.connection.status.as_ref().and_then(|status| status.ready());
        let tells = ready.is_some_and(|(_, reason)| reason == Reason::Suspended);
        self.record.rare.resumed = self.record.rare.resumed.filter(|_| tells && !self.spec.suspend);
        if tells && !self.spec.suspend {
            self.record.rare.resumed.get_or_insert(now.into());
        }
    }

    /// Reads what a first decision found missing: the bytes of the token, and outputs that nobody has looked at. What could not be read
    /// when it was tried last comes last, and where reads fail slowly, the others are left for the next pass.
    pub(super) async fn complete(&mut self, observed: &mut Observed, bytes: bool, outputs: &[String]) {
        if bytes {
            self.bytes(observed).await;
        }
        self.complete_entries(observed).await;
        let mut lost = Duration::ZERO;
        if !self.record.rare.not_read.is_empty() {
            self.record.rare.not_read.keep(outputs.iter().map(String::as_str));
        }
        let mut order: Vec<_> = outputs.iter().collect();
        order.sort_by_cached_key(|name| self.record.rare.not_read.place(name));
        for name in order {
            if lost >= LOST {
                return;
            }
            let begun = Instant::now();
            if !self.record.rare.not_read.is_empty() {
                self.record.rare.not_read.remove(name);
            }
            if let Err(fault) = self.output(&mut observed.seen, name).await {
                lost = lost.saturating_add(begun.elapsed());
                self.record.rare.not_read.push(name, ());
                let failure = Failure { doing: "read", secret: name.clone(), verbs: "get", fault };
                observed.failures.push(failure);
            }
        }
    }

    /// What is read of the source, and what the host lets be taken for a token in it.
    fn reading(&self) -> Reading<'a> {
        let legacy = self.ctx.settings().host(&self.spec.host).map(|host| host.legacy_tokens);
        Reading { reference: self.reference(), legacy: legacy.unwrap_or_default() }
    }

    /// The Secret that is looked at.
    fn reference(&self) -> &'a SecretKeyRef {
        self.spec.candidates().nth(self.place).unwrap_or(&self.spec.secret_ref)
    }

    fn source_read(&self) -> Option<SourceRead> {
        let Reading { reference: SecretKeyRef { name, key }, legacy } = self.reading();
        let (at, version) = self.read.as_ref()?;
        Some(SourceRead {
            secret: self.connection.key.beside(name),
            key: key.clone(),
            legacy,
            version: version.clone()?,
            at: *at,
        })
    }

    fn is_in_use(&self) -> bool {
        self.place == self.used
    }

    fn watched(&self) -> &Watched {
        self.record.watched(self.place)
    }

    fn watched_mut(&mut self) -> &mut Watched {
        self.record.watched_mut(self.place)
    }

    fn entry(&self, name: &str) -> Option<SecretEntry> {
        self.ctx.index.secret(&self.connection.key.beside(name))
    }

    fn version(&self, name: &str) -> Option<Version> {
        self.entry(name).map(|entry| entry.version)
    }
}

fn host(ctx: &Context, name: &str) -> Verdict<Host> {
    let settings = ctx.settings();
    match settings.host(name) {
        Some(host) => Verdict::Yes(Host { name: ctx.host(&host.name), addresses: host.addresses.clone() }),
        None => {
            let known: Vec<_> = settings.hosts.iter().map(|host| host.name.as_str()).collect();
            let message = format!(
                "spec.host {name} is not among the hosts of the operator's settings ({}): name one of them, or have an \
                 administrator add it",
                known.join(", ")
            );
            Verdict::unknown(Reason::HostUnknown, message)
        }
    }
}
