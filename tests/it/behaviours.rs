//! Whether a token serves its purpose: each row a situation at GitHub, a demand, and what the connection says then.
//!
//! All rows live in one world at once, each with an organization, an account and a token of its own. `docs/behaviours.md` is made of
//! the same rows.

mod arranged;
mod page;
mod row;

mod accounts;
mod closed_and_open;
mod expiry;
mod forbidden;
mod impossible;
mod membership;
mod packages;
mod permissions_of_accounts;
mod permissions_of_organizations;
mod permissions_of_repositories;
mod permissions_of_several;
mod policies_on_classic;
mod policies_on_fine_grained;
mod push;
mod push_elsewhere;
mod repositories;
mod roles_and_features;
mod writing;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use github_pat_operator::api::GithubPatConnection;
use kube::{ResourceExt, api::ListParams};
use serde_json::{Value, json};

use crate::world::{SOON, World};
use arranged::{arrange, login, named, token_name};
use row::{Row, Theme};

const THEMES: &[&Theme] = &[
    &accounts::THEME,
    &membership::THEME,
    &policies_on_classic::THEME,
    &policies_on_fine_grained::THEME,
    &repositories::THEME,
    &push::THEME,
    &push_elsewhere::THEME,
    &closed_and_open::THEME,
    &permissions_of_repositories::THEME,
    &permissions_of_several::THEME,
    &roles_and_features::THEME,
    &writing::THEME,
    &permissions_of_organizations::THEME,
    &permissions_of_accounts::THEME,
    &forbidden::THEME,
    &packages::THEME,
    &impossible::THEME,
    &expiry::THEME,
];

/// The pause before an answer that speaks against a token is confirmed.
const CONFIRM_AFTER: Duration = Duration::from_secs(1);

/// So many rows are made at a time.
const AT_ONCE: usize = 16;

fn rows() -> impl Iterator<Item = Numbered> {
    THEMES.iter().flat_map(|theme| theme.rows).enumerate()
}

