//! `status`: one page on one connection that a person can act on.

mod demand;
mod page;

use std::process::ExitCode;

use github_pat_operator::api::{GithubPatConnection, GithubPatConnectionStatus};
use jiff::Timestamp;
use serde::Serialize;

pub(crate) use self::demand::Demand;
use crate::{
    cluster::{Cluster, Way, object_name},
    error::Error,
    format, screen,
    sheet::Sheet,
    summary::Summary,
};

/// Prints all that is known of a connection, and what to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// The connection
    #[arg(value_parser = object_name)]
    name: String,
    /// How to print
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[command(flatten)]
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
    Yaml,
}

/// All that is known of a connection.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report<'a> {
    #[serde(flatten)]
    pub(crate) summary: Summary,
    /// Each demand of the spec, and whether it is met.
    pub(crate) demands: Vec<Demand>,
    /// What the operator wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<&'a GithubPatConnectionStatus>,
}

pub(crate) async fn run(status: Status) -> Result<ExitCode, Error> {
    let cluster = status.way.open().await?;
    let connection = cluster.connection(&status.name).await?;
    let now = Timestamp::now();
    match status.output {
        Output::Text => screen::show(&sheet(&cluster, &connection, now))?,
        Output::Json => screen::print(&format::json(&report(&connection, now))?)?,
        Output::Yaml => screen::print(&format::yaml(&report(&connection, now))?)?,
    }
    Ok(ExitCode::from(connection.usability().exit_code()))
}

/// The page as a person reads it.
pub(crate) fn sheet(cluster: &Cluster, connection: &GithubPatConnection, now: Timestamp) -> Sheet {
    page::sheet(cluster, connection, &report(connection, now), now)
}

/// What is known beside verdict, remedies, demands and conditions.
pub(crate) fn facts(connection: &GithubPatConnection, now: Timestamp) -> Sheet {
    let mut sheet = Sheet::default();
    page::facts(&mut sheet, connection, now);
    sheet
}

/// All that is known.
pub(crate) fn report(connection: &GithubPatConnection, now: Timestamp) -> Report<'_> {
    Report {
        summary: Summary::of(connection, now),
        demands: demand::all(connection, now),
        status: connection.status.as_ref(),
    }
}
