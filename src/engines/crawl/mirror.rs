//! 8.7 A copy of a site that can be walked offline.
//!
//! What was fetched lies in a folder of its own until the crawl is over. Only then it is known which
//! links lead to something that was copied: they become relative, the others absolute.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use crossbeam::channel::Receiver;
use rayon::prelude::*;
use tempfile::TempDir;
use url::Url;

use super::local;
use super::pages::{Id, Pages};
use super::save::Saved;
use super::{Crawl, Options, Page, Summary};
use crate::fs::atomic;
use crate::web::charset;
use crate::web::css;
use crate::web::html;
use crate::web::html::Item;
use crate::web::urls;

/// What keeps a mirror from being made.
#[derive(Debug)]
pub enum Error {
    /// The crawl could not begin.
    Crawl(super::Error),
    /// The folder cannot be written to.
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

/// A file of a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it comes from.
    pub url: String,
    /// Where it is, below the mirror's folder.
    pub path: String,
    /// Which path could not be written and why, if it is not there.
    pub error: Option<String>,
}

/// Crawls as [`crawl::run`](super::run) does, and leaves a copy of all that was fetched in `dir`.
/// Each file is there as a whole or not at all; a crawl that is cancelled leaves what it has.
///
/// # Errors
/// When the folder cannot be made or the machine has no room for the workers.
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
    let options = Options { spool: spool_dir, assets: true, remember: true, ..options.clone() };
    let mut crawl = super::run(starts, &options, done, report).map_err(Error::Crawl)?;
    let saved = std::mem::take(&mut crawl.saved);
    let copy = Copy { dir, pages: &crawl.pages, paths: paths(&crawl.pages, &saved) };
    let mut files: Vec<File> =
        saved.into_par_iter().map(|(id, saved)| copy.place(id, saved)).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((crawl, files))
}

fn paths(pages: &Pages, saved: &[(Id, Saved)]) -> HashMap<Id, String> {
    let path = |(id, saved): &(Id, Saved)| {
        let key = urls::key(&pages.get(*id).url);
        (*id, local::path(&key, saved.is(&["text/css"])))
    };
    saved.iter().map(path).collect()
}

fn named(path: &Path, err: &io::Error) -> io::Error {
    io::Error::new(err.kind(), format!("{}: {err}", path.display()))
}

/// A mirror that is being put in place.
struct Copy<'a> {
    dir: &'a Path,
    pages: &'a Pages,
    paths: HashMap<Id, String>,
}

impl Copy<'_> {
    fn place(&self, id: Id, saved: Saved) -> File {
        let (url, path) = (self.pages.get(id).url.to_string(), self.paths[&id].clone());
        let error = self.try_place(&url, &path, saved).err().map(|err| err.to_string());
        File { url, path, error }
    }

    fn try_place(&self, url: &str, path: &str, saved: Saved) -> io::Result<()> {
        let target = self.dir.join(path);
        let folder = target.parent().unwrap_or(self.dir);
        fs::create_dir_all(folder).map_err(|err| named(folder, &err))?;
        let Some(text) = self.rewritten(url, path, &saved)? else {
            return saved.path.persist(&target).map_err(|err| named(&target, &err.error));
        };
        atomic::write(&target, text.as_bytes())
    }

    /// The text with its links changed, if it is of a type that has links.
    fn rewritten(&self, url: &str, path: &str, saved: &Saved) -> io::Result<Option<String>> {
        let is_html = saved.is(&["text/html", "application/xhtml+xml"]);
        if !is_html && !saved.is(&["text/css"]) {
            return Ok(None);
        }
        let text = fs::read(&saved.path)?;
        let text = match String::from_utf8(text) {
            Ok(text) if !is_html => text, // a sheet without charset is UTF-8 if it can be
            Ok(text) => charset::decode(text.as_bytes(), Some(&saved.content_type)),
            Err(err) => charset::decode(err.as_bytes(), Some(&saved.content_type)),
        };
        let Ok(base) = Url::parse(url) else { return Ok(None) };
        let changed =
            if is_html { self.page(&text, base, path)? } else { self.sheet(&text, &base, path) };
        // With a byte order mark it is UTF-8, whatever its meta says.
        Ok(Some(if changed.is_ascii() { changed } else { format!("\u{feff}{changed}") }))
    }

    fn page(&self, text: &str, mut base: Url, path: &str) -> io::Result<String> {
        let mut has_base = false;
        let changed = html::rewrite(text, |item| match item {
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
        });
        changed.map_err(io::Error::other)
    }

    fn sheet(&self, text: &str, base: &Url, path: &str) -> String {
        let (mut changed, mut done) = (String::with_capacity(text.len()), 0);
        for range in css::urls(text) {
            if let Some(new) = self.link(&text[range.clone()], base, path) {
                changed += &text[done..range.start];
                changed += &new;
                done = range.end;
            }
        }
        changed + &text[done..]
    }

    /// What a link on the page at `path` has to be offline; `None` where it can stay.
    fn link(&self, text: &str, base: &Url, path: &str) -> Option<String> {
        let mut url = urls::resolve(base, text).ok()?;
        let fragment = url.fragment().map(|fragment| format!("#{fragment}")).unwrap_or_default();
        url.set_fragment(None);
        let copied = self.pages.find(&urls::key(url.as_str())).and_then(|id| self.copied(id));
        Some(match copied {
            Some(to) if to == path && !fragment.is_empty() => fragment,
            Some(to) => local::relative(path, to) + &fragment,
            None => url.as_str().to_owned() + &fragment,
        })
    }

    /// The copy of a page, or of what it redirects to.
    fn copied(&self, id: Id) -> Option<&String> {
        self.paths.get(&id).or_else(|| self.paths.get(&self.pages.end_of_redirects(id)?))
    }
}
