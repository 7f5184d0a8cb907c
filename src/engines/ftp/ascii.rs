//! ASCII mode (TYPE A): lines end with CR LF on the network and with LF in files.
//!
//! Sending puts a CR before every LF, even after another CR; receiving removes it again. So a text
//! sent there and back is unchanged, even if its lines ended with CR LF in the file.

/// Appends `text` to `out` with CR LF for LF.
pub(super) fn to_network(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\n', rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"\r\n");
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Converts CR LF to LF in a text that arrives in pieces: a CR at the end of one piece is held back
/// until the next.
#[derive(Debug, Default)]
pub(super) struct FromNetwork {
    has_cr: bool,
}

impl FromNetwork {
    /// Converts the next piece of text and appends it to `out`.
    pub(super) fn push(&mut self, text: &[u8], out: &mut Vec<u8>) {
        for &byte in text {
            if self.has_cr && byte != b'\n' {
                out.push(b'\r');
            }
            self.has_cr = byte == b'\r';
            if !self.has_cr {
                out.push(byte);
            }
        }
    }

    /// Ends the text: appends a CR that was held back.
    pub(super) fn end(self, out: &mut Vec<u8>) {
        if self.has_cr {
            out.push(b'\r');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn received(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut state, mut out) = (FromNetwork::default(), Vec::new());
        for piece in pieces {
            state.push(piece, &mut out);
        }
        state.end(&mut out);
        out
    }

    fn sent(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        to_network(text, &mut out);
        out
    }

    #[test]
    fn line_ends_are_converted() {
        assert_eq!(sent(b"a\nb\n\n"), b"a\r\nb\r\n\r\n");
        assert_eq!(received(&[b"a\r\nb\r", b"\nc\rd\r"]), b"a\nb\nc\rd\r");
        assert_eq!(received(&[b"\r\r\n"]), b"\r\n");
    }

    proptest! {
        #[test]
        fn a_text_sent_there_and_back_is_unchanged(text in "[a\r\n]{0,60}", at in 0usize..60) {
            let sent = sent(text.as_bytes());
            let at = at.min(sent.len());
            prop_assert_eq!(received(&[&sent[..at], &sent[at..]]), text.as_bytes());
        }
    }
}
