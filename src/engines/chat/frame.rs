//! The messages that web clients receive, in the frames of a web socket (RFC 6455, 5).
//!
//! Each is text: a header, with tabs between its fields and U+001E at its end, and lines. The page
//! (`web/page.html`) is their other end.

use jiff::Timestamp;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// Whether web clients are shown lines as they are said, or as what was said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    New,
    Old,
}

/// The header of lines of the room, the first of which has this number.
pub(super) fn lines(age: Age, first: u64, at: Timestamp) -> String {
    let word = if age == Age::New { "lines" } else { "old" };
    format!("{word}\t{first}\t{}\x1e", at.as_millisecond())
}

/// The header of lines for this client alone.
pub(super) const NOTE: &str = "note\x1e";

/// The message to a client that has got a name: with `token` it may take the name over from a
/// connection that broke.
pub(super) fn welcome(token: u128, name: &str) -> String {
    format!("you\t{token:032x}\t{name}\x1e")
}

/// The message to a client that is in another room now. `epoch` names this room's numbering of
/// lines: it is another one if the room was empty in between, or the server ended.
pub(super) fn room(epoch: u128, name: &str) -> String {
    format!("room\t{epoch:032x}\t{name}\x1e")
}

/// The message to a client that comes back and has missed so many lines that are no longer kept.
pub(super) fn missed(n: u64) -> String {
    format!("missed\t{n}\x1e")
}

/// The message that the next line of the client is taken for its name.
pub(super) const ASK_NAME: &str = "ask\tname\x1e";

/// The message that the next line of the client is taken for a password.
pub(super) const ASK_PASSWORD: &str = "ask\tpassword\x1e";

/// The message that the client has all lines of its room before this number.
pub(super) fn position(next: u64) -> String {
    format!("next\t{next}\x1e")
}

/// Appends a frame of text with this payload, in parts.
pub(super) fn append(out: &mut Vec<u8>, payload: &[&[u8]]) {
    let opcode = OpCode::Data(Data::Text);
    append_frame(out, opcode, payload);
}

/// A frame that closes the connection.
pub(super) fn close(code: CloseCode) -> Vec<u8> {
    let mut frame = Vec::new();
    append_frame(&mut frame, OpCode::Control(Control::Close), &[&u16::from(code).to_be_bytes()]);
    frame
}

fn append_frame(out: &mut Vec<u8>, opcode: OpCode, payload: &[&[u8]]) {
    let len: usize = payload.iter().map(|part| part.len()).sum();
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    header.format(len as u64, out).expect("writing to a vector does not fail");
    for part in payload {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_the_rfc() {
        // RFC 6455, 5.7: a single-frame unmasked text message, and lengths of two and eight bytes.
        let frame = |payload: &[u8]| {
            let mut frame = Vec::new();
            append(&mut frame, &[payload]);
            frame
        };
        assert_eq!(frame(b"Hello"), b"\x81\x05Hello");
        assert_eq!(frame(&[b'x'; 256])[..4], [0x81, 126, 1, 0]);
        assert_eq!(frame(&vec![b'x'; 65_536])[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(close(CloseCode::Away), [0x88, 2, 0x03, 0xe9]);
    }
}
