//! 8.2 ftpd: a concurrent FTP server (ex. 8.2), on threads.

use std::fs;
use std::io::{self, BufRead, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{ArgAction, Parser};
use signal_hook::consts::{SIGINT, SIGTERM};
use threadbare::cli;
use threadbare::engines::ftp::{self, Options, Rights, Tls, Users};
use threadbare::fs::jail::Jail;
use threadbare::net;

/// An FTP server: DIR, to be read by anyone on this machine, unless more is said.
///
/// SIGINT and SIGTERM end it: idle sessions at once, transfers when they are done or --drain is
/// over. --log info gives a line a session and transfer.
#[derive(Parser)]
#[allow(clippy::struct_excessive_bools, reason = "they are the switches there are")]
struct Cli {
    /// The directory to serve; nothing outside it can be reached
    #[arg(required_unless_present = "hash_password")]
    dir: Option<PathBuf>,
    /// Port to listen on; 0 lets the system choose one
    #[arg(long, default_value_t = 2121)]
    port: u16,
    /// Address to listen on; 0.0.0.0 or :: for every interface
    #[arg(long, default_value = "127.0.0.1")]
    bind: String,
    /// Let clients change files
    #[arg(long)]
    writable: bool,
    /// A user, whose password is in --password-file; then anonymous is off
    #[arg(long, value_name = "NAME", requires = "password_file")]
    user: Option<String>,
    /// File whose first line is the password of --user
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Users, as lines NAME:HASH, NAME:HASH:ro or NAME:HASH:rw; then anonymous is off
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Let anonymous in beside users
    #[arg(long)]
    anonymous: bool,
    /// Let anonymous write from other machines too, with --writable
    #[arg(long)]
    anonymous_writable: bool,
    /// Print the HASH of the password on stdin, and do nothing else
    #[arg(long)]
    hash_password: bool,
    /// Offer TLS with this chain of certificates and this key, both PEM
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"], action = ArgAction::Set)]
    tls: Vec<PathBuf>,
    /// Refuse what is not TLS
    #[arg(long, requires = "tls")]
    require_tls: bool,
    /// Take data connections that do not resume the session's TLS session: rclone's, where it logs
    /// in more than once
    #[arg(long, requires = "tls")]
    no_tls_resume: bool,
    /// First and last port for passive data connections, as in 40000-40100
    #[arg(long, value_name = "A-B", value_parser = ports)]
    passive_ports: Option<(u16, u16)>,
    /// What PASV says in place of our address, for clients beyond NAT
    #[arg(long, value_name = "IPV4")]
    public_address: Option<Ipv4Addr>,
    /// Sessions at once; 0 for as many as the machine has room for
    #[arg(long, default_value_t = 0)]
    sessions: usize,
    /// Sessions from one address; 0 for any number
    #[arg(long, default_value_t = 1000)]
    per_address: usize,
    /// Bytes of a command line
    #[arg(long, default_value_t = 8192)]
    line_max: usize,
    /// Wrong passwords before a session ends
    #[arg(long, default_value_t = 3)]
    tries: usize,
    /// How long a wrong password takes
    #[arg(long, default_value = "1s", value_parser = cli::duration)]
    login_delay: Duration,
    /// Passwords checked at once, each with 19 MiB
    #[arg(long, default_value_t = 4)]
    hashing: usize,
    /// How long a session may be without a command
    #[arg(long, default_value = "5m", value_parser = cli::duration)]
    idle: Duration,
    /// How long a data connection may take to come, or stand still
    #[arg(long, default_value = "1m", value_parser = cli::duration)]
    data_timeout: Duration,
    /// Entries in one listing
    #[arg(long, default_value_t = 100_000)]
    list_max: usize,
    /// How long transfers may go on after SIGINT or SIGTERM
    #[arg(long, default_value = "10s", value_parser = cli::duration)]
    drain: Duration,
}

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| {
        if args.hash_password {
            return print_hash();
        }
        let dir = args.dir.as_deref().context("which directory?")?;
        let jail = Jail::new(dir).with_context(|| dir.display().to_string())?;
        let (users, options) = (args.accounts()?, args.options()?);
        let mut signals = cli::signals(&[SIGINT, SIGTERM])?;
        let listen = cli::Listen { port: args.port, bind: args.bind.clone() };
        let listener = net::listen(&listen.addr(), 2)?;
        if args.writable && args.anonymous_rights() == Some(Rights::Read) {
            cli::warn("anonymous may only read: --anonymous-writable lets other machines write");
        }
        let handle = signals.handle();
        thread::scope(|scope| {
            scope.spawn(|| signals.forever().for_each(|_| listener.shutdown()));
            ftp::serve(&listener, &jail, &users, &options);
            handle.close();
        });
        Ok(())
    })
}

fn print_hash() -> anyhow::Result<()> {
    let mut password = String::new();
    io::stdin().lock().read_line(&mut password).context("stdin")?;
    let password = password.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        bail!("no password on stdin");
    }
    writeln!(cli::stdout(), "{}", ftp::hash_password(password)?)?;
    Ok(())
}

impl Cli {
    fn accounts(&self) -> anyhow::Result<Users> {
        let mut users = Users::new(self.anonymous_rights(), self.hashing);
        let rights = if self.writable { Rights::Write } else { Rights::Read };
        if let (Some(name), Some(file)) = (&self.user, &self.password_file) {
            let text = read(file)?;
            let password = text.lines().next().filter(|line| !line.is_empty());
            let password = password.with_context(|| format!("{}: no password", file.display()))?;
            users.add(name, &ftp::hash_password(password)?, rights)?;
        }
        if let Some(file) = &self.users {
            users.add_lines(&read(file)?, rights).with_context(|| file.display().to_string())?;
        }
        Ok(users)
    }

    /// What anonymous may do, if it may come in at all.
    fn anonymous_rights(&self) -> Option<Rights> {
        if !self.anonymous && (self.user.is_some() || self.users.is_some()) {
            return None;
        }
        let is_home = matches!(self.bind.as_str(), "127.0.0.1" | "::1" | "[::1]" | "localhost");
        let may_write = self.writable && (is_home || self.anonymous_writable);
        Some(if may_write { Rights::Write } else { Rights::Read })
    }

    fn options(&self) -> anyhow::Result<Options> {
        let mut tls = match self.tls.as_slice() {
            [certificates, key] => Some(Tls::new(certificates, key)?),
            _ => None,
        };
        if let Some(tls) = &mut tls {
            tls.is_required = self.require_tls;
            tls.must_resume = !self.no_tls_resume;
        }
        Ok(Options {
            tls,
            passive_ports: self.passive_ports,
            public_address: self.public_address,
            n_sessions: self.sessions,
            per_address: self.per_address,
            line_max: self.line_max,
            n_tries: self.tries,
            login_delay: self.login_delay,
            idle: self.idle,
            data: self.data_timeout,
            list_max: self.list_max,
            drain: self.drain,
        })
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

fn ports(text: &str) -> Result<(u16, u16), String> {
    let ends = text.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    match ends {
        Some((first, last)) if 1 <= first && first <= last => Ok((first, last)),
        _ => Err("two ports, the smaller first, as in 40000-40100".to_owned()),
    }
}
