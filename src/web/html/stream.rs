//! Markup read by `lol_html` while it arrives, in memory that a page cannot choose.
//!
//! The parser remembers every open element. A page with more of them than fit in its memory makes it
//! fail; a new one goes on where it stopped, with no element open, and finds what a tokenizer would.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::LazyLock;

use lol_html::html_content::{Element, TextChunk, TextType};
use lol_html::{ElementContentHandlers, HtmlRewriter, MemorySettings, Selector, Settings};

use super::items::Wants;
use super::link_text::Lines;
use super::table::{ROWS, Row, ValueKind};
use super::visit::{Place, Visitor};

/// Memory that the parser may use for one page, in bytes: for open elements and a partial tag.
const MEMORY_MAX: usize = 4 << 20;
/// The longest style sheet inside a page that is read, in bytes.
const SHEET_MAX: usize = 4 << 20;
/// Elements whose content is text to the parser.
const TEXT_ELEMENTS: &str = "script, style, textarea, title, iframe, noscript";
/// The namespace of HTML elements.
const HTML: &str = "http://www.w3.org/1999/xhtml";

/// The rows of the table with one attribute.
struct Group {
    attribute: &'static str,
    rows: Vec<&'static Row>,
    /// Every element with the attribute.
    by_attribute: Selector,
    /// The elements of the rows that are always wanted, by their names; `None` if there is no such row.
    by_name: Option<Selector>,
}

/// The rows by attribute, with their selectors, parsed once; the parser of each page borrows them.
static GROUPS: LazyLock<Vec<Group>> = LazyLock::new(|| {
    let mut groups: Vec<Group> = Vec::new();
    for row in &ROWS {
        let (_, attribute, _) = *row;
        match groups.iter_mut().find(|group| group.attribute == attribute) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group {
                attribute,
                rows: vec![row],
                by_attribute: selector(&having(attribute)),
                by_name: None,
            }),
        }
    }
    for group in &mut groups {
        group.by_name = group.names_selector();
    }
    groups
});

/// The selector of every element with that attribute.
fn having(attribute: &str) -> String {
    format!("[{}]", attribute.replace(':', "\\:"))
}

impl Group {
    fn names_selector(&self) -> Option<Selector> {
        let rows = self.rows.iter().filter(|(_, _, kind)| Wants::default().includes(*kind));
        let names: Vec<&str> = rows.flat_map(|(names, ..)| *names).copied().collect();
        // Nearly all of the elements have the other attributes.
        let rest =
            if self.attribute == "xlink:href" { having(self.attribute) } else { String::new() };
        let css: Vec<String> = names.iter().map(|name| format!("{name}{rest}")).collect();
        (!css.is_empty()).then(|| selector(&css.join(", ")))
    }

    /// The selector of what is wanted. The attributes of every element are read only if some are
    /// wanted of all elements: comparing a name is faster.
    fn selector(&self, wants: Wants) -> Option<&Selector> {
        if wants.assets || wants.ids {
            let is_wanted = self.rows.iter().any(|(_, _, kind)| wants.includes(*kind));
            return is_wanted.then_some(&self.by_attribute);
        }
        self.by_name.as_ref()
    }

    /// What the attribute holds in an element of that name, if it is wanted.
    fn kind(&self, name: &str, wants: Wants) -> Option<ValueKind> {
        let is_row = |names: &[&str]| names.is_empty() || names.contains(&name);
        let row = self.rows.iter().find(|(names, ..)| is_row(names));
        row.map(|(_, _, kind)| *kind).filter(|kind| wants.includes(*kind))
    }
}

static TEXTS: LazyLock<Selector> = LazyLock::new(|| selector(TEXT_ELEMENTS));
static NOSCRIPT: LazyLock<Selector> = LazyLock::new(|| selector("noscript"));
static STYLE: LazyLock<Selector> = LazyLock::new(|| selector("style"));
static ANCHOR: LazyLock<Selector> = LazyLock::new(|| selector("a"));
static IN_ANCHOR: LazyLock<Selector> = LazyLock::new(|| selector("a img, a br"));

fn selector(css: &str) -> Selector {
    css.parse().expect("a constant that parses")
}

/// What a stream shares with the handlers of its parser.
#[derive(Default)]
struct Progress {
    /// Bytes that the parser has read to the end of their tag or text.
    n_read: Cell<usize>,
    /// Bytes of the page before the first one that this parser was given.
    offset: Cell<usize>,
    /// The length of the start tag that the parser was given before them.
    n_prefix: Cell<usize>,
    /// The element whose text is being read, if it is one of [`TEXT_ELEMENTS`].
    text_of: RefCell<Option<String>>,
    n_skipped: Cell<usize>,
    /// Lines, if they are wanted.
    lines: Option<RefCell<Lines>>,
}

