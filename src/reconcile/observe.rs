//! Sees what a decision needs: what is known of the cluster and of the token, and reads what is due. It judges nothing.

use jiff::{SignedDuration, Timestamp};

use super::{Context, Failure, records::Record};
use crate::{
    api::{GithubPatConnectionSpec as Spec, SecretKeyRef, StatusDigest},
    cluster::{
        Fault,
        connections::Connection,
        object::ObjectKey,
        secrets::{self, SecretEntry},
    },
    domain::{
        Finding, Reason, Verdict,
        answer::Grant,
        decide::{Found, Host, Observation, holds},
        knowledge::{Deferred, Knowledge},
        output::{Output, Stamp},
        probe::Probe,
        probing::{
            Subject, Urgency,
            schedule::{Past, later},
        },
        second::Second,
        token::{Description, Flaw, Token},
        version::Version,
    },
    prober::{Asked, Asker},
};

/// However many request it, a token is asked about no sooner after a question than this.
const BETWEEN_REQUESTS: SignedDuration = SignedDuration::from_secs(5);

/// What was seen of one connection.
pub(super) struct Observed {
    /// The ground of the decision.
    pub(super) seen: Observation,
    /// What could not be read.
    pub(super) failures: Vec<Failure>,
    /// The source held another token than a moment ago: reconcile again.
    pub(super) moved: bool,
    /// When to ask because the annotation requests it, if that was not done yet.
    pub(super) requested_at: Option<Timestamp>,
}

/// What one reconcile of one connection observes with.
pub(super) struct Observer<'a> {
    pub(super) connection: &'a Connection,
    pub(super) spec: &'a Spec,
    pub(super) ctx: &'a Context,
    pub(super) record: &'a mut Record,
}

