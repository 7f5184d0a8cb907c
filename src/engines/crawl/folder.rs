//! A folder of HTML as a site: what a web server would respond for its files, without the server.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use url::Url;

use crate::web::fetch::{Error, Response};
use crate::web::media_type;
use crate::web::percent;
use crate::web::urls;

/// The host of a folder that is given no other: no such host exists (RFC 6761, 6.4).
const NO_HOST: &str = "http://folder.invalid";
/// The files that stand for their folder, the first that there is.
const INDEXES: [&str; 2] = ["index.html", "index.htm"];
/// Extensions of the pages that are checked even if no page links to them.
const PAGES: [&str; 4] = ["html", "htm", "xhtml", "xht"];

/// A folder of HTML that stands for a site.
///
/// Links are followed as by a web server: `/absolute` ones from the folder's root, those to a folder
/// by a redirect to its name with a slash, then to its `index.html`. Queries are ignored. Symbolic
/// links are followed; a URL does not lead out of the folder.
#[derive(Debug)]
pub struct Folder {
    dir: PathBuf,
    /// The URL that the folder stands for; it ends with a slash.
    root: String,
    /// Folders below it that cannot be listed, by path, and why.
    unlisted: HashMap<PathBuf, String>,
    /// The files and folders to start from, relative to the folder.
    starts: Vec<PathBuf>,
}

impl Folder {
    /// Finds the pages in `dir`. `root` is the URL at which the folder will be served, or the path of
    /// that URL. Names that begin with a dot are passed over, until a page links to them.
    ///
    /// # Errors
    /// When `dir` cannot be read or contains no page, or `root` is no such URL.
    pub fn open(dir: &Path, root: &str) -> Result<Self, String> {
        let root = root_url(root)?;
        let mut folder =
            Folder { dir: dir.to_owned(), root, unlisted: HashMap::new(), starts: Vec::new() };
        folder.find_pages().map_err(|err| format!("{}: {err}", dir.display()))?;
        if folder.starts.is_empty() {
            return Err(format!("{}: no pages (.html, .htm, .xhtml)", dir.display()));
        }
        Ok(folder)
    }

    /// The URLs of the folder's own page if `from_index`, else of every page in it.
    #[must_use]
    pub fn starts(&self, from_index: bool) -> Vec<String> {
        if from_index {
            return vec![self.root.clone()];
        }
        self.starts.iter().map(|path| self.url(path)).collect()
    }

    /// Collects the pages in all folders, sorted by path. Each folder is listed once, even where
    /// symbolic links lead in a circle.
    fn find_pages(&mut self) -> io::Result<()> {
        let (mut seen, mut waiting) = (HashSet::new(), vec![PathBuf::new()]);
        while let Some(path) = waiting.pop() {
            let full = self.dir.join(&path);
            let listed = fs::metadata(&full).and_then(|info| {
                let is_new = seen.insert((info.dev(), info.ino()));
                if is_new { sorted_names(&full) } else { Ok(Vec::new()) }
            });
            match listed {
                Ok(names) => self.sort_out(&path, names, &mut waiting),
                Err(err) if path.as_os_str().is_empty() => return Err(err),
                Err(err) => {
                    self.unlisted.insert(full, err.to_string());
                    self.starts.push(path.join("")); // a URL with a slash at its end
                }
            }
        }
        Ok(())
    }

    /// Adds the pages among the names of one folder to the starts, and the folders to `waiting`.
    fn sort_out(&mut self, path: &Path, names: Vec<Entry>, waiting: &mut Vec<PathBuf>) {
        let is_page = |name: &OsStr| {
            let extension = Path::new(name).extension().unwrap_or_default();
            PAGES.iter().any(|page| extension.eq_ignore_ascii_case(page))
        };
        let index = INDEXES.iter().find(|index| {
            names.iter().any(|(name, is_dir)| !is_dir && name.as_os_str() == OsStr::new(index))
        });
        for (name, is_dir) in names.into_iter().rev() {
            if is_dir {
                waiting.push(path.join(name));
            } else if index.is_some_and(|index| name.as_os_str() == OsStr::new(index)) {
                self.starts.push(path.join(""));
            } else if is_page(&name) {
                self.starts.push(path.join(name));
            }
        }
    }

