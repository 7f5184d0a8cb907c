//! 8.2: clock, the tool.

use std::io::{ErrorKind, Write};

use rustix::process::Signal;

use crate::clocks::{assert_full_is_said_and_passes, assert_ticks, hear_a_line_each, seconds};
use crate::support::{Client, Server, command, eventually, outcome, run};

#[test]
fn many_clients_hear_every_second_on_three_threads() {
    let server = Server::start("clock", &[]);
    let mut clients: Vec<Client> = (0..300).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_ticks(client, 3);
    }
    assert_eq!(server.process.n_threads(), 3);
}

#[test]
fn zones_need_no_files_and_formats_are_strftimes() {
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
fn what_cannot_be_is_one_line() {
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
    run("clock", &["-port", &taken.addr.port().to_string()]).is(1, "", &error);
    assert_eq!(run("clock", &["-port", "65536"]).code(), 2);
    assert_eq!(run("clock", &["-bind", "203.0.113.1"]).code(), 1, "not ours");
}

#[test]
fn who_has_left_is_noticed_and_who_has_half_closed_has_not_left() {
    let server = Server::start("clock", &[]);
    let mut half = server.connect();
    half.close_write();
    half.line(); // by now nothing is open that the start alone needs
    let before = server.process.n_files();
    let mut clients: Vec<Client> = (0..200).map(|_| server.connect()).collect();
    hear_a_line_each(&mut clients);
    assert_eq!(server.process.n_files(), before + 200);
    drop(clients);
    eventually("their descriptors are closed", || server.process.n_files() == before);
    assert_ticks(&mut half, 3);
}

#[test]
fn who_talks_to_a_clock_is_not_heard_and_loses_nothing() {
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
    assert!(client.rest().len() <= 9, "the end comes in order, and no reset");
    assert_eq!(server.process.wait().code(), 0);
}

#[test]
fn a_signal_ends_it_in_order() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut server = Server::start("clock", &[]);
        let mut clients: Vec<Client> = (0..50).map(|_| server.connect()).collect();
        hear_a_line_each(&mut clients);
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
fn full_is_said_and_passes() {
    assert_full_is_said_and_passes("clock");
}

#[test]
fn clients_who_come_and_go_leave_nothing_behind() {
    let server = Server::start("clock", &[]);
    let come_and_go = |n: usize| {
        for _ in 0..n {
            server.connect().line();
        }
        eventually("they are gone", || server.process.n_files() < 12);
    };
    come_and_go(500);
    let peak = server.process.peak_memory();
    come_and_go(2_000);
    let grown = server.process.peak_memory() - peak;
    assert!(grown < 1 << 20, "{grown} bytes for 2,000 clients who have left");
}
