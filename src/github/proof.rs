//! Reads replies to the questions beside identity: what the token may do in an organization, on a repository, in the registry. Pure.
//!
//! Only an answer with a mark of GitHub speaks against a token. A text that is not known here decides nothing.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::response::{ErrorBody, Response, defer, limit, limited};
use crate::domain::{
    Reason,
    answer::{Answer, Refusal, Reply},
    permission::Permission,
    probe::Probe,
    proof::{Denial, Facts, Lifetime, Proof, Role, Visibility},
};

/// What a 403 of the REST API or of git means, by words of its text; the first row that fits.
///
/// Sources: <https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api>, and reports of the texts:
/// <https://github.com/ossf/scorecard/issues/1504> (single sign-on), <https://github.com/NixOS/org/issues/247> (lifetime),
/// <https://github.com/mislav/hub/issues/3363> (fine-grained), <https://github.com/git-town/git-town/issues/4609> (classic),
/// <https://github.com/cli/cli/issues/12150> (addresses), <https://github.com/chaoss/grimoirelab-perceval/issues/733> (apps).
const TEXTS: &[(&[&str], Denial)] = &[
    (&["token's lifetime is greater than"], Denial::LifetimeForbidden(Lifetime { days: None, token: None })),
    (&["forbids access via a personal access token (classic)"], Denial::ClassicForbidden),
    (&["personal access tokens (classic) are forbidden"], Denial::ClassicForbidden),
    (&["forbids access via a personal access token with fine-grained"], Denial::FineGrainedForbidden),
    (&["forbids access via a fine-grained personal access token"], Denial::FineGrainedForbidden),
    (&["saml enforcement", "saml sso"], Denial::SsoRequired),
    (&["ip allow list"], Denial::AddressForbidden),
    (&["oauth app access restrictions"], Denial::AppForbidden),
    (&["repository access blocked"], Denial::Blocked),
    (&["not accessible by personal access token"], Denial::PermissionMissing),
];

/// What the response to this question shows.
pub fn interpret(probe: &Probe, response: &Response, now: Timestamp) -> Reply {
    let said = ErrorBody::of(response);
    if let Some(reply) = without_word(response, &said, now) {
        return reply;
    }
    match probe {
        Probe::Package(_) => registry(response),
        Probe::Push(_) => push(response, &said),
        _ => api(probe, response, &said),
    }
}

/// True if this is a 404 that tells that the permission is there, provided that the token sees the repository.
pub fn rests_on_sight(probe: &Probe, response: &Response) -> bool {
    let Probe::Permission(permission, _) = probe else { return false };
    let is_told = permission.get().is_some_and(|get| get.also.contains(&HIDDEN));
    response.status.as_u16() == HIDDEN && response.is_marked() && is_told
}

/// The answer to such a question, by what the host then answers about the repository.
pub fn by_sight(repository: &Probe, response: &Response, now: Timestamp) -> Reply {
    match interpret(repository, response, now) {
        // Everybody sees a public one, so that seeing it tells nothing of what the token covers.
        Reply::Answer(Answer::Proof(Proof::Held(Facts { visibility, .. })))
            if visibility != Some(Visibility::Public) =>
        {
            Reply::Answer(Answer::Proof(Proof::Held(Facts { visibility, ..Facts::default() })))
        }
        // What the token lacks to see the repository is not what was asked about.
        Reply::Answer(Answer::Proof(
            Proof::Held(_) | Proof::Denied(Denial::NotFound | Denial::PermissionMissing),
        )) => denied(Denial::Undecided(None)),
        other => other,
    }
}

/// 404 is the answer for what is hidden, and for what is not there.
const HIDDEN: u16 = 404;

/// What any endpoint may answer when it says nothing about the token.
fn without_word(response: &Response, said: &ErrorBody, now: Timestamp) -> Option<Reply> {
    match response.status.as_u16() {
        500..=599 => Some(limited(Reason::ServerError, response, now)),
        403 | 429 => {
            let said = said.or_page(response);
            let limit = limit(response, &said).map(|reason| limited(reason, response, now));
            let rejected = said.names(&["user agent", "administrative rules"]);
            limit.or_else(|| rejected.then(|| defer(Reason::RequestRejected)))
        }
        400 if said.names(&["x-github-api-version"]) => Some(defer(Reason::ApiVersionRejected)),
        _ => None,
    }
}

