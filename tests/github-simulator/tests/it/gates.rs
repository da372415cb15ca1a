//! Organizations, repositories and accounts: one gate after the other, as tables.

use crate::client::{get, json};
use github_simulator::{
    Access, Feature, NewOrganization, NewRepository, NewToken, Role, Simulator, TokenKind,
};
use jiff::{SignedDuration, Timestamp};

const NOT_FOR_TOKEN: &str = "Resource not accessible by personal access token";

/// Who asks for what, and what is said.
struct Row {
    name: &'static str,
    organization: NewOrganization,
    repository: NewRepository,
    role: Option<Role>,
    access: Option<Access>,
    token: NewToken,
    path: &'static str,
    status: u16,
    /// Part of the message; empty if there is none.
    message: &'static str,
}

impl Row {
    /// A member asks for a private repository of an organization without policies.
    fn new(name: &'static str, token: NewToken, status: u16, message: &'static str) -> Row {
        Row {
            name,
            organization: acme(),
            repository: NewRepository::private("acme/app"),
            role: Some(Role::Member),
            access: None,
            token,
            path: "/repos/acme/app",
            status,
            message,
        }
    }

    fn at(self, path: &'static str) -> Row {
        Row { path, ..self }
    }

    fn of(self, organization: NewOrganization) -> Row {
        Row { organization, ..self }
    }

    fn in_(self, repository: NewRepository) -> Row {
        Row { repository, ..self }
    }

    fn by(self, role: Option<Role>) -> Row {
        Row { role, ..self }
    }

    fn with(self, access: Access) -> Row {
        Row { access: Some(access), ..self }
    }

    /// Both without and with the prefix of Enterprise Servers.
    async fn check(self) {
        let github = Simulator::start().await.unwrap();
        github.organization(self.organization);
        github.repository(self.repository);
        if let Some(role) = self.role {
            github.member("acme", "acme-ci", role);
        }
        if let Some(access) = self.access {
            github.collaborator("acme/app", "acme-ci", access);
        }
        let text = github.token(self.token);
        for prefix in ["", "/api/v3"] {
            let path = format!("{prefix}{}", self.path);
            let response = get(&github, &path).bearer_auth(&text).send().await.unwrap();
            assert_eq!(response.status(), self.status, "{}: {path}", self.name);
            if self.status != 204 {
                let body = json(response).await;
                let message = body["message"].as_str().unwrap_or_default();
                assert!(message.contains(self.message), "{}: {message}", self.name);
                assert_eq!(message.is_empty(), self.message.is_empty(), "{}: {message}", self.name);
            }
        }
        assert_eq!(github.calls()[0].path, self.path, "{}", self.name);
    }
}

fn acme() -> NewOrganization {
    NewOrganization::new("acme")
}

fn classic(scopes: &[&str]) -> NewToken {
    NewToken::classic("ci", "acme-ci").scopes(scopes)
}

fn fine(permissions: &[(&str, &str)]) -> NewToken {
    NewToken::fine_grained("ci", "acme-ci").owner("acme").permissions(permissions)
}

fn in_days(count: i64) -> Timestamp {
    Timestamp::now().checked_add(SignedDuration::from_hours(count.saturating_mul(24))).unwrap()
}

fn public() -> NewRepository {
    NewRepository::public("acme/app")
}

