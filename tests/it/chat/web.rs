//! `--web`: the page and its web socket, spoken to by other software (tungstenite's client) and in
//! raw frames.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use tungstenite::{Message, WebSocket, client};

use super::log_in;
use crate::support::{Client, DEADLINE, Server};

/// A server with a page, and the address of the page.
pub(super) fn start(args: &[&str]) -> (Server, SocketAddr) {
    let server = Server::start("chat", &[&["--web", "0"], args].concat());
    let line = server.process.stderr_line().unwrap();
    let addr = line.strip_prefix("web page on http://").and_then(|rest| rest.strip_suffix('/'));
    let addr = addr.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
    (server, addr)
}

/// A web client that speaks as the page does.
pub(super) struct WebClient {
    socket: WebSocket<TcpStream>,
}

/// A message to the page: its header, and the lines behind it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) head: Vec<String>,
    pub(super) lines: Vec<String>,
}

impl WebClient {
    pub(super) fn connect(addr: SocketAddr, query: &str) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let (socket, _) = client(format!("ws://{addr}/chat?{query}"), stream).unwrap();
        WebClient { socket }
    }

    pub(super) fn send(&mut self, line: &str) {
        self.socket.send(Message::text(line)).unwrap();
    }

    pub(super) fn receive(&mut self) -> Received {
        let message = self.socket.read().unwrap();
        let text = message.to_text().unwrap();
        let (head, lines) = text.split_once('\x1e').unwrap_or_else(|| panic!("{text:?}"));
        let words = |text: &str, by| text.split_terminator(by).map(str::to_owned).collect();
        Received { head: words(head, '\t'), lines: words(lines, '\n') }
    }

    /// Receives up to a message of this kind; returns that one.
    pub(super) fn until(&mut self, kind: &str) -> Received {
        loop {
            let received = self.receive();
            if received.head[0] == kind {
                return received;
            }
        }
    }

    /// The numbered lines of the room, up to one that ends with `end`.
    fn lines_until(&mut self, end: &str) -> Vec<(u64, String)> {
        let mut lines = Vec::new();
        loop {
            let Received { head, lines: texts } = self.receive();
            if matches!(&*head[0], "lines" | "old") {
                lines.extend((head[1].parse().unwrap()..).zip(texts));
            }
            if lines.last().is_some_and(|(_, text): &(u64, String)| text.ends_with(end)) {
                return lines;
            }
        }
    }
}

