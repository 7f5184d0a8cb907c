//! The cache of thumbnails that file managers share (freedesktop's Thumbnail Managing Standard, 0.9).

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf, absolute};

use image::{DynamicImage, ImageFormat};
use md5::{Digest, Md5};
use png::Decoder;

use super::error::{Cause, Error};
use super::job::{CacheEntry, Job, Target};
use super::options::Options;
use super::png_text;
use super::size::Size;
use crate::fs::atomic::{StagedFile, create_private_dir};
use crate::web::percent;

/// The folder for each size, in pixels of the longest side.
const FOLDERS: [(u32, &str); 4] =
    [(128, "normal"), (256, "large"), (512, "x-large"), (1_024, "xx-large")];
/// The folder for images of which this version can make no thumbnail.
const FAILURES: &str = concat!("fail/threadbare-", env!("CARGO_PKG_VERSION"));

/// Keywords of the texts in a thumbnail.
const URI: &str = "Thumb::URI";
const MTIME: &str = "Thumb::MTime";
const N_BYTES: &str = "Thumb::Size";

/// The thumbnails of a user.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// The cache below `cache_home`, the user's folder for all caches, which is created if it does not
    /// exist.
    ///
    /// # Errors
    /// When it cannot be created or read.
    pub fn new(cache_home: &Path) -> Result<Self, Error> {
        let dir = cache_home.join("thumbnails");
        let created = create_private_dir(&dir).and_then(|()| dir.canonicalize());
        let dir = created.map_err(|err| Error::new(&dir, err.into()))?;
        Ok(Cache { dir })
    }

    /// Whether thumbnails of this size are in the cache: 128, 256, 512 and 1024 pixels.
    pub fn has_size(size: Size) -> bool {
        folder(size).is_some()
    }

    /// Whether the file at `path` is in the cache: no thumbnails are made of thumbnails.
    pub fn contains(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|path| path.starts_with(&self.dir))
    }

    /// The job that makes the thumbnails of the image at `source`; those of other sizes than the cache
    /// has are left out.
    ///
    /// # Errors
    /// When the image is not there.
    pub fn job(&self, source: PathBuf, options: &[Options]) -> Result<Job, Error> {
        let entry = self.entry(&source).map_err(|err| Error::new(&source, err.into()))?;
        let target = |options: &Options| {
            let path = self.dir.join(folder(options.size)?).join(file_name(&entry.uri));
            let cache_entry = Some(entry.clone());
            Some(Target { path, format: ImageFormat::Png, options: *options, cache_entry })
        };
        let targets = options.iter().filter_map(target).collect();
        Ok(Job { source, targets })
    }

    fn entry(&self, source: &Path) -> io::Result<CacheEntry> {
        let info = fs::metadata(source)?;
        let uri = uri(&absolute_path(source)?);
        let failure = self.dir.join(FAILURES).join(file_name(&uri));
        Ok(CacheEntry { uri, mtime: info.mtime(), n_bytes: info.len(), failure })
    }
}

fn folder(size: Size) -> Option<&'static str> {
    let folder = FOLDERS.iter().find(|(side, _)| size == Size::square(*side));
    folder.map(|(_, name)| *name)
}

/// The MD5 sum (RFC 1321) of the URI in hexadecimal digits, as the standard has it.
fn file_name(uri: &str) -> String {
    let sum = u128::from_be_bytes(Md5::digest(uri).into());
    format!("{sum:032x}.png")
}

/// The path from the root, without `.` and `..`. Links are kept, because file managers keep them.
fn absolute_path(path: &Path) -> io::Result<PathBuf> {
    let path = absolute(path)?;
    match (path.parent(), path.file_name()) {
        (Some(dir), Some(name)) if path.components().any(|c| c == Component::ParentDir) => {
            Ok(dir.canonicalize()?.join(name)) // `..` behind a link is not what it looks like
        }
        _ => Ok(path),
    }
}

