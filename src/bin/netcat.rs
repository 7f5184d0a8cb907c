//! 8.3, 8.4.1, exercise 8.3 netcat: connects stdin and stdout with a TCP or Unix-domain socket.

use std::io::{IsTerminal, stdin};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use threadbare::cli::{self, Unbuffered};
use threadbare::engines::netcat::{Error, Netcat, Options};
use threadbare::net::{Endpoint, Family, Stream, StreamListener};

/// Connect stdin and stdout to a server, or with -l to a client
///
/// At the end of stdin the write half of the connection is closed, and reading goes on; with -l not
/// if stdin was empty, as /dev/null is. The program ends when the peer closes the connection, even
/// if stdin is a terminal or has sent nothing; a pipe that has sent something is sent to its end.
///
/// The exit status is 0 if all that was sent was acknowledged and the peer closed in order, 1 if the
/// connection could not be made, was reset, or did not deliver everything. Whether the peer's
/// program has read what its machine acknowledged, TCP cannot know.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "nc's switches are switches")]
struct Cli {
    /// HOST PORT or HOST:PORT; with -l also PORT alone; with -U the PATH of a socket
    /// [default: localhost:8000]
    #[arg(value_name = "ADDRESS", num_args = 0..=2)]
    address: Vec<String>,
    /// Listen for one client instead of connecting; the default host is localhost
    #[arg(short = 'l')]
    listen: bool,
    /// Keep listening after a client has disconnected
    #[arg(short = 'k', requires = "listen")]
    keep: bool,
    /// Use a Unix-domain socket
    #[arg(short = 'U', conflicts_with_all = ["ipv4", "ipv6"])]
    unix: bool,
    /// Only test whether a connection is accepted
    #[arg(short = 'z', conflicts_with = "listen")]
    probe: bool,
    /// Give up connecting after this long, and end when nothing was sent or received for this long:
    /// seconds, or a duration such as 300ms
    #[arg(short = 'w', value_name = "TIME", value_parser = seconds)]
    wait: Option<Duration>,
    /// Close the write half at the end of stdin even if -l found no byte in it
    #[arg(short = 'N')]
    half_close: bool,
    /// Report connections and failed addresses on stderr
    #[arg(short = 'v')]
    verbose: bool,
    /// Use IPv4 only
    #[arg(short = '4', conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6')]
    ipv6: bool,
    /// Send stdin and discard what is received; do not wait for the peer to close
    #[arg(long, conflicts_with = "recv_only")]
    send_only: bool,
    /// Only receive; do not read stdin
    #[arg(long)]
    recv_only: bool,
}

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| match args.endpoint() {
        Ok(endpoint) if args.listen => args.serve(&endpoint),
        Ok(endpoint) => args.connect(&endpoint),
        Err(usage) => {
            cli::warn(&format!("{usage} (try --help)"));
            Ok(ExitCode::from(2))
        }
    })
}

impl Cli {
    fn connect(&self, endpoint: &Endpoint) -> anyhow::Result<ExitCode> {
        let report = |err: &_| {
            if self.verbose {
                cli::warn(err);
            }
        };
        let stream = endpoint.dial(self.wait, report)?;
        self.report("connected to", &stream);
        if !self.probe {
            self.netcat().relay(stream).map_err(with_context)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn serve(&self, endpoint: &Endpoint) -> anyhow::Result<ExitCode> {
        let listener = endpoint.listen()?;
        let mut netcat = self.netcat();
        if !self.keep {
            let stream = self.accept(&listener)?;
            drop(listener); // further clients are refused
            netcat.relay(stream).map_err(with_context)?;
            return Ok(ExitCode::SUCCESS);
        }
        loop {
            match netcat.relay(self.accept(&listener)?) {
                Err(Error::Peer(err)) => cli::warn(&err), // serve the next client
                result => result.map_err(with_context)?,
            }
        }
    }

    fn accept(&self, listener: &StreamListener) -> anyhow::Result<Stream> {
        let stream = listener.accept().context("accept")?;
        self.report("connection from", &stream);
        Ok(stream)
    }

    fn netcat(&self) -> Netcat<cli::Stdin, Unbuffered> {
        let options = Options {
            send: !self.recv_only,
            receive: !self.send_only,
            peer_ends: self.keep || stdin().is_terminal(),
            half_close_empty: !self.listen || self.half_close,
            idle: self.wait,
        };
        Netcat::new(options, cli::stdin(), Unbuffered)
    }

    fn report(&self, action: &str, stream: &Stream) {
        if self.verbose {
            cli::warn(&format!("{action} {}", stream.peer()));
        }
    }

    /// The address on the command line; the error says what is wrong with it.
    fn endpoint(&self) -> Result<Endpoint, String> {
        match &*self.address {
            [path] if self.unix => Ok(Endpoint::Unix(path.into())),
            _ if self.unix => Err("-U takes exactly one PATH".to_owned()),
            [host, port] => self.tcp(host, port),
            [port] if self.listen && !port.contains(':') => self.tcp("", port),
            [addr] => match addr.rsplit_once(':') {
                Some((host, port)) => self.tcp(host, port),
                None => Err(format!("{addr}: missing port")),
            },
            _ => self.tcp("", "8000"),
        }
    }

    fn tcp(&self, host: &str, port: &str) -> Result<Endpoint, String> {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let host = match host {
            "" if self.ipv6 => "::1", // localhost has no IPv6 address on some machines
            "" => "localhost",
            host => host,
        };
        let Ok(port) = port.parse() else { return Err(format!("{port}: not a port number")) };
        let family = match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        };
        Ok(Endpoint::Tcp { host: host.to_owned(), port, family })
    }
}

/// Names stdin; errors of the peer and of stdout are named already.
fn with_context(err: Error) -> anyhow::Error {
    match err {
        Error::Input(err) => anyhow::Error::from(err).context("stdin"),
        Error::Peer(err) | Error::Output(err) | Error::Thread(err) => err.into(),
    }
}

/// Parses a number of seconds, as in nc, or a duration with a unit.
fn seconds(text: &str) -> Result<Duration, String> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let time = cli::duration(&if is_number { format!("{text}s") } else { text.to_owned() })?;
    if time.is_zero() { Err("the time must be longer than 0".to_owned()) } else { Ok(time) }
}
