use super::*;
use crate::domain::probing::tests::*;

fn queue(of: &[(usize, &str, Urgency)]) -> Queue {
    let mut queue = Queue::default();
    for (number, namespace, urgency) in of {
        queue.push(Question { urgency: *urgency, ..question_of(*number, namespace) }, at(0));
    }
    queue
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_366_400_i64.saturating_add(second)).unwrap()
}

/// The numbers of the questions, in the order in which they go.
fn order(mut queue: Queue, mut permits: impl FnMut(&Question) -> Permit) -> Vec<usize> {
    let mut order = Vec::new();
    while let (Some(question), _) = queue.take(&mut permits) {
        order.push(number(&question));
    }
    order
}

#[test]
fn the_more_urgent_goes_first_and_namespaces_take_turns() {
    use Urgency::{Confirm, Dubious, New, Retry, Rotated, Routine};
    let rows: [(&str, Queue, &[usize]); 6] = [
        (
            "by urgency",
            queue(&[
                (1, "a", Dubious),
                (2, "a", Routine),
                (3, "a", Retry),
                (4, "a", Confirm),
                (5, "a", New),
                (6, "a", Rotated),
            ]),
            &[6, 5, 4, 3, 2, 1],
        ),
        ("as they came", queue(&[(1, "a", New), (2, "a", New), (3, "a", New)]), &[1, 2, 3]),
        (
            "in turns",
            queue(&[
                (1, "a", New),
                (2, "a", New),
                (3, "a", New),
                (4, "b", New),
                (5, "b", New),
                (6, "c", New),
            ]),
            &[1, 6, 4, 2, 3, 5],
        ),
        (
            "a flood of urgent ones",
            queue(&[
                (1, "flood", Rotated),
                (2, "flood", Rotated),
                (3, "flood", Rotated),
                (4, "flood", Rotated),
                (5, "b", New),
                (6, "c", Routine),
            ]),
            &[1, 6, 2, 5, 3, 4],
        ),
        (
            "wrong checksums",
            queue(&[(1, "a", Dubious), (2, "b", Dubious), (3, "c", Routine), (4, "c", Routine)]),
            &[3, 4, 1, 2],
        ),
        (
            "asked again, more urgently, and less",
            queue(&[(1, "a", Routine), (2, "a", Routine), (2, "b", Rotated), (1, "a", Dubious)]),
            &[2, 1],
        ),
    ];
    for (name, queue, expected) in rows {
        assert_eq!(order(queue, |_| Permit::Go), expected, "{name}");
    }
}