#[tokio::test]
async fn policies_bite_first() {
    let (fg, ban) = ("with fine-grained permissions", "via a personal access token (classic)");
    let saml = "You must grant your Personal Access token access to this organization.";
    let address = "`acme` organization has an IP allow list enabled";
    let lifetime = "if the token's lifetime is greater than 90 days";
    let short = || acme().longest_lifetime(TokenKind::FineGrained, 90);
    let rows = [
        Row::new("classic ban", classic(&["repo"]), 403, ban).of(acme().forbids_classic()),
        Row::new("classic ban, no such repository", classic(&["repo"]), 403, ban)
            .of(acme().forbids_classic())
            .at("/repos/acme/none"),
        Row::new("classic ban, organization", classic(&[]), 403, ban)
            .of(acme().forbids_classic())
            .at("/orgs/acme"),
        Row::new("classic ban, public", classic(&[]), 200, "").of(acme().forbids_classic()).in_(public()),
        Row::new("classic ban, fine-grained", fine(&[]), 200, "").of(acme().forbids_classic()),
        Row::new("fine-grained ban", fine(&[]), 403, fg).of(acme().forbids_fine_grained()),
        Row::new("fine-grained ban, public", fine(&[]), 200, "")
            .of(acme().forbids_fine_grained())
            .in_(public()),
        Row::new("fine-grained ban, classic", classic(&["repo"]), 200, "").of(acme().forbids_fine_grained()),
        Row::new("lives for ever", fine(&[]), 403, lifetime).of(short()),
        Row::new("lives too long", fine(&[]).lifetime_days(91), 403, lifetime).of(short()),
        Row::new("lives too long, public", fine(&[]).lifetime_days(91), 403, lifetime)
            .of(short())
            .in_(public()),
        Row::new("lives long enough", fine(&[]).lifetime_days(90), 200, "").of(short()),
        Row::new("ends too late", fine(&[]).expires(in_days(91)), 403, lifetime).of(short()),
        Row::new("ends soon enough", fine(&[]).expires(in_days(89)), 200, "").of(short()),
        Row::new(
            "made long ago for too long",
            fine(&[]).lifetime_days(91).expires(in_days(1)),
            403,
            lifetime,
        )
        .of(short()),
        Row::new("lifetime is of another kind", classic(&["repo"]), 200, "").of(short()),
        Row::new("classic lifetime", classic(&["repo"]), 403, "https://github.com/settings/tokens/")
            .of(acme().longest_lifetime(TokenKind::Classic, 30)),
        Row::new("lifetime of an enterprise", fine(&[]), 403, "The 'big' enterprise forbids access")
            .of(short().enterprise("big")),
        Row::new("single sign-on", classic(&["repo"]), 403, saml).of(acme().sso()),
        Row::new("single sign-on, public, member", classic(&[]), 403, saml).of(acme().sso()).in_(public()),
        Row::new("single sign-on, public, stranger", classic(&[]), 200, "")
            .of(acme().sso())
            .in_(public())
            .by(None),
        Row::new("single sign-on, outside collaborator", classic(&["repo"]), 200, "")
            .of(acme().sso())
            .by(None)
            .with(Access::Read),
        Row::new("single sign-on, fine-grained", fine(&[]), 200, "").of(acme().sso()),
        Row::new(
            "single sign-on, OAuth",
            NewToken::oauth("ci", "acme-ci").scopes(&["repo"]),
            403,
            "grant your OAuth token",
        )
        .of(acme().sso()),
        Row::new("single sign-on of an enterprise", classic(&["repo"]), 403, "within this business")
            .of(acme().sso().enterprise("big")),
        Row::new("address", classic(&["repo"]), 403, address).of(acme().allows_no_address()),
        Row::new("address, public", fine(&[]), 403, address).of(acme().allows_no_address()).in_(public()),
        Row::new("address, membership", classic(&["read:org"]), 403, address)
            .of(acme().allows_no_address())
            .at("/user/memberships/orgs/acme"),
        Row::new("policies know nothing of accounts", fine(&[]), 200, "")
            .of(short().forbids_fine_grained().allows_no_address())
            .at("/user/memberships/orgs"),
    ];
    for row in rows {
        row.check().await;
    }
}

