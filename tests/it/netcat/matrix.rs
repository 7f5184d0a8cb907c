//! Every pair of ours and the netcats of others, in both roles: what was not delivered is never our exit
//! status 0.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam::channel::never;
use rustix::process::Signal;

use super::{free_port, is_installed, is_listening};
use crate::support::{Outcome, Process, command, eventually};

/// Longer than netcat waits for a peer that has closed.
const LATE: Duration = Duration::from_millis(700);
const SLOW: Duration = Duration::from_millis(250);
/// Cells of the matrix that run at once; most of their time is waiting.
const N_THREADS: usize = 8;
const GREETING: &[u8] = b"greeting\n";

/// A program that copies between its stdin and a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Ours,
    OpenBsd,
    Ncat,
    Socat,
}

use Program::{Ncat, OpenBsd, Ours, Socat};

impl Program {
    fn name(self) -> &'static str {
        match self {
            Ours => "netcat",
            OpenBsd => "nc.openbsd",
            Ncat => "ncat",
            Socat => "socat",
        }
    }

    fn command(self, args: &str) -> Command {
        let args: Vec<&str> = args.split(' ').collect();
        if self == Ours {
            return command("netcat", &args);
        }
        let mut command = Command::new(self.name());
        command.args(args);
        command
    }

    /// The arguments to listen for one client; its half-close is answered by one.
    fn listen(self, port: u16) -> Command {
        self.command(&match self {
            Ours | Ncat => format!("-l 127.0.0.1 {port}"),
            OpenBsd => format!("-l -N 127.0.0.1 {port}"),
            Socat => format!("- TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr"),
        })
    }

    fn connect(self, port: u16) -> Command {
        self.command(&match self {
            Ours | Ncat => format!("127.0.0.1 {port}"),
            OpenBsd => format!("-N 127.0.0.1 {port}"),
            Socat => format!("- TCP:127.0.0.1:{port}"),
        })
    }

    /// Whether it goes on as long as its peer does. socat ends half a second after one direction has,
    /// and ncat 7.93 as a client when its server has half-closed.
    fn is_patient(self) -> bool {
        matches!(self, Ours | OpenBsd)
    }
}

/// How a client's input comes.
#[derive(Clone, Copy, Debug)]
enum Producer {
    Fast,
    Slow,
    /// Its first byte comes when a half-closed server has long been silent.
    Late,
}

impl Producer {
    fn produce(self, client: &mut Process) -> Vec<u8> {
        let block = match self {
            Producer::Fast => b"0123456789abcde\n".repeat(60_000),
            Producer::Slow | Producer::Late => b"1\n2\n3\n".to_vec(),
        };
        match self {
            Producer::Fast => client.send(&block),
            Producer::Slow => block.chunks(2).for_each(|line| {
                client.send(line);
                wait(SLOW);
            }),
            Producer::Late => {
                wait(LATE);
                client.send(&block);
            }
        }
        client.close_stdin();
        block
    }
}

fn wait(time: Duration) {
    _ = never::<()>().recv_timeout(time);
}

/// A pair of programs that has connected: the server's port was chosen before.
fn start(server: Program, client: Program, greeting: &[u8]) -> (Process, Process) {
    let port = free_port();
    let mut listening = server.listen(port);
    let mut there = Process::start(listening.stdin(Stdio::piped()));
    there.send(greeting);
    there.close_stdin();
    eventually("the server listens", || is_listening(port));
    let here = Process::start(client.connect(port).stdin(Stdio::piped()));
    (there, here)
}

/// Which of the others are installed.
fn installed() -> Vec<Program> {
    [OpenBsd, Ncat, Socat].into_iter().filter(|program| is_installed(program.name())).collect()
}

/// The pairs of server and client of which at least one is ours.
fn pairs() -> Vec<(Program, Program)> {
    let others = installed();
    let as_server = others.iter().map(|&other| (other, Ours));
    as_server.chain(others.iter().map(|&other| (Ours, other))).chain([(Ours, Ours)]).collect()
}

/// Runs all of `cells`, several at once.
fn run_all<T: Sync>(cells: &[T], run: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..N_THREADS {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run(cell);
                }
            });
        }
    });
}

#[test]
fn an_upload_arrives_or_fails() {
    let mut cells = Vec::new();
    for (server, client) in pairs() {
        for producer in [Producer::Fast, Producer::Slow, Producer::Late] {
            for greeting in [&b""[..], GREETING] {
                cells.push((server, client, producer, greeting));
            }
        }
    }
    run_all(&cells, |&(server, client, producer, greeting)| {
        let (mut there, mut here) = start(server, client, greeting);
        let sent = producer.produce(&mut here);
        let here = here.wait();
        let there = there.wait();
        let cell = format!("{client:?} to {server:?}, {producer:?}, {} bytes", greeting.len());
        let is_received = there.stdout.as_bytes() == sent;
        let is_greeted = here.stdout.as_bytes() == greeting;
        // A server that greets and closes before the first byte is a daytime server to us.
        let is_daytime = server == Socat && matches!(producer, Producer::Late) && is_greeted;
        if client == Ours && !is_daytime {
            assert!(here.code() != 0 || is_received, "{cell}: {here:?}");
        }
        if server == Ours {
            assert!(there.code() != 0 || is_greeted, "{cell}: {:?}", there.stderr);
        }
        // Nothing that we have not sent goes to a server that greets and half-closes.
        let is_refused =
            client == Ours && matches!(producer, Producer::Late) && !greeting.is_empty();
        if server.is_patient() && client.is_patient() && !is_refused {
            assert!(is_received && is_greeted, "{cell}: {here:?}");
            assert_eq!((here.code(), there.code()), (0, 0), "{cell}: {here:?}");
        }
    });
}

/// Kills the peer of ours after the first line has arrived, while more is to be sent.
fn kill_peer(mut ours: Process, mut peer: Process) -> Outcome {
    ours.send(b"first\n");
    assert_eq!(peer.line().as_deref(), Some("first"));
    peer.signal(Signal::KILL);
    _ = peer.wait();
    ours.send(&vec![b'x'; 1_000_000]);
    ours.close_stdin();
    ours.wait()
}

#[test]
fn a_killed_peer_is_a_failure() {
    run_all(&pairs(), |&(server, client)| {
        let (there, here) = start_open(server, client);
        let is_client = client == Ours;
        let outcome = if is_client { kill_peer(here, there) } else { kill_peer(there, here) };
        assert_eq!(outcome.code(), 1, "{client:?} to {server:?}: {outcome:?}");
        assert!(outcome.stderr.contains("bytes were not delivered"), "{outcome:?}");
    });
}

/// A connected pair with both stdins open.
fn start_open(server: Program, client: Program) -> (Process, Process) {
    let port = free_port();
    let there = Process::start(server.listen(port).stdin(Stdio::piped()));
    eventually("the server listens", || is_listening(port));
    (there, Process::start(client.connect(port).stdin(Stdio::piped())))
}

#[test]
fn with_n_a_listener_ends_a_client_that_waits_for_it() {
    if !installed().contains(&OpenBsd) {
        return;
    }
    let mut there = Process::start(&mut command("netcat", &["-lN", "127.0.0.1", "0"]));
    let port = there.stderr_line().unwrap().rsplit_once(':').unwrap().1.to_owned();
    let mut here = OpenBsd.command(&format!("127.0.0.1 {port}")); // without -N
    let mut here = Process::start(here.stdin(Stdio::piped()));
    Producer::Slow.produce(&mut here);
    assert_eq!((here.wait().code(), there.wait().code()), (0, 0));
    assert_eq!(there.wait().stdout, "1\n2\n3\n");
}
