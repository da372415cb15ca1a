use super::{super::tests::message, *};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn ends(name: &str, second: i64) -> Arc<Message> {
    let opened = message(name, second);
    let notice = Notice { state: State::Resolved, reason: "Ready".to_owned(), ..opened.notice.clone() };
    Arc::new(Message::new(opened.named.clone(), notice))
}

/// It comes as it happens.
fn push(queue: &mut Queue, message: Arc<Message>) {
    let at = message.notice.at;
    queue.push(message, at);
}

fn leave_out(queue: &mut Queue, second: i64) {
    queue.leave_out(at(second), at(second));
}

fn queue(second: i64) -> Queue {
    let mut queue = Queue::default();
    assert_eq!(queue.told_until(), None, "nobody knows yet");
    queue.fill(Vec::new(), Some(at(second)), at(second));
    queue
}

#[test]
fn everything_is_told_until_the_second_before_what_waits() {
    let mut queue = queue(100);
    assert_eq!(queue.told_until(), Some(at(100)));
    let all: Vec<_> = [120, 110, 130].map(|second| message("a", second)).into();
    all.iter().for_each(|message| push(&mut queue, message.clone()));
    assert_eq!(queue.told_until(), Some(at(100)));
    queue.done(&all[0]);
    assert_eq!(queue.told_until(), Some(at(109)), "one that happened earlier waits");
    queue.done(&all[1]);
    assert_eq!(queue.told_until(), Some(at(120)));
    queue.done(&all[2]);
    assert_eq!(queue.told_until(), Some(at(130)));
}

#[test]
fn what_is_derived_comes_before_what_happened_since_and_nothing_comes_twice() {
    let mut queue = Queue::default();
    push(&mut queue, message("a", 130));
    queue.fill(vec![message("a", 130), message("b", 120), message("a", 110)], Some(at(100)), at(140));
    let told = std::iter::from_fn(|| {
        let next = queue.next()?;
        queue.done(&next);
        Some((next.named.name.clone(), next.notice.at.as_second()))
    });
    let expected = [("a", 110), ("b", 120), ("a", 130)].map(|(name, at)| (name.to_owned(), at));
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_derived_from_a_status_before_its_writer_tells_it_comes_once() {
    for is_told_by_then in [false, true] {
        let mut queue = Queue::default();
        queue.fill(vec![message("a", 120)], Some(at(100)), at(130));
        if is_told_by_then {
            queue.done(&message("a", 120));
        }
        push(&mut queue, message("a", 120));
        push(&mut queue, message("b", 120));
        let told = std::iter::from_fn(|| queue.next().inspect(|next| queue.done(next)));
        let told: Vec<_> = told.map(|message| message.named.name.clone()).collect();
        let expected: &[&str] = if is_told_by_then { &["b"] } else { &["a", "b"] };
        assert_eq!(
            (told.as_slice(), queue.told_until()),
            (&expected.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..], Some(at(120)))
        );
    }
}

#[test]
fn what_is_told_to_be_over_is_not_opened_after_that() {
    let mut queue = queue(100);
    leave_out(&mut queue, 120);
    push(&mut queue, ends("a", 130));
    queue.done(&ends("a", 130));
    // One that has begun anew is not closed by the end of the one before.
    push(&mut queue, message("c", 135));
    queue.done(&message("c", 135));
    let mut derived: Vec<_> = [("a", 120), ("a", 140), ("b", 120)].map(|(name, at)| message(name, at)).into();
    derived.extend([ends("a", 130), ends("c", 130)]);
    queue.fill(derived, Some(at(119)), at(160));
    let told = std::iter::from_fn(|| queue.next().inspect(|next| queue.done(next)));
    let told: Vec<_> = told.map(|message| (message.named.name.clone(), message.notice.at)).collect();
    assert_eq!(told, [("b".to_owned(), at(120)), ("a".to_owned(), at(140))]);
}

