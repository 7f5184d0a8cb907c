//! Standard input, output and error: one-line errors, and a closed stdout told from other failures.
//!
//! A standard stream may be non-blocking, because another program shares it and has set `O_NONBLOCK`.
//! Whoever reads or writes one here waits until it is ready.

use std::error::Error;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::{LazyLock, OnceLock};
use std::{env, fmt, thread};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::text::printable::Escaped;

/// Returns the name that this program was called by; it starts every line on stderr.
pub fn program() -> &'static str {
    static PROGRAM: LazyLock<String> = LazyLock::new(|| {
        let path = env::args_os().next().unwrap_or_default();
        let name = Path::new(&path).file_name().unwrap_or(path.as_ref());
        name.to_string_lossy().into_owned()
    });
    &PROGRAM
}

/// What a line on stderr starts with.
#[derive(Clone, Copy, Debug)]
pub(super) enum LineStart {
    /// The name of the program.
    Program,
    /// The time in UTC, and the name of the program.
    #[cfg(feature = "time")]
    Time,
    /// The priority of syslog(3), as journald reads it: `<4>`
    #[cfg(feature = "time")]
    Priority,
}

static LINE_START: OnceLock<LineStart> = OnceLock::new();
/// The priority of warnings (syslog(3)).
const WARNING: u8 = 4;

/// Starts lines on stderr like that from now on; the first call counts.
#[cfg(feature = "time")]
pub(super) fn start_lines(start: LineStart) {
    LINE_START.get_or_init(|| start);
}

/// Whether lines on stderr start with a time or a priority.
pub(super) fn are_lines_started() -> bool {
    LINE_START.get().is_some()
}

/// Writes `PROGRAM: SUBJECT: CAUSE` to stderr as one line. Failures to write are ignored.
pub fn warn(err: &(impl fmt::Display + ?Sized)) {
    warn_from(err, WARNING);
}

/// As [`warn`], with a priority of syslog(3) for the journal.
pub(super) fn warn_from(err: &(impl fmt::Display + ?Sized), priority: u8) {
    let text = format!("{err:#}");
    let text = Escaped(&text);
    let start = match LINE_START.get().unwrap_or(&LineStart::Program) {
        LineStart::Program => format!("{}: ", program()),
        #[cfg(feature = "time")]
        LineStart::Time => format!("{:.3} {}: ", jiff::Timestamp::now(), program()),
        #[cfg(feature = "time")]
        LineStart::Priority => format!("<{priority}>"),
    };
    _ = priority; // without the time feature
    write_stderr(&format!("{start}{text}\n"));
}

/// Writes `line` to stderr as it is. Failures are ignored.
pub(super) fn write_stderr(line: &str) {
    let mut stderr = io::stderr().lock();
    _ = write_all(line.as_bytes(), |rest| {
        when_ready(rustix::stdio::stderr(), PollFlags::OUT, || stderr.write(rest))
    });
}

/// Calls `operate` on a standard stream again and again, as long as it would block or is
/// interrupted; in between it waits until the stream is ready.
fn when_ready<T>(
    stream: BorrowedFd<'_>,
    readiness: PollFlags,
    mut operate: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    loop {
        match operate() {
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => _ = wait(stream, readiness)?,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Waits until a standard stream is ready. Returns how it is.
fn wait(stream: BorrowedFd<'_>, readiness: PollFlags) -> io::Result<PollFlags> {
    let mut fds = [PollFd::new(&stream, readiness)];
    loop {
        match poll(&mut fds, None) {
            Ok(_) => return Ok(fds[0].revents()),
            Err(Errno::INTR) => {}
            Err(err) => return Err(err.into()),
        }
    }
}

/// Writes all of `bytes` by calls of `write`, which do not fail for a stream that is not ready.
fn write_all(
    mut bytes: &[u8],
    mut write: impl FnMut(&[u8]) -> io::Result<usize>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(bytes)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => bytes = &bytes[n..],
        }
    }
    Ok(())
}

/// The process's stdin. It has a buffer that every [`Stdin`] shares.
#[derive(Clone, Copy, Debug)]
pub struct Stdin;

/// Returns the process's stdin.
#[must_use]
pub fn stdin() -> Stdin {
    Stdin
}

impl Read for Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        when_ready(rustix::stdio::stdin(), PollFlags::IN, || io::stdin().read(buf))
    }
}

