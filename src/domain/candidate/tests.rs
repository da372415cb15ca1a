#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

use proptest::prelude::*;

use super::*;
use crate::domain::{
    answer::Expiry,
    decide::{
        Acceptances,
        tests::{seen, token},
    },
    format::Format,
    output::Output,
};

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;
/// An instant at which nothing in particular happens.
const T: i64 = 1_772_366_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn candidate(secret: &str, standing: Standing, proven: Option<i64>) -> Considered {
    let is_refused = matches!(standing, Standing::Unusable(_));
    let candidate = Candidate {
        secret: secret.to_owned(),
        standing,
        proven: proven.map(at),
        is_awaited: false,
        is_refused,
        token: None,
        ends: None,
    };
    (candidate, None)
}

/// What stands in a row: proven at this minute, usable by an earlier answer, of no use, in doubt, asked about, or no token at all.
fn of(word: &str) -> Considered {
    let finding = || Finding::new(Reason::BadCredentials, "no");
    let (what, minute) = word.split_once(' ').unwrap_or((word, "0"));
    let minute: i64 = minute.parse().unwrap();
    match what {
        "proven" => candidate(word, Standing::Usable, Some(T + minute * MINUTE)),
        "usable" => candidate(word, Standing::Usable, None),
        "dead" => candidate(word, Standing::Unusable(finding()), None),
        "unknown" => candidate(word, Standing::Unknown(finding()), None),
        "asked" => {
            let (candidate, seen) = candidate(word, Standing::Unknown(finding()), None);
            (Candidate { is_awaited: true, ..candidate }, seen)
        }
        "absent" => candidate(word, Standing::Absent(finding()), None),
        word => panic!("{word}"),
    }
}

/// With the one at this place in use since T, ten minutes of hold-down, and this many minutes later.
fn chosen(in_use: Option<usize>, minutes: i64, words: &[&str]) -> Choice {
    let all: Vec<_> = words.iter().map(|word| of(word)).collect();
    let wanted = in_use.and_then(|place| all[place].0.is_shaken().then(|| at(T)));
    let present = Present {
        in_use: in_use.map(|place| (place, at(T))),
        wanted,
        hold_down: SignedDuration::from_mins(10),
        now: at(T + minutes * MINUTE),
    };
    choose(&all, &present)
}

#[test]
fn the_first_that_is_of_use_is_in_use_and_nobody_takes_over_unproven() {
    // What is in use, and what stands in the Secrets in order of preference.
    let rows: [(&str, Option<usize>, &[&str], usize); 18] = [
        ("the first", None, &["usable", "proven"], 0),
        ("the first is not known yet", None, &["unknown", "proven"], 0),
        ("the first is dead", None, &["dead", "proven"], 1),
        ("the first has no token", None, &["absent", "proven"], 1),
        ("nobody is of use", None, &["absent", "dead"], 0),
        ("the second is not known yet", None, &["dead", "unknown", "proven"], 2),
        ("the second is asked about", None, &["dead", "asked", "proven"], 0),
        ("the one in use is of use", Some(0), &["usable", "proven"], 0),
        ("an outage", Some(0), &["unknown", "proven"], 0),
        ("its Secret is gone", Some(0), &["absent", "proven"], 0),
        ("it is dead", Some(0), &["dead", "proven"], 1),
        ("it is dead and the next one was proven before", Some(0), &["dead", "proven -1"], 0),
        ("it is dead and the next one is only remembered", Some(0), &["dead", "usable"], 0),
        ("it is dead and the next one is missing", Some(0), &["dead", "absent", "proven 1"], 2),
        ("both are dead", Some(0), &["dead", "dead"], 0),
        ("the second is in use and dead", Some(1), &["proven 1", "dead", "proven 1"], 0),
        ("the second is in use and dead, as is the first", Some(1), &["dead", "dead", "proven 1"], 2),
        ("the second is in use and all are dead", Some(1), &["dead", "dead", "dead"], 1),
    ];
    for (name, in_use, words, expected) in rows {
        assert_eq!(chosen(in_use, 1, words).place, expected, "{name}");
    }
}

#[test]
fn a_preferred_one_comes_back_after_a_new_proof_and_the_hold_down() {
    let rows: [(&str, i64, &[&str], usize, Option<i64>); 7] = [
        ("proven before the change", 60, &["proven -1", "usable"], 1, None),
        ("only remembered", 60, &["usable", "usable"], 1, None),
        ("proven, too early", 3, &["proven 2", "usable"], 1, Some(10)),
        ("proven, late enough", 10, &["proven 2", "usable"], 0, None),
        ("while nobody knows of the one in use", 10, &["proven 2", "unknown"], 0, None),
        ("nothing comes back that is less preferred", 60, &["dead", "usable", "proven 2"], 1, None),
        ("its Secret is gone", 60, &["absent", "usable"], 1, None),
    ];
    for (name, minutes, words, place, back_at) in rows {
        let back_at = back_at.map(|minute| at(T + minute * MINUTE));
        assert_eq!(chosen(Some(1), minutes, words), Choice { place, back_at }, "{name}");
    }
}

