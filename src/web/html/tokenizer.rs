//! The tokens of HTML that arrives in pieces (HTML standard, 13.2.5): tags, text, and the rest.
//!
//! Written by hand, with a figure: with `lol_html` a crawl used twice the CPU time in all. See
//! ARCHITECTURE.md, "How pages are read".

use super::tag::{self, Tag};

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Text with character references, outside of the elements whose content is only text.
    Text,
    /// Text of an element whose content is only text.
    RawText,
    StartTag,
    EndTag,
    /// Comments and the like, or a part of one.
    Other,
}

/// How the next bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Markup,
    /// A comment, and the number of its bytes before, from the first of `--` on.
    Comment(usize),
    /// What ends with `>`: `<!DOCTYPE`, `<?` and the like.
    BogusComment,
    Cdata,
    /// A tag too long to read, and the quote of the value that is being skipped.
    SkippedTag(Option<u8>),
    /// The text of an element up to its end tag.
    Text(&'static str),
    Script(Escape),
    /// Text to the end of the page.
    PlainText,
}

/// Whether a script hides in a comment (13.2.5.15 to 13.2.5.31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    /// After `<!--`.
    Once,
    /// After `<!--` and `<script>`: the next end tag closes only that.
    Twice,
}

/// Elements whose content is only text, but for `<script>` and `<plaintext>`.
const TEXT_ELEMENTS: [&str; 7] =
    ["style", "title", "textarea", "iframe", "xmp", "noembed", "noframes"];

/// Reads one token after the other. Nothing but the last tag is remembered.
#[derive(Debug)]
pub(super) struct Tokenizer {
    mode: Mode,
    /// The tag that was read last.
    pub(super) tag: Tag,
    /// Whether `<![CDATA[` has a meaning, as in SVG.
    pub(super) has_cdata: bool,
}

impl Tokenizer {
    pub(super) fn new() -> Self {
        Tokenizer { mode: Mode::Markup, tag: Tag::default(), has_cdata: false }
    }

    /// The token at the start of `bytes`, of which there is at least one, and its length. `None` if
    /// more bytes are needed; never if these are the last ones.
    pub(super) fn next(&mut self, bytes: &[u8], is_last: bool) -> Option<(Token, usize)> {
        let (token, n) = match self.mode {
            Mode::Markup => return self.markup(bytes, is_last),
            Mode::Comment(n_before) => (Token::Other, self.comment(bytes, n_before, is_last)),
            Mode::BogusComment => (Token::Other, self.through(bytes, is_last, b"", 0)),
            Mode::Cdata => (Token::Other, self.through(bytes, is_last, b"]]", 2)),
            Mode::SkippedTag(quote) => (Token::Other, self.skip(bytes, quote)),
            Mode::Text(name) => (Token::RawText, self.text(bytes, name, is_last)),
            Mode::Script(escape) => (Token::RawText, self.script(bytes, escape, is_last)),
            Mode::PlainText => (Token::Other, bytes.len()),
        };
        match n {
            0 if self.mode == Mode::Markup => self.markup(bytes, is_last), // no text at all
            0 => None,
            n => Some((token, n)),
        }
    }

    /// Reads what follows the start tag that was read last as HTML reads the content of the element.
    pub(super) fn enter(&mut self) {
        let name = TEXT_ELEMENTS.iter().find(|name| self.tag.is(name));
        self.mode = match name {
            Some(name) => Mode::Text(name),
            None if self.tag.is("script") => Mode::Script(Escape::None),
            None if self.tag.is("plaintext") => Mode::PlainText,
            None => return,
        };
    }

    /// Skips the tag at the start of the next bytes.
    pub(super) fn skip_tag(&mut self) {
        self.mode = Mode::SkippedTag(None);
    }

