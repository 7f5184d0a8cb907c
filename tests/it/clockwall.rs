//! 8.2, exercise 8.1 clockwall.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::{Process, Server, command, eventually, pseudo_terminal, run};

mod screen;

use screen::Screen;

/// A clockwall on a terminal of its own.
struct TerminalSession {
    child: Child,
    terminal: File,
    written: Arc<Mutex<Vec<u8>>>,
}

impl TerminalSession {
    fn start(clocks: &[String]) -> Self {
        let (terminal, end) = pseudo_terminal();
        resize(&terminal, 80, 24);
        let mut clockwall = command("clockwall", clocks);
        let child = clockwall.stdout(Stdio::from(end)).spawn().unwrap();
        drop(clockwall); // and with it our end of its terminal
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let (mut reader, output) = (terminal.try_clone().unwrap(), Arc::clone(&written));
        thread::spawn(move || {
            let mut buf = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut buf) {
                output.lock().unwrap().extend(&buf[..n]);
            }
        });
        TerminalSession { child, terminal, written }
    }

    fn screen(&self) -> Screen {
        Screen::parse(&String::from_utf8_lossy(&self.written.lock().unwrap()))
    }

    /// Waits until line `nth` and whether it is dim satisfy `is_as_wanted`.
    fn until(&self, nth: usize, is_as_wanted: impl Fn(&str, bool) -> bool) {
        eventually(&format!("line {nth} is as wanted"), || {
            let screen = self.screen();
            is_as_wanted(&screen.line(nth), screen.is_dim(nth))
        });
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for TerminalSession {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn resize(terminal: &File, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).unwrap();
}

/// A listener, its address, and the argument that makes clockwall connect to it.
fn listen(name: &str) -> (TcpListener, SocketAddr, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr, format!("{name}={addr}"))
}

/// Accepts a connection and sends `bytes`.
fn accept(listener: &TcpListener, bytes: &[u8]) -> TcpStream {
    let mut stream = listener.accept().unwrap().0;
    stream.write_all(bytes).unwrap();
    stream
}

#[test]
fn a_server_that_comes_back_is_shown_again() {
    let (listener, addr, clock) = listen("NewYork");
    let clockwall = TerminalSession::start(&[clock]);
    clockwall.until(1, |line, is_dim| line.starts_with("NewYork  -") && is_dim);
    let stream = accept(&listener, b"07:00:00\n");
    clockwall.until(1, |line, is_dim| line.starts_with("NewYork  07:00:00  ") && !is_dim);
    clockwall.until(1, |line, _| line.ends_with("  ok"));
    drop((listener, stream));
    clockwall.until(1, |line, is_dim| {
        let is_shown = line.starts_with("NewYork  07:00:00  ") && line.contains(" again in ");
        is_shown && line.ends_with(": Connection refused") && is_dim
    });
    let listener = TcpListener::bind(addr).unwrap();
    let _stream = accept(&listener, b"07:00:10\n");
    clockwall.until(1, |line, is_dim| {
        line.starts_with("NewYork  07:00:10  ") && line.ends_with("  ok") && !is_dim
    });
    let screen = clockwall.screen();
    assert!(screen.line(0).starts_with("clock    time      offset     age   state"));
    assert_eq!(screen.n_lines(), 2, "{screen:?}");
}

#[test]
fn every_kind_of_server_is_shown() {
    let real = Server::start("clock", &["-tz", "Asia/Tokyo"]);
    let (garbage, _, garbage_arg) = listen("garbage");
    let (_silent, _, silent_arg) = listen("silent");
    let (gone, _, gone_arg) = listen("gone");
    drop(gone);
    let clockwall =
        TerminalSession::start(&[format!("real={}", real.addr), garbage_arg, silent_arg, gone_arg]);
    let _stream = accept(&garbage, b"HTTP/1.1 400 \x1b[2J\x07Bad Request\r\n");
    clockwall.until(1, |line, is_dim| line.ends_with("  ok") && !is_dim);
    clockwall.until(2, |line, _| {
        line.ends_with("no clock: HTTP/1.1 400 \u{fffd}[2J\u{fffd}Bad Request")
    });
    clockwall.until(3, |line, is_dim| line.ends_with("  silent") && is_dim);
    clockwall.until(4, |line, is_dim| line.contains("Connection refused") && is_dim);
    resize(&clockwall.terminal, 30, 4);
    clockwall.until(2, |line, _| line == "and 3 more");
    assert!((0..3).all(|n| clockwall.screen().line(n).chars().count() <= 30));
    resize(&clockwall.terminal, 80, 24);
    clockwall.until(3, |line, _| line.ends_with("  silent"));
}

#[test]
fn nothing_stays_of_lines_that_a_narrower_terminal_has_wrapped() {
    let (listener, _, clock) = listen("London");
    let clockwall = TerminalSession::start(&[clock]);
    let _stream = accept(&listener, b"12:00:00\n");
    clockwall.until(1, |line, _| line.ends_with("  ok"));
    clockwall.written.lock().unwrap().extend(b"ok\nok\n"); // the cursor moves down with the lines
    resize(&clockwall.terminal, 40, 24);
    eventually("only the table is left", || {
        let screen = clockwall.screen();
        screen.n_lines() == 2 && screen.line(1).starts_with("London  12:00:00")
    });
}

