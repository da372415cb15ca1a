//! Scopes of classic tokens: which includes which.

/// Each scope and what it includes at once.
///
/// Source: <https://docs.github.com/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps>, and what the form for a new
/// token ticks together.
const INCLUDED: &[(&str, &[&str])] = &[
    ("repo", &["repo:status", "repo_deployment", "public_repo", "repo:invite", "security_events"]),
    ("admin:repo_hook", &["write:repo_hook"]),
    ("write:repo_hook", &["read:repo_hook"]),
    ("admin:org", &["write:org", "manage_runners:org"]),
    ("write:org", &["read:org"]),
    ("admin:public_key", &["write:public_key"]),
    ("write:public_key", &["read:public_key"]),
    ("user", &["read:user", "user:email", "user:follow"]),
    ("project", &["read:project"]),
    ("write:packages", &["read:packages"]),
    ("admin:gpg_key", &["write:gpg_key"]),
    ("write:gpg_key", &["read:gpg_key"]),
    ("admin:ssh_signing_key", &["write:ssh_signing_key"]),
    ("write:ssh_signing_key", &["read:ssh_signing_key"]),
    ("codespace", &["codespace:secrets"]),
    ("write:network_configurations", &["read:network_configurations"]),
];

/// Whether one of these scopes is `wanted`, or includes it.
pub(crate) fn include(scopes: &[String], wanted: &str) -> bool {
    scopes.iter().any(|scope| reaches(scope, wanted))
}

fn reaches(scope: &str, wanted: &str) -> bool {
    let included = INCLUDED.iter().find(|(name, _)| *name == scope).map_or(&[][..], |(_, included)| included);
    scope == wanted || included.iter().any(|scope| reaches(scope, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_includes_those_below_it() {
        let rows = [
            ("repo", "public_repo", true),
            ("public_repo", "repo", false),
            ("admin:org", "read:org", true),
            ("read:org", "admin:org", false),
            ("write:packages", "read:packages", true),
            ("delete:packages", "read:packages", false),
            ("gist", "gist", true),
        ];
        for (scope, wanted, expected) in rows {
            assert_eq!(include(&[scope.to_owned()], wanted), expected, "{scope} {wanted}");
        }
        assert!(!include(&[], "repo"));
    }
}
