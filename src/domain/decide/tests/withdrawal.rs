//! Which outputs go when the token turns invalid, and on whose word.

use super::*;
use crate::domain::proof::{Denial, Facts};

fn withdraw(seen: &mut Observation) {
    seen.demand.on_invalid = OnInvalid::Withdraw;
}

#[test]
fn outputs_are_withdrawn_only_on_githubs_lasting_word_or_the_requirements() {
    use Plan::{Keep, Withdraw, Write};
    let end = Expiry::At(at(T + 100 * DAY));
    let proven = || seen().accepted(T - 2 * HOUR, end).accepted(T - HOUR, end);
    let ends = || seen().accepted(T - HOUR, Expiry::At(at(T)));
    let scope = |seen: &mut Observation| seen.demand.requirement.scopes = vec!["gist".to_owned()];
    let unlisted = |seen: &mut Observation| {
        scope(seen);
        seen.knowledge.grant.as_mut().unwrap().0.scopes = None;
    };
    let met = || {
        let demands = seen().with(|seen| seen.demand.requirement.scopes = vec!["repo".to_owned()]);
        demands.has(T - HOUR, &["repo"])
    };
    let suspended = |seen: Observation, second| {
        seen.hears(second, Reply::Answer(Answer::Refused(Refusal::AccountSuspended)))
    };
    let host = |seen: &mut Observation| {
        seen.host = Verdict::unknown(Reason::HostUnknown, "?");
        seen.knowledge = Knowledge::default();
    };
    let bad = |reason| {
        move |seen: &mut Observation| {
            seen.token = Verdict::no(reason, "bad");
            seen.knowledge = Knowledge::default();
        }
    };
    let unread = |seen: &mut Observation| {
        seen.token = Verdict::unknown(Reason::ApiServerUnavailable, "?");
        seen.knowledge = Knowledge::default();
    };
    // The plan with Retain, and that with Withdraw.
    let rows = [
        ("good", proven(), Write, Write),
        ("refused once", proven().refused(T), Keep, Keep),
        ("refused once, then accepted", proven().refused(T - 60).accepted(T, end), Write, Write),
        ("refused twice", proven().refused(T - 60).refused(T), Keep, Keep),
        ("refused twice over a day", proven().refused(T - 60).refused(T + DAY), Keep, Keep),
        ("thrice, a second too fast", proven().refused(T).refused(T + 60).refused(T + 599), Keep, Keep),
        ("thrice over ten minutes", proven().refused(T).refused(T + 60).refused(T + 600), Keep, Withdraw),
        ("condemned, then deferred", proven().condemned(T).unanswered(T + 60), Keep, Withdraw),
        ("condemned, then accepted", proven().condemned(T).accepted(T + 60, Expiry::Never), Write, Write),
        (
            "an incident of the host takes the refusals back",
            proven()
                .condemned(T)
                .with(|seen| seen.knowledge.take_back(Deferral::new(Reason::HostRefusesMany), at(T))),
            Write,
            Write,
        ),
        ("suspended once", suspended(proven(), T), Keep, Keep),
        ("suspended twice", suspended(suspended(proven(), T - 60), T), Keep, Keep),
        ("suspended thrice", suspended(suspended(suspended(proven(), T - 660), T - 600), T), Keep, Withdraw),
        ("expired, not confirmed", ends().at(T), Keep, Keep),
        ("expired, GitHub is silent", ends().unanswered(T + 2), Keep, Keep),
        ("expired, confirmed", ends().refused(T + 2), Keep, Withdraw),
        ("refused once before the expiry", ends().refused(T - 2).at(T + 2), Keep, Keep),
        (
            "refused once by GitHub's clock before it",
            ends()
                .refused(T + 2)
                .with(|seen| {
                    seen.skew = SignedDuration::from_secs(-60);
                })
                .at(T + 90),
            Keep,
            Keep,
        ),
        ("a requirement is not met", proven().with(scope), Keep, Withdraw),
        ("the same in an outage", proven().unanswered(T).with(scope), Keep, Withdraw),
        ("the same after a long outage", proven().unanswered(T).at(T + 2 * DAY).with(scope), Keep, Keep),
        ("met, then violated once", met().has(T, &[]), Write, Write),
        ("violated twice", met().has(T - 60, &[]).has(T, &[]), Keep, Withdraw),
        ("an answer without scopes", proven().with(unlisted), Keep, Keep),
        ("an outage", proven().unanswered(T), Write, Write),
        ("a long outage", proven().unanswered(T).at(T + 2 * DAY), Keep, Keep),
        ("no such Secret", proven().with(bad(Reason::SecretNotFound)), Keep, Keep),
        ("no such key", proven().with(bad(Reason::KeyNotFound)), Keep, Keep),
        ("a bad paste", proven().with(bad(Reason::TokenMalformed)), Keep, Keep),
        ("a forbidden Secret", proven().with(bad(Reason::SecretForbidden)), Keep, Keep),
        ("a namespace not granted", proven().with(bad(Reason::NamespaceNotGranted)), Keep, Keep),
        ("an unread Secret", proven().with(unread), Keep, Keep),
        ("an unknown host", proven().with(host), Keep, Keep),
    ];
    for (name, seen, retain, with_withdraw) in rows {
        let seen = seen.published(Holds::Wanted);
        let decision = decide(&seen);
        assert_eq!((changes(&decision).as_str(), decision.plan), ("", retain), "{name}: Retain");
        let seen = seen.with(withdraw);
        let decision = decide(&seen);
        let expected = if with_withdraw == Withdraw { "delete one, delete two" } else { "" };
        assert_eq!(
            (changes(&decision).as_str(), decision.plan),
            (expected, with_withdraw),
            "{name}: Withdraw"
        );
    }
}

