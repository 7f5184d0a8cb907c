//! Which attributes of which elements hold links, ids and directives.

use std::sync::LazyLock;

use super::items::{Category, Wants};

/// What the value of an attribute is.
#[derive(Clone, Copy)]
pub(super) enum ValueKind {
    /// A URL.
    Url(Category),
    /// A list of URLs with descriptors.
    Srcset,
    /// A style sheet.
    Style,
    /// A URL whose category depends on the attribute `rel`.
    LinkRel,
    /// Text that `http-equiv` or `name` gives a meaning.
    Meta,
    /// The URL of `<base>`.
    Base,
    /// An id or anchor name.
    Id,
}

/// Elements, an attribute, and what the attribute holds. No names stand for every element.
pub(super) type Row = (&'static [&'static str], &'static str, ValueKind);

const PAGE: ValueKind = ValueKind::Url(Category::Page);
const ASSET: ValueKind = ValueKind::Url(Category::Asset);

/// All rows.
pub(super) const ROWS: [Row; 17] = [
    (&["a", "area"], "href", PAGE),
    (&["a"], "xlink:href", PAGE),
    (&["iframe", "frame"], "src", PAGE),
    (&["link"], "href", ValueKind::LinkRel),
    (&["meta"], "content", ValueKind::Meta),
    (&["base"], "href", ValueKind::Base),
    (&[], "id", ValueKind::Id),
    (&["a"], "name", ValueKind::Id),
    (
        &["img", "image", "source", "script", "input", "video", "audio", "track", "embed"],
        "src",
        ASSET,
    ),
    (&["img", "source"], "srcset", ValueKind::Srcset),
    (&["link"], "imagesrcset", ValueKind::Srcset),
    (&["video"], "poster", ASSET),
    (&["object"], "data", ASSET),
    (&[], "background", ASSET),
    (&["use", "image", "feimage", "script"], "href", ASSET),
    (&["use", "image", "feimage", "script"], "xlink:href", ASSET),
    (&[], "style", ValueKind::Style),
];

/// Attributes that say more of an element, or are removed with one that does.
const OTHERS: [&str; 10] = [
    "rel",
    "http-equiv",
    "integrity",
    "crossorigin",
    "alt",
    "title",
    "encoding",
    "color",
    "face",
    "size",
];

/// The names of all attributes above, by their lengths.
static BY_LENGTH: LazyLock<[Vec<&'static str>; 16]> = LazyLock::new(|| {
    let mut names: Vec<_> = ROWS.iter().map(|(_, name, _)| *name).chain(OTHERS).collect();
    names.sort_unstable();
    names.dedup();
    std::array::from_fn(|len| names.iter().copied().filter(|name| name.len() == len).collect())
});

/// The name of an attribute that means something here, in lower case.
pub(super) fn attribute(name: &[u8]) -> Option<&'static str> {
    let names = BY_LENGTH.get(name.len())?;
    names.iter().copied().find(|own| own.as_bytes().eq_ignore_ascii_case(name))
}

/// What an attribute holds in an element of that name, if it is wanted.
pub(super) fn kind(element: &[u8], attribute: &str, wants: Wants) -> Option<ValueKind> {
    let is_row = |(names, own, _): &&Row| {
        *own == attribute
            && (names.is_empty() || names.iter().any(|name| name.as_bytes() == element))
    };
    let (.., kind) = ROWS.iter().find(is_row)?;
    wants.includes(*kind).then_some(*kind)
}

impl Wants {
    /// Whether values of that kind are looked for.
    pub(super) fn includes(self, kind: ValueKind) -> bool {
        match kind {
            ValueKind::Url(Category::Asset) | ValueKind::Srcset | ValueKind::Style => self.assets,
            ValueKind::Id => self.ids,
            _ => true,
        }
    }
}
