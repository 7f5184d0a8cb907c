//! The limits, each with its flag and the reply to a client that exceeds it; and that no path leads
//! out of the served directory.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam::channel::{RecvTimeoutError, bounded};

use super::{Ftp, Site};
use crate::support::eventually;

/// The reply to a client that is refused.
fn refusal(site: &Site) -> String {
    let mut ftp = Ftp::new(std::net::TcpStream::connect(site.server.addr).unwrap());
    let (code, text) = ftp.reply();
    assert_eq!((code, ftp.try_reply()), (421, None));
    text
}

#[test]
fn sessions_are_limited_in_all_and_per_address() {
    let site = Site::new(&["-sessions", "2"]);
    let (first, _second) = (site.connect(), site.connect());
    assert!(refusal(&site).contains("Too many connected users"));
    drop(first);
    eventually("a session has ended", || {
        let stream = std::net::TcpStream::connect(site.server.addr).unwrap();
        Ftp::new(stream).reply().0 == 220
    });
    let site = Site::new(&["-per-address", "1"]);
    let _only = site.connect();
    assert!(refusal(&site).contains("from your IP address"));
}

#[test]
fn long_lines_are_refused_and_the_session_goes_on() {
    let site = Site::new(&["-line-max", "100"]);
    let mut ftp = site.login();
    ftp.command(&"x".repeat(101), 500);
    ftp.command(&format!("CWD {}", "x".repeat(1 << 20)), 500);
    ftp.command(&format!("CWD {}", "/".repeat(90)), 250);
    let site = Site::new(&[]);
    site.login().command(&format!("CWD {}", "x/".repeat(3000)), 553);
}

#[test]
fn the_idle_timeout_does_not_count_the_time_of_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let password = dir.path().join("password");
    fs::write(&password, "secret").unwrap();
    let user = ["-user", "ann", "-password-file", password.to_str().unwrap()];
    let site = Site::new(&[&user[..], &["-idle", "400ms", "-login-delay", "1s"]].concat());
    let mut ftp = site.connect();
    ftp.command("USER ann", 331);
    ftp.command("PASS wrong", 530);
    ftp.login("ann", "secret");
    ftp.expect_reply(421, "the idle timeout");
}

#[test]
fn the_idle_timeout_closes_sessions_without_commands() {
    let site = Site::new(&["-idle", "300ms"]);
    let mut ftp = site.connect();
    ftp.expect_reply(421, "the idle timeout");
    assert_eq!(ftp.try_reply(), None);
    // Bytes that never become a line are not a command.
    let mut ftp = site.connect();
    let mut writer = ftp.stream().try_clone().unwrap();
    let (done_tx, done) = bounded::<()>(0);
    thread::scope(|scope| {
        scope.spawn(move || {
            let pace = Duration::from_millis(20);
            while done.recv_timeout(pace) == Err(RecvTimeoutError::Timeout) {
                _ = writer.write_all(b"x"); // the server may have closed the connection
            }
        });
        let _done_tx = done_tx; // its drop ends the writer, even if the assertion fails
        ftp.expect_reply(421, "no command");
    });
}

#[test]
fn data_connections_must_open_and_make_progress() {
    let site = Site::new(&["-data-timeout", "200ms", "-idle", "300ms"]);
    let file = fs::File::create(site.path("large")).unwrap();
    file.set_len(64 << 20).unwrap();
    let mut ftp = site.login();
    ftp.command("EPSV", 229);
    ftp.command("RETR file", 150);
    assert!(ftp.expect_reply(425, "not opened").contains("timed out"));
    let data = ftp.data();
    ftp.command("RETR large", 150);
    assert!(ftp.expect_reply(426, "stalled").contains("timed out"));
    drop(data);
    let data = ftp.data();
    ftp.command("STOR new", 150);
    assert!(ftp.expect_reply(426, "stalled").contains("timed out"));
    drop(data);
    assert!(!site.path("new").exists());
}

