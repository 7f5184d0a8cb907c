//! ASCII mode (TYPE A): lines end with CR LF on the network and with LF in files.
//!
//! Sending puts a CR before every LF that has none; receiving removes one. So lines that end with
//! CR LF in the file are sent as they are, as by other servers (vsftpd, proftpd, pyftpdlib).

/// Converts LF to CR LF in a text that is read in pieces: CR LF may be split between two of them.
#[derive(Debug, Default)]
pub(super) struct ToNetwork {
    has_cr: bool,
}

impl ToNetwork {
    /// Converts the next piece of text and appends it to `out`.
    pub(super) fn push(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let mut rest = text;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let line = &rest[..at];
            out.extend_from_slice(line);
            let has_cr = line.last().map_or(self.has_cr, |byte| *byte == b'\r');
            out.extend_from_slice(if has_cr { b"\n" } else { b"\r\n" });
            self.has_cr = false;
            rest = &rest[at + 1..];
        }
        out.extend_from_slice(rest);
        self.has_cr = rest.last().map_or(self.has_cr, |byte| *byte == b'\r');
    }
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

    fn sent(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut state, mut out) = (ToNetwork::default(), Vec::new());
        for piece in pieces {
            state.push(piece, &mut out);
        }
        out
    }

    #[test]
    fn line_ends_are_converted() {
        assert_eq!(sent(&[b"a\nb\n\n"]), b"a\r\nb\r\n\r\n");
        assert_eq!(sent(&[b"a\r\nb\r", b"\n\nc\r", b"", b"\nd\re"]), b"a\r\nb\r\n\r\nc\r\nd\re");
        assert_eq!(received(&[b"a\r\nb\r", b"\nc\rd\r"]), b"a\nb\nc\rd\r");
        assert_eq!(received(&[b"\r\r\n"]), b"\r\n");
    }

    proptest! {
        #[test]
        fn a_text_sent_there_and_back_ends_its_lines_with_lf(
            text in "[a\r\n]{0,60}", at in 0usize..60,
        ) {
            let (head, tail) = text.as_bytes().split_at(at.min(text.len()));
            let sent = sent(&[head, tail]);
            let at = at.min(sent.len());
            let expected = text.replace("\r\n", "\n");
            prop_assert_eq!(received(&[&sent[..at], &sent[at..]]), expected.as_bytes());
        }
    }
}
