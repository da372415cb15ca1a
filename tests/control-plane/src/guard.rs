//! Child processes that do not outlive us, not even when we are killed by SIGKILL.
//!
//! A small shell stands between us and the program and reads from a pipe whose only writing end is ours: the kernel
//! closes it whatever way we end, and the shell kills the program. So nothing here needs unsafe code.

use crate::usage::is_stopped;
use std::{
    ffi::{OsStr, OsString},
    fs::OpenOptions,
    io::{self, BufRead, BufReader, ErrorKind, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

const SCRIPT: &str = include_str!("guard.sh");
const POLL: Duration = Duration::from_millis(10);

/// What keeps a program from being started, signalled or awaited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file for the program's output cannot be opened.
    #[error("cannot open {path} for the output of {program}: {source}", path = path.display())]
    Output {
        /// The program's name.
        program: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The guarding shell cannot be started, or gives no process id.
    #[error("cannot start {program}: {source}")]
    Spawn {
        /// The program's name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The program cannot be signalled.
    #[error("cannot send {signal} to {program}: {source}")]
    Signal {
        /// The program's name.
        program: String,
        /// The signal's name without SIG.
        signal: String,
        /// Why.
        source: io::Error,
    },
    /// The program's end cannot be asked for.
    #[error("cannot wait for {program}: {source}")]
    Wait {
        /// The program's name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The program did not stop or go on by the deadline.
    #[error("{program} has not heeded {signal} after {deadline:?}")]
    Unheeded {
        /// The program's name.
        program: String,
        /// The signal's name without SIG.
        signal: &'static str,
        /// How long we waited.
        deadline: Duration,
    },
    /// The program was still running at the deadline.
    #[error("{program} was still running after {deadline:?}")]
    StillRunning {
        /// The program's name.
        program: String,
        /// How long we waited.
        deadline: Duration,
    },
}

/// A program about to be started: arguments, environment and where its output goes.
///
/// Its stdin is empty. Without [`output`](Self::output) what it prints is lost.
#[derive(Clone, Debug)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, Option<OsString>)>,
    stdout: PathBuf,
    stderr: PathBuf,
    orphaned_folder: PathBuf,
}

impl Launch {
    /// A start of `program`, which is a path or a name looked up in `PATH`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            stdout: "/dev/null".into(),
            stderr: "/dev/null".into(),
            orphaned_folder: PathBuf::new(),
        }
    }

    /// Appends arguments.
    #[must_use]
    pub fn arguments<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment, which is ours otherwise.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), Some(value.into())));
        self
    }

    /// Leaves a variable of our environment out. Without `PATH` the folder of
    /// [`orphaned_folder`](Self::orphaned_folder) stays.
    #[must_use]
    pub fn without_variable(mut self, name: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), None));
        self
    }

    /// The files that stdout and stderr are appended to; both may be the same.
    #[must_use]
    pub fn output(mut self, stdout: impl Into<PathBuf>, stderr: impl Into<PathBuf>) -> Self {
        self.stdout = stdout.into();
        self.stderr = stderr.into();
        self
    }

    /// A folder to be removed with all it holds when our process died before the program ended.
    #[must_use]
    pub fn orphaned_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.orphaned_folder = folder.into();
        self
    }

    fn name(&self) -> String {
        self.program.file_name().unwrap_or(OsStr::new("program")).to_string_lossy().into_owned()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "guard"]);
        command
            .args([&self.stdout, &self.stderr, &self.orphaned_folder, &self.program])
            .args(&self.arguments);
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Ctrl-C in a terminal is for us; we then end the program in our own order.
        command.process_group(0);
        command
    }
}

/// A running program, killed when this value is dropped and when our process dies in any way.
///
/// It starts with SIGINT and SIGQUIT ignored, as shells start what runs in the background; a program that handles them
/// gets them all the same.
#[derive(Debug)]
pub struct Guarded {
    name: String,
    id: u32,
    guard: Child,
    orders: ChildStdin,
}

