//! Progress on the last line of the terminal.

use std::env;
use std::io::{self, IsTerminal};
use std::sync::Mutex;

use indicatif::{ProgressDrawTarget, TermLike};
use rustix::termios::tcgetwinsize;

use super::stdio::write_stderr;
use crate::threads::lock;

/// Columns that `^C` takes, which the terminal writes behind the progress line. Without room for it
/// there, it would end up on the next line, and this one would stay on the screen.
const ECHO_WIDTH: u16 = 2;
/// How often it is drawn at most.
const DRAWS_PER_SECOND: u8 = 20;

/// Where progress is drawn: stderr, if that is a terminal that can clear a line.
pub fn progress_target() -> ProgressDrawTarget {
    let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    if io::stderr().is_terminal() && !is_dumb {
        let terminal = Box::new(Terminal::default());
        ProgressDrawTarget::term_like_with_hz(terminal, DRAWS_PER_SECOND)
    } else {
        ProgressDrawTarget::hidden()
    }
}

/// The terminal on stderr. What is drawn is written in one piece.
#[derive(Debug, Default)]
struct Terminal {
    unwritten: Mutex<String>,
}

impl Terminal {
    fn push(&self, text: &str) -> io::Result<()> {
        lock(&self.unwritten).push_str(text);
        Ok(())
    }

    /// Moves the cursor `n` steps in the direction of an ECMA-48 control function.
    fn move_cursor(&self, n: usize, direction: char) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.push(&format!("\x1b[{n}{direction}")) }
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        let width = tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
        let width = if width == 0 { 80 } else { width };
        width.saturating_sub(ECHO_WIDTH).max(1)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.push(text)?;
        self.push("\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.push(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.push("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        write_stderr(&std::mem::take(&mut *lock(&self.unwritten)));
        Ok(())
    }
}
