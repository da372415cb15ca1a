#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::*;
use crate::domain::{
    answer::{Account, Expiry, Grant, Refusal},
    knowledge::Knowledge,
    probing::{
        Subject,
        schedule::{Timing, due},
        tests::{LIMITS_OF_TESTS, number, question_of},
    },
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
}

impl World {
    fn new(limits: Limits, host: fn(usize, i64) -> Reply) -> Self {
        let (admission, ledger) = (Admission::new(limits), Ledger::default());
        let state = State { admission, ledger, unseen: None, wakes_at: None, told_time: Timestamp::MIN };
        World { state, connections: Vec::new(), host, asked: Vec::new(), looks: 0 }
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
            };
            self.connections.push(connection);
        }
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
                let heard = Exchange { at: at(second), answered: at(second), reply, date: None, limit: None };
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
        if connection.not_before > second {
            return;
        }
        self.looks += 1;
        let question = connection.question.clone();
        let known = self.state.snapshot(&question.hashed);
        let knowledge = self.knowledge(index);
        let since = at(connection.since);
        let past = known.as_ref().map_or(
            super::super::Past { since, asked: None, released: None, hurried: false, suspected: false },
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

#[test]
fn an_incident_of_half_a_minute_condemns_nobody() {
    let refusing = |token, second| {
        if (SETTLED..SETTLED + 25).contains(&second) { refuses() } else { accepts(token as i64) }
    };
    let mut world = World::new(LIMITS_OF_TESTS, refusing);
    world.connect(0..20, "a", 0);
    world.connect(100..200, "b", 0);
    world.run(0..SETTLED);
    // The worst case: all are asked about within it.
    world.connections.iter_mut().for_each(|connection| connection.since = SETTLED);
    for token in 0..20 {
        let question = Question { accepted_before: true, ..question_of(token, "a") };
        world.state.ask(question, at(SETTLED));
    }
    world.run(SETTLED..SETTLED + 25);
    world.connect([999], "c", SETTLED + 20);
    for minute in 0..60 {
        let begin = SETTLED + 25 + minute * MINUTE;
        world.run(begin..begin + MINUTE);
        assert_eq!(world.condemned(), [0; 0]);
    }
    assert_eq!(world.state.admission.incident().since(), None);
    assert!(
        world.is_accepted(999, SETTLED + 20..SETTLED + 2 * MINUTE),
        "a new one is accepted soon after it"
    );
    for token in 0..20 {
        assert!(world.is_accepted(token, SETTLED + 25..SETTLED + 2 * MINUTE), "{token} is accepted again");
    }
}

#[test]
fn an_incident_that_meets_one_token_after_the_other_condemns_nobody() {
    let refusing = |token, second| {
        if (SETTLED..SETTLED + 20 * MINUTE).contains(&second) { refuses() } else { accepts(token as i64) }
    };
    let mut world = World::new(LIMITS_OF_TESTS, refusing);
    world.connect((0..40).map(|token| token * 2), "a", 0);
    world.run(0..SETTLED + HOUR);
    assert_eq!(world.condemned(), [0; 0]);
    let refused = world.count(|_| true, SETTLED..SETTLED + 20 * MINUTE);
    assert!(refused < 60, "few questions meanwhile: {refused}");
}

#[test]
fn tokens_that_are_really_revoked_at_once_are_condemned_after_the_hold() {
    let refusing = |token, second| {
        if token < 20 && second >= SETTLED { refuses() } else { accepts(token as i64) }
    };
    let mut world = World::new(LIMITS_OF_TESTS, refusing);
    world.connect(0..20, "a", 0);
    world.connect(100..150, "b", 0);
    world.run(0..SETTLED);
    world.run(SETTLED..SETTLED + 30 * MINUTE);
    assert!(world.condemned().len() < 3, "held");
    assert!(world.count(|token| token >= 100, SETTLED..SETTLED + 30 * MINUTE) >= 75, "others go on as usual");
    world.run(SETTLED + 30 * MINUTE..SETTLED + 75 * MINUTE);
    assert_eq!(world.condemned(), (0..20).collect::<Vec<_>>());
    let asked = |token| world.count(|of| of == token, SETTLED + 10 * MINUTE..SETTLED + 75 * MINUTE);
    assert!((0..20).all(|token| asked(token) >= 3), "each by three refusals of its own");
    world.run(SETTLED + 75 * MINUTE..SETTLED + 5 * HOUR);
    assert_eq!(world.condemned().len(), 20, "they make no new incident");
    assert_eq!(world.state.admission.incident().since(), None);
}

#[test]
fn a_single_token_that_is_revoked_is_condemned_after_two_refusals() {
    let refusing =
        |token, second| if token == 0 && second >= HOUR { refuses() } else { accepts(token as i64) };
    let mut world = World::new(LIMITS_OF_TESTS, refusing);
    world.connect([0, 2], "a", 0);
    world.connect([1, 3], "b", 0);
    world.run(0..HOUR + 31 * MINUTE);
    assert_eq!(world.condemned(), [0]);
    world.run(HOUR + 31 * MINUTE..2 * DAY);
    let refusals: Vec<_> =
        world.asked.iter().filter(|asked| asked.0 == 0 && asked.1 >= HOUR).map(|asked| asked.1).collect();
    let minutes: Vec<_> = refusals.iter().map(|second| (second - refusals[1]) / MINUTE).collect();
    assert_eq!(minutes[..8], [-1, 0, 5, 15, 30, 60, 120, 240], "{minutes:?}");
}

#[test]
fn dead_tokens_that_a_restart_asks_about_again_make_no_incident() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| refuses());
    world.connect(0..50, "a", 0);
    for connection in &mut world.connections {
        let mut knowledge = Knowledge::default();
        knowledge.learn(accepts(1), at(-DAY));
        for _ in 0..5 {
            knowledge.learn(refuses(), at(-HOUR));
        }
        connection.remembered = knowledge;
    }
    world.run(0..3 * HOUR);
    assert_eq!(world.state.admission.incident().since(), None);
    assert_eq!(world.condemned().len(), 50);
    let counts: Vec<_> = (0..50).map(|index| world.knowledge(index).refused.unwrap().count).collect();
    assert!(counts.iter().all(|count| *count > 5), "they add up: {counts:?}");
}

