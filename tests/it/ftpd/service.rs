//! What the administrator of a service needs: an audit log, another user than root, limits on bytes
//! per second, sockets and readiness of systemd.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::{Ftp, Site};
use crate::support::{
    DEADLINE, Server, command, eventually, outcome, program, report_skipped, run,
};

/// The objects in a file of JSON lines.
fn records(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn field<'v>(record: &'v Value, key: &str) -> &'v str {
    record[key].as_str().unwrap_or("")
}

#[test]
fn the_audit_log_has_a_line_per_event() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("audit");
    let site = Site::new(&["-audit", file.to_str().unwrap()]);
    let mut ftp = site.login();
    ftp.put("STOR new", b"contents", 226);
    ftp.get("RETR file");
    ftp.get("NLST"); // is not recorded
    drop(ftp.data());
    ftp.command("RETR missing", 550);
    ftp.command("MKD made", 257);
    ftp.command("RNFR made", 350);
    ftp.command("RNTO moved", 250);
    ftp.command("RMD moved", 250);
    ftp.command("SITE CHMOD 600 new", 200);
    ftp.command("SITE HELP", 214); // is not recorded
    ftp.command("MFMT 20010203040506 new", 213);
    ftp.command("DELE new", 250);
    ftp.command("DELE new", 550);
    ftp.send(b"MKD \xff\"\xff\xff\r\n");
    ftp.expect_reply(257, "MKD");
    let records = records(&file);
    let events: Vec<String> = records
        .iter()
        .map(|r| {
            format!("{} {} {} {}", field(r, "command"), field(r, "path"), field(r, "to"), r["ok"])
        })
        .collect();
    let expected = [
        "LOGIN   true",
        "STOR /new  true",
        "RETR /file  true",
        "RETR /missing  false",
        "MKD /made  true",
        "RNTO /made /moved true",
        "RMD /moved  true",
        "CHMOD /new 600 true",
        "MFMT /new 20010203040506 true",
        "DELE /new  true",
        "DELE /new  false",
        "MKD /\u{fffd}\"\u{fffd}  true",
    ];
    assert_eq!(events, expected);
    assert_eq!(field(&records[11], "path_hex"), "2fff22ff");
    assert_eq!((&records[1]["bytes"], &records[2]["bytes"]), (&8.into(), &8.into()));
    assert_eq!(field(&records[3], "reply"), "550 No such file or directory.");
    for record in &records {
        assert_eq!(field(record, "user"), "anonymous");
        assert_eq!(field(record, "address"), "127.0.0.1");
        assert_eq!(record["session"], 1);
        assert!(field(record, "time").ends_with('Z'), "{record}");
    }
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o7, 0, "others cannot read it");
}

#[test]
fn sighup_continues_the_audit_log_in_a_new_file() {
    let dir = tempfile::tempdir().unwrap();
    let (file, old) = (dir.path().join("audit"), dir.path().join("audit.1"));
    let site = Site::new(&["-audit", file.to_str().unwrap()]);
    let mut ftp = site.login();
    fs::rename(&file, &old).unwrap();
    ftp.command("MKD one", 257);
    site.server.process.signal(Signal::HUP);
    eventually("the file is opened again", || file.exists());
    ftp.command("MKD two", 257);
    assert_eq!((records(&old).len(), records(&file).len()), (2, 1));
}

#[test]
fn concurrent_sessions_write_whole_lines() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("audit");
    let site = Site::new(&["-audit", file.to_str().unwrap()]);
    std::thread::scope(|scope| {
        for nth in 0..8 {
            let site = &site;
            scope.spawn(move || {
                let mut ftp = site.login();
                for _ in 0..50 {
                    ftp.command(&format!("MKD {}{nth}", "x".repeat(200)), 257);
                    ftp.command(&format!("RMD {}{nth}", "x".repeat(200)), 250);
                }
            });
        }
    });
    assert_eq!(records(&file).len(), 8 * 101);
}

#[test]
fn a_full_disk_of_the_audit_log_is_reported() {
    let mut site = Site::new(&["-audit", "/dev/full"]);
    let mut ftp = site.login();
    ftp.command("MKD made", 257);
    drop(ftp);
    site.server.process.signal(Signal::TERM);
    let log = site.server.process.wait().stderr;
    let n_lines = log.matches("audit log /dev/full: No space left on device").count();
    assert_eq!(n_lines, 1, "{log}");
}

