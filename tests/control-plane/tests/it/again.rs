//! Runs one test of this binary in a process of its own, whose environment and end are ours to choose.

use std::{
    env,
    io::{self, Write},
    process::Command,
};

const MARK: &str = "CONTROL_PLANE_TEST_AGAIN";

/// A run of the ignored test `name`, such as `guard::holds_a_program`, that talks to us by stdout and stderr.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--ignored", "--exact", name, "--nocapture", "--test-threads=1"]).env(MARK, "1");
    command
}

/// Whether this process is such a run, and not that of somebody who runs all ignored tests.
pub(crate) fn runs() -> bool {
    env::var_os(MARK).is_some()
}

/// Tells the process that runs us something, on a line of its own.
pub(crate) fn say(line: &str) {
    let mut stdout = io::stdout();
    // The harness may have begun a line, with the name of the test.
    stdout.write_all(format!("\n{line}\n").as_bytes()).unwrap();
    stdout.flush().unwrap();
}