#[test]
fn made_up_tokens_spend_the_failed_logins_of_their_namespace_only() {
    let host = |token, second| match token {
        0..200 => refuses(),
        300 if second >= HOUR => refuses(),
        _ => accepts(token as i64),
    };
    let mut world = World::new(LIMITS_OF_TESTS, host);
    world.connect([300, 301], "good", 0);
    world.run(0..HOUR);
    world.connect(0..200, "bad", HOUR);
    world.connect([400], "other", HOUR + 5);
    world.run(HOUR..HOUR + 30 * MINUTE + 61);
    assert!(world.is_accepted(400, HOUR..HOUR + MINUTE), "another tenant's new token");
    assert!(world.condemned().contains(&300), "another tenant's confirmation");
    world.run(HOUR + 30 * MINUTE + 61..9 * HOUR);
    for begin in (HOUR..8 * HOUR).step_by(60) {
        let made_up = world.count(|token| token < 200, begin..begin + HOUR);
        assert!(made_up <= 6, "{made_up} in the hour from {begin}");
    }
    let waiting = world
        .connections
        .iter()
        .filter(|connection| connection.told.is_some_and(|told| told.reason == Reason::FailedLoginsSpent));
    assert!(waiting.count() > 150, "the others are told why they wait");
}

#[test]
fn failed_logins_of_many_namespaces_hold_within_the_address() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| refuses());
    for (number, namespace) in ["a", "b", "c", "d", "e", "f", "g", "h"].into_iter().enumerate() {
        world.connect(number * 100..number * 100 + 20, namespace, 0);
    }
    world.run(0..4 * HOUR);
    for begin in (0..3 * HOUR).step_by(60) {
        let refused = world.count(|_| true, begin..begin + HOUR);
        assert!(refused <= 30, "{refused} in the hour from {begin}");
    }
}

#[test]
fn tokens_with_a_wrong_checksum_are_asked_about_last_and_condemned_at_once() {
    let mut world = World::new(LIMITS_OF_TESTS, |token, _| if token < 10 { refuses() } else { accepts(1) });
    world.connect(0..10, "a", 0);
    world.connections.iter_mut().for_each(|connection| connection.dubious = true);
    world.connect([20], "a", 0);
    world.run(0..DAY);
    assert_eq!(world.asked[0].0, 20, "{:?}", world.asked[0]);
    assert_eq!(world.count(|token| token < 10, 0..HOUR), 3, "half of the namespace's share");
    assert_eq!(world.condemned().len(), 10);
    assert!((0..10).all(|token| world.count(|of| of == token, 0..DAY) == 1), "once a day");
}

