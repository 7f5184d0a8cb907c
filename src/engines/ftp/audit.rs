//! The audit log: one line per login, transfer and change of a file, written at once.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::fs::OFlags;
use serde::Serialize;

use crate::threads::lock;

/// Permission bits of a new audit file, before the umask is applied.
const FILE_MODE: u32 = 0o640;
/// Shortest time between two log messages that the audit file cannot be written.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// The format of an audit log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditFormat {
    /// A JSON object per line, for every event.
    #[default]
    Json,
    /// The lines of wu-ftpd, which vsftpd and proftpd write too: transfers and removed files only.
    Xferlog,
}

/// An audit log in a file. Lines are appended whole, so several servers may share one file.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    format: AuditFormat,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// Whether the last line was not written whole.
    is_torn: bool,
    last_complaint: Option<Instant>,
}

/// Whose events these are.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Client {
    /// The number of the session; sessions are counted from the start of the server.
    pub(super) session: u64,
    pub(super) address: IpAddr,
    /// The name given with USER.
    pub(super) user: Option<String>,
    #[serde(rename = "anonymous", skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_anonymous: bool,
    #[serde(rename = "tls", skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_secure: bool,
    /// The user's root directory, a path from the server's root without a slash at its end.
    #[serde(skip)]
    pub(super) root: Vec<u8>,
}

/// One event of a session.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Event<'a> {
    /// The command, or LOGIN.
    pub(super) command: &'a str,
    /// The path from the user's root. The log has it from the server's root.
    #[serde(skip)]
    pub(super) path: Option<&'a [u8]>,
    /// The new path of RNTO, the mode of CHMOD, the time of MFMT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seconds: Option<f64>,
    #[serde(rename = "ascii", skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_ascii: bool,
    pub(super) ok: bool,
    /// The reply that refused the command or reported the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply: Option<String>,
}

impl Client {
    /// The path of an event from the server's root.
    fn path(&self, event: &Event<'_>) -> Option<Vec<u8>> {
        Some([&self.root, event.path?].concat())
    }
}

impl AuditLog {
    /// Appends to `path`, which is created if there is no such file.
    ///
    /// # Errors
    /// When it cannot be opened for appending.
    pub fn open(path: &Path, format: AuditFormat) -> io::Result<Self> {
        let state = State { file: append(path)?, is_torn: false, last_complaint: None };
        Ok(AuditLog { path: path.to_owned(), format, state: Mutex::new(state) })
    }

    /// Continues in a new file of the same path: the old one was renamed.
    ///
    /// # Errors
    /// When it cannot be opened; then the old file stays in use.
    pub fn reopen(&self) -> io::Result<()> {
        let file = append(&self.path)?;
        *self.state() = State { file, is_torn: false, last_complaint: None };
        Ok(())
    }

    /// The file, to change its owner.
    ///
    /// # Errors
    /// When there are no file descriptors left.
    pub fn file(&self) -> io::Result<File> {
        self.state().file.try_clone()
    }

