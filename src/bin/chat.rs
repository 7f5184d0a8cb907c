//! 8.10 chat: a chat server for ten thousand clients on threads.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{ArgAction, Parser};
use crossbeam::channel::{Receiver, bounded};
use jiff::Zoned;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use threadbare::cli;
use threadbare::engines::chat::{
    self, Counters, LogEvent, Operators, Options, Port, Protocol, RelayOptions, RelayUrl,
};
use threadbare::net::tls::Certificate;
use threadbare::net::{self, Listener};
use threadbare::threads;

/// Capacity of the queue to the log file: a slow disk must not delay the chat.
const LOG_EVENTS_MAX: usize = 65_536;

/// Run a chat server
///
/// Each client is asked for a name, and then receives every line that anyone in its room sends.
/// Clients type /help for a list of commands. On SIGINT and SIGTERM the server notifies its clients
/// and exits; on SIGUSR1 it prints counters to stderr; on SIGHUP it reads the files of --tls and
/// --operators again.
#[derive(Parser)]
struct Cli {
    /// Port to listen on (0 = chosen by the system; off = none, with --tls or --web)
    #[arg(long, value_name = "N", default_value = "8000", value_parser = port)]
    port: PlainPort,
    /// Address or host name to listen on (a name: all its addresses; 0.0.0.0 or :: = every interface)
    #[arg(long, value_name = "ADDR", default_value = "localhost")]
    bind: String,
    /// Offer TLS with this certificate chain and private key, both in PEM: on --tls-port, and on the
    /// port of --web beside HTTP
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"], action = ArgAction::Set)]
    tls: Vec<PathBuf>,
    /// Port to listen on for clients with TLS (0 = chosen by the system)
    #[arg(long, value_name = "N", requires = "tls")]
    tls_port: Option<u16>,
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
    /// Number of a room's last lines that newcomers receive
    #[arg(long, value_name = "N", default_value_t = 0)]
    history: u64,
    /// Let the operators in FILE, lines NAME:HASH, remove and ban users (/oper NAME); ftpd
    /// --hash-password makes a HASH
    #[arg(long, value_name = "FILE")]
    operators: Option<PathBuf>,
    /// Have one conversation with the other servers of this stream: `redis://HOST/STREAM`
    #[arg(long, value_name = "URL")]
    relay: Option<RelayUrl>,
    /// Keep the place in the stream of --relay in this file over a restart
    #[arg(long, value_name = "FILE", requires = "relay")]
    relay_state: Option<PathBuf>,
    /// Number of entries that the broker of --relay keeps, about
    #[arg(long, value_name = "N", default_value_t = 10_000, requires = "relay")]
    relay_entries: u64,
    /// Serve a page for browsers on this port too (0 = chosen by the system)
    #[arg(long, value_name = "PORT")]
    web: Option<u16>,
    /// Accept the web socket also from pages of this origin, as behind a proxy: `https://HOST[:PORT]`
    #[arg(long, value_name = "ORIGIN", requires = "web", value_parser = origin)]
    web_origin: Vec<String>,
    /// Append arrivals, departures and changes of name to this file
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
}

/// The port of clients without TLS; `None` for none.
#[derive(Clone, Copy)]
struct PlainPort(Option<u16>);

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| {
        let log = args.log_file.as_deref().map(open).transpose()?;
        let options = args.options()?;
        let mut signals = cli::signals(args.signals())?;
        let listeners = args.listen()?;
        cli::stamp_lines();
        let ports: Vec<Port<'_>> = listeners.iter().map(Listening::port).collect();
        let counters = Counters::default();
        let (events_tx, events) = log.as_ref().map(|_| bounded(LOG_EVENTS_MAX)).unzip();
        let handle = signals.handle();
        thread::scope(|scope| {
            let running = Running { args: &args, options: &options, counters: &counters };
            let listeners = &listeners;
            let logger = events
                .zip(log)
                .map(|(events, log)| threads::spawn_now(scope, move || write_log(&events, log)));
            let logger = logger.transpose()?;
            let signals = &mut signals;
            threads::spawn_now(scope, move || running.handle_signals(signals, listeners))?;
            let served = chat::serve(&ports, &options, &counters, events_tx.as_ref());
            handle.close();
            drop(events_tx); // ends the logger once it has written all events
            let written = logger.map(|logger| logger.join().expect("the logger panicked"));
            served?;
            written.unwrap_or(Ok(()))
        })
    })
}

