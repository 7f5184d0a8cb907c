//! LIST, NLST and MLSD: what to list in which format, and the walk that writes the lines.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use super::charset::Charset;
use super::facts::{self, Facts};
use super::names;
use super::users::Rights;
use crate::fs::jail::{Info, Jail, Kind, OpenDir, relative};

/// Levels of directories that `-R` descends.
const DEPTH_MAX: usize = 32;

/// The format of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// As `ls -l` (LIST); `now`, in seconds since 1970, decides between year and time of day.
    Long { now: i64 },
    /// Names alone (NLST).
    Name,
    /// Facts for programs (MLSD).
    Facts(Facts, Rights),
}

/// A request to list a file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    /// The absolute path.
    pub(super) path: Vec<u8>,
    /// The path as the client wrote it: NLST puts it before each name.
    pub(super) prefix: Vec<u8>,
    /// Lists only matching names: the last name of the argument, where no such file exists.
    pub(super) pattern: Option<Vec<u8>>,
    pub(super) format: Format,
    pub(super) options: Options,
    /// Maximum number of entries.
    pub(super) n_max: usize,
    /// The encoding of names in the lines.
    pub(super) charset: Charset,
}

/// The options of ls(1) that LIST and NLST support.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `-a`: hidden files too.
    pub(super) all: bool,
    /// `-R`: directories below too.
    pub(super) recursive: bool,
    /// Hidden files are not listed in any case.
    pub(super) no_dot_files: bool,
}

/// Splits `-la dir` into options and the rest. Letters other than `a` and `R` are ignored.
pub(super) fn parse_options(arg: &[u8]) -> (Options, &[u8]) {
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
    /// Opens the file or directory, so that errors are reported before the transfer begins.
    ///
    /// # Errors
    /// When it does not exist, or must not be read.
    pub(super) fn open(&self, jail: &Jail) -> io::Result<Target> {
        let path = relative(&self.path);
        if jail.info(path).is_ok_and(|info| info.kind == Kind::Dir) {
            return Ok(Target::Dir(jail.open_dir(path)?));
        }
        let (dir, name) = jail.open_parent(path)?;
        let info = dir.info(name)?;
        Ok(Target::File(dir, info))
    }

    /// Writes all lines. Returns false if the listing was cut at the maximum number of entries.
    pub(super) fn write(
        &self,
        jail: &Jail,
        target: Target,
        out: &mut impl Write,
    ) -> io::Result<bool> {
        match target {
            Target::Dir(dir) => self.write_tree(jail, dir, out),
            Target::File(dir, info) => {
                let name = names::file_name(&self.path);
                let listed = if self.format == Format::Name { &self.prefix } else { name };
                self.write_line(&dir, &info, name, listed, out)?;
                Ok(true)
            }
        }
    }

    /// Writes a tree depth first, with a headline before each directory below the first.
    fn write_tree(&self, jail: &Jail, dir: OpenDir, out: &mut impl Write) -> io::Result<bool> {
        let mut n_left = self.n_max;
        let mut pending = vec![(self.path.clone(), self.prefix.clone(), 0)];
        let mut first = Some(dir);
        let mut is_complete = true;
        while let Some((path, prefix, depth)) = pending.pop() {
            if first.is_none() {
                out.write_all(
                    &[b"\r\n", &*self.charset.encode(&names::printable(&path)), b":\r\n"].concat(),
                )?;
            }
            let opened = first.take().map_or_else(|| jail.open_dir(relative(&path)), Ok);
            let Ok(dir) = opened else { continue }; // removed meanwhile, or not readable
            let dirs = self.write_dir(&dir, &prefix, &mut n_left, &mut is_complete, out)?;
            if self.options.recursive && depth < DEPTH_MAX {
                let child =
                    |name: Vec<u8>| (join(&path, &name), join_prefix(&prefix, &name), depth + 1);
                pending.extend(dirs.into_iter().rev().map(child));
            }
        }
        Ok(is_complete)
    }

    /// Writes the entries of one directory. Returns the names of the directories among them.
    fn write_dir(
        &self,
        dir: &OpenDir,
        prefix: &[u8],
        n_left: &mut usize,
        is_complete: &mut bool,
        out: &mut impl Write,
    ) -> io::Result<Vec<Vec<u8>>> {
        let (entries, is_all) = dir.names(*n_left)?;
        *is_complete &= is_all;
        let mut dirs = Vec::new();
        for name in &entries {
            let name = name.as_bytes();
            if !self.includes(name) {
                continue;
            }
            *n_left = n_left.saturating_sub(1);
            let Ok(info) = dir.info(OsStr::from_bytes(name)) else { continue }; // just removed
            let path = join_prefix(prefix, name);
            let listed = if self.format == Format::Name { &path } else { name };
            self.write_line(dir, &info, name, listed, out)?;
            if info.kind == Kind::Dir {
                dirs.push(name.to_owned());
            }
        }
        Ok(dirs)
    }

    /// Whether the entry `name` is listed: it matches the pattern and is not hidden.
    fn includes(&self, name: &[u8]) -> bool {
        let is_dot_file = name.starts_with(b".");
        if is_dot_file && self.options.no_dot_files {
            return false;
        }
        let is_hidden = is_dot_file && !self.options.all;
        match &self.pattern {
            Some(pattern) => {
                names::matches_pattern(pattern, name) && (!is_hidden || pattern.starts_with(b"."))
            }
            None => !is_hidden || matches!(self.format, Format::Facts(..)),
        }
    }

    fn write_line(
        &self,
        dir: &OpenDir,
        info: &Info,
        name: &[u8],
        listed: &[u8],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let mut line = match self.format {
            Format::Name => names::printable(listed),
            Format::Facts(facts, rights) => facts.line(info, listed, rights),
            Format::Long { now } => {
                let is_link = info.kind == Kind::Link;
                let target = is_link.then(|| dir.read_link(OsStr::from_bytes(name)).ok()).flatten();
                facts::long(info, listed, target.as_deref().map(std::ffi::CStr::to_bytes), now)
            }
        };
        line.extend(b"\r\n");
        out.write_all(&self.charset.encode(&line))
    }
}

