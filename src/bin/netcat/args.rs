//! The command line of netcat, in the letters of nc and the words of ncat.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser};
use threadbare::cli;
use threadbare::engines::netcat::Trust;
use threadbare::net::{Endpoint, Family, Protocol, service_port};

/// Connect stdin and stdout to a server, or with -l to a client
///
/// At the end of stdin the write half of the connection is closed, and reading goes on; with -l not
/// if stdin was empty, as /dev/null is (some clients stop sending then): use -N where the client
/// waits for that, as nc without -N does. The program ends when the peer closes the connection, even
/// if stdin is a terminal. A pipe that has sent something is sent to its end, as is one that has sent
/// nothing to a peer that has sent nothing and still reads.
///
/// The exit status is 0 if all that was sent was acknowledged and the peer closed in order, 1 if the
/// connection could not be made, was reset, did not deliver everything, or ended before anything was
/// sent although stdin is a pipe that may still send. Whether the peer's program has read what its
/// machine acknowledged, TCP cannot know; UDP (-u) promises nothing.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "nc's switches are switches")]
pub(crate) struct Cli {
    /// HOST PORT or HOST:PORT; with -l also PORT alone; with -z also several ports and ranges; with
    /// -U the PATH of a socket. A port may be the name of a service [default: localhost:8000]
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: Vec<String>,
    /// Listen for one client instead of connecting; the default host is localhost
    #[arg(short = 'l', long)]
    pub(crate) listen: bool,
    /// Keep listening after a client has disconnected
    #[arg(short = 'k', long = "keep-open", requires = "listen")]
    pub(crate) keep: bool,
    /// Port to connect from; with -l, the port to listen on
    #[arg(short = 'p', long, value_name = "PORT")]
    pub(crate) source_port: Option<String>,
    /// Take addresses and port numbers only, look up no names
    #[arg(short = 'n', long = "nodns")]
    pub(crate) numeric: bool,
    /// Use UDP: each read of stdin is sent as one datagram
    #[arg(short = 'u', long, conflicts_with_all = ["unix", "half_close"])]
    pub(crate) udp: bool,
    /// Use a Unix-domain socket
    #[arg(short = 'U', long = "unixsock", conflicts_with_all = ["ipv4", "ipv6", "source_port"])]
    pub(crate) unix: bool,
    /// Only test whether connections are accepted: of a port, of several, or of ranges such as 20-25
    #[arg(short = 'z', conflicts_with_all = ["listen", "quit_after", "ssl"])]
    pub(crate) probe: bool,
    /// Give up connecting after this long, and end when nothing was sent or received for this long:
    /// seconds, or a duration such as 300ms
    #[arg(short = 'w', long, value_name = "TIME", value_parser = positive)]
    pub(crate) wait: Option<Duration>,
    /// End this long after the end of stdin though the peer goes on; implies -N; negative for never
    #[arg(short = 'q', value_name = "TIME", value_parser = delay, allow_negative_numbers = true)]
    pub(crate) quit_after: Option<Delay>,
    /// Close the write half at the end of stdin even if -l found no byte in it
    #[arg(short = 'N')]
    pub(crate) half_close: bool,
    /// Send each LF of stdin as CR LF, as protocols of lines such as SMTP and HTTP want it
    #[arg(short = 'C', long)]
    pub(crate) crlf: bool,
    /// Report connections and failed addresses on stderr; -vv also TLS and the number of bytes
    #[arg(short = 'v', long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Use IPv4 only
    #[arg(short = '4', conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6')]
    pub(crate) ipv6: bool,
    /// Send stdin and discard what is received; do not wait for the peer to close
    #[arg(long, conflicts_with = "recv_only")]
    pub(crate) send_only: bool,
    /// Only receive; do not read stdin
    #[arg(short = 'd', long)]
    pub(crate) recv_only: bool,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
}

/// Encrypt the connection.
#[derive(Parser)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// Use TLS; with -l this needs --ssl-cert and --ssl-key
    #[arg(long, conflicts_with = "udp")]
    pub(crate) ssl: bool,
    /// Connect only to a server whose certificate the system trusts and is for its name; implies --ssl
    #[arg(long, conflicts_with_all = ["listen", "udp"])]
    pub(crate) ssl_verify: bool,
    /// Trust the certificates in this file (PEM) instead of the system's; implies --ssl-verify
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "udp"])]
    pub(crate) ssl_trustfile: Option<PathBuf>,
    /// Name that the server's certificate must be for, if it is not the host
    #[arg(long, value_name = "NAME", conflicts_with_all = ["listen", "udp"])]
    pub(crate) ssl_servername: Option<String>,
    /// Certificate of this server with its chain (PEM); implies --ssl
    #[arg(long, visible_alias = "cert", value_name = "FILE", requires_all = ["listen", "ssl_key"])]
    pub(crate) ssl_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, visible_alias = "key", value_name = "FILE", requires_all = ["listen", "ssl_cert"])]
    pub(crate) ssl_key: Option<PathBuf>,
}

/// A time to wait; `None` for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delay(pub(crate) Option<Duration>);