impl Progress {
    fn new(offset: usize, lines: Option<Lines>) -> Self {
        let offset = Cell::new(offset);
        Progress { offset, lines: lines.map(RefCell::new), ..Progress::default() }
    }

    /// Calls `change` with the lines, if they are wanted.
    fn with_lines<T>(&self, change: impl FnOnce(&mut Lines) -> T) -> Option<T> {
        self.lines.as_ref().map(|lines| change(&mut lines.borrow_mut()))
    }

    /// Called with the bytes that the parser is done with, in order. All bytes before an element or
    /// a text come here before its handlers are called.
    fn advance(&self, bytes: &[u8]) {
        self.n_read.set(self.n_read.get() + bytes.len());
        self.with_lines(|lines| lines.advance(bytes));
        let mut text_of = self.text_of.borrow_mut();
        if text_of.as_deref().is_some_and(|name| has_end_tag(bytes, name.as_bytes())) {
            *text_of = None;
        }
    }

    /// The position in the page of a position in what the parser was given.
    fn position(&self, at: usize) -> usize {
        self.offset.get() + at.saturating_sub(self.n_prefix.get())
    }
}

fn has_end_tag(bytes: &[u8], name: &[u8]) -> bool {
    memchr::memmem::find_iter(bytes, b"</").any(|at| {
        let closed = bytes.get(at + 2..at + 2 + name.len());
        closed.is_some_and(|closed| closed.eq_ignore_ascii_case(name))
    })
}

/// A tag that was too long to read, and is being skipped.
#[derive(Default)]
struct SkippedTag {
    quote: Option<u8>,
}

impl SkippedTag {
    /// The number of bytes up to the end of the tag; `None` if it does not end here.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, &byte) in bytes.iter().enumerate() {
            match (self.quote, byte) {
                (None, b'>') => return Some(at + 1),
                (None, b'"' | b'\'') => self.quote = Some(byte),
                (Some(quote), _) if byte == quote => self.quote = None,
                _ => (),
            }
        }
        None
    }
}

/// Receives the bytes that a parser is done with.
type Sink<'v> = Box<dyn FnMut(&[u8]) + 'v>;

type Parser<'v> = HtmlRewriter<'v, Sink<'v>>;

/// Reads markup that arrives in pieces of UTF-8, and shows its items to a visitor.
pub(super) struct Stream<'v> {
    visitor: Visitor<'v>,
    progress: Rc<Progress>,
    parser: Option<Parser<'v>>,
    /// What the parser was given and has not read to the end of its tag.
    unread: Vec<u8>,
    skipping: Option<SkippedTag>,
    /// Whether `<noscript>` is markup. Inside of one it is not.
    noscript: bool,
}

impl<'v> Stream<'v> {
    pub(super) fn new(visitor: Visitor<'v>) -> Self {
        Stream::at(visitor, 0, 1, true)
    }

    /// A stream of markup that begins `offset` bytes into the page, on that line.
    pub(super) fn at(visitor: Visitor<'v>, offset: usize, line: usize, noscript: bool) -> Self {
        let lines = visitor.wants.places.then(|| Lines::after(line - 1));
        let progress = Rc::new(Progress::new(offset, lines));
        let mut stream = Stream {
            visitor,
            progress,
            parser: None,
            unread: Vec::new(),
            skipping: None,
            noscript,
        };
        stream.parser = Some(stream.new_parser());
        stream
    }

    /// The number of tags, and of style sheets, that were too long to read.
    pub(super) fn n_skipped(&self) -> usize {
        self.progress.n_skipped.get()
    }

