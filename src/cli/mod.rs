//! What every program of both shelves shares with the shell: arguments, stdout, stderr, status.

use std::env;
use std::io::Write;
use std::process::{ExitCode, Termination};

use clap::Parser;
use rustix::process::{Resource, getrlimit, setrlimit};

mod args;
mod logger;
mod serve;
mod stdio;
#[cfg(feature = "urls")]
mod urls;
#[cfg(feature = "time")]
mod zone;

pub use args::{Dial, Files, LISTEN, Listen, NoArgs};
pub use serve::serve;
pub use stdio::{Stdout, Unbuffered, is_stdout_closed, program, stdout, wait_for_byte, warn};
#[cfg(feature = "urls")]
pub use urls::Urls;
#[cfg(feature = "time")]
pub use zone::time_zone;

pub use crate::text::units::duration;

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
    let args = match args::parse(go_flags, env::args_os()) {
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

/// The exit status of a program that has done what it could.
pub fn status(failed: bool) -> ExitCode {
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Raises the soft limit on open files to the hard one, as Go's runtime does.
fn raise_file_limit() -> rustix::io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)
}
