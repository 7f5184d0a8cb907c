//! Accounts, their rights, and failed logins.

use std::{fs, thread};

use super::{Ftp, Site};
use crate::support::{Server, command, eventually, outcome, run, run_with};

#[test]
fn anonymous_users_can_only_read_by_default() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "text").unwrap();
    let path = dir.path().to_str().unwrap();
    let can_write = |args: &[&str]| {
        let server = Server::start("ftpd", &[&[path], args].concat());
        let mut ftp = Ftp::connect(([127, 0, 0, 1], server.addr.port()).into());
        ftp.login("ftp", "me@");
        ftp.command("TYPE I", 200);
        assert_eq!(ftp.get("RETR file"), b"text");
        ftp.send("MKD d\r\n");
        let is_made = ftp.reply().0 == 257;
        assert_eq!(is_made, fs::remove_dir(dir.path().join("d")).is_ok());
        if !is_made {
            for line in [
                "DELE file",
                "RNFR file",
                "RMD d",
                "SITE CHMOD 600 file",
                "MFMT 20010203040506 file",
            ] {
                ftp.command(line, 550);
            }
            for line in ["STOR x", "APPE x", "STOU"] {
                drop(ftp.data());
                ftp.command(line, 550);
            }
        }
        is_made
    };
    assert!(!can_write(&[]));
    assert!(can_write(&["-writable"]));
    assert!(!can_write(&["-writable", "-bind", "0.0.0.0"]));
    assert!(can_write(&["-writable", "-bind", "0.0.0.0", "-anonymous-writable"]));
}

#[test]
fn users_and_their_rights() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let made = run_with("ftpd", &["-hash-password"], b"secret\n");
    let hash = made.stdout.trim();
    assert!(made.code() == 0 && hash.starts_with("$argon2id$"), "{made:?}");
    let users = file("users", &format!("# a comment\nann:{hash}\nbob:{hash}:ro\n"));
    let password = file("password", "pass:word\n");
    let site = Site::new(&["-users", &users, "-user", "eve", "-password-file", &password]);
    let rights = |name: &str, password: &str| {
        let mut ftp = site.connect();
        ftp.command(&format!("USER {name}"), 331);
        ftp.send(format!("PASS {password}\r\n"));
        if ftp.reply().0 != 230 {
            return None;
        }
        ftp.send("MKD d\r\n");
        Some(ftp.reply().0 == 257 && fs::remove_dir(site.path("d")).is_ok())
    };
    assert_eq!(rights("ann", "secret"), Some(true));
    assert_eq!(rights("bob", "secret"), Some(false));
    assert_eq!(rights("eve", "pass:word"), Some(true));
    assert_eq!(rights("eve", "secret"), None);
    assert_eq!(rights("anonymous", "x"), None);
}

#[test]
fn failed_logins_are_delayed_and_limited() {
    let dir = tempfile::tempdir().unwrap();
    let password = dir.path().join("password");
    fs::write(&password, "secret").unwrap();
    let password = password.to_str().unwrap();
    let args = ["-user", "ann", "-password-file", password, "-tries", "2", "-login-delay", "200ms"];
    let site = Site::new(&args);
    let mut ftp = site.connect();
    let started = std::time::Instant::now();
    ftp.command("USER ann", 331);
    ftp.command("PASS wrong", 530);
    assert!(started.elapsed().as_millis() >= 200);
    ftp.command("PASS secret", 503);
    ftp.command("USER nobody", 331);
    ftp.command("PASS wrong", 421);
    assert_eq!(ftp.try_reply(), None);
    let both = Site::new(&[&args[..], &["-anonymous"]].concat());
    assert_eq!(both.login().get("RETR sub/inner"), b"inner");
}

/// Verifying a password takes 19 MiB, so the number of verifications at the same time is bounded.
#[test]
fn concurrent_password_verifications_are_limited() {
    let dir = tempfile::tempdir().unwrap();
    let password = dir.path().join("password");
    fs::write(&password, "secret").unwrap();
    let args = ["-user", "ann", "-password-file", password.to_str().unwrap(), "-login-delay", "0"];
    let peak = |verifications_max: &str| {
        let site = Site::new(&[&args[..], &["-hashing", verifications_max]].concat());
        thread::scope(|scope| {
            for nth in 0..32 {
                let mut ftp = site.connect();
                scope.spawn(move || {
                    ftp.command(if nth % 2 == 0 { "USER ann" } else { "USER nobody" }, 331);
                    ftp.command("PASS wrong", 530);
                });
            }
        });
        site.server.process.peak_memory()
    };
    // Hashing the password of the file took 19 MiB; each verification takes 19 MiB too.
    let (one, all) = (peak("1"), peak("32"));
    assert!(one < 60 << 20 && all > 2 * one, "{one} for one at a time, {all} for all");
}

#[test]
fn the_memory_of_password_verifications_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let password = dir.path().join("password");
    fs::write(&password, "secret").unwrap();
    let site = Site::new(&["-user", "ann", "-password-file", password.to_str().unwrap()]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5).for_each(|_| site.connect().login("ann", "secret")));
        }
    });
    // Each took 19 MiB, four at a time.
    eventually("the memory is given back", || site.server.process.memory() < 30 << 20);
}

#[test]
fn wrong_usage_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    assert_eq!(run("ftpd", &[] as &[&str]).code(), 2);
    for args in [
        &["-passive-ports", "5-4"][..],
        &["-idle", "x"],
        &["-require-tls"],
        &["-user", "x"],
        &["-tls", "only-one"],
        &["-public-address", "::1"],
    ] {
        let ended = run("ftpd", &[&[path], args].concat());
        assert_eq!((ended.code(), ended.stderr.lines().count()), (2, 1), "{ended:?}");
    }
    let failed = |args: &[&str]| {
        let ended = outcome(command("ftpd", args));
        assert_eq!(ended.code(), 1, "{ended:?}");
        ended.stderr
    };
    let none = failed(&["/nonexistent"]);
    assert_eq!(none, "ftpd: /nonexistent: No such file or directory (os error 2)\n");
    let users = dir.path().join("users");
    fs::write(&users, "ann:secret\n").unwrap();
    let users = users.to_str().unwrap();
    let bad = failed(&[path, "-users", users]);
    assert_eq!(
        bad,
        format!(
            "ftpd: {users}: line 1: ann: not a hash of ftpd --hash-password, bcrypt, SHA-256, SHA-512 or yescrypt\n"
        )
    );
    assert!(failed(&[path, "-tls", users, users]).starts_with(&format!("ftpd: {users}: ")));
}
