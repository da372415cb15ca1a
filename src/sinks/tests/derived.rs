//! What is derived from statuses again, beside what is told.

use super::*;

/// A receiver that follows `docs/notifications.md`: what it took last of each incident.
#[derive(Default)]
struct Receiver(HashMap<String, Notice>);

impl Receiver {
    fn take(&mut self, message: &Message) {
        let incident = message.notice.incident(&message.named.uid);
        if self.0.get(&incident).is_none_or(|last| message.notice.at >= last.at) {
            self.0.insert(incident, message.notice.clone());
        }
    }

    /// Takes the next message, and gives where the incident stands then.
    fn hear(&mut self, sink: &Sink) -> Option<State> {
        let next = sink.queue().next()?;
        self.take(&next);
        sink.queue().done(&next);
        self.0.get(&next.notice.incident(&next.named.uid)).map(|last| last.state)
    }
}

#[test]
fn a_receiver_that_follows_the_page_ends_where_the_connection_stands() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let opened = |second| notice(State::Opened, Level::Critical, second);
    let ends =
        |second| Notice { reason: "Ready".to_owned(), ..notice(State::Resolved, Level::Critical, second) };
    let rows = [
        ("it breaks and heals", vec![opened(100), ends(110)]),
        ("within a second", vec![opened(100), ends(100)]),
        ("it breaks twice within a second", vec![opened(100), ends(100), opened(100)]),
        ("and heals later", vec![opened(100), ends(100), opened(100), ends(101)]),
    ];
    let connection = named("a", &[]);
    for (name, all) in rows {
        let last = all.last().map(|last| last.state);
        let is_in_seconds_of_its_own = all.is_sorted_by(|one, next| one.at < next.at);
        for told in 0..=all.len() {
            let mut receiver = Receiver::default();
            let crashed = sinks("{ name: all, url: 'http://a' }");
            crashed.recalled();
            crashed.tell(&connection, all[..told].to_vec());
            let sink = crashed.each().next().unwrap();
            while receiver.hear(sink).is_some() {}
            // The process after it derives all that happened since the receipt of before.
            let next = sinks("{ name: all, url: 'http://a' }");
            let sink = next.each().next().unwrap();
            let derived = all.iter().map(|notice| (connection.clone(), notice.clone())).collect();
            next.fill(0, derived, Some(at(99)), at(200));
            let heard: Vec<_> = std::iter::from_fn(|| receiver.hear(sink)).collect();
            assert_eq!(heard.last().copied(), last, "{name}, {told} were told before");
            if told == all.len() && is_in_seconds_of_its_own {
                assert!(!heard.contains(&State::Opened), "{name}: what comes again opens nothing");
            }
        }
    }
    // The answer to the status of the first was lost, and it is derived while the second is sent.
    let (sinks, mut receiver) = (sinks("{ name: all, url: 'http://a' }"), Receiver::default());
    let sink = sinks.each().next().unwrap();
    sinks.fill(0, Vec::new(), Some(at(99)), at(100));
    sinks.recalled();
    sinks.doubt(at(120), at(120));
    sinks.tell(&connection, vec![ends(149)]);
    receiver.take(&sink.queue().next().unwrap());
    let derived = [opened(120), ends(149)].map(|notice| (connection.clone(), notice));
    sinks.fill(0, derived.into(), Some(at(119)), at(151));
    let heard: Vec<_> = std::iter::from_fn(|| receiver.hear(sink)).collect();
    assert_eq!(heard, [State::Resolved]);
}

#[test]
fn what_broke_anew_is_over_when_the_connection_is_gone_though_two_answers_were_lost() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let connection = named("a", &[]);
    let (first, again) =
        (notice(State::Opened, Level::Warning, 1), notice(State::Opened, Level::Critical, 5));
    let over = notice(State::Resolved, Level::Warning, 3);
    for is_derived_one_by_one in [false, true] {
        let sinks =
            sinks("{ name: all, url: 'http://a' }, { name: grave, url: 'http://a', severity: critical }");
        sinks.recalled();
        sinks.tell(&connection, vec![first.clone()]);
        if is_derived_one_by_one {
            sinks.recalls();
            sinks.ended(&connection, &over);
            sinks.recalled();
            assert_eq!(sinks.open("team-a", "a"), None);
        }
        sinks.recalls();
        sinks.recall(&connection, &again);
        sinks.ended(&connection, &over);
        sinks.recalled();
        for place in 0..2 {
            let derived = [&over, &again].map(|notice| (connection.clone(), notice.clone()));
            sinks.fill(place, derived.into(), Some(at(2)), at(50));
        }
        sinks.gone("team-a", "a");
        let expected = [vec!["Opened", "Resolved", "Opened", "Resolved"], vec!["Opened", "Resolved"]];
        assert_eq!(waiting(&sinks), expected, "{is_derived_one_by_one}");
    }
}

#[test]
fn what_broke_while_an_end_before_it_was_derived_is_over_for_whoever_heard_of_it() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let connection = named("a", &[]);
    let (before, again) =
        (notice(State::Resolved, Level::Warning, 3), notice(State::Opened, Level::Warning, 5));
    let over = notice(State::Resolved, Level::Warning, 9);
    for is_deleted in [false, true] {
        let sinks = sinks("{ name: all, url: 'http://a' }");
        sinks.recalled();
        // The statuses were listed before this.
        sinks.tell(&connection, vec![again.clone()]);
        sinks.fill(0, vec![(connection.clone(), before.clone())], Some(at(1)), at(50));
        if is_deleted {
            sinks.gone("team-a", "a")
        } else {
            sinks.tell(&connection, vec![over.clone()])
        }
        assert_eq!(waiting(&sinks), [["Resolved", "Opened", "Resolved"]], "{is_deleted}");
    }
}

