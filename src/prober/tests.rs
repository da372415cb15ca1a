use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::{
    domain::{
        answer::{Account, Answer, Expiry, Grant, Refusal, Reply},
        knowledge::{Proofs, Proven},
        permission::{Level, Permission},
        probing::tests::{LIMITS_OF_TESTS, question_of},
        proof::{Denial, Facts, Lifetime, Proof},
    },
    github::Exchange,
};

const ASKER: Asker<'_> = Asker { namespace: "a", accepted_before: false, condemned: false, account: None };

fn accepted() -> Exchange {
    let grant = Grant { account: None, scopes: None, expiry: Expiry::Never };
    let reply = Reply::Answer(Answer::Granted(grant));
    Exchange::of(Timestamp::now(), Timestamp::now(), reply)
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
async fn at_rest_nothing_is_asked_and_what_was_asked_is_waited_for() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let asking: Ask = Arc::new(move |_, _, _, _| {
        count.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            accepted()
        })
    });
    let (prober, workers) = Prober::with(asking, [("one", LIMITS_OF_TESTS)], Timestamp::now);
    tokio::spawn(workers.run());
    ask(&prober, "one", 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begin = tokio::time::Instant::now();
    prober.rest().await;
    assert_eq!(begin.elapsed(), Duration::from_secs(1), "the answer that was on its way");
    assert!(prober.snapshot(&subject("one", 1)).is_some_and(|known| known.asked.is_some()));
    assert!(!prober.changes().is_empty());
    prober.changes().next().await;
    assert!(prober.changes().is_empty());

    assert_eq!(ask(&prober, "one", 2), Asked::Pending, "it waits for whoever asks next");
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    prober.rest().await;
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

/// Two of each, of every kind of question.
fn purposes() -> Vec<Probe> {
    let permission = |key, level| Permission::named(key, level).unwrap();
    let permissions = [
        permission("secrets", Level::Read),
        permission("codespaces", Level::Read),
        permission("codespaces", Level::Write),
    ];
    let names = ["acme", "acme-labs"].into_iter();
    let of = |owner: &'static str| {
        let repositories = [format!("{owner}/app"), format!("{owner}/lib")];
        let of_repository = repositories.into_iter().flat_map(move |name| {
            let plain = [Probe::repository(&name), Probe::push(&name), Probe::package(&name)];
            let on = permissions.map(|permission| Some(Probe::Permission(permission, name.as_str().into())));
            plain.into_iter().chain(on)
        });
        of_repository.chain([Probe::organization(owner), Probe::membership(owner)]).flatten()
    };
    names.flat_map(of).collect()
}

/// What a host says about a purpose of a token: by chance, and never twice the same.
fn verdict(host: &str, number: usize, probe: &Probe) -> (u32, Proof) {
    let name = format!("{host} {number} {probe:?}");
    let chance = crc32fast::hash(name.as_bytes());
    let proof = if chance.is_multiple_of(3) {
        Proof::Denied(Denial::LifetimeForbidden(Lifetime {
            days: u16::try_from(chance % 60_000).ok(),
            token: None,
        }))
    } else {
        Proof::Held(Facts { moved_to: Some(name.as_str().into()), ..Facts::default() })
    };
    (chance, proof)
}