#[test]
fn what_is_derived_does_not_come_after_what_is_sent_or_told_and_happened_later() {
    let (opened, ends) = (|second| message("a", second), |second| ends("a", second));
    let rows: [(_, Vec<_>, Vec<_>, &[_]); 7] = [
        ("derived before", vec![ends(149)], vec![opened(120), ends(149)], &[]),
        ("within the same second", vec![ends(149)], vec![opened(149), ends(149)], &[]),
        ("not derived itself", vec![ends(149)], vec![opened(120)], &[]),
        ("it ends", vec![opened(149)], vec![opened(149), ends(149)], &[State::Resolved]),
        ("it ends later", vec![opened(120)], vec![opened(120), ends(149)], &[State::Resolved]),
        (
            "it waits while another one is sent",
            vec![message("b", 100), opened(149)],
            vec![opened(149), ends(149)],
            &[State::Opened, State::Resolved],
        ),
        (
            "it breaks twice",
            vec![message("b", 100), opened(149), ends(149)],
            vec![opened(149), ends(149), opened(149)],
            &[State::Opened, State::Resolved, State::Opened],
        ),
    ];
    for (name, pushed, derived, expected) in rows {
        for is_told_by_then in [false, true] {
            let mut queue = queue(90);
            leave_out(&mut queue, 120);
            pushed.iter().for_each(|message| push(&mut queue, message.clone()));
            let sent = queue.next().unwrap();
            if is_told_by_then {
                queue.done(&sent);
            }
            queue.fill(derived.clone(), Some(at(119)), at(160));
            if !is_told_by_then {
                assert_eq!(queue.next().unwrap().id, sent.id, "{name}: it is sent until it is taken");
                queue.done(&sent);
            }
            let told = std::iter::from_fn(|| queue.next().inspect(|next| queue.done(next)));
            let told: Vec<_> = told.map(|message| message.notice.state).collect();
            assert_eq!(told, expected, "{name}, told by then: {is_told_by_then}");
        }
    }
}

#[test]
fn a_new_sink_for_which_too_much_is_wrong_stays_new_until_it_has_heard_all_of_it() {
    let all: Vec<_> = (0..2500).map(|number| message(&format!("c{number}"), 120)).collect();
    let (mut queue, mut told) = (Queue::default(), 0);
    queue.fill(all.clone(), None, at(200));
    while told < all.len() {
        assert_eq!(queue.told_until(), None, "after {told}");
        while let Some(next) = queue.next() {
            queue.done(&next);
            told += 1;
        }
        if queue.left_out().is_some() {
            assert!(queue.is_new(), "after {told}");
            queue.fill(all.clone(), None, at(200));
        }
    }
    assert_eq!((told, queue.is_new(), queue.told_until()), (2500, false, Some(at(200))));
}

#[test]
fn a_new_sink_hears_the_end_of_what_it_was_told_and_of_nothing_else() {
    let all: Vec<_> = (0..1500).map(|number| message(&format!("c{number}"), 120)).collect();
    let ends = |name: &str| {
        let opened = message(name, 130);
        let notice = Notice { state: State::Resolved, ..opened.notice.clone() };
        Arc::new(Message::new(opened.named.clone(), notice))
    };
    let mut queue = Queue::default();
    // It ends while the statuses are read.
    push(&mut queue, ends("c0"));
    queue.fill(all.clone(), None, at(125));
    let told = std::iter::from_fn(|| queue.next().inspect(|next| queue.done(next))).count();
    assert_eq!((told, queue.is_new()), (1000, true));
    let left: Vec<_> = all[1..].iter().cloned().chain([ends("c0"), ends("unheard")]).collect();
    queue.fill(left, None, at(200));
    let told = std::iter::from_fn(|| queue.next().inspect(|next| queue.done(next)));
    let ends: Vec<_> = told.filter(|message| message.notice.state == State::Resolved).collect();
    assert_eq!(ends.iter().map(|message| &*message.named.name).collect::<Vec<_>>(), ["c0"]);
    assert!(!queue.is_new());
}

#[test]
fn a_new_sink_stays_new_until_it_knows_what_is_wrong() {
    let mut queue = Queue::default();
    queue.fill(vec![message("a", 7)], None, at(200));
    assert_eq!(queue.told_until(), None);
    queue.done(&message("a", 7));
    assert_eq!(queue.told_until(), Some(at(200)), "and not from the beginning of time");
}

#[test]
fn of_what_nobody_knows_whether_it_is_told_nobody_says_that_it_is() {
    let mut queue = queue(100);
    leave_out(&mut queue, 120);
    push(&mut queue, message("b", 150));
    assert_eq!(queue.left_out(), None, "first what is known");
    queue.done(&message("b", 150));
    assert_eq!((queue.left_out(), queue.told_until()), (Some(at(119)), Some(at(119))));
    queue.fill(vec![message("a", 120)], Some(at(119)), at(160));
    assert_eq!((queue.waiting().0, queue.told_until()), (1, Some(at(119))));
    queue.done(&message("a", 120));
    assert_eq!(queue.told_until(), Some(at(150)));
}

#[test]
fn what_is_doubted_while_others_are_derived_is_derived_next() {
    let mut queue = queue(100);
    leave_out(&mut queue, 120);
    leave_out(&mut queue, 150);
    queue.fill(vec![message("a", 120)], Some(at(119)), at(140));
    queue.done(&message("a", 120));
    assert_eq!((queue.left_out(), queue.told_until()), (Some(at(139)), Some(at(120))));
    queue.fill(vec![message("b", 150)], Some(at(149)), at(170));
    queue.done(&message("b", 150));
    assert_eq!((queue.left_out(), queue.told_until()), (None, Some(at(150))));
}

