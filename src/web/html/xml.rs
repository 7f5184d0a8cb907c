//! XHTML: elements close where XML says so, and nothing is raw text.

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesStart, Event};

use super::items::{Item, Wants};
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
    loop {
        let start = position(&reader, page);
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(err) => {
                let at = position(&reader, page).max(start + 1);
                rest_as_html(page, page.floor_char_boundary(at), visitor);
                return Err(err.to_string());
            }
        };
        match event {
            Event::Eof => return Ok(()),
            Event::Start(element) => {
                element_start(&element, page, visitor);
                in_style = element.local_name().as_ref() == "style";
            }
            Event::Empty(element) => element_start(&element, page, visitor),
            Event::End(_) => in_style = false,
            Event::Text(text) if in_style => sheet(&text, page, visitor),
            Event::CData(text) if in_style => sheet(&text, page, visitor),
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
fn rest_as_html(page: &str, start: usize, visitor: &Visitor<'_>) {
    let mut stream = Stream::at(visitor.clone(), start, true);
    stream.write(page[start..].as_bytes());
    stream.end();
}

fn element_start(element: &BytesStart<'_>, page: &str, visitor: &Visitor<'_>) {
    let name = element.local_name();
    for &(names, attribute, kind) in &ROWS {
        let is_row = names.is_empty() || names.iter().any(|one| matches(name.as_ref(), one));
        if is_row && visitor.wants.includes(kind) {
            element_attribute(element, attribute, kind, page, visitor);
        }
    }
}

fn matches(name: &str, row: &str) -> bool {
    name == row || (row == "feimage" && name == "feImage")
}

fn element_attribute(
    element: &str,
    attribute: &str,
    kind: ValueKind,
    page: &str,
    visitor: &Visitor<'_>,
) {
    let other = |name: &str| Some(page[place_of(element, name, page)?].to_owned());
    if let Some(value) = place_of(element, attribute, page) {
        visitor.attribute(attribute, &page[value], kind, other, |name| place(element, name, page));
    }
}

fn place_of(element: &str, attribute: &str, page: &str) -> Option<Range<usize>> {
    place(element, attribute, page)?.value
}

/// Where an attribute of a tag is in the page.
fn place(tag: &str, attribute: &str, page: &str) -> Option<Place> {
    let name_end = tag.find(|c: char| c.is_ascii_whitespace())?;
    let mut attributes = Attributes::new(tag, name_end);
    let mut attributes = attributes.with_checks(false).flatten();
    let found = attributes.find(|one| one.key.as_ref() == attribute)?;
    let Cow::Borrowed(value) = found.value else { return None };
    Some(Place { name: range(found.key.into_inner(), page)?, value: Some(range(value, page)?) })
}

/// Where a part of the page is in the page.
fn range(part: &str, page: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(page.as_ptr() as usize)?;
    (start + part.len() <= page.len()).then(|| start..start + part.len())
}

fn sheet(text: &str, page: &str, visitor: &Visitor<'_>) {
    let Some(range) = range(text, page) else { return };
    if let Some(changed) = visitor.sheet(text) {
        visitor.replace(range, changed);
    }
}
