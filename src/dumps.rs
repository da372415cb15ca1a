//! Keeps the memory of the process, in which tokens are, out of core dumps and out of the sight of other processes.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// The memory of the process is not as private as it could be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The limit cannot be set.
    #[error("cannot set the size of core dumps to 0: {0}; a crash may write tokens to a disk")]
    Limit(io::Error),
    /// The attribute cannot be set.
    #[error(
        "cannot make the process undumpable: {0}; processes of the same user may read tokens from its memory"
    )]
    Dumpable(io::Error),
}

/// Forbids core dumps, and to other processes without privileges the reading of this one's memory. Gives what failed.
///
/// Children inherit the limit, as a browser does that the plugin opens. A debugger of the same user can no longer attach.
pub fn forbid() -> Vec<Error> {
    let nothing = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, nothing).map_err(|error| Error::Limit(cause(error)));
    // The limit does not hold where the kernel pipes dumps to a program, as most distributions let it:
    // https://man7.org/linux/man-pages/man5/core.5.html
    let hidden =
        set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| Error::Dumpable(cause(error)));
    [limited, hidden].into_iter().filter_map(Result::err).collect()
}

fn cause(error: rustix::io::Errno) -> io::Error {
    io::Error::from_raw_os_error(error.raw_os_error())
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn afterwards_the_kernel_says_that_there_will_be_no_dump() {
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::Dumpable);
        let failed = forbid();
        assert!(failed.is_empty(), "{failed:?}");
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }

    #[test]
    fn a_failure_says_what_it_means_for_the_tokens() {
        let cause = || cause(rustix::io::Errno::PERM);
        for error in [Error::Limit(cause()), Error::Dumpable(cause())] {
            let sentence = error.to_string();
            assert!(sentence.contains("not permitted") && sentence.contains("tokens"), "{sentence}");
        }
    }
}
