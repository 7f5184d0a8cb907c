//! The options of the server.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::operators::Operators;
use super::relay::RelayOptions;
use crate::net::tls::Certificate;

/// Options of [`serve`](super::serve).
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to ask clients for a name and accept commands; otherwise clients are called by their
    /// addresses, as in the book (8.10).
    pub names: bool,
    /// Time after which a client that has sent no line is disconnected; zero for never.
    pub idle: Duration,
    /// Lines per second accepted from one client after a burst of 1,000; zero for no limit.
    pub flood: u32,
    /// Simultaneous connections accepted from one IP address, loopback excepted; zero for no limit.
    pub per_address: usize,
    /// Lines of a room that newcomers receive.
    pub history: u64,
    /// The zone of the times that clients are shown.
    pub time_zone: TimeZone,
    /// The certificate for clients with TLS; `None` to offer none.
    pub certificate: Option<Arc<Certificate>>,
    /// Who may remove and ban users; `None` for nobody.
    pub operators: Option<Arc<Operators>>,
    /// Other servers with which this one has one conversation; `None` for none.
    pub relay: Option<RelayOptions>,
    /// Whether there are web clients; the last lines of each room are kept for those that reconnect.
    pub has_web: bool,
    /// Origins (`https://HOST:PORT`) whose pages may use the web socket besides the server's own:
    /// that of a reverse proxy.
    pub web_origins: Vec<String>,
}

impl Default for Options {
    /// Names, and no limits.
    fn default() -> Self {
        Options {
            names: true,
            idle: Duration::ZERO,
            flood: 0,
            per_address: 0,
            history: 0,
            time_zone: TimeZone::UTC,
            certificate: None,
            operators: None,
            relay: None,
            has_web: false,
            web_origins: Vec::new(),
        }
    }
}
