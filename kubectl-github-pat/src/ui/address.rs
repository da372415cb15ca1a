//! What an address asks for, and what is said of one that asks for nothing that there is.

use axum::{
    extract::{FromRequestParts, Query},
    http::{StatusCode, Uri, request::Parts},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;

use super::answer::{Failure, Html, Notice, failed};

/// Where the answers are JSON.
const OF_THE_API: &str = "/api/";

/// What stands behind the question mark.
pub(super) struct Address<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Address<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        Query::try_from_uri(&parts.uri).map(|Query(asked)| Address(asked)).map_err(|rejection| {
            let message = format!(
                "The address asks for what cannot be: {}. Correct it, or leave out what stands behind the question mark.",
                rejection.body_text()
            );
            let failure = Failure::new(rejection.status(), message);
            if is_of_the_api(&parts.uri) { failed(&failure) } else { failure.into_response() }
        })
    }
}

/// There is nothing at this address.
pub(super) async fn nowhere(address: Uri) -> Response {
    match is_of_the_api(&address) {
        true => failed(&Failure::new(
            StatusCode::NOT_FOUND,
            "there is no such address: /api/v1/openapi.json describes those that there are",
        )),
        false => Notice::missing().into_response(),
    }
}

/// A token stands in this address, which is not repeated.
pub(super) fn token_in(address: &Uri) -> Response {
    let title = "A token is no part of an address";
    let message = "What looks like a token stands in the address, where it does not belong. The page keeps it nowhere; the browser may have \
                   kept the address in its history: delete it there, or revoke the token.";
    match is_of_the_api(address) {
        true => failed(&Failure::new(StatusCode::BAD_REQUEST, format!("{title}. {message}"))),
        false => Html(StatusCode::BAD_REQUEST, Notice::new(title, message)).into_response(),
    }
}

fn is_of_the_api(address: &Uri) -> bool {
    address.path().starts_with(OF_THE_API)
}
