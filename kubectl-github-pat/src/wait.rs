//! `wait`: follows a connection until it is as wanted, and says on the way what it waits for.

use std::{pin::pin, process::ExitCode, time::Duration};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use futures::StreamExt;
use github_pat_operator::{
    api::{CONDITION_TYPES, CandidateStatus, ConditionStatus, GithubPatConnection, Phase, STALLED},
    domain::duration,
};
use jiff::Timestamp;
use kube::runtime::{WatchStreamExt, watcher::watch_object};

use crate::{
    apply::is_written_since,
    cluster::{Cluster, Way, object_name, readable},
    course::{awaited, is_old, token_in_use},
    error::Error,
    screen,
    sheet::{Cell, Colour, Sheet},
    summary::{Summary, of_reason},
};

/// What is waited for when a rotation is.
const SAFE_TO_REVOKE: &str = "SafeToRevoke";
/// How long the operator may take to see what somebody has just changed. The spec says by its generation that it was not seen yet, a
/// Secret does not.
const SEES_WITHIN: Duration = Duration::from_secs(5);

/// Waits until a connection is usable, and says why it is not yet.
///
/// It ends early if only a person can help. That, and the end of a rotation, is no end for five seconds if it stood before the wait
/// began: meanwhile the operator sees what somebody has just changed.
#[derive(Debug, clap::Args)]
pub(crate) struct Wait {
    /// The connection
    #[arg(value_parser = object_name)]
    name: String,
    /// What to wait for: a condition that is True, or SafeToRevoke for the end of a rotation
    #[arg(long = "for", value_name = "CONDITION", default_value = "Ready", ignore_case = true)]
    #[arg(value_parser = PossibleValuesParser::new(goals()).map(|goal| written(&goal)))]
    goal: String,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    timeout: duration::Duration,
    #[command(flatten)]
    way: Way,
}

/// How a wait ended.
#[derive(Clone, Copy)]
pub(crate) enum Ended {
    /// It is as wanted.
    Reached,
    /// Only a person can help.
    Stalled,
    /// Time has run out.
    TimedOut,
}

/// What to make of a connection that was seen.
pub(crate) enum Seen {
    /// It is as wanted.
    Reached,
    /// It is as wanted, unless this is left from before.
    Settled,
    /// Only a person can help, unless this is left from before.
    Stalled,
    /// It is to come.
    Not,
}

fn goals() -> impl Iterator<Item = &'static str> {
    CONDITION_TYPES.into_iter().chain([SAFE_TO_REVOKE])
}

/// The goal as the status has it, whatever its case.
fn written(goal: &str) -> String {
    goals().find(|known| known.eq_ignore_ascii_case(goal)).unwrap_or(goal).to_owned()
}

pub(crate) async fn run(wait: Wait) -> Result<ExitCode, Error> {
    let cluster = wait.way.open().await?;
    cluster.connection(&wait.name).await?;
    let name = &wait.name;
    let told = |connection: &GithubPatConnection| reason(connection, &wait.goal);
    let limit = wait.timeout.get().unsigned_abs();
    match follow(&cluster, name, limit, told, |connection| Ok(wait.seen(connection))).await? {
        Ended::Reached => {
            screen::print(&format!("connection {name}: {}", wait.goal))?;
            Ok(ExitCode::SUCCESS)
        }
        Ended::Stalled => {
            screen::say(&format!(
                "only a person can help connection {name}: {} says how",
                cluster.command(&format!("status {name}"))
            ));
            Ok(ExitCode::from(1))
        }
        Ended::TimedOut => {
            screen::say(&format!(
                "connection {name} did not become {} within {}: {} says what is known",
                wait.goal,
                wait.timeout,
                cluster.command(&format!("status {name}"))
            ));
            Ok(ExitCode::from(2))
        }
    }
}

