//! The state of a crawl in a file, so that the same command continues after an interruption.
//!
//! The file is a redb database: each page that was fetched is a record, in the order in which they
//! were fetched, and replaying them leads to the same URLs with the same ids. A thread of its own
//! commits what has come in, several times a second, so that neither the workers nor the coordinator
//! wait for the disk.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{self, Receiver, Sender};
use redb::{
    AccessGuard, Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    TableError,
};

/// How long records are collected before they are committed. A killed process loses no more.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);
/// Records that wait for the thread that commits them; beyond that the crawl waits for the disk.
const RECORDS_MAX: usize = 256;
/// Memory for redb's cache, in bytes: records are written once and read once.
const CACHE_SIZE: usize = 4 << 20;
/// The first bytes of a redb database; while one is created they are zeros.
const MAGIC: &[u8; 4] = b"redb";

const IDENTITY: TableDefinition<u32, (&str, &str)> = TableDefinition::new("identity");
const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records-1");

/// A state file that has been opened.
pub(super) struct State {
    path: PathBuf,
    database: Database,
    n_records: u64,
}

impl State {
    /// Opens or creates the state file of a crawl with that identity.
    ///
    /// # Errors
    /// When the file is something else, or the state of a crawl with another identity.
    pub(super) fn open(path: &Path, identity: &[(&str, String)]) -> Result<Self, String> {
        let error = |err: String| format!("{}: {err}", path.display());
        refuse_other_files(path).map_err(error)?;
        let database = redb::Builder::new().set_cache_size(CACHE_SIZE).create(path);
        let database = database.map_err(|err| match err {
            redb::DatabaseError::DatabaseAlreadyOpen => error("in use by another crawl".to_owned()),
            err => error(err.to_string()),
        })?;
        let state = State { path: path.to_owned(), database, n_records: 0 };
        match state.other_identity(identity).map_err(|err| error(err.to_string()))? {
            None => state.write_identity(identity),
            Some(difference) if difference.is_empty() => Ok(()),
            Some(difference) => return Err(error(difference)),
        }
        .map_err(|err| error(err.to_string()))?;
        Ok(state)
    }

    /// How the crawl of this file differs; empty if it does not, `None` if the file is new.
    fn other_identity(&self, identity: &[(&str, String)]) -> Result<Option<String>, redb::Error> {
        let read = self.database.begin_read()?;
        let table = match read.open_table(IDENTITY) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table?,
        };
        for (number, (name, value)) in (0..).zip(identity) {
            let stored = table.get(number)?;
            let stored = stored.as_ref().map_or(("", ""), AccessGuard::value);
            if stored != (name, value) {
                return Ok(Some(format!(
                    "the state of another crawl: {name} was {:?} and is {value:?}",
                    stored.1
                )));
            }
        }
        Ok(Some(String::new()))
    }

    fn write_identity(&self, identity: &[(&str, String)]) -> Result<(), redb::Error> {
        let write = self.database.begin_write()?;
        {
            let mut table = write.open_table(IDENTITY)?;
            for (number, (name, value)) in (0..).zip(identity) {
                table.insert(number, (*name, &**value))?;
            }
            write.open_table(RECORDS)?;
        }
        Ok(write.commit()?)
    }

    /// Calls `each` with every record, in the order in which they were written.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn replay(&mut self, mut each: impl FnMut(&[u8])) -> Result<(), String> {
        let mut replay = || -> Result<u64, redb::Error> {
            let table = self.database.begin_read()?.open_table(RECORDS)?;
            for record in table.iter()? {
                each(record?.1.value());
            }
            Ok(table.len()?)
        };
        self.n_records = replay().map_err(|err| format!("{}: {err}", self.path.display()))?;
        Ok(())
    }

    /// Starts the thread that commits what is written.
    ///
    /// # Errors
    /// When the system has no room for the thread.
    pub(super) fn start_writer(self) -> Result<StateWriter, String> {
        let (records_tx, records_rx) = channel::bounded(RECORDS_MAX);
        let path = self.path.clone();
        let thread = Builder::new().name("state".to_owned()).spawn(move || {
            let State { path, database, n_records } = self;
            commit_all(&database, n_records, &records_rx)
                .map_err(|err| format!("{}: {err}", path.display()))
        });
        let thread = thread.map_err(|err| format!("{}: {err}", path.display()))?;
        Ok(StateWriter { records: records_tx, thread })
    }
}

