//! The character encoding of names on the wire. On disk they are bytes, by convention UTF-8.

use std::borrow::Cow;

use encoding_rs::{EncoderResult, Encoding};

/// A character encoding for the names that clients send and get; UTF-8 converts nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charset(Option<&'static Encoding>);

impl Charset {
    /// The encoding with a label of the Encoding Standard (<https://encoding.spec.whatwg.org>), such
    /// as `latin1` (which is windows-1252), `windows-1251` or `shift_jis`.
    ///
    /// # Errors
    /// When there is none, or ASCII text in it is not the same as in UTF-8.
    pub fn new(label: &str) -> Result<Self, String> {
        let encoding = Encoding::for_label(label.as_bytes())
            .ok_or_else(|| format!("unknown encoding {label:?}: try latin1, windows-1251, gbk"))?;
        if !encoding.is_ascii_compatible() {
            return Err(format!("commands cannot be sent in {}", encoding.name()));
        }
        Ok(Charset(Some(encoding).filter(|encoding| *encoding != encoding_rs::UTF_8)))
    }

    /// The name of the encoding.
    pub(super) fn name(self) -> &'static str {
        self.0.unwrap_or(encoding_rs::UTF_8).name()
    }

    /// Whether names are converted.
    pub(super) fn converts(self) -> bool {
        self.0.is_some()
    }

    /// A name as it is on disk; `None` if `sent` is not in this encoding.
    pub(super) fn decode(self, sent: &[u8]) -> Option<Cow<'_, [u8]>> {
        let Some(encoding) = self.0.filter(|_| !sent.is_ascii()) else {
            return Some(Cow::Borrowed(sent));
        };
        let text = encoding.decode_without_bom_handling_and_without_replacement(sent)?;
        Some(Cow::Owned(text.into_owned().into_bytes()))
    }

    /// Text as it is sent, with `?` for characters that the encoding does not have. What is not UTF-8
    /// stays as it is.
    pub(super) fn encode(self, text: &[u8]) -> Cow<'_, [u8]> {
        let encoding = self.0.filter(|_| !text.is_ascii());
        match encoding.zip(str::from_utf8(text).ok()) {
            Some((encoding, text)) => Cow::Owned(encode(encoding, text)),
            None => Cow::Borrowed(text),
        }
    }
}

fn encode(encoding: &'static Encoding, mut text: &str) -> Vec<u8> {
    let mut encoder = encoding.new_encoder();
    let mut bytes = Vec::with_capacity(2 * text.len() + 16);
    loop {
        let (result, n_read) =
            encoder.encode_from_utf8_to_vec_without_replacement(text, &mut bytes, true);
        text = &text[n_read..];
        match result {
            EncoderResult::InputEmpty => return bytes,
            EncoderResult::OutputFull => bytes.reserve(text.len() + 16),
            EncoderResult::Unmappable(_) => bytes.push(b'?'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_converted() {
        let check = |label: &str, sent: &[u8], name: &str| {
            let charset = Charset::new(label).unwrap();
            assert_eq!(charset.decode(sent).as_deref(), Some(name.as_bytes()), "{label}");
            assert_eq!(&*charset.encode(name.as_bytes()), sent, "{label}");
        };
        check("latin1", b"gr\xfc\xdfe", "grüße");
        check("windows-1251", b"\xcc\xee\xff.txt", "Моя.txt");
        check("shift_jis", b"\x93\xfa\x96\x7b", "日本");
        check("UTF-8", "grüße".as_bytes(), "grüße");
        check("latin1", b"", "");
    }

    #[test]
    fn what_cannot_be_converted_is_replaced_or_refused() {
        let latin1 = Charset::new("latin1").unwrap();
        assert_eq!(&*latin1.encode("日a本€".as_bytes()), b"?a?\x80");
        assert_eq!(&*latin1.encode(b"\xff\xfe"), b"\xff\xfe");
        assert_eq!(Charset::new("shift_jis").unwrap().decode(b"\x93"), None);
        assert!(Charset::new("nonsense").is_err());
        assert!(Charset::new("utf-16le").is_err() && Charset::new("iso-2022-jp").is_err());
        assert!(!Charset::new("utf8").unwrap().converts());
    }

    proptest! {
        #[test]
        fn every_name_of_one_byte_characters_survives(
            name in proptest::collection::vec(1u8.., 0..20),
        ) {
            let charset = Charset::new("windows-1252").unwrap();
            let decoded = charset.decode(&name).expect("all bytes are characters");
            prop_assert_eq!(&*charset.encode(&decoded), &*name);
        }

        #[test]
        fn encoding_ends_and_sends_no_control_characters(
            name in "\\PC{0,20}", label in "big5|gbk|euc-kr|shift_jis|koi8-r|gb18030",
        ) {
            let sent = Charset::new(&label).unwrap().encode(name.as_bytes()).into_owned();
            prop_assert!(!sent.iter().any(u8::is_ascii_control), "{:?}", sent);
        }
    }
}
