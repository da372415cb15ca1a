//! The signals that end the program while it serves the page.

use std::{fs, future::pending, io};

use tokio::signal::unix::{SignalKind, signal};

/// Returns once the program is interrupted or terminated, or its terminal is closed.
///
/// Whoever has the program outlive its terminal, as `nohup` does, has that signal ignored at the start. A handler would end that.
///
/// # Errors
///
/// If the system does not let the program hear a signal.
pub(super) fn ended() -> io::Result<impl Future<Output = ()>> {
    // Where there is no /proc, as on macOS, the terminal ends the program.
    let outlives = fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status));
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hung_up = if outlives { None } else { Some(signal(SignalKind::hangup())?) };
    Ok(async move {
        let hung_up = async {
            match &mut hung_up {
                Some(signal) => signal.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
            _ = hung_up => {}
        }
    })
}

/// True if SIGHUP is among the ignored signals of a process, whose status Linux writes like this. It is the first of all signals, and so
/// the lowest bit of the mask.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
