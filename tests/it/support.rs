//! Running programs, talking to servers, waiting for events. Nothing here waits for the clock: a
//! duration is how long to wait before giving up.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, Once};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, fs};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded, never, unbounded};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, getuid, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use signal_hook::consts::SIGINT;

/// Far longer than anything here takes; then the test has failed.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// Says that a test, or a part of it, cannot run here, and why. It bypasses the capture of outputs,
/// so that it is seen even though the test passes.
pub(crate) fn report_skipped(reason: &str) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    _ = std::io::stderr().write_all(format!("skipped: {name}: {reason}\n").as_bytes());
}

/// Whether this machine has IPv6; where not, the output says so.
pub(crate) fn has_ipv6() -> bool {
    let has_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !has_ipv6 {
        report_skipped("this machine has no IPv6");
    }
    has_ipv6
}

/// The built program of that name.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_spinner")).with_file_name(name);
    assert!(path.exists(), "{} is not built", path.display());
    reset_ignored_interrupts();
    path
}

/// Makes SIGINT end the programs under test even where the tests run with it ignored, as in a
/// script's `cargo test &`: a child inherits that a signal is ignored, but not that it is handled.
fn reset_ignored_interrupts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = ignored.map_or(0, |mask| u64::from_str_radix(mask.trim(), 16).unwrap());
        if ignored & 1 << (SIGINT - 1) != 0 {
            signal_hook::flag::register(SIGINT, Arc::default()).unwrap();
        }
    });
}

pub(crate) fn command(name: &str, args: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(program(name));
    command.args(args).env_remove("TZ").stdin(Stdio::null());
    for scheme in ["http", "https", "all", "no"] {
        let name = format!("{scheme}_proxy");
        command.env_remove(name.to_uppercase()).env_remove(name);
    }
    command
}

/// The command as an ordinary user, for whom permissions count. Root's tests run a copy of the
/// program in `dir`, which that user can reach, as nobody.
pub(crate) fn as_user(name: &str, args: &[impl AsRef<OsStr>], dir: &Path) -> Command {
    if !getuid().is_root() {
        return command(name, args);
    }
    let copy = dir.join(name);
    // By another process: a child started by another test at this moment would inherit our open
    // file, and a file open for writing cannot be executed.
    assert!(Command::new("cp").arg(program(name)).arg(&copy).status().unwrap().success());
    let mut command = Command::new(copy);
    command.args(args).env_remove("TZ").stdin(Stdio::null()).uid(65534).gid(65534);
    command
}

/// A program under the limits that `ulimit` sets: `limited("-n 64", "clock2", …)`.
pub(crate) fn limited(limit: &str, name: &str, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
    command.arg("-c").arg(script).arg(program(name)).args(args).env_remove("TZ");
    command.stdin(Stdio::null());
    command
}

/// What a program that has ended left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("died by a signal: {self:?}"))
    }

    pub(crate) fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    /// Asserts exit status and both outputs.
    pub(crate) fn is(&self, code: i32, stdout: &str, stderr: &str) {
        assert_eq!((self.code(), &*self.stdout, &*self.stderr), (code, stdout, stderr));
    }
}

/// Runs a program with nothing on stdin and waits for its end.
pub(crate) fn run(name: &str, args: &[impl AsRef<OsStr>]) -> Outcome {
    outcome(command(name, args))
}

/// Runs a program with `input` on stdin.
pub(crate) fn run_with(name: &str, args: &[&str], input: &[u8]) -> Outcome {
    let mut process = Process::start(command(name, args).stdin(Stdio::piped()));
    process.send(input);
    process.close_stdin();
    process.wait()
}

pub(crate) fn outcome(mut command: Command) -> Outcome {
    Process::start(&mut command).wait()
}

/// A running program. Its outputs are collected as they come; it does not outlive its test.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Output,
    stderr: Output,
}

/// What came out of a stream so far, and its lines as events.
struct Output {
    text: Arc<Mutex<Vec<u8>>>,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let (found, lines) = unbounded();
        let reader = stream.map(|stream| {
            let text = Arc::clone(&text);
            thread::spawn(move || collect(stream, &text, &found))
        });
        Output { text, lines, reader }
    }

    fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("no line in {DEADLINE:?}; so far: {}", self.so_far())
            }
        }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.so_far()
    }
}

