//! Shows the links and ids of HTML to a visitor while the page arrives, in memory that the page cannot
//! choose: no element is remembered but those of SVG and `MathML`.

use std::borrow::Cow;
use std::ops::Range;

use super::foreign::Namespaces;
use super::link_text::n_newlines;
use super::table;
use super::tag::{Attribute, Tag};
use super::tokenizer::{Token, Tokenizer};
use super::visit::{Place, Visitor};

/// The longest tag that is read, in bytes.
const TAG_MAX: usize = 4 << 20;
/// The longest style sheet inside a page that is read, in bytes.
const SHEET_MAX: usize = 4 << 20;

/// Reads HTML that arrives in pieces of UTF-8, and shows its items to a visitor.
pub(super) struct Stream<'v> {
    visitor: Visitor<'v>,
    tokenizer: Tokenizer,
    namespaces: Namespaces,
    /// What was not read yet, because its end has not arrived.
    unread: Vec<u8>,
    /// Where in the page the next token begins.
    here: Position,
    /// The style sheet that is being read.
    sheet: Option<Sheet>,
    /// Whether this is inside of a `<noscript>` in an `<a>`, which nobody sees where scripts run.
    is_hidden: bool,
    n_skipped: usize,
}

/// A place in a page.
#[derive(Clone, Copy, Debug)]
struct Position {
    byte: usize,
    /// The number of the line, from 1, if lines are counted.
    line: usize,
}

/// The text of a `<style>`.
struct Sheet {
    text: String,
    start: Position,
    is_too_long: bool,
}

impl<'v> Stream<'v> {
    pub(super) fn new(visitor: Visitor<'v>) -> Self {
        Stream::at(visitor, 0, 1)
    }

    /// A stream of markup that begins `byte` bytes into the page, on that line.
    pub(super) fn at(visitor: Visitor<'v>, byte: usize, line: usize) -> Self {
        Stream {
            visitor,
            tokenizer: Tokenizer::new(),
            namespaces: Namespaces::default(),
            unread: Vec::new(),
            here: Position { byte, line },
            sheet: None,
            is_hidden: false,
            n_skipped: 0,
        }
    }

    /// The number of tags, and of style sheets, that were too long to read.
    pub(super) fn n_skipped(&self) -> usize {
        self.n_skipped
    }

    pub(super) fn write(&mut self, piece: &[u8]) {
        if self.unread.is_empty() {
            let n_read = self.read(piece, false);
            self.unread.extend_from_slice(&piece[n_read..]);
        } else {
            self.unread.extend_from_slice(piece);
            // A long tag is not read again for every piece of it.
            if self.unread.len() < 2 * piece.len() || memchr::memchr(b'>', piece).is_some() {
                self.read_unread(false);
            }
        }
        if self.unread.len() > TAG_MAX {
            self.n_skipped += 1;
            self.tokenizer.skip_tag();
            self.read_unread(false);
        }
    }

    pub(super) fn end(&mut self) {
        self.read_unread(true);
        self.end_sheet();
        self.visitor.end_text();
    }

    fn read_unread(&mut self, is_last: bool) {
        let mut unread = std::mem::take(&mut self.unread);
        let n_read = self.read(&unread, is_last);
        unread.drain(..n_read);
        self.unread = unread;
    }

    /// Reads the tokens that are whole. Returns the number of their bytes.
    fn read(&mut self, bytes: &[u8], is_last: bool) -> usize {
        let mut n_read = 0;
        while n_read < bytes.len()
            && let Some((token, n)) = self.tokenizer.next(&bytes[n_read..], is_last)
        {
            let token_bytes = &bytes[n_read..n_read + n];
            self.visit(token, token_bytes);
            self.here.byte += n;
            if self.visitor.wants.places {
                self.here.line += n_newlines(token_bytes);
            }
            n_read += n;
        }
        n_read
    }

    fn visit(&mut self, token: Token, bytes: &[u8]) {
        match token {
            Token::StartTag => self.start_tag(bytes),
            Token::EndTag => self.end_tag(),
            // In SVG a style sheet is text like any other, or a CDATA section.
            _ if self.sheet.is_some() => self.sheet_text(bytes),
            Token::Text if self.visitor.wants.places && !self.is_hidden => {
                self.visitor.add_text(&String::from_utf8_lossy(bytes));
            }
            Token::Text | Token::RawText | Token::Other => (),
        }
    }

