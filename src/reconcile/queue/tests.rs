use super::*;

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("ns", name)
}

#[tokio::test(start_paused = true)]
async fn answers_come_before_new_connections_before_changed_ones_before_known_ones() {
    let queue = Queue::default();
    queue.open();
    let woken = [
        ("k", Priority::Known),
        ("c", Priority::Changed),
        ("n", Priority::New),
        ("a", Priority::Answered),
        ("k", Priority::New),
    ];
    for (name, priority) in woken {
        queue.wake(&key(name), priority);
    }
    for name in ["a", "n", "k", "c"] {
        assert_eq!(queue.next().await, key(name));
    }
    assert_eq!(queue.stalled_for(), None, "the first place of k is no longer good");
}

#[tokio::test(start_paused = true)]
async fn who_keeps_coming_does_not_keep_others_from_being_served() {
    let queue = Queue::default();
    queue.open();
    queue.wake(&key("patient"), Priority::Known);
    for turn in 1..=ONE_IN {
        queue.wake(&key(&format!("pushing-{turn}")), Priority::New);
        if queue.next().await == key("patient") {
            return;
        }
    }
    panic!("not within {ONE_IN} turns");
}

#[tokio::test(start_paused = true)]
async fn what_was_judged_before_waits_until_the_secrets_are_listed() {
    let queue = Queue::default();
    queue.wake(&key("known"), Priority::Known);
    queue.wake(&key("new"), Priority::New);
    assert_eq!(queue.next().await, key("new"));
    let held = tokio::time::timeout(Duration::from_secs(3600), queue.next()).await;
    assert!(held.is_err() && queue.stalled_for().is_none(), "nobody may take it yet");
    queue.open();
    assert_eq!(queue.next().await, key("known"));
}

#[tokio::test(start_paused = true)]
async fn one_is_reconciled_by_one_worker_and_comes_again_when_woken_meanwhile() {
    let queue = Queue::default();
    queue.open();
    queue.wake(&key("a"), Priority::Changed);
    assert_eq!(queue.next().await, key("a"));
    queue.wake(&key("a"), Priority::Known);
    let second = tokio::time::timeout(Duration::from_secs(3600), queue.next()).await;
    assert!(second.is_err(), "it is running");
    queue.done(&key("a"), Some(Duration::from_secs(9)));
    assert_eq!(queue.next().await, key("a"), "at once, not after the pause");
    let started = Instant::now();
    queue.done(&key("a"), Some(Duration::from_secs(9)));
    assert_eq!((queue.next().await, started.elapsed()), (key("a"), Duration::from_secs(9)));
    queue.done(&key("a"), None);
    assert!(queue.lock().entries.is_empty(), "nothing is kept of who waits for nothing");
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_is_forgotten_wherever_it_stands() {
    let queue = Queue::default();
    queue.open();
    for name in ["queued", "timed", "running"] {
        queue.wake(&key(name), Priority::New);
    }
    let order = [queue.next().await, queue.next().await];
    assert_eq!(order, [key("queued"), key("timed")]);
    queue.done(&key("queued"), None);
    queue.done(&key("timed"), Some(Duration::from_secs(1)));
    queue.wake(&key("queued"), Priority::New);
    assert_eq!(queue.next().await, key("running"));
    for name in ["queued", "timed", "running"] {
        queue.forget(&key(name));
    }
    queue.done(&key("running"), None);
    let inner = queue.lock();
    assert!(inner.entries.is_empty() && inner.timers.is_empty());
}

#[tokio::test(start_paused = true)]
async fn at_the_end_nobody_is_taken_and_who_was_taken_is_waited_for() {
    let queue = Queue::default();
    queue.quiet().await;
    queue.open();
    for name in ["a", "b"] {
        queue.wake(&key(name), Priority::Known);
    }
    let patience = Duration::from_secs(3600);
    assert!(tokio::time::timeout(patience, queue.quiet()).await.is_err(), "two are queued");
    assert_eq!(queue.next().await, key("a"));
    assert!(tokio::time::timeout(patience, queue.close()).await.is_err(), "one is being reconciled");
    assert!(tokio::time::timeout(patience, queue.next()).await.is_err(), "b is not taken");
    tokio::join!(queue.close(), async { queue.done(&key("a"), Some(patience)) });
    assert!(tokio::time::timeout(patience, queue.quiet()).await.is_err(), "b waits");
    let gone = async { tokio::join!(queue.quiet(), async { queue.forget(&key("b")) }) };
    assert!(tokio::time::timeout(patience, gone).await.is_ok(), "it is gone");
}

#[tokio::test(start_paused = true)]
async fn work_that_waits_while_nothing_moves_is_noticed() {
    let queue = Queue::default();
    queue.open();
    queue.wake(&key("a"), Priority::New);
    queue.wake(&key("b"), Priority::New);
    queue.next().await;
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(queue.stalled_for(), Some(Duration::from_secs(31)));
    queue.done(&key("a"), None);
    assert_eq!(queue.stalled_for(), Some(Duration::ZERO));
    queue.next().await;
    assert_eq!(queue.stalled_for(), None);

    // After an hour of rest.
    queue.done(&key("b"), Some(Duration::from_secs(3600)));
    tokio::time::advance(Duration::from_secs(3600)).await;
    queue.wake(&key("c"), Priority::New);
    assert_eq!(queue.stalled_for(), Some(Duration::ZERO));
    queue.forget(&key("c"));
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(queue.stalled_for(), Some(Duration::from_secs(31)), "nobody noticed that b is due");
    assert_eq!(queue.next().await, key("b"));
    assert_eq!(queue.stalled_for(), None);
}

/// Count and sum of a histogram.
fn observed(histogram: &Histogram) -> (u64, f64) {
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register("h", "h", histogram.clone());
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let value = |name| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse::<f64>().unwrap()
    };
    (value("h_count ") as u64, value("h_sum "))
}

