//! What to crawl, and how.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use super::archive::Archive;
use super::folder::Folder;
use crate::web::fetch;

/// What to crawl, and how. The default follows links without bound on the hosts of the start URLs.
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Clone, Debug)]
pub struct Options {
    /// Number of worker threads, which is the maximum number of requests in flight.
    pub n_workers: usize,
    /// Maximum number of links between a start URL and a page; `None` for no maximum.
    pub depth: Option<u32>,
    /// Maximum number of URLs requested, not counting robots.txt.
    pub pages_max: usize,
    /// Whether images, scripts and style sheets are fetched too.
    pub assets: bool,
    /// Whether robots.txt (RFC 9309), `nofollow` and `X-Robots-Tag` are obeyed.
    pub robots: bool,
    /// Whether the pages named by the hosts' sitemaps are start URLs too.
    pub sitemap: bool,
    /// Maximum number of requests per second to one host.
    pub rate: Option<f64>,
    /// Maximum number of requests in flight to one host.
    pub per_host: usize,
    /// Number of further attempts after a temporary failure.
    pub retries: u32,
    /// Status codes that are no failure, beside those of success.
    pub accepted: Vec<RangeInclusive<u16>>,
    /// How [`check`](super::check) asks for URLs outside of the scope; `None` if it does not.
    pub outside: Option<OutsideOptions>,
    /// Whether URLs are only asked for by HEAD, or else GET, and their bodies not read.
    pub probes: bool,
    /// Whether links and fragment targets are kept, as [`check`](super::check) needs them.
    pub keep_links: bool,
    /// Whether the lines and texts of links are kept, too.
    pub keep_places: bool,
    /// Directory to save bodies in; `None` saves none.
    pub spool: Option<PathBuf>,
    /// File for the state of the crawl, from which the same crawl continues if it is there.
    pub state: Option<PathBuf>,
    /// What a mirror remembers of its last run; only what has changed since is fetched.
    pub archive: Option<Arc<Archive>>,
    /// A folder whose files stand for the responses of a server.
    pub folder: Option<Arc<Folder>>,
    /// Which links are followed.
    pub scope: ScopeOptions,
    /// How requests are made.
    pub fetch: fetch::Options,
}

impl Default for Options {
    fn default() -> Self {
        let fetch = fetch::Options::default();
        Options {
            n_workers: fetch.n_idle,
            depth: None,
            pages_max: usize::MAX,
            assets: false,
            robots: true,
            sitemap: false,
            rate: None,
            per_host: fetch.n_idle,
            retries: 2,
            accepted: Vec::new(),
            outside: None,
            probes: false,
            keep_links: false,
            keep_places: false,
            spool: None,
            archive: None,
            state: None,
            folder: None,
            scope: ScopeOptions::default(),
            fetch,
        }
    }
}

/// Which links are followed. By default those to the hosts of the start URLs.
#[derive(Clone, Debug, Default)]
pub struct ScopeOptions {
    /// Whether only URLs in the folder of a start URL, or below it, are followed.
    pub below: bool,
    /// Further hosts: `HOST`, or `HOST:PORT` where the port is not the scheme's default.
    pub hosts: Vec<String>,
    /// Whether links to every host are followed.
    pub span: bool,
    /// If not empty, a URL has to match at least one of these.
    pub include: Vec<Regex>,
    /// A URL must not match any of these.
    pub exclude: Vec<Regex>,
}

/// How URLs outside of the scope are checked: apart from the crawl, because their hosts are others'.
#[derive(Clone, Debug)]
pub struct OutsideOptions {
    /// Maximum number of requests in flight.
    pub n_workers: usize,
    /// Maximum number of requests per second to one host.
    pub rate: f64,
    /// Maximum time per request.
    pub timeout: Duration,
}
