//! What can be asked of GitHub about a token, always by a GET.

use std::sync::Arc;

use super::permission::Permission;

/// What GitHub can be asked about a token. Names of organizations and repositories are in lower case, since GitHub's own are the
/// same in any case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Probe {
    /// Whose token it is, by `GET /user`: tells validity, owner, classic scopes and expiry at once.
    Identity,
    /// Whether the organization lets the token in, by `GET /orgs/{org}`. Every token reads it, unless a policy keeps it out:
    /// <https://docs.github.com/en/rest/orgs/orgs#get-an-organization>
    Organization(Arc<str>),
    /// Whether the account is a member, by `GET /user/memberships/orgs/{org}`:
    /// <https://docs.github.com/en/rest/orgs/members#get-an-organization-membership-for-the-authenticated-user>
    Membership(Arc<str>),
    /// Whether the token sees the repository, by `GET /repos/{owner}/{name}`:
    /// <https://docs.github.com/en/rest/repos/repos#get-a-repository>
    Repository(Arc<str>),
    /// Whether git would take a push, by the advertisement that comes before one: `GET /{owner}/{name}.git/info/refs` for
    /// `git-receive-pack`, which changes nothing: <https://git-scm.com/docs/http-protocol>
    Push(Arc<str>),
    /// Whether a fine-grained token has this permission on this repository or organization, or on its account.
    Permission(Permission, Arc<str>),
    /// Whether the registry lets the token pull this image, by the exchange for a registry token:
    /// <https://distribution.github.io/distribution/spec/auth/token/>
    Package(Arc<str>),
}

impl Probe {
    /// Asks about an organization; `None` if this is no name of one.
    pub fn organization(name: &str) -> Option<Probe> {
        is_login(name).then(|| Probe::Organization(lower(name)))
    }

    /// Asks about membership in an organization; `None` if this is no name of one.
    pub fn membership(name: &str) -> Option<Probe> {
        is_login(name).then(|| Probe::Membership(lower(name)))
    }

    /// Asks about a repository, given as `owner/name`; `None` if it is not of that form.
    pub fn repository(name: &str) -> Option<Probe> {
        is_repository(name).then(|| Probe::Repository(lower(name)))
    }

    /// Asks about a push to a repository, given as `owner/name`; `None` if it is not of that form.
    pub fn push(name: &str) -> Option<Probe> {
        is_repository(name).then(|| Probe::Push(lower(name)))
    }

    /// Asks about an image, given as `owner/name` with further parts behind it; `None` if it is not of that form.
    pub fn package(name: &str) -> Option<Probe> {
        is_package(name).then(|| Probe::Package(lower(name)))
    }

    /// The word for what is asked, without what it is about.
    pub const fn kind(&self) -> &'static str {
        match self {
            Probe::Identity => "Identity",
            Probe::Organization(_) => "Organization",
            Probe::Membership(_) => "Membership",
            Probe::Repository(_) => "Repository",
            Probe::Push(_) => "Push",
            Probe::Permission(..) => "Permission",
            Probe::Package(_) => "Package",
        }
    }

    /// True if the REST API is asked, and neither git nor the registry.
    pub const fn is_of_api(&self) -> bool {
        !matches!(self, Probe::Push(_) | Probe::Package(_))
    }

    /// What it is about, as the spec names it: `acme` or `acme/app`; empty for the account itself.
    pub fn target(&self) -> &str {
        match self {
            Probe::Identity => "",
            Probe::Organization(name)
            | Probe::Membership(name)
            | Probe::Repository(name)
            | Probe::Push(name)
            | Probe::Permission(_, name)
            | Probe::Package(name) => name,
        }
    }
}

fn lower(name: &str) -> Arc<str> {
    name.to_ascii_lowercase().into()
}

/// The longest login. Those of organizations have no suffix:
/// <https://docs.github.com/en/enterprise-cloud@latest/admin/managing-iam/iam-configuration-reference/username-considerations-for-external-authentication>
const LONGEST_LOGIN: usize = 39;
/// The longest name of a repository: <https://github.com/dead-claudia/github-limits#repository-names>
const LONGEST_NAME: usize = 100;

fn is_login(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LONGEST_LOGIN).contains(&name.len()) && name.bytes().all(is_plain)
}

/// The parts of a name end up in a path, so `.` and `..` are none.
fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_plain) && !matches!(name, "." | "..")
}

fn is_repository(name: &str) -> bool {
    name.split_once('/').is_some_and(|(owner, name)| is_login(owner) && is_name(name))
}

fn is_package(name: &str) -> bool {
    name.split_once('/').is_some_and(|(owner, name)| is_login(owner) && name.split('/').all(is_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_github_and_reach_no_other_path() {
        let long = "a".repeat(40);
        let rows = [
            ("acme/app", true),
            ("Acme/.github", true),
            ("acme_corp/a.b-c_d", true),
            ("acme", false),
            ("acme/", false),
            ("/app", false),
            ("acme/..", false),
            ("acme/.", false),
            ("../user", false),
            ("acme/app/x", false),
            ("acme/a%2fb", false),
            ("acme/app?x", false),
            ("acme/app#x", false),
            ("acme/a b", false),
            (&*format!("{long}/app"), false),
        ];
        for (name, is_one) in rows {
            assert_eq!(Probe::repository(name).is_some(), is_one, "{name}");
            assert_eq!(Probe::push(name).is_some(), is_one, "{name}");
        }
        assert_eq!(Probe::repository("Acme/App"), Probe::repository("acme/app"), "one question");
        assert!(Probe::package("acme/app/worker").is_some() && Probe::package("acme/../x").is_none());
        assert!(Probe::organization("acme").is_some() && Probe::organization("acme/app").is_none());
    }
}
