//! Mends the head of a response before ureq parses it.
//!
//! curl and browsers read heads that ureq's parser refuses: folded lines (RFC 9112, 5.2), a space in
//! a name, control characters, hundreds of headers. Such lines are joined, replaced or left out.

use std::time::Instant;

use ureq::Error;
use ureq::unversioned::transport::time::Duration;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// The longest head that is read, in bytes.
const HEAD_MAX: usize = 64 << 10;
/// The number of headers that are kept of a head with too many; ureq parses at most 128.
const HEADERS_MAX: usize = 100;
/// The headers that are kept of a head with too many.
const KEPT: [&str; 15] = [
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "link",
    "location",
    "refresh",
    "retry-after",
    "set-cookie",
    "transfer-encoding",
    "x-robots-tag",
];

/// Wraps a connection so that the heads of its responses are mended.
#[derive(Debug)]
pub(super) enum HeadMender {
    /// For every connection.
    Always,
    /// Not for a connection to a proxy, whose configuration has none: the bytes in its tunnel are not
    /// HTTP.
    InTunnels,
}

impl<In: Transport> Connector<In> for HeadMender {
    type Out = MendedTransport<In>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let mends = matches!(self, HeadMender::Always) || details.config.proxy().is_some();
        Ok(chained.map(|inner| MendedTransport { inner, mends, in_head: false }))
    }
}

/// A connection whose responses have heads that ureq's parser takes.
#[derive(Debug)]
pub(super) struct MendedTransport<In> {
    inner: In,
    mends: bool,
    /// Whether the head of the response is still to come.
    in_head: bool,
}

impl<In: Transport> Transport for MendedTransport<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.in_head = self.mends;
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if !self.in_head {
            return self.inner.await_input(timeout);
        }
        let start = Instant::now();
        loop {
            let left = timeout.after.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(Error::Timeout(timeout.reason));
            }
            let after = if timeout.after.is_not_happening() {
                timeout.after
            } else {
                Duration::Exact(left)
            };
            let goes_on = self.inner.await_input(NextTimeout { after, ..timeout })?;
            let buffers = self.inner.buffers();
            let input = buffers.input();
            match head_len(input) {
                Some(n) => {
                    self.in_head = is_interim(input);
                    if let Some(mut mended) = mended(&input[..n]) {
                        mended.extend_from_slice(&input[n..]);
                        replace_input(buffers, &mended);
                    }
                    return Ok(true);
                }
                None if !goes_on || input.len() >= HEAD_MAX => return Ok(goes_on),
                None => (),
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// Puts `bytes`, which are no more than before, in the place of all unconsumed input.
fn replace_input(buffers: &mut dyn Buffers, bytes: &[u8]) {
    buffers.input_consume(buffers.input().len());
    let room = buffers.input_append_buf();
    let n = bytes.len().min(room.len());
    room[..n].copy_from_slice(&bytes[..n]);
    buffers.input_appended(n);
}

/// The length of the head that `input` begins with, if it is there to its empty line.
fn head_len(input: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', input).find_map(|at| match &input[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// Whether a response is followed by another one to the same request, as `100 Continue`.
fn is_interim(head: &[u8]) -> bool {
    head.get(8..10) == Some(b" 1")
}

/// A head that ureq's parser takes; `None` if that is true of `head` itself.
fn mended(head: &[u8]) -> Option<Vec<u8>> {
    let lines = || head.split_inclusive(|&byte| byte == b'\n').skip(1);
    let n_lines = lines().count();
    if n_lines <= HEADERS_MAX && lines().all(is_well_formed) {
        return None;
    }
    let status_len = memchr::memchr(b'\n', head).map_or(head.len(), |at| at + 1);
    let mut mended = head[..status_len].to_vec();
    for line in unfolded(&head[status_len..]) {
        let Some((name, value)) = header(&line) else { continue };
        let is_kept = KEPT.iter().any(|kept| name.eq_ignore_ascii_case(kept.as_bytes()));
        if is_kept || n_lines <= HEADERS_MAX {
            mended.extend_from_slice(name);
            mended.extend_from_slice(b":");
            mended.extend(value.iter().map(|&byte| if is_control(byte) { b' ' } else { byte }));
            mended.extend_from_slice(b"\n");
        }
    }
    mended.extend_from_slice(b"\n");
    Some(mended)
}

/// Whether a line is empty, or a header that ureq's parser takes.
fn is_well_formed(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(colon) = memchr::memchr(b':', line) else { return line.is_empty() };
    let (name, value) = line.split_at(colon);
    !name.is_empty()
        && name.iter().all(|&byte| is_token(byte))
        && !value.iter().any(|&b| is_control(b))
}

/// The lines of a head without their ends; a line that begins with a space belongs to the one before.
fn unfolded(lines: &[u8]) -> Vec<Vec<u8>> {
    let mut unfolded: Vec<Vec<u8>> = Vec::new();
    for line in lines.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match unfolded.last_mut() {
            Some(last) if matches!(line.first(), Some(b' ' | b'\t')) => {
                last.push(b' ');
                last.extend_from_slice(line.trim_ascii());
            }
            _ => unfolded.push(line.to_vec()),
        }
    }
    unfolded
}

/// Name and value of a line; `None` if its name is none.
fn header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let name = line[..colon].trim_ascii();
    let is_name = !name.is_empty() && name.iter().all(|&byte| is_token(byte));
    is_name.then(|| (name, &line[colon + 1..]))
}

