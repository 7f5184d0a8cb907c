//! Reads scans that were saved: the JSON lines of du, and the export of ncdu.

use std::io::{self, BufRead};
use std::{fmt, mem};

use super::record::{Batch, Record};
use super::store::Store;
use super::{json_import, ncdu_import};

/// Records per batch.
const BATCH_RECORDS: usize = 1_024;

/// A scan that was read.
#[derive(Debug, Default)]
pub struct SavedScan {
    pub(super) store: Store,
    /// Number of files and directories that the scan could not read.
    pub(super) n_errors: u64,
    /// Whether the scan was cancelled before it was complete.
    pub(super) is_partial: bool,
    batch: Batch,
}

impl SavedScan {
    pub(super) fn push(&mut self, record: Record, name: &[u8]) {
        self.batch.push(record, name);
        if self.batch.records.len() >= BATCH_RECORDS {
            self.flush();
        }
    }

    /// Brings the store up to date.
    pub(super) fn flush(&mut self) {
        self.store.apply(&mem::take(&mut self.batch));
    }
}

/// Why a saved scan could not be read.
#[derive(Debug)]
pub struct ImportError {
    /// Number of the line, from 1; 0 if the file as a whole is meant.
    line: u64,
    cause: String,
}

impl ImportError {
    pub(super) fn new(line: u64, cause: impl fmt::Display) -> Self {
        ImportError { line, cause: cause.to_string() }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.cause),
            line => write!(f, "line {line}: {}", self.cause),
        }
    }
}

impl std::error::Error for ImportError {}

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
