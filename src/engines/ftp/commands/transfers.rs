//! Commands that transfer data: each opens its file and prepares a job.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Seek, SeekFrom};
use std::mem;
use std::sync::Arc;

use super::arg::Arg;
use super::files::{listing, now};
use crate::engines::ftp::data::{Endpoint, Opener, Protection};
use crate::engines::ftp::job::Job;
use crate::engines::ftp::listing::Format;
use crate::engines::ftp::outcome::{Next, Outcome, done};
use crate::engines::ftp::rate::Throttle;
use crate::engines::ftp::reply::{Reply, ReplyError};
use crate::engines::ftp::session::Session;
use crate::engines::ftp::transfer::Transfer;
use crate::engines::ftp::work::{Sink, Subject, Work};
use crate::fs::jail::relative;
use crate::text::printable::replace_controls;

/// The settings that hold for one transfer only.
struct Setup {
    endpoint: Endpoint,
    /// The offset of REST, 0 without it.
    restart: u64,
    has_restart: bool,
}

/// A transfer that can begin.
struct Plan {
    verb: &'static str,
    /// The absolute path.
    path: Vec<u8>,
    /// The size of a download.
    n_bytes: Option<u64>,
    /// The reply that announces the transfer.
    announcement: Reply,
    work: Work,
}

pub(super) fn retr(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    let setup = take_setup(session)?;
    session.check_may_read()?;
    let path = session.path(arg.bytes())?;
    let mut file = session.jail().read(relative(&path))?;
    let len = file.metadata()?.len();
    let Some(n_bytes) = len.checked_sub(setup.restart) else {
        return Err(ReplyError::new(554, "Restart position is beyond the end of the file."));
    };
    file.seek(SeekFrom::Start(setup.restart))?;
    let is_ascii = session.state.is_ascii;
    let mode = if is_ascii { "ASCII" } else { "BINARY" };
    let text = format!("Opening {mode} mode data connection ({n_bytes} bytes).");
    let plan = Plan {
        verb: "RETR",
        path,
        n_bytes: Some(n_bytes),
        announcement: Reply::new(150, text),
        work: Work::Send { file, is_ascii, waits_for_close: setup.has_restart },
    };
    begin(session, setup, plan)
}

/// STOR replaces the file; after REST, it overwrites the file from that offset on.
pub(super) fn stor(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    let setup = take_setup(session)?;
    session.check_may_create()?;
    let path = session.new_path(arg.bytes())?;
    let jail = session.jail();
    let sink = if session.check_may_write().is_err() {
        new_file(session, &setup, &path)
    } else if setup.restart == 0 {
        jail.upload(relative(&path)).map(Sink::from)
    } else {
        let file = jail.write_from(relative(&path), setup.restart);
        file.map(|file| Sink::InPlace(file, setup.restart))
    };
    let sink = sink.map_err(|err| ReplyError::not_stored(&err))?;
    receive(session, setup, ("STOR", path), "Ok to send data.", sink)
}

/// The sink of a user who may not replace or extend files.
fn new_file(session: &Session<'_, '_>, setup: &Setup, path: &[u8]) -> io::Result<Sink> {
    if setup.restart > 0 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    session.jail().upload_new(relative(path)).map(Sink::Whole)
}

pub(super) fn appe(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    let setup = take_setup(session)?;
    session.check_may_write()?;
    let path = session.new_path(arg.bytes())?;
    let file = session.jail().append(relative(&path));
    let sink = Sink::Append(file.map_err(|err| ReplyError::not_stored(&err))?);
    receive(session, setup, ("APPE", path), "Ok to send data.", sink)
}

/// STOU stores under a new name, which the first reply contains (RFC 1123, 4.1.2.9).
pub(super) fn stou(session: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    let setup = take_setup(session)?;
    session.check_may_create()?;
    let name = format!("ftpd-{:016x}", RandomState::new().build_hasher().finish());
    let path = session.path(name.as_bytes())?;
    let upload = session.jail().upload_new(relative(&path));
    let sink = Sink::Whole(upload.map_err(|err| ReplyError::not_stored(&err))?);
    receive(session, setup, ("STOU", path), &format!("FILE: {name}"), sink)
}

