//! 8.3, 8.4.1 netcat, the tool.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use socket2::SockRef;

use crate::support::{
    DEADLINE, Outcome, Process, command, eventually, has_ipv6, report_skipped, run, run_with,
};

mod delivery;
mod flags;
mod matrix;
mod tls;
mod udp;

/// A netcat that listens, with its stdin open, and its address.
fn listening(args: &[&str]) -> (Process, String) {
    let process = Process::with_open_stdin("netcat", args);
    let line = process.stderr_line().expect("netcat ended before it listened");
    (process, line.strip_prefix("listening on ").expect(&line).to_owned())
}

/// A netcat with its stdin open, and the other end of its connection.
fn connecting(args: &[&str]) -> (Process, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let process = Process::with_open_stdin("netcat", &[args, &[&addr]].concat());
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(DEADLINE)).unwrap();
    (process, peer)
}

fn reset(peer: TcpStream) {
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
}

fn rest(mut peer: &TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).unwrap();
    rest
}

/// A port of 127.0.0.1 on which nobody listens.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether anybody listens on a port of 127.0.0.1.
fn is_listening(port: u16) -> bool {
    let row = format!("0100007F:{port:04X} 00000000:0000 0A");
    fs::read_to_string("/proc/self/net/tcp").unwrap().contains(&row)
}

/// Whether a program of another project is installed; where not, the output says so.
fn is_installed(name: &str) -> bool {
    let mut help = Command::new(name);
    let status = help.arg("-h").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let is_installed = status.status().is_ok();
    if !is_installed {
        report_skipped(&format!("{name} is not installed"));
    }
    is_installed
}

#[test]
fn two_netcats_exchange_lines_over_every_kind_of_address() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket").to_str().unwrap().to_owned();
    let check = |listen: &[&str], dial: &dyn Fn(&str) -> Vec<String>| {
        let (mut there, addr) = listening(listen);
        there.send(b"from there\n");
        there.close_stdin();
        let args = dial(&addr);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        run_with("netcat", &args, b"from here\n").is(0, "from there\n", "");
        assert_eq!((there.wait().code(), there.wait().stdout.as_str()), (0, "from here\n"));
    };
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let port = |addr: &str| addr.rsplit_once(':').unwrap().1.to_owned();
    check(&["-l", "0"], &|addr| words(&[addr]));
    check(&["-l", "127.0.0.1", "0"], &|addr| words(&["localhost", &port(addr)]));
    check(&["-4l", "localhost:0"], &|addr| words(&["-4", "localhost", &port(addr)]));
    if has_ipv6() {
        check(&["-l6", "0"], &|addr| words(&["-6", "::1", &port(addr)]));
        check(&["-l", "::1", "0"], &|addr| words(&["-N", addr]));
    }
    check(&["-lU", &path], &|addr| words(&["-U", addr]));
    check(&["-lN", "-w", "1m", "0"], &|addr| words(&["-w", "60", addr]));
}

#[test]
fn megabytes_both_ways_at_once() {
    let block: Vec<u8> =
        (0..3_000_000u32).map(|i| b'a' + (i.wrapping_mul(i) % 23).to_le_bytes()[0]).collect();
    let (mut there, addr) = listening(&["-l", "0"]);
    let sending = block.clone();
    let there = thread::spawn(move || {
        there.send(&sending);
        there.close_stdin();
        there.wait()
    });
    let here = run_with("netcat", &[&addr], &block);
    let there = there.join().unwrap();
    for Outcome { status, stdout, stderr } in [here, there] {
        assert!(stdout.as_bytes() == block, "{} bytes: {stderr}", stdout.len());
        assert!(status.success());
    }
}

#[test]
fn the_end_of_the_peer_ends_it_even_if_stdin_is_open() {
    let (mut netcat, mut peer) = connecting(&[]);
    peer.write_all(b"bye").unwrap();
    drop(peer);
    netcat.wait().is(0, "bye", "");
    let (mut netcat, addr) = listening(&["-l", "0"]);
    TcpStream::connect(addr).unwrap().write_all(b"bye").unwrap();
    assert_eq!((netcat.wait().code(), netcat.wait().stdout.as_str()), (0, "bye"));
}

#[test]
fn the_end_of_stdin_half_closes_and_reading_goes_on() {
    let (mut netcat, mut peer) = connecting(&[]);
    netcat.send(b"question");
    netcat.close_stdin();
    assert_eq!(rest(&peer), b"question");
    peer.write_all(b"answer").unwrap();
    drop(peer);
    netcat.wait().is(0, "answer", "");
}

#[test]
fn a_half_closed_peer_gets_all_of_stdin() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let peer = thread::spawn(move || {
        let (peer, _) = listener.accept().unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        rest(&peer).len()
    });
    run_with("netcat", &[&addr], &vec![b'x'; 5_000_000]).is(0, "", "");
    assert_eq!(peer.join().unwrap(), 5_000_000);
}