#[test]
fn refusals_that_only_a_status_remembers_delete_nothing() {
    let remembered = seen()
        .accepted(T - HOUR, Expiry::Never)
        .condemned(T)
        .published(Holds::Wanted)
        .with(withdraw)
        .with(|seen| seen.heard.refusal = false);
    let decision = decide(&remembered);
    assert_eq!((changes(&decision).as_str(), decision.plan), ("", Plan::Withdraw));
    let heard = remembered.clone().refused(T + 300);
    assert_eq!(changes(&decide(&heard)), "delete one, delete two");
    let forgotten = remembered.clone().with(|seen| {
        seen.past = Past::unasked(seen.now);
    });
    assert_eq!(forgotten.due(), Some(forgotten.now), "it is asked about at once");
}

#[test]
fn one_answer_that_violates_a_requirement_deletes_nothing_and_is_confirmed_soon() {
    let scope = |seen: &mut Observation| seen.demand.requirement.scopes = vec!["gist".to_owned()];
    let once = || seen().with(scope).with(withdraw).has(T, &[]).published(Holds::Wanted);
    assert_eq!((changes(&decide(&once())).as_str(), decide(&once()).plan), ("", Plan::Withdraw));
    let confirm_after = once().timing.confirm_after.as_secs();
    assert_eq!(once().due(), Some(at(T + confirm_after)));
    let twice = once().has(T + confirm_after, &[]);
    assert_eq!(changes(&decide(&twice)), "delete one, delete two");
    let other = once().published(OTHER);
    assert!(other.due() > Some(at(T + confirm_after)), "nothing holds the token, so nothing is in a hurry");
    let retain = once().with(|seen| seen.demand.on_invalid = OnInvalid::Retain);
    assert!(retain.due() > Some(at(T + confirm_after)));
    let restored = once().with(|seen| {
        seen.heard = Heard::default();
        seen.past = Past::unasked(at(T + 5));
    });
    assert_eq!((changes(&decide(&restored)).as_str(), restored.due()), ("", Some(at(T + 5))), "of a status");
}

