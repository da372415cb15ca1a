#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

mod full;
mod limits;
mod purposes;
mod refusals;
mod unexplained;

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{super::ledger::Ledger, *};
use crate::{
    domain::{
        answer::{Account, Answer, Expiry, Grant, RateLimit, Refusal},
        knowledge::Knowledge,
        probing::{
            Subject, Urgency,
            schedule::{Timing, due},
            tests::{LIMITS_OF_TESTS, number, question_of},
        },
    },
    github::NotBefore,
};

const T: i64 = 1_772_366_400;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Long enough for every token to have been accepted at its own instants.
const SETTLED: i64 = 2 * HOUR;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(T + second).unwrap()
}

fn accepts(account: i64) -> Reply {
    let account = Some(Account { login: format!("user-{account}").into(), id: account });
    Reply::Answer(Answer::Granted(Grant { account, scopes: None, expiry: Expiry::Never }))
}

fn refuses() -> Reply {
    Reply::Answer(Answer::Refused(Refusal::BadCredentials))
}

fn defers(reason: Reason) -> Reply {
    Reply::Deferral(Deferral::new(reason))
}

/// Connections that look whenever they are due, and one host that answers at once.
struct World {
    state: State,
    connections: Vec<Connection>,
    /// By number of the token and second.
    host: fn(usize, i64) -> Reply,
    /// What was asked: number of the token, second, reply.
    asked: Vec<(usize, i64, Reply)>,
    /// How often a connection looked.
    looks: usize,
}

struct Connection {
    token: usize,
    question: Question,
    timing: Timing,
    since: i64,
    /// What its status remembers from before.
    remembered: Knowledge,
    dubious: bool,
    not_before: i64,
    told: Option<Deferral>,
    is_suspended: bool,
}

impl World {
    fn new(limits: Limits, host: fn(usize, i64) -> Reply) -> Self {
        World { state: State::new(limits), connections: Vec::new(), host, asked: Vec::new(), looks: 0 }
    }

    /// New connections on tokens of these numbers.
    fn connect(&mut self, tokens: impl IntoIterator<Item = usize>, namespace: &'static str, since: i64) {
        for token in tokens {
            // Two intervals.
            let interval = SignedDuration::from_mins(if token.is_multiple_of(2) { 30 } else { 10 });
            let timing = Timing {
                interval,
                minimum_interval: LIMITS_OF_TESTS.minimum_interval,
                confirm_after: LIMITS_OF_TESTS.confirm_after,
                heartbeat: SignedDuration::from_hours(1),
                trust_for: SignedDuration::from_hours(24),
                proof_interval: SignedDuration::from_hours(6),
                follows: false,
            };
            let (remembered, dubious) = (Knowledge::default(), false);
            let connection = Connection {
                token,
                question: question_of(token, namespace),
                timing,
                since,
                remembered,
                dubious,
                not_before: since,
                told: None,
                is_suspended: false,
            };
            self.connections.push(connection);
        }
    }

    /// The connection has its token asked about no more.
    fn suspend(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        connection.is_suspended = true;
        self.state.has_asker(&connection.question.hashed, false);
    }

    /// It has its token asked about again.
    fn resume(&mut self, index: usize, second: i64) {
        let connection = &mut self.connections[index];
        (connection.is_suspended, connection.not_before) = (false, second);
        self.state.has_asker(&connection.question.hashed, true);
    }

    fn run(&mut self, seconds: std::ops::Range<i64>) {
        for second in seconds {
            for index in 0..self.connections.len() {
                self.look(index, second);
            }
            let mut changed = Vec::new();
            loop {
                let (todo, news) = self.state.step(at(second));
                changed.extend(news);
                let Step::Ask(due) = todo else { break };
                let number = number(&due.question);
                let reply = (self.host)(number, second);
                self.asked.push((number, second, reply.clone()));
                let heard = Exchange::of(at(second), at(second), reply);
                changed.extend(self.state.answered(&due.question, heard));
            }
            if changed.is_empty() {
                continue;
            }
            let changed: std::collections::HashSet<_> = changed.into_iter().collect();
            for connection in &mut self.connections {
                if changed.contains(&connection.question.hashed) {
                    connection.not_before = second;
                }
            }
        }
    }

