//! What a connection demands, by flags or by answers of a person.

use std::{collections::BTreeMap, str::FromStr};

use clap::{Args, FromArgMatches};
use github_pat_operator::{
    cli::usage::repeats_a_token,
    domain::{format::Format, token::TokenKind},
};
use serde_json::{Map, Value, json};

use crate::{
    cluster::object_name,
    error::Error,
    screen,
    terminal::{self, ask},
    trial::Trial,
};

/// What the token must be and have.
#[derive(Debug, Default, clap::Args)]
#[group(id = "demands", multiple = true)]
pub(crate) struct Demands {
    /// The GitHub host, by its name in the operator's settings [default: github.com]
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// The kinds of token that are allowed: classic, fine-grained [default: both]
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',', value_parser = kind)]
    kinds: Vec<TokenKind>,
    /// A scope that a classic token must have, as in repo; several are separated by commas
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', value_parser = word)]
    scopes: Vec<String>,
    /// A permission that a fine-grained token must have, as in contents=write
    #[arg(long = "permission", value_name = "KEY=LEVEL", value_delimiter = ',', value_parser = permission)]
    permissions: Vec<(String, String)>,
    /// An organization that must let the token in
    #[arg(long = "organization", value_name = "NAME", value_delimiter = ',', value_parser = word)]
    organizations: Vec<String>,
    /// A repository that the token must see
    #[arg(long = "repository", value_name = "OWNER/NAME", value_delimiter = ',', value_parser = word)]
    repositories: Vec<String>,
    /// A repository to which git must take its pushes
    #[arg(long = "push", value_name = "OWNER/NAME", value_delimiter = ',', value_parser = word)]
    pushes: Vec<String>,
    /// A container image that the token must be able to pull, as in acme/app
    #[arg(long = "package", value_name = "NAME", value_delimiter = ',', value_parser = word)]
    packages: Vec<String>,
    /// The login of the account whose token it must be
    #[arg(long, value_name = "LOGIN", value_parser = word)]
    account: Option<String>,
    /// A Secret that workloads read the token from, and its format, as in ci-bot-git:BasicAuth
    #[arg(long = "output", id = "publish", value_name = "SECRET:FORMAT", value_delimiter = ',')]
    outputs: Vec<Output>,
}

/// A Secret that workloads read.
#[derive(Clone, Debug)]
struct Output {
    secret: String,
    format: Format,
}

