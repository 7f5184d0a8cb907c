//! What every program shares with the shell: arguments, standard streams, log, signals, exit status.

use std::env;
use std::io::Write;
use std::process::{ExitCode, Termination};

use clap::Parser;
use rustix::process::{Resource, getrlimit, setrlimit};

mod args;
#[cfg(all(feature = "service", target_os = "linux"))]
mod become_user;
mod generate;
mod go_flags;
mod logger;
mod parse;
#[cfg(any(feature = "crawl", feature = "du", feature = "thumbnail"))]
mod progress;
mod refused;
#[cfg(feature = "time")]
mod serve;
#[cfg(feature = "service")]
mod service;
mod signals;
mod stdio;
#[cfg(feature = "du")]
pub mod terminal;
#[cfg(feature = "time")]
mod time_zone;
#[cfg(feature = "urls")]
mod urls;

pub use args::{Dial, Files, Listen, NoArgs, path};
#[cfg(all(feature = "service", target_os = "linux"))]
pub use become_user::become_user;
#[cfg(feature = "time")]
pub use logger::stamp_lines;
#[cfg(any(feature = "crawl", feature = "du", feature = "thumbnail"))]
pub use progress::progress_target;
#[cfg(feature = "time")]
pub use serve::serve;
#[cfg(all(feature = "service", not(target_os = "linux")))]
pub use service::become_user;
#[cfg(feature = "service")]
pub use service::{give_to, inherited_sockets, is_root, notify};
pub use signals::{on_signals, signals, survive_file_size_limit};
pub use stdio::{
    Stdin, Stdout, Unbuffered, is_stdout_closed, program, stdin, stdout, wait_for_byte, warn,
};
#[cfg(feature = "time")]
pub use time_zone::time_zone;
#[cfg(feature = "urls")]
pub use urls::Urls;

pub use crate::text::units::duration;

/// Runs a lesson: parses the arguments, calls `main` and turns its result into an exit status.
///
/// Flags may be spelled as in Go (`-port 8010`, `-v=false`); of a repeated flag the last one wins.
/// The exit status is 0 when `main` succeeded or the reader of stdout has gone, 1 when it failed
/// (the error is one line on stderr), 2 on wrong usage, or the [`ExitCode`] that `main` returned.
pub fn run<A: Parser, T: Termination>(main: impl FnOnce(A) -> anyhow::Result<T>) -> ExitCode {
    _ = raise_file_limit(); // the soft limit will do where the hard one is refused
    match parse::matches(parse::command::<A>(), env::args_os()).and_then(parse::args) {
        Ok(args) => exit_code(refused::catch(|| main(args))),
        Err(code) => code,
    }
}

/// Runs a tool as [`run`] does a lesson. It also takes `--generate man|bash|zsh|fish`, which prints
/// the tool's manual page or its completions for a shell.
pub fn run_tool<A: Parser, T: Termination>(main: impl FnOnce(A) -> anyhow::Result<T>) -> ExitCode {
    _ = raise_file_limit();
    let command = parse::command::<A>().arg(generate::flag());
    let matches = match parse::matches(command.clone(), env::args_os()) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    if let Some(kind) = generate::kind(&matches) {
        return exit_code(generate::print(kind, command));
    }
    match parse::args(matches) {
        Ok(args) => exit_code(refused::catch(|| main(args))),
        Err(code) => code,
    }
}

/// Flushes stdout and reports an error, unless it says that the reader of stdout has gone.
fn exit_code(result: anyhow::Result<impl Termination>) -> ExitCode {
    match result.and_then(|done| Ok(stdout().flush().map(|()| done.report())?)) {
        Ok(code) => code,
        Err(err) if is_stdout_closed(&err) => ExitCode::SUCCESS,
        Err(err) => {
            warn(&err);
            ExitCode::FAILURE
        }
    }
}

/// Returns the exit status of a program that went on after failures: 1 if `failed`, else 0.
pub fn status(failed: bool) -> ExitCode {
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Raises the soft limit on open files to the hard one, as Go's runtime does.
fn raise_file_limit() -> rustix::io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)
}
