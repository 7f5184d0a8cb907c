//! The character encoding of a page: by its byte order mark, the Content-Type header, its meta
//! element, else windows-1252 (HTML standard, 13.2.3.2).

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

/// How many bytes of a page are searched for a meta element, as in browsers.
pub const PRESCAN: usize = 1024;

/// The encoding of a page that begins with `head` and was sent with that Content-Type.
#[must_use]
pub fn choose(head: &[u8], content_type: Option<&str>) -> &'static Encoding {
    let by_mark = Encoding::for_bom(head).map(|(encoding, _)| encoding);
    let by_header = || content_type.and_then(parameter).and_then(Encoding::for_label);
    by_mark.or_else(by_header).or_else(|| prescan(head)).unwrap_or(WINDOWS_1252)
}

/// Converts a page to UTF-8, piece by piece.
pub struct ToUtf8 {
    /// `None` for UTF-8, which is passed on unchanged, invalid bytes included.
    decoder: Option<Decoder>,
    text: Vec<u8>,
}

impl ToUtf8 {
    /// A converter from that encoding.
    #[must_use]
    pub fn new(encoding: &'static Encoding) -> Self {
        let decoder = (encoding != UTF_8).then(|| encoding.new_decoder_with_bom_removal());
        ToUtf8 { decoder, text: Vec::new() }
    }

    /// Converts the next piece; `last` says that it is the last one.
    pub fn convert<'a>(&'a mut self, piece: &'a [u8], last: bool) -> &'a [u8] {
        let Some(decoder) = &mut self.decoder else { return piece };
        // A byte becomes at most three, and 16 are enough for what the last piece left over.
        self.text.resize(3 * piece.len() + 16, 0);
        let (_, _, n_written, _) = decoder.decode_to_utf8(piece, &mut self.text, last);
        &self.text[..n_written]
    }
}

/// Converts a whole page to UTF-8, without its byte order mark.
#[must_use]
pub fn decode(page: &[u8], content_type: Option<&str>) -> String {
    choose(page, content_type).decode_with_bom_removal(page).0.into_owned()
}

/// The charset parameter of a Content-Type, in a header or in a meta element.
fn parameter(content_type: &str) -> Option<&[u8]> {
    let lower = content_type.to_ascii_lowercase();
    let mut from = 0;
    loop {
        let at = from + lower[from..].find("charset")? + "charset".len();
        let rest = content_type[at..].trim_start();
        if let Some(value) = rest.strip_prefix('=') {
            let value = value.trim_start();
            let quoted = value.strip_prefix(['"', '\'']).map(|rest| (rest, &value[..1]));
            let value = match quoted {
                Some((rest, quote)) => rest.split(quote).next(),
                None => value.split([';', ' ', '\t', ',']).next(),
            };
            return value.map(str::as_bytes);
        }
        from = at;
    }
}

/// Searches the first bytes for a meta element that names an encoding (HTML standard, 13.2.3.3).
fn prescan(head: &[u8]) -> Option<&'static Encoding> {
    let mut rest = &head[..head.len().min(PRESCAN)];
    while let Some(at) = rest.iter().position(|&byte| byte == b'<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix(b"!--") {
            let end = comment.windows(3).position(|end| end == b"-->")?;
            rest = &comment[end..];
        } else if rest.len() > 4 && rest[..4].eq_ignore_ascii_case(b"meta") && is_gap(rest[4]) {
            let (encoding, after) = meta(&rest[4..]);
            if encoding.is_some() {
                return encoding;
            }
            rest = after;
        }
    }
    None
}

fn is_gap(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'/'
}

/// The encoding that the attributes of a meta element name, and the text after them.
fn meta(mut rest: &[u8]) -> (Option<&'static Encoding>, &[u8]) {
    let (mut charset, mut content, mut is_content_type) = (None, None, false);
    while let Some((name, value, after)) = attribute(rest) {
        rest = after;
        match &*name.to_ascii_lowercase() {
            b"charset" => charset = charset.or(Some(value)),
            b"content" => content = content.or(std::str::from_utf8(value).ok()),
            b"http-equiv" => is_content_type |= value.eq_ignore_ascii_case(b"content-type"),
            _ => (),
        }
    }
    let in_content = || content.filter(|_| is_content_type).and_then(parameter);
    let encoding = charset.or_else(in_content).and_then(Encoding::for_label);
    // A meta element that can be read as ASCII is wrong about UTF-16.
    let encoding = encoding.map(|encoding| match encoding {
        e if e == UTF_16BE || e == UTF_16LE => UTF_8,
        e if e == X_USER_DEFINED => WINDOWS_1252,
        e => e,
    });
    (encoding, rest)
}

