//! The documents of what is hosted: organizations, memberships, repositories.
//!
//! Field names: the examples on <https://docs.github.com/rest>.

use crate::{
    inventory::Inventory,
    organization::{Organization, Role},
    repository::{Access, Feature, Repository, Visibility},
};
use serde_json::{Value, json};

const API: &str = "https://api.github.com";

/// The public fields of an organization.
pub(crate) fn organization(organization: &Organization) -> Value {
    let name = &organization.name;
    let mut object = brief(organization);
    let more = json!({
        "name": name, "company": null, "blog": "", "location": null, "email": null, "twitter_username": null,
        "is_verified": false, "has_organization_projects": true, "has_repository_projects": true, "public_repos": 1,
        "public_gists": 0, "followers": 0, "following": 0, "html_url": format!("https://github.com/{name}"),
        "created_at": "2021-04-05T12:00:00Z", "updated_at": "2026-02-01T08:30:00Z", "archived_at": null,
        "type": "Organization",
    });
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

/// What lists show of an organization.
pub(crate) fn brief(organization: &Organization) -> Value {
    let (id, name) = (organization.id, &organization.name);
    let url = format!("{API}/orgs/{name}");
    json!({
        "login": name, "id": id, "node_id": format!("O_{id}"), "url": url, "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events"), "hooks_url": format!("{url}/hooks"),
        "issues_url": format!("{url}/issues"), "members_url": format!("{url}/members{{/member}}"),
        "public_members_url": format!("{url}/public_members{{/member}}"),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"), "description": "",
    })
}

/// The membership of a user.
pub(crate) fn membership(organization: &Organization, login: &str, role: Role) -> Value {
    let (state, role) = match role {
        Role::Member => ("active", "member"),
        Role::Owner => ("active", "admin"),
        Role::Pending => ("pending", "member"),
    };
    let url = format!("{API}/orgs/{}", organization.name);
    json!({
        "url": format!("{url}/memberships/{login}"), "state": state, "role": role, "organization_url": url,
        "organization": brief(organization), "user": {"login": login, "type": "User"},
    })
}

/// A repository as a user of this access sees it; without a user `permissions` are missing.
pub(crate) fn repository(
    inventory: &Inventory,
    repository: &Repository,
    user: Option<Option<Access>>,
) -> Value {
    let (id, full_name) = (repository.id, &repository.name);
    let (owner, name) = full_name.split_once('/').unwrap_or_default();
    let (owner_id, kind) = match inventory.organization(owner) {
        Some(organization) => (Some(organization.id), "Organization"),
        None => (None, "User"),
    };
    let visibility = match repository.visibility {
        Visibility::Private => "private",
        Visibility::Internal => "internal",
        Visibility::Public => "public",
    };
    let url = format!("{API}/repos/{full_name}");
    let mut object = json!({
        "id": id, "node_id": format!("R_{id}"), "name": name, "full_name": full_name,
        "private": !repository.is_public(), "visibility": visibility, "archived": repository.state.archived,
        "owner": {"login": owner, "id": owner_id, "type": kind}, "disabled": false, "fork": false, "description": null,
        "html_url": format!("https://github.com/{full_name}"), "url": url,
        "clone_url": format!("https://github.com/{full_name}.git"), "default_branch": "main",
        "has_issues": repository.has(Feature::Issues), "has_pages": repository.has(Feature::Pages),
        "created_at": "2021-04-05T12:00:00Z", "updated_at": "2026-02-01T08:30:00Z",
        "pushed_at": "2026-02-01T08:30:00Z",
    });
    if let (Some(access), Some(object)) = (user, object.as_object_mut()) {
        object.insert("permissions".to_owned(), permissions(repository, access));
    }
    object
}

/// The role of the user, whatever the token may: an administrator's read-only token shows `admin: true`
/// (semantic-release/github#895).
fn permissions(repository: &Repository, access: Option<Access>) -> Value {
    let may = |least: Access| access.is_some_and(|access| access >= least);
    json!({
        "admin": may(Access::Admin), "maintain": may(Access::Maintain), "push": may(Access::Push),
        "triage": may(Access::Triage), "pull": may(Access::Read) || repository.is_public(),
    })
}
