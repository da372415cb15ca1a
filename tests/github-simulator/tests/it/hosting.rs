//! Organizations and repositories: their documents, their headers, and how they change.

use crate::client::{get, header, json};
use github_simulator::{Access, NewOrganization, NewRepository, NewToken, Reply, Role, Simulator};
use reqwest::Response;

fn acme() -> NewOrganization {
    NewOrganization::new("acme")
}

fn classic(scopes: &[&str]) -> NewToken {
    NewToken::classic("ci", "acme-ci").scopes(scopes)
}

fn fine(permissions: &[(&str, &str)]) -> NewToken {
    NewToken::fine_grained("ci", "acme-ci").owner("acme").permissions(permissions)
}

fn public() -> NewRepository {
    NewRepository::public("acme/app")
}

async fn ask(github: &Simulator, path: &str) -> Response {
    get(github, path).bearer_auth(github.token_text("ci").unwrap()).send().await.unwrap()
}

#[tokio::test]
async fn documents_say_who_what_and_which_role() {
    let github = Simulator::start().await.unwrap();
    let id = github.organization(acme());
    github.member("acme", "acme-ci", Role::Pending);
    let number = github.repository(NewRepository::internal("acme/app").archived());
    github.token(classic(&["repo", "read:org"]));
    let membership = json(ask(&github, "/user/memberships/orgs/acme").await).await;
    assert_eq!((&membership["state"], &membership["role"]), (&"pending".into(), &"member".into()));
    github.member("acme", "acme-ci", Role::Owner);
    let membership = json(ask(&github, "/user/memberships/orgs/acme").await).await;
    assert_eq!((&membership["state"], &membership["role"]), (&"active".into(), &"admin".into()));
    assert_eq!(membership["organization"]["id"], id);
    github.member("acme", "acme-ci", Role::Member);
    github.collaborator("acme/app", "acme-ci", Access::Push);
    let organization = json(ask(&github, &format!("/organizations/{id}")).await).await;
    assert_eq!((&organization["login"], &organization["id"]), (&"acme".into(), &id.into()));
    let repository = json(ask(&github, &format!("/repositories/{number}")).await).await;
    assert_eq!(repository["id"], number);
    assert_eq!(repository["full_name"], "acme/app");
    assert_eq!(repository["private"], true);
    assert_eq!(repository["visibility"], "internal");
    assert_eq!(repository["archived"], true);
    let role = &repository["permissions"];
    assert_eq!(
        (&role["pull"], &role["push"], &role["maintain"]),
        (&true.into(), &true.into(), &false.into())
    );
    github.leave("acme", "acme-ci");
    assert_eq!(ask(&github, "/user/memberships/orgs/acme").await.status(), 404);
}

#[tokio::test]
async fn changes_hold_from_the_next_request_on() {
    let github = Simulator::start().await.unwrap();
    github.organization(acme().sso().needs_approval());
    github.member("acme", "acme-ci", Role::Member);
    github.repository(NewRepository::private("acme/app"));
    github.token(fine(&[]));
    let issues = "/repos/acme/app/issues";
    assert_eq!(ask(&github, issues).await.status(), 404);
    github.approve("ci");
    assert_eq!(ask(&github, issues).await.status(), 403);
    github.set_permissions("ci", &[("issues", "read")]);
    assert_eq!(ask(&github, issues).await.status(), 200);
    github.set_repositories("ci", &["acme/lib"]);
    assert_eq!(ask(&github, issues).await.status(), 404);
    github.token(classic(&["repo"]));
    assert_eq!(ask(&github, issues).await.status(), 403);
    github.authorize("ci", "acme");
    assert_eq!(ask(&github, issues).await.status(), 200);
    github.deauthorize("ci", "acme");
    assert_eq!(ask(&github, issues).await.status(), 403);
    github.organization(acme());
    assert_eq!(ask(&github, issues).await.status(), 200, "the member is still one");
}

#[tokio::test]
async fn a_moved_repository_redirects_to_its_number() {
    let github = Simulator::start().await.unwrap();
    github.organization(acme());
    github.member("acme", "acme-ci", Role::Member);
    let number = github.repository(NewRepository::private("acme/old"));
    github.token(classic(&["repo"]));
    assert_eq!(github.repository(NewRepository::private("acme/app").was("acme/old")), number);
    for (prefix, rest) in [("", ""), ("/api/v3", "/issues?per_page=1")] {
        let response = ask(&github, &format!("{prefix}/repos/Acme/old{rest}")).await;
        assert_eq!(response.status(), 301);
        let to = format!("{}{prefix}/repositories/{number}{rest}", github.url());
        assert_eq!(header(&response, "location").as_ref(), Some(&to));
        let body = json(response).await;
        assert_eq!((&body["message"], &body["url"]), (&"Moved Permanently".into(), &to.clone().into()));
        let there = ask(&github, to.strip_prefix(&github.url()).unwrap()).await;
        assert_eq!(there.status(), 200);
    }
    github.set_scopes("ci", &[]);
    assert_eq!(ask(&github, "/repos/acme/old").await.status(), 404);
}

