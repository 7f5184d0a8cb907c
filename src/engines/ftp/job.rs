//! A transfer from its first reply to its last.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ascii::{FromNetwork, ToNetwork};
use super::completeness;
use super::control::Control;
use super::data::{DataStream, HandOver, Opener, WaitingSocket};
use super::listing::{Listing, Target};
use super::rate::Throttle;
use super::reply::{Reply, ReplyError};
use super::server::Server;
use super::transfer::Transfer;
use super::work::{Sink, Subject, Work};
use crate::fs::jail::Jail;
use crate::machine::sleep;
use crate::net::SEND_SIZE;

/// Bytes of an upload in ASCII mode read at once.
const BUFFER_SIZE: usize = 256 << 10;
/// Bytes of an upload read at once first, enough for a small file.
const FIRST_BUFFER_SIZE: usize = 32 << 10;
/// Bytes of an upload read at once, once a read has filled the first buffer. With
/// 256 KiB, 512 MiB took 1.4 times as long: whenever the socket's buffer is emptied, the client must
/// be woken.
const RECEIVE_BUFFER_SIZE: usize = 1 << 20;
/// Bytes of a listing gathered into one write.
const LISTING_BUFFER_SIZE: usize = 32 << 10;
/// How long the reply to a download after REST waits for the client to close the data connection, from its
/// beginning. aria2 1.36, which sends `REST 0` before each, waits for its timeout of a minute if it reads
/// the replies 150 and 226 at once. Waiting would cost other clients a tenth of a small file's time.
const SEPARATION: Duration = Duration::from_millis(10);
/// The error number of EIO: sendfile(2) reports it for the file, not for the socket.
const EIO: i32 = 5;

/// A transfer that is about to begin.
pub(super) struct Job<'e> {
    pub(super) control: Arc<Control>,
    pub(super) transfer: Arc<Transfer>,
    pub(super) server: &'e Server<'e>,
    /// The first reply: the transfer begins.
    pub(super) announcement: Reply,
    pub(super) throttle: Throttle<'e>,
    pub(super) subject: Subject,
}

