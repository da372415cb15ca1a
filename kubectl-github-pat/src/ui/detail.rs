//! One connection: where it breaks, what to do, and all that is known of it.

use askama::Template;
use github_pat_operator::{
    api::{
        CONDITION_TYPES, Condition, ConditionStatus, GithubPatConnection,
        GithubPatConnectionStatus as Status, Links, Usability,
    },
    domain::{Reason, requirement::State},
};
use jiff::Timestamp;

use super::{
    blocks::{Section, sections},
    health::Health,
    mirror::{Mirror, Problem},
    remedies::{Page, pages, pages_for},
};
use crate::{
    error::Error,
    explain, format,
    status::{Demand, Report, facts, report},
    summary::of_condition,
    when::{date, distance},
};

/// Where a page listens that follows nothing.
pub(super) const EVENTS: &str = "/events";

/// The page.
#[derive(Template)]
#[template(path = "connection.html")]
pub(super) struct Detail {
    events: String,
    problem: Option<Problem>,
    /// False until the watch knows the connections, unless it never will.
    is_listed: bool,
    /// The one namespace whose connections are followed, if it is another one.
    followed_alone: Option<String>,
    namespace: String,
    name: String,
    health: Health,
    verdict: &'static str,
    since: Option<String>,
    reason: String,
    message: String,
    /// What the user may not write.
    lacking: Option<String>,
    explained: Vec<Explained>,
    breaks: Option<String>,
    chain: Vec<Step>,
    pages: Vec<Page>,
    fill_in: Option<String>,
    demands: Vec<Demanded>,
    facts: Vec<Section>,
    yaml: Vec<String>,
}

/// A condition in the chain that ends in Ready.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) health: Health,
    pub(super) status: &'static str,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) since: Option<String>,
    /// Everything before it holds.
    pub(super) breaks_here: bool,
}

struct Demanded {
    demand: String,
    health: Health,
    state: &'static str,
    /// Why it is not met.
    why: Option<String>,
    explained: Vec<Explained>,
    /// Where to do it.
    pages: Vec<Page>,
}

/// A paragraph of the docs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Explained {
    pub(super) label: String,
    pub(super) text: String,
}

impl Detail {
    /// The page of this connection, which was of this version or an earlier one in the mirror before it was read.
    ///
    /// # Errors
    ///
    /// If the connection cannot be written as YAML.
    pub(super) fn new(
        connection: &GithubPatConnection,
        mirror: &Mirror,
        version: &str,
        lacking: Option<String>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let Report { summary, demands, status } = report(connection, now);
        let links = status.and_then(|status| status.links.as_ref());
        let health = Health::of(&summary);
        let breaks = summary.breaks_at.as_ref().filter(|_| summary.usability == Usability::Usable);
        let (namespace, name) = (summary.namespace, summary.name);
        let followed_alone = mirror.alone().filter(|alone| *alone != namespace);
        Ok(Detail {
            events: match followed_alone {
                None => format!("/events?version={version}&namespace={namespace}&name={name}"),
                Some(_) => EVENTS.to_owned(),
            },
            problem: mirror.problem().filter(|_| followed_alone.is_none()),
            is_listed: mirror.is_listed() || followed_alone.is_some(),
            followed_alone,
            health,
            lacking,
            verdict: summary.usability.words(),
            since: summary.since.as_ref().map(|at| instant(at.0, now)),
            explained: if health == Health::Fine { Vec::new() } else { explained(&summary.reason) },
            reason: summary.reason,
            message: summary.message,
            breaks: breaks.map(|at| instant(at.0, now)),
            chain: chain(status, now),
            pages: links.filter(|_| health != Health::Fine).map(pages).unwrap_or_default(),
            fill_in: links.and_then(|links| links.fill_in.clone()).filter(|_| health != Health::Fine),
            demands: demands.into_iter().map(|demand| Demanded::new(demand, links)).collect(),
            facts: sections(&facts(connection, now)),
            yaml: yaml(connection)?,
            namespace,
            name,
        })
    }

    /// As the id of an element has it, which is the same wherever the element comes to stand.
    fn id(text: &str) -> String {
        form_urlencoded::byte_serialize(text.as_bytes()).collect()
    }
}

/// The conditions in the order in which one rests on the other, Ready last, then those that are there only while true.
pub(super) fn chain(status: Option<&Status>, now: Timestamp) -> Vec<Step> {
    let Some(status) = status else { return Vec::new() };
    let [ready, first @ ..] = CONDITION_TYPES;
    let known = first.into_iter().chain([ready]);
    let others = status.conditions.iter().map(|condition| condition.type_.as_str());
    let others = others.filter(|type_| !CONDITION_TYPES.contains(type_));
    let types = known.chain(others);
    let mut steps: Vec<_> =
        types.filter_map(|type_| Some(step(status.condition(type_)?, status, now))).collect();
    let falls = |wanted: &str| steps.iter().position(|step| step.status == wanted);
    let place = falls(ConditionStatus::False.as_str()).or_else(|| falls(ConditionStatus::Unknown.as_str()));
    let place = place.filter(|_| status.usability() != Usability::Usable);
    if let Some(step) = place.and_then(|place| steps.get_mut(place)) {
        step.breaks_here = true;
    }
    steps
}

