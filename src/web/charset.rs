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

/// The encoding of an XML document that begins with `head`: by its byte order mark, the Content-Type
/// header, its declaration, else UTF-8 (XML 1.0, F; RFC 7303, 3).
#[must_use]
pub fn choose_xml(head: &[u8], content_type: Option<&str>) -> &'static Encoding {
    let by_mark = Encoding::for_bom(head).map(|(encoding, _)| encoding);
    let by_header = || content_type.and_then(parameter).and_then(Encoding::for_label);
    let by_width = || match head {
        [b'<', 0, ..] => Some(UTF_16LE),
        [0, b'<', ..] => Some(UTF_16BE),
        _ => None,
    };
    let chosen = by_mark.or_else(by_header).or_else(by_width).or_else(|| declaration(head));
    chosen.unwrap_or(UTF_8)
}

/// The encoding that the XML declaration at the beginning of `head` names.
fn declaration(head: &[u8]) -> Option<&'static Encoding> {
    let text =
        head.strip_prefix(b"<?xml").filter(|text| text.first().is_some_and(|&b| is_gap(b)))?;
    let mut rest = &text[..text.windows(2).position(|end| end == b"?>")?];
    while let Some((name, value, after)) = attribute(rest) {
        if name == b"encoding" {
            return Encoding::for_label(value).map(ascii_compatible);
        }
        rest = after;
    }
    None
}

/// What was read as ASCII cannot be in UTF-16 (HTML standard, 13.2.3.2).
fn ascii_compatible(encoding: &'static Encoding) -> &'static Encoding {
    match encoding {
        e if e == UTF_16BE || e == UTF_16LE => UTF_8,
        e if e == X_USER_DEFINED => WINDOWS_1252,
        e => e,
    }
}

/// The encoding of a style sheet: by its byte order mark, the Content-Type header, its `@charset`,
/// else UTF-8 (CSS Syntax 3, 3.2).
#[must_use]
pub fn choose_sheet(head: &[u8], content_type: Option<&str>) -> &'static Encoding {
    let by_mark = Encoding::for_bom(head).map(|(encoding, _)| encoding);
    let by_header = || content_type.and_then(parameter).and_then(Encoding::for_label);
    let by_rule = || {
        let name = head.strip_prefix(b"@charset \"")?;
        let end = name.iter().take(PRESCAN).position(|&byte| byte == b'"')?;
        (name.get(end + 1) == Some(&b';')).then_some(())?;
        Encoding::for_label(&name[..end]).map(ascii_compatible)
    };
    by_mark.or_else(by_header).or_else(by_rule).unwrap_or(UTF_8)
}

/// Converts a page to UTF-8, piece by piece. Bytes that are not valid become U+FFFD.
pub struct ToUtf8 {
    decoder: Decoder,
    text: Vec<u8>,
}

impl ToUtf8 {
    /// A converter from that encoding.
    #[must_use]
    pub fn new(encoding: &'static Encoding) -> Self {
        ToUtf8 { decoder: encoding.new_decoder_with_bom_removal(), text: Vec::new() }
    }

    /// Converts the next piece; `last` says that it is the last one.
    pub fn convert<'a>(&'a mut self, piece: &'a [u8], last: bool) -> &'a [u8] {
        // A byte becomes at most three, and 16 are enough for what the last piece left over.
        let n_max = 3 * piece.len() + 16;
        if self.text.len() < n_max {
            self.text.resize(n_max, 0);
        }
        let (_, _, n_written, _) = self.decoder.decode_to_utf8(piece, &mut self.text, last);
        &self.text[..n_written]
    }
}

/// Converts a whole page to UTF-8, without its byte order mark.
#[must_use]
pub fn decode(page: &[u8], content_type: Option<&str>) -> String {
    choose(page, content_type).decode_with_bom_removal(page).0.into_owned()
}

/// Converts a whole XML document to UTF-8, without its byte order mark.
#[must_use]
pub fn decode_xml(document: &[u8], content_type: Option<&str>) -> String {
    choose_xml(document, content_type).decode_with_bom_removal(document).0.into_owned()
}

/// Converts a whole style sheet to UTF-8, without its byte order mark.
#[must_use]
pub fn decode_sheet(sheet: &[u8], content_type: Option<&str>) -> String {
    choose_sheet(sheet, content_type).decode_with_bom_removal(sheet).0.into_owned()
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
    let head = &head[..head.len().min(PRESCAN)];
    if let Some(encoding) = declaration(head) {
        return Some(encoding);
    }
    let mut rest = head;
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
    (encoding.map(ascii_compatible), rest)
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
        let declared = b"<?xml version='1.0' encoding='koi8-r'?><meta charset=gbk>";
        check(declared, None, "KOI8-R");
        check(&[&[b' '; PRESCAN][..], b"<meta charset=koi8-r>"].concat(), None, "windows-1252");
    }

    #[test]
    fn encodings_of_xml_and_of_style_sheets() {
        let check = |head: &[u8], header: Option<&str>, xml: &str, sheet: &str| {
            assert_eq!(choose_xml(head, header).name(), xml, "{head:?} {header:?}");
            assert_eq!(choose_sheet(head, header).name(), sheet, "{head:?} {header:?}");
        };
        check(b"", None, "UTF-8", "UTF-8");
        check(b"<?xml version='1.0' encoding=\"latin1\"?>", None, "windows-1252", "UTF-8");
        check(b"<?xml encoding='utf-16'?>", None, "UTF-8", "UTF-8");
        check(b"<?xmlx encoding='latin1'?>", None, "UTF-8", "UTF-8");
        check(b"<\0?\0", None, "UTF-16LE", "UTF-8");
        check(b"@charset \"koi8-r\";", None, "UTF-8", "KOI8-R");
        check(b"@charset 'koi8-r';", None, "UTF-8", "UTF-8");
        check(b"\xef\xbb\xbf", Some("x/y; charset=latin1"), "UTF-8", "UTF-8");
        check(b"", Some("x/y; charset=latin1"), "windows-1252", "windows-1252");
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