#[tokio::test]
#[ignore = "plays each row of a long table; .ci/long runs it"]
async fn every_purpose_is_judged_as_its_row_says() {
    let world = World::start().await;
    let _operator = world.operator_with_settings(&settings(&world)).await;
    let all: Vec<_> = rows().collect();
    let Played { wrong, asked_otherwise } = played(&world, &all).await;
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    // The instants at which questions are repeated belong to token and demand, and one may lie in these seconds. With another
    // token it does not.
    let again: Vec<_> = asked_otherwise.iter().map(|(index, row, _)| (index + all.len(), *row)).collect();
    let Played { wrong, asked_otherwise } = played(&world, &again).await;
    let asked = asked_otherwise.into_iter().map(|(_, _, asked)| asked);
    let wrong: Vec<_> = wrong.into_iter().chain(asked).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_are_rows_enough_and_each_has_a_name_of_its_own() {
    let mut names: Vec<_> = rows().map(|(_, row)| row.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name stands twice");
    assert!(count >= 150, "{count}");
}

/// The simulator is the registry too, and takes more questions than one account and host would have.
fn settings(world: &World) -> String {
    let url = world.github.url();
    let registry = url.trim_start_matches("http://");
    format!(
        "hosts: [{{ name: simulated, apiUrl: '{url}', registry: '{registry}', concurrency: 100 }},\n\
         {{ name: bare, apiUrl: '{url}' }}]\n\
         minimumInterval: 10s\nconfirmAfter: {}s\nproofInterval: 168h\nquestionsPerMinute: 60000\n{}",
        CONFIRM_AFTER.as_secs(),
        world.of_mode()
    )
}

fn spec(world: &World, index: usize, row: &Row) -> Value {
    let read = |text: &str| -> Value {
        let text = named(text, index).replace("ID", &world.github.account(&login(index)).to_string());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}: {text}", row.name))
    };
    let mut spec =
        json!({ "host": row.host, "require": read(row.require), "interval": "24h", "warnBefore": [] });
    if !row.expect.is_empty() {
        spec["expect"] = read(row.expect);
    }
    spec
}

/// A row and its number in the world.
type Numbered = (usize, &'static Row);

struct Played {
    /// What is wrong with each row of which something is.
    wrong: Vec<String>,
    /// The rows about which GitHub was asked more or less than they say, with what it was asked.
    asked_otherwise: Vec<(usize, &'static Row, String)>,
}

/// Makes the situations and demands of these rows, and waits until all are as they should be, or it has taken too long.
async fn played(world: &World, rows: &[Numbered]) -> Played {
    let made = stream::iter(rows).map(|(index, row)| async move {
        let text = arrange(&world.github, *index, row);
        let name = format!("row-{index}");
        world.secret(&name, &text).await;
        world.connection(&name, spec(world, *index, row)).await;
    });
    made.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    let begun = Instant::now();
    loop {
        let all = world.connections().list(&ListParams::default()).await.unwrap();
        let seen: BTreeMap<_, _> = all.iter().map(|seen| (seen.name_any(), seen)).collect();
        let wrong =
            rows.iter().filter_map(|(index, row)| judged(seen[&*format!("row-{index}")], *index, row));
        let wrong: Vec<_> = wrong.collect();
        if wrong.is_empty() || begun.elapsed() > SOON {
            // What is to be confirmed is asked again by then; all else is not.
            tokio::time::sleep(3 * CONFIRM_AFTER).await;
            let calls = calls(world);
            let asked =
                rows.iter().filter_map(|(index, row)| Some((*index, *row, asked(&calls, *index, row)?)));
            return Played { wrong, asked_otherwise: asked.collect() };
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// What is wrong with a row; nothing if nothing is.
fn judged(seen: &GithubPatConnection, index: usize, row: &Row) -> Option<String> {
    let expected: Vec<_> = row.lines.iter().map(|line| named(line, index)).collect();
    let (status, reason, message) = ready(seen);
    let is_so = told(seen) == expected
        && (&*status, &*reason) == row.ready
        && message.contains(&named(row.says, index));
    (!is_so).then(|| format!("{}: {status} {reason}: {message}\n  {}", row.name, told(seen).join("\n  ")))
}

fn ready(seen: &GithubPatConnection) -> (String, String, String) {
    let ready = seen.status.as_ref().and_then(|status| status.condition("Ready"));
    ready.map_or_else(Default::default, |ready| {
        (ready.status.as_str().to_owned(), ready.reason.clone(), ready.message.clone())
    })
}

fn told(seen: &GithubPatConnection) -> Vec<String> {
    let lines = seen.status.iter().flat_map(|status| &status.requirements);
    lines.map(|line| format!("{:?} {}: {:?} {}", line.kind, line.name, line.state, line.reason)).collect()
}

/// How often each path was asked for.
type Calls = BTreeMap<String, usize>;

/// The same for the token of each name.
fn calls(world: &World) -> BTreeMap<String, Calls> {
    let mut all: BTreeMap<String, Calls> = BTreeMap::new();
    for call in world.github.calls() {
        assert_eq!(call.method, "GET", "nothing but GET");
        let path = call.path.replace("%3A", ":").replace("%2F", "/");
        let path = path.split("&service=").next().unwrap_or_default();
        let path = without_id(path);
        *all.entry(call.token.unwrap_or_default()).or_default().entry(path).or_insert(0) += 1;
    }
    all
}

/// What was asked for this row beyond or below what it says.
fn asked(calls: &BTreeMap<String, Calls>, index: usize, row: &Row) -> Option<String> {
    let wanted = row.calls.iter().map(|(path, count)| (named(path, index), *count));
    // A registry that refuses an image may mean that the token is dead, which identity tells.
    let refuses = row.lines.iter().any(|line| line.ends_with("PackageRefused"));
    let wanted: Calls = wanted.chain([("/user".to_owned(), if refuses { 2 } else { 1 })]).collect();
    let seen = calls.get(&token_name(index)).cloned().unwrap_or_default();
    (seen != wanted).then(|| format!("{}: asked {seen:?}", row.name))
}

/// `/repositories/ID/…` for the path of a repository by its number, which differs from row to row.
fn without_id(path: &str) -> String {
    match path.strip_prefix("/repositories/") {
        Some(rest) => format!("/repositories/ID{}", rest.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => path.to_owned(),
    }
}
