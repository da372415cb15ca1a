//! What is answered: a page, JSON, or why there is neither.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;

use super::detail::EVENTS;
use crate::{error::Error, format};

/// A page, rendered.
pub(super) struct Html<T>(pub(super) StatusCode, pub(super) T);

/// What is said where there is nothing to show.
#[derive(Template)]
#[template(path = "notice.html")]
pub(super) struct Notice {
    events: &'static str,
    title: &'static str,
    message: String,
}

/// Why something was not done.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Failure { status, message: message.into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Cluster(_) | Error::Refused(_) => StatusCode::BAD_GATEWAY,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Failure { status, message: error.to_string() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        Html(self.status, Notice::new("This cannot be shown", self.message)).into_response()
    }
}

impl Notice {
    pub(super) fn new(title: &'static str, message: impl Into<String>) -> Self {
        Notice { events: EVENTS, title, message: message.into() }
    }

    pub(super) fn missing() -> Html<Self> {
        Html(StatusCode::NOT_FOUND, Notice::new("There is no such page", "The address leads nowhere."))
    }
}

impl<T: Template> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        match self.1.render() {
            Ok(text) => (self.0, axum::response::Html(text)).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot show the page: {error}\n"))
                .into_response(),
        }
    }
}

/// Why there is no answer.
pub(super) fn failed(Failure { status, message }: &Failure) -> Response {
    answer(*status, &json!({ "error": message }))
}

/// This as JSON, without anything that a terminal acts upon.
pub(super) fn answer(status: StatusCode, value: &impl Serialize) -> Response {
    match format::json(value) {
        Ok(text) => {
            let kind = HeaderValue::from_static("application/json");
            (status, [(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => Failure::from(error).into_response(),
    }
}
