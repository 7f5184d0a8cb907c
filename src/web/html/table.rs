//! Which attributes of which elements hold links, ids and directives.

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

/// All rows. A row without names costs time on every element, and is used only where it is wanted.
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
