//! A small FTP client that trusts nothing.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

use crate::support::DEADLINE;

pub(super) struct Ftp {
    input: BufReader<Wire>,
}

/// A control connection, in clear or not.
pub(super) enum Wire {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl From<TcpStream> for Wire {
    fn from(stream: TcpStream) -> Self {
        Wire::Clear(stream)
    }
}

impl Wire {
    fn stream(&self) -> &TcpStream {
        match self {
            Wire::Clear(stream) => stream,
            Wire::Tls(tls) => &tls.sock,
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Clear(stream) => stream.read(buf),
            Wire::Tls(tls) => tls.read(buf),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Clear(stream) => stream.write(buf),
            Wire::Tls(tls) => tls.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Clear(stream) => stream.flush(),
            Wire::Tls(tls) => tls.flush(),
        }
    }
}

impl Ftp {
    /// A client that has been greeted.
    pub(super) fn connect(server: SocketAddr) -> Self {
        let mut ftp = Ftp::of(TcpStream::connect(server).unwrap());
        let (code, text) = ftp.reply();
        assert_eq!(code, 220, "{text}");
        ftp
    }

    pub(super) fn of(wire: impl Into<Wire>) -> Self {
        let wire = wire.into();
        wire.stream().set_read_timeout(Some(DEADLINE)).unwrap();
        wire.stream().set_nodelay(true).unwrap();
        Ftp { input: BufReader::new(wire) }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        self.input.get_ref().stream()
    }

    /// The bare connection, of which nothing is unread.
    pub(super) fn into_stream(self) -> TcpStream {
        assert!(self.input.buffer().is_empty());
        self.stream().try_clone().unwrap()
    }

    pub(super) fn login(&mut self, name: &str, password: &str) {
        self.says(&format!("USER {name}"), 331);
        self.says(&format!("PASS {password}"), 230);
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.input.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// The next reply, all of it; `None` at the end.
    pub(super) fn try_reply(&mut self) -> Option<(u16, String)> {
        let mut text = String::new();
        let mut first = None;
        loop {
            let start = text.len();
            let mut line = Vec::new();
            if self.input.read_until(b'\n', &mut line).ok()? == 0 {
                assert!(text.is_empty(), "half a reply: {text}");
                return None;
            }
            text += str::from_utf8(&line).expect("replies are UTF-8");
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
        self.try_reply().expect("the server hung up")
    }

    /// Sends a line and asserts the code of the reply; returns the reply's text.
    pub(super) fn says(&mut self, line: &str, code: u16) -> String {
        self.send(format!("{line}\r\n"));
        self.hears(code, line)
    }

    pub(super) fn hears(&mut self, code: u16, line: &str) -> String {
        let (heard, text) = self.reply();
        assert_eq!(heard, code, "{line:?} got {text}");
        text
    }

    /// The address that PASV tells.
    pub(super) fn pasv(&mut self) -> SocketAddr {
        let text = self.says("PASV", 227);
        let list = text.split(['(', ')']).nth(1).expect(&text);
        let n: Vec<u8> = list.split(',').map(|n| n.parse().unwrap()).collect();
        let port = u16::from_be_bytes([n[4], n[5]]);
        SocketAddr::from(([n[0], n[1], n[2], n[3]], port))
    }

    /// A data connection by EPSV.
    pub(super) fn data(&mut self) -> TcpStream {
        let text = self.says("EPSV", 229);
        let port = text.split('|').nth(3).expect(&text).parse().unwrap();
        let data = TcpStream::connect((self.stream().peer_addr().unwrap().ip(), port)).unwrap();
        data.set_read_timeout(Some(DEADLINE)).unwrap();
        data
    }

    /// What a command sends over its data connection.
    pub(super) fn get(&mut self, line: &str) -> Vec<u8> {
        let mut data = self.data();
        self.says(line, 150);
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes).unwrap();
        self.hears(226, line);
        bytes
    }

    pub(super) fn text(&mut self, line: &str) -> String {
        String::from_utf8(self.get(line)).unwrap()
    }

    /// Sends bytes over a data connection; asserts the last reply's code.
    pub(super) fn put(&mut self, line: &str, bytes: &[u8], code: u16) -> String {
        let mut data = self.data();
        let first = self.says(line, 150);
        _ = data.write_all(bytes); // refused half-way, perhaps
        drop(data);
        self.hears(code, line);
        first
    }
}

/// A connection from another address of this machine.
pub(super) fn stranger(to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let from: SocketAddr = "127.0.0.2:0".parse().unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    TcpStream::from(socket)
}
