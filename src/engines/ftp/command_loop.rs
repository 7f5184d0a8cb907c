//! The thread of one session: reads commands and executes them in order, ABOR and STAT at once.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::commands::{self, Command, Interrupt, ParseError};
use super::data::{HandOver, Opener};
use super::input::Input;
use super::job::Job;
use super::outcome::Next;
use super::pending_read::{PendingRead, READ_SIZE};
use super::reply::{Reply, ReplyError};
use super::server::Server;
use super::session::Session;
use super::transfer::Transfer;
use super::work::Work;
use crate::net::{IpPermit, is_timeout};
use crate::threads::{Permit, lock};

/// Commands queued during a transfer; when the queue is full, reading pauses until its end.
const QUEUE_MAX: usize = 64;

/// A session with its input, on one thread at a time.
pub(super) struct CommandLoop<'s, 'e> {
    session: Session<'s, 'e>,
    input: Input,
    /// Commands received during a transfer.
    queue: VecDeque<Result<Command, ParseError>>,
    /// A read under way on another thread.
    pending: Option<PendingRead>,
    started: Instant,
    /// When the last reply to a command was sent.
    last_reply: Instant,
    is_eof: bool,
    /// Dropped last.
    _admission: Option<Admission<'e>>,
}

/// What a client occupies while it is connected.
pub(super) struct Admission<'e> {
    pub(super) server: &'e Server<'e>,
    pub(super) id: u64,
    pub(super) _permits: (Permit, IpPermit),
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        self.server.sessions.remove(self.id);
    }
}

impl<'s, 'e> CommandLoop<'s, 'e> {
    /// The loop of a client that has just connected.
    pub(super) fn new(session: Session<'s, 'e>, admission: Option<Admission<'e>>) -> Self {
        let input = Input::new(session.server.options.line_max);
        CommandLoop {
            session,
            input,
            queue: VecDeque::new(),
            pending: None,
            started: Instant::now(),
            last_reply: Instant::now(),
            is_eof: false,
            _admission: admission,
        }
    }

    /// Greets the client and executes its commands until either side ends the session, or another
    /// thread takes it over.
    pub(super) fn run(mut self) {
        let control = &self.session.control;
        log::info!("{}: session {} begins", control.peer(), control.id);
        match self.greet() {
            Ok(()) => self.go_on(),
            Err(err) => self.end(Some(err)),
        }
    }

    fn greet(&mut self) -> io::Result<()> {
        let (control, server) = (Arc::clone(&self.session.control), self.session.server);
        if let Some(tls) = server.options.tls.as_ref().filter(|_| control.is_implicit) {
            self.session.start_tls(tls)?;
        }
        control.reply(&Reply::new(220, "ftpd ready.")) // sent after the handshake
    }

    fn go_on(mut self) {
        loop {
            match self.step() {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return self.end(None),
                Err(err) => return self.end(Some(err)),
            }
            if let Some(job) = self.session.job.take() {
                match self.run_job(job) {
                    Some(returned) => self = returned,
                    None => return,
                }
            }
        }
    }

