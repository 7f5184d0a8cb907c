//! Web clients: a page of one file, and its web socket (RFC 6455).

mod http;
mod page;
mod socket;

pub(super) use http::Upgrade;
pub(super) use socket::run;

use super::reader::Reader;
use super::transport::Transport;

/// Answers a request for the page and closes, or returns what a web client begins with.
pub(super) fn shake_hands(reader: &Reader<'_>, transport: &mut Transport<'_>) -> Option<Upgrade> {
    match http::receive(transport, &reader.options.web_origins) {
        Ok(upgrade) => Some(upgrade),
        Err(response) => {
            http::respond(transport, &response);
            None
        }
    }
}
