//! The form that makes a connection, by the code of `connect`.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use github_pat_operator::{api::Links, links::links};
use jiff::Timestamp;
use serde::Deserialize;

use super::super::{
    address::Address,
    answer::{Failure, Html},
    detail::EVENTS,
    note::Note,
    posted::Posted,
    rights::{Intent, lacking},
    site::Site,
    verdict::Verdict,
};
use crate::{
    cluster::{Cluster, object_name},
    connect::{Demands, Plan, secret_of},
    error::Error,
    left::Left,
};

/// The fields that are flags of the command: the flag, what it is called, and an example.
const FLAGS: [(&str, &str, &str); 8] = [
    ("scope", "Scopes of a classic token", "repo, read:packages"),
    ("permission", "Permissions of a fine-grained token", "contents=write, issues=read"),
    ("organization", "Organizations that must let it in", "acme"),
    ("repository", "Repositories that it must see", "acme/app, acme/lib"),
    ("push", "Repositories to which git must push", "acme/app"),
    ("package", "Container images that it must pull", "acme/app"),
    ("account", "Account whose token it must be", "acme-ci"),
    ("output", "Secrets that workloads read, with their formats", "ci-bot-git:BasicAuth"),
];
/// The kinds of token, as the flag has them.
const KINDS: [(&str, &str); 3] = [("", "any"), ("classic", "classic"), ("fine-grained", "fine-grained")];

/// The page.
#[derive(Template)]
#[template(path = "connect.html")]
struct Form {
    events: &'static str,
    form_token: String,
    name: String,
    namespace: String,
    secret: String,
    key: String,
    hosts: Vec<(String, bool)>,
    kinds: Vec<(&'static str, &'static str, bool)>,
    flags: Vec<Flag>,
    lacking: Option<String>,
    problem: Option<String>,
    verdict: Option<Verdict>,
    links: Option<Links>,
    /// What is said of a token that an earlier run has left.
    left: Option<Note>,
}

struct Flag {
    name: &'static str,
    label: &'static str,
    example: &'static str,
    value: String,
}

/// Where the connection shall be.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Wanted {
    #[serde(default)]
    namespace: String,
}

/// What came of it.
enum Outcome {
    /// Nothing stands in the way so far, and this is GitHub's form for the token.
    Open(Links),
    Rejected(Verdict),
    /// It is written under this name.
    Made(String),
}

/// Shows the form.
pub(in super::super) async fn show(
    State(site): State<Arc<Site>>,
    Address(wanted): Address<Wanted>,
) -> Response {
    let namespace = Some(wanted.namespace).filter(|name| object_name(name).is_ok());
    let mut form = Form::new(&site, |_| "");
    form.namespace = namespace.unwrap_or_else(|| site.cluster.namespace.clone());
    form.lacking = lacking(&site.cluster(&form.namespace), Intent::Connect, (None, None)).await;
    Html(StatusCode::OK, form).into_response()
}

/// Has the token judged and written, or says why not.
pub(in super::super) async fn take(
    State(site): State<Arc<Site>>,
    posted: Posted,
) -> Result<Response, Failure> {
    let cluster = site.cluster(posted.text("namespace"));
    let mut form = Form::new(&site, |name| posted.text(name));
    let mut left = None;
    let came = attempt(&site, &cluster, &posted, &mut left).await;
    if let (Some(left), Ok(plan), false) = (left, plan(&posted), matches!(came, Ok(Outcome::Made(_)))) {
        let (called, again) = (plan.called(&cluster), plan.again(&cluster));
        form.left = Note::of(&site.trial, &plan.spec, &called, &left, &again).await.ok();
    }
    match came {
        Ok(Outcome::Made(name)) => {
            let place = format!("/connections/{}/{}", cluster.namespace, name);
            return Ok(Redirect::to(&place).into_response());
        }
        Ok(Outcome::Open(links)) => {
            form.links = Some(links);
            return Ok(Html(StatusCode::OK, form).into_response());
        }
        Ok(Outcome::Rejected(verdict)) => form.verdict = Some(verdict),
        Err(error) => form.problem = Some(error.to_string()),
    }
    Ok(Html(StatusCode::UNPROCESSABLE_ENTITY, form).into_response())
}

async fn attempt(
    site: &Site,
    cluster: &Cluster,
    posted: &Posted,
    kept: &mut Option<Left>,
) -> Result<Outcome, Error> {
    posted.has_no_token_elsewhere(&site.trial)?;
    object_name(&cluster.namespace).map_err(|error| Error::Usage(format!("the namespace is {error}")))?;
    let plan = plan(posted)?;
    let host = site.trial.host(&plan.spec.host)?;
    let (left, _) = plan.may_be_made(cluster, &site.trial).await?;
    *kept = left;
    let called = plan.called(cluster);
    if posted.text("step") == "form" {
        return Ok(Outcome::Open(links(host, &called, &plan.spec, None, &[])));
    }
    let (handed, left) = (posted.offer(), kept.as_ref().and_then(|left| left.offer.as_ref()));
    let offer = handed.as_ref().or(left).ok_or_else(|| Error::Usage("paste the token".to_owned()))?;
    let (judged, token) = site.trial.verdict(&plan.spec, &called, offer).await?;
    let Some(token) = token else { return Ok(Outcome::Rejected(Verdict::of(&judged, Timestamp::now()))) };
    plan.write(cluster, &site.trial, &token).await?;
    Ok(Outcome::Made(plan.name))
}

/// What the fields ask for.
fn plan(posted: &Posted) -> Result<Plan, Error> {
    let name = |field: &str, called: &str| {
        object_name(posted.text(field)).map_err(|error| Error::Usage(format!("the {called} is {error}")))
    };
    let connection = name("name", "name")?;
    let secret = match posted.text("secret") {
        "" => secret_of(&connection),
        _ => name("secret", "name of the Secret")?,
    };
    let flags = FLAGS.iter().map(|(flag, ..)| (*flag, words(posted.text(flag))));
    let single = ["host", "kind"].map(|flag| (flag, posted.text(flag).to_owned()));
    let demands = Demands::of(flags.chain(single))?;
    let key = Some(posted.text("key")).filter(|key| !key.is_empty());
    Plan::made(connection, demands.spec(&secret, key)?, "under Secret of the token")
}

/// As a flag has several words.
fn words(text: &str) -> String {
    let words = text.split(|letter: char| letter == ',' || letter.is_whitespace());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(",")
}

impl Form {
    /// False if a token was left that does.
    fn needs_a_token(&self) -> bool {
        self.left.as_ref().is_none_or(|left| !left.is_enough)
    }

    /// The form with these values, but for what may be a token, wherever somebody has put it.
    fn new<'a>(site: &Site, value: impl Fn(&str) -> &'a str) -> Self {
        let is_shown = |text: &&str| !site.trial.holds_a_token(text);
        let value = |name: &str| Some(value(name)).filter(is_shown).unwrap_or_default().to_owned();
        let (host, kind) = (value("host"), value("kind"));
        let flags = FLAGS.map(|(name, label, example)| Flag { name, label, example, value: value(name) });
        Form {
            events: EVENTS,
            form_token: site.door.form_token().to_owned(),
            name: value("name"),
            namespace: value("namespace"),
            secret: value("secret"),
            key: value("key"),
            hosts: site.trial.hosts().map(|name| (name.to_owned(), name == host)).collect(),
            kinds: KINDS.iter().map(|(word, label)| (*word, *label, *word == kind)).collect(),
            flags: flags.into(),
            lacking: None,
            problem: None,
            verdict: None,
            links: None,
            left: None,
        }
    }
}
