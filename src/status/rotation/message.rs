//! What a rotation says in each phase: what it waits for, and what to do next.

use std::collections::BTreeMap;

use super::{
    super::{Pass, consumers, judges},
    behind, contended, earlier, stands_by,
};
use crate::{
    api::{RotationStatus, TokenStatus},
    domain::{
        Reason,
        consumer::KUBELET_SYNC,
        decide::{Plan, counted},
        excerpt,
        reason::Severity,
        token::TokenKind,
        workload::Following,
    },
};

/// What the schema allows.
const LONGEST: usize = 256;
/// Less room than this says nothing.
const FEW_WORDS: usize = 40;
/// What is to be done with the old token.
const REVOKE: &str = "revoke it";
/// What is said where consumers are not listed.
const NOBODY_LOOKS: &str = "; the operator does not check who does (setting consumers)";

pub(super) fn proving(token: &TokenStatus, pass: &Pass<'_>) -> String {
    let secret = &token.secret_name;
    let is_accepted =
        pass.decision.judgement.identity.yes().is_some() && pass.seen.knowledge.refused.is_none();
    let said = if is_accepted {
        format!(
            "GitHub accepts the new token in Secret {secret}, which is not proven to be of use: condition RequirementsMet says why"
        )
    } else if token.first_proven_at.is_some() {
        format!(
            "GitHub accepted the new token in Secret {secret} before, and it is not proven now: the conditions say why"
        )
    } else {
        format!("the new token in Secret {secret} is not proven yet")
    };
    match pass.decision.plan {
        Plan::Keep => format!("{said}; the outputs keep what they hold"),
        _ => said,
    }
}

/// Which outputs cannot be written, as far as they do not come by themselves; in the order of the spec.
pub(super) fn unpublished(secret: &str, pass: &Pass<'_>) -> String {
    let own = pass.stands.iter().map(|(name, stand)| (*name, stand));
    let against = own.chain(contended(pass)).filter_map(|(name, stand)| {
        let reason = judges::speaks_against(name, stand)?.reason;
        (reason.severity() != Severity::Wait).then(|| format!("{name} ({})", reason.as_str()))
    });
    match consumers::listed(&against.collect::<Vec<_>>()) {
        Some(waits) => format!(
            "the new token in Secret {secret} is proven, and condition Published says what keeps it from these outputs: {waits}"
        ),
        None => publishing(secret),
    }
}

pub(super) fn restarting(pass: &Pass<'_>) -> String {
    let awaited = pass.after.following.and_then(Following::awaited);
    format!(
        "every output holds the new token; waiting for {}",
        awaited.unwrap_or_else(|| "spec.restart".to_owned())
    )
}

pub(super) fn waiting(pass: &Pass<'_>) -> String {
    let holds = "every output holds the new token";
    match (behind(pass), earlier(pass)) {
        // A long message is cut, and each of both is to be seen.
        (Some(pods), Some(names)) => {
            let pods = match stuck(&pods, 1) {
                Some(stuck) => format!("restart these Pods, which run with the old one: {stuck}"),
                None => mounting(&pods, 1),
            };
            let names = consumers::few(&names, 1);
            format!("{holds}; {pods}; have these name the present version of an output: {names}")
        }
        (Some(pods), None) => match stuck(&pods, consumers::FEW) {
            Some(stuck) => format!(
                "{holds}, and these Pods still run with the old one: {stuck}; restart them, or name their workload in spec.restart"
            ),
            None => format!("{holds}; {}", mounting(&pods, consumers::FEW)),
        },
        (None, Some(names)) => format!(
            "{holds}, and these name an earlier version of an output: {}; have them name the one in status.outputs",
            consumers::few(&names, consumers::FEW)
        ),
        (None, None) => match pass.after.following.and_then(|following| following.unlisted.as_ref()) {
            Some(cause) => format!(
                "{holds}, and who still runs with the old one cannot be listed: {cause}; the operator tries again"
            ),
            None => format!("{holds}; the operator checks who still runs with the old one"),
        },
    }
}

/// Those of the Pods that keep the old token until they are restarted; `None` if all mount it.
fn stuck(pods: &BTreeMap<String, bool>, count: usize) -> Option<String> {
    let stuck: Vec<_> = pods.iter().filter(|(_, is_stuck)| **is_stuck).map(|(name, _)| name).collect();
    (!stuck.is_empty()).then(|| consumers::few(stuck, count))
}

fn mounting(pods: &BTreeMap<String, bool>, count: usize) -> String {
    let (minutes, pods) = (KUBELET_SYNC.as_mins(), consumers::few(pods.keys(), count));
    format!("these Pods get it within {minutes} minutes, since they mount an output: {pods}")
}

pub(in crate::status) fn short(mut message: String) -> String {
    excerpt::cut(&mut message, LONGEST);
    message
}

pub(in crate::status) fn publishing(secret: &str) -> String {
    format!("the new token in Secret {secret} is proven and is written to the outputs")
}

