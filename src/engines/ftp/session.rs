//! One client: reading commands, doing them in order, hearing the urgent ones at once.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Server;
use super::command::{Bad, Command, Verb};
use super::control::Control;
use super::data::Endpoint;
use super::facts::Facts;
use super::input::Input;
use super::reply::Reply;
use super::transfer::Transfer;
use super::users::Rights;
use crate::threads::ThreadPool;

/// Commands kept while a transfer runs; then reading waits for its end.
const WAITING_MAX: usize = 64;
/// Bytes read at once. It lies on the stack of a thread that is idle most of the time.
const PIECE: usize = 1024;

/// What is done after a command.
pub(super) enum Answer {
    Say(Reply),
    /// A transfer runs, and will say itself how it went.
    Started,
    /// The last words.
    Bye(Reply),
    /// The reply, and then TLS.
    Secure(Reply),
}

/// A reply, for either reason: what a command returns so that `?` can be used.
pub(super) type Done = Result<Reply, Reply>;

pub(super) struct Session<'s, 'e> {
    pub(super) server: &'e Server<'e>,
    pub(super) pool: Arc<ThreadPool<'s, 'e>>,
    pub(super) control: Arc<Control>,
    pub(super) state: State,
    pub(super) n_failures: usize,
    input: Input,
    waiting: VecDeque<Result<Command, Bad>>,
    last_command: Instant,
    is_eof: bool,
}

/// What REIN resets.
#[allow(clippy::struct_excessive_bools, reason = "each is the answer to a command of its own")]
pub(super) struct State {
    pub(super) user: Option<String>,
    pub(super) rights: Option<Rights>,
    pub(super) cwd: Vec<u8>,
    pub(super) is_ascii: bool,
    pub(super) restart: u64,
    pub(super) rename_from: Option<Vec<u8>>,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) is_epsv_only: bool,
    pub(super) facts: Facts,
    pub(super) has_pbsz: bool,
    pub(super) is_private: bool,
}

impl Default for State {
    fn default() -> Self {
        State {
            user: None,
            rights: None,
            cwd: b"/".to_vec(),
            is_ascii: true, // as RFC 959 has it
            restart: 0,
            rename_from: None,
            endpoint: None,
            is_epsv_only: false,
            facts: Facts::ALL,
            has_pbsz: false,
            is_private: false,
        }
    }
}

impl<'s, 'e> Session<'s, 'e> {
    pub(super) fn new(
        server: &'e Server<'e>,
        pool: Arc<ThreadPool<'s, 'e>>,
        control: Arc<Control>,
    ) -> Self {
        Session {
            server,
            pool,
            control,
            state: State::default(),
            n_failures: 0,
            input: Input::new(server.options.line_max),
            waiting: VecDeque::new(),
            last_command: Instant::now(),
            is_eof: false,
        }
    }

    pub(super) fn run(mut self) {
        log::info!("{}: session {} begins", self.control.peer(), self.control.id);
        let started = Instant::now();
        let greeted = self.control.reply(&Reply::new(220, "ftpd is ready."));
        let ended = greeted.and_then(|()| {
            while self.step()?.is_continue() {}
            Ok(())
        });
        if let Some(transfer) = self.control.transfer() {
            transfer.stop();
            transfer.wait_end();
        }
        self.control.close();
        let how = ended.err().map_or_else(String::new, |err| format!(": {err}"));
        let took = started.elapsed();
        let (peer, id) = (self.control.peer(), self.control.id);
        log::info!("{peer}: session {id} ends after {took:.1?}{how}");
    }

    /// Does one thing: a command that waits, one that came, or reading.
    fn step(&mut self) -> io::Result<ControlFlow<()>> {
        let running = self.control.transfer();
        if let Some(transfer) = running {
            return self.step_beside(&transfer);
        }
        if let Some(command) = self.waiting.pop_front() {
            return self.execute(command);
        }
        if self.server.is_closing() {
            return self.leave(&Reply::new(421, "The server is closing. Goodbye."));
        }
        match self.input.next() {
            Some(line) => self.execute(Command::parse(line)),
            None if self.is_eof => self.leave(&Reply::new(221, "Goodbye.")),
            None => self.read(self.idle_left()),
        }
    }

