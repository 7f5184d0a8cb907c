//! 8.10: chat1.

use crate::support::{Client, Server, eventually};

/// A client that has been greeted.
fn join(server: &Server) -> Client {
    let mut client = server.connect();
    assert_eq!(client.line(), format!("You are {}", client.addr()));
    client
}

#[test]
fn arrivals_messages_and_departures_reach_the_others() {
    let server = Server::start("chat1", &[]);
    let mut ann = join(&server);
    let mut bob = join(&server);
    let (ann_addr, bob_addr) = (ann.addr(), bob.addr());
    assert_eq!(ann.line(), format!("{bob_addr} has arrived"));
    ann.send("hello\r\n");
    for client in [&mut ann, &mut bob] {
        assert_eq!(client.line(), format!("{ann_addr}: hello"));
    }
    bob.send("bye");
    bob.close_write(); // a last line without newline counts
    assert_eq!(ann.line(), format!("{bob_addr}: bye"));
    assert_eq!(ann.line(), format!("{bob_addr} has left"));
    assert_eq!(bob.rest(), format!("{bob_addr}: bye\n").as_bytes(), "and then it is closed");
}

#[test]
fn every_client_gets_the_same_lines_in_the_same_order() {
    const LINES: usize = 200;
    let server = Server::start("chat1", &[]);
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..5 {
        let newcomer = join(&server);
        for client in &mut clients {
            assert!(client.line().ends_with(" has arrived"));
        }
        clients.push(newcomer);
    }
    for i in 0..LINES {
        for client in &mut clients {
            client.send(format!("{i}\n"));
        }
    }
    let received: Vec<Vec<String>> =
        clients.iter_mut().map(|c| (0..5 * LINES).map(|_| c.line()).collect()).collect();
    for (i, client) in clients.iter().enumerate() {
        assert!(received[i] == received[0], "client {i} received another order");
        let prefix = client.addr() + ": ";
        let own: Vec<&str> =
            received[0].iter().filter_map(|line| line.strip_prefix(&prefix)).collect();
        assert!(own.iter().enumerate().all(|(n, text)| *text == n.to_string()), "{own:?}");
    }
}

#[test]
fn two_threads_per_client_and_two_more() {
    let server = Server::start("chat1", &[]);
    let clients: Vec<Client> = (0..10).map(|_| join(&server)).collect();
    assert_eq!(server.process.n_threads(), 2 * clients.len() + 2);
}

#[test]
fn a_client_that_never_reads_is_disconnected_and_the_others_go_on() {
    let server = Server::start("chat1", &[]);
    let _stuck = server.connect();
    let mut talker = join(&server);
    let mut listener = join(&server);
    assert!(talker.line().ends_with(" has arrived"));
    let line = "x".repeat(32 << 10);
    let mut n_lines = 0;
    // More than the socket buffers and its queue take; the others keep reading.
    while !leave_arrives(&mut listener, &mut talker, &line) {
        n_lines += 1;
        assert!(n_lines < 20_000, "never disconnected");
    }
    eventually("its threads have gone", || server.process.n_threads() == 2 * 2 + 2);
}

/// Sends a line and reads it back at both; returns whether `has left` came with it.
fn leave_arrives(listener: &mut Client, talker: &mut Client, line: &str) -> bool {
    talker.send(format!("{line}\n"));
    let mut left = false;
    for client in [talker, listener] {
        loop {
            let received = client.line();
            left |= received.ends_with(" has left");
            if received.ends_with(line) {
                break;
            }
        }
    }
    left
}

#[test]
fn a_line_too_long_does_not_disconnect_its_sender() {
    let server = Server::start("chat1", &[]);
    let mut client = join(&server);
    client.send(vec![b'a'; 200_000]);
    client.send("\nhere\n");
    assert_eq!(client.line(), "line too long");
    assert_eq!(client.line(), format!("{}: here", client.addr()));
}

#[test]
fn bytes_that_are_not_utf8_pass_unchanged() {
    let server = Server::start("chat1", &[]);
    let mut client = join(&server);
    client.send(b"\xff\0\n");
    client.close_write();
    let expected = [format!("{}: ", client.addr()).as_bytes(), b"\xff\0\n"].concat();
    assert_eq!(client.rest(), expected);
}
