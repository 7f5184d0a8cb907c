//! The broker: one connection, with blocking calls.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use redis::{Client, Connection, ErrorKind, RedisError, RedisResult, Value, cmd};

use super::address::RelayUrl;
use super::entry::Entry;

/// How long the broker may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the broker may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the broker waits for a new entry.
const BLOCK_MS: usize = 100;
/// Entries read at once.
const ENTRIES_MAX: usize = 128;
/// The field of an entry that holds it.
const FIELD: &str = "e";

/// The place of an entry in a stream: milliseconds, and a number within them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId {
    pub(super) ms: u64,
    nth: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.nth)
    }
}

impl EntryId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (ms, nth) = text.split_once('-')?;
        Some(EntryId { ms: ms.parse().ok()?, nth: nth.parse().ok()? })
    }
}

/// An entry with its place; without it if it was not appended by a chat server.
pub(super) type Read = (EntryId, Option<Entry>);

/// The broker's answer to XREAD: of each stream, of each entry the fields and their values.
type Answer = Option<Vec<(String, Vec<(String, Vec<Vec<u8>>)>)>>;

/// A connection to the broker.
pub(super) struct Broker<'a> {
    url: &'a RelayUrl,
    connection: Connection,
}

impl<'a> Broker<'a> {
    pub(super) fn connect(url: &'a RelayUrl) -> RedisResult<Self> {
        let connection =
            Client::open(&*url.broker)?.get_connection_with_timeout(CONNECT_TIMEOUT)?;
        connection.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        connection.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Broker { url, connection })
    }

    /// Appends an entry, and has the broker forget all but about the last `n_entries`.
    pub(super) fn append(&mut self, entry: &[u8], n_entries: u64) -> RedisResult<()> {
        let mut call = cmd("XADD");
        call.arg(&self.url.stream).arg("MAXLEN").arg("~").arg(n_entries);
        call.arg("*").arg(FIELD).arg(entry).query(&mut self.connection)
    }

    /// Reads the entries after a place, waiting a moment for one; empty if there is none.
    pub(super) fn read(&mut self, after: EntryId) -> RedisResult<Vec<Read>> {
        let mut call = cmd("XREAD");
        call.arg("COUNT").arg(ENTRIES_MAX).arg("BLOCK").arg(BLOCK_MS);
        call.arg("STREAMS").arg(&self.url.stream).arg(after.to_string());
        let answer: Answer = call.query(&mut self.connection)?;
        let entries = answer.into_iter().flatten().flat_map(|(_, entries)| entries);
        entries.map(|(id, fields)| Ok((parse_id(&id)?, entry(&fields)))).collect()
    }

    /// The place of the newest entry that the stream ever had.
    pub(super) fn newest(&mut self) -> RedisResult<EntryId> {
        let mut call = cmd("XINFO");
        call.arg("STREAM").arg(&self.url.stream);
        match call.query::<HashMap<String, Value>>(&mut self.connection) {
            Ok(info) => {
                let id = info.get("last-generated-id").cloned().unwrap_or(Value::Nil);
                parse_id(&redis::from_redis_value::<String>(id)?)
            }
            Err(err) if err.to_string().contains("no such key") => Ok(EntryId::default()),
            Err(err) => Err(err),
        }
    }

    /// The broker's clock, in milliseconds.
    pub(super) fn now_ms(&mut self) -> RedisResult<u64> {
        let (seconds, micros): (u64, u64) = cmd("TIME").query(&mut self.connection)?;
        Ok(seconds * 1_000 + micros / 1_000)
    }

    /// Whether the broker writes what it acknowledges to a file. `None` if it does not say.
    pub(super) fn is_durable(&mut self) -> Option<bool> {
        let info: String = cmd("INFO").arg("persistence").query(&mut self.connection).ok()?;
        let line = info.lines().find_map(|line| line.strip_prefix("aof_enabled:"))?;
        Some(line.trim() == "1")
    }
}

fn parse_id(text: &str) -> RedisResult<EntryId> {
    let error = || RedisError::from((ErrorKind::UnexpectedReturnType, "not the id of an entry"));
    EntryId::parse(text).ok_or_else(error)
}

/// The entry in a list of fields and values.
fn entry(fields: &[Vec<u8>]) -> Option<Entry> {
    let (pairs, _) = fields.as_chunks::<2>();
    let value = pairs.iter().find(|[field, _]| field == FIELD.as_bytes())?;
    serde_json::from_slice(&value[1]).ok()
}