#[test]
fn an_expiry_that_only_a_status_remembers_deletes_nothing() {
    let ended = seen().accepted(T - HOUR, Expiry::At(at(T))).refused(T + 2).with(withdraw);
    let ended = ended.published(Holds::Wanted);
    assert_eq!(changes(&decide(&ended)), "delete one, delete two", "heard");
    let restored = ended.with(|seen| {
        seen.heard = Heard::default();
        seen.past = Past::unasked(at(T + 3));
    });
    assert_eq!((changes(&decide(&restored)).as_str(), restored.due()), ("", Some(at(T + 3))));
}

#[test]
fn only_what_holds_the_condemned_token_goes() {
    let rows: [(&str, &[Found], &str); 8] = [
        ("as it was written", &[ours("one", Holds::Wanted)], "delete one"),
        ("in another layout", &[ours("one", RELAID)], "delete one"),
        ("an earlier token", &[ours("one", OTHER)], ""),
        ("an earlier token, immutable", &[ours("one", FIXED)], ""),
        ("one of each", &[ours("one", OTHER), ours("two", Holds::Wanted)], "delete two"),
        ("somebody else's", &[others("one")], ""),
        ("the condemned token, named no more", &[ours("three", RELAID)], "delete three"),
        ("an earlier token, named no more", &[ours("three", OTHER)], " | delete three"),
    ];
    for (name, found, expected) in rows {
        let seen = seen().accepted(T - HOUR, Expiry::Never).condemned(T).with(withdraw).finds(found);
        assert_eq!(changes(&decide(&seen)), expected, "{name}");
    }
}

#[test]
fn a_bad_new_token_takes_nothing_from_those_who_use_the_old_one() {
    let pasted = seen().accepted(T, Expiry::Never).stores("b").published(OTHER).with(withdraw);
    let rows = [
        ("not asked", pasted.clone(), Plan::Keep, ""),
        ("refused twice", pasted.clone().refused(T).refused(T + 60), Plan::Keep, ""),
        ("condemned", pasted.clone().condemned(T + HOUR), Plan::Withdraw, ""),
        (
            "condemned, one has it",
            pasted.clone().condemned(T + HOUR).finds(&[ours("one", RELAID), ours("two", OTHER)]),
            Plan::Withdraw,
            "delete one",
        ),
        ("good after all", pasted.accepted(T + 90, Expiry::Never), Plan::Write, "replace one, replace two"),
    ];
    for (name, seen, plan, expected) in rows {
        let decision = decide(&seen);
        assert_eq!((decision.plan, changes(&decision).as_str()), (plan, expected), "{name}");
    }
}

#[test]
fn a_denial_that_this_process_did_not_hear_twice_deletes_nothing() {
    use crate::domain::{
        knowledge::Proven,
        proof::{Denial, Facts, Proof, Visibility},
        requirement::RepositoryDemand,
    };
    let end = Expiry::At(at(T + 100 * DAY));
    let (repository, push) = (Probe::repository("acme/app").unwrap(), Probe::push("acme/app").unwrap());
    let pushes: RepositoryDemand =
        serde_json::from_value(serde_json::json!({ "name": "acme/app", "access": "Push" })).unwrap();
    let facts = Facts { visibility: Some(Visibility::Private), archived: false, moved_to: None, role: None };
    let seen = |proven: Proven| {
        let seen = seen().accepted(T - 2 * HOUR, end).accepted(T - HOUR, end).published(Holds::Wanted);
        seen.with(withdraw).with(|seen| {
            seen.demand.requirement.repositories = vec![pushes.clone()];
            let mut visible = Proven::default();
            visible.learn(Proof::Held(facts.clone()), at(T - HOUR));
            seen.knowledge.proofs = [(repository.clone(), visible), (push.clone(), proven)].into();
        })
    };
    let denied = || Proof::Denied(Denial::Refused);
    let remembered = || Proven::remembered(denied(), at(T - DAY));
    let mut deferred = remembered();
    deferred.defer(Deferral::new(Reason::ServerError), at(T));
    let mut once = remembered();
    once.learn(denied(), at(T));
    let mut twice = once.clone();
    twice.learn(denied(), at(T + 1));
    let rows = [
        ("only remembered", remembered(), ""),
        ("asked, without an answer", deferred, ""),
        ("heard once more", once, ""),
        ("heard twice", twice, "delete one, delete two"),
    ];
    for (name, proven, expected) in rows {
        let seen = seen(proven);
        assert_eq!(
            (changes(&decide(&seen)).as_str(), decide(&seen).plan),
            (expected, Plan::Withdraw),
            "{name}"
        );
    }
}

