//! netcat -u.

use std::net::UdpSocket;
use std::process::{Command, Stdio};

use super::{is_installed, listening};
use crate::support::{DEADLINE, Process, run, run_with};

fn socket() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    (socket, port)
}

/// The next datagram, as text, and its sender.
fn receive(socket: &UdpSocket) -> (String, std::net::SocketAddr) {
    let mut buf = [0; 1024];
    let (n, from) = socket.recv_from(&mut buf).unwrap();
    (String::from_utf8_lossy(&buf[..n]).into_owned(), from)
}

#[test]
fn a_question_and_its_answer() {
    let (server, port) = socket();
    let mut netcat = Process::with_open_stdin("netcat", &["-u", "127.0.0.1", &port]);
    netcat.send(b"question");
    let (question, from) = receive(&server);
    server.send_to(b"answer\n", from).unwrap();
    assert_eq!((&*question, netcat.line().as_deref()), ("question", Some("answer")));
    netcat.close_stdin();
    netcat.wait().is(0, "answer\n", "");
}

#[test]
fn a_listener_answers_its_first_client_and_with_k_the_last() {
    for (args, expected) in [(&["-lu", "127.0.0.1", "0"][..], 0), (&["-luk", "127.0.0.1", "0"], 1)]
    {
        let (mut netcat, addr) = listening(args);
        let clients = [socket().0, socket().0];
        for (n, client) in clients.iter().enumerate() {
            client.send_to(format!("from {n}\n").as_bytes(), &addr).unwrap();
            if n == 0 || expected == 1 {
                assert_eq!(netcat.line().unwrap(), format!("from {n}"));
            }
        }
        netcat.send(b"answer");
        assert_eq!(receive(&clients[expected]).0, "answer");
    }
}

#[test]
fn a_port_where_nobody_listens_refuses() {
    let (server, port) = socket();
    run("netcat", &["-zu", "-w", "200ms", "127.0.0.1", &port]).is(0, "", "");
    assert_eq!(receive(&server).0, "\0", "as of ncat");
    drop(server);
    let error = format!("netcat: dial 127.0.0.1:{port}: Connection refused (os error 111)\n");
    run("netcat", &["-zu", "127.0.0.1", &port]).is(1, "", &error);
    let error = format!("netcat: 127.0.0.1:{port}: Connection refused (os error 111)\n");
    run_with("netcat", &["-u", "127.0.0.1", &port], b"x").is(1, "", &error);
}

#[test]
fn two_of_ours_and_one_of_nc() {
    let (mut there, addr) = listening(&["-lu", "-w", "500ms", "0"]);
    let port = addr.rsplit_once(':').unwrap().1.to_owned();
    there.send(b"greeting\n");
    run_with("netcat", &["-u4", "localhost", &port], b"line\n").is(0, "greeting\n", "");
    assert_eq!((there.wait().code(), &*there.wait().stdout), (0, "line\n"));
    let (there, addr) = listening(&["-lu", "127.0.0.1", "0"]);
    let port = addr.rsplit_once(':').unwrap().1.to_owned();
    if !is_installed("nc") {
        return;
    }
    let mut nc = Command::new("nc");
    let nc = nc.args(["-u", "-w1", "127.0.0.1", &port]).stdin(Stdio::piped());
    let mut nc = Process::start(nc);
    nc.send(b"from nc\n");
    assert_eq!(there.line().as_deref(), Some("from nc"));
}