/// Whether a name may contain that byte (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn heads_are_mended() {
        let check = |head: &str, expected: &str| {
            let mended = mended(head.as_bytes()).map(|head| String::from_utf8(head).unwrap());
            assert_eq!(mended.as_deref(), Some(expected), "{head:?}");
        };
        let fine = b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Type:text/html\r\n\r\n";
        assert_eq!(mended(fine), None);
        check("HTTP/1.1 200 OK\r\nX: a\r\n  b\r\n\tc\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a b c\n\n");
        check(
            "HTTP/1.1 200 OK\nContent-Type : text/html\n\n",
            "HTTP/1.1 200 OK\nContent-Type: text/html\n\n",
        );
        check("HTTP/1.1 200 OK\r\nX Y: z\r\nA: b\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\n\n");
        check("HTTP/1.1 200 OK\r\nno colon\r\nA: b\x01c\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b c\n\n");
        let many = "X-A: b\r\n".repeat(200) + "Content-Type: text/html\r\n";
        check(
            &format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\n\n",
        );
    }

    #[test]
    fn a_head_ends_at_its_empty_line() {
        let check = |input: &str, expected: Option<usize>| {
            assert_eq!(head_len(input.as_bytes()), expected, "{input:?}");
        };
        check("HTTP/1.1 200 OK\r\n\r\nbody", Some(19));
        check("HTTP/1.1 200 OK\n\nbody", Some(17));
        check("HTTP/1.1 200 OK\r\nA: b\r\n\r", None);
        check("", None);
        assert!(is_interim(b"HTTP/1.1 100 Continue\r\n") && !is_interim(b"HTTP/1.1 200 OK\r\n"));
    }

    proptest! {
        #[test]
        fn a_mended_head_needs_no_mending_and_is_no_longer(
            lines in "((X|a b|:|Content-Type)?:? ?[a-z \t\x01]{0,5}(\r?\n)){0,8}",
        ) {
            let head = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
            let head = &head.as_bytes()[..head_len(head.as_bytes()).unwrap()];
            if let Some(mended) = mended(head) {
                prop_assert!(mended.len() <= head.len());
                prop_assert_eq!(super::mended(&mended), None);
                prop_assert_eq!(head_len(&mended), Some(mended.len()));
            }
        }
    }
}
