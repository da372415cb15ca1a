//! `list`: every connection in one line, what breaks next first.

use std::{fmt::Debug, process::ExitCode};

use github_pat_operator::api::{GithubPatConnection, SecretKeyRef, Usability};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, ResourceExt, api::ListParams, core::DeserializeGuard};
use serde::de::DeserializeOwned;

use crate::{
    cluster::{Cluster, Way},
    error::Error,
    format, screen,
    sheet::{Cell, Colour, Sheet},
    summary::Summary,
    when::{Span, date},
};

/// The number that are listed at once: a status has up to 8 KiB.
const PAGE: u32 = 500;
/// How often a list is begun anew whose next page the API server does not know any more.
const BEGINS: u32 = 3;

/// Lists connections, what breaks next first.
///
/// The broken ones stand first, then those of which nobody can tell, then the others by when they break.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    way: Way,
    /// Those of all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Those whose labels are so
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,
    /// Those that are not usable, or of which nobody can tell
    #[arg(long)]
    not_ready: bool,
    /// Those that break within this time by the expiry of their tokens, as in 30d or 12h; what has broken is among them
    #[arg(long, value_name = "DURATION")]
    expiring: Option<Span>,
    /// Those on this GitHub host
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Those whose token is of this account
    #[arg(long)]
    login: Option<String>,
    /// How to print
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Text,
    Wide,
    Json,
    Yaml,
}