#[test]
fn listings_are_limited() {
    let site = Site::new(&["-list-max", "3"]);
    for nth in 0..5 {
        fs::write(site.path(&format!("n{nth}")), "").unwrap();
    }
    let mut ftp = site.login();
    // A client that mirrors the directory must not take the files left out for deleted ones.
    for line in ["LIST", "NLST", "MLSD"] {
        let mut data = ftp.data();
        ftp.command(line, 150);
        let mut text = String::new();
        data.read_to_string(&mut text).unwrap();
        assert_eq!(text.lines().count(), 3, "{line}");
        assert_eq!(ftp.expect_reply(451, line), "451 Listing truncated after 3 entries.");
    }
    let site = Site::new(&[]);
    fs::create_dir_all(site.path(&"d/".repeat(50))).unwrap();
    symlink("..", site.path("d/loop")).unwrap();
    let tree = site.login().text("NLST -R");
    assert_eq!(tree.lines().filter(|line| line.ends_with(':')).count(), 33); // sub, and 32 levels
}

#[test]
fn a_thousand_sessions_leave_no_files_and_threads_behind() {
    let site = Site::new(&[]);
    let n_files = site.server.process.n_files();
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                for nth in 0..100 {
                    let mut ftp = site.connect();
                    if nth % 10 == 0 {
                        ftp.login("anonymous", "x");
                        assert_eq!(ftp.text("NLST"), "file\r\nsub\r\n");
                        ftp.command("QUIT", 221);
                    }
                }
            });
        }
    });
    eventually("all files are closed", || site.server.process.n_files() < n_files + 10);
    // The main thread and the one that waits for signals; those of the pool stay parked for a while.
    eventually("all threads have ended", || site.server.process.n_threads() == 2);
}

#[test]
fn no_path_leads_out_of_the_directory() {
    let site = Site::new(&[]);
    symlink("/etc", site.path("etc")).unwrap();
    symlink("../../../../../../etc/passwd", site.path("passwd")).unwrap();
    symlink("sub", site.path("inside")).unwrap();
    let mut ftp = site.login();
    for path in
        ["etc/passwd", "passwd", "../../../../etc/passwd", "/etc/passwd", "etc/../etc/passwd"]
    {
        drop(ftp.data());
        ftp.command(&format!("RETR {path}"), 550);
        ftp.command(&format!("SIZE {path}"), 550);
        ftp.command(&format!("MLST {path}"), 550);
    }
    ftp.command("CWD etc", 550);
    ftp.command("CWD ../../..", 250);
    assert!(ftp.command("PWD", 257).starts_with("257 \"/\" "));
    drop(ftp.data());
    ftp.command("STOR etc/ftpd-was-here", 553);
    ftp.command("MKD etc/ftpd-was-here", 550);
    ftp.command("RNFR file", 350);
    ftp.command("RNTO etc/ftpd-was-here", 550);
    assert_eq!(ftp.get("RETR inside/inner"), b"inner");
    drop(ftp.data());
    ftp.command("STOR passwd", 553);
    assert!(site.path("passwd").is_symlink());
}

#[test]
fn a_directory_swapped_for_a_link_while_clients_read() {
    let site = Site::new(&[]);
    let (real, link, name) = (site.path("real"), site.path("link"), site.path("swapped"));
    fs::create_dir(&real).unwrap();
    fs::write(real.join("passwd"), "inside").unwrap();
    symlink("/etc", &link).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for end in [&real, &link] {
                    fs::rename(end, &name).unwrap();
                    fs::rename(&name, end).unwrap();
                }
            }
        });
        let mut ftp = site.login();
        for _ in 0..2000 {
            ftp.send("SIZE swapped/passwd\r\n");
            let (code, text) = ftp.reply();
            assert!(code == 550 || text == "213 6", "{text}");
        }
        for _ in 0..100 {
            let mut data = ftp.data();
            ftp.send("RETR swapped/passwd\r\n");
            if ftp.reply().0 == 150 {
                let mut text = String::new();
                std::io::Read::read_to_string(&mut data, &mut text).unwrap();
                assert_eq!(text, "inside");
                ftp.expect_reply(226, "RETR");
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
