//! The options of a server.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::audit::AuditLog;
use super::charset::Charset;
use super::tls::Tls;

/// The options of a server. The default ones suit a small server on a local network.
#[derive(Clone, Debug)]
pub struct Options {
    /// Certificate and policy for TLS; `None` for no TLS.
    pub tls: Option<Tls>,
    /// First and last port for passive data connections; `None` lets the system choose.
    pub passive_ports: Option<(u16, u16)>,
    /// The address that PASV announces in place of the server's own (behind NAT).
    pub public_address: Option<Ipv4Addr>,
    /// Maximum number of concurrent sessions; 0 for as many as the machine has room for.
    pub sessions_max: usize,
    /// Maximum number of concurrent sessions from one IP address; 0 for no limit.
    pub sessions_per_ip_max: usize,
    /// Maximum length of a command line, in bytes.
    pub line_max: usize,
    /// Failed logins after which a session is closed.
    pub login_tries_max: usize,
    /// Delay of the reply to a failed login.
    pub login_delay: Duration,
    /// How long a session may go without a command and without a transfer.
    pub idle_timeout: Duration,
    /// How long a data connection may take to open, and how long it may make no progress.
    pub data_timeout: Duration,
    /// Maximum number of entries in one listing.
    pub list_entries_max: usize,
    /// Maximum bytes per second of each session's transfers; `None` for no limit.
    pub session_rate: Option<u64>,
    /// Maximum bytes per second of all transfers together; `None` for no limit.
    pub total_rate: Option<u64>,
    /// The encoding of names for clients that do not choose UTF-8 (OPTS UTF8 ON).
    pub names: Charset,
    /// Whether files and directories whose name begins with a dot are neither listed nor opened.
    pub hides_dot_files: bool,
    /// Where logins, transfers and changes of files are recorded.
    pub audit: Option<Arc<AuditLog>>,
    /// How long running transfers may continue when the server shuts down.
    pub drain_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            tls: None,
            passive_ports: None,
            public_address: None,
            sessions_max: 0,
            sessions_per_ip_max: 1000,
            line_max: 8192,
            login_tries_max: 3,
            login_delay: Duration::from_secs(1),
            idle_timeout: Duration::from_mins(5),
            data_timeout: Duration::from_mins(1),
            list_entries_max: 100_000,
            session_rate: None,
            total_rate: None,
            names: Charset::default(),
            hides_dot_files: false,
            audit: None,
            drain_timeout: Duration::from_secs(10),
        }
    }
}
