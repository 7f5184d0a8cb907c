//! Hard cases: interrupted transfers, forged names, special files, strangers at the data port.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::Site;
use super::client::stranger;
use threadbare::net;

use crate::support::{DEADLINE, Process, Server, eventually, program, report_skipped};

#[test]
fn an_interrupted_upload_leaves_only_the_old_file() {
    let site = Site::new(&[]);
    let names = site.names();
    // Each with half of the file sent.
    for end in ["ABOR", "disconnect", "reset"] {
        let mut ftp = site.login();
        let mut data = ftp.data();
        ftp.command("STOR file", 150);
        data.write_all(&vec![b'x'; 100_000]).unwrap();
        eventually("the bytes have arrived", || ftp.command("STAT", 211).contains(" 100000 bytes"));
        assert!(site.read("file") == b"one\ntwo\n", "the old file is gone");
        match end {
            "ABOR" => {
                ftp.command("ABOR", 426);
                ftp.expect_reply(226, "ABOR");
            }
            "disconnect" => {
                drop(ftp); // first, as the kernel closes the descriptors of a killed process
                drop(data);
            }
            _ => {
                reset(data);
                ftp.expect_reply(426, "a reset");
            }
        }
        eventually("only the old file is there", || site.names() == names);
        assert_eq!(site.read("file"), b"one\ntwo\n", "{end}");
    }
}

#[test]
fn a_full_disk_leaves_only_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "old").unwrap();
    let mut command = Command::new("sh");
    command.arg("-c").arg("ulimit -f 64; exec \"$0\" \"$@\""); // SIGXFSZ would end the server
    command.arg(program("ftpd")).arg(dir.path()).args(["-port", "0", "-writable"]);
    let site = Site { dir, server: Server::of(command) };
    let mut ftp = site.login();
    ftp.put("STOR file", &vec![b'x'; 4 << 20], 552);
    assert_eq!((site.read("file"), site.names()), (b"old".to_vec(), vec!["file".to_owned()]));
    ftp.put("STOR file", b"new", 226);
    assert_eq!(site.read("file"), b"new");
}

#[test]
fn ten_uploads_of_one_name_end_as_one_whole_file() {
    let site = Site::new(&[]);
    let names = site.names();
    thread::scope(|scope| {
        for nth in 0..10u8 {
            let site = &site;
            scope.spawn(move || site.login().put("STOR file", &vec![b'a' + nth; 1_000_000], 226));
        }
    });
    let bytes = site.read("file");
    assert!(bytes.len() == 1_000_000 && bytes.iter().all(|byte| *byte == bytes[0]));
    assert_eq!(site.names(), names);
}

#[test]
fn any_command_between_rnfr_and_rnto_cancels_the_rename() {
    let site = Site::new(&[]);
    let mut ftp = site.login();
    for between in ["NOOP", "PWD", "NONSENSE", "STAT", "RNTO"] {
        ftp.command("RNFR file", 350);
        ftp.send(format!("{between}\r\n"));
        ftp.reply();
        ftp.command("RNTO new", 503);
    }
    assert!(site.path("file").exists() && !site.path("new").exists());
}

#[test]
fn a_file_name_cannot_forge_a_line() {
    let site = Site::new(&[]);
    for name in ["a\r\n-rw-r--r-- 1 ftp ftp 0 Jan  1  2000 forged", "b\n226 forged", "c\x1b[2J"] {
        fs::write(site.path(name), "").unwrap();
    }
    std::os::unix::fs::symlink("x\r\nforged", site.path("link")).unwrap();
    fs::create_dir(site.path("d\r\n226 forged")).unwrap();
    let mut ftp = site.login();
    for (line, n_lines) in [("LIST", 7), ("NLST", 7), ("MLSD", 7)] {
        let text = ftp.text(line);
        assert_eq!(text.split('\n').count() - 1, n_lines, "{text}");
        let is_clean = |c: char| c == '\r' || c == '\n' || !c.is_control();
        assert!(text.chars().all(is_clean) && text.replace("\r\n", "").chars().all(|c| c != '\r'));
    }
    assert_eq!(ftp.command("STAT /", 212).lines().count(), 9);
    ftp.send(b"CWD d\r\0\n226 forged\r\n"); // CR NUL is a bare CR, LF ends the line
    ftp.expect_reply(550, "CWD");
    ftp.expect_reply(500, "226");
    ftp.command("MKD bell\x07", 553);
    ftp.command("RNFR file", 350);
    ftp.command("RNTO esc\x1b", 553);
}

