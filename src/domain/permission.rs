//! The permissions of fine-grained tokens, and the GET that proves each.
//!
//! GitHub tells no token which permissions it has. A GET that needs one tells it by its answer, unless it is *open*: answered on public
//! resources without the permission, where it proves nothing.
//!
//! Keys and levels: <https://docs.github.com/en/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens>.
//! Which GET is open stands on the page of each endpoint, under "Fine-grained access tokens".

mod table;

use std::{
    cmp::{Ordering, Reverse},
    fmt,
    hash::{Hash, Hasher},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use table::TABLE;

/// How much a permission allows. Each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Level {
    /// To read.
    Read,
    /// To read and to change.
    Write,
    /// To administer.
    Admin,
}

impl Level {
    /// The word in the spec and on GitHub.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Read => "read",
            Level::Write => "write",
            Level::Admin => "admin",
        }
    }
}

/// To what a permission applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Repositories of the token.
    Repository,
    /// The organization that owns the token's resources.
    Organization,
    /// The account of the token, if that owns its resources.
    Account,
}

/// A GET that is answered only with a permission.
#[derive(Clone, Copy, Debug)]
pub struct Get {
    /// The path below the resource: `/repos/{owner}/{name}`, `/orgs/{org}` or `/user`; with a slash in front, or empty.
    pub path: &'static str,
    /// True if it is answered on public resources without the permission.
    pub open: bool,
    /// True if the path lies below the organization that owns the repository.
    pub of_owner: bool,
    /// True if the path lies below the account: `/users/{login}`, and ends with the organization if the permission is of one.
    pub of_login: bool,
    /// The query.
    pub query: &'static str,
    /// The statuses beside 200 and 204 that tell that the permission is there. Of these, 404 tells it only of a repository that the
    /// token sees at that moment and not everybody does: what is hidden has the same answer.
    pub also: &'static [u16],
}

/// What is known of one permission.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The key, as `X-Accepted-GitHub-Permissions` and the form for a new token write it.
    pub key: &'static str,
    /// To what it applies.
    pub resource: Resource,
    /// The levels that GitHub offers.
    pub levels: &'static [Level],
    /// What proves that it can read.
    pub read: Option<Get>,
    /// What proves that it can write. There are four of these.
    pub write: Option<Get>,
}

/// A permission at the level that a GET proves; read or write.
#[derive(Clone, Copy)]
pub struct Permission {
    row: &'static Row,
    level: Level,
}

impl Permission {
    /// What can be proven of this permission towards this level: the level itself, or a lower one; `None` if nothing can.
    pub fn provable(row: &'static Row, level: Level) -> Option<Permission> {
        let is_write = level > Level::Read && row.write.is_some();
        let level = if is_write { Level::Write } else { row.read.map(|_| Level::Read)? };
        Some(Permission { row, level })
    }

    /// The same by its key and the level that is to be proven, as a status keeps them.
    pub fn named(key: &str, level: Level) -> Option<Permission> {
        Permission::provable(find(key)?, level)
    }

    /// What is known of it.
    pub const fn row(self) -> &'static Row {
        self.row
    }

    /// The level that its GET proves.
    pub const fn level(self) -> Level {
        self.level
    }

    /// The GET that proves it.
    pub fn get(self) -> Option<Get> {
        if self.level == Level::Read { self.row.read } else { self.row.write }
    }

    /// What tells it apart: each key stands once.
    const fn identity(self) -> (&'static str, Level) {
        (self.row.key, self.level)
    }
}

impl PartialEq for Permission {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Permission {}

impl PartialOrd for Permission {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Permission {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl Hash for Permission {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.identity().hash(hasher);
    }
}

impl fmt::Debug for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.row().key, self.level.as_str())
    }
}

/// The permission of this key.
pub fn find(key: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.key == key)
}

