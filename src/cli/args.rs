//! Arguments: clap's, and the flags a Go programmer types.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Command, Parser};
use log::LevelFilter;

use super::{logger, program, warn};

/// Flags of a server: `-port 8010 -bind 0.0.0.0`.
#[derive(Parser, Clone, Debug)]
pub struct Listen {
    /// Port to listen on; 0 lets the system choose one
    #[arg(long, default_value_t = 8000)]
    pub port: u16,
    /// Address to listen on; 0.0.0.0 or :: for every interface
    #[arg(long, default_value = "127.0.0.1")]
    pub bind: String,
}

/// The Go spellings of [`Listen`].
pub const LISTEN: &[&str] = &["port", "bind"];

impl Listen {
    /// `BIND:PORT`, as the system resolves it.
    #[must_use]
    pub fn addr(&self) -> String {
        let bare_ipv6 = self.bind.contains(':') && !self.bind.starts_with('[');
        let Listen { bind, port } = self;
        if bare_ipv6 { format!("[{bind}]:{port}") } else { format!("{bind}:{port}") }
    }
}

/// The argument of a client: where to connect.
#[derive(Parser, Clone, Debug)]
pub struct Dial {
    /// HOST:PORT to connect to
    #[arg(default_value = "localhost:8000")]
    pub addr: String,
}

/// Arguments that are files.
#[derive(Parser, Clone, Debug)]
pub struct Files {
    /// Files to read
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// The arguments of a program that takes none.
#[derive(Parser, Clone, Copy, Debug)]
pub struct NoArgs {}

/// Parses `argv`; on failure or `--help` prints and gives the exit status.
pub(super) fn parse<A: Parser>(
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
    let words = go_spelling(go_flags, &command, argv);
    let parsed = command.try_get_matches_from(words).and_then(|mut matches| {
        let level = *matches.get_one("log").unwrap_or(&LevelFilter::Warn);
        A::from_arg_matches_mut(&mut matches).map(|args| (args, level))
    });
    match parsed {
        Ok((parsed, level)) => {
            logger::start(level);
            Ok(parsed)
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
    let is_advice =
        |line: &&str| ["Usage:", "For more", "tip:"].iter().any(|word| line.starts_with(word));
    let lines = text.lines().map(str::trim).take_while(|line| !is_advice(line));
    let cause: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
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
    fn addresses_of_both_families() {
        let addr = |bind: &str| Listen { port: 1, bind: bind.to_owned() }.addr();
        assert_eq!(addr("127.0.0.1"), "127.0.0.1:1");
        assert_eq!(addr("::1"), "[::1]:1");
        assert_eq!(addr("[::1]"), "[::1]:1");
        assert_eq!(addr("localhost"), "localhost:1");
    }
}
