use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::{
    domain::{
        answer::{Answer, Expiry, Grant, Reply},
        probing::tests::{LIMITS_OF_TESTS, question_of},
    },
    github::Exchange,
};

const ASKER: Asker<'_> = Asker { namespace: "a", accepted_before: false, condemned: false, account: None };

fn accepted() -> Exchange {
    let grant = Grant { account: None, scopes: None, expiry: Expiry::Never };
    let reply = Reply::Answer(Answer::Granted(grant));
    Exchange { at: Timestamp::now(), answered: Timestamp::now(), reply, date: None, limit: None }
}

fn subject(host: &str, number: usize) -> Subject {
    Subject { host: host.into(), token: question_of(number, "a").hashed }
}

fn ask(prober: &Prober, host: &str, number: usize) -> Asked {
    let token = question_of(number, "a").token;
    prober.ask(token, &subject(host, number), Probe::Identity, Urgency::New, &ASKER, Timestamp::now())
}

#[tokio::test(start_paused = true)]
async fn one_question_serves_all_who_ask_it_and_a_panic_harms_only_its_own() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let bad = question_of(7, "a").hashed;
    let asking: Ask = Arc::new(move |token, _, _, _| {
        count.fetch_add(1, Ordering::SeqCst);
        let panics = token.hashed() == bad;
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(!panics, "met by one question");
            accepted()
        })
    });
    let (prober, workers) = Prober::with(asking, [("one", LIMITS_OF_TESTS)], Timestamp::now);
    let workers = tokio::spawn(workers.run());
    for number in [1, 7, 2] {
        (0..5).for_each(|_| assert_eq!(ask(&prober, "one", number), Asked::Pending));
    }
    for _ in 0..3 {
        let changed = prober.changes().next().await;
        let known = prober.snapshot(&changed).unwrap();
        let reason = known.knowledge.deferred.map(|deferred| deferred.deferral.reason);
        let expected = (changed.token == bad).then_some(Reason::QuestionFailed);
        assert_eq!((reason, known.pending), (expected, false));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert!(!workers.is_finished());
    assert_eq!(ask(&prober, "nowhere", 1), Asked::NotNow(Deferral::new(Reason::HostUnknown)));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_never_answers_delays_nobody_on_another() {
    let asking: Ask = Arc::new(|_, _, host, _| {
        Box::pin(async move {
            if &*host == "mute" {
                std::future::pending::<()>().await;
            }
            accepted()
        })
    });
    let (prober, workers) =
        Prober::with(asking, ["mute", "one"].map(|name| (name, LIMITS_OF_TESTS)), Timestamp::now);
    tokio::spawn(workers.run());
    (0..320).for_each(|number| assert_eq!(ask(&prober, "mute", number), Asked::Pending));
    let begin = tokio::time::Instant::now();
    ask(&prober, "one", 1);
    let changed = tokio::time::timeout(Duration::from_secs(1), prober.changes().next()).await.unwrap();
    assert_eq!(changed, subject("one", 1));
    assert!(begin.elapsed() < Duration::from_secs(1));
    prober.forget(&changed);
    assert!(prober.snapshot(&changed).is_some(), "it is remembered for a while");
}

#[tokio::test]
async fn a_subject_that_changes_twice_is_told_once() {
    let changes = Changes::default();
    for number in [1, 2, 1] {
        changes.push("one".into(), question_of(number, "a").hashed);
    }
    assert_eq!([changes.next().await, changes.next().await], [subject("one", 1), subject("one", 2)]);
    assert_eq!(changes.pop(), None);
}