impl Cli {
    fn options(&self) -> anyhow::Result<Options> {
        let Cli { names, idle, flood, per_address, history, .. } = *self;
        let time_zone = cli::time_zone()?;
        let (has_web, web_origins) = (self.web.is_some(), self.web_origin.clone());
        let limits = Options { names, idle, flood, per_address, ..Options::default() };
        let operators = self.operators.as_deref().map(read_operators).transpose()?.map(Arc::new);
        if operators.is_some() && !names {
            bail!("--operators needs names");
        }
        if !self.tls.is_empty() && self.tls_port.is_none() && self.web.is_none() {
            bail!("--tls needs --tls-port or --web");
        }
        let certificate = match self.tls.as_slice() {
            [chain, key] => Some(Arc::new(Certificate::read(chain, key)?)),
            _ => None,
        };
        let relay = self.relay.clone().map(|url| RelayOptions {
            url,
            state_file: self.relay_state.clone(),
            n_entries: self.relay_entries,
        });
        let shared = Options { relay, history, time_zone, certificate, operators, ..limits };
        Ok(Options { has_web, web_origins, ..shared })
    }

    /// SIGHUP ends the server, as is usual, unless there is something to read again.
    fn signals(&self) -> &'static [i32] {
        let has_files = !self.tls.is_empty() || self.operators.is_some();
        if has_files { &[SIGINT, SIGTERM, SIGUSR1, SIGHUP] } else { &[SIGINT, SIGTERM, SIGUSR1] }
    }

    fn listen(&self) -> anyhow::Result<Vec<Listening>> {
        let wanted = [
            (self.port.0, Protocol::Lines, ["listening on ", ""]),
            (self.tls_port, Protocol::LinesOverTls, ["TLS on ", ""]),
            (self.web, Protocol::Web, ["web page on http://", "/"]),
        ];
        let mut listeners: Vec<Listening> = Vec::new();
        for (port, protocol, [before, after]) in wanted {
            let Some(port) = port else { continue };
            let addr = cli::Listen { port, bind: self.bind.clone() }.addr();
            let notice = |addr| format!("{before}{addr}{after}");
            let listener = match listeners.first() {
                None => net::bind(&addr)?.listen_as(1, notice)?,
                Some(first) => net::bind(&addr)?.listen_beside(&first.listener, notice)?,
            };
            listeners.push(Listening { listener, protocol });
        }
        if listeners.is_empty() {
            bail!("no port to listen on: -port off needs --tls-port or --web");
        }
        Ok(listeners)
    }
}

/// Where clients connect.
struct Listening {
    listener: Listener,
    protocol: Protocol,
}

impl Listening {
    fn port(&self) -> Port<'_> {
        Port { listener: &self.listener, protocol: self.protocol }
    }
}

/// What signals are about.
struct Running<'a> {
    args: &'a Cli,
    options: &'a Options,
    counters: &'a Counters,
}

impl Running<'_> {
    fn handle_signals(&self, signals: &mut Signals, listeners: &[Listening]) {
        for signal in signals.forever() {
            match signal {
                SIGUSR1 => print_counters(self.counters),
                SIGHUP => {
                    if let Err(err) = self.read_files_again() {
                        cli::warn(&format!("{err:#}; it stays as it was"));
                    }
                }
                _ => listeners.iter().for_each(|listening| listening.listener.shutdown()),
            }
        }
    }

    fn read_files_again(&self) -> anyhow::Result<()> {
        if let Some(certificate) = &self.options.certificate {
            certificate.read_again()?;
        }
        if let (Some(operators), Some(path)) = (&self.options.operators, &self.args.operators) {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            operators.replace(&text).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

fn print_counters(counters: &Counters) {
    let now = counters.now();
    cli::warn(&format!(
        "clients {}, delivered {}, dropped {}, evicted {}, threads {}",
        now.clients, now.delivered, now.dropped, now.evicted, now.threads
    ));
}

fn read_operators(path: &Path) -> anyhow::Result<Operators> {
    let subject = || path.display().to_string();
    let text = fs::read_to_string(path).with_context(subject)?;
    Operators::parse(&text).with_context(subject)
}

fn port(text: &str) -> Result<PlainPort, String> {
    match text {
        "off" => Ok(PlainPort(None)),
        text => text
            .parse()
            .map(|port| PlainPort(Some(port)))
            .map_err(|_| "expected a port (0 to 65535), or off".to_owned()),
    }
}

/// An origin as browsers send it: scheme, host and, unless it is the scheme's own, the port.
fn origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains('/') => Ok(text.to_ascii_lowercase()),
        _ => Err("expected https://HOST or https://HOST:PORT, without a path".to_owned()),
    }
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
            LogEvent::Operator(act) => act,
            LogEvent::Evicted(addr) => format!("{addr} was disconnected because it did not read"),
        };
        let now = Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        file.write_all(format!("{now} {line}\n").as_bytes()).context("log file")?;
    }
    Ok(())
}
