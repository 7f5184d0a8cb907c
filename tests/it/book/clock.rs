//! 8.2: clocks and the client that reads them.

use std::net::{Shutdown, TcpListener, TcpStream};

use socket2::SockRef;

use crate::clocks::{assert_refuses_above_limit, assert_ticks, read_a_line_each, seconds};
use crate::support::{Client, Process, Server, command, eventually, has_ipv6, run};

#[test]
fn clock1_serves_one_client_and_then_the_next() {
    let server = Server::start("clock1", &[]);
    let (mut first, mut second) = (server.connect(), server.connect());
    assert_ticks(&mut first, 3);
    second.stream().set_nonblocking(true).unwrap();
    assert!(second.stream().peek(&mut [0]).is_err(), "the second must wait");
    second.stream().set_nonblocking(false).unwrap();
    drop(first);
    assert_ticks(&mut second, 2);
}

#[test]
fn clock2_serves_many_at_once() {
    let server = Server::start("clock2", &[]);
    let mut clients: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.line();
    }
    for client in &mut clients {
        assert_ticks(client, 1);
    }
}

#[test]
fn time_zones_need_no_files_on_the_machine() {
    let hour = |zone: &str| {
        let mut command = command("clock2", &["-port", "0"]);
        command.env("TZ", zone).env("TZDIR", "/nonexistent");
        seconds(&Server::of(command).connect().line()) / 3600
    };
    let (utc, tokyo) = (hour("UTC"), hour("Asia/Tokyo"));
    // An hour may have passed between the two.
    assert!([9, 10].contains(&((tokyo + 24 - utc) % 24)), "{utc} {tokyo}");
    let (tokyo, eastern) = (hour("Asia/Tokyo"), hour("US/Eastern"));
    assert!([13, 14, 15].contains(&((tokyo + 24 - eastern) % 24)), "{tokyo} {eastern}");
    hour("Europe/London");
}

#[test]
fn an_unknown_zone_is_one_line() {
    for name in ["clock1", "clock2"] {
        let mut command = command(name, &["-port", "0"]);
        command.env("TZ", "Mars/Olympus");
        let outcome = crate::support::outcome(command);
        assert_eq!((outcome.code(), outcome.stderr.lines().count()), (1, 1), "{outcome:?}");
        assert!(outcome.stderr.starts_with(&format!("{name}: TZ=Mars/Olympus: ")), "{outcome:?}");
    }
}

#[test]
fn a_port_in_use_is_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for name in ["clock1", "clock2", "reverb1", "reverb2", "chat1"] {
        let outcome = run(name, &["-port", &port]);
        let error =
            format!("{name}: listen on localhost:{port}: Address already in use (os error 98)\n");
        outcome.is(1, "", &error);
    }
    assert_eq!(run("clock2", &["-port", "0", "-bind", "203.0.113.1"]).code(), 1, "not ours");
    assert_eq!(run("clock2", &["-port", "65536"]).code(), 2);
}

#[test]
fn servers_listen_on_other_addresses_when_told() {
    if !has_ipv6() {
        return;
    }
    let server = Server::start("clock2", &["-bind", "::1"]);
    assert!(server.addr.is_ipv6());
    server.connect().line();
}

#[test]
fn after_200_clients_threads_and_descriptors_are_back() {
    for (name, n_threads) in [("clock2", 1), ("reverb1", 1), ("reverb2", 1), ("chat1", 2)] {
        let server = Server::start(name, &[]);
        let before = server.process.n_files(); // it may be about to open a few of its own
        let mut clients: Vec<Client> = (0..200).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.send("hello\n");
            client.line();
        }
        assert!(server.process.n_files() >= before + 200, "{name}");
        drop(clients);
        eventually(&format!("{name} is back to {n_threads} threads, {before} files"), || {
            server.process.n_threads() == n_threads && server.process.n_files() < before + 10
        });
    }
}

#[test]
fn a_full_server_refuses_clients_until_there_is_room() {
    assert_refuses_above_limit("clock2");
}

#[test]
fn a_server_out_of_file_descriptors_waits_until_there_is_room() {
    // The cap does not count the forty file descriptors that the process inherits.
    let mut command = std::process::Command::new("bash");
    let inherit =
        "ulimit -n 64; for i in {1..40}; do exec {fd}</dev/null; done; exec \"$0\" -port 0";
    command.arg("-c").arg(inherit).arg(crate::support::program("clock2"));
    command.stdin(std::process::Stdio::null());
    let server = Server::of(command);
    let n_free = 64 - server.process.n_files();
    let mut clients: Vec<Client> = (0..n_free + 5).map(|_| server.connect()).collect();
    read_a_line_each(&mut clients[..n_free]);
    eventually("it has said so", || server.process.stderr_so_far().contains("accept: "));
    let (cpu, start) = (server.process.cpu(), std::time::Instant::now());
    clients[0].line(); // the next second has come
    let (cpu, wall) = (server.process.cpu().saturating_sub(cpu), start.elapsed());
    assert!(cpu * 2 < wall.max(std::time::Duration::from_millis(200)), "busy: {cpu:?} of {wall:?}");
    clients.drain(..10);
    read_a_line_each(&mut clients);
    let warnings = server.process.stderr_so_far();
    assert_eq!(warnings.matches("Too many open files").count(), 1, "{warnings}");
}

#[test]
fn netcat1_copies_until_the_end_of_the_stream() {
    let (listener, mut netcat) = netcat("netcat1");
    let (mut stream, _) = listener.accept().unwrap();
    std::io::Write::write_all(&mut stream, b"no newline \xff\0 at the end").unwrap();
    drop(stream);
    let outcome = netcat.wait();
    assert_eq!((outcome.code(), &*outcome.stderr), (0, ""));
    assert_eq!(outcome.stdout, "no newline \u{fffd}\0 at the end");
}

fn netcat(name: &str) -> (TcpListener, Process) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    (listener, Process::with_open_stdin(name, &[&addr]))
}

#[test]
fn a_reset_is_one_line_and_status_1() {
    for name in ["netcat1", "netcat2", "netcat3"] {
        let (listener, mut netcat) = netcat(name);
        let (stream, peer) = listener.accept().unwrap();
        SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        let addr = stream.local_addr().unwrap();
        drop((stream, peer)); // with no linger: RST
        let outcome = netcat.wait();
        assert_eq!((outcome.code(), &*outcome.stdout), (1, ""), "{outcome:?}");
        let error = format!("{name}: {addr}: Connection reset by peer (os error 104)\n");
        assert_eq!(outcome.stderr.trim_start_matches("done\n"), error);
    }
}

#[test]
fn refused_is_one_line_and_status_1() {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for name in ["netcat1", "netcat2", "netcat3"] {
        let error = format!("{name}: dial {addr}: Connection refused (os error 111)\n");
        run(name, &[&addr]).is(1, "", &error);
        assert_eq!(run(name, &["nonsense"]).code(), 1);
    }
}

#[test]
fn netcat1_reads_a_clock() {
    let server = Server::start("clock1", &[]);
    let netcat = Process::with_open_stdin("netcat1", &[&server.addr()]);
    seconds(&netcat.line().unwrap());
    drop(server); // killed: the kernel closes the connection
    let mut netcat = netcat;
    assert_eq!(netcat.wait().code(), 0);
}

#[test]
fn a_half_closed_client_still_gets_the_time() {
    let server = Server::start("clock2", &[]);
    let mut client = server.connect();
    client.close_write();
    assert_ticks(&mut client, 2);
    let stream: &TcpStream = client.stream();
    stream.shutdown(Shutdown::Both).unwrap();
}