    /// The same while a transfer runs: only what is urgent is done.
    fn step_beside(&mut self, transfer: &Arc<Transfer>) -> io::Result<ControlFlow<()>> {
        let has_room = self.waiting.len() < WAITING_MAX;
        if let Some(line) = has_room.then(|| self.input.next()).flatten() {
            match Command::parse(line) {
                Ok(command) if command.is_urgent() => return self.interrupt(&command, transfer),
                command => self.waiting.push_back(command),
            }
            return Ok(ControlFlow::Continue(()));
        }
        if self.is_eof || !has_room {
            transfer.wait_end();
            return Ok(ControlFlow::Continue(()));
        }
        if self.waiting.is_empty() || self.control.wait(transfer)? {
            return self.read(self.server.options.idle);
        }
        Ok(ControlFlow::Continue(())) // it is over
    }

    fn interrupt(&mut self, command: &Command, transfer: &Transfer) -> io::Result<ControlFlow<()>> {
        self.last_command = Instant::now();
        if command.verb == Verb::Stat {
            let reply = Reply::lines(211, "Transfer:", [transfer.progress()], "It goes on.");
            return self.say(&reply);
        }
        transfer.stop();
        transfer.wait_end(); // it has said how it ended
        self.say(&Reply::new(226, "Aborted."))
    }

    fn execute(&mut self, command: Result<Command, Bad>) -> io::Result<ControlFlow<()>> {
        self.last_command = Instant::now();
        self.forget_but(command.as_ref().map(|command| command.verb).ok());
        let answer = match command {
            Ok(command) => self.dispatch(&command),
            Err(Bad::TooLong) => Answer::Say(Reply::new(500, "The line is too long.")),
            Err(Bad::Unknown) => Answer::Say(Reply::new(500, "There is no such command.")),
            Err(Bad::Nul) => Answer::Say(Reply::new(501, "A name cannot have a NUL.")),
        };
        match answer {
            Answer::Say(reply) => self.say(&reply),
            Answer::Started => Ok(ControlFlow::Continue(())),
            Answer::Bye(reply) => self.leave(&reply),
            Answer::Secure(reply) => {
                self.control.reply(&reply)?;
                self.secure()
            }
        }
    }

    fn dispatch(&mut self, command: &Command) -> Answer {
        self.do_open(command).unwrap_or_else(|| {
            if self.state.rights.is_none() {
                return Answer::Say(Reply::new(530, "Log in first: USER and PASS."));
            }
            self.do_closed(command)
        })
    }

    /// RNTO must follow RNFR at once, and REST holds for the next transfer.
    fn forget_but(&mut self, verb: Option<Verb>) {
        if verb != Some(Verb::Rnto) {
            self.state.rename_from = None;
        }
        let keeps_restart = [
            Verb::Rest,
            Verb::Retr,
            Verb::Stor,
            Verb::Appe,
            Verb::Pasv,
            Verb::Epsv,
            Verb::Port,
            Verb::Eprt,
            Verb::Noop,
        ];
        if !verb.is_some_and(|verb| keeps_restart.contains(&verb)) {
            self.state.restart = 0;
        }
    }

    /// Commands that need no login; `None` for the others.
    fn do_open(&mut self, command: &Command) -> Option<Answer> {
        let done = match command.verb {
            Verb::User => return Some(self.user(command)),
            Verb::Pass => return Some(self.pass(command)),
            Verb::Quit => return Some(Answer::Bye(Reply::new(221, "Goodbye."))),
            Verb::Auth => return Some(self.auth(command)),
            Verb::Acct => Ok(Reply::new(202, "No account is needed.")),
            Verb::Rein => Ok(self.rein()),
            Verb::Pbsz => self.pbsz(),
            Verb::Prot => self.prot(command),
            Verb::Ccc => Err(Reply::new(533, "The control connection stays as it is.")),
            Verb::Feat => Ok(self.feat()),
            Verb::Opts => self.opts(command),
            Verb::Syst => Ok(Reply::new(215, "UNIX Type: L8")),
            Verb::Help => Ok(Self::help()),
            Verb::Noop => Ok(Reply::new(200, "Here.")),
            Verb::Stat if command.arg.is_empty() => Ok(self.stat()),
            _ => return None,
        };
        Some(say(done))
    }

