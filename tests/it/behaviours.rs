//! Whether a token serves its purpose: each row a situation at GitHub, a demand, and what the connection says then.
//!
//! All rows live in one world at once, each with an organization, an account and a token of its own. `docs/behaviours.md` is made of
//! the same rows.

mod rows;

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use github_pat_operator::api::GithubPatConnection;
use github_simulator::{
    Access, Feature, NewOrganization, NewRepository, NewToken, Role, Simulator, TokenKind,
};
use serde_json::{Value, json};

use crate::world::World;
use rows::ROWS;

/// One situation, one demand, and what must come of it. `acme` is the organization and `ci` the account of the token; in the world of
/// the test each row has its own.
pub(crate) struct Row {
    /// What it shows.
    pub(crate) name: &'static str,
    /// What is the case at GitHub.
    pub(crate) given: &'static [Given],
    /// The token.
    pub(crate) token: Token,
    /// `spec.require`.
    pub(crate) require: &'static str,
    /// `Ready`: status and reason.
    pub(crate) ready: (&'static str, &'static str),
    /// `status.requirements`: kind, name, state, reason.
    pub(crate) lines: &'static [(&'static str, &'static str, &'static str, &'static str)],
    /// What GitHub is asked beside `GET /user`, each path with how often.
    pub(crate) calls: &'static [(&'static str, usize)],
}

