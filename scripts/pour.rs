//! Measures the throughput of netcat programs: each sends to a sink, or receives from a source.
//!
//! The peers are part of this program, so they are the same for every netcat. Input comes through a
//! pipe and output goes into one, as in a shell; with --file they are a file and /dev/null.

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

/// Bytes read or written at once.
const BUF: usize = 256 << 10;

/// Run the programs in turn, each as `PROGRAM HOST PORT`, and print the median of each.
///
/// In a program that contains `{}`, HOST:PORT is put there instead.
#[derive(Parser)]
struct Cli {
    /// Direction of the transfer
    direction: Direction,
    /// Number of MiB per run
    #[arg(long, default_value_t = 256)]
    mib: usize,
    /// Number of runs per program
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Use a file instead of a pipe
    #[arg(long)]
    file: bool,
    /// Programs with their arguments, each in one word: "nc -N" "netcat"
    #[arg(required = true)]
    programs: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Direction {
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
            let direction = if args.direction == Direction::Send { "send" } else { "receive" };
            writeln!(
                cli::stdout(),
                "{direction} mb_a_s={rate:.0} median_s={seconds:.3} cpu_s={:.2} {program}",
                cpu.as_secs_f64()
            )?;
        }
        Ok(())
    })
}

fn run(args: &Cli, program: &str, file: &File) -> anyhow::Result<Run> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let n_bytes = args.mib << 20;
    let (stdin, stdout) = match (args.direction, args.file) {
        (Direction::Send, true) => (file.try_clone()?.into(), Stdio::null()),
        (Direction::Send, false) => (Stdio::piped(), Stdio::null()),
        (Direction::Receive, true) => (Stdio::null(), Stdio::null()),
        (Direction::Receive, false) => (Stdio::null(), Stdio::piped()),
    };
    let start = Instant::now();
    let mut child = command(program, listener.local_addr()?).stdin(stdin).stdout(stdout).spawn()?;
    let (peer, _) = listener.accept()?;
    let n_moved = thread::scope(|scope| {
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        scope.spawn(move || stdin.map(|pipe| send_to(pipe, n_bytes)));
        let drained = scope.spawn(move || stdout.map(drain));
        let n_here = match args.direction {
            Direction::Send => drain(&peer),
            Direction::Receive => source(&peer, n_bytes),
        };
        _ = peer.shutdown(Shutdown::Write);
        drained.join().ok().flatten().unwrap_or(n_here)
    });
    let cpu = wait_for_end(&mut child)?;
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

fn send_to(mut to: impl Write, n_bytes: usize) {
    let buf = vec![b'x'; BUF];
    for _ in 0..n_bytes / BUF {
        if to.write_all(&buf).is_err() {
            return; // the receiver counts what arrived
        }
    }
}

fn source(mut peer: &TcpStream, n_bytes: usize) -> usize {
    send_to(&mut peer, n_bytes);
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

/// Waits for the end of the program. Its CPU time is read before the process is reaped.
fn wait_for_end(child: &mut Child) -> anyhow::Result<Duration> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(child)), options)?;
    let cpu = server::sample(child.id()).map_or(Duration::ZERO, |sample| sample.cpu);
    let status = child.wait()?;
    ensure!(status.success(), "{status}");
    Ok(cpu)
}
