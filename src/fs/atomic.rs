//! Writes files atomically: a reader sees the old contents or the new, never a part.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// Replaces the file at `path` with one that holds `contents`. On an error nothing has changed.
///
/// Anything but a regular file, such as `/dev/stdout`, is not replaced but written to.
///
/// # Errors
/// The system's error, with `path` in front of it.
pub fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    let replace = || StagedFile::new(path, contents)?.replace();
    let result = if is_device(path) { fs::write(path, contents) } else { replace() };
    result.map_err(|err| io::Error::new(err.kind(), format!("{}: {err}", path.display())))
}

/// Whether there is something at `path` that is written to instead of being replaced: neither a
/// regular file nor a directory.
pub fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|info| !info.is_file() && !info.is_dir())
}

/// Permissions of files and directories for their owner alone.
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_DIR: u32 = 0o700;
/// Permissions of other files, from which the umask takes some.
const FILE: u32 = 0o666;

/// Creates the directory at `path`, and those above it that do not exist, for the owner alone.
///
/// # Errors
/// When it cannot be created.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE_DIR).create(path)
}

/// A complete file that has not got its name yet; removed when dropped.
pub struct StagedFile<'a> {
    file: NamedTempFile,
    path: &'a Path,
}

impl<'a> StagedFile<'a> {
    /// Writes `contents` to a temporary file in the directory of `path`.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn new(path: &'a Path, contents: &[u8]) -> io::Result<Self> {
        StagedFile::with_mode(path, contents, FILE)
    }

    /// As [`StagedFile::new`], for a file that its owner alone may read.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn private(path: &'a Path, contents: &[u8]) -> io::Result<Self> {
        StagedFile::with_mode(path, contents, PRIVATE_FILE)
    }

    fn with_mode(path: &'a Path, contents: &[u8], mode: u32) -> io::Result<Self> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = new_file(dir, mode)?;
        file.write_all(contents)?;
        Ok(StagedFile { file, path })
    }

    /// Gives the file its name (`RENAME_NOREPLACE` of renameat2(2)); returns it if there is a file
    /// of that name already.
    ///
    /// # Errors
    /// When it cannot be renamed for another reason.
    pub fn create(self) -> io::Result<Option<Self>> {
        let path = self.path;
        match self.file.persist_noclobber(path) {
            Ok(_) => Ok(None),
            Err(err) if err.error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(Some(StagedFile { file: err.file, path }))
            }
            Err(err) => Err(err.error),
        }
    }

    /// Gives the file its name, replacing a file that has it.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub fn replace(self) -> io::Result<()> {
        self.file.persist(self.path).map_err(|err| err.error)?;
        Ok(())
    }
}

/// Creates a temporary file with the permissions `mode` but for those that the umask takes. Those that tempfile creates
/// are readable by their owner only, and its errors name the temporary file.
fn new_file(dir: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let mut os_error = None;
    let open = |path: &Path| {
        let opened = File::options().write(true).create_new(true).mode(mode).open(path);
        opened.inspect_err(|err| os_error = err.raw_os_error())
    };
    let file = Builder::new().prefix(".threadbare").make_in(dir, open);
    file.map_err(|err| os_error.map_or(err, io::Error::from_raw_os_error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_or_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let missing = dir.path().join("no/file");
        let err = write(&missing, b"").unwrap_err().to_string();
        assert_eq!(err, format!("{}: No such file or directory (os error 2)", missing.display()));
        let dir_err = write(dir.path(), b"").unwrap_err().to_string();
        assert_eq!(dir_err, format!("{}: Is a directory (os error 21)", dir.path().display()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_created_only_where_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert!(StagedFile::new(&path, b"one").unwrap().create().unwrap().is_none());
        let staged = StagedFile::new(&path, b"two").unwrap().create().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        staged.expect("the name is taken").replace().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        drop(StagedFile::new(&path, b"three").unwrap().create().unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "temporary files are removed");
    }

    #[test]
    fn private_files_and_directories_are_for_their_owner() {
        let dir = tempfile::tempdir().unwrap();
        let (new, path) = (dir.path().join("a/b"), dir.path().join("a/b/file"));
        create_private_dir(&new).unwrap();
        create_private_dir(&new).unwrap();
        StagedFile::private(&path, b"secret").unwrap().replace().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&new), mode(&dir.path().join("a"))), (0o600, 0o700, 0o700));
    }

    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        write(Path::new("/dev/null"), b"discarded").unwrap();
        let err = write(Path::new("/dev/full"), b"x").unwrap_err().to_string();
        assert_eq!(err, "/dev/full: No space left on device (os error 28)");
    }
}
