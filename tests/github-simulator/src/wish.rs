//! Wishes in JSON or YAML: accounts, tokens, what is hosted, and changes, as the admin endpoint and the settings file take them.

use crate::{
    budget::AddressLimit,
    new_token::{ExpiryLayout, Layout, NewToken, Origin},
    organization::Role,
    refusal::Refused,
    reply::{Outage, Reply},
    repository::Access,
    token::TokenKind,
    whom::Whom,
    world::World,
};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};

mod hosting;

pub(crate) use hosting::{OrganizationWish, PackageWish, RepositoryWish};

/// An account to be made, or changed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AccountWish {
    pub(crate) login: String,
    #[serde(default)]
    suspended: bool,
}

/// A token to be made.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TokenWish {
    pub(crate) name: String,
    login: String,
    kind: KindWish,
    #[serde(default)]
    scopes: Vec<String>,
    expires_at: Option<Timestamp>,
    expires_in: Option<SignedDuration>,
    expiry_layout: Option<String>,
    client_id: Option<String>,
    seed: Option<u64>,
    #[serde(default)]
    revoked: bool,
    lifetime_days: Option<u32>,
    owner: Option<String>,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    repositories: Option<Vec<String>>,
    #[serde(default)]
    approved: bool,
    /// Organizations with single sign-on.
    #[serde(default)]
    authorized_for: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum KindWish {
    Classic,
    FineGrained,
    Oauth,
    AppUser,
    Installation,
    StatelessInstallation,
    Refresh,
    Legacy,
}

