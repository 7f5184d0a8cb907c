//! The argument of a command.

/// The argument of a command: the bytes behind the verb and one space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arg(Vec<u8>);

impl Arg {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Arg(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The argument as a path; spaces around it belong to the name.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The argument as text without spaces around it; U+FFFD if it is not UTF-8.
    pub(super) fn text(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or("\u{fffd}").trim()
    }
}

/// Splits `bytes` at the first space; the rest is empty if there is none.
pub(super) fn split_word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b' ').unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}