    fn look(&mut self, index: usize, second: i64) {
        let connection = &self.connections[index];
        if connection.not_before > second || connection.is_suspended {
            return;
        }
        self.looks += 1;
        let question = connection.question.clone();
        let known = self.state.snapshot(&question.hashed);
        let knowledge = self.knowledge(index);
        let since = at(connection.since);
        let past = known.as_ref().map_or(
            super::super::Past {
                since,
                asked: None,
                released: None,
                brought_forward: self.state.admission.brought_forward(&question.hashed),
                unanswered: self.state.admission.unanswered(),
                hurried: false,
                suspected: false,
            },
            |known| known.past(since),
        );
        let subject = Subject { host: "a".into(), token: question.hashed };
        let due = due(&subject, &knowledge, past, None, &connection.timing);
        let due = due.map_or(i64::MAX, |due| due.as_second() - T);
        let connection = &mut self.connections[index];
        connection.told = None;
        if due > second {
            connection.not_before = due;
            return;
        }
        let question = Question {
            accepted_before: knowledge.accepted_before(),
            condemned: knowledge.believed_refusal().is_some(),
            urgency: match &knowledge {
                _ if connection.dubious => Urgency::Dubious,
                Knowledge { deferred: Some(_), .. } => Urgency::Retry,
                Knowledge { refused: Some(_), .. } => Urgency::Confirm,
                Knowledge { grant: None, .. } => Urgency::New,
                _ => Urgency::Routine,
            },
            ..question
        };
        let (asked, _) = self.state.ask(question, at(second));
        connection.not_before = match asked {
            // Woken by the change.
            Asked::Pending => i64::MAX,
            Asked::NotNow(deferral) => {
                connection.told = Some(deferral);
                deferral.until.unwrap().as_second() - T
            }
        };
    }

    fn knowledge(&self, index: usize) -> Knowledge {
        let connection = &self.connections[index];
        let heard = self.state.snapshot(&connection.question.hashed);
        connection.remembered.overlaid(&heard.map(|known| known.knowledge).unwrap_or_default())
    }

    /// The tokens that are taken to be bad.
    fn condemned(&self) -> Vec<usize> {
        let is_bad = |index: &usize| self.knowledge(*index).believed_refusal().is_some();
        (0..self.connections.len()).filter(is_bad).map(|index| self.connections[index].token).collect()
    }

    /// How many questions there were about tokens that the filter names, within the seconds.
    fn count(&self, tokens: impl Fn(usize) -> bool, seconds: std::ops::Range<i64>) -> usize {
        let counts = |(token, second, _): &&(usize, i64, Reply)| tokens(*token) && seconds.contains(second);
        self.asked.iter().filter(counts).count()
    }

    fn is_accepted(&self, token: usize, within: std::ops::Range<i64>) -> bool {
        self.asked.iter().any(|(asked, second, reply)| {
            *asked == token && within.contains(second) && matches!(reply, Reply::Answer(Answer::Granted(_)))
        })
    }
}

/// Asks what is due and answers it so.
fn answers(world: &mut World, second: i64, reply: Reply) {
    let Step::Ask(due) = world.state.step(at(second)).0 else { panic!("it is asked") };
    let exchange = Exchange::of(at(second), at(second), reply);
    world.state.answered(&due.question, exchange);
}

#[test]
fn little_is_kept_of_tokens_that_nobody_uses_any_more_and_nothing_after_a_while() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
    let minimum = LIMITS_OF_TESTS.minimum_interval.as_secs();
    for number in 0..100_000_usize {
        let now = at(number as i64);
        let question = question_of(number, "a");
        world.state.ask(question.clone(), now);
        let Step::Ask(due) = world.state.step(now).0 else { panic!("it is asked") };
        let exchange = Exchange::of(now, now, accepts(number as i64));
        world.state.answered(&due.question, exchange);
        world.state.admission.forget(&question.hashed);
        world.state.ledger.leave(&question.hashed, now);
        world.state.drop_unused(now);
        let (entries, room) = world.state.ledger.size();
        assert!(entries <= (minimum as usize + 1).min(1025) && room <= 8192, "{entries} in {room}");
    }
    world.state.drop_unused(at(100_000 + minimum));
    assert_eq!(world.state.ledger.size().0, 0);
}

