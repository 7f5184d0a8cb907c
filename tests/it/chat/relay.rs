//! `--relay`: several servers, one conversation; skipped where there is no redis-server.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use rustix::process::Signal;
use tempfile::TempDir;

use super::log_in;
use super::web::WebClient;
use crate::support::{Client, DEADLINE, Process, Server, eventually, report_skipped};

/// A broker of its own for each test, with its files in a temporary folder.
struct Broker {
    process: Process,
    addr: SocketAddr,
    dir: TempDir,
}

impl Broker {
    /// Starts the broker; `None`, with a word about it, where there is none.
    fn start() -> Option<Self> {
        let path = env::var_os("PATH")?;
        if !env::split_paths(&path).any(|dir| dir.join("redis-server").is_file()) {
            report_skipped("no redis-server here (apt-get install redis-server)");
            return None;
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let dir = tempfile::tempdir().unwrap();
        let process = Broker::run(addr, &dir, "yes");
        Some(Broker { process, addr, dir })
    }

    /// Runs redis-server, and returns once it accepts commands.
    fn run(addr: SocketAddr, dir: &TempDir, appendonly: &str) -> Process {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &addr.port().to_string()]);
        command.args(["--appendonly", appendonly, "--save", "", "--dir"]).arg(dir.path());
        let process = Process::start(&mut command);
        eventually("the broker is there", || ask(addr, "PING").is_some_and(|pong| pong == "+PONG"));
        process
    }

    /// Ends it as a crash would.
    fn kill(&mut self) {
        self.process.signal(Signal::KILL);
        self.process.wait();
    }

    fn restart(&mut self) {
        self.process = Broker::run(self.addr, &self.dir, "yes");
    }

    fn server(&self, args: &[&str]) -> Server {
        let url = format!("redis://{}/chat", self.addr);
        Server::start("chat", &[&["--relay", &url, "-flood", "0"], args].concat())
    }
}

/// The first line of the broker's answer to a command.
fn ask(addr: SocketAddr, command: &str) -> Option<String> {
    let mut stream = TcpStream::connect(addr).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(format!("{command}\r\n").as_bytes()).ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    Some(line.trim_end().to_owned())
}

fn check(client: &mut Client, line: &str, expected: &[&str]) {
    client.send(format!("{line}\n"));
    for expected in expected {
        assert_eq!(client.line(), *expected, "{line}");
    }
}

/// Receives up to a line that ends with `end`; returns what was said.
fn said_until(client: &mut Client, end: &str) -> Vec<String> {
    let mut said = Vec::new();
    loop {
        let line = client.line();
        if line.contains(": ") {
            said.push(line);
        }
        if said.last().is_some_and(|line| line.ends_with(end)) {
            return said;
        }
    }
}

#[test]
fn names_rooms_and_commands_are_common_to_all_servers() {
    let Some(broker) = Broker::start() else { return };
    let (one, two) = (broker.server(&[]), broker.server(&["--web", "0"]));
    let (mut ann, _) = log_in(&one, "ann");
    let (mut bob, users) = log_in(&two, "bob");
    assert_eq!(users, "In lobby: bob, ann", "those of one's own server come first");
    assert_eq!(ann.line(), "bob has arrived");
    let mut other = two.connect();
    assert_eq!(other.line(), "What is your name?");
    check(&mut other, "Ann", &["The name Ann is taken."]);
    check(&mut bob, "hello", &["bob: hello"]);
    check(&mut ann, "/msg bob psst", &["bob: hello", "(to bob): psst"]);
    check(&mut ann, "/ignore bob", &["You no longer see what bob says."]);
    check(&mut bob, "/nick rob", &["ann (to you): psst", "bob is now rob"]);
    check(&mut bob, "/join den", &["In den: rob"]);
    check(&mut ann, "/rooms", &["bob is now rob", "rob has left", "Rooms: lobby (1), den (1)"]);
    check(&mut ann, "/join den", &["In den: ann, rob"]);
    check(&mut bob, "ignored", &["ann has arrived", "rob: ignored"]);
    check(&mut ann, "heard", &["ann: heard"]);
    // A server that comes later has the same state.
    let three = broker.server(&[]);
    let (mut eve, users) = log_in(&three, "eve");
    assert_eq!(users, "In lobby: eve");
    check(&mut eve, "/nick ROB", &["The name ROB is taken."]);
    eve.send("/join den\n");
    let users = eve.line();
    assert!(
        users.starts_with("In den: eve, ") && users.contains("ann") && users.contains("rob"),
        "{users}"
    );
    check(&mut eve, "/quit", &["Goodbye."]);
    assert_eq!((ann.line(), ann.line()), ("eve has arrived".into(), "eve has left".into()));
}

