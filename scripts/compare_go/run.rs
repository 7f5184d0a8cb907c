//! One run of a program: its time, its CPU time and its memory.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use wait4::Wait4;

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    program: PathBuf,
    args: Vec<OsString>,
    stdin: Option<PathBuf>,
}

/// What came of it.
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
        Job { program: program.into(), args: Vec::new(), stdin: None }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args<T: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Its stdin; otherwise there is nothing to read.
    pub(crate) fn stdin(mut self, path: &Path) -> Self {
        self.stdin = Some(path.to_owned());
        self
    }

    pub(crate) fn words(&self) -> Vec<OsString> {
        let program = self.program.clone().into_os_string();
        [program].into_iter().chain(self.args.iter().cloned()).collect()
    }

    /// Runs it to its end. stdout goes through a file, so that nobody waits for a reader.
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        self.run_with(|| Ok(())).map(|(outcome, ())| outcome)
    }

    /// As `run`; `meanwhile` is what the program talks to, and has to end whatever that does.
    pub(crate) fn run_with<T>(
        &self,
        meanwhile: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(Outcome, T)> {
        let name = || self.program.display().to_string();
        let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
        let usage = NamedTempFile::new()?;
        let stdin = match &self.stdin {
            Some(path) => File::open(path).with_context(|| path.display().to_string())?.into(),
            None => Stdio::null(),
        };
        let mut command = Command::new(env::current_exe()?);
        command.arg(MEASURED).arg(usage.path()).args(self.words()).stdin(stdin);
        command.stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
        let mut child = command.spawn().with_context(name)?;
        let met = meanwhile();
        let status = child.wait().with_context(name)?;
        if !status.success() {
            bail!("{}: {status}: {}", name(), last_line(&mut stderr)?);
        }
        let usage: Usage = serde_json::from_slice(&fs::read(usage.path())?)?;
        Ok((Outcome { usage, stdout: all(&mut stdout)? }, met?))
    }
}

/// The first argument of this program when it is to run another and measure it.
///
/// What a process has in memory counts for its child until that has become another program: so
/// it is started by one that has next to nothing.
pub(crate) const MEASURED: &str = "--measured";

/// Runs the words behind a file's name, and writes into the file what that took.
pub(crate) fn measured(mut words: impl Iterator<Item = OsString>) -> anyhow::Result<ExitCode> {
    let (Some(file), Some(program)) = (words.next(), words.next()) else {
        bail!("{MEASURED} FILE PROGRAM ARGUMENT…");
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

impl Outcome {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }

    /// The last word of what it printed, a number.
    pub(crate) fn figure(&self) -> anyhow::Result<f64> {
        let text = self.text();
        let word = text.split_whitespace().next_back().unwrap_or_default();
        word.parse().with_context(|| format!("{text:?} does not end with a number"))
    }
}

fn all(file: &mut File) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn last_line(file: &mut File) -> anyhow::Result<String> {
    let text = String::from_utf8_lossy(&all(file)?).into_owned();
    Ok(text.trim().lines().next_back().unwrap_or("no message").to_owned())
}