/// The fields are those of xferlog(5) of wu-ftpd 2.6.
#[test]
fn xferlog_has_transfers_and_removed_files() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("xferlog");
    let site = Site::new(&["-audit", file.to_str().unwrap(), "-audit-format", "xferlog"]);
    let mut ftp = site.login();
    ftp.put("STOR a name", b"contents", 226);
    ftp.command("MKD made", 257);
    ftp.command("DELE a name", 250);
    let text = fs::read_to_string(&file).unwrap();
    let tails: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().skip(6).collect()).collect();
    let upload = "127.0.0.1 8 /a_name b _ i a anonymous ftp 0 * c";
    let removal = "127.0.0.1 0 /a_name b _ d a anonymous ftp 0 * c";
    assert_eq!(tails, [upload, removal].map(|line| line.split(' ').collect::<Vec<_>>()));
}

#[test]
fn every_log_line_has_a_time_and_a_failed_login_the_form_of_pure_ftpd() {
    let dir = tempfile::tempdir().unwrap();
    let password = dir.path().join("password");
    fs::write(&password, "secret").unwrap();
    let args = ["-user", "ann", "-password-file", password.to_str().unwrap(), "-login-delay", "0"];
    let mut site = Site::new(&[&args[..], &["-log", "info"]].concat());
    let mut ftp = site.connect();
    ftp.command("USER x) [WARNING] \u{1b}", 331); // no name can forge the address
    ftp.command("PASS wrong", 530);
    site.server.process.signal(Signal::TERM);
    let log = site.server.process.wait().stderr;
    let lines: Vec<&str> = log.lines().skip(1).collect(); // the first is: listening on ADDR
    assert!(lines.len() >= 3, "{log}");
    for line in &lines {
        let (time, rest) = line.split_once(' ').expect(line);
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{line}");
        assert!(rest.starts_with("ftpd: "), "{line}");
    }
    let failed =
        "ftpd: (?@127.0.0.1) [WARNING] Authentication failed for user [x) [WARNING] \\u{1b}]";
    assert!(lines.iter().any(|line| line.ends_with(failed)), "{log}");
}

#[test]
fn the_journal_gets_priorities_in_place_of_times() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = fs::File::create(&path).unwrap();
    let meta = log.metadata().unwrap();
    let mut child = command("ftpd", &[dir.path().to_str().unwrap(), "-port", "0", "-log", "info"]);
    child.env("JOURNAL_STREAM", format!("{}:{}", meta.dev(), meta.ino())).stderr(log);
    let mut child = child.stdout(Stdio::null()).spawn().unwrap();
    let text = || fs::read_to_string(&path).unwrap();
    eventually("it listens", || text().contains("listening on "));
    let port = text().lines().next().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    drop(Ftp::connect(([127, 0, 0, 1], port).into()));
    eventually("the session has ended", || text().contains(" ends after "));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(text().lines().any(|line| line.starts_with("<6>info: 127.0.0.1:")), "{}", text());
}

/// What a thread's status says of `key`, each number once.
fn ids(status: &str, key: &str) -> BTreeSet<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

#[test]
fn setuid_leaves_root_in_every_thread() {
    if !rustix::process::getuid().is_root() {
        return report_skipped("only root can change the user");
    }
    let dir = tempfile::tempdir().unwrap();
    let audit = dir.path().join("audit");
    let site = dir.path().join("site");
    fs::create_dir(&site).unwrap();
    for path in [dir.path(), &site] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let mut start = command("ftpd", &[site.to_str().unwrap(), "-writable", "-port", "0"]);
    start.args(["-bind", "127.0.0.1", "-setuid", "nobody", "-umask", "027", "-audit"]);
    let server = Server::of({
        start.arg(&audit);
        start
    });
    let mut ftp = Ftp::connect(server.addr);
    ftp.login("anonymous", "x");
    ftp.put("STOR new", b"x", 226);
    ftp.command("MKD made", 257);
    let tasks = fs::read_dir(format!("/proc/{}/task", server.process.pid())).unwrap();
    let statuses: Vec<String> = tasks
        .map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap())
        .collect();
    assert!(statuses.len() >= 2);
    for status in statuses {
        for key in ["Uid:", "Gid:", "Groups:"] {
            assert!(!ids(&status, key).contains(&0), "{status}");
        }
    }
    let owner = |name: &str| fs::metadata(site.join(name)).unwrap().uid();
    let mode = |name: &str| fs::metadata(site.join(name)).unwrap().permissions().mode() & 0o777;
    assert!(owner("new") != 0 && owner("made") == owner("new"));
    assert_eq!((mode("new"), mode("made")), (0o640, 0o750));
    assert_eq!(fs::metadata(&audit).unwrap().uid(), owner("new"));
    fs::rename(&audit, dir.path().join("audit.1")).unwrap();
    server.process.signal(Signal::HUP);
    eventually("the new user opens the audit log again", || audit.exists());
}