fn step(condition: &Condition, status: &Status, now: Timestamp) -> Step {
    let health = Health::from(of_condition(condition, status.usability()));
    let at = condition.last_transition_time.0;
    Step {
        name: condition.type_.clone(),
        health,
        status: condition.status.as_str(),
        reason: condition.reason.clone(),
        // That of Ready stands above.
        message: status
            .message(&condition.type_)
            .filter(|_| condition.type_ != "Ready")
            .unwrap_or_default()
            .to_owned(),
        since: (at > Timestamp::UNIX_EPOCH).then(|| distance(at, now)),
        breaks_here: false,
    }
}

impl Demanded {
    fn new(demand: Demand, links: Option<&Links>) -> Self {
        let (state, health) = match demand.state {
            State::Met => ("met", Health::Fine),
            State::NotMet => ("not met", Health::Broken),
            State::Unproven => ("unproven", Health::Warned),
            State::Unknown => ("unknown", Health::Warned),
        };
        let is_met = demand.state == State::Met;
        let pages = links.map(|links| pages_for(&demand, links)).unwrap_or_default();
        let explained = demand.reason.as_deref().filter(|_| !is_met).map(explained).unwrap_or_default();
        let on = demand.on.map(|on| format!("on {on}"));
        let why: Vec<_> = [demand.reason, on, demand.message].into_iter().flatten().collect();
        let why = Some(why.join(": ")).filter(|why| !is_met && !why.is_empty());
        Demanded { demand: demand.demand, health, state, why, explained, pages }
    }
}

/// What the docs say of the reason, without their marks; nothing of one that a later version has.
pub(super) fn explained(reason: &str) -> Vec<Explained> {
    let section = reason.parse::<Reason>().ok().and_then(explain::section).unwrap_or_default();
    let text = section.lines().skip(1).collect::<Vec<_>>().join("\n");
    let items = text.split("\n- **").skip(1).filter_map(|item| {
        let (label, text) = item.split_once("**:")?;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(Explained { label: label.to_owned(), text: unmarked(&text) })
    });
    items.collect()
}

/// The text of Markdown without emphasis, code marks and where links lead.
fn unmarked(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](").or_else(|| rest.split_once("][")) {
        let end = after.find([')', ']']).map_or(after.len(), |end| end.saturating_add(1));
        let (before, link) = before.rsplit_once('[').unwrap_or((before, ""));
        plain.push_str(before);
        plain.push_str(link);
        rest = after.get(end..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain.replace(['`', '*'], "")
}

/// The lines of the connection as YAML, without what only the API server needs.
fn yaml(connection: &GithubPatConnection) -> Result<Vec<String>, Error> {
    let mut connection = connection.clone();
    connection.metadata.managed_fields = None;
    Ok(format::yaml(&connection)?.lines().map(str::to_owned).collect())
}

fn instant(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", date(at), distance(at, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_breaks_where_the_first_condition_does_not_hold() {
        let conditions = |rows: &[(&str, &str)]| -> Status {
            let conditions: Vec<_> = rows
                .iter()
                .map(|(type_, status)| {
                    serde_json::json!({
                        "type": type_, "status": status, "reason": "X", "message": "", "lastTransitionTime": "2026-03-01T10:00:00Z",
                    })
                })
                .collect();
            serde_json::from_value(serde_json::json!({ "conditions": conditions })).unwrap()
        };
        let broken = |rows: &[(&str, &str)]| {
            let steps = chain(Some(&conditions(rows)), Timestamp::UNIX_EPOCH);
            let names: Vec<_> = steps.iter().map(|step| step.name.clone()).collect();
            let healths: Vec<_> = steps.iter().map(|step| step.health.word()).collect();
            let breaks = steps.into_iter().find(|step| step.breaks_here).map(|step| step.name);
            (names.join(" "), healths.join(" "), breaks)
        };
        let rows = [
            (
                &[("Ready", "True"), ("Published", "True"), ("SecretResolved", "True")][..],
                "SecretResolved Published Ready",
                "fine fine fine",
                None,
            ),
            (
                &[("Ready", "True"), ("NotExpiring", "False"), ("Authenticated", "True")],
                "Authenticated NotExpiring Ready",
                "fine warned fine",
                None,
            ),
            (
                &[("Ready", "False"), ("NotExpiring", "False"), ("Authenticated", "Unknown")],
                "Authenticated NotExpiring Ready",
                "warned broken broken",
                Some("NotExpiring"),
            ),
            (
                &[("Ready", "Unknown"), ("Authenticated", "Unknown"), ("Stalled", "True")],
                "Authenticated Ready Stalled",
                "warned warned fine",
                Some("Authenticated"),
            ),
        ];
        for (rows, names, healths, breaks) in rows {
            assert_eq!(broken(rows), (names.to_owned(), healths.to_owned(), breaks.map(str::to_owned)));
        }
    }

    #[test]
    fn every_reason_is_explained_without_the_marks_of_its_page() {
        for reason in Reason::ALL {
            let explained = explained(reason.as_str());
            assert!(explained.iter().any(|it| it.label == "What to do" && !it.text.is_empty()), "{reason:?}");
            for Explained { text, .. } in explained {
                assert!(
                    !text.contains("](") && !text.contains("][") && !text.contains('`'),
                    "{reason:?}: {text}"
                );
            }
        }
        assert_eq!(explained("FromALaterVersion"), []);
    }
}
