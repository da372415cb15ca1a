//! The table of threats: each row names tests that exist, or says that it is open; and two controls that have no other test.

use std::{collections::BTreeSet, fs, path::Path};

use crate::docs::{read, root, table_rows, walk};

/// How many threats the design names, one that came with `spec.restart`, one with Pods that wait, and five with the page of the
/// plugin.
const THREATS: usize = 51;

#[test]
fn every_threat_has_a_row_and_every_test_that_it_names_exists() {
    let page = read("docs/security.md");
    let section = page.split("\n## Threats\n").nth(1).unwrap();
    let tests = names_of_tests();
    let rows: Vec<_> = table_rows(section).filter(|cells| cells[0].starts_with('T')).collect();
    let ids: Vec<_> = rows.iter().map(|cells| cells[0].to_owned()).collect();
    assert_eq!(ids, (1..=THREATS).map(|number| format!("T{number:02}")).collect::<Vec<_>>());
    for cells in rows {
        let [id, _, control, closed_by] = cells[..] else { panic!("{cells:?} has not four cells") };
        let named: Vec<_> = closed_by.split('`').skip(1).step_by(2).collect();
        let is_open = control.starts_with("**Open**: ");
        assert_eq!(named.is_empty(), is_open, "{id} is either open or closed by tests");
        let missing: Vec<_> = named.iter().filter(|name| !tests.contains(**name)).collect();
        assert!(missing.is_empty(), "{id} names tests that do not exist, or that nobody runs: {missing:?}");
    }
}

#[test]
fn the_chart_brings_no_webhook() {
    let mut files = Vec::new();
    walk(&root().join("charts"), &mut files);
    let brings = |path: &Path| fs::read_to_string(path).unwrap().contains("WebhookConfiguration");
    let found: Vec<_> = files.iter().filter(|path| brings(path)).collect();
    assert!(!files.is_empty() && found.is_empty(), "{found:?}");
}

#[test]
fn no_crate_speaks_http_2_or_dns() {
    let lock = read("Cargo.lock");
    let crates: BTreeSet<_> = lock.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
    assert!(crates.contains("\"hyper\""), "{crates:?}");
    for name in ["h2", "h3", "hickory-resolver", "trust-dns-resolver"] {
        assert!(!crates.contains(format!("{name:?}").as_str()), "{name} is linked");
    }
}

/// The names of all functions of this repository that are marked as tests and run, those that are ignored by `.ci/long`.
fn names_of_tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["src", "tests", "kubectl-github-pat"] {
        walk(&root().join(folder), &mut files);
    }
    let long = read(".ci/long");
    let mut names = BTreeSet::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        let words = if path.starts_with(root().join("tests/it")) { ignored(&long, "it") } else { Vec::new() };
        names.extend(tests_of(&fs::read_to_string(path).unwrap(), &words));
    }
    names
}

/// The words by which this script picks ignored tests of this suite.
fn ignored<'a>(script: &'a str, suite: &str) -> Vec<&'a str> {
    let start = format!("cargo test --test {suite} -- --ignored ");
    script.lines().filter_map(|line| line.strip_prefix(&start)).flat_map(str::split_whitespace).collect()
}

/// The names of its tests but for those that are ignored, unless one of these words is in them.
fn tests_of(source: &str, words: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    let (mut is_test, mut is_ignored) = (false, false);
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            (is_test, is_ignored) = (true, false);
        } else if line.starts_with("#[ignore") {
            is_ignored = true;
        } else if let Some(rest) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
            let name = rest.split(['(', '<']).next().unwrap();
            if is_test && (!is_ignored || words.iter().any(|word| name.contains(word))) {
                names.push(name.to_owned());
            }
            (is_test, is_ignored) = (false, false);
        }
    }
    names
}

#[test]
fn only_what_is_marked_as_a_test_and_run_counts_as_one() {
    let source = "#[test]\nfn a() {}\n\nfn b() {}\n#[tokio::test(start_paused = true)]\n#[ignore = \"c\"]\nasync fn each_c() {}\n\
                  #[test]\n#[ignore]\nfn d() {}\n#[test]\nfn e() {}\n";
    assert_eq!(tests_of(source, &[]), ["a", "e"]);
    assert_eq!(tests_of(source, &["each", "other"]), ["a", "each_c", "e"]);
    let script = "cargo test --test long\ncargo test --test it -- --ignored each_right other\n";
    assert_eq!(ignored(script, "it"), ["each_right", "other"]);
    assert_eq!((ignored(script, "long"), ignored("", "it")), (Vec::new(), Vec::new()));
}
