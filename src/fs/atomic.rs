//! Files that are written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// Puts `contents` under `path`. A reader finds the old file or the new one, never a part; on an
/// error nothing changes. What is no regular file, such as `/dev/stdout`, is written to as it is.
///
/// # Errors
/// Says which path, and what the system said.
pub fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    let is_device = fs::metadata(path).is_ok_and(|info| !info.is_file() && !info.is_dir());
    let done = if is_device { fs::write(path, contents) } else { put(path, contents) };
    done.map_err(|err| io::Error::new(err.kind(), format!("{}: {err}", path.display())))
}

fn put(path: &Path, contents: &[u8]) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = new_file(dir)?;
    file.write_all(contents)?;
    file.persist(path).map_err(|err| err.error)?;
    Ok(())
}

/// tempfile's own files are private, and its errors name them instead of what they are for.
fn new_file(dir: &Path) -> io::Result<NamedTempFile> {
    let mut code = None;
    let open = |path: &Path| {
        let opened = File::options().write(true).create_new(true).open(path);
        opened.inspect_err(|err| code = err.raw_os_error())
    };
    let file = Builder::new().prefix(".threadbare").make_in(dir, open);
    file.map_err(|err| code.map_or(err, io::Error::from_raw_os_error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_or_not_at_all() {
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
    fn a_device_stays_one() {
        write(Path::new("/dev/null"), b"gone").unwrap();
        let err = write(Path::new("/dev/full"), b"x").unwrap_err().to_string();
        assert_eq!(err, "/dev/full: No space left on device (os error 28)");
    }
}
