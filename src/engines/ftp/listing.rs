//! LIST, NLST and MLSD: what is to be shown, and the walk that shows it.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use super::facts::{self, Facts};
use super::names;
use super::users::Rights;
use crate::fs::jail::{Folder, Info, Jail, Kind, below};

/// Directories below each other that -R follows.
const DEPTH_MAX: usize = 32;

/// How an entry is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Long { now: i64 },
    Name,
    Facts(Facts, Rights),
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    /// Resolved, from the root.
    pub(super) path: Vec<u8>,
    /// What NLST puts before each name, so that the client can ask for it.
    pub(super) prefix: Vec<u8>,
    /// Only names that fit; the last name of the argument, where there is no such file.
    pub(super) pattern: Option<Vec<u8>>,
    pub(super) form: Form,
    pub(super) options: Options,
    /// Entries at most.
    pub(super) n_max: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) all: bool,
    pub(super) recursive: bool,
}

/// Splits `-la dir` into options and the rest. Letters other than `a` and `R` change nothing.
pub(super) fn options(arg: &[u8]) -> (Options, &[u8]) {
    let (mut options, mut rest) = (Options::default(), arg);
    while let Some(letters) = rest.strip_prefix(b"-") {
        let end = letters.iter().position(|b| *b == b' ').unwrap_or(letters.len());
        let (letters, after) = letters.split_at(end);
        if !letters.iter().all(u8::is_ascii_alphanumeric) || letters.is_empty() {
            break;
        }
        options.all |= letters.contains(&b'a');
        options.recursive |= letters.contains(&b'R');
        rest = after.trim_ascii_start();
    }
    (options, rest)
}

impl Listing {
    /// Opens what is to be listed, so that its absence can be told before anything is sent.
    pub(super) fn open(&self, jail: &Jail) -> io::Result<Opened> {
        let path = below(&self.path);
        if jail.info(path).is_ok_and(|info| info.kind == Kind::Dir) {
            return Ok(Opened::Dir(jail.folder(path)?));
        }
        let (folder, name) = jail.folder_of(path)?;
        let info = folder.info(name)?;
        Ok(Opened::File(folder, info))
    }

    /// Writes all lines; false when there were more entries than allowed.
    pub(super) fn write(
        &self,
        jail: &Jail,
        opened: Opened,
        to: &mut impl Write,
    ) -> io::Result<bool> {
        match opened {
            Opened::Dir(folder) => self.write_tree(jail, folder, to),
            Opened::File(folder, info) => {
                let name = names::last(&self.path);
                let shown = if self.form == Form::Name { &self.prefix } else { name };
                self.write_line(&folder, &info, name, shown, to)?;
                Ok(true)
            }
        }
    }

    /// Depth first, with a headline before each directory below the first.
    fn write_tree(&self, jail: &Jail, folder: Folder, to: &mut impl Write) -> io::Result<bool> {
        let mut n_left = self.n_max;
        let mut waiting = vec![(self.path.clone(), self.prefix.clone(), 0)];
        let mut first = Some(folder);
        let mut is_whole = true;
        while let Some((path, prefix, depth)) = waiting.pop() {
            if first.is_none() {
                to.write_all(&[b"\r\n", &*names::shown(&path), b":\r\n"].concat())?;
            }
            let opened = first.take().map_or_else(|| jail.folder(below(&path)), Ok);
            let Ok(folder) = opened else { continue }; // gone, or not ours to see
            let dirs = self.write_folder(&folder, &prefix, &mut n_left, &mut is_whole, to)?;
            if self.options.recursive && depth < DEPTH_MAX {
                let below =
                    |name: Vec<u8>| (join(&path, &name), join_prefix(&prefix, &name), depth + 1);
                waiting.extend(dirs.into_iter().rev().map(below));
            }
        }
        Ok(is_whole)
    }