#[tokio::test]
async fn what_a_token_may_not_see_is_not_there() {
    let missing = "Not Found";
    let closed = || acme().base_access(None);
    let rows = [
        Row::new("classic", classic(&["repo"]), 200, ""),
        Row::new("classic, case", classic(&["repo"]), 200, "").at("/repos/Acme/APP"),
        Row::new("classic without scope", classic(&["public_repo"]), 404, missing),
        Row::new("classic, stranger", classic(&["repo"]), 404, missing).by(None),
        Row::new("classic, invited", classic(&["repo"]), 404, missing).by(Some(Role::Pending)),
        Row::new("classic, no base access", classic(&["repo"]), 404, missing).of(closed()),
        Row::new("classic, owner", classic(&["repo"]), 200, "").of(closed()).by(Some(Role::Owner)),
        Row::new("classic, collaborator", classic(&["repo"]), 200, "").by(None).with(Access::Read),
        Row::new("internal, member", classic(&["repo"]), 200, "")
            .of(closed())
            .in_(NewRepository::internal("acme/app")),
        Row::new("internal, stranger", classic(&["repo"]), 404, missing)
            .in_(NewRepository::internal("acme/app"))
            .by(None),
        Row::new("fine-grained", fine(&[]), 200, ""),
        Row::new("fine-grained, selected", fine(&[]).repositories(&["Acme/app"]), 200, ""),
        Row::new("fine-grained, not selected", fine(&[]).repositories(&["acme/lib"]), 404, missing),
        Row::new("fine-grained, public, not selected", fine(&[]).repositories(&[]), 200, "").in_(public()),
        Row::new("fine-grained, other owner", NewToken::fine_grained("ci", "acme-ci"), 404, missing),
        Row::new("fine-grained, outside collaborator", fine(&[]), 404, missing).by(None).with(Access::Admin),
        Row::new("fine-grained, pending", fine(&[]), 404, missing).of(acme().needs_approval()),
        Row::new("fine-grained, pending, public", fine(&[]), 200, "")
            .of(acme().needs_approval())
            .in_(public()),
        Row::new("fine-grained, owner needs no approval", fine(&[]), 200, "")
            .of(acme().needs_approval())
            .by(Some(Role::Owner)),
        Row::new("no such repository", classic(&["repo"]), 404, missing).at("/repos/acme/none"),
        Row::new("no such organization", classic(&["repo"]), 404, missing).at("/orgs/none"),
        Row::new("no such endpoint", classic(&["repo"]), 404, missing).at("/repos/acme/app/nothing"),
        Row::new("own repository", NewToken::fine_grained("ci", "acme-ci"), 200, "")
            .in_(NewRepository::private("acme-ci/app"))
            .at("/repos/acme-ci/app"),
    ];
    for row in rows {
        row.check().await;
    }
}

#[tokio::test]
async fn then_come_permission_rank_request_and_state() {
    let admin = "Must have admin rights to Repository.";
    let app = || NewRepository::private("acme/app");
    let moderator = [("administration", "read"), ("repository_hooks", "read")];
    let owner = Some(Role::Owner);
    let rows = [
        Row::new("no permission", fine(&[]), 403, NOT_FOR_TOKEN).at("/repos/acme/app/issues"),
        Row::new("permission", fine(&[("issues", "read")]), 200, "").at("/repos/acme/app/issues"),
        Row::new("more than needed", fine(&[("issues", "write")]), 200, "").at("/repos/acme/app/issues"),
        Row::new("open, public", fine(&[]), 200, "").in_(public()).at("/repos/acme/app/issues?per_page=1"),
        Row::new("closed, public", fine(&[]), 403, NOT_FOR_TOKEN)
            .in_(public())
            .at("/repos/acme/app/actions/secrets"),
        Row::new(
            "closed, public, outside",
            fine(&[("secrets", "read")]).repositories(&[]),
            403,
            NOT_FOR_TOKEN,
        )
        .in_(public())
        .at("/repos/acme/app/actions/secrets"),
        Row::new("no checks", fine(&[]), 403, NOT_FOR_TOKEN).at("/repos/acme/app/commits/main/check-runs"),
        Row::new("rank, 403", fine(&moderator), 403, admin).at("/repos/acme/app/actions/permissions"),
        Row::new("rank, 404", fine(&moderator), 404, "Not Found").at("/repos/acme/app/hooks"),
        Row::new("rank is there", fine(&moderator), 200, "")
            .with(Access::Admin)
            .at("/repos/acme/app/actions/permissions"),
        Row::new(
            "rank in the organization",
            fine(&[("organization_administration", "write")]),
            404,
            "Not Found",
        )
        .at("/orgs/acme/rulesets"),
        Row::new("organization", fine(&[("organization_administration", "write")]), 200, "")
            .by(owner)
            .at("/orgs/acme/rulesets"),
        Row::new("organization, not its token", NewToken::fine_grained("ci", "acme-ci"), 403, NOT_FOR_TOKEN)
            .at("/orgs/acme/teams"),
        Row::new("organization, open", NewToken::fine_grained("ci", "acme-ci"), 200, "")
            .at("/orgs/acme/members"),
        Row::new("request", fine(&[("codespaces", "write")]), 422, "Validation Failed")
            .at("/repos/acme/app/codespaces/permissions_check"),
        Row::new("request, organization", fine(&[("organization_api_insights", "read")]), 422, "Validation")
            .at("/orgs/acme/insights/api/subject-stats"),
        Row::new("request in order", fine(&[("organization_api_insights", "read")]), 200, "")
            .at("/orgs/acme/insights/api/subject-stats?min_timestamp=2026-01-01T00:00:00Z"),
        Row::new("state after permission", fine(&[]), 403, NOT_FOR_TOKEN)
            .in_(app().without_issues())
            .at("/repos/acme/app/issues"),
        Row::new("no issues", fine(&[("issues", "read")]), 410, "Issues are disabled")
            .in_(app().without_issues())
            .at("/repos/acme/app/issues"),
        Row::new("empty, commits", fine(&[("contents", "read")]), 409, "Git Repository is empty.")
            .in_(app().empty())
            .at("/repos/acme/app/commits?per_page=1"),
        Row::new("empty, contents", fine(&[("contents", "read")]), 404, "This repository is empty.")
            .in_(app().empty())
            .at("/repos/acme/app/contents/"),
        Row::new("no site", fine(&[("pages", "read")]), 404, "Not Found")
            .in_(app().without(Feature::Pages))
            .at("/repos/acme/app/pages"),
        Row::new(
            "no alerts",
            fine(&[("vulnerability_alerts", "read")]),
            403,
            "Dependabot alerts are disabled",
        )
        .in_(app().without(Feature::DependabotAlerts))
        .at("/repos/acme/app/dependabot/alerts"),
        Row::new("no analysis", fine(&[("security_events", "read")]), 404, "no analysis found")
            .in_(app().without(Feature::CodeScanning))
            .at("/repos/acme/app/code-scanning/alerts"),
        Row::new("no environment", fine(&[("environments", "read")]), 404, "Not Found")
            .at("/repos/acme/app/environments/production/variables"),
        Row::new("an environment", fine(&[("environments", "read")]), 200, "")
            .in_(app().environment("production"))
            .at("/repos/acme/app/environments/production/variables"),
        Row::new("blocked", fine(&[]), 403, "Repository access blocked").in_(app().blocked()),
        Row::new("taken down", classic(&["repo"]), 451, "Repository access blocked").in_(app().taken_down()),
        Row::new("blocked and hidden", classic(&[]), 404, "Not Found").in_(app().blocked()),
        Row::new("archived", classic(&["repo"]), 200, "").in_(app().archived()),
    ];
    for row in rows {
        row.check().await;
    }
}

