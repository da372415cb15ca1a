//! What may stand at the end of a command line, by its definition alone.

use clap::{Arg, ArgAction, Command};

/// A word, and what it means.
pub(super) type Word = (String, String);

/// What may stand there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// One of these.
    Words(Vec<Word>),
    /// A file.
    Files,
    /// The name of a connection that begins so.
    Connections(String),
    /// The name of a namespace that begins so.
    Namespaces(String),
}

/// What may stand in place of the last of these words.
pub(super) fn wanted(root: &Command, words: &[String]) -> Wanted {
    let (last, before) = words.split_last().map_or(("", words), |(last, before)| (last.as_str(), before));
    let mut command = root;
    let mut open: Option<&Arg> = None;
    let mut given: usize = 0;
    for word in before {
        if open.take().is_some() {
            continue;
        }
        if let Some(inner) =
            command.find_subcommand(word).filter(|_| given == 0 && std::ptr::eq(command, root))
        {
            command = inner;
        } else if word.starts_with('-') {
            open = flag(command, word).filter(|arg| takes_value(arg) && !word.contains('='));
        } else {
            given = given.saturating_add(1);
        }
    }
    if let Some(arg) = open {
        return value(command, arg, last, "");
    }
    if let Some((name, begin)) = last.split_once('=').filter(|_| last.starts_with("--")) {
        return flag(command, name)
            .map_or(Wanted::Words(Vec::new()), |arg| value(command, arg, begin, &format!("{name}=")));
    }
    if last.starts_with('-') {
        return Wanted::Words(flags(command, last));
    }
    if std::ptr::eq(command, root) {
        let inner = command.get_subcommands().filter(|inner| !inner.is_hide_set());
        let inner = inner.map(|inner| (inner.get_name().to_owned(), sentence(inner.get_about())));
        return Wanted::Words(beginning(inner, last));
    }
    let positional = command.get_positionals().nth(given);
    positional.map_or(Wanted::Words(Vec::new()), |arg| value(command, arg, last, ""))
}

/// The flag that the word is, if there is such a flag.
fn flag<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let name = word.split('=').next().unwrap_or_default();
    command.get_arguments().find(|arg| match name.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => arg.get_short().is_some_and(|short| name == format!("-{short}")),
    })
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn flags(command: &Command, begin: &str) -> Vec<Word> {
    let all = command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set());
    let all = all.filter_map(|arg| Some((format!("--{}", arg.get_long()?), sentence(arg.get_help()))));
    beginning(all, begin)
}

/// What the value of an argument may be; the words begin so.
fn value(command: &Command, arg: &Arg, begin: &str, prefix: &str) -> Wanted {
    let possible = arg.get_possible_values();
    if !possible.is_empty() {
        let words = possible.iter().filter(|value| !value.is_hide_set());
        let words = words.map(|value| (value.get_name().to_owned(), sentence(value.get_help())));
        let words = beginning(words, begin).into_iter();
        return Wanted::Words(words.map(|(word, meaning)| (format!("{prefix}{word}"), meaning)).collect());
    }
    match arg.get_id().as_str() {
        // Those that there are cannot be made.
        "name" if arg.is_positional() && command.get_name() != "connect" => {
            Wanted::Connections(begin.to_owned())
        }
        "namespace" => Wanted::Namespaces(begin.to_owned()),
        _ if arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == "FILE")) => {
            Wanted::Files
        }
        _ => Wanted::Words(Vec::new()),
    }
}

fn beginning(words: impl Iterator<Item = Word>, begin: &str) -> Vec<Word> {
    words.filter(|(word, _)| word.starts_with(begin)).collect()
}

/// The beginning of a help text, up to its first stop.
fn sentence(help: Option<&clap::builder::StyledStr>) -> String {
    let help = help.map(ToString::to_string).unwrap_or_default();
    let end = [": ", "; ", " [default"].iter().filter_map(|stop| help.find(stop)).min();
    end.and_then(|end| help.get(..end)).unwrap_or(&help).to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn at(line: &str) -> Wanted {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let mut command = Cli::command();
        command.build();
        wanted(&command, &words)
    }

    fn words(line: &str) -> Vec<String> {
        match at(line) {
            Wanted::Words(words) => words.into_iter().map(|(word, _)| word).collect(),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn what_may_stand_there_is_offered_and_nothing_else() {
        assert_eq!(words("sta"), ["status"]);
        assert!(
            words("").contains(&"connect".to_owned()) && !words("").iter().any(|word| word.starts_with("__"))
        );
        assert_eq!(words("status --n"), ["--namespace"]);
        assert_eq!(words("status ci -o "), ["text", "json", "yaml"]);
        assert_eq!(words("list --output=w"), ["--output=wide"]);
        assert_eq!(words("wait ci --for Sec"), ["SecretResolved"]);
        assert_eq!(words("explain ScopeM"), ["ScopeMissing"]);
        assert_eq!(words("status ci another "), [""; 0]);
        assert_eq!(at("status c"), Wanted::Connections("c".to_owned()));
        assert_eq!(at("rotate --in-place "), Wanted::Connections(String::new()));
        assert_eq!(at("rotate -n team"), Wanted::Namespaces("team".to_owned()));
        assert_eq!(words("connect "), [""; 0], "what there is cannot be made");
        assert_eq!(at("rotate -n team ci"), Wanted::Connections("ci".to_owned()));
        assert_eq!(at("connect ci --token-file "), Wanted::Files);
        assert_eq!(at("nonsense --what "), at(""), "as if nothing had been said");
    }
}
