//! What is served, to whom the door admits.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
use github_pat_operator::{
    api::GithubPatConnection,
    domain::token::{HashedToken, Token},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    address::{Address, nowhere, token_in},
    api,
    detail::{Detail, EVENTS},
    door::{Door, Visitor, close},
    filter::Filter,
    form::{connect, rotate},
    mirror::Mirror,
    opening::Opening,
    overview::Overview,
    rights::lacking_to_rotate,
};
use crate::{
    cluster::{Cluster, object_name},
    error::Error,
    rotate::{Asked, Wanted, next},
    trial::Trial,
};

/// Longer than all fields with a token.
const LONGEST_FORM: usize = 64 * 1024;

/// All that the page needs.
pub(super) struct Site {
    pub(super) door: Door,
    pub(super) mirror: Mirror,
    pub(super) cluster: Cluster,
    pub(super) trial: Trial,
    /// The file that leads the browser here, until it has come.
    pub(super) opening: Mutex<Option<Opening>>,
    /// The rotations that are followed to their ends.
    pub(super) followed: Mutex<BTreeSet<Followed>>,
}

/// A rotation: namespace, name, and the token to which it leads.
type Followed = (String, String, String);

/// Takes a rotation out of those that are followed once this is dropped.
pub(super) struct Following {
    site: Arc<Site>,
    followed: Followed,
}

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
        return super::door::Refusal::Stranger.answer().into_response();
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

impl Drop for Following {
    fn drop(&mut self) {
        self.site.followed().remove(&self.followed);
    }
}

impl Site {
    /// The right to follow this rotation; nothing if somebody does.
    pub(super) fn follow(
        self: &Arc<Self>,
        namespace: &str,
        name: &str,
        hashed: HashedToken,
    ) -> Option<Following> {
        let followed = (namespace.to_owned(), name.to_owned(), hashed.to_string());
        let is_new = self.followed().insert(followed.clone());
        is_new.then(|| Following { site: self.clone(), followed })
    }

    fn followed(&self) -> MutexGuard<'_, BTreeSet<Followed>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cluster with another namespace.
    pub(super) fn cluster(&self, namespace: &str) -> Cluster {
        self.cluster.at(namespace)
    }

    /// The connection as it is now, if the user may read it.
    ///
    /// # Errors
    ///
    /// Why there is none to show.
    pub(super) async fn connection(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<GithubPatConnection, Failure> {
        let missing = || Failure {
            status: StatusCode::NOT_FOUND,
            message: self.cluster(namespace).no_such(name).to_string(),
        };
        if object_name(namespace).is_err() || object_name(name).is_err() {
            return Err(missing());
        }
        self.cluster(namespace).find(name).await?.ok_or_else(missing)
    }
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
