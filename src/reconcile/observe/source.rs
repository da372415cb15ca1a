//! The Secret that the token is read from.

use std::collections::BTreeMap;

use tokio::time::Instant;
use tracing::Instrument;
use zeroize::Zeroizing;

use super::{
    super::{
        Failure,
        watched::{BYTES_HELD, Reading, UNTOLD},
    },
    Observed, Observer,
};
use crate::{
    api::SecretKeyRef,
    cluster::{Fault, index::Access, scope::SecretScope, secrets},
    domain::{
        Finding, Reason, Verdict,
        token::{Description, Token},
    },
    traces::TARGET,
};

impl Observer<'_> {
    /// What the source holds: known if it is in the state in which it was read last, else read.
    pub(super) async fn source(&mut self) -> (Verdict<Description>, Option<Token>, Option<Failure>) {
        if let Access::Refused(user) = self.ctx.index.access(&self.connection.key)
            && !self.spec.suspend
        {
            return (Verdict::No(vec![self.not_granted(user.as_deref())]), None, None);
        }
        let reference = self.reference();
        let version = self.version(&reference.name);
        match self.watched().source(self.reading(), version.as_ref()).cloned() {
            Some(token) => (token, None, None),
            None if self.spec.suspend => {
                let message = "spec.suspend is set, so the Secret is not read";
                (Verdict::unknown(Reason::Suspended, message), None, None)
            }
            None => self.read_source().await,
        }
    }

    async fn read_source(&mut self) -> (Verdict<Description>, Option<Token>, Option<Failure>) {
        let reading @ Reading { reference, .. } = self.reading();
        let field = if self.place == 0 { "spec.secretRef.key" } else { "spec.standby" };
        let key = self.connection.key.beside(&reference.name);
        let before = self.version(&reference.name);
        let span = tracing::info_span!(target: TARGET, "read Secret", secret = key.name());
        let read = match secrets::read(&self.ctx.client, &key).instrument(span).await {
            Ok(read) => read,
            Err(fault) => {
                self.watched_mut().source = None;
                let refused = fault.refused_user().filter(|_| self.is_granted_by_namespace());
                let token = match refused {
                    Some(user) => Verdict::No(vec![self.not_granted(user)]),
                    None => unread(reference, &fault),
                };
                let failure = Failure { doing: "read", secret: reference.name.clone(), verbs: "get", fault };
                return (token, None, Some(failure));
            }
        };
        let (entry, parsed) = match read {
            Some(read) => (Some(read.entry), parse(&read.payload.data, reading, field)),
            None => (None, Verdict::No(vec![missing(reference)])),
        };
        let version = entry.as_ref().map(|entry| entry.version.clone());
        let woken = self.ctx.index.read_secret(&key, before.as_ref(), entry);
        self.ctx.wake_others(&self.connection.key, woken);
        let (token, bytes) = match parsed {
            Verdict::Yes(token) => (Verdict::Yes(token.describe()), Some(token)),
            Verdict::No(findings) => (Verdict::No(findings), None),
            Verdict::Unknown(finding) => (Verdict::Unknown(finding), None),
        };
        self.watched_mut().read_source(reading, version.as_ref(), token.clone());
        self.read = Some((Instant::now(), version));
        (token, bytes, None)
    }

    fn is_granted_by_namespace(&self) -> bool {
        self.ctx.index.secret_scope() == SecretScope::Namespaced
    }

    /// That the Secrets of the namespace are not granted to the operator, which the API server calls so, and the command that does.
    fn not_granted(&self, user: Option<&str>) -> Finding {
        let settings = self.ctx.settings();
        let (watch, namespace) = (&settings.watch, self.connection.key.namespace());
        let message = format!(
            "the operator may not read the Secrets of this namespace; it goes on within seconds once an administrator has run: {}",
            watch.grants(&watch.secrets_role, namespace, user)
        );
        Finding::new(Reason::NamespaceNotGranted, message)
    }

    /// The bytes of the token, read a moment ago. If the source holds another token by now, the reconcile begins anew.
    pub(super) async fn bytes(&mut self, observed: &mut Observed) {
        if observed.seen.bytes.is_some() {
            return;
        }
        let version = self.version(&self.reference().name);
        let reading = self.reading();
        let is_told = self.ctx.index.is_told(&self.connection.key);
        let within = if is_told { BYTES_HELD } else { UNTOLD };
        let expected = observed.seen.token.yes().map(|token| token.hashed);
        let held = self.watched_mut().release(reading, version.as_ref(), within);
        if let Some((token, read_at)) = held.filter(|(token, _)| Some(token.hashed()) == expected) {
            observed.seen.bytes = Some(token);
            self.read = Some((read_at, version));
            observed.read = self.source_read();
            return;
        }
        let (token, bytes, failure) = self.read_source().await;
        observed.read = self.source_read();
        observed.conflict = failure.is_none() && token != observed.seen.token;
        observed.seen.bytes = bytes.filter(|_| !observed.conflict);
        observed.failures.extend(failure);
    }
}

fn parse(
    data: &BTreeMap<String, Zeroizing<Vec<u8>>>,
    Reading { reference, legacy }: Reading<'_>,
    field: &str,
) -> Verdict<Token> {
    let SecretKeyRef { name, key } = reference;
    let Some(value) = data.get(key) else {
        let message = format!("Secret {name} has no key {key}: add it, or name another in {field}");
        return Verdict::no(Reason::KeyNotFound, message);
    };
    match Token::parse(value, legacy) {
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
