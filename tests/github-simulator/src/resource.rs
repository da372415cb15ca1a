//! What the REST API answers about organizations, repositories and accounts: gate after gate.
//!
//! Authentication and rate come before. Then: policy of the organization, visibility (404), permission of the token (403),
//! rank of the user, validation (422), state of the resource. The order was seen by probes of others; GitHub documents none.

use crate::{
    account::Token,
    answer::{Accepted, Answer, Manner},
    document::{self, hosted},
    endpoint::{Endpoint, Place, Rank, Success},
    inventory::Inventory,
    organization::{Organization, Role},
    policy::Touch,
    question::Question,
    reply::Reply,
    repository::{Access, Block, Feature, Repository},
    scope,
    token::TokenKind,
};
use serde_json::{Value, json};

/// A question about something that is hosted.
struct Ask<'a> {
    inventory: &'a Inventory,
    question: &'a Question,
    endpoint: &'a Endpoint,
    values: &'a [&'a str],
    token: Option<&'a Token>,
}

impl Inventory {
    /// The answer to a question about something that is hosted, or 404. `scheme` is how this host is reached.
    pub(crate) fn answer(&self, question: &Question, token: Option<&Token>, scheme: &str) -> Answer {
        if let Some(route) = self.by_id(question.route()) {
            return self.at(question, &route, token, scheme);
        }
        self.at(question, question.route(), token, scheme)
    }

    /// What the headers say that an endpoint accepts.
    pub(crate) fn accepted(&self, route: &str) -> Accepted {
        let permissionless = "allows_permissionless_access=true";
        if matches!(route, "/user" | "/rate_limit") {
            return Accepted { permissions: permissionless, scopes: &[] };
        }
        let by_name = self.by_id(route);
        match Endpoint::find(by_name.as_deref().unwrap_or(route)) {
            None => Accepted { permissions: "metadata=read", scopes: &[] },
            Some((Endpoint { permissions: "", scopes, .. }, _)) => {
                Accepted { permissions: permissionless, scopes }
            }
            Some((endpoint, _)) => Accepted { permissions: endpoint.permissions, scopes: endpoint.scopes },
        }
    }

    fn at(&self, question: &Question, route: &str, token: Option<&Token>, scheme: &str) -> Answer {
        let Some((endpoint, values)) = Endpoint::find(route) else {
            return document::error(Reply::not_found());
        };
        let ask = Ask { inventory: self, question, endpoint, values: &values, token };
        match endpoint.place(&values) {
            Place::Repository { owner, name } => ask.repository(owner, name, scheme),
            Place::Organization(name) => ask.organization(name),
            Place::Account => ask.account(),
        }
        .unwrap_or_else(|refusal| refusal)
    }

    /// The path by name of a path by number: `/repositories/1/hooks`, `/organizations/1`.
    fn by_id(&self, route: &str) -> Option<String> {
        let (kind, rest) = route.strip_prefix('/')?.split_once('/')?;
        let (id, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        match kind {
            "repositories" => Some(format!("/repos/{}{rest}", self.repository_by_id(id)?.name)),
            "organizations" => Some(format!("/orgs/{}{rest}", self.organization_by_id(id)?.name)),
            _ => None,
        }
    }
}

/// An answer, or a refusal of a gate.
type Gated<T> = Result<T, Answer>;

impl Ask<'_> {
    fn repository(&self, owner: &str, name: &str, scheme: &str) -> Gated<Answer> {
        let full_name = format!("{owner}/{name}");
        let named = self.inventory.repository(&full_name);
        let found = named.or_else(|| self.inventory.moved(&full_name));
        let owner = found.map_or(owner, Repository::owner);
        self.policy(owner, found.is_some_and(Repository::is_public))?;
        let repository = found.filter(|repository| self.sees(repository)).ok_or_else(not_found)?;
        if named.is_none() {
            return Ok(self.redirect(repository, &full_name, scheme));
        }
        self.permission(owner, repository.is_public(), || {
            self.token.is_some_and(|token| self.inventory.covers(repository, token))
        })?;
        self.blocked(repository)?;
        let access = self.token.map(|token| self.inventory.access(repository, &token.login));
        self.rank(|least| access.flatten().is_some_and(|access| access >= least))?;
        self.state(repository, access)
    }

    fn organization(&self, name: &str) -> Gated<Answer> {
        let organization = self.inventory.organization(name).ok_or_else(not_found)?;
        let name = &organization.name;
        if let Some(breach) =
            self.token.and_then(|token| self.inventory.breach(name, token, Touch::Organization))
        {
            return Err(breach.answer());
        }
        self.permission(name, true, || self.token.is_some_and(|token| self.inventory.acts_for(token, name)))?;
        if self.endpoint.rank == Rank::Owner && self.role(organization) != Some(Role::Owner) {
            return Err(not_found());
        }
        match (self.endpoint.success, self.token) {
            (Success::Organization, _) => Ok(found(&hosted::organization(organization))),
            (Success::Membership, Some(token)) => {
                let role = self.role(organization).ok_or_else(not_found)?;
                Ok(found(&hosted::membership(organization, &token.login, role)))
            }
            _ => self.plain(),
        }
    }

