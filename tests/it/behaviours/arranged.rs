//! Brings about at the simulated GitHub what a row says.

use github_simulator::{Feature, NewOrganization, NewRepository, NewToken, Simulator, TokenKind, Visibility};

use super::row::{Given, Kind, Policy, Row, Seen, Token, Trait};

/// The text with the names of this row.
pub(super) fn named(text: &str, row: usize) -> String {
    let text = text.replace("acme", &format!("acme{row}")).replace("ACME", &format!("ACME{row}"));
    let text = text.replace("ci/", &format!("ci{row}/"));
    text.replace("\"ci\"", &format!("\"ci{row}\"")).replace("\"CI\"", &format!("\"CI{row}\""))
}

pub(super) fn login(row: usize) -> String {
    format!("ci{row}")
}

pub(super) fn token_name(row: usize) -> String {
    format!("token-{row}")
}

/// The text of the token.
pub(super) fn arrange(github: &Simulator, index: usize, row: &Row) -> String {
    let login = login(index);
    github.account(&login);
    for given in row.given {
        match given {
            Given::Organization(name, policies) => {
                github.organization(organization(&named(name, index), policies))
            }
            Given::Member(name, role) => {
                github.member(&named(name, index), &login, *role);
                0
            }
            Given::Repository(seen, name, traits) => {
                github.repository(repository(*seen, &named(name, index), traits, index))
            }
            Given::Collaborator(name, access) => {
                github.collaborator(&named(name, index), &login, *access);
                0
            }
            Given::Package(seen, name) => {
                github.package(&named(name, index), visibility(*seen));
                0
            }
        };
    }
    let text = github.token(new_token(row.token, index));
    for organization in row.token.authorized {
        github.authorize(&token_name(index), &named(organization, index));
    }
    if row.token.approved {
        github.approve(&token_name(index));
    }
    text
}

fn organization(name: &str, policies: &[Policy]) -> NewOrganization {
    policies.iter().fold(NewOrganization::new(name), |made, policy| match policy {
        Policy::Sso => made.sso(),
        Policy::ForbidsClassic => made.forbids_classic(),
        Policy::ForbidsFineGrained => made.forbids_fine_grained(),
        Policy::ClassicLivesAtMost(days) => made.longest_lifetime(TokenKind::Classic, *days),
        Policy::FineGrainedLivesAtMost(days) => made.longest_lifetime(TokenKind::FineGrained, *days),
        Policy::AllowsNoAddress => made.allows_no_address(),
        Policy::NeedsApproval => made.needs_approval(),
        Policy::OfEnterprise(name) => made.enterprise(name),
        Policy::MembersMay(access) => made.base_access(*access),
    })
}

fn repository(seen: Seen, name: &str, traits: &[Trait], index: usize) -> NewRepository {
    traits.iter().fold(NewRepository::of(visibility(seen), name), |made, special| match special {
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
    })
}

const fn visibility(seen: Seen) -> Visibility {
    match seen {
        Seen::Private => Visibility::Private,
        Seen::Internal => Visibility::Internal,
        Seen::Public => Visibility::Public,
    }
}

fn new_token(token: Token, index: usize) -> NewToken {
    let (name, login) = (token_name(index), login(index));
    let made = match token.kind {
        Kind::Classic => NewToken::classic(&name, &login).scopes(token.scopes),
        Kind::OAuth => NewToken::oauth(&name, &login).scopes(token.scopes),
        Kind::AppUser => NewToken::app_user(&name, &login),
        Kind::FineGrained => {
            let made = NewToken::fine_grained(&name, &login).permissions(token.permissions);
            if token.owner.is_empty() { made } else { made.owner(&named(token.owner, index)) }
        }
    };
    let made = match token.selected {
        None => made,
        Some(names) => {
            let names: Vec<_> = names.iter().map(|name| named(name, index)).collect();
            made.repositories(&names.iter().map(String::as_str).collect::<Vec<_>>())
        }
    };
    token.days.map_or(made.clone(), |days| made.lifetime_days(days))
}
