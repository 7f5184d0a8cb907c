//! A transfer from its first reply to its last, on a thread of its own.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use super::Server;
use super::ascii::{self, FromNetwork};
use super::control::Control;
use super::data::{Opener, Stream, Unopened};
use super::files::words;
use super::listing::{Listing, Opened};
use super::reply::Reply;
use super::session::is_timeout;
use super::transfer::Transfer;
use crate::fs::jail::Upload;
use crate::net;

/// Bytes on their way through this process.
const PIECE: usize = 256 << 10;
/// Bytes of an upload taken at once; of what a slow client sends, no more are ever used. With 256 KiB
/// 512 MiB took 1.4 times as long: every time it is emptied, the client must be woken.
const RECEIVED_PIECE: usize = 1 << 20;
/// Lines of a listing gathered into one write.
const LISTING_PIECE: usize = 32 << 10;

pub(super) struct Job<'e> {
    pub(super) control: Arc<Control>,
    pub(super) transfer: Arc<Transfer>,
    pub(super) server: &'e Server<'e>,
    /// What is said before anything is moved.
    pub(super) first: Reply,
}

/// What is to be moved.
pub(super) enum Work {
    Send { file: File, is_ascii: bool },
    Receive { sink: Sink, is_ascii: bool },
    List { listing: Listing, opened: Opened },
}

impl Work {
    pub(super) fn is_upload(&self) -> bool {
        matches!(self, Work::Receive { .. })
    }
}

/// Where an upload goes.
pub(super) enum Sink {
    /// Under its name when it is whole.
    Whole(Upload),
    /// After REST, or at the end.
    InPlace(File),
}

/// Why a transfer was not completed.
enum Failure {
    /// ABOR, the server's end, or the client's.
    Stopped,
    Unopened(Unopened),
    Connection(io::Error),
    Disk(io::Error),
}

type Moved = Result<Reply, Failure>;

