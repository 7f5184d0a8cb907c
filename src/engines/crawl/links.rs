//! Links: as a worker reads them, and as edges between known pages.

use super::ids::PageId;

/// How a link counts towards the depth of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum LinkKind {
    /// A link to another page, one level deeper. Holds the hash of the URL's fragment, or 0.
    Page(u64),
    /// An image, script or style sheet; as deep as the page that it belongs to.
    Asset,
    /// A redirect: the same page at another URL, and as deep.
    Redirect,
}

/// A link whose target is in scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    /// Absolute, without fragment.
    pub(super) url: String,
    /// The URL's key ([`urls::key`](crate::web::urls::key)) where it differs from the URL.
    pub(super) key: Option<String>,
    pub(super) kind: LinkKind,
    pub(super) fragment: Option<String>,
}

impl Link {
    pub(super) fn key(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.url)
    }
}

/// A link whose target is one of the known pages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) to: PageId,
    pub(super) kind: LinkKind,
}
