//! Users with directories and rights of their own, and password hashes of other programs.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::symlink;

use super::{Ftp, Site, names};
use crate::support::{DEADLINE, command, outcome};

/// The SHA-512 hash of "secret", made by `openssl passwd -6 -salt ab`.
const SHA512: &str =
    "$6$ab$2lDVylRMp48hlYZZFOCx/xnhJEsGPynJ17rt2um9Gb8wX6ygI4uDxg3Bg43pp/Hv397hwWfT8mciHws9eE4sR/";
/// The bcrypt hash of "secret", made by `htpasswd -nbB`.
const BCRYPT: &str = "$2y$05$GLPMjcDtTVNdqCmaL6vjx.XqYslTDrdiwH4LM2u8nA69blsuQOnOW";
/// The yescrypt hash of "secret", made by `mkpasswd`.
const YESCRYPT: &str = "$y$j9T$BiIaAWV6nTLpnl1hPswfR/$kr4smdGZ.JdjrP/2ugR5enIY0ewDtlndrLNiYT2qKr2";

/// A site with these lines as its users file, and the directory of that file.
fn site_with_users(lines: &str) -> (Site, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("users");
    fs::write(&file, lines).unwrap();
    (Site::new(&["-users", file.to_str().unwrap(), "-login-delay", "0"]), dir)
}

fn log_in(site: &Site, name: &str) -> Ftp {
    let mut ftp = site.connect();
    ftp.login(name, "secret");
    ftp.command("TYPE I", 200);
    ftp
}

#[test]
fn hashes_of_other_programs_let_users_in() {
    let lines = format!("ann:{SHA512}\nbob:{BCRYPT}:ro\neve:{YESCRYPT}\n");
    let (site, _dir) = site_with_users(&lines);
    for name in ["ann", "bob", "eve"] {
        let mut ftp = site.connect();
        ftp.command(&format!("USER {name}"), 331);
        ftp.command("PASS Secret", 530);
        log_in(&site, name).command("NOOP", 200);
    }
}

#[test]
fn a_directory_is_a_users_root() {
    let (site, _dir) =
        site_with_users(&format!("ann:{SHA512}:/sub\nbob:{SHA512}:ro:/sub/../sub\n"));
    symlink("../file", site.path("sub/link")).unwrap();
    let mut ann = log_in(&site, "ann");
    assert!(ann.command("PWD", 257).contains("\"/\""));
    assert_eq!(ann.get("RETR inner"), b"inner");
    for line in ["RETR file", "RETR ../file", "RETR /../file", "RETR link"] {
        drop(ann.data());
        ann.command(line, 550);
    }
    ann.command("CWD ..", 250);
    assert_eq!(ann.text("NLST"), "inner\r\nlink\r\n");
    ann.put("STOR new", b"of ann", 226);
    assert_eq!(site.read("sub/new"), b"of ann");
    let mut bob = log_in(&site, "bob");
    assert_eq!(bob.get("RETR /new"), b"of ann");
    bob.command("DELE new", 550);
    ann.command("MKD deep", 257);
    ann.command("CWD deep", 250);
    ann.login("bob", "secret"); // without REIN
    assert!(ann.command("PWD", 257).contains("\"/\""));
    ann.command("REIN", 220);
    ann.command("NLST", 530);
}

#[test]
fn a_directory_that_is_gone_at_the_login_is_no_root() {
    let (site, _dir) = site_with_users(&format!("ann:{SHA512}:/sub\n"));
    fs::rename(site.path("sub"), site.path("moved")).unwrap();
    let mut ftp = site.connect();
    ftp.command("USER ann", 331);
    ftp.command("PASS secret", 530);
    ftp.command("PWD", 530);
    symlink("/", site.path("sub")).unwrap(); // nor is one that leads out
    ftp.command("USER ann", 331);
    ftp.command("PASS secret", 530);
    fs::remove_file(site.path("sub")).unwrap();
    fs::rename(site.path("moved"), site.path("sub")).unwrap();
    log_in(&site, "ann").command("PWD", 257);
}

