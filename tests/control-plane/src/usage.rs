//! What a process costs: CPU time and memory, as Linux counts them in `/proc`.

use std::{fs, io, path::PathBuf, time::Duration};

/// The unit of CPU time in `/proc/PID/stat` is 10 ms, on every architecture but Alpha: `USER_HZ` in
/// <https://man7.org/linux/man-pages/man7/time.7.html>.
const TICK: Duration = Duration::from_millis(10);

/// What a process has used since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// CPU time of all its threads, those that ended among them, in user and kernel mode; in steps of 10 ms.
    pub cpu: Duration,
    /// Memory it has resident now, in bytes.
    pub rss: u64,
    /// The most memory it ever had resident, or had since [`forget_peak`], in bytes.
    pub peak: u64,
}

/// Why a process cannot be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such process, or it is not ours to measure.
    #[error("cannot measure process {id} by {path}: {source}", path = path.display())]
    File {
        /// The process.
        id: u32,
        /// The file of `/proc`.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of `/proc` lacks a number. That of memory is gone once a process has ended and nobody has asked how.
    #[error("cannot measure process {id}: /proc has no {field} of it")]
    Missing {
        /// The process.
        id: u32,
        /// The number.
        field: &'static str,
    },
}

/// What a process has used so far.
///
/// # Errors
///
/// When there is no such process.
pub fn usage(id: u32) -> Result<Usage, Error> {
    let stat = read(id, "stat")?;
    let status = read(id, "status")?;
    let missing = |field| move || Error::Missing { id, field };
    Ok(Usage {
        cpu: cpu(&stat).ok_or_else(missing("CPU time"))?,
        rss: bytes(&status, "VmRSS:").ok_or_else(missing("VmRSS"))?,
        peak: bytes(&status, "VmHWM:").ok_or_else(missing("VmHWM"))?,
    })
}

/// Lets the peak of a process begin anew from what it has resident now.
///
/// # Errors
///
/// When there is no such process, or it belongs to another user.
pub fn forget_peak(id: u32) -> Result<(), Error> {
    let path = file(id, "clear_refs");
    // 5 stands for the peak: https://docs.kernel.org/filesystems/proc.html
    fs::write(&path, "5").map_err(|source| Error::File { id, path, source })
}

/// Whether each thread of a process is stopped, as SIGSTOP does it. A process that is not there is not stopped.
pub(crate) fn is_stopped(id: u32) -> bool {
    let Ok(threads) = fs::read_dir(file(id, "task")) else { return false };
    let mut states =
        threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    states.all(|stat| fields(&stat).next() == Some("T"))
}

fn read(id: u32, name: &str) -> Result<String, Error> {
    let path = file(id, name);
    fs::read_to_string(&path).map_err(|source| Error::File { id, path, source })
}

fn file(id: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{id}/{name}"))
}

/// The fields of `/proc/PID/stat` from the third on, which is the state. The second is a name that may hold anything.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace()
}

/// The sum of fields 14 and 15, the times in user and kernel mode.
fn cpu(stat: &str) -> Option<Duration> {
    let mut fields = fields(stat).skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    TICK.checked_mul(ticks()?.checked_add(ticks()?)?)
}

/// A line of `/proc/PID/status`, which is in units of 1024 bytes.
fn bytes(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_shifts_no_field() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 900 0 0 0 250 31 7 9 20 0 12 0 100 1 1";
        assert_eq!(cpu(stat), Some(Duration::from_millis(2810)));
        assert_eq!(fields(stat).next(), Some("S"));
    }

    #[test]
    fn memory_is_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!((bytes(status, "VmRSS:"), bytes(status, "VmHWM:")), (Some(1 << 20), Some(2 << 20)));
        assert_eq!(bytes("Name:\tx\n", "VmRSS:"), None);
    }
}