#[test]
fn a_token_that_is_taken_out_and_put_back_is_asked_about_no_sooner_for_that() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
    let question = question_of(1, "a");
    world.state.ask(question.clone(), at(0));
    let Step::Ask(due) = world.state.step(at(0)).0 else { panic!("it is asked") };
    let exchange = Exchange::of(at(0), at(0), accepts(1));
    world.state.answered(&due.question, exchange);
    world.state.ledger.leave(&question.hashed, at(1));
    world.state.drop_unused(at(2));
    let snapshot = world.state.snapshot(&question.hashed).unwrap();
    assert_eq!((snapshot.asked, snapshot.knowledge.grant.is_some()), (Some(at(0)), true));
    world.state.ledger.keep(&question.hashed);
    world.state.drop_unused(at(DAY));
    assert!(world.state.snapshot(&question.hashed).is_some(), "somebody uses it again");
}

#[test]
fn what_waits_about_a_token_that_nobody_asks_about_any_more_is_not_asked() {
    let limits = Limits { concurrency: 1, ..LIMITS_OF_TESTS };
    let mut world = World::new(limits, |_, _| accepts(1));
    let questions = [0, 1, 2].map(|number| question_of(number, "a"));
    questions.iter().for_each(|question| {
        world.state.ask(question.clone(), at(0));
    });
    let Step::Ask(first) = world.state.step(at(0)).0 else { panic!("it is asked") };
    // The connections of the one on its way and of the next one are suspended.
    questions[..2].iter().for_each(|question| world.state.has_asker(&question.hashed, false));
    let is_pending =
        |world: &World, number: usize| world.state.is_pending(&questions[number].hashed, &Probe::Identity);
    assert_eq!([0, 1, 2].map(|number| is_pending(&world, number)), [true, false, true]);
    world.state.answered(&first.question, Exchange::of(at(1), at(1), accepts(1)));
    let Step::Ask(next) = world.state.step(at(1)).0 else { panic!("it is asked") };
    assert_eq!(number(&next.question), 2);
    world.state.answered(&next.question, Exchange::of(at(1), at(1), accepts(1)));
    world.state.has_asker(&questions[1].hashed, true);
    world.state.ask(questions[1].clone(), at(2));
    let Step::Ask(last) = world.state.step(at(2)).0 else { panic!("it is asked") };
    assert_eq!(number(&last.question), 1, "resumed");
}

#[test]
fn after_a_clock_was_set_back_nothing_that_was_heard_lies_ahead() {
    for ahead in [0, 365 * DAY] {
        let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
        let limit = |second: i64| {
            let until = Some(at(second + HOUR));
            Reply::Deferral(Deferral { until, ..Deferral::new(Reason::RateLimited) })
        };
        for (number, replies) in
            [(1, vec![accepts(1)]), (2, vec![accepts(2), refuses()]), (3, vec![accepts(3), limit(ahead)])]
        {
            let question = question_of(number, "a");
            for reply in replies {
                world.state.ask(question.clone(), at(ahead));
                let Step::Ask(due) = world.state.step(at(ahead)).0 else { panic!("{number} is asked") };
                world.state.answered(&due.question, Exchange::of(at(ahead), at(ahead), reply));
            }
        }
        world.state.step(at(10));
        let of = |number: usize| world.state.snapshot(&question_of(number, "a").hashed).unwrap();
        let expected = if ahead == 0 { 0 } else { 10 };
        for number in [1, 2, 3] {
            let snapshot = of(number);
            let accepted = snapshot.knowledge.grant.map(|(_, at)| at);
            let first = snapshot.knowledge.first_proven;
            let seen = [accepted, first, snapshot.asked, snapshot.answered];
            assert_eq!(seen, [Some(at(expected)); 4], "{number}, {ahead} s ahead");
        }
        let refused = of(2).knowledge.refused.map(|refused| (refused.first, refused.last));
        assert_eq!(refused, Some((at(expected), at(expected))), "{ahead} s ahead");
        let deferred = of(3).knowledge.deferred.map(|deferred| (deferred.since, deferred.deferral.until));
        assert_eq!(deferred, Some((at(expected), Some(at(expected + HOUR)))), "{ahead} s ahead");
    }
}

