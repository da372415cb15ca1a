//! The page as a person reads it, from what is to be done to what is only good to know.

use std::iter;

use github_pat_operator::{
    api::{
        ConditionStatus, GithubPatConnection, GithubPatConnectionStatus as Status, SEE_READY, TokenStatus,
        Usability,
    },
    cluster::connections::REQUESTED_AT,
    domain::{Reason, requirement::State},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::Report;
use crate::{
    cluster::Cluster,
    sheet::{Cell, Colour, Sheet},
    summary::{Summary, of_condition},
    when::{date, distance},
};

/// The page.
pub(super) fn sheet(
    cluster: &Cluster,
    connection: &GithubPatConnection,
    report: &Report<'_>,
    now: Timestamp,
) -> Sheet {
    let mut sheet = Sheet::default();
    verdict(&mut sheet, report, now);
    let Some(status) = &connection.status else { return sheet };
    remedies(&mut sheet, cluster, report, status);
    demands(&mut sheet, report);
    conditions(&mut sheet, status, now);
    facts(&mut sheet, connection, now);
    sheet
}

/// The token in use, the other candidates, the outputs with who reads them, the last rotation, the history and the next question.
pub(super) fn facts(sheet: &mut Sheet, connection: &GithubPatConnection, now: Timestamp) {
    let Some(status) = &connection.status else { return };
    if let Some(token) = &status.token {
        in_use(sheet, connection, token, now);
    }
    candidates(sheet, status, now);
    outputs(sheet, connection, status, now);
    rotation(sheet, status, now);
    history(sheet, status, now);
    next_question(sheet, connection, status, now);
}

fn verdict(sheet: &mut Sheet, Report { summary, .. }: &Report<'_>, now: Timestamp) {
    let since = summary.since.as_ref().map(|at| format!("since {}", instant(at.0, now)));
    sheet.line([
        Cell::new(format!("{} in {}:", summary.name, summary.namespace)).colour(Colour::Strong),
        Cell::new(summary.usability.words()).colour(summary.colour()),
        Cell::new(since.unwrap_or_default()),
    ]);
    sheet.line([
        Cell::new(format!("{}:", summary.reason)).colour(summary.colour()),
        Cell::new(&summary.message),
    ]);
    if let Some(breaks) = summary.breaks_at.as_ref().filter(|_| summary.usability == Usability::Usable) {
        sheet.line([Cell::new(format!("without another token it breaks on {}", instant(breaks.0, now)))]);
    }
}

/// The pages that help, and the next command.
fn remedies(sheet: &mut Sheet, cluster: &Cluster, Report { summary, .. }: &Report<'_>, status: &Status) {
    if summary.colour() == Colour::Good {
        return;
    }
    sheet.heading("What to do");
    let mut rows = vec![row("read more", format!("kubectl github-pat explain {}", summary.reason))];
    if let Some(links) = &status.links {
        rows.extend(links.act_on.iter().chain(&links.also_act_on).map(|page| row("act on", page)));
        rows.extend(links.token.iter().map(|page| row("edit the token", page)));
        rows.push(row("make a new token", &links.create_token));
        rows.extend(links.fill_in.iter().map(|text| row("", text)));
    }
    if summary.reason != Reason::Suspended.as_str() {
        // Where there is no token, the next one stands by for none.
        let flag = if status.token.is_some() { "" } else { " --in-place" };
        let rotate = format!("rotate {}{flag}", summary.name);
        rows.push(row("hand it over", cluster.at(&summary.namespace).command(&rotate)));
    }
    // What was mended on GitHub is seen with the next question, which may be hours away.
    if status.token.is_some() {
        let Summary { name, namespace, .. } = summary;
        let asks = format!("annotate ghpat {name} {REQUESTED_AT}=\"$(date)\" --overwrite");
        rows.push(row("ask GitHub now", cluster.at(namespace).kubectl(&asks)));
    }
    sheet.table(2, rows);
}

fn demands(sheet: &mut Sheet, report: &Report<'_>) {
    if report.demands.is_empty() {
        return;
    }
    sheet.heading("Demands");
    let rows = report.demands.iter().map(|demand| {
        let (word, colour) = match demand.state {
            State::Met => ("met", Colour::Good),
            State::NotMet => ("not met", Colour::Bad),
            State::Unproven => ("unproven", Colour::Warn),
            State::Unknown => ("unknown", Colour::Warn),
        };
        let on = demand.on.as_ref().map(|on| format!("on {on}"));
        let why = [demand.reason.clone(), on, demand.message.clone()].into_iter().flatten();
        let is_told = demand.state != State::Met;
        let why: Vec<_> = why.filter(|_| is_told).collect();
        vec![Cell::new(word).colour(colour), Cell::new(&demand.demand), Cell::new(why.join(": "))]
    });
    sheet.table(2, rows);
}

fn in_use(sheet: &mut Sheet, connection: &GithubPatConnection, token: &TokenStatus, now: Timestamp) {
    sheet.heading("Token in use");
    let key = connection.spec.candidates().find(|candidate| candidate.name == token.secret_name);
    let secret =
        key.map_or_else(|| token.secret_name.clone(), |key| format!("{}, key {}", key.name, key.key));
    let account = match (&token.login, token.user_id) {
        (Some(login), Some(id)) => format!("{login} (id {id}) on {}", token.host),
        _ => format!("not known, on {}", token.host),
    };
    let scopes = token.scopes.as_ref().map(|scopes| match scopes.as_slice() {
        [] => "none".to_owned(),
        scopes => scopes.join(", "),
    });
    let ends = match token.ends(connection.spec.require.expiry.expires_at) {
        Some(at) => instant(at, now),
        None if token.expiry_implausible => "GitHub named an end that cannot be".to_owned(),
        None if token.expiry_unreadable => "GitHub named an end that could not be read".to_owned(),
        None if token.checked_at.is_some() => "never".to_owned(),
        None => "not known".to_owned(),
    };
    let checked = token.checked_at.as_ref().map(|at| format!("{} or later", instant(at.0, now)));
    let refused = token.refused.as_ref().map(|refused| {
        format!(
            "{}: {} of {} that are believed, last {}",
            refused.reason,
            refused.count,
            refused.needed,
            instant(refused.last.0, now)
        )
    });
    let rows = [
        Some(row("Secret", secret)),
        Some(row("account", account)),
        Some(row("kind", token.kind.words())),
        scopes.map(|scopes| row("scopes", scopes)),
        Some(&token.excess)
            .filter(|excess| !excess.is_empty())
            .map(|excess| row("more than is demanded", excess.join(", "))),
        Some(row("expires", ends)),
        checked.map(|checked| row("accepted", checked)),
        refused.map(|refused| row("refused", refused)),
        token.flaw.map(|flaw| row("form", flaw.words())),
        Some(row("hash", format!("{}, by which GitHub's audit log knows it", token.hashed_token))),
    ];
    sheet.table(2, rows.into_iter().flatten());
}

fn conditions(sheet: &mut Sheet, status: &Status, now: Timestamp) {
    sheet.heading("Conditions");
    let rows = status.conditions.iter().map(|condition| {
        let colour = of_condition(condition, status.usability());
        let message = if condition.message == SEE_READY || condition.type_ == "Ready" {
            ""
        } else {
            &condition.message
        };
        let at = condition.last_transition_time.0;
        vec![
            Cell::new(&condition.type_),
            Cell::new(condition.status.as_str()).colour(colour),
            Cell::new(&condition.reason).colour(colour),
            Cell::new(if at > Timestamp::UNIX_EPOCH { distance(at, now) } else { String::new() })
                .colour(Colour::Faint),
            Cell::new(message),
        ]
    });
    sheet.table(2, rows);
}

fn candidates(sheet: &mut Sheet, status: &Status, now: Timestamp) {
    if status.candidates.is_empty() {
        return;
    }
    sheet.heading("Candidates, in order of preference");
    let rows = status.candidates.iter().map(|candidate| {
        let colour = match candidate.usable {
            ConditionStatus::True => Colour::Good,
            ConditionStatus::False => Colour::Bad,
            ConditionStatus::Unknown => Colour::Warn,
        };
        let used = match &candidate.since {
            _ if !candidate.in_use => "stands by".to_owned(),
            Some(since) => format!("in use since {}", instant(since.0, now)),
            None => "in use".to_owned(),
        };
        let ends = candidate.token.as_ref().and_then(|token| token.ends(None));
        let ends = ends.map(|at| format!("expires {}", instant(at, now)));
        let more = candidate.message.iter().cloned().chain(ends);
        vec![
            Cell::new(&candidate.secret_name),
            Cell::new(used),
            Cell::new(&candidate.reason).colour(colour),
            Cell::new(more.collect::<Vec<_>>().join("; ")),
        ]
    });
    sheet.table(2, rows);
}

fn outputs(sheet: &mut Sheet, connection: &GithubPatConnection, status: &Status, now: Timestamp) {
    if connection.spec.publish.is_empty() {
        return;
    }
    sheet.heading("Outputs");
    let rows = connection.spec.publish.iter().map(|output| {
        let stands = status.outputs.iter().find(|stands| stands.secret_name == output.secret_name);
        let (word, colour) =
            if stands.is_some() { ("written", Colour::Good) } else { ("missing", Colour::Warn) };
        let current =
            stands.and_then(|stands| stands.current_name.as_ref()).map(|name| format!("now {name}"));
        vec![
            Cell::new(&output.secret_name),
            Cell::new(output.format.as_str()),
            Cell::new(word).colour(colour),
            Cell::new(current.unwrap_or_default()),
        ]
    });
    sheet.table(2, rows);
    if let Some(withdrawal) = &status.withdrawal {
        sheet
            .line([Cell::new(format!("  they are deleted on {}", instant(withdrawal.at.0, now)))
                .colour(Colour::Bad)]);
    }
    consumers(sheet, status, now);
}

fn consumers(sheet: &mut Sheet, status: &Status, now: Timestamp) {
    let Some(consumers) = &status.consumers else { return };
    sheet.heading(&format!("Who names an output, as of {}", instant(consumers.observed_at.0, now)));
    let counted = consumers.counts.iter().filter(|(_, count)| **count > 0);
    let counted: Vec<_> = counted.map(|(kind, count)| format!("{count} {kind}")).collect();
    let counted = if counted.is_empty() { "nobody".to_owned() } else { counted.join(", ") };
    sheet.line([Cell::new(format!("  {counted}"))]);
    let rows = consumers.objects.iter().map(|object| {
        let behind = if object.behind { "has what was there before" } else { "" };
        vec![Cell::new(&object.kind), Cell::new(&object.name), Cell::new(behind).colour(Colour::Warn)]
    });
    sheet.table(2, rows);
    if !consumers.forbidden.is_empty() {
        sheet.line([Cell::new(format!(
            "  not listed, for want of rights: {}",
            consumers.forbidden.join(", ")
        ))]);
    }
}

fn rotation(sheet: &mut Sheet, status: &Status, now: Timestamp) {
    let Some(rotation) = &status.rotation else { return };
    sheet.heading("Last rotation");
    let login = |login: &Option<String>| login.clone().unwrap_or_else(|| "an unknown account".to_owned());
    let tokens = format!(
        "from Secret {} of {} to Secret {} of {}",
        rotation.old_token.secret_name,
        login(&rotation.old_token.login),
        rotation.new_token.secret_name,
        login(&rotation.new_token.login)
    );
    let further = rotation.further_old_tokens.iter();
    let further: Vec<_> =
        further.map(|token| format!("one of {} ({})", login(&token.login), token.hashed_token)).collect();
    let rows = [
        Some(row("phase", format!("{:?}, begun {}", rotation.phase, instant(rotation.started_at.0, now)))),
        Some(row("tokens", tokens)),
        (!further.is_empty()).then(|| row("to revoke too", further.join(", "))),
        Some(row("now", &rotation.message)),
        rotation.revoke_at.as_ref().map(|page| row("revoke", page)),
    ];
    sheet.table(2, rows.into_iter().flatten());
}

fn history(sheet: &mut Sheet, status: &Status, now: Timestamp) {
    if status.history.is_empty() {
        return;
    }
    sheet.heading("History of Ready, the latest first");
    let rows = status.history.iter().rev().map(|change| {
        vec![
            Cell::new(instant(change.at.0, now)),
            Cell::new(change.ready.as_str()),
            Cell::new(&change.reason),
        ]
    });
    sheet.table(2, rows);
}

fn next_question(sheet: &mut Sheet, connection: &GithubPatConnection, status: &Status, now: Timestamp) {
    let interval = connection.spec.interval;
    // The instant is written with other changes only, so it passes while nothing changes.
    let next = match &status.next_check_at {
        Some(Time(at)) if *at > now => instant(*at, now),
        Some(_) => format!("within spec.interval, {interval}"),
        None => "not planned".to_owned(),
    };
    sheet.gap();
    sheet.line([Cell::new("Next question to GitHub:").colour(Colour::Strong), Cell::new(next)]);
    let deferral = status.deferral.iter().map(|deferral| {
        let answer = deferral.answer.as_ref().map(|answer| format!(" ({answer})"));
        format!(
            "no answer since {}: {}{}",
            instant(deferral.since.0, now),
            deferral.reason,
            answer.unwrap_or_default()
        )
    });
    deferral.for_each(|text| sheet.line([Cell::new(text).colour(Colour::Warn)]));
}

fn instant(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", date(at), distance(at, now))
}

fn row(name: &str, text: impl AsRef<str>) -> Vec<Cell> {
    iter::once(Cell::new(name).colour(Colour::Faint)).chain([Cell::new(text)]).collect()
}
