//! The command line of ftpd.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Parser, ValueEnum};
use rustix::fs::Mode;
use threadbare::cli;
use threadbare::engines::ftp::{self, AuditFormat, AuditLog, Charset, Options, Rights, Tls, Users};
use threadbare::net::{self, BoundSockets};
use threadbare::text::units::size;

/// Serve a directory over FTP
///
/// By default, anonymous users of this machine can read DIR. On SIGINT or SIGTERM, the server closes
/// idle sessions, waits up to --drain for running transfers, and exits. On SIGHUP, it reads users,
/// certificate and key and opens the audit log again; running sessions go on. `--log info` writes one line per session and
/// transfer to stderr.
#[derive(Parser)]
#[allow(clippy::struct_excessive_bools, reason = "one per command-line switch")]
pub(crate) struct Cli {
    /// Directory to serve; clients cannot reach anything outside it
    #[arg(required_unless_present = "hash_password")]
    pub(crate) dir: Option<PathBuf>,
    /// Port to listen on (0 = chosen by the system)
    #[arg(long, value_name = "N", default_value_t = 2121)]
    pub(crate) port: u16,
    /// Address or host name to listen on (a name: all its addresses; 0.0.0.0 or :: = every interface)
    #[arg(long, value_name = "ADDR", default_value = "localhost")]
    pub(crate) bind: String,
    /// Allow clients to upload, rename and delete files
    #[arg(long)]
    pub(crate) writable: bool,
    /// Add a user with the password in --password-file, and disable anonymous logins
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(crate) user: Option<String>,
    /// Read the password of --user from the first line of FILE
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    /// Add the users in FILE, lines `NAME:HASH[:ro|rw|drop][:DIR]`, and disable anonymous logins
    #[arg(long, value_name = "FILE")]
    pub(crate) users: Option<PathBuf>,
    /// Allow anonymous logins in addition to users
    #[arg(long)]
    pub(crate) anonymous: bool,
    /// Allow anonymous users on other machines to write too (with --writable)
    #[arg(long)]
    pub(crate) anonymous_writable: bool,
    /// Maximum bytes per second of each session's transfers, e.g. 500K, 10M
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub(crate) rate: Option<u64>,
    /// Maximum bytes per second of all transfers together
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub(crate) total_rate: Option<u64>,
    /// Encoding of names for clients that do not ask for UTF-8: latin1, windows-1251, shift-jis, ...
    #[arg(long, value_name = "ENCODING", default_value = "utf-8", value_parser = Charset::new)]
    pub(crate) names: Charset,
    /// Become USER after binding, with the groups of USER; needs root
    #[arg(long, value_name = "USER")]
    pub(crate) setuid: Option<String>,
    /// Remove these permission bits (octal) from new files and directories
    #[arg(long, value_name = "MASK", value_parser = umask)]
    pub(crate) umask: Option<Mode>,
    /// Neither list nor open files and directories whose name begins with a dot
    #[arg(long)]
    pub(crate) hide_dot_files: bool,
    /// Append logins, transfers and changes of files to FILE; SIGHUP opens it again
    #[arg(long, value_name = "FILE")]
    pub(crate) audit: Option<PathBuf>,
    /// Format of --audit: json, or the xferlog of wu-ftpd (transfers and removed files only)
    #[arg(long, value_name = "FORMAT", default_value = "json", value_parser = audit_format())]
    pub(crate) audit_format: AuditFormat,
    /// Print the HASH of the password on stdin for --users, and exit
    #[arg(long)]
    pub(crate) hash_password: bool,
    /// Offer TLS with this certificate chain and private key, both in PEM
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"], action = ArgAction::Set)]
    pub(crate) tls: Vec<PathBuf>,
    /// Refuse logins and transfers without TLS
    #[arg(long, requires = "tls")]
    pub(crate) require_tls: bool,
    /// Also listen on this port for clients that use TLS from the first byte (990 is the usual one)
    #[arg(long, value_name = "N", requires = "tls")]
    pub(crate) implicit_port: Option<u16>,
    /// Whether data connections must resume the TLS session of their control connection, so that
    /// nobody else can take them; some clients cannot (the README lists them)
    #[arg(long, value_name = "POLICY", value_enum, default_value_t = TlsResume::Require)]
    #[arg(requires = "tls")]
    pub(crate) tls_resume: TlsResume,
    /// The same as --tls-resume=off
    #[arg(long, requires = "tls", hide = true)]
    pub(crate) no_tls_resume: bool,
    /// Use only these ports for passive data connections, e.g. 40000-40100
    #[arg(long, value_name = "A-B", value_parser = ports)]
    pub(crate) passive_ports: Option<(u16, u16)>,
    /// Announce this address in replies to PASV, for servers behind NAT
    #[arg(long, value_name = "IPV4")]
    pub(crate) public_address: Option<Ipv4Addr>,
    /// Maximum number of concurrent sessions (0 = as many as the machine has room for)
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) sessions: usize,
    /// Maximum number of concurrent sessions from one IP address (0 = unlimited)
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) per_address: usize,
    /// Maximum length of a command line, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 8192)]
    pub(crate) line_max: usize,
    /// Close a session after this many failed logins
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) tries: usize,
    /// Delay the reply to a failed login by this long
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = cli::duration)]
    pub(crate) login_delay: Duration,
    /// Maximum number of passwords verified at the same time, 19 MiB each
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) hashing: usize,
    /// Close sessions that send no command for this long
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = cli::duration)]
    pub(crate) idle: Duration,
    /// Abort transfers whose data connection does not open, or makes no progress, for this long
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = cli::duration)]
    pub(crate) data_timeout: Duration,
    /// Maximum number of entries in one listing
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) list_max: usize,
    /// Let running transfers continue for this long after SIGINT or SIGTERM
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = cli::duration)]
    pub(crate) drain: Duration,
}

