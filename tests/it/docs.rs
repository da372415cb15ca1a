//! The documentation is complete, holds nothing that is not so, and leads nowhere into the void.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use github_pat_operator::{
    api::{self, GithubPatConnection},
    domain::{Reason, event::REASONS},
    settings::{NEED_A_RESTART, RANGES, SettingsInput, from_yaml},
};
use serde_json::Value;

/// What a token begins with.
const PREFIXES: [&str; 6] = ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"];
/// The shortest part after the prefix that the operator takes for a token.
const SHORTEST_BODY: usize = 20;

#[test]
fn every_reason_is_explained_and_no_other() {
    let page = read("docs/reasons.md");
    let mut explained = BTreeSet::new();
    for section in page.split("\n### ").skip(1) {
        let (heading, text) = section.split_once('\n').unwrap();
        let name = heading.trim_matches('`');
        assert!(explained.insert(name.to_owned()), "{name} stands there twice");
        for part in ["Cause", "Meaning", "What to do"] {
            let label = format!("\n- **{part}**: ");
            assert_eq!(text.matches(&label).count(), 1, "{name} needs one {part}");
        }
    }
    let reasons: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str().to_owned()).collect();
    assert_eq!(explained, reasons);
}

#[test]
fn every_reason_of_an_event_stands_in_the_table_and_is_that_of_no_condition() {
    let page = read("docs/resource.md");
    let section = page.split("\n## Events\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let told = table_rows(section).map(|cells| cells[0].trim_matches('`').to_owned());
    let own =
        told.filter(|reason| reason.parse::<Reason>().is_err() && reason.starts_with(char::is_uppercase));
    assert_eq!(own.collect::<BTreeSet<_>>(), REASONS.map(str::to_owned).into());
}

#[test]
fn every_setting_stands_in_the_table_with_its_flag_and_variable_and_no_other() {
    let page = read("docs/settings.md");
    let flags = <SettingsInput as clap::Args>::augment_args(clap::Command::new("settings"));
    let known: BTreeSet<_> = flags
        .get_arguments()
        .map(|argument| {
            let flag = argument.get_long().unwrap();
            let variable = argument.get_env().unwrap().to_str().unwrap();
            (camel_case(flag), format!("--{flag}"), variable.to_owned())
        })
        .collect();
    let rows = table_rows(&page).filter(|cells| cells.get(1).is_some_and(|cell| cell.starts_with("`--")));
    let told: BTreeSet<_> = rows
        .map(|cells| {
            let cell = |number: usize| cells[number].trim_matches('`').to_owned();
            (cell(0), cell(1), cell(2))
        })
        .collect();
    assert_eq!(told, known);
    assert!(page.contains("| `hosts` |") && page.contains("| `sinks` |"), "the settings without a flag");
}

#[test]
fn the_settings_that_need_a_restart_are_named_and_no_others() {
    let page = read("docs/settings.md");
    let named = page.split("These need a restart: ").nth(1).unwrap().split('.').next().unwrap();
    let named: Vec<_> = named.split('`').skip(1).step_by(2).collect();
    assert_eq!(named, NEED_A_RESTART);
}

#[test]
fn bounds_and_defaults_in_the_table_are_those_of_the_operator() {
    let page = read("docs/settings.md");
    let (page, sinks) = page.split_once("\n## Sinks\n").unwrap();
    let (rows, of_sinks): (Vec<_>, Vec<_>) = (table_rows(page).collect(), table_rows(sinks).collect());
    for range in RANGES {
        let (name, columns, of) = match range.name.split_once("[].") {
            Some((of, field)) => (field, 3, of),
            None => (range.name, 7, ""),
        };
        let is_its = |cells: &&Vec<&str>| cells[0].trim_matches('`') == name && cells.len() == columns;
        let rows = if of == "sinks" { &of_sinks } else { &rows };
        let row = rows.iter().find(is_its).unwrap_or_else(|| panic!("{} has no row", range.name));
        let told = match columns {
            7 => row[3] == range.bounds() || row[3].starts_with(&format!("{}, ", range.bounds())),
            _ => row[2].starts_with(&format!("{}, by default {}:", range.bounds(), range.default())),
        };
        assert!(told, "{}: {row:?} is not {}", range.name, range.bounds());
        assert!(
            columns == 3 || row[4] == range.default(),
            "{}: {row:?} is not {}",
            range.name,
            range.default()
        );
    }
}

#[test]
fn every_field_of_the_resource_is_described_and_no_other() {
    let page = read("docs/resource.md");
    let definition = serde_json::to_value(api::definition()).unwrap();
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let mut known = BTreeSet::new();
    for part in ["spec", "status"] {
        fields(part, &schema["properties"][part], &mut known);
    }
    let described: Vec<_> = table_rows(&page)
        .filter_map(|cells| cells.first().map(|cell| cell.trim_matches('`').to_owned()))
        .filter(|field| is_field(field))
        .collect();
    let named: BTreeSet<_> = page.split('`').skip(1).step_by(2).filter(|word| is_field(word)).collect();
    assert_eq!(described.iter().cloned().collect::<BTreeSet<_>>(), known);
    assert_eq!(described.len(), known.len(), "a field is described twice");
    assert_eq!(named.into_iter().filter(|name| !known.contains(*name)).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn every_manifest_in_the_pages_is_one_that_the_operator_reads_in_full() {
    let mut pages_with_one = Vec::new();
    for page in pages() {
        for written in yaml_documents(&read(&page)) {
            if written["kind"] != "GithubPatConnection" {
                continue;
            }
            let connection: GithubPatConnection =
                serde_json::from_value(written.clone()).unwrap_or_else(|error| panic!("{page}: {error}"));
            let understood = serde_json::to_value(connection).unwrap();
            assert_eq!(beyond("", &written, &understood), Vec::<String>::new(), "{page}");
            pages_with_one.push(page.clone());
        }
    }
    assert!(pages_with_one.contains(&"README.md".to_owned()), "{pages_with_one:?}");
    assert!(pages_with_one.contains(&"docs/resource.md".to_owned()), "{pages_with_one:?}");
}

#[test]
fn every_link_leads_to_a_file_and_heading_that_exist() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in links(&prose(&read(&page))) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let folder = Path::new(&page).parent().unwrap();
            let target = if path.is_empty() { PathBuf::from(&page) } else { folder.join(path) };
            let exists = root().join(&target).exists();
            let is_heading =
                || anchors(&fs::read_to_string(root().join(&target)).unwrap()).contains(&anchor.to_owned());
            if !exists || !anchor.is_empty() && !is_heading() {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn no_file_holds_anything_that_looks_like_a_token() {
    let mut files = Vec::new();
    walk(&root(), &mut files);
    assert!(files.contains(&root().join("src/domain/token.rs")), "the walk missed the sources");
    let mut suspects = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        suspects.extend(tokens(&text).map(|_| file.display().to_string()));
    }
    assert_eq!(suspects, Vec::<String>::new(), "tests make their tokens when they run");
}

/// `kubectl apply` copies what it applies into an annotation, also the data of a Secret.
#[test]
fn no_page_has_kubectl_keep_a_copy_of_a_token_in_an_annotation() {
    let is_stored = |line: &&str| line.contains("create secret") && line.contains("--dry-run");
    let mut stored = 0;
    for page in pages() {
        let text = read(&page).replace("\\\n", " ");
        for line in text.lines().filter(is_stored) {
            stored += 1;
            assert!(!line.contains("kubectl apply"), "{page}: {line}");
        }
    }
    assert!(stored > 1, "the pages store tokens");
}

#[test]
fn what_looks_like_a_token_is_recognised_and_names_in_the_code_are_not() {
    for prefix in PREFIXES {
        for body in ["0123456789abcdefghij", "aB3".repeat(12).as_str(), "11AAAAAAA0Synthetic_Not"] {
            assert_eq!(tokens(&format!("token: \"{prefix}{body}\"")).count(), 1, "{prefix}");
        }
    }
    for name in
        ["ghp_…", "github_pat_token_expiration_timestamp_seconds", "an_unknown_host_outweighs_what_is_2_old"]
    {
        assert_eq!(tokens(name).count(), 0, "{name}");
    }
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages for people, by their path from the root.
fn pages() -> Vec<String> {
    let top = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(str::to_owned);
    let below = ["docs", "docs/consumers"].into_iter().flat_map(|folder| {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".md")).map(move |name| format!("{folder}/{name}"))
    });
    top.into_iter().chain(below).collect()
}

/// The cells of each line of a table.
pub(crate) fn table_rows(page: &str) -> impl Iterator<Item = Vec<&str>> {
    page.lines()
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .map(|row| row.split('|').map(str::trim).collect())
}

fn camel_case(flag: &str) -> String {
    let mut words = flag.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_ascii_uppercase() + &word[1..])
}

/// Every field below the schema, with `[]` for the items of a list.
fn fields(path: &str, schema: &Value, found: &mut BTreeSet<String>) {
    if let Some(items) = schema.get("items") {
        fields(&format!("{path}[]"), items, found);
    }
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = format!("{path}.{name}");
        fields(&path, property, found);
        found.insert(path);
    }
}