impl Observer<'_> {
    /// The only place of a reconcile that reads the clock. A question that is due is handed to the prober, which nobody waits for.
    pub(super) async fn observe(&mut self) -> Observed {
        let now = Timestamp::now();
        let (token, bytes, failure) = self.source().await;
        let host = host(self.ctx, &self.spec.host);
        self.subject(&token, &host, now);
        let mut observed = Observed {
            seen: Observation {
                now,
                skew: self.ctx.prober.clock_offset(&self.spec.host),
                token,
                bytes,
                host,
                knowledge: Knowledge::default(),
                heard_refusal: false,
                past: Past {
                    since: Timestamp::from(self.record.since).min(now),
                    asked: None,
                    released: None,
                },
                pending: false,
                not_before: None,
                demand: self.spec.demand(),
                timing: self.ctx.settings.timing(self.spec.interval),
                found: Vec::new(),
            },
            failures: failure.into_iter().collect(),
            moved: false,
            requested_at: None,
        };
        self.recall(&mut observed.seen);
        if observed.seen.is_due() || self.is_request_due(&observed.seen) {
            self.ask(&mut observed).await;
        }
        observed.requested_at = self.requested_at(&observed.seen);
        observed.seen.found = self.found(&observed.seen);
        observed
    }

    /// Reads what a first decision found missing: the bytes of the token, and outputs that nobody has looked at.
    pub(super) async fn complete(&mut self, observed: &mut Observed, bytes: bool, outputs: &[String]) {
        if bytes {
            self.bytes(observed).await;
        }
        for name in outputs {
            if let Err(fault) = self.output(&mut observed.seen, name).await {
                let failure = Failure { doing: "read", secret: name.clone(), verbs: "get", fault };
                observed.failures.push(failure);
            }
        }
    }

    /// What the source holds: known if it is in the state in which it was read last, else read.
    async fn source(&mut self) -> (Verdict<Description>, Option<Token>, Option<Failure>) {
        if self.spec.suspend {
            let message = "spec.suspend is set, so the Secret is not read";
            return (Verdict::unknown(Reason::Suspended, message), None, None);
        }
        let reference = &self.spec.secret_ref;
        let version = self.version(&reference.name);
        match self.record.source(reference, version.as_ref()).cloned() {
            Some(token) => (token, None, None),
            None => self.read_source().await,
        }
    }

    async fn read_source(&mut self) -> (Verdict<Description>, Option<Token>, Option<Failure>) {
        let reference = &self.spec.secret_ref;
        let key = self.connection.key.beside(&reference.name);
        let before = self.version(&reference.name);
        let read = match secrets::read(&self.ctx.client, &key).await {
            Ok(read) => read,
            Err(fault) => {
                self.record.source = None;
                let token = unread(reference, &fault);
                let failure = Failure { doing: "read", secret: reference.name.clone(), verbs: "get", fault };
                return (token, None, Some(failure));
            }
        };
        let (entry, parsed) = match read {
            Some(read) => (Some(read.entry), parse(&read.payload.data, reference)),
            None => (None, Verdict::No(vec![missing(reference)])),
        };
        let version = entry.as_ref().map(|entry| entry.version.clone());
        self.ctx.index.read_secret(&key, before.as_ref(), entry);
        let (token, bytes) = match parsed {
            Verdict::Yes(token) => (Verdict::Yes(token.describe()), Some(token)),
            Verdict::No(findings) => (Verdict::No(findings), None),
            Verdict::Unknown(finding) => (Verdict::Unknown(finding), None),
        };
        self.record.read_source(reference, version.as_ref(), token.clone());
        (token, bytes, None)
    }

    /// The bytes of the token, read a moment ago. If the source holds another token by now, the reconcile begins anew.
    async fn bytes(&mut self, observed: &mut Observed) {
        if observed.seen.bytes.is_some() {
            return;
        }
        let reference = &self.spec.secret_ref;
        let version = self.version(&reference.name);
        observed.seen.bytes = self.record.release(reference, version.as_ref());
        if observed.seen.bytes.is_some() {
            return;
        }
        let (token, bytes, failure) = self.read_source().await;
        observed.moved = failure.is_none() && token != observed.seen.token;
        observed.seen.bytes = bytes.filter(|_| !observed.moved);
        observed.failures.extend(failure);
    }

    /// Keeps track of which token on which host this connection uses.
    fn subject(&mut self, token: &Verdict<Description>, host: &Verdict<Host>, now: Timestamp) {
        let subject =
            token.yes().zip(host.yes()).map(|(token, host)| self.ctx.subject(&host.name, token.hashed));
        // What is known of the last token is kept until another one is there: its Secret may come back as it was.
        let Some(subject) = subject.filter(|subject| Some(subject) != self.record.subject.as_ref()) else {
            return;
        };
        let (key, before) = (&self.connection.key, self.record.subject.as_ref());
        self.ctx.records.share(key, before, &subject, |unused| self.ctx.prober.forget(unused));
        self.record.since = now.into();
        self.record.not_now = None;
        self.record.remembered = remembered(self.connection.status.as_ref(), &subject);
        self.record.first_proven =
            self.record.remembered.as_ref().and_then(|remembered| remembered.first_proven).map(Second::from);
        self.record.subject = Some(subject);
    }

    /// What this process has heard of the token, and before that what the connection's own status remembers.
    fn recall(&mut self, seen: &mut Observation) {
        let Some(subject) = &self.record.subject else { return };
        if seen.token.yes().is_none() || seen.host.yes().is_none() {
            return;
        }
        let snapshot = self.ctx.prober.snapshot(subject);
        if let Some(snapshot) = &snapshot {
            seen.pending = snapshot.pending;
            seen.heard_refusal = snapshot.knowledge.refused.is_some();
            seen.past = snapshot.past(self.record.since.into()).by(seen.now);
            if snapshot.knowledge.grant.is_some() && !snapshot.knowledge.heard_one_acceptance() {
                self.record.remembered = None;
            }
        }
        seen.knowledge = match (self.record.remembered.as_deref(), snapshot) {
            (Some(remembered), Some(snapshot)) => remembered.overlaid(&snapshot.knowledge),
            (None, Some(snapshot)) => snapshot.knowledge,
            (Some(remembered), None) => remembered.clone(),
            (None, None) => Knowledge::default(),
        };
        let first = self
            .record
            .first_proven
            .map(Timestamp::from)
            .into_iter()
            .chain(seen.knowledge.first_proven)
            .min();
        seen.knowledge.first_proven = first.filter(|_| seen.knowledge.grant.is_some());
        // An acceptance since then answers the question that was not taken.
        let accepted = seen.knowledge.grant.as_ref().map(|(_, at)| *at);
        self.record.not_now = self.record.not_now.take().filter(|not_now| accepted <= Some(not_now.since));
        if seen.knowledge.deferred.is_none() && !seen.pending {
            seen.knowledge.deferred = self.record.not_now.as_deref().copied();
        }
    }

    /// True if the annotation asks for a question that was not asked yet, and there is a token to ask its host about. What was
    /// known of another token or host is kept, and must not be asked for.
    fn is_requested(&self, seen: &Observation) -> bool {
        let handled = self.handled_request();
        let requested = self.connection.requested.as_deref();
        requested.is_some() && requested != handled && !seen.demand.suspend && self.is_current(seen)
    }

    /// True if the token in the source, on the host that the spec names, is the subject.
    fn is_current(&self, seen: &Observation) -> bool {
        let now = seen.token.yes().zip(seen.host.yes());
        self.record.subject.as_ref().is_some_and(|subject| {
            now.is_some_and(|(token, host)| subject.token == token.hashed && subject.host == host.name)
        })
    }

    /// When to ask because the annotation requests it: at once, but one request no sooner after another than the settings allow
    /// for questions, so that nobody can spend the budgets of all by requests.
    fn requested_at(&self, seen: &Observation) -> Option<Timestamp> {
        let before = self.record.asked_on_request.map(Timestamp::from).filter(|asked| *asked <= seen.now);
        // Others may request the same of the same token.
        let apart = seen.past.asked.map(|asked| later(asked, BETWEEN_REQUESTS));
        // A confirmation is believed only after the pause that it is to have.
        let refused = seen.knowledge.refused.filter(|refused| !refused.is_believed());
        let confirmed = refused.map(|refused| later(refused.last, seen.timing.confirm_after));
        let soonest = before.map(|asked| later(asked, seen.timing.minimum_interval));
        let soonest = [soonest, apart, confirmed, seen.not_before].into_iter().flatten();
        let at = soonest.fold(seen.now, Timestamp::max);
        self.is_requested(seen).then_some(at)
    }

    fn is_request_due(&self, seen: &Observation) -> bool {
        self.requested_at(seen).is_some_and(|at| at <= seen.now)
    }

    /// The request that was last outcomes on, by this process or the one before.
    pub(super) fn handled_request(&self) -> Option<&str> {
        let before =
            self.connection.status.as_ref().and_then(|status| status.last_handled_request.as_deref());
        self.record.handled_request.as_deref().or(before)
    }

    async fn ask(&mut self, observed: &mut Observed) {
        self.bytes(observed).await;
        let (Some(token), Some(subject)) = (observed.seen.bytes.clone(), self.record.subject.clone()) else {
            return;
        };
        // While the source was read, another connection may have asked about the same token, and have been answered.
        observed.seen.now = Timestamp::now();
        self.recall(&mut observed.seen);
        let requested = self.is_request_due(&observed.seen);
        if !requested && !observed.seen.is_due() {
            return;
        }
        let urgency = if requested { Urgency::New } else { self.urgency(&observed.seen) };
        let knowledge = &observed.seen.knowledge;
        let asker = Asker {
            namespace: self.connection.key.namespace(),
            accepted_before: knowledge.grant.is_some(),
            condemned: knowledge.believed_refusal().is_some(),
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
                let version = self.version(&self.spec.secret_ref.name);
                self.record.hold(&self.spec.secret_ref, version.as_ref(), token);
                self.record.not_now = None;
                observed.seen.pending = true;
                if requested {
                    self.record.handled_request = self.connection.requested.clone();
                    self.record.asked_on_request = Some(observed.seen.now.into());
                }
            }
            Asked::NotNow(deferral) => {
                observed.seen.not_before = deferral.until;
                // A busy host is news only about a token of which nothing is known.
                let is_known = knowledge.grant.is_some() || knowledge.refused.is_some();
                if deferral.reason != Reason::HostBusy || !is_known {
                    let since = whole_seconds(observed.seen.now);
                    self.record
                        .not_now
                        .get_or_insert_with(|| Box::new(Deferred { since, deferral }))
                        .deferral = deferral;
                }
                self.recall(&mut observed.seen);
            }
        }
    }

    fn urgency(&self, seen: &Observation) -> Urgency {
        let (knowledge, token) = (&seen.knowledge, seen.token.yes());
        let is_dubious =
            token.is_some_and(|token| token.flaw == Some(Flaw::Checksum)) && self.spec.host == "github.com";
        let before = self.connection.status.as_ref().and_then(|status| status.token);
        let rotated = before.is_some_and(|before| token.is_none_or(|token| before != token.hashed));
        match (knowledge.grant.is_some(), knowledge.refused.is_some(), knowledge.deferred.is_some()) {
            (false, _, _) if is_dubious => Urgency::Dubious,
            (_, true, _) => Urgency::Confirm,
            (_, _, true) => Urgency::Retry,
            (true, _, _) => Urgency::Routine,
            (false, false, false) if rotated => Urgency::Rotated,
            (false, false, false) => Urgency::New,
        }
    }

    /// What stands under the names of the outputs, and which outputs of before are not named any more.
    fn found(&self, seen: &Observation) -> Vec<Found> {
        let source = &self.spec.secret_ref.name;
        let bound = self.entry(source).filter(|entry| entry.bound_to.as_ref() == Some(&self.connection.uid));
        if self.spec.suspend {
            // Only what has become the source matters: it must not go with the connection.
            return bound.map(|entry| self.classify(source, &entry, None)).into_iter().collect();
        }
        let bound = bound.filter(|entry| !entry.is_output).map(|entry| self.classify(source, &entry, None));
        let named = self.spec.publish.iter().filter_map(|output| {
            let entry = self.entry(&output.secret_name)?;
            Some(self.classify(&output.secret_name, &entry, stamp(seen, output)))
        });
        let owned = self.ctx.index.owned(self.connection);
        let is_named =
            |key: &ObjectKey| self.spec.publish.iter().any(|output| output.secret_name == key.name());
        let others = owned.iter().filter(|key| !is_named(key)).filter_map(|key| {
            let entry = self.ctx.index.secret(key)?;
            Some(self.classify(key.name(), &entry, None))
        });
        named.chain(others).chain(bound).collect()
    }

    fn classify(&self, name: &str, entry: &SecretEntry, stamp: Option<Stamp>) -> Found {
        let name = name.to_owned();
        if let Some(finalizers) = &entry.leaving {
            return Found::Leaving { name, finalizers: finalizers.to_vec() };
        }
        if entry.bound_to.as_ref() != Some(&self.connection.uid) {
            if !self.ctx.index.may_adopt(self.connection, entry) {
                return Found::Foreign { name };
            }
            let holds = self.record.holds(&name, &entry.version, stamp);
            return Found::Adoptable { name, version: entry.version.clone(), holds };
        }
        if !entry.is_output {
            return Found::Bound { name, version: entry.version.clone() };
        }
        let holds = self.record.holds(&name, &entry.version, stamp);
        Found::Ours { name, version: entry.version.clone(), holds }
    }

    /// Reads one output and compares it with what it shall hold.
    async fn output(&mut self, seen: &mut Observation, name: &str) -> Result<(), Fault> {
        let key = self.connection.key.beside(name);
        let Some(token) = &seen.bytes else { return Ok(()) };
        let before = self.version(name);
        let read = secrets::read(&self.ctx.client, &key).await?;
        let output = self.spec.publish.iter().find(|output| output.secret_name == name);
        let stamp = output.and_then(|output| stamp(seen, output));
        if let Some(read) = &read {
            let grant = seen.knowledge.grant.as_ref().map(|(grant, _)| grant);
            let wanted = wanted(output, token, grant, seen.registry());
            let compared = holds(&read.payload, read.immutable, token, wanted.as_ref());
            self.record.verify(name, &read.entry.version, stamp, compared, false);
        }
        let entry = read.map(|read| read.entry);
        self.ctx.index.read_secret(&key, before.as_ref(), entry.clone());
        seen.found.retain(|found| {
            !matches!(found, Found::Ours { name: known, .. } | Found::Adoptable { name: known, .. } if known == name)
        });
        seen.found.extend(entry.map(|entry| self.classify(name, &entry, stamp)));
        Ok(())
    }

    fn entry(&self, name: &str) -> Option<SecretEntry> {
        self.ctx.index.secret(&self.connection.key.beside(name))
    }

    fn version(&self, name: &str) -> Option<Version> {
        self.entry(name).map(|entry| entry.version)
    }
}

