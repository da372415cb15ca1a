//! What fine-grained tokens are answered at every endpoint of the table, against what GitHub's endpoint pages say.
//!
//! The rows are an extract of a capture of those pages. Where the whole capture is there, the extract is compared with it:
//! `FG_GET_ENDPOINTS` names its file, and it is looked for in `shared/reference` beside the repository.

use crate::client::{client, header, json};
use github_simulator::{NewOrganization, NewRepository, NewToken, Role, Simulator};
use reqwest::Client;
use std::{env, fs, path::PathBuf};

const EXTRACT: &str = include_str!("data/fg-get-endpoints-extract.tsv");
const PERMISSIONLESS: &str = "allows_permissionless_access=true";

/// Names of permissions on the pages, and in the API.
///
/// Source: <https://github.com/github/docs>, `src/github-apps/data/fpt-2026-03-10/fine-grained-pat-permissions.json`.
const TITLES: [(&str, &str); 58] = [
    ("account:Block another user", "blocking"),
    ("account:Codespaces user secrets", "codespaces_user_secrets"),
    ("account:Email addresses", "emails"),
    ("account:Followers", "followers"),
    ("account:GPG keys", "gpg_keys"),
    ("account:Git SSH keys", "keys"),
    ("account:Interaction limits", "interaction_limits"),
    ("account:Plan", "plan"),
    ("account:Private repository invitations", "private_repository_invitations"),
    ("account:SSH signing keys", "git_signing_ssh_public_keys"),
    ("account:Starring", "starring"),
    ("account:Watching", "watching"),
    ("organization:API Insights", "organization_api_insights"),
    ("organization:Administration", "organization_administration"),
    ("organization:Blocking users", "organization_user_blocking"),
    ("organization:Campaigns", "organization_campaigns"),
    ("organization:Copilot content exclusion", "org_copilot_content_exclusion"),
    ("organization:Custom organization roles", "organization_custom_org_roles"),
    ("organization:Custom properties", "organization_custom_properties"),
    ("organization:Events", "organization_events"),
    ("organization:GitHub Copilot Business", "organization_copilot_seat_management"),
    ("organization:Hosted runner custom images", "organization_runner_custom_images"),
    ("organization:Issue Fields", "issue_fields"),
    ("organization:Issue Types", "issue_types"),
    ("organization:Members", "members"),
    ("organization:Network configurations", "organization_network_configurations"),
    ("organization:Organization codespaces", "organization_codespaces"),
    ("organization:Organization codespaces secrets", "organization_codespaces_secrets"),
    ("organization:Organization dependabot secrets", "organization_dependabot_secrets"),
    ("organization:Organization private registries", "organization_private_registries"),
    ("organization:Projects", "organization_projects"),
    ("organization:Secrets", "organization_secrets"),
    ("organization:Self-hosted runners", "organization_self_hosted_runners"),
    ("organization:Variables", "organization_actions_variables"),
    ("organization:Webhooks", "organization_hooks"),
    ("repository:Actions", "actions"),
    ("repository:Administration", "administration"),
    ("repository:Artifact metadata", "artifact_metadata"),
    ("repository:Attestations", "attestations"),
    ("repository:Code scanning alerts", "security_events"),
    ("repository:Codespaces", "codespaces"),
    ("repository:Codespaces metadata", "codespaces_metadata"),
    ("repository:Codespaces secrets", "codespaces_secrets"),
    ("repository:Commit statuses", "statuses"),
    ("repository:Contents", "contents"),
    ("repository:Dependabot alerts", "vulnerability_alerts"),
    ("repository:Dependabot secrets", "dependabot_secrets"),
    ("repository:Deployments", "deployments"),
    ("repository:Environments", "environments"),
    ("repository:Issues", "issues"),
    ("repository:Metadata", "metadata"),
    ("repository:Pages", "pages"),
    ("repository:Pull requests", "pull_requests"),
    ("repository:Repository security advisories", "repository_advisories"),
    ("repository:Secret scanning alerts", "secret_scanning_alerts"),
    ("repository:Secrets", "secrets"),
    ("repository:Variables", "actions_variables"),
    ("repository:Webhooks", "repository_hooks"),
];

/// A line of the capture.
struct Row<'a> {
    path: &'a str,
    open: bool,
    /// Keys and levels; several are alternatives, or all needed where [`Row::needs_all`] says so.
    permissions: Vec<(&'a str, &'a str)>,
    /// The permission for checks, which no fine-grained token can have.
    impossible: bool,
}