impl Guarded {
    /// Starts a program.
    ///
    /// A program that cannot be executed ends with status 126 or 127, and its stderr says why.
    ///
    /// # Errors
    ///
    /// When a file for the output cannot be opened or the guarding shell not started.
    pub fn spawn(launch: &Launch) -> Result<Self, Error> {
        let name = launch.name();
        for path in [&launch.stdout, &launch.stderr] {
            writable(path).map_err(|source| Error::Output {
                program: name.clone(),
                path: path.clone(),
                source,
            })?;
        }
        let failed = |source| Error::Spawn { program: name.clone(), source };
        let mut guard = launch.command().spawn().map_err(failed)?;
        let (Some(orders), Some(report)) = (guard.stdin.take(), guard.stdout.take()) else {
            return Err(failed(io::Error::other("the guard has no pipes")));
        };
        let mut line = String::new();
        BufReader::new(report).read_line(&mut line).map_err(failed)?;
        let id = line.trim().parse().map_err(|_| failed(io::Error::other("the guard gave no process id")))?;
        Ok(Self { name, id, guard, orders })
    }

    /// The process id of the program itself.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The status of a program that ended, `None` while it runs.
    ///
    /// A program ended by a signal has the code 128 plus the signal's number.
    ///
    /// # Errors
    ///
    /// When the operating system does not tell.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>, Error> {
        let program = &self.name;
        self.guard.try_wait().map_err(|source| Error::Wait { program: program.clone(), source })
    }

    /// Waits until the program has ended.
    ///
    /// # Errors
    ///
    /// [`Error::StillRunning`] after `deadline`; the program runs on then.
    pub async fn wait(&mut self, deadline: Duration) -> Result<ExitStatus, Error> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            if begin.elapsed() >= deadline {
                return Err(Error::StillRunning { program: self.name.clone(), deadline });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Sends a signal by its name without SIG, such as `HUP`. A program that has ended gets none.
    ///
    /// # Errors
    ///
    /// When the guarding shell cannot be told.
    pub fn signal(&mut self, signal: &str) -> Result<(), Error> {
        match self.orders.write_all(format!("{signal}\n").as_bytes()) {
            Err(source) if source.kind() != ErrorKind::BrokenPipe => {
                Err(Error::Signal { program: self.name.clone(), signal: signal.to_owned(), source })
            }
            _ => Ok(()),
        }
    }

    /// Stops the program where it is, by SIGSTOP, and returns when none of its threads runs any more.
    ///
    /// # Errors
    ///
    /// As [`signal`](Self::signal), and [`Error::Unheeded`] if it runs on until the deadline, or has ended.
    pub async fn freeze(&mut self, deadline: Duration) -> Result<(), Error> {
        self.heed("STOP", true, deadline).await
    }

    /// Lets a frozen program go on, by SIGCONT, and returns when it does. One that is not frozen notices nothing.
    ///
    /// # Errors
    ///
    /// As [`freeze`](Self::freeze).
    pub async fn thaw(&mut self, deadline: Duration) -> Result<(), Error> {
        self.heed("CONT", false, deadline).await
    }

    /// Whether the program is frozen now, by whomever.
    pub fn is_frozen(&self) -> bool {
        is_stopped(self.id)
    }

    async fn heed(&mut self, signal: &'static str, frozen: bool, deadline: Duration) -> Result<(), Error> {
        let begin = Instant::now();
        self.signal(signal)?;
        while self.is_frozen() != frozen {
            if begin.elapsed() >= deadline {
                return Err(Error::Unheeded { program: self.name.clone(), signal, deadline });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Asks the program to end, by SIGTERM.
    ///
    /// # Errors
    ///
    /// As [`signal`](Self::signal).
    pub fn terminate(&mut self) -> Result<(), Error> {
        self.signal("TERM")
    }

    /// Ends the program by SIGKILL and waits until it is gone.
    ///
    /// # Errors
    ///
    /// As [`signal`](Self::signal) and [`try_wait`](Self::try_wait).
    pub fn kill(&mut self) -> Result<ExitStatus, Error> {
        self.signal("KILL")?;
        let program = &self.name;
        self.guard.wait().map_err(|source| Error::Wait { program: program.clone(), source })
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Nobody is left to be told, and the guard sees the end of the pipe in any case.
        let _ = self.kill();
    }
}

fn writable(path: &Path) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path).map(drop)
}
