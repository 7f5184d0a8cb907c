//! Commands about files that move no data: names, sizes, times, directories.

use std::io;

use super::command::Command;
use super::facts;
use super::listing::{Form, Listing};
use super::names;
use super::reply::{self, Reply};
use super::session::{Done, Session};
use super::users::Rights;
use crate::fs::jail::{Info, Kind, below};

/// Entries that STAT shows on the control connection, where nothing can be aborted.
const STAT_MAX: usize = 1000;

impl Session<'_, '_> {
    pub(super) fn cwd(&mut self, arg: &[u8]) -> Done {
        let path = self.path(arg)?;
        self.server.jail.folder(below(&path)).map_err(|err| refusal(&err))?;
        self.state.cwd = path;
        Ok(Reply::new(250, "There."))
    }

    pub(super) fn pwd(&self) -> Reply {
        Reply::new(257, [&*reply::quoted(&self.state.cwd), b" is the directory."].concat())
    }

    pub(super) fn rnfr(&mut self, command: &Command) -> Done {
        self.may_write()?;
        let path = self.path(&command.arg)?;
        let (folder, name) = self.server.jail.folder_of(below(&path)).map_err(|e| refusal(&e))?;
        folder.info(name).map_err(|err| refusal(&err))?;
        self.state.rename_from = Some(path);
        Ok(Reply::new(350, "And its new name?"))
    }

    pub(super) fn rnto(&mut self, command: &Command) -> Done {
        self.may_write()?;
        let Some(from) = self.state.rename_from.take() else {
            return Err(Reply::new(503, "RNFR comes just before."));
        };
        let to = self.new_path(&command.arg)?;
        let renamed = self.server.jail.rename(below(&from), below(&to));
        renamed.map_err(|err| refusal(&err))?;
        Ok(Reply::new(250, "Renamed."))
    }

    pub(super) fn dele(&mut self, command: &Command) -> Done {
        self.may_write()?;
        let path = self.path(&command.arg)?;
        self.server.jail.remove_file(below(&path)).map_err(|err| refusal(&err))?;
        Ok(Reply::new(250, "Deleted."))
    }

    pub(super) fn rmd(&mut self, command: &Command) -> Done {
        self.may_write()?;
        let path = self.path(&command.arg)?;
        self.server.jail.remove_dir(below(&path)).map_err(|err| refusal(&err))?;
        Ok(Reply::new(250, "Removed."))
    }

    pub(super) fn mkd(&mut self, command: &Command) -> Done {
        self.may_write()?;
        let path = self.new_path(&command.arg)?;
        self.server.jail.create_dir(below(&path)).map_err(|err| refusal(&err))?;
        Ok(Reply::new(257, [&*reply::quoted(&path), b" is made."].concat()))
    }

    /// How many bytes RETR would send; in TYPE A only RETR itself finds out.
    pub(super) fn size(&self, command: &Command) -> Done {
        if self.state.is_ascii {
            return Err(Reply::new(550, "Only in TYPE I."));
        }
        let info = self.regular(command)?;
        Ok(Reply::new(213, info.len.to_string()))
    }

    pub(super) fn mdtm(&self, command: &Command) -> Done {
        let info = self.regular(command)?;
        Ok(Reply::new(213, facts::stamp(info.modified)))
    }

    pub(super) fn mfmt(&self, command: &Command) -> Done {
        self.may_write()?;
        let end = command.arg.iter().position(|byte| *byte == b' ').unwrap_or(command.arg.len());
        let (stamp, name) = command.arg.split_at(end);
        let seconds = str::from_utf8(stamp).ok().and_then(facts::seconds);
        let (Some(seconds), Some((_, name))) = (seconds, name.split_first()) else {
            return Err(Reply::new(501, "It goes MFMT YYYYMMDDhhmmss name."));
        };
        let path = self.path(name)?;
        let done = self.server.jail.set_modified(below(&path), seconds);
        done.map_err(|err| refusal(&err))?;
        let stamp = facts::stamp(seconds);
        Ok(Reply::new(213, [format!("Modify={stamp}; ").as_bytes(), name].concat()))
    }