#[test]
fn fifos_and_devices_are_refused_without_blocking() {
    let site = Site::new(&[]);
    assert!(Command::new("mkfifo").arg(site.path("fifo")).status().unwrap().success());
    let socket = std::os::unix::net::UnixListener::bind(site.path("socket")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", site.path("zero")).unwrap();
    let mut ftp = site.login();
    for name in ["fifo", "socket"] {
        for (verb, code) in [("RETR", 550), ("STOR", 553), ("APPE", 553)] {
            drop(ftp.data());
            ftp.command(&format!("{verb} {name}"), code);
        }
        ftp.command(&format!("SIZE {name}"), 550);
        ftp.command(&format!("MFMT 20010203040506 {name}"), 550);
        ftp.command("REST 1", 350);
        drop(ftp.data());
        ftp.command(&format!("STOR {name}"), 553);
    }
    drop(ftp.data());
    ftp.command("RETR zero", 550);
    drop(socket);
}

/// A stalled download of a file larger than the socket buffers.
fn stalled(site: &Site) -> (super::Ftp, TcpStream) {
    let file = fs::File::create(site.path("large")).unwrap();
    file.set_len(64 << 20).unwrap();
    let mut ftp = site.login();
    let mut data = ftp.data();
    ftp.command("RETR large", 150);
    data.read_exact(&mut [0; 1000]).unwrap();
    (ftp, data)
}

#[test]
fn stat_works_during_a_stalled_transfer() {
    let site = Site::new(&[]);
    let (mut ftp, mut data) = stalled(&site);
    let text = ftp.command("STAT", 211);
    assert!(text.contains("RETR /large: ") && text.contains(" of 67108864 bytes"), "{text}");
    let mut n_bytes = 1000;
    let mut buf = vec![0; 1 << 20];
    while let n @ 1.. = data.read(&mut buf).unwrap() {
        n_bytes += n;
    }
    assert_eq!(n_bytes, 64 << 20);
    ftp.expect_reply(226, "RETR");
    ftp.command("STAT", 211);
}

#[test]
fn abor_stops_a_stalled_transfer_with_telnet_marks_or_without() {
    let site = Site::new(&[]);
    for urgent in [false, true] {
        let (mut ftp, mut data) = stalled(&site);
        if urgent {
            // As RFC 959 (4.1.3) prescribes: IAC IP IAC, DM out of band, then the command.
            ftp.send(b"\xff\xf4\xff");
            SockRef::from(ftp.stream()).send_out_of_band(b"\xf2").unwrap();
            ftp.send("ABOR\r\n");
        } else {
            ftp.send("NOOP\r\nABOR\r\n");
        }
        ftp.expect_reply(426, "ABOR");
        ftp.expect_reply(226, "ABOR");
        if !urgent {
            ftp.expect_reply(200, "NOOP");
        }
        _ = data.read_to_end(&mut Vec::new()); // end of file or a reset
        assert_eq!(ftp.get("RETR sub/inner"), b"inner");
    }
    // Also before the data connection is open.
    let mut ftp = site.login();
    ftp.command("EPSV", 229);
    ftp.command("RETR file", 150);
    ftp.command("ABOR", 426);
    ftp.expect_reply(226, "ABOR");
}

#[test]
fn an_upload_ended_by_a_reset_is_never_complete() {
    let site = Site::new(&[]);
    let names = site.names();
    for n_bytes in [0, 1, 1000, 300_000] {
        let mut ftp = site.login();
        let mut data = ftp.data();
        ftp.command("STOR new", 150);
        data.write_all(&vec![b'x'; n_bytes]).unwrap();
        reset(data);
        ftp.expect_reply(426, "a reset");
        assert_eq!(site.names(), names);
    }
    // End of file, and a reset before the server has read it.
    let mut ftp = site.login();
    let data = ftp.data();
    data.shutdown(Shutdown::Write).unwrap();
    reset(data);
    ftp.command("STOR new", 150);
    ftp.expect_reply(426, "an end and a reset");
    assert_eq!(site.names(), names);
}

fn reset(data: TcpStream) {
    SockRef::from(&data).set_linger(Some(Duration::ZERO)).unwrap();
    drop(data);
}

#[test]
fn a_stranger_at_the_data_port_does_not_get_the_data() {
    let site = Site::new(&[]);
    let mut ftp = site.login();
    let addr = ftp.pasv();
    let mut strangers = [stranger(addr), stranger(addr)];
    let mut data = TcpStream::connect(addr).unwrap();
    data.set_read_timeout(Some(DEADLINE)).unwrap();
    ftp.command("RETR sub/inner", 150);
    let mut text = String::new();
    data.read_to_string(&mut text).unwrap();
    assert_eq!(text, "inner");
    ftp.expect_reply(226, "RETR");
    for stranger in &mut strangers {
        let closed = stranger.read(&mut [0; 10]);
        assert!(
            matches!(&closed, Ok(0)) || closed.is_err_and(|err| !net::is_timeout(&err)),
            "the stranger was served, or not disconnected"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_killed_half_way_leaves_the_old_file() {
    let mut site = Site::new(&[]);
    let names = site.names();
    let mut ftp = site.login();
    let mut data = ftp.data();
    ftp.command("STOR file", 150);
    data.write_all(&vec![b'x'; 100_000]).unwrap();
    eventually("the bytes have arrived", || ftp.command("STAT", 211).contains(" 100000 bytes"));
    site.server.process.signal(rustix::process::Signal::KILL);
    site.server.process.wait();
    assert_eq!((site.read("file"), site.names()), (b"one\ntwo\n".to_vec(), names));
}

/// Whether the server has a temporary file: one with a third name, or on Linux one without.
fn has_begun(site: &Site) -> bool {
    let dir = format!("/proc/{}/fd", site.server.process.pid());
    let mut links = fs::read_dir(dir).into_iter().flatten().flatten();
    let is_unnamed =
        |to: &Path| to.starts_with(site.dir.path()) && to.to_string_lossy().ends_with(" (deleted)");
    site.names().len() == 3
        || links.any(|link| fs::read_link(link.path()).is_ok_and(|to| is_unnamed(&to)))
}

#[test]
fn a_client_killed_half_way_leaves_the_old_file() {
    let curl = Command::new("curl").arg("--version").stdout(Stdio::null()).status();
    if !curl.is_ok_and(|status| status.success()) {
        return report_skipped("curl is not installed");
    }
    let site = Site::new(&[]);
    let url = format!("ftp://{}/file", site.server.addr);
    let mut command = Command::new("curl");
    command.args(["-s", "-T", "-", "--limit-rate", "1M", &url]).stdin(Stdio::piped());
    let mut curl = Process::start(&mut command);
    curl.send(&vec![b'x'; 200_000]);
    eventually("an upload has begun", || has_begun(&site));
    curl.signal(rustix::process::Signal::KILL);
    eventually("the temporary file has gone", || site.names().len() == 2);
    assert!(site.read("file") == b"one\ntwo\n", "the old file is gone");
}
