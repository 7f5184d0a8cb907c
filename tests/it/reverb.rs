//! 8.3: the echo server, `reverb`.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use socket2::SockRef;

use crate::support::{Client, Server, eventually, limited, run};

const FAST: &[&str] = &["-delay", "10ms"];

/// Sends some shouts, half-closes and returns all echoes.
fn echoes(server: &Server, shouts: &[u8]) -> String {
    let mut client = server.connect();
    client.send(shouts);
    client.close_write();
    String::from_utf8_lossy(&client.rest()).into_owned()
}

#[test]
fn echoes_are_those_of_the_lessons() {
    let (tool, lesson) = (Server::start("reverb", FAST), Server::start("reverb2", FAST));
    for shout in [
        "Hello\n".as_bytes(),
        b"Hello\r\n",
        b"last line",
        b"\n",
        b"",
        "Straße ΑΣ ŉ\n".as_bytes(),
        b"a\0\xff\n",
        b"\r\r\n",
    ] {
        assert_eq!(echoes(&tool, shout), echoes(&lesson, shout), "{shout:?}");
    }
    assert_eq!(echoes(&tool, "Straße\n".as_bytes()), "\t STRAßE\n\t Straße\n\t straße\n");
}

#[test]
fn after_a_half_close_all_echoes_arrive_and_shouts_overlap() {
    let server = Server::start("reverb", &["-delay", "300ms"]);
    let start = Instant::now();
    let echoes = echoes(&server, b"one\ntwo\nthree\n");
    let elapsed = start.elapsed();
    assert_eq!(
        echoes,
        "\t ONE\n\t TWO\n\t THREE\n\t one\n\t two\n\t three\n\t one\n\t two\n\t three\n"
    );
    assert!(elapsed >= Duration::from_millis(600), "{elapsed:?}");
}

#[test]
fn with_sequential_a_shout_waits_for_the_previous_one() {
    let server = Server::start("reverb", &["-sequential", "-delay=20ms"]);
    let echoes = echoes(&server, b"one\ntwo\nthree");
    assert_eq!(
        echoes,
        "\t ONE\n\t one\n\t one\n\t TWO\n\t two\n\t two\n\t THREE\n\t three\n\t three\n"
    );
    // Other clients do not wait.
    let server = Server::start("reverb", &["-sequential", "-delay=1h"]);
    for _ in 0..3 {
        let mut client = server.connect();
        client.send("a\nb\n");
        assert_eq!(client.line(), "\t A");
    }
}

#[test]
fn two_hundred_clients_at_once_get_their_echoes() {
    let server = Server::start("reverb", FAST);
    let mut clients: Vec<Client> = (0..200).map(|_| server.connect()).collect();
    for (i, client) in clients.iter_mut().enumerate() {
        client.send(format!("Client{i}\n"));
        client.close_write();
    }
    for (i, client) in clients.iter_mut().enumerate() {
        let expected = format!("\t CLIENT{i}\n\t Client{i}\n\t client{i}\n");
        assert_eq!(String::from_utf8(client.rest()).unwrap(), expected);
    }
    eventually("their descriptors are closed", || server.process.n_files() < 12);
}

#[test]
fn a_line_too_long_is_refused_and_the_client_stays_connected() {
    let server = Server::start("reverb", FAST);
    let mut client = server.connect();
    client.send(vec![b'a'; 48 << 20]);
    client.send("\nshort\n");
    assert_eq!(client.line(), "line too long");
    assert_eq!([client.line(), client.line()], ["\t SHORT", "\t short"]);
    assert!(server.process.peak_memory() < 12 << 20, "{}", server.process.peak_memory());
    assert_eq!(echoes(&server, &vec![b'a'; (64 << 10) + 1]), "line too long\n");
    let longest = "a".repeat(64 << 10);
    assert_eq!(echoes(&server, longest.as_bytes()).len(), 3 * (longest.len() + 3));
}

/// Sends shouts until the server accepts no more; returns the number of bytes.
fn shout_without_reading(mut stream: &TcpStream) -> usize {
    let mut n_bytes = 0;
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    loop {
        match stream.write(&b"shouting without reading\n".repeat(1_000)) {
            Ok(n) => n_bytes += n,
            Err(err) if err.kind() == ErrorKind::WouldBlock => return n_bytes,
            Err(err) => panic!("{err}"),
        }
    }
}

#[test]
fn a_client_that_never_reads_is_limited_and_the_others_are_not_delayed() {
    let server = Server::start("reverb", FAST);
    let mut other = server.connect();
    other.send("before\n");
    other.line();
    let before = server.process.peak_memory();
    let stalled = server.connect();
    let n_sent = shout_without_reading(stalled.stream());
    assert!(n_sent > 500_000, "{n_sent}");
    other.send("after\n");
    for expected in ["\t before", "\t before", "\t AFTER", "\t after", "\t after"] {
        assert_eq!(other.line(), expected);
    }
    let grown = server.process.peak_memory() - before;
    assert!(grown < 12 << 20, "{grown} bytes for one client");
    let cpu = server.process.cpu();
    other.send("once more\n");
    assert_eq!([other.line(), other.line()], ["\t ONCE MORE", "\t once more"]);
    let used = server.process.cpu().saturating_sub(cpu);
    assert!(used < Duration::from_millis(200), "the server is busy waiting: {used:?}");
    SockRef::from(stalled.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stalled);
    eventually("its descriptor is closed", || server.process.n_files() < 13);
}

