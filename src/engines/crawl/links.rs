//! Links: as a worker reads them, and as edges between known pages.

use serde::{Deserialize, Serialize};

use super::ids::PageId;

/// How a link counts towards the depth of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum LinkKind {
    /// A link to another page, one level deeper.
    Page,
    /// An image, script or style sheet; as deep as the page that it belongs to.
    Asset,
    /// A redirect: the same page at another URL, and as deep.
    Redirect,
}

/// A URL that a page links to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Absolute, without fragment.
    pub(super) url: String,
    /// The URL's key ([`urls::key`](crate::web::urls::key)) where it differs from the URL.
    pub(super) key: Option<String>,
    /// Whether it is out of scope, and kept only to be checked.
    pub(super) is_outside: bool,
}

impl Target {
    pub(super) fn key(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.url)
    }
}

/// A link to one of a page's targets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    /// Its index among the targets.
    pub(super) target: u32,
    pub(super) kind: LinkKind,
    /// The fragment as the URL has it, percent-encoded.
    pub(super) fragment: Option<Box<str>>,
}

/// The links of a page whose targets are in scope, each once.
#[allow(clippy::struct_field_names, reason = "they are the links")]
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    /// Each URL once, however many links lead to it.
    pub(super) targets: Vec<Target>,
    pub(super) links: Vec<Link>,
    /// Where each of the links is, if that is kept.
    pub(super) places: Vec<Place>,
}

/// Where a link is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The first line is 1.
    pub(super) line: u32,
    pub(super) text: Box<str>,
}

/// A link whose target is one of the known pages. There are millions, so it is small.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) to: PageId,
    /// The kind in the lowest two bits, and above them the fragment's number plus one, or 0.
    packed: u32,
}

impl Edge {
    pub(super) fn new(to: PageId, kind: LinkKind, fragment: Option<u32>) -> Self {
        let kind = match kind {
            LinkKind::Page => 0,
            LinkKind::Asset => 1,
            LinkKind::Redirect => 2,
        };
        Edge { to, packed: fragment.map_or(0, |number| (number + 1) << 2) | kind }
    }

    pub(super) fn kind(self) -> LinkKind {
        match self.packed & 3 {
            0 => LinkKind::Page,
            1 => LinkKind::Asset,
            _ => LinkKind::Redirect,
        }
    }

    /// The number of its fragment in [`Texts`](super::texts::Texts), if it has one.
    pub(super) fn fragment(self) -> Option<u32> {
        (self.packed >> 2).checked_sub(1)
    }
}
