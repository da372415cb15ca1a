//! The plugin at a terminal, with a person who reads and types.

use std::{
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use pty_process::{Command, Pty, Size};
use rustix::termios::{LocalModes, tcgetattr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Child,
};

use crate::world::{PLUGIN, Place, SOON, holds_no, processes_hold_no};

/// The plugin in the namespace, with these arguments.
fn plugin<'a>(place: &Place, arguments: &[&'a str]) -> Vec<&'a str> {
    [&[PLUGIN], arguments, &["-n", place.namespace]].concat()
}

/// A person at a terminal in which the plugin runs.
pub(crate) struct Person {
    pty: Pty,
    child: Child,
    /// Where it may write without being told where, within the folder of the world.
    home: PathBuf,
    /// All that the terminal has shown.
    pub(crate) seen: String,
    /// How much of it was read.
    read: usize,
}

impl Person {
    /// Runs the plugin in the namespace, with this kubeconfig.
    pub(crate) fn at(place: &Place, kubeconfig: &Path, arguments: &[&str]) -> Person {
        Person::with(place, kubeconfig, arguments, &[])
    }

    /// The same with more variables.
    pub(crate) fn with(
        place: &Place,
        kubeconfig: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Person {
        Person::of(place, kubeconfig, &plugin(place, arguments), variables)
    }

    /// Runs it as a shell does, which then shows between angle brackets what is left for it to read, and ends as the plugin did.
    pub(crate) fn in_a_shell(place: &Place, kubeconfig: &Path, arguments: &[&str]) -> Person {
        let script = "\"$@\"; code=$?; stty -icanon min 0 time 5; echo \"left <$(dd bs=4096 count=1 2>/dev/null)>\"; exit $code";
        let words = [&["/bin/sh", "-c", script, "sh"], plugin(place, arguments).as_slice()].concat();
        Person::of(place, kubeconfig, &words, &[("PATH", "/usr/bin:/bin")])
    }

    /// Runs it without a cluster.
    pub(crate) fn without_a_cluster(place: &Place, arguments: &[&str]) -> Person {
        Person::of(place, Path::new("/no/such"), &[&[PLUGIN], arguments].concat(), &[])
    }

    fn of(place: &Place, kubeconfig: &Path, words: &[&str], variables: &[(&str, &str)]) -> Person {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(Size::new(50, 200)).unwrap();
        let home = place.world.folder.path().join(format!("home-{}", fastrand::u64(..)));
        std::fs::create_dir(&home).unwrap();
        let command = Command::new(words[0]).args(&words[1..]).env_clear().env("TERM", "xterm");
        let places = ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"].map(|name| (name, &home));
        let command = command.envs(places);
        let command =
            command.envs(place.variables(kubeconfig)).envs(variables.iter().copied()).kill_on_drop(true);
        Person { pty, child: command.spawn(pts).unwrap(), home, seen: String::new(), read: 0 }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Reads on until the terminal has shown this after what was read before.
    pub(crate) async fn reads(&mut self, text: &str) {
        let read = tokio::time::timeout(SOON, async {
            while self.seen.get(self.read..).is_none_or(|unread| !unread.contains(text)) {
                if !self.takes_in().await {
                    return false;
                }
            }
            true
        });
        let is_read = read.await.unwrap_or(false);
        assert!(is_read, "{text:?} was not shown: {}", self.seen);
        self.read += self.seen[self.read..].find(text).unwrap() + text.len();
    }

    /// Types this as it is.
    pub(crate) async fn types(&mut self, keys: &str) {
        self.pty.write_all(keys.as_bytes()).await.unwrap();
    }

    /// True if the terminal shows what is typed.
    pub(crate) fn is_shown(&self) -> bool {
        tcgetattr(&self.pty)
            .unwrap()
            .local_modes
            .contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }

    /// Fails if the token stands in anything that others may see of the running plugin, or in a file that it may write.
    pub(crate) fn is_silent_about(&self, place: &Place, token: &str) {
        // What is forbidden to processes without privileges root alone can look into.
        let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        processes_hold_no(self.id(), token);
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.id())).unwrap();
        let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"], "a dump would have it");
        if is_root {
            let open: Vec<_> = std::fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().collect();
            assert!(open.len() >= 3, "the terminal at least");
            for open in open {
                match std::fs::read_link(open.unwrap().path()) {
                    Ok(file) => assert!(!file.is_file(), "{} is open", file.display()),
                    // It was closed meanwhile.
                    Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
                }
            }
        } else {
            let left_out =
                "left out, since only root can look there: the environment and the open files of the plugin";
            // What `eprintln!` says is shown of failed tests alone.
            std::io::stderr().write_all(format!("{left_out}\n").as_bytes()).unwrap();
        }
        self.left_nothing_of(place, token);
    }

    /// Fails if the token stands in a file of the person's home, which is where temporary files go too, or of the world.
    pub(crate) fn left_nothing_of(&self, place: &Place, token: &str) {
        assert!(self.home.is_dir(), "it is still there");
        let mut open = vec![place.world.folder.path().to_owned()];
        let is_found = |error: &std::io::Error| error.kind() != std::io::ErrorKind::NotFound;
        while let Some(folder) = open.pop() {
            // Other tests may have taken it away meanwhile.
            let entries = match std::fs::read_dir(folder) {
                Err(error) if !is_found(&error) => continue,
                entries => entries.unwrap(),
            };
            for entry in entries.map(|entry| entry.unwrap().path()) {
                let kind = match entry.symlink_metadata() {
                    Err(error) if !is_found(&error) => continue,
                    known => known.unwrap().file_type(),
                };
                if kind.is_dir() {
                    open.push(entry);
                } else if kind.is_file() {
                    match std::fs::read(&entry) {
                        Err(error) if !is_found(&error) => {}
                        text => holds_no(&String::from_utf8_lossy(&text.unwrap()), token),
                    }
                }
            }
        }
    }

    /// Reads to the end; gives the exit code.
    pub(crate) async fn ends(&mut self) -> i32 {
        let ended = tokio::time::timeout(2 * SOON, async {
            while self.takes_in().await {}
            self.child.wait().await.unwrap().code()
        });
        ended.await.unwrap_or_else(|_| panic!("it did not end: {}", self.seen)).unwrap()
    }

    /// False once the plugin has left the terminal, which Linux tells by an error.
    async fn takes_in(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.pty.read(&mut bytes).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
                true
            }
        }
    }
}
