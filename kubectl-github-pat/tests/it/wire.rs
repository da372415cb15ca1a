//! A way to the API server that can be cut, or carry nothing any more.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use crate::world::Place;

/// What becomes of connections through a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Open,
    /// They break, and new ones with them.
    Cut,
    /// They stay, and nothing comes through.
    Silent,
    /// Whatever part of an answer comes back takes this long.
    Late(Duration),
    /// Over one connection of TCP so many requests are answered that are sent from now on, and of the next one what comes back is kept.
    Deaf(usize),
}

/// Longer than a second, after which is told what takes long.
pub(crate) const LATE: Duration = Duration::from_millis(1500);

/// A kubeconfig that leads the administrator to the API server through a wire, and the hold on it.
pub(crate) async fn wire(place: &Place) -> (PathBuf, watch::Sender<Wire>) {
    let text = std::fs::read_to_string(place.world.plane.admin_kubeconfig()).unwrap();
    let mut config: Value = github_pat_operator::settings::from_yaml(&text).unwrap();
    let server = config["clusters"][0]["cluster"]["server"].as_str().unwrap().to_owned();
    let behind = server.strip_prefix("https://").unwrap().trim_end_matches('/').to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let before = format!("https://{}", listener.local_addr().unwrap());
    config["clusters"][0]["cluster"]["server"] = json!(before);
    let (hold, state) = watch::channel(Wire::Open);
    tokio::spawn(async move {
        loop {
            let (near, _) = listener.accept().await.unwrap();
            tokio::spawn(carry(near, behind.clone(), state.clone()));
        }
    });
    (PathBuf::from(place.world.file("wire.yaml", &config.to_string())), hold)
}

/// What was asked and answered over one connection, one request after the other.
#[derive(Default)]
struct Talk {
    /// So many requests since nothing comes back of some.
    asked: AtomicUsize,
    /// Whether the last one awaits its answer.
    is_open: AtomicBool,
}

async fn carry(near: TcpStream, behind: String, mut state: watch::Receiver<Wire>) {
    let Ok(far) = TcpStream::connect(behind).await else { return };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let talk = Talk::default();
    let there = pass(near_in, far_out, state.clone(), &talk, false);
    let back = pass(far_in, near_out, state.clone(), &talk, true);
    tokio::select! {
        biased;
        _ = state.wait_for(|state| *state == Wire::Cut) => {}
        () = there => {}
        () = back => {}
    }
}

/// Passes on what comes in, in the order in which it comes and without a gap.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<Wire>,
    talk: &Talk,
    is_back: bool,
) {
    let mut bytes = [0; 16 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        let now = *state.borrow();
        if is_back && let Wire::Late(late) = now {
            tokio::time::sleep(late).await;
        }
        if !is_back {
            talk.asks(now);
        }
        let passes = |state: &Wire| match state {
            Wire::Silent => false,
            Wire::Deaf(answered) => !is_back || talk.asked.load(Ordering::SeqCst) <= *answered,
            _ => true,
        };
        if state.wait_for(passes).await.is_err() {
            return;
        }
        if is_back {
            talk.is_open.store(false, Ordering::SeqCst);
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

impl Talk {
    /// A part of a request is on its way, which is a new one if the last one was answered.
    fn asks(&self, state: Wire) {
        let is_new = !self.is_open.swap(true, Ordering::SeqCst);
        if !matches!(state, Wire::Deaf(_)) {
            self.asked.store(0, Ordering::SeqCst);
        } else if is_new {
            self.asked.fetch_add(1, Ordering::SeqCst);
        }
    }
}
