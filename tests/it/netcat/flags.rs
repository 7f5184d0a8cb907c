//! The flags that users of nc and ncat type.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use super::{connecting, free_port, listening, rest};
use crate::support::{DEADLINE, run, run_with};

#[test]
fn listening_as_everyone_types_it() {
    let port = free_port().to_string();
    for args in [&["-lvnp", &*port][..], &["-l", "-p", &port, "127.0.0.1"], &["-nlvp", &port]] {
        let (mut netcat, addr) = listening(args);
        assert_eq!(addr, format!("127.0.0.1:{port}"));
        TcpStream::connect(&addr).unwrap().write_all(b"hello").unwrap();
        assert_eq!((netcat.wait().code(), &*netcat.wait().stdout), (0, "hello"), "{args:?}");
    }
    let (mut netcat, addr) = listening(&["--listen", "--keep-open", "--source-port", "0", "-4"]);
    TcpStream::connect(&addr).unwrap().write_all(b"hello\n").unwrap();
    assert_eq!(netcat.line().as_deref(), Some("hello"));
    netcat.close_stdin();
}

#[test]
fn a_connection_comes_from_the_source_port() {
    let port = free_port();
    for _ in 0..2 {
        let (mut netcat, peer) = connecting(&["-p", &port.to_string()]);
        assert_eq!(peer.peer_addr().unwrap().port(), port);
        netcat.close_stdin();
        assert_eq!(rest(&peer), b"");
        drop(peer);
        netcat.wait().is(0, "", ""); // and its end of the connection is in TIME-WAIT
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let error = format!("netcat: dial {addr}: Address already in use (os error 98)\n");
    run("netcat", &["-p", &addr.port().to_string(), &addr.to_string()]).is(1, "", &error);
}

#[test]
fn services_have_names() {
    let refused = |port: u16| format!("netcat: dial 127.0.0.1:{port}: Connection refused");
    for (name, port) in [("daytime", 13), ("finger", 79)] {
        let outcome = run("netcat", &["-z", "127.0.0.1", name]);
        if outcome.code() == 1 {
            assert!(outcome.stderr.starts_with(&refused(port)), "{outcome:?}");
        } // else there is such a server
    }
}

#[test]
fn ranges_of_ports_are_tested() {
    let open: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let mut ports: Vec<u16> = open.iter().map(|o| o.local_addr().unwrap().port()).collect();
    ports.sort_unstable();
    let words: Vec<String> = ports.iter().map(u16::to_string).collect();
    let each = [&["-zvn", "127.0.0.1"][..], &words.iter().map(String::as_str).collect::<Vec<_>>()]
        .concat();
    let lines = |outcome: &str| outcome.lines().map(str::to_owned).collect::<Vec<_>>();
    let expected: Vec<_> =
        ports.iter().map(|port| format!("netcat: connected to 127.0.0.1:{port}")).collect();
    let outcome = run("netcat", &each);
    assert_eq!((outcome.code(), lines(&outcome.stderr)), (0, expected));
    let first = ports[0];
    let range = format!("{}-{first}", first - 5);
    let outcome = run("netcat", &["-zv", "127.0.0.1", &range]);
    assert_eq!((outcome.code(), outcome.stderr.lines().count()), (0, 6), "{outcome:?}");
    let connected = format!("netcat: connected to 127.0.0.1:{first}");
    assert_eq!(outcome.stderr.lines().last(), Some(&*connected));
    run("netcat", &["-z", "127.0.0.1", &range]).is(0, "", "");
    let down = format!("{first}-{}", first - 5);
    assert_eq!(run("netcat", &["-z", &format!("127.0.0.1:{down}")]).code(), 0);
    drop(open);
    run("netcat", &["-z", "127.0.0.1", &words[0], &words[1]]).is(1, "", "");
}

#[test]
fn q_ends_a_connection_that_the_peer_keeps_open() {
    for args in [&["-q", "0"][..], &["-q", "200ms"]] {
        let (mut netcat, mut peer) = connecting(args);
        netcat.send(b"question");
        netcat.close_stdin();
        let mut question = [0; 8];
        peer.read_exact(&mut question).unwrap();
        netcat.wait().is(0, "", "");
    }
    let (mut netcat, mut peer) = connecting(&["-q", "-1"]);
    netcat.close_stdin();
    peer.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap(), 0, "it half-closes");
    peer.write_all(b"answer").unwrap();
    drop(peer);
    netcat.wait().is(0, "answer", "");
}

#[test]
fn d_leaves_stdin_alone() {
    let (mut netcat, mut peer) = connecting(&["-d"]);
    netcat.send(b"not sent");
    peer.write_all(b"received").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    netcat.wait().is(0, "received", "");
    assert_eq!(rest(&peer), b"");
}

/// As of ncat, on plain connections and in datagrams; what is received is not changed.
#[test]
fn c_sends_cr_lf() {
    let (mut netcat, mut peer) = connecting(&["-C"]);
    netcat.send(b"GET / HTTP/1.0\n\nhas one\r");
    let mut head = [0; 26];
    peer.read_exact(&mut head).unwrap();
    netcat.send(b"\nend");
    netcat.close_stdin();
    assert_eq!([&head[..], &rest(&peer)].concat(), b"GET / HTTP/1.0\r\n\r\nhas one\r\nend");
    peer.write_all(b"200\n").unwrap();
    drop(peer);
    netcat.wait().is(0, "200\n", "");
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(DEADLINE)).unwrap();
    let addr = server.local_addr().unwrap().to_string();
    run_with("netcat", &["-uC", "--send-only", &addr], b"one\ndatagram\n").is(0, "", "");
    let mut buf = [0; 64];
    let n = server.recv(&mut buf).unwrap();
    assert_eq!(&buf[..n], b"one\r\ndatagram\r\n");
}