/// The open directory to list, or the file with its open parent directory.
#[derive(Debug)]
pub(super) enum Target {
    Dir(OpenDir),
    File(OpenDir, Info),
}

impl Target {
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Target::File(..))
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
    fn options_are_parsed() {
        let check = |arg: &str, all: bool, recursive: bool, rest: &str| {
            let expected = (Options { all, recursive, ..Options::default() }, rest.as_bytes());
            assert_eq!(parse_options(arg.as_bytes()), expected, "{arg}");
        };
        check("", false, false, "");
        check("dir", false, false, "dir");
        check("-l dir", false, false, "dir");
        check("-la  -R a b", true, true, "a b");
        check("-", false, false, "-");
        check("-a", true, false, "");
    }

    fn list(listing: &Listing, jail: &Jail) -> (String, bool) {
        let mut out = Vec::new();
        let target = listing.open(jail).unwrap();
        let is_complete = listing.write(jail, target, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), is_complete)
    }

    #[test]
    fn names_and_trees_are_listed() {
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
            format: Format::Name,
            options,
            n_max: 100,
            charset: Charset::default(),
        };
        assert_eq!(list(&listing, &jail), ("a.txt\r\nb?c\r\nd\r\n".to_owned(), true));
        listing.options.recursive = true;
        let tree = "a.txt\r\nb?c\r\nd\r\n\r\n/d:\r\nd/e\r\nd/f\r\nd/up\r\n\r\n/d/e:\r\nd/e/g\r\n";
        assert_eq!(list(&listing, &jail), (tree.to_owned(), true));
        listing.n_max = 4;
        assert!(!list(&listing, &jail).1);
        listing.pattern = Some(b"*.txt".to_vec());
        listing.n_max = 100;
        listing.options.recursive = false;
        assert_eq!(list(&listing, &jail).0, "a.txt\r\n");
        listing.format = Format::Facts(Facts::parse(""), Rights::Read);
        listing.pattern = None;
        assert_eq!(list(&listing, &jail).0, " .hidden\r\n a.txt\r\n b?c\r\n d\r\n");
        fs::write(dir.path().join("ü"), "").unwrap();
        listing.charset = Charset::new("latin1").unwrap();
        let (mut lines, target) = (Vec::new(), listing.open(&jail).unwrap());
        assert!(listing.write(&jail, target, &mut lines).unwrap());
        assert!(lines.ends_with(b" \xfc\r\n"));
        fs::remove_file(dir.path().join("ü")).unwrap();
        listing.options.no_dot_files = true;
        assert_eq!(list(&listing, &jail).0, " a.txt\r\n b?c\r\n d\r\n");
    }
}