/// The number of the account of a token on a host.
fn account(host: &str, number: usize) -> i64 {
    i64::from(crc32fast::hash(format!("{host} {number}").as_bytes()))
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_for_its_own_token_host_and_purpose_whatever_else_is_on_its_way() {
    const TOKENS: usize = 1000;
    const AT_ONCE: usize = 64;
    let limits = Limits { concurrency: 64, points_per_minute: 60_000, ..LIMITS_OF_TESTS };
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (opened, seen) = (open.clone(), most.clone());
    let asking: Ask = Arc::new(move |token, probe, host, _| {
        let (open, most) = (opened.clone(), seen.clone());
        Box::pin(async move {
            let number: usize = token.expose()[4..].parse().unwrap();
            let (chance, proof) = verdict(&host, number, &probe);
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(u64::from(chance % 97))).await;
            open.fetch_sub(1, Ordering::SeqCst);
            let id = account(&host, number);
            let account = Some(Account { login: format!("ci{id}").as_str().into(), id });
            let reply = match probe {
                Probe::Identity => {
                    Reply::Answer(Answer::Granted(Grant { account, scopes: None, expiry: Expiry::Never }))
                }
                _ => Reply::Answer(Answer::Proof(proof)),
            };
            Exchange { reply, ..accepted() }
        })
    });
    let hosts = ["one", "other"];
    let (prober, workers) = Prober::with(asking, hosts.map(|host| (host, limits)), Timestamp::now);
    tokio::spawn(workers.run());
    // Each of these questions is asked about some of the tokens, on either host.
    let purposes = purposes();
    let chosen = |host: &str, number: usize| -> Vec<Probe> {
        let is_chosen = |probe: &&Probe| verdict(host, number, probe).0 % 5 == 1;
        purposes.iter().filter(is_chosen).cloned().chain([Probe::Identity]).collect()
    };
    let all = (0..TOKENS).flat_map(|number| hosts.map(|host| (host, number)));
    let all: Vec<_> = all.map(|(host, number)| (host, number, chosen(host, number))).collect();
    let asker = Asker { accepted_before: true, ..ASKER };
    for (host, number, probes) in &all {
        for probe in probes {
            let (token, now) = (question_of(*number, "a").token, Timestamp::now());
            let asked = prober.ask(token, &subject(host, *number), probe.clone(), Urgency::New, &asker, now);
            assert_eq!(asked, Asked::Pending);
        }
        // Later ones come while earlier ones are on their way.
        if number.is_multiple_of(20) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    for (host, number, probes) in &all {
        while probes.iter().any(|probe| prober.is_pending(&subject(host, *number), probe)) {
            prober.changes().next().await;
        }
    }
    for (host, number, probes) in all {
        let known = prober.snapshot(&subject(host, number)).unwrap().knowledge;
        let told = known.grant.and_then(|(grant, _)| grant.account).map(|account| account.id);
        assert_eq!(told, Some(account(host, number)), "{host} {number}");
        let expected = |probe: Probe| {
            let mut proven = Proven::default();
            // When it was told is no matter here.
            let at = known.proofs.get(&probe).and_then(|proven| proven.asked).unwrap_or_default();
            proven.learn(verdict(host, number, &probe).1, at);
            (probe, proven)
        };
        let purposes = probes.into_iter().filter(|probe| *probe != Probe::Identity);
        assert_eq!(known.proofs, purposes.map(expected).collect::<Proofs>(), "{host} {number}");
    }
    assert_eq!(most.load(Ordering::SeqCst), hosts.len() * AT_ONCE, "as many at a time as are allowed");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_goes_answers_what_it_was_asked_and_nothing_else_and_one_that_comes_is_asked() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let told = asked.clone();
    let asking: Ask = Arc::new(move |token, _, host, _| {
        told.lock().unwrap().push((host.to_string(), token.hashed()));
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            accepted()
        })
    });
    let one_at_a_time = Limits { concurrency: 1, ..LIMITS_OF_TESTS };
    let hosts = |names: &'static [&str]| names.iter().map(move |name| (*name, one_at_a_time));
    let (prober, workers) = Prober::with(asking, hosts(&["goes", "stays"]), Timestamp::now);
    let workers = tokio::spawn(workers.run());
    for host in ["goes", "stays"] {
        for number in [1, 2] {
            assert_eq!(ask(&prober, host, number), Asked::Pending);
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let gone = Arc::downgrade(&prober.host("goes").unwrap());
    prober.reconfigure(hosts(&["stays", "comes"]), &BTreeMap::new());
    assert_eq!(ask(&prober, "goes", 3), Asked::NotNow(Deferral::new(Reason::HostUnknown)));
    assert_eq!((prober.name("goes"), prober.name("comes").as_deref()), (None, Some("comes")));
    assert!(gone.upgrade().is_some(), "a question is on its way");
    assert_eq!(ask(&prober, "comes", 1), Asked::Pending);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(gone.upgrade().is_none(), "nothing is kept of it");
    let (first, second) = (subject("", 1).token, subject("", 2).token);
    let mut asked = asked.lock().unwrap().clone();
    asked.sort();
    let mut expected = [("comes", first), ("goes", first), ("stays", first), ("stays", second)]
        .map(|(host, token)| (host.to_owned(), token));
    expected.sort();
    assert_eq!(asked, expected);
    assert!(
        prober.snapshot(&subject("stays", 1)).is_some_and(|known| known.asked.is_some()),
        "what was heard stays"
    );
    assert!(!workers.is_finished());
    prober.rest().await;
}

#[tokio::test(start_paused = true)]
async fn a_host_over_another_way_is_asked_at_once_and_one_over_the_same_way_when_its_scout_is_due() {
    for (is_other, expected) in [(false, 3), (true, 4)] {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let asking: Ask = Arc::new(move |_, _, _, _| {
            let is_down = count.fetch_add(1, Ordering::SeqCst) < 3;
            Box::pin(async move {
                let down = Reply::Deferral(Deferral::new(Reason::TlsFailed));
                let now = Timestamp::now();
                if is_down { Exchange::of(now, now, down) } else { accepted() }
            })
        });
        let (prober, workers) = Prober::with(asking, [("one", LIMITS_OF_TESTS)], Timestamp::now);
        tokio::spawn(workers.run());
        for number in 0..3 {
            assert_eq!(ask(&prober, "one", number), Asked::Pending);
            prober.changes().next().await;
        }
        let breaker = |prober: &Prober| prober.states(Timestamp::now())[0].1.breaker;
        assert_eq!(breaker(&prober), Some(Reason::TlsFailed));
        assert!(matches!(ask(&prober, "one", 7), Asked::NotNow(_)));
        while !prober.changes().is_empty() {
            prober.changes().next().await;
        }
        let another = if is_other { BTreeMap::from([("one", HostChange::Way)]) } else { BTreeMap::new() };
        prober.reconfigure([("one", Limits { points_per_minute: 60, ..LIMITS_OF_TESTS })], &another);
        assert_eq!(prober.changes().is_empty(), !is_other, "whom it gave no answer is told");
        assert_eq!(breaker(&prober).is_none(), is_other);
        assert_eq!(prober.states(Timestamp::now())[0].1.points, 6, "the limits hold in either case");
        let _ = ask(&prober, "one", 7);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(asked.load(Ordering::SeqCst), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_host_at_another_address_nothing_is_known_and_no_answer_of_the_one_before_counts() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let asking: Ask = Arc::new(move |_, _, _, _| {
        let is_old = count.fetch_add(1, Ordering::SeqCst) < 2;
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let now = Timestamp::now();
            let refused = Reply::Answer(Answer::Refused(Refusal::BadCredentials));
            if is_old { Exchange::of(now, now, refused) } else { accepted() }
        })
    });
    let (prober, workers) = Prober::with(asking, [("one", LIMITS_OF_TESTS)], Timestamp::now);
    tokio::spawn(workers.run());
    assert_eq!(ask(&prober, "one", 1), Asked::Pending);
    prober.changes().next().await;
    assert!(prober.snapshot(&subject("one", 1)).unwrap().knowledge.refused.is_some());
    assert_eq!(ask(&prober, "one", 2), Asked::Pending);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((asked.load(Ordering::SeqCst), prober.moved("one")), (2, None));

    prober.reconfigure([("one", LIMITS_OF_TESTS)], &BTreeMap::from([("one", HostChange::Address)]));
    assert!(prober.moved("one").is_some_and(|at| at > Timestamp::now()));
    assert_eq!(prober.snapshot(&subject("one", 1)), None, "the other one said that");
    assert!(!prober.is_pending(&subject("one", 2), &Probe::Identity), "nor is it asked yet");
    (1..=2).for_each(|number| assert_eq!(ask(&prober, "one", number), Asked::Pending));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 4, "each at once");
    for number in 1..=2 {
        let knowledge = prober.snapshot(&subject("one", number)).unwrap().knowledge;
        assert!(knowledge.grant.is_some() && knowledge.refused.is_none(), "{number}");
    }
}

#[test]
fn of_a_host_at_another_address_only_the_incident_that_began_since_goes_on() {
    let hold = LIMITS_OF_TESTS.incident_hold;
    for (since, goes_on) in [(-60, false), (60, true)] {
        let asking: Ask = Arc::new(|_, _, _, _| Box::pin(async { accepted() }));
        let (prober, _workers) = Prober::with(asking, [("one", LIMITS_OF_TESTS)], Timestamp::now);
        prober.reconfigure([("one", LIMITS_OF_TESTS)], &BTreeMap::from([("one", HostChange::Address)]));
        let began = prober.moved("one").unwrap() + SignedDuration::from_secs(since);
        let now = began + SignedDuration::from_secs(120);
        prober.take_over(now);
        prober.remember_incident("one", subject("one", 1).token, began + hold, now);
        assert_eq!(prober.states(now)[0].1.incident, goes_on, "{since}");
    }
}