#[test]
fn a_host_that_is_down_is_asked_by_one_scout_and_recovery_stays_within_the_budget() {
    let host = |token, second| {
        if (HOUR..3 * HOUR).contains(&second) { defers(Reason::ServerError) } else { accepts(token as i64) }
    };
    let mut world = World::new(LIMITS_OF_TESTS, host);
    world.connect(0..1000, "a", 0);
    world.run(0..HOUR);
    let looks = world.looks;
    world.run(HOUR..3 * HOUR);
    let asked = world.count(|_| true, HOUR..3 * HOUR);
    assert!((200..250).contains(&asked), "one question every half minute, not {asked} in two hours");
    let looks = world.looks - looks;
    assert!(looks < 1000 * 40, "a look every five minutes or so: {looks}");
    let since = (0..1000)
        .filter_map(|index| world.knowledge(index).deferred)
        .map(|deferred| deferred.since.as_second() - T);
    assert!(since.clone().count() > 950 && since.max() < Some(HOUR + 36 * MINUTE), "every one is told");
    world.run(3 * HOUR..3 * HOUR + 15 * MINUTE);
    let waiting = (0..1000).filter(|index| world.knowledge(*index).deferred.is_some()).count();
    assert_eq!(waiting, 0, "all were asked again");
    for begin in (0..3 * HOUR + 15 * MINUTE).step_by(17) {
        let minute = world.count(|_| true, begin..begin + MINUTE);
        assert!(minute <= 600, "{minute} in the minute from {begin}");
    }
}

#[test]
fn a_limit_of_one_account_holds_only_its_tokens_back() {
    let host = |token: usize, second| match token % 2 {
        0 if (HOUR..2 * HOUR).contains(&second) => {
            Reply::Deferral(Deferral { reason: Reason::RateLimited, until: Some(at(2 * HOUR)) })
        }
        side => accepts(side as i64),
    };
    let mut world = World::new(LIMITS_OF_TESTS, host);
    world.connect(0..40, "a", 0);
    world.run(0..2 * HOUR);
    assert_eq!(world.state.admission.breaker().open(), None);
    assert_eq!(
        world.count(|token| token % 2 == 0, HOUR..2 * HOUR),
        1,
        "the first tells it for all of the account"
    );
    assert!(world.count(|token| token % 2 == 1, HOUR..2 * HOUR) >= 119);
    world.run(2 * HOUR..2 * HOUR + 2);
    assert_eq!(world.count(|token| token % 2 == 0, 2 * HOUR..2 * HOUR + 2), 20);
}

#[test]
fn a_limit_that_an_answer_announces_is_kept() {
    let rows = [
        ("GitHub's clock is a minute ahead", Some(60), 900, 840),
        ("no date", None, 900, 900),
        ("a date 400 days behind", Some(-400 * DAY), 900, 900),
        ("a reset 400 days ahead", Some(0), 400 * DAY, HOUR),
    ];
    for (name, date, reset, until) in rows {
        let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
        let question = Question { account: Some(1), ..question_of(1, "a") };
        world.state.ask(question.clone(), at(0));
        let Step::Ask(_) = world.state.step(at(0)).0 else { panic!("it is asked") };
        let limit = RateLimit { limit: 5000, remaining: 0, reset: at(reset).as_second() };
        let date = date.map(at);
        let heard = Exchange { at: at(0), answered: at(0), reply: accepts(1), date, limit: Some(limit) };
        world.state.answered(&question, heard);
        let (asked, _) = world.state.ask(Question { account: Some(1), ..question_of(2, "a") }, at(1));
        let spent = Deferral { reason: Reason::RateLimited, until: Some(at(until)) };
        assert_eq!(asked, Asked::NotNow(spent), "{name}");
        let other = Question { account: Some(2), ..question_of(3, "a") };
        assert_eq!(world.state.ask(other, at(1)).0, Asked::Pending, "{name}");
    }
}

#[test]
fn a_wrong_date_is_counted_and_moves_nothing() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
    for (number, date) in [3, 3, 400 * DAY, 3].into_iter().enumerate() {
        world.state.ask(question_of(number, "a"), at(0));
        let Step::Ask(due) = world.state.step(at(0)).0 else { panic!("it is asked") };
        let heard =
            Exchange { at: at(0), answered: at(0), reply: accepts(1), date: Some(at(date)), limit: None };
        world.state.answered(&due.question, heard);
    }
    let clock = world.state.admission.clock();
    assert_eq!((clock.offset().as_secs(), clock.outliers()), (3, 1));
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
        let exchange =
            Exchange { at: now, answered: now, reply: accepts(number as i64), date: None, limit: None };
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
    let exchange = Exchange { at: at(0), answered: at(0), reply: accepts(1), date: None, limit: None };
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
        let exchange = Exchange { at: at(second), answered: at(second), reply, date: None, limit: None };
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

