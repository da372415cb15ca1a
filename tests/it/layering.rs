//! Who may name whom: the arrows of the architecture, held against the source text of every module.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The modules of the crate, and which others each may name.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("api", &["domain"]),
    ("status", &["api", "domain"]),
    ("settings", &["domain"]),
    ("links", &["api", "domain", "settings"]),
    ("http", &["domain"]),
    ("github", &["domain", "http", "settings"]),
    ("prober", &["domain", "github", "traces"]),
    ("sinks", &["domain", "http", "settings"]),
    ("cluster", &["api", "domain"]),
    ("reconcile", &["api", "cluster", "domain", "links", "prober", "settings", "sinks", "status", "traces"]),
    ("serve", &["api", "cluster", "domain", "prober"]),
    ("telemetry", &["http", "settings", "traces"]),
    ("traces", &[]),
    ("dumps", &[]),
    (
        "run",
        &["cluster", "domain", "github", "prober", "reconcile", "serve", "settings", "sinks", "telemetry"],
    ),
    ("judge", &["api", "domain", "github", "links", "prober", "settings", "status"]),
    ("cli", &["api", "domain", "github", "judge", "run", "settings", "telemetry"]),
    ("main", &["cli", "dumps"]),
];
/// The same within the cluster side.
const ARROWS_OF_CLUSTER: &[(&str, &[&str])] = &[
    ("object", &[]),
    ("spec", &[]),
    ("scope", &["object"]),
    ("marks", &["object"]),
    ("secrets", &["object"]),
    ("connections", &["object", "scope", "shown", "spec"]),
    ("events", &["connections", "object"]),
    ("pods", &["object"]),
    ("gates", &["object", "pods", "scope"]),
    ("index", &["connections", "object", "scope", "secrets", "shown", "spec"]),
    ("outputs", &["marks", "object", "secrets"]),
    ("receipts", &["object"]),
    ("requests", &["transport"]),
    ("reviews", &[]),
    ("shown", &[]),
    ("transport", &[]),
    ("watch", &["connections", "gates", "index", "pods", "scope", "secrets"]),
    ("workloads", &["object"]),
    ("consumers", &[]),
    ("election", &[]),
    ("fence", &["transport"]),
    ("lease", &["election", "fence", "object"]),
    ("peers", &["election", "lease"]),
];
/// Crates that the domain is made of.
const OF_THE_DOMAIN: &[&str] = &[
    "std",
    "base64",
    "crc32fast",
    "jiff",
    "percent_encoding",
    "quick_xml",
    "schemars",
    "secrecy",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "zeroize",
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

/// A module by its path, such as `cluster` and `index`.
type Module = Vec<String>;

/// The modules of a crate, each with its text but for comments, texts in quotes and unit tests.
struct Sources {
    /// The name under which a program of the crate knows its library.
    name: String,
    texts: BTreeMap<Module, String>,
    /// What a module hands on under a name of its own: where it stands.
    handed_on: BTreeMap<(Module, String), Module>,
}

/// The parts of a path, or of a `use` with everything in its braces.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    parts: Vec<String>,
    /// Under which name it is known, if the module hands it on.
    handed_on: Option<String>,
}

impl Sources {
    fn of_the_product() -> Sources {
        Sources::of("")
    }

    /// Those of the crate in this folder of the workspace.
    fn of(folder: &str) -> Sources {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = ")).unwrap();
        let root = folder.join("src");
        let texts = files(&root).into_iter().map(|path| {
            let inside = path.strip_prefix(&root).unwrap().with_extension("");
            let parts = inside.iter().map(|part| part.to_str().unwrap().to_owned());
            // What stands in `lib.rs` is in no module.
            let module = parts.filter(|part| part != "lib").collect();
            (module, fs::read_to_string(&path).unwrap())
        });
        let texts = texts.filter(|(module, _): &(Module, _)| !module.iter().any(|part| part == "tests"));
        Sources::new(&name.trim_matches('"').replace('-', "_"), texts)
    }

    fn new(name: &str, texts: impl IntoIterator<Item = (Module, String)>) -> Sources {
        let texts: BTreeMap<_, _> =
            texts.into_iter().map(|(module, text)| (module, product(&text))).collect();
        let mut sources = Sources { name: name.to_owned(), texts, handed_on: BTreeMap::new() };
        for module in sources.texts.keys().cloned().collect::<Vec<_>>() {
            for named in names(&sources.texts[&module]) {
                if let (Some(name), Some(target)) = (&named.handed_on, sources.target(&module, &named.parts))
                {
                    sources.handed_on.insert((module.clone(), name.clone()), target);
                }
            }
        }
        sources
    }

