//! 8.3, 8.4.1, exercise 8.3 netcat: what comes in goes out, both ways, over TCP or a Unix-domain
//! socket.

use std::io::{Stdin, stdin};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use threadbare::cli::{self, Unbuffered};
use threadbare::engines::netcat::{Error, Netcat, Options};
use threadbare::net::{Endpoint, Family, Stream, StreamListener};

/// Connects stdin and stdout with a server, or with -l with a client.
///
/// At the end of stdin the write half is closed, and what still comes is read. It ends when the
/// peer does, though stdin may be open. The status is 0 if the peer ended in order, 1 if the
/// connection could not be made or was reset.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "nc's switches are switches")]
struct Cli {
    /// HOST PORT, or HOST:PORT; with -l also PORT alone; with -U the PATH of a socket
    /// [default: localhost:8000]
    #[arg(value_name = "WHERE", num_args = 0..=2)]
    place: Vec<String>,
    /// Listen instead, for one client; on localhost unless told otherwise
    #[arg(short = 'l')]
    listen: bool,
    /// Listen again when a client has left
    #[arg(short = 'k', requires = "listen")]
    keep: bool,
    /// A Unix-domain socket
    #[arg(short = 'U', conflicts_with_all = ["ipv4", "ipv6"])]
    unix: bool,
    /// Only see whether somebody accepts
    #[arg(short = 'z', conflicts_with = "listen")]
    probe: bool,
    /// Give up connecting, or end, after so long without a byte either way: 5 or 300ms
    #[arg(short = 'w', value_name = "TIME", value_parser = seconds)]
    wait: Option<Duration>,
    /// Close the write half at the end of stdin: it is always done, this is for habit's sake
    #[arg(short = 'N')]
    _half_close: bool,
    /// Say on stderr who is connected, and which addresses failed
    #[arg(short = 'v')]
    verbose: bool,
    /// IPv4 alone
    #[arg(short = '4', conflicts_with = "ipv6")]
    ipv4: bool,
    /// IPv6 alone
    #[arg(short = '6')]
    ipv6: bool,
    /// Send stdin and throw away what comes; the peer's end is not awaited
    #[arg(long, conflicts_with = "recv_only")]
    send_only: bool,
    /// Leave stdin alone
    #[arg(long)]
    recv_only: bool,
}

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| match args.place() {
        Ok(place) if args.listen => args.serve(&place),
        Ok(place) => args.call(&place),
        Err(usage) => {
            cli::warn(&format!("{usage} (try --help)"));
            Ok(ExitCode::from(2))
        }
    })
}

impl Cli {
    fn call(&self, place: &Endpoint) -> anyhow::Result<ExitCode> {
        let told = |err: &_| {
            if self.verbose {
                cli::warn(err);
            }
        };
        let stream = place.dial(self.wait, told)?;
        self.tell("connected to", &stream);
        if !self.probe {
            self.netcat().talk(stream).map_err(about)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn serve(&self, place: &Endpoint) -> anyhow::Result<ExitCode> {
        let door = place.listen()?;
        let mut netcat = self.netcat();
        if !self.keep {
            let stream = self.accept(&door)?;
            drop(door); // nobody else is kept waiting
            netcat.talk(stream).map_err(about)?;
            return Ok(ExitCode::SUCCESS);
        }
        loop {
            match netcat.talk(self.accept(&door)?) {
                Err(Error::Peer(err)) => cli::warn(&err), // the next may do better
                ended => ended.map_err(about)?,
            }
        }
    }

    fn accept(&self, door: &StreamListener) -> anyhow::Result<Stream> {
        let stream = door.accept().context("accept")?;
        self.tell("connection from", &stream);
        Ok(stream)
    }

    fn netcat(&self) -> Netcat<Stdin, Unbuffered> {
        let options = Options { send: !self.recv_only, receive: !self.send_only, idle: self.wait };
        Netcat::new(options, stdin(), Unbuffered)
    }

    fn tell(&self, what: &str, stream: &Stream) {
        if self.verbose {
            cli::warn(&format!("{what} {}", stream.peer()));
        }
    }

    fn place(&self) -> Result<Endpoint, String> {
        match &*self.place {
            [path] if self.unix => Ok(Endpoint::Unix(path.into())),
            _ if self.unix => Err("-U wants one PATH".to_owned()),
            [host, port] => self.tcp(host, port),
            [port] if self.listen && !port.contains(':') => self.tcp("", port),
            [addr] => match addr.rsplit_once(':') {
                Some((host, port)) => self.tcp(host, port),
                None => Err(format!("{addr}: which port?")),
            },
            _ => self.tcp("", "8000"),
        }
    }

    fn tcp(&self, host: &str, port: &str) -> Result<Endpoint, String> {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let host = match host {
            "" if self.ipv6 => "::1", // not every machine's localhost has it
            "" => "localhost",
            host => host,
        };
        let Ok(port) = port.parse() else { return Err(format!("{port}: no port number")) };
        let family = match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        };
        Ok(Endpoint::Tcp { host: host.to_owned(), port, family })
    }
}

/// Peers and stdout are named already.
fn about(err: Error) -> anyhow::Error {
    match err {
        Error::Input(err) => anyhow::Error::from(err).context("stdin"),
        Error::Peer(err) | Error::Output(err) => err.into(),
    }
}

/// A number of seconds, as nc has it, or a duration with its unit.
fn seconds(text: &str) -> Result<Duration, String> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let time = cli::duration(&if is_number { format!("{text}s") } else { text.to_owned() })?;
    if time.is_zero() { Err("no time at all".to_owned()) } else { Ok(time) }
}