#[test]
fn a_reset_is_a_failure_whether_a_read_or_a_write_reports_it() {
    for n in 0..40 {
        let (mut netcat, peer) = connecting(&[]);
        let addr = peer.local_addr().unwrap();
        if n % 2 == 0 {
            netcat.send(&vec![b'x'; 30_000]); // a write may be under way, or fail first
        }
        reset(peer);
        let error = format!("netcat: {addr}: Connection reset by peer (os error 104)");
        let outcome = netcat.wait();
        assert_eq!((outcome.code(), outcome.stderr.lines().count()), (1, 1), "{outcome:?}");
        assert!(outcome.stderr.starts_with(&error), "{outcome:?}");
        assert!(n % 2 == 0 || outcome.stderr.trim_end() == error, "nothing was sent: {outcome:?}");
    }
}

#[test]
fn with_k_clients_are_served_one_after_the_other() {
    let (mut netcat, addr) = listening(&["-lk", "127.0.0.1", "0"]);
    let connect = || TcpStream::connect(&addr).unwrap();
    let client = connect();
    reset(client);
    assert!(netcat.stderr_line().unwrap().ends_with("Connection reset by peer (os error 104)"));
    for n in 0..5 {
        let mut client = connect();
        client.write_all(format!("line {n}\n").as_bytes()).unwrap();
        assert_eq!(netcat.line().unwrap(), format!("line {n}"));
        netcat.send(format!("answer {n}\n").as_bytes());
        let mut answer = [0; 9];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, format!("answer {n}\n").as_bytes());
    }
    netcat.close_stdin();
    assert_eq!(rest(&connect()), b"", "at the end of stdin every client is half-closed");
    assert_eq!(rest(&connect()), b"");
    eventually("one thread waits for clients, none for stdin", || netcat.n_threads() == 1);
}

#[test]
fn without_k_further_clients_are_refused() {
    let (mut netcat, addr) = listening(&["-l", "0"]);
    let mut client = TcpStream::connect(&addr).unwrap();
    client.write_all(b"first\n").unwrap();
    assert_eq!(netcat.line().unwrap(), "first");
    assert!(TcpStream::connect(&addr).is_err());
    drop(client);
    assert_eq!(netcat.wait().code(), 0);
}

#[test]
fn a_probe_tests_whether_a_connection_is_accepted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    run("netcat", &["-z", &addr.to_string()]).is(0, "", "");
    let connected = format!("netcat: connected to {addr}\n");
    run("netcat", &["-zv", "127.0.0.1", &addr.port().to_string()]).is(0, "", &connected);
    drop(listener);
    let refused = format!("netcat: dial {addr}: Connection refused (os error 111)\n");
    run("netcat", &["-z", &addr.to_string()]).is(1, "", &refused);
}

#[test]
fn verbose_reports_connections() {
    let (mut netcat, addr) = listening(&["-lv", "127.0.0.1", "0"]);
    let client = TcpStream::connect(&addr).unwrap();
    let line = format!("netcat: connection from {}", client.local_addr().unwrap());
    assert_eq!(netcat.stderr_line().unwrap(), line);
    (&client).write_all(b"x").unwrap();
    drop(client);
    assert_eq!(netcat.wait().code(), 0);
    let (mut netcat, addr) = listening(&["-lvv", "127.0.0.1", "0"]);
    TcpStream::connect(&addr).unwrap().write_all(b"abc").unwrap();
    let last = netcat.wait().stderr;
    assert_eq!(last.lines().last(), Some("netcat: sent 0 bytes, received 3"));
}

#[test]
fn an_idle_connection_and_a_stalled_peer_time_out() {
    let start = Instant::now();
    let (mut netcat, mut peer) = connecting(&["-w", "300ms"]);
    peer.write_all(b"silence follows").unwrap();
    netcat.wait().is(0, "silence follows", "");
    assert!(start.elapsed() >= Duration::from_millis(300));
    let (mut netcat, peer) = connecting(&["-w", "300ms"]);
    let addr: SocketAddr = peer.local_addr().unwrap();
    let input = vec![b'x'; 16 << 20];
    let sender = thread::spawn(move || {
        netcat.send(&input);
        netcat.wait()
    });
    let error = format!("netcat: {addr}: the peer stopped reading; up to ");
    let outcome = sender.join().unwrap();
    assert!(outcome.code() == 1 && outcome.stderr.starts_with(&error), "{outcome:?}");
}

#[test]
fn one_way_only() {
    let (mut netcat, mut peer) = connecting(&["--send-only"]);
    peer.write_all(b"discarded").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    netcat.send(b"all of it");
    netcat.close_stdin();
    assert_eq!(rest(&peer), b"all of it");
    netcat.wait().is(0, "", "");
    let (mut netcat, mut peer) = connecting(&["-recv-only"]);
    netcat.send(b"not sent");
    peer.write_all(b"received").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    netcat.wait().is(0, "received", "");
    assert_eq!(rest(&peer), b"");
}

