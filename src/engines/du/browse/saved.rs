//! A scan that is read from a file, and why it could not be.

use std::{fmt, mem};

use super::record::{Batch, Record};
use super::store::Store;

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
