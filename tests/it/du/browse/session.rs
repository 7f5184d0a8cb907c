//! du browse on a pseudo-terminal: keys are typed, and the screen is read.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};
use vt100::{Parser, Screen};

use crate::support::{DEADLINE, eventually, program, pseudo_terminal};

/// What has been written to a terminal, and an event whenever that is more.
type Display = Arc<(Mutex<Parser>, Condvar)>;

/// A program that runs on a terminal of its own.
pub(super) struct Session {
    child: Child,
    master: File,
    terminal: OwnedFd,
    display: Display,
    /// The modes of the terminal before the program started.
    pub(super) modes: Termios,
}

impl Session {
    /// Starts `du browse` on a terminal of 80 × 24.
    pub(super) fn start(args: &[impl AsRef<OsStr>]) -> Self {
        Session::with_size(args, 80, 24)
    }

    pub(super) fn with_size(args: &[impl AsRef<OsStr>], columns: u16, rows: u16) -> Self {
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program("du")).arg("browse").args(args);
        Session::run(command, columns, rows)
    }

    /// Runs a command on a terminal; `setsid --ctty` makes that its controlling one.
    pub(super) fn run(mut command: Command, columns: u16, rows: u16) -> Self {
        let (master, terminal) = pseudo_terminal();
        resize(&master, columns, rows);
        let modes = tcgetattr(&terminal).unwrap();
        let stream = || terminal.try_clone().unwrap();
        command.env("TERM", "xterm").env("LC_ALL", "C");
        let child = command.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap();
        let display = Display::new((Mutex::new(parser(columns, rows)), Condvar::new()));
        let (input, shown) = (master.try_clone().unwrap(), Arc::clone(&display));
        thread::spawn(move || show(input, &shown));
        Session { child, master, terminal, display, modes }
    }

    pub(super) fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    pub(super) fn resize(&self, columns: u16, rows: u16) {
        let (columns_max, rows_max) = (size(columns), size(rows));
        self.display.0.lock().unwrap().set_size(rows_max, columns_max);
        resize(&self.master, columns, rows);
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The modes of the terminal now.
    pub(super) fn current_modes(&self) -> Termios {
        tcgetattr(&self.terminal).unwrap()
    }

    /// Waits until the screen is so, and returns what it returns.
    pub(super) fn wait_for<T>(&self, state: &str, mut find: impl FnMut(&Screen) -> Option<T>) -> T {
        let (parser, changed) = &*self.display;
        let mut parser = parser.lock().unwrap();
        loop {
            if let Some(value) = find(parser.screen()) {
                return value;
            }
            let (next, timeout) = changed.wait_timeout(parser, DEADLINE).unwrap();
            parser = next;
            let contents = parser.screen().contents();
            assert!(!timeout.timed_out(), "not on the screen: {state}\n{contents}");
        }
    }

    /// Waits until a text is on the screen.
    pub(super) fn wait_for_text(&self, text: &str) {
        self.wait_for(text, |screen| screen.contents().contains(text).then_some(()));
    }

    /// Waits until the selected line contains a text.
    pub(super) fn wait_for_selected(&self, text: &str) {
        self.wait_for(&format!("{text} selected"), |screen| {
            selected(screen).filter(|line| line.contains(text)).map(|_| ())
        });
    }

    /// Waits until the names in the list are these, from top to bottom.
    pub(super) fn wait_for_names(&self, names: &[&str]) {
        self.wait_for(&format!("{names:?}"), |screen| (self::names(screen) == names).then_some(()));
    }

    pub(super) fn lines(&self) -> Vec<String> {
        lines(self.display.0.lock().unwrap().screen())
    }

    pub(super) fn has_own_screen(&self) -> bool {
        self.display.0.lock().unwrap().screen().alternate_screen()
    }

    pub(super) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("it has ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn size(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("a terminal has columns and rows")
}

fn parser(columns: u16, rows: u16) -> Parser {
    Parser::new(size(rows), size(columns), 0)
}

fn resize(master: &File, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(master, size).unwrap();
}

/// Shows what the program writes until the terminal has gone.
fn show(mut input: File, display: &Display) {
    let mut buffer = [0; 4_096];
    while let Ok(n_bytes @ 1..) = input.read(&mut buffer) {
        display.0.lock().unwrap().process(&buffer[..n_bytes]);
        display.1.notify_all();
    }
}

pub(super) fn lines(screen: &Screen) -> Vec<String> {
    let columns = screen.size().1.get();
    screen.rows(0, columns).map(|line| line.trim_end().to_owned()).collect()
}

/// The line in reverse.
fn selected(screen: &Screen) -> Option<String> {
    let is_reversed = |row: &usize| {
        let row = u16::try_from(*row).expect("a terminal has few rows");
        screen.cell(row, 0).is_some_and(vt100::Cell::inverse)
    };
    let lines = lines(screen);
    (0..lines.len()).find(is_reversed).map(|row| lines[row].clone())
}

/// The names in the list: what follows the bar.
fn names(screen: &Screen) -> Vec<String> {
    let lines = lines(screen);
    let rows = &lines[1..lines.len() - 2];
    let names = rows.iter().filter(|line| !line.is_empty());
    names.map(|line| line.rsplit(' ').next().unwrap_or_default().to_owned()).collect()
}

/// A directory as text, for a test's arguments.
pub(super) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
