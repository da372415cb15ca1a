//! Standard output and standard error, of a person at a terminal or of a program at the other end of a pipe.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use github_pat_operator::cli::{plain::plain, unless_a_token};
use rustix::termios::tcgetwinsize;

use crate::sheet::Sheet;

/// Whatever takes longer is told.
const UNTOLD: Duration = Duration::from_secs(1);

/// Says one sentence on standard error.
pub(crate) fn say(sentence: &str) {
    write_above(&format!("kubectl github-pat: {}\n", plain(unless_a_token(sentence))));
}

/// The same in place of what is going on, which nobody is told any more.
pub(crate) fn say_last(sentence: &str) {
    clear();
    say(sentence);
}

/// Says several lines on standard error, which may repeat what somebody has typed.
pub(crate) fn say_lines(text: &str) {
    for line in text.trim_end().lines() {
        write_above(&format!("{}\n", plain(unless_a_token(line))));
    }
}

/// Shows lines on standard error, which are for a person also while a program reads standard output.
pub(crate) fn tell(sheet: &Sheet) {
    write_above(&sheet.render(io::stderr().is_terminal() && wants_colours()));
}

/// Writes whole lines to standard error, above the one that tells what is going on.
fn write_above(lines: &str) {
    let told = told();
    // There is nowhere to say that standard error is closed.
    let _ = write!(io::stderr(), "{}", above(lines, told.as_deref()));
}

/// The lines in the place of the one that is told, which comes again below them.
fn above(lines: &str, told: Option<&str>) -> String {
    told.map_or_else(|| lines.to_owned(), |told| format!("{}{lines}{told}", cleared(told)))
}

/// What takes a line of the terminal away. Every terminal can do that, also one that knows no escape sequences.
fn cleared(line: &str) -> String {
    format!("\r{}\r", " ".repeat(line.chars().count()))
}

/// Shows lines on standard output.
///
/// # Errors
///
/// If standard output takes nothing more, unless its reader has hung up.
pub(crate) fn show(sheet: &Sheet) -> io::Result<()> {
    print(&sheet.render(io::stdout().is_terminal() && wants_colours()))
}

/// Writes a text to standard output. A reader that hangs up early is no failure of ours.
///
/// # Errors
///
/// If standard output takes nothing more, unless its reader has hung up.
pub(crate) fn print(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Does this work, and tells a person at a terminal what is going on if it takes long. Of work within work the outer one is told.
pub(crate) async fn during<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let Some(turn) = Turn::take() else { return work.await };
    tokio::select! {
        done = &mut work => return done,
        () = tokio::time::sleep(UNTOLD) => {}
    }
    let _told = Told::begin(what, turn);
    work.await
}

/// The same of work that writes to standard output itself: what is going on is said in a line of its own, which stays.
pub(crate) async fn before_output<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let Some(_turn) = Turn::take() else { return work.await };
    tokio::select! {
        done = &mut work => return done,
        () = tokio::time::sleep(UNTOLD) => {}
    }
    say(&format!("{what} …"));
    work.await
}

/// As [`during`], of work that holds the thread up.
pub(crate) fn while_it_lasts<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let Some(turn) = Turn::take() else { return work() };
    let (over, waits) = mpsc::channel::<()>();
    thread::scope(|threads| {
        threads.spawn(move || {
            if waits.recv_timeout(UNTOLD) == Err(RecvTimeoutError::Timeout) {
                let _told = Told::begin(what, turn);
                let _ = waits.recv();
            }
        });
        let done = work();
        drop(over);
        done
    })
}

/// Set while somebody tells, or may tell, what is going on.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// The right to tell what is going on, which one at a time has, and nobody without a terminal.
struct Turn;

impl Turn {
    fn take() -> Option<Self> {
        (io::stderr().is_terminal() && !IS_TAKEN.swap(true, Ordering::SeqCst)).then_some(Turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        IS_TAKEN.store(false, Ordering::SeqCst);
    }
}

/// How many letters go into a line of the terminal.
fn columns() -> usize {
    let size = tcgetwinsize(io::stderr()).map(|size| usize::from(size.ws_col));
    size.ok().filter(|columns| *columns > 0).unwrap_or(80)
}

/// The text with the sign that it goes on, so that it fills one line at most: what is longer could not be cleared.
fn one_line(text: &str, columns: usize) -> String {
    let fits: String = text.chars().take(columns.saturating_sub(3)).collect();
    format!("{fits} …")
}

/// The line on what is going on, if one is told.
static TOLD: Mutex<Option<String>> = Mutex::new(None);

fn told() -> MutexGuard<'static, Option<String>> {
    TOLD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes away the line on what is going on, if one is told.
fn clear() {
    if let Some(line) = told().take() {
        let _ = write!(io::stderr(), "{}", cleared(&line));
    }
}

/// Tells what is going on by a line that is gone once this is dropped.
struct Told {
    _turn: Turn,
}

impl Told {
    fn begin(what: &str, turn: Turn) -> Self {
        let line = one_line(&plain(what), columns());
        let mut told = told();
        let _ = write!(io::stderr(), "{line}");
        *told = Some(line);
        Told { _turn: turn }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        clear();
    }
}

/// True unless the person, or what the terminal is, says otherwise: <https://no-color.org>.
fn wants_colours() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|kind| kind != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_stands_in_a_line_of_its_own_above_what_is_going_on() {
        let rows = [(None, "said\n"), (Some("a …"), "\r   \rsaid\na …")];
        for (told, expected) in rows {
            assert_eq!(above("said\n", told), expected);
        }
    }

    #[test]
    fn what_is_going_on_fills_one_line_at_most() {
        for (columns, expected) in [(80, "asking github.com …"), (10, "asking  …"), (2, " …")] {
            let line = one_line("asking github.com", columns);
            assert_eq!(line, expected);
            assert!(columns < 3 || line.chars().count() < columns, "{columns}");
        }
    }
}