/// What fine-grained tokens cannot have at all, and what to do instead. These keys belong to GitHub Apps:
/// <https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens#fine-grained-personal-access-tokens-limitations>
pub fn never(key: &str) -> Option<&'static str> {
    Some(match key {
        "checks" => "no personal access token writes checks: use a GitHub App, or demand statuses",
        "packages" => "packages are for classic tokens: demand the scope read:packages, or require.packages",
        "single_file" => "it is for GitHub Apps: demand contents",
        "repository_projects" => "projects of repositories are gone: demand organization_projects",
        "projects" | "user_projects" => {
            "they reach no projects of users: demand organization_projects, or the scope project of a classic token"
        }
        _ if key.starts_with("enterprise") => {
            "they reach no enterprise: demand a scope such as read:enterprise of a classic token, or use a GitHub App"
        }
        "organization_personal_access_tokens" | "organization_personal_access_token_requests" => {
            "it is for GitHub Apps: use one"
        }
        _ => return None,
    })
}

/// The known keys that are most like this one, at most three, the most like first.
pub fn nearest(key: &str) -> Vec<&'static str> {
    let mut keys: Vec<_> = TABLE.iter().map(|row| (Reverse(likeness(key, row.key)), row.key)).collect();
    keys.sort_unstable();
    keys.into_iter().filter(|(likeness, _)| likeness.0 > 0).map(|(_, key)| key).take(3).collect()
}

/// How many pairs of neighbouring letters two keys share, in thousandths of all their pairs.
fn likeness(one: &str, other: &str) -> usize {
    let plain = |key: &str| key.to_ascii_lowercase().replace(['-', ' '], "_");
    let (one, other) = (plain(one), plain(other));
    let (one, other): (Vec<_>, Vec<_>) =
        (one.as_bytes().windows(2).collect(), other.as_bytes().windows(2).collect());
    let shared = one.iter().filter(|pair| other.contains(pair)).count();
    shared.saturating_mul(2000).checked_div(one.len().saturating_add(other.len())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_stands_once_and_each_get_proves_a_level_that_the_permission_has() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(TABLE.iter().position(|other| other.key == row.key), Some(place), "{}", row.key);
            assert!(!row.levels.is_empty() && row.levels.is_sorted(), "{}", row.key);
            for (get, level) in [(row.read, Level::Read), (row.write, Level::Write)] {
                let Some(get) = get else { continue };
                assert!(row.levels.contains(&level), "{}: {level:?}", row.key);
                assert!(get.path.is_empty() || get.path.starts_with('/'), "{}", row.key);
                assert!(!get.path.contains(['{', '}']), "{}: nothing is left to fill in", row.key);
                assert!(
                    !get.also.iter().any(|status| matches!(status, 401 | 403 | 200 | 204)),
                    "{}",
                    row.key
                );
            }
            assert!(never(row.key).is_none(), "{}", row.key);
        }
        let proves_write: Vec<_> =
            TABLE.iter().filter(|row| row.write.is_some()).map(|row| row.key).collect();
        assert_eq!(proves_write.len(), 4, "{proves_write:?}");
    }

    #[test]
    fn the_highest_provable_level_is_asked_for() {
        let level = |key, level| Permission::provable(find(key).unwrap(), level).map(Permission::level);
        assert_eq!(level("contents", Level::Write), Some(Level::Read));
        assert_eq!(level("codespaces", Level::Write), Some(Level::Write));
        assert_eq!(level("codespaces", Level::Read), Some(Level::Read));
        assert_eq!(level("workflows", Level::Write), None);
    }

    #[test]
    fn a_wrong_key_is_told_the_nearest_ones() {
        let rows = [
            ("pull-requests", "pull_requests"),
            ("content", "contents"),
            ("pullrequests", "pull_requests"),
            ("webhooks", "repository_hooks"),
            ("Issues", "issues"),
        ];
        for (wrong, right) in rows {
            assert!(nearest(wrong).contains(&right), "{wrong}: {:?}", nearest(wrong));
        }
        assert_eq!(nearest("zzzz"), Vec::<&str>::new());
    }
}
