//! What was not delivered is never exit status 0, whoever is at the other end.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crossbeam::channel::never;
use socket2::SockRef;

use super::{connecting, listening, report_skipped, reset, rest};
use crate::support::{Outcome, Process, command, eventually, run_with};

/// Longer than netcat waits for input after its peer has ended; the pauses of a slow producer.
const LINE_INTERVAL: Duration = Duration::from_millis(700);

fn pause() {
    _ = never::<()>().recv_timeout(LINE_INTERVAL);
}

fn assert_undelivered(outcome: &Outcome, addr: &str) {
    assert_eq!((outcome.code(), outcome.stderr.lines().count()), (1, 1), "{outcome:?}");
    assert!(outcome.stderr.starts_with(&format!("netcat: {addr}: ")), "{outcome:?}");
    assert!(outcome.stderr.ends_with(" bytes were not delivered\n"), "{outcome:?}");
}

/// Sends three lines with pauses, and closes stdin.
fn send_slowly(process: &mut Process) {
    process.send(b"1\n");
    pause();
    process.send(b"2\n");
    pause();
    process.send(b"3\n");
    process.close_stdin();
}

#[test]
fn a_slow_producer_is_sent_to_its_end_though_the_peer_has_half_closed() {
    let (mut netcat, peer) = connecting(&[]);
    peer.shutdown(Shutdown::Write).unwrap();
    send_slowly(&mut netcat);
    assert_eq!(rest(&peer), b"1\n2\n3\n");
    netcat.wait().is(0, "", "");
}

#[test]
fn with_l_an_empty_stdin_does_not_end_what_still_comes() {
    let wait = Some(Duration::from_millis(200));
    for (args, is_open) in
        [(&["-l", "127.0.0.1", "0"][..], true), (&["-lN", "127.0.0.1", "0"], false)]
    {
        let (mut netcat, addr) = listening(args);
        netcat.close_stdin();
        let mut peer = TcpStream::connect(addr).unwrap();
        peer.set_read_timeout(wait).unwrap();
        let end = peer.read(&mut [0]);
        assert_eq!(end.is_err(), is_open, "{args:?}: {end:?}");
        peer.write_all(b"late").unwrap();
        drop(peer);
        let outcome = netcat.wait();
        assert_eq!((outcome.code(), &*outcome.stdout), (0, "late"));
    }
}

#[test]
fn a_peer_that_closes_before_it_has_read_all_is_a_failure() {
    for n_read in [0, 100_000] {
        for is_half_closed in [false, true] {
            let (mut netcat, mut peer) = connecting(&[]);
            let addr = peer.local_addr().unwrap().to_string();
            let upload = std::thread::spawn(move || {
                netcat.send(&vec![b'x'; 50_000_000]);
                netcat.close_stdin();
                netcat.wait()
            });
            peer.read_exact(&mut vec![0; n_read]).unwrap();
            if is_half_closed {
                peer.shutdown(Shutdown::Write).unwrap();
            }
            drop(peer);
            assert_undelivered(&upload.join().unwrap(), &addr);
        }
    }
}

/// A netcat whose peer, with a small receive buffer, has half-closed and not yet read an input that
/// is at its end.
fn unread() -> (Process, TcpStream, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    SockRef::from(&listener).set_recv_buffer_size(4096).unwrap(); // connections inherit it
    let addr = listener.local_addr().unwrap().to_string();
    let mut netcat = Process::with_open_stdin("netcat", &[&addr]);
    let (peer, _) = listener.accept().unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    netcat.send(&[b'x'; 100_000]);
    netcat.close_stdin();
    eventually("it has read its input to the end", || netcat.n_threads() == 1);
    (netcat, peer, addr)
}

#[test]
fn it_ends_only_when_the_peer_has_acknowledged_everything() {
    let (mut netcat, peer, _) = unread();
    assert_eq!(rest(&peer).len(), 100_000);
    netcat.wait().is(0, "", "");
    let (mut netcat, peer, addr) = unread();
    reset(peer);
    assert_undelivered(&netcat.wait(), &addr);
    let (mut netcat, peer, addr) = unread();
    drop(peer); // with unread input, which resets
    assert_undelivered(&netcat.wait(), &addr);
}