impl Job<'_> {
    pub(super) fn run(self, opener: Opener, work: Work) {
        let started = Instant::now();
        let begin = || {
            if self.control.reply(&self.first).is_err() {
                self.transfer.stop(); // the session's thread will notice too
            }
        };
        let (moved, stream) = match opener.open(&self.transfer, &begin) {
            Ok(mut stream) => (self.carry(&mut stream, work), Some(stream)),
            Err(why) => (Err(Failure::Unopened(why)), None),
        };
        let reply = self.reply(moved);
        let (peer, title) = (self.control.peer(), &self.transfer.title);
        let (n_bytes, took) = (self.transfer.n_bytes(), started.elapsed());
        log::info!("{peer}: {title}: {n_bytes} bytes in {took:.1?}: {}", reply.last_line());
        self.control.finish(&self.transfer, &reply);
        if let Some(stream) = stream {
            stream.linger();
        }
    }

    fn carry(&self, stream: &mut Stream, work: Work) -> Moved {
        match work {
            Work::Send { file, is_ascii } => self.send(stream, &file, is_ascii),
            Work::Receive { sink, is_ascii } => self.receive(stream, sink, is_ascii),
            Work::List { listing, opened } => self.list(stream, &listing, opened),
        }
    }

    fn send(&self, stream: &mut Stream, file: &File, is_ascii: bool) -> Moved {
        if is_ascii || stream.plain().is_none() {
            self.send_pieces(stream, file, is_ascii)?;
        } else if let Some(socket) = stream.plain() {
            self.send_slices(socket, file)?;
        }
        self.end(stream)
    }

    fn send_slices(&self, socket: &socket2::Socket, file: &File) -> Result<(), Failure> {
        while !self.transfer.is_stopped() {
            match net::send_file(socket, file) {
                Ok(0) => return Ok(()),
                Ok(n) => self.transfer.add(n),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) if err.raw_os_error() == Some(EIO) => return Err(Failure::Disk(err)),
                Err(err) => return Err(Failure::Connection(err)),
            }
        }
        Err(Failure::Stopped)
    }

    fn send_pieces(
        &self,
        stream: &mut Stream,
        mut file: &File,
        is_ascii: bool,
    ) -> Result<(), Failure> {
        let (mut piece, mut text) = (vec![0; PIECE], Vec::new());
        loop {
            let n = file.read(&mut piece).map_err(Failure::Disk)?;
            if n == 0 {
                return Ok(());
            }
            let mut bytes = &piece[..n];
            if is_ascii {
                text.clear();
                ascii::to_network(bytes, &mut text);
                bytes = &text;
            }
            stream.write_all(bytes).map_err(Failure::Connection)?;
            self.transfer.add(bytes.len());
        }
    }

    fn end(&self, stream: &mut Stream) -> Moved {
        stream.flush().and_then(|()| stream.end()).map_err(Failure::Connection)?;
        if self.transfer.is_stopped() {
            return Err(Failure::Stopped);
        }
        Ok(Reply::new(226, "That was all."))
    }

    fn receive(&self, stream: &mut Stream, sink: Sink, is_ascii: bool) -> Moved {
        if is_ascii {
            self.receive_text(stream, sink.file())?;
        } else {
            self.receive_pieces(stream, sink.file())?;
        }
        // The end of the stream is all that says that a file is whole. So it must be a good one,
        // and the client still there: when it dies, its connections end like this too. But a server
        // that closes has itself ended what it hears.
        stream.check().map_err(Failure::Connection)?;
        let is_lost = self.control.is_lost() && !self.server.is_closing();
        if self.transfer.is_stopped() || is_lost {
            return Err(Failure::Stopped);
        }
        _ = stream.end(); // the client has sent all it wanted
        sink.commit().map_err(Failure::Disk)?;
        Ok(Reply::new(226, "Stored."))
    }

    fn receive_pieces(&self, stream: &mut Stream, mut file: &File) -> Result<(), Failure> {
        let mut piece = vec![0; RECEIVED_PIECE];
        loop {
            let n = read(stream, &mut piece)?;
            if n == 0 {
                return Ok(());
            }
            file.write_all(&piece[..n]).map_err(Failure::Disk)?;
            self.transfer.add(n);
        }
    }

    fn receive_text(&self, stream: &mut Stream, mut file: &File) -> Result<(), Failure> {
        let (mut piece, mut text) = (vec![0; PIECE], Vec::new());
        let mut from_network = FromNetwork::default();
        loop {
            let n = read(stream, &mut piece)?;
            text.clear();
            if n == 0 {
                from_network.end(&mut text);
                return file.write_all(&text).map_err(Failure::Disk);
            }
            from_network.push(&piece[..n], &mut text);
            file.write_all(&text).map_err(Failure::Disk)?;
            self.transfer.add(n);
        }
    }

    fn list(&self, stream: &mut Stream, listing: &Listing, opened: Opened) -> Moved {
        let counted = Counted { stream: &mut *stream, transfer: &self.transfer };
        let mut lines = BufWriter::with_capacity(LISTING_PIECE, counted);
        let is_whole = listing.write(self.server.jail, opened, &mut lines);
        let is_whole = is_whole.and_then(|is_whole| lines.flush().map(|()| is_whole));
        drop(lines);
        let is_whole = is_whole.map_err(Failure::Connection)?;
        let done = self.end(stream)?;
        if is_whole {
            return Ok(done);
        }
        let n_max = listing.n_max;
        Ok(Reply::new(226, format!("There is more: a listing ends after {n_max} entries.")))
    }

    fn reply(&self, moved: Moved) -> Reply {
        let failure = match moved {
            Ok(reply) => return reply,
            Err(_) if self.transfer.is_stopped() => Failure::Stopped,
            Err(failure) => failure,
        };
        match failure {
            Failure::Stopped => Reply::new(426, "The transfer was cut short."),
            Failure::Unopened(why) => unopened(&why),
            Failure::Connection(err) if is_timeout(&err) => {
                Reply::new(426, "The data connection stood still for too long.")
            }
            Failure::Connection(err) => {
                Reply::new(426, format!("The data connection broke: {}.", words(&err)))
            }
            Failure::Disk(err) => not_written(&err),
        }
    }
}

fn unopened(why: &Unopened) -> Reply {
    let or = |late: &str, err| if is_timeout(err) { late.to_owned() } else { words(err) };
    match why {
        Unopened::Connection(err) => {
            let why = or("nobody came in time", err);
            Reply::new(425, format!("There is no data connection: {why}."))
        }
        Unopened::Tls(err) => {
            let why = or("no handshake in time", err);
            Reply::new(522, format!("TLS on the data connection: {why}."))
        }
        Unopened::NotResumed => {
            Reply::new(522, "The data connection must resume this session's TLS session.")
        }
    }
}

/// The number of EIO, which sendfile gives for the file and not for the socket.
const EIO: i32 = 5;

impl Sink {
    fn file(&self) -> &File {
        match self {
            Sink::Whole(upload) => upload.file(),
            Sink::InPlace(file) => file,
        }
    }

    fn commit(self) -> io::Result<()> {
        match self {
            Sink::Whole(upload) => upload.commit(),
            Sink::InPlace(_) => Ok(()),
        }
    }
}

fn read(stream: &mut Stream, piece: &mut [u8]) -> Result<usize, Failure> {
    loop {
        match stream.read(piece) {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            done => return done.map_err(Failure::Connection),
        }
    }
}

fn not_written(err: &io::Error) -> Reply {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match err.kind() {
        StorageFull => Reply::new(452, "The disk is full."),
        QuotaExceeded | FileTooLarge => Reply::new(552, format!("{}.", words(err))),
        _ => Reply::new(451, format!("{}.", words(err))),
    }
}

/// Counts what goes through.
struct Counted<'a> {
    stream: &'a mut Stream,
    transfer: &'a Transfer,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.stream.write(bytes)?;
        self.transfer.add(n);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