/// With a grace of an hour, since when the status says something speaks for the withdrawal.
fn graced(since: Option<i64>) -> impl Fn(&mut Observation) {
    move |seen| {
        withdraw(seen);
        seen.demand.withdraw_after = Some(SignedDuration::from_hours(1));
        seen.withdrawing_since = since.map(at);
        seen.withdrawing_missing = matches!(seen.token, Verdict::No(_));
    }
}

fn vanished(seen: Observation) -> Observation {
    seen.with(|seen| {
        seen.token = Verdict::no(Reason::SecretNotFound, "none");
        (seen.bytes, seen.knowledge) = (None, Knowledge::default());
    })
}

fn condemned(holders: Vec<String>) -> Condemned {
    let refused = Refused { count: 3, ..Refused::once(Refusal::BadCredentials, at(T)) };
    Condemned { token: token("ghp_", "a").hashed(), heard: Some(refused), holders }
}

fn condemned_before(outputs: &[&str]) -> impl Fn(&mut Observation) {
    let outputs: Vec<_> = outputs.iter().map(|&name| name.to_owned()).collect();
    move |seen| seen.condemned_before = Some(condemned(outputs.clone()))
}

#[test]
fn what_was_condemned_before_its_source_was_gone_is_withdrawn_all_the_same() {
    use Plan::{Keep, Withdraw, WithdrawAt};
    let retains = |seen: &mut Observation| seen.demand.on_invalid = OnInvalid::Retain;
    let suspended = |seen: &mut Observation| seen.demand.suspend = true;
    let replaced = |seen: &mut Observation| seen.demand.may_be_replaced = true;
    let back = |seen: &mut Observation| seen.token = proven().token.clone();
    let bad = |seen: &mut Observation| seen.token = Verdict::no(Reason::TokenMalformed, "bad");
    fn proven() -> Observation {
        seen().accepted(T - 2 * HOUR, Expiry::Never).accepted(T - HOUR, Expiry::Never).at(T)
    }
    let found = || [ours("one", Holds::Unread), ours("two", Holds::Unread), ours("source", OTHER)];
    let gone =
        || vanished(proven()).finds(&found()).with(withdraw).with(condemned_before(&["one", "source"]));
    let none = || gone().with(condemned_before(&[]));
    let released = "release source";
    let rows = [
        ("those that hold it go", gone(), "delete one, release source", Withdraw),
        ("once they are gone", none(), released, Withdraw),
        ("not so", gone().with(|seen| seen.condemned_before = None), released, Keep),
        ("Retain", gone().with(retains), released, Keep),
        ("suspended", gone().with(suspended), released, Withdraw),
        ("another may take over", gone().with(replaced), released, Keep),
        ("within a grace", gone().with(graced(None)), released, WithdrawAt(at(T + HOUR))),
        (
            "after a grace",
            gone().with(graced(Some(T - HOUR))),
            "delete one, delete two, release source",
            Withdraw,
        ),
        ("the token is back", gone().with(back), released, Keep),
        ("a bad paste", gone().with(bad), released, Keep),
    ];
    for (name, seen, expected, plan) in rows {
        let decision = decide(&seen);
        assert_eq!((changes(&decision).as_str(), decision.plan), (expected, plan), "{name}");
    }
}