impl Job<'_> {
    /// Opens the data connection, transfers the data, and sends the replies. If that takes long,
    /// `hand_over` is called meanwhile.
    pub(super) fn run(self, opener: Opener, work: Work, mut hand_over: HandOver<'_>) {
        if self.throttle.is_limited() {
            hand_over.now(); // waiting for the limit must not delay commands
        }
        let started = Instant::now();
        let (is_listing, is_ascii) = (work.is_listing(), work.is_ascii());
        let replaces_in_place = work.replaces_in_place();
        let (result, stream) = match self.open(opener, hand_over) {
            Ok(mut stream) => (self.transfer_data(&mut stream, work), Some(stream.into_closing())),
            Err(error) => (Err(error), None),
        };
        let reply = self.last_reply(result);
        let (peer, title) = (self.control.peer(), &self.transfer.title);
        let (n_bytes, elapsed) = (self.transfer.n_bytes(), started.elapsed());
        log::info!("{peer}: {title}: {n_bytes} bytes in {elapsed:.1?}: {}", reply.last_line());
        if replaces_in_place && stream.is_some() && reply.is_error() {
            log::warn!("{peer}: {title}: the file was written in place and is incomplete now");
        }
        if let Some(log) = self.server.options.audit.as_ref().filter(|_| !is_listing) {
            self.subject.record(log, &reply, n_bytes, is_ascii, elapsed);
        }
        self.control.end_transfer(&self.transfer, &reply);
        if let Some(stream) = stream {
            stream.close();
        }
    }

    /// Opens the data connection, and announces the transfer in the middle of that.
    fn open<'h>(
        &self,
        opener: Opener,
        mut hand_over: HandOver<'h>,
    ) -> Result<DataStream<'h>, ReplyError> {
        let opening = opener.begin(&self.transfer, &mut hand_over);
        if self.control.reply(&self.announcement).is_err() {
            self.transfer.stop(); // the session's thread notices the broken connection too
        }
        opening.finish(&self.transfer, hand_over)
    }

    fn transfer_data(&self, stream: &mut DataStream<'_>, work: Work) -> Result<Reply, ReplyError> {
        match work {
            Work::Send { file, is_ascii, waits_for_close } => {
                let reply = self.send(stream, &file, is_ascii)?;
                if waits_for_close {
                    stream.wait_closed(SEPARATION);
                }
                Ok(reply)
            }
            Work::Receive { sink, is_ascii } => self.receive(stream, sink, is_ascii),
            Work::List { listing, target, jail } => self.list(stream, &listing, target, &jail),
        }
    }

    /// A stopped transfer is reported as that, whatever error it ended with.
    fn last_reply(&self, result: Result<Reply, ReplyError>) -> Reply {
        match result {
            Err(_) if self.transfer.is_stopped() => ReplyError::aborted().0,
            Ok(reply) | Err(ReplyError(reply)) => reply,
        }
    }

    fn send(
        &self,
        stream: &mut DataStream<'_>,
        file: &File,
        is_ascii: bool,
    ) -> Result<Reply, ReplyError> {
        match stream.plain_socket() {
            Some(socket) if !is_ascii && !self.throttle.is_limited() => {
                self.send_with_sendfile(socket, file)?;
            }
            _ => self.send_through_buffer(stream, file, is_ascii)?,
        }
        self.end_sending(stream)
    }

    fn send_with_sendfile(
        &self,
        socket: &mut WaitingSocket<'_>,
        file: &File,
    ) -> Result<(), ReplyError> {
        if file.metadata().is_ok_and(|metadata| metadata.len() <= SEND_SIZE as u64) {
            socket.cork();
        }
        while !self.transfer.is_stopped() {
            match socket.send_file(file) {
                Ok(0) => return Ok(()),
                Ok(n) => self.transfer.add(n),
                Err(err) if err.raw_os_error() == Some(EIO) => return Err(ReplyError::disk(&err)),
                Err(err) => return Err(ReplyError::connection(&err)),
            }
        }
        Err(ReplyError::aborted())
    }

    fn send_through_buffer(
        &self,
        stream: &mut DataStream<'_>,
        mut file: &File,
        is_ascii: bool,
    ) -> Result<(), ReplyError> {
        let (mut buf, mut text) = (vec![0; self.throttle.piece(SEND_SIZE)], Vec::new());
        let mut to_network = ToNetwork::default();
        loop {
            let n = file.read(&mut buf).map_err(|err| ReplyError::disk(&err))?;
            if n == 0 {
                return Ok(());
            }
            let mut bytes = &buf[..n];
            if is_ascii {
                text.clear();
                to_network.push(bytes, &mut text);
                bytes = &text;
            }
            stream.write_all(bytes).map_err(|err| ReplyError::connection(&err))?;
            self.count(bytes.len(), stream)?;
        }
    }

    /// Counts bytes that were moved, and waits as long as the limits on them demand.
    fn count(&self, n_bytes: usize, stream: &mut DataStream<'_>) -> Result<(), ReplyError> {
        self.transfer.add(n_bytes);
        if self.throttle.is_limited() {
            self.throttle.pay(n_bytes, &self.transfer);
            stream.restart_timeout();
            if self.transfer.is_stopped() {
                return Err(ReplyError::aborted());
            }
        }
        Ok(())
    }

    /// A client that knows that the file is empty (curl, from SIZE) may have closed the connection already,
    /// and with TLS reset it so. It has everything.
    fn end_sending(&self, stream: &mut DataStream<'_>) -> Result<Reply, ReplyError> {
        let ended = stream.flush().and_then(|()| stream.shut_down_write());
        if let Err(err) = ended
            && self.transfer.n_bytes() > 0
        {
            return Err(ReplyError::connection(&err));
        }
        if self.transfer.is_stopped() {
            return Err(ReplyError::aborted());
        }
        Ok(Reply::new(226, "Transfer complete."))
    }

    fn receive(
        &self,
        stream: &mut DataStream<'_>,
        mut sink: Sink,
        is_ascii: bool,
    ) -> Result<Reply, ReplyError> {
        sink.begin().map_err(|err| ReplyError::disk(&err))?;
        let begun = Instant::now();
        if is_ascii {
            self.receive_text(stream, sink.file())?;
        } else {
            self.receive_bytes(stream, sink.file())?;
        }
        let ended = Instant::now();
        _ = stream.end_tls(); // the client has sent everything, it may have closed already
        sink.prepare().map_err(|err| ReplyError::disk(&err))?;
        self.check_complete(stream, ended - begun, ended)?;
        sink.commit().map_err(|err| match err.kind() {
            io::ErrorKind::AlreadyExists => ReplyError::not_stored(&err),
            _ => ReplyError::disk(&err),
        })?;
        Ok(Reply::new(226, "Transfer complete."))
    }

    /// Only the end of the stream shows that a file is complete. So the stream must not have broken, and
    /// the client must still be connected [a moment](completeness) after it `ended`. At shutdown the
    /// server itself has ended the input of the control connection.
    fn check_complete(
        &self,
        stream: &DataStream<'_>,
        elapsed: Duration,
        ended: Instant,
    ) -> Result<(), ReplyError> {
        stream.check_unbroken().map_err(|err| ReplyError::connection(&err))?;
        sleep::until(ended + completeness::wait(elapsed, self.transfer.n_bytes()));
        let is_disconnected = self.control.is_disconnected() && !self.server.is_shutting_down();
        if self.transfer.is_stopped() || is_disconnected {
            return Err(ReplyError::aborted());
        }
        Ok(())
    }

    fn receive_bytes(
        &self,
        stream: &mut DataStream<'_>,
        mut file: &File,
    ) -> Result<(), ReplyError> {
        let mut buf = vec![0; self.throttle.piece(FIRST_BUFFER_SIZE)];
        loop {
            let n = read(stream, &mut buf)?;
            if n == 0 {
                return Ok(());
            }
            file.write_all(&buf[..n]).map_err(|err| ReplyError::disk(&err))?;
            self.count(n, stream)?;
            if n == FIRST_BUFFER_SIZE {
                buf.resize(self.throttle.piece(RECEIVE_BUFFER_SIZE), 0);
            }
        }
    }

    fn receive_text(&self, stream: &mut DataStream<'_>, mut file: &File) -> Result<(), ReplyError> {
        let (mut buf, mut text) = (vec![0; self.throttle.piece(BUFFER_SIZE)], Vec::new());
        let mut from_network = FromNetwork::default();
        loop {
            let n = read(stream, &mut buf)?;
            text.clear();
            if n == 0 {
                from_network.end(&mut text);
                return file.write_all(&text).map_err(|err| ReplyError::disk(&err));
            }
            from_network.push(&buf[..n], &mut text);
            file.write_all(&text).map_err(|err| ReplyError::disk(&err))?;
            self.count(n, stream)?;
        }
    }

    fn list(
        &self,
        stream: &mut DataStream<'_>,
        listing: &Listing,
        target: Target,
        jail: &Jail,
    ) -> Result<Reply, ReplyError> {
        let counting = CountingWriter { stream: &mut *stream, transfer: &self.transfer };
        let mut lines = BufWriter::with_capacity(LISTING_BUFFER_SIZE, counting);
        let written = listing.write(jail, target, &mut lines);
        let written = written.and_then(|is_complete| lines.flush().map(|()| is_complete));
        drop(lines);
        let is_complete = written.map_err(|err| ReplyError::connection(&err))?;
        let reply = self.end_sending(stream)?;
        if is_complete {
            return Ok(reply);
        }
        // Not 226: a client that mirrors the directory would delete the files that are missing.
        Err(ReplyError::new(451, format!("Listing truncated after {} entries.", listing.n_max)))
    }
}

