//! The server under load: starting or finding it, measuring it through `/proc`, stopping it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use threadbare::cli;

/// How long a server may take to listen, and to end.
const SERVER_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause between two checks whether a server listens or has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

pub(crate) struct Server {
    pub(crate) addr: String,
    pub(crate) pid: Option<u32>,
    child: Option<Child>,
}

/// What the kernel reports about a process at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) cpu: Duration,
    pub(crate) rss_kib: u64,
    pub(crate) peak_kib: u64,
    pub(crate) n_threads: u64,
    pub(crate) n_fds: u64,
}

impl Server {
    /// Starts a server, which names its address on stderr behind the words `announced`.
    pub(crate) fn start(
        command: &[String],
        announced: &str,
        addr: Option<&str>,
        pid: Option<u32>,
    ) -> anyhow::Result<Self> {
        let Some((program, args)) = command.split_first() else {
            let addr = addr.context("either --addr or a server to start, after --")?;
            return Ok(Server { addr: addr.to_owned(), pid, child: None });
        };
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| program.clone())?;
        let pid = Some(child.id());
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let addr = match addr {
            Some(addr) => {
                thread::spawn(move || forward(stderr)); // ends with the server
                wait_until_it_accepts(addr)?;
                addr.to_owned()
            }
            None => read_addr(stderr, announced).with_context(|| program.clone())?,
        };
        Ok(Server { addr, pid, child: Some(child) })
    }

    /// Stops a server that was started here; returns how it ended.
    pub(crate) fn stop(&mut self) -> anyhow::Result<String> {
        let Some(child) = &mut self.child else { return Ok("left running".to_owned()) };
        let start = Instant::now();
        if let Some(status) = child.try_wait()? {
            return Ok(format!("ended by itself: {status}"));
        }
        kill_process(Pid::from_child(child), Signal::TERM)?;
        while start.elapsed() < SERVER_TIMEOUT {
            if let Some(status) = child.try_wait()? {
                return Ok(format!("{status} after {:.1}s", start.elapsed().as_secs_f64()));
            }
            thread::sleep(POLL_INTERVAL);
        }
        child.kill()?;
        child.wait()?;
        Ok("killed".to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.stop(); // only after an error, which is reported already
    }
}

/// Reads stderr up to the line that says where the server listens.
fn read_addr(mut stderr: BufReader<ChildStderr>, announced: &str) -> anyhow::Result<String> {
    let mut line = String::new();
    while stderr.read_line(&mut line)? > 0 {
        if let Some(addr) = line.trim_end().rsplit_once(announced) {
            let addr = addr.1.trim_end_matches('/').to_owned();
            thread::spawn(move || forward(stderr)); // ends with the server
            return Ok(addr);
        }
        cli::warn(line.trim_end());
        line.clear();
    }
    bail!("ended without a line `{announced}ADDR`")
}

fn forward(stderr: BufReader<ChildStderr>) {
    for line in stderr.lines().map_while(Result::ok) {
        cli::warn(&line);
    }
}

fn wait_until_it_accepts(addr: &str) -> anyhow::Result<()> {
    let start = Instant::now();
    while let Err(err) = TcpStream::connect(addr) {
        if start.elapsed() > SERVER_TIMEOUT {
            return Err(err).with_context(|| addr.to_owned());
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

pub(crate) fn sample(pid: u32) -> Option<Sample> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |i: usize| fields.get(i)?.parse::<u64>().ok();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line?.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    Some(Sample {
        cpu: Duration::from_millis((ticks(11)? + ticks(12)?) * 10), // USER_HZ is 100 on Linux
        rss_kib: number("VmRSS:").unwrap_or(0),
        peak_kib: number("VmHWM:").unwrap_or(0),
        n_threads: number("Threads:").unwrap_or(0),
        n_fds: fds.count() as u64,
    })
}