    fn url(&self, path: &Path) -> String {
        // One name per segment, so that no byte of a name means anything in a URL.
        let names = path.as_os_str().as_bytes().split(|&byte| byte == b'/');
        let names: Vec<String> = names.map(percent::encoded_name).collect();
        self.root.clone() + &names.join("/")
    }

    /// Whether `url` belongs to the host that the folder is a part of.
    pub(super) fn is_origin_of(&self, url: &str) -> bool {
        let host = |url| urls::origin(url).split_once("://").map(|(_, host)| host.to_owned());
        host(url) == host(&self.root)
    }

    /// Whether `url` belongs to that host, but is not in the folder.
    pub(super) fn excludes(&self, url: &str) -> bool {
        let path = urls::path(url);
        let root = urls::path(&self.root);
        self.is_origin_of(url) && !path.starts_with(root) && path != root.trim_end_matches('/')
    }

    /// What a web server responds for `url`, with at most `body_max` bytes of body.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub(super) fn get(&self, url: &str, body_max: u64) -> Result<Response, Error> {
        let redirect = |to: &str| Ok(without_body(301, ("location", to)));
        let (own, root) = (urls::origin(url), urls::origin(&self.root));
        if own != root {
            return redirect(&format!("{root}{}", urls::path(url))); // from http to https, or back
        }
        match self.find(urls::path(url)) {
            Target::File(path, file) => {
                let header = ("content-type", media_type::of_path(&path));
                Ok(Response::new(200, &[header], Box::new(file), body_max))
            }
            Target::Folder => redirect(&with_slash(url)),
            Target::Missing => Ok(without_body(404, ("content-type", ""))),
            Target::Unreadable(reason) => Err(Error::lasting(reason)),
        }
    }

    /// The file that the path of a URL leads to.
    fn find(&self, url_path: &str) -> Target {
        let path = url_path.split('?').next().unwrap_or_default();
        let Some(below_root) = path.strip_prefix(urls::path(&self.root)) else {
            return Target::Folder; // the root without its slash
        };
        let Some(path) = self.path(below_root) else { return Target::Missing };
        let is_folder = below_root.is_empty() || below_root.ends_with('/');
        if let Some(reason) = self.unlisted.get(&path) {
            return Target::Unreadable(reason.clone());
        }
        match open(&path) {
            Ok(Opened::Folder) if is_folder => index(&path),
            Ok(Opened::Folder) => Target::Folder,
            Ok(Opened::File(_)) if is_folder => Target::Missing, // as for ENOTDIR
            Ok(Opened::File(file)) => Target::File(path, file),
            Ok(Opened::Other) => Target::Unreadable("not a regular file".to_owned()),
            Err(err) => failed(&err),
        }
    }

    /// The path of a file from the rest of a URL's path; `None` if that leads out of the folder or is
    /// no path at all.
    fn path(&self, below_root: &str) -> Option<PathBuf> {
        let decoded = percent::decoded(below_root);
        let mut names: Vec<&[u8]> = Vec::new();
        for name in decoded.split(|&byte| byte == b'/') {
            match name {
                b"" | b"." => (),
                b".." => _ = names.pop()?,
                name if name.contains(&0) => return None,
                name => names.push(name),
            }
        }
        let mut path = self.dir.clone();
        path.extend(names.into_iter().map(OsStr::from_bytes));
        Some(path)
    }

    /// A URL as a report shows it: from its path on, if the folder was given no host.
    pub(super) fn shown<'u>(&self, url: &'u str) -> &'u str {
        match url.strip_prefix(NO_HOST) {
            Some(path) if self.root.starts_with(NO_HOST) => path,
            _ => url,
        }
    }

    /// A page as a report names it: by its file, if the folder was given no host.
    pub(super) fn page_name<'u>(&self, url: &'u str) -> Cow<'u, str> {
        let own = url.strip_prefix(NO_HOST).and_then(|path| {
            let path = path.split('?').next()?.strip_prefix(urls::path(&self.root))?;
            let mut file = self.path(path)?;
            if (path.is_empty() || path.ends_with('/'))
                && let Target::File(index, _) = index(&file)
            {
                file = index;
            }
            Some(file.to_string_lossy().into_owned())
        });
        own.map_or(Cow::Borrowed(url), Cow::Owned)
    }
}

