//! Copies a site to disk so that it can be browsed offline.
//!
//! Bodies are saved in a temporary directory until the crawl is over. Only then is it known which
//! links lead to a copied page: those become relative, all others absolute.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use crossbeam::channel::Receiver;
use rayon::prelude::*;
use tempfile::TempDir;
use url::Url;

use super::coordinator;
use super::ids::PageId;
use super::local_path::{self, FileType};
use super::options::Options;
use super::outcome::{self, Crawl, Page, Summary};
use super::pages::Pages;
use super::spool::SavedBody;
use crate::fs::atomic;
use crate::machine::cpu;
use crate::threads::rayon_pool;
use crate::web::charset;
use crate::web::css;
use crate::web::html;
use crate::web::html::Item;
use crate::web::urls;

/// Media types of XML that has links.
const XML: &[&str] = &["application/xhtml+xml", "image/svg+xml"];
/// The media type of style sheets.
const SHEET: &[&str] = &["text/css"];

/// Why a mirror could not be made.
#[derive(Debug)]
pub enum Error {
    /// The crawl could not be started.
    Crawl(outcome::Error),
    /// The directory cannot be created or written to.
    Folder(PathBuf, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Crawl(err) => err.fmt(f),
            Error::Folder(dir, err) => write!(f, "{}: {err}", dir.display()),
        }
    }
}

impl std::error::Error for Error {}

/// One file of a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The URL that it is a copy of.
    pub url: String,
    /// Its path, relative to the mirror's directory.
    pub path: String,
    /// Which path could not be written and why, if the file is missing.
    pub error: Option<String>,
}

/// Crawls as [`crawl::run`](super::run) does and writes a copy of everything fetched to `dir`.
///
/// Returns the files sorted by path. Each is written completely or not at all. A cancelled crawl
/// leaves the pages fetched so far.
///
/// # Errors
/// When the directory cannot be created or the machine has no room for the worker threads.
pub fn run(
    dir: &Path,
    starts: &[String],
    options: &Options,
    done: &Receiver<()>,
    report: &mut dyn FnMut(&[Page], &Summary) -> bool,
) -> Result<(Crawl, Vec<File>), Error> {
    let error = |err| Error::Folder(dir.to_owned(), err);
    fs::create_dir_all(dir).map_err(error)?;
    let spool = tempfile::Builder::new().prefix(".crawl-").tempdir_in(dir).map_err(error)?;
    let spool_dir = Some(TempDir::path(&spool).to_owned());
    let options = Options { spool: spool_dir, assets: true, keep_links: true, ..options.clone() };
    let mut crawl = coordinator::run(starts, &options, done, report).map_err(Error::Crawl)?;
    let saved = std::mem::take(&mut crawl.saved);
    let writer = Writer { dir, pages: &crawl.pages, paths: paths(&crawl.pages, &saved) };
    let mut files: Vec<File> = match rayon_pool(cpu::n_cpus(), None) {
        Some(pool) => pool
            .install(|| saved.into_par_iter().map(|(id, saved)| writer.file(id, saved)).collect()),
        None => saved.into_iter().map(|(id, saved)| writer.file(id, saved)).collect(),
    };
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((crawl, files))
}

/// The path of each saved body, relative to the mirror's directory.
fn paths(pages: &Pages, saved: &[(PageId, SavedBody)]) -> HashMap<PageId, String> {
    let path = |(id, saved): &(PageId, SavedBody)| {
        let key = urls::key(&pages.get(*id).url);
        (*id, local_path::path(&key, file_type(saved)))
    };
    saved.iter().map(path).collect()
}

/// What a browser has to take a saved body for.
fn file_type(saved: &SavedBody) -> FileType {
    match () {
        () if saved.is_one_of(SHEET) => FileType::Sheet,
        () if saved.is_one_of(&["application/xhtml+xml"]) => FileType::Xhtml,
        () => FileType::ByName,
    }
}

fn with_path(path: &Path, err: &io::Error) -> io::Error {
    io::Error::new(err.kind(), format!("{}: {err}", path.display()))
}