    /// The module in which that stands which a path means here; `None` for what is of another crate, or a local name.
    fn target(&self, here: &Module, parts: &[String]) -> Option<Module> {
        let mut at = here.clone();
        let mut rest = parts;
        match parts.first()?.as_str() {
            first if first == "crate" || first == self.name => {
                at.clear();
                rest = &parts[1..];
            }
            "self" => rest = &parts[1..],
            "super" => {}
            first if self.texts.contains_key(&child(here, first)) => {}
            _ => return None,
        }
        for part in rest {
            let inner = child(&at, part);
            if part == "super" {
                at.pop();
            } else if self.texts.contains_key(&inner) {
                at = inner;
            } else {
                return Some(self.handed_on.get(&(at.clone(), part.clone())).cloned().unwrap_or(at));
            }
        }
        Some(at)
    }

    /// Every arrow from a module to another one.
    fn arrows(&self) -> BTreeSet<(Module, Module)> {
        let from = |(module, text): (&Module, &String)| {
            let targets = names(text).into_iter().filter_map(|named| self.target(module, &named.parts));
            targets.map(|target| (module.clone(), target)).collect::<Vec<_>>()
        };
        self.texts.iter().flat_map(from).filter(|(one, other)| one != other).collect()
    }

    /// The arrows between the modules right below this one, each standing for all that is in it.
    fn arrows_below(&self, above: &Module) -> BTreeSet<(String, String)> {
        let below =
            |module: &Module| module.starts_with(above).then(|| module.get(above.len()).cloned()).flatten();
        let lifted = self.arrows().into_iter().filter_map(|(one, other)| below(&one).zip(below(&other)));
        lifted.filter(|(one, other)| one != other).collect()
    }

    /// The modules right below this one.
    fn below(&self, above: &Module) -> BTreeSet<&str> {
        let below = self.texts.keys().filter(|module| module.starts_with(above));
        below.filter_map(|module| module.get(above.len())).map(String::as_str).collect()
    }
}

fn child(of: &Module, name: &str) -> Module {
    let mut path = of.clone();
    path.push(name.to_owned());
    path
}

fn module(path: &str) -> Module {
    path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Every source file below a folder.
fn files(root: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
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

/// The text without its unit tests, which may use more, without comments and without what stands in quotes.
fn product(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
    let text = text.split("#[cfg(test)]\npub(crate) mod").next().unwrap_or_default();
    let (mut kept, mut quoted, mut rest) = (String::new(), false, text);
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        let skipped = match letter {
            '\\' if quoted => after.chars().next().map_or(0, char::len_utf8),
            // A quote as a character.
            '"' if !quoted && kept.ends_with('\'') && after.starts_with('\'') => 0,
            '"' if !quoted => match raw(&kept) {
                Some(end) => after.find(&end).map_or(after.len(), |at| at + end.len()),
                None => {
                    quoted = true;
                    0
                }
            },
            '"' => {
                quoted = false;
                0
            }
            '/' if !quoted && after.starts_with('/') => after.find('\n').unwrap_or(after.len()),
            _ => {
                if !quoted {
                    kept.push(letter);
                }
                0
            }
        };
        rest = &after[skipped..];
    }
    kept
}

/// How the raw string ends that begins with a quote after this, if that is how one begins.
fn raw(before: &str) -> Option<String> {
    let name = before.trim_end_matches('#');
    let hashes = before.len() - name.len();
    let is_prefix = |prefix: &str| {
        name.strip_suffix(prefix)
            .is_some_and(|code| !code.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_'))
    };
    ["r", "br"].into_iter().any(is_prefix).then(|| format!("\"{}", "#".repeat(hashes)))
}

/// Every path with more than one part, and everything that a `use` names.
fn names(text: &str) -> Vec<Named> {
    let tokens = tokens(text);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if tokens[at] == "use" {
            let hands_on = at > 0 && (tokens[at - 1] == "pub" || tokens[at - 1] == ")");
            let end =
                tokens[at..].iter().position(|token| *token == ";").map_or(tokens.len(), |end| at + end);
            tree(&tokens[at + 1..end], &[], hands_on, &mut found);
            at = end;
        } else if is_name(tokens[at]) {
            let mut parts = vec![tokens[at].to_owned()];
            while tokens.get(at + 1) == Some(&"::") && tokens.get(at + 2).is_some_and(|token| is_name(token))
            {
                parts.push(tokens[at + 2].to_owned());
                at += 2;
            }
            if parts.len() > 1 {
                found.push(Named { parts, handed_on: None });
            }
        }
        at += 1;
    }
    found
}

/// What one branch of a `use` names, and all below it.
fn tree(tokens: &[&str], above: &[String], hands_on: bool, found: &mut Vec<Named>) {
    let mut parts = above.to_vec();
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            "::" => {}
            "{" => {
                let inner = &tokens[at + 1..tokens.len().saturating_sub(1)];
                for branch in branches(inner) {
                    tree(branch, &parts, hands_on, found);
                }
                return;
            }
            "as" => break,
            name => parts.push(name.to_owned()),
        }
    }
    // `use a::{self, B}` means `a`.
    if parts.len() > 1 && parts.last().is_some_and(|part| part == "self") {
        parts.pop();
    }
    let renamed = tokens.iter().rposition(|token| *token == "as").and_then(|at| tokens.get(at + 1));
    let name = renamed.map_or_else(|| parts.last().cloned(), |name| Some((*name).to_owned()));
    found.push(Named { parts, handed_on: name.filter(|_| hands_on) });
}

