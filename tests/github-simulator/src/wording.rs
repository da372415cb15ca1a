//! The words in which GitHub says that a policy of an organization refuses: the messages of the REST API, all from third-party reports.

use crate::token::TokenKind;

pub(crate) const SSO_PAGE: &str =
    "https://docs.github.com/articles/authenticating-to-a-github-organization-with-saml-single-sign-on/";

/// Where a token is authorised; GitHub's own request is an opaque text that is good for an hour.
pub(crate) fn sso_url(organization: &str) -> String {
    format!("https://github.com/orgs/{organization}/sso?authorization_request=SIMULATED")
}

pub(crate) fn classic_forbidden(organization: &str) -> String {
    format!(
        "`{organization}` forbids access via a personal access token (classic). Please use a GitHub App, OAuth App, \
         or a personal access token with fine-grained permissions."
    )
}

/// mislav/hub#3363.
pub(crate) fn fine_grained_forbidden(organization: &str) -> String {
    format!(
        "`{organization}` forbids access via a personal access token with fine-grained permissions. Please use a \
         GitHub App, or an OAuth App."
    )
}

/// NixOS/org#247 and GladysAssistant/v4-website#408 for an organization, HHS/simpler-grants-gov#2547 and
/// flcdrg/au-packages#197 for an enterprise. `owner` is its quoted name and what it is.
pub(crate) fn lifetime_too_long(kind: TokenKind, owner: &str, days: u32, token: u32) -> String {
    let (kind, page) = match kind {
        TokenKind::FineGrained => ("fine-grained personal access tokens", "personal-access-tokens"),
        _ => ("personal access tokens (classic)", "tokens"),
    };
    format!(
        "The {owner} forbids access via a {kind} if the token's lifetime is greater than {days} days. Please adjust \
         your token's lifetime at the following URL: https://github.com/settings/{page}/{token}"
    )
}

/// ossf/scorecard#1504 for personal access tokens, microsoft/winget-create#628 for tokens of apps.
pub(crate) fn saml_required(kind: TokenKind, by_enterprise: bool) -> String {
    let kind = if kind == TokenKind::OAuth { "OAuth" } else { "Personal Access" };
    let whole = if by_enterprise { "an organization within this business" } else { "this organization" };
    format!(
        "Resource protected by organization SAML enforcement. You must grant your {kind} token access to {whole}."
    )
}

/// RayLabsHQ/gitea-mirror#46.
pub(crate) fn ip_not_allowed(organization: &str) -> String {
    format!(
        "Although you appear to have the correct authorization credentials, the `{organization}` organization has an \
         IP allow list enabled, and your IP address is not permitted to access this resource."
    )
}
