//! A load generator for our servers and their Go originals that checks every line it receives.
//!
//! A few threads with poll(2) run all clients, so that the generator uses less CPU than the server it
//! measures. All traffic stays on 127.0.0.0/8.

use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use threadbare::cli;
use threadbare::machine::cpu;

#[path = "load_parts/chat.rs"]
mod chat;
#[path = "load_parts/churn.rs"]
mod churn;
#[path = "load_parts/clients.rs"]
mod clients;
#[path = "load_parts/report.rs"]
mod report;
#[path = "load_parts/server.rs"]
mod server;
#[path = "load_parts/steady.rs"]
mod steady;
#[path = "load_parts/workers.rs"]
mod workers;

use report::Report;
use server::Server;

/// Put a server under load and print what the clients measured
///
/// Either starts the command after `--` and stops it at the end, or measures a server that is
/// already running at --addr, and its process --pid.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct Cli {
    /// Select what the clients do
    mode: Mode,
    /// Connect to this address instead of the one in the server's line `listening on ADDR`; chat: to
    /// several in turn, with commas between them
    #[arg(long)]
    addr: Option<String>,
    /// Measure this process, for a server that is already running
    #[arg(long)]
    pid: Option<u32>,
    /// Number of connections
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: u32,
    /// Number of source addresses, from 127.0.0.2 up: with few, connections that ended in the last minute leave no
    /// port to connect from, and the search for one takes the generator's CPU time
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u8).range(1..=200))]
    sources: u8,
    /// Number of threads, each with its share of the clients [default: one per CPU]
    #[arg(long, default_value_t = cpu::n_cpus(), hide_default_value = true, value_parser = positive)]
    threads: usize,
    /// Send (chat), receive (clock) or connect (churn) for this long
    #[arg(long, default_value = "5s", value_parser = cli::duration)]
    duration: Duration,
    /// Wait at most this long for missing lines
    #[arg(long, default_value = "30s", value_parser = cli::duration)]
    timeout: Duration,
    /// chat: number of clients that also send
    #[arg(long, default_value_t = 10)]
    senders: u32,
    /// chat: lines per second of all senders; churn: connections per second (0 = unlimited)
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// chat: let one client in this many never read (0 = none)
    #[arg(long, default_value_t = 0)]
    stalled: u32,
    /// chat: send a name first
    #[arg(long)]
    names: bool,
    /// chat: connect to the page's web socket, as browsers do
    #[arg(long)]
    web: bool,
    /// reverb: number of lines from each client
    #[arg(long, default_value_t = 3)]
    shouts: u32,
    /// reverb: expect this time between echoes
    #[arg(long, default_value = "1s", value_parser = cli::duration)]
    delay: Duration,
    /// reverb: close after the last echo instead of half-closing after the last line
    #[arg(long)]
    keep: bool,
    /// reverb: add a client that sends this many MiB and never reads
    #[arg(long, default_value_t = 0)]
    flood: u8,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Start this server, with its arguments
    #[arg(last = true)]
    command: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Connect, then send: order, loss and latency of every line at every client
    Chat,
    /// Receive one line per second
    Clock,
    /// Send, half-close, measure when each echo arrives
    Reverb,
    /// Connect, wait for the first byte, disconnect
    Churn,
}

fn main() -> ExitCode {
    cli::run(|args: Cli| {
        let announced = if args.web { "web page on http://" } else { "listening on " };
        let mut server = Server::start(&args.command, announced, args.addr.as_deref(), args.pid)?;
        let addrs: Vec<SocketAddr> =
            server.addr.split(',').map(resolve).collect::<anyhow::Result<_>>()?;
        let mut report = Report::new(server.pid);
        match args.mode {
            Mode::Chat => chat::run(&args, &addrs, &mut report)?,
            Mode::Clock => steady::clock(&args, addrs[0], &mut report)?,
            Mode::Reverb => steady::reverb(&args, addrs[0], &mut report)?,
            Mode::Churn => churn::run(&args, addrs[0], &mut report)?,
        }
        report.text("server_end", server.stop()?);
        if args.json {
            writeln!(cli::stdout(), "{}", report.json()?)?;
        } else {
            writeln!(cli::stdout(), "{} {report}", args.mode.name())?;
        }
        Ok(())
    })
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Chat => "chat",
            Mode::Clock => "clock",
            Mode::Reverb => "reverb",
            Mode::Churn => "churn",
        }
    }
}

fn resolve(addr: &str) -> anyhow::Result<SocketAddr> {
    let mut addrs = addr.to_socket_addrs().with_context(|| addr.to_owned())?;
    let loopback = addrs.find(|addr| addr.ip().is_loopback() && addr.is_ipv4());
    loopback.with_context(|| format!("{addr}: not in 127.0.0.0/8"))
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "not a number from 1 up".to_owned())
}
