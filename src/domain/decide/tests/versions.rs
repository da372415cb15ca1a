//! Outputs of which each token has a Secret of its own.

use super::*;
use crate::domain::{
    consumer::{Consumer, Consumers, Use},
    format::{Addresses, EntriesFrom, Extra},
    output::Stamp,
};

fn versioned(kept: i32) -> Output {
    Output { versioned: true, keep_versions: Some(kept), ..out("one", Format::Opaque) }
}

fn stamp(letter: &str) -> Stamp {
    versioned(1).stamp(token("ghp_", letter).hashed(), &grant(Expiry::Never), &Addresses::of_github())
}

/// The name of the version that holds this token.
fn name(letter: &str) -> String {
    let mut output = versioned(1);
    output.name_version(stamp(letter));
    output.secret_name
}

/// The version with this token, which was written as the change of this number.
fn stands(letter: &str, number: u64, holds: Holds) -> Found {
    let Found::Ours { name, version, holds, format } = ours(&name(letter), holds) else { panic!() };
    let resource_version = number.to_string().as_str().into();
    Found::Ours { name, version: Version { resource_version, ..version }, holds, format }
}

/// A connection that has such an output alone, as it is seen once its versions are named.
fn named(seen: Observation, output: Output, found: &[Found]) -> Observation {
    seen.finds(found).with(|seen| {
        seen.demand.outputs = vec![output];
        seen.name_versions();
    })
}

/// In words, with the letters of tokens in the place of names.
fn said(text: &str) -> String {
    ["a", "b", "c", "d", "e"].iter().fold(text.to_owned(), |text, letter| text.replace(&name(letter), letter))
}

/// The changes, and after a bar what goes last.
fn told(decision: &Decision<'_>) -> String {
    let told = |changes: &[Change]| {
        let told = changes.iter().map(|change| format!("{} {}", change.verb(), said(change.name())));
        told.collect::<Vec<_>>().join(", ")
    };
    let (first, last) = (told(&decision.changes), told(&decision.leftovers));
    if last.is_empty() { first } else { format!("{first} | {last}") }
}

fn proven() -> Observation {
    seen().accepted(T, Expiry::Never)
}

#[test]
fn each_token_gets_a_secret_of_its_own_and_the_oldest_goes_when_there_are_too_many() {
    let b = || stands("b", 30, OTHER);
    let older = |count: usize| [b(), stands("c", 20, OTHER), stands("d", 10, OTHER)][..count].to_vec();
    let with = |found: Found, older: Vec<Found>| [vec![found], older].concat();
    let present = || stands("a", 40, Holds::Wanted);
    let open = || stands("a", 40, Holds::Other { same_token: true, fixed: false });
    let plain = || ours("one", RELAID);
    let rows: [(&str, i32, Vec<Found>, &str); 15] = [
        ("nothing stands", 2, vec![], "create a"),
        ("an earlier one stands", 2, older(1), "create a"),
        ("two do", 2, older(2), "create a"),
        ("three do, whatever their order", 2, older(3).into_iter().rev().collect(), "delete d, create a"),
        ("three do, and one is kept", 1, older(3), "delete d, delete c, create a"),
        ("it stands", 2, vec![present()], ""),
        ("it stands with three", 2, with(present(), older(3)), "delete d"),
        ("it comes back", 2, with(stands("a", 5, Holds::Wanted), older(2)), "replace a"),
        ("it comes back to three", 2, with(stands("a", 5, Holds::Wanted), older(3)), "delete d, replace a"),
        ("somebody made it anew without immutability", 2, vec![open()], "replace a"),
        ("somebody made another one", 2, vec![stands("a", 40, FIXED)], "recreate a"),
        ("a Secret of somebody else", 2, with(others(&name("a")), older(3)), ""),
        ("being deleted", 2, with(leaving(&name("a")), older(3)), ""),
        ("it had one name before", 2, vec![plain()], "create a | delete one"),
        ("a former output beside it", 2, vec![ours("three", OTHER), b()], "create a | delete three"),
    ];
    for (row, kept, found, expected) in rows {
        let seen = named(proven(), versioned(kept), &found);
        assert_eq!(told(&decide(&seen)), expected, "{row}");
    }
    let seen = named(proven(), out("one", Format::Opaque), &older(2));
    assert_eq!(told(&decide(&seen)), "create one | delete b, delete c", "versioned no more");
    let seen = named(proven(), versioned(2), &older(3)).with(|seen| seen.demand.sources = vec![name("d")]);
    assert_eq!(told(&decide(&seen)), "create a, release d", "it became the source");
}

