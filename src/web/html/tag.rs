//! Tags: their names, and those of their attributes that mean something here (HTML standard, 13.2.5.8
//! and 13.2.5.32 to 13.2.5.40).

use std::borrow::Cow;
use std::ops::Range;

use super::table;

/// The longest name of an element that is told from others, in bytes.
pub(super) const NAME_MAX: usize = 16;

/// An attribute of a tag. Ranges are of the tag's bytes.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) name_range: Range<usize>,
    /// The value without quotes; `None` if the attribute has none.
    pub(super) value: Option<Range<usize>>,
}

/// The tag that was read last.
#[derive(Debug, Default)]
pub(super) struct Tag {
    /// The name in lower case, cut.
    name: [u8; NAME_MAX],
    name_len: usize,
    pub(super) is_self_closing: bool,
    /// The attributes that [`table::attribute`] knows, each once: the first one counts.
    pub(super) attributes: Vec<Attribute>,
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r' | b'\x0c')
}

/// Whether a byte ends the name of an element.
pub(super) fn is_name_end(byte: u8) -> bool {
    is_space(byte) || matches!(byte, b'/' | b'>')
}

/// The position of the first byte from `start` on that `is_end` accepts.
fn position(bytes: &[u8], start: usize, is_end: impl Fn(u8) -> bool) -> Option<usize> {
    bytes.get(start..)?.iter().position(|&byte| is_end(byte)).map(|n| start + n)
}

impl Tag {
    /// Reads the tag at the start of `bytes`, `<` and a letter or `</` and a letter. Returns its
    /// length; `None` if its end is not there.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let start = if bytes[1] == b'/' { 2 } else { 1 };
        let mut at = position(bytes, start, is_name_end)?;
        self.set_name(&bytes[start..at]);
        self.attributes.clear();
        self.is_self_closing = false;
        loop {
            at = position(bytes, at, |byte| !is_space(byte))?;
            match bytes[at] {
                b'>' => return Some(at + 1),
                b'/' => {
                    at += 1;
                    self.is_self_closing = *bytes.get(at)? == b'>';
                }
                _ => at = self.read_attribute(bytes, at)?,
            }
        }
    }

    fn set_name(&mut self, name: &[u8]) {
        self.name_len = name.len().min(NAME_MAX);
        for (own, byte) in self.name.iter_mut().zip(name) {
            *own = byte.to_ascii_lowercase();
        }
    }

    /// Reads the attribute that begins at `start`. Returns the position after it.
    fn read_attribute(&mut self, bytes: &[u8], start: usize) -> Option<usize> {
        // A name may begin with an equals sign, but not contain one.
        let end = position(bytes, start + 1, |byte| is_name_end(byte) || byte == b'=')?;
        let next = position(bytes, end, |byte| !is_space(byte))?;
        let (value, after) = if bytes[next] == b'=' {
            let (value, after) = value(bytes, next + 1)?;
            (Some(value), after)
        } else {
            (None, next)
        };
        if let Some(name) = table::attribute(&bytes[start..end])
            && self.attribute(name).is_none()
        {
            self.attributes.push(Attribute { name, name_range: start..end, value });
        }
        Some(after)
    }

    /// The name in lower case, of at most [`NAME_MAX`] bytes.
    pub(super) fn name(&self) -> &[u8] {
        &self.name[..self.name_len]
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name() == name.as_bytes()
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The value of an attribute, as it is written in the tag.
    pub(super) fn value<'t>(&self, name: &str, bytes: &'t [u8]) -> Option<Cow<'t, str>> {
        self.attribute(name).map(|attribute| attribute.text(bytes))
    }
}

impl Attribute {
    /// The value, as it is written in the tag.
    pub(super) fn text<'t>(&self, bytes: &'t [u8]) -> Cow<'t, str> {
        let value = self.value.clone().unwrap_or_default();
        let value = &bytes[value];
        str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value), Cow::Borrowed)
    }
}

/// The value that follows an equals sign, without quotes, and the position after it.
fn value(bytes: &[u8], start: usize) -> Option<(Range<usize>, usize)> {
    let first = position(bytes, start, |byte| !is_space(byte))?;
    if let quote @ (b'"' | b'\'') = bytes[first] {
        let start = first + 1;
        let end = start + memchr::memchr(quote, &bytes[start..])?;
        return Some((start..end, end + 1));
    }
    let end = position(bytes, first, |byte| is_space(byte) || byte == b'>')?;
    Some((first..end, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_attributes() {
        let check = |bytes: &str, name: &str, expected: &[(&str, Option<&str>)], rest: &str| {
            let mut tag = Tag::default();
            let n = tag.read(bytes.as_bytes()).unwrap();
            let values = tag.attributes.iter();
            let values = values.map(|one| (one.name, one.value.clone().map(|value| &bytes[value])));
            assert!(tag.is(name), "{bytes} {tag:?}");
            assert_eq!(values.collect::<Vec<_>>(), expected, "{bytes}");
            assert_eq!(&bytes[n..], rest, "{bytes}");
        };
        check("<a>x", "a", &[], "x");
        check("</A >x", "a", &[], "x");
        check("<a href=b>", "a", &[("href", Some("b"))], "");
        check("<a HREF = 'b>c'\nid>", "a", &[("href", Some("b>c")), ("id", None)], "");
        check("<a href=\"b\"id=c/>", "a", &[("href", Some("b")), ("id", Some("c/"))], "");
        check("<a href=x href=y class=z>", "a", &[("href", Some("x"))], "");
        check("<a =href=x href=>y", "a", &[("href", Some(""))], "y");
        check("<a/href/id=/>", "a", &[("href", None), ("id", Some("/"))], "");
        check("<a href\n=\n'' / >", "a", &[("href", Some(""))], "");
        check("<abcdefghijklmnopqrstuvwxyz id>", "abcdefghijklmnop", &[("id", None)], "");
    }

    #[test]
    fn a_tag_without_end_is_none() {
        let whole = "<a class=b href = 'c' id=d/>";
        for end in 2..whole.len() {
            assert_eq!(Tag::default().read(&whole.as_bytes()[..end]), None, "{}", &whole[..end]);
        }
    }

    #[test]
    fn a_slash_before_the_end_closes_the_tag() {
        let is_self_closing = |bytes: &str| {
            let mut tag = Tag::default();
            tag.read(bytes.as_bytes());
            tag.is_self_closing
        };
        assert!(
            is_self_closing("<a/>") && is_self_closing("<a b />") && is_self_closing("<a b=''/>")
        );
        assert!(
            !is_self_closing("<a b=/>") && !is_self_closing("<a / >") && !is_self_closing("<a>")
        );
    }
}