#[tokio::test(start_paused = true)]
async fn it_is_told_how_long_each_waited_and_worked_and_how_long_those_at_work_have_been() {
    let queue = Queue::default();
    queue.open();
    let pass = |seconds| tokio::time::advance(Duration::from_secs(seconds));
    queue.wake(&key("a"), Priority::Known);
    pass(3).await;
    queue.wake(&key("b"), Priority::Changed);
    queue.wake(&key("a"), Priority::New);
    pass(2).await;
    assert_eq!([queue.next().await, queue.next().await], [key("a"), key("b")]);
    assert_eq!(observed(&queue.waited), (2, 7.0), "a better place does not shorten the wait of a");
    pass(4).await;
    queue.done(&key("a"), Some(Duration::from_secs(10)));
    pass(5).await;
    let size = queue.size();
    let seconds = Duration::from_secs;
    assert_eq!((size.unfinished, size.longest), (seconds(9), seconds(9)), "b alone is at work");
    assert_eq!(observed(&queue.worked), (1, 4.0));
    assert_eq!(queue.next().await, key("a"));
    assert_eq!(observed(&queue.waited), (3, 7.0), "who comes at an instant waits from then on");
    pass(1).await;
    let size = queue.size();
    assert_eq!((size.unfinished, size.longest), (seconds(16), seconds(15)));
    queue.forget(&key("b"));
    queue.done(&key("b"), None);
    queue.done(&key("a"), None);
    assert_eq!(observed(&queue.worked), (3, 20.0));
    let size = queue.size();
    assert_eq!((size.running, size.unfinished, size.longest), (0, Duration::ZERO, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn whose_instant_has_come_waits_from_then_on_also_while_no_worker_is_free() {
    let queue = Queue::default();
    queue.open();
    queue.wake(&key("a"), Priority::Changed);
    assert_eq!(queue.next().await, key("a"));
    queue.done(&key("a"), Some(Duration::from_secs(10)));
    let counts = || (queue.size().waiting, queue.size().timed);
    assert_eq!(counts(), (0, 1));
    tokio::time::advance(Duration::from_secs(40)).await;
    assert_eq!(counts(), (1, 0));
    let mut inner = queue.lock();
    inner.expire(Instant::now());
    assert_eq!(inner.take(), Some((key("a"), Duration::from_secs(30))));
}