    fn markup(&mut self, bytes: &[u8], is_last: bool) -> Option<(Token, usize)> {
        match memchr::memchr(b'<', bytes) {
            Some(0) => (),
            Some(n) => return Some((Token::Text, n)),
            None => return whole_chars(bytes, is_last).map(|n| (Token::Text, n)),
        }
        let other = |tokenizer: &mut Self, mode, n| {
            tokenizer.mode = mode;
            Some((Token::Other, n))
        };
        match bytes[1..] {
            [first, ..] if first.is_ascii_alphabetic() => self.tag(Token::StartTag, bytes, is_last),
            [b'/', first, ..] if first.is_ascii_alphabetic() => {
                self.tag(Token::EndTag, bytes, is_last)
            }
            [b'/', b'>', ..] => Some((Token::Other, 3)),
            [b'!', ref rest @ ..] if !is_last && is_undecided(rest) => None,
            [b'!', b'-', b'-', ..] => other(self, Mode::Comment(0), 2),
            [b'!', ref rest @ ..] if self.has_cdata && rest.starts_with(CDATA) => {
                other(self, Mode::Cdata, 2 + CDATA.len())
            }
            [b'/', _, ..] | [b'?' | b'!', ..] => other(self, Mode::BogusComment, 2),
            [] | [b'/'] if !is_last => None,
            _ => Some((Token::Text, 1)),
        }
    }

    fn tag(&mut self, token: Token, bytes: &[u8], is_last: bool) -> Option<(Token, usize)> {
        match self.tag.read(bytes) {
            Some(n) => Some((token, n)),
            None => is_last.then_some((Token::Other, bytes.len())),
        }
    }

    /// The length of a comment, or of its part here: `-->` ends it, and `--!>` unless these are its
    /// first dashes.
    fn comment(&mut self, bytes: &[u8], n_before: usize, is_last: bool) -> usize {
        let is_end = |&at: &usize| {
            let before = &bytes[..at];
            before.ends_with(b"--") || (before.ends_with(b"--!") && n_before + at >= 5)
        };
        if let Some(end) = memchr::memchr_iter(b'>', bytes).find(is_end) {
            self.mode = Mode::Markup;
            return end + 1;
        }
        let n = without(bytes, 3, is_last);
        self.mode = Mode::Comment(n_before.saturating_add(n));
        n
    }

    /// The number of bytes through the first `>` behind `marker`, or of those that are not needed
    /// any more to see it.
    fn through(&mut self, bytes: &[u8], is_last: bool, marker: &[u8], n_kept: usize) -> usize {
        let end = memchr::memchr_iter(b'>', bytes).find(|&at| bytes[..at].ends_with(marker));
        if end.is_some() {
            self.mode = Mode::Markup;
        }
        end.map_or(without(bytes, n_kept, is_last), |at| at + 1)
    }

    fn skip(&mut self, bytes: &[u8], mut quote: Option<u8>) -> usize {
        for (at, &byte) in bytes.iter().enumerate() {
            match (quote, byte) {
                (None, b'>') => {
                    self.mode = Mode::Markup;
                    return at + 1;
                }
                (None, b'"' | b'\'') => quote = Some(byte),
                (Some(one), _) if byte == one => quote = None,
                _ => (),
            }
        }
        self.mode = Mode::SkippedTag(quote);
        bytes.len()
    }

    /// The length of an element's text before its end tag, or of the part here.
    fn text(&mut self, bytes: &[u8], name: &str, is_last: bool) -> usize {
        for at in memchr::memmem::find_iter(bytes, b"</") {
            let rest = &bytes[at + 2..];
            if is_tag(rest, name) {
                self.mode = Mode::Markup;
                return at;
            }
            if rest.len() <= name.len() && !is_last {
                return at;
            }
        }
        let n = without(bytes, usize::from(bytes.ends_with(b"<")), is_last);
        whole_chars(&bytes[..n], is_last).unwrap_or(0)
    }

    /// The length of a script before its end tag, or of the part here.
    fn script(&mut self, bytes: &[u8], mut escape: Escape, is_last: bool) -> usize {
        let mut start = 0;
        while let Some(n) = memchr::memchr2(b'<', b'>', &bytes[start..]) {
            let (at, rest) = (start + n, &bytes[start + n + 1..]);
            start = at + 1;
            if bytes[at] == b'>' {
                if bytes[..at].ends_with(b"--") {
                    escape = Escape::None;
                }
                continue;
            }
            if rest.len() <= "/script".len() && !is_last {
                self.mode = Mode::Script(escape);
                return at;
            }
            escape = match escape {
                Escape::Twice if is_tag(rest, "/script") => Escape::Once,
                Escape::None | Escape::Once if is_tag(rest, "/script") => {
                    self.mode = Mode::Markup;
                    return at;
                }
                Escape::None if rest.starts_with(b"!--") => Escape::Once,
                Escape::Once if is_tag(rest, "script") => Escape::Twice,
                same => same,
            };
        }
        self.mode = Mode::Script(escape);
        let n = without(bytes, 2, is_last);
        whole_chars(&bytes[..n], is_last).unwrap_or(0)
    }
}

