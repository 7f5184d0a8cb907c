//! 8.3, 8.4.1, exercise 8.3 netcat: connects stdin and stdout with a TCP or Unix-domain socket.

use std::io::{IsTerminal, Read, stdin};
use std::process::ExitCode;

use anyhow::Context;
use threadbare::cli::{self, Unbuffered};
use threadbare::engines::netcat::{
    self, CrlfReader, Error, Netcat, Options, PeerStream, TlsClient, TlsServer, UdpOptions,
    UdpSockets,
};
use threadbare::net::{DialOptions, Endpoint, Stream, StreamListener};

#[path = "netcat/args.rs"]
mod args;

use args::Cli;

type Input = Box<dyn Read + Send>;

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| match args.local_port().and_then(|port| run(&args, port)) {
        Ok(result) => result,
        Err(usage) => {
            cli::warn(&format!("{usage} (try --help)"));
            Ok(ExitCode::from(2))
        }
    })
}

/// Does what the arguments ask for; the outer error says what is wrong with them.
fn run(args: &Cli, source_port: u16) -> Result<anyhow::Result<ExitCode>, String> {
    let dialling = DialOptions { timeout: args.wait, source_port };
    if args.probe && !args.unix {
        let (endpoint, ports) = args.probed()?;
        return Ok(args.probe(&endpoint, &ports, &dialling));
    }
    let endpoint = args.endpoint()?;
    if args.listen && args.tls.is_on() && args.tls.certificate().is_none() {
        return Err("--ssl with -l needs --ssl-cert FILE and --ssl-key FILE".to_owned());
    }
    Ok(match (args.udp, args.listen) {
        (true, _) => args.relay_datagrams(&endpoint, source_port),
        (false, true) => args.serve(&endpoint),
        (false, false) => args.connect(&endpoint, &dialling),
    })
}

impl Cli {
    /// Reports which ports accept connections. Success if there is one.
    fn probe(
        &self,
        endpoint: &Endpoint,
        ports: &[u16],
        options: &DialOptions,
    ) -> anyhow::Result<ExitCode> {
        let (is_single, mut n_open) = (ports.len() == 1, 0);
        netcat::probe(endpoint, ports, self.protocol(), options, |probe| match probe {
            Ok(addr) => {
                n_open += 1;
                self.report(&format!("connected to {addr}"));
            }
            Err(err) if is_single => cli::warn(&err),
            Err(err) => self.report(&err),
        })?;
        Ok(if n_open > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn connect(&self, endpoint: &Endpoint, options: &DialOptions) -> anyhow::Result<ExitCode> {
        let tls = self.tls.is_on().then(|| TlsClient::new(&self.tls.trust())).transpose()?;
        let stream = endpoint.dial(options, |err| self.report(err))?;
        self.report(&format!("connected to {}", stream.peer()));
        if self.probe {
            return Ok(ExitCode::SUCCESS);
        }
        let stream = match tls {
            Some(tls) => tls.connect(stream, self.server_name(endpoint), self.wait)?,
            None => stream.into(),
        };
        self.relay(&mut self.netcat(), stream).map_err(with_context)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The name that the server's certificate must be for.
    fn server_name<'a>(&'a self, endpoint: &'a Endpoint) -> &'a str {
        match (&self.tls.ssl_servername, endpoint) {
            (Some(name), _) => name,
            (None, Endpoint::Tcp { host, .. }) => host,
            (None, Endpoint::Unix(_)) => "localhost",
        }
    }

    fn serve(&self, endpoint: &Endpoint) -> anyhow::Result<ExitCode> {
        let files = self.tls.certificate();
        let tls = files.map(|(certificate, key)| TlsServer::new(certificate, key)).transpose()?;
        let listener = endpoint.listen()?;
        let mut netcat = self.netcat();
        if !self.keep {
            let stream = self.accept(&listener)?;
            drop(listener); // further clients are refused
            self.relay_client(&mut netcat, stream, tls.as_ref()).map_err(with_context)?;
            return Ok(ExitCode::SUCCESS);
        }
        loop {
            let stream = self.accept(&listener)?;
            match self.relay_client(&mut netcat, stream, tls.as_ref()) {
                Err(Error::Peer(err)) => cli::warn(&err), // serve the next client
                result => result.map_err(with_context)?,
            }
        }
    }

    fn accept(&self, listener: &StreamListener) -> anyhow::Result<Stream> {
        let stream = listener.accept().context("accept")?;
        self.report(&format!("connection from {}", stream.peer()));
        Ok(stream)
    }

    fn relay_client(
        &self,
        netcat: &mut Netcat<Input, Unbuffered>,
        stream: Stream,
        tls: Option<&TlsServer>,
    ) -> Result<(), Error> {
        let Some(tls) = tls else { return self.relay(netcat, stream.into()) };
        let stream = tls.accept(stream, self.wait).map_err(Error::Peer)?;
        self.relay(netcat, stream)
    }

    fn relay(
        &self,
        netcat: &mut Netcat<Input, Unbuffered>,
        stream: PeerStream,
    ) -> Result<(), Error> {
        if self.verbose < 2 {
            return netcat.relay(stream);
        }
        if let Some(protection) = stream.protection() {
            cli::warn(&protection);
        }
        let result = netcat.relay(stream);
        let (n_sent, n_received) = netcat.counts();
        cli::warn(&format!("sent {n_sent} bytes, received {n_received}"));
        result
    }

    fn netcat(&self) -> Netcat<Input, Unbuffered> {
        let options = Options {
            send: !self.recv_only,
            receive: !self.send_only,
            peer_ends: self.keep || stdin().is_terminal(),
            is_listening: self.listen,
            half_close_empty: !self.listen || self.half_close || self.quit_after.is_some(),
            idle: self.wait,
            quit_after: self.quit_after.and_then(|delay| delay.0),
        };
        Netcat::new(options, self.input(), Unbuffered)
    }

    fn input(&self) -> Input {
        if self.crlf { Box::new(CrlfReader::new(cli::stdin())) } else { Box::new(cli::stdin()) }
    }

    fn relay_datagrams(&self, endpoint: &Endpoint, source_port: u16) -> anyhow::Result<ExitCode> {
        let options = UdpOptions {
            send: !self.recv_only,
            receive: !self.send_only,
            keep: self.keep,
            idle: self.wait,
            quit_after: self.quit_after.and_then(|delay| delay.0),
        };
        let sockets = if self.listen {
            UdpSockets::listen(endpoint)?
        } else {
            UdpSockets::dial(endpoint, source_port)?
        };
        let connected = |peer| self.report(&format!("connection from {peer}"));
        netcat::relay_datagrams(sockets, &options, self.input(), &mut Unbuffered, connected)
            .map_err(with_context)?;
        Ok(ExitCode::SUCCESS)
    }

    fn report(&self, event: &(impl std::fmt::Display + ?Sized)) {
        if self.verbose > 0 {
            cli::warn(event);
        }
    }
}

/// Names stdin; errors of the peer and of stdout are named already.
fn with_context(err: Error) -> anyhow::Error {
    match err {
        Error::Input(err) => anyhow::Error::from(err).context("stdin"),
        Error::Peer(err) | Error::Output(err) | Error::Thread(err) => err.into(),
    }
}
