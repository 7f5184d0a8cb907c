//! TYPE A: lines end with CR LF on the way and with LF at home.
//!
//! Each LF gains a CR and each CR LF loses it, whatever stands before: there and back is the same
//! text, also where it had CR LF at home.

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

/// CR LF to LF across pieces: a CR at the end of one waits for the next.
#[derive(Debug, Default)]
pub(super) struct FromNetwork {
    has_cr: bool,
}

impl FromNetwork {
    /// Appends what `text` brings to `out`.
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

    /// A CR that was the last byte.
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

    fn home(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut state, mut out) = (FromNetwork::default(), Vec::new());
        for piece in pieces {
            state.push(piece, &mut out);
        }
        state.end(&mut out);
        out
    }

    fn network(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        to_network(text, &mut out);
        out
    }

    #[test]
    fn ends_of_lines() {
        assert_eq!(network(b"a\nb\n\n"), b"a\r\nb\r\n\r\n");
        assert_eq!(home(&[b"a\r\nb\r", b"\nc\rd\r"]), b"a\nb\nc\rd\r");
        assert_eq!(home(&[b"\r\r\n"]), b"\r\n");
    }

    proptest! {
        #[test]
        fn there_and_back(text in "[a\r\n]{0,60}", at in 0usize..60) {
            let sent = network(text.as_bytes());
            let at = at.min(sent.len());
            prop_assert_eq!(home(&[&sent[..at], &sent[at..]]), text.as_bytes());
        }
    }
}