/// The instant as a status keeps it, so that a sentence that names it is the same after a restart.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn wanted(
    output: Option<&Output>,
    token: &Token,
    grant: Option<&Grant>,
    registry: Option<&str>,
) -> Option<crate::domain::output::Payload> {
    output?.payload(token, grant?, registry).ok()
}

/// What the output shall hold, as far as it is known without the bytes.
pub(super) fn stamp(seen: &Observation, output: &Output) -> Option<Stamp> {
    let (grant, _) = seen.knowledge.grant.as_ref()?;
    Some(output.stamp(seen.token.yes()?.hashed, grant, seen.registry()))
}

/// What the status remembers of the token, if it remembers anything.
fn remembered(status: Option<&StatusDigest>, subject: &Subject) -> Option<Box<Knowledge>> {
    let knowledge = status?.knowledge(subject.token, &subject.host);
    (knowledge != Knowledge::default()).then(|| Box::new(knowledge))
}

fn parse(
    data: &std::collections::BTreeMap<String, zeroize::Zeroizing<Vec<u8>>>,
    reference: &SecretKeyRef,
) -> Verdict<Token> {
    let SecretKeyRef { name, key } = reference;
    let Some(value) = data.get(key) else {
        let message =
            format!("Secret {name} has no key {key}: add it, or name another in spec.secretRef.key");
        return Verdict::no(Reason::KeyNotFound, message);
    };
    match Token::try_from(value.as_slice()) {
        Ok(token) => Verdict::Yes(token),
        Err(Finding { reason, message }) => {
            Verdict::no(reason, format!("Secret {name}, key {key}: {message}"))
        }
    }
}