    fn start_tag(&mut self, bytes: &[u8]) {
        self.end_sheet(); // there is one in SVG at most
        let is_html = self.namespaces.start(&self.tokenizer.tag, bytes);
        self.tokenizer.has_cdata = self.namespaces.is_foreign();
        if is_html {
            self.tokenizer.enter();
        }
        let tag = &self.tokenizer.tag;
        let is_empty = !is_html && tag.is_self_closing;
        if tag.is("style") && !is_empty && self.visitor.wants.assets {
            let start = self.here.after(bytes);
            self.sheet = Some(Sheet { text: String::new(), start, is_too_long: false });
        }
        if self.visitor.wants.places {
            self.element_with_places(bytes);
        } else if !tag.attributes.is_empty() {
            self.attributes(bytes);
        }
    }

    fn end_tag(&mut self) {
        self.end_sheet();
        self.namespaces.end(&self.tokenizer.tag);
        self.tokenizer.has_cdata = self.namespaces.is_foreign();
        if self.visitor.wants.places {
            match self.tokenizer.tag.name() {
                b"a" => self.visitor.end_text(),
                b"noscript" => self.is_hidden = false,
                _ => (),
            }
        }
    }

    fn attributes(&self, bytes: &[u8]) {
        let (tag, wants) = (&self.tokenizer.tag, self.visitor.wants);
        for attribute in &tag.attributes {
            let Some(kind) = table::kind(tag.name(), attribute.name, wants) else { continue };
            let other = |name: &str| tag.value(name, bytes).map(Into::into);
            let place = |name: &str| tag.attribute(name).map(|one| self.here.place(one));
            if wants.places {
                let start = attribute.value.as_ref().unwrap_or(&attribute.name_range).start;
                self.visitor.line(self.here.after(&bytes[..start]).line);
            }
            self.visitor.attribute(attribute.name, &attribute.text(bytes), kind, other, place);
        }
    }

    /// Visits an element's attributes, and the texts of its links.
    fn element_with_places(&mut self, bytes: &[u8]) {
        let (tag, visitor) = (&self.tokenizer.tag, &self.visitor);
        let first = visitor.n_links();
        match tag.name() {
            b"a" => visitor.end_text(),
            b"br" | b"img" if !self.is_hidden => {
                visitor.add_text(&tag.value("alt", bytes).unwrap_or(" ".into()));
            }
            _ => (),
        }
        self.attributes(bytes);
        let has_links = visitor.n_links() > first;
        match tag.name() {
            b"a" => {
                if has_links {
                    visitor.start_text(first);
                }
                self.is_hidden = false;
            }
            b"noscript" => self.is_hidden = true,
            _ if has_links => {
                if let Some(text) = text(tag, bytes) {
                    visitor.text_of_links(first, &text);
                }
            }
            _ => (),
        }
    }

    fn sheet_text(&mut self, bytes: &[u8]) {
        let Some(sheet) = &mut self.sheet else { return };
        if sheet.text.len() + bytes.len() > SHEET_MAX {
            sheet.is_too_long = true;
        } else if !sheet.is_too_long {
            sheet.text += &String::from_utf8_lossy(bytes);
        }
    }

    /// Visits the style sheet that has been read, if there is one.
    fn end_sheet(&mut self) {
        let Some(Sheet { text, start, is_too_long }) = self.sheet.take() else { return };
        if is_too_long {
            self.n_skipped += 1;
            return;
        }
        let line = self.visitor.wants.places.then_some(start.line);
        if let Some(changed) = self.visitor.sheet(&text, line) {
            self.visitor.replace(start.byte..start.byte + text.len(), changed);
        }
    }
}

/// What describes an element's links.
fn text<'t>(tag: &Tag, bytes: &'t [u8]) -> Option<Cow<'t, str>> {
    tag.value("alt", bytes).or_else(|| tag.value("title", bytes))
}

impl Position {
    /// The position after these bytes.
    fn after(self, bytes: &[u8]) -> Position {
        Position { byte: self.byte + bytes.len(), line: self.line + n_newlines(bytes) }
    }

    /// Where in the page an attribute of the tag here is.
    fn place(self, attribute: &Attribute) -> Place {
        let shifted = |range: &Range<usize>| self.byte + range.start..self.byte + range.end;
        Place { name: shifted(&attribute.name_range), value: attribute.value.as_ref().map(shifted) }
    }
}
