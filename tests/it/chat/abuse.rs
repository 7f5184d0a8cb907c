//! Malicious and broken clients.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::{connect, log_in, start_without_names};
use crate::support::{Client, Server, eventually, limited};

#[test]
fn an_endless_line_takes_no_memory_and_the_client_stays_connected() {
    let server = start_without_names();
    let mut client = connect(&server);
    client.send(vec![b'a'; 16 << 20]);
    client.send("\nhere\n");
    assert_eq!(client.line(), "line too long");
    assert_eq!(client.line(), format!("{}: here", client.addr()));
    assert!(server.process.peak_memory() < 12 << 20, "{}", server.process.peak_memory());
}

#[test]
fn terminal_control_is_removed_from_lines() {
    let server = Server::start("chat", &[]);
    let (mut ann, _) = log_in(&server, "ann");
    let mut check = |sent: &[u8], expected: &str| {
        ann.send([sent, b"\n"].concat());
        assert_eq!(ann.line(), expected);
    };
    check(b"a\0b", "ann: ab");
    check(b"\xfe\xc3(", "ann: \u{fffd}\u{fffd}(");
    check(b"\x1b[2J\x1b]0;owned\x07clear", "ann: clear");
    check(b"/me \x1b[31mis red", "* ann is red");
    check(b"back\rspace\x08", "ann: backspace");
    check(b"/nick \x1b[31mred", "ann is now red");
}

#[test]
fn a_reset_in_the_middle_of_a_line_is_announced_as_leaving() {
    let server = start_without_names();
    let mut watcher = connect(&server);
    let mut client = connect(&server);
    assert!(watcher.line().ends_with(" has arrived"));
    client.send("whole\nhal");
    assert!(client.line().ends_with(": whole"));
    let addr = client.addr();
    SockRef::from(client.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    assert_eq!(watcher.line(), format!("{addr}: whole"));
    let mut last = watcher.line();
    if last == format!("{addr}: hal") {
        last = watcher.line(); // the part of a line that was read before the reset
    }
    assert_eq!(last, format!("{addr} has left"));
}

#[test]
fn an_idle_client_is_warned_and_disconnected() {
    let server = Server::start("chat", &["-names=false", "-idle", "500ms"]);
    let mut client = connect(&server);
    assert_eq!(client.line(), "You will be disconnected in 1 s if you send nothing.");
    client.send("yes\n");
    assert_eq!(client.line(), format!("{}: yes", client.addr()));
    assert_eq!(client.line(), "You will be disconnected in 1 s if you send nothing.");
    assert_eq!(client.line(), "Disconnected: idle for too long.");
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_client_that_completes_no_line_is_idle() {
    let server = Server::start("chat", &["-idle", "500ms"]);
    let client = server.connect();
    let mut socket = client.stream();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut received = Vec::new();
    let mut buf = [0; 1024];
    loop {
        match socket.read(&mut buf) {
            Ok(0) => break,
            Ok(n) => received.extend_from_slice(&buf[..n]),
            Err(err) if err.kind() == ErrorKind::WouldBlock => _ = socket.write(b"x"),
            Err(err) if err.kind() == ErrorKind::ConnectionReset => break, // it wrote after that
            Err(err) => panic!("{err}"),
        }
    }
    let received = String::from_utf8(received).unwrap();
    assert!(received.ends_with("Disconnected: idle for too long.\n"), "{received}");
}

#[test]
fn a_flood_is_delayed_and_nothing_is_lost() {
    let server = Server::start("chat", &["-names=false", "-flood", "1000"]);
    let mut client = connect(&server);
    let start = Instant::now();
    client.send("pasted\n".repeat(1_500));
    let mut n_notices = 0;
    for _ in 0..1_500 {
        let mut line = client.line();
        if line.starts_with("You send more than 1000 lines per second") {
            assert!(line.ends_with("in about 1 s. None is lost."), "{line}");
            n_notices += 1;
            line = client.line();
        }
        assert!(line.ends_with(": pasted"), "{line}");
    }
    assert_eq!(n_notices, 1);
    client.send("last\n");
    assert!(client.line().ends_with(": last"), "lines were lost");
    assert!(start.elapsed() >= Duration::from_millis(400), "{:?}", start.elapsed());
}

#[test]
fn a_client_that_never_reads_is_disconnected_and_the_others_lose_nothing() {
    let server = start_without_names();
    let stalled = server.connect();
    let mut sender = connect_after(&server, &stalled);
    let mut receiver = connect_after(&server, &stalled);
    assert!(sender.line().ends_with(" has arrived"));
    let (line, has_left) = ("x".repeat(32 << 10), format!("{} has left", stalled.addr()));
    let mut is_disconnected = false;
    for _ in 0..2_000 {
        sender.send(format!("{line}\n"));
        let before = lines_until(&mut sender, &line);
        assert_eq!(before, lines_until(&mut receiver, &line));
        is_disconnected |= before.contains(&has_left);
        if is_disconnected {
            break;
        }
    }
    assert!(is_disconnected, "it was never disconnected");
    assert!(server.process.peak_memory() < 24 << 20, "{}", server.process.peak_memory());
    drop(stalled);
    eventually("its descriptor is closed", || server.process.n_files() < 14);
}

#[test]
fn without_room_for_a_thread_the_server_is_full_and_goes_on() {
    // The server computes its limit from this one; an ordinary user's other threads count too.
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    let n_threads = load.split(['/', ' ']).nth(4).unwrap().parse().unwrap();
    let limit = 40 + if rustix::process::getuid().is_root() { 0 } else { n_threads };
    let limit = format!("-p {limit} 2> /dev/null || ulimit -u {limit}"); // dash or bash
    let server = Server::of(limited(&limit, "chat", &["-port", "0", "-names=false"]));
    let mut clients = Vec::new();
    let first = loop {
        let mut client = server.connect();
        let line = client.line();
        if line == "server full" {
            break clients.pop();
        }
        assert_eq!(line, format!("You are {}", client.addr()));
        clients.push(client);
    };
    assert!(clients.len() > 5, "{} have room", clients.len());
    drop(first);
    eventually("there is room again", || server.connect().line().starts_with("You are"));
    clients[0].send("still here\n");
    lines_until(&mut clients[0], ": still here");
}

/// Connects after the server has sent something to `earlier`.
fn connect_after(server: &Server, earlier: &Client) -> Client {
    assert!(earlier.stream().peek(&mut [0]).is_ok());
    connect(server)
}

/// Reads lines up to one that ends with `end`; returns those before it.
fn lines_until(client: &mut Client, end: &str) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let next = client.line();
        if next.ends_with(end) {
            return lines;
        }
        lines.push(next);
    }
}