/// A change of behaviour.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum ChangeWish {
    Revoke { token: String },
    Restore { token: String },
    Scopes { token: String, scopes: Vec<String> },
    Expiry { token: String, at: Option<Timestamp>, r#in: Option<SignedDuration> },
    Suspend { login: String },
    Unsuspend { login: String },
    Limit { login: String, remaining: u32, reset: Option<Timestamp>, reset_in: Option<SignedDuration> },
    Outage { status: Option<u16>, manner: Option<OutageWish> },
    Latency { milliseconds: u64 },
    ClockOffset { seconds: i64 },
    DateOffset { seconds: i64 },
    ClaimedExpiry { token: String, r#in: Option<SignedDuration> },
    Refuse(Whom),
    AddressLimit(AddressLimit),
    Script { token: String, replies: Vec<ReplyWish> },
    Path { token: String, path: String, reply: ReplyWish },
    Member { organization: String, login: String, role: Role },
    Leave { organization: String, login: String },
    Collaborator { repository: String, login: String, access: Access },
    Permissions { token: String, permissions: BTreeMap<String, String> },
    Repositories { token: String, repositories: Option<Vec<String>> },
    Approve { token: String },
    Authorize { token: String, organization: String },
    Deauthorize { token: String, organization: String },
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum OutageWish {
    Cut,
    Stall,
    Over,
}

/// One reply of a script.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum ReplyWish {
    AsUsual,
    Cut,
    Stall,
    Drip,
    Huge,
    BadCredentials,
    RequiresAuthentication,
    LoginLocked,
    Suspended,
    NotFound,
    Status(u16),
    SecondaryLimit { retry_after: Option<u64> },
    SamlRequired { organization: String },
    Redirect { to: String },
    Dated { seconds: i64 },
    Unmarked,
    GatewayBadCredentials,
    Github(Written),
    Answer(Written),
}

/// Status, headers and body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Written {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

impl AccountWish {
    /// The id of the account.
    pub(crate) fn grant(self, world: &mut World) -> Result<u32, Refused> {
        if self.login.is_empty() {
            return Err(Refused::new("login", "an account needs one"));
        }
        let account = world.account(&self.login);
        account.suspended = self.suspended;
        Ok(account.id)
    }
}

impl TokenWish {
    /// The text of the token. `now` is the simulator's clock.
    pub(crate) fn grant(self, world: &mut World, now: Timestamp) -> Result<String, Refused> {
        let mut new = NewToken::of(self.kind.into(), &self.name, &self.login);
        new.scopes = self.scopes;
        new.expires = instant("expiresIn", self.expires_at, self.expires_in, now)?;
        if let Some(text) = self.expiry_layout.filter(|text| text != "UTC") {
            new.layout = Layout::parse(ExpiryLayout::Offset(&text))?;
        }
        new.client_id = self.client_id.or(new.client_id);
        new.origin = self.seed.map_or(Origin::Random, Origin::Seed);
        new.lifetime_days = self.lifetime_days;
        new.owner = self.owner;
        new.permissions = self.permissions.into_iter().collect();
        new.repositories = self.repositories;
        let text = world.make(new, now)?;
        world.set_revoked(&self.name, self.revoked)?;
        if self.approved {
            world.approve(&self.name)?;
        }
        for organization in self.authorized_for {
            world.set_authorized(&self.name, &organization, true)?;
        }
        Ok(text)
    }
}

impl ChangeWish {
    /// Changes the world. `now` is the simulator's clock.
    pub(crate) fn grant(self, world: &mut World, now: Timestamp) -> Result<(), Refused> {
        match self {
            ChangeWish::Revoke { token } => world.set_revoked(&token, true),
            ChangeWish::Restore { token } => world.set_revoked(&token, false),
            ChangeWish::Scopes { token, scopes } => world.set_scopes(&token, scopes),
            ChangeWish::Expiry { token, at, r#in } => world.set_expiry(&token, instant("in", at, r#in, now)?),
            ChangeWish::Suspend { login } => {
                world.known_account(&login).map(|account| account.suspended = true)
            }
            ChangeWish::Unsuspend { login } => {
                world.known_account(&login).map(|account| account.suspended = false)
            }
            ChangeWish::Limit { login, remaining, reset, reset_in } => {
                let Some(reset) = instant("resetIn", reset, reset_in, now)? else {
                    return Err(Refused::new("reset", "a limit needs reset or resetIn"));
                };
                world.known_account(&login).map(|account| account.budget.set(remaining, reset))
            }
            ChangeWish::Outage { status, manner } => world.set_outage(outage(status, manner)?),
            ChangeWish::Latency { milliseconds } => {
                world.latency = Duration::from_millis(milliseconds);
                Ok(())
            }
            ChangeWish::ClockOffset { seconds } => {
                world.clock_offset = SignedDuration::from_secs(seconds);
                Ok(())
            }
            ChangeWish::DateOffset { seconds } => {
                world.date_offset = SignedDuration::from_secs(seconds);
                Ok(())
            }
            ChangeWish::ClaimedExpiry { token, r#in } => world.set_claimed_expiry(&token, r#in),
            ChangeWish::Refuse(whom) => world.refuse(whom),
            ChangeWish::AddressLimit(limit) => world.set_address_limit(limit),
            ChangeWish::Script { token, replies } => {
                world.set_script(&token, replies.into_iter().map(Reply::from).collect())
            }
            ChangeWish::Path { token, path, reply } => world.set_fixed(&token, &path, reply.into()),
            ChangeWish::Member { organization, login, role } => {
                world.inventory.set_member(&organization, &login, role)
            }
            ChangeWish::Leave { organization, login } => world.inventory.remove_member(&organization, &login),
            ChangeWish::Collaborator { repository, login, access } => {
                world.inventory.set_collaborator(&repository, &login, access)
            }
            ChangeWish::Permissions { token, permissions } => {
                let pairs = permissions.iter().map(|(key, level)| (key.as_str(), level.as_str()));
                world.set_permissions(&token, pairs)
            }
            ChangeWish::Repositories { token, repositories } => {
                world.set_repositories(&token, repositories.as_deref())
            }
            ChangeWish::Approve { token } => world.approve(&token),
            ChangeWish::Authorize { token, organization } => {
                world.set_authorized(&token, &organization, true)
            }
            ChangeWish::Deauthorize { token, organization } => {
                world.set_authorized(&token, &organization, false)
            }
        }
    }
}

impl From<KindWish> for TokenKind {
    fn from(kind: KindWish) -> TokenKind {
        match kind {
            KindWish::Classic => TokenKind::Classic,
            KindWish::FineGrained => TokenKind::FineGrained,
            KindWish::Oauth => TokenKind::OAuth,
            KindWish::AppUser => TokenKind::AppUser,
            KindWish::Installation => TokenKind::Installation,
            KindWish::StatelessInstallation => TokenKind::StatelessInstallation,
            KindWish::Refresh => TokenKind::Refresh,
            KindWish::Legacy => TokenKind::Legacy,
        }
    }
}

impl From<ReplyWish> for Reply {
    fn from(wish: ReplyWish) -> Reply {
        match wish {
            ReplyWish::AsUsual => Reply::AsUsual,
            ReplyWish::Cut => Reply::Cut,
            ReplyWish::Stall => Reply::Stall,
            ReplyWish::Drip => Reply::Drip,
            ReplyWish::Huge => Reply::Huge,
            ReplyWish::BadCredentials => Reply::bad_credentials(),
            ReplyWish::RequiresAuthentication => Reply::requires_authentication(),
            ReplyWish::LoginLocked => Reply::login_locked(),
            ReplyWish::Suspended => Reply::suspended(),
            ReplyWish::NotFound => Reply::not_found(),
            ReplyWish::Status(status) => Reply::Status(status),
            ReplyWish::SecondaryLimit { retry_after } => Reply::secondary_limit(retry_after),
            ReplyWish::SamlRequired { organization } => Reply::saml_required(&organization),
            ReplyWish::Redirect { to } => Reply::redirect(&to),
            ReplyWish::Dated { seconds } => Reply::Dated(SignedDuration::from_secs(seconds)),
            ReplyWish::Unmarked => Reply::Unmarked,
            ReplyWish::GatewayBadCredentials => Reply::gateway_bad_credentials(),
            ReplyWish::Github(Written { status, headers, body }) => {
                Reply::Github { status, headers: headers.into_iter().collect(), body }
            }
            ReplyWish::Answer(Written { status, headers, body }) => {
                Reply::Answer { status, headers: headers.into_iter().collect(), body }
            }
        }
    }
}

/// An instant that is named, or so far ahead of now; `None` if neither.
fn instant(
    field: &'static str,
    at: Option<Timestamp>,
    ahead: Option<SignedDuration>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Refused> {
    match (at, ahead) {
        (Some(_), Some(_)) => Err(Refused::new(field, "it cannot stand beside an instant")),
        (Some(at), None) => Ok(Some(at)),
        (None, Some(ahead)) => {
            now.checked_add(ahead).map(Some).map_err(|_| Refused::new(field, "that is beyond the calendar"))
        }
        (None, None) => Ok(None),
    }
}

fn outage(status: Option<u16>, manner: Option<OutageWish>) -> Result<Option<Outage>, Refused> {
    match (status, manner) {
        (Some(status), None) => Ok(Some(Outage::Status(status))),
        (None, Some(OutageWish::Cut)) => Ok(Some(Outage::Cut)),
        (None, Some(OutageWish::Stall)) => Ok(Some(Outage::Stall)),
        (None, Some(OutageWish::Over)) => Ok(None),
        _ => Err(Refused::new("status", "an outage needs either a status or a manner (cut, stall, over)")),
    }
}
