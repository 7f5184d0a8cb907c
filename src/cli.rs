//! What every program of both shelves shares with the shell: arguments, stdout, stderr, status.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{ExitCode, Termination};
use std::sync::LazyLock;
use std::time::Duration;
use std::{env, fmt, thread};

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Command, Parser};
use jiff::tz::TimeZone;
use log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::{tcp, units};

/// Parses the arguments, runs `main` and turns what it returns into an exit status.
///
/// 0: done, or stdout was closed by its reader. 1: `main` failed; the error is one line on stderr.
/// 2: wrong usage. `main` may also return an [`ExitCode`] of its own.
///
/// `go_flags` are the flags this program also takes in Go's spelling: `-port 8010`, `-v=false`.
pub fn run<A: Parser, T: Termination>(
    go_flags: &[&str],
    main: impl FnOnce(A) -> anyhow::Result<T>,
) -> ExitCode {
    _ = raise_file_limit(); // the soft limit will do where the hard one is refused
    let args = match parse(go_flags, env::args_os()) {
        Ok(args) => args,
        Err(code) => return code,
    };
    match main(args).and_then(|done| flush().map(|()| done.report())) {
        Ok(code) => code,
        Err(err) if is_stdout_closed(&err) => ExitCode::SUCCESS,
        Err(err) => {
            warn(&err);
            ExitCode::FAILURE
        }
    }
}

fn flush() -> anyhow::Result<()> {
    Ok(stdout().flush()?)
}

/// The name this program was called by; it starts every line on stderr.
pub fn program() -> &'static str {
    static PROGRAM: LazyLock<String> = LazyLock::new(|| {
        let path = env::args_os().next().unwrap_or_default();
        let name = Path::new(&path).file_name().unwrap_or(path.as_ref());
        name.to_string_lossy().into_owned()
    });
    &PROGRAM
}

/// Puts `PROGRAM: SUBJECT: CAUSE` on stderr as one line. Nothing is done about a full stderr.
pub fn warn(err: &(impl fmt::Display + ?Sized)) {
    let line = format!("{}: {}\n", program(), OneLine(&format!("{err:#}")));
    _ = io::stderr().write_all(line.as_bytes());
}

/// Shows control characters escaped, so that a file name can neither break a line nor a terminal.
pub struct OneLine<'a>(pub &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            c if c.is_control() => write!(f, "{}", c.escape_default()),
            c => write!(f, "{c}"),
        })
    }
}

// ---- arguments ----

/// Flags of a server: `-port 8010 -bind 0.0.0.0`.
#[derive(Parser, Clone, Debug)]
pub struct Listen {
    /// Port to listen on; 0 lets the system choose one
    #[arg(long, default_value_t = 8000)]
    pub port: u16,
    /// Address to listen on; 0.0.0.0 or [::] for every interface
    #[arg(long, default_value = "127.0.0.1")]
    pub bind: String,
}

/// The Go spellings of [`Listen`].
pub const LISTEN: &[&str] = &["port", "bind"];

impl Listen {
    /// `BIND:PORT`, as the system resolves it.
    #[must_use]
    pub fn addr(&self) -> String {
        match self.bind.contains(':') && !self.bind.starts_with('[') {
            true => format!("[{}]:{}", self.bind, self.port),
            false => format!("{}:{}", self.bind, self.port),
        }
    }
}

/// The argument of a client: where to connect.
#[derive(Parser, Clone, Debug)]
pub struct Dial {
    /// HOST:PORT to connect to
    #[arg(default_value = "localhost:8000")]
    pub addr: String,
}

/// The arguments of a program that takes none.
#[derive(Parser, Clone, Copy, Debug)]
pub struct NoArgs {}

/// A clap value parser for Go's durations.
///
/// # Errors
/// See [`units::duration`].
pub fn duration(text: &str) -> Result<Duration, String> {
    units::duration(text)
}

