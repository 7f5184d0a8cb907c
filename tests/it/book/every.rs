//! What every lesson must do: help, usage errors, a closed stdout, an interrupt, a full disk.

use std::fs::{self, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::Signal;

use crate::support::{Process, command, outcome, run};

/// The lessons' names, from their files.
fn lessons() -> Vec<String> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/book");
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

pub(super) fn assert_interruptible(mut process: Process) {
    process.signal(Signal::INT);
    assert_eq!(process.wait().status.signal(), Some(Signal::INT.as_raw()));
}

#[test]
fn every_lesson_has_help_and_refuses_unknown_flags() {
    for lesson in lessons() {
        let help = run(&lesson, &["--help"]);
        assert_eq!((help.code(), &*help.stderr), (0, ""), "{lesson}");
        assert!(help.stdout.contains("--log"), "{lesson}");
        let usage = run(&lesson, &["--nonsense"]);
        assert_eq!((usage.code(), &*usage.stdout), (2, ""), "{lesson}");
        let error = format!("{lesson}: unexpected argument '--nonsense' found (try --help)\n");
        assert_eq!(usage.stderr, error);
    }
}

/// Lessons that end by themselves, quickly.
const QUICK: &[(&str, &[&str])] = &[
    ("spinner", &["-n", "5"]),
    ("hello3", &[]),
    ("hello2", &["-delay", "1ms"]),
    ("sched", &[]),
    ("recv", &[]),
    ("pipeline1", &[]),
    ("pipeline2", &[]),
    ("pipeline3", &[]),
    ("sendrecv", &[]),
    ("closed", &[]),
    ("channels", &[]),
    ("buffered", &[]),
    ("deadlock", &["-receiver"]),
    ("mirroredquery", &[]),
    ("workerpool", &["-delay", "1ms"]),
    ("countdown1", &["-delay", "1ms"]),
    ("countdown2", &["-delay", "1ms"]),
    ("countdown3", &["-delay", "1ms"]),
    ("evenodd", &[]),
    ("polling", &[]),
    ("du1", &["Cargo.toml"]),
    ("du2", &["-v", "src"]),
    ("du3", &["src"]),
    ("du4", &["src"]),
    ("closure10000", &[]),
];

#[test]
fn a_closed_stdout_ends_a_lesson_quietly() {
    for (lesson, args) in QUICK {
        let mut child = command(lesson, args)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{lesson}: {} {stderr}", ended.status);
        assert!(!stderr.contains(&format!("{lesson}:")), "{lesson}: {stderr}");
    }
}

#[test]
fn a_full_disk_is_an_error_with_its_subject() {
    for (lesson, args) in QUICK {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = command(lesson, args);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).stdout(full).stderr(Stdio::piped());
        let ended = command.spawn().unwrap().wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{lesson}: {stderr}");
        let error = format!("{lesson}: stdout: No space left on device (os error 28)\n");
        assert!(stderr.contains(&error), "{lesson}: {stderr}");
    }
}

#[test]
fn errors_begin_with_the_name_that_the_program_was_started_by() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("mydu");
    std::os::unix::fs::symlink(crate::support::program("du1"), &link).unwrap();
    let mut command = std::process::Command::new(link);
    command.arg("/nonexistent").stdin(Stdio::null());
    let error = "mydu: /nonexistent: No such file or directory (os error 2)\n";
    outcome(command).is(1, "0 files  0.0 GB\n", error);
}

#[test]
fn an_interrupt_ends_waiting_lessons() {
    let countdown = Process::with_open_stdin("countdown3", &["-delay", "1h"]);
    assert_eq!(countdown.line().as_deref(), Some("Commencing countdown.  Press return to abort."));
    assert_interruptible(countdown);
    for server in ["clock1", "clock2", "reverb1", "reverb2", "chat1"] {
        let process = Process::with_open_stdin(server, &["-port", "0"]);
        assert!(process.stderr_line().unwrap().starts_with("listening on 127.0.0.1:"));
        assert_interruptible(process);
    }
}
