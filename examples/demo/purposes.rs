//! Tokens that GitHub accepts, and that do or do not serve their purpose.

use github_simulator::{Access, NewOrganization, NewRepository, NewToken, Role, TokenKind, Visibility};

use super::{
    Failed, days,
    stage::{Expected, Stage, line, ready},
};

/// The account of the tokens.
const LOGIN: &str = "acme-ci";

/// Organizations with a policy each, and repositories of one without any.
pub(super) fn arrange(stage: &Stage) {
    let github = &stage.github;
    github.organization(NewOrganization::new("acme"));
    github.organization(NewOrganization::new("acme-sso").sso());
    github.organization(NewOrganization::new("acme-strict").forbids_classic());
    github.organization(NewOrganization::new("acme-brief").longest_lifetime(TokenKind::FineGrained, 90));
    for organization in ["acme", "acme-sso", "acme-strict", "acme-brief"] {
        github.member(organization, LOGIN, Role::Member);
    }
    for name in ["acme/app", "acme-strict/app", "acme-brief/app"] {
        github.repository(NewRepository::private(name));
    }
    github.repository(NewRepository::public("acme/website"));
    github.collaborator("acme/app", LOGIN, Access::Push);
    github.package("acme/app", Visibility::Private);
}

/// What an account or a policy forbids.
pub(super) async fn kept_out(stage: &mut Stage) -> Result<(), Failed> {
    let stranger = NewToken::classic("wrong-account", "acme-intern").scopes(&["repo"]);
    connect(stage, stranger, "wrong-account").await?;
    stage
        .step(
            "a token of acme-intern is stored for a connection that expects acme-ci",
            "AnotherAccount, and no Secret wrong-account-git",
            &[ready("wrong-account", "False", "AnotherAccount"), Expected::NoSecret("wrong-account-git")],
        )
        .await?;
    connect(stage, NewToken::classic("sso", LOGIN).scopes(&["read:org"]), "sso").await?;
    stage
        .step(
            "a classic token is stored for an organization with single sign-on",
            "SsoRequired: GitHub accepts the token, and the organization does not let it in",
            &[ready("sso", "False", "SsoRequired"), line("sso", "Organization acme-sso: NotMet SsoRequired")],
        )
        .await?;
    connect(stage, NewToken::classic("classic-ban", LOGIN).scopes(&["repo"]), "classic-ban").await?;
    stage
        .step(
            "a classic token is stored for an organization that bans them",
            "ClassicTokensForbidden",
            &[ready("classic-ban", "False", "ClassicTokensForbidden")],
        )
        .await?;
    let long = NewToken::fine_grained("lifetime-cap", LOGIN).owner("acme-brief").expires(days(300));
    connect(stage, long, "lifetime-cap").await?;
    stage
        .step(
            "a token for 300 days is stored for an organization that allows 90",
            "LifetimeForbidden, with the number of days in the message",
            &[ready("lifetime-cap", "False", "LifetimeForbidden")],
        )
        .await
}

/// What the token itself may do.
pub(super) async fn permissions(stage: &mut Stage) -> Result<(), Failed> {
    let reads = |name| NewToken::fine_grained(name, LOGIN).owner("acme").permissions(&[("contents", "read")]);
    connect(stage, reads("private-permission"), "private-permission").await?;
    stage
        .step(
            "a fine-grained token without the permission issues is stored, for a private repository",
            "PermissionMissing, while contents is proven",
            &[
                ready("private-permission", "False", "PermissionMissing"),
                line("private-permission", "Permission contents: read: Met Proven"),
                line("private-permission", "Permission issues: read: NotMet PermissionMissing"),
            ],
        )
        .await?;
    connect(stage, reads("public-permission"), "public-permission").await?;
    stage
        .step(
            "the same for a public repository, where GitHub answers everybody",
            "Ready, and both permissions are Unproven: the operator claims neither",
            &[
                ready("public-permission", "True", "Ready"),
                line("public-permission", "Permission contents: read: Unproven PublicRepository"),
                line("public-permission", "Permission issues: read: Unproven PublicRepository"),
            ],
        )
        .await?;
    connect(stage, NewToken::classic("push", LOGIN).scopes(&["repo"]), "push").await?;
    stage
        .step(
            "a classic token is stored for pushes to a private repository",
            "Ready: git offers to take a push, and none was made",
            &[ready("push", "True", "Ready"), line("push", "Push acme/app: Met Proven")],
        )
        .await?;
    connect(stage, NewToken::classic("package", LOGIN).scopes(&["read:packages"]), "package").await?;
    stage
        .step(
            "a classic token is stored for an image in the registry",
            "Ready: the registry lets the token pull it",
            &[ready("package", "True", "Ready"), line("package", "Package acme/app: Met Proven")],
        )
        .await?;
    connect(stage, reads("impossible"), "impossible").await?;
    stage
        .step(
            "a connection demands checks, a permission that no personal access token has",
            "DemandImpossible, told without a question, with what to demand instead",
            &[
                ready("impossible", "False", "DemandImpossible"),
                line("impossible", "Permission checks: read: NotMet DemandImpossible"),
            ],
        )
        .await
}

/// Stores a token for the connection of this name, and applies that.
async fn connect(stage: &mut Stage, token: NewToken, name: &str) -> Result<(), Failed> {
    stage.store(&format!("{name}-pat"), &stage.github.token(token)).await?;
    stage.apply(&[&format!("{name}.yaml")]).await
}