#[test]
fn users_that_setuid_cannot_become_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let check = |user: &str, expected: &str| {
        let ended = run("ftpd", &[path, "-port", "0", "-setuid", user]);
        assert_eq!((ended.code(), ended.stderr.lines().count()), (1, 1), "{ended:?}");
        assert!(ended.stderr.contains(expected), "{ended:?}");
    };
    check("no-such-user", "--setuid no-such-user: there is no user no-such-user");
    check("root", "--setuid root: root has the user id of root");
    let ended = run("ftpd", &[path, "-umask", "999"]);
    assert_eq!(ended.code(), 2, "{ended:?}");
}

#[test]
fn dot_files_can_be_hidden() {
    let site = Site::new(&["-hide-dot-files"]);
    fs::create_dir(site.path(".git")).unwrap();
    fs::write(site.path(".git/config"), "secret").unwrap();
    let mut ftp = site.login();
    for line in ["NLST -a", "MLSD", "LIST -aR", "NLST -a *"] {
        assert!(!ftp.text(line).contains(".git"), "{line}");
    }
    for line in ["CWD .git", "SIZE .git/config", "MLST sub/../.git", "DELE .git/config"] {
        ftp.command(line, 550);
    }
    for line in ["RETR .git/config", "STOR .new", "NLST .*", "LIST .git"] {
        drop(ftp.data());
        ftp.command(line, 550);
    }
    ftp.command("RNFR file", 350);
    ftp.command("RNTO .file", 550);
    ftp.command("CWD .", 250);
    ftp.command("CWD ..", 250);
}

/// RFC 7151, 3.2 and 4: HOST comes before USER. CLNT has no RFC; the reply is proftpd's.
#[test]
fn host_and_clnt_are_answered() {
    let site = Site::new(&[]);
    let mut ftp = site.connect();
    let features = ftp.command("FEAT", 211);
    assert!(features.contains("\r\n HOST\r\n") && features.contains("\r\n CLNT\r\n"), "{features}");
    for line in ["HOST ftp.example.com", "HOST [2001:db8::1]", "HOST 192.0.2.1"] {
        ftp.command(line, 220);
    }
    for line in ["HOST", "HOST a b", "HOST [x]", "HOST a:21", "HOST a..b"] {
        ftp.command(line, 501);
    }
    ftp.command("CLNT NcFTP 3.2.6", 200);
    ftp.login("anonymous", "x");
    ftp.command("HOST ftp.example.com", 503);
    ftp.command("REIN", 220);
    ftp.command("HOST ftp.example.com", 220);
}

/// The least time that `n_bytes` may take at `rate`: what the kernel's buffers hold is sent at once.
fn least(n_bytes: u32, rate: u32) -> Duration {
    (Duration::from_secs(1) * n_bytes / rate).saturating_sub(Duration::from_millis(200))
}

#[test]
fn transfers_keep_to_their_rate_and_can_be_aborted() {
    let site = Site::new(&["-rate", "100K", "-data-timeout", "1s"]);
    fs::write(site.path("large"), vec![b'x'; 60 << 10]).unwrap();
    let mut ftp = site.login();
    let started = Instant::now();
    assert_eq!(ftp.get("RETR large").len(), 60 << 10);
    assert!(started.elapsed() >= least(60, 100), "{:?}", started.elapsed());
    let started = Instant::now();
    ftp.put("STOR new", &vec![b'x'; 60 << 10], 226);
    assert!(started.elapsed() >= least(60, 100), "{:?}", started.elapsed());
    fs::write(site.path("huge"), vec![b'x'; 10 << 20]).unwrap();
    let mut data = ftp.data();
    ftp.command("RETR huge", 150);
    data.read_exact(&mut [0; 1000]).unwrap();
    assert!(ftp.command("STAT", 211).contains("RETR /huge: "));
    let started = Instant::now();
    ftp.command("ABOR", 426);
    ftp.expect_reply(226, "ABOR");
    assert!(started.elapsed() < Duration::from_secs(50));
}