    fn account(&self) -> Gated<Answer> {
        let token = self.token.ok_or_else(requires_authentication)?;
        let login = token.login.to_lowercase();
        if self.endpoint.path.starts_with("/users/")
            && self.values.first().is_none_or(|name| name.to_lowercase() != login)
        {
            return Err(not_found());
        }
        self.permission(&token.login, true, || token.grant.owner == login)?;
        match self.endpoint.success {
            Success::Organizations => Ok(self.organizations(token)),
            Success::Memberships => Ok(self.memberships(token)),
            _ => self.plain(),
        }
    }

    fn policy(&self, owner: &str, is_public: bool) -> Gated<()> {
        let touch = if is_public { Touch::PublicRepository } else { Touch::Repository };
        match self.token.and_then(|token| self.inventory.breach(owner, token, touch)) {
            Some(breach) => Err(breach.answer()),
            None => Ok(()),
        }
    }

    fn sees(&self, repository: &Repository) -> bool {
        repository.is_public() || self.token.is_some_and(|token| self.inventory.sees(repository, token))
    }

    /// Whether the token may ask: what it was granted covers the resource, and has the permission or the scope.
    fn permission(&self, owner: &str, is_public: bool, covers: impl Fn() -> bool) -> Gated<()> {
        let Endpoint { permissions, open, scopes, .. } = *self.endpoint;
        if open && is_public {
            return Ok(());
        }
        let Some(token) = self.token else { return Err(requires_authentication()) };
        let may = match token.kind {
            TokenKind::FineGrained => permissions.is_empty() || covers() && token.grant.meets(permissions),
            kind if kind.has_scopes() => {
                let scoped =
                    scopes.is_empty() || scopes.iter().any(|scope| scope::include(&token.scopes, scope));
                return if scoped && self.belongs(owner, token) { Ok(()) } else { Err(self.unscoped()) };
            }
            TokenKind::Installation | TokenKind::StatelessInstallation | TokenKind::AppUser => {
                return Err(document::error(Reply::not_for_integrations()));
            }
            _ => false,
        };
        if may { Ok(()) } else { Err(document::error(Reply::not_for_token())) }
    }

    /// Whether a classic token's user has any business with an organization; what it may do in a repository comes later.
    fn belongs(&self, owner: &str, token: &Token) -> bool {
        let is_repository = self.endpoint.path.starts_with("/repos/");
        let asks_for_role = self.endpoint.success == Success::Membership;
        is_repository
            || asks_for_role
            || self
                .inventory
                .organization(owner)
                .is_none_or(|organization| organization.has_member(&token.login))
    }

    /// 403 where GitHub names the scope, else 404 as for everything a classic token may not see.
    ///
    /// Source: <https://docs.github.com/rest/orgs/orgs#list-organizations-for-the-authenticated-user>; its text from reports of
    /// oauth2-proxy's users. That of memberships was not recorded.
    fn unscoped(&self) -> Answer {
        let what = match self.endpoint.success {
            Success::Organizations => "list your organizations",
            Success::Memberships | Success::Membership => "read your organization memberships",
            _ => return not_found(),
        };
        let message = format!("You need at least read:org scope or user scope to {what}.");
        document::error(Reply::error(403, &message, "https://docs.github.com/rest"))
    }

    /// `has` tells whether the user may do this in the repository.
    fn rank(&self, has: impl Fn(Access) -> bool) -> Gated<()> {
        let message = match self.endpoint.rank {
            Rank::Hidden if !has(Access::Admin) => return Err(not_found()),
            // REC of PyGithub, `WorkflowRun.test_delete`.
            Rank::Access(Access::Admin) if !has(Access::Admin) => "Must have admin rights to Repository.",
            // After PyGithub's `Repository.testCollaboratorPermissionNoPushAccess`.
            Rank::Access(least) if !has(least) => "Must have push access to view repository collaborators.",
            _ => return Ok(()),
        };
        Err(document::error(Reply::error(403, message, "https://docs.github.com/rest")))
    }

    /// Sources: <https://docs.github.com/rest/repos/repos#get-a-repository>, `octokit.rb`'s list of errors.
    fn blocked(&self, repository: &Repository) -> Gated<()> {
        let (status, reason) = match repository.state.block {
            None => return Ok(()),
            Some(Block::Terms) => (403, "tos"),
            Some(Block::Dmca) => (451, "dmca"),
        };
        let block = json!({
            "reason": reason, "created_at": "2026-01-10T09:00:00Z", "html_url": "https://github.com/tos",
        });
        let body = json!({"message": "Repository access blocked", "block": block});
        Err(with_status(status, &body))
    }

    /// 301 to the path by number.
    ///
    /// Source: <https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects>.
    fn redirect(&self, repository: &Repository, old: &str, scheme: &str) -> Answer {
        let host = self.question.header("host").unwrap_or("api.github.com");
        let rest = self.question.path.split_once(old).map_or("", |(_, rest)| rest);
        let prefix = self.question.prefix();
        document::error(Reply::redirect(&format!(
            "{scheme}://{host}{prefix}/repositories/{}{rest}",
            repository.id
        )))
    }