/// The thread that commits records, and the way to it.
pub(super) struct StateWriter {
    records: Sender<Vec<u8>>,
    thread: JoinHandle<Result<(), String>>,
}

impl StateWriter {
    pub(super) fn write(&self, record: Vec<u8>) {
        _ = self.records.send(record); // why the thread has ended is reported by `end`
    }

    /// Commits what was written last.
    ///
    /// # Errors
    /// When a record could not be committed.
    pub(super) fn end(self) -> Result<(), String> {
        drop(self.records); // closes the channel, which ends the thread
        self.thread.join().expect("redb returns its errors")
    }
}

/// Commits records with increasing numbers, all that come within an interval at once.
fn commit_all(
    database: &Database,
    mut number: u64,
    records: &Receiver<Vec<u8>>,
) -> Result<(), redb::Error> {
    while let Ok(first) = records.recv() {
        let write = database.begin_write()?;
        {
            let deadline = Instant::now() + COMMIT_INTERVAL;
            let mut table = write.open_table(RECORDS)?;
            let mut next = Some(first);
            while let Some(record) = next {
                table.insert(number, &*record)?;
                number += 1;
                next = records.recv_deadline(deadline).ok();
            }
        }
        write.commit()?;
    }
    Ok(())
}

/// Refuses a file that is neither empty nor a database: it belongs to somebody else.
fn refuse_other_files(path: &Path) -> Result<(), String> {
    let mut head = Vec::new();
    match File::open(path) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(err) => return Err(err.to_string()),
        Ok(file) => {
            let info = file.metadata().map_err(|err| err.to_string())?;
            if !info.is_file() {
                return Err("not a regular file".to_owned());
            }
            file.take(4).read_to_end(&mut head).map_err(|err| err.to_string())?;
        }
    }
    let is_ours = head.iter().all(|&byte| byte == 0) || head == MAGIC;
    if is_ours { Ok(()) } else { Err("not the state of a crawl".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(depth: &str) -> Vec<(&'static str, String)> {
        vec![("start URLs", "http://h/".to_owned()), ("--depth", depth.to_owned())]
    }

    fn records(path: &Path) -> (Vec<Vec<u8>>, State) {
        let mut state = State::open(path, &identity("1")).unwrap();
        let mut records = Vec::new();
        state.replay(|record| records.push(record.to_vec())).unwrap();
        (records, state)
    }

    #[test]
    fn records_come_back_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        for round in 0..3_u8 {
            let (before, state) = records(&path);
            assert_eq!(before, (0..round * 2).map(|byte| vec![byte]).collect::<Vec<_>>());
            let writer = state.start_writer().unwrap();
            writer.write(vec![round * 2]);
            writer.write(vec![round * 2 + 1]);
            writer.end().unwrap();
        }
    }

    #[test]
    fn another_crawl_or_another_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let refusal = |depth: &str| State::open(&path, &identity(depth)).map(|_| ()).unwrap_err();
        let state = State::open(&path, &identity("1")).unwrap();
        assert!(refusal("1").ends_with(": in use by another crawl"));
        drop(state);
        let expected = ": the state of another crawl: --depth was \"1\" and is \"2\"";
        assert!(refusal("2").ends_with(expected), "{}", refusal("2"));
        std::fs::write(&path, "my notes").unwrap();
        assert!(refusal("1").ends_with(": not the state of a crawl"));
        assert_eq!(std::fs::read(&path).unwrap(), b"my notes");
    }
}