#[tokio::test]
async fn accounts_and_memberships_have_gates_of_their_own() {
    let (own, org) = (|| NewToken::fine_grained("ci", "acme-ci"), "/user/memberships/orgs/acme");
    let scope = "You need at least read:org scope";
    let rows = [
        Row::new("account", own().permissions(&[("emails", "read")]), 200, "").at("/user/emails"),
        Row::new("account, lacking", own(), 403, NOT_FOR_TOKEN).at("/user/emails"),
        Row::new("account, token of an organization", fine(&[("emails", "read")]), 403, NOT_FOR_TOKEN)
            .at("/user/emails"),
        Row::new("account, classic", classic(&["user"]), 200, "").at("/user/emails"),
        Row::new("account, classic without scope", classic(&[]), 404, "Not Found").at("/user/emails"),
        Row::new("another's account", own().permissions(&[("plan", "read")]), 404, "Not Found")
            .at("/users/other/settings/billing/usage"),
        Row::new("no body", own().permissions(&[("interaction_limits", "read")]), 204, "")
            .at("/user/interaction-limits"),
        Row::new("membership", classic(&["read:org"]), 200, "").at(org),
        Row::new("membership, larger scope", classic(&["admin:org"]), 200, "").at(org),
        Row::new("membership, no scope", classic(&["repo"]), 403, scope).at(org),
        Row::new("membership, stranger", classic(&["read:org"]), 404, "Not Found").by(None).at(org),
        Row::new("membership, fine-grained", fine(&[("members", "read")]), 200, "").at(org),
        Row::new("membership, fine-grained, lacking", fine(&[]), 403, NOT_FOR_TOKEN).at(org),
        Row::new("organizations, no scope", classic(&[]), 403, scope).at("/user/orgs"),
        Row::new("memberships, no scope", classic(&[]), 403, scope).at("/user/memberships/orgs"),
        Row::new("memberships, fine-grained", own(), 200, "").at("/user/memberships/orgs"),
        Row::new("app", NewToken::app_user("ci", "acme-ci"), 403, "not accessible by integration")
            .at("/user/emails"),
    ];
    for row in rows {
        row.check().await;
    }
}