/// The parts of a group, each up to a comma that is not in a group of its own.
fn branches<'a, 'b>(tokens: &'a [&'b str]) -> Vec<&'a [&'b str]> {
    let (mut depth, mut begin, mut found) = (0, 0, Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 0 => {
                found.push(&tokens[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    found.push(&tokens[begin..]);
    found.retain(|branch| !branch.is_empty());
    found
}

/// Names, `::`, and every other sign by itself.
fn tokens(text: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let length = if is_letter(first) {
            rest.find(|letter| !is_letter(letter)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        found.push(token);
        rest = after.trim_start();
    }
    found
}

fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn is_name(token: &str) -> bool {
    token.starts_with(is_letter) && token != "use"
}

/// What breaks the table, which must have every module and no arrow that nothing needs.
fn against(
    table: &[(&str, &[&str])],
    modules: &BTreeSet<&str>,
    arrows: &BTreeSet<(String, String)>,
) -> Vec<String> {
    let known: BTreeMap<_, _> = table.iter().copied().collect();
    let unknown = modules.iter().filter(|module| !known.contains_key(**module));
    let unknown = unknown.map(|module| format!("{module} is not in the table"));
    let gone = known.keys().filter(|module| !modules.contains(**module));
    let gone = gone.map(|module| format!("{module} is in the table and does not exist"));
    let wrong = arrows.iter().filter(|(one, other)| {
        known.get(one.as_str()).is_some_and(|allowed| !allowed.contains(&other.as_str()))
    });
    let wrong = wrong.map(|(one, other)| format!("{one} names {other}"));
    let is_used = |one: &str, other: &str| arrows.contains(&(one.to_owned(), other.to_owned()));
    let all = known.iter().flat_map(|(one, allowed)| allowed.iter().map(move |other| (*one, *other)));
    let unused = all.filter(|(one, other)| !is_used(one, other));
    let unused = unused.map(|(one, other)| format!("{one} may name {other} and does not"));
    unknown.chain(gone).chain(wrong).chain(unused).collect()
}

/// A way along these arrows that comes back to where it began.
fn circle(arrows: &BTreeSet<(String, String)>) -> Option<String> {
    let mut left = arrows.clone();
    loop {
        let ends: BTreeSet<_> = left.iter().map(|(one, _)| one.clone()).collect();
        let before = left.len();
        // What leads to a module that names nobody is part of no circle.
        left.retain(|(_, other)| ends.contains(other));
        if left.len() == before {
            return (before > 0)
                .then(|| left.iter().map(|(one, other)| format!("{one} names {other}; ")).collect());
        }
    }
}

#[test]
fn every_module_names_only_those_that_the_architecture_lets_it() {
    let sources = Sources::of_the_product();
    for (above, table) in [("", ARROWS), ("cluster", ARROWS_OF_CLUSTER)] {
        let above = module(above);
        let wrong = against(table, &sources.below(&above), &sources.arrows_below(&above));
        assert_eq!(wrong, Vec::<String>::new(), "below {above:?}");
    }
}

/// The folders of the workspace's crates but for that of the product.
fn members() -> Vec<String> {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
    let members = members.trim_end_matches(']').split(", ");
    members.map(|member| member.trim_matches('"').to_owned()).collect()
}

/// Of the modules below the same parent: a child may name its parent, whose types it works on.
#[test]
fn no_two_neighbours_name_each_other() {
    let members = members();
    assert!(members.len() > 2, "{members:?}");
    let mut circles = Vec::new();
    for folder in std::iter::once("").chain(members.iter().map(String::as_str)) {
        let sources = Sources::of(folder);
        assert!(sources.texts.len() > 10, "{folder}: {:?}", sources.texts.keys());
        let above: BTreeSet<Module> = sources
            .texts
            .keys()
            .flat_map(|module| (0..module.len()).map(|length| module[..length].to_vec()))
            .collect();
        let of = above.into_iter().filter_map(|above| {
            Some(format!("{folder} below {above:?}: {}", circle(&sources.arrows_below(&above))?))
        });
        circles.extend(of);
    }
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn one_call_alone_is_unsafe() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = ["src", "kubectl-github-pat/src"].into_iter().flat_map(|folder| files(&root.join(folder)));
    let found: Vec<_> = all
        .flat_map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            vec![path.strip_prefix(root).unwrap().to_owned(); text.matches("unsafe ").count()]
        })
        .collect();
    assert_eq!(found, [Path::new("src/run/heap.rs")]);
}

#[test]
fn the_domain_names_no_crate_that_does_something() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let crates: BTreeSet<_> = manifest
        .lines()
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name.replace('-', "_")))
        .collect();
    let sources = Sources::of_the_product();
    let is_of_the_domain = |module: &Module| module.first().is_some_and(|first| first == "domain");
    assert!(sources.texts.keys().filter(|module| is_of_the_domain(module)).count() > 30);
    for (module, text) in sources.texts.iter().filter(|(module, _)| is_of_the_domain(module)) {
        for Named { parts, .. } in names(text) {
            let root = parts[0].as_str();
            let is_crate = crates.contains(root) || ["std", "core", "alloc"].contains(&root);
            assert!(!is_crate || OF_THE_DOMAIN.contains(&root), "{module:?} uses {root}");
        }
    }
}

