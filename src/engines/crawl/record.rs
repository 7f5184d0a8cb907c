//! A fetched page as bytes, for the state of a crawl.

use std::io::{Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::fetched::FetchedPage;
use super::links::{Link, LinkKind, Links, Place, Target};
use super::outcome::Page;

/// What a state file holds, one after the other.
#[derive(Serialize, Deserialize)]
pub(super) enum Record {
    Page(Box<PageRecord>),
    /// A sitemap that became a start URL.
    Sitemap {
        url: String,
        is_guess: bool,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) struct PageRecord {
    pub(super) url: String,
    status: Option<u16>,
    error: Option<String>,
    redirect: Option<String>,
    mime: String,
    n_bytes: u64,
    n_links: usize,
    warnings: Vec<String>,
    is_cut: bool,
    time: Duration,
    /// URLs with their keys where those differ, and whether they are out of scope.
    targets: Vec<(String, Option<String>, bool)>,
    links: Vec<(u32, LinkKind, Option<Box<str>>)>,
    /// The lines and texts of `links`, if they are kept.
    places: Vec<(u32, Box<str>)>,
    are_sitemaps: bool,
    fragment_ids: Option<Vec<u64>>,
}

/// The record of a page; `None` if another attempt may have another result.
pub(super) fn encode_page(fetched: &FetchedPage) -> Option<Vec<u8>> {
    let FetchedPage { page, links, are_sitemaps, fragment_ids, is_temporary, .. } = fetched;
    let is_broken_off =
        page.error.is_some() && !page.is_cut && page.status.is_none_or(|status| status < 300);
    if *is_temporary || is_broken_off {
        return None;
    }
    let Links { targets, links, places } = links;
    let targets = targets.iter().cloned();
    let targets = targets.map(|Target { url, key, is_outside }| (url, key, is_outside));
    let places = places.iter().cloned().map(|Place { line, text }| (line, text));
    let links = links.iter().map(|link| (link.target, link.kind, link.fragment.clone()));
    encode(&Record::Page(Box::new(PageRecord {
        url: page.url.to_string(),
        status: page.status,
        error: page.error.clone(),
        redirect: page.redirect.clone(),
        mime: page.mime.clone(),
        n_bytes: page.n_bytes,
        n_links: page.n_links,
        warnings: page.warnings.clone(),
        is_cut: page.is_cut,
        time: page.time,
        targets: targets.collect(),
        links: links.collect(),
        places: places.collect(),
        are_sitemaps: *are_sitemaps,
        fragment_ids: fragment_ids.clone(),
    })))
}

/// The record as JSON, compressed.
pub(super) fn encode(record: &Record) -> Option<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&serde_json::to_vec(record).ok()?).ok()?;
    encoder.finish().ok()
}

/// The record that [`encode`] made these bytes of; `None` if they are damaged.
pub(super) fn decode(bytes: &[u8]) -> Option<Record> {
    let mut json = Vec::new();
    DeflateDecoder::new(bytes).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

impl From<PageRecord> for FetchedPage {
    fn from(record: PageRecord) -> Self {
        let targets = record.targets.into_iter().map(|(url, key, is_outside)| Target {
            url,
            key,
            is_outside,
        });
        let links = record.links.into_iter();
        let links = links.map(|(target, kind, fragment)| Link { target, kind, fragment });
        let places = record.places.into_iter().map(|(line, text)| Place { line, text });
        let page = Page {
            url: record.url.into(),
            status: record.status,
            error: record.error,
            redirect: record.redirect,
            mime: record.mime,
            n_bytes: record.n_bytes,
            n_links: record.n_links,
            warnings: record.warnings,
            is_cut: record.is_cut,
            time: record.time,
            ..Page::default()
        };
        FetchedPage {
            page,
            links: Links {
                targets: targets.collect(),
                links: links.collect(),
                places: places.collect(),
            },
            are_sitemaps: record.are_sitemaps,
            fragment_ids: record.fragment_ids,
            ..FetchedPage::default()
        }
    }
}
