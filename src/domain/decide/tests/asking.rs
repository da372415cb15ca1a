//! When GitHub is asked, when the connection is requeued, and when there is nothing to say yet.

use super::*;

#[test]
fn a_question_is_asked_when_it_is_due_and_not_twice_at_once() {
    let proven = || seen().accepted(T, Expiry::Never);
    let started = |seen: &mut Observation| {
        (seen.heard, seen.past.asked, seen.past.since) = (Heard::default(), None, at(T));
    };
    let remembered = || proven().with(started).at(T + 60);
    let ends = || seen().accepted(T, Expiry::At(at(T + 10)));
    let rows = [
        ("a new token", seen(), true),
        ("its question is on its way", seen().with(|seen| seen.pending = true), false),
        ("just asked", proven(), false),
        ("an acceptance that a status remembers", remembered(), false),
        ("the same in the middle of a rotation", remembered().with(|seen| seen.rotates = true), true),
        ("heard in the middle of a rotation", proven().with(|seen| seen.rotates = true), false),
        ("the interval has passed", proven().at(T + HOUR), true),
        (
            "the interval has passed, suspended",
            proven().at(T + HOUR).with(|seen| seen.demand.suspend = true),
            false,
        ),
        ("before the confirmation", seen().refused(T).at(T + 59), false),
        ("the confirmation", seen().refused(T).at(T + 60), true),
        ("after the expiry", ends().at(T + 14), true),
        ("once", ends().refused(T + 14).at(T + DAY), false),
        (
            "an expiry that counts for nothing",
            seen().accepted(T, Expiry::Implausible(at(T))).at(T + 14),
            false,
        ),
        ("the host takes none yet", seen().with(|seen| seen.not_before = Some(at(T + 1))), false),
        ("the host takes one again", seen().with(|seen| seen.not_before = Some(at(T))), true),
        ("suspended", seen().with(|seen| seen.demand.suspend = true), false),
        ("no token", seen().with(|seen| seen.token = Verdict::no(Reason::TokenEmpty, "none")), false),
        ("no host", seen().with(|seen| seen.host = Verdict::unknown(Reason::HostUnknown, "?")), false),
    ];
    for (name, seen, is_due) in rows {
        assert_eq!(seen.is_due(), is_due, "{name}");
    }
}

#[test]
fn the_next_question_is_told_even_while_one_is_on_its_way() {
    let rows = [
        ("a new token", seen(), Some(T - DAY)),
        ("pending", seen().with(|seen| seen.pending = true), Some(T - DAY)),
        ("the host takes none yet", seen().with(|seen| seen.not_before = Some(at(T + 9))), Some(T + 9)),
        ("refused once", seen().refused(T), Some(T + 60)),
        (
            "not due before the host takes one",
            seen().refused(T).with(|seen| seen.not_before = Some(at(T + 9))),
            Some(T + 60),
        ),
        ("suspended", seen().with(|seen| seen.demand.suspend = true), None),
        ("expired and confirmed", seen().accepted(T, Expiry::At(at(T + 10))).refused(T + 14), None),
    ];
    for (name, seen, due) in rows {
        assert_eq!(decide(&seen).due, due.map(at), "{name}");
    }
}

#[test]
fn while_the_first_answer_is_on_its_way_there_is_nothing_to_say() {
    let pending = |seen: Observation| seen.with(|seen| seen.pending = true);
    let proven = || seen().accepted(T, Expiry::Never);
    let rows = [
        ("a new token", pending(seen()), true),
        ("not asked", seen(), false),
        ("judged before, overdue, asked now", pending(proven().at(T + 9 * DAY)), true),
        ("judged before, overdue, not asked", proven().at(T + 9 * DAY), false),
        ("judged a while ago, asked now", pending(proven().at(T + HOUR)), false),
        ("deferred before", pending(seen().unanswered(T)), false),
        ("overdue, and deferred before", pending(proven().unanswered(T + 9 * DAY)), false),
        ("refused once", pending(seen().refused(T)), false),
        ("refused, to be asked again", pending(seen().condemned(T).at(T + DAY)), false),
    ];
    for (name, seen, awaits) in rows {
        assert_eq!(seen.awaits_first_answer(), awaits, "{name}");
    }
}

#[test]
fn a_suspended_connection_does_nothing_but_release_what_became_its_source() {
    let rows = [
        ("never asked", seen()),
        ("accepted", seen().accepted(T, Expiry::Never)),
        ("condemned", seen().accepted(T - HOUR, Expiry::Never).condemned(T)),
        ("about to expire", seen().accepted(T, Expiry::At(at(T + 60)))),
    ];
    let found =
        [ours("one", RELAID), ours("two", Holds::Unread), ours("three", OTHER), ours("source", OTHER)];
    for (name, seen) in rows {
        let suspended = seen.finds(&found).with(|seen| {
            seen.demand.suspend = true;
            seen.demand.on_invalid = OnInvalid::Withdraw;
            seen.bytes = None;
        });
        let decision = decide(&suspended);
        assert_eq!(
            (changes(&decision).as_str(), decision.missing.is_empty()),
            ("release source", true),
            "{name}"
        );
        assert_eq!(decision.requeue_after, SignedDuration::from_hours(24), "{name}");
    }
}

#[test]
fn the_next_requeue_misses_nothing_that_happens_by_itself() {
    let yearly = |seen: &mut Observation| {
        // So that the next question is later than all else.
        seen.timing.interval = SignedDuration::from_hours(24 * 365);
    };
    let requeue = |seen: Observation| decide(&seen.with(yearly)).requeue_after.as_secs();
    let ends = |left: i64| seen().accepted(T, Expiry::At(at(T + left)));
    let remaining = |seen: &mut Observation| {
        seen.demand.requirement.expiry.min_remaining = Some(Duration::hours(30));
    };
    let skewed = |seen: &mut Observation| seen.skew = SignedDuration::from_secs(20);
    let pending = |seen: &mut Observation| seen.pending = true;
    let outage = || ends(100 * DAY).unanswered(T + 60).unanswered(T + DAY + 50);
    let rows = [
        ("nothing", requeue(ends(100 * DAY)), DAY),
        ("a warning", requeue(ends(168 * HOUR + 50)), 50),
        ("a warning that just came", requeue(ends(168 * HOUR)), DAY),
        ("the last warning", requeue(ends(24 * HOUR + 7)), 7),
        ("the expiry", requeue(ends(5)), 5),
        ("the question after it", requeue(ends(50).at(T + 50)), 4),
        ("GitHub's clock is ahead", requeue(ends(60).with(skewed)), 40),
        ("minRemaining", requeue(ends(30 * HOUR + 9).with(remaining)), 9),
        ("the confirmation", requeue(ends(100 * DAY).refused(T)), 60),
        ("trust runs out", requeue(outage().at(T + DAY + 57)), 3),
        ("a new token", requeue(seen()), 1),
        ("the host takes none yet", requeue(seen().with(|seen| seen.not_before = Some(at(T + 9)))), 9),
        ("a new token, asked about: the answer wakes", requeue(seen().with(pending)), DAY),
    ];
    for (name, seconds, expected) in rows {
        assert_eq!(seconds, expected, "{name}");
    }
}