impl Wait {
    fn seen(&self, connection: &GithubPatConnection) -> Seen {
        let Some(status) = connection.status.as_ref().filter(|_| connection.is_judged()) else {
            return Seen::Not;
        };
        let holds = |type_: &str| {
            status.condition(type_).is_some_and(|condition| condition.status == ConditionStatus::True)
        };
        let is_safe = || {
            status.rotation.as_ref().is_some_and(|rotation| rotation.phase == Phase::SafeToRevoke)
                && !is_another_begun(connection)
        };
        match self.goal.as_str() {
            SAFE_TO_REVOKE => match held_back(connection) {
                Some(next) if next.usable == ConditionStatus::False => Seen::Stalled,
                None if is_safe() => Seen::Settled,
                _ => Seen::Not,
            },
            type_ if holds(type_) => Seen::Reached,
            _ if holds(STALLED) => Seen::Stalled,
            _ => Seen::Not,
        }
    }
}

/// What is known of what is waited for: a reason, and a sentence.
fn reason(connection: &GithubPatConnection, goal: &str) -> (String, String) {
    let status = connection.status.as_ref();
    if goal == SAFE_TO_REVOKE {
        return rotation(connection);
    }
    let condition = status
        .and_then(|status| status.condition(goal))
        .filter(|_| connection.is_judged() && goal != "Ready");
    match condition.zip(status.and_then(|status| status.message(goal))) {
        Some((condition, message)) => (condition.reason.clone(), message.to_owned()),
        None => {
            let summary = Summary::of(connection, Timestamp::now());
            (summary.reason, summary.message)
        }
    }
}

/// The candidate that is preferred to the one in use and whose token comes next: a proven one, which waits for the one in use to have been
/// that for long enough, else one that the last rotation does not know. The old token of a rotation may have died where it is preferred, and
/// so may one of an earlier rotation: GitHub accepted that one before the last rotation began, and nobody has preferred it since.
pub(crate) fn held_back(connection: &GithubPatConnection) -> Option<&CandidateStatus> {
    let status = connection.status.as_ref()?;
    let preferred = || status.candidates.iter().take_while(|candidate| !candidate.in_use);
    let is_next = |candidate: &&CandidateStatus| {
        let (Some(token), Some(rotation)) = (&candidate.token, &status.rotation) else { return false };
        let hashed = token.hashed_token;
        // One of which nobody can tell is none that died.
        let is_dead = candidate.usable == ConditionStatus::False;
        let was_proven = token.first_proven_at.as_ref().is_some_and(|at| at.0 < rotation.started_at.0);
        let is_preferred_since = candidate.secret_name == connection.spec.secret_ref.name
            && is_written_since(connection, ["spec", "secretRef"], rotation.started_at.0);
        let is_former = is_dead && was_proven && !is_preferred_since;
        !is_old(connection, hashed)
            && Some(hashed) != token_in_use(connection)
            && (!is_former || awaited(connection) == Some(hashed))
    };
    let proven = preferred().find(|candidate| candidate.usable == ConditionStatus::True);
    proven.or_else(|| preferred().find(is_next))
}

/// True if the plugin has begun another rotation after the last one.
fn is_another_begun(connection: &GithubPatConnection) -> bool {
    let rotation = connection.status.as_ref().and_then(|status| status.rotation.as_ref());
    let last = rotation.map(|rotation| rotation.new_token.hashed_token);
    awaited(connection).is_some_and(|begun| last.is_some_and(|last| last != begun))
}

/// That this token is proven and not in use yet.
pub(crate) fn held_down(connection: &GithubPatConnection, next: &CandidateStatus) -> (String, String) {
    let message = format!(
        "the token in Secret {} is proven; it comes into use once the present one has been in use for {} (spec.holdDown)",
        next.secret_name,
        connection.spec.hold_down()
    );
    (next.reason.clone(), message)
}

