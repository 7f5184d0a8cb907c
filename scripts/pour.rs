//! How fast a netcat pours: each program in turn sends to a sink, or receives from a source.
//!
//! Both ends are here, so that they are the same for every program. What is sent comes through a
//! pipe, and what is received goes into one, as in a shell; or with --file from a file and into
//! /dev/null.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use threadbare::cli;

#[path = "load_parts/server.rs"]
#[expect(dead_code, reason = "of the instruments for servers only the sample is used here")]
mod server;

/// What is moved at once here.
const BUF: usize = 256 << 10;

/// Runs the programs in turn, each as `PROGRAM HOST PORT`, and prints what came of it.
///
/// An argument with `{}` in it gets HOST:PORT there instead.
#[derive(Parser)]
struct Cli {
    /// Which way
    way: Way,
    /// MiB a run
    #[arg(long, default_value_t = 256)]
    mib: usize,
    /// Runs of each
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// A file instead of a pipe
    #[arg(long)]
    file: bool,
    /// Programs, each a word with its arguments: "nc -N" "netcat"
    #[arg(required = true)]
    programs: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    /// From stdin to a sink
    Send,
    /// From a source to stdout
    Receive,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    seconds: f64,
    cpu: Duration,
}

fn main() -> ExitCode {
    cli::run(|args: Cli| {
        let mut runs = vec![Vec::new(); args.programs.len()];
        let mut file = tempfile::tempfile_in("/dev/shm").or_else(|_| tempfile::tempfile())?;
        for _ in 0..args.mib {
            file.write_all(&vec![b'x'; 1 << 20])?;
        }
        for _ in 0..args.rounds {
            for (program, runs) in args.programs.iter().zip(&mut runs) {
                file.rewind()?;
                runs.push(run(&args, program, &file).with_context(|| program.clone())?);
            }
        }
        for (program, runs) in args.programs.iter().zip(&mut runs) {
            runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
            let Run { seconds, cpu } = runs[runs.len() / 2];
            let rate = args.mib as f64 * 1.048_576 / seconds;
            let way = if args.way == Way::Send { "send" } else { "receive" };
            writeln!(
                cli::stdout(),
                "{way} mb_a_s={rate:.0} median_s={seconds:.3} cpu_s={:.2} {program}",
                cpu.as_secs_f64()
            )?;
        }
        Ok(())
    })
}

fn run(args: &Cli, program: &str, file: &File) -> anyhow::Result<Run> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let n_bytes = args.mib << 20;
    let (stdin, stdout) = match (args.way, args.file) {
        (Way::Send, true) => (file.try_clone()?.into(), Stdio::null()),
        (Way::Send, false) => (Stdio::piped(), Stdio::null()),
        (Way::Receive, true) => (Stdio::null(), Stdio::null()),
        (Way::Receive, false) => (Stdio::null(), Stdio::piped()),
    };
    let start = Instant::now();
    let mut child = command(program, listener.local_addr()?).stdin(stdin).stdout(stdout).spawn()?;
    let (peer, _) = listener.accept()?;
    let n_moved = thread::scope(|scope| {
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        scope.spawn(move || stdin.map(|pipe| pour(pipe, n_bytes)));
        let drained = scope.spawn(move || stdout.map(drain));
        let n_here = match args.way {
            Way::Send => drain(&peer),
            Way::Receive => source(&peer, n_bytes),
        };
        _ = peer.shutdown(Shutdown::Write);
        drained.join().ok().flatten().unwrap_or(n_here)
    });
    let cpu = ended(&mut child)?;
    ensure!(n_moved == n_bytes, "{n_moved} of {n_bytes} bytes arrived");
    Ok(Run { seconds: start.elapsed().as_secs_f64(), cpu })
}

fn command(program: &str, addr: SocketAddr) -> Command {
    let mut words = program.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    if program.contains("{}") {
        command.args(words.map(|word| word.replace("{}", &addr.to_string())));
    } else {
        command.args(words).arg(addr.ip().to_string()).arg(addr.port().to_string());
    }
    command
}

fn pour(mut to: impl Write, n_bytes: usize) {
    let buf = vec![b'x'; BUF];
    for _ in 0..n_bytes / BUF {
        if to.write_all(&buf).is_err() {
            return; // what arrived is counted
        }
    }
}

fn source(mut peer: &TcpStream, n_bytes: usize) -> usize {
    pour(&mut peer, n_bytes);
    n_bytes
}

fn drain(mut from: impl Read) -> usize {
    let (mut buf, mut n_bytes) = (vec![0; BUF], 0);
    loop {
        match from.read(&mut buf) {
            Ok(0) => return n_bytes,
            Ok(n) => n_bytes += n,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return n_bytes,
        }
    }
}

/// Waits for the end; what the program took of the CPU is asked before it is buried.
fn ended(child: &mut Child) -> anyhow::Result<Duration> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(child)), options)?;
    let cpu = server::sample(child.id()).map_or(Duration::ZERO, |sample| sample.cpu);
    let status = child.wait()?;
    ensure!(status.success(), "{status}");
    Ok(cpu)
}