/// The URI of a file, with the same characters escaped as by `GLib`, so that its MD5 sum is the same:
/// those that are not allowed in a path (RFC 3986, 3.3), and the semicolon.
fn uri(path: &Path) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@/".contains(&byte);
    format!("file://{}", percent::encoded_except(path.as_os_str().as_bytes(), is_plain))
}

impl CacheEntry {
    /// The texts that the standard asks for, as chunks of a PNG.
    pub(super) fn chunks(&self) -> Vec<u8> {
        let (mtime, n_bytes) = (self.mtime.to_string(), self.n_bytes.to_string());
        let texts = [(URI, &self.uri), (MTIME, &mtime), (N_BYTES, &n_bytes)];
        texts.map(|(keyword, text)| png_text::chunk(keyword, text.as_bytes())).concat()
    }

    /// Whether the file at `path` is a thumbnail, or a failure, of the image as it is now.
    pub(super) fn is_current(&self, path: &Path) -> bool {
        let Ok(file) = File::open(path) else { return false };
        let Ok(reader) = Decoder::new(BufReader::new(file)).read_info() else { return false };
        let texts = &reader.info().uncompressed_latin1_text;
        let text = |keyword: &str| {
            texts.iter().find(|text| text.keyword == keyword).map(|text| &*text.text)
        };
        text(URI) == Some(&self.uri)
            && text(MTIME) == Some(&self.mtime.to_string())
            && text(N_BYTES).is_none_or(|n_bytes| n_bytes == self.n_bytes.to_string())
    }

    /// Writes down that no thumbnail can be made of the image, for the reason `cause`, unless that may
    /// be different the next time: the picture of the file does not matter.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn record_failure(&self, cause: &Cause) -> io::Result<()> {
        if matches!(cause, Cause::Io(_) | Cause::Write(_) | Cause::NotAFile) {
            return Ok(());
        }
        let mut file = Cursor::new(Vec::new());
        let encoded = DynamicImage::new_rgba8(1, 1).write_to(&mut file, ImageFormat::Png);
        encoded.map_err(io::Error::other)?;
        let file = self.with_texts(&file.into_inner());
        create_private_dir(self.failure.parent().unwrap_or(Path::new("/")))?;
        StagedFile::private(&self.failure, &file)?.replace()
    }

    /// Removes what [`CacheEntry::record_failure`] has written.
    pub(super) fn remove_failure(&self) {
        _ = fs::remove_file(&self.failure); // in most cases there is none
    }

    /// The PNG with the texts.
    pub(super) fn with_texts(&self, png: &[u8]) -> Vec<u8> {
        let (header, rest) = png.split_at(png_text::HEADER.min(png.len()));
        [header, &self.chunks(), rest].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// URIs by `GLib` 2.74 (`g_filename_to_uri`), names by `md5sum`.
    #[test]
    fn uris_and_names_are_those_of_glib() {
        let check = |path: &str, expected: &str| assert_eq!(uri(Path::new(path)), expected);
        check("/tmp/a b;c%d+é", "file:///tmp/a%20b%3Bc%25d+%C3%A9");
        check("/~!$&()*,:=@[]'", "file:///~!$&()*,:=@%5B%5D'");
        // The example of the standard.
        let name = file_name("file:///home/jens/photos/me.png");
        assert_eq!(name, "c6ee772d9e49320e97ec29a7eb5b1697.png");
    }

    #[test]
    fn paths_are_absolute_and_keep_links() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir(root.join("d")).unwrap();
        std::os::unix::fs::symlink("d", root.join("link")).unwrap();
        let check = |path: &str, expected: &str| {
            assert_eq!(absolute_path(&root.join(path)).unwrap(), root.join(expected), "{path}");
        };
        check("./d//x", "d/x");
        check("link/x", "link/x");
        check("link/../x", "x");
        let working = std::env::current_dir().unwrap();
        assert_eq!(absolute_path(Path::new("x")).unwrap(), working.join("x"));
    }
}
