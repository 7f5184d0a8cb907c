//! Standard input, output and error: one-line errors, and a closed stdout told from other failures.

use std::error::Error;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::LazyLock;
use std::{env, fmt, thread};

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

/// Writes `PROGRAM: SUBJECT: CAUSE` to stderr as one line. Failures to write are ignored.
pub fn warn(err: &(impl fmt::Display + ?Sized)) {
    let line = format!("{}: {}\n", program(), Escaped(&format!("{err:#}")));
    _ = io::stderr().write_all(line.as_bytes());
}

/// Blocks until a byte can be read from stdin. At the end of input it never returns: an empty stdin,
/// as in `</dev/null`, is no key press.
pub fn wait_for_byte() {
    if let Some(Ok(_)) = io::stdin().lock().bytes().next() {
        return;
    }
    loop {
        thread::park(); // may wake up spuriously
    }
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
        io::stdout().write(buf).map_err(|err| stdout_error(&err))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush().map_err(|err| stdout_error(&err))
    }

    /// Locks stdout for the whole of `line`: lines of two threads do not mix.
    fn write_fmt(&mut self, line: fmt::Arguments<'_>) -> io::Result<()> {
        io::stdout().lock().write_fmt(line).map_err(|err| stdout_error(&err))
    }
}

/// The process's stdout without a buffer, for bytes in bulk. Errors are those of [`Stdout`].
#[derive(Clone, Copy, Debug)]
pub struct Unbuffered;

impl Write for Unbuffered {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        rustix::io::write(io::stdout(), buf).map_err(|err| stdout_error(&err.into()))
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
