//! The same data as JSON, for dashboards of others, described by OpenAPI.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::Response,
    routing::get,
};
use github_pat_operator::api::definition;
use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    address::Address,
    answer::{Failure, answer, failed},
    filter::{Filter, day},
    health::{Counts, Health},
    mirror::{Scope, Snapshot},
    overview::{counts, groups},
    site::Site,
};
use crate::{status::report, summary::Summary, when::days};

/// The description, without the schema of the status, which is that of the resource.
const DESCRIPTION: &str = include_str!("openapi.json");

/// A page of connections.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List {
    #[serde(flatten)]
    seen: Seen,
    total: usize,
    page: usize,
    pages: usize,
    items: Vec<Item>,
}

/// What of the cluster is seen.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    /// The one namespace that is looked at; none if all are.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    is_listed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// Until when all was so, if there is a problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<Timestamp>,
}

#[derive(Serialize)]
struct Item {
    health: Health,
    #[serde(flatten)]
    summary: Summary,
}

#[derive(Serialize)]
struct Overview {
    #[serde(flatten)]
    seen: Seen,
    counts: Counts,
    namespaces: Vec<Group>,
    hosts: Vec<Group>,
    expiries: Vec<Expiry>,
}

#[derive(Serialize)]
struct Group {
    name: String,
    #[serde(flatten)]
    counts: Counts,
}

/// How many tokens end on a day.
#[derive(Serialize)]
struct Expiry {
    date: Date,
    count: usize,
}

/// What is served beside the pages.
pub(super) fn router() -> Router<Arc<Site>> {
    Router::new()
        .route("/api/v1/connections", get(list))
        .route("/api/v1/connections/{namespace}/{name}", get(one))
        .route("/api/v1/overview", get(overview))
        .route("/api/v1/openapi.json", get(description))
        .method_not_allowed_fallback(|| async {
            failed(&Failure::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "what is at this address can be read alone, by GET",
            ))
        })
}

async fn list(State(site): State<Arc<Site>>, Address(filter): Address<Filter>) -> Response {
    let snapshot = site.mirror.snapshot();
    let (all, now) = (snapshot.connections.clone(), Timestamp::now());
    let page = filter.page(all.iter());
    let items = page.items.into_iter().map(|summary| Item::new(summary, now)).collect();
    let list =
        List { seen: Seen::from(snapshot), total: page.total, page: page.number, pages: page.count, items };
    answer(StatusCode::OK, &list)
}

async fn overview(State(site): State<Arc<Site>>) -> Response {
    let snapshot = site.mirror.snapshot();
    let all = snapshot.connections.clone();
    let mut expiries: BTreeMap<Date, usize> = BTreeMap::new();
    for day in all.iter().filter_map(|summary| day(summary)) {
        let count = expiries.entry(day).or_default();
        *count = count.saturating_add(1);
    }
    let named = |groups: Vec<_>| groups.into_iter().map(|(name, counts)| Group { name, counts }).collect();
    answer(
        StatusCode::OK,
        &Overview {
            seen: Seen::from(snapshot),
            counts: counts(&all),
            namespaces: named(groups(&all, |summary| Some(summary.namespace.as_str()))),
            hosts: named(groups(&all, |summary| summary.host.as_deref())),
            expiries: expiries.into_iter().map(|(date, count)| Expiry { date, count }).collect(),
        },
    )
}

async fn one(State(site): State<Arc<Site>>, path: Result<Path<(String, String)>, PathRejection>) -> Response {
    let (namespace, name) = match path {
        Ok(Path(names)) => names,
        Err(rejection) => return failed(&Failure::new(rejection.status(), rejection.body_text())),
    };
    match site.connection(&namespace, &name).await {
        Ok(connection) => answer(StatusCode::OK, &report(&connection, Timestamp::now())),
        Err(failure) => failed(&failure),
    }
}

async fn description() -> Response {
    match described() {
        Ok(described) => answer(StatusCode::OK, &described),
        Err(error) => answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": error.to_string() })),
    }
}

/// The description with the version of the plugin and the schema of the status.
fn described() -> Result<Value, serde_json::Error> {
    let mut described: Value = serde_json::from_str(DESCRIPTION)?;
    let versions = definition().spec.versions;
    let schema = versions.first().and_then(|version| version.schema.as_ref());
    let schema = serde_json::to_value(schema)?;
    let status = schema.pointer("/openAPIV3Schema/properties/status").cloned().unwrap_or_default();
    for (place, value) in
        [("/info/version", json!(env!("CARGO_PKG_VERSION"))), ("/components/schemas/Status", status)]
    {
        if let Some(field) = described.pointer_mut(place) {
            *field = value;
        }
    }
    Ok(described)
}

impl From<Snapshot> for Seen {
    fn from(snapshot: Snapshot) -> Self {
        let namespace = match snapshot.scope {
            Scope::All => None,
            Scope::Named(namespace) | Scope::Allowed(namespace) => Some(namespace),
        };
        let (problem, as_of) = snapshot.problem.map(|problem| (problem.message, problem.as_of)).unzip();
        Seen { namespace, is_listed: snapshot.is_listed, problem, as_of: as_of.flatten() }
    }
}

impl Item {
    fn new(summary: &Summary, now: Timestamp) -> Self {
        let expires_in_days = summary.expires_at.as_ref().map(|at| days(at.0, now));
        Item { health: Health::of(summary), summary: Summary { expires_in_days, ..summary.clone() } }
    }
}
