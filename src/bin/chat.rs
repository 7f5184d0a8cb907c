//! 8.10 chat: a chat server for ten thousand clients, on threads.

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
use threadbare::engines::chat::{self, Counters, Notice, Options};
use threadbare::net;
use threadbare::net::Listener;
use threadbare::threads;

/// Notices on their way to the log file; a slow disk must not hold up the chat.
const NOTICES: usize = 65_536;

/// A chat server: who joins is asked for a name, then everyone hears everyone. /help lists the
/// commands.
///
/// SIGINT and SIGTERM tell everyone and end it; SIGUSR1 prints counters on stderr.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    listen: cli::Listen,
    /// Ask for names; =false lets clients go by their addresses, without commands
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1,
          default_missing_value = "true", require_equals = true)]
    names: bool,
    /// Hang up on who says nothing for so long; 0 for never
    #[arg(long, default_value = "5m", value_parser = cli::duration)]
    idle: Duration,
    /// Lines a second a client may send in the long run, a thousand at once; 0 for any number
    #[arg(long, default_value_t = 50)]
    flood: u32,
    /// Connections from one address, loopback apart; 0 for any number
    #[arg(long, default_value_t = 64)]
    per_address: usize,
    /// Append to this file who came and went
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
        let (notices, taken) = log.as_ref().map(|_| bounded(NOTICES)).unzip();
        let handle = signals.handle();
        thread::scope(|scope| {
            scope.spawn(|| obey(&mut signals, &listener, &counters));
            let logger =
                taken.zip(log).map(|(taken, log)| scope.spawn(move || write_log(&taken, log)));
            chat::serve(&listener, &options, &counters, notices.as_ref());
            handle.close();
            drop(notices); // the logger has written all
            logger.map_or(Ok(()), |logger| logger.join().expect("the logger panicked"))
        })
    })
}

impl Cli {
    fn options(&self) -> Options {
        let Cli { names, idle, flood, per_address, .. } = *self;
        Options { names, idle, flood, per_address }
    }
}

fn obey(signals: &mut Signals, listener: &Listener, counters: &Counters) {
    for signal in signals.forever() {
        if signal == SIGUSR1 {
            tell(counters);
        } else {
            listener.shutdown();
        }
    }
}

fn tell(counters: &Counters) {
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

fn write_log(notices: &Receiver<Notice>, mut file: File) -> anyhow::Result<()> {
    while let Ok(notice) = threads::recv(notices) {
        let line = match notice {
            Notice::Arrived(name) => format!("{name} has arrived"),
            Notice::Renamed(old, new) => format!("{old} is now {new}"),
            Notice::Left(name) => format!("{name} has left"),
            Notice::Evicted(addr) => format!("{addr} does not read and was hung up on"),
        };
        let now = Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        file.write_all(format!("{now} {line}\n").as_bytes()).context("log file")?;
    }
    Ok(())
}