impl Demands {
    /// What these flags say, each with its values; one without a value says nothing.
    ///
    /// # Errors
    ///
    /// What is wrong with a value.
    pub(crate) fn of(flags: impl IntoIterator<Item = (&'static str, String)>) -> Result<Self, Error> {
        let said = flags.into_iter().filter(|(_, value)| !value.is_empty());
        let words = said.map(|(flag, value)| format!("--{flag}={value}"));
        let command = Self::augment_args(clap::Command::new("connect").no_binary_name(true));
        let read = command.try_get_matches_from(words).and_then(|found| Self::from_arg_matches(&found));
        read.map_err(|error| {
            let text = error.to_string();
            let sentence = text.lines().next().unwrap_or_default();
            Error::Usage(match repeats_a_token(&error) {
                true => "a token stands where something else belongs".to_owned(),
                false => sentence.trim_start_matches("error: ").to_owned(),
            })
        })
    }

    /// True if nothing is said of the token and a person is there.
    pub(super) fn are_asked_for(&self) -> bool {
        let is_said = !self.kinds.is_empty()
            || !self.scopes.is_empty()
            || !self.permissions.is_empty()
            || [&self.organizations, &self.repositories, &self.pushes, &self.packages]
                .iter()
                .any(|names| !names.is_empty());
        !is_said && terminal::is_there()
    }

    /// Asks for what is missing, if nothing is said of the token and a person is there.
    ///
    /// # Errors
    ///
    /// If the person gives up.
    pub(super) fn or_asked(mut self, trial: &Trial) -> Result<Self, Error> {
        if !self.are_asked_for() {
            return Ok(self);
        }
        self.kinds = until(trial, "Which kind of token, classic or fine-grained?", |answer| {
            kind(answer).map(|kind| vec![kind])
        })?;
        if self.kinds == [TokenKind::Classic] {
            self.scopes = until(
                trial,
                "Which scopes must it have, as in repo,read:packages? Nothing for none:",
                |answer| Ok(words(answer).map(str::to_owned).collect()),
            )?;
        } else {
            let question =
                "Which permissions must it have, as in contents=write,issues=read? Nothing for none:";
            self.permissions = until(trial, question, |answer| {
                let all: Vec<_> = words(answer).map(permission).collect::<Result<_, _>>()?;
                each_once(&all).map(|()| all)
            })?;
            self.repositories = until(
                trial,
                "On which repositories, as in acme/app,acme/lib? Nothing for none:",
                |answer| Ok(words(answer).map(str::to_owned).collect()),
            )?;
        }
        if self.outputs.is_empty() {
            let question =
                "Which Secrets shall workloads read, as in ci-bot-git:BasicAuth? Nothing for none:";
            self.outputs = until(trial, question, |answer| words(answer).map(Output::from_str).collect())?;
        }
        Ok(self)
    }

    /// The spec, with the Secret under this key as the source.
    ///
    /// # Errors
    ///
    /// If a permission is demanded with two levels.
    pub(crate) fn spec(&self, secret: &str, key: Option<&str>) -> Result<Value, Error> {
        each_once(&self.permissions).map_err(Error::Usage)?;
        let named = |names: &[String]| names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>();
        let permissions = self.permissions.iter().map(|(key, level)| (key.clone(), json!(level)));
        let pushes = self.pushes.iter().map(|name| json!({ "name": name, "access": "Push" }));
        let is_pushed = |name: &&String| self.pushes.contains(*name);
        let seen: Vec<_> = self.repositories.iter().filter(|name| !is_pushed(name)).cloned().collect();
        let outputs = self.outputs.iter();
        let require = filled([
            ("kinds", json!(self.kinds)),
            ("scopes", json!(self.scopes)),
            ("permissions", Value::Object(permissions.collect())),
            ("organizations", json!(named(&self.organizations))),
            ("repositories", named(&seen).into_iter().chain(pushes).collect()),
            ("packages", json!(named(&self.packages))),
        ]);
        Ok(filled([
            ("host", json!(self.host)),
            ("secretRef", filled([("name", json!(secret)), ("key", json!(key))])),
            ("expect", filled([("login", json!(self.account))])),
            ("require", require),
            (
                "publish",
                outputs
                    .map(|output| json!({ "secretName": output.secret, "format": output.format }))
                    .collect(),
            ),
        ]))
    }
}

/// The fields that have something in them.
fn filled<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    let fields = fields.into_iter().filter(|(_, value)| !is_empty(value));
    Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

/// Asks until the answer can be read.
fn until<T>(trial: &Trial, question: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<T, Error> {
    loop {
        let answer = ask(question)?;
        if trial.holds_a_token(&answer) {
            screen::say(
                "that looks like a token, which is asked for later: it is shown on this terminal now, so revoke it",
            );
            continue;
        }
        match read(&answer) {
            Ok(value) => return Ok(value),
            Err(message) => screen::say(&message),
        }
    }
}

fn words(answer: &str) -> impl Iterator<Item = &str> {
    answer.split([',', ' ']).filter(|word| !word.is_empty())
}

/// A name without the blanks that people write behind a comma.
fn word(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("no name: one is missing before or behind a comma"),
        word => Ok(word.to_owned()),
    }
}

/// A kind of token as people write it.
fn kind(text: &str) -> Result<TokenKind, String> {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    match letters.to_ascii_lowercase().as_str() {
        "classic" => Ok(TokenKind::Classic),
        "finegrained" => Ok(TokenKind::FineGrained),
        _ => Err("no kind of personal access token: write classic or fine-grained".to_owned()),
    }
}

fn permission(text: &str) -> Result<(String, String), String> {
    let parts =
        text.trim().split_once(['=', ':']).filter(|(key, level)| !key.is_empty() && !level.is_empty());
    let parts = parts.map(|(key, level)| (key.trim().to_owned(), level.trim().to_ascii_lowercase()));
    parts.ok_or_else(|| "no permission with a level: write it as in contents=write".to_owned())
}

/// Finds out whether each permission has one level: of two a spec would have the last one alone.
fn each_once(permissions: &[(String, String)]) -> Result<(), String> {
    let mut levels = BTreeMap::new();
    for (key, level) in permissions {
        if let Some(other) = levels.insert(key, level).filter(|other| *other != level) {
            return Err(format!(
                "the permission {key} is demanded with {other} and with {level}: name one level"
            ));
        }
    }
    Ok(())
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (secret, word) =
            text.trim().split_once(':').ok_or("no output: write it as in ci-bot-git:BasicAuth")?;
        let secret = object_name(secret).map_err(|error| format!("the Secret is {error}"))?;
        let format = Format::ALL.iter().find(|format| format.as_str().eq_ignore_ascii_case(word));
        let all = || Format::ALL.iter().map(|format| format.as_str()).collect::<Vec<_>>().join(", ");
        let format =
            format.copied().ok_or_else(|| format!("no format of an output: write one of {}", all()))?;
        Ok(Output { secret, format })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spec_has_what_was_said_and_nothing_else() {
        let of = |demands: Demands| demands.spec("pat", None).unwrap();
        assert_eq!(of(Demands::default()), json!({ "secretRef": { "name": "pat" } }));
        let demands = Demands {
            host: Some("ghe".to_owned()),
            kinds: vec![TokenKind::FineGrained],
            permissions: vec![permission("contents=Write").unwrap()],
            organizations: vec!["acme".to_owned()],
            repositories: vec!["acme/app".to_owned(), "acme/lib".to_owned()],
            pushes: vec!["acme/app".to_owned()],
            account: Some("acme-ci".to_owned()),
            outputs: vec!["ci-git:basicauth".parse().unwrap()],
            ..Demands::default()
        };
        assert_eq!(
            demands.spec("pat", Some("pat.txt")).unwrap(),
            json!({
                "host": "ghe", "secretRef": { "name": "pat", "key": "pat.txt" }, "expect": { "login": "acme-ci" },
                "require": {
                    "kinds": ["FineGrained"], "permissions": { "contents": "write" }, "organizations": [{ "name": "acme" }],
                    "repositories": [{ "name": "acme/lib" }, { "name": "acme/app", "access": "Push" }],
                },
                "publish": [{ "secretName": "ci-git", "format": "BasicAuth" }],
            })
        );
    }

    #[test]
    fn words_of_people_are_read_and_wrong_ones_are_told() {
        assert_eq!(kind("Fine-Grained"), Ok(TokenKind::FineGrained));
        assert_eq!(kind("CLASSIC"), Ok(TokenKind::Classic));
        assert!(kind("oauth").is_err() && permission("contents").is_err() && permission("=write").is_err());
        assert!("a".parse::<Output>().is_err());
        assert!("a:xml".parse::<Output>().unwrap_err().contains("BasicAuth"));
    }
    #[test]
    fn a_permission_with_two_levels_is_refused_and_not_weakened() {
        let of = |permissions: &str| Demands::of([("permission", permissions.to_owned())])?.spec("pat", None);
        let spec = of("contents=write,issues=read,contents=write").unwrap();
        assert_eq!(spec["require"]["permissions"], json!({ "contents": "write", "issues": "read" }));
        assert_eq!(
            of("contents=write,contents=read").unwrap_err().to_string(),
            "the permission contents is demanded with write and with read: name one level"
        );
    }

    #[test]
    fn blanks_around_words_are_dropped_and_what_no_secret_can_be_called_is_refused() {
        let of = |flag, value: &str| Demands::of([(flag, value.to_owned())])?.spec("pat", None);
        assert_eq!(
            of("scope", "repo, read:packages").unwrap()["require"]["scopes"],
            json!(["repo", "read:packages"])
        );
        assert_eq!(of("output", "a:BasicAuth, b:Env").unwrap()["publish"][1]["secretName"], "b");
        assert_eq!(
            of("permission", "contents=write, issues=read").unwrap()["require"]["permissions"]["issues"],
            "read"
        );
        for (flag, value) in
            [("output", ":BasicAuth"), ("output", "Foo Bar:BasicAuth"), ("scope", "repo,"), ("scope", " ")]
        {
            assert!(of(flag, value).is_err(), "{flag} {value:?}");
        }
    }
}