pub(crate) async fn run(list: List) -> Result<ExitCode, Error> {
    let cluster = list.way.open().await?;
    let api: Api<DeserializeGuard<GithubPatConnection>> = match list.all_namespaces {
        true => Api::all(cluster.client.clone()),
        false => cluster.connections(),
    };
    let now = Timestamp::now();
    let guarded = all(&cluster, &api, list.selector.as_deref()).await;
    let mut found: Vec<_> = guarded
        .map_err(|error| match error {
            Error::Usage(text) if list.selector.is_some() => Error::Usage(format!(
                "{text}; write the selector as in -l team=infra: kubectl github-pat list --help shows each flag"
            )),
            other => other,
        })?
        .iter()
        .map(|guarded| match &guarded.0 {
            Ok(connection) => Summary::of(connection, now),
            Err(invalid) => Summary::unreadable(&invalid.metadata, &invalid.error),
        })
        .filter(|summary| list.wants(summary, now))
        .collect();
    found.sort_by_cached_key(Summary::order);
    match list.output {
        Output::Json => screen::print(&format::json(&found)?)?,
        Output::Yaml => screen::print(&format::yaml(&found)?)?,
        Output::Text | Output::Wide if found.is_empty() => {
            let place = if list.all_namespaces {
                "any namespace".to_owned()
            } else {
                format!("namespace {}", cluster.namespace)
            };
            screen::say(&format!("there are no such connections in {place}"));
        }
        Output::Text | Output::Wide => {
            let mut sheet = Sheet::default();
            sheet.table(0, table(&found, list.all_namespaces, list.output == Output::Wide));
            screen::show(&sheet)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every connection, page by page, as far as it can be read.
///
/// # Errors
///
/// What the API server did not let happen.
pub(crate) async fn all<K: Clone + DeserializeOwned + Debug>(
    cluster: &Cluster,
    api: &Api<K>,
    selector: Option<&str>,
) -> Result<Vec<K>, Error> {
    let mut params = ListParams {
        label_selector: selector.map(str::to_owned),
        limit: Some(PAGE),
        ..ListParams::default()
    };
    let listed = async {
        let (mut found, mut begun) = (Vec::new(), 0_u32);
        loop {
            let listing = unless_expired(api.list(&params), begun);
            let Some(page) = cluster.call("list connections", listing).await? else {
                (found, begun) = (Vec::new(), begun.saturating_add(1));
                params.continue_token = None;
                continue;
            };
            found.extend(page.items);
            params.continue_token = page.metadata.continue_.filter(|next| !next.is_empty());
            if params.continue_token.is_none() {
                return Ok(found);
            }
        }
    };
    screen::during("waiting for the API server to list connections", listed).await
}

/// A page of a list that was begun anew so often; nothing if it is to be begun anew since the API server has forgotten what the earlier pages
/// were of: <https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks>.
pub(crate) async fn unless_expired<T>(
    page: impl Future<Output = Result<T, kube::Error>>,
    begun: u32,
) -> Result<Option<T>, kube::Error> {
    match page.await {
        Err(kube::Error::Api(status)) if status.code == 410 && begun < BEGINS => Ok(None),
        page => page.map(Some),
    }
}

/// A connection of the namespace that reads its token from the Secret, from this key if one is named, or may do so since it cannot be read.
/// `but` reads it rightly.
///
/// # Errors
///
/// What the API server did not let happen.
pub(crate) async fn reader(
    cluster: &Cluster,
    (secret, key): (&str, Option<&str>),
    but: Option<&GithubPatConnection>,
) -> Result<Option<String>, Error> {
    let but = but.map(ResourceExt::name_any);
    let all = all(cluster, &cluster.connections(), None).await?;
    let mut others = all.iter().filter(|guarded| Some(guarded.name_any()) != but);
    let is_it = |of: &SecretKeyRef| of.name == secret && key.is_none_or(|key| of.key == key);
    let found = others.find(|guarded| guarded.0.as_ref().map_or(true, |it| it.spec.candidates().any(is_it)));
    Ok(found.map(ResourceExt::name_any))
}

/// True if a connection of the namespace reads its token from the Secret, or may do so. `but` reads it rightly.
///
/// # Errors
///
/// What the API server did not let happen.
pub(crate) async fn is_named(
    cluster: &Cluster,
    secret: &str,
    but: Option<&GithubPatConnection>,
) -> Result<bool, Error> {
    Ok(reader(cluster, (secret, None), but).await?.is_some())
}

/// The names of all connections of the namespace.
///
/// # Errors
///
/// What the API server did not let happen.
pub(crate) async fn names(cluster: Cluster) -> Result<Vec<String>, Error> {
    let found = all(&cluster, &cluster.connections(), None).await?;
    Ok(found.iter().map(ResourceExt::name_any).collect())
}

impl List {
    fn wants(&self, summary: &Summary, now: Timestamp) -> bool {
        let is_soon = |span: Span| {
            let breaks = summary.breaks_at.as_ref().map(|at| at.0);
            breaks.is_some_and(|at| at.duration_since(now) <= span.0)
        };
        let is_login =
            |login: &String| summary.login.as_ref().is_some_and(|of| of.eq_ignore_ascii_case(login));
        (!self.not_ready || summary.usability != Usability::Usable)
            && self.expiring.is_none_or(is_soon)
            && self.host.as_ref().is_none_or(|host| summary.host.as_ref() == Some(host))
            && self.login.as_ref().is_none_or(is_login)
    }
}

fn table(found: &[Summary], namespaces: bool, is_wide: bool) -> Vec<Vec<Cell>> {
    let chosen = |namespace: Cell, always: [Cell; 7], wide: [Cell; 4]| -> Vec<Cell> {
        let namespace = Some(namespace).filter(|_| namespaces);
        namespace.into_iter().chain(always).chain(wide.into_iter().filter(|_| is_wide)).collect()
    };
    let heading = |text: &str| Cell::new(text).colour(Colour::Strong);
    let headings = chosen(
        heading("NAMESPACE"),
        ["NAME", "USABLE", "REASON", "LOGIN", "KIND", "EXPIRES", "DAYS"].map(heading),
        ["HOST", "SECRET", "BREAKS", "SINCE"].map(heading),
    );
    let rows = found.iter().map(|summary| {
        let colour = summary.colour();
        let text = |text: &Option<String>| Cell::new(text.as_deref().unwrap_or("-"));
        let instant = |at: &Option<Time>| Cell::new(at.as_ref().map_or("-".to_owned(), |at| date(at.0)));
        let usable = match summary.usability {
            Usability::Usable => "yes",
            Usability::NotUsable => "no",
            Usability::Undetermined => "?",
        };
        let end = if summary.never_expires { Cell::new("never") } else { instant(&summary.expires_at) };
        let days = summary.expires_in_days.map_or("-".to_owned(), |days| days.to_string());
        let kind = summary.kind.map_or("-", |kind| kind.as_str());
        chosen(
            Cell::new(&summary.namespace),
            [
                Cell::new(&summary.name),
                Cell::new(usable).colour(colour),
                Cell::new(&summary.reason).colour(colour),
                text(&summary.login),
                Cell::new(kind),
                end,
                Cell::new(days),
            ],
            [
                text(&summary.host),
                text(&summary.secret_name),
                instant(&summary.breaks_at),
                instant(&summary.since),
            ],
        )
    });
    std::iter::once(headings).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::{body::Body, http::Response};
    use kube::Client;
    use serde_json::{Value, json};

    use super::*;

    /// A list of two pages, the first of which was forgotten so often before the second was asked for.
    fn forgetful(forgotten: u32) -> Cluster {
        let asked = std::sync::Arc::new(AtomicU32::new(0));
        let answers = tower::service_fn(move |request: axum::http::Request<kube::client::Body>| {
            let is_next = request.uri().query().is_some_and(|query| query.contains("continue=next"));
            let page = |name: &str, next: Option<&str>| {
                json!({
                    "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnectionList", "metadata": { "continue": next },
                    "items": [{ "metadata": { "name": name }, "spec": { "secretRef": { "name": "pat" } } }],
                })
            };
            let expired = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410,
                "message": "The provided continue parameter is too old",
            });
            let (code, said): (u16, Value) = match is_next {
                true if asked.fetch_add(1, Ordering::SeqCst) < forgotten => (410, expired),
                true => (200, page("second", None)),
                false => (200, page("first", Some("next"))),
            };
            let answer = Response::builder().status(code).body(Body::from(said.to_string()));
            std::future::ready(answer)
        });
        Cluster::behind(Client::new(answers, "team-a"))
    }

    #[tokio::test]
    async fn a_list_whose_next_page_was_forgotten_is_begun_anew() {
        for forgotten in 0..3 {
            let names = names(forgetful(forgotten)).await.unwrap();
            assert_eq!(names, ["first", "second"], "forgotten {forgotten} times");
        }
        let error = names(forgetful(u32::MAX)).await.unwrap_err().to_string();
        assert!(error.contains("too old"), "it ends: {error}");
    }
}
