//! 8.2: ftpd, the tool, seen through sockets.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::support::{Process, Server};
use client::Ftp;

mod accounts;
mod aria2;
mod client;
mod curl;
mod lifecycle;
mod limits;
mod login;
mod protocol;
mod random;
mod robustness;
mod secure;
mod secure_clients;
mod service;
mod tickets;
mod uploads;

/// A writable server of a temporary directory with a few files.
struct Site {
    dir: TempDir,
    server: Server,
}

impl Site {
    fn new(args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("file"), "one\ntwo\n").unwrap();
        fs::write(dir.path().join("sub/inner"), "inner").unwrap();
        let path = dir.path().to_str().unwrap();
        let server = Server::start("ftpd", &[&[path, "-writable"], args].concat());
        Site { dir, server }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// A client that has logged in as anonymous and set TYPE I.
    fn login(&self) -> Ftp {
        let mut ftp = self.connect();
        ftp.login("anonymous", "x");
        ftp.command("TYPE I", 200);
        ftp
    }

    /// A client that has been greeted.
    fn connect(&self) -> Ftp {
        Ftp::connect(self.server.addr)
    }

    /// The sorted names in the directory, hidden ones included.
    fn names(&self) -> Vec<String> {
        names(self.dir.path())
    }
}

/// The next line of the log but for the warning that the tests run as root.
fn next_log_line(process: &Process) -> String {
    loop {
        let line = process.stderr_line().expect("the server has ended");
        if !line.contains("running as root") {
            return line;
        }
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
