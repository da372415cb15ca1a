//! Two hundred leaders that are killed, and two hundred that are told to stop, each at some instant of their work.

use std::time::Duration;

use futures::future;

use crate::{
    replica::{Load, Pair, SHORT, one_writer_at_a_time},
    world::World,
};

/// So many clusters side by side, since a Lease takes its time to run out.
const WORLDS: usize = 4;
const KILLS: usize = 50;
const STOPS: usize = 50;

fn soon(milliseconds: u64) -> Duration {
    Duration::from_millis(fastrand::u64(..milliseconds))
}

async fn kills() -> Vec<Duration> {
    let world = World::audited().await;
    let mut pair = Pair::start(&world, &SHORT).await;
    let load = Load::of(&world, 6).await;
    let gaps = load
        .during(async {
            let mut gaps = Vec::new();
            for _ in 0..KILLS {
                tokio::time::sleep(soon(800)).await;
                let mut leader = pair.take_leader().await;
                leader.operator.process().kill().unwrap();
                let begun = std::time::Instant::now();
                let next = pair.take_leader().await;
                gaps.push(begun.elapsed());
                pair.put_back(next);
                pair.refill().await;
            }
            gaps
        })
        .await;
    load.is_published().await;
    one_writer_at_a_time(&world);
    gaps
}

#[tokio::test]
async fn of_two_hundred_leaders_that_are_killed_none_writes_beside_another_and_nothing_is_lost() {
    let gaps = future::join_all((0..WORLDS).map(|_| kills())).await.concat();
    let longest = gaps.iter().max().unwrap();
    eprintln!("{} kills with a lease of 3 s: the next one led after {longest:?} at most", gaps.len());
    assert_eq!(gaps.len(), 200);
    assert!(*longest < Duration::from_secs(8), "{longest:?}");
}

/// How long each took to end, and how long after that the next one led.
async fn stops() -> Vec<(Duration, Duration)> {
    let world = World::audited().await;
    let mut pair = Pair::start(&world, &[]).await;
    let load = Load::of(&world, 6).await;
    world.github.latency(Duration::from_millis(300));
    let spans = load
        .during(async {
            let mut spans = Vec::new();
            for _ in 0..STOPS {
                tokio::time::sleep(soon(800)).await;
                let ended = pair.take_leader().await.stop().await;
                let begun = std::time::Instant::now();
                let next = pair.take_leader().await;
                spans.push((ended, begun.elapsed()));
                pair.put_back(next);
                pair.refill().await;
            }
            spans
        })
        .await;
    load.is_published().await;
    load.was_asked_once(&world);
    one_writer_at_a_time(&world);
    spans
}

#[tokio::test]
async fn of_two_hundred_leaders_that_are_told_to_stop_each_ends_in_time_and_gives_the_lease_back() {
    let spans = future::join_all((0..WORLDS).map(|_| stops())).await.concat();
    assert_eq!(spans.len(), 200);
    let ended = spans.iter().map(|(ended, _)| *ended).max().unwrap();
    let next = spans.iter().map(|(_, next)| *next).max().unwrap();
    eprintln!(
        "{} stops: each ended within {ended:?}, and the next one led {next:?} later at most",
        spans.len()
    );
    assert!(ended < Duration::from_secs(10), "{ended:?}");
    assert!(next < Duration::from_secs(1), "{next:?}");
}