impl Cli {
    pub(crate) fn protocol(&self) -> Protocol {
        if self.udp { Protocol::Udp } else { Protocol::Tcp }
    }

    /// The address on the command line; the error says what is wrong with it.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, String> {
        if self.unix {
            let [path] = &*self.address else { return Err("-U takes exactly one PATH".to_owned()) };
            return Ok(Endpoint::Unix(path.into()));
        }
        let (host, ports) = self.host_and_ports()?;
        let [port] = *ports else { return Err("several ports need -z".to_owned()) };
        self.tcp(host, port)
    }

    /// The host, and the ports of -z, each once.
    pub(crate) fn probed(&self) -> Result<(Endpoint, Vec<u16>), String> {
        let (host, ports) = self.host_and_ports()?;
        Ok((self.tcp(host, 0)?, ports))
    }

    /// The port to connect from; 0 for any.
    pub(crate) fn local_port(&self) -> Result<u16, String> {
        self.source_port.as_ref().map_or(Ok(0), |port| self.port(port))
    }

    fn host_and_ports(&self) -> Result<(&str, Vec<u16>), String> {
        let (host, ports) = match &*self.address {
            [] if self.listen && self.source_port.is_some() => ("", self.source_port.as_slice()),
            [host] if self.listen && self.source_port.is_some() => {
                (host.as_str(), self.source_port.as_slice())
            }
            _ if self.listen && self.source_port.is_some() => {
                return Err("with -l, -p is the port: give at most a host".to_owned());
            }
            [] => return Ok(("", vec![8000])),
            [port] if self.listen && !port.contains(':') => ("", &self.address[..]),
            [addr] => match addr.rsplit_once(':') {
                Some((host, port)) => return Ok((host, self.ports(port)?.collect())),
                None => return Err(format!("{addr}: missing port")),
            },
            [host, ..] => (host.as_str(), &self.address[1..]),
        };
        let ranges = ports.iter().map(|port| self.ports(port)).collect::<Result<Vec<_>, _>>()?;
        let mut ports = Vec::new();
        let mut is_listed = vec![false; usize::from(u16::MAX) + 1];
        for port in ranges.into_iter().flatten() {
            if !std::mem::replace(&mut is_listed[usize::from(port)], true) {
                ports.push(port);
            }
        }
        Ok((host, ports))
    }

    fn tcp(&self, host: &str, port: u16) -> Result<Endpoint, String> {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if self.numeric && !host.is_empty() && host.parse::<IpAddr>().is_err() {
            return Err(format!("{host}: not an IP address, and -n looks up no names"));
        }
        let host = match host {
            "" if self.ipv6 => "::1", // localhost has no IPv6 address on some machines
            "" => "localhost",
            host => host,
        };
        let family = match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        };
        Ok(Endpoint::Tcp { host: host.to_owned(), port, family })
    }

    /// One port, or with -z a range of them.
    fn ports(&self, text: &str) -> Result<RangeInclusive<u16>, String> {
        let range = text.split_once('-').filter(|_| self.probe);
        if let Some((first, last)) = range
            && let (Ok(first), Ok(last)) = (first.parse(), last.parse())
        {
            return if first <= last { Ok(first..=last) } else { Ok(last..=first) };
        }
        self.port(text).map(|port| port..=port)
    }

    /// A port number, or the name of a service unless -n is given.
    fn port(&self, text: &str) -> Result<u16, String> {
        let named = || service_port(text, self.protocol()).filter(|_| !self.numeric);
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let port = if is_number { text.parse().ok() } else { named() };
        port.ok_or_else(|| {
            let is_named = !is_number && !self.numeric;
            let cause = if is_named {
                "neither a port number nor a known service"
            } else {
                "not a port number"
            };
            format!("{text}: {cause}")
        })
    }
}

impl TlsArgs {
    /// Whether TLS is used: every flag about it implies that.
    pub(crate) fn is_on(&self) -> bool {
        self.ssl || self.trust() != Trust::Anyone || self.certificate().is_some()
    }

    pub(crate) fn trust(&self) -> Trust {
        match &self.ssl_trustfile {
            Some(path) => Trust::File(path.clone()),
            None if self.ssl_verify => Trust::System,
            None => Trust::Anyone,
        }
    }

    /// The files of the certificate and its key.
    pub(crate) fn certificate(&self) -> Option<(&PathBuf, &PathBuf)> {
        self.ssl_cert.as_ref().zip(self.ssl_key.as_ref())
    }
}

/// Parses a number of seconds, as in nc, or a duration with a unit.
fn seconds(text: &str) -> Result<Duration, String> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    cli::duration(&if is_number { format!("{text}s") } else { text.to_owned() })
}

fn positive(text: &str) -> Result<Duration, String> {
    let time = seconds(text)?;
    if time.is_zero() { Err("the time must be longer than 0".to_owned()) } else { Ok(time) }
}

fn delay(text: &str) -> Result<Delay, String> {
    match text.strip_prefix('-') {
        Some(text) => seconds(text).map(|_| Delay(None)),
        None => seconds(text).map(|delay| Delay(Some(delay))),
    }
}
