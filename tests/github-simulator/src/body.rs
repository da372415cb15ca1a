//! Bodies no client should wait for: too slow, or too long.

use hyper::body::{Body, Bytes, Frame};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Interval, interval};

const PIECE: &[u8] = &[b'a'; 65_536];
/// 512 pieces are 32 MiB.
const PIECES: u32 = 512;

/// One byte a second, without end.
pub(crate) struct Drip(Interval);

impl Drip {
    pub(crate) fn new() -> Drip {
        Drip(interval(Duration::from_secs(1)))
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.0.poll_tick(context));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
    }
}

/// A JSON object with one long string before its end, without a `Content-Length`.
///
/// Who reads it to the end finds it good, so only a limit on its length notices.
pub(crate) struct Huge {
    object: String,
    sent: u32,
}

impl Huge {
    /// `object` is the text of a JSON object that is not empty.
    pub(crate) fn new(object: &str) -> Huge {
        Huge { object: object.trim_start_matches('{').to_owned(), sent: 0 }
    }
}

impl Body for Huge {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let last = PIECES.saturating_add(1);
        let piece = match self.sent {
            0 => Bytes::from_static(b"{\"padding\":\""),
            sent if sent < last => Bytes::from_static(PIECE),
            sent if sent == last => Bytes::from(format!("\",{}", self.object)),
            _ => return Poll::Ready(None),
        };
        self.sent = self.sent.saturating_add(1);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}
