//! Reads what a decision needs, and asks GitHub what is due. It judges nothing.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};

use super::{Context, Error};
use crate::{
    api::{GithubPatConnection, GithubPatConnectionStatus as Status, SecretKeyRef},
    apiserver::within,
    domain::{
        Finding, Judged, Reason,
        decide::{Found, Host, Observation, next_question},
        knowledge::Knowledge,
        probing::schedule::Past,
        token::Token,
    },
    github::Line,
    publish::{self, Owner},
};

/// What was seen.
pub(super) struct Observed {
    /// The ground of the decision.
    pub(super) seen: Observation,
    /// The status as it is now.
    pub(super) previous: Option<Status>,
    /// The version of the connection that has it.
    pub(super) version: String,
    /// What could not be read.
    pub(super) fault: Option<Error>,
}

/// The only place of a reconcile that reads the clock.
pub(super) async fn observe(connection: &GithubPatConnection, ctx: &Context) -> Observed {
    let now = Timestamp::now();
    let (spec, uid) = (&connection.spec, connection.uid().unwrap_or_default());
    let version = connection.resource_version().unwrap_or_default();
    let (previous, version) = match ctx.records.newer_status(&uid, &version) {
        Some((status, newer)) => (Some(status), newer),
        None => (connection.status.clone(), version),
    };
    let secrets = Api::<Secret>::namespaced(ctx.client.clone(), &connection.namespace().unwrap_or_default());
    let (token, unread) = token(&secrets, &spec.secret_ref, spec.suspend).await;
    let (found, unlisted) = found(&secrets, connection).await;
    let host = host(ctx, &spec.host);
    let (knowledge, past) = match (token.yes(), host.yes()) {
        (Some(token), Some(host)) => {
            ctx.records.recall(&uid, &token.hashed(), &host.name, previous.as_ref(), now)
        }
        _ => (Knowledge::default(), Past { since: now, asked: None, released: None }),
    };
    let skew = ctx.records.skew(&spec.host);
    let (demand, timing) = (spec.demand(), ctx.settings.timing(spec.interval));
    let mut seen = Observation { now, skew, token, host, knowledge, past, demand, timing, found };
    while let Some(question) = next_question(&seen)
        && let (Some(token), Some(host)) = (seen.token.yes(), seen.host.yes())
    {
        let line = if seen.knowledge.refused.is_some() { Line::Fresh } else { Line::Kept };
        let heard = ctx.github.ask(token, question, &host.name, line).await;
        if let Some(skew) = heard.date.map(|date| ahead(date, heard.answered)) {
            ctx.records.set_skew(&host.name, skew);
            seen.skew = skew;
        }
        seen.learn(heard.reply, heard.at);
        ctx.records.remember(&uid, &seen.knowledge, seen.past);
    }
    Observed { seen, previous, version, fault: unread.or(unlisted) }
}

/// A difference below two seconds is what a date in whole seconds and a slow network make of none.
fn ahead(date: Timestamp, now: Timestamp) -> SignedDuration {
    let ahead = SignedDuration::from_secs(date.duration_since(now).as_secs());
    if ahead.as_secs().abs() < 2 { SignedDuration::ZERO } else { ahead }
}

/// The token in the Secret, and what kept us from reading it.
async fn token(
    secrets: &Api<Secret>,
    reference: &SecretKeyRef,
    suspend: bool,
) -> (Judged<Token>, Option<Error>) {
    if suspend {
        return (Judged::unknown(Reason::Suspended, "spec.suspend is set, so the Secret is not read"), None);
    }
    let SecretKeyRef { name, key } = reference;
    match within(secrets.get_opt(name)).await {
        Ok(Some(secret)) => (parsed(&secret, reference), None),
        Ok(None) => {
            let message = format!(
                "there is no Secret {name} in the namespace: create it with the token under the key {key}"
            );
            (Judged::no(Reason::SecretNotFound, message), None)
        }
        Err(fault) if fault.code() == Some(403) => {
            let message = format!(
                "the operator may not read Secret {name}: give its ServiceAccount get on Secrets here"
            );
            let error = Error::ReadSecret { name: name.clone(), source: fault };
            (Judged::no(Reason::SecretForbidden, message), Some(error))
        }
        Err(fault) => {
            let message =
                format!("the API server did not say what Secret {name} holds; it is asked again soon");
            let error = Error::ReadSecret { name: name.clone(), source: fault };
            (Judged::unknown(Reason::ApiServerUnavailable, message), Some(error))
        }
    }
}

fn parsed(secret: &Secret, reference: &SecretKeyRef) -> Judged<Token> {
    let SecretKeyRef { name, key } = reference;
    let Some(value) = secret.data.as_ref().and_then(|data| data.get(key)) else {
        let message =
            format!("Secret {name} has no key {key}: add it, or name another in spec.secretRef.key");
        return Judged::no(Reason::KeyNotFound, message);
    };
    match Token::try_from(value.0.as_slice()) {
        Ok(token) => Judged::Yes(token),
        Err(Finding { reason, message }) => {
            Judged::no(reason, format!("Secret {name}, key {key}: {message}"))
        }
    }
}

/// What stands where the outputs shall stand, and what kept us from seeing it.
async fn found(
    secrets: &Api<Secret>,
    connection: &GithubPatConnection,
) -> (Result<Vec<Found>, Finding>, Option<Error>) {
    if connection.spec.suspend {
        return (Ok(Vec::new()), None);
    }
    let (name, uid) = (connection.name_any(), connection.uid().unwrap_or_default());
    let names: Vec<&str> = connection.spec.publish.iter().map(|output| output.secret_name.as_str()).collect();
    match publish::found(secrets, Owner { name: &name, uid: &uid }, &names).await {
        Ok(found) => (Ok(found), None),
        Err(error) if error.is_forbidden() => {
            let message = format!("{error}: give the operator's ServiceAccount list and get on Secrets here");
            (Err(Finding::new(Reason::SecretForbidden, message)), Some(error.into()))
        }
        Err(error) => {
            let message = format!("{error}; it is tried again soon");
            (Err(Finding::new(Reason::ApiServerUnavailable, message)), Some(error.into()))
        }
    }
}

fn host(ctx: &Context, name: &str) -> Judged<Host> {
    match ctx.settings.host(name) {
        Some(host) => Judged::Yes(Host { name: host.name.clone(), registry: host.registry.clone() }),
        None => {
            let known: Vec<_> = ctx.settings.hosts.iter().map(|host| host.name.as_str()).collect();
            let message = format!(
                "spec.host {name} is not among the hosts of the operator's settings ({}): name one of them, or have an \
                 administrator add it",
                known.join(", ")
            );
            Judged::unknown(Reason::HostUnknown, message)
        }
    }
}
