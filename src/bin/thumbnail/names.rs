//! Names of images on stdin, one after the other as they come.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::thread::Builder;

use crossbeam::channel::{Receiver, Sender, bounded};
use crossbeam::select;
use threadbare::cli;

/// Names that may have been read and not been worked on.
const NAMES_IN_FLIGHT: usize = 64;
/// The most bytes of a name.
const BYTES_MAX: u64 = 1 << 16;

/// The names on stdin.
pub(crate) struct Names {
    names: Receiver<io::Result<PathBuf>>,
    stopped: Receiver<()>,
}

impl Names {
    /// The names on stdin, each of which ends with `delimiter`; they end early when the sender of
    /// `stopped` is gone.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(crate) fn on_stdin(delimiter: u8, stopped: Receiver<()>) -> io::Result<Self> {
        let (names_tx, names) = bounded(NAMES_IN_FLIGHT);
        // Nothing can wake a thread that is blocked reading stdin: main returns without it.
        Builder::new().spawn(move || read(delimiter, &names_tx))?;
        Ok(Names { names, stopped })
    }
}

impl Iterator for Names {
    type Item = io::Result<PathBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        select! {
            recv(self.names) -> name => name.ok(),
            recv(self.stopped) -> _ => None,
        }
    }
}

fn read(delimiter: u8, names: &Sender<io::Result<PathBuf>>) {
    let mut input = BufReader::new(cli::stdin());
    loop {
        let name = match next(&mut input, delimiter) {
            Ok(Some(name)) if name.is_empty() => continue,
            Ok(Some(name)) => Ok(PathBuf::from(OsString::from_vec(name))),
            Ok(None) => return,
            Err(err) => Err(err),
        };
        let is_last = name.is_err();
        if names.send(name).is_err() || is_last {
            return;
        }
    }
}

/// The next name, without its delimiter; `None` at the end.
fn next(input: &mut impl BufRead, delimiter: u8) -> io::Result<Option<Vec<u8>>> {
    let mut name = Vec::new();
    if input.take(BYTES_MAX).read_until(delimiter, &mut name)? == 0 {
        return Ok(None);
    }
    if name.pop_if(|last| *last == delimiter).is_none() && name.len() as u64 == BYTES_MAX {
        return Err(io::Error::other(format!("a name is longer than {BYTES_MAX} bytes")));
    }
    Ok(Some(name))
}
