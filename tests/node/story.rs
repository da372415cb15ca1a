//! What happens in the cluster, in the order in which it happens.

mod leaders;
mod releases;
mod tokens;

use std::{future::Future, path::Path, time::Instant};

use crate::{cluster::Cluster, lease::Watch, registry::Registry, replicas};

pub(crate) async fn play(folder: &Path) {
    let cluster = step("a control plane and two nodes are up", Cluster::start(2, folder)).await;
    step("the chart is installed, and its replicas are ready on a node each", releases::install(&cluster))
        .await;
    let mut registry = Registry::start();
    step("Pods that wait for a token start once it is proven", tokens::arrive(&cluster, &mut registry)).await;
    step("a Pod without the pull secret gets no image", tokens::are_needed(&cluster, &registry)).await;
    step("the next token comes to Pods", tokens::follow(&cluster, &mut registry)).await;

    let mut lease = Watch::begin(&cluster).await;
    let killed =
        step("the leader is killed: the other replica leads", leaders::kill(&cluster, &mut lease)).await;
    step(
        "the Pod of the leader is deleted without a grace period: the other replica leads",
        leaders::delete(&cluster, &mut lease),
    )
    .await;
    step("its node is drained: the other replica leads", leaders::drain(&cluster, &mut lease)).await;
    step("the release is upgraded", releases::upgrade(&cluster, &mut lease)).await;
    step("it is rolled back", releases::roll_back(&cluster, &mut lease)).await;
    step("it is uninstalled: tokens stay with Pods", releases::uninstall(&cluster)).await;
    step("it is installed anew", releases::install_again(&cluster)).await;
    step("each replica was alive all the time", replicas::were_alive(&cluster, &killed)).await;
}

/// Does it, and says how long that took.
async fn step<T>(what: &str, done: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let outcome = done.await;
    eprintln!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());
    outcome
}

/// Says what was measured within a step.
fn measured(what: &str, time: std::time::Duration) {
    eprintln!("          {what}: {:.1} s", time.as_secs_f64());
}
