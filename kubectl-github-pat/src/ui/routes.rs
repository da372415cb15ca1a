//! What is served, to whom the door admits.

use std::{
    convert::Infallible,
    sync::{Arc, PoisonError},
};

use askama::Template;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderValue, StatusCode, Uri, header},
    middleware::{Next, from_fn_with_state},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use futures::{StreamExt, stream};
use github_pat_operator::domain::token::Token;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    address::{Address, nowhere, token_in},
    answer::{Failure, Html},
    api,
    detail::Detail,
    door::{Refusal, Visitor, close},
    filter::Filter,
    form::{connect, rotate},
    overview::Overview,
    rights::lacking_to_rotate,
    site::Site,
};
use crate::{
    course::Wanted,
    rotate::{Asked, next},
    trial::Trial,
};

/// Longer than all fields with a token.
const LONGEST_FORM: usize = 64 * 1024;

#[derive(Template)]
#[template(path = "enter.html")]
struct Entered;

/// The script of every page, with what it cannot know of itself, as JSON.
#[derive(Template)]
#[template(path = "page.js", escape = "none")]
struct Script {
    proof: Value,
    token: Value,
    place: Value,
}

/// What an open page has seen last, and of what. One without a version follows nothing.
#[derive(Debug, Deserialize)]
struct Watched {
    version: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
}

/// Everything that is served.
pub(super) fn router(site: &Arc<Site>) -> Router {
    Router::new()
        .route("/", get(overview))
        // Whoever looks at the head of the link has not opened it.
        .route("/enter/{key}", get(enter).head(|| async { StatusCode::METHOD_NOT_ALLOWED }))
        .route("/connections/{namespace}/{name}", get(connection))
        .route("/connections/{namespace}/{name}/rotate", get(rotate::show).post(rotate::take))
        .route("/connect", get(connect::show).post(connect::take))
        .route("/events", get(events))
        .merge(api::router())
        .route("/page.css", get(|| file("text/css; charset=utf-8", include_str!("page/page.css"))))
        .route("/page.js", get(script))
        .route("/icon.svg", get(|| file("image/svg+xml", include_str!("page/icon.svg"))))
        .fallback(nowhere)
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .layer(from_fn_with_state(site.clone(), guard))
        .with_state(site.clone())
}

async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let admitted = site.door.admits(request.method(), request.uri().path(), request.headers());
    let mut response = match admitted {
        Ok(Visitor::Known) => {
            let mut response = match has_a_token(request.uri(), &site.trial) {
                true => token_in(request.uri()),
                false => next.run(request).await,
            };
            site.door.sign(response.headers_mut());
            response
        }
        Ok(Visitor::New) => next.run(request).await,
        Err(refusal) => refusal.answer().into_response(),
    };
    close(response.headers_mut());
    response
}

/// True if a part of the address may be a token, which nothing that answers it may repeat.
fn has_a_token(address: &Uri, trial: &Trial) -> bool {
    let mut parts = form_urlencoded::parse(address.path().as_bytes())
        .chain(form_urlencoded::parse(address.query().unwrap_or_default().as_bytes()));
    parts.any(|(name, value)| trial.holds_a_token(&name) || trial.holds_a_token(&value))
}

async fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}

/// Whoever serves the script has the page, so it is the script that knows by what the program is known again.
async fn script(State(site): State<Arc<Site>>) -> Response {
    let pattern = Token::pattern(site.trial.legacy_tokens());
    let place = site.cluster.place.as_str();
    let script = Script { proof: site.door.proof().into(), token: pattern.into(), place: place.into() };
    match script.render() {
        Ok(text) => {
            let kind = HeaderValue::from_static("text/javascript; charset=utf-8");
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Gives the cookie, and sends the browser on by a page of our own: the cookie would not come along where another site sends it.
async fn enter(State(site): State<Arc<Site>>, Path(key): Path<String>) -> Response {
    let Some(cookie) = site.door.enter(&key) else {
        return Refusal::Stranger.answer().into_response();
    };
    drop(site.opening.lock().unwrap_or_else(PoisonError::into_inner).take());
    let mut response = Html(StatusCode::OK, Entered).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

async fn overview(State(site): State<Arc<Site>>, Address(filter): Address<Filter>) -> Response {
    Html(StatusCode::OK, Overview::new(site.mirror.snapshot(), filter, Timestamp::now())).into_response()
}

async fn connection(
    State(site): State<Arc<Site>>,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let version = site.mirror.version(&namespace, &name);
    let connection = site.connection(&namespace, &name).await?;
    let cluster = site.cluster(&namespace);
    let lacking = match next(&cluster, &connection, Wanted::default(), Asked::Looking).await {
        Ok(course) => lacking_to_rotate(&cluster, &course, &connection).await,
        // The form says what stands in the way.
        Err(_) => None,
    };
    let detail = Detail::new(&connection, &site.mirror, &version, lacking, Timestamp::now())?;
    Ok(Html(StatusCode::OK, detail).into_response())
}

/// Says who serves the page, then whenever what it shows has changed.
async fn events(State(site): State<Arc<Site>>, Address(watched): Address<Watched>) -> Response {
    let version = move |site: &Site| match (&watched.namespace, &watched.name) {
        (Some(namespace), Some(name)) => site.mirror.version(namespace, name),
        _ => site.mirror.snapshot().version.to_string(),
    };
    let (wakes, last) = (site.mirror.subscribe(), watched.version.clone());
    let hello = Event::default().event("hello").data(site.door.proof());
    let changes = stream::unfold((site, wakes, last), move |(site, mut wakes, last)| {
        let version = version.clone();
        async move {
            loop {
                let now = version(&site);
                if last.as_ref().is_some_and(|last| *last != now) {
                    let event = Event::default().event("change").data(&now);
                    return Some((Ok(event), (site, wakes, Some(now))));
                }
                wakes.changed().await.ok()?;
            }
        }
    });
    let all = stream::once(async { Ok::<_, Infallible>(hello) }).chain(changes);
    Sse::new(all).keep_alive(KeepAlive::default()).into_response()
}