/// Writes saved bodies to their paths, with links rewritten.
struct Writer<'a> {
    dir: &'a Path,
    pages: &'a Pages,
    paths: HashMap<PageId, String>,
}

impl Writer<'_> {
    fn file(&self, id: PageId, saved: SavedBody) -> File {
        let (url, path) = (self.pages.get(id).url.to_string(), self.paths[&id].clone());
        let error = self.write(&url, &path, saved).err().map(|err| err.to_string());
        File { url, path, error }
    }

    fn write(&self, url: &str, path: &str, saved: SavedBody) -> io::Result<()> {
        let target = self.dir.join(path);
        let folder = target.parent().unwrap_or(self.dir);
        fs::create_dir_all(folder).map_err(|err| with_path(folder, &err))?;
        let Some(text) = self.rewritten(url, path, &saved)? else {
            return saved.path.persist(&target).map_err(|err| with_path(&target, &err.error));
        };
        atomic::write(&target, text.as_bytes())
    }

    /// The text with its links rewritten; `None` for types that have no links.
    fn rewritten(&self, url: &str, path: &str, saved: &SavedBody) -> io::Result<Option<String>> {
        let (is_html, is_xhtml) = (saved.is_one_of(&["text/html"]), saved.is_one_of(XML));
        if !is_html && !is_xhtml && !saved.is_one_of(SHEET) {
            return Ok(None);
        }
        let bytes = fs::read(&saved.path)?;
        let content_type = Some(&*saved.content_type);
        let Ok(base) = Url::parse(url) else { return Ok(None) };
        let rewritten = if is_html {
            self.page(&charset::decode(&bytes, content_type), base, path, |page, change| {
                html::rewrite(page, change)
            })
        } else if is_xhtml {
            self.page(&charset::decode_xml(&bytes, content_type), base, path, |page, change| {
                html::rewrite_xml(page, change)
            })
        } else {
            let sheet = charset::decode_sheet(&bytes, content_type);
            css::rewrite(&sheet, |link| self.link(link, &base, path)).unwrap_or(sheet)
        };
        // A byte order mark makes the copy UTF-8, whatever its meta element says.
        Ok(Some(if rewritten.is_ascii() { rewritten } else { format!("\u{feff}{rewritten}") }))
    }

    /// A page with its links rewritten by `rewrite`.
    fn page(
        &self,
        text: &str,
        mut base: Url,
        path: &str,
        rewrite: impl FnOnce(&str, &mut dyn FnMut(Item<'_>) -> Option<String>) -> String,
    ) -> String {
        let mut has_base = false;
        rewrite(text, &mut |item| match item {
            Item::Link(link, ..) => self.link(link, &base, path),
            Item::Base(href) => {
                if !std::mem::replace(&mut has_base, true)
                    && let Ok(moved) = base.join(href)
                {
                    base = moved;
                }
                Some(String::new())
            }
            _ => None,
        })
    }

    /// The new text of a link in the file at `path`; `None` if the link is left as it is.
    fn link(&self, text: &str, base: &Url, path: &str) -> Option<String> {
        let mut url = urls::resolve(base, text).ok()?;
        let own = url.fragment().map(|fragment| format!("#{fragment}")).unwrap_or_default();
        url.set_fragment(None);
        let Some((to, redirect_fragment)) = self.copied(&urls::key(url.as_str())) else {
            return Some(url.as_str().to_owned() + &own);
        };
        let fragment = redirect_fragment.map_or(own, |number| {
            format!("#{}", self.pages.fragments.text(number)) // RFC 9110, 10.2.2
        });
        let is_same_page = to == path && !fragment.is_empty();
        Some(if is_same_page { fragment } else { local_path::relative(path, to) + &fragment })
    }

    /// The path of the copy of a page, or of the page that it redirects to, and the number of the
    /// fragment that the redirect names.
    fn copied(&self, key: &str) -> Option<(&String, Option<u32>)> {
        let id = self.pages.find(key)?;
        if let Some(path) = self.paths.get(&id) {
            return Some((path, None));
        }
        let (end, fragment) = self.pages.end_of_redirects(id)?;
        Some((self.paths.get(&end)?, fragment))
    }
}