    fn do_closed(&mut self, command: &Command) -> Answer {
        let done = match command.verb {
            Verb::Retr => return self.retr(command),
            Verb::Stor => return self.stor(command),
            Verb::Appe => return self.appe(command),
            Verb::Stou => return self.stou(),
            Verb::List => return self.list(command),
            Verb::Nlst => return self.nlst(command),
            Verb::Mlsd => return self.mlsd(command),
            Verb::Stat => self.stat_path(command),
            Verb::Mlst => self.mlst(command),
            Verb::Cwd => self.cwd(&command.arg),
            Verb::Cdup => self.cwd(b".."),
            Verb::Pwd => Ok(self.pwd()),
            Verb::Type => self.set_type(command),
            Verb::Stru => only(command, "F", "STRU"),
            Verb::Mode => only(command, "S", "MODE"),
            Verb::Pasv => self.pasv(),
            Verb::Epsv => self.epsv(command),
            Verb::Port => self.port(command),
            Verb::Eprt => self.eprt(command),
            Verb::Rest => self.rest(command),
            Verb::Abor => Ok(self.abor()),
            Verb::Rnfr => self.rnfr(command),
            Verb::Rnto => self.rnto(command),
            Verb::Dele => self.dele(command),
            Verb::Mkd => self.mkd(command),
            Verb::Rmd => self.rmd(command),
            Verb::Size => self.size(command),
            Verb::Mdtm => self.mdtm(command),
            Verb::Mfmt => self.mfmt(command),
            Verb::Allo => Ok(Reply::new(202, "Nothing needs to be allocated.")),
            Verb::Site => self.site(command),
            _ => Err(Reply::new(502, "Not here.")), // done without a login
        };
        say(done)
    }

    fn abor(&mut self) -> Reply {
        self.state.endpoint = None;
        Reply::new(226, "Nothing was under way.")
    }

    /// Everything that came in clear behind AUTH is thrown away: it may be a stranger's.
    fn secure(&mut self) -> io::Result<ControlFlow<()>> {
        self.input.clear();
        self.waiting.clear();
        let Some(tls) = &self.server.options.tls else { return Ok(ControlFlow::Break(())) };
        self.control.secure(tls).map_err(io::Error::other)?;
        Ok(ControlFlow::Continue(()))
    }

    fn read(&mut self, timeout: Duration) -> io::Result<ControlFlow<()>> {
        let mut piece = [0; PIECE];
        match self.control.read(&mut piece, timeout) {
            Ok(0) => self.end_input(),
            Ok(n) => self.input.push(&piece[..n]),
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) if is_timeout(&err) => {
                if self.control.transfer().is_none() && self.idle_left().is_zero() {
                    return self.leave(&Reply::new(421, "Nothing was said for too long."));
                }
            }
            Err(err) => return Err(err),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A client that hangs up means the transfer to end, unless it said QUIT, or we hung up.
    fn end_input(&mut self) {
        self.is_eof = true;
        let quits = |command: &Result<Command, Bad>| {
            command.as_ref().is_ok_and(|command| command.verb == Verb::Quit)
        };
        if self.server.is_closing() || self.waiting.iter().any(quits) {
            return;
        }
        if let Some(transfer) = self.control.transfer() {
            transfer.stop();
        }
    }

    fn idle_left(&self) -> Duration {
        let quiet_since = self.last_command.max(self.control.last_end());
        self.server.options.idle.saturating_sub(quiet_since.elapsed())
    }

    fn say(&self, reply: &Reply) -> io::Result<ControlFlow<()>> {
        self.control.reply(reply)?;
        Ok(ControlFlow::Continue(()))
    }

    fn leave(&self, reply: &Reply) -> io::Result<ControlFlow<()>> {
        self.control.reply(reply)?;
        Ok(ControlFlow::Break(()))
    }
}

/// Whichever it is, it is a reply.
pub(super) fn say(done: Done) -> Answer {
    Answer::Say(done.unwrap_or_else(|refusal| refusal))
}

fn only(command: &Command, value: &str, name: &str) -> Done {
    if command.word().eq_ignore_ascii_case(value) {
        return Ok(Reply::new(200, format!("{name} is {value}.")));
    }
    Err(Reply::new(504, format!("Only {name} {value}.")))
}

pub(super) fn is_timeout(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