/// Parses `argv`; on failure or `--help` prints and gives the exit status.
fn parse<A: Parser>(
    go_flags: &[&str],
    argv: impl Iterator<Item = OsString>,
) -> Result<A, ExitCode> {
    let levels = PossibleValuesParser::new(["off", "error", "warn", "info", "debug", "trace"])
        .map(|level| level.parse::<LevelFilter>().expect("one of the words above"));
    let log = clap::Arg::new("log")
        .long("log")
        .value_name("LEVEL")
        .default_value("warn")
        .value_parser(levels)
        .global(true)
        .help("Log to stderr: off, error, warn, info, debug or trace");
    let command = A::command().name(program()).version(env!("CARGO_PKG_VERSION")).arg(log);
    let argv = go_spelling(go_flags, &command, argv);
    let parsed = command.try_get_matches_from(argv).and_then(|mut matches| {
        let level = *matches.get_one("log").unwrap_or(&LevelFilter::Warn);
        A::from_arg_matches_mut(&mut matches).map(|args| (args, level))
    });
    match parsed {
        Ok((args, level)) => {
            start_log(level);
            Ok(args)
        }
        Err(err) => Err(usage(&err)),
    }
}

/// Help and version go to stdout as they are; an error becomes one line and status 2.
fn usage(err: &clap::Error) -> ExitCode {
    if !err.use_stderr() {
        _ = err.print();
        return ExitCode::SUCCESS;
    }
    let text = err.render().to_string();
    let lines = text.lines().map(str::trim);
    let cause: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Usage:"))
        .filter(|line| !line.is_empty())
        .collect();
    let cause = cause.join(" ");
    let cause = cause.strip_prefix("error: ").unwrap_or(&cause);
    warn(&format!("{cause} (try --help)"));
    ExitCode::from(2)
}

/// Gives Go's spellings of the listed flags the form clap knows: `-port` becomes `--port`,
/// `-v=true` becomes `-v` and `-v=false` nothing. Every other word stays as it is.
fn go_spelling(
    go_flags: &[&str],
    command: &Command,
    argv: impl Iterator<Item = OsString>,
) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut operands = false;
    for (i, word) in argv.enumerate() {
        operands |= word == "--";
        match word.to_str().filter(|_| i > 0 && !operands) {
            Some(text) => words.extend(go_word(go_flags, command, text).map(OsString::from)),
            None => words.push(word),
        }
    }
    words
}

fn go_word(go_flags: &[&str], command: &Command, word: &str) -> Option<String> {
    let body = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).unwrap_or_default();
    let (name, value) = body.split_once('=').map_or((body, None), |(n, v)| (n, Some(v)));
    if !go_flags.contains(&name) {
        return Some(word.to_owned());
    }
    let flag = command.get_arguments().find(|arg| {
        arg.get_long() == Some(name) || arg.get_short().is_some_and(|c| name == c.to_string())
    });
    let is_switch = flag.is_some_and(|arg| matches!(arg.get_action(), ArgAction::SetTrue));
    let is_long = flag.is_some_and(|arg| arg.get_long() == Some(name));
    let dashes = if is_long { "--" } else { "-" };
    match value {
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") if is_switch => {
            Some(format!("{dashes}{name}"))
        }
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") if is_switch => None,
        _ => Some(format!("{dashes}{body}")),
    }
}

/// Raises the soft limit on open files to the hard one, as Go's runtime does.
fn raise_file_limit() -> rustix::io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)
}

// ---- stdin ----

/// Waits for a byte on stdin. At the end of input it never returns: only a byte is a signal.
pub fn wait_for_byte() {
    let pressed = io::stdin().read(&mut [0]).is_ok_and(|n| n == 1);
    while !pressed {
        thread::park(); // may return for no reason, hence the loop
    }
}

// ---- stdout ----

/// The process's stdout, line by line. A reader that went away is told apart by the error's type
/// and makes [`run`] end with 0; any other error names stdout as its subject.
#[derive(Clone, Copy, Debug)]
pub struct Stdout;

/// See [`Stdout`].
#[must_use]
pub fn stdout() -> Stdout {
    Stdout
}

impl Write for Stdout {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        io::stdout().write(buf).map_err(stdout_error)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush().map_err(stdout_error)
    }

    /// Locks once a line, not once a piece of the format: lines of two threads do not mix.
    fn write_fmt(&mut self, line: fmt::Arguments<'_>) -> io::Result<()> {
        io::stdout().lock().write_fmt(line).map_err(stdout_error)
    }
}

fn stdout_error(err: io::Error) -> io::Error {
    match err.kind() {
        io::ErrorKind::BrokenPipe => io::Error::new(err.kind(), StdoutClosed),
        kind => io::Error::new(kind, format!("stdout: {err}")),
    }
}

/// Whoever read our stdout has seen enough.
#[derive(Debug)]
struct StdoutClosed;

impl fmt::Display for StdoutClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stdout: closed by its reader")
    }
}

impl std::error::Error for StdoutClosed {}

