//! Pods that wait for connections: which ones a Pod names, and whether it may start.

mod told;

use super::{
    reason::Reason,
    token::{LegacyTokens, Token},
};
pub use told::Told;

/// The name of the scheduling gate behind which a Pod waits:
/// <https://kubernetes.io/docs/concepts/scheduling-eviction/pod-scheduling-readiness/>.
pub const GATE: &str = "githubpat.dev/token";
/// The annotation of a Pod that names the connections of its namespace that it waits for, separated by commas.
pub const WAIT_FOR: &str = "githubpat.dev/wait-for";
/// The most connections that one Pod waits for.
const MOST: usize = 16;
/// The longest name of a connection, which is that of any object:
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names>.
const LONGEST_NAME: usize = 253;

/// What the annotation of a Pod asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To wait for these connections, each named once.
    Connections(Vec<Box<str>>),
    /// Nothing that can be done.
    Unclear(Unclear),
}

/// Why an annotation does not say which connections a Pod waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// There is none, or it is empty.
    Nothing,
    /// Something in it is no name.
    NoName,
    /// It names too many.
    TooMany,
}

/// Whether a connection that a Pod waits for is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is Ready, and so are its outputs.
    Ready,
    /// It is not, for the reason that `Ready` has.
    NotReady(Reason),
    /// Nobody knows yet.
    Unjudged,
    /// It is being deleted.
    Leaving,
    /// There is none of this name.
    Missing,
    /// There is one, and another operator looks after it.
    OfAnother,
}

/// What is to become of a Pod that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// Its gate is lifted.
    Start,
    /// It waits on, for this cause, which is told in a sentence.
    Wait(String),
    /// It waits on, and nobody knows yet whether there is a cause.
    Listen,
    /// Another operator looks after it.
    Leave,
}

impl Wish {
    /// What the annotation asks for; `None` stands for a Pod without it.
    pub fn of(annotation: Option<&str>) -> Self {
        let mut names: Vec<Box<str>> = Vec::new();
        let parts = annotation.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty());
        for name in parts {
            if !is_name(name) {
                return Wish::Unclear(Unclear::NoName);
            }
            if names.iter().any(|known| **known == *name) {
                continue;
            }
            if names.len() >= MOST {
                return Wish::Unclear(Unclear::TooMany);
            }
            names.push(name.into());
        }
        if names.is_empty() { Wish::Unclear(Unclear::Nothing) } else { Wish::Connections(names) }
    }

    /// Which one of those that it names is this connection.
    pub fn place(&self, connection: &str) -> Option<usize> {
        match self {
            Wish::Connections(names) => names.iter().position(|name| **name == *connection),
            Wish::Unclear(_) => None,
        }
    }
}

impl Unclear {
    /// What is wrong, and what would be right. Nothing of the annotation is repeated: somebody may have put a token there.
    pub fn sentence(self) -> String {
        let wrong = match self {
            Unclear::Nothing => "names no connection".to_owned(),
            Unclear::NoName => "has something that is no name of a connection".to_owned(),
            Unclear::TooMany => format!("names more than {MOST} connections"),
        };
        format!(
            "the Pod has the scheduling gate {GATE}, and its annotation {WAIT_FOR} {wrong}: name there the connections of this \
             namespace that it waits for, separated by commas, as in ci-bot,deploy-bot"
        )
    }
}

/// What is to become of a Pod that waits for these connections of its namespace.
pub fn course(namespace: &str, named: &[(&str, Readiness)]) -> Course {
    if !named.is_empty() && named.iter().all(|(_, readiness)| *readiness == Readiness::OfAnother) {
        return Course::Leave;
    }
    if named.iter().any(|(_, readiness)| *readiness == Readiness::Unjudged) {
        return Course::Listen;
    }
    let causes: Vec<String> =
        named.iter().filter_map(|(name, readiness)| cause(namespace, name, *readiness)).collect();
    if causes.is_empty() { Course::Start } else { Course::Wait(causes.join("; ")) }
}

