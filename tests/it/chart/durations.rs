//! Durations out of their bounds are refused by Helm: patterns in `values.schema.json`, made of the bounds in `src/settings.rs`.
//!
//! `WRITE_BOUNDS=1 cargo test --test it the_patterns_of_durations` writes them anew.

use std::collections::BTreeMap;

use github_pat_operator::settings::{RANGES, Range};
use jsonschema::Validator;
use proptest::{
    option,
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{
    bounds::{place, with},
    *,
};

/// The units of a duration, each with its seconds, largest first.
const UNITS: [(char, u32); 3] = [('h', 3600), ('m', 60), ('s', 1)];
/// What a unit may count: five digits.
const MOST: u32 = 99_999;

/// How much a text has of each unit, where it has that unit.
type Parts = [Option<String>; 3];

/// The settings with bounds that are durations.
fn durations() -> impl Iterator<Item = Range> {
    RANGES.into_iter().filter(Range::is_duration)
}

fn class(from: u8, to: u8) -> String {
    if from == to {
        char::from(from).to_string()
    } else {
        format!("[{}-{}]", char::from(from), char::from(to))
    }
}

fn digits(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "[0-9]".to_owned(),
        _ => format!("[0-9]{{{count}}}"),
    }
}

/// Numbers with as many digits as this one that differ from it first at a place where `other` gives the digits, and itself.
fn from_place(number: &str, other: impl Fn(usize, u8, bool) -> Option<(u8, u8)>) -> Vec<String> {
    let last = number.len() - 1;
    let at = |(place, digit): (usize, u8)| {
        let (from, to) = other(place, digit, place == last)?;
        Some(format!("{}{}{}", &number[..place], class(from, to), digits(last - place)))
    };
    number.bytes().enumerate().filter_map(at).collect()
}

/// A pattern of the numbers up to this one.
fn up_to(number: u32) -> String {
    if number >= MOST {
        return "[0-9]+".to_owned();
    }
    let text = number.to_string();
    let mut all = match text.len() {
        1 => Vec::new(),
        2 => vec![digits(1)],
        count => vec![format!("[0-9]{{1,{}}}", count - 1)],
    };
    all.extend(from_place(&text, |place, digit, is_last| {
        let least = if place == 0 && !is_last { b'1' } else { b'0' };
        let most = if is_last { digit } else { digit - 1 };
        (least <= most).then_some((least, most))
    }));
    group(&all)
}

/// A pattern of the numbers from this one on, without zeros before them.
fn from(number: u32) -> String {
    let text = number.to_string();
    let mut all = from_place(&text, |_, digit, is_last| {
        let least = if is_last { digit } else { digit + 1 };
        (least <= b'9').then_some((least, b'9'))
    });
    // And all that have more digits.
    all.push(format!("[1-9]{}[0-9]*", digits(text.len())));
    group(&all)
}

fn group(all: &[String]) -> String {
    if let [one] = all { one.clone() } else { format!("({})", all.join("|")) }
}

/// What a duration has that is not shorter, after the words for whoever reads the refusal.
fn at_least(bound: u32) -> String {
    assert!(bound <= 60, "one hour or minute is enough up to a minute alone");
    format!("at least {}|[1-9][0-9]*[hm]|{}s", shown(bound), from(bound))
}

/// What a duration is that is not longer, after the words for whoever reads the refusal: no unit alone is, and none after the largest
/// ones that are the bound.
fn at_most(bound: u32) -> String {
    let optional = |unit: char, numbers: &str| format!("(0*{numbers}{unit})?");
    let (mut before, mut rest, mut all) = (String::new(), bound, Vec::new());
    for (index, (unit, size)) in UNITS.into_iter().enumerate() {
        let count = rest / size;
        let after = &UNITS[index + 1..];
        if count > 0 {
            let below = if after.is_empty() { count } else { count - 1 };
            let mut each = before.clone() + &optional(unit, &up_to(below));
            each.extend(after.iter().map(|(unit, size)| optional(*unit, &up_to(rest / size))));
            all.push(each);
        }
        before += &if count > 0 { format!("0*{count}{unit}") } else { format!("(0+{unit})?") };
        rest -= count * size;
    }
    if bound.is_multiple_of(60) {
        all.push(before);
    }
    format!("^(at most {}|{})$", shown(bound), all.join("|"))
}

fn shown(seconds: u32) -> String {
    github_pat_operator::domain::duration::Duration::seconds(seconds).to_string()
}

/// The definitions of the schema, a line each.
fn definitions() -> String {
    let least: BTreeMap<_, _> = durations().map(|range| (range.least, at_least(range.least))).collect();
    let most: BTreeMap<_, _> = durations().map(|range| (range.most, at_most(range.most))).collect();
    let named = |(bound, pattern): (u32, String), name| {
        format!("    \"{name}{}\": {{ \"pattern\": {} }},\n", shown(bound), json!(pattern))
    };
    let least = least.into_iter().map(|bound| named(bound, "atLeast"));
    least.chain(most.into_iter().map(|bound| named(bound, "atMost"))).collect()
}

/// How the schema has a setting with these bounds.
pub(super) fn bounded(range: &Range) -> Value {
    let (least, most) = (shown(range.least), shown(range.most));
    let names = ["duration".to_owned(), format!("atLeast{least}"), format!("atMost{most}")];
    json!({ "allOf": names.map(|name| json!({ "$ref": format!("#/definitions/{name}") })) })
}

