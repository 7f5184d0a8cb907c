//! The programs under test, and the work each is given.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::ON_FLAG;
use super::photographs::make_photos;

/// A program and its work; `run` returns work per second on so many CPUs.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) run: fn(&Context, usize) -> anyhow::Result<f64>,
}

pub(crate) const SUBJECTS: &[Subject] = &[
    Subject { name: "du", unit: "walks of /usr per second", run: du },
    Subject { name: "thumbnail", unit: "photographs per second", run: thumbnail },
    Subject { name: "crawl", unit: "pages per second", run: crawl },
    Subject { name: "mandelbrot", unit: "pictures per second", run: mandelbrot },
    Subject { name: "chat", unit: "lines delivered per second", run: chat },
    Subject { name: "clock", unit: "connections per second", run: clock },
    Subject { name: "reverb", unit: "lines per second", run: reverb },
];

/// Where the programs and their inputs are.
pub(crate) struct Context {
    programs: PathBuf,
    is_quick: bool,
    photos: Vec<PathBuf>,
    site: Site,
    work: TempDir,
    /// Where the load generator, not the server, was the limit.
    pub(crate) limits: RefCell<BTreeSet<String>>,
}

/// Photographs of a batch; with --quick.
const N_PHOTOS: (u32, u32) = (48, 8);
const N_PAGES: (u32, u32) = (10_000, 1_000);

impl Context {
    pub(crate) fn new(programs: &Path, is_quick: bool) -> anyhow::Result<Self> {
        let programs = programs.canonicalize().with_context(|| programs.display().to_string())?;
        let work = tempfile::tempdir()?;
        let n_photos = if is_quick { N_PHOTOS.1 } else { N_PHOTOS.0 };
        let photos = make_photos(&work.path().join("photos"), n_photos)?;
        let site = Site::start(&programs.join("examples/site"))?;
        let limits = RefCell::default();
        Ok(Context { programs, is_quick, photos, site, work, limits })
    }

    pub(crate) fn n_rounds(&self) -> usize {
        if self.is_quick { 1 } else { 3 }
    }

    /// One of our programs on so many CPUs.
    fn program(&self, name: &str, n_cpus: usize) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(ON_FLAG).arg(n_cpus.to_string()).arg(self.programs.join(name));
        command.current_dir(self.work.path());
        Ok(command)
    }

    /// A server on so many CPUs under the load generator; the named field of its report.
    fn under_load(&self, n_cpus: usize, load: &[&str], server: &[&str]) -> anyhow::Result<Value> {
        let mut command = Command::new(self.programs.join("examples/load"));
        command.args(load).args(["--json", "--"]).arg(std::env::current_exe()?);
        command.arg(ON_FLAG).arg(n_cpus.to_string()).arg(self.programs.join(server[0]));
        // Where there is no /etc/hosts, nothing is called localhost.
        command.args(["-bind", "127.0.0.1", "-port", "0"]);
        let output = command.args(&server[1..]).output().context("load")?;
        if !output.status.success() {
            bail!("load: {}", last_lines(&output.stderr, 2));
        }
        let report: Value = serde_json::from_slice(&output.stdout)?;
        if report["limit"] == "the load generator" {
            let limit = format!("{} on {n_cpus} CPUs: the load generator was the limit", server[0]);
            self.limits.borrow_mut().insert(limit);
        }
        Ok(report)
    }

    fn seconds(&self) -> &'static str {
        if self.is_quick { "1s" } else { "3s" }
    }
}

/// Runs a program to its end; `n_items` per second.
fn per_second(mut command: Command, n_items: f64) -> anyhow::Result<f64> {
    let start = Instant::now();
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    if !output.status.success() {
        bail!("{}: {}", output.status, last_lines(&output.stderr, 1));
    }
    Ok(n_items / start.elapsed().as_secs_f64())
}

/// The last `n` lines as one: what failed, and before it why.
fn last_lines(text: &[u8], n: usize) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<_> = text.trim().lines().collect();
    if lines.is_empty() {
        return "no message".to_owned();
    }
    lines[lines.len().saturating_sub(n)..].join("; ")
}

fn du(context: &Context, n_cpus: usize) -> anyhow::Result<f64> {
    let mut command = context.program("du", n_cpus)?;
    command.args(["-s", "/usr"]);
    per_second(command, 1.0)
}

fn thumbnail(context: &Context, n_cpus: usize) -> anyhow::Result<f64> {
    let mut command = context.program("thumbnail", n_cpus)?;
    let template = context.work.path().join("thumbnails/{stem}.{ext}");
    command.args(["--threads", &n_cpus.to_string(), "--force", "-o"]).arg(template);
    per_second(commanded(command, &context.photos), context.photos.len() as f64)
}

fn commanded(mut command: Command, paths: &[PathBuf]) -> Command {
    command.args(paths);
    command
}

fn crawl(context: &Context, n_cpus: usize) -> anyhow::Result<f64> {
    let n_pages = if context.is_quick { N_PAGES.1 } else { N_PAGES.0 };
    let mut command = context.program("crawl", n_cpus)?;
    command.arg(format!("http://{}/bench/{n_pages}/3000/0/0", context.site.addr));
    per_second(command, n_pages.into())
}

fn mandelbrot(context: &Context, n_cpus: usize) -> anyhow::Result<f64> {
    let mut command = context.program("mandelbrot", n_cpus)?;
    let iterations = if context.is_quick { "5000" } else { "50000" };
    command.args(["--iterations", iterations, "-o", "set.png"]);
    per_second(command, 1.0)
}

fn chat(context: &Context, n_cpus: usize) -> anyhow::Result<f64> {
    let load = ["chat", "--clients", "1000", "--senders", "10", "--duration", context.seconds()];
    let server = ["chat", "-names=false", "-flood", "0"];
    let report = context.under_load(n_cpus, &load, &server)?;
    field(&report, "deliveries_per_s")
}

fn clock(context: &Context, n_cpus: usize) -> anyhow::Result<f64> {
    let load = ["churn", "--duration", context.seconds()];
    let report = context.under_load(n_cpus, &load, &["clock"])?;
    field(&report, "connections_per_s")
}

/// Many short delays, so that what counts is the server's work.
fn reverb(context: &Context, n_cpus: usize) -> anyhow::Result<f64> {
    let shouts = if context.is_quick { "5" } else { "20" };
    let load = ["reverb", "--clients", "2000", "--shouts", shouts, "--delay", "1ms"];
    let report = context.under_load(n_cpus, &load, &["reverb", "-delay", "1ms"])?;
    Ok(field(&report, "lines")? / field(&report, "seconds")?)
}

fn field(report: &Value, name: &str) -> anyhow::Result<f64> {
    report[name].as_f64().with_context(|| format!("no {name} in the report of load"))
}

/// The site that crawl crawls; it is killed on drop.
struct Site {
    child: Child,
    addr: String,
}

impl Site {
    fn start(program: &Path) -> anyhow::Result<Self> {
        let child = Command::new(program).stderr(Stdio::piped()).spawn();
        let mut child = child.with_context(|| program.display().to_string())?;
        let mut line = String::new();
        BufReader::new(child.stderr.take().expect("stderr is piped")).read_line(&mut line)?;
        let addr = line.trim().strip_prefix("listening on ").unwrap_or_default().to_owned();
        let site = Site { child, addr };
        ensure!(!site.addr.is_empty(), "the site does not listen: {line}");
        Ok(site)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        _ = self.child.kill(); // it may have ended
        _ = self.child.wait();
    }
}