#[test]
fn of_many_that_happen_at_once_each_is_told_once_and_a_thousand_wait_at_most() {
    let mut queue = queue(100);
    let all: Vec<_> = (0..2500).map(|number| message(&format!("c{number}"), 120)).collect();
    all.iter().for_each(|message| push(&mut queue, message.clone()));
    let mut told = Vec::new();
    loop {
        while let Some(next) = queue.next() {
            queue.done(&next);
            told.push(next.id.clone());
        }
        let Some(since) = queue.left_out() else { break };
        assert!(told.len() < 5000, "it comes to an end");
        let derived = all.iter().filter(|message| message.notice.at > since).cloned().collect();
        queue.fill(derived, Some(since), at(200));
        assert!(queue.waiting().0 <= LONGEST);
    }
    let once: HashSet<_> = told.iter().collect();
    assert_eq!((once.len(), told.len(), queue.told_until()), (2500, 2500, Some(at(120))));
}

#[test]
fn what_breaks_twice_within_a_second_is_told_to_be_broken_in_the_end() {
    let mut queue = queue(100);
    let opened = message("a", 120);
    let reason = "Ready".to_owned();
    let ends = Notice { state: State::Resolved, reason, ..opened.notice.clone() };
    let ends = Arc::new(Message::new(opened.named.clone(), ends));
    [opened.clone(), ends, opened].into_iter().for_each(|message| push(&mut queue, message));
    let told = std::iter::from_fn(|| queue.next().inspect(|next| queue.done(next)));
    let told: Vec<_> = told.map(|message| message.notice.state).collect();
    assert_eq!(told, [State::Opened, State::Resolved, State::Opened]);
}

#[test]
fn that_a_connection_was_deleted_finds_room_where_others_find_none() {
    let deleted = |number: usize| {
        let opened = message(&format!("c{number}"), 130);
        let reason = Notice::DELETED.to_owned();
        let notice = Notice { state: State::Resolved, reason, ..opened.notice.clone() };
        Arc::new(Message::new(opened.named.clone(), notice))
    };
    let mut queue = queue(100);
    let all: Vec<_> = (0..1500).map(|number| message(&format!("c{number}"), 120)).collect();
    all.iter().for_each(|message| push(&mut queue, message.clone()));
    (0..500).for_each(|number| push(&mut queue, deleted(number)));
    assert_eq!(queue.waiting().0, 1500);
    // Another reading finds no more room for others, and those stay.
    queue.fill(all[1400..].to_vec(), Some(at(99)), at(200));
    assert_eq!(queue.waiting().0, 1500);
    let told = std::iter::from_fn(|| queue.next().inspect(|next| queue.done(next)));
    assert_eq!(told.filter(|message| is_deleted(message)).count(), 500);
    (0..20_000).for_each(|number| push(&mut queue, deleted(number)));
    assert_eq!(queue.waiting().0, LONGEST_WITH_DELETED, "they cost no more memory either");
    assert!(queue.without_room.len() <= LONGEST_WITH_DELETED, "nor do those that find no room");
}

#[test]
fn what_had_happened_long_before_it_came_and_found_no_room_is_derived_again() {
    let mut queue = queue(1000);
    (0..1000).for_each(|number| push(&mut queue, message(&format!("c{number}"), 1010)));
    // Stages of ends that began while no operator ran: they come to stand in statuses while others are read.
    queue.push(message("a", 500), at(1015));
    queue.push(message("b", 400), at(1020));
    let read_before = 1018;
    for (until, expected) in [(read_before, Some(at(399))), (1050, None)] {
        queue.fill(Vec::new(), Some(at(399)), at(until));
        std::iter::from_fn(|| queue.next().inspect(|next| queue.done(next))).for_each(drop);
        assert_eq!(queue.left_out(), expected, "read until {until}");
    }
}

#[test]
fn what_finds_no_room_is_derived_again_once_there_is() {
    let mut queue = queue(100);
    let all: Vec<_> = (101..1104).map(|second| message("a", second)).collect();
    all.iter().for_each(|message| push(&mut queue, message.clone()));
    assert_eq!((queue.waiting().0, queue.left_out()), (1000, None));
    all.iter().take(1000).for_each(|message| queue.done(message));
    assert_eq!((queue.left_out(), queue.told_until()), (Some(at(1100)), Some(at(1100))));
    queue.fill(all[1000..].to_vec(), Some(at(1100)), at(1200));
    assert_eq!((queue.waiting().0, queue.left_out()), (3, None));
}
