//! `docs/behaviours.md`, made of the rows.

use std::{fmt::Write, fs, path::Path};

use github_simulator::{Access, Role};
use serde_json::Value;

use super::{
    THEMES,
    row::{Given, Kind, Policy, ROW, Row, Seen, Theme, Token, Trait},
    rows,
};

/// Set, it writes the page anew.
const VARIABLE: &str = "WRITE_BEHAVIOURS";

#[test]
fn the_page_of_behaviours_says_what_the_rows_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/behaviours.md");
    let page = page();
    if std::env::var_os(VARIABLE).is_some() {
        fs::write(&path, &page).unwrap();
    }
    let stands = fs::read_to_string(&path).unwrap_or_default();
    let is_same = stands == page;
    assert!(
        is_same,
        "docs/behaviours.md is not what the rows say: `{VARIABLE}=1 cargo test --test it the_page_of` writes it anew"
    );
}

fn page() -> String {
    let contents: Vec<_> = THEMES
        .iter()
        .map(|theme| format!("- [{}](#{}) ({})\n", theme.title, anchor(theme.title), theme.rows.len()))
        .collect();
    let themes: Vec<_> = THEMES.iter().map(|theme| section(theme)).collect();
    format!(
        "# What is said in which situation\n\n\
         {} situations at GitHub, what a connection demands in each, and what it says then. `acme` and `acme-labs` are\n\
         organizations, and `ci` is the account of the token. A test brings about each of them at a simulated GitHub and holds the\n\
         operator to this page, which is made of the same rows (`tests/it/behaviours`).\n\n\
         `Ready` is the condition of that name with its reason and, where it matters, a part of its message; the lines are those of\n\
         `status.requirements`. [What a token must be able to do](requirements.md) explains the demands, and\n\
         [every reason](reasons.md) what to do.\n\n{}{}",
        rows().count(),
        contents.concat(),
        themes.concat()
    )
}

/// As GitHub names the heading in links.
fn anchor(title: &str) -> String {
    let kept = title.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

fn section(theme: &Theme) -> String {
    let mut text = format!("\n## {}\n\n{}\n\n", theme.title, theme.about);
    text += "| what it shows | at GitHub | token | demand | `Ready` | lines |\n|---|---|---|---|---|---|\n";
    for row in theme.rows {
        let given: Vec<_> =
            row.given.iter().filter(|given| !goes_without_saying(given, row)).map(given).collect();
        let cells = [
            row.name.to_owned(),
            given.join("<br>"),
            token(row.token),
            demand(row),
            ready(row),
            row.lines.join("<br>"),
        ];
        writeln!(text, "| {} |", cells.join(" | ")).unwrap();
    }
    text
}

/// True of an organization without policies of which more is said.
fn goes_without_saying(given: &Given, row: &Row) -> bool {
    let Given::Organization(name, []) = given else { return false };
    row.given.iter().any(|other| matches!(other, Given::Member(known, _) if known == name))
}

fn given(given: &Given) -> String {
    match given {
        Given::Organization(name, []) => format!("{name} is an organization without policies on tokens"),
        Given::Organization(name, policies) => {
            format!("{name} {}", policies.iter().map(policy).collect::<Vec<_>>().join(", "))
        }
        Given::Member(name, Role::Member) => format!("ci is a member of {name}"),
        Given::Member(name, Role::Owner) => format!("ci is an owner of {name}"),
        Given::Member(name, Role::Pending) => format!("ci was invited to {name}"),
        Given::Repository(seen, name, traits) => {
            let traits: Vec<_> =
                traits.iter().map(|special| format!(", {}", special_words(special))).collect();
            format!("{name} is {}{}", seen_words(*seen), traits.concat())
        }
        Given::Collaborator(name, access) => format!("ci has the role {} in {name}", role(*access)),
        Given::Package(seen, name) => format!("the image {name} is {}", seen_words(*seen)),
    }
}

fn policy(policy: &Policy) -> String {
    match policy {
        Policy::Sso => "wants single sign-on".to_owned(),
        Policy::ForbidsClassic => "lets no classic token in".to_owned(),
        Policy::ForbidsFineGrained => "lets no fine-grained token in".to_owned(),
        Policy::ClassicLivesAtMost(days) => format!("lets classic tokens live for {days} days"),
        Policy::FineGrainedLivesAtMost(days) => format!("lets fine-grained tokens live for {days} days"),
        Policy::AllowsNoAddress => "has a list of addresses without ours".to_owned(),
        Policy::NeedsApproval => "approves fine-grained tokens".to_owned(),
        Policy::OfEnterprise(name) => format!("by the policy of its enterprise {name}"),
        Policy::MembersMay(None) => "gives its members no role in its repositories".to_owned(),
        Policy::MembersMay(Some(access)) => format!("gives its members the role {}", role(*access)),
    }
}

const fn seen_words(seen: Seen) -> &'static str {
    match seen {
        Seen::Private => "private",
        Seen::Internal => "internal",
        Seen::Public => "public",
    }
}

