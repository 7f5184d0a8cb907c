//! What is known of one URL.

use std::sync::Arc;

use super::ids::PageId;
use super::links::Edge;

/// What is known of one URL.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug)]
pub(super) struct PageEntry {
    pub(super) url: Arc<str>,
    /// The fewest links between a start URL and this one, so far.
    pub(super) depth: u32,
    /// The fewest redirects in a row that lead here, so far.
    pub(super) n_redirects: u8,
    pub(super) n_attempts: u8,
    pub(super) state: State,
    /// The first page that linked here; the page itself if it is a start URL.
    pub(super) referrer: PageId,
    /// Whether it is a part of a page: an image, script or style sheet, or where one redirects to.
    pub(super) is_requisite: bool,
    /// Whether it was named as a sitemap.
    pub(super) is_sitemap: bool,
    /// Whether nobody named it, so that it need not exist.
    pub(super) is_guess: bool,
    /// Whether it is out of scope, and kept only to be checked.
    pub(super) is_outside: bool,
    /// The page's links, if they are kept.
    pub(super) links: Box<[Edge]>,
    /// Where each of them is: its line, and the number of its text. Empty if that is not kept.
    pub(super) places: Box<[(u32, Option<u32>)]>,
    /// The HTTP status, if there was a response.
    pub(super) status: Option<u16>,
    /// Sorted hashes of the fragments that the page defines; `None` if it is not HTML or they are
    /// not kept.
    pub(super) fragment_ids: Option<Box<[u64]>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Too deep so far, or above the number of pages.
    OverLimit,
    /// Waiting, or being fetched.
    Queued,
    Done,
    Forbidden,
    Failed(Box<str>),
}

impl PageEntry {
    /// A URL that is known, and not to be fetched so far.
    pub(super) fn new(url: Arc<str>, referrer: PageId, is_outside: bool) -> Self {
        PageEntry {
            url,
            depth: u32::MAX,
            n_redirects: u8::MAX,
            n_attempts: 0,
            state: State::OverLimit,
            referrer,
            is_requisite: false,
            is_sitemap: false,
            is_guess: false,
            is_outside,
            links: Box::default(),
            places: Box::default(),
            status: None,
            fragment_ids: None,
        }
    }
}
