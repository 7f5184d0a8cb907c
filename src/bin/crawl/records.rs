//! The output of crawl: text, JSON or CSV, one record per line.

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use threadbare::cli;
use threadbare::engines::crawl::Page;

/// Writes records to stdout in one of three formats.
pub(crate) enum Records {
    Text,
    Json,
    Csv(Box<csv::Writer<cli::Stdout>>),
}

impl Records {
    pub(crate) fn new(json: bool, csv: bool) -> Self {
        match (json, csv) {
            (true, _) => Records::Json,
            (_, true) => Records::Csv(Box::new(csv::Writer::from_writer(cli::stdout()))),
            _ => Records::Text,
        }
    }

    /// Writes the record; in text format the line that `text` returns, if any.
    pub(crate) fn write(
        &mut self,
        record: &impl Serialize,
        text: impl FnOnce() -> Option<String>,
    ) -> anyhow::Result<()> {
        let line = match self {
            Records::Csv(writer) => return Ok(writer.serialize(record)?),
            Records::Json => Some(serde_json::to_string(record)?),
            Records::Text => text(),
        };
        line.map_or(Ok(()), |line| Ok(writeln!(cli::stdout(), "{line}")?))
    }

    pub(crate) fn flush(self) -> anyhow::Result<()> {
        match self {
            Records::Csv(mut writer) => Ok(writer.flush()?),
            _ => Ok(()),
        }
    }
}

/// A page in JSON or CSV.
#[derive(Serialize)]
pub(crate) struct PageRecord<'a> {
    pub(crate) url: &'a str,
    pub(crate) depth: u32,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<&'a str>,
    pub(crate) redirect: Option<&'a str>,
    #[serde(rename = "type")]
    pub(crate) mime: &'a str,
    pub(crate) bytes: u64,
    pub(crate) links: usize,
    pub(crate) ms: f64,
}

impl<'a> PageRecord<'a> {
    pub(crate) fn new(page: &'a Page) -> Self {
        PageRecord {
            url: &page.url,
            depth: page.depth,
            status: page.status,
            error: page.error.as_deref(),
            redirect: page.redirect.as_deref(),
            mime: &page.mime,
            bytes: page.n_bytes,
            links: page.n_links,
            ms: page.time.as_micros() as f64 / 1e3,
        }
    }
}

/// A file of a mirror in JSON or CSV.
#[derive(Serialize)]
pub(crate) struct FileRecord<'a> {
    pub(crate) url: &'a str,
    pub(crate) file: &'a Path,
}