    fn new_parser(&self) -> Parser<'v> {
        let progress = Rc::clone(&self.progress);
        let sink: Sink<'v> = Box::new(move |bytes| progress.advance(bytes));
        HtmlRewriter::new(self.settings(), sink)
    }

    pub(super) fn write(&mut self, piece: &[u8]) {
        let mut piece = Cow::Borrowed(piece);
        loop {
            if let Some(mut tag) = self.skipping.take() {
                let Some(end) = tag.end(&piece) else {
                    self.skip(&piece);
                    self.skipping = Some(tag);
                    return;
                };
                self.skip(&piece[..end]);
                piece = Cow::Owned(piece[end..].to_vec());
            }
            let Some(rest) = self.try_write(&piece) else { return };
            piece = Cow::Owned(rest);
        }
    }

    pub(super) fn end(&mut self) {
        self.end_parser();
        self.visitor.end_text();
    }

    fn end_parser(&mut self) {
        while let Some(parser) = self.parser.take() {
            if parser.end().is_ok() {
                return;
            }
            let unread = std::mem::take(&mut self.unread);
            let rest = self.restart(unread);
            self.write(&rest);
            if rest.is_empty() {
                return;
            }
        }
    }

    /// Gives the parser a piece. If it runs out of memory, returns what the next one has to read.
    fn try_write(&mut self, piece: &[u8]) -> Option<Vec<u8>> {
        let n_before = self.progress.n_read.get();
        let parser = self.parser.as_mut()?;
        self.progress.with_lines(|lines| lines.give(piece));
        let result = parser.write(piece);
        let n_read = self.progress.n_read.get() - n_before;
        if let Some(n_read) = n_read.checked_sub(self.unread.len()) {
            self.unread.clear();
            self.unread.extend_from_slice(&piece[n_read..]);
        } else {
            self.unread.drain(..n_read);
            self.unread.extend_from_slice(piece);
        }
        if result.is_ok() {
            return None;
        }
        let rest = std::mem::take(&mut self.unread);
        Some(self.restart(rest))
    }

    /// Starts a new parser for `rest`, where the one before ran out of memory. Returns what of the
    /// rest it has to read.
    fn restart(&mut self, rest: Vec<u8>) -> Vec<u8> {
        let n_read = self.progress.n_read.take();
        self.move_offset(n_read);
        if n_read == 0 {
            // A new parser could not read a single tag: it is too long.
            self.skipping = Some(SkippedTag::default());
            self.progress.n_skipped.set(self.progress.n_skipped.get() + 1);
        }
        let mut parser = self.new_parser();
        let text_of = self.progress.text_of.borrow().clone();
        let tag = text_of.map(|name| format!("<{name}>")).unwrap_or_default();
        self.progress.n_prefix.set(tag.len());
        _ = parser.write(tag.as_bytes()); // there is room for one short tag
        self.progress.with_lines(Lines::restart);
        self.progress.n_read.set(0);
        self.parser = Some(parser);
        rest
    }

    fn skip(&self, bytes: &[u8]) {
        self.move_offset(bytes.len());
        self.progress.with_lines(|lines| lines.advance(bytes));
        self.progress.with_lines(Lines::restart);
    }

    fn move_offset(&self, n: usize) {
        self.progress.offset.set(self.progress.offset.get() + n);
    }

    fn settings(&self) -> Settings<'v, 'static> {
        let memory = MemorySettings::new().with_max_allowed_memory_usage(MEMORY_MAX);
        let mut settings = Settings::new().with_strict(false).with_memory_settings(memory);
        let mut append = |selector: &'static Selector, handlers: ElementContentHandlers<'v>| {
            let taken = std::mem::take(&mut settings);
            settings = taken.append_element_content_handler((Cow::Borrowed(selector), handlers));
        };
        if self.visitor.wants.places {
            append(&ANCHOR, self.anchor_handler());
            append(&IN_ANCHOR, self.in_anchor_handler());
        }
        for group in &*GROUPS {
            if let Some(selector) = group.selector(self.visitor.wants) {
                append(selector, self.attribute_handler(group));
            }
        }
        append(&TEXTS, self.text_element_handler());
        if self.visitor.wants.assets {
            append(&STYLE, self.style_handler());
        }
        if self.noscript {
            append(&NOSCRIPT, self.noscript_handler());
        }
        settings
    }

    fn attribute_handler(&self, group: &'static Group) -> ElementContentHandlers<'v> {
        let (visitor, progress) = (self.visitor.clone(), Rc::clone(&self.progress));
        let name = group.attribute;
        ElementContentHandlers::default().element(move |element: &mut Element<'_, '_>| {
            if let Some(kind) = group.kind(&element.tag_name(), visitor.wants)
                && let Some(raw) = element.get_attribute(name)
            {
                let other = |name: &str| element.get_attribute(name);
                let place = |name: &str| place(element, name, &progress);
                let first = visitor.n_links();
                if let Some(line) = line(element, name, &progress) {
                    visitor.line(line);
                }
                visitor.attribute(name, &raw, kind, other, place);
                if visitor.wants.places && visitor.n_links() > first {
                    text_of_links(&visitor, element, first);
                }
            }
            Ok(())
        })
    }

    /// Collects the text of each `<a>`. An element without a URL ends the text of the one before.
    fn anchor_handler(&self) -> ElementContentHandlers<'v> {
        let (starts, texts) = (self.visitor.clone(), self.visitor.clone());
        let handlers = ElementContentHandlers::default().element(move |_: &mut Element<'_, '_>| {
            starts.end_text();
            Ok(())
        });
        handlers.text(move |chunk: &mut TextChunk<'_>| {
            if chunk.text_type() == TextType::Data {
                texts.add_text(chunk.as_str());
            }
            Ok(())
        })
    }

    /// Adds the texts of images inside of an `<a>`, and the ends of its lines.
    fn in_anchor_handler(&self) -> ElementContentHandlers<'v> {
        let visitor = self.visitor.clone();
        ElementContentHandlers::default().element(move |element: &mut Element<'_, '_>| {
            visitor.add_text(&element.get_attribute("alt").unwrap_or_else(|| " ".to_owned()));
            Ok(())
        })
    }

    /// Remembers that the content of an element is text.
    fn text_element_handler(&self) -> ElementContentHandlers<'v> {
        let progress = Rc::clone(&self.progress);
        ElementContentHandlers::default().element(move |element: &mut Element<'_, '_>| {
            if element.namespace_uri() == HTML {
                *progress.text_of.borrow_mut() = Some(element.tag_name());
            }
            Ok(())
        })
    }

    /// Collects the text of a `<style>` and visits it at its end.
    fn style_handler(&self) -> ElementContentHandlers<'v> {
        let (visitor, progress) = (self.visitor.clone(), Rc::clone(&self.progress));
        let (mut sheet, mut start, mut line) = (String::new(), 0, None);
        ElementContentHandlers::default().text(move |chunk: &mut TextChunk<'_>| {
            if sheet.is_empty() {
                line = progress.with_lines(|lines| lines.line());
                start = progress.position(chunk.source_location().bytes().start);
            }
            sheet.push_str(chunk.as_str());
            if sheet.len() > SHEET_MAX {
                sheet.clear();
                progress.n_skipped.set(progress.n_skipped.get() + 1);
            }
            if chunk.last_in_text_node() {
                if let Some(changed) = visitor.sheet(&sheet, line) {
                    visitor.replace(start..start + sheet.len(), changed);
                }
                sheet.clear();
            }
            Ok(())
        })
    }

    /// Reads the content of `<noscript>` as markup. The parser takes it for text, as if scripts were
    /// run; we run none.
    fn noscript_handler(&self) -> ElementContentHandlers<'v> {
        let (visitor, progress) = (self.visitor.clone(), Rc::clone(&self.progress));
        let mut inner: Option<Stream<'v>> = None;
        ElementContentHandlers::default().text(move |chunk: &mut TextChunk<'_>| {
            let start = progress.position(chunk.source_location().bytes().start);
            let line = progress.with_lines(|lines| lines.line()).unwrap_or(1);
            let stream =
                inner.get_or_insert_with(|| Stream::at(visitor.clone(), start, line, false));
            stream.write(chunk.as_str().as_bytes());
            if chunk.last_in_text_node()
                && let Some(mut stream) = inner.take()
            {
                stream.end_parser(); // the text of an <a> around it goes on
                progress.n_skipped.set(progress.n_skipped.get() + stream.n_skipped());
            }
            Ok(())
        })
    }
}

