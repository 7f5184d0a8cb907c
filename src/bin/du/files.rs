//! Files of names and of patterns.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use threadbare::cli;

use crate::values::without_extra_slashes;

/// Reads a file; `-` is stdin.
pub(crate) fn read(file: &Path) -> io::Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        return fs::read(file);
    }
    let mut text = Vec::new();
    cli::stdin().read_to_end(&mut text)?;
    Ok(text)
}

/// Reads names that each end with NUL. Reports those that are none, in GNU du's words, and returns
/// how many they are.
pub(crate) fn roots_in(file: &Path) -> anyhow::Result<(Vec<PathBuf>, u64)> {
    let text =
        read(file).with_context(|| format!("cannot open '{}' for reading", file.display()))?;
    let names = text.strip_suffix(b"\0").unwrap_or(&text).split(|byte| *byte == 0);
    let (mut roots, mut n_errors) = (Vec::new(), 0);
    for (i, name) in names.enumerate().filter(|_| !text.is_empty()) {
        let error = match name {
            b"" => format!("{}:{}: invalid zero-length file name", file.display(), i + 1),
            b"-" if file.as_os_str() == "-" => {
                "when reading file names from stdin, no file name of '-' allowed".to_owned()
            }
            name => {
                let name = OsString::from_vec(name.to_vec());
                roots.push(without_extra_slashes(name.into()));
                continue;
            }
        };
        cli::warn(&error);
        n_errors += 1;
    }
    Ok((roots, n_errors))
}
