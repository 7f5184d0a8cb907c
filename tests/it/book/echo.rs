//! 8.3 and 8.4.1: echo servers and their clients.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Instant;

use crate::support::{DEADLINE, Process, Server, command, run_with};

const FAST: &[&str] = &["-delay", "10ms"];

#[test]
fn a_shout_comes_back_three_times() {
    let check = |name: &str, shout: &[u8], expected: &str| {
        let server = Server::start(name, FAST);
        let mut client = server.connect();
        client.send(shout);
        client.close_write();
        assert_eq!(String::from_utf8_lossy(&client.rest()), expected, "{name} {shout:?}");
    };
    for name in ["reverb1", "reverb2"] {
        check(name, b"Hello\n", "\t HELLO\n\t Hello\n\t hello\n");
        check(name, b"Hello\r\n", "\t HELLO\n\t Hello\n\t hello\n");
        check(name, b"last line", "\t LAST LINE\n\t last line\n\t last line\n");
        check(name, b"\n", "\t \n\t \n\t \n");
        check(name, b"", "");
        check(name, "Straße ΑΣ\n".as_bytes(), "\t STRAßE ΑΣ\n\t Straße ΑΣ\n\t straße ασ\n");
        check(name, b"a\0\xff\n", "\t A\0\u{fffd}\n\t a\0\u{fffd}\n\t a\0\u{fffd}\n");
    }
}

#[test]
fn reverb1_takes_shouts_in_turn_and_reverb2_at_once() {
    let order = |name: &str| {
        let server = Server::start(name, &["-delay", "300ms"]);
        let mut client = server.connect();
        client.send("one\ntwo\n");
        client.close_write();
        String::from_utf8(client.rest()).unwrap()
    };
    assert_eq!(order("reverb1"), "\t ONE\n\t one\n\t one\n\t TWO\n\t two\n\t two\n");
    let overlapping = order("reverb2");
    let (first, last) = (overlapping.find("TWO").unwrap(), overlapping.rfind("one").unwrap());
    assert!(first < last, "the second shout waited for the first: {overlapping}");
    assert_eq!(overlapping.lines().count(), 6);
}

#[test]
fn many_clients_at_once() {
    let server = Server::start("reverb1", FAST);
    let mut clients: Vec<_> = (0..50).map(|_| server.connect()).collect();
    for (i, client) in clients.iter_mut().enumerate() {
        client.send(format!("Client{i}\n"));
    }
    for (i, client) in clients.iter_mut().enumerate() {
        let echoes = [client.line(), client.line(), client.line()];
        assert_eq!(
            echoes,
            [format!("\t CLIENT{i}"), format!("\t Client{i}"), format!("\t client{i}")]
        );
    }
}

#[test]
fn a_line_too_long_is_refused_and_the_session_goes_on() {
    for name in ["reverb1", "reverb2"] {
        let server = Server::start(name, FAST);
        let mut client = server.connect();
        client.send(vec![b'a'; 64 << 10]); // the longest that fits
        client.send("\n");
        let longest = ["A", "a", "a"].map(|letter| "\t ".to_owned() + &letter.repeat(64 << 10));
        assert!([client.line(), client.line(), client.line()] == longest, "{name}");
        client.send(vec![b'a'; (64 << 10) + 1]);
        client.send("\nshort\n");
        assert_eq!(client.line(), "line too long", "{name}");
        assert_eq!([client.line(), client.line()], ["\t SHORT", "\t short"], "{name}");
    }
}

#[test]
fn an_endless_line_costs_no_memory() {
    for name in ["reverb1", "reverb2", "chat1"] {
        let server = Server::start(name, if name == "chat1" { &[] } else { FAST });
        let mut client = server.connect();
        let before = server.process.peak_memory();
        let block = vec![b'x'; 1 << 20];
        for _ in 0..48 {
            client.send(&block);
        }
        client.send("\nstill here\n");
        while !client.line().to_lowercase().contains("still here") {}
        let grown = server.process.peak_memory() - before;
        assert!(grown < 4 << 20, "{name}: {grown} bytes for a line of 48 MiB");
    }
}

#[test]
fn one_client_cannot_start_threads_without_limit() {
    let server = Server::start("reverb2", &["-delay", "1h"]);
    let mut client = server.connect();
    client.send("x\n".repeat(3_000));
    for _ in 0..1_000 {
        assert_eq!(client.line(), "\t X");
    }
    assert_eq!(server.process.n_threads(), 1_000 + 2, "shouts, their reader and main");
    client.stream().set_nonblocking(true).unwrap();
    assert!(client.stream().peek(&mut [0]).is_err(), "the 1,001st shout waits");
}

#[test]
fn netcat3_gets_every_echo_200_times() {
    let server = Server::start("reverb2", &["-delay", "1ms"]);
    for _ in 0..200 {
        let outcome = run_with("netcat3", &[&server.addr()], b"Hello\n");
        outcome.is(0, "\t HELLO\n\t Hello\n\t hello\n", "done\n");
    }
}

#[test]
fn netcat2_ends_with_stdin_200_times() {
    let server = Server::start("reverb1", &["-delay", "1h"]);
    for _ in 0..200 {
        let mut netcat = Process::with_open_stdin("netcat2", &[&server.addr()]);
        netcat.send(b"Hello\n");
        assert_eq!(netcat.line().as_deref(), Some("\t HELLO"));
        netcat.close_stdin();
        netcat.wait().is(0, "\t HELLO\n", "");
    }
}

#[test]
fn netcats_end_when_the_server_does_though_stdin_is_open() {
    for (name, stderr) in [("netcat2", ""), ("netcat3", "done\n")] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let mut netcat = Process::with_open_stdin(name, &[&addr]);
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"bye").unwrap();
        drop(stream);
        netcat.wait().is(0, "bye", stderr);
    }
}

#[test]
fn netcat3_half_closes_and_reads_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut question = Vec::new();
        stream.read_to_end(&mut question).unwrap();
        stream.write_all(&question).unwrap(); // after its half has closed
    });
    let question = "x".repeat(300_000);
    run_with("netcat3", &[&addr], question.as_bytes()).is(0, &question, "done\n");
    server.join().unwrap();
}

#[test]
fn delays_are_spelled_as_in_go() {
    let start = Instant::now();
    let server = Server::start("reverb1", &["-delay=50ms"]);
    let mut client = server.connect();
    client.send("a\n");
    client.close_write();
    assert_eq!(client.rest(), b"\t A\n\t a\n\t a\n");
    assert!((100..DEADLINE.as_millis()).contains(&start.elapsed().as_millis()));
    let refused = crate::support::outcome(command("reverb1", &["-delay", "-1s"]));
    assert_eq!(refused.code(), 2);
}