/// The line of an attribute's value, if lines are wanted.
fn line(element: &Element<'_, '_>, attribute: &str, progress: &Progress) -> Option<usize> {
    progress.lines.as_ref()?;
    let attribute = element.attributes().iter().find(|one| one.name() == attribute)?;
    let location = attribute.value_source_location().or(attribute.name_source_location())?;
    let n = location.bytes().start.checked_sub(element.source_location().bytes().start)?;
    progress.with_lines(|lines| lines.line_behind(n))
}

/// Reports the text of an element's links, or begins to collect it.
fn text_of_links(visitor: &Visitor<'_>, element: &Element<'_, '_>, first: usize) {
    if element.tag_name() == "a" {
        visitor.start_text(first);
    } else if let Some(text) = ["alt", "title"].iter().find_map(|name| element.get_attribute(name))
    {
        visitor.text_of_links(first, &text);
    }
}

/// Where the first attribute of that name is in the page.
fn place(element: &Element<'_, '_>, attribute: &str, progress: &Progress) -> Option<Place> {
    let attribute = element.attributes().iter().find(|one| one.name() == attribute)?;
    let position = |location: lol_html::html_content::SourceLocation| {
        let bytes = location.bytes();
        progress.position(bytes.start)..progress.position(bytes.end)
    };
    let name = position(attribute.name_source_location()?);
    Some(Place { name, value: attribute.value_source_location().map(position) })
}
