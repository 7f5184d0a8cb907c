//! 8.2, exercise 8.1 clockwall: shows the times of several clock servers.

use std::io::{IsTerminal, Write, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use crossbeam::channel::{Receiver, RecvTimeoutError};
use rustix::termios::tcgetwinsize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::low_level::emulate_default_handler;
use threadbare::cli::{self, Unbuffered};
use threadbare::engines::clockwall::{self, ClockTable, Event, EventKind, Source};
use threadbare::text::printable::Escaped;

/// The table is redrawn at least this often, because it shows ages in seconds.
const REDRAW_INTERVAL_MAX: Duration = Duration::from_secs(1);
/// The table is redrawn at most this often, however many events there are.
const REDRAW_INTERVAL_MIN: Duration = Duration::from_millis(50);
/// Hides the cursor and turns line wrapping off.
const ENTER: &str = "\x1b[?25l\x1b[?7l";
/// Moves the cursor to the top left and erases the screen.
const CLEAR: &str = "\x1b[H\x1b[2J";
/// Restores colours, line wrapping and the cursor.
const LEAVE: &str = "\x1b[0m\x1b[?7h\x1b[?25h";

/// Show the times of several clock servers: a live table on a terminal, plain lines in a pipe
///
/// A server may send a line per second, one line (daytime, RFC 867) or 32 bits (time, RFC 868).
/// Connections are made again for ever, after 0.25 to 8 seconds; stale times are dim. Offsets are
/// relative to this machine's time of day (TZ, or the system's zone). Ctrl-C ends the program.
#[derive(Parser)]
struct Cli {
    /// Follow these clocks, for example NewYork=localhost:8010 London=localhost:8020
    #[arg(required = true, value_name = "NAME=HOST:PORT")]
    clocks: Vec<Source>,
}

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| {
        let clocks = &args.clocks;
        let events = clockwall::follow(clocks, &cli::time_zone()?).context("threads")?;
        if stdout().is_terminal() { show_table(clocks, &events) } else { print(clocks, &events) }
    })
}

/// Prints one line per time to stdout. A problem of a clock goes to stderr when it begins.
fn print(clocks: &[Source], events: &Receiver<Event>) -> anyhow::Result<()> {
    let mut problems = vec![None; clocks.len()];
    for Event { index, kind } in events {
        let name = Escaped(clocks[index].name());
        let problem = match kind {
            EventKind::Connecting | EventKind::Connected | EventKind::Served(..) => continue,
            EventKind::Time(time, offset) => {
                writeln!(cli::stdout(), "{name} {time} {offset}")?;
                None
            }
            EventKind::NoTime(text) => Some(format!("no clock: {text}")),
            EventKind::Lost(reason, _) => Some(reason),
        };
        if let Some(problem) = problem.as_ref().filter(|_| problems[index] != problem) {
            cli::warn(&format!("{name}: {problem}"));
        }
        problems[index] = problem;
    }
    Ok(())
}

/// Shows a table and redraws it after events, and once per second.
fn show_table(clocks: &[Source], events: &Receiver<Event>) -> anyhow::Result<()> {
    let needs_setup = Arc::new(AtomicBool::new(true));
    handle_signals(Arc::clone(&needs_setup))?;
    let mut screen = Screen { n_lines: 0, size: (0, 0), needs_setup };
    let mut table = ClockTable::new(clocks);
    loop {
        screen.draw(&table)?;
        let (drawn, mut wait) = (Instant::now(), REDRAW_INTERVAL_MAX);
        // The first event shortens the wait; those that arrive until its end are drawn together.
        while !wait.is_zero() {
            match events.recv_timeout(wait) {
                Ok(event) => table.apply(event, Instant::now()),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            wait = REDRAW_INTERVAL_MIN.saturating_sub(drawn.elapsed());
        }
    }
}

/// Restores the terminal before a signal ends or stops the program.
fn handle_signals(needs_setup: Arc<AtomicBool>) -> anyhow::Result<()> {
    let is_handled = cli::on_signals(&[SIGINT, SIGTERM, SIGHUP, SIGTSTP], move |signal| {
        _ = Unbuffered.write_all(LEAVE.as_bytes()); // the terminal may be gone
        _ = emulate_default_handler(signal); // returns when a stopped program is continued
        needs_setup.store(true, Ordering::Release);
    })?;
    ensure!(is_handled, "cannot start a thread that waits for signals");
    Ok(())
}

struct Screen {
    n_lines: usize,
    /// Columns and rows of the terminal when the table was drawn.
    size: (u16, u16),
    /// Whether the terminal has to be set up and the table drawn on new lines: at the start, and
    /// after the program was stopped and continued.
    needs_setup: Arc<AtomicBool>,
}

impl Screen {
    /// Draws the table over the last one, in one write.
    fn draw(&mut self, table: &ClockTable) -> anyhow::Result<()> {
        let size = tcgetwinsize(stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
        let (width, height) = size.map_or((80, 24), |size| (size.ws_col, size.ws_row));
        let lines = table.draw(Instant::now(), width.into(), height.into());
        let is_resized = std::mem::replace(&mut self.size, (width, height)) != (width, height);
        let mut frame = String::new();
        if self.needs_setup.swap(false, Ordering::AcqRel) {
            frame.push_str(ENTER);
        } else if is_resized {
            frame.push_str(CLEAR); // the terminal may have wrapped lines, and moved the cursor
        } else {
            frame += &up(self.n_lines);
        }
        for line in &lines {
            frame.extend(["\r", line, "\x1b[K\n"]);
        }
        frame.push_str("\x1b[J");
        self.n_lines = lines.len();
        Ok(Unbuffered.write_all(frame.as_bytes())?)
    }
}

/// The control sequence that moves the cursor up by `n_lines`.
fn up(n_lines: usize) -> String {
    format!("\x1b[{n_lines}A")
}

impl Drop for Screen {
    fn drop(&mut self) {
        _ = Unbuffered.write_all(LEAVE.as_bytes()); // the terminal may be gone
    }
}
