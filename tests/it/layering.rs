//! The domain stands alone: what it may name, held against the source text.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Crates that the domain is made of.
const OF_THE_DOMAIN: &[&str] = &[
    "std",
    "base64",
    "crc32fast",
    "jiff",
    "schemars",
    "secrecy",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
];
/// What a pure module must not do, wherever it stands.
const IMPURE: &[&str] = &[
    "::now()",
    "std::env",
    "std::fs",
    "std::net",
    "std::thread",
    "tokio::",
    "fastrand",
    "SystemTime",
    "Instant",
];

fn sources(under: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let file = root.join(under).with_extension("rs");
    let mut found = vec![file];
    let mut open = vec![root.join(under)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// The text without its unit tests, which may use more.
fn product(path: &Path) -> String {
    if path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs") {
        return String::new();
    }
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

/// The first name of each path that a file uses.
fn roots(text: &str) -> Vec<String> {
    let uses = text.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("use "));
    let root = |path: &str| path.split(['{', ':', ';', ' ']).next().unwrap_or_default().to_owned();
    uses.map(root).collect()
}

#[test]
fn the_domain_names_no_other_part_and_no_crate_that_does_something() {
    let files = sources("domain");
    assert!(files.len() > 8, "{files:?}");
    for path in files {
        let text = product(&path);
        for root in roots(&text) {
            let inside = ["super", "self"].contains(&root.as_str());
            assert!(inside || OF_THE_DOMAIN.contains(&root.as_str()), "{} uses {root}", path.display());
        }
        for word in ["crate::api", "crate::github", "kube::", "k8s_openapi", "reqwest", "tracing::"] {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn what_is_pure_reads_no_clock_file_or_network() {
    let pure = ["domain", "status", "api", "links", "github/identity", "github/headers", "github/fault"];
    for path in pure.iter().flat_map(|name| sources(name)) {
        let text = product(&path);
        for word in IMPURE {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
        assert!(!text.contains("async fn"), "{} is async", path.display());
    }
}

/// The modules of the crate that a text names, singly or in a group.
fn modules_named(text: &str) -> BTreeSet<String> {
    let word = |text: &str| {
        let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
        text[..end].to_owned()
    };
    let mut named = BTreeSet::new();
    for after in text.split("crate::").skip(1) {
        let Some(group) = after.strip_prefix('{') else {
            named.insert(word(after));
            continue;
        };
        let (mut depth, mut item) = (0, String::new());
        for letter in group.chars() {
            match letter {
                '}' if depth == 0 => break,
                ',' if depth == 0 => {
                    named.insert(word(item.trim()));
                    item.clear();
                }
                '{' => depth += 1,
                '}' => depth -= 1,
                _ if depth == 0 => item.push(letter),
                _ => {}
            }
        }
        named.insert(word(item.trim()));
    }
    named.remove("");
    named
}

#[test]
fn a_module_in_a_group_is_seen() {
    let text = "use crate::{\n    api::{A, B},\n    status,\n};\nlet x = crate::links::links();";
    assert_eq!(modules_named(text), BTreeSet::from(["api", "status", "links"].map(str::to_owned)));
}

#[test]
fn dependencies_point_one_way() {
    let rows: &[(&str, &[&str])] = &[
        ("api", &["domain"]),
        ("status", &["api", "domain"]),
        ("links", &["api", "domain", "settings"]),
        ("settings", &["domain"]),
        ("github", &["domain", "settings"]),
        ("prober", &["domain", "github"]),
        ("apiserver", &[]),
        ("publish", &["api", "apiserver", "domain"]),
        ("records", &["api", "domain"]),
        ("watches", &["api", "records"]),
        ("server", &["watches"]),
        ("telemetry", &["settings"]),
        ("dumps", &[]),
    ];
    for (module, allowed) in rows {
        for path in sources(module) {
            let named = modules_named(&product(&path));
            for name in &named {
                assert!(
                    name == module || allowed.contains(&name.as_str()),
                    "{} names {name}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn only_the_request_and_the_outputs_see_the_text_of_a_token() {
    let mut seen: Vec<String> = Vec::new();
    for path in [
        "domain",
        "api",
        "status",
        "links",
        "settings",
        "github",
        "prober",
        "publish",
        "controller",
        "cli",
        "watches",
        "records",
    ]
    .iter()
    .flat_map(|name| sources(name))
    {
        if product(&path).contains(".expose()") {
            seen.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    seen.sort();
    assert_eq!(seen, ["format.rs", "github.rs", "token.rs"]);
}