#[test]
fn the_version_that_the_status_names_is_the_last_to_go() {
    let found = [stands("b", 30, OTHER), stands("c", 20, OTHER), stands("d", 10, OTHER)];
    let serves = |letter: &str| {
        let serving = name(letter);
        named(proven(), versioned(1), &found).with(|seen| seen.serving = vec![serving])
    };
    let rows = [
        ("b", "delete d, delete c, create a"),
        ("c", "delete d, delete b, create a"),
        ("d", "delete c, delete b, create a"),
    ];
    for (letter, expected) in rows {
        let seen = serves(letter);
        assert_eq!(told(&decide(&seen)), expected, "{letter}");
        assert_eq!(seen.serving_version(&seen.demand.outputs[0]).map(said), Some(letter.to_owned()));
    }
    let back = named(proven(), versioned(2), &[stands("a", 5, Holds::Wanted), stands("b", 30, OTHER)]);
    assert_eq!(told(&decide(&back)), "replace a", "it is written once more");
    assert_eq!(told(&decide(&back.with(|seen| seen.serving = vec![name("a")]))), "", "and then no more");
}

#[test]
fn until_the_present_version_is_written_the_one_before_serves() {
    let found = [stands("c", 20, OTHER), stands("b", 30, OTHER)];
    let lacks = |seen: &mut Observation| seen.demand.requirement.scopes = vec!["gist".to_owned()];
    let withdraw = |seen: &mut Observation| seen.demand.on_invalid = OnInvalid::Withdraw;
    let missing = |seen: &mut Observation| seen.token = Verdict::no(Reason::SecretNotFound, "none");
    let rows = [
        ("not asked", seen(), "b other"),
        ("refused twice", seen().refused(T - 60).refused(T), "b other"),
        ("a scope is missing", proven().with(lacks), "b other"),
        ("no source", proven().with(missing), "b other"),
        ("condemned, and it holds another token", proven().condemned(T + HOUR).with(withdraw), "b other"),
        ("proven", proven(), "a absent"),
    ];
    for (row, seen, expected) in rows {
        let seen = named(seen, versioned(2), &found);
        let decision = decide(&seen);
        let word = |stand: &Stand| if *stand == Stand::Other { "other" } else { "absent" };
        let told: Vec<_> =
            decision.stands.iter().map(|(name, stand)| format!("{} {}", said(name), word(stand))).collect();
        assert_eq!(told, [expected], "{row}");
        assert_eq!(decision.leftovers, [], "{row}");
        assert_eq!(seen.serving_version(&seen.demand.outputs[0]).map(said), Some("b".to_owned()), "{row}");
    }
    let none = named(seen(), versioned(2), &[]);
    let decision = decide(&none);
    assert_eq!(decision.stands, [("one", Stand::Absent)]);
}

#[test]
fn what_holds_a_condemned_token_goes_and_earlier_versions_stay() {
    let found = [stands("a", 40, Holds::Wanted), stands("b", 30, OTHER), stands("c", 20, Holds::Unread)];
    let withdraw = |seen: &mut Observation| seen.demand.on_invalid = OnInvalid::Withdraw;
    let condemned = named(proven().condemned(T + HOUR).with(withdraw), versioned(2), &found);
    let decision = decide(&condemned);
    assert_eq!(told(&decision), "delete a");
    assert_eq!(decision.missing.outputs.iter().map(|name| said(name)).collect::<Vec<_>>(), ["c"]);
    let gone = condemned.with(|seen| {
        seen.token = Verdict::no(Reason::SecretNotFound, "none");
        seen.demand.withdraw_after = Some(SignedDuration::from_hours(1));
        (seen.withdrawing_since, seen.withdrawing_missing) = (Some(at(T)), true);
    });
    assert_eq!(told(&decide(&gone)), "delete a, delete b, delete c");
}

