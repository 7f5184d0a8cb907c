//! Replies: three digits and words, one line or several.

use super::names;

/// A whole reply, to be written as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply(Vec<u8>);

impl Reply {
    pub(super) fn new(code: u16, text: impl AsRef<[u8]>) -> Self {
        Reply(line(code, b' ', text.as_ref()))
    }

    /// A reply of several lines. Those between begin with a space, so that none looks like the last.
    pub(super) fn lines<T: AsRef<[u8]>>(
        code: u16,
        first: &str,
        between: impl IntoIterator<Item = T>,
        last: &str,
    ) -> Self {
        let mut text = line(code, b'-', first.as_bytes());
        for inner in between {
            text.push(b' ');
            text.extend(names::shown(inner.as_ref()));
            text.extend(b"\r\n");
        }
        text.extend(line(code, b' ', last.as_bytes()));
        Reply(text)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The last line, for the log.
    pub(super) fn last_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        text.lines().last().unwrap_or_default().to_owned()
    }
}

fn line(code: u16, mark: u8, text: &[u8]) -> Vec<u8> {
    let mut line = code.to_string().into_bytes();
    line.push(mark);
    line.extend(names::shown(text));
    line.extend(b"\r\n");
    line
}

/// A path between quotation marks, its own doubled.
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
    fn one_line_and_several() {
        assert_eq!(Reply::new(200, "Fine.").bytes(), b"200 Fine.\r\n");
        assert_eq!(Reply::new(257, b"a\r\n221 b").bytes(), b"257 a??221 b\r\n");
        let several = Reply::lines(211, "Features:", ["SIZE", "211 x\r\n"], "End");
        assert_eq!(several.bytes(), b"211-Features:\r\n SIZE\r\n 211 x??\r\n211 End\r\n");
        assert_eq!(several.last_line(), "211 End");
    }

    #[test]
    fn quotation_marks_are_doubled() {
        assert_eq!(quoted(b"/a\"b"), b"\"/a\"\"b\"");
    }
}
