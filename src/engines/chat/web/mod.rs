//! Web clients: a page of one file, and its web socket (RFC 6455).

mod http;
mod page;
mod socket;

use super::ids::ClientId;
use super::reader::Reader;
use super::transport::Transport;

/// Answers a request for the page, or reads a web client to its end.
pub(super) fn run(reader: &Reader<'_>, id: ClientId, mut transport: Transport<'_>) {
    match http::receive(&mut transport, &reader.options.web_origins) {
        Ok(upgrade) => socket::run(reader, id, transport, upgrade),
        Err(response) => http::respond(&mut transport, &response),
    }
}
