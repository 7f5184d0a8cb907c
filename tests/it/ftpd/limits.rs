//! Every limit has a flag, every refusal a reply.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam::channel::{RecvTimeoutError, bounded};

use super::{Ftp, Site};
use crate::support::eventually;

/// What a client hears that is turned away.
fn refusal(site: &Site) -> String {
    let mut ftp = Ftp::of(std::net::TcpStream::connect(site.server.addr).unwrap());
    let (code, text) = ftp.reply();
    assert_eq!((code, ftp.try_reply()), (421, None));
    text
}

#[test]
fn so_many_sessions_in_all_and_from_one_address() {
    let site = Site::new(&["-sessions", "2"]);
    let (first, _second) = (site.connect(), site.connect());
    assert!(refusal(&site).contains("Too many sessions;"));
    drop(first);
    eventually("there is room again", || {
        let stream = std::net::TcpStream::connect(site.server.addr).unwrap();
        Ftp::of(stream).reply().0 == 220
    });
    let site = Site::new(&["-per-address", "1"]);
    let _only = site.connect();
    assert!(refusal(&site).contains("from your address"));
}

#[test]
fn long_lines_are_refused_and_the_session_goes_on() {
    let site = Site::new(&["-line-max", "100"]);
    let mut ftp = site.login();
    ftp.says(&"x".repeat(101), 500);
    ftp.says(&format!("CWD {}", "x".repeat(1 << 20)), 500);
    ftp.says(&format!("CWD {}", "/".repeat(90)), 250);
    let site = Site::new(&[]);
    site.login().says(&format!("CWD {}", "x/".repeat(3000)), 553);
}

#[test]
fn silence_ends_a_session_but_not_a_transfer() {
    let site = Site::new(&["-idle", "300ms"]);
    let mut ftp = site.connect();
    ftp.hears(421, "silence");
    assert_eq!(ftp.try_reply(), None);
    // A byte now and then is no command.
    let mut ftp = site.connect();
    let mut writer = ftp.stream().try_clone().unwrap();
    let (over, is_over) = bounded::<()>(0);
    thread::scope(|scope| {
        scope.spawn(move || {
            let pace = Duration::from_millis(20);
            while is_over.recv_timeout(pace) == Err(RecvTimeoutError::Timeout) {
                _ = writer.write_all(b"x"); // the server has hung up, or will
            }
        });
        let _over = over; // ends the writer, whatever is heard
        ftp.hears(421, "no command");
    });
}

#[test]
fn a_data_connection_must_come_and_move() {
    let site = Site::new(&["-data-timeout", "200ms", "-idle", "300ms"]);
    let file = fs::File::create(site.path("large")).unwrap();
    file.set_len(64 << 20).unwrap();
    let mut ftp = site.login();
    ftp.says("EPSV", 229);
    ftp.says("RETR file", 150);
    assert!(ftp.hears(425, "nobody came").contains("nobody came in time"));
    let data = ftp.data();
    ftp.says("RETR large", 150);
    assert!(ftp.hears(426, "stalled").contains("stood still"));
    drop(data);
    let data = ftp.data();
    ftp.says("STOR new", 150);
    assert!(ftp.hears(426, "stalled").contains("stood still"));
    drop(data);
    assert!(!site.path("new").exists());
}

#[test]
fn a_listing_ends_somewhere() {
    let site = Site::new(&["-list-max", "3"]);
    for nth in 0..5 {
        fs::write(site.path(&format!("n{nth}")), "").unwrap();
    }
    let mut ftp = site.login();
    assert_eq!(ftp.text("NLST").lines().count(), 3);
    let site = Site::new(&[]);
    fs::create_dir_all(site.path(&"d/".repeat(50))).unwrap();
    symlink("..", site.path("d/loop")).unwrap();
    let tree = site.login().text("NLST -R");
    assert_eq!(tree.lines().filter(|line| line.ends_with(':')).count(), 33); // sub, and 32 deep
}

#[test]
fn nothing_is_left_of_a_thousand_sessions() {
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
                        ftp.says("QUIT", 221);
                    }
                }
            });
        }
    });
    eventually("all files are closed", || site.server.process.n_files() < n_files + 10);
    // The first thread and the one that waits for signals; the pool's rest a while before they end.
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
        ftp.says(&format!("RETR {path}"), 550);
        ftp.says(&format!("SIZE {path}"), 550);
        ftp.says(&format!("MLST {path}"), 550);
    }
    ftp.says("CWD etc", 550);
    ftp.says("CWD ../../..", 250);
    assert!(ftp.says("PWD", 257).starts_with("257 \"/\" "));
    drop(ftp.data());
    ftp.says("STOR etc/ftpd-was-here", 553);
    ftp.says("MKD etc/ftpd-was-here", 550);
    ftp.says("RNFR file", 350);
    ftp.says("RNTO etc/ftpd-was-here", 550);
    assert_eq!(ftp.get("RETR inside/inner"), b"inner");
    ftp.put("STOR passwd", b"a file now, the link is gone", 226);
    assert!(site.path("passwd").symlink_metadata().unwrap().is_file());
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
                ftp.hears(226, "RETR");
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