#[test]
fn what_is_derived_is_told_to_those_who_heard_of_the_incident() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let of = "url: 'http://a', labels: { team:";
    let (infra, web) = (named("a", &[("team", "infra")]), named("a", &[("team", "web")]));
    let opened = notice(State::Opened, Level::Warning, 1);
    let changed = Notice { before: Some(Level::Warning), ..notice(State::Changed, Level::Warning, 2) };
    let over = |second| notice(State::Resolved, Level::Warning, second);
    let again = notice(State::Opened, Level::Warning, 4);
    type Told = [Vec<&'static str>; 2];
    let rows: [(_, Vec<_>, Vec<_>, Told); 4] = [
        ("its end", vec![over(3)], vec![], [vec!["Opened", "Resolved"], vec![]]),
        (
            "a change, and its end is not derived",
            vec![changed.clone()],
            vec![over(3)],
            [vec!["Opened", "Changed", "Resolved"], vec!["Opened", "Resolved"]],
        ),
        (
            "a change and its end",
            vec![changed, over(3)],
            vec![],
            [vec!["Opened", "Changed", "Resolved"], vec!["Opened", "Resolved"]],
        ),
        (
            "its end, and that it breaks again",
            vec![over(3), again],
            vec![over(5)],
            [vec!["Opened", "Resolved"], vec!["Opened", "Resolved"]],
        ),
    ];
    for (name, derived, then, expected) in rows {
        let both = sinks(&format!("{{ name: infra, {of} infra }} }}, {{ name: web, {of} web }} }}"));
        both.recalled();
        both.tell(&infra, vec![opened.clone()]);
        let derived: Vec<_> = derived.into_iter().map(|notice| (web.clone(), notice)).collect();
        both.recalls();
        let (over, open): (Vec<_>, Vec<_>) =
            derived.iter().partition(|(_, notice)| notice.state == State::Resolved);
        open.iter().for_each(|(named, notice)| both.recall(named, notice));
        over.iter().for_each(|(named, notice)| both.ended(named, notice));
        both.recalled();
        (0..2).for_each(|place| both.fill(place, derived.clone(), Some(at(1)), at(50)));
        both.tell(&web, then);
        assert_eq!(waiting(&both), expected, "{name}");
    }
}

#[test]
fn the_end_that_found_no_room_is_told_to_who_heard_of_the_incident() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let of = "url: 'http://a', labels: { team:";
    let both = sinks(&format!("{{ name: infra, {of} infra }} }}, {{ name: web, {of} web }} }}"));
    both.recalled();
    let (infra, web) = (named("a", &[("team", "infra")]), named("a", &[("team", "web")]));
    both.tell(&infra, vec![notice(State::Opened, Level::Warning, 1)]);
    for number in 1..1000 {
        let other = named(&format!("c{number}"), &[("team", "infra")]);
        both.tell(&other, vec![notice(State::Opened, Level::Warning, 2)]);
    }
    both.tell(&web, vec![notice(State::Resolved, Level::Warning, 3)]);
    let told = waiting(&both);
    assert_eq!((told[0].len(), told[0].contains(&"Resolved"), told[1].len()), (1000, false, 0));
    let derived = vec![(web, notice(State::Resolved, Level::Warning, 3))];
    both.fill(0, derived, Some(at(2)), at(50));
    assert_eq!(waiting(&both), [vec!["Resolved"], vec![]]);
}

#[test]
fn what_is_as_it_was_after_nobody_could_tell_is_not_derived_as_news_by_the_next_process() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let sinks = sinks("{ name: grave, url: 'http://a', severity: critical }");
    sinks.fill(0, Vec::new(), Some(at(100)), at(100));
    sinks.recalled();
    let ends = |second| {
        let of_end =
            Notice { level: Level::Critical, gravest: Level::Critical, ..of_end(State::Opened, second) };
        Notice { ends: Some(at(900)), ..of_end }
    };
    let connection = named("a", &[]);
    sinks.tell(&connection, vec![ends(150)]);
    sinks.tell(&connection, vec![ends(200)]);
    let sink = sinks.each().next().unwrap();
    assert_eq!(sink.told_until(), Some(at(149)), "the first one waits");
    assert_eq!(waiting(&sinks), [["Opened"]]);
    assert_eq!(sink.told_until(), Some(at(200)));
}

#[test]
fn of_an_end_that_may_have_been_near_a_new_sink_hears_nothing() {
    let sinks = sinks("{ name: old, url: 'http://a' }, { name: new, url: 'http://a' }");
    let unknown = Notice { status: "Unknown", level: Level::Info, ..of_end(State::Opened, 2) };
    for name in ["renewed", "deleted", "near"] {
        sinks.recall_doubted(&named(name, &[]), &unknown, |place| place == 0);
    }
    sinks.recalled();
    let over = |second| Notice { gravest: Level::Critical, ..of_end(State::Resolved, second) };
    sinks.tell(&named("renewed", &[]), vec![over(3)]);
    sinks.gone("team-a", "deleted");
    assert_eq!(waiting(&sinks), [vec!["Resolved", "Resolved"], vec![]]);
    let ends = Notice { ends: Timestamp::from_second(9).ok(), ..of_end(State::Opened, 3) };
    sinks.tell(&named("near", &[]), vec![ends, over(4)]);
    assert_eq!(waiting(&sinks), [["Opened", "Resolved"]; 2]);
}