fn api(probe: &Probe, response: &Response, said: &ErrorBody) -> Reply {
    let status = response.status.as_u16();
    if !response.is_marked() {
        return defer(if matches!(status, 200 | 404) { Reason::NotTheApi } else { Reason::UnexpectedAnswer });
    }
    match (probe, status) {
        (Probe::Organization(_), 200) => object::<Organization>(response).map_or_else(strange, |_| held()),
        (Probe::Membership(_), 200) => {
            object::<Membership>(response).map_or_else(strange, |found| found.proof())
        }
        (Probe::Repository(name), 200) => {
            object::<Repository>(response).map_or_else(strange, |found| found.proof(name))
        }
        // A retired version of the API is answered with 410 too.
        (Probe::Permission(..), 410) if !said.names(&["issues"]) => defer(Reason::ApiVersionRejected),
        (Probe::Permission(permission, _), status) if shows(*permission, status) => held(),
        (_, 401) if said.names(&["bad credentials"]) => {
            Reply::Answer(Answer::Refused(Refusal::BadCredentials))
        }
        (_, 401) => defer(Reason::UnexplainedUnauthorized),
        (_, 404) => denied(if matches!(probe, Probe::Permission(..)) {
            Denial::Undecided(None)
        } else {
            Denial::NotFound
        }),
        // The permission may be there or not: GitHub names no order in which it looks at it and at the state of things.
        (Probe::Permission(..), 409 | 410 | 422) => denied(Denial::Undecided(None)),
        (_, 451) => denied(Denial::Blocked),
        (_, 403) => denied(forbidden(response, said)),
        (_, 300..=399) => defer(Reason::Redirected),
        _ => defer(Reason::UnexpectedAnswer),
    }
}

/// True if this status alone tells that the permission is there.
fn shows(permission: Permission, status: u16) -> bool {
    let is_told = permission.get().is_some_and(|get| get.also.contains(&status));
    matches!(status, 200 | 204) || is_told && status != HIDDEN
}

fn forbidden(response: &Response, said: &ErrorBody) -> Denial {
    let asks_for_sso =
        response.headers.get("x-github-sso").is_some_and(|value| value.as_bytes().starts_with(b"required"));
    if asks_for_sso {
        return Denial::SsoRequired;
    }
    let row = TEXTS.iter().find(|(words, _)| said.names(words));
    match row.map_or(Denial::Undecided(None), |(_, denial)| *denial) {
        Denial::LifetimeForbidden(_) => Denial::LifetimeForbidden(lifetime(&said.message)),
        denial => denial,
    }
}

/// What the text of a lifetime policy names: the number before "days", and the one at the end of the token's page.
fn lifetime(message: &str) -> Lifetime {
    let days = message.split_once(" days").and_then(|(before, _)| before.rsplit(' ').next()?.parse().ok());
    let page = ["/settings/personal-access-tokens/", "/settings/tokens/"];
    let (_, id) = page.iter().find_map(|page| message.split_once(page)).unwrap_or_default();
    let id = id.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok());
    Lifetime { days, token: id.filter(|id| *id > 0) }
}

/// The advertisement that comes before a push: <https://git-scm.com/docs/http-protocol#_smart_server_response>.
fn push(response: &Response, said: &ErrorBody) -> Reply {
    const ADVERTISEMENT: &[u8] = b"# service=git-receive-pack";
    /// What git says where the account or the token may not push, as in
    /// <https://github.com/AliceWonderland/hacktoberfest/issues/703>.
    const NOT_ALLOWED: &[&str] = &["denied to", "write access to repository not granted"];
    let said = said.or_page(response);
    match response.status.as_u16() {
        // Four digits of length stand before it.
        200 if response.body.get(4..).is_some_and(|rest| rest.starts_with(ADVERTISEMENT)) => held(),
        _ if !response.is_marked() => defer(Reason::UnexpectedAnswer),
        401 => defer(Reason::UnexplainedUnauthorized),
        403 => denied(match forbidden(response, &said) {
            Denial::Undecided(_) if said.names(NOT_ALLOWED) => Denial::Refused,
            denial => denial,
        }),
        404 => denied(Denial::NotFound),
        300..=399 => defer(Reason::Redirected),
        _ => defer(Reason::UnexpectedAnswer),
    }
}