fn cause(namespace: &str, name: &str, readiness: Readiness) -> Option<String> {
    match readiness {
        Readiness::Ready | Readiness::Unjudged => None,
        Readiness::NotReady(reason) => Some(format!(
            "the Pod waits for the connection {name}, which is not Ready ({}): kubectl describe githubpatconnection {name} \
             -n {namespace} says what to do",
            reason.as_str()
        )),
        Readiness::Leaving => Some(format!(
            "the Pod waits for the connection {name}, which is being deleted: create it anew, or correct the annotation {WAIT_FOR} \
             where the Pod is made"
        )),
        Readiness::Missing => Some(format!(
            "the Pod waits for the connection {name}, and there is none of this name in this namespace: create it, or correct the \
             annotation {WAIT_FOR} where the Pod is made"
        )),
        Readiness::OfAnother => Some(format!(
            "the Pod waits for the connection {name}, which this operator does not look after, and for others that it does: have one \
             operator look after all that a Pod waits for"
        )),
    }
}

/// True for what can be the name of an object, and is no token: GitHub's oldest ones have the letters of one.
fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let is_token = || Token::parse(text.as_bytes(), LegacyTokens::Allowed).is_ok();
    text.len() <= LONGEST_NAME && text.chars().all(is_plain) && !is_token()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_names_connections_or_is_unclear() {
        let many: Vec<String> = (0..=MOST).map(|number| format!("ci-{number}")).collect();
        let named = |names: &[&str]| Wish::Connections(names.iter().map(|name| (*name).into()).collect());
        let token = ["ghp_", &"A".repeat(36)].concat();
        let legacy = "0a1b2c3d4e".repeat(4);
        let rows = [
            (Some("ci"), named(&["ci"])),
            (Some(" ci , bot.a,,ci\n"), named(&["ci", "bot.a"])),
            (None, Wish::Unclear(Unclear::Nothing)),
            (Some(" , "), Wish::Unclear(Unclear::Nothing)),
            (Some("team-b/ci"), Wish::Unclear(Unclear::NoName)),
            (Some(token.as_str()), Wish::Unclear(Unclear::NoName)),
            (Some(legacy.as_str()), Wish::Unclear(Unclear::NoName)),
            (Some(&many.join(",")), Wish::Unclear(Unclear::TooMany)),
        ];
        for (annotation, wish) in rows {
            assert_eq!(Wish::of(annotation), wish, "{annotation:?}");
        }
        assert_eq!((named(&["a", "ci"]).place("ci"), named(&["ci"]).place("c")), (Some(1), None));
        assert!(
            matches!(Wish::of(Some(&many[..MOST].join(","))), Wish::Connections(names) if names.len() == MOST)
        );
        assert!(!Unclear::NoName.sentence().contains(&token) && Unclear::TooMany.sentence().contains("16"));
    }

    #[test]
    fn a_pod_starts_once_all_that_it_waits_for_are_ready() {
        let (ready, broken) = (Readiness::Ready, Readiness::NotReady(Reason::BadCredentials));
        let rows: [(&str, &[(&str, Readiness)], &[&str]); 5] = [
            ("two that are Ready", &[("a", ready), ("b", ready)], &[]),
            (
                "one is broken",
                &[("a", ready), ("b", broken)],
                &["connection b", "(BadCredentials)", "-n team-a"],
            ),
            ("one is missing", &[("a", Readiness::Missing), ("b", ready)], &["connection a", "create it"]),
            ("one goes", &[("a", Readiness::Leaving)], &["connection a", "is being deleted"]),
            (
                "two operators",
                &[("a", ready), ("b", Readiness::OfAnother)],
                &["connection b", "have one operator look after all"],
            ),
        ];
        for (name, named, words) in rows {
            match course("team-a", named) {
                Course::Start => assert!(words.is_empty(), "{name}"),
                Course::Wait(cause) => {
                    assert!(
                        !words.is_empty() && words.iter().all(|word| cause.contains(word)),
                        "{name}: {cause}"
                    );
                }
                Course::Leave | Course::Listen => panic!("{name} is left"),
            }
        }
        assert_eq!(course("team-a", &[("a", Readiness::OfAnother)]), Course::Leave);
        let unjudged = [("a", Readiness::Unjudged), ("b", broken)];
        assert_eq!(course("team-a", &unjudged), Course::Listen, "nothing is said that may not be so");
    }
}
