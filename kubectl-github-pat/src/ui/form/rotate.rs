//! The form that replaces a token, by the code of `rotate`.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use github_pat_operator::{
    api::{GithubPatConnection, Links},
    domain::token::HashedToken,
    links::links,
};
use jiff::Timestamp;
use serde::Deserialize;

use super::super::{
    address::Address,
    answer::{Failure, Html},
    detail::EVENTS,
    note::Note,
    posted::Posted,
    rights::lacking_to_rotate,
    site::Site,
    verdict::Verdict,
};
use crate::{
    cluster::{Cluster, object_name},
    course::{self, Course, marked},
    error::Error,
    form,
    rotate::{Asked, Rotation, next, see_through},
    screen,
};

/// The page.
#[derive(Template)]
#[template(path = "rotate.html")]
struct Form {
    events: &'static str,
    form_token: String,
    namespace: String,
    name: String,
    secret: String,
    in_place: bool,
    /// The token of the rotation that another one takes the place of, by its hash; empty if none does.
    anew: String,
    /// What comes next; nothing if nothing can.
    course: Option<Course>,
    lacking: Option<String>,
    problem: Option<String>,
    verdict: Option<Verdict>,
    links: Option<Links>,
    /// What is said of a token that an earlier run has left.
    left: Option<Note>,
}

/// Where the next token goes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Wanted {
    secret: String,
    in_place: String,
    /// The token to which the rotation was begun that is given up, by its hash: a page that was opened before may know another one.
    anew: String,
}

/// What came of it.
enum Outcome {
    Rejected(Verdict),
    Begun(HashedToken),
}

type Place = Path<(String, String)>;

/// Shows what comes next.
pub(in super::super) async fn show(
    State(site): State<Arc<Site>>,
    Path((namespace, name)): Place,
    Address(wanted): Address<Wanted>,
) -> Result<Response, Failure> {
    let connection = site.connection(&namespace, &name).await?;
    let mut form = Form::new(&site, &namespace, &connection, &wanted).await;
    if let Some(course) = &form.course {
        form.lacking = lacking_to_rotate(&site.cluster(&namespace), course, &connection).await;
    }
    if form.lacking.is_none() {
        form.is_tried(&site, &connection, &wanted).await;
    }
    Ok(Html(StatusCode::OK, form).into_response())
}

/// Has the next token judged, written and preferred, or says why not.
pub(in super::super) async fn take(
    State(site): State<Arc<Site>>,
    Path((namespace, name)): Place,
    posted: Posted,
) -> Result<Response, Failure> {
    let connection = site.connection(&namespace, &name).await?;
    let [secret, in_place, anew] = ["secret", "in_place", "anew"].map(|name| posted.text(name).to_owned());
    let mut wanted = Wanted { secret, in_place, anew };
    // What may be a token is not sent to the API server, nor shown again.
    if posted.has_no_token_elsewhere(&site.trial).is_err() {
        wanted = Wanted::default();
    }
    let cluster = site.cluster(&namespace);
    let taken = attempt(&site, &cluster, &connection, &wanted, &posted).await;
    let (verdict, problem) = match taken {
        Ok(Outcome::Begun(hashed)) => {
            let place = format!("/connections/{namespace}/{name}");
            // The page of the connection shows the phases; this forgets at their end that it was begun.
            if let Some(followed) = site.follow(&namespace, &name, hashed) {
                tokio::spawn(async move {
                    // The mark of a connection that was deleted is gone with it.
                    if let Err(error) = see_through(&cluster, &name, hashed).await
                        && !matches!(cluster.find(&name).await, Ok(None))
                    {
                        screen::say(&format!(
                            "warning: the mark of the rotation stays on connection {namespace}/{name}: {error}"
                        ));
                    }
                    drop(followed);
                });
            }
            return Ok(Redirect::to(&place).into_response());
        }
        Ok(Outcome::Rejected(verdict)) => (Some(verdict), None),
        Err(error) => (None, Some(error.to_string())),
    };
    // What was sent may have begun another rotation all the same, if the answer was lost: the form is that of how it is now.
    let connection = site.connection(&namespace, &name).await.unwrap_or(connection);
    if !wanted.gives_up_what_was_begun(&connection) {
        wanted.anew = String::new();
    }
    let mut form = Form::new(&site, &namespace, &connection, &wanted).await;
    form.verdict = verdict;
    form.problem = problem.or(form.problem);
    form.is_tried(&site, &connection, &wanted).await;
    Ok(Html(StatusCode::UNPROCESSABLE_ENTITY, form).into_response())
}

async fn attempt(
    site: &Site,
    cluster: &Cluster,
    connection: &GithubPatConnection,
    wanted: &Wanted,
    posted: &Posted,
) -> Result<Outcome, Error> {
    posted.has_no_token_elsewhere(&site.trial)?;
    let form = form::Form::default();
    let (trial, handed) = (&site.trial, posted.offer());
    let rotation = wanted.rotation(site, cluster, connection, &form)?;
    let wanted = rotation.wanted;
    let asked = match &handed {
        Some(offer) => Asked::With(trial.hashed(&connection.spec, offer)?),
        None => Asked::Looking,
    };
    let course = next(cluster, connection, wanted, asked).await?;
    rotation.takes(connection, &course, handed.as_ref())?;
    is_as_shown(&course, posted.text("next"))?;
    let reference = match course {
        Course::Follow(hashed) => return Ok(Outcome::Begun(hashed)),
        Course::Prefer(reference, hashed) => {
            rotation.prefer(connection, &reference, hashed).await?;
            return Ok(Outcome::Begun(hashed));
        }
        Course::Store(reference) => reference,
    };
    let (left, stored) = rotation.prepare(connection, &reference).await?;
    let kept = left.as_ref().and_then(|left| left.offer.as_ref());
    let offer = handed.as_ref().or(kept).ok_or_else(|| Error::Usage("paste the next token".to_owned()))?;
    let called = format!("{}/{}", cluster.namespace, connection.metadata.name.clone().unwrap_or_default());
    let (judged, token) = site.trial.verdict(&connection.spec, &called, offer).await?;
    let Some(token) = token else { return Ok(Outcome::Rejected(Verdict::of(&judged, Timestamp::now()))) };
    Ok(Outcome::Begun(rotation.put(connection, &reference, &token, (left, stored)).await?))
}