/// Whether `err` says that stdout's reader went away, and not some socket's.
#[must_use]
pub fn is_stdout_closed(err: &anyhow::Error) -> bool {
    let is_marker = |err: &io::Error| err.get_ref().is_some_and(|inner| inner.is::<StdoutClosed>());
    err.chain().any(|cause| cause.downcast_ref().is_some_and(is_marker))
}

// ---- environment ----

/// The local time zone: TZ if set, else the system's, else UTC.
///
/// # Errors
/// When TZ names a zone that neither the system nor the bundled database knows.
pub fn time_zone() -> anyhow::Result<TimeZone> {
    match env::var("TZ") {
        Ok(name) => TimeZone::try_system().with_context(|| format!("TZ={name}")),
        Err(_) => Ok(TimeZone::try_system().unwrap_or(TimeZone::UTC)),
    }
}

// ---- log ----

struct StderrLog;

fn start_log(level: LevelFilter) {
    if log::set_logger(&StderrLog).is_ok() {
        log::set_max_level(level.max(LevelFilter::Info)); // for the notices
        LOG_LEVEL.get_or_init(|| level);
    }
}

static LOG_LEVEL: std::sync::OnceLock<LevelFilter> = std::sync::OnceLock::new();

impl Log for StderrLog {
    fn enabled(&self, of: &Metadata<'_>) -> bool {
        let wanted = LOG_LEVEL.get().is_some_and(|&level| of.level() <= level);
        of.target() == tcp::NOTICE || (wanted && of.target().starts_with(env!("CARGO_PKG_NAME")))
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match record.level() {
            _ if record.target() == tcp::NOTICE => {
                _ = io::stderr().write_all(format!("{}\n", record.args()).as_bytes());
            }
            Level::Error | Level::Warn => warn(record.args()),
            level => warn(&format!("{}: {}", level.as_str().to_lowercase(), record.args())),
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Parser)]
    struct Args {
        #[arg(long, default_value_t = 1)]
        port: u16,
        #[arg(short)]
        verbose: bool,
        #[arg(long)]
        names: bool,
        #[arg(short, default_value_t = 0)]
        number: u8,
        words: Vec<String>,
    }

    fn args(line: &str) -> Option<Args> {
        let argv = ["program"].into_iter().chain(line.split_whitespace()).map(OsString::from);
        parse(&["port", "names", "v", "n"], argv).ok()
    }

    #[test]
    fn gos_flags_and_claps() {
        let check = |line: &str, expected: (u16, bool, bool, u8, usize)| {
            let a = args(line).unwrap_or_else(|| panic!("{line}: refused"));
            assert_eq!((a.port, a.verbose, a.names, a.number, a.words.len()), expected, "{line}");
        };
        check("", (1, false, false, 0, 0));
        check("-port 8010", (8010, false, false, 0, 0));
        check("-port=8010", (8010, false, false, 0, 0));
        check("--port 8010", (8010, false, false, 0, 0));
        check("--port=8010", (8010, false, false, 0, 0));
        check("-v -names", (1, true, true, 0, 0));
        check("-v=false -names=true", (1, false, true, 0, 0));
        check("-v=T -names=0", (1, true, false, 0, 0));
        check("-n 7", (1, false, false, 7, 0));
        check("-- -port -v", (1, false, false, 0, 2));
        check("a b", (1, false, false, 0, 2));
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in ["-port", "-port x", "-names=maybe", "-ports 1", "--nonsense", "-port 70000"] {
            assert!(args(line).is_none(), "{line}");
        }
    }

    #[test]
    fn only_our_stdout_is_a_closed_stdout() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_stdout_closed(&stdout_error(broken()).into()));
        assert!(is_stdout_closed(&anyhow::Error::from(stdout_error(broken())).context("copying")));
        assert!(!is_stdout_closed(&broken().into()));
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(OneLine("a\nb\x1b[31mc\u{9b}ä").to_string(), "a\\nb\\u{1b}[31mc\\u{9b}ä");
    }

    #[test]
    fn addresses_of_both_families() {
        let addr = |bind: &str| Listen { port: 1, bind: bind.to_owned() }.addr();
        assert_eq!(addr("127.0.0.1"), "127.0.0.1:1");
        assert_eq!(addr("::1"), "[::1]:1");
        assert_eq!(addr("[::1]"), "[::1]:1");
        assert_eq!(addr("localhost"), "localhost:1");
    }
}