/// The exchange for a token of the registry. Its 403 speaks of the right on the image, or of a dead token, which only identity
/// tells: <https://github.com/oras-project/oras/issues/1161>.
fn registry(response: &Response) -> Reply {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let code = body.pointer("/errors/0/code").and_then(Value::as_str).unwrap_or_default();
    let has_token = ["token", "access_token"].iter().any(|name| body.get(name).is_some_and(Value::is_string));
    match (response.status.as_u16(), code) {
        (200, _) if has_token => held(),
        // A mirror or gateway before it speaks the same language.
        (401 | 403 | 404, _) if !response.is_marked() => defer(Reason::UnexpectedAnswer),
        (401 | 403, "DENIED" | "UNAUTHORIZED") => denied(Denial::Refused),
        (404, "NAME_UNKNOWN") => denied(Denial::NotFound),
        (300..=399, _) => defer(Reason::Redirected),
        _ => defer(Reason::UnexpectedAnswer),
    }
}

/// <https://docs.github.com/en/rest/orgs/orgs#get-an-organization>
#[derive(Deserialize)]
struct Organization {
    #[serde(rename = "login")]
    _login: String,
    #[serde(rename = "id")]
    _id: u64,
}

/// <https://docs.github.com/en/rest/orgs/members#get-an-organization-membership-for-the-authenticated-user>
#[derive(Deserialize)]
struct Membership {
    state: String,
}

/// <https://docs.github.com/en/rest/repos/repos#get-a-repository>
#[derive(Deserialize)]
struct Repository {
    full_name: String,
    private: bool,
    visibility: Option<String>,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    permissions: Permissions,
}

/// What the account may do there, each with all that is below it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Permissions {
    admin: bool,
    maintain: bool,
    push: bool,
    triage: bool,
    pull: bool,
}

impl Permissions {
    fn role(&self) -> Option<Role> {
        let roles = [
            (self.admin, Role::Admin),
            (self.maintain, Role::Maintain),
            (self.push, Role::Write),
            (self.triage, Role::Triage),
            (self.pull, Role::Read),
        ];
        roles.into_iter().find(|(has, _)| *has).map(|(_, role)| role)
    }
}

impl Membership {
    fn proof(&self) -> Reply {
        match &*self.state {
            "active" => held(),
            "pending" => denied(Denial::MembershipPending),
            _ => defer(Reason::UnexpectedAnswer),
        }
    }
}

impl Repository {
    fn proof(&self, asked: &str) -> Reply {
        let Some(probe) = Probe::repository(&self.full_name) else { return strange() };
        let visibility = match self.visibility.as_deref() {
            Some("internal") => Visibility::Internal,
            _ if self.private => Visibility::Private,
            _ => Visibility::Public,
        };
        let has_moved = probe.target() != asked;
        let facts = Facts {
            visibility: Some(visibility),
            archived: self.archived,
            moved_to: has_moved.then(|| self.full_name.as_str().into()),
            role: self.permissions.role(),
        };
        Reply::Answer(Answer::Proof(Proof::Held(facts)))
    }
}

fn object<T: for<'de> Deserialize<'de>>(response: &Response) -> Option<T> {
    serde_json::from_slice(&response.body).ok()
}

/// 200 with another body: a captive portal answers so.
fn strange() -> Reply {
    defer(Reason::NotTheApi)
}

fn held() -> Reply {
    Reply::Answer(Answer::Proof(Proof::Held(Facts::default())))
}

fn denied(denial: Denial) -> Reply {
    Reply::Answer(Answer::Proof(Proof::Denied(denial)))
}

#[cfg(test)]
mod tests;
