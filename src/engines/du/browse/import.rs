//! Reads scans that were saved: the JSON lines of du, and the export of ncdu.

use std::io::{self, BufRead};

use super::saved::{ImportError, SavedScan};
use super::{json_import, ncdu_import};

/// Reads a scan: the JSON lines that `du -a --json` and `du browse --json` print, or what
/// `ncdu -o` writes.
///
/// # Errors
/// A message with the number of a line, if the input cannot be read, is neither of the two or breaks
/// off.
pub fn read_scan(mut input: impl BufRead) -> Result<SavedScan, ImportError> {
    let first = first_byte(&mut input).map_err(|err| ImportError::new(0, err))?;
    let mut scan = match first {
        Some(b'[') => ncdu_import::read(input)?,
        Some(b'{') => json_import::read(input)?,
        Some(0x1f | 0x28) => return Err(ImportError::new(0, "it is compressed: unpack it first")),
        Some(0xbf) => {
            let cause = "it is in ncdu's binary format: convert it with ncdu -f FILE -o FILE";
            return Err(ImportError::new(0, cause));
        }
        _ => return Err(ImportError::new(0, "it is neither du's JSON nor an export of ncdu")),
    };
    scan.store.add_up();
    if scan.store.n_dropped() > 0 {
        return Err(ImportError::new(0, "its names take more than 4 GiB"));
    }
    Ok(scan)
}

/// Skips white space. Returns the byte after it without consuming it.
fn first_byte(input: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let buffer = input.fill_buf()?;
        let n_blank = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        match buffer.get(n_blank) {
            None if buffer.is_empty() => return Ok(None),
            Some(byte) => return Ok(Some(*byte)),
            None => input.consume(n_blank),
        }
    }
}
