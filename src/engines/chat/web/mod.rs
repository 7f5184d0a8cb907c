//! Web clients: a page of one file, and its web socket (RFC 6455).

mod http;
mod page;
mod socket;

use super::ids::ClientId;
use super::reader::Reader;
use super::transport::Transport;
use super::upgrade::Upgrade;

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

/// Reads a web client to its end.
pub(super) fn run(reader: &Reader<'_>, id: ClientId, transport: Transport<'_>, upgrade: Upgrade) {
    socket::run(reader, id, transport, upgrade);
}
