//! Gives memory back to the system that the process needs no more. What a burst leaves free in the middle of the heap stays with glibc's
//! allocator until it is asked for it: <https://man7.org/linux/man-pages/man3/malloc_trim.3.html>.

use std::{convert::Infallible, time::Duration};

/// How often it is asked.
const PAUSE: Duration = Duration::from_secs(30);

/// Gives back what is free, again and again, for ever.
pub(super) async fn give_back() -> Infallible {
    loop {
        tokio::time::sleep(PAUSE).await;
        trim();
    }
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "no crate that is kept well has a safe function for it")]
fn trim() {
    // SAFETY: it takes a number and no pointer, changes nothing that is in use, and may be called by any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other allocators give memory back by themselves.
#[cfg(not(target_env = "gnu"))]
fn trim() {}