#[test]
fn a_server_that_closes_after_each_time_is_dialled_less_and_less() {
    let start = Instant::now();
    let (listener, addr, clock) = listen("NIST");
    let mut clockwall = Process::with_open_stdin("clockwall", &[&clock]);
    drop(accept(&listener, b"\n61007 26-11-28 04:47:12 00 0 0 500.0 UTC(NIST) * \n"));
    drop(accept(&listener, b"4:47:13 PM 11/28/2026")); // without a newline
    drop(accept(&listener, &4_004_812_862u32.to_be_bytes())); // RFC 868
    drop(accept(&listener, &[&4_004_812_863u32.to_be_bytes()[..], &[0; 4]].concat()));
    assert!(start.elapsed() > Duration::from_millis(1_700), "pauses of 250, 500 and 1,000 ms");
    for time in ["04:47:12", "16:47:13", "00:01:02", "00:01:03"] {
        let line = clockwall.line().unwrap();
        assert!(line.starts_with(&format!("NIST {time} ")), "{line}");
    }
    clockwall.signal(Signal::INT);
    assert_eq!(clockwall.wait().stderr, "", "that is how such servers work");
    let clockwall = TerminalSession::start(&[format!("NIST={addr}")]);
    drop(accept(&listener, b"Sat Nov 28 04:47:12 2026\r\n"));
    clockwall.until(1, |line, _| {
        line.starts_with("NIST   04:47:12") && line.ends_with(": Sat Nov 28 04:47:12 2026")
    });
}

#[test]
fn signals_restore_the_terminal() {
    for (signal, number) in [(Signal::INT, 2), (Signal::TERM, 15)] {
        let (listener, _, clock) = listen("London");
        let mut clockwall = TerminalSession::start(&[clock]);
        let _stream = accept(&listener, b"12:00:00\n");
        clockwall.until(1, |line, _| line.ends_with("  ok"));
        let screen = clockwall.screen();
        assert!(screen.is_cursor_hidden && screen.is_wrap_off);
        clockwall.signal(signal);
        assert_eq!(clockwall.child.wait().unwrap().signal(), Some(number));
        eventually("the cursor is back", || !clockwall.screen().is_cursor_hidden);
        let screen = clockwall.screen();
        assert!(!screen.is_wrap_off && screen.line(1).starts_with("London  12:00:00"));
    }
}

#[test]
fn times_are_printed_as_lines_into_a_pipe() {
    let (listener, addr, clock) = listen("London");
    let mut clockwall = Process::with_open_stdin("clockwall", &[&clock]);
    let mut stream = accept(&listener, b"it is 12:00:00\n");
    let line = clockwall.line().unwrap();
    assert!(line.starts_with("London 12:00:00 ") && line.len() == 25, "{line}");
    stream.write_all(b"12:00:01\r\nboo\n").unwrap();
    assert!(clockwall.line().unwrap().starts_with("London 12:00:01 "));
    drop(stream);
    assert_eq!(clockwall.stderr_line().unwrap(), "clockwall: London: closed by the server");
    let stream = accept(&listener, b"no time\n");
    assert_eq!(clockwall.stderr_line().unwrap(), "clockwall: London: no clock: no time");
    drop((stream, listener));
    let refused = "clockwall: London: Connection refused (os error 111)";
    while clockwall.stderr_line().unwrap() != refused {}
    let _stream = accept(&TcpListener::bind(addr).unwrap(), b"12:00:09\n");
    assert!(clockwall.line().unwrap().starts_with("London 12:00:09 "));
    clockwall.signal(Signal::INT);
    assert_eq!(clockwall.wait().status.signal(), Some(2));
}

#[test]
fn a_server_that_floods_takes_little_cpu_and_memory() {
    let (listener, _, clock) = listen("flood");
    let clockwall = Process::with_open_stdin("clockwall", &[&clock]);
    let mut stream = accept(&listener, b"");
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    thread::spawn(move || while stream.write_all(&b"12:00:00\n".repeat(1_000)).is_ok() {});
    for _ in 0..10 {
        assert!(clockwall.line().unwrap().starts_with("flood 12:00:00 "));
    }
    assert!(clockwall.cpu() < Duration::from_millis(300), "{:?}", clockwall.cpu());
    assert!(clockwall.peak_memory() < 12 << 20, "{}", clockwall.peak_memory());
}

#[test]
fn a_closed_stdout_is_success_and_a_full_one_is_not() {
    let server = Server::start("clock", &[]);
    let clock = format!("here={}", server.addr);
    let mut clockwall = command("clockwall", &[&clock]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert!(clockwall.stdout(writer).status().unwrap().success());
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ended = clockwall.stdout(full).stderr(Stdio::piped()).output().unwrap();
    let error = "clockwall: stdout: No space left on device (os error 28)\n";
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(1), error.as_bytes()));
}

#[test]
fn wrong_usage_is_one_line() {
    for clocks in [&[][..], &["London"], &["=localhost:1"], &["a=localhost"], &["a=b:70000"]] {
        let refused = run("clockwall", clocks);
        assert_eq!((refused.code(), refused.stderr.lines().count()), (2, 1), "{refused:?}");
    }
}
