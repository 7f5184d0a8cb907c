//! The URLs in a style sheet (CSS Syntax 3, CSS Values 4, CSS Images 4): `url(…)`, `src("…")`,
//! `@import "…"` and the strings of `image-set(…)`.
//!
//! The same URLs as css-tree 3 finds in 499 style sheets of Debian's documentation and Python's packages
//! (2026-11-28).

use std::borrow::Cow;
use std::ops::Range;

use cssparser::{Parser, Token};

/// A URL in a style sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetUrl<'a> {
    /// The URL, with its escapes decoded.
    pub url: Cow<'a, str>,
    /// The bytes of the token that holds it: a string in quotes, or `url(…)` without quotes.
    pub range: Range<usize>,
    is_function: bool,
}

impl SheetUrl<'_> {
    /// The token that names `url` instead, for the same place.
    #[must_use]
    pub fn replacement(&self, url: &str) -> String {
        let quoted = format!("\"{}\"", url.replace('\\', "\\\\").replace('"', "\\\""));
        if self.is_function { format!("url({quoted})") } else { quoted }
    }
}

/// What surrounds a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    /// `url(` or `src(`, before its string.
    Url,
    /// `image-set(`: every string is a URL.
    ImageSet,
    Other,
}

/// What a string or URL would mean, by the at-keyword before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtRule {
    None,
    /// `@import`, before its URL.
    Import,
    /// `@namespace`, whose URL is only a name.
    Namespace,
}

/// The URLs in a style sheet, or in a list of declarations, in order.
///
/// A URL that is only a fragment refers to an element of the page, and is left out.
///
/// ```
/// let urls = threadbare::web::css::urls(r#"@import "a.css"; p { background: url(b\ c.png) }"#);
/// assert_eq!(urls.iter().map(|one| &*one.url).collect::<Vec<_>>(), ["a.css", "b c.png"]);
/// ```
#[must_use]
pub fn urls(sheet: &str) -> Vec<SheetUrl<'_>> {
    let mut scan = Scan { sheet, urls: Vec::new(), blocks: Vec::new(), at_rule: AtRule::None };
    let mut at = 0;
    while at < sheet.len() {
        at += scan.run(at);
    }
    scan.urls.retain(|one| !one.url.is_empty() && !one.url.starts_with('#'));
    scan.urls
}

/// The sheet with its URLs replaced by what `change` returns; `None` if it changes nothing.
pub fn rewrite(sheet: &str, mut change: impl FnMut(&str) -> Option<String>) -> Option<String> {
    let (mut rewritten, mut n_copied) = (String::new(), 0);
    for old in urls(sheet) {
        if let Some(new) = change(&old.url) {
            rewritten += &sheet[n_copied..old.range.start];
            rewritten += &old.replacement(&new);
            n_copied = old.range.end;
        }
    }
    (n_copied > 0).then(|| rewritten + &sheet[n_copied..])
}

struct Scan<'a> {
    sheet: &'a str,
    urls: Vec<SheetUrl<'a>>,
    blocks: Vec<Block>,
    at_rule: AtRule,
}

impl Scan<'_> {
    /// Reads tokens from `start` to the first one that opens a block, or to the end. Returns the
    /// number of bytes read.
    ///
    /// cssparser skips a block unless a closure descends into it. Starting again after its opening
    /// token needs no recursion, whose depth a hostile sheet could choose.
    fn run(&mut self, start: usize) -> usize {
        let rest = &self.sheet[start..];
        let mut parser = Parser::new(rest);
        loop {
            let before = parser.position().byte_index();
            let Ok(token) = parser.next_including_whitespace_and_comments() else {
                return rest.len();
            };
            let token = token.clone();
            let end = parser.position().byte_index();
            if self.add(&token, start + before..start + end) {
                return end;
            }
        }
    }

    /// Adds the URL of a token. Returns whether the token opens a block.
    fn add(&mut self, token: &Token<'_>, range: Range<usize>) -> bool {
        let block = match token {
            Token::WhiteSpace(_) | Token::Comment(_) => return false,
            Token::Function(name) => Some(function(name)),
            Token::ParenthesisBlock | Token::SquareBracketBlock | Token::CurlyBracketBlock => {
                Some(Block::Other)
            }
            _ => None,
        };
        match token {
            Token::UnquotedUrl(url) => self.push(url, range, true),
            Token::QuotedString(url) if self.is_url_expected() => self.push(url, range, false),
            Token::CloseParenthesis | Token::CloseSquareBracket | Token::CloseCurlyBracket => {
                self.blocks.pop();
            }
            _ => (),
        }
        self.at_rule = match token {
            Token::AtKeyword(name) if name.eq_ignore_ascii_case("import") => AtRule::Import,
            Token::AtKeyword(name) if name.eq_ignore_ascii_case("namespace") => AtRule::Namespace,
            Token::Semicolon | Token::CurlyBracketBlock | Token::AtKeyword(_) => AtRule::None,
            _ if self.at_rule == AtRule::Import => AtRule::None, // its URL comes first
            _ => self.at_rule,
        };
        if block.is_none() && self.blocks.last() == Some(&Block::Url) {
            self.blocks.pop();
            self.blocks.push(Block::Other); // after the first argument
        }
        self.blocks.extend(block);
        block.is_some()
    }

    fn is_url_expected(&self) -> bool {
        self.at_rule == AtRule::Import
            || matches!(self.blocks.last(), Some(Block::Url | Block::ImageSet))
    }

    fn push(&mut self, url: &str, range: Range<usize>, is_function: bool) {
        if self.at_rule == AtRule::Namespace {
            return;
        }
        let token = &self.sheet[range.clone()];
        let unescaped = token.find(url).map(|at| Cow::Borrowed(&token[at..at + url.len()]));
        let url = unescaped.unwrap_or_else(|| Cow::Owned(url.to_owned()));
        self.urls.push(SheetUrl { url, range, is_function });
    }
}