#[test]
fn it_works_with_nc() {
    if !is_installed("nc") {
        return;
    }
    let nc = |args: &[&str]| {
        let mut nc = Command::new("nc");
        nc.args(args).stdin(Stdio::piped());
        nc
    };
    // nc connects to us, with and without its own half-close.
    for args in [&["-N"][..], &[]] {
        let (mut netcat, addr) = listening(&["-l", "127.0.0.1", "0"]);
        netcat.send(b"from netcat\n");
        netcat.close_stdin();
        let port = addr.rsplit_once(':').unwrap().1;
        let mut nc = Process::start(&mut nc(&[args, &["127.0.0.1", port]].concat()));
        nc.send(b"from nc\n");
        nc.close_stdin();
        nc.wait().is(0, "from netcat\n", "");
        assert_eq!((netcat.wait().code(), netcat.wait().stdout.as_str()), (0, "from nc\n"));
    }
    // We connect to nc on a Unix-domain socket, whose name is known before nc listens.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let path = path.to_str().unwrap();
    let mut nc = Process::start(&mut nc(&["-lNU", path]));
    nc.send(b"from nc\n");
    nc.close_stdin();
    eventually("nc listens", || {
        let outcome = run_with("netcat", &["-U", path], b"from netcat\n");
        outcome.code() == 0 && outcome.stdout == "from nc\n"
    });
    nc.wait().is(0, "from netcat\n", "");
}

#[test]
fn errors_are_one_line() {
    let check = |args: &[&str], code: i32, stderr: &str| {
        run("netcat", args).is(code, "", &format!("netcat: {stderr}\n"));
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    check(&[&free], 1, &format!("dial {free}: Connection refused (os error 111)"));
    check(&["-6", "127.0.0.1", "1"], 1, "resolve 127.0.0.1:1: no address found");
    check(&["-U", "/nonexistent"], 1, "dial /nonexistent: No such file or directory (os error 2)");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    check(&["-l", &addr], 1, &format!("listen on {addr}: Address already in use (os error 98)"));
    check(&["localhost"], 2, "localhost: missing port (try --help)");
    check(&["localhost", "?"], 2, "?: neither a port number nor a known service (try --help)");
    check(&["-n", "127.0.0.1", "http"], 2, "http: not a port number (try --help)");
    let no_names = "localhost: not an IP address, and -n looks up no names (try --help)";
    check(&["-n", "localhost", "1"], 2, no_names);
    check(
        &["localhost", "20-25"],
        2,
        "20-25: neither a port number nor a known service (try --help)",
    );
    check(&["a", "1", "2"], 2, "several ports need -z (try --help)");
    check(&["-lp", "1", "a", "2"], 2, "with -l, -p is the port: give at most a host (try --help)");
    let files = "--ssl with -l needs --ssl-cert FILE and --ssl-key FILE (try --help)";
    check(&["-l", "--ssl", "1"], 2, files);
    check(&["localhost:65536"], 2, "65536: not a port number (try --help)");
    check(&["-U"], 2, "-U takes exactly one PATH (try --help)");
    for args in [
        &["-k", "1"][..],
        &["-lz", "1"],
        &["-46", "a", "1"],
        &["-w", "0", "a", "1"],
        &["-w", "soon", "a", "1"],
        &["--send-only", "--recv-only", "a", "1"],
        &["a", "b", "c"],
        &["-lz", "1"],
        &["-u", "--ssl", "a", "1"],
        &["-Up", "1", "a"],
        &["-q", "soon", "a", "1"],
        &["--ssl-cert", "a", "b", "1"],
        &["-l", "--ssl-cert", "a", "1"],
        &["-l", "--ssl-verify", "1"],
    ] {
        assert_eq!(run("netcat", args).code(), 2, "{args:?}");
    }
}

#[test]
fn errors_of_stdin_and_stdout() {
    let serve = |netcat: &mut Command| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        netcat.arg(listener.local_addr().unwrap().to_string()).stderr(Stdio::piped());
        let netcat = netcat.spawn().unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        _ = peer.write_all(&vec![b'x'; 100_000]);
        _ = peer.shutdown(Shutdown::Write);
        let output = netcat.wait_with_output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let netcat = || command("netcat", &[""; 0]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let error = "netcat: stdout: No space left on device (os error 28)\n".to_owned();
    assert_eq!(serve(netcat().stdout(full)), (1, error));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(serve(netcat().stdout(writer)), (0, String::new()));
    let directory = File::open("/").unwrap();
    let error = "netcat: stdin: Is a directory (os error 21)\n".to_owned();
    assert_eq!(serve(netcat().stdin(directory).stdout(Stdio::null())), (1, error));
}