#[test]
fn all_transfers_share_the_total_rate() {
    let site = Site::new(&["-total-rate", "200K"]);
    fs::write(site.path("large"), vec![b'x'; 50 << 10]).unwrap();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(site.login().get("RETR large").len(), 50 << 10));
        }
    });
    assert!(started.elapsed() >= least(200, 200), "{:?}", started.elapsed());
    for bad in ["0", "x", "1T", "-1"] {
        let ended = run("ftpd", &[".", &format!("--total-rate={bad}")]);
        assert_eq!(ended.code(), 2, "{bad}");
    }
}

#[test]
fn names_of_old_clients_are_converted() {
    let site = Site::new(&["-names", "latin1"]);
    fs::write(site.path("grüße"), "text").unwrap();
    fs::write(site.path("日"), "").unwrap();
    let mut ftp = site.login();
    let listed = ftp.get("NLST");
    assert!(listed.windows(7).any(|line| line == b"gr\xfc\xdfe\r\n"), "{listed:?}");
    assert!(listed.starts_with(b"?\r\n") || listed.ends_with(b"?\r\n"), "{listed:?}");
    ftp.send(b"SIZE gr\xfc\xdfe\r\n");
    ftp.expect_reply(213, "SIZE");
    ftp.send(b"MKD \xff\r\n"); // y with diaeresis, U+FF; not doubled
    ftp.expect_reply(257, "MKD");
    assert!(site.path("ÿ").is_dir());
    ftp.command("OPTS UTF8 ON", 200);
    assert!(ftp.text("NLST").contains("grüße\r\n"));
    ftp.command("RMD ÿ", 250);
    ftp.command("OPTS UTF8 OFF", 200);
    assert!(ftp.get("MLSD").windows(7).any(|line| line == b"gr\xfc\xdfe\r\n"));
    assert_eq!(run("ftpd", &[".", "-names", "utf-16"]).code(), 2);
}

/// Starts ftpd as systemd does: with a listening socket as descriptor 3.
#[test]
fn systemds_sockets_are_served_and_readiness_is_reported() {
    if outcome_of_shell("exec 3</dev/null").is_none() {
        return report_skipped("there is no sh");
    }
    let dir = tempfile::tempdir().unwrap();
    let ready = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    ready.set_read_timeout(Some(DEADLINE)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    // The shell passes its stdin on as descriptor 3, and keeps its process id.
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
    let mut start = Command::new("sh");
    start.args(["-c", script]).arg(program("ftpd")).arg(dir.path());
    start.stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)));
    start.env("NOTIFY_SOCKET", dir.path().join("notify"));
    let mut server = Server::of(start);
    assert_eq!(server.addr, addr);
    let mut state = [0; 64];
    let n = ready.recv(&mut state).unwrap();
    assert_eq!(&state[..n], b"READY=1");
    let mut ftp = Ftp::connect(addr);
    ftp.login("anonymous", "x");
    server.process.signal(Signal::TERM);
    ftp.expect_reply(421, "SIGTERM");
    let n = ready.recv(&mut state).unwrap();
    assert_eq!(&state[..n], b"STOPPING=1");
    assert_eq!(server.process.wait().code(), 0);
}

fn outcome_of_shell(script: &str) -> Option<i32> {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).stdin(Stdio::null());
    shell.status().ok()?.code()
}

#[test]
fn a_descriptor_that_does_not_listen_is_refused() {
    let mut start = Command::new("sh");
    let script = "exec 3</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" .";
    start.args(["-c", script]).arg(program("ftpd"));
    start.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = outcome(start);
    assert_eq!(ended.code(), 1, "{ended:?}");
    assert!(ended.stderr.contains("LISTEN_FDS: "), "{ended:?}");
}