    /// Writes one line. A failure is logged, and does not end the session.
    pub(super) fn write(&self, client: &Client, event: &Event<'_>) {
        let now = Timestamp::now();
        let line = match self.format {
            AuditFormat::Json => Some(json(client, event, now)),
            AuditFormat::Xferlog => xferlog(client, event, now),
        };
        let Some(line) = line else { return };
        let mut state = self.state();
        if let Err(err) = state.write(&line)
            && state.last_complaint.is_none_or(|last| last.elapsed() >= LOG_INTERVAL)
        {
            state.last_complaint = Some(Instant::now());
            log::error!("audit log {}: {err}; lines are lost", self.path.display());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// Writes a line with one call, so that lines do not mix. Behind a torn line it starts a new one.
    fn write(&mut self, line: &str) -> io::Result<()> {
        let line = if self.is_torn { format!("\n{line}\n") } else { format!("{line}\n") };
        let n = self.file.write(line.as_bytes())?;
        self.is_torn = n < line.len();
        if self.is_torn { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(FILE_MODE);
    options.custom_flags(OFlags::NONBLOCK.bits().cast_signed()); // a FIFO must not block sessions
    options.open(path)
}

/// A line of JSON. A path that is not UTF-8 is there in hexadecimal too.
fn json(client: &Client, event: &Event<'_>, now: Timestamp) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        time: String,
        #[serde(flatten)]
        client: &'a Client,
        #[serde(flatten)]
        event: &'a Event<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        path_hex: Option<String>,
    }
    let path = client.path(event);
    let hex = |path: &&Vec<u8>| path.iter().map(|byte| format!("{byte:02x}")).collect();
    let line = Line {
        time: format!("{now:.3}"),
        client,
        event,
        path: path.as_deref().map(String::from_utf8_lossy),
        path_hex: path.as_ref().filter(|path| str::from_utf8(path).is_err()).as_ref().map(hex),
    };
    serde_json::to_string(&line).expect("all keys are strings")
}

/// A line of xferlog(5), in UTC: time, seconds, client, bytes, path, mode, no special action,
/// direction, access, user, service, no ident, completion. `None` for an event that it does not have.
fn xferlog(client: &Client, event: &Event<'_>, now: Timestamp) -> Option<String> {
    let direction = match event.command {
        "RETR" => 'o',
        "STOR" | "APPE" | "STOU" => 'i',
        "DELE" => 'd',
        _ => return None,
    };
    let time = now.to_zoned(TimeZone::UTC).strftime("%a %b %e %H:%M:%S %Y");
    let seconds = event.seconds.unwrap_or_default().ceil();
    let address = client.address;
    let bytes = event.bytes.unwrap_or(0);
    let path = word(&String::from_utf8_lossy(&client.path(event).unwrap_or_default()));
    let mode = if event.is_ascii { 'a' } else { 'b' };
    let access = if client.is_anonymous { 'a' } else { 'r' };
    let user = word(client.user.as_deref().unwrap_or_default());
    let completion = if event.ok { 'c' } else { 'i' };
    Some(format!(
        "{time} {seconds} {address} {bytes} {path} {mode} _ {direction} {access} {user} ftp 0 * {completion}"
    ))
}

/// `text` as one word: `_` in place of spaces and control characters.
fn word(text: &str) -> String {
    let is_separator = |c: char| c.is_whitespace() || c.is_control();
    let word: String = text.chars().map(|c| if is_separator(c) { '_' } else { c }).collect();
    if word.is_empty() { "?".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::net::Ipv4Addr;

    fn client() -> Client {
        Client {
            session: 7,
            address: Ipv4Addr::new(192, 0, 2, 1).into(),
            user: Some("ann".to_owned()),
            is_anonymous: false,
            is_secure: true,
            root: b"/home".to_vec(),
        }
    }

    fn upload(path: &[u8]) -> Event<'_> {
        Event {
            command: "STOR",
            path: Some(path),
            bytes: Some(5),
            seconds: Some(0.25),
            ok: true,
            ..Event::default()
        }
    }

    const NOW: i64 = 1_795_239_476; // 2026-11-21 05:37:56

    #[test]
    fn lines_of_json() {
        let now = Timestamp::from_second(NOW).unwrap();
        let line = |event| json(&client(), &event, now);
        let expected = r#"{"time":"2026-11-21T05:37:56.000Z","session":7,"address":"192.0.2.1","user":"ann","tls":true,"command":"STOR","bytes":5,"seconds":0.25,"ok":true,"path":"/home/a\n\"b"}"#;
        assert_eq!(line(upload(b"/a\n\"b")), expected);
        assert!(line(upload(b"/\xff")).contains(r#""path":"/home/�","path_hex":"2f686f6d652fff""#));
        let refused = Event { command: "LOGIN", reply: Some("530 No.".into()), ..Event::default() };
        assert!(line(refused).ends_with(r#""command":"LOGIN","ok":false,"reply":"530 No."}"#));
    }

    #[test]
    fn lines_of_xferlog() {
        let now = Timestamp::from_second(NOW).unwrap();
        let line = |event| xferlog(&client(), &event, now);
        let expected =
            "Sat Nov 21 05:37:56 2026 1 192.0.2.1 5 /home/a_b b _ i r ann ftp 0 * c".to_owned();
        assert_eq!(line(upload(b"/a b")), Some(expected));
        assert_eq!(line(Event { command: "MKD", ..Event::default() }), None);
    }

    #[test]
    fn a_renamed_file_is_left_at_reopen() {
        let dir = tempfile::tempdir().unwrap();
        let (path, old) = (dir.path().join("audit"), dir.path().join("audit.1"));
        let log = AuditLog::open(&path, AuditFormat::Json).unwrap();
        log.write(&client(), &upload(b"/1"));
        fs::rename(&path, &old).unwrap();
        log.write(&client(), &upload(b"/2"));
        log.reopen().unwrap();
        log.write(&client(), &upload(b"/3"));
        let lines = |path| fs::read_to_string(path).unwrap().lines().count();
        assert_eq!((lines(&old), lines(&path)), (2, 1));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(log.reopen().is_err());
        log.write(&client(), &upload(b"/4")); // goes into the file that was open
    }
}