#[test]
fn what_is_pure_reads_no_clock_file_or_network() {
    let pure = ["domain", "status", "api", "links", "github::identity", "github::headers"].map(module);
    let sources = Sources::of_the_product();
    for path in &pure {
        assert!(sources.texts.contains_key(path), "{path:?} does not exist");
    }
    let is_pure = |module: &Module| pure.iter().any(|path| module.starts_with(path));
    for (module, text) in sources.texts.iter().filter(|(module, _)| is_pure(module)) {
        for word in IMPURE {
            assert!(!text.contains(word), "{module:?} has {word}");
        }
        assert!(!text.contains("async fn"), "{module:?} is async");
    }
}

/// The clock of the system jumps when somebody sets it, and those of others are wrong: who leads, and until when a write may begin, is
/// told by the monotonic clock alone.
#[test]
fn who_leads_is_told_by_no_clock_that_jumps() {
    let sources = Sources::of_the_product();
    for path in ["cluster::election", "cluster::fence"] {
        let text = &sources.texts[&module(path)];
        assert!(text.contains("Instant"), "{path} has no clock");
        for word in ["Timestamp", "SystemTime", "jiff", "Zoned"] {
            assert!(!text.contains(word), "{path} has {word}");
        }
    }
    let lease = &sources.texts[&module("cluster::lease")];
    assert_eq!(
        lease.matches("Timestamp::now").count(),
        1,
        "it is written into the Lease, for people, and never read"
    );
}

#[test]
fn only_the_request_and_the_outputs_see_the_text_of_a_token() {
    let sources = Sources::of_the_product();
    let seen = sources.texts.iter().filter(|(_, text)| text.contains("expose()"));
    let seen: Vec<_> = seen.map(|(module, _)| module.join("::")).collect();
    assert_eq!(seen, ["domain::format", "domain::token", "github"]);
}

#[test]
fn what_would_be_wrong_is_seen() {
    let a = "use crate::{\n    b::{self, X},\n    c,\n};\npub(crate) use inner::Y;\nfn f() { super::d::g() }";
    let b = "pub use crate::a::inner::Y as Z; // crate::c\nfn f(s: &str) { s == \"crate::c\" }";
    let c = "use crate::b::Z;\n#[cfg(test)]\nmod tests { use crate::d; }";
    let d = "use super::a::Y;";
    let f = "fn f() { r#\"<a b=\"crate::c\"> //\"#; crate::b::f(r\"crate::d\"); br\"\\\"; '\"' }";
    let rows = [("a", a), ("a::inner", "use super::X;"), ("b", b), ("c", c), ("d", d), ("f", f)];
    let sources = Sources::new("product", rows.map(|(path, text)| (module(path), text.to_owned())));
    let arrows = sources.arrows_below(&Module::new());
    let told: Vec<_> = arrows.iter().map(|(one, other)| format!("{one}{other}")).collect();
    assert_eq!(told, ["ab", "ac", "ad", "ba", "ca", "da", "fb"], "what is handed on counts where it stands");
    assert!(circle(&arrows).is_some_and(|circle| circle.contains("a names b; ")));
    let straight = arrows.iter().filter(|(one, _)| one == "a").cloned().collect();
    assert_eq!(circle(&straight), None);
    let table: &[(&str, &[&str])] = &[("a", &["b", "c"]), ("c", &["a", "d"]), ("d", &["a"]), ("e", &[])];
    let wrong = [
        "b is not in the table",
        "f is not in the table",
        "e is in the table and does not exist",
        "a names d",
        "c may name d and does not",
    ];
    assert_eq!(against(table, &sources.below(&Module::new()), &arrows), wrong);
}