    /// Returns the names of the directories in it.
    fn write_folder(
        &self,
        folder: &Folder,
        prefix: &[u8],
        n_left: &mut usize,
        is_whole: &mut bool,
        to: &mut impl Write,
    ) -> io::Result<Vec<Vec<u8>>> {
        let (found, is_all) = folder.names(*n_left)?;
        *is_whole &= is_all;
        let mut dirs = Vec::new();
        for name in &found {
            let name = name.as_bytes();
            if !self.shows(name) {
                continue;
            }
            *n_left = n_left.saturating_sub(1);
            let Ok(info) = folder.info(OsStr::from_bytes(name)) else { continue }; // just gone
            let shown = join_prefix(prefix, name);
            let shown = if self.form == Form::Name { &shown } else { name };
            self.write_line(folder, &info, name, shown, to)?;
            if info.kind == Kind::Dir {
                dirs.push(name.to_owned());
            }
        }
        Ok(dirs)
    }

    fn shows(&self, name: &[u8]) -> bool {
        let is_hidden = name.starts_with(b".") && !self.options.all;
        match &self.pattern {
            Some(pattern) => {
                names::fits(pattern, name) && (!is_hidden || pattern.starts_with(b"."))
            }
            None => !is_hidden || matches!(self.form, Form::Facts(..)),
        }
    }

    fn write_line(
        &self,
        folder: &Folder,
        info: &Info,
        name: &[u8],
        shown: &[u8],
        to: &mut impl Write,
    ) -> io::Result<()> {
        let mut line = match self.form {
            Form::Name => names::shown(shown),
            Form::Facts(facts, rights) => facts.line(info, shown, rights),
            Form::Long { now } => {
                let link = info.kind == Kind::Link;
                let target = link.then(|| folder.target(OsStr::from_bytes(name)).ok()).flatten();
                facts::long(info, shown, target.as_deref().map(std::ffi::CStr::to_bytes), now)
            }
        };
        line.extend(b"\r\n");
        to.write_all(&line)
    }
}

/// What a listing starts from.
#[derive(Debug)]
pub(super) enum Opened {
    Dir(Folder),
    File(Folder, Info),
}

impl Opened {
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Opened::File(..))
    }
}

fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    [path.strip_suffix(b"/").unwrap_or(path), name].join(&b'/')
}

fn join_prefix(prefix: &[u8], name: &[u8]) -> Vec<u8> {
    if prefix.is_empty() { name.to_owned() } else { join(prefix, name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn options_come_first() {
        let check = |arg: &str, all: bool, recursive: bool, rest: &str| {
            let expected = (Options { all, recursive }, rest.as_bytes());
            assert_eq!(options(arg.as_bytes()), expected, "{arg}");
        };
        check("", false, false, "");
        check("dir", false, false, "dir");
        check("-l dir", false, false, "dir");
        check("-la  -R a b", true, true, "a b");
        check("-", false, false, "-");
        check("-a", true, false, "");
    }

    fn listed(listing: &Listing, jail: &Jail) -> (String, bool) {
        let mut out = Vec::new();
        let opened = listing.open(jail).unwrap();
        let is_whole = listing.write(jail, opened, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), is_whole)
    }

    #[test]
    fn names_and_trees() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("d/e")).unwrap();
        for name in ["a.txt", "b\nc", ".hidden", "d/f", "d/e/g"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        std::os::unix::fs::symlink("..", dir.path().join("d/up")).unwrap();
        let jail = Jail::new(dir.path()).unwrap();
        let options = Options::default();
        let mut listing = Listing {
            path: b"/".to_vec(),
            prefix: Vec::new(),
            pattern: None,
            form: Form::Name,
            options,
            n_max: 100,
        };
        assert_eq!(listed(&listing, &jail), ("a.txt\r\nb?c\r\nd\r\n".to_owned(), true));
        listing.options.recursive = true;
        let tree = "a.txt\r\nb?c\r\nd\r\n\r\n/d:\r\nd/e\r\nd/f\r\nd/up\r\n\r\n/d/e:\r\nd/e/g\r\n";
        assert_eq!(listed(&listing, &jail), (tree.to_owned(), true));
        listing.n_max = 4;
        assert!(!listed(&listing, &jail).1);
        listing.pattern = Some(b"*.txt".to_vec());
        listing.n_max = 100;
        listing.options.recursive = false;
        assert_eq!(listed(&listing, &jail).0, "a.txt\r\n");
        listing.form = Form::Facts(Facts::parse(""), Rights::Read);
        listing.pattern = None;
        assert_eq!(listed(&listing, &jail).0, " .hidden\r\n a.txt\r\n b?c\r\n d\r\n");
    }
}
