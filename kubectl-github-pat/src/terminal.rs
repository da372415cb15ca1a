//! Questions to a person at a terminal, and a token that is typed or pasted without being shown.
//!
//! It is read by the plugin's own few lines on top of termios, in place of a crate such as rpassword: rustix is in the tree anyway, what
//! is read is wiped, and the terminal is left as it was, whether the person gives up by Ctrl-C or a signal ends the process. From the first
//! token on it shows nothing until then, and what nobody has read is dropped: people paste twice, and a shell would keep the second one.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, MutexGuard, Once, PoisonError, mpsc},
    thread,
};

use futures::future::select_all;
use rustix::{
    process::getpgrp,
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr},
};
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
};
use zeroize::Zeroizing;

use crate::{error::Error, screen};

/// Longer than any token with what people put around it.
const LONGEST: usize = 64 * 1024;
const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const CTRL_U: u8 = 21;
const BACKSPACE: u8 = 8;
const DELETE: u8 = 127;
/// The code of a character that there is not: `_POSIX_VDISABLE` of termios.h.
const NONE: u8 = if cfg!(target_os = "linux") { 0 } else { u8::MAX };

/// True if a person can be asked.
pub(crate) fn is_there() -> bool {
    io::stdin().is_terminal()
}

/// What the person answers, without what stands around it; empty if that is nothing.
///
/// # Errors
///
/// If the terminal is gone.
pub(crate) fn ask(question: &str) -> Result<String, Error> {
    prompt(question)?;
    let mut line = String::new();
    if io::stdin().read_line(&mut line).map_err(Error::Terminal)? == 0 {
        return Err(Error::Interrupted);
    }
    Ok(line.trim().to_owned())
}

/// What the person types or pastes, which nobody sees, as nobody sees what is typed later. The end of the input gives up, as at a question.
///
/// # Errors
///
/// If the person gives up, or the terminal is gone.
pub(crate) fn hidden(question: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let asking = Asking::begin()?;
    prompt(question)?;
    let read = line();
    drop(asking);
    // The line end was not shown either.
    writeln!(io::stderr())?;
    read
}

fn prompt(question: &str) -> Result<(), Error> {
    let mut terminal = io::stderr();
    write!(terminal, "{question} ")?;
    Ok(terminal.flush()?)
}

fn line() -> Result<Zeroizing<Vec<u8>>, Error> {
    // Its place is not to move, since what it leaves behind would not be wiped.
    let mut typed = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0_u8]);
    loop {
        if rustix::io::read(io::stdin(), &mut *byte).map_err(unread)? == 0 {
            return ended(typed);
        }
        let [typed_byte] = *byte;
        match typed_byte {
            b'\r' | b'\n' => return Ok(typed),
            CTRL_D if typed.is_empty() => return ended(typed),
            CTRL_C => return Err(Error::Interrupted),
            CTRL_U => typed.clear(),
            BACKSPACE | DELETE => {
                typed.pop();
            }
            other if typed.len() < LONGEST => typed.push(other),
            _ => {}
        }
    }
}

/// What was typed before the input has ended.
fn ended(typed: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, Error> {
    if typed.is_empty() { Err(Error::Interrupted) } else { Ok(typed) }
}

/// A terminal that shows nothing of what is typed.
struct Silent {
    /// How it was before.
    before: Termios,
    /// Whether a token is being read, so that each byte is handed on; else Ctrl-C ends the process.
    is_asked: bool,
}

/// The terminal, while it is silent.
static SILENT: Mutex<Option<Silent>> = Mutex::new(None);

impl Silent {
    fn set(&self) -> rustix::io::Result<()> {
        let mut silent = self.before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON);
        if self.is_asked {
            silent.local_modes.remove(LocalModes::ISIG);
        }
        // Ctrl-Z would hand a silent terminal to the shell.
        silent.special_codes[SpecialCodeIndex::VSUSP] = NONE;
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)
    }
}

/// While there is one a token is read, of which each byte is handed on. The terminal stays silent afterwards.
struct Asking;

impl Asking {
    fn begin() -> Result<Self, Error> {
        static GUARDED: Once = Once::new();
        let mut guarded = Ok(());
        GUARDED.call_once(|| guarded = guard());
        guarded.map_err(Error::Terminal)?;
        let mut terminal = silent();
        let before = match terminal.take() {
            Some(silent) => silent.before,
            None => tcgetattr(io::stdin()).map_err(unread)?,
        };
        terminal.insert(Silent { before, is_asked: true }).set().map_err(unread)?;
        Ok(Asking)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(silent) = silent().as_mut() {
            silent.is_asked = false;
            // A terminal that is gone needs nothing.
            let _ = silent.set();
        }
    }
}

/// Once this is dropped the terminal is as it was.
pub(crate) struct AsItWas;

impl Drop for AsItWas {
    fn drop(&mut self) {
        restore(&mut silent());
    }
}

fn silent() -> MutexGuard<'static, Option<Silent>> {
    SILENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives how it was silent, if it was.
fn restore(terminal: &mut Option<Silent>) -> Option<Silent> {
    let silent = terminal.take()?;
    // Whoever is in the background does not have the terminal, and is stopped if it changes it. One that is gone needs nothing.
    if tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp()) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &silent.before);
    }
    Some(silent)
}

/// From now on a signal that ends the process does so once the terminal is as it was. It is waited for in a thread of its own, since the one
/// that reads the terminal waits for a person.
fn guard() -> io::Result<()> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let waiting = runtime::Builder::new_current_thread().enable_io().build();
        let ended = waiting.and_then(|runtime| {
            runtime.block_on(async {
                let kinds = [
                    SignalKind::hangup(),
                    SignalKind::interrupt(),
                    SignalKind::quit(),
                    SignalKind::terminate(),
                ];
                let mut signals = Vec::new();
                for kind in kinds {
                    signals.push((kind, signal(kind)?));
                }
                // Nobody who began to wait has left.
                let _ = sender.send(Ok(()));
                let received = signals.iter_mut().map(|(kind, signal)| {
                    Box::pin(async {
                        signal.recv().await;
                        *kind
                    })
                });
                Ok(select_all(received).await.0)
            })
        });
        match ended {
            Ok(kind) => end(kind),
            Err(error) => drop(sender.send(Err(error))),
        }
    })?;
    receiver.recv().unwrap_or_else(|gone| Err(io::Error::other(gone)))
}

/// Ends the process as a shell has it for a program that the signal has ended.
fn end(kind: SignalKind) -> ! {
    let mut terminal = silent();
    match restore(&mut terminal) {
        Some(Silent { is_asked: true, .. }) => {
            // The line end was not shown.
            let _ = writeln!(io::stderr());
            screen::say(&Error::Interrupted.to_string());
        }
        Some(_) => {
            screen::say_last("interrupted; the same command begins again, or goes on from what was written")
        }
        None => {}
    }
    std::process::exit(kind.as_raw_value().saturating_add(128))
}

fn unread(error: rustix::io::Errno) -> Error {
    Error::Terminal(error.into())
}
