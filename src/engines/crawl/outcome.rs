//! What a crawl returns: one record per page, a summary, and the links that were kept.

use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use super::folder::Folder;
use super::ids::PageId;
use super::pages::Pages;
use super::spool::SavedBody;

/// The result of requesting one URL.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The URL requested.
    pub url: Arc<str>,
    /// Number of links between a start URL and this one when it was requested.
    pub depth: u32,
    /// The HTTP status, if there was a response.
    pub status: Option<u16>,
    /// Why the request failed, if it did.
    pub error: Option<String>,
    /// Target of the redirect, if the response was one.
    pub redirect: Option<String>,
    /// Content-Type without parameters, in lower case.
    pub mime: String,
    /// Bytes of the body that were read, after decompression.
    pub n_bytes: u64,
    /// Number of different links in scope.
    pub n_links: usize,
    /// What of the page was left out, for example links that are too long to follow.
    pub warnings: Vec<String>,
    /// Whether the URL exists although its body was not read to the end: it is too large.
    pub is_cut: bool,
    /// The page that linked to this one first; `None` for a start URL.
    pub referrer: Option<Arc<str>>,
    /// Time from the request to the last byte.
    pub time: Duration,
}

/// The result of a whole crawl.
#[derive(Debug)]
pub struct Crawl {
    /// The crawl in numbers.
    pub summary: Summary,
    pub(super) pages: Pages,
    pub(super) saved: Vec<(PageId, SavedBody)>,
    /// The URLs out of scope and what they lead to, if they were checked.
    pub(super) outside: Option<Pages>,
    /// Why the state could not be saved to its end.
    pub state_error: Option<String>,
    /// The folder that was crawled instead of a server.
    pub(super) folder: Option<Arc<Folder>>,
}

/// How many pages and bytes a crawl has fetched, and how it ended.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Number of URLs fetched successfully, redirects excluded.
    pub n_pages: usize,
    /// Number of URLs out of scope that were checked successfully, redirects excluded.
    pub n_outside: usize,
    /// Number of URLs that failed.
    pub n_failed: usize,
    /// Number of URLs that have not changed since the last run.
    pub n_unchanged: usize,
    /// Number of URLs of which something was left out.
    pub n_incomplete: usize,
    /// Number of URLs forbidden by robots.txt.
    pub n_forbidden: usize,
    /// Bytes of bodies read, after decompression.
    pub n_bytes: u64,
    /// Number of URLs waiting or being fetched now.
    pub n_waiting: usize,
    /// Whether a limit left URLs out.
    pub is_limited: bool,
    /// Whether the crawl was cancelled before its end.
    pub is_cancelled: bool,
    /// Duration of the crawl.
    pub time: Duration,
}

/// Why a crawl could not be started.
#[derive(Debug)]
pub enum Error {
    /// The machine has no room for the worker threads.
    Workers(io::Error),
    /// The state file cannot be used: which it is, and why.
    State(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Workers(err) => write!(f, "workers: {err}"),
            Error::State(err) => f.write_str(err),
        }
    }
}

impl std::error::Error for Error {}
