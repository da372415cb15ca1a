//! The admin endpoint: accounts, organizations, repositories, packages, tokens, changes, calls and statistics as JSON under `/_simulator/`, without credentials.
//!
//! Its calls are not in the log, and no outage concerns it.

use crate::{
    journal::Call,
    refusal::Refused,
    shared::Shared,
    statistics::Statistics,
    wish::{AccountWish, ChangeWish, OrganizationWish, PackageWish, RepositoryWish, TokenWish},
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;

/// A request that is answered with 400 and one sentence.
pub(crate) struct BadRequest(String);

impl IntoResponse for BadRequest {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({"message": self.0}))).into_response()
    }
}

impl From<Refused> for BadRequest {
    fn from(refused: Refused) -> BadRequest {
        BadRequest(refused.to_string())
    }
}

/// What is below `/_simulator`.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/accounts", post(make_account))
        .route("/organizations", post(make_organization))
        .route("/repositories", post(make_repository))
        .route("/packages", post(make_package))
        .route("/tokens", post(make_token))
        .route("/changes", post(change))
        .route("/calls", get(calls).delete(forget))
        .route("/statistics", get(statistics))
        .fallback(|| async {
            (StatusCode::NOT_FOUND, Json(json!({"message": "the simulator has no such page."})))
        })
        .layer(DefaultBodyLimit::max(1 << 20))
}

async fn make_account(
    State(shared): State<Arc<Shared>>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), BadRequest> {
    let wish: AccountWish = parse(&body)?;
    let login = wish.login.clone();
    let id = wish.grant(&mut shared.world())?;
    Ok((StatusCode::CREATED, Json(json!({"login": login, "id": id}))))
}

async fn make_organization(
    State(shared): State<Arc<Shared>>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), BadRequest> {
    let wish: OrganizationWish = parse(&body)?;
    let name = wish.name.clone();
    let id = wish.grant(&mut shared.world())?;
    Ok((StatusCode::CREATED, Json(json!({"name": name, "id": id}))))
}

async fn make_repository(
    State(shared): State<Arc<Shared>>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), BadRequest> {
    let wish: RepositoryWish = parse(&body)?;
    let name = wish.name.clone();
    let id = wish.grant(&mut shared.world())?;
    Ok((StatusCode::CREATED, Json(json!({"name": name, "id": id}))))
}

async fn make_package(
    State(shared): State<Arc<Shared>>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), BadRequest> {
    let wish: PackageWish = parse(&body)?;
    let name = wish.name.clone();
    wish.grant(&mut shared.world())?;
    Ok((StatusCode::CREATED, Json(json!({"name": name}))))
}

async fn make_token(
    State(shared): State<Arc<Shared>>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), BadRequest> {
    let wish: TokenWish = parse(&body)?;
    let name = wish.name.clone();
    let mut world = shared.world();
    let now = world.now(Timestamp::now());
    let text = wish.grant(&mut world, now)?;
    Ok((StatusCode::CREATED, Json(json!({"name": name, "token": text}))))
}

async fn change(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<StatusCode, BadRequest> {
    let wish: ChangeWish = parse(&body)?;
    let mut world = shared.world();
    let now = world.now(Timestamp::now());
    wish.grant(&mut world, now)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn calls(State(shared): State<Arc<Shared>>) -> Json<Vec<Call>> {
    Json(shared.journal.calls())
}

async fn forget(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.journal.forget();
    StatusCode::NO_CONTENT
}

async fn statistics(State(shared): State<Arc<Shared>>) -> Json<Statistics> {
    Json(shared.journal.statistics())
}

/// JSON whatever its declared type, so that a bare `curl -d` will do.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, BadRequest> {
    Json::<T>::from_bytes(body).map(|Json(wish)| wish).map_err(|refused| {
        let text = refused.body_text();
        let why = text.rsplit_once("target type: ").map_or(text.as_str(), |(_, why)| why);
        BadRequest(format!("{why}."))
    })
}
