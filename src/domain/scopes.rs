//! Classic scopes: which scope includes which others.
//!
//! Source: <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps> and what GitHub's form
//! for new tokens ticks together; the API tells nothing about it. Unknown scopes are kept and satisfy themselves.

use std::collections::BTreeSet;

/// The scopes of a token in the order in which GitHub listed them. One text, since there is such a list for each token. No scope
/// has a comma in it: that is what parts them in GitHub's header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Box<str>);

impl Scopes {
    /// The scopes.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').filter(|scope| !scope.is_empty())
    }
}

impl<S: AsRef<str>> FromIterator<S> for Scopes {
    fn from_iter<I: IntoIterator<Item = S>>(scopes: I) -> Self {
        let mut joined = String::new();
        for scope in scopes {
            if !joined.is_empty() {
                joined.push(',');
            }
            joined.push_str(scope.as_ref());
        }
        Scopes(joined.into())
    }
}

/// The pattern of a scope, as the resource takes it and GitHub writes it: every scope of GitHub's list has this form.
pub const PATTERN: &str = "^[a-z_]+(:[a-z_]+)?$";
/// The longest scope that is taken, in characters.
pub const LONGEST: usize = 64;

/// True if the text has the form of a scope.
pub fn is_scope(text: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    text.len() <= LONGEST
        && text.split_once(':').map_or_else(|| is_word(text), |(one, other)| is_word(one) && is_word(other))
}

/// What each scope includes directly.
const INCLUDES: &[(&str, &[&str])] = &[
    (
        "admin:enterprise",
        &["manage_billing:enterprise", "manage_runners:enterprise", "read:enterprise", "scim:enterprise"],
    ),
    ("admin:gpg_key", &["write:gpg_key"]),
    ("admin:org", &["manage_runners:org", "write:org"]),
    ("admin:public_key", &["write:public_key"]),
    ("admin:repo_hook", &["write:repo_hook"]),
    ("admin:ssh_signing_key", &["write:ssh_signing_key"]),
    ("audit_log", &["read:audit_log"]),
    ("codespace", &["codespace:secrets"]),
    ("copilot", &["manage_billing:copilot"]),
    ("manage_billing:enterprise", &["read:enterprise"]),
    ("project", &["read:project"]),
    ("repo", &["public_repo", "repo:invite", "repo:status", "repo_deployment", "security_events"]),
    ("user", &["read:user", "user:email", "user:follow"]),
    ("write:discussion", &["read:discussion"]),
    ("write:gpg_key", &["read:gpg_key"]),
    ("write:network_configurations", &["read:network_configurations"]),
    ("write:org", &["read:org"]),
    ("write:packages", &["read:packages"]),
    ("write:public_key", &["read:public_key"]),
    ("write:repo_hook", &["read:repo_hook"]),
    ("write:ssh_signing_key", &["read:ssh_signing_key"]),
];

/// The scopes themselves and all that they include, to any depth.
pub fn closure<'a>(granted: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&'a str> = granted.into_iter().collect();
    while let Some(scope) = open.pop() {
        if reached.insert(scope) {
            open.extend(
                INCLUDES.iter().filter(|(name, _)| *name == scope).flat_map(|(_, included)| included.iter()),
            );
        }
    }
    reached
}

/// Those of the demanded scopes that the granted ones do not satisfy, in the order of the demand.
pub fn missing<'a>(demanded: &'a [String], granted: &Scopes) -> Vec<&'a str> {
    let reached = closure(granted.iter());
    demanded.iter().map(String::as_str).filter(|scope| !reached.contains(scope)).collect()
}

/// The most names in one sentence.
const TOLD: usize = 12;

/// The first of these names for a sentence, and how many more there are.
pub fn told<S: AsRef<str>>(names: &[S]) -> String {
    let told = names.iter().take(TOLD).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_scope_satisfies_what_it_includes_and_nothing_more() {
        let rows: &[(&str, &[&str], &[&str], &[&str])] = &[
            ("itself", &["gist"], &["gist"], &[]),
            ("repo includes public_repo", &["repo"], &["public_repo", "security_events"], &[]),
            ("not the reverse", &["public_repo"], &["repo"], &["repo"]),
            ("two steps down", &["admin:org"], &["read:org", "manage_runners:org"], &[]),
            ("three steps down", &["admin:public_key"], &["read:public_key"], &[]),
            ("through the enterprise", &["admin:enterprise"], &["read:enterprise"], &[]),
            ("admin:org is not admin:org_hook", &["admin:org"], &["admin:org_hook"], &["admin:org_hook"]),
            ("repo does not delete", &["repo"], &["delete_repo", "workflow"], &["delete_repo", "workflow"]),
            (
                "writing is not deleting",
                &["write:packages"],
                &["read:packages", "delete:packages"],
                &["delete:packages"],
            ),
            ("none at all", &[], &["repo"], &["repo"]),
            ("an unknown scope satisfies itself", &["brand:new"], &["brand:new"], &[]),
            ("nothing demanded", &[], &[], &[]),
            ("in the order of the demand", &[], &["user", "gist"], &["user", "gist"]),
        ];
        for (name, granted, demanded, lacking) in rows {
            assert_eq!(missing(&texts(demanded), &granted.iter().collect()), *lacking, "{name}");
        }
    }

    #[test]
    fn every_scope_of_github_has_the_form_of_one_and_other_texts_have_not() {
        let known = INCLUDES.iter().flat_map(|(name, included)| included.iter().chain([name]));
        for scope in known.copied().chain([
            "notifications",
            "site_admin",
            "delete:packages",
            "write:network_configurations",
        ]) {
            assert!(is_scope(scope), "{scope}");
        }
        let long = "a".repeat(LONGEST + 1);
        for text in [
            "",
            ":",
            "repo:",
            ":repo",
            "a:b:c",
            "Repo",
            "repo status",
            "<script>",
            "repo;gist",
            "répo",
            "repo\u{1b}",
            &long,
        ] {
            assert!(!is_scope(text), "{text:?}");
        }
    }

    #[test]
    fn a_list_has_what_was_put_into_it() {
        for list in [&[] as &[&str], &["repo"], &["repo", "read:org"]] {
            assert_eq!(list.iter().collect::<Scopes>().iter().collect::<Vec<_>>(), *list);
        }
    }

    proptest! {
        #[test]
        fn the_closure_is_closed_and_does_not_depend_on_order(
            mut picked in proptest::sample::subsequence(INCLUDES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), 0..8)
        ) {
            let once = closure(picked.iter().copied());
            prop_assert_eq!(&closure(once.iter().copied()), &once);
            picked.reverse();
            prop_assert_eq!(&closure(picked), &once);
        }
    }
}
