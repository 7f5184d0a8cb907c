//! XHTML: elements close where XML says so, and nothing is raw text.

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesStart, Event};

use super::items::{Item, Wants};
use super::link_text::n_newlines;
use super::stream::Stream;
use super::table::{ROWS, ValueKind};
use super::visit::{Place, Visitor};

/// Reports the items of an XHTML page (or of an SVG image) as [`Scanner`](super::Scanner) does.
///
/// # Errors
/// When the page is not well-formed. What follows the error is read as HTML, and its items are
/// reported all the same.
pub fn scan(page: &str, wants: Wants, report: impl FnMut(Item<'_>)) -> Result<(), String> {
    visit(page, &Visitor::new(wants, report))
}

/// Shows the items of a page to the visitor.
pub(super) fn visit(page: &str, visitor: &Visitor<'_>) -> Result<(), String> {
    let mut reader = Reader::from_str(page);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut in_style = false;
    let mut elements = Elements { page, visitor, counted: (0, 1), depth: 0, link_depth: None };
    loop {
        let start = position(&reader, page);
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(err) => {
                let at = position(&reader, page).max(start + 1);
                rest_as_html(page, page.floor_char_boundary(at), &mut elements);
                return Err(err.to_string());
            }
        };
        match event {
            Event::Eof => return Ok(()),
            Event::Start(element) => {
                elements.start(&element);
                in_style = element.local_name().as_ref() == "style";
            }
            Event::Empty(element) => {
                elements.start(&element);
                elements.end();
            }
            Event::End(_) => {
                elements.end();
                in_style = false;
            }
            Event::Text(text) if in_style => elements.sheet(&text),
            Event::CData(text) if in_style => elements.sheet(&text),
            Event::Text(text) => visitor.add_text(&text),
            Event::GeneralRef(name) => visitor.add_text(&format!("&{};", &*name)),
            Event::Decl(declaration) => {
                if let Some(encoding) = place_of(&declaration, "encoding", page) {
                    visitor.replace(encoding, "UTF-8".to_owned());
                }
            }
            _ => (),
        }
    }
}

fn position(reader: &Reader<&[u8]>, page: &str) -> usize {
    usize::try_from(reader.buffer_position()).map_or(page.len(), |at| at.min(page.len()))
}

/// Reads what is not well-formed as browsers read HTML.
fn rest_as_html(page: &str, start: usize, elements: &mut Elements<'_, '_>) {
    let line = elements.line(start);
    let mut stream = Stream::at(elements.visitor.clone(), start, line);
    stream.write(&page.as_bytes()[start..]);
    stream.end();
}

/// Shows the elements of a page to the visitor.
struct Elements<'p, 'v> {
    page: &'p str,
    visitor: &'p Visitor<'v>,
    /// A position in the page, and its line.
    counted: (usize, usize),
    /// The number of open elements.
    depth: usize,
    /// The depth of the `<a>` whose text is being read.
    link_depth: Option<usize>,
}

impl Elements<'_, '_> {
    fn start(&mut self, element: &BytesStart<'_>) {
        self.depth += 1;
        let (name, first) = (element.local_name(), self.visitor.n_links());
        for &(names, attribute, kind) in &ROWS {
            let is_row = names.is_empty() || names.iter().any(|one| matches(name.as_ref(), one));
            if is_row && self.visitor.wants.includes(kind) {
                self.attribute(element, attribute, kind);
            }
        }
        if self.visitor.wants.places {
            self.text(element, first);
        }
    }

    fn end(&mut self) {
        if self.link_depth == Some(self.depth) {
            self.visitor.end_text();
            self.link_depth = None;
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn attribute(&mut self, element: &str, attribute: &str, kind: ValueKind) {
        let page = self.page;
        let other = |name: &str| Some(page[place_of(element, name, page)?].to_owned());
        let Some(value) = place_of(element, attribute, page) else { return };
        if self.visitor.wants.places {
            let line = self.line(value.start);
            self.visitor.line(line);
        }
        let place = |name: &str| place(element, name, page);
        self.visitor.attribute(attribute, &page[value], kind, other, place);
    }

    /// Reports the text of an element's links from number `first` on, or begins to collect it.
    fn text(&mut self, element: &BytesStart<'_>, first: usize) {
        let own = ["alt", "title"].iter().find_map(|name| place_of(element, name, self.page));
        let own = own.map(|range| &self.page[range]);
        let has_links = self.visitor.n_links() > first;
        match (element.local_name().as_ref(), own) {
            ("a", _) if has_links => {
                self.visitor.start_text(first);
                self.link_depth = Some(self.depth);
            }
            (name, Some(text)) => {
                self.visitor.text_of_links(first, text);
                if name == "img" {
                    self.visitor.add_text(text);
                }
            }
            ("br", None) => self.visitor.add_text(" "),
            _ => (),
        }
    }

    fn sheet(&mut self, text: &str) {
        let Some(range) = range(text, self.page) else { return };
        let line = self.visitor.wants.places.then(|| self.line(range.start));
        if let Some(changed) = self.visitor.sheet(text, line) {
            self.visitor.replace(range, changed);
        }
    }

    /// The line of a position, counted from the one that was asked for before.
    fn line(&mut self, at: usize) -> usize {
        let (bytes, (counted, line)) = (self.page.as_bytes(), self.counted);
        let line = if at < counted {
            line - n_newlines(&bytes[at..counted])
        } else {
            line + n_newlines(&bytes[counted..at])
        };
        self.counted = (at, line);
        line
    }
}

fn matches(name: &str, row: &str) -> bool {
    name == row || (row == "feimage" && name == "feImage")
}

fn place_of(element: &str, attribute: &str, page: &str) -> Option<Range<usize>> {
    place(element, attribute, page)?.value
}

/// Where an attribute of a tag is in the page.
fn place(tag: &str, attribute: &str, page: &str) -> Option<Place> {
    let name_end = tag.find(|c: char| c.is_ascii_whitespace())?;
    let mut attributes = Attributes::new(tag, name_end);
    let mut attributes = attributes.with_checks(false).flatten();
    let attribute = attributes.find(|one| one.key.as_ref() == attribute)?;
    let Cow::Borrowed(value) = attribute.value else { return None };
    Some(Place { name: range(attribute.key.into_inner(), page)?, value: Some(range(value, page)?) })
}

/// Where a part of the page is in the page.
fn range(part: &str, page: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(page.as_ptr() as usize)?;
    (start + part.len() <= page.len()).then(|| start..start + part.len())
}
