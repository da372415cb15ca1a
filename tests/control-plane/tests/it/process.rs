//! Whether processes and folders are gone, which only looking again and again tells.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn runs(id: u32) -> bool {
    Path::new("/proc").join(id.to_string()).exists()
}

/// Waits until `gone` says so.
pub(crate) fn await_end(what: &str, gone: impl Fn() -> bool) {
    let begin = Instant::now();
    while !gone() {
        assert!(begin.elapsed() < DEADLINE, "{what} is still there after {DEADLINE:?}");
        thread::sleep(Duration::from_millis(10));
    }
}