impl Row<'_> {
    fn read(line: &str) -> Row<'_> {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!(cells[1], "yes", "{line}");
        let entries = || cells[4].split("; ").filter(|entry| !entry.is_empty());
        let permissions = entries().filter(|entry| !entry.contains("Checks")).map(|entry| {
            let (title, level) = entry.split_once('=').unwrap();
            let (_, key) = TITLES.iter().find(|(known, _)| *known == title).expect(title);
            (*key, level)
        });
        Row {
            path: cells[0],
            open: cells[2] == "yes",
            permissions: permissions.collect(),
            impossible: entries().any(|entry| entry.contains("Checks")),
        }
    }

    fn needs_nothing(&self) -> bool {
        self.permissions.is_empty() && !self.impossible
    }

    /// "with metadata": <https://docs.github.com/rest/activity/starring#check-if-a-repository-is-starred-by-the-authenticated-user>.
    fn needs_all(&self) -> bool {
        self.path.starts_with("/user/starred/")
    }

    /// What may be granted alone to be answered.
    fn sets(&self) -> Vec<Vec<(&str, &str)>> {
        match self.needs_all() {
            true => vec![self.permissions.clone()],
            false => self.permissions.iter().map(|pair| vec![*pair]).collect(),
        }
    }

    fn is_of_account(&self) -> bool {
        self.path.starts_with("/user") && !self.path.ends_with("/orgs/{org}")
    }

    /// The path with names of what is there.
    fn about(&self, repository: &str) -> String {
        let named = self.path.replace("{owner}/{repo}", repository).replace("{org}", "acme");
        let named = named.replace("{username}", "acme-ci").replace("{ref}", "main");
        let named = named.replace("{environment_name}", "production").replace("{path}", "");
        let named = named.replace("{subject_digest}", "sha256:0").replace("{secret_name}", "NONE");
        assert!(!named.contains('{'), "{named}");
        named
    }
}

/// An organization with a private and a public repository, and a token for each resource owner.
struct Fixture {
    github: Simulator,
    client: Client,
    texts: [String; 2],
}

impl Fixture {
    async fn start() -> Fixture {
        let github = Simulator::start().await.unwrap();
        github.organization(NewOrganization::new("acme"));
        github.member("acme", "acme-ci", Role::Owner);
        github.repository(NewRepository::private("acme/private").environment("production"));
        github.repository(NewRepository::public("acme/public").environment("production"));
        let token = |name| NewToken::fine_grained(name, "acme-ci");
        let texts = [github.token(token("organization").owner("acme")), github.token(token("account"))];
        Fixture { github, client: client(), texts }
    }

    /// Status, message and accepted permissions for a token that has exactly these.
    async fn ask(&self, row: &Row<'_>, held: &[(&str, &str)], repository: &str) -> (u16, String, String) {
        let index = usize::from(row.is_of_account());
        self.github.set_permissions(["organization", "account"][index], held);
        let url = format!("{}{}", self.github.url(), row.about(repository));
        let response = self.client.get(url).bearer_auth(&self.texts[index]).send().await.unwrap();
        let accepted = header(&response, "x-accepted-github-permissions").unwrap();
        let status = response.status().as_u16();
        let message = match status {
            204 => String::new(),
            _ => json(response).await["message"].as_str().unwrap_or_default().to_owned(),
        };
        (status, message, accepted)
    }
}

/// The whole capture, if it is there.
fn capture() -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference/fg-get-endpoints.tsv");
    let path = env::var_os("FG_GET_ENDPOINTS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    fs::read_to_string(path).ok()
}

#[test]
#[expect(clippy::print_stderr, reason = "what is left out is said")]
fn the_extract_is_part_of_the_capture() {
    let Some(capture) = capture() else {
        eprintln!("the extract was not compared with the whole capture: name its file in FG_GET_ENDPOINTS");
        return;
    };
    let lines: Vec<&str> = capture.lines().collect();
    for line in EXTRACT.lines().skip(1) {
        assert!(lines.contains(&line), "{line}");
    }
}

#[tokio::test]
async fn fine_grained_tokens_are_answered_as_the_pages_say() {
    let fixture = Fixture::start().await;
    let rows: Vec<Row<'_>> = EXTRACT.lines().skip(2).map(Row::read).collect();
    assert!(rows.len() > 80);
    let mut wrong = Vec::new();
    for row in &rows {
        let mut expect = |holds: bool, what: String| {
            if !holds {
                wrong.push(format!("{}: {what}", row.path));
            }
        };
        for held in row.sets() {
            let (status, message, _) = fixture.ask(row, &held, "acme/private").await;
            expect(!matches!(status, 401 | 403), format!("{held:?} gets {status} {message}"));
        }
        let others: Vec<_> = TITLES.iter().map(|(_, key)| (*key, "admin")).collect();
        let others: Vec<_> =
            others.into_iter().filter(|(key, _)| row.permissions.iter().all(|(own, _)| own != key)).collect();
        let (status, message, accepted) = fixture.ask(row, &others, "acme/private").await;
        let is_mandatory = row.permissions == [("metadata", "read")];
        let of_repository = row.path.starts_with("/repos/");
        let answers = row.needs_nothing() || is_mandatory || row.open && !of_repository;
        let refused = status == 403 && message == "Resource not accessible by personal access token";
        expect(answers != refused, format!("all others get {status} {message}"));
        let mut said: Vec<&str> = accepted.split([';', ',']).map(str::trim).collect();
        let mut meant: Vec<String> =
            row.permissions.iter().map(|(key, level)| format!("{key}={level}")).collect();
        match (row.needs_nothing(), row.impossible) {
            (true, _) => meant.push(PERMISSIONLESS.to_owned()),
            (_, true) => meant.push("checks=read".to_owned()),
            _ => {}
        }
        said.sort_unstable();
        meant.sort_unstable();
        expect(said == meant, format!("the header says {said:?}"));
        if of_repository && !is_mandatory {
            let (status, message, _) = fixture.ask(row, &others, "acme/public").await;
            expect(row.open != (status == 403), format!("public: all others get {status} {message}"));
        }
        for (key, _) in row.permissions.iter().filter(|(_, level)| *level == "write") {
            let (status, ..) = fixture.ask(row, &[(*key, "read")], "acme/private").await;
            expect(status == 403, format!("{key}=read gets {status}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