fn special_words(special: &Trait) -> String {
    match special {
        Trait::Archived => "archived".to_owned(),
        Trait::Empty => "empty".to_owned(),
        Trait::WithoutIssues => "without issues".to_owned(),
        Trait::WithoutPages => "without a site".to_owned(),
        Trait::WithoutCodeScanning => "without code scanning".to_owned(),
        Trait::WithoutSecretScanning => "without secret scanning".to_owned(),
        Trait::WithoutDependabotAlerts => "without Dependabot alerts".to_owned(),
        Trait::Was(name) => format!("and was {name} before"),
        Trait::Blocked => "blocked for its terms of service".to_owned(),
        Trait::TakenDown => "taken down after a legal demand".to_owned(),
    }
}

/// As GitHub's pages call it.
const fn role(access: Access) -> &'static str {
    match access {
        Access::Read => "Read",
        Access::Triage => "Triage",
        Access::Push => "Write",
        Access::Maintain => "Maintain",
        Access::Admin => "Admin",
    }
}

fn token(token: Token) -> String {
    let listed = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut words = match token.kind {
        Kind::Classic => "classic".to_owned(),
        Kind::OAuth => "of `gh auth login`".to_owned(),
        Kind::AppUser => "of a GitHub App for ci".to_owned(),
        Kind::FineGrained if token.owner.is_empty() => "fine-grained for ci".to_owned(),
        Kind::FineGrained => format!("fine-grained for {}", token.owner),
    };
    if !token.scopes.is_empty() {
        write!(words, " with {}", listed(token.scopes)).unwrap();
    }
    if !token.permissions.is_empty() {
        let permissions: Vec<_> =
            token.permissions.iter().map(|(key, level)| format!("`{key}: {level}`")).collect();
        write!(words, " with {}", permissions.join(", ")).unwrap();
    }
    if let Some(selected) = token.selected {
        write!(words, ", for {} only", selected.join(", ")).unwrap();
    }
    if !token.authorized.is_empty() {
        write!(words, ", authorized for {}", token.authorized.join(", ")).unwrap();
    }
    if token.approved {
        words += ", approved";
    }
    if let Some(days) = token.days {
        write!(words, ", made for {days} days").unwrap();
    }
    words
}

fn demand(row: &Row) -> String {
    let read = |field: &str, text: &str| {
        let value: Value = serde_json::from_str(&text.replace("ID", "\"(that of ci)\"")).unwrap();
        (value != serde_json::json!({})).then(|| format!("`{field}: {}`", flow(&value)))
    };
    let expect = if row.expect.is_empty() { None } else { read("expect", row.expect) };
    let host = (row.host != ROW.host).then(|| "(of a host without a registry)".to_owned());
    let parts: Vec<_> = host.into_iter().chain(expect).chain(read("require", row.require)).collect();
    parts.join("<br>")
}

/// As YAML in one line.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name}: {}", flow(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) if text.contains(':') => format!("\"{text}\""),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn ready(row: &Row) -> String {
    let (status, reason) = row.ready;
    let says = if row.says.is_empty() { String::new() } else { format!("<br>“… {} …”", row.says) };
    format!("{status} `{reason}`{says}")
}