#[test]
fn all_clients_of_all_servers_hear_one_order_over_a_killed_broker() {
    const LINES: usize = 300;
    let Some(mut broker) = Broker::start() else { return };
    let servers: Vec<Server> = (0..3).map(|_| broker.server(&[])).collect();
    let mut clients: Vec<Client> =
        (0..9).map(|n| log_in(&servers[n % 3], &format!("client.{n}")).0).collect();
    let send = |clients: &mut [Client], from: usize, to: usize| {
        for n in from..to {
            for client in &mut clients[..6] {
                client.send(format!("{n}\n"));
            }
        }
    };
    send(&mut clients, 0, LINES);
    broker.kill();
    send(&mut clients, LINES, 2 * LINES); // not accepted before the broker is back
    let mut watcher = clients.pop().unwrap();
    while watcher.line()
        != "The other servers cannot be reached; what you send waits until they can."
    {}
    broker.restart();
    while watcher.line() != "The other servers are back." {}
    send(&mut clients, 2 * LINES, 3 * LINES);
    let received: Vec<Vec<String>> = thread::scope(|scope| {
        let hearing = clients.iter_mut().map(|client| {
            scope.spawn(move || {
                let mut said = Vec::new();
                while said.len() < 6 * 3 * LINES {
                    let line = client.line();
                    said.extend(line.contains(": ").then_some(line));
                }
                said
            })
        });
        hearing.collect::<Vec<_>>().into_iter().map(|hearing| hearing.join().unwrap()).collect()
    });
    for (n, said) in received.iter().enumerate() {
        assert!(*said == received[0], "client {n} heard another order");
    }
    for n in 0..6 {
        let prefix = format!("client.{n}: ");
        let own = received[0].iter().filter_map(|line| line.strip_prefix(&prefix));
        let expected: Vec<String> = (0..3 * LINES).map(|n| n.to_string()).collect();
        assert!(own.eq(expected.iter()), "client {n}: a line is missing, doubled or out of order");
    }
}

#[test]
fn a_killed_server_takes_its_clients_with_it_and_comes_back() {
    let Some(broker) = Broker::start() else { return };
    let state = broker.dir.path().join("state");
    let args = ["--web", "0", "--relay-state", state.to_str().unwrap()];
    let (one, two) = (broker.server(&[]), broker.server(&args));
    let line = two.process.stderr_line().unwrap();
    let web =
        line.strip_prefix("web page on http://").unwrap().trim_end_matches('/').parse().unwrap();
    let (mut ann, _) = log_in(&one, "ann");
    let mut page = WebClient::connect(web, "name=page");
    let epoch = page.until("room").head[1].clone();
    page.until("next");
    let (mut bob, _) = log_in(&two, "bob");
    check(&mut bob, "accepted", &["bob: accepted"]);
    let mut seen = page.until("lines");
    while seen.lines.last().unwrap() != "bob: accepted" {
        seen = page.until("lines");
    }
    eventually("the state is saved", || state.exists());
    two.process.signal(Signal::KILL);
    check(&mut ann, "while it is away", &[]);
    let mut said = Vec::new();
    while said.len() < 6 {
        said.push(ann.line()); // arrivals, lines, and at last that they have left
    }
    assert_eq!(
        said[..4],
        ["page has arrived", "bob has arrived", "bob: accepted", "ann: while it is away"]
    );
    said.sort();
    assert!(
        said.contains(&"bob has left".to_owned()) && said.contains(&"page has left".to_owned()),
        "{said:?}"
    );
    let again = broker.server(&args);
    let line = again.process.stderr_line().unwrap();
    let web =
        line.strip_prefix("web page on http://").unwrap().trim_end_matches('/').parse().unwrap();
    let next = seen.head[1].parse::<u64>().unwrap() + seen.lines.len() as u64;
    let mut page =
        WebClient::connect(web, &format!("name=page&room=lobby&epoch={epoch}&next={next}"));
    let mut lines = Vec::new();
    while !lines.contains(&"ann: while it is away".to_owned()) {
        lines.extend(page.until("old").lines);
    }
    assert!(!lines.contains(&"bob: accepted".to_owned()), "twice: {lines:?}");
    let (_bob, users) = log_in(&again, "bob");
    assert_eq!(users.matches("ann").count(), 1, "{users}");
}

#[test]
fn what_the_broker_has_lost_is_said() {
    let Some(broker) = Broker::start() else { return };
    let (one, two) = (broker.server(&[]), broker.server(&[]));
    let (mut ann, _) = log_in(&one, "ann");
    let (mut bob, _) = log_in(&two, "bob");
    two.process.signal(Signal::STOP);
    for n in 0..5 {
        check(&mut ann, &n.to_string(), &[]);
        while ann.line() != format!("ann: {n}") {} // an entry for each
    }
    ask(broker.addr, "XTRIM chat MAXLEN 1").unwrap();
    two.process.signal(Signal::CONT);
    let mut line = bob.line();
    while !line.starts_with("Lines are missing here: ") {
        line = bob.line();
    }
    ann.send("end\n");
    assert_eq!(said_until(&mut bob, "ann: end").last().unwrap(), "ann: end");
}

#[test]
fn a_broker_that_keeps_nothing_is_warned_of() {
    let Some(mut broker) = Broker::start() else { return };
    broker.kill();
    broker.process = Broker::run(broker.addr, &broker.dir, "no");
    let server = broker.server(&[]);
    let warning = server.process.stderr_line().unwrap();
    assert!(warning.contains("keeps no append-only file (--appendonly yes)"), "{warning}");
    let (mut ann, _) = log_in(&server, "ann");
    check(&mut ann, "works", &["ann: works"]);
    for url in ["redis://host", "http://host/chat"] {
        assert_eq!(crate::support::run("chat", &["--relay", url]).code(), 2, "{url}");
    }
}

#[test]
fn a_server_ends_although_its_broker_is_gone() {
    let Some(mut broker) = Broker::start() else { return };
    let mut server = broker.server(&[]);
    let (mut ann, _) = log_in(&server, "ann");
    broker.kill();
    ann.send("never accepted\n");
    assert!(ann.line().starts_with("The other servers cannot be reached"));
    server.process.signal(Signal::TERM);
    assert!(String::from_utf8(ann.rest()).unwrap().ends_with("The server is shutting down.\n"));
    assert_eq!(server.process.wait().code(), 0);
}