fn missing(reference: &SecretKeyRef) -> Finding {
    let SecretKeyRef { name, key } = reference;
    let message =
        format!("there is no Secret {name} in the namespace: create it with the token under the key {key}");
    Finding::new(Reason::SecretNotFound, message)
}

fn unread(reference: &SecretKeyRef, fault: &Fault) -> Verdict<Description> {
    let name = &reference.name;
    if fault.is_forbidden() {
        let message = format!("the operator may not read Secret {name}: {}", fault.advice("get"));
        return Verdict::no(Reason::SecretForbidden, message);
    }
    let message = format!("the API server did not say what Secret {name} holds; it is asked again soon");
    Verdict::unknown(Reason::ApiServerUnavailable, message)
}

fn host(ctx: &Context, name: &str) -> Verdict<Host> {
    match ctx.settings.host(name) {
        Some(host) => Verdict::Yes(Host { name: ctx.host(&host.name), registry: host.registry.clone() }),
        None => {
            let known: Vec<_> = ctx.settings.hosts.iter().map(|host| host.name.as_str()).collect();
            let message = format!(
                "spec.host {name} is not among the hosts of the operator's settings ({}): name one of them, or have an \
                 administrator add it",
                known.join(", ")
            );
            Verdict::unknown(Reason::HostUnknown, message)
        }
    }
}
