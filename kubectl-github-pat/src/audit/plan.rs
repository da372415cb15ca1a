//! A connection for each Secret with a token that no connection looks after, as YAML to be looked at and applied.

use std::collections::BTreeSet;

use github_pat_operator::cli::plain::plain;
use serde_json::{Map, Value, json};

use super::finding::{Audit, Named, Possible, Uncovered};
use crate::{error::Error, format};

/// The longest name of an object that is also a label.
const LONGEST: usize = 63;

/// The plan. `taken` has namespace and name of each connection that there is, which none of the plan may replace.
///
/// # Errors
///
/// If it cannot be written as YAML.
pub(super) fn plan(audit: &Audit, taken: &[Named]) -> Result<String, Error> {
    let mut text = String::from(
        "# A connection for each Secret with a GitHub token that no connection looks after. Each demands nothing yet but the kind of its\n\
         # token: say in spec.require what it is for, and in spec.host where it was made, if that is not github.com.\n",
    );
    for namespace in &audit.not_listed {
        text += &format!("# Namespace {namespace} was not looked at, since you may not list its Secrets.\n");
    }
    if audit.namespaces_unknown {
        text += "# Namespaces without a connection were not looked at, since you may list neither them nor all Secrets.\n";
    }
    for Possible { namespace, secret_name, key, hashed_token } in &audit.possible {
        let place = plain(&format!("Secret {namespace}/{secret_name}, key {key}"));
        text += &format!(
            "# {place} has 40 hexadecimal digits ({hashed_token}), which may be a token of before 2021, or a commit: nothing is planned for it.\n"
        );
    }
    let mut taken: BTreeSet<_> = taken.iter().cloned().collect();
    for found in &audit.uncovered {
        let Uncovered { namespace, secret_name, key, kind, hashed_token, readable, .. } = found;
        let (place, what) = (plain(&format!("Secret {namespace}/{secret_name}, key {key}")), kind.words());
        if !readable {
            text += &format!(
                "# {place} has a {what} ({hashed_token}) among other things, which no connection can read: store it alone.\n"
            );
            continue;
        }
        let name = name(secret_name, key, |name| {
            taken.insert(Named { namespace: namespace.clone(), name: name.to_owned() })
        });
        let object = fields([
            ("apiVersion", json!("githubpat.dev/v1alpha1")),
            ("kind", json!("GithubPatConnection")),
            ("metadata", fields([("name", json!(name)), ("namespace", json!(namespace))])),
            (
                "spec",
                fields([
                    ("secretRef", fields([("name", json!(secret_name)), ("key", json!(key))])),
                    ("require", json!({ "kinds": [kind] })),
                ]),
            ),
        ]);
        text += &format!("---\n# {place}: a {what} ({hashed_token})\n{}", format::yaml(&object)?);
    }
    Ok(text)
}

/// A name that is free: that of the Secret, with its key if there is another one of that name.
fn name(secret: &str, key: &str, mut take: impl FnMut(&str) -> bool) -> String {
    let key: String = key
        .to_ascii_lowercase()
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() { it } else { '-' })
        .collect();
    let cut =
        |text: String| text.chars().take(LONGEST).collect::<String>().trim_matches(['-', '.']).to_owned();
    let numbered = (2_u32..).map(|number| cut(format!("{number}-{secret}")));
    let mut names = [cut(secret.to_owned()), cut(format!("{secret}-{key}"))].into_iter().chain(numbered);
    names.find(|name| take(name)).unwrap_or_default()
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use github_pat_operator::{domain::token::TokenKind, settings::documents};

    use super::*;

    #[test]
    fn no_connection_of_a_plan_has_the_name_of_one_that_there_is() {
        let found = |namespace: &str| Uncovered {
            namespace: namespace.to_owned(),
            secret_name: "deploy".to_owned(),
            key: "token".to_owned(),
            kind: TokenKind::Classic,
            hashed_token: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned().try_into().unwrap(),
            readable: true,
            also_of: Vec::new(),
        };
        let audit = Audit { uncovered: vec![found("here"), found("there")], ..Audit::default() };
        let taken = Named { namespace: "here".to_owned(), name: "deploy".to_owned() };
        let planned: Vec<Value> = documents(&plan(&audit, &[taken]).unwrap()).unwrap();
        let names: Vec<_> = planned.iter().map(|planned| &planned["metadata"]["name"]).collect();
        assert_eq!(names, ["deploy-token", "deploy"]);
    }

    #[test]
    fn two_tokens_of_one_secret_get_two_names() {
        let mut taken = BTreeSet::new();
        let mut names = Vec::new();
        for (secret, key) in [("pats", "token"), ("pats", "OTHER_token"), ("pats", "other.token")] {
            names.push(name(secret, key, |name| taken.insert(name.to_owned())));
        }
        assert_eq!(names, ["pats", "pats-other-token", "2-pats"]);
    }
}