#[test]
fn a_grace_begins_when_something_speaks_for_the_withdrawal_and_is_counted_from_the_status() {
    use Plan::{Keep, Withdraw, WithdrawAt, Write};
    let both = "delete one, delete two";
    let proven = || seen().accepted(T - 2 * HOUR, Expiry::Never).accepted(T - HOUR, Expiry::Never).at(T);
    let condemned = || proven().condemned(T);
    let late = |seen: Observation| {
        seen.with(|seen| seen.now = at(T).checked_add(SignedDuration::from_millis(1)).unwrap())
    };
    let bad = |reason| move |seen: &mut Observation| seen.token = Verdict::no(reason, "bad");
    let silent = |seen: &mut Observation| seen.token = Verdict::unknown(Reason::ApiServerUnavailable, "?");
    // What the status says, the changes, the plan, and since when the grace counts.
    type Row = (&'static str, Observation, Option<i64>, &'static str, Plan, Option<i64>);
    let rows: [Row; 16] = [
        ("good", proven(), None, "", Write, None),
        ("good again", proven(), Some(T - HOUR), "", Write, None),
        ("refused twice", proven().refused(T - 60).refused(T), None, "", Keep, None),
        ("condemned now", condemned(), None, "", WithdrawAt(at(T + HOUR)), Some(T)),
        ("condemned within a second", late(condemned()), None, "", WithdrawAt(at(T + HOUR + 1)), Some(T + 1)),
        (
            "the same, read again",
            late(condemned()),
            Some(T + 1),
            "",
            WithdrawAt(at(T + HOUR + 1)),
            Some(T + 1),
        ),
        ("condemned a while", condemned(), Some(T - HOUR + 1), "", WithdrawAt(at(T + 1)), Some(T - HOUR + 1)),
        ("condemned for as long", condemned(), Some(T - HOUR), both, Withdraw, Some(T - HOUR)),
        ("a clock that was wrong", condemned(), Some(T + 9), "", WithdrawAt(at(T + HOUR)), Some(T)),
        ("no source", vanished(proven()), None, "", WithdrawAt(at(T + HOUR)), Some(T)),
        ("no source for as long", vanished(proven()), Some(T - HOUR), both, Withdraw, Some(T - HOUR)),
        ("a bad paste", proven().with(bad(Reason::TokenMalformed)), Some(T - HOUR), "", Keep, None),
        ("no such key", proven().with(bad(Reason::KeyNotFound)), Some(T - HOUR), "", Keep, None),
        ("forbidden", proven().with(bad(Reason::SecretForbidden)), Some(T - HOUR), "", Keep, Some(T - HOUR)),
        (
            "not granted",
            proven().with(bad(Reason::NamespaceNotGranted)),
            Some(T - HOUR),
            "",
            Keep,
            Some(T - HOUR),
        ),
        ("unread", proven().with(silent), Some(T - HOUR), "", Keep, Some(T - HOUR)),
    ];
    for (name, seen, since, expected, plan, counts) in rows {
        let seen = seen.published(Holds::Wanted).with(graced(since));
        let decision = decide(&seen);
        assert_eq!((changes(&decision).as_str(), decision.plan), (expected, plan), "{name}");
        let missing = matches!(seen.token, Verdict::No(_));
        let counted = counts.map(|since| Withdrawal { since: at(since), at: at(since + HOUR), missing });
        assert_eq!(decision.withdrawal, counted, "{name}");
        if let WithdrawAt(at) = decision.plan {
            let pause = at.duration_since(seen.now).max(SignedDuration::from_secs(1));
            assert!(decision.requeue_after <= pause, "{name}: it comes again in time");
        }
        let others = [
            ("Retain", seen.clone().with(|seen| seen.demand.on_invalid = OnInvalid::Retain)),
            ("suspended", seen.clone().with(|seen| seen.demand.suspend = true)),
        ];
        for (other, seen) in others {
            let decision = decide(&seen);
            assert_eq!((changes(&decision).as_str(), decision.withdrawal), ("", None), "{name}, {other}");
        }
    }
}

