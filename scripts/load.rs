//! Load for our servers and for their Go originals, with every line accounted for.
//!
//! One thread on poll(2) plays all the clients, so that the instrument costs less than what it
//! measures. Everything stays on 127.0.0.0/8.

use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use threadbare::cli;

#[path = "load_parts/chat.rs"]
mod chat;
#[path = "load_parts/churn.rs"]
mod churn;
#[path = "load_parts/crowd.rs"]
mod crowd;
#[path = "load_parts/report.rs"]
mod report;
#[path = "load_parts/server.rs"]
mod server;
#[path = "load_parts/steady.rs"]
mod steady;

use report::Report;
use server::Server;

/// Puts a server of this project, or a Go original, under load and prints what came of it.
///
/// The server is started from the words after `--` and stopped at the end; or it runs already, then
/// --addr says where and --pid which process to watch.
#[derive(Parser)]
pub(crate) struct Cli {
    /// What the clients do
    mode: Mode,
    /// Where the server listens, if it does not say `listening on ADDR`
    #[arg(long)]
    addr: Option<String>,
    /// The running server's process
    #[arg(long)]
    pid: Option<u32>,
    /// Connections
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: u32,
    /// Addresses 127.0.0.2 and up that the connections come from
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=200))]
    sources: u8,
    /// How long to send (chat), listen (clock) or connect (churn)
    #[arg(long, default_value = "5s", value_parser = cli::duration)]
    duration: Duration,
    /// How long to wait for what is still missing
    #[arg(long, default_value = "30s", value_parser = cli::duration)]
    patience: Duration,
    /// chat: clients that also send
    #[arg(long, default_value_t = 10)]
    senders: u32,
    /// chat: lines a second of all senders together; churn: connections a second; 0 is flat out
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// chat: one client in so many never reads; 0 is none
    #[arg(long, default_value_t = 0)]
    stalled: u32,
    /// chat: the server asks for a name
    #[arg(long)]
    names: bool,
    /// reverb: shouts of each client
    #[arg(long, default_value_t = 3)]
    shouts: u32,
    /// reverb: the server's time between echoes
    #[arg(long, default_value = "1s", value_parser = cli::duration)]
    delay: Duration,
    /// reverb: close when all echoes have come, and not after the last shout
    #[arg(long)]
    keep: bool,
    /// reverb: one more client, that shouts so many MiB and never reads
    #[arg(long, default_value_t = 0)]
    flood: u8,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Server to start, with its arguments
    #[arg(last = true)]
    command: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Join, then talk: order, loss and latency of every line at every client
    Chat,
    /// Read lines that come once a second
    Clock,
    /// Shout, close the write half, time the echoes
    Reverb,
    /// Connect, wait for the first byte, close
    Churn,
}

fn main() -> ExitCode {
    cli::run(|args: Cli| {
        let mut server = Server::start(&args.command, args.addr.as_deref(), args.pid)?;
        let addr = resolve(&server.addr)?;
        let mut report = Report::new(server.pid);
        match args.mode {
            Mode::Chat => chat::run(&args, addr, &mut report)?,
            Mode::Clock => steady::clock(&args, addr, &mut report)?,
            Mode::Reverb => steady::reverb(&args, addr, &mut report)?,
            Mode::Churn => churn::run(&args, addr, &mut report)?,
        }
        let ended = server.stop()?;
        report.text("server_end", ended);
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
    let mut found = addr.to_socket_addrs().with_context(|| addr.to_owned())?;
    let loopback = found.find(|addr| addr.ip().is_loopback() && addr.is_ipv4());
    loopback.with_context(|| format!("{addr}: only 127.0.0.0/8 is put under load"))
}
