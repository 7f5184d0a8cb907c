//! One run of a program: its time, its CPU time and its memory.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use crossbeam::channel::{Receiver, RecvTimeoutError, bounded};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use wait4::Wait4;

/// A command to run.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    program: PathBuf,
    args: Vec<OsString>,
    stdin: Stdin,
}

/// What a program reads from stdin.
#[derive(Clone, Debug)]
enum Stdin {
    Empty,
    File(PathBuf),
    /// A pipe without content. It stays open until the program ends, or until this many bytes have
    /// arrived on stdout: some originals end with their stdin, and others never end before it does.
    Pipe(Option<u64>),
}

/// How often the length of stdout is checked.
const OUTPUT_INTERVAL: Duration = Duration::from_millis(1);

/// The output of a finished run and the resources it used.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) usage: Usage,
    pub(crate) stdout: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Usage {
    pub(crate) wall_ms: f64,
    pub(crate) cpu_ms: f64,
    pub(crate) peak_mib: f64,
}

impl Job {
    pub(crate) fn new(program: impl Into<PathBuf>) -> Self {
        Job { program: program.into(), args: Vec::new(), stdin: Stdin::Empty }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args<T: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Reads stdin from this file; without one, stdin is empty.
    pub(crate) fn stdin(mut self, path: &Path) -> Self {
        self.stdin = Stdin::File(path.to_owned());
        self
    }

    /// Keeps stdin open and silent until the program ends.
    pub(crate) fn stdin_open(mut self) -> Self {
        self.stdin = Stdin::Pipe(None);
        self
    }

    /// Keeps stdin open and silent until the program has written this many bytes to stdout.
    pub(crate) fn stdin_open_until(mut self, n_bytes: u64) -> Self {
        self.stdin = Stdin::Pipe(Some(n_bytes));
        self
    }

    pub(crate) fn words(&self) -> Vec<OsString> {
        let program = self.program.clone().into_os_string();
        [program].into_iter().chain(self.args.iter().cloned()).collect()
    }

    /// Runs the command to its end. stdout goes to a file, so that a slow reader cannot hold it up.
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        self.run_with(|| Ok(())).map(|(outcome, ())| outcome)
    }

    /// Runs a command that never ends until it has printed this many lines; the rest is cut off.
    pub(crate) fn run_until(&self, n_lines: usize) -> anyhow::Result<Outcome> {
        let start = Instant::now();
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| self.program.display().to_string())?;
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (mut stdout, mut n_read) = (Vec::new(), 0);
        while n_read < n_lines && lines.read_until(b'\n', &mut stdout)? > 0 {
            n_read += 1;
        }
        let wall_ms = start.elapsed().as_secs_f64() * 1e3;
        drop(lines);
        child.kill()?; // it may not notice that nobody reads
        let rusage = child.wait4()?.rusage;
        let cpu_ms = (rusage.utime + rusage.stime).as_secs_f64() * 1e3;
        let peak_mib = rusage.maxrss as f64 / f64::from(1 << 20);
        Ok(Outcome { usage: Usage { wall_ms, cpu_ms, peak_mib }, stdout })
    }

    /// As `run`, while `meanwhile` serves the program as its peer; it must end whatever the program does.
    pub(crate) fn run_with<T>(
        &self,
        meanwhile: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(Outcome, T)> {
        let name = || self.program.display().to_string();
        let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
        let usage = NamedTempFile::new()?;
        let stdin = match &self.stdin {
            Stdin::File(path) => {
                File::open(path).with_context(|| path.display().to_string())?.into()
            }
            Stdin::Empty => Stdio::null(),
            Stdin::Pipe(_) => Stdio::piped(),
        };
        let mut command = Command::new(env::current_exe()?);
        command.arg(MEASURE_FLAG).arg(usage.path()).args(self.words()).stdin(stdin);
        command.stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
        let mut child = command.spawn().with_context(name)?;
        let mut pipe = child.stdin.take(); // wait() would close it
        let served = match self.stdin {
            Stdin::Pipe(Some(n_bytes)) => thread::scope(|s| {
                let (over_tx, over) = bounded::<()>(0);
                let (stdout, pipe) = (&stdout, pipe.take());
                s.spawn(move || hold(pipe, stdout, n_bytes, &over));
                let served = meanwhile();
                drop(over_tx);
                served
            }),
            _ => meanwhile(),
        };
        let status = child.wait().with_context(name)?;
        drop(pipe);
        if !status.success() {
            bail!("{}: {status}: {}", name(), last_line(&mut stderr)?);
        }
        let usage: Usage = serde_json::from_slice(&fs::read(usage.path())?)?;
        Ok((Outcome { usage, stdout: read_all(&mut stdout)? }, served?))
    }
}

/// The first argument that makes this program run another one and measure it.
///
/// Until it calls exec, a child is charged with the memory of its parent; so the parent must be a
/// process that holds next to nothing.
pub(crate) const MEASURE_FLAG: &str = "--measured";

/// Runs `FILE PROGRAM ARGUMENT…` and writes into FILE the resources that PROGRAM used.
pub(crate) fn run_measured(mut words: impl Iterator<Item = OsString>) -> anyhow::Result<ExitCode> {
    let (Some(file), Some(program)) = (words.next(), words.next()) else {
        bail!("{MEASURE_FLAG} FILE PROGRAM ARGUMENT…");
    };
    let start = Instant::now();
    let child = Command::new(&program).args(words).spawn()?;
    let end = child.wait4()?;
    let wall_ms = start.elapsed().as_secs_f64() * 1e3;
    let cpu_ms = (end.rusage.utime + end.rusage.stime).as_secs_f64() * 1e3;
    let peak_mib = end.rusage.maxrss as f64 / f64::from(1 << 20);
    fs::write(file, serde_json::to_vec(&Usage { wall_ms, cpu_ms, peak_mib })?)?;
    let code = end.status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Keeps `pipe` open until `output` has this length, or until `over` is disconnected.
fn hold(pipe: Option<ChildStdin>, output: &File, n_bytes: u64, over: &Receiver<()>) {
    let is_short = || output.metadata().is_ok_and(|info| info.len() < n_bytes);
    while is_short() && over.recv_timeout(OUTPUT_INTERVAL) == Err(RecvTimeoutError::Timeout) {}
    drop(pipe);
}

impl Outcome {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }

    /// The last word of the output, as a number.
    pub(crate) fn figure(&self) -> anyhow::Result<f64> {
        let text = self.text();
        let word = text.split_whitespace().next_back().unwrap_or_default();
        word.parse().with_context(|| format!("{text:?} does not end with a number"))
    }
}

fn read_all(file: &mut File) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn last_line(file: &mut File) -> anyhow::Result<String> {
    let text = String::from_utf8_lossy(&read_all(file)?).into_owned();
    Ok(text.trim().lines().next_back().unwrap_or("no message").to_owned())
}