#[test]
fn what_somebody_polls_with_has_no_grace_once_the_token_is_dead() {
    let proven = || seen().accepted(T - 2 * HOUR, Expiry::Never).accepted(T - HOUR, Expiry::Never).at(T);
    let lacks = |seen: &mut Observation| seen.demand.requirement.scopes = vec!["gist".to_owned()];
    let rows = [
        ("good", proven(), ""),
        ("refused twice", proven().refused(T - 60).refused(T), ""),
        ("condemned", proven().condemned(T), "delete one"),
        ("no source", vanished(proven()), ""),
        (
            "no source, and refused before",
            vanished(proven()).with(condemned_before(&["one", "two"])),
            "delete one",
        ),
        (
            "no source, and refused before it was written",
            vanished(proven()).with(condemned_before(&["two"])),
            "",
        ),
        ("a requirement that fails", proven().with(lacks), ""),
    ];
    for (name, seen, expected) in rows {
        for format in [Format::FluxGit, Format::FluxNotification, Format::ArgoCDRepoCreds] {
            let seen = seen.clone().published(Holds::Wanted).with(graced(None));
            let seen = seen.with(|seen| seen.demand.outputs[0].format = format);
            assert_eq!(changes(&decide(&seen)), expected, "{name}, {format:?}");
        }
    }
    let unread = proven().condemned(T).published(Holds::Unread).with(graced(None));
    let unread = unread.with(|seen| seen.demand.outputs[0].format = Format::FluxGit);
    assert_eq!(decide(&unread).missing.outputs, ["one", "two"], "each is read once");
    let earlier = proven().condemned(T).published(Holds::Other { same_token: false, fixed: false });
    let earlier = earlier.with(graced(None)).with(|seen| seen.demand.outputs[0].format = Format::FluxGit);
    assert_eq!(changes(&decide(&earlier)), "", "it holds another token");
}

#[test]
fn a_refused_token_is_asked_about_for_a_connection_that_has_lost_it_until_it_is_heard() {
    let ended = || seen().accepted(T - HOUR, Expiry::At(at(T - 60))).refused(T).at(T + DAY);
    let remembered = |seen: &mut Observation| seen.heard.refusal = false;
    let started = |seen: &mut Observation| seen.past = Past::unasked(at(T + DAY));
    let wanted = |seen: &mut Observation| seen.wanted_by_others = true;
    // The status remembers so many refusals that the next question by the schedule is a day away.
    let deferred = |reason, seconds: i64| {
        let long_refused = seen().accepted(T - DAY, Expiry::Never).refused(T);
        let asked = long_refused.hears(T + HOUR, Reply::Deferral(Deferral::new(reason))).with(remembered);
        asked.at(T + HOUR + seconds).with(wanted).with(|seen| {
            seen.knowledge.refused.as_mut().unwrap().count = 20;
        })
    };
    let rows = [
        ("by nobody", ended().with(remembered).with(started), false),
        ("by another one", ended().with(remembered).with(started).with(wanted), true),
        ("heard already", ended().with(wanted), false),
        ("no answer, and the pause is not over", deferred(Reason::ServerError, 5), false),
        ("no answer", deferred(Reason::ServerError, 900), true),
        ("the account is locked", deferred(Reason::LoginLocked, 900), false),
        (
            "no answer, and nobody wants one",
            deferred(Reason::ServerError, 900).with(|seen| seen.wanted_by_others = false),
            false,
        ),
    ];
    for (name, seen, expected) in rows {
        assert_eq!(seen.due().is_some_and(|due| due <= seen.now), expected, "{name}");
    }
}

