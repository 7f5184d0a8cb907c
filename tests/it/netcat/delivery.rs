//! What was not delivered is never exit status 0, whoever is at the other end.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use crossbeam::channel::never;
use socket2::SockRef;

use super::{connecting, listening, reset, rest};
use crate::support::{Outcome, Process, eventually};

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
    netcat.send(&vec![b'x'; 100_000]);
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

#[test]
fn a_late_producer_is_sent_though_the_peer_has_half_closed() {
    for args in [&[][..], &["-l", "127.0.0.1", "0"]] {
        let (mut netcat, mut peer) = if args.is_empty() {
            connecting(args)
        } else {
            let (netcat, addr) = listening(args);
            (netcat, TcpStream::connect(addr).unwrap())
        };
        peer.shutdown(Shutdown::Write).unwrap();
        pause();
        netcat.send(b"late\n");
        netcat.close_stdin();
        let mut late = String::new();
        peer.read_to_string(&mut late).unwrap();
        assert_eq!(late, "late\n");
        assert_eq!(netcat.wait().code(), 0);
    }
}

#[test]
fn a_client_that_has_uploaded_ends_a_listener_and_a_greeting_no_late_producer() {
    let (mut netcat, addr) = listening(&["-l", "127.0.0.1", "0"]);
    let mut peer = TcpStream::connect(addr).unwrap();
    peer.write_all(b"upload").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&peer), b"", "its stdin is open, and it ends as nc and ncat do");
    assert_eq!((netcat.wait().code(), &*netcat.wait().stdout), (0, "upload"));
    let (mut netcat, mut peer) = connecting(&[]);
    let addr = peer.local_addr().unwrap();
    peer.write_all(b"greeting").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let error = "the peer ended before stdin, of which nothing was sent";
    netcat.wait().is(1, "greeting", &format!("netcat: {addr}: {error}\n"));
}

#[test]
fn a_peer_that_closes_without_a_word_is_no_success_for_an_open_pipe() {
    let (mut netcat, peer) = connecting(&[]);
    let addr = peer.local_addr().unwrap();
    drop(peer);
    let error = format!("netcat: {addr}: the peer closed before anything was sent\n");
    netcat.wait().is(1, "", &error);
    let (mut netcat, peer) = connecting(&[]);
    netcat.close_stdin(); // nothing was to be sent
    drop(peer);
    netcat.wait().is(0, "", "");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let mut netcat = Process::with_open_stdin("netcat", &["-U", path.to_str().unwrap()]);
    let (mut peer, _) = listener.accept().unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    pause();
    netcat.send(b"late\n");
    netcat.close_stdin();
    let mut late = String::new();
    peer.read_to_string(&mut late).unwrap();
    netcat.wait().is(0, "", "");
    let mut netcat = Process::with_open_stdin("netcat", &["-U", path.to_str().unwrap()]);
    drop(listener.accept().unwrap());
    assert_eq!(netcat.wait().code(), 1);
}
