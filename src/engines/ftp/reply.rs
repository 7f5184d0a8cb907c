//! Replies: a code of three digits and a text of one or several lines (RFC 959, 4.2).

use std::borrow::Cow;
use std::{io, iter};

use super::charset::Charset;
use super::names;
use crate::net::is_timeout;
use crate::text::printable::replace_controls;

/// A complete reply, to be written at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply(Vec<u8>);

/// A command was refused or a transfer failed: the reply that says so, with a code of 400 or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReplyError(pub(super) Reply);

impl Reply {
    /// A reply of one line.
    pub(super) fn new(code: u16, text: impl AsRef<[u8]>) -> Self {
        Reply(line(code, b' ', text.as_ref()))
    }

    /// A reply of several lines. Those between begin with a space, so that none can be mistaken for
    /// the last.
    pub(super) fn lines<T: AsRef<[u8]>>(
        code: u16,
        first: &str,
        between: impl IntoIterator<Item = T>,
        last: &str,
    ) -> Self {
        let mut text = line(code, b'-', first.as_bytes());
        for inner in between {
            text.push(b' ');
            text.extend(names::printable(inner.as_ref()));
            text.extend(b"\r\n");
        }
        text.extend(line(code, b' ', last.as_bytes()));
        Reply(text)
    }

    /// The reply as it is sent, with the byte 255 doubled, which begins a Telnet command (RFC 854).
    pub(super) fn encoded(&self, charset: Charset) -> Cow<'_, [u8]> {
        let bytes = charset.encode(&self.0);
        if !bytes.contains(&255) {
            return bytes;
        }
        let n_times = |byte: u8| if byte == 255 { 2 } else { 1 };
        bytes.iter().flat_map(|byte| iter::repeat_n(*byte, n_times(*byte))).collect()
    }

    /// Whether it reports a failure: its code is 400 or more.
    pub(super) fn is_error(&self) -> bool {
        self.0.first().is_some_and(|digit| *digit >= b'4')
    }

    /// The last line, for the log.
    pub(super) fn last_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        replace_controls(text.lines().last().unwrap_or_default(), '?').collect()
    }
}

impl ReplyError {
    /// A refusal of one line.
    pub(super) fn new(code: u16, text: impl AsRef<[u8]>) -> Self {
        ReplyError(Reply::new(code, text))
    }

    /// A refusal that gives the system's reason, as in `550 Permission denied.`
    pub(super) fn from_io(code: u16, err: &io::Error) -> Self {
        ReplyError::new(code, format!("{}.", reason(err)))
    }

    /// A file that could not be created or opened for writing.
    pub(super) fn not_stored(err: &io::Error) -> Self {
        ReplyError::from_io(553, err)
    }

    /// The transfer was stopped: by ABOR, by the end of the server, or because the client has gone.
    pub(super) fn aborted() -> Self {
        ReplyError::new(426, "Connection closed; transfer aborted.")
    }

    /// The data connection could not be opened.
    pub(super) fn no_connection(err: &io::Error) -> Self {
        ReplyError::new(425, format!("Cannot open data connection: {}.", reason(err)))
    }

    /// The data connection broke, or was idle for too long.
    pub(super) fn connection(err: &io::Error) -> Self {
        ReplyError::new(426, format!("Data connection failed: {}; transfer aborted.", reason(err)))
    }

    /// The TLS handshake of the data connection failed.
    pub(super) fn handshake(err: &io::Error) -> Self {
        ReplyError::new(522, format!("TLS handshake on data connection failed: {}.", reason(err)))
    }

    /// The data connection did not resume a TLS session of its control connection's user. `cause` is
    /// for the client's user, who must ask the administrator.
    pub(super) fn not_resumed(cause: &str) -> Self {
        let advice = "the administrator can allow that with --tls-resume=off";
        ReplyError::new(522, format!("TLS session reuse required: {cause}; {advice}."))
    }

    /// A file could not be read or written.
    pub(super) fn disk(err: &io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match err.kind() {
            StorageFull => ReplyError::new(452, "Insufficient storage space."),
            QuotaExceeded | FileTooLarge => ReplyError::from_io(552, err),
            _ => ReplyError::from_io(451, err),
        }
    }
}

/// A failed file operation: `550 No such file or directory.`
impl From<io::Error> for ReplyError {
    fn from(err: io::Error) -> Self {
        ReplyError::from_io(550, &err)
    }
}

/// The system's words for an error, without its number.
fn reason(err: &io::Error) -> String {
    if err.kind() == io::ErrorKind::CrossesDevices {
        return "Path leads outside the root".to_owned(); // openat2(2) with RESOLVE_BENEATH
    }
    if is_timeout(err) {
        return "timed out".to_owned();
    }
    let text = err.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn line(code: u16, separator: u8, text: &[u8]) -> Vec<u8> {
    let mut line = code.to_string().into_bytes();
    line.push(separator);
    line.extend(names::printable(text));
    line.extend(b"\r\n");
    line
}

/// A path between quotation marks, with those in it doubled (RFC 959, appendix II).
pub(super) fn quoted(path: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in path {
        quoted.extend(if *byte == b'"' { &b"\"\""[..] } else { std::slice::from_ref(byte) });
    }
    quoted.push(b'"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_have_one_line_or_several() {
        let sent = |reply: &Reply| reply.encoded(Charset::default()).into_owned();
        assert_eq!(sent(&Reply::new(200, "Fine.")), b"200 Fine.\r\n");
        assert_eq!(sent(&Reply::new(257, b"a\r\n221 b")), b"257 a??221 b\r\n");
        assert_eq!(sent(&Reply::new(257, b"\xcc\xff")), b"257 \xcc\xff\xff\r\n");
        let latin1 = Charset::new("latin1").unwrap();
        assert_eq!(&*Reply::new(257, "üÿ").encoded(latin1), b"257 \xfc\xff\xff\r\n");
        assert_eq!(Reply::new(257, "a\u{9b}b").last_line(), "257 a?b"); // the log is for terminals
        let several = Reply::lines(211, "Features:", ["SIZE", "211 x\r\n"], "End");
        assert_eq!(sent(&several), b"211-Features:\r\n SIZE\r\n 211 x??\r\n211 End\r\n");
        assert_eq!(several.last_line(), "211 End");
    }

    #[test]
    fn quotation_marks_are_doubled() {
        assert_eq!(quoted(b"/a\"b"), b"\"/a\"\"b\"");
    }

    #[test]
    fn errors_become_replies() {
        let check = |error: ReplyError, expected: &str| {
            assert_eq!(error.0.last_line(), expected);
        };
        let os = |number| io::Error::from_raw_os_error(number);
        let timeout = io::ErrorKind::WouldBlock.into();
        check(os(13).into(), "550 Permission denied.");
        check(os(18).into(), "550 Path leads outside the root.");
        check(ReplyError::not_stored(&os(21)), "553 Is a directory.");
        check(ReplyError::no_connection(&timeout), "425 Cannot open data connection: timed out.");
        let broken = "426 Data connection failed: Connection reset by peer; transfer aborted.";
        check(ReplyError::connection(&os(104)), broken);
        check(ReplyError::disk(&os(28)), "452 Insufficient storage space.");
        check(ReplyError::disk(&os(27)), "552 File too large.");
        check(ReplyError::disk(&os(5)), "451 Input/output error.");
    }
}