#[test]
fn what_must_wait_stays_and_what_is_turned_away_goes() {
    let all =
        [(1, "a", Urgency::New), (2, "a", Urgency::New), (3, "b", Urgency::New), (4, "b", Urgency::Routine)];
    let mut queue = queue(&all);
    let why = NotNow::until(Reason::HostBusy, Timestamp::UNIX_EPOCH);
    let (taken, turned_away) = queue.take(|question| match number(question) {
        1 => Permit::Wait,
        2 | 3 => Permit::NotNow(why.into()),
        _ => Permit::Go,
    });
    assert_eq!(taken.as_ref().map(number), Some(4));
    assert_eq!(turned_away.iter().map(|(question, _)| number(question)).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(queue.len(), 1);
    assert_eq!(order(queue, |_| Permit::Go), [1]);
}

#[test]
fn a_question_that_is_taken_out_does_not_go() {
    let mut queue = queue(&[(1, "a", Urgency::New), (2, "b", Urgency::Routine)]);
    let key = question_of(1, "a").key();
    assert!(queue.contains(&key));
    assert_eq!(queue.remove(&key).as_ref().map(number), Some(1));
    assert_eq!(queue.remove(&key).as_ref().map(number), None);
    assert_eq!(order(queue, |_| Permit::Go), [2]);
}

#[test]
fn four_thousand_questions_fill_it() {
    let mut queue = Queue::default();
    for number in 0..CAPACITY {
        assert!(!queue.is_full());
        queue.push(question_of(number, if number % 2 == 0 { "a" } else { "b" }), at(0));
    }
    assert!(queue.is_full());
}

#[test]
fn a_question_that_becomes_more_urgent_has_waited_since_it_came() {
    let mut queue = Queue::default();
    let asked = |urgency| Question { urgency, ..question_of(1, "a") };
    queue.push(asked(Urgency::Routine), at(0));
    queue.push(Question { urgency: Urgency::Routine, ..question_of(2, "a") }, at(5));
    queue.push(asked(Urgency::Confirm), at(9));
    let waiting = |queue: &Queue, urgency: Urgency| queue.waiting()[urgency as usize];
    assert_eq!(waiting(&queue, Urgency::Confirm), (1, Some(at(0))));
    assert_eq!(waiting(&queue, Urgency::Routine), (1, Some(at(5))));
    assert_eq!(waiting(&queue, Urgency::New), (0, None));
    queue.take(|_| Permit::Go);
    assert_eq!(waiting(&queue, Urgency::Confirm), (0, None));
}

#[test]
fn in_a_full_queue_the_namespace_with_most_gives_way_and_else_what_is_less_urgent() {
    use Urgency::{Confirm, New, Retry, Routine};
    let crowd = [(1, "a", New), (2, "a", Routine), (3, "a", Routine), (4, "b", Routine), (5, "b", Retry)];
    let rows = [
        ("a newcomer takes the last of those that have most", "c", Routine, Some(3)),
        ("one of as many takes a place of its own", "a", Retry, Some(3)),
        ("no less urgent one of its own", "a", Routine, None),
        ("one less, and its own first", "b", Confirm, Some(4)),
        ("one less, and no less urgent one", "b", Routine, None),
    ];
    for (name, namespace, urgency, expected) in rows {
        let mut queue = queue(&crowd);
        assert_eq!(queue.shares.gives_way(namespace, urgency).is_some(), expected.is_some(), "{name}");
        assert_eq!(queue.make_room(namespace, urgency).as_ref().map(number), expected, "{name}");
        assert_eq!(queue.len(), if expected.is_some() { 4 } else { 5 }, "{name}");
    }
}

#[test]
fn of_several_namespaces_that_have_most_the_one_with_the_least_urgent_question_gives_way() {
    use Urgency::{Confirm, New, Routine};
    let crowd = [
        (1, "x", Confirm),
        (2, "x", New),
        (3, "y", New),
        (4, "y", Routine),
        (5, "z", New),
        (6, "z", New),
        (7, "b", New),
    ];
    for (name, namespace) in [("one less", "b"), ("two fewer", "c")] {
        let mut queue = queue(&crowd);
        assert_eq!(queue.make_room(namespace, New).as_ref().map(number), Some(4), "{name}");
        queue.push(Question { urgency: New, ..question_of(9, namespace) }, at(0));
        assert_eq!(queue.shares.sizes().iter().sum::<usize>(), queue.len(), "{name}");
    }
}

#[test]
fn those_that_gave_way_and_come_again_do_not_push_each_other_out_for_ever() {
    let question = |number: usize| Question {
        urgency: Urgency::ALL[number.div_euclid(7) % Urgency::ALL.len()],
        ..question_of(number, ["a", "b", "c", "d", "e"][(number % 16).ilog2() as usize])
    };
    let mut queue = Queue::default();
    let mut coming: VecDeque<_> = (1..200_usize).filter(|number| number % 16 > 0).collect();
    let mut exchanges = 0_usize;
    while let Some(number) = coming.pop_front() {
        let next = question(number);
        if queue.len() >= 40 {
            let Some(last) = queue.make_room(&next.namespace, next.urgency) else { continue };
            // It comes again at once.
            coming.push_back(super::tests::number(&last));
            exchanges = exchanges.saturating_add(1);
        }
        queue.push(next, at(0));
    }
    assert!((1..1000).contains(&exchanges), "{exchanges}");
    assert_eq!(queue.len(), 40);
    let shares = queue.shares.sizes();
    assert!(shares.iter().all(|count| (7..=10).contains(count)), "{shares:?}");
    while let (Some(_), _) = queue.take(|_| Permit::Go) {}
    assert_eq!(queue.shares.sizes(), Vec::<usize>::new());
}
