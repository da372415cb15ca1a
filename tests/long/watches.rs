//! A watch that is alive to TCP and dead to the operator.

use std::time::Duration;

use github_simulator::NewToken;
use serde_json::json;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::world::World;

/// A way to the API server that can be frozen: what is connected then stays connected, and nothing passes any more.
struct Way {
    kubeconfig: std::path::PathBuf,
    frozen: watch::Sender<bool>,
}

impl Way {
    async fn to(world: &World) -> Way {
        let server = world.plane.url().trim_start_matches("https://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap().to_string();
        let account = world.account(&world.settings(), &[]).await;
        let text = std::fs::read_to_string(account).unwrap();
        let kubeconfig = world.file("kubeconfig", &text.replace(&server, &here));
        let frozen = watch::Sender::new(false);
        let freezing = frozen.subscribe();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (server, mut freezing) = (server.clone(), freezing.clone());
                tokio::spawn(async move {
                    freezing.mark_unchanged();
                    let mut far = TcpStream::connect(&server).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = freezing.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Way { kubeconfig, frozen }
    }
}

#[tokio::test]
async fn a_watch_that_died_without_a_word_is_noticed_within_a_minute() {
    let world = World::start().await;
    let way = Way::to(&world).await;
    let _operator = world.operator_as(way.kubeconfig.clone(), &[]).await;
    world.secret("before", &world.github.token(NewToken::classic("before", "acme-ci"))).await;
    world.connection("before", json!({})).await;
    world.ready("before", "True", "Ready").await;
    way.frozen.send_replace(true);
    let since = std::time::Instant::now();
    world.secret("after", &world.github.token(NewToken::classic("after", "acme-ci"))).await;
    world.connection("after", json!({})).await;
    let asked =
        |calls: &[github_simulator::Call]| calls.iter().any(|call| call.token.as_deref() == Some("after"));
    assert!(world.github.wait_until(Duration::from_secs(100), asked).await, "not noticed");
    assert!(since.elapsed() < Duration::from_secs(80), "noticed only after {:?}", since.elapsed());
    world.ready("after", "True", "Ready").await;
}
