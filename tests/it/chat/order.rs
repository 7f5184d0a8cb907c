//! Everyone who reads hears everything once, in one order.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::Signal;

use super::{enter, plain};
use crate::support::{Client, eventually};

#[test]
fn every_line_once_and_in_the_same_order_for_all() {
    const LINES: usize = 500;
    let server = plain();
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..8 {
        let newcomer = enter(&server);
        for client in &mut clients {
            assert_eq!(client.line(), format!("{} has arrived", newcomer.addr()));
        }
        clients.push(newcomer);
    }
    for i in 0..LINES {
        for client in &mut clients {
            client.send(format!("{i}\n"));
        }
    }
    let n_lines = clients.len() * LINES;
    let heard: Vec<Vec<String>> =
        clients.iter_mut().map(|client| (0..n_lines).map(|_| client.line()).collect()).collect();
    for (i, client) in clients.iter().enumerate() {
        assert!(heard[i] == heard[0], "client {i} heard another order");
        let prefix = client.addr() + ": ";
        let own = heard[0].iter().filter_map(|line| line.strip_prefix(&prefix));
        assert!(own.eq((0..LINES).map(|n| n.to_string()).collect::<Vec<_>>().iter()));
    }
}

#[test]
fn five_hundred_at_once_hear_each_other_arrive() {
    const CLIENTS: usize = 500;
    let server = plain();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.connect()).collect();
    let mut n_arrivals = 0;
    for client in &mut clients {
        assert_eq!(client.line(), format!("You are {}", client.addr()));
    }
    clients[0].send("end\n"); // everyone has arrived by now
    for client in &mut clients {
        loop {
            let line = client.line();
            if line.ends_with(": end") {
                break;
            }
            assert!(line.ends_with(" has arrived"), "{line}");
            n_arrivals += 1;
        }
    }
    assert_eq!(n_arrivals, CLIENTS * (CLIENTS - 1) / 2);
    drop(clients);
    eventually("all have left", || server.process.n_files() < 30);
    let n_threads = server.process.n_threads();
    let again: Vec<Client> = (0..CLIENTS).map(|_| enter(&server)).collect();
    assert!(server.process.n_threads() <= n_threads.max(again.len() + 10), "threads are reused");
}

#[test]
fn a_half_close_in_a_burst_loses_nothing() {
    const LINES: usize = 5_000;
    let server = plain();
    let mut watcher = enter(&server);
    let mut client = enter(&server);
    let lines =
        |prefix: &str| -> Vec<String> { (0..LINES).map(|n| format!("{prefix}{n}\n")).collect() };
    client.send(lines("").concat());
    client.close_write();
    let addr = client.addr();
    let expected = lines(&format!("{addr}: ")).concat();
    assert!(client.rest() == expected.as_bytes(), "its own lines came back changed");
    assert_eq!(watcher.line(), format!("{addr} has arrived"));
    for line in expected.lines() {
        assert_eq!(watcher.line(), line);
    }
    assert_eq!(watcher.line(), format!("{addr} has left"));
}

#[test]
fn a_termination_under_load_is_told_and_is_no_reset() {
    let mut server = plain();
    let mut clients: Vec<Client> = (0..10).map(|_| enter(&server)).collect();
    let talking = AtomicBool::new(true);
    let heard: Vec<Vec<u8>> = thread::scope(|scope| {
        for client in &clients[..3] {
            let mut socket = client.stream().try_clone().unwrap();
            let talking = &talking;
            scope.spawn(move || {
                let lines = "said under load\n".repeat(100);
                while talking.load(Ordering::Relaxed) && socket.write_all(lines.as_bytes()).is_ok()
                {
                }
            });
        }
        while !clients[9].line().ends_with(": said under load") {}
        server.process.signal(Signal::TERM);
        let listening: Vec<_> =
            clients.iter_mut().map(|client| scope.spawn(|| client.rest())).collect();
        let heard = listening.into_iter().map(|client| client.join().unwrap()).collect();
        talking.store(false, Ordering::Relaxed);
        heard
    });
    for text in heard {
        assert!(text.ends_with(b"\nThe server is shutting down.\n"), "its end was lost");
    }
    drop(clients);
    assert_eq!(server.process.wait().code(), 0);
}