#[test]
fn a_client_that_reads_late_receives_everything() {
    let server = Server::start("reverb", &["-delay", "0"]);
    let client = server.connect();
    let n_shouts = 60_000;
    let sending = client.stream().try_clone().unwrap();
    let sender = thread::spawn(move || {
        (&sending).write_all(&b"a shout\n".repeat(n_shouts)).unwrap();
        sending.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    client.stream().read_to_end(&mut received).unwrap();
    sender.join().unwrap();
    let n = |line: &[u8]| received.windows(line.len()).filter(|window| *window == line).count();
    assert_eq!((n(b"\t A SHOUT\n"), n(b"\t a shout\n")), (n_shouts, 2 * n_shouts));
}

#[test]
fn a_reset_with_echoes_outstanding_does_not_affect_others() {
    let server = Server::start("reverb", &["-delay", "100ms"]);
    let before = server.process.n_files();
    for _ in 0..20 {
        let mut client = server.connect();
        client.send("shout\n");
        client.line();
        SockRef::from(client.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    }
    assert_eq!(echoes(&server, b"still here\n").lines().count(), 3);
    eventually("their descriptors are closed", || server.process.n_files() < before + 10);
}

#[test]
fn idle_clients_are_disconnected_even_if_they_send_single_bytes() {
    let server = Server::start("reverb", &["-idle", "400ms", "-delay", "50ms"]);
    let start = Instant::now();
    let mut client = server.connect();
    client.send("a\n");
    assert_eq!(client.rest(), b"\t A\n\t a\n\t a\n", "echoes are not cut off");
    assert!(start.elapsed() >= Duration::from_millis(400));
    let client = server.connect();
    let mut stream = client.stream();
    stream.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
    loop {
        match stream.read(&mut [0; 64]) {
            Ok(0) => break,
            Err(err) if err.kind() == ErrorKind::WouldBlock => _ = stream.write(b"x"),
            Err(err) if err.kind() == ErrorKind::ConnectionReset => break, // it wrote after that
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn raw_sends_back_bytes_unchanged() {
    let server = Server::start("reverb", &["-raw", "-idle", "2s"]);
    let bytes: Vec<u8> =
        (0..1_000_000u32).map(|i| (i.wrapping_mul(i) % 251).to_le_bytes()[0]).collect();
    let client = server.connect();
    thread::scope(|scope| {
        let sending = client.stream();
        scope.spawn(|| {
            (&mut &*sending).write_all(&bytes).unwrap();
            client.close_write();
        });
        let mut received = Vec::new();
        (&mut client.stream()).read_to_end(&mut received).unwrap();
        assert!(received == bytes);
    });
    let mut idle = server.connect();
    idle.send("x");
    assert_eq!(idle.rest(), b"x");
}

#[test]
fn on_a_signal_outstanding_echoes_are_sent_first() {
    let mut server = Server::start("reverb", &["-delay", "300ms"]);
    let mut client = server.connect();
    client.send("last words\n");
    assert_eq!(client.line(), "\t LAST WORDS");
    server.process.signal(Signal::TERM);
    assert_eq!(client.rest(), b"\t last words\n\t last words\n");
    drop(client);
    let outcome = server.process.wait();
    assert_eq!((outcome.code(), outcome.stderr.lines().count()), (0, 1), "{outcome:?}");
}

#[test]
fn on_a_signal_echoes_far_in_the_future_are_dropped() {
    for (args, seconds_min) in [(&["-delay", "1h"][..], 5), (&["-raw"], 0)] {
        let start = Instant::now();
        let mut server = Server::start("reverb", args);
        let mut client = server.connect();
        client.send("a\n");
        client.line();
        server.process.signal(Signal::INT);
        assert_eq!(client.rest(), b"");
        assert_eq!(server.process.wait().code(), 0);
        let elapsed = start.elapsed();
        assert!((seconds_min..30).contains(&elapsed.as_secs()), "{args:?}: {elapsed:?}");
    }
}

#[test]
fn errors_are_one_line() {
    let other = Server::start("reverb", &[]);
    let error = format!("reverb: listen on {}: Address already in use (os error 98)\n", other.addr);
    run("reverb", &["-bind", "127.0.0.1", "-port", &other.addr.port().to_string()])
        .is(1, "", &error);
    for args in [
        &["-delay", "soon"][..],
        &["-delay", "-1s"],
        &["-idle", "never"],
        &["-raw", "-sequential"],
        &["-raw", "-delay", "1s"],
        &["-port", "x"],
        &["shout"],
    ] {
        let refused = run("reverb", args);
        assert_eq!((refused.code(), refused.stderr.lines().count()), (2, 1), "{refused:?}");
    }
    let server = Server::start("reverb", &["-delay", "999999h"]);
    let mut client = server.connect();
    client.send("a\n");
    assert_eq!(client.line(), "\t A");
    assert!(run("reverb", &["--help"]).stdout.contains("case are Go's"));
}

#[test]
fn a_full_server_refuses_clients_until_one_leaves() {
    let args = ["-port", "0", "-delay", "0"];
    let server = Server::of(limited("-n 64", "reverb", &args));
    let mut clients: Vec<Client> = (0..48).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("x\n");
        client.line();
    }
    assert_eq!(server.connect().rest(), b"server full\n");
    clients.truncate(40);
    eventually("there is room again", || {
        let (client, mut echoes) = (server.connect(), String::new());
        // A refused client that sends too late gets a reset.
        _ = client.stream().write_all(b"x\n");
        _ = client.stream().shutdown(std::net::Shutdown::Write);
        _ = client.stream().read_to_string(&mut echoes);
        echoes == "\t X\n\t x\n\t x\n"
    });
}