/// The other programs: name, arguments to listen on a port, arguments to connect to it.
type Peer = (&'static str, fn(&str) -> Vec<String>, fn(&str) -> Vec<String>);

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

const PEERS: [Peer; 3] = [
    (
        "nc.openbsd",
        |port| words(&format!("-l -N 127.0.0.1 {port}")),
        |port| words(&format!("-N 127.0.0.1 {port}")),
    ),
    (
        "ncat",
        |port| words(&format!("-l 127.0.0.1 {port}")),
        |port| words(&format!("127.0.0.1 {port}")),
    ),
    (
        "socat",
        |port| words(&format!("- TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr")),
        |port| words(&format!("- TCP:127.0.0.1:{port}")),
    ),
];

fn installed() -> Vec<Peer> {
    let is_installed = |name: &str| {
        let found =
            Command::new(name).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if found.is_err() {
            report_skipped(&format!("{name} is not installed"));
        }
        found.is_ok()
    };
    PEERS.into_iter().filter(|(name, ..)| is_installed(name)).collect()
}

#[test]
fn uploads_of_other_programs_arrive() {
    let block = "0123456789abcde\n".repeat(60_000);
    for (name, _, connect) in installed() {
        for is_slow in [false, true] {
            let mut listen = command("netcat", &["-l", "127.0.0.1", "0"]); // with an empty stdin
            let mut ours = Process::start(&mut listen);
            let line = ours.stderr_line().unwrap();
            let mut client = Command::new(name);
            client.args(connect(line.rsplit_once(':').unwrap().1)).stdin(Stdio::piped());
            let mut client = Process::start(&mut client);
            if is_slow {
                send_slowly(&mut client);
            } else {
                client.send(block.as_bytes());
                client.close_stdin();
            }
            let outcome = ours.wait();
            let expected = if is_slow { "1\n2\n3\n" } else { &block };
            assert!(outcome.code() == 0 && outcome.stdout == expected, "{name} slow: {is_slow}");
        }
    }
}

#[test]
fn uploads_to_other_programs_arrive_or_fail() {
    let block = "0123456789abcde\n".repeat(60_000);
    for (name, listen, _) in installed() {
        for is_slow in [false, true] {
            let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut server = Command::new(name);
            server.args(listen(&free.to_string())).stdin(Stdio::null());
            let mut server = Process::start(&mut server);
            let addr = format!("127.0.0.1:{free}");
            let mut ours = None;
            eventually("the server listens", || {
                let client = Process::with_open_stdin("netcat", &["-v", &addr]);
                let is_connected = client.stderr_line().unwrap().contains("connected to");
                ours = is_connected.then_some(client);
                ours.is_some()
            });
            let mut ours = ours.unwrap();
            if is_slow {
                send_slowly(&mut ours);
            } else {
                ours.send(block.as_bytes());
                ours.close_stdin();
            }
            let (sent, ours) = (if is_slow { "1\n2\n3\n" } else { &block }, ours.wait());
            let received = server.wait().stdout;
            assert!(ours.code() != 0 || received == sent, "{name} slow: {is_slow}: {ours:?}");
            if name == "socat" {
                continue; // it ends half a second after its stdin, whoever still sends
            }
            assert!(ours.code() == 0 && received == sent, "{name} slow: {is_slow}: {ours:?}");
        }
    }
}

#[test]
fn two_of_ours_lose_nothing() {
    let mut listen = command("netcat", &["-l", "127.0.0.1", "0"]); // with an empty stdin
    let mut there = Process::start(&mut listen);
    let addr = there.stderr_line().unwrap().replace("listening on ", "");
    let mut here = Process::with_open_stdin("netcat", &[&addr]);
    send_slowly(&mut here);
    here.wait().is(0, "", "");
    assert_eq!((there.wait().code(), &*there.wait().stdout), (0, "1\n2\n3\n"));
    let (mut there, addr) = listening(&["-l", "127.0.0.1", "0"]);
    there.send(b"greeting\n");
    there.close_stdin();
    run_with("netcat", &[&addr], &[b'x'; 1_000_000]).is(0, "greeting\n", "");
    let there = there.wait();
    assert_eq!((there.code(), there.stdout.len()), (0, 1_000_000));
}