/// How far the rotation is.
fn rotation(connection: &GithubPatConnection) -> (String, String) {
    let rotation = connection.status.as_ref().and_then(|status| status.rotation.as_ref());
    match rotation {
        // What there is of a rotation is of the one before.
        _ if let Some(next) = held_back(connection) => match next.usable {
            ConditionStatus::True => held_down(connection, next),
            _ => (next.reason.clone(), next.message.clone().unwrap_or_default()),
        },
        Some(_) if is_another_begun(connection) => (
            format!("{:?}", Phase::Proving),
            "a rotation to another token was begun, which the operator has not seen yet: rotate goes on with it".to_owned(),
        ),
        Some(rotation) => (format!("{:?}", rotation.phase), rotation.message.clone()),
        None => {
            let Summary { reason, .. } = Summary::of(connection, Timestamp::now());
            (reason, "no token of this connection was replaced yet".to_owned())
        }
    }
}

/// Watches the connection until it is seen so, and tells what is known of it whenever that changes.
///
/// # Errors
///
/// If the connection is gone, or cannot be watched, or what `seen` does not let happen.
pub(crate) async fn follow(
    cluster: &Cluster,
    name: &str,
    limit: Duration,
    told: impl Fn(&GithubPatConnection) -> (String, String),
    seen: impl Fn(&GithubPatConnection) -> Result<Seen, Error>,
) -> Result<Ended, Error> {
    let watched = async {
        let mut events = pin!(watch_object(cluster.connections(), name).default_backoff());
        let mut sees = pin!(tokio::time::sleep(SEES_WITHIN));
        let (mut last, mut stands, mut has_moved, mut is_told) = (None, None, false, false);
        let waiting = format!("waiting for connection {name}");
        loop {
            let event = tokio::select! {
                event = screen::during(&waiting, events.next()) => event,
                () = &mut sees, if stands.is_some() => None,
            };
            let connection = match event {
                Some(Ok(Some(guarded))) => readable(guarded)?,
                Some(Ok(None)) => return Err(cluster.deleted(name)),
                // A watch that may not be made never comes to be; all else passes.
                Some(Err(error)) => {
                    let Some(cause) = cause(&error) else { continue };
                    let failed = cluster.refusal(&format!("watch connection {name}"), cause);
                    if is_refusal(cause) {
                        return Err(failed);
                    }
                    if !is_told {
                        screen::say(&format!("warning: {failed}; trying again until it can be watched"));
                    }
                    is_told = true;
                    continue;
                }
                None => return Ok(stands.unwrap_or(Ended::TimedOut)),
            };
            let now = told(&connection);
            if last.is_none() {
                sees.set(tokio::time::sleep(SEES_WITHIN));
            }
            if last.as_ref() != Some(&now) {
                tell(&now);
                last = Some(now);
            }
            stands = match seen(&connection)? {
                Seen::Reached => return Ok(Ended::Reached),
                Seen::Settled => Some(Ended::Reached),
                Seen::Stalled => Some(Ended::Stalled),
                Seen::Not => None,
            };
            has_moved |= stands.is_none();
            if let Some(ended) = stands.filter(|_| has_moved || sees.is_elapsed()) {
                return Ok(ended);
            }
        }
    };
    tokio::time::timeout(limit, watched).await.unwrap_or(Ok(Ended::TimedOut))
}

fn tell((reason, message): &(String, String)) {
    let mut sheet = Sheet::default();
    let time = Cell::new(Timestamp::now().strftime("%H:%M:%S").to_string()).colour(Colour::Faint);
    let colour = of_reason(reason).unwrap_or(Colour::Warn);
    sheet.line([time, Cell::new(reason).colour(colour), Cell::new(message)]);
    screen::tell(&sheet);
}

/// Why the connection cannot be watched now; nothing if it only has to be read anew.
fn cause(error: &kube::runtime::watcher::Error) -> Option<&kube::Error> {
    use kube::runtime::watcher::Error as Watch;
    match error {
        Watch::InitialListFailed(error) | Watch::WatchStartFailed(error) | Watch::WatchFailed(error) => {
            Some(error)
        }
        _ => None,
    }
}

/// True if the API server does not let us watch.
fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 401 | 403 | 404))
}

#[cfg(test)]
mod tests;