/// The name and value of the next attribute of a tag, and the text after it.
fn attribute(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let text = &text[text.iter().position(|&byte| !is_gap(byte))?..];
    if text[0] == b'>' {
        return None;
    }
    let is_end = |byte: &u8| is_gap(*byte) || b"=>".contains(byte);
    let end = text[1..].iter().position(is_end).map_or(text.len(), |at| at + 1);
    let (name, rest) = text.split_at(end);
    let after = rest.trim_ascii_start();
    let Some(value) = after.strip_prefix(b"=") else { return Some((name, b"", rest)) };
    let value = value.trim_ascii_start();
    let quote = value.first().filter(|byte| b"\"'".contains(byte));
    if let Some(quote) = quote {
        let end = value[1..].iter().position(|byte| byte == quote)? + 1;
        return Some((name, &value[1..end], &value[end + 1..]));
    }
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'>';
    let end = value.iter().position(is_end).unwrap_or(value.len());
    Some((name, &value[..end], &value[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_order_of_precedence() {
        let check = |head: &[u8], header: Option<&str>, expected: &str| {
            assert_eq!(choose(head, header).name(), expected, "{head:?} {header:?}");
        };
        check(b"", None, "windows-1252");
        check(b"\xef\xbb\xbf<p>", Some("text/html; charset=koi8-r"), "UTF-8");
        check(b"\xff\xfe<\0", None, "UTF-16LE");
        check(b"\xfe\xff\0<", None, "UTF-16BE");
        check(b"<meta charset=utf-8>", Some("text/html; charset=Shift_JIS"), "Shift_JIS");
        check(b"", Some("text/html;CHARSET = \"utf-8\"; x=y"), "UTF-8");
        check(b"", Some("text/html; charset=latin1"), "windows-1252");
        check(b"", Some("text/html; charset=nonsense"), "windows-1252");
        check(b"<meta charset='windows-1251'>", Some("text/html"), "windows-1251");
        check(b"<META CHARSET=EUC-JP>", None, "EUC-JP");
        check(b"<!-- <meta charset=koi8-r> --><meta charset=gbk>", None, "GBK");
        check(b"<meta name=x><meta/charset=big5>", None, "Big5");
        check(b"<meta charset=utf-16>", None, "UTF-8");
        check(b"<metadata charset=koi8-r>", None, "windows-1252");
        let old = b"<meta http-equiv=\"Content-Type\" content=\"text/html; charset=koi8-r\">";
        check(old, None, "KOI8-R");
        check(b"<meta content='text/html; charset=koi8-r'>", None, "windows-1252");
        check(&[&[b' '; PRESCAN][..], b"<meta charset=koi8-r>"].concat(), None, "windows-1252");
    }

    proptest! {
        #[test]
        fn pieces_become_what_the_whole_page_becomes(
            page in any::<Vec<u8>>(),
            label in "koi8-r|euc-jp|gbk|big5|shift_jis|iso-2022-jp|utf-16le",
            size in 1usize..20,
        ) {
            let encoding = Encoding::for_label(label.as_bytes()).unwrap();
            let (mut converter, mut text) = (ToUtf8::new(encoding), Vec::new());
            for piece in page.chunks(size) {
                text.extend_from_slice(converter.convert(piece, false));
            }
            text.extend_from_slice(converter.convert(b"", true));
            let (whole, _) = encoding.decode_with_bom_removal(&page);
            prop_assert_eq!(text, whole.as_bytes());
        }

        #[test]
        fn a_meta_never_means_utf_16(
            tail in "(charset|content|http-equiv|content-type|utf-16|[a-z=\"'/<>! \\-]){0,20}",
        ) {
            let encoding = choose(format!("<meta {tail}").as_bytes(), None);
            prop_assert!(![UTF_16LE, UTF_16BE].contains(&encoding));
        }

        #[test]
        fn a_mark_wins_over_everything(tail in any::<Vec<u8>>(), label in "[a-z0-9-]{0,12}") {
            let head = [b"\xef\xbb\xbf", &tail[..]].concat();
            let header = format!("text/html; charset={label}");
            prop_assert_eq!(choose(&head, Some(&header)), UTF_8);
        }
    }
}
