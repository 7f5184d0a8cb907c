//! How the server ends, and what it writes down.

use std::io::{Read, Write};

use rustix::process::Signal;

use super::Site;

#[test]
fn idle_sessions_are_told_and_transfers_finished() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut site = Site::new(&["-drain", "1m"]);
        let (mut idle, mut busy) = (site.connect(), site.login());
        let mut data = busy.data();
        busy.says("STOR new", 150);
        data.write_all(b"half").unwrap();
        site.server.process.signal(signal);
        idle.hears(421, "a signal");
        assert_eq!(idle.try_reply(), None);
        data.write_all(b" and half").unwrap();
        drop(data);
        busy.hears(226, "STOR");
        busy.hears(421, "a signal");
        let ended = site.server.process.wait();
        assert_eq!(ended.code(), 0);
        assert!(ended.stderr.starts_with("listening on ") && ended.stderr.lines().count() == 1);
        assert_eq!(site.read("new"), b"half and half");
    }
}

#[test]
fn a_transfer_that_takes_too_long_is_cut_short() {
    let mut site = Site::new(&["-drain", "100ms"]);
    let names = site.names();
    let mut ftp = site.login();
    let mut data = ftp.data();
    ftp.says("STOR new", 150);
    data.write_all(b"half").unwrap();
    site.server.process.signal(Signal::TERM);
    ftp.hears(426, "the end");
    ftp.hears(421, "the end");
    assert!(matches!(data.read(&mut [0]), Ok(0) | Err(_)));
    assert_eq!(site.server.process.wait().code(), 0);
    assert_eq!(site.names(), names);
}

#[test]
fn a_line_a_session_and_transfer() {
    let mut site = Site::new(&["--log", "info"]);
    let mut ftp = site.login();
    ftp.get("RETR sub/inner");
    drop(ftp.data());
    ftp.says("RETR bad\x1b[31m", 550);
    ftp.says("QUIT", 221);
    assert_eq!(ftp.try_reply(), None);
    site.server.process.signal(Signal::TERM);
    let log = site.server.process.wait().stderr;
    let has = |text: &str| log.lines().any(|line| line.contains(text));
    assert!(has("session 1 begins") && has("anonymous has logged in"), "{log}");
    assert!(has("RETR /sub/inner: 5 bytes in ") && has("session 1 ends"), "{log}");
    assert!(!log.contains('\x1b'));
}