    /// Everything is allowed: what is there?
    fn state(&self, repository: &Repository, access: Option<Option<Access>>) -> Gated<Answer> {
        let is_default = |name: Option<&&str>| matches!(name, Some(&"main" | &"HEAD"));
        let refused = |status, message: &str| {
            Err(document::error(Reply::error(status, message, "https://docs.github.com/rest")))
        };
        match self.endpoint.success {
            Success::Repository => Ok(found(&hosted::repository(self.inventory, repository, access))),
            Success::Commits if !repository.has(Feature::Commits) => refused(409, "Git Repository is empty."),
            Success::Contents if !repository.has(Feature::Commits) => {
                refused(404, "This repository is empty.")
            }
            Success::Contents if self.values.get(2).is_some_and(|path| !path.is_empty()) => Err(not_found()),
            Success::Commit if !repository.has(Feature::Commits) => Err(not_found()),
            Success::Commit if !is_default(self.values.get(2)) => Err(not_found()),
            Success::Issues if !repository.has(Feature::Issues) => {
                refused(410, "Issues are disabled for this repo")
            }
            Success::Pages if !repository.has(Feature::Pages) => Err(not_found()),
            Success::CodeScanning if !repository.has(Feature::CodeScanning) => {
                refused(404, "no analysis found")
            }
            Success::SecretScanning if !repository.has(Feature::SecretScanning) => {
                refused(404, "Secret scanning is disabled on this repository.")
            }
            Success::DependabotAlerts if !repository.has(Feature::DependabotAlerts) => {
                refused(403, "Dependabot alerts are disabled for this repository.")
            }
            Success::Environments => {
                let names: Vec<Value> =
                    repository.state.environments.iter().map(|name| json!({"name": name})).collect();
                Ok(found(&json!({"total_count": names.len(), "environments": names})))
            }
            Success::Environment
                if self
                    .values
                    .get(2)
                    .is_none_or(|name| !repository.state.environments.iter().any(|known| known == name)) =>
            {
                Err(not_found())
            }
            _ => self.plain(),
        }
    }

    /// What needs no knowledge of the resource.
    fn plain(&self) -> Gated<Answer> {
        match self.endpoint.success {
            Success::Count(name) => Ok(found(&json!({"total_count": 0, name: []}))),
            Success::Environment => Ok(found(&json!({"total_count": 0}))),
            Success::Object | Success::Pages | Success::Commit => Ok(found(&json!({}))),
            Success::Status(204) => Ok(document::plain(204)),
            Success::Status(status) => Ok(with_status(status, &json!({}))),
            Success::Missing => Err(not_found()),
            Success::Needs(name) if self.question.parameter(name).is_none() => {
                Err(document::error(Reply::error(422, "Validation Failed", "https://docs.github.com/rest")))
            }
            Success::Needs(_) => Ok(found(&json!({}))),
            _ => Ok(found(&json!([]))),
        }
    }

    /// A fine-grained token sees the organization it was made for; what else it might see was never recorded.
    fn organizations(&self, token: &Token) -> Answer {
        let listed = |organization: &Organization, role: Role| {
            let in_sight =
                token.kind != TokenKind::FineGrained || self.inventory.acts_for(token, &organization.name);
            (role != Role::Pending && in_sight).then(|| hosted::brief(organization))
        };
        self.listing(token, listed)
    }

    /// Whether a fine-grained token gets to see all of them is not documented; here it does.
    fn memberships(&self, token: &Token) -> Answer {
        self.listing(token, |organization, role| Some(hosted::membership(organization, &token.login, role)))
    }

    /// A list over organizations, without those that single sign-on hides.
    ///
    /// Source: <https://docs.github.com/rest/authentication/authenticating-to-the-rest-api#personal-access-tokens-and-saml-sso>.
    fn listing(&self, token: &Token, shown: impl Fn(&Organization, Role) -> Option<Value>) -> Answer {
        let (mut items, mut hidden) = (Vec::new(), Vec::new());
        for (organization, role) in self.inventory.organizations_of(&token.login) {
            let Some(item) = shown(organization, role) else { continue };
            if self.inventory.hides(organization, token) {
                hidden.push(organization.id.to_string());
            } else {
                items.push(item);
            }
        }
        let mut answer = found(&Value::Array(items));
        if !hidden.is_empty() {
            let value = format!("partial-results; organizations={}", hidden.join(","));
            answer.headers.push(("x-github-sso".to_owned(), value));
        }
        answer
    }

    fn role(&self, organization: &Organization) -> Option<Role> {
        self.token.and_then(|token| organization.role(&token.login))
    }
}

fn found(body: &Value) -> Answer {
    with_status(200, body)
}

fn with_status(status: u16, body: &Value) -> Answer {
    Answer { status, headers: Vec::new(), body: body.to_string(), manner: Manner::Whole }
}

fn not_found() -> Answer {
    document::error(Reply::not_found())
}

fn requires_authentication() -> Answer {
    document::error(Reply::requires_authentication())
}
