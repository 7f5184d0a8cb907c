//! Files that are written whole or not at all.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::Builder;

/// Puts `contents` under `path`. A reader finds the old file or the new one, never a part; on an
/// error nothing changes.
///
/// # Errors
/// Says which path, and what the system said.
pub fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    put(path, contents).map_err(|err| {
        // tempfile's errors name its own path.
        let cause = err.raw_os_error().map_or_else(|| err.to_string(), message);
        io::Error::new(err.kind(), format!("{}: {cause}", path.display()))
    })
}

fn put(path: &Path, contents: &[u8]) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let all = Permissions::from_mode(0o666); // less what the umask takes away
    let mut file = Builder::new().prefix(".threadbare").permissions(all).tempfile_in(dir)?;
    file.write_all(contents)?;
    file.persist(path).map_err(|err| err.error)?;
    Ok(())
}

fn message(code: i32) -> String {
    io::Error::from_raw_os_error(code).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

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
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