fn is_field(word: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || "[].".contains(character);
    (word.starts_with("spec.") || word.starts_with("status.")) && word.chars().all(plain)
}

/// The pages on the programs that use outputs, with their texts.
pub(crate) fn consumers() -> Vec<(String, String)> {
    let pages = pages().into_iter().filter(|page| page.starts_with("docs/consumers/"));
    pages.map(|page| (page.clone(), read(&page))).collect()
}

/// Every manifest in the blocks of YAML on a page.
pub(crate) fn yaml_documents(page: &str) -> impl Iterator<Item = Value> {
    yaml_blocks(page).flat_map(|block| {
        block.split("\n---\n").map(|manifest| from_yaml(manifest).unwrap()).collect::<Vec<_>>()
    })
}

fn yaml_blocks(page: &str) -> impl Iterator<Item = String> {
    page.split("\n```yaml\n").skip(1).map(|rest| rest.split("\n```").next().unwrap_or_default().to_owned())
}

/// The paths of what is written and was not understood.
fn beyond(path: &str, written: &Value, understood: &Value) -> Vec<String> {
    match (written, understood) {
        (Value::Object(written), Value::Object(understood)) => written
            .iter()
            .flat_map(|(name, value)| match understood.get(name) {
                Some(known) => beyond(&format!("{path}.{name}"), value, known),
                // What is empty or the default need not be written down again.
                None if value.as_array().is_some_and(Vec::is_empty) => Vec::new(),
                None => vec![format!("{path}.{name}")],
            })
            .collect(),
        (Value::Array(written), Value::Array(understood)) if written.len() == understood.len() => written
            .iter()
            .zip(understood)
            .flat_map(|(value, known)| beyond(&format!("{path}[]"), value, known))
            .collect(),
        _ if written == understood => Vec::new(),
        _ => vec![path.to_owned()],
    }
}