#[test]
fn what_was_seen_of_a_token_says_whether_it_could_be_in_use() {
    let wants_repo = |seen: &mut Observation| seen.demand.requirement.scopes = vec!["repo".to_owned()];
    let accepted = || seen().accepted(T, Expiry::Never);
    let ended = seen().accepted(T - DAY, Expiry::At(at(T - 60))).at(T);
    let gone = accepted().with(|seen| seen.token = Verdict::no(Reason::SecretNotFound, "none"));
    let remembered = accepted().with(|seen| seen.heard.acceptances = Acceptances::None);
    let doubted = accepted().with(wants_repo).has(T + 1, &["gist"]);
    let output = |name: &str, format| Output::new(name, format);
    let fine_grained = |outputs: &[Output]| {
        let token = token("github_pat_", "a");
        let seen = seen().with(|seen| {
            seen.token = Verdict::Yes(token.describe());
            seen.demand.outputs = outputs.to_vec();
        });
        seen.accepted(T, Expiry::Never)
    };
    let (pull, git) = (output("pull", Format::DockerConfigJson), output("git", Format::BasicAuth));
    let wrong = accepted().with(|seen| seen.demand.outputs = vec![output("argo", Format::ArgoCDRepository)]);
    let rows = [
        ("nothing is known", seen(), Some(Reason::NotAskedYet), false),
        ("accepted", accepted(), None, true),
        ("accepted before this process", remembered, None, false),
        ("no answer since", accepted().unanswered(T + 60), None, false),
        ("refused once", accepted().refused(T + 60), None, false),
        ("refused twice", accepted().refused(T + 60).refused(T + 120), Some(Reason::BadCredentials), false),
        ("expired", ended, Some(Reason::Expired), false),
        ("lacks a scope", seen().with(wants_repo).has(T, &["gist"]), Some(Reason::ScopeMissing), false),
        ("lacks a scope by one answer", doubted, None, false),
        (
            "no output can have it",
            fine_grained(std::slice::from_ref(&pull)),
            Some(Reason::FormatNeedsClassic),
            false,
        ),
        ("one of two outputs can have it", fine_grained(&[pull, git]), None, true),
        ("there are no outputs", fine_grained(&[]), None, true),
        ("an output is wrong for every token", wrong, None, true),
        ("there is no token", gone, Some(Reason::SecretNotFound), false),
    ];
    for (name, seen, reason, is_proven) in rows {
        let candidate = Candidate::new("pat", &seen, None);
        assert_eq!(candidate.standing.finding().map(|finding| finding.reason), reason, "{name}");
        assert_eq!(candidate.proven.is_some(), is_proven, "{name}");
    }
}

#[test]
fn the_one_that_takes_over_is_usable_and_outlives_the_one_in_use() {
    let ending = |word: &str, day: Option<i64>| {
        let (candidate, seen) = of(word);
        (Candidate { ends: day.map(|day| at(T + day * DAY)), ..candidate }, seen)
    };
    let rows = [
        ("none", vec![], None),
        ("a dead one", vec![ending("dead", None)], None),
        ("one that ends sooner", vec![ending("usable", Some(3))], None),
        ("one that never ends", vec![ending("usable", None)], Some(1)),
        ("the first of those", vec![ending("usable", Some(3)), ending("proven", Some(9))], Some(2)),
    ];
    for (name, others, expected) in rows {
        let all: Vec<_> = std::iter::once(ending("proven", Some(6))).chain(others).collect();
        let next = next_in_line(&all, 0).map(|next| next.secret.clone());
        assert_eq!(next, expected.map(|place: usize| all[place].0.secret.clone()), "{name}");
    }
}

fn any_candidate() -> impl Strategy<Value = Considered> {
    let words = ["proven", "usable", "dead", "unknown", "asked", "absent"];
    (prop::sample::select(words.to_vec()), -20..20_i64)
        .prop_map(|(word, minute)| of(&format!("{word} {minute}")))
}

proptest! {
    #[test]
    fn a_choice_is_stable_and_never_changes_for_anything_unproven(
        all in prop::collection::vec(any_candidate(), 1..6),
        in_use in prop::option::of(0..5_usize),
        wanted in prop::option::of(-20..20_i64),
        minutes in 20..50_i64,
    ) {
        let in_use = in_use.filter(|place| *place < all.len());
        let hold_down = SignedDuration::from_mins(10);
        let now = at(T + minutes * MINUTE);
        let wanted = wanted.map(|minute| at(T + minute * MINUTE));
        let present = Present { in_use: in_use.map(|place| (place, at(T))), wanted, hold_down, now };
        let choice = choose(&all, &present);
        prop_assert!(choice.place < all.len());
        let before = in_use.unwrap_or(0);
        if choice.place != before {
            prop_assert!(all[choice.place].0.proven.is_some(), "only a proven one takes over");
            let left = &all[before].0.standing;
            prop_assert!(choice.place < before || !matches!(left, Standing::Unknown(_) | Standing::Usable));
            let then = Present { in_use: Some((choice.place, now)), wanted: None, ..present };
            prop_assert_eq!(choose(&all, &then).place, choice.place, "who was chosen stays");
        }
    }
}

#[test]
fn an_empty_secret_is_given_up_once_its_token_has_ended_or_its_grace_is_over() {
    let ended = "the token that was in Secret absent expired at 2026-03-01T12:00:00Z";
    let rows = [
        ("neither", "absent", None, false, None),
        ("the end", "absent", Some(T), false, Some(ended)),
        ("the grace", "absent", None, true, Some("no")),
        ("both", "absent", Some(T), true, Some(ended)),
        ("a good one", "usable", Some(T), true, None),
        ("one in doubt", "unknown", Some(T), true, None),
    ];
    for (name, word, ended, is_lost, expected) in rows {
        let (candidate, _) = of(word);
        let standing = candidate.clone().given_up(ended.map(at), is_lost).standing;
        match (&standing, expected) {
            (Standing::Unusable(finding), Some(expected)) => assert_eq!(finding.message, expected, "{name}"),
            (standing, expected) => assert_eq!((standing, expected), (&candidate.standing, None), "{name}"),
        }
    }
}
