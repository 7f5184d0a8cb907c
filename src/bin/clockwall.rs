//! 8.2, exercise 8.1 clockwall: what time it is everywhere.

use std::io::{IsTerminal, Write, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use crossbeam::channel::{Receiver, RecvTimeoutError};
use rustix::termios::tcgetwinsize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::low_level::emulate_default_handler;
use threadbare::cli::{self, Unbuffered};
use threadbare::engines::clockwall::{self, Board, Event, News, Source};
use threadbare::text::printable::Escaped;

/// Ages are counted in seconds, so that is how often the table is drawn at least; and at most:
const REDRAW: Duration = Duration::from_secs(1);
const REDRAW_MIN: Duration = Duration::from_millis(50);
/// Hides the cursor and does not wrap lines; and what undoes it.
const ENTER: &str = "\x1b[?25l\x1b[?7l";
const LEAVE: &str = "\x1b[0m\x1b[?7h\x1b[?25h";

/// Shows what several clock servers say: a live table on a terminal, plain lines into a pipe.
///
/// Lost servers are dialled again and again; what is stale is dim. The offset is to this machine's
/// time of day (TZ, or the system's zone). ^C ends it.
#[derive(Parser)]
struct Cli {
    /// Clocks to follow, as in NewYork=localhost:8010 London=localhost:8020
    #[arg(required = true, value_name = "NAME=HOST:PORT")]
    clocks: Vec<Source>,
}

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| {
        let news = clockwall::follow(&args.clocks, &cli::time_zone()?).context("threads")?;
        if stdout().is_terminal() { table(&args.clocks, &news) } else { lines(&args.clocks, &news) }
    })
}

/// A line for every time; troubles go to stderr when they begin.
fn lines(clocks: &[Source], news: &Receiver<Event>) -> anyhow::Result<()> {
    let mut troubles = vec![None; clocks.len()];
    for Event { nth, news } in news {
        let name = Escaped(clocks[nth].name());
        let trouble = match news {
            News::Dialling | News::Connected => continue,
            News::Time(time, offset) => {
                writeln!(cli::stdout(), "{name} {time} {offset}")?;
                None
            }
            News::Garbage(text) => Some(format!("no clock: {text}")),
            News::Lost(why, _) => Some(why),
        };
        if let Some(trouble) = trouble.as_ref().filter(|_| troubles[nth] != trouble) {
            cli::warn(&format!("{name}: {trouble}"));
        }
        troubles[nth] = trouble;
    }
    Ok(())
}

fn table(clocks: &[Source], news: &Receiver<Event>) -> anyhow::Result<()> {
    let is_fresh = Arc::new(AtomicBool::new(true));
    obey_signals(Arc::clone(&is_fresh))?;
    let mut screen = Screen { n_lines: 0, is_fresh };
    let mut board = Board::new(clocks);
    loop {
        screen.draw(&board)?;
        let (drawn, mut wait) = (Instant::now(), REDRAW);
        // The first news has the table drawn soon, and not more often however many there are.
        while !wait.is_zero() {
            match news.recv_timeout(wait) {
                Ok(event) => board.apply(event, Instant::now()),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            wait = REDRAW_MIN.saturating_sub(drawn.elapsed());
        }
    }
}

/// The terminal is left as it was found, whatever ends or stops us.
fn obey_signals(is_fresh: Arc<AtomicBool>) -> anyhow::Result<()> {
    let mut signals = cli::signals(&[SIGINT, SIGTERM, SIGHUP, SIGTSTP])?;
    thread::spawn(move || {
        for signal in signals.forever() {
            _ = Unbuffered.write_all(LEAVE.as_bytes()); // it may be gone
            _ = emulate_default_handler(signal); // returns when a stopped program goes on
            is_fresh.store(true, Ordering::Release);
        }
    });
    Ok(())
}

struct Screen {
    n_lines: usize,
    /// The table is not there, or not where it was.
    is_fresh: Arc<AtomicBool>,
}

impl Screen {
    /// Draws over what was drawn before, in one write.
    fn draw(&mut self, board: &Board) -> anyhow::Result<()> {
        let size = tcgetwinsize(stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
        let (width, height) = size.map_or((80, 24), |size| (size.ws_col, size.ws_row));
        let lines = board.draw(Instant::now(), width.into(), height.into());
        let mut frame = String::new();
        if self.is_fresh.swap(false, Ordering::AcqRel) {
            frame.push_str(ENTER);
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

/// Moves the cursor up so many lines.
fn up(n_lines: usize) -> String {
    format!("\x1b[{n_lines}A")
}

impl Drop for Screen {
    fn drop(&mut self) {
        _ = Unbuffered.write_all(LEAVE.as_bytes()); // it may be gone
    }
}