fn read(stream: &mut DataStream<'_>, buf: &mut [u8]) -> Result<usize, ReplyError> {
    stream.read(buf).map_err(|err| ReplyError::connection(&err))
}

/// Counts the bytes of a listing.
struct CountingWriter<'a, W> {
    stream: &'a mut W,
    transfer: &'a Transfer,
}

impl<W: Write> Write for CountingWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.stream.write(bytes)?;
        self.transfer.add(n);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::net::{Ipv4Addr, TcpStream};
    use std::path::Path;
    use std::thread;

    use super::*;
    use crate::engines::ftp::audit::Client;
    use crate::engines::ftp::charset::Charset;
    use crate::engines::ftp::control::tests::{DEADLINE, pair};
    use crate::engines::ftp::data::listen;
    use crate::engines::ftp::listing::{Format, Options as ListOptions};
    use crate::engines::ftp::options::Options;
    use crate::engines::ftp::users::Users;

    /// Runs a job in `dir`, with a client that does `act` with the port of the data connection and
    /// the transfer. Returns the last reply.
    fn last_reply(
        dir: &Path,
        timeout: Duration,
        work: impl FnOnce(&Jail) -> Work,
        act: impl FnOnce(u16, &Transfer),
    ) -> String {
        let jail = Jail::new(dir).unwrap();
        let (users, options) = (Users::new(None, 1), Options::default());
        let (server, _done_tx) = Server::new(&jail, &users, &options);
        let (client, control) = pair();
        let ip = Ipv4Addr::LOCALHOST.into();
        let (endpoint, port) = listen(ip, None).unwrap();
        let opener = Opener { endpoint, peer: ip, local: ip, timeout, tls: None };
        let transfer = Arc::new(Transfer::new("TEST".to_owned(), None));
        let client_of_log = Client {
            session: 1,
            address: ip,
            user: None,
            is_anonymous: false,
            is_secure: false,
            root: Vec::new(),
        };
        let job = Job {
            control: Arc::clone(&control),
            transfer: Arc::clone(&transfer),
            server: &server,
            announcement: Reply::new(150, "Begin."),
            throttle: Throttle::new(&options, None),
            subject: Subject { verb: "TEST", path: b"/".to_vec(), client: client_of_log },
        };
        control.begin_transfer(&transfer);
        let work = work(&jail);
        thread::scope(|scope| {
            scope.spawn(|| job.run(opener, work, HandOver::new(&mut || ())));
            act(port, &transfer);
        });
        let lines: Vec<String> = BufReader::new(client).lines().take(2).flatten().collect();
        assert_eq!(lines[0], "150 Begin.");
        lines[1].clone()
    }

    fn connect(port: u16) -> TcpStream {
        let data = TcpStream::connect(("127.0.0.1", port)).unwrap();
        data.set_read_timeout(Some(DEADLINE)).unwrap();
        data
    }

    fn upload(jail: &Jail) -> Work {
        let sink = jail.upload(Path::new("new")).unwrap().into();
        Work::Receive { sink, is_ascii: false }
    }

    #[test]
    fn a_download_sends_the_file_in_either_mode() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "a\nb\n").unwrap();
        for (is_ascii, expected) in [(false, "a\nb\n"), (true, "a\r\nb\r\n")] {
            let work = |jail: &Jail| {
                let file = jail.read(Path::new("file")).unwrap();
                Work::Send { file, is_ascii, waits_for_close: true }
            };
            let reply = last_reply(dir.path(), DEADLINE, work, |port, transfer| {
                let mut text = String::new();
                connect(port).read_to_string(&mut text).unwrap();
                assert_eq!(text, expected);
                transfer.wait_end();
                assert_eq!(transfer.n_bytes(), expected.len() as u64);
            });
            assert_eq!(reply, "226 Transfer complete.");
        }
    }

    #[test]
    fn an_upload_is_stored_when_it_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let reply = last_reply(dir.path(), DEADLINE, upload, |port, _| {
            connect(port).write_all(b"contents").unwrap();
        });
        assert_eq!(reply, "226 Transfer complete.");
        assert_eq!(fs::read(dir.path().join("new")).unwrap(), b"contents");
    }

    #[test]
    fn a_stopped_upload_stores_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let reply = last_reply(dir.path(), DEADLINE, upload, |port, transfer| {
            let mut data = connect(port);
            data.write_all(b"half").unwrap();
            transfer.stop();
            transfer.wait_end();
        });
        assert_eq!(reply, "426 Connection closed; transfer aborted.");
        assert!(!dir.path().join("new").exists());
    }

    #[test]
    fn a_client_that_does_not_connect_times_out() {
        let dir = tempfile::tempdir().unwrap();
        let reply = last_reply(dir.path(), Duration::from_millis(10), upload, |_, _| {});
        assert_eq!(reply, "425 Cannot open data connection: timed out.");
    }

    #[test]
    fn a_client_that_sends_nothing_times_out() {
        let dir = tempfile::tempdir().unwrap();
        let reply = last_reply(dir.path(), Duration::from_millis(200), upload, |port, transfer| {
            let _data = connect(port);
            transfer.wait_end();
        });
        assert_eq!(reply, "426 Data connection failed: timed out; transfer aborted.");
    }

    #[test]
    fn a_truncated_listing_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let listing = Listing {
            path: b"/".to_vec(),
            prefix: Vec::new(),
            pattern: None,
            format: Format::Name,
            options: ListOptions::default(),
            n_max: 2,
            charset: Charset::default(),
        };
        let work = |jail: &Jail| {
            let target = listing.open(jail).unwrap();
            Work::List { listing, target, jail: jail.clone() }
        };
        let reply = last_reply(dir.path(), DEADLINE, work, |port, _| {
            let mut text = String::new();
            connect(port).read_to_string(&mut text).unwrap();
            assert_eq!(text.lines().count(), 2);
        });
        assert_eq!(reply, "451 Listing truncated after 2 entries.");
    }
}