/// What is the case at GitHub.
#[derive(Clone, Copy)]
pub(crate) enum Given {
    /// An organization with these policies.
    Organization(&'static [Policy]),
    /// The account is in the organization.
    Member(Role),
    /// A repository.
    Repository(Seen, &'static str, &'static [Trait]),
    /// What the account may do in a repository.
    Collaborator(&'static str, Access),
}

/// Who sees a repository.
#[derive(Clone, Copy)]
pub(crate) enum Seen {
    Private,
    Internal,
    Public,
}

/// What is special about a repository.
#[derive(Clone, Copy)]
pub(crate) enum Trait {
    Archived,
    Empty,
    WithoutIssues,
    WithoutPages,
    WithoutCodeScanning,
    WithoutSecretScanning,
    WithoutDependabotAlerts,
    Was(&'static str),
    Blocked,
    TakenDown,
}

/// A policy of an organization.
#[derive(Clone, Copy)]
pub(crate) enum Policy {
    Sso,
    ForbidsClassic,
    ForbidsFineGrained,
    ClassicLivesAtMost(u32),
    FineGrainedLivesAtMost(u32),
    AllowsNoAddress,
    NeedsApproval,
}

/// A token of the account `ci`.
#[derive(Clone, Copy)]
pub(crate) enum Token {
    /// A classic one with these scopes.
    Classic(&'static [&'static str]),
    /// The same, authorized for the single sign-on of the organization.
    Authorized(&'static [&'static str]),
    /// A fine-grained one for the organization, with these permissions, for all of its repositories.
    Fine(&'static [(&'static str, &'static str)]),
    /// The same for these repositories only.
    Selected(&'static [(&'static str, &'static str)], &'static [&'static str]),
    /// A fine-grained one for the account itself, with these permissions.
    Own(&'static [(&'static str, &'static str)]),
}

/// The text with the names of this row.
fn named(text: &str, row: usize) -> String {
    text.replace("acme", &format!("acme{row}")).replace("ci/", &format!("ci{row}/"))
}

fn login(row: usize) -> String {
    format!("ci{row}")
}

fn arrange(github: &Simulator, index: usize, row: &Row) -> String {
    let (organization, login) = (format!("acme{index}"), login(index));
    github.account(&login);
    for given in row.given {
        match given {
            Given::Organization(policies) => {
                let made =
                    policies.iter().fold(NewOrganization::new(&organization), |made, policy| match policy {
                        Policy::Sso => made.sso(),
                        Policy::ForbidsClassic => made.forbids_classic(),
                        Policy::ForbidsFineGrained => made.forbids_fine_grained(),
                        Policy::ClassicLivesAtMost(days) => made.longest_lifetime(TokenKind::Classic, *days),
                        Policy::FineGrainedLivesAtMost(days) => {
                            made.longest_lifetime(TokenKind::FineGrained, *days)
                        }
                        Policy::AllowsNoAddress => made.allows_no_address(),
                        Policy::NeedsApproval => made.needs_approval(),
                    });
                github.organization(made);
            }
            Given::Member(role) => github.member(&organization, &login, *role),
            Given::Repository(seen, name, traits) => {
                let name = named(name, index);
                let made = match seen {
                    Seen::Private => NewRepository::private(&name),
                    Seen::Internal => NewRepository::internal(&name),
                    Seen::Public => NewRepository::public(&name),
                };
                let made = traits.iter().fold(made, |made, special| match special {
                    Trait::Archived => made.archived(),
                    Trait::Empty => made.empty(),
                    Trait::WithoutIssues => made.without_issues(),
                    Trait::WithoutPages => made.without(Feature::Pages),
                    Trait::WithoutCodeScanning => made.without(Feature::CodeScanning),
                    Trait::WithoutSecretScanning => made.without(Feature::SecretScanning),
                    Trait::WithoutDependabotAlerts => made.without(Feature::DependabotAlerts),
                    Trait::Was(name) => made.was(&named(name, index)),
                    Trait::Blocked => made.blocked(),
                    Trait::TakenDown => made.taken_down(),
                });
                github.repository(made);
            }
            Given::Collaborator(name, access) => github.collaborator(&named(name, index), &login, *access),
        }
    }
    let name = format!("token-{index}");
    match row.token {
        Token::Classic(scopes) => github.token(NewToken::classic(&name, &login).scopes(scopes)),
        Token::Authorized(scopes) => {
            let text = github.token(NewToken::classic(&name, &login).scopes(scopes));
            github.authorize(&name, &organization);
            text
        }
        Token::Fine(permissions) => {
            github.token(NewToken::fine_grained(&name, &login).owner(&organization).permissions(permissions))
        }
        Token::Selected(permissions, repositories) => {
            let repositories: Vec<_> = repositories.iter().map(|name| named(name, index)).collect();
            let repositories: Vec<_> = repositories.iter().map(String::as_str).collect();
            let new = NewToken::fine_grained(&name, &login).owner(&organization).permissions(permissions);
            github.token(new.repositories(&repositories))
        }
        Token::Own(permissions) => {
            github.token(NewToken::fine_grained(&name, &login).permissions(permissions))
        }
    }
}

#[tokio::test]
async fn every_purpose_is_judged_as_its_row_says() {
    let world = World::start().await;
    let _operator = world.operator().await;
    for (index, row) in ROWS.iter().enumerate() {
        let text = arrange(&world.github, index, row);
        let name = format!("row-{index}");
        world.secret(&name, &text).await;
        let require: Value = serde_json::from_str(&named(row.require, index))
            .unwrap_or_else(|error| panic!("{}: {error}: {}", row.name, row.require));
        world.connection(&name, json!({ "require": require, "interval": "24h", "warnBefore": [] })).await;
    }
    let world = &world;
    let wrong = stream::iter(ROWS.iter().enumerate()).map(|(index, row)| judged(world, index, row));
    let wrong: Vec<_> = wrong.buffer_unordered(ROWS.len()).filter_map(std::future::ready).collect().await;
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), ROWS.len(), wrong.join("\n"));
}

/// What is wrong with a row once it has been judged; nothing if nothing is.
async fn judged(world: &World, index: usize, row: &Row) -> Option<String> {
    let name = format!("row-{index}");
    let expected: Vec<_> = row
        .lines
        .iter()
        .map(|(kind, name, state, reason)| format!("{kind} {}: {state} {reason}", named(name, index)))
        .collect();
    let is_so = |seen: &GithubPatConnection| {
        told(seen) == expected && ready(seen) == Some((row.ready.0.to_owned(), row.ready.1.to_owned()))
    };
    let Some(seen) = world.comes_to_be(&name, is_so).await else {
        let last = world.connections().get(&name).await.unwrap();
        return Some(format!("{}: {:?} {:#?}", row.name, ready(&last), told(&last)));
    };
    let calls = calls(world, index);
    let wanted: BTreeMap<_, _> = row
        .calls
        .iter()
        .map(|(path, count)| (named(path, index), *count))
        .chain([("/user".to_owned(), 1)])
        .collect();
    (calls != wanted).then(|| format!("{}: asked {calls:#?}, and {:?}", row.name, ready(&seen)))
}

fn ready(seen: &GithubPatConnection) -> Option<(String, String)> {
    let ready = seen.status.as_ref()?.condition("Ready")?;
    Some((ready.status.as_str().to_owned(), ready.reason.clone()))
}

fn told(seen: &GithubPatConnection) -> Vec<String> {
    let lines = seen.status.iter().flat_map(|status| &status.requirements);
    lines.map(|line| format!("{:?} {}: {:?} {}", line.kind, line.name, line.state, line.reason)).collect()
}

/// Each path that GitHub was asked for this row, with how often.
fn calls(world: &World, index: usize) -> BTreeMap<String, usize> {
    let token = format!("token-{index}");
    let mut counts = BTreeMap::new();
    for call in world.github.calls().iter().filter(|call| call.token.as_deref() == Some(&token)) {
        assert_eq!(call.method, "GET", "nothing but GET");
        *counts.entry(call.path.clone()).or_insert(0) += 1;
    }
    counts
}
