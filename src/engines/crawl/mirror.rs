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

use super::archive::{Archive, Entry};
use super::coordinator;
use super::identity;
use super::ids::PageId;
use super::local_path::{self, FileType};
use super::options::Options;
use super::outcome::{self, Crawl, Page, Summary};
use super::pages::Pages;
use super::spool::{self, HTML, SHEET, SavedBody, XML};
use crate::fs::atomic;
use crate::machine::cpu;
use crate::threads::rayon_pool;
use crate::web::charset;
use crate::web::css;
use crate::web::html;
use crate::web::html::Item;
use crate::web::urls;

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
    /// Whether the file was there already and is as it should be.
    pub is_unchanged: bool,
    /// Which path could not be written and why, if the file is missing.
    pub error: Option<String>,
}

/// Crawls as [`crawl::run`](super::run) does and writes a copy of everything fetched to `dir`.
///
/// Each file is written completely or not at all. A cancelled crawl leaves the pages fetched so far.
/// With an [`archive`](Options::archive), only what has changed is fetched, and files that did not
/// change are left alone.
///
/// # Errors
/// When the directory cannot be created or the machine has no room for the worker threads.
pub fn run(
    dir: &Path,
    starts: &[String],
    options: &Options,
    done: &Receiver<()>,
    report: &mut dyn FnMut(&[Page], &Summary) -> bool,
) -> Result<Mirror, Error> {
    let error = |err| Error::Folder(dir.to_owned(), err);
    fs::create_dir_all(dir).map_err(error)?;
    let spool = tempfile::Builder::new().prefix(".crawl-").tempdir_in(dir).map_err(error)?;
    let spool_dir = Some(TempDir::path(&spool).to_owned());
    let options = Options { spool: spool_dir, assets: true, keep_links: true, ..options.clone() };
    let mut crawl = coordinator::run(starts, &options, done, report).map_err(Error::Crawl)?;
    let saved = std::mem::take(&mut crawl.saved);
    let paths = paths(&crawl.pages, &saved);
    let identity = identity::text(starts, &options);
    let archive = options.archive.as_deref();
    let kept = archive.map_or(Kept::default(), |archive| kept(archive, &crawl, &paths, &identity));
    let writer = Writer { dir, pages: &crawl.pages, paths, kept: kept.paths(), archive };
    let write = |(id, saved)| writer.file(id, saved);
    let written: Vec<(File, Option<Entry>)> = match rayon_pool(cpu::n_cpus(), None) {
        Some(pool) => pool.install(|| saved.into_par_iter().with_max_len(1).map(write).collect()),
        None => saved.into_iter().map(write).collect(),
    };
    let (mut files, entries): (Vec<File>, Vec<Option<Entry>>) = written.into_iter().unzip();
    if let Some(archive) = archive {
        let entries = entries.into_iter().flatten().chain(kept.entries);
        archive.save(&identity, entries.collect()).map_err(error)?;
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Mirror { crawl, files, gone: kept.gone })
}

/// A finished mirror.
#[derive(Debug)]
pub struct Mirror {
    /// The crawl that it was made by.
    pub crawl: Crawl,
    /// Its files, sorted by path.
    pub files: Vec<File>,
    /// Files of an earlier run whose URLs are no longer on the site, sorted by path; they are kept.
    pub gone: Vec<GoneFile>,
}

/// A file of a mirror whose URL is no longer on the site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoneFile {
    /// Its path, relative to the mirror's directory.
    pub path: String,
    /// The URL that it is a copy of.
    pub url: String,
    /// How that is known, such as `404 Not Found`.
    pub reason: String,
}

/// What becomes of an earlier run's files that this run did not write.
#[derive(Default)]
struct Kept {
    /// What may be on the site still.
    entries: Vec<Entry>,
    gone: Vec<GoneFile>,
}

impl Kept {
    /// The paths of files that are there still, by the keys of their URLs.
    fn paths(&self) -> HashMap<String, String> {
        let path = |entry: &Entry| (urls::key(&entry.url).into_owned(), entry.path.clone());
        self.entries.iter().map(path).collect()
    }
}

