//! 8.10 chat: a chat server for ten thousand clients on threads.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use clap::{ArgAction, Parser};
use crossbeam::channel::{Receiver, bounded};
use jiff::Zoned;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use threadbare::cli;
use threadbare::engines::chat::{self, Counters, LogEvent, Options};
use threadbare::net::{self, Listener};
use threadbare::threads;

/// Capacity of the queue to the log file: a slow disk must not delay the chat.
const LOG_EVENTS_MAX: usize = 65_536;

/// Run a chat server
///
/// Each client is asked for a name, and then receives every line that anyone in its room sends.
/// Clients type /help for a list of commands. On SIGINT and SIGTERM the server notifies its clients
/// and exits; on SIGUSR1 it prints counters to stderr.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    listen: cli::Listen,
    /// Ask clients for a name; with =false they are called by their addresses and have no commands
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1,
          default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    names: bool,
    /// Disconnect clients that send no line for this long (0 = never)
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = cli::duration)]
    idle: Duration,
    /// Maximum number of lines per second from one client, after a burst of 1000 (0 = unlimited)
    #[arg(long, value_name = "N", default_value_t = 50)]
    flood: u32,
    /// Maximum number of connections from one address except loopback (0 = unlimited)
    #[arg(long, value_name = "N", default_value_t = 64)]
    per_address: usize,
    /// Append arrivals, departures and changes of name to this file
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| {
        let log = args.log_file.as_deref().map(open).transpose()?;
        let mut signals = cli::signals(&[SIGINT, SIGTERM, SIGUSR1])?;
        let listener = net::listen(&args.listen.addr(), 1)?;
        let options = args.options();
        let counters = Counters::default();
        let (events_tx, events) = log.as_ref().map(|_| bounded(LOG_EVENTS_MAX)).unzip();
        let handle = signals.handle();
        thread::scope(|scope| {
            let logger = events
                .zip(log)
                .map(|(events, log)| threads::spawn_now(scope, move || write_log(&events, log)));
            let logger = logger.transpose()?;
            threads::spawn_now(scope, || handle_signals(&mut signals, &listener, &counters))?;
            let served = chat::serve(&listener, &options, &counters, events_tx.as_ref());
            handle.close();
            drop(events_tx); // ends the logger once it has written all events
            let logged = logger.map(|logger| logger.join().expect("the logger panicked"));
            served?;
            logged.unwrap_or(Ok(()))
        })
    })
}

impl Cli {
    fn options(&self) -> Options {
        let Cli { names, idle, flood, per_address, .. } = *self;
        Options { names, idle, flood, per_address }
    }
}

fn handle_signals(signals: &mut Signals, listener: &Listener, counters: &Counters) {
    for signal in signals.forever() {
        if signal == SIGUSR1 {
            print_counters(counters);
        } else {
            listener.shutdown();
        }
    }
}

fn print_counters(counters: &Counters) {
    let now = counters.now();
    cli::warn(&format!(
        "clients {}, delivered {}, dropped {}, evicted {}, threads {}",
        now.clients, now.delivered, now.dropped, now.evicted, now.threads
    ));
}

fn open(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| path.display().to_string())
}

fn write_log(events: &Receiver<LogEvent>, mut file: File) -> anyhow::Result<()> {
    while let Ok(event) = threads::recv(events) {
        let line = match event {
            LogEvent::Arrived(name) => format!("{name} has arrived"),
            LogEvent::Renamed(old, new) => format!("{old} is now {new}"),
            LogEvent::Left(name) => format!("{name} has left"),
            LogEvent::Evicted(addr) => format!("{addr} was disconnected because it did not read"),
        };
        let now = Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        file.write_all(format!("{now} {line}\n").as_bytes()).context("log file")?;
    }
    Ok(())
}
