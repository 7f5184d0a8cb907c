//! Commands about files and directories that need no data connection.

use super::arg::{Arg, split_word};
use crate::engines::ftp::charset::Charset;
use crate::engines::ftp::facts;
use crate::engines::ftp::listing::{Format, Listing, Options, parse_options};
use crate::engines::ftp::names;
use crate::engines::ftp::outcome::{Outcome, done, done_lines};
use crate::engines::ftp::reply::{ReplyError, quoted};
use crate::engines::ftp::session::Session;
use crate::fs::jail::{Info, Kind, relative};

/// Maximum number of entries that STAT lists: on the control connection nothing can be aborted.
const STAT_ENTRIES_MAX: usize = 1000;

pub(super) fn cwd(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    change_dir(session, arg.bytes())
}

pub(super) fn cdup(session: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    change_dir(session, b"..")
}

fn change_dir(session: &mut Session<'_, '_>, dir: &[u8]) -> Outcome {
    let path = session.path(dir)?;
    session.jail().check_dir(relative(&path))?;
    session.state.cwd = path;
    done(250, "Directory changed.")
}

pub(super) fn pwd(session: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    done(257, [&*quoted(&session.state.cwd), b" is the current directory."].concat())
}

pub(super) fn rnfr(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    session.check_may_write()?;
    let path = session.path(arg.bytes())?;
    let (dir, name) = session.jail().open_parent(relative(&path))?;
    dir.info(name)?;
    session.state.rename_from = Some(path);
    done(350, "Ready for RNTO.")
}

pub(super) fn rnto(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    session.check_may_write()?;
    let Some(from) = session.state.rename_from.take() else {
        return Err(ReplyError::new(503, "RNFR required first."));
    };
    let to = session.new_path(arg.bytes())?;
    session.jail().rename(relative(&from), relative(&to))?;
    done(250, "Rename successful.")
}

pub(super) fn dele(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    session.check_may_write()?;
    let path = session.path(arg.bytes())?;
    session.jail().remove_file(relative(&path))?;
    done(250, "File deleted.")
}

pub(super) fn rmd(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    session.check_may_write()?;
    let path = session.path(arg.bytes())?;
    session.jail().remove_dir(relative(&path))?;
    done(250, "Directory removed.")
}

pub(super) fn mkd(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    session.check_may_create()?;
    let path = session.new_path(arg.bytes())?;
    session.jail().create_dir(relative(&path))?;
    done(257, [&*quoted(&path), b" created."].concat())
}

/// SIZE is the number of bytes that RETR would send, which in ASCII mode only RETR finds out.
pub(super) fn size(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    if session.state.is_ascii {
        return Err(ReplyError::new(550, "SIZE not allowed in ASCII mode."));
    }
    done(213, regular_file(session, arg)?.len.to_string())
}

pub(super) fn mdtm(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    done(213, facts::stamp(regular_file(session, arg)?.modified))
}

fn regular_file(session: &Session<'_, '_>, arg: &Arg) -> Result<Info, ReplyError> {
    session.check_may_read()?;
    let path = session.path(arg.bytes())?;
    let info = session.jail().info(relative(&path))?;
    if info.kind != Kind::File {
        return Err(ReplyError::new(550, "Not a regular file."));
    }
    Ok(info)
}

/// MFMT sets the modification time (draft-somers-ftp-mfxx).
pub(super) fn mfmt(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    session.check_may_write()?;
    let (stamp, name) = split_word(arg.bytes());
    let seconds = str::from_utf8(stamp).ok().and_then(facts::parse_stamp);
    let Some(seconds) = seconds.filter(|_| !name.is_empty()) else {
        return Err(ReplyError::new(501, "Usage: MFMT YYYYMMDDhhmmss name."));
    };
    let path = session.path(name)?;
    session.jail().set_modified(relative(&path), seconds)?;
    let stamp = facts::stamp(seconds);
    done(213, [format!("Modify={stamp}; ").as_bytes(), &*session.decode(name)?].concat())
}

/// SITE CHMOD; `arg` are an octal mode and a name.
pub(super) fn chmod(session: &Session<'_, '_>, arg: &[u8]) -> Outcome {
    session.check_may_write()?;
    let (mode, name) = split_word(arg);
    let mode = str::from_utf8(mode).ok().and_then(|mode| u32::from_str_radix(mode, 8).ok());
    let mode = mode.filter(|mode| *mode <= 0o777);
    let Some(mode) = mode.filter(|_| !name.is_empty()) else {
        return Err(ReplyError::new(501, "Usage: SITE CHMOD 644 name."));
    };
    let path = session.path(name)?;
    session.jail().set_mode(relative(&path), mode)?;
    done(200, "SITE CHMOD command ok.")
}

pub(super) fn mlst(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    session.check_may_read()?;
    let path = session.path_or_cwd(arg.bytes())?;
    let info = session.jail().info(relative(&path))?;
    let line = session.state.facts.line(&info, &path, session.rights()?);
    done_lines(250, "Start of list:", [line], "End of list.")
}

/// STAT with a path: a listing on the control connection.
pub(super) fn stat(session: &Session<'_, '_>, arg: &Arg) -> Outcome {
    let mut listing = listing(session, arg.bytes(), Format::Long { now: now() })?;
    listing.n_max = listing.n_max.min(STAT_ENTRIES_MAX);
    listing.options.recursive = false;
    listing.charset = Charset::default(); // the reply converts all of it
    let mut text = Vec::new();
    let jail = session.jail();
    let is_complete = listing.write(jail, listing.open(jail)?, &mut text)?;
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let end = if is_complete { "End of status." } else { "End of status, listing truncated." };
    done_lines(212, "Status follows:", lines, end)
}

/// The listing that LIST, NLST, MLSD or STAT with this argument asks for.
pub(super) fn listing(
    session: &Session<'_, '_>,
    arg: &[u8],
    format: Format,
) -> Result<Listing, ReplyError> {
    session.check_may_read()?;
    let arg = session.decode(arg)?;
    let (mut options, mut name) = match format {
        Format::Facts(..) => (Options::default(), &*arg),
        Format::Long { .. } | Format::Name => parse_options(&arg),
    };
    options.no_dot_files = session.server.options.hides_dot_files;
    let mut path = session.resolve(name)?;
    let mut pattern = None;
    let last = names::file_name(name);
    if last.iter().any(|byte| matches!(byte, b'*' | b'?')) && !exists(session, &path) {
        pattern = Some(last.to_vec());
        name = &name[..name.len() - last.len()];
        path = session.resolve(name)?;
    }
    let prefix = name.to_vec();
    let n_max = session.server.options.list_entries_max;
    let charset = session.control.charset();
    Ok(Listing { path, prefix, pattern, format, options, n_max, charset })
}

fn exists(session: &Session<'_, '_>, path: &[u8]) -> bool {
    let parent = session.jail().open_parent(relative(path));
    parent.is_ok_and(|(dir, name)| dir.info(name).is_ok())
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