#[test]
fn a_missing_source_is_counted_by_itself() {
    let paste =
        || seen().accepted(T - 2 * HOUR, Expiry::Never).accepted(T - HOUR, Expiry::Never).at(T).condemned(T);
    let graced_for = |seen: Observation, missing: bool| {
        let seen = seen.published(Holds::Wanted).with(graced(Some(T - HOUR)));
        seen.with(|seen| seen.withdrawing_missing = missing)
    };
    let rows = [
        ("a bad paste for as long, then no source", graced_for(vanished(paste()), false), "", true),
        ("no source for as long, then a bad paste", graced_for(paste(), true), "", false),
        ("no source for as long", graced_for(vanished(paste()), true), "delete one, delete two", true),
    ];
    for (name, seen, expected, missing) in rows {
        let decision = decide(&seen);
        assert_eq!(changes(&decision), expected, "{name}");
        let since = if expected.is_empty() { at(T) } else { at(T - HOUR) };
        assert_eq!(
            decision.withdrawal.map(|found| (found.since, found.missing)),
            Some((since, missing)),
            "{name}"
        );
    }
}

#[test]
fn a_source_that_is_gone_costs_no_output_without_a_grace_and_every_one_after_it() {
    let found = [ours("one", OTHER), ours("two", Holds::Unread), ours("source", OTHER), ours("three", FIXED)];
    let gone = vanished(seen().accepted(T, Expiry::Never)).finds(&found).with(withdraw);
    assert_eq!(
        (changes(&decide(&gone)).as_str(), decide(&gone).plan),
        ("release source | delete three", Plan::Keep)
    );
    let after = gone.with(graced(Some(T - HOUR)));
    assert_eq!(changes(&decide(&after)), "delete one, delete two, delete three, release source");
    assert!(decide(&after).missing.is_empty(), "there is nothing to compare them with");
}

#[test]
fn the_grace_of_what_only_a_status_remembers_ends_with_an_answer() {
    let remembered = seen()
        .accepted(T - HOUR, Expiry::Never)
        .condemned(T)
        .published(Holds::Wanted)
        .with(graced(Some(T - HOUR)))
        .with(|seen| seen.heard.refusal = false);
    assert_eq!((changes(&decide(&remembered)).as_str(), decide(&remembered).plan), ("", Plan::Withdraw));
    assert_eq!(changes(&decide(&remembered.refused(T + 300))), "delete one, delete two");
}

#[test]
fn a_403_of_git_without_a_known_cause_withdraws_nothing() {
    let (repository, push) = (Probe::repository("acme/app").unwrap(), Probe::push("acme/app").unwrap());
    let proven = |denial: Option<Denial>| {
        let mut proven = Proven::default();
        proven.learn(Proof::Held(Facts::default()), at(T - HOUR));
        for second in [T - 120, T - 60] {
            denial.into_iter().for_each(|denial| proven.learn(Proof::Denied(denial), at(second)));
        }
        proven
    };
    let rows = [
        ("known", Denial::Refused, Plan::Withdraw),
        ("not known", Denial::Undecided("403 A:B:C:D:E".parse().ok()), Plan::Write),
    ];
    for (name, denial, plan) in rows {
        let seen = seen().accepted(T - 2 * HOUR, Expiry::Never).accepted(T - HOUR, Expiry::Never);
        let seen = seen.published(Holds::Wanted).with(withdraw).with(|seen| {
            let demands = serde_json::json!({ "repositories": [{ "name": "acme/app", "access": "Push" }] });
            seen.demand.requirement = serde_json::from_value(demands).unwrap();
            seen.knowledge.proofs.insert(repository.clone(), proven(None));
            seen.knowledge.proofs.insert(push.clone(), proven(Some(denial)));
        });
        assert_eq!(decide(&seen.at(T)).plan, plan, "{name}");
    }
}