const CDATA: &[u8] = b"[CDATA[";

/// Whether what follows `<!` may yet become a comment or a CDATA section.
fn is_undecided(rest: &[u8]) -> bool {
    [b"--", CDATA].iter().any(|start| rest.len() < start.len() && start.starts_with(rest))
}

/// Whether `rest` begins with the name of a tag.
fn is_tag(rest: &[u8], name: &str) -> bool {
    let own = rest.get(..name.len());
    own.is_some_and(|own| own.eq_ignore_ascii_case(name.as_bytes()))
        && rest.get(name.len()).is_some_and(|&byte| tag::is_name_end(byte))
}

/// The number of bytes without `n_kept` at the end, which may belong to what follows.
fn without(bytes: &[u8], n_kept: usize, is_last: bool) -> usize {
    if is_last { bytes.len() } else { bytes.len().saturating_sub(n_kept) }
}

/// The number of bytes of whole characters; `None` if there is not one.
fn whole_chars(bytes: &[u8], is_last: bool) -> Option<usize> {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let lead = tail.iter().rposition(|byte| byte & 0xc0 != 0x80);
    let n_cut = lead.map_or(0, |lead| {
        let n_there = tail.len() - lead;
        let n_needed = match tail[lead] {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0.. => 4,
            _ => 1,
        };
        if n_there < n_needed { n_there } else { 0 }
    });
    let n = without(bytes, n_cut, is_last);
    (n > 0).then_some(n)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use html5ever::tokenizer::states::{Rawtext, Rcdata, ScriptData};
    use html5ever::tokenizer::{self as oracle, BufferQueue, TagKind, TokenSink, TokenSinkResult};
    use proptest::prelude::*;

    use super::super::table;
    use super::super::tag::NAME_MAX;
    use super::*;

    /// Tags as html5ever's tokenizer finds them.
    #[derive(Default)]
    struct Tags(RefCell<Vec<String>>);

    impl TokenSink for Tags {
        type Handle = ();

        fn process_token(&self, token: oracle::Token, _: u64) -> TokenSinkResult<()> {
            let oracle::Token::TagToken(tag) = token else { return TokenSinkResult::Continue };
            let name = &*tag.name;
            let cut = &name[..name.floor_char_boundary(NAME_MAX)];
            if tag.kind == TagKind::EndTag {
                self.0.borrow_mut().push(format!("/{cut}"));
                return TokenSinkResult::Continue;
            }
            let attributes = tag.attrs.iter();
            let known =
                attributes.filter(|one| table::attribute(one.name.local.as_bytes()).is_some());
            let attributes = known.map(|one| format!(" {}={}", one.name.local, one.value));
            let mark = if tag.self_closing { "/" } else { "" };
            self.0.borrow_mut().push(cut.to_owned() + &attributes.collect::<String>() + mark);
            match name {
                "title" | "textarea" => TokenSinkResult::RawData(Rcdata),
                "script" => TokenSinkResult::RawData(ScriptData),
                "plaintext" => TokenSinkResult::Plaintext,
                name if TEXT_ELEMENTS.contains(&name) => TokenSinkResult::RawData(Rawtext),
                _ => TokenSinkResult::Continue,
            }
        }
    }

    fn expected(page: &str) -> Vec<String> {
        let tokenizer = oracle::Tokenizer::new(Tags::default(), oracle::TokenizerOpts::default());
        let queue = BufferQueue::default();
        queue.push_back(page.into());
        while !queue.is_empty() {
            _ = tokenizer.feed(&queue);
        }
        tokenizer.end();
        tokenizer.sink.0.take()
    }

    /// What `tokenizer` finds in `bytes`, and the number of bytes that it read.
    fn read(
        tokenizer: &mut Tokenizer,
        bytes: &[u8],
        is_last: bool,
        found: &mut Vec<String>,
    ) -> usize {
        let mut at = 0;
        while at < bytes.len()
            && let Some((token, n)) = tokenizer.next(&bytes[at..], is_last)
        {
            let (tag, token_bytes) = (&tokenizer.tag, &bytes[at..at + n]);
            let name = tag.name();
            let whole = name.utf8_chunks().next().map(|chunk| chunk.valid());
            let name = whole.unwrap_or_default().to_owned();
            match token {
                Token::StartTag => {
                    let attributes = tag.attributes.iter();
                    let attributes =
                        attributes.map(|one| format!(" {}={}", one.name, one.text(token_bytes)));
                    let mark = if tag.is_self_closing { "/" } else { "" };
                    found.push(name + &attributes.collect::<String>() + mark);
                    tokenizer.enter();
                }
                Token::EndTag => found.push(format!("/{name}")),
                Token::Text | Token::RawText => assert!(str::from_utf8(token_bytes).is_ok()),
                Token::Other => (),
            }
            assert!(n > 0);
            at += n;
        }
        at
    }

    fn tags(page: &str, piece: usize) -> Vec<String> {
        let (mut tokenizer, mut found, mut unread) = (Tokenizer::new(), Vec::new(), Vec::new());
        for piece in page.as_bytes().chunks(piece) {
            unread.extend_from_slice(piece);
            let n = read(&mut tokenizer, &unread, false, &mut found);
            unread.drain(..n);
        }
        assert_eq!(read(&mut tokenizer, &unread, true, &mut found), unread.len());
        found
    }

    #[test]
    fn comments_end_where_the_standard_says() {
        let check = |page: &str, n_tags: usize| assert_eq!(tags(page, 1).len(), n_tags, "{page}");
        check("<!--><a>", 1);
        check("<!---><a>", 1);
        check("<!----><a>", 1);
        check("<!--!><a>--><b>", 1);
        check("<!----!><a>", 1);
        check("<!--a--!><a>", 1);
        check("<!-- a -- > <a> ---><b>", 1);
        check("<!-a><b>", 1);
        check("<!doctype html><?xml <a?><b></ x><c></><d>", 3);
        check("<![CDATA[<a>]]><b>", 1);
    }

    #[test]
    fn scripts_hide_in_comments() {
        let check = |page: &str| assert_eq!(tags(page, 1), ["script", "/script", "a"], "{page}");
        check("<script><a></script><a>");
        check("<script><!-- </script><a>");
        check("<script><!-- <script> </script> --> </script><a>");
        check("<script><!-- <script> </script> </script><a>");
        check("<script><!-- <script> --> </script><a>");
        check("<script><!--> <script> </script><a>");
        check("<script><!---> <script> </script><a>");
        check("<script></scripts></SCRIPT ><a>");
    }

    #[test]
    fn cdata_sections_are_text_where_they_have_a_meaning() {
        let mut tokenizer = Tokenizer { has_cdata: true, ..Tokenizer::new() };
        let mut found = Vec::new();
        let page = b"<![CDATA[<a>]]]><b><![CDATA[>]]><c>";
        assert_eq!(read(&mut tokenizer, page, true, &mut found), page.len());
        assert_eq!(found, ["b", "c"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn tags_are_those_of_html5ever(
            page in "(<|<|>|/|=|'|\"| |\n|-|--|!|--!|<!--|-->|[a-z]|\u{e4}|<a href=|<A |id|\
                title|</title|<title>|<script>|<script|</script|</script>|<STYLE>|</style |<xmp/>|\
                </xmp>|<textarea>|</textarea|<!doctype|<\\?|\\]\\]>|<!\\[CDATA\\[|<plaintext>){0,24}",
            piece in 1usize..12,
        ) {
            let expected = expected(&page);
            prop_assert_eq!(&tags(&page, usize::MAX), &expected);
            prop_assert_eq!(&tags(&page, piece), &expected);
        }
    }
}