/// Blocks until a byte can be read from stdin. At the end of input it never returns: an empty stdin,
/// as in `</dev/null`, is no key press. A terminal goes on after each ^D.
pub fn wait_for_byte() {
    loop {
        match stdin().read(&mut [0]) {
            Ok(1..) => return,
            Ok(0) if io::stdin().is_terminal() && !has_hung_up() => {}
            _ => break,
        }
    }
    loop {
        thread::park(); // may wake up spuriously
    }
}

/// Waits until the terminal has input. Returns whether there is none to come.
fn has_hung_up() -> bool {
    let lost = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    wait(rustix::stdio::stdin(), PollFlags::IN).is_ok_and(|state| state.intersects(lost))
}

/// The process's stdout, buffered by lines.
///
/// When its reader has gone, the error is of a type of its own, with which a program ends with exit
/// status 0; any other error names stdout as its subject.
#[derive(Clone, Copy, Debug)]
pub struct Stdout;

/// Returns the process's stdout, buffered by lines.
#[must_use]
pub fn stdout() -> Stdout {
    Stdout
}

impl Write for Stdout {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut stdout = io::stdout().lock();
        when_stdout_is_ready(|| stdout.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        when_stdout_is_ready(|| stdout.flush())
    }

    /// Locks stdout for the whole of `bytes`: lines of two threads do not mix.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        write_all(bytes, |rest| when_stdout_is_ready(|| stdout.write(rest)))
    }

    fn write_fmt(&mut self, line: fmt::Arguments<'_>) -> io::Result<()> {
        match line.as_str() {
            Some(text) => self.write_all(text.as_bytes()),
            None => self.write_all(line.to_string().as_bytes()),
        }
    }
}

/// The process's stdout without a buffer, for bytes in bulk. Errors are those of [`Stdout`].
#[derive(Clone, Copy, Debug)]
pub struct Unbuffered;

impl Write for Unbuffered {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        when_stdout_is_ready(|| Ok(rustix::io::write(rustix::stdio::stdout(), buf)?))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Unbuffered {
    fn as_fd(&self) -> BorrowedFd<'_> {
        rustix::stdio::stdout()
    }
}

fn when_stdout_is_ready<T>(operate: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    when_ready(rustix::stdio::stdout(), PollFlags::OUT, operate).map_err(|err| stdout_error(&err))
}

fn stdout_error(err: &io::Error) -> io::Error {
    match err.kind() {
        io::ErrorKind::BrokenPipe => io::Error::new(err.kind(), StdoutClosed),
        kind => io::Error::new(kind, format!("stdout: {err}")),
    }
}

/// The reader of our stdout has closed its end, as `head` does.
#[derive(Debug)]
struct StdoutClosed;

impl fmt::Display for StdoutClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stdout: closed by its reader")
    }
}

impl Error for StdoutClosed {}

/// Whether `err` means that the reader of stdout has gone, rather than the peer of some socket.
#[must_use]
pub fn is_stdout_closed(err: &anyhow::Error) -> bool {
    let is_marker =
        |err: &io::Error| err.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<StdoutClosed>);
    err.chain().any(|cause| cause.downcast_ref().is_some_and(is_marker))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_stdout_is_a_closed_stdout() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_stdout_closed(&stdout_error(&broken()).into()));
        assert!(is_stdout_closed(&anyhow::Error::from(stdout_error(&broken())).context("copying")));
        assert!(!is_stdout_closed(&broken().into()));
    }
}
