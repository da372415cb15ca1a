//! What the policies of an organization refuse, and how the REST API and git say so.

use crate::{
    account::Token,
    answer::Answer,
    document,
    inventory::Inventory,
    organization::Organization,
    reply::Reply,
    token::TokenKind,
    wording::{self, SSO_PAGE, sso_url},
};

/// What of an organization a request touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touch {
    Organization,
    /// A repository that is not public, or not there.
    Repository,
    PublicRepository,
}

/// A policy that refuses a token.
pub(crate) enum Breach<'a> {
    Classic(&'a str),
    FineGrained(&'a str),
    Lifetime { token: &'a Token, days: u32, organization: &'a Organization },
    Sso { token: &'a Token, organization: &'a Organization },
    Address(&'a str),
}

impl Inventory {
    /// The policy of this owner that refuses a token, if its owner is an organization.
    ///
    /// Bans leave public reads alone, as GitHub documents. All others bite there too: lifetime (NixOS/org#247), single sign-on
    /// of members (ossf/scorecard#1504), and address (cli/cli#12150, aquasecurity/trivy#10567).
    pub(crate) fn breach<'a>(&'a self, owner: &str, token: &'a Token, touch: Touch) -> Option<Breach<'a>> {
        let organization = self.organization(owner)?;
        let (name, policy) = (organization.name.as_str(), &organization.policy);
        let is_classic = matches!(token.kind, TokenKind::Classic | TokenKind::Legacy);
        let is_private = touch != Touch::PublicRepository;
        if policy.forbids_classic && is_classic && is_private {
            return Some(Breach::Classic(name));
        }
        if policy.forbids_fine_grained && token.kind == TokenKind::FineGrained && is_private {
            return Some(Breach::FineGrained(name));
        }
        if let Some(days) = policy.longest(token.kind).filter(|days| token.lives_longer_than(*days)) {
            return Some(Breach::Lifetime { token, days, organization });
        }
        if self.hides(organization, token) {
            return Some(Breach::Sso { token, organization });
        }
        policy.allows_no_address.then_some(Breach::Address(name))
    }

    /// Whether single sign-on of an organization keeps a member's token out.
    pub(crate) fn hides(&self, organization: &Organization, token: &Token) -> bool {
        organization.policy.sso
            && token.kind.has_scopes()
            && organization.has_member(&token.login)
            && !token.authorized.contains(&organization.name.to_lowercase())
    }
}

impl Breach<'_> {
    /// As the REST API says it.
    pub(crate) fn answer(&self) -> Answer {
        document::error(match self {
            Breach::Sso { organization, .. } => {
                let reply = Reply::error(403, &self.message(), SSO_PAGE);
                reply.with_header("x-github-sso", &format!("required; url={}", sso_url(&organization.name)))
            }
            _ => Reply::error(403, &self.message(), "https://docs.github.com/rest"),
        })
    }

    /// As git's server says it, which the client shows behind `remote: `.
    ///
    /// Sources: os-climate/os_c_data_commons#366 for the ban, desktop/desktop#9055 and #11805 for single sign-on. The others
    /// were not recorded from git: they are the texts of the REST API.
    pub(crate) fn git_text(&self) -> String {
        match self {
            Breach::Classic(_) => {
                "Personal access tokens (classic) are forbidden from accessing this repository.".to_owned()
            }
            Breach::Sso { token, organization } => {
                let remedy = match token.kind {
                    TokenKind::OAuth => {
                        "you must re-authorize the OAuth Application `GitHub CLI`.".to_owned()
                    }
                    _ => format!("visit {}\nand try your request again.", sso_url(&organization.name)),
                };
                let name = &organization.name;
                format!(
                    "The `{name}' organization has enabled or enforced SAML SSO. To access\nthis repository, {remedy}"
                )
            }
            Breach::FineGrained(_) | Breach::Lifetime { .. } | Breach::Address(_) => self.message(),
        }
    }

    fn message(&self) -> String {
        match self {
            Breach::Classic(name) => wording::classic_forbidden(name),
            Breach::FineGrained(name) => wording::fine_grained_forbidden(name),
            Breach::Lifetime { token, days, organization } => {
                let owner = match &organization.policy.enterprise {
                    Some(enterprise) => format!("'{enterprise}' enterprise"),
                    None => format!("'{}' organization", organization.name),
                };
                wording::lifetime_too_long(token.kind, &owner, *days, token.id)
            }
            Breach::Sso { token, organization } => {
                wording::saml_required(token.kind, organization.policy.enterprise.is_some())
            }
            Breach::Address(name) => wording::ip_not_allowed(name),
        }
    }
}
