//! Every client that reads receives every line once, and all in the same order.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::Signal;

use super::{connect, start_without_names};
use crate::support::{Client, eventually};

#[test]
fn every_line_once_and_in_the_same_order_for_all() {
    const LINES: usize = 500;
    let server = start_without_names();
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..8 {
        let newcomer = connect(&server);
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
    let received: Vec<Vec<String>> =
        clients.iter_mut().map(|client| (0..n_lines).map(|_| client.line()).collect()).collect();
    for (i, client) in clients.iter().enumerate() {
        assert!(received[i] == received[0], "client {i} received another order");
        let prefix = client.addr() + ": ";
        let own = received[0].iter().filter_map(|line| line.strip_prefix(&prefix));
        assert!(own.eq((0..LINES).map(|n| n.to_string()).collect::<Vec<_>>().iter()));
    }
}

#[test]
fn five_hundred_clients_at_once_see_each_other_arrive() {
    const CLIENTS: usize = 500;
    let server = start_without_names();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.connect()).collect();
    let mut n_arrivals = 0;
    for client in &mut clients {
        assert_eq!(client.line(), format!("You are {}", client.addr()));
    }
    clients[0].send("end\n"); // all have arrived by now
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
    let again: Vec<Client> = (0..CLIENTS).map(|_| connect(&server)).collect();
    assert!(
        server.process.n_threads() <= n_threads.max(again.len() + 10),
        "threads are not reused"
    );
}

#[test]
fn a_half_close_after_a_burst_loses_nothing() {
    const LINES: usize = 5_000;
    let server = start_without_names();
    let mut watcher = connect(&server);
    let mut client = connect(&server);
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
fn a_shutdown_under_load_is_announced_and_resets_no_connection() {
    let mut server = start_without_names();
    let mut clients: Vec<Client> = (0..10).map(|_| connect(&server)).collect();
    let is_sending = AtomicBool::new(true);
    let received: Vec<Vec<u8>> = thread::scope(|scope| {
        for client in &clients[..3] {
            let mut socket = client.stream().try_clone().unwrap();
            let is_sending = &is_sending;
            scope.spawn(move || {
                let lines = "sent under load\n".repeat(100);
                while is_sending.load(Ordering::Relaxed)
                    && socket.write_all(lines.as_bytes()).is_ok()
                {}
            });
        }
        while !clients[9].line().ends_with(": sent under load") {}
        server.process.signal(Signal::TERM);
        let readers: Vec<_> =
            clients.iter_mut().map(|client| scope.spawn(|| client.rest())).collect();
        let received = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        is_sending.store(false, Ordering::Relaxed);
        received
    });
    for text in received {
        assert!(text.ends_with(b"\nThe server is shutting down.\n"), "the last line was lost");
    }
    drop(clients);
    assert_eq!(server.process.wait().code(), 0);
}