/// Sends `line` with a data connection, and asserts that it is refused before the transfer.
fn refuse_transfer(ftp: &mut Ftp, line: &str, code: u16) {
    drop(ftp.data());
    ftp.command(line, code);
}

#[test]
fn a_drop_box_takes_new_files_and_shows_nothing() {
    let (site, _dir) = site_with_users(&format!("bob:{SHA512}:drop:/sub\n"));
    let mut bob = log_in(&site, "bob");
    bob.put("STOR new", b"first", 226);
    for line in ["STOR new", "STOR inner"] {
        refuse_transfer(&mut bob, line, 553);
    }
    for line in ["LIST", "NLST", "MLSD", "RETR new", "APPE new", "APPE other"] {
        refuse_transfer(&mut bob, line, 550);
    }
    bob.command("REST 2", 350);
    refuse_transfer(&mut bob, "STOR new", 553);
    for line in [
        "SIZE new",
        "MDTM new",
        "MLST new",
        "STAT new",
        "DELE new",
        "RNFR new",
        "MFMT 20010203040506 new",
        "SITE CHMOD 600 new",
        "RMD made",
    ] {
        bob.command(line, 550);
    }
    bob.command("MKD made", 257);
    bob.command("CWD made", 250);
    bob.put("STOR deep", b"x", 226);
    let named = bob.put("STOU", b"unique", 226);
    let name = named.rsplit(' ').next().unwrap();
    assert_eq!(site.read(&format!("sub/made/{name}")), b"unique");
    assert_eq!(site.read("sub/new"), b"first");
    assert_eq!(names(&site.path("sub")), ["inner", "made", "new"]);
}

#[test]
fn two_uploads_of_one_name_to_a_drop_box_leave_the_first() {
    let (site, _dir) = site_with_users(&format!("bob:{SHA512}:drop\n"));
    let (mut one, mut two) = (log_in(&site, "bob"), log_in(&site, "bob"));
    let begin = |ftp: &mut Ftp| -> TcpStream {
        let data = ftp.data();
        data.set_read_timeout(Some(DEADLINE)).unwrap();
        ftp.command("STOR new", 150);
        data
    };
    let (mut first, mut second) = (begin(&mut one), begin(&mut two));
    std::io::Write::write_all(&mut first, b"first").unwrap();
    std::io::Write::write_all(&mut second, b"second").unwrap();
    drop(first);
    one.expect_reply(226, "STOR");
    drop(second);
    two.expect_reply(553, "STOR");
    assert_eq!(site.read("new"), b"first");
}

#[test]
fn nonsense_in_a_users_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("root")).unwrap();
    symlink("/etc", dir.path().join("root/out")).unwrap();
    let (file, root) = (dir.path().join("users"), dir.path().join("root"));
    let check = |bytes: &[u8], expected: &str| {
        fs::write(&file, bytes).unwrap();
        let args = [root.to_str().unwrap(), "-writable", "-port", "0", "-users"];
        let mut started = command("ftpd", &args);
        started.arg(&file);
        let ended = outcome(started);
        assert_eq!(ended.code(), 1, "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        assert!(ended.stderr.contains(expected), "{ended:?}");
    };
    let line = |rest: &str| format!("ann:{SHA512}{rest}\n").into_bytes();
    check(b"ann\n", "line 1: expected NAME:HASH[:ro|rw|drop][:DIR]");
    check(b"ann:*\n", "line 1: ann: not a hash");
    check(b"ann:$1$salt$qJH7.N4xYta3aEG/dfqo/0\n", "line 1: ann: not a hash"); // MD5
    check(&line(":wr"), "line 1: \"wr\" is neither ro, rw, drop nor a DIR");
    check(&line(":rw:sub"), "does not begin with a slash");
    check(&[line(""), line("")].concat(), "line 2: duplicate user ann");
    check(&line(":rw:/nowhere"), "ann: /nowhere: No such file or directory");
    check(&line(":rw:/.."), "ann: /..: ");
    check(&line(":rw:/out"), "ann: /out: ");
    check(b"a\xffb:x\n", "users: ");
    check(b"\0:\0\n", "line 1: ");
}