fn function(name: &str) -> Block {
    let is_one_of = |names: &[&str]| names.iter().any(|one| name.eq_ignore_ascii_case(one));
    match () {
        () if is_one_of(&["url", "src"]) => Block::Url,
        () if is_one_of(&["image-set", "-webkit-image-set"]) => Block::ImageSet,
        () => Block::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(sheet: &str) -> Vec<String> {
        urls(sheet).into_iter().map(|one| one.url.into_owned()).collect()
    }

    #[test]
    fn urls_are_found() {
        let check = |sheet: &str, expected: &[&str]| assert_eq!(texts(sheet), expected, "{sheet}");
        check("a { b: url(a.png) } b { c: URL( 'b c.png' ) }", &["a.png", "b c.png"]);
        check("/* url(no) */ a { content: 'url(no)' } b { src: url(yes) }", &["yes"]);
        check("a { b: my-url(no) } url()", &[]);
        check("url(unfinished", &["unfinished"]);
        check("url(\u{e4})", &["\u{e4}"]);
        check("/* unfinished url(no)", &[]);
        // Several on one line, as Font Awesome, Sphinx and jQuery UI write them.
        check(
            "@font-face{src:url(\"a.eot\");src:url(\"a.woff2\") format(\"woff2\"),url('a.ttf')}",
            &["a.eot", "a.woff2", "a.ttf"],
        );
        check("url(\"a\") , url(\"b\")", &["a", "b"]);
        // A fragment alone names an element of the page (CSS Values 4, 4.5.1.1).
        check("a { fill: url(#gradient) ; mask: url('m.svg#x') }", &["m.svg#x"]);
    }

    #[test]
    fn escapes_are_decoded() {
        let check = |sheet: &str, expected: &[&str]| assert_eq!(texts(sheet), expected, "{sheet}");
        check("url('a\\'b')", &["a'b"]);
        check("url(a\\ b.png)", &["a b.png"]);
        check("url(\\61\\000062 c)", &["abc"]);
        check("u\\72l(x)", &["x"]);
        check("url('a\\\nb')", &["ab"]);
        check("url(a b) url(c)", &["c"]); // a space inside makes it a bad URL
        check("url('a\nb ; url(c)", &["c"]); // and so does the end of a line in a string
    }

    #[test]
    fn imports_image_sets_and_namespaces() {
        let check = |sheet: &str, expected: &[&str]| assert_eq!(texts(sheet), expected, "{sheet}");
        check("@import \"x.css\"; @IMPORT url(y.css) screen;", &["x.css", "y.css"]);
        check("@import/**/'x'layer(a) supports(b: 'no');@charset 'no';", &["x"]);
        check("@import url('x') print;@import\n\"y\"", &["x", "y"]);
        check("@important 'no'; @import screen 'no'", &[]);
        check("@namespace svg url(http://no); @namespace 'no'; a{b:url(c)}", &["c"]);
        check("image-set('a' 1x, \"b\" type('no') 2x, url(c))", &["a", "b", "c"]);
        check("-webkit-image-set(url('a') 1x)", &["a"]);
        check("src('a') attr('no') url('b' 'no')", &["a", "b"]);
    }

    #[test]
    fn deep_blocks_take_little_time_and_no_stack() {
        let deep = "({[a(".repeat(200_000) + "url(x)";
        assert_eq!(texts(&deep), ["x"]);
    }

    #[test]
    fn urls_are_rewritten_in_their_tokens() {
        let change = |url: &str| (url != "keep").then(|| format!("{url}\"2"));
        assert_eq!(
            rewrite("a{b:url(x) url('y') url(keep)}@import 'z';", change).unwrap(),
            "a{b:url(\"x\\\"2\") url(\"y\\\"2\") url(keep)}@import \"z\\\"2\";"
        );
        assert_eq!(rewrite("a{b:url(keep)}", change), None);
    }

    proptest! {
        #[test]
        fn ranges_are_apart_and_rewriting_keeps_all_urls(
            sheet in "(url\\(|@import|image-set\\(|[\"'()/*{}; \\\\\n\u{e4}x]){0,20}",
        ) {
            let before = urls(&sheet);
            prop_assert!(before.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
            prop_assert!(before.iter().all(|url| sheet.get(url.range.clone()).is_some()));
            let rewritten = rewrite(&sheet, |_| Some("new".to_owned())).unwrap_or_default();
            prop_assert_eq!(texts(&rewritten), vec!["new"; before.len()], "{}", rewritten);
        }
    }
}