fn collect(stream: impl Read, text: &Mutex<Vec<u8>>, found: &Sender<String>) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        text.lock().unwrap().extend(&line);
        _ = found.send(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned());
        line.clear();
    }
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (stdout, stderr) = (Output::of(child.stdout.take()), Output::of(child.stderr.take()));
        Process { stdin: child.stdin.take(), child, stdout, stderr }
    }

    /// A program whose stdin stays open until it is closed or the process dropped.
    pub(crate) fn with_open_stdin(name: &str, args: &[&str]) -> Self {
        Process::start(command(name, args).stdin(Stdio::piped()))
    }

    /// Writes to its stdin; that it may have ended meanwhile is no failure.
    pub(crate) fn send(&mut self, input: &[u8]) {
        _ = self.stdin.as_mut().expect("stdin is piped").write_all(input);
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// The next line on its stdout; `None` at the end.
    pub(crate) fn line(&self) -> Option<String> {
        self.stdout.line()
    }

    /// The next line on its stderr; `None` at the end.
    pub(crate) fn stderr_line(&self) -> Option<String> {
        self.stderr.line()
    }

    pub(crate) fn stderr_so_far(&self) -> String {
        self.stderr.so_far()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end, with stdin left as it is.
    pub(crate) fn wait(&mut self) -> Outcome {
        let status = self.wait_status();
        Outcome { status, stdout: self.stdout.whole(), stderr: self.stderr.whole() }
    }

    fn wait_status(&mut self) -> ExitStatus {
        let pid = Pid::from_child(&self.child);
        let (ended, end) = bounded::<()>(0);
        let watchdog = thread::spawn(move || {
            let late = end.recv_timeout(DEADLINE).is_err_and(|err| err.is_timeout());
            if late {
                _ = kill_process(pid, Signal::KILL);
            }
            late
        });
        let status = self.child.wait().unwrap();
        drop(ended);
        assert!(!watchdog.join().unwrap(), "still running after {DEADLINE:?}");
        status
    }

    /// Threads it has now.
    pub(crate) fn n_threads(&self) -> usize {
        entries(&format!("/proc/{}/task", self.pid()))
    }

    /// Descriptors it has open now.
    pub(crate) fn n_files(&self) -> usize {
        entries(&format!("/proc/{}/fd", self.pid()))
    }

    /// The largest resident set it ever had, in bytes.
    pub(crate) fn peak_memory(&self) -> usize {
        self.status_bytes("VmHWM:")
    }

    /// Its resident set now, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.status_bytes("VmRSS:")
    }

    fn status_bytes(&self, field: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// CPU time it has used, user and system.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let after_name = stat.rsplit(')').next().unwrap();
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks = |i: usize| fields[i].parse::<u64>().unwrap();
        Duration::from_millis((ticks(11) + ticks(12)) * 10) // USER_HZ is 100 on every Linux
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn entries(dir: &str) -> usize {
    fs::read_dir(dir).map_or(0, Iterator::count)
}

/// A server of ours on a port the system chose.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// Returns once it has announced its address, which is 127.0.0.1 unless `args` say otherwise.
    pub(crate) fn start(name: &str, args: &[&str]) -> Self {
        Server::of(command(name, &[&["-port", "0", "-bind", "127.0.0.1"], args].concat()))
    }

    pub(crate) fn of(mut command: Command) -> Self {
        let process = Process::start(&mut command);
        let line = process.stderr_line().expect("the server ended before it listened");
        let addr = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}"));
        Server { addr: addr.parse().unwrap(), process }
    }

    pub(crate) fn addr(&self) -> String {
        self.addr.to_string()
    }

    pub(crate) fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.addr).unwrap())
    }
}

/// A client of a line protocol, with a deadline on every read.
pub(crate) struct Client {
    input: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Client { input: BufReader::new(stream) }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.input.get_ref()
    }

    pub(crate) fn addr(&self) -> String {
        self.stream().local_addr().unwrap().to_string()
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.input.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// The next line without its newline, as text; panics at the end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = self.line_bytes();
        assert_eq!(line.pop(), Some(b'\n'), "the connection ended");
        String::from_utf8_lossy(&line).into_owned()
    }

    /// The next line with its newline, as bytes.
    pub(crate) fn line_bytes(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        self.input.read_until(b'\n', &mut line).unwrap();
        line
    }

    /// All that comes until the server closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.input.read_to_end(&mut rest).unwrap();
        rest
    }

    pub(crate) fn close_write(&self) {
        self.stream().shutdown(Shutdown::Write).unwrap();
    }
}

/// A terminal: the end that sees and types, and the end for a program.
pub(crate) fn pseudo_terminal() -> (File, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    (File::from(master), terminal)
}

/// Waits for a state that announces itself by no event, such as a count in `/proc`.
pub(crate) fn eventually(event: &str, mut state: impl FnMut() -> bool) {
    let start = Instant::now();
    while !state() {
        assert!(start.elapsed() < DEADLINE, "not in {DEADLINE:?}: {event}");
        pause(Duration::from_millis(5));
    }
}

/// Leaves the CPU to whom we are watching.
fn pause(duration: Duration) {
    _ = never::<()>().recv_timeout(duration);
}
