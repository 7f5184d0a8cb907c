//! The other side of the crossover: our Go program, built where there is Go, run beside us.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;
use threadbare::engines::cake::crossover::{Point, Run};

const SOURCE: &str = include_str!("../../../scripts/go/peers/crossover/main.go");

/// A running Go program that answers points. Dropping it ends the program.
pub(crate) struct Goroutines {
    child: Child,
    output: BufReader<ChildStdout>,
    _dir: TempDir,
}

impl Goroutines {
    /// Builds and starts the program; `None` if there is no `go` on the path.
    ///
    /// # Errors
    /// When Go cannot build it, or it does not start.
    pub(crate) fn start() -> anyhow::Result<Option<Self>> {
        let dir = tempfile::tempdir()?;
        fs::write(dir.path().join("main.go"), SOURCE)?;
        fs::write(dir.path().join("go.mod"), "module crossover\n\ngo 1.24\n")?;
        let mut build = Command::new("go");
        build.args(["build", "-o", "crossover", "."]).current_dir(dir.path());
        let output = match build.output() {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            output => output.context("go")?,
        };
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            bail!("go build: {}", stderr.trim().lines().next_back().unwrap_or("no message"));
        }
        let mut command = Command::new(dir.path().join("crossover"));
        // In a process group of its own, so that ^C lets us print what was measured.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("the Go program")?;
        let output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Ok(Some(Goroutines { child, output, _dir: dir }))
    }

    /// Runs a point on goroutines.
    pub(crate) fn measure(&mut self, point: &Point, min_time: Duration) -> io::Result<Run> {
        let mut input = self.child.stdin.as_ref().expect("stdin is piped");
        writeln!(input, "{point} {}", min_time.as_millis())?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        parse(&line)
            .ok_or_else(|| io::Error::other(format!("{point}: the Go program said {line:?}")))
    }
}

impl Drop for Goroutines {
    fn drop(&mut self) {
        _ = self.child.kill(); // it may have ended
        _ = self.child.wait();
    }
}

/// Reads `N items sum SUM NS`.
fn parse(line: &str) -> Option<Run> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [n_items, "items", "sum", sum, ns_per_item] = words[..] else { return None };
    Some(Run {
        n_items: n_items.parse().ok()?,
        sum: sum.parse().ok()?,
        ns_per_item: ns_per_item.parse().ok()?,
    })
}
