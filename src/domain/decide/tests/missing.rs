//! What must be read before a decision is complete.

use super::*;

#[test]
fn what_is_to_be_written_or_compared_is_read_first() {
    let unread = || [ours("one", Holds::Unread), ours("two", Holds::Wanted)];
    let proven = || seen().accepted(T, Expiry::Never);
    let condemned = || proven().condemned(T + HOUR).with(|seen| seen.demand.on_invalid = OnInvalid::Withdraw);
    let rows: [(&str, Observation, bool, &[&str]); 15] = [
        ("nothing stands", proven(), true, &[]),
        ("all stand", proven().published(Holds::Wanted), false, &[]),
        ("nobody has looked at one", proven().finds(&unread()), true, &["one"]),
        (
            "one holds another token",
            proven().finds(&[ours("one", OTHER), ours("two", Holds::Wanted)]),
            true,
            &[],
        ),
        (
            "a foreign one cannot be written",
            proven().finds(&[others("one"), ours("two", Holds::Wanted)]),
            false,
            &[],
        ),
        (
            "nor can one that is leaving",
            proven().finds(&[leaving("one"), ours("two", Holds::Wanted)]),
            false,
            &[],
        ),
        ("not asked yet", seen().finds(&unread()), false, &[]),
        ("refused, Retain", proven().refused(T + 60).refused(T + 120).finds(&unread()), true, &["one"]),
        ("never accepted, Retain", seen().refused(T + 60).refused(T + 120).finds(&unread()), false, &[]),
        ("condemned, Withdraw", condemned().finds(&unread()), true, &["one"]),
        ("condemned, a leftover", condemned().finds(&[ours("three", Holds::Unread)]), true, &["three"]),
        ("condemned, the source itself", condemned().finds(&[ours("source", Holds::Unread)]), false, &[]),
        ("condemned, looked at", condemned().published(OTHER), false, &[]),
        (
            "no output is asked for",
            proven().finds(&unread()).with(|seen| seen.demand.outputs.clear()),
            false,
            &[],
        ),
        (
            "no token",
            proven().finds(&unread()).with(|seen| seen.token = Verdict::no(Reason::TokenEmpty, "none")),
            false,
            &[],
        ),
    ];
    for (name, seen, bytes, outputs) in rows {
        let without = seen.clone().with(|seen| seen.bytes = None);
        let missing = decide(&without).missing;
        assert_eq!((missing.bytes, missing.outputs.as_slice()), (bytes, outputs), "{name}");
        assert_eq!(missing.is_empty(), !bytes && outputs.is_empty(), "{name}");
        let missing = decide(&seen).missing;
        assert_eq!((missing.bytes, missing.outputs.as_slice()), (false, outputs), "{name}: with bytes");
    }
}

#[test]
fn nothing_is_written_or_withdrawn_over_what_nobody_has_looked_at() {
    let proven = || seen().accepted(T, Expiry::Never).published(Holds::Unread);
    let condemned = proven().condemned(T + HOUR).with(|seen| seen.demand.on_invalid = OnInvalid::Withdraw);
    for (name, seen) in [("accepted", proven()), ("condemned", condemned)] {
        assert_eq!(changes(&decide(&seen)), "", "{name}");
    }
}

#[test]
fn without_bytes_nothing_is_written() {
    let seen = seen().accepted(T, Expiry::Never).with(|seen| seen.bytes = None);
    let decision = decide(&seen);
    assert_eq!((changes(&decision).as_str(), decision.plan), ("", Plan::Write));
}
