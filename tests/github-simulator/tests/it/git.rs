//! The advertisement of refs, with which git begins.

use crate::client::{get, header};
use github_simulator::{
    Access, NewOrganization, NewRepository, NewToken, Reply, Role, Simulator, TokenKind, Whom, token_text_for,
};
use reqwest::Response;

const UPLOAD: &str = "git-upload-pack";
const RECEIVE: &str = "git-receive-pack";

/// Who wants to fetch or push, and what is said; the body is empty where an advertisement is expected.
struct Row {
    name: &'static str,
    organization: NewOrganization,
    repository: NewRepository,
    access: Option<Access>,
    token: NewToken,
    service: &'static str,
    status: u16,
    said: &'static str,
}

impl Row {
    /// A member who has a role in a repository of an organization without policies.
    fn new(
        name: &'static str,
        token: NewToken,
        service: &'static str,
        status: u16,
        said: &'static str,
    ) -> Row {
        let (organization, repository) = (NewOrganization::new("acme"), NewRepository::private("acme/app"));
        Row { name, organization, repository, access: Some(Access::Push), token, service, status, said }
    }

    fn of(self, organization: NewOrganization) -> Row {
        Row { organization, ..self }
    }

    fn in_(self, repository: NewRepository) -> Row {
        Row { repository, ..self }
    }

    fn with(self, access: Option<Access>) -> Row {
        Row { access, ..self }
    }

    async fn check(self) {
        let github = Simulator::start().await.unwrap();
        github.organization(self.organization);
        github.repository(self.repository);
        github.member("acme", "acme-ci", Role::Member);
        if let Some(access) = self.access {
            github.collaborator("acme/app", "acme-ci", access);
        }
        let text = github.token(self.token);
        let response = ask(&github, &text, self.service).await;
        assert_eq!(response.status(), self.status, "{}", self.name);
        let content_type = header(&response, "content-type").unwrap();
        let body = response.text().await.unwrap();
        if self.status == 200 {
            assert_eq!(
                content_type,
                format!("application/x-{}-advertisement", self.service),
                "{}",
                self.name
            );
            let length = if self.service == UPLOAD { "001e" } else { "001f" };
            let first = format!("{length}# service={}\n0000", self.service);
            assert!(body.starts_with(&first), "{}: {body}", self.name);
            assert!(body.ends_with("\n0000"), "{}: {body}", self.name);
        } else {
            assert_eq!(content_type, "text/plain; charset=utf-8", "{}", self.name);
            assert!(body.contains(self.said), "{}: {body}", self.name);
        }
    }
}

async fn ask(github: &Simulator, text: &str, service: &str) -> Response {
    let request = get(github, &format!("/acme/app.git/info/refs?service={service}"));
    request.basic_auth("x-access-token", Some(text)).send().await.unwrap()
}

fn classic(scopes: &[&str]) -> NewToken {
    NewToken::classic("ci", "acme-ci").scopes(scopes)
}

fn fine(permissions: &[(&str, &str)]) -> NewToken {
    NewToken::fine_grained("ci", "acme-ci").owner("acme").permissions(permissions)
}

#[tokio::test]
async fn fetching_and_pushing_need_the_tokens_right_and_the_users() {
    let acme = || NewOrganization::new("acme");
    let public = || NewRepository::public("acme/app");
    let (read, write) = ([("contents", "read")], [("contents", "write")]);
    let (missing, denied) = ("Repository not found.", "Permission to acme/app.git denied to acme-ci.");
    let granted = "Write access to repository not granted.";
    let rows = [
        Row::new("fetch, fine-grained", fine(&read), UPLOAD, 200, ""),
        Row::new("fetch, no permission", fine(&[]), UPLOAD, 403, granted),
        Row::new("fetch, not covered", fine(&read).repositories(&[]), UPLOAD, 404, missing),
        Row::new("fetch, public, no permission", fine(&[]), UPLOAD, 200, "").in_(public()),
        Row::new("fetch, classic", classic(&["repo"]), UPLOAD, 200, "").with(None),
        Row::new("fetch, classic without scope", classic(&[]), UPLOAD, 404, missing),
        Row::new("fetch, empty", classic(&["repo"]), UPLOAD, 200, "")
            .in_(NewRepository::private("acme/app").empty()),
        Row::new("push, fine-grained", fine(&write), RECEIVE, 200, ""),
        Row::new("push, read alone", fine(&read), RECEIVE, 403, granted),
        Row::new("push, user may not", fine(&write), RECEIVE, 403, denied).with(None),
        Row::new("push, user may only triage", fine(&write), RECEIVE, 403, denied).with(Some(Access::Triage)),
        Row::new("push, not covered", fine(&write).repositories(&[]), RECEIVE, 404, missing),
        Row::new("push, public, not covered", fine(&write).repositories(&[]), RECEIVE, 403, granted)
            .in_(public()),
        Row::new("push, classic", classic(&["repo"]), RECEIVE, 200, ""),
        Row::new("push, classic, user may not", classic(&["repo"]), RECEIVE, 403, denied).with(None),
        Row::new("push, public, public_repo", classic(&["public_repo"]), RECEIVE, 200, "").in_(public()),
        Row::new("push, public, no scope", classic(&[]), RECEIVE, 403, denied).in_(public()),
        Row::new("push, archived", classic(&["repo"]), RECEIVE, 403, "archived so it is read-only")
            .in_(NewRepository::private("acme/app").archived()),
        Row::new("fetch, archived", classic(&["repo"]), UPLOAD, 200, "")
            .in_(NewRepository::private("acme/app").archived()),
        Row::new("blocked", classic(&["repo"]), UPLOAD, 403, "disabled by GitHub staff")
            .in_(NewRepository::private("acme/app").blocked()),
        Row::new("taken down", classic(&["repo"]), UPLOAD, 451, "DMCA takedown")
            .in_(NewRepository::private("acme/app").taken_down()),
        Row::new("another service", classic(&["repo"]), "git-nothing", 403, "upgrade your git client"),
        Row::new("ban", classic(&["repo"]), RECEIVE, 403, "(classic) are forbidden from accessing")
            .of(acme().forbids_classic()),
        Row::new("ban, public fetch", classic(&[]), UPLOAD, 200, "")
            .of(acme().forbids_classic())
            .in_(public()),
        Row::new("ban, public push", classic(&["repo"]), RECEIVE, 403, "(classic) are forbidden")
            .of(acme().forbids_classic())
            .in_(public()),
        Row::new("lifetime", fine(&write), RECEIVE, 403, "greater than 7 days")
            .of(acme().longest_lifetime(TokenKind::FineGrained, 7)),
        Row::new("single sign-on", classic(&["repo"]), UPLOAD, 403, "The `acme' organization has enabled")
            .of(acme().sso()),
        Row::new(
            "single sign-on, OAuth",
            NewToken::oauth("ci", "acme-ci").scopes(&["repo"]),
            UPLOAD,
            403,
            "re-authorize the OAuth Application",
        )
        .of(acme().sso()),
        Row::new("address", fine(&write), RECEIVE, 403, "IP allow list enabled")
            .of(acme().allows_no_address()),
        Row::new("pending", fine(&write), RECEIVE, 404, missing).of(acme().needs_approval()),
    ];
    for row in rows {
        row.check().await;
    }
}

