//! 8.2 clock, the tool.

use std::io::{ErrorKind, Write};

use rustix::process::Signal;

use crate::clocks::{
    assert_has_time, assert_refuses_above_limit, assert_ticks, read_a_line_each, seconds,
};
use crate::support::{Client, Server, command, eventually, outcome, run};

#[test]
fn many_clients_get_every_second_from_three_threads() {
    let server = Server::start("clock", &[]);
    let mut clients: Vec<Client> = (0..300).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_ticks(client, 3);
    }
    assert_eq!(server.process.n_threads(), 3);
}

#[test]
fn zones_are_built_in_and_formats_are_those_of_strftime() {
    let line = |tz: &str, args: &[&str]| {
        let mut command = command("clock", &[&["-port", "0"], args].concat());
        command.env("TZ", tz).env("TZDIR", "/nonexistent");
        Server::of(command).connect().line()
    };
    assert_eq!(line("Asia/Tokyo", &["-format", "%:z"]), "+09:00");
    assert_eq!(line("Asia/Tokyo", &["-format=%:z", "-tz=Asia/Kolkata"]), "+05:30");
    assert_eq!(line("", &["--format", "%Q", "--tz", "Africa/Nairobi"]), "Africa/Nairobi");
    seconds(&line("US/Eastern", &[]));
    assert_eq!(line("UTC", &["-format", "%Y-%m-%dT%TZ, and more"]).len(), 30);
}

#[test]
fn errors_are_one_line() {
    for tz in ["Mars/Olympus", "", "../../etc/passwd", "/etc/passwd"] {
        let refused = run("clock", &["-port", "0", "-tz", tz]);
        assert_eq!((refused.code(), refused.stderr.lines().count()), (2, 1), "{refused:?}");
    }
    for format in ["15:04:05", "", "%!", "%", &"%A".repeat(2_000)] {
        let refused = run("clock", &["-port", "0", "-format", format]);
        assert_eq!((refused.code(), refused.stderr.lines().count()), (2, 1), "{refused:?}");
    }
    let mut unknown = command("clock", &["-port", "0"]);
    unknown.env("TZ", "Mars/Olympus");
    let refused = outcome(unknown);
    assert_eq!((refused.code(), refused.stderr.lines().count()), (1, 1), "{refused:?}");
    let taken = Server::start("clock", &[]);
    let error = format!("clock: listen on {}: Address already in use (os error 98)\n", taken.addr);
    run("clock", &["-bind", "127.0.0.1", "-port", &taken.addr.port().to_string()])
        .is(1, "", &error);
    assert_eq!(run("clock", &["-port", "65536"]).code(), 2);
    assert_eq!(run("clock", &["-bind", "203.0.113.1"]).code(), 1, "not an address of this machine");
}

#[test]
fn disconnected_clients_are_dropped_and_half_closed_ones_are_served() {
    let server = Server::start("clock", &[]);
    let mut half = server.connect();
    half.close_write();
    half.line(); // the files needed only at the start are closed now
    let before = server.process.n_files();
    let mut clients: Vec<Client> = (0..200).map(|_| server.connect()).collect();
    read_a_line_each(&mut clients);
    assert_eq!(server.process.n_files(), before + 200);
    drop(clients);
    eventually("their descriptors are closed", || server.process.n_files() == before);
    assert_ticks(&mut half, 3);
}

#[test]
fn input_of_a_client_is_ignored_and_causes_no_reset() {
    let mut server = Server::start("clock", &[]);
    let mut client = server.connect();
    client.stream().set_nonblocking(true).unwrap();
    loop {
        match client.stream().write(&[b'x'; 4096]) {
            Ok(_) => {}
            Err(err) if err.kind() == ErrorKind::WouldBlock => break,
            Err(err) => panic!("{err}"),
        }
    }
    client.stream().set_nonblocking(false).unwrap();
    assert_ticks(&mut client, 3);
    server.process.signal(Signal::TERM);
    assert!(client.rest().len() <= 9, "the connection ends without a reset");
    assert_eq!(server.process.wait().code(), 0);
}

#[test]
fn a_signal_closes_connections_gracefully() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut server = Server::start("clock", &[]);
        let mut clients: Vec<Client> = (0..50).map(|_| server.connect()).collect();
        read_a_line_each(&mut clients);
        server.process.signal(signal);
        for client in &mut clients {
            assert_eq!(client.rest().len() % 9, 0, "whole lines");
        }
        drop(clients);
        let outcome = server.process.wait();
        assert_eq!((outcome.code(), outcome.stderr.lines().count()), (0, 1), "{outcome:?}");
    }
}

#[test]
fn clients_above_the_limit_are_refused_until_others_leave() {
    assert_has_time(&assert_refuses_above_limit("clock"), "clock");
}

#[test]
fn disconnected_clients_leave_no_memory_or_descriptors() {
    let server = Server::start("clock", &[]);
    let connect_and_close = |n: usize| {
        for _ in 0..n {
            server.connect().line();
        }
        eventually("the connections are closed", || server.process.n_files() < 12);
    };
    connect_and_close(500);
    let peak = server.process.peak_memory();
    connect_and_close(2_000);
    let grown = server.process.peak_memory() - peak;
    assert!(grown < 1 << 20, "{grown} bytes for 2,000 disconnected clients");
}
