//! The file that keeps a server's place in the stream, and the state at that place.

use std::collections::HashMap;
use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::super::ids::ServerId;
use super::super::snapshot::Snapshot;

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    /// The last entry that the state contains.
    pub(super) last_id: String,
    /// The last sequence number read of each server.
    pub(super) seqs: HashMap<ServerId, u64>,
    /// The server that wrote the file.
    pub(super) server: ServerId,
    pub(super) state: Snapshot,
}

/// Reads the file; `None` if it is not there, or is none.
pub(super) fn read(path: &Path) -> Option<Saved> {
    match fs::read(path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(saved) => Some(saved),
            Err(err) => {
                log::warn!("{}: {err}; starting at the newest entry", path.display());
                None
            }
        },
        Err(err) if err.kind() == io::ErrorKind::NotFound => None,
        Err(err) => {
            log::warn!("{}: {err}; starting at the newest entry", path.display());
            None
        }
    }
}

/// Writes the file, whole or not at all.
pub(super) fn write(path: &Path, saved: &Saved) {
    let result = serde_json::to_vec(saved)
        .map_err(io::Error::from)
        .and_then(|bytes| crate::fs::atomic::write(path, &bytes));
    if let Err(err) = result {
        log::warn!("{}: {err}", path.display());
    }
}
