//! The table of threats: each row names tests that exist, or says that it is open; and two controls that have no other test.

use std::{collections::BTreeSet, fs, path::Path};

use crate::docs::{read, root, table_rows, walk};

/// How many threats the design names, one that came with `spec.restart`, one with Pods that wait, five with the page of the plugin, and one
/// with incidents.
const THREATS: usize = 52;

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
        let mut named = quoted(closed_by);
        let is_open = control.starts_with("**Open**: ");
        assert_eq!(named.is_empty(), is_open, "{id} is either open or closed by tests");
        let before = cells[..3].iter().flat_map(|cell| quoted(cell));
        named.extend(before.filter(|word| is_name_of_test(word)));
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

#[test]
fn every_crate_is_locked_by_its_checksum_and_comes_from_crates_io() {
    let lock = read("Cargo.lock");
    let packages = lock.split("[[package]]").skip(1);
    let field = |package: &str, name: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(&format!("{name} = ")));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    let mut ours = BTreeSet::new();
    for package in packages {
        let name = field(package, "name").unwrap();
        let Some(source) = field(package, "source") else {
            ours.insert(name);
            continue;
        };
        assert_eq!(source, "registry+https://github.com/rust-lang/crates.io-index", "{name}");
        assert_eq!(field(package, "checksum").unwrap_or_default().len(), 64, "{name}");
    }
    let here = ["control-plane", "github-pat-operator", "github-simulator", "kubectl-github-pat"];
    assert_eq!(ours, here.map(str::to_owned).into());
    for file in ["Dockerfile", ".ci/release"] {
        let text = read(file);
        let mut builds =
            text.lines().filter(|line| line.contains("cargo") && line.contains(" build ")).peekable();
        assert!(builds.peek().is_some(), "{file} builds nothing");
        assert!(builds.all(|line| line.contains("--locked")), "{file}: a build that may take other crates");
    }
}

/// What stands in code in this text.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// True for what has the form of a sentence in small letters, as names of tests have it and settings, fields and paths have not.
fn is_name_of_test(word: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    word.bytes().all(is_letter) && word.matches('_').count() >= 2
}

#[test]
fn a_test_that_an_open_row_names_is_told_from_what_else_stands_there_in_code() {
    let text = "**Open**: `status.rotation.otherConnections` of `onInvalid: Withdraw`, `/metrics`: `a_token_is_shown_nowhere`, `T1_x`";
    let named: Vec<_> = quoted(text).into_iter().filter(|word| is_name_of_test(word)).collect();
    assert_eq!(named, ["a_token_is_shown_nowhere"]);
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
        let skipped = path.starts_with(root().join("tests/it")).then(|| skipped(&long, "it")).flatten();
        names.extend(tests_of(&fs::read_to_string(path).unwrap(), skipped.as_deref()));
    }
    names
}

/// The words of the ignored tests of this suite that this script leaves out; `None` if it runs no ignored ones.
fn skipped<'a>(script: &'a str, suite: &str) -> Option<Vec<&'a str>> {
    let start = format!("cargo test --test {suite} -- --ignored");
    let rest = script.lines().find_map(|line| line.strip_prefix(&start))?;
    let (words, skips): (Vec<_>, Vec<_>) =
        rest.split_whitespace().partition(|word| !word.starts_with("--skip"));
    assert_eq!(words.len(), skips.len(), "each word is one that is left out: {rest}");
    Some(words)
}

/// The names of its tests but for those that are ignored, unless all of these run but for those with such a word.
fn tests_of(source: &str, skipped: Option<&[&str]>) -> Vec<String> {
    let mut names = Vec::new();
    let (mut is_test, mut is_ignored) = (false, false);
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            (is_test, is_ignored) = (true, false);
        } else if line.starts_with("#[ignore") {
            is_ignored = true;
        } else if let Some(rest) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
            let name = rest.split(['(', '<']).next().unwrap();
            let is_run = |skipped: &[&str]| !skipped.iter().any(|word| name.contains(word));
            if is_test && (!is_ignored || skipped.is_some_and(is_run)) {
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
    assert_eq!(tests_of(source, None), ["a", "e"]);
    assert_eq!(tests_of(source, Some(&["d", "other"])), ["a", "each_c", "e"]);
    let script = "cargo test --test long\ncargo test --test it -- --ignored --skip one --skip other\n";
    assert_eq!(skipped(script, "it"), Some(vec!["one", "other"]));
    assert_eq!(skipped("cargo test --test it -- --ignored\n", "it"), Some(vec![]));
    assert_eq!((skipped(script, "long"), skipped("", "it")), (None, None));
}