pub(super) fn safe(rotation: &RotationStatus, ended: Option<&str>, pass: &Pass<'_>) -> String {
    // One of them by name.
    let told = |workloads: fn(&Following) -> Vec<String>| {
        let workloads = pass.after.following.map(workloads).unwrap_or_default();
        (!workloads.is_empty()).then(|| consumers::few(workloads, 1))
    };
    let missing = told(Following::missing);
    let missing = missing.map_or_else(String::new, |missing| format!("there is no {missing} to restart; "));
    let kept = told(Following::kept).map_or_else(String::new, |kept| format!("{kept}; "));
    let unlisted = if ended.is_none() { unlisted(pass) } else { String::new() };
    let unseen =
        pass.after.holders.map(|holders| holders.unseen).filter(|count| *count > 0 && ended.is_none());
    let unseen = unseen.map_or_else(String::new, |count| {
        let who = counted(i64::try_from(count).unwrap_or(i64::MAX), "connection");
        format!("{who} may have the old token where the operator may not read Secrets, so look there first; ")
    });
    let is_last = rotation.further_old_tokens.is_empty();
    let mut others = rotation.further_old_tokens.iter();
    let others = match others.find_map(|token| stands_by(token.hashed_token, pass)) {
        Some(secret) => {
            format!(
                "; furtherOldTokens names others to revoke, but for that of Secret {secret}, which stands by"
            )
        }
        None if is_last => String::new(),
        None => "; furtherOldTokens names others to revoke once nothing else uses them".to_owned(),
    };
    let holding = holding(rotation, ended, is_last, pass);
    // What is to be done before comes first, since a long message is cut; but not before it says what to do with the token.
    let mut before = format!("{unseen}{unlisted}{kept}{missing}");
    let needed = holding.find(REVOKE).map_or(holding.len(), |at| at.saturating_add(REVOKE.len()));
    // The mark of what is cut behind it takes three.
    let room = LONGEST.saturating_sub(needed).saturating_sub(3);
    if before.len() > room && room < FEW_WORDS {
        before.clear();
    } else if before.len() > room {
        excerpt::cut(&mut before, room.saturating_sub(2));
        before.push_str("; ");
    }
    format!("{before}{holding}{others}")
}

/// That resources which may name an output were not listed, though the operator is to list who does.
fn unlisted(pass: &Pass<'_>) -> String {
    let Some(found) = pass.after.following.and_then(|following| following.consumers.as_ref()) else {
        return String::new();
    };
    let rows = [("operator may not", &found.forbidden), ("API server could not", &found.unread)];
    let rows = rows.into_iter().filter(|(_, resources)| !resources.is_empty());
    let said = rows.map(|(who, resources)| {
        let few = consumers::few(resources.iter().copied(), consumers::FEW);
        format!("the {who} list {few}, so look there")
    });
    match said.collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        [one] => format!("{one} for yourself first; "),
        several => format!("{} first; ", several.join("; ")),
    }
}

fn holding(rotation: &RotationStatus, ended: Option<&str>, is_last: bool, pass: &Pass<'_>) -> String {
    let old = &rotation.old_token;
    let holds = if pass.stands.is_empty() {
        "the new token is proven, and no output is asked for"
    } else {
        "every output holds the new token"
    };
    let of = old.login.as_ref().map_or_else(String::new, |login| format!(" of {login}"));
    let on = rotation.old_host.as_ref().map_or_else(String::new, |host| format!(" on {host}"));
    let of = [of, on].concat();
    let nothing = if is_last { ", so that nothing is left to revoke" } else { "" };
    // Where there are others to be named, the hash says it by its own description.
    let log = if is_last { "GitHub's audit log has its use by oldToken.hashedToken" } else { "" };
    let [then, but] = if is_last { ["; ", ", but "] } else { ["", ""] };
    match ended {
        Some(reason) if reason == Reason::Expired.as_str() => {
            format!("{holds}; the old one{of} has expired{nothing}")
        }
        Some(_) => format!("{holds}; GitHub refuses the old one{of} already{nothing}"),
        None if let Some(secret) = stands_by(old.hashed_token, pass) => {
            let is_looked_for = pass.after.lists_consumers || pass.stands.is_empty();
            let nobody = if is_looked_for { "" } else { NOBODY_LOOKS };
            format!(
                "{holds}; the old one{of} stands by in Secret {secret}: revoke it only if it shall not take over again, and once \
                 nothing else uses it{nobody}"
            )
        }
        None if pass.after.lists_consumers || pass.stands.is_empty() => {
            format!("{holds}: once nothing else uses the old one{of}, revoke it{then}{log}")
        }
        None => format!("{holds}: once nothing else uses the old one{of}, revoke it{NOBODY_LOOKS}{but}{log}"),
    }
}

/// The page that lists the tokens of this kind.
pub(super) const fn page(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Classic => "settings/tokens",
        TokenKind::FineGrained => "settings/personal-access-tokens",
        TokenKind::OAuth | TokenKind::AppUser => "settings/applications",
        TokenKind::AppInstallation => "settings/installations",
    }
}