/// Finds out whether what comes next is still the token of this hash, which the page has shown; nothing is as it shows none.
fn is_as_shown(course: &Course, shown: &str) -> Result<(), Error> {
    let is_next = match course {
        Course::Follow(next) | Course::Prefer(_, next) => next.to_string() == shown,
        Course::Store(_) => false,
    };
    match is_next || shown.is_empty() {
        true => Ok(()),
        false => Err(Error::Usage(
            "another token comes next than the one that this page has shown: nothing was written; this is how it is now".to_owned(),
        )),
    }
}

impl Wanted {
    /// How the person wants it done with this connection.
    ///
    /// # Errors
    ///
    /// If the rotation that is to be given up is not the one that was begun, or a name cannot be one.
    fn read(&self, connection: &GithubPatConnection) -> Result<course::Wanted<'_>, Error> {
        let [in_place, anew] = [&self.in_place, &self.anew].map(|field| !field.is_empty());
        if anew && !self.gives_up_what_was_begun(connection) {
            return Err(Error::Usage(
                "the rotation that was to be given up is over, or another one was begun since: nothing was written; go back to the \
                 connection and begin from there"
                    .to_owned(),
            ));
        }
        Ok(course::Wanted { secret: self.secret()?, in_place, anew })
    }

    fn gives_up_what_was_begun(&self, connection: &GithubPatConnection) -> bool {
        marked(connection).is_some_and(|begun| begun.to_string() == self.anew)
    }

    /// The rotation that they want.
    fn rotation<'a>(
        &'a self,
        site: &'a Site,
        cluster: &'a Cluster,
        connection: &GithubPatConnection,
        form: &'a form::Form,
    ) -> Result<Rotation<'a>, Error> {
        let (wanted, elsewhere) = (self.read(connection)?, "under Another Secret");
        Ok(Rotation { cluster, trial: &site.trial, form, wanted, elsewhere, force: false })
    }

    /// The Secret that the person names.
    fn secret(&self) -> Result<Option<&str>, Error> {
        let named = Some(self.secret.as_str()).filter(|name| !name.is_empty());
        if let Some(Err(error)) = named.map(object_name) {
            return Err(Error::Usage(format!("the name of the Secret is {error}")));
        }
        Ok(named)
    }
}

impl Form {
    /// The part of the address that asks for another token in the place of this one.
    fn anew_than(next: &HashedToken) -> String {
        form_urlencoded::Serializer::new(String::new()).append_pair("anew", &next.to_string()).finish()
    }

    /// False if a token was left that does.
    fn needs_a_token(&self) -> bool {
        self.left.as_ref().is_none_or(|left| !left.is_enough)
    }

    async fn new(site: &Site, namespace: &str, connection: &GithubPatConnection, wanted: &Wanted) -> Self {
        let name = connection.metadata.name.clone().unwrap_or_default();
        let course = match wanted.read(connection) {
            Ok(wanted) => next(&site.cluster(namespace), connection, wanted, Asked::Looking).await,
            Err(error) => Err(error),
        };
        let host = site.trial.host(&connection.spec.host);
        let called = format!("{namespace}/{name}");
        let (course, problem) = match (course, host.as_ref()) {
            (Ok(course), Ok(_)) => (Some(course), None),
            (Err(error), _) => (None, Some(error.to_string())),
            (_, Err(error)) => (None, Some(error.to_string())),
        };
        Form {
            events: EVENTS,
            form_token: site.door.form_token().to_owned(),
            namespace: namespace.to_owned(),
            // A name that cannot be one may be a token.
            secret: wanted.secret().ok().flatten().unwrap_or_default().to_owned(),
            in_place: !wanted.in_place.is_empty(),
            anew: Some(&wanted.anew).filter(|_| course.is_some()).cloned().unwrap_or_default(),
            course,
            lacking: None,
            problem,
            verdict: None,
            left: None,
            links: host.ok().map(|host| links(host, &called, &connection.spec, None, &[])),
            name,
        }
    }

    /// Says what stands in the way of what comes next, and what another run has left there, before a person makes a token.
    async fn is_tried(&mut self, site: &Site, connection: &GithubPatConnection, wanted: &Wanted) {
        let (cluster, form) = (site.cluster(&self.namespace), form::Form::default());
        let (Some(course), Ok(rotation)) = (&self.course, wanted.rotation(site, &cluster, connection, &form))
        else {
            return;
        };
        let tried = async {
            let Some(left) = rotation.tried(connection, course).await? else { return Ok(None) };
            let (called, again) = (format!("{}/{}", self.namespace, self.name), rotation.again(&self.name));
            Note::of(&site.trial, &connection.spec, &called, &left, &again).await.map(Some)
        };
        let tried = tried.await;
        match tried {
            Ok(left) => self.left = left,
            Err(error) if self.problem.is_none() => self.problem = Some(error.to_string()),
            Err(_) => {}
        }
    }
}
