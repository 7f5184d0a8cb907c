//! Names with several addresses: servers listen on all of them, clients try all.
//!
//! Such a name is made by a hosts file that only the program under test sees, in a mount namespace.

use std::fs;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Process, outcome, program};

const LOCALHOST: &str = "127.0.0.1 localhost\n::1 localhost\n";

/// A program that sees `hosts` as its /etc/hosts.
fn with_hosts(hosts: &Path, name: &str, args: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(hosts);
    command.arg(program(name)).args(args).env_remove("TZ").stdin(Stdio::null());
    command
}

/// A file with `text`, and the directory that holds it; `None`, and a line that says so, where there
/// are no mount namespaces for us.
fn hosts_file(text: &str) -> Option<(tempfile::TempDir, std::path::PathBuf)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hosts");
    fs::write(&path, text).unwrap();
    let probe = with_hosts(&path, "netcat", &["--version"]).stderr(Stdio::null()).output();
    if probe.is_ok_and(|probe| probe.status.success()) {
        return Some((dir, path));
    }
    skipped("this machine does not let us mount a hosts file (unshare)");
    None
}

fn has_ipv6() -> bool {
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    if !has_ipv6 {
        skipped("this machine has no IPv6");
    }
    has_ipv6
}

/// Not by eprintln!, which the test harness captures.
fn skipped(reason: &str) {
    _ = writeln!(io::stderr(), "skipped: {reason}");
}

fn announced(process: &Process) -> SocketAddr {
    let line = process.stderr_line().expect("the server ended before it listened");
    line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).parse().unwrap()
}

#[test]
fn every_server_listens_on_all_addresses_of_localhost_on_one_port() {
    let Some((dir, hosts)) = hosts_file(LOCALHOST) else { return };
    if !has_ipv6() {
        return;
    }
    let root = dir.path().to_str().unwrap();
    for (name, args) in [
        ("clock1", &["-port", "0"][..]),
        ("clock2", &["-port", "0"]),
        ("clock", &["-port", "0"]),
        ("reverb1", &["-port", "0"]),
        ("reverb2", &["-port", "0"]),
        ("reverb", &["-port", "0"]),
        ("chat1", &["-port", "0"]),
        ("chat", &["-port", "0"]),
        ("ftpd", &["-port", "0", root]),
        ("netcat", &["-lk", "0"]),
    ] {
        let server = Process::start(&mut with_hosts(&hosts, name, args));
        let addrs = [announced(&server), announced(&server)];
        let port = addrs[0].port();
        assert_eq!(
            addrs.map(|addr| addr.to_string()),
            [format!("127.0.0.1:{port}"), format!("[::1]:{port}")]
        );
        for addr in addrs {
            TcpStream::connect(addr).unwrap_or_else(|err| panic!("{name}: {addr}: {err}"));
        }
    }
}

#[test]
fn clients_of_every_address_are_served_and_a_signal_ends_all() {
    let Some((_dir, hosts)) = hosts_file(LOCALHOST) else { return };
    if !has_ipv6() {
        return;
    }
    let mut server = Process::start(&mut with_hosts(&hosts, "reverb", &["-port", "0"]));
    let addrs = [announced(&server), announced(&server)];
    let mut clients =
        addrs.map(|addr| crate::support::Client::new(TcpStream::connect(addr).unwrap()));
    for client in clients.iter_mut().rev() {
        client.send("Hello\n");
        assert_eq!(client.line(), "\t HELLO");
    }
    drop(clients);
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.wait().code(), 0);
    assert!(addrs.iter().all(|addr| TcpStream::connect(addr).is_err()));
}

#[test]
fn a_port_taken_at_one_address_refuses() {
    let Some((_dir, hosts)) = hosts_file(LOCALHOST) else { return };
    for host in ["127.0.0.1", "::1"] {
        if host == "::1" && !has_ipv6() {
            continue;
        }
        let taken = TcpListener::bind((host, 0)).unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        for (name, args) in [("clock2", ["-port", &port]), ("netcat", ["-l", &port])] {
            let refused =
                format!("listen on localhost:{port}: Address already in use (os error 98)");
            outcome(with_hosts(&hosts, name, &args)).is(1, "", &format!("{name}: {refused}\n"));
        }
    }
}

#[test]
fn an_address_that_the_machine_does_not_have_is_skipped_with_a_warning() {
    // 192.0.2.0/24 is for documentation (RFC 5737), so no machine has it.
    let hosts = "192.0.2.1 both\n127.0.0.1 both\n192.0.2.1 nowhere\n";
    let Some((_dir, hosts)) = hosts_file(hosts) else { return };
    let missing = "Cannot assign requested address (os error 99)";
    for (name, args) in
        [("clock2", &["-port", "0", "-bind", "both"][..]), ("netcat", &["-l", "both", "0"])]
    {
        let server = Process::start(&mut with_hosts(&hosts, name, args));
        let warning = format!("{name}: listen on 192.0.2.1:0: {missing}; skipping this address");
        assert_eq!(server.stderr_line().unwrap(), warning);
        TcpStream::connect(announced(&server)).unwrap();
    }
    for (name, args) in
        [("clock2", &["-port", "0", "-bind", "nowhere"][..]), ("netcat", &["-l", "nowhere", "0"])]
    {
        let error = format!("{name}: listen on nowhere:0: {missing}\n");
        outcome(with_hosts(&hosts, name, args)).is(1, "", &error);
    }
}

#[test]
fn clients_try_every_address() {
    // Nobody listens at the first address, whichever the resolver puts first.
    let hosts = "127.0.0.3 server\n127.0.0.2 server\n127.0.0.1 server\n";
    let Some((_dir, hosts)) = hosts_file(hosts) else { return };
    for name in ["netcat1", "netcat2", "netcat3", "netcat"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = format!("server:{}", listener.local_addr().unwrap().port());
        let mut client = Process::start(with_hosts(&hosts, name, &[&addr]).stdin(Stdio::piped()));
        listener.accept().unwrap().0.write_all(b"here\n").unwrap();
        assert_eq!(client.line().as_deref(), Some("here"), "{name}");
        assert_eq!(client.wait().code(), 0, "{name}");
    }
}