#[tokio::test]
async fn single_sign_on_is_told_in_a_header() {
    let github = Simulator::start().await.unwrap();
    let hidden = [github.organization(acme().sso()), github.organization(NewOrganization::new("beta").sso())];
    github.organization(NewOrganization::new("open"));
    for name in ["acme", "beta", "open"] {
        github.member(name, "acme-ci", Role::Member);
    }
    github.token(classic(&["repo", "read:org"]));
    let required = header(&ask(&github, "/orgs/acme").await, "x-github-sso").unwrap();
    assert!(required.starts_with("required; url=https://github.com/orgs/acme/sso?authorization_request="));
    for path in ["/user/orgs", "/user/memberships/orgs"] {
        let response = ask(&github, path).await;
        let partial = format!("partial-results; organizations={},{}", hidden[0], hidden[1]);
        assert_eq!(header(&response, "x-github-sso"), Some(partial), "{path}");
        assert_eq!(json(response).await.as_array().unwrap().len(), 1, "{path}");
    }
    github.authorize("ci", "acme");
    github.authorize("ci", "beta");
    let response = ask(&github, "/user/orgs").await;
    assert_eq!(header(&response, "x-github-sso"), None);
    assert_eq!(json(response).await.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn organizations_are_those_of_the_user_and_memberships_invitations_too() {
    let github = Simulator::start().await.unwrap();
    for (name, role) in [("acme", Role::Member), ("beta", Role::Owner), ("later", Role::Pending)] {
        github.organization(NewOrganization::new(name));
        github.member(name, "acme-ci", role);
    }
    github.organization(NewOrganization::new("foreign"));
    let (all, invited) = (&["acme", "beta"][..], &["acme", "beta", "later"][..]);
    let rows = [
        ("classic", classic(&["read:org"]), "/user/orgs", "/login", all),
        ("classic", classic(&["read:org"]), "/user/memberships/orgs", "/organization/login", invited),
        ("fine-grained", fine(&[]), "/user/orgs", "/login", &["acme"]),
        ("own", NewToken::fine_grained("ci", "acme-ci"), "/user/orgs", "/login", &[]),
        ("fine-grained", fine(&[]), "/user/memberships/orgs", "/organization/login", invited),
    ];
    for (name, token, path, pointer, expected) in rows {
        github.token(token);
        let list = json(ask(&github, path).await).await;
        let names = list.as_array().unwrap().iter().map(|item| item.pointer(pointer).unwrap());
        assert_eq!(names.collect::<Vec<_>>(), expected, "{name} {path}");
    }
}

#[tokio::test]
async fn headers_tell_what_an_endpoint_accepts() {
    let github = Simulator::start().await.unwrap();
    github.organization(acme());
    github.member("acme", "acme-ci", Role::Member);
    github.repository(NewRepository::private("acme/app"));
    github.token(fine(&[]));
    let rows = [
        ("/repos/acme/app", "metadata=read"),
        ("/repos/acme/app/pages/health", "administration=write; pages=write"),
        ("/user/starred/acme/app", "metadata=read, starring=read"),
        ("/orgs/acme", "allows_permissionless_access=true"),
    ];
    for (path, accepted) in rows {
        let told = header(&ask(&github, path).await, "x-accepted-github-permissions");
        assert_eq!(told.as_deref(), Some(accepted), "{path}");
    }
    github.token(classic(&["repo"]));
    for (path, accepted) in
        [("/repos/acme/app", "repo"), ("/user/orgs", "read:org, user"), ("/orgs/acme", "")]
    {
        let told = header(&ask(&github, path).await, "x-accepted-oauth-scopes");
        assert_eq!(told.as_deref(), Some(accepted), "{path}");
    }
}

#[tokio::test]
async fn without_credentials_what_is_public_is_there() {
    let github = Simulator::start().await.unwrap();
    github.organization(acme().allows_no_address().forbids_classic());
    github.repository(public());
    github.repository(NewRepository::private("acme/hidden"));
    let rows = [
        ("/orgs/acme", 200),
        ("/repos/acme/app", 200),
        ("/repos/acme/app/issues", 200),
        ("/repos/acme/app/actions/secrets", 401),
        ("/repos/acme/hidden", 404),
        ("/user/emails", 401),
    ];
    for (path, status) in rows {
        assert_eq!(get(&github, path).send().await.unwrap().status(), status, "{path}");
    }
}

#[tokio::test]
async fn fixed_replies_and_scripts_win() {
    let github = Simulator::start().await.unwrap();
    github.organization(acme());
    github.repository(public());
    github.token(classic(&[]));
    github.at_path("ci", "/repos/acme/app", Reply::not_for_token());
    assert_eq!(ask(&github, "/repos/acme/app?x=1").await.status(), 403);
    github.script("ci", vec![Reply::Status(502)]);
    assert_eq!(ask(&github, "/repos/acme/app").await.status(), 502);
    github.at_path("ci", "/repos/acme/app", Reply::AsUsual);
    assert_eq!(ask(&github, "/repos/acme/app").await.status(), 200);
}

#[tokio::test]
#[should_panic(expected = "permissions: a fine-grained token cannot have `checks`.")]
async fn an_impossible_permission_fails_the_test_that_wants_it() {
    Simulator::start().await.unwrap().token(fine(&[("checks", "read")]));
}