    /// Does a transfer on this thread, without waking another one for a small file. If it takes
    /// longer, another thread takes the session over, and `None` is returned.
    fn run_job(self, (job, opener, work): (Job<'e>, Opener, Work)) -> Option<Self> {
        let pool = Arc::clone(&self.session.pool);
        let held = Arc::new(Mutex::new(Some(self)));
        let mut hand_over = || {
            let held = Arc::clone(&held);
            let go_on = move || {
                let taken = lock(&held).take();
                if let Some(command_loop) = taken {
                    command_loop.go_on();
                }
            };
            if pool.run(go_on).is_err() {
                log::warn!("no thread for the commands during a transfer");
            }
        };
        job.run(opener, work, HandOver::new(&mut hand_over));
        lock(&held).take()
    }

    fn end(mut self, err: Option<io::Error>) {
        let control = Arc::clone(&self.session.control);
        if let Some(transfer) = control.transfer() {
            transfer.stop();
            transfer.wait_end();
        }
        self.session.login = None; // before the client can notice the end
        control.close_tls();
        if let Some(pending) = self.pending.take() {
            pending.end(&control);
        }
        let cause = err.map_or_else(String::new, |err| format!(": {err}"));
        let (peer, id, elapsed) = (control.peer(), control.id, self.started.elapsed());
        log::info!("{peer}: session {id} ends after {elapsed:.1?}{cause}");
    }

    /// Executes the next command, or reads more input.
    fn step(&mut self) -> io::Result<ControlFlow<()>> {
        let transfer = self.session.control.transfer();
        if let Some(transfer) = transfer {
            return self.step_during(&transfer);
        }
        if let Some(command) = self.queue.pop_front() {
            return self.execute(command);
        }
        if self.session.server.is_shutting_down() {
            return self.close(&Reply::new(421, "Server shutting down, closing connection."));
        }
        match self.input.next() {
            Some(line) => self.execute(Command::parse(line)),
            None if self.is_eof => self.close(&Reply::new(221, "Goodbye.")),
            None => self.read(self.idle_left()),
        }
    }

    /// As [`step`](Self::step) during a transfer: only interrupts are executed, all else is queued.
    fn step_during(&mut self, transfer: &Arc<Transfer>) -> io::Result<ControlFlow<()>> {
        let has_room = self.queue.len() < QUEUE_MAX;
        if let Some(line) = has_room.then(|| self.input.next()).flatten() {
            let command = Command::parse(line);
            if let Some(interrupt) = command.as_ref().ok().and_then(Command::interrupt) {
                return self.interrupt(interrupt, transfer);
            }
            self.queue.push_back(command);
            return Ok(ControlFlow::Continue(()));
        }
        if self.is_eof || !has_room {
            transfer.wait_end();
            return Ok(ControlFlow::Continue(()));
        }
        if self.queue.is_empty() {
            return self.read(self.session.server.options.idle_timeout);
        }
        self.wait_during(transfer)
    }

    /// Waits for more input or the end of the transfer, after which the queue is executed.
    fn wait_during(&mut self, transfer: &Transfer) -> io::Result<ControlFlow<()>> {
        let (control, pool) = (&self.session.control, &self.session.pool);
        let pending = self.pending.take();
        let Some(pending) = pending.or_else(|| PendingRead::begin(control, pool)) else {
            transfer.wait_end();
            return Ok(ControlFlow::Continue(()));
        };
        let has_input = pending.wait_or(&transfer.end);
        self.pending = Some(pending);
        if has_input { self.read(Duration::ZERO) } else { Ok(ControlFlow::Continue(())) }
    }

    fn interrupt(
        &mut self,
        interrupt: Interrupt,
        transfer: &Transfer,
    ) -> io::Result<ControlFlow<()>> {
        if interrupt == Interrupt::Status {
            let progress = [transfer.progress()];
            return self.reply(&Reply::lines(211, "Transfer status:", progress, "End of status."));
        }
        transfer.stop();
        transfer.wait_end(); // its reply goes first
        self.reply(&Reply::new(226, "Abort successful."))
    }

    fn execute(&mut self, command: Result<Command, ParseError>) -> io::Result<ControlFlow<()>> {
        match commands::run(command, &mut self.session) {
            Ok(Next::Reply(reply)) | Err(ReplyError(reply)) => self.reply(&reply),
            Ok(Next::Transfer) => Ok(ControlFlow::Continue(())),
            Ok(Next::Close(reply)) => self.close(&reply),
            Ok(Next::StartTls(reply)) => {
                self.session.control.reply(&reply)?;
                self.start_tls()
            }
        }
    }

    /// Everything received in clear behind AUTH is discarded: an attacker may have injected it.
    fn start_tls(&mut self) -> io::Result<ControlFlow<()>> {
        self.input.clear();
        self.queue.clear();
        let Some(tls) = &self.session.server.options.tls else {
            return Ok(ControlFlow::Break(()));
        };
        self.session.start_tls(tls)?;
        Ok(ControlFlow::Continue(()))
    }

    fn read(&mut self, timeout: Duration) -> io::Result<ControlFlow<()>> {
        let mut buf = [0; READ_SIZE];
        match self.receive(&mut buf, timeout) {
            Ok(0) => self.end_input(),
            Ok(n) => self.input.push(&buf[..n]),
            Err(err) if is_timeout(&err) => {
                if self.session.control.transfer().is_none() && self.idle_left().is_zero() {
                    return self.close(&Reply::new(421, "Idle timeout, closing connection."));
                }
            }
            Err(err) => return Err(err),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads what the client sent, decrypted. Blocks for at most `timeout` for each packet.
    fn receive(&mut self, buf: &mut [u8; READ_SIZE], timeout: Duration) -> io::Result<usize> {
        let control = Arc::clone(&self.session.control);
        loop {
            if let Some(n) = control.plaintext(buf)? {
                return Ok(n);
            }
            let n = match self.pending.take() {
                None => control.read_raw(buf, Some(timeout))?,
                Some(pending) => match pending.finish(timeout) {
                    Ok(read) => {
                        let bytes = read?;
                        buf[..bytes.len()].copy_from_slice(&bytes);
                        bytes.len()
                    }
                    Err(pending) => {
                        self.pending = Some(pending);
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                },
            };
            if n == 0 || !control.is_secure() {
                return Ok(n);
            }
            control.decrypt(&buf[..n])?;
        }
    }

    /// A client that disconnects wants its transfer stopped, unless it has sent QUIT. At shutdown the
    /// end of input was caused by the server itself.
    fn end_input(&mut self) {
        self.is_eof = true;
        let is_quit =
            |command: &Result<Command, _>| command.as_ref().is_ok_and(|c| c.verb.name == "QUIT");
        if self.session.server.is_shutting_down() || self.queue.iter().any(is_quit) {
            return;
        }
        if let Some(transfer) = self.session.control.transfer() {
            transfer.stop();
        }
    }

    /// Time left until the idle timeout. The server's own time, such as that of verifying a password,
    /// does not count.
    fn idle_left(&self) -> Duration {
        let idle_since = self.last_reply.max(self.session.control.last_end());
        self.session.server.options.idle_timeout.saturating_sub(idle_since.elapsed())
    }

    fn reply(&mut self, reply: &Reply) -> io::Result<ControlFlow<()>> {
        self.session.control.reply(reply)?;
        self.last_reply = Instant::now();
        Ok(ControlFlow::Continue(()))
    }

    fn close(&self, reply: &Reply) -> io::Result<ControlFlow<()>> {
        self.session.control.reply(reply)?;
        Ok(ControlFlow::Break(()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::thread;

    use super::*;
    use crate::engines::ftp::options::Options;
    use crate::engines::ftp::session::tests::with_session;

    /// Sends `input`, then runs a session after `prepare`. Returns the lines of all replies.
    fn replies(options: &Options, input: &str, prepare: impl Fn(&Session<'_, '_>)) -> Vec<String> {
        let mut replies = Vec::new();
        with_session(options, |mut client, session| {
            client.write_all(input.as_bytes()).unwrap();
            prepare(&session);
            thread::scope(|scope| {
                let lines = BufReader::new(client).lines().map(Result::unwrap);
                let reader = scope.spawn(|| lines.collect());
                CommandLoop::new(session, None).run();
                replies = reader.join().unwrap();
            });
        });
        replies
    }

    #[test]
    fn commands_are_executed_in_order_until_quit() {
        let input = "USER ftp\r\nPASS x\r\nPWD\r\nNONSENSE\r\nQUIT\r\nNOOP\r\n";
        let codes: Vec<String> = replies(&Options::default(), input, |_| {})
            .iter()
            .map(|line| line[..3].to_owned())
            .collect();
        assert_eq!(codes, ["220", "331", "230", "257", "500", "221"]);
    }

    #[test]
    fn the_idle_timeout_closes_the_session() {
        let options = Options { idle_timeout: Duration::from_millis(10), ..Options::default() };
        let expected = ["220 ftpd ready.", "421 Idle timeout, closing connection."];
        assert_eq!(replies(&options, "NOO", |_| {}), expected);
    }

    #[test]
    fn shutdown_closes_the_session() {
        let shut_down = |session: &Session<'_, '_>| session.server.shut_down();
        let expected = ["220 ftpd ready.", "421 Server shutting down, closing connection."];
        assert_eq!(replies(&Options::default(), "", shut_down), expected);
    }

    #[test]
    fn the_end_of_input_closes_the_session() {
        let disconnect = |session: &Session<'_, '_>| session.control.wake_reader();
        let expected = ["220 ftpd ready.", "221 Goodbye."];
        assert_eq!(replies(&Options::default(), "", disconnect), expected);
    }
}