/// Sorts out the files of earlier runs that are not among `paths`.
fn kept(archive: &Archive, crawl: &Crawl, paths: &HashMap<PageId, String>, identity: &str) -> Kept {
    let Summary { is_cancelled, is_limited, .. } = crawl.summary;
    let is_whole = !is_cancelled && !is_limited && archive.has_options(identity);
    let mut kept = Kept::default();
    for entry in archive.entries() {
        let id = crawl.pages.find(&urls::key(&entry.url));
        if id.is_some_and(|id| paths.contains_key(&id)) {
            continue;
        }
        let reason = match id {
            Some(id) => crawl.pages.why_gone(id, is_whole),
            None => is_whole.then(|| "no page links to it".to_owned()),
        };
        match reason {
            Some(reason) => {
                let (path, url) = (entry.path.clone(), entry.url.clone());
                kept.gone.push(GoneFile { path, url, reason });
            }
            None => kept.entries.push(entry.clone()),
        }
    }
    kept.gone.sort();
    kept
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

/// Whether there is a regular file at `path` that holds this text.
fn holds(path: &Path, text: &[u8]) -> bool {
    let info = fs::symlink_metadata(path);
    info.is_ok_and(|info| info.is_file() && info.len() == text.len() as u64)
        && fs::read(path).is_ok_and(|own| own == text)
}

/// Writes saved bodies to their paths, with links rewritten.
struct Writer<'a> {
    dir: &'a Path,
    pages: &'a Pages,
    paths: HashMap<PageId, String>,
    /// Paths of files of earlier runs, by the keys of their URLs.
    kept: HashMap<String, String>,
    archive: Option<&'a Archive>,
}

impl Writer<'_> {
    fn file(&self, id: PageId, saved: SavedBody) -> (File, Option<Entry>) {
        let (url, path) = (self.pages.get(id).url.to_string(), self.paths[&id].clone());
        let (result, entry) = match self.write(&url, &path, saved) {
            Ok((is_unchanged, entry)) => (Ok(is_unchanged), entry),
            Err(err) => (Err(err.to_string()), None),
        };
        let is_unchanged = result == Ok(true);
        (File { url, path, is_unchanged, error: result.err() }, entry)
    }

    /// Writes a file. Returns whether it was there already, and what is to be remembered of it.
    fn write(&self, url: &str, path: &str, saved: SavedBody) -> io::Result<(bool, Option<Entry>)> {
        let target = self.dir.join(path);
        let SavedBody { path: body, content_type, validators } = saved;
        let (mut is_unchanged, mut original) = (body.is_none(), None);
        if let Some(body) = body {
            let folder = target.parent().unwrap_or(self.dir);
            fs::create_dir_all(folder).map_err(|err| with_path(folder, &err))?;
            if spool::has_links(&content_type) {
                let bytes = fs::read(&body)?;
                let text = self.rewritten(url, path, &bytes, &content_type)?;
                is_unchanged = self.archive.is_some() && holds(&target, text.as_bytes());
                if !is_unchanged {
                    atomic::write(&target, text.as_bytes())?;
                }
                original = Some(bytes);
            } else {
                body.persist(&target).map_err(|err| with_path(&target, &err.error))?;
            }
        }
        let is_remembered = validators.etag.is_some() || validators.last_modified.is_some();
        let entry = self.archive.filter(|_| is_remembered).map(|archive| {
            archive.entry(url, path, validators, &content_type, original.as_deref())
        });
        Ok((is_unchanged, entry.transpose()?))
    }

    /// The text of a page or style sheet with its links rewritten.
    fn rewritten(
        &self,
        url: &str,
        path: &str,
        bytes: &[u8],
        content_type: &str,
    ) -> io::Result<String> {
        let (is_html, is_xml) =
            (spool::is_one_of(content_type, HTML), spool::is_one_of(content_type, XML));
        let content_type = Some(content_type);
        let base = Url::parse(url).map_err(io::Error::other)?;
        let rewritten = if is_html {
            self.page(&charset::decode(bytes, content_type), base, path, |page, change| {
                html::rewrite(page, change)
            })
        } else if is_xml {
            self.page(&charset::decode_xml(bytes, content_type), base, path, |page, change| {
                html::rewrite_xml(page, change)
            })
        } else {
            let sheet = charset::decode_sheet(bytes, content_type);
            css::rewrite(&sheet, |link| self.link(link, &base, path)).unwrap_or(sheet)
        };
        // A byte order mark makes the copy UTF-8, whatever its meta element says.
        Ok(if rewritten.is_ascii() { rewritten } else { format!("\u{feff}{rewritten}") })
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
        let id = self.pages.find(key);
        let own = id.and_then(|id| self.paths.get(&id)).or_else(|| self.kept.get(key));
        if let Some(path) = own {
            return Some((path, None));
        }
        let id = id?;
        let (end, fragment) = self.pages.end_of_redirects(id)?;
        Some((self.paths.get(&end)?, fragment))
    }
}