#[test]
fn an_earlier_version_goes_once_nothing_names_it_and_all_was_looked_through() {
    let found = [
        stands("c", 3, Holds::Wanted),
        stands("b", 2, Holds::Unread),
        stands("a", 1, Holds::Unread),
        ours("former", Holds::Unread),
    ];
    let seen = named(seen().accepted(T, Expiry::Never), versioned(9), &found);
    let seen = seen.with(|seen| seen.demand.outputs.iter_mut().for_each(|output| *output = current("c")));
    let consumers = |names: &[String], forbidden: Vec<&'static str>| Consumers {
        all: names.iter().map(|name| pulls(name)).collect(),
        forbidden,
        ..Consumers::default()
    };
    let rows = [
        ("nothing is named", vec![], vec![], "b a"),
        ("one is named", vec![name("b"), name("c")], vec![], "a"),
        ("both are", vec![name("b"), name("a")], vec![], ""),
        ("somebody may not be listed", vec![], vec!["pods"], ""),
    ];
    for (row, named, forbidden, goes) in rows {
        let changes = unnamed(&seen, &consumers(&named, forbidden));
        let gone: Vec<_> = changes.iter().map(|change| said(change.name())).collect();
        assert_eq!(gone.join(" "), goes, "{row}");
    }
    let revised = Consumers { revisions: [name("b")].into(), ..consumers(&[], vec![]) };
    let changes = unnamed(&seen, &revised);
    assert_eq!(
        changes.iter().map(|change| said(change.name())).collect::<Vec<_>>(),
        ["a"],
        "one may be rolled back to"
    );
    let suspended = seen.with(|seen| seen.demand.suspend = true);
    assert_eq!(unnamed(&suspended, &Consumers::default()), []);
}

#[test]
fn what_an_output_takes_its_further_entries_from_is_released_and_never_deleted() {
    let pull = |entries_from: &str| {
        let from = serde_json::json!({ "name": entries_from });
        let from: EntriesFrom = serde_json::from_value(from).unwrap();
        let entries = from.read("pull", &"u".into(), Some(br#"{"auths":{}}"#)).unwrap();
        Output {
            extra_entries_from: Some(from),
            extra: Extra::Read(entries),
            public_only: true,
            ..out("pull", Format::DockerConfigJson)
        }
    };
    let withdraw = |seen: &mut Observation| seen.demand.on_invalid = OnInvalid::Withdraw;
    let vanished = |seen: &mut Observation| {
        seen.token = Verdict::no(Reason::SecretNotFound, "none");
        seen.demand.withdraw_after = Some(SignedDuration::from_hours(1));
        (seen.withdrawing_since, seen.withdrawing_missing) = (Some(at(T - DAY)), true);
    };
    let rows = [
        ("a former output", proven(), OTHER, "create pull, release three"),
        ("not asked", seen(), OTHER, "release three"),
        ("suspended", proven().with(|seen| seen.demand.suspend = true), OTHER, "release three"),
        ("it has the condemned token", proven().condemned(T + HOUR).with(withdraw), RELAID, "release three"),
        ("the source is gone", proven().with(withdraw).with(vanished), OTHER, "release three"),
    ];
    for (row, seen, holds, expected) in rows {
        let seen = named(seen, pull("three"), &[ours("three", holds)]);
        assert_eq!(told(&decide(&seen)), expected, "{row}");
    }
    // What the spec still has as an output stays one.
    let both = named(proven(), pull("one"), &[ours("one", Holds::Wanted)]);
    let both = both.with(|seen| seen.demand.outputs.push(out("one", Format::Opaque)));
    assert_eq!(told(&decide(&both)), "create pull");
    let older = [stands("b", 30, OTHER), stands("c", 20, OTHER), stands("d", 10, OTHER)];
    let with_entries = |letter: &str| {
        let seen = named(proven(), versioned(1), &older);
        seen.with(|seen| seen.demand.outputs.push(pull(&name(letter))))
    };
    assert_eq!(told(&decide(&with_entries("d"))), "delete c, create a, create pull");
    let gone = |seen: &Observation| -> Vec<_> {
        unnamed(seen, &Consumers::default()).iter().map(|change| said(change.name())).collect()
    };
    assert_eq!(gone(&with_entries("d")), [""; 0], "one of them serves until the next one stands");
    let next = with_entries("d").with(|seen| seen.found.push(stands("a", 40, Holds::Wanted)));
    assert_eq!(gone(&next), ["b", "c"]);
    let foreign =
        with_entries("d").with(|seen| seen.found.push(Found::Foreign { name: name("a"), of: None }));
    assert_eq!(gone(&foreign), [""; 0]);
}

/// The output with this token as its present version.
fn current(letter: &str) -> Output {
    let mut output = versioned(9);
    output.name_version(stamp(letter));
    output
}

fn pulls(output: &str) -> Consumer {
    let (name, output) = ("web".to_owned(), output.to_owned());
    Consumer { kind: "Pod", name, output, used: Use::Pull, taken_on: None, started: None }
}
