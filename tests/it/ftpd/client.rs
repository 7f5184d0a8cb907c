//! A small FTP client that checks the format of every reply.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

use crate::support::DEADLINE;

pub(super) struct Ftp {
    input: BufReader<ControlStream>,
}

/// A control connection, with or without TLS.
pub(super) enum ControlStream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl From<TcpStream> for ControlStream {
    fn from(stream: TcpStream) -> Self {
        ControlStream::Plain(stream)
    }
}

impl ControlStream {
    fn stream(&self) -> &TcpStream {
        match self {
            ControlStream::Plain(stream) => stream,
            ControlStream::Tls(tls) => &tls.sock,
        }
    }
}

impl Read for ControlStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            ControlStream::Plain(stream) => stream.read(buf),
            ControlStream::Tls(tls) => tls.read(buf),
        }
    }
}

impl Write for ControlStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            ControlStream::Plain(stream) => stream.write(buf),
            ControlStream::Tls(tls) => tls.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            ControlStream::Plain(stream) => stream.flush(),
            ControlStream::Tls(tls) => tls.flush(),
        }
    }
}

impl Ftp {
    /// A client that has been greeted.
    pub(super) fn connect(server: SocketAddr) -> Self {
        let mut ftp = Ftp::new(TcpStream::connect(server).unwrap());
        let (code, text) = ftp.reply();
        assert_eq!(code, 220, "{text}");
        ftp
    }

    /// A client of which the greeting, if any, is unread.
    pub(super) fn new(control: impl Into<ControlStream>) -> Self {
        let control = control.into();
        control.stream().set_read_timeout(Some(DEADLINE)).unwrap();
        control.stream().set_nodelay(true).unwrap();
        Ftp { input: BufReader::new(control) }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        self.input.get_ref().stream()
    }

    /// The connection without its buffer, which must be empty.
    pub(super) fn into_stream(self) -> TcpStream {
        assert!(self.input.buffer().is_empty());
        self.stream().try_clone().unwrap()
    }

    pub(super) fn login(&mut self, name: &str, password: &str) {
        self.command(&format!("USER {name}"), 331);
        self.command(&format!("PASS {password}"), 230);
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.input.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// The code and text of the next reply; `None` at the end of the connection.
    pub(super) fn try_reply(&mut self) -> Option<(u16, String)> {
        let mut text = String::new();
        let mut first = None;
        loop {
            let start = text.len();
            let mut line = Vec::new();
            if self.input.read_until(b'\n', &mut line).ok()? == 0 {
                assert!(text.is_empty(), "incomplete reply: {text}");
                return None;
            }
            text += &String::from_utf8_lossy(&line); // names have any encoding
            let line = text[start..].strip_suffix("\r\n").expect("lines end with CR LF");
            assert!(!line.contains(['\r', '\x1b', '\0']), "{line:?}");
            let code = *first.get_or_insert_with(|| line[..3].parse::<u16>().expect(line));
            if line.get(..4) == Some(&format!("{code} ")) {
                return Some((code, text.trim_end().to_owned()));
            }
            assert!(start > 0 || line.as_bytes()[3] == b'-', "{line}");
        }
    }

    pub(super) fn reply(&mut self) -> (u16, String) {
        self.try_reply().expect("the server closed the connection")
    }

    /// Sends a command and asserts the code of its reply. Returns the text of the reply.
    pub(super) fn command(&mut self, line: &str, code: u16) -> String {
        self.send(format!("{line}\r\n"));
        self.expect_reply(code, line)
    }

    /// Asserts the code of the next reply, which is one to `line`. Returns its text.
    pub(super) fn expect_reply(&mut self, code: u16, line: &str) -> String {
        let (received, text) = self.reply();
        assert_eq!(received, code, "{line:?} got {text}");
        text
    }

    /// The address that PASV announces.
    pub(super) fn pasv(&mut self) -> SocketAddr {
        let text = self.command("PASV", 227);
        let list = text.split(['(', ')']).nth(1).expect(&text);
        let n: Vec<u8> = list.split(',').map(|n| n.parse().unwrap()).collect();
        let port = u16::from_be_bytes([n[4], n[5]]);
        SocketAddr::from(([n[0], n[1], n[2], n[3]], port))
    }

    /// Opens a data connection with EPSV.
    pub(super) fn data(&mut self) -> TcpStream {
        let text = self.command("EPSV", 229);
        let port = text.split('|').nth(3).expect(&text).parse().unwrap();
        let data = TcpStream::connect((self.stream().peer_addr().unwrap().ip(), port)).unwrap();
        data.set_read_timeout(Some(DEADLINE)).unwrap();
        data
    }

    /// Runs a download or listing command. Returns the bytes of the data connection.
    pub(super) fn get(&mut self, line: &str) -> Vec<u8> {
        let mut data = self.data();
        self.command(line, 150);
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes).unwrap();
        self.expect_reply(226, line);
        bytes
    }

    pub(super) fn text(&mut self, line: &str) -> String {
        String::from_utf8(self.get(line)).unwrap()
    }

    /// Runs an upload command with these bytes, and asserts the code of its last reply. Returns the
    /// text of its first.
    pub(super) fn put(&mut self, line: &str, bytes: &[u8], code: u16) -> String {
        let mut data = self.data();
        let first = self.command(line, 150);
        _ = data.write_all(bytes); // the server may refuse them half-way
        drop(data);
        self.expect_reply(code, line);
        first
    }
}

/// A connection from another address of this machine (127.0.0.2). Reads have a deadline.
pub(super) fn stranger(to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let from: SocketAddr = "127.0.0.2:0".parse().unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    TcpStream::from(socket)
}
