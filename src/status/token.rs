//! What the status says of a token.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Pass, account, suspended};
use crate::{
    api::{AcceptedBefore, Phase, RefusedStatus, StatusSummary, TokenStatus, time},
    domain::{
        answer::Expiry,
        decide::{Host, Judgement, Observation},
        probing::schedule::earlier,
        token::Description,
    },
};

/// How much earlier another operator may say that the token was accepted first, of what this one has heard itself.
const TOLD_BY_ANOTHER: SignedDuration = SignedDuration::from_hours(1);

/// What is known of the token in the Secret; or what was known before, while there is none or its host is not known.
pub(super) fn token(summary: Option<&StatusSummary>, pass: &Pass<'_>) -> Option<TokenStatus> {
    match (pass.seen.token.yes(), pass.seen.host.yes()) {
        (Some(token), Some(host)) if !pass.seen.demand.suspend => {
            let known = known(token, host, pass.secret_name, pass.seen, &pass.decision.judgement);
            let expectation = &pass.seen.demand.expectation;
            let previous_account = account::previous(summary, &known, expectation, pass.seen.now);
            let accepted_before = accepted_before(summary, &known);
            let first_proven_at = first_proven(summary, &known);
            Some(TokenStatus { previous_account, accepted_before, first_proven_at, ..known })
        }
        _ if pass.seen.demand.suspend => suspended::token(summary?, pass.seen),
        _ => summary.and_then(|summary| summary.token.as_deref().cloned()).map(|kept| heard(kept, pass.seen)),
    }
}

/// What is kept of a token whose source is gone, with the refusals that were heard since.
fn heard(kept: TokenStatus, seen: &Observation) -> TokenStatus {
    let condemned = seen.condemned_before.as_ref().filter(|known| known.token == kept.hashed_token);
    let refused = condemned.and_then(|known| known.heard).map(RefusedStatus::from);
    TokenStatus { refused: refused.or(kept.refused), ..kept }
}

/// When the token was accepted first. Another operator may have heard that a moment before, and has said so: the two are not to correct
/// each other for ever.
fn first_proven(summary: Option<&StatusSummary>, known: &TokenStatus) -> Option<Time> {
    let first = known.first_proven_at.as_ref()?;
    let last = summary.and_then(|summary| summary.token.as_deref());
    let last = last.filter(|last| (&last.hashed_token, &last.host) == (&known.hashed_token, &known.host));
    let told = last.and_then(|last| last.first_proven_at.as_ref());
    let told = told.filter(|told| (earlier(first.0, TOLD_BY_ANOTHER)..first.0).contains(&told.0));
    Some(told.unwrap_or(first).clone())
}

/// Who accepted this token before, if the present host has not: it was in use, or outputs held it before one that is not proven.
fn accepted_before(summary: Option<&StatusSummary>, known: &TokenStatus) -> Option<Box<AcceptedBefore>> {
    let summary = summary.filter(|_| known.first_proven_at.is_none())?;
    let last = summary.token.as_deref()?;
    let before = |host: &str, login: Option<&String>| {
        Some(Box::new(AcceptedBefore { host: host.to_owned(), login: login.cloned() }))
    };
    if last.hashed_token == known.hashed_token {
        return before(last.accepted_by()?, last.known_login());
    }
    let open = summary.rotation.as_deref().filter(|open| open.phase != Phase::SafeToRevoke)?;
    let (old, host) = (&open.old_token, open.old_host.as_ref().unwrap_or(&last.host));
    if old.hashed_token == known.hashed_token {
        return before(host, old.login.as_ref());
    }
    let mut further = open.further_old_tokens.iter();
    before(host, further.find(|token| token.hashed_token == known.hashed_token)?.login.as_ref())
}

/// What is known of a token, as a status says and remembers it.
pub(super) fn known(
    token: &Description,
    host: &Host,
    secret_name: &str,
    seen: &Observation,
    judgement: &Judgement<'_>,
) -> TokenStatus {
    let knowledge = &seen.knowledge;
    // What is not believed yet must not be all that the next process remembers.
    let believed = judgement.doubted.as_ref().and(knowledge.before.as_deref());
    let grant = believed.or(knowledge.grant.as_ref().map(|(grant, _)| grant));
    let account = grant.and_then(|grant| grant.account.clone());
    TokenStatus {
        secret_name: secret_name.to_owned(),
        host: host.name.to_string(),
        kind: token.kind,
        hashed_token: token.hashed,
        id: judgement.lines.iter().find_map(|line| line.lifetime.token),
        flaw: token.flaw,
        login: account.as_ref().map(|account| account.login.to_string()),
        user_id: account.map(|account| account.id),
        previous_account: None,
        scopes: grant
            .and_then(|grant| grant.scopes.as_ref())
            .map(|scopes| scopes.iter().map(str::to_owned).collect()),
        expires_at: grant.and_then(|grant| match grant.expiry {
            Expiry::At(at) | Expiry::Implausible(at) => Some(time(at)),
            Expiry::Never | Expiry::Unreadable => None,
        }),
        expiry_unreadable: grant.is_some_and(|grant| grant.expiry == Expiry::Unreadable),
        expiry_implausible: grant.is_some_and(|grant| matches!(grant.expiry, Expiry::Implausible(_))),
        excess: judgement.excess.iter().map(|scope| (*scope).to_owned()).collect(),
        hidden_organizations: knowledge.hidden.numbers(),
        first_proven_at: knowledge.first_proven.map(time),
        accepted_before: None,
        checked_at: knowledge.grant.as_ref().map(|(_, at)| time(*at)),
        refused: knowledge.refused.map(RefusedStatus::from),
    }
}