/// Sends a request and returns the whole answer.
fn request(addr: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_page_is_served_under_a_policy_and_nothing_else_is() {
    let (_server, addr) = start(&[]);
    let get = |path: &str, more: &str| {
        request(addr, &format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\n{more}\r\n"))
    };
    let page = get("/", "");
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && body.starts_with("<!doctype html>"),
        "{head}"
    );
    assert!(
        head.contains("Content-Security-Policy: default-src 'none'; script-src 'sha256-"),
        "{head}"
    );
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let check = |answer: String, status: &str| {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    };
    check(get("/favicon.ico", ""), "404");
    check(get("/../etc/passwd", ""), "404");
    check(get("/chat", ""), "426");
    check(get("/chat", &upgrade.replace("13", "12")), "426");
    check(get("/chat", &format!("{upgrade}Origin: https://evil.example\r\n")), "403");
    check(get("/chat", &format!("{upgrade}Origin: null\r\n")), "403");
    check(request(addr, "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "405");
    check(request(addr, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"), "421");
    check(request(addr, "GET / HTTP/1.1\r\n\r\n"), "400");
    check(request(addr, "nonsense\r\n\r\n"), "400");
    check(request(addr, &format!("GET / HTTP/1.1\r\nX: {}\r\n", "x".repeat(9_000))), "431");
    // RFC 6455, 1.3: the key of the example and its answer.
    let mut stream = TcpStream::connect(addr).unwrap();
    let own =
        format!("GET /chat HTTP/1.1\r\nHost: {addr}\r\n{upgrade}Origin: http://{addr}\r\n\r\n");
    stream.write_all(own.as_bytes()).unwrap();
    let mut head = [0; 129];
    stream.read_exact(&mut head).unwrap();
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    assert!(
        head.starts_with("http/1.1 101 ") && head.contains("s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{head}"
    );
}

#[test]
fn web_and_plain_clients_are_in_the_same_rooms_and_hear_one_order() {
    const LINES: usize = 200;
    let (server, addr) = start(&["-flood", "0"]);
    let (mut nik, _) = log_in(&server, "nik");
    let mut web: Vec<WebClient> = Vec::new();
    for name in ["ann", "Zoë"] {
        let mut client = WebClient::connect(addr, "");
        assert_eq!(client.receive().lines, ["What is your name?"]);
        assert_eq!(client.receive().head, ["ask", "name"]);
        client.send(name);
        assert_eq!(client.receive().head[2], name);
        assert_eq!(client.receive().head[2], "lobby");
        assert!(client.receive().lines[0].starts_with("Welcome, "));
        client.until("next");
        assert_eq!(nik.line(), format!("{name} has arrived"));
        web.push(client);
    }
    thread::scope(|scope| {
        for client in &mut web {
            scope.spawn(move || (0..LINES).for_each(|n| client.send(&n.to_string())));
        }
        (0..LINES).for_each(|n| nik.send(format!("{n}\n")));
    });
    let expected: Vec<String> = (0..3 * LINES).map(|_| nik.line()).collect();
    for name in ["nik", "ann", "Zoë"] {
        let own = expected.iter().filter_map(|line| line.strip_prefix(&format!("{name}: ")));
        assert!(own.eq((0..LINES).map(|n| n.to_string()).collect::<Vec<_>>().iter()), "{name}");
    }
    nik.send("end\n");
    for client in &mut web {
        let mut lines = client.lines_until("nik: end");
        lines.retain(|(_, text)| !text.ends_with(" has arrived"));
        let numbers = lines.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0);
        assert!(numbers, "lines are numbered without gaps");
        let texts: Vec<String> = lines.into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts[..3 * LINES], expected);
    }
}

#[test]
fn a_web_client_that_comes_back_gets_what_it_missed_and_its_name() {
    let (server, addr) = start(&[]);
    let (mut nik, _) = log_in(&server, "nik");
    let mut ann = WebClient::connect(addr, "name=ann");
    let token = ann.until("you").head[1].clone();
    let epoch = ann.until("room").head[1].clone();
    let next = ann.until("next").head[1].clone();
    assert_eq!(nik.line(), "ann has arrived");
    nik.send("before\n");
    let lines = ann.lines_until("nik: before");
    assert_eq!(lines, [(next.parse().unwrap(), "nik: before".to_owned())]);
    let next = lines[0].0 + 1;
    nik.send("missed 1\nmissed 2\n"); // and the old connection still stands
    let resume =
        |token: &str| format!("name=ann&token={token}&room=lobby&epoch={epoch}&next={next}");
    let mut other = WebClient::connect(addr, &resume("1"));
    assert_eq!(other.receive().lines, ["The name ann is taken.", "What is your name?"]);
    let mut back = WebClient::connect(addr, &resume(&token));
    assert_ne!(back.until("you").head[1], token, "a token serves once");
    assert_eq!(back.until("room").head[1], epoch);
    let lines = back.lines_until("ann has left");
    let texts: Vec<&str> = lines.iter().map(|(_, text)| &**text).collect();
    assert_eq!(texts, ["nik: missed 1", "nik: missed 2", "ann has left"]);
    assert_eq!(lines[0].0, next);
    let reason = ann.until("note");
    assert_eq!(reason.lines, ["You are connected from elsewhere now."]);
    drop(other);
}

#[test]
fn lines_no_longer_kept_are_reported_as_missed() {
    let (server, addr) = start(&["-flood", "0"]);
    let (mut nik, _) = log_in(&server, "nik");
    let mut ann = WebClient::connect(addr, "name=ann");
    let epoch = ann.until("room").head[1].clone();
    let next: u64 = ann.until("next").head[1].parse().unwrap();
    drop(ann);
    while nik.line() != "ann has left" {} // then the name is free
    let lines: String = (0..9_000).fold(String::new(), |lines, n| lines + &n.to_string() + "\n");
    nik.send(lines);
    while !nik.line().ends_with(": 8999") {}
    let mut ann =
        WebClient::connect(addr, &format!("name=ann&room=lobby&epoch={epoch}&next={next}"));
    let n_missed: u64 = ann.until("missed").head[1].parse().unwrap();
    let lines = ann.lines_until(": 8999");
    assert_eq!(lines[0].0, next + n_missed);
    assert!(lines.len() >= 1_000 && n_missed > 0, "{} {n_missed}", lines.len());
}

/// Upgrades a connection by hand, to send it raw frames.
fn upgraded(addr: SocketAddr) -> Client {
    let mut client = Client::new(TcpStream::connect(addr).unwrap());
    client.send(format!(
        "GET /chat?name=raw HTTP/1.1\r\nHost: {addr}\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ));
    while client.line() != "\r" {}
    client
}

/// A frame with a mask of zeros, which leaves the payload as it is.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len();
    let mut frame = match u8::try_from(len) {
        Ok(len @ ..126) => vec![first, 0x80 | len],
        _ => match u16::try_from(len) {
            Ok(len) => [&[first, 0x80 | 0x7e][..], &len.to_be_bytes()].concat(),
            Err(_) => [&[first, 0x80 | 0x7f][..], &(len as u64).to_be_bytes()].concat(),
        },
    };
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// The code of the close frame at the end of what the server sent, whatever reason it gives.
fn close_code(sent: &[u8]) -> Option<u16> {
    let start = sent.iter().rposition(|&byte| byte == 0x88)?;
    let [len, high, low, ref reason @ ..] = sent[start + 1..] else { return None };
    (usize::from(len) == 2 + reason.len()).then(|| u16::from_be_bytes([high, low]))
}

#[test]
fn faulty_frames_end_the_connection_with_their_code() {
    // The cases of the Autobahn suite by their numbers, and the codes of RFC 6455, 7.4.1.
    let text = |payload: &[u8]| frame(0x81, payload);
    let cases: [(&str, Vec<u8>, u16); 14] = [
        ("1.2: binary", frame(0x82, b"x"), 1003),
        ("2.5: a ping of 126 bytes", frame(0x89, &[0; 126]), 1002),
        ("3.1: reserved bit", frame(0xc1, b"x"), 1002),
        ("4.1: reserved data opcode", frame(0x83, b"x"), 1002),
        ("4.2: reserved control opcode", frame(0x8b, b"x"), 1002),
        ("5.1: a ping in fragments", frame(0x09, b"x"), 1002),
        ("5.9: a continuation of nothing", frame(0x80, b"x"), 1002),
        ("5.18: text within fragments", [frame(0x01, b"x"), text(b"y")].concat(), 1002),
        ("6.3: invalid UTF-8", text(b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80"), 1007),
        (
            "6.4: invalid in the second fragment",
            [frame(0x01, b"a"), frame(0x80, b"\xff")].concat(),
            1007,
        ),
        ("7.3.2: a close frame of one byte", frame(0x88, &[3]), 1002),
        ("7.9: an invalid close code", frame(0x88, &999u16.to_be_bytes()), 1002),
        ("9: a message above the limit", text(&vec![b'x'; 65_537]), 1009),
        ("unmasked (RFC 6455, 5.1)", b"\x81\x01x".to_vec(), 1002),
    ];
    let (server, addr) = start(&[]);
    for (case, bytes, code) in cases {
        let mut client = upgraded(addr);
        client.send(bytes);
        let rest = client.rest();
        assert_eq!(close_code(&rest), Some(code), "{case}: {rest:?}");
    }
    let (mut nik, users) = log_in(&server, "nik");
    assert_eq!(users, "In lobby: nik");
    nik.send("still here\n");
    while nik.line() != "nik: still here" {}
}

#[test]
fn fragments_and_control_frames_are_understood() {
    let (server, addr) = start(&[]);
    let (mut nik, _) = log_in(&server, "nik");
    let mut client = upgraded(addr);
    assert_eq!(nik.line(), "raw has arrived");
    // Autobahn 5.6 and 2.4: a ping between two fragments; in single bytes, as 2.6.
    let bytes = [frame(0x01, b"hel"), frame(0x89, b"\x00\xff"), frame(0x80, b"lo")].concat();
    for byte in bytes {
        client.send([byte]);
    }
    assert_eq!(nik.line(), "raw: hello");
    client.send(frame(0x81, b"two\nlines"));
    assert_eq!((nik.line(), nik.line()), ("raw: two".into(), "raw: lines".into()));
    client.send(frame(0x88, &1000u16.to_be_bytes()));
    let rest = client.rest();
    assert!(rest.windows(4).any(|part| part == [0x8a, 2, 0x00, 0xff]), "no pong: {rest:?}");
    assert_eq!(close_code(&rest), Some(1000));
    assert_eq!(nik.line(), "raw has left");
}

#[test]
fn a_web_client_that_never_reads_is_disconnected() {
    let (server, addr) = start(&["-flood", "0"]);
    let (mut nik, _) = log_in(&server, "nik");
    let stalled = WebClient::connect(addr, "name=stalled");
    assert_eq!(nik.line(), "stalled has arrived");
    let line = "x".repeat(32 << 10) + "\n";
    for _ in 0..2_000 {
        nik.send(&line);
        if nik.line() == "stalled has left" {
            drop(stalled);
            return;
        }
    }
    panic!("it was never disconnected");
}

#[test]
fn garbage_on_the_web_port_harms_nobody() {
    let (server, addr) = start(&[]);
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"\r\n\r\n\r\n\r\n",
        b"GET\0/ HTTP/1.1\r\n\r\n",
        &vec![0xff; 20_000],
    ] {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        _ = stream.write_all(garbage); // it may be refused before its end
        _ = stream.shutdown(std::net::Shutdown::Write);
        _ = stream.read_to_end(&mut Vec::new());
    }
    drop(TcpStream::connect(addr).unwrap()); // and silence
    assert_eq!(log_in(&server, "nik").1, "In lobby: nik");
}