/// What is demanded of data connections with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsResume {
    /// Refuse those that do not resume a TLS session of their user
    Require,
    /// Accept any from the client's address
    Off,
}

impl Cli {
    /// Listens on the sockets of systemd if there are any, else on --bind and --port.
    pub(crate) fn bind(&self) -> anyhow::Result<BoundSockets> {
        let inherited = cli::inherited_sockets().context("LISTEN_FDS")?;
        if !inherited.is_empty() {
            return Ok(BoundSockets::inherited(inherited)?);
        }
        self.bind_port(self.port)
    }

    pub(crate) fn bind_port(&self, port: u16) -> anyhow::Result<BoundSockets> {
        let listen = cli::Listen { port, bind: self.bind.clone() };
        Ok(net::bind(&listen.addr())?)
    }

    /// Opens the audit log. A client that could reach it could forge it.
    fn audit_log(&self) -> anyhow::Result<Option<Arc<AuditLog>>> {
        let Some(path) = &self.audit else { return Ok(None) };
        let log = AuditLog::open(path, self.audit_format);
        let log = log.with_context(|| path.display().to_string())?;
        let (path, dir) = (path.canonicalize()?, self.dir.as_deref().map(Path::canonicalize));
        if let Some(Ok(dir)) = dir
            && path.starts_with(dir)
        {
            cli::warn(&format!("{}: clients can reach the audit log", path.display()));
        }
        Ok(Some(Arc::new(log)))
    }

    pub(crate) fn accounts(&self) -> anyhow::Result<Users> {
        let mut users = Users::new(self.anonymous_rights(), self.hashing);
        let rights = if self.writable { Rights::Write } else { Rights::Read };
        if let (Some(name), Some(file)) = (&self.user, &self.password_file) {
            let text = read(file)?;
            let password = text.lines().next().filter(|line| !line.is_empty());
            let password = password.with_context(|| format!("{}: no password", file.display()))?;
            users.add(name, &ftp::hash_password(password)?, rights.into())?;
        }
        if let Some(file) = &self.users {
            users.add_lines(&read(file)?, rights).with_context(|| file.display().to_string())?;
        }
        Ok(users)
    }

    /// The rights of anonymous users; `None` if they cannot log in.
    pub(crate) fn anonymous_rights(&self) -> Option<Rights> {
        if !self.anonymous && (self.user.is_some() || self.users.is_some()) {
            return None;
        }
        let is_loopback = matches!(self.bind.as_str(), "127.0.0.1" | "::1" | "[::1]" | "localhost");
        let may_write = self.writable && (is_loopback || self.anonymous_writable);
        Some(if may_write { Rights::Write } else { Rights::Read })
    }

    pub(crate) fn options(&self) -> anyhow::Result<Options> {
        let mut tls = match self.tls.as_slice() {
            [certificates, key] => Some(Tls::new(certificates, key)?),
            _ => None,
        };
        if let Some(tls) = &mut tls {
            tls.is_required = self.require_tls;
            tls.must_resume = self.tls_resume == TlsResume::Require && !self.no_tls_resume;
        }
        Ok(Options {
            tls,
            passive_ports: self.passive_ports,
            public_address: self.public_address,
            sessions_max: self.sessions,
            sessions_per_ip_max: self.per_address,
            line_max: self.line_max,
            login_tries_max: self.tries,
            login_delay: self.login_delay,
            idle_timeout: self.idle,
            data_timeout: self.data_timeout,
            list_entries_max: self.list_max,
            session_rate: self.rate,
            total_rate: self.total_rate,
            names: self.names,
            hides_dot_files: self.hide_dot_files,
            audit: self.audit_log()?,
            drain_timeout: self.drain,
        })
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// Parses an octal number of permission bits.
fn umask(text: &str) -> Result<Mode, String> {
    let mask = u32::from_str_radix(text, 8).ok().filter(|mask| *mask <= 0o777);
    mask.map(Mode::from_bits_truncate)
        .ok_or_else(|| "expected an octal number up to 777".to_owned())
}

fn audit_format() -> impl TypedValueParser<Value = AuditFormat> {
    PossibleValuesParser::new(["json", "xferlog"]).map(|format| match format.as_str() {
        "xferlog" => AuditFormat::Xferlog,
        _ => AuditFormat::Json,
    })
}

fn ports(text: &str) -> Result<(u16, u16), String> {
    let ends = text.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    match ends {
        Some((first, last)) if 1 <= first && first <= last => Ok((first, last)),
        _ => Err("expected two ports, the lower one first, as in 40000-40100".to_owned()),
    }
}
