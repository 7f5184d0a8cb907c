//! Commands that move data: each opens its file first and then hands the rest to a thread.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::mem;
use std::sync::Arc;

use super::command::Command;
use super::data::{Endpoint, Opener, Protection};
use super::files::{now, refusal};
use super::job::{Job, Sink, Work};
use super::listing::Form;
use super::names;
use super::reply::Reply;
use super::session::{Answer, Session};
use super::transfer::Transfer;
use crate::fs::jail::below;

/// What a transfer starts with, taken from the session: it holds for one transfer.
struct Start {
    endpoint: Endpoint,
    restart: u64,
}

impl Session<'_, '_> {
    pub(super) fn retr(&mut self, command: &Command) -> Answer {
        self.try_retr(command).unwrap_or_else(Answer::Say)
    }

    fn try_retr(&mut self, command: &Command) -> Result<Answer, Reply> {
        let start = self.start()?;
        let path = self.path(&command.arg)?;
        let mut file = self.server.jail.read(below(&path)).map_err(|err| refusal(&err))?;
        let len = file.metadata().map_err(|err| refusal(&err))?.len();
        if start.restart > len {
            return Err(Reply::new(554, "The file is shorter than that."));
        }
        let sought = io_seek(&mut file, start.restart);
        sought.map_err(|err| refusal(&err))?;
        let left = len - start.restart;
        let is_ascii = self.state.is_ascii;
        let first = Reply::new(150, format!("Here it comes ({left} bytes)."));
        let work = Work::Send { file, is_ascii };
        self.begin(start, title("RETR", &path), Some(left), first, work)
    }

    pub(super) fn stor(&mut self, command: &Command) -> Answer {
        self.try_stor(command).unwrap_or_else(Answer::Say)
    }

    /// A whole new file, unless REST says that part of it is here.
    fn try_stor(&mut self, command: &Command) -> Result<Answer, Reply> {
        let start = self.start()?;
        self.may_write()?;
        let path = self.new_path(&command.arg)?;
        let jail = self.server.jail;
        let sink = if start.restart == 0 {
            jail.upload(below(&path)).map(Sink::Whole)
        } else {
            jail.write_from(below(&path), start.restart).map(Sink::InPlace)
        };
        let sink = sink.map_err(|err| not_stored(&err))?;
        self.receive(start, title("STOR", &path), Reply::new(150, "Let it come."), sink)
    }

    pub(super) fn appe(&mut self, command: &Command) -> Answer {
        self.try_appe(command).unwrap_or_else(Answer::Say)
    }

    fn try_appe(&mut self, command: &Command) -> Result<Answer, Reply> {
        let start = self.start()?;
        self.may_write()?;
        let path = self.new_path(&command.arg)?;
        let file = self.server.jail.append(below(&path)).map_err(|err| not_stored(&err))?;
        let first = Reply::new(150, "Let it come.");
        self.receive(start, title("APPE", &path), first, Sink::InPlace(file))
    }

    pub(super) fn stou(&mut self) -> Answer {
        self.try_stou().unwrap_or_else(Answer::Say)
    }

    fn try_stou(&mut self) -> Result<Answer, Reply> {
        let start = self.start()?;
        self.may_write()?;
        let name = format!("ftpd-{:016x}", RandomState::new().build_hasher().finish());
        let path = self.path(name.as_bytes())?;
        let upload = self.server.jail.upload(below(&path)).map_err(|err| not_stored(&err))?;
        let first = Reply::new(150, format!("FILE: {name}"));
        self.receive(start, title("STOU", &path), first, Sink::Whole(upload))
    }

    pub(super) fn list(&mut self, command: &Command) -> Answer {
        let form = Form::Long { now: now() };
        self.try_list("LIST", command, form).unwrap_or_else(Answer::Say)
    }

    pub(super) fn nlst(&mut self, command: &Command) -> Answer {
        self.try_list("NLST", command, Form::Name).unwrap_or_else(Answer::Say)
    }

    pub(super) fn mlsd(&mut self, command: &Command) -> Answer {
        self.try_mlsd(command).unwrap_or_else(Answer::Say)
    }

    fn try_mlsd(&mut self, command: &Command) -> Result<Answer, Reply> {
        let form = Form::Facts(self.state.facts, self.rights()?);
        self.try_list("MLSD", command, form)
    }

    fn try_list(&mut self, verb: &str, command: &Command, form: Form) -> Result<Answer, Reply> {
        let start = self.start()?;
        let listing = self.listing(&command.arg, form)?;
        let opened = listing.open(self.server.jail).map_err(|err| refusal(&err))?;
        if verb == "MLSD" && opened.is_file() {
            return Err(Reply::new(501, "MLSD lists directories: MLST tells of a file."));
        }
        let title = title(verb, &listing.path);
        let work = Work::List { listing, opened };
        self.begin(start, title, None, Reply::new(150, "Here it comes."), work)
    }

    fn receive(
        &mut self,
        start: Start,
        title: String,
        first: Reply,
        sink: Sink,
    ) -> Result<Answer, Reply> {
        let is_ascii = self.state.is_ascii;
        self.begin(start, title, None, first, Work::Receive { sink, is_ascii })
    }

    /// Whatever comes of it, address and restart are used up.
    fn start(&mut self) -> Result<Start, Reply> {
        let restart = mem::take(&mut self.state.restart);
        let Some(endpoint) = self.state.endpoint.take() else {
            return Err(Reply::new(425, "EPSV, PASV, EPRT or PORT comes first."));
        };
        let is_required = self.server.options.tls.as_ref().is_some_and(|tls| tls.is_required);
        if is_required && !self.state.is_private {
            return Err(Reply::new(521, "Only with TLS: PROT P first."));
        }
        if restart > 0 && self.state.is_ascii {
            return Err(Reply::new(554, "REST goes with TYPE I only."));
        }
        Ok(Start { endpoint, restart })
    }

    fn begin(
        &mut self,
        start: Start,
        title: String,
        n_bytes: Option<u64>,
        first: Reply,
        work: Work,
    ) -> Result<Answer, Reply> {
        let (peer, local) = self.ips()?;
        let options = self.server.options;
        let session = self.control.resumable().filter(|_| self.state.is_private);
        let tls = options.tls.as_ref().zip(session).map(|(tls, session)| Protection {
            session: session.id,
            config: tls.for_data(session, work.is_upload()),
            must_resume: tls.must_resume,
        });
        let opener = Opener { endpoint: start.endpoint, peer, local, timeout: options.data, tls };
        let transfer = Arc::new(Transfer::new(title, n_bytes));
        let control = Arc::clone(&self.control);
        let job = Job { control, transfer: Arc::clone(&transfer), server: self.server, first };
        self.control.start(&transfer);
        if self.pool.run(move || job.run(opener, work)).is_err() {
            let full = Reply::new(425, "No room for a transfer now; try again later.");
            self.control.finish(&transfer, &full);
        }
        Ok(Answer::Started)
    }
}

fn title(verb: &str, path: &[u8]) -> String {
    format!("{verb} {}", String::from_utf8_lossy(&names::shown(path)))
}

fn not_stored(err: &std::io::Error) -> Reply {
    Reply::new(553, format!("{}.", super::files::words(err)))
}

fn io_seek(file: &mut std::fs::File, offset: u64) -> std::io::Result<u64> {
    std::io::Seek::seek(file, std::io::SeekFrom::Start(offset))
}