    pub(super) fn chmod(&self, arg: &str) -> Done {
        self.may_write()?;
        let (mode, name) = arg.split_once(' ').unwrap_or((arg, ""));
        let mode = u32::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o777);
        let Some(mode) = mode.filter(|_| !name.is_empty()) else {
            return Err(Reply::new(501, "It goes SITE CHMOD 644 name."));
        };
        let path = self.path(name.as_bytes())?;
        self.server.jail.set_mode(below(&path), mode).map_err(|err| refusal(&err))?;
        Ok(Reply::new(200, "Done."))
    }

    pub(super) fn mlst(&self, command: &Command) -> Done {
        let path = self.path_or_cwd(&command.arg)?;
        let info = self.server.jail.info(below(&path)).map_err(|err| refusal(&err))?;
        let line = self.state.facts.line(&info, &path, self.rights()?);
        Ok(Reply::lines(250, "Facts:", [line], "End"))
    }

    /// A listing on the control connection.
    pub(super) fn stat_path(&self, command: &Command) -> Done {
        let mut listing = self.listing(&command.arg, Form::Long { now: now() })?;
        listing.n_max = listing.n_max.min(STAT_MAX);
        listing.options.recursive = false;
        let mut text = Vec::new();
        let jail = self.server.jail;
        let opened = listing.open(jail).map_err(|err| refusal(&err))?;
        let whole = listing.write(jail, opened, &mut text).map_err(|err| refusal(&err))?;
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        Ok(Reply::lines(212, "Status:", lines, if whole { "End" } else { "There is more." }))
    }

    /// What LIST, NLST and MLSD share.
    pub(super) fn listing(&self, arg: &[u8], form: Form) -> Result<Listing, Reply> {
        let (options, mut name) = match form {
            Form::Facts(..) => (super::listing::Options::default(), arg),
            Form::Long { .. } | Form::Name => super::listing::options(arg),
        };
        let mut path = self.path_or_cwd(name)?;
        let mut pattern = None;
        let is_there = self
            .server
            .jail
            .folder_of(below(&path))
            .is_ok_and(|(folder, name)| folder.info(name).is_ok());
        if !is_there && names::last(name).iter().any(|byte| matches!(byte, b'*' | b'?')) {
            pattern = Some(names::last(name).to_vec());
            name = &name[..name.len() - names::last(name).len()];
            path = self.path_or_cwd(name)?;
        }
        let prefix = name.to_vec();
        let n_max = self.server.options.list_max;
        Ok(Listing { path, prefix, pattern, form, options, n_max })
    }

    fn regular(&self, command: &Command) -> Result<Info, Reply> {
        let path = self.path(&command.arg)?;
        let info = self.server.jail.info(below(&path)).map_err(|err| refusal(&err))?;
        if info.kind != Kind::File {
            return Err(Reply::new(550, "Not a regular file."));
        }
        Ok(info)
    }

    pub(super) fn path(&self, arg: &[u8]) -> Result<Vec<u8>, Reply> {
        if arg.is_empty() {
            return Err(Reply::new(501, "A name is needed."));
        }
        self.path_or_cwd(arg)
    }

    fn path_or_cwd(&self, arg: &[u8]) -> Result<Vec<u8>, Reply> {
        names::resolve(&self.state.cwd, arg).ok_or_else(|| Reply::new(553, "The path is too long."))
    }

    /// A path whose last name may be a new one.
    pub(super) fn new_path(&self, arg: &[u8]) -> Result<Vec<u8>, Reply> {
        let path = self.path(arg)?;
        if !names::is_clean(names::last(&path)) {
            return Err(Reply::new(553, "No control characters in new names."));
        }
        Ok(path)
    }

    pub(super) fn rights(&self) -> Result<Rights, Reply> {
        self.state.rights.ok_or_else(|| Reply::new(530, "Log in first: USER and PASS."))
    }

    pub(super) fn may_write(&self) -> Result<(), Reply> {
        match self.rights()? {
            Rights::Write => Ok(()),
            Rights::Read => Err(Reply::new(550, "You may only read.")),
        }
    }
}

pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A refusal in the system's words, without its number.
pub(super) fn refusal(err: &io::Error) -> Reply {
    Reply::new(550, format!("{}.", words(err)))
}

pub(super) fn words(err: &io::Error) -> String {
    if err.kind() == io::ErrorKind::CrossesDevices {
        return "It leads out of here".to_owned();
    }
    let text = err.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