#[test]
fn the_patterns_of_durations_in_the_chart_are_made_of_the_bounds_of_the_operator() {
    let path = chart().join("values.schema.json");
    let text = fs::read_to_string(&path).unwrap();
    let is_made = |line: &&str| line.starts_with("    \"atLeast") || line.starts_with("    \"atMost");
    let others: Vec<_> = text.split_inclusive('\n').filter(|line| !is_made(line)).collect();
    let next = others.iter().position(|line| line.starts_with("    \"alert\": {")).unwrap();
    let (before, after) = others.split_at(next);
    let written = [before.concat(), definitions(), after.concat()].concat();
    if std::env::var_os("WRITE_BOUNDS").is_some() {
        fs::write(&path, &written).unwrap();
    }
    let same = fs::read_to_string(path).unwrap() == written;
    assert!(same, "run: WRITE_BOUNDS=1 cargo test --test it the_patterns_of_durations");
}

/// What the schema says to settings.
fn schema() -> Validator {
    let text = fs::read_to_string(chart().join("values.schema.json")).unwrap();
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    let settings = schema["properties"]["settings"].take();
    jsonschema::validator_for(&json!({
        "$schema": schema["$schema"], "definitions": schema["definitions"], "allOf": [settings],
    }))
    .unwrap()
}

/// What one setting may be, by its parts: how much of each unit, with zeros before it, where it has that unit.
fn parts(range: &Range) -> impl Strategy<Value = Parts> + use<> {
    let bounds = [range.least, range.most];
    let each = UNITS.map(|(_, size)| {
        let near =
            bounds.map(|bound| bound / size).map(|at| at.saturating_sub(1).min(MOST)..=(at + 1).min(MOST));
        let [least, most] = near;
        let count = prop_oneof![0..=61_u32, 0..=MOST, least, most];
        option::of((count, 1..=5_usize).prop_map(|(count, width)| format!("{count:0width$}")))
    });
    let near = bounds.map(|bound| bound.saturating_sub(2)..=bound + 2);
    let [least, most] = near;
    let split = (prop_oneof![least, most], any::<bool>()).prop_map(|(seconds, with_zeros)| {
        let counts = [seconds / 3600, seconds % 3600 / 60, seconds % 60];
        counts.map(|count| (count > 0 || with_zeros).then(|| count.to_string()))
    });
    prop_oneof![each, split]
}

/// True for what people write: one unit alone, or minutes and seconds below 60.
fn is_usual(parts: &Parts) -> bool {
    let below = |part: &Option<String>| part.as_ref().is_none_or(|count| count.parse::<u32>().unwrap() < 60);
    parts.iter().flatten().count() == 1 || parts[1..].iter().all(below)
}

#[test]
fn helm_refuses_each_duration_out_of_bounds_that_is_written_as_usual_and_none_that_the_operator_takes() {
    let schema = schema();
    for range in durations() {
        let mut runner =
            TestRunner::new(Config { cases: 1000, failure_persistence: None, ..Config::default() });
        let result = runner.run(&parts(&range), |parts| {
            let units = UNITS.iter().zip(&parts);
            let text: String =
                units.filter_map(|((unit, _), count)| Some(format!("{}{unit}", count.as_ref()?))).collect();
            if text.is_empty() {
                return Ok(());
            }
            let (values, file) = with(&range, &json!(text));
            let input = from_yaml::<SettingsInput>(&file.to_string()).unwrap();
            let refused = Settings::new(input, SettingsInput::default()).err().map(|error| error.to_string());
            // Other refusals are of two settings that contradict each other.
            let is_beyond = refused.is_some_and(|refused| refused.contains("is not between"));
            let is_taken = schema.is_valid(&values);
            prop_assert!(is_taken || is_beyond, "{}: {} is within", range.name, text);
            prop_assert!(!(is_taken && is_beyond && is_usual(&parts)), "{}: {} is beyond", range.name, text);
            Ok(())
        });
        result.unwrap();
    }
}

#[test]
fn helm_names_the_setting_and_the_bound_that_a_duration_is_beyond() {
    for (words, beyond) in [
        ("at least", (|range: &Range| range.least - 1) as fn(&Range) -> u32),
        ("at most", |range| range.most + 1),
    ] {
        let mut values = json!({ "hosts": { "a": { "apiUrl": "https://ghe.example.com/api/v3" } } });
        values["sinks"] = json!({ "a": { "url": "https://hooks.example.com" } });
        let mut expected = Vec::new();
        for range in durations() {
            let (part, name) = place(&range);
            let (entry, path) = match part {
                "settings" => (&mut values, name.to_owned()),
                _ => (&mut values[part]["a"], format!("{part}/a/{name}")),
            };
            let text = shown(beyond(&range));
            let bound = shown(if words == "at most" { range.most } else { range.least });
            expected
                .push(format!("at '/settings/{path}': '{text}' does not match pattern '{words} {bound}|"));
            entry[name] = json!(text);
        }
        let output = template(&["--set-json", &format!("settings={values}")]);
        let said = said(&output).replace("'^(", "'");
        for sentence in expected {
            assert!(said.contains(&sentence), "{sentence}: {said}");
        }
    }
}
