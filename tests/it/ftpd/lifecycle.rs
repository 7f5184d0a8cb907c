//! Shutting down, and the log.

use std::fs;
use std::io::{Read, Write};

use rustix::process::Signal;

use super::Site;
use crate::support::{eventually, run_with};

#[test]
fn shutdown_closes_idle_sessions_and_lets_transfers_end() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut site = Site::new(&["-drain", "1m"]);
        let (mut idle, mut busy) = (site.connect(), site.login());
        let mut data = busy.data();
        busy.command("STOR new", 150);
        data.write_all(b"half").unwrap();
        site.server.process.signal(signal);
        idle.expect_reply(421, "a signal");
        assert_eq!(idle.try_reply(), None);
        data.write_all(b" and half").unwrap();
        drop(data);
        busy.expect_reply(226, "STOR");
        busy.expect_reply(421, "a signal");
        let ended = site.server.process.wait();
        assert_eq!(ended.code(), 0);
        let is_expected =
            |line: &str| line.starts_with("listening on ") || line.contains("running as root");
        assert!(ended.stderr.lines().all(is_expected), "{ended:?}");
        assert_eq!(site.read("new"), b"half and half");
    }
}

#[test]
fn shutdown_aborts_transfers_after_the_drain_timeout() {
    let mut site = Site::new(&["-drain", "100ms"]);
    let names = site.names();
    let mut ftp = site.login();
    let mut data = ftp.data();
    ftp.command("STOR new", 150);
    data.write_all(b"half").unwrap();
    site.server.process.signal(Signal::TERM);
    ftp.expect_reply(426, "the end");
    ftp.expect_reply(421, "the end");
    assert!(matches!(data.read(&mut [0]), Ok(0) | Err(_)));
    assert_eq!(site.server.process.wait().code(), 0);
    assert_eq!(site.names(), names);
}

#[test]
fn the_log_has_a_line_per_session_and_transfer() {
    let mut site = Site::new(&["--log", "info"]);
    let mut ftp = site.login();
    ftp.get("RETR sub/inner");
    drop(ftp.data());
    ftp.command("RETR bad\x1b[31m", 550);
    ftp.command("QUIT", 221);
    assert_eq!(ftp.try_reply(), None);
    site.server.process.signal(Signal::TERM);
    let log = site.server.process.wait().stderr;
    let has = |text: &str| log.lines().any(|line| line.contains(text));
    assert!(has("session 1 begins") && has("anonymous logged in"), "{log}");
    assert!(has("RETR /sub/inner: 5 bytes in ") && has("session 1 ends"), "{log}");
    assert!(!log.contains('\x1b'));
}

#[test]
fn sighup_reads_the_users_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("users");
    let made = run_with("ftpd", &["-hash-password"], b"secret\n");
    let hash = made.stdout.trim();
    let users = |text: String| fs::write(&file, text).unwrap();
    users(format!("ann:{hash}\n"));
    let mut site = Site::new(&["-users", file.to_str().unwrap(), "-login-delay", "0s"]);
    let can_log_in = |site: &Site, name: &str| {
        let mut ftp = site.connect();
        ftp.command(&format!("USER {name}"), 331);
        ftp.send("PASS secret\r\n");
        ftp.reply().0 == 230
    };
    let mut ann = site.connect();
    ann.login("ann", "secret");
    users(format!("bob:{hash}\n"));
    site.server.process.signal(Signal::HUP);
    eventually("bob can log in", || can_log_in(&site, "bob"));
    assert!(!can_log_in(&site, "ann"));
    ann.command("MKD made", 257); // a session that has begun goes on
    users("nonsense\n".to_owned());
    site.server.process.signal(Signal::HUP);
    let refusal = "users: line 1: ";
    let mut lines = std::iter::from_fn(|| site.server.process.stderr_line());
    let line = lines.find(|line| line.contains(refusal)).unwrap();
    assert!(line.ends_with("; the users stay as they were"), "{line}");
    assert!(can_log_in(&site, "bob"));
    site.server.process.signal(Signal::TERM);
    ann.expect_reply(421, "SIGTERM");
    assert_eq!(site.server.process.wait().code(), 0);
}