#[test]
fn what_was_requested_soon_is_confirmed_like_any_other_and_a_confirmation_is_not() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
    let question = question_of(1, "a");
    let rows = [
        ("the first", 0, accepts(1), false),
        ("a request", 5, refuses(), false),
        ("its confirmation", 10, accepts(1), true),
        ("at its instant", 100, refuses(), false),
        ("its confirmation", 110, refuses(), true),
    ];
    for (name, second, reply, hurried) in rows {
        world.state.ask(question.clone(), at(second));
        let Step::Ask(due) = world.state.step(at(second)).0 else { panic!("{name} is asked") };
        let exchange = Exchange::of(at(second), at(second), reply);
        world.state.answered(&due.question, exchange);
        assert_eq!(
            world.state.snapshot(&question.hashed).map(|snapshot| snapshot.hurried),
            Some(hurried),
            "{name}"
        );
    }
}

#[test]
fn an_entry_is_small() {
    assert!(Ledger::bytes_of_an_entry() <= 192, "{} bytes", Ledger::bytes_of_an_entry());
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_work_that_the_worker_does_not_look_at() {
    let (changes, second) = (Changes::default(), Duration::from_secs(1));
    let host = Host::new("a".into(), LIMITS_OF_TESTS, changes, Counted::default());
    assert_eq!(host.stalled(), None);
    host.ask(question_of(1, "a"), at(0));
    time::advance(31 * second).await;
    assert_eq!(host.stalled(), Some(31 * second));
    let Step::Ask(_) = host.step(at(31)) else { panic!("it is asked") };
    time::advance(31 * second).await;
    assert_eq!(host.stalled(), Some(31 * second), "the next step comes at once");
    let Step::Wait(None) = host.step(at(62)) else { panic!("there is nothing to do") };
    time::advance(1000 * second).await;
    assert_eq!(host.stalled(), None, "a question on its way has a deadline of its own");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_neither_makes_a_stall_nor_hides_one() {
    let second = Duration::from_secs(1);
    for set in [HOUR, -HOUR] {
        let limits = Limits { points_per_minute: 1, ..LIMITS_OF_TESTS };
        let host = Host::new("a".into(), limits, Changes::default(), Counted::default());
        for number in 0..3 {
            host.ask(question_of(number, "a"), at(0));
        }
        let Step::Ask(_) = host.step(at(0)) else { panic!("the first is asked") };
        let Step::Wait(Some(turn)) = host.step(at(0)) else { panic!("the others wait for their turn") };
        assert!(turn > at(10), "the worker sleeps less");
        time::advance(10 * second).await;
        assert_eq!(host.stalled(), None);
        time::advance(30 * second).await;
        assert_eq!(host.stalled(), Some(30 * second));
        host.step(at(set));
        host.ask(question_of(3, "a"), at(set));
        time::advance(20 * second).await;
        host.ask(question_of(4, "a"), at(0));
        time::advance(10 * second).await;
        assert_eq!(host.stalled(), Some(30 * second), "set by {set} s");
    }
}

#[test]
fn hosts_know_nothing_of_each_other() {
    let one = Host::new("one".into(), LIMITS_OF_TESTS, Changes::default(), Counted::default());
    let other = Host::new("other".into(), LIMITS_OF_TESTS, Changes::default(), Counted::default());
    for number in 0..3 {
        one.ask(question_of(number, "a"), at(0));
    }
    for _ in 0..3 {
        let Step::Ask(due) = one.step(at(0)) else { panic!("it is asked") };
        let reply = defers(Reason::TimedOut);
        one.answered(due.question, Exchange::of(at(0), at(10), reply), at(10));
    }
    let is_silent = |host: &Host| host.lock().admission.breaker().open().is_some();
    assert!(is_silent(&one) && !is_silent(&other));
    let new = one.ask(question_of(9, "a"), at(10));
    assert!(matches!(new, Asked::NotNow(Deferral { reason: Reason::TimedOut, .. })), "{new:?}");
    assert_eq!(one.snapshot(&question_of(9, "a").hashed).unwrap().knowledge.deferred.unwrap().since, at(10));
    assert_eq!(other.ask(question_of(9, "a"), at(10)), Asked::Pending);
    let known: BTreeMap<_, _> =
        [(1, one.snapshot(&question_of(1, "a").hashed)), (2, other.snapshot(&question_of(1, "a").hashed))]
            .into();
    assert!(known[&1].is_some() && known[&2].is_none());
}