/// The page without its blocks of code.
fn prose(page: &str) -> String {
    let mut in_code = false;
    let mut text = String::new();
    for line in page.lines() {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        if !in_code && !fence {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// Where links lead, written in the text or at the end of the page; every name that stands in brackets needs an end.
fn links(page: &str) -> Vec<String> {
    let within = |part: &str| part.split(')').next().unwrap_or_default().to_owned();
    let direct = page.split("](").skip(1).map(within);
    let ends = page.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
    let ends: Vec<_> = ends.collect();
    let named = page.split("][").skip(1).map(|part| part.split(']').next().unwrap_or_default());
    let dangling = named.filter(|name| !ends.iter().any(|(end, _)| end == name));
    let dangling = dangling.map(|name| format!("[{name}]"));
    direct.chain(dangling).chain(ends.iter().map(|(_, link)| (*link).to_owned())).collect()
}

/// The names by which GitHub lets headings be linked to.
fn anchors(page: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for line in prose(page).lines().filter(|line| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor = kept.collect::<String>().replace(' ', "-");
        let earlier = anchors.iter().filter(|known| **known == anchor).count();
        anchors.push(anchor.clone());
        if earlier > 0 {
            anchors.push(format!("{anchor}-{earlier}"));
        }
    }
    anchors
}

/// Every file that could be committed.
pub(crate) fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            if !["target", ".git", "node_modules"].iter().any(|built| name == *built) {
                walk(&path, files);
            }
        } else {
            files.push(path);
        }
    }
}

/// What looks like a token: a prefix at the beginning of a word, and a body that is long and no name in lower case.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| {
        PREFIXES.iter().filter_map(|prefix| word.strip_prefix(prefix)).any(|body| {
            let is_name = body.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            body.len() >= SHORTEST_BODY && !is_name
        })
    })
}

#[test]
fn every_sentence_that_troubleshooting_explains_is_one_of_the_operator() {
    let mut sources = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                sources += &fs::read_to_string(entry).unwrap();
            }
        }
    }
    // As the compiler joins the lines of a text.
    let joined: Vec<&str> = sources.split("\\\n").map(str::trim_start).collect();
    let sources = joined.join("");
    let page = read("docs/troubleshooting.md");
    let sentences: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    assert!(sentences.len() > 10);
    for part in sentences
        .iter()
        .flat_map(|sentence| sentence.split('…'))
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        assert!(sources.contains(part), "nothing says {part:?}");
    }
}