fn receive(
    session: &mut Session<'_, '_>,
    setup: Setup,
    (verb, path): (&'static str, Vec<u8>),
    announcement: &str,
    sink: Sink,
) -> Outcome {
    let work = Work::Receive { sink, is_ascii: session.state.is_ascii };
    let announcement = Reply::new(150, announcement);
    begin(session, setup, Plan { verb, path, n_bytes: None, announcement, work })
}

pub(super) fn list(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    send_listing(session, "LIST", arg, Format::Long { now: now() })
}

pub(super) fn nlst(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    send_listing(session, "NLST", arg, Format::Name)
}

pub(super) fn mlsd(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    let format = Format::Facts(session.state.facts, session.rights()?);
    send_listing(session, "MLSD", arg, format)
}

fn send_listing(
    session: &mut Session<'_, '_>,
    verb: &'static str,
    arg: &Arg,
    format: Format,
) -> Outcome {
    let setup = take_setup(session)?;
    let listing = listing(session, arg.bytes(), format)?;
    let target = listing.open(session.jail())?;
    if matches!(format, Format::Facts(..)) && target.is_file() {
        return Err(ReplyError::new(501, "Not a directory, use MLST."));
    }
    let path = listing.path.clone();
    let jail = session.jail().clone();
    let announcement = Reply::new(150, "Here comes the directory listing.");
    let work = Work::List { listing, target, jail };
    begin(session, setup, Plan { verb, path, n_bytes: None, announcement, work })
}

/// ABOR without a transfer: an agreed data connection is closed.
pub(super) fn abor(session: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    session.state.endpoint = None;
    done(226, "No transfer to abort.")
}

/// Takes endpoint and restart offset from the session: the next transfer needs new ones, even if this
/// one is refused.
fn take_setup(session: &mut Session<'_, '_>) -> Result<Setup, ReplyError> {
    let restart = mem::take(&mut session.state.restart);
    let has_restart = restart.is_some();
    let restart = restart.unwrap_or(0);
    let Some(endpoint) = session.state.endpoint.take() else {
        return Err(ReplyError::new(425, "Use EPSV, PASV, EPRT or PORT first."));
    };
    if session.requires_tls() && !session.state.is_private {
        return Err(ReplyError::new(521, "Data connection must be protected, use PROT P first."));
    }
    if restart > 0 && session.state.is_ascii {
        return Err(ReplyError::new(554, "REST not supported in ASCII mode, use TYPE I."));
    }
    Ok(Setup { endpoint, restart, has_restart })
}

/// Prepares the job of a transfer.
fn begin(session: &mut Session<'_, '_>, setup: Setup, plan: Plan) -> Outcome {
    let Plan { verb, path, n_bytes, announcement, work } = plan;
    let opener = opener(session, setup.endpoint, work.is_upload())?;
    let transfer = Arc::new(Transfer::new(title(verb, &path), n_bytes));
    let job = Job {
        control: Arc::clone(&session.control),
        transfer: Arc::clone(&transfer),
        server: session.server,
        announcement,
        throttle: Throttle::new(session.server.options, session.server.total_rate.as_ref()),
        subject: Subject { verb, path, client: session.client() },
    };
    session.control.begin_transfer(&transfer);
    session.job = Some((job, opener, work));
    Ok(Next::Transfer)
}

fn opener(
    session: &Session<'_, '_>,
    endpoint: Endpoint,
    is_upload: bool,
) -> Result<Opener, ReplyError> {
    let (peer, local) = session.ips()?;
    let options = session.server.options;
    let resumable = session.control.resumable().filter(|_| session.state.is_private);
    let tls = options.tls.as_ref().zip(resumable).zip(session.ticket_time.clone());
    let tls = tls.map(|((tls, resumable), ticket_time)| {
        let login = session.login.clone();
        let (config, tickets) = tls.for_data(resumable, login, is_upload);
        Protection { config, tickets, must_resume: tls.must_resume, is_upload, ticket_time }
    });
    Ok(Opener { endpoint, peer, local, timeout: options.data_timeout, tls })
}

/// The command with the resolved path, for STAT and the log.
fn title(verb: &str, path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    format!("{verb} {}", replace_controls(&path, '?').collect::<String>())
}
