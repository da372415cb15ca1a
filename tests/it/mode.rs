//! The mode of the chart in which the operators of a run work, by the variable `OPERATOR_GRANT`; `.ci/modes` runs the suite in each.

use std::{env, thread};

/// Says the mode: `all` or `namespaces`; without it, the namespaces grant their Secrets.
const VARIABLE: &str = "OPERATOR_GRANT";

/// Which namespaces are watched, and by which rights on Secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All, and the Secrets of those that grant them.
    OptIn,
    /// All: `grant.allNamespaces`.
    All,
    /// Those that there are when the operator starts, by Roles alone: `watchNamespaces`.
    Namespaces,
}

impl Mode {
    /// That of the test that runs in this thread.
    pub(crate) fn of_this_test() -> Mode {
        let wanted = match env::var(VARIABLE).as_deref() {
            Err(_) => return Mode::OptIn,
            Ok("all") => Mode::All,
            Ok("namespaces") => Mode::Namespaces,
            Ok(other) => panic!("{VARIABLE} is {other}: it is all, namespaces, or not there"),
        };
        let thread = thread::current();
        let Some(test) = thread.name().filter(|name| *name != "main") else {
            panic!("the name of a test is that of its thread: run at least two threads of tests");
        };
        if EXEMPT.iter().any(|(mode, of, _)| mode.is_none_or(|mode| mode == wanted) && is_of(test, of)) {
            return Mode::OptIn;
        }
        wanted
    }

    /// What the settings say of it.
    pub(crate) fn settings(self, namespaces: &[String]) -> String {
        match self {
            Mode::OptIn => String::new(),
            Mode::All => "secretScope: Cluster\n".to_owned(),
            Mode::Namespaces => format!("watchNamespaces: [{}]\n", namespaces.join(", ")),
        }
    }
}

/// True for a test of this name, and for each of this module.
fn is_of(test: &str, of: &str) -> bool {
    test.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The tests that keep the default mode where that one is wanted, or any other, and why.
pub(crate) const EXEMPT: &[(Option<Mode>, &str, &str)] = &[
    (Some(Mode::All), "chart::forged", "grants the Secrets of one namespace"),
    (Some(Mode::All), "chart::jailed", "grants the Secrets of one namespace"),
    (None, "chart::missed", "has values of its own, of each mode"),
    (None, "chart::rights", "has values of its own, of each mode"),
    (None, "chart::taken", "has values of its own, of each mode"),
    (None, "chart::oldest", "has values of its own"),
    (None, "chart::readers", "has values of its own"),
    (Some(Mode::All), "chart::releasing", "grants the Secrets of one namespace"),
    (None, "chart::sinks", "has values of its own"),
    (None, "chart::waiting", "has values of its own"),
    (None, "gitops", "applies the chart of the samples, with their values"),
    (None, "grants", "is about namespaces that grant nothing, of which only the default mode knows"),
    (
        None,
        "faults::a_source_that_may_be_listed_and_not_read_is_told_as_one_of_a_namespace_that_is_not_granted",
        "is about namespaces that grant nothing",
    ),
    (None, "faults::a_source_that_may_not_be_read_is_told", "is about all Secrets granted, by a flag"),
    (
        Some(Mode::Namespaces),
        "formats::the_manifests_of_every_consumer_are_taken_and_name_the_secrets_that_are_written",
        "makes the namespaces of the pages while the operator runs",
    ),
    (
        Some(Mode::Namespaces),
        "metrics::the_page_of_metrics_has_every_metric_of_a_run_and_no_other",
        "has the metrics of shards, which the chart has for all namespaces alone",
    ),
    (
        Some(Mode::Namespaces),
        "shards",
        "has the namespaces shared out, which the chart does for all namespaces alone",
    ),
];