/// What the path of a URL leads to.
enum Target {
    File(PathBuf, File),
    /// A folder that was named without its slash.
    Folder,
    Missing,
    Unreadable(String),
}

/// What is at a path.
enum Opened {
    File(File),
    Folder,
    Other,
}

/// A name in a folder, and whether it is one of a folder.
type Entry = (OsString, bool);

/// Opens what is at `path`, without waiting for the writer of a pipe.
fn open(path: &Path) -> io::Result<Opened> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let info = file.metadata()?;
    Ok(match () {
        () if info.is_file() => Opened::File(file),
        () if info.is_dir() => Opened::Folder,
        () => Opened::Other,
    })
}

/// The file that stands for the folder at `path`.
fn index(path: &Path) -> Target {
    for name in INDEXES {
        let path = path.join(name);
        match open(&path) {
            Ok(Opened::File(file)) => return Target::File(path, file),
            Ok(_) => (),
            Err(err) => match failed(&err) {
                Target::Missing => (),
                target => return target,
            },
        }
    }
    Target::Unreadable("the folder has no index.html".to_owned())
}

/// A server's response where a file cannot be opened: 404 if there is none.
fn failed(err: &io::Error) -> Target {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    match err.kind() {
        NotFound | NotADirectory | InvalidFilename => Target::Missing,
        _ => Target::Unreadable(err.to_string()),
    }
}

/// The names in a folder, sorted from the last to the first, without those that begin with a dot.
fn sorted_names(dir: &Path) -> io::Result<Vec<Entry>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.as_bytes().starts_with(b".") {
            let kind = entry.file_type()?;
            names.push((name, kind.is_dir() || kind.is_symlink() && entry.path().is_dir()));
        }
    }
    names.sort_by(|a, b| b.cmp(a));
    Ok(names)
}

fn without_body(status: u16, header: (&'static str, &str)) -> Response {
    Response::new(status, &[header], Box::new(io::empty()), 0)
}

fn with_slash(url: &str) -> String {
    match url.split_once('?') {
        Some((path, query)) => format!("{path}/?{query}"),
        None => format!("{url}/"),
    }
}

/// The URL of a folder's root, with a slash at its end.
fn root_url(text: &str) -> Result<String, String> {
    let absolute = if text.starts_with('/') { format!("{NO_HOST}{text}") } else { text.to_owned() };
    let url = Url::parse(&absolute).ok().filter(urls::is_web);
    match url.filter(|url| url.query().is_none() && url.fragment().is_none()) {
        Some(url) if url.path().ends_with('/') => Ok(url.into()),
        Some(url) => Ok(format!("{url}/")),
        None => Err(format!("{text}: not the path or URL of a folder")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lead_to_files_below_the_folder() {
        let folder = Folder {
            dir: "dir".into(),
            root: root_url("/docs").unwrap(),
            unlisted: HashMap::new(),
            starts: Vec::new(),
        };
        let check = |url: &str, expected: Option<&str>| {
            assert_eq!(folder.path(url), expected.map(PathBuf::from), "{url}");
        };
        check("a.html", Some("dir/a.html"));
        check("", Some("dir"));
        check("b//c%20d", Some("dir/b/c d"));
        check("b/%2e%2e/c", Some("dir/c"));
        check("..%2Fc", None);
        check("a%00", None);
        assert_eq!(
            folder.url(Path::new("a b/c?#%.html")),
            format!("{NO_HOST}/docs/a%20b/c%3F%23%25.html")
        );
        assert!(folder.excludes("https://folder.invalid/other") && !folder.excludes("http://h/"));
        assert!(!folder.excludes(&format!("{NO_HOST}/docs/a")));
        assert_eq!(folder.page_name(&format!("{NO_HOST}/docs/a%20b?q")), "dir/a b");
        assert_eq!(folder.page_name("http://h/a"), "http://h/a");
    }

    #[test]
    fn a_root_is_a_path_or_a_url() {
        assert_eq!(root_url("https://h/d").as_deref(), Ok("https://h/d/"));
        assert_eq!(root_url("/").unwrap(), format!("{NO_HOST}/"));
        for text in ["docs", "ftp://h/", "/?q", "/#f", ""] {
            assert!(root_url(text).is_err(), "{text}");
        }
    }
}
