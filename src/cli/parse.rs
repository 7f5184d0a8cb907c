//! Parsing the command line: clap's arguments, Go's spelling of them, and errors of one line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, ArgMatches, Command, Parser};
use log::LevelFilter;

use super::stdio::{program, warn};
use super::{go_flags, logger};

/// The command of a program: its own arguments, `--log` and `--version`. A repeated flag does not
/// fail: the last one wins, as in Go.
pub(super) fn command<A: Parser>() -> Command {
    let levels = PossibleValuesParser::new(["off", "error", "warn", "info", "debug", "trace"])
        .map(|level| level.parse::<LevelFilter>().expect("one of the words above"));
    let log = Arg::new("log")
        .long("log")
        .value_name("LEVEL")
        .default_value("warn")
        .value_parser(levels)
        .global(true)
        .help("Write log messages of this level and above to stderr");
    let command = A::command().name(program()).version(env!("CARGO_PKG_VERSION"));
    command.arg(log).args_override_self(true)
}

/// Matches `argv`, in which flags may be spelled as in Go. On wrong usage, `--help` or `--version`
/// it prints what there is to say and returns the exit status.
pub(super) fn matches(
    mut command: Command,
    argv: impl IntoIterator<Item = OsString>,
) -> Result<ArgMatches, ExitCode> {
    command.build(); // adds the global flags to the subcommands, and --help
    let words = go_flags::rewrite(&command, argv);
    command.try_get_matches_from(words).map_err(|err| report(&err))
}

/// Converts the matches to the program's arguments and starts the log.
pub(super) fn args<A: Parser>(mut matches: ArgMatches) -> Result<A, ExitCode> {
    let level = *matches.get_one("log").unwrap_or(&LevelFilter::Warn);
    let args = A::from_arg_matches_mut(&mut matches).map_err(|err| report(&err))?;
    logger::start(level);
    Ok(args)
}

/// Prints help and version to stdout as they are; an error becomes one line and status 2.
fn report(err: &clap::Error) -> ExitCode {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Parser)]
    struct Args {
        #[arg(long, default_value_t = 1)]
        port: u16,
        #[arg(short, action = clap::ArgAction::Count)]
        verbose: u8,
        #[arg(long)]
        names: bool,
        #[arg(short, default_value_t = 0)]
        number: u8,
        #[arg(long)]
        exclude: Vec<String>,
        words: Vec<String>,
    }

    fn parse(line: &str) -> Option<Args> {
        let argv = ["program"].into_iter().chain(line.split_whitespace()).map(OsString::from);
        matches(command::<Args>(), argv).and_then(args).ok()
    }

    #[test]
    fn flags_of_go_and_clap() {
        let check = |line: &str, expected: (u16, u8, bool, u8, usize)| {
            let a = parse(line).unwrap_or_else(|| panic!("{line}: refused"));
            assert_eq!((a.port, a.verbose, a.names, a.number, a.words.len()), expected, "{line}");
        };
        check("", (1, 0, false, 0, 0));
        check("-port 8010", (8010, 0, false, 0, 0));
        check("--port=8010", (8010, 0, false, 0, 0));
        check("-v -names", (1, 1, true, 0, 0));
        check("-names=true", (1, 0, true, 0, 0));
        check("-n 7", (1, 0, false, 7, 0));
        check("-- -port -v", (1, 0, false, 0, 2));
        check("a b", (1, 0, false, 0, 2));
    }

    #[test]
    fn the_last_of_a_repeated_flag_wins() {
        let a = parse("-port 1 --port=2 -n 3 -n 4 -vv -v -names -names --exclude a -exclude b");
        let a = a.expect("repeated flags are no error");
        assert_eq!((a.port, a.number, a.verbose, a.names), (2, 4, 3, true));
        assert_eq!(a.exclude, ["a", "b"], "a list collects all");
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in ["-port", "-port x", "-names=maybe", "-ports 1", "--nonsense", "-port 70000"] {
            assert!(parse(line).is_none(), "{line}");
        }
    }
}