#[tokio::test]
async fn credentials_come_first() {
    let github = Simulator::start().await.unwrap();
    github.organization(NewOrganization::new("acme"));
    github.member("acme", "acme-ci", Role::Owner);
    github.repository(NewRepository::public("acme/app"));
    let good = github.token(classic(&["repo"]));
    let unknown = token_text_for(TokenKind::Classic, 1);
    for service in [UPLOAD, RECEIVE] {
        let response = ask(&github, &unknown, service).await;
        assert_eq!(response.status(), 401, "{service}");
        assert_eq!(header(&response, "www-authenticate").as_deref(), Some("Basic realm=\"GitHub\""));
        assert_eq!(header(&response, "x-ratelimit-limit"), None);
        let body = response.text().await.unwrap();
        assert!(body.starts_with("Invalid username or token."), "{body}");
    }
    // Without any: what is public is fetched, and nothing is pushed, nor told to be there.
    for (repository, service, status) in
        [("app", UPLOAD, 200), ("app", RECEIVE, 401), ("none", UPLOAD, 401), ("none", RECEIVE, 401)]
    {
        let path = format!("/acme/{repository}.git/info/refs?service={service}");
        assert_eq!(get(&github, &path).send().await.unwrap().status(), status, "{path}");
    }
    let path = format!("/acme/app.git/info/refs?service={RECEIVE}");
    assert_eq!(get(&github, &path).bearer_auth(&good).send().await.unwrap().status(), 401, "not basic");
    github.refuse(Whom::Everyone);
    assert_eq!(ask(&github, &good, RECEIVE).await.status(), 401);
    github.refuse(Whom::Nobody);
    github.suspend("acme-ci");
    assert_eq!(ask(&github, &good, RECEIVE).await.status(), 403);
    github.unsuspend("acme-ci");
    assert_eq!(ask(&github, &good, RECEIVE).await.status(), 200);
    let last = github.calls().pop().unwrap();
    assert_eq!((last.token.as_deref(), last.path.as_str()), (Some("ci"), path.as_str()));
}

#[tokio::test]
async fn a_moved_repository_redirects_and_a_fixed_reply_wins() {
    let github = Simulator::start().await.unwrap();
    github.repository(NewRepository::private("acme-ci/new").was("acme/app"));
    let text = github.token(classic(&["repo"]));
    let response = ask(&github, &text, RECEIVE).await;
    assert_eq!(response.status(), 301);
    let to = format!("{}/acme-ci/new.git/info/refs?service={RECEIVE}", github.url());
    assert_eq!(header(&response, "location"), Some(to));
    let one = format!("/acme/app.git/info/refs?service={RECEIVE}");
    github.at_path("ci", &one, Reply::Status(403));
    assert_eq!(ask(&github, &text, RECEIVE).await.status(), 403);
    assert_eq!(ask(&github, &text, UPLOAD).await.status(), 301);
    github.at_path("ci", "/acme/app.git/info/refs", Reply::Status(500));
    assert_eq!(ask(&github, &text, UPLOAD).await.status(), 500);
    github.script("ci", vec![Reply::Status(503)]);
    assert_eq!(ask(&github, &text, UPLOAD).await.status(), 503);
    assert_eq!(ask(&github, &text, UPLOAD).await.status(), 500);
}

#[tokio::test]
async fn git_costs_nothing_of_the_budget() {
    let github = Simulator::start().await.unwrap();
    github.repository(NewRepository::private("acme/app"));
    let text = github.token(NewToken::classic("ci", "acme").scopes(&["repo"]));
    github.limit("acme", 0, jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1));
    assert_eq!(get(&github, "/user").bearer_auth(&text).send().await.unwrap().status(), 403);
    assert_eq!(ask(&github, &text, RECEIVE).await.status(), 200);
}
