//! What comes back from fetching a page.

use std::time::Duration;

use super::links::Links;
use super::outcome::Page;
use super::spool::SavedBody;

/// A page with everything it leads to.
#[derive(Default)]
pub(super) struct FetchedPage {
    pub(super) page: Page,
    pub(super) links: Links,
    /// Whether the links lead to sitemaps.
    pub(super) are_sitemaps: bool,
    /// Sorted hashes of the fragments that the page defines; `None` if they are not kept.
    pub(super) fragment_ids: Option<Vec<u64>>,
    /// The body, if bodies are saved.
    pub(super) saved: Option<SavedBody>,
    /// The page as a record of the crawl's state, if that is saved.
    pub(super) record: Option<Vec<u8>>,
    /// Whether another attempt may succeed.
    pub(super) is_temporary: bool,
    /// How long the host asks to wait before the next request.
    pub(super) retry_after: Option<Duration>,
}

impl FetchedPage {
    /// A page that could not be fetched.
    pub(super) fn failed(error: String) -> Self {
        let page = Page { error: Some(error), ..Page::default() };
        FetchedPage { page, ..FetchedPage::default() }
    }
}