#[test]
fn a_stall_is_work_that_the_worker_does_not_look_at() {
    let (changes, second) = (Changes::default(), Duration::from_secs(1));
    let host = Host::new("a".into(), LIMITS_OF_TESTS, changes);
    assert_eq!(host.stalled(at(0)), None);
    host.ask(question_of(1, "a"), at(0));
    assert_eq!(host.stalled(at(31)), Some(31 * second));
    let Step::Ask(_) = host.step(at(31)) else { panic!("it is asked") };
    assert_eq!(host.stalled(at(62)), Some(31 * second), "the next step comes at once");
    let Step::Wait(None) = host.step(at(62)) else { panic!("there is nothing to do") };
    assert_eq!(host.stalled(at(1000)), None, "a question on its way has a deadline of its own");
}

#[test]
fn hosts_know_nothing_of_each_other() {
    let one = Host::new("one".into(), LIMITS_OF_TESTS, Changes::default());
    let other = Host::new("other".into(), LIMITS_OF_TESTS, Changes::default());
    for number in 0..3 {
        one.ask(question_of(number, "a"), at(0));
    }
    for _ in 0..3 {
        let Step::Ask(due) = one.step(at(0)) else { panic!("it is asked") };
        let reply = defers(Reason::TimedOut);
        one.answered(due.question, Exchange { at: at(0), answered: at(10), reply, date: None, limit: None });
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

/// A question about one purpose of the same token.
fn purpose_of(number: usize, probe: Option<Probe>) -> Question {
    Question { probe: probe.unwrap(), accepted_before: true, ..question_of(number, "a") }
}

/// Asks what is due and answers it so.
fn answers(world: &mut World, second: i64, reply: Reply) {
    let Step::Ask(due) = world.state.step(at(second)).0 else { panic!("it is asked") };
    let exchange = Exchange { at: at(second), answered: at(second), reply, date: None, limit: None };
    world.state.answered(&due.question, exchange);
}

#[test]
fn a_401_to_another_question_makes_identity_suspected_and_nothing_else() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
    world.state.ask(question_of(1, "a"), at(0));
    answers(&mut world, 0, accepts(1));
    world.state.ask(purpose_of(1, Probe::repository("acme/app")), at(1));
    answers(&mut world, 1, Reply::Answer(Answer::Refused(Refusal::BadCredentials)));
    let snapshot = world.state.snapshot(&question_of(1, "a").hashed).unwrap();
    assert!(snapshot.suspected && snapshot.knowledge.refused.is_none() && snapshot.knowledge.grant.is_some());
    world.state.ask(question_of(1, "a"), at(2));
    answers(&mut world, 2, accepts(1));
    assert!(!world.state.snapshot(&question_of(1, "a").hashed).unwrap().suspected, "identity has told");
}

#[test]
fn purposes_say_nothing_about_the_host_and_git_takes_few_places() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
    let failed = || Reply::Deferral(Deferral::new(Reason::ServerError));
    for number in 0..10 {
        world.state.ask(purpose_of(number, Probe::repository("acme/app")), at(number as i64));
        answers(&mut world, number as i64, failed());
        world.state.ask(purpose_of(number, Probe::push("acme/app")), at(number as i64));
        answers(&mut world, number as i64, failed());
    }
    assert!(world.state.admission.breaker().open().is_none(), "the API was not asked about identity");
    let places = usize::from(LIMITS_OF_TESTS.concurrency / 4).max(1);
    for number in 20..60 {
        world.state.ask(purpose_of(number, Probe::push("acme/app")), at(100));
    }
    for _ in 0..places {
        assert!(matches!(world.state.step(at(100)).0, Step::Ask(_)));
    }
    assert!(matches!(world.state.step(at(100)).0, Step::Wait(_)), "the others wait for an answer of git");
    world.state.ask(question_of(99, "b"), at(100));
    let Step::Ask(due) = world.state.step(at(100)).0 else { panic!("the API is asked") };
    assert_eq!(due.question.probe, Probe::Identity);
}
