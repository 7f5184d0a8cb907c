//! What every tool shares: `--generate`, the spelling of flags, repeated flags, ignored signals.

use std::fs;
use std::io::{BufRead, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use signal_hook::consts::SIGINT;

use crate::support::{
    Process, Server, command, eventually, outcome, program, pseudo_terminal, report_skipped, run,
};

/// The tools' names, from their files.
fn tools() -> Vec<String> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/bin");
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn generate(tool: &str, kind: &str) -> String {
    let generated = run(tool, &["--generate", kind]);
    assert_eq!((generated.code(), &*generated.stderr), (0, ""), "{tool} --generate {kind}");
    generated.stdout
}

/// Runs another program with `input`; `None`, and a line that says so, where it is not installed.
fn filter(name: &str, args: &[&str], input: &str) -> Option<(bool, String)> {
    let mut command = Command::new(name);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        report_skipped(&format!("{name} is not installed"));
        return None;
    };
    _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let ended = child.wait_with_output().unwrap();
    let text = [ended.stdout, ended.stderr].concat();
    Some((ended.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

#[test]
fn every_tool_prints_its_manual_page() {
    for tool in tools() {
        let page = generate(&tool, "man");
        assert!(page.contains(&format!(".TH {tool} 1")), "{page}");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"] {
            assert!(page.contains(&format!(".SH {section}\n")), "{tool}: no {section}");
        }
        assert!(page.contains("\\-\\-generate"), "{tool}: the flags are there");
    }
    let crawl = generate("crawl", "man");
    assert!(crawl.contains(".SH \"CRAWL CHECK\"\n"), "{crawl}");
}

#[test]
fn manual_pages_are_clean_roff() {
    for tool in tools() {
        let page = generate(&tool, "man");
        let Some((is_ok, text)) = filter("groff", &["-man", "-ww", "-z", "-Kutf8"], &page) else {
            return;
        };
        assert!(is_ok && text.is_empty(), "{tool}: {text}");
    }
}

#[test]
fn completions_are_scripts_that_their_shells_take() {
    for (shell, args) in [("bash", ["-n"]), ("zsh", ["-n"]), ("fish", ["--no-execute"])] {
        for tool in tools() {
            let script = generate(&tool, shell);
            assert!(script.contains(&tool) && script.contains("generate"), "{tool} {shell}");
            let Some((is_ok, text)) = filter(shell, &args, &script) else { break };
            assert!(is_ok, "{tool} {shell}: {text}");
        }
    }
}

#[test]
fn bash_completes_a_flag() {
    let completions = generate("du", "bash");
    let script = completions
        + "\nCOMP_WORDS=(du --app); COMP_CWORD=1; _du du --app du; echo \"${COMPREPLY[@]}\"\n";
    if let Some((is_ok, text)) = filter("bash", &[], &script) {
        assert!(is_ok && text.trim_end() == "--apparent-size", "{text}");
    }
}

#[test]
fn generate_takes_its_four_kinds_and_nothing_else() {
    for args in [&["--generate", "elvish"][..], &["--generate"], &["--generate", "man", "-v"]] {
        assert_eq!(run("du", args).code(), 2, "{args:?}");
    }
    assert!(run("du", &["-generate=man"]).stdout.contains(".TH du 1"));
}

#[test]
fn long_flags_work_with_one_dash_and_clusters_stay() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "12345").unwrap();
    let du = |args: &[&str]| {
        let mut du = command("du", args);
        du.current_dir(dir.path());
        let du = outcome(du);
        assert_eq!((du.code(), &*du.stderr), (0, ""), "{args:?}");
        du.stdout
    };
    assert_eq!(du(&["-sb", "file"]), "5\tfile\n");
    assert_eq!(du(&["-summarize", "-bytes=true", "file"]), "5\tfile\n");
    assert_eq!(du(&["-max-depth=0", "-apparent-size", "-block-size", "1", "file"]), "5\tfile\n");
    assert_eq!(du(&["-cb", "-c=false", "file"]), "5\tfile\n5\ttotal\n", "clusters are not undone");
    assert_eq!(du(&["-b", "-c", "-total=false", "file"]), "5\tfile\n");

    let log = dir.path().join("log");
    let chat = Server::start("chat", &["-log-file", log.to_str().unwrap(), "-names=false"]);
    eventually("the log file is there", || log.exists());
    drop(chat);
    assert_eq!(
        run("netcat", &["-lk", "-z"]).code(),
        2,
        "-z is refused with -l, which was understood"
    );
    let crawl = run("crawl", &["check", "-max-pages", "1", "-retries=0", "http://127.0.0.1:9/"]);
    assert_eq!(crawl.code(), 1, "{crawl:?}");
}

#[test]
fn the_last_of_a_repeated_flag_wins() {
    let args = ["-cakes", "9", "-cakes=2", "--engine", "both", "--engine=recurrence", "-seed", "1"];
    let repeated = run("cake", &[&args[..], &["-json", "-json"]].concat());
    let once = run("cake", &["-cakes", "2", "--engine=recurrence", "-json"]);
    assert_eq!((repeated.code(), &repeated.stdout), (0, &once.stdout), "{repeated:?}");

    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    let mut du = command("du", &["-ab", "--exclude", "a", "-exclude=b"]);
    du.current_dir(dir.path());
    let lines = outcome(du).stdout;
    assert!(!lines.contains("./a") && !lines.contains("./b") && lines.contains("./c"), "{lines}");
}

#[test]
fn a_negative_duration_is_refused_by_name() {
    // Go's flag package takes `-delay -1s` and `-delay=-1s` as one.
    for (name, flag) in [("countdown1", "-delay"), ("reverb", "--delay"), ("netcat", "-w")] {
        for args in [vec![flag.to_owned(), "-1s".to_owned()], vec![format!("{flag}=-1s")]] {
            let refused = run(name, &args);
            let is_named = refused.stderr.contains("a duration cannot be negative");
            assert!(refused.code() == 2 && is_named, "{name} {args:?}: {refused:?}");
            assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
        }
    }
}

/// The program under a shell that ignores SIGINT, as a script's `PROGRAM &` has it.
fn ignoring_interrupts(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = "trap '' INT; exec \"$0\" \"$@\"";
    command.arg("-c").arg(script).arg(program(name)).args(args).env_remove("TZ");
    command.stdin(Stdio::null());
    command
}

fn ignores_interrupts(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() >> (SIGINT - 1) & 1 == 1
}

#[test]
fn servers_keep_ignoring_an_interrupt() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_str().unwrap();
    for (name, args) in
        [("clock", &[][..]), ("reverb", &[]), ("chat", &["-names=false"]), ("ftpd", &[root])]
    {
        let mut server = Server::of(ignoring_interrupts(name, &[&["-port", "0"], args].concat()));
        assert!(ignores_interrupts(server.process.pid()), "{name}");
        server.process.signal(Signal::INT);
        let mut client = server.connect();
        client.send("hello\r\n");
        client.line();
        server.process.signal(Signal::TERM); // not ignored
        drop(client);
        assert_eq!(server.process.wait().code(), 0, "{name}");
    }
}

#[test]
fn a_crawl_goes_on_after_an_ignored_interrupt() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut crawl = Process::start(&mut ignoring_interrupts("crawl", &["--no-robots", &url]));
    let (mut client, _) = listener.accept().unwrap(); // it waits for an answer
    assert!(ignores_interrupts(crawl.pid()));
    crawl.signal(Signal::INT);
    let mut head = [0; 4];
    client.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"GET ");
    client
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        .unwrap();
    crawl.wait().is(0, &format!("{url}\n"), "");
}

#[test]
fn du_goes_on_after_an_ignored_interrupt() {
    let dir = tempfile::tempdir().unwrap();
    let name = "x".repeat(200);
    for i in 0..1_000 {
        fs::write(dir.path().join(format!("{name}{i}")), "").unwrap();
    }
    let mut du = ignoring_interrupts("du", &["-a", dir.path().to_str().unwrap()]);
    let mut du = du.stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdout, mut lines) = (du.stdout.take().unwrap(), vec![0]);
    stdout.read_exact(&mut lines).unwrap(); // the pipe has no room for the rest: du waits
    assert!(ignores_interrupts(du.id()));
    rustix::process::kill_process(rustix::process::Pid::from_child(&du), Signal::INT).unwrap();
    stdout.read_to_end(&mut lines).unwrap();
    assert_eq!(lines.lines().count(), 1_001);
    assert!(du.wait().unwrap().success());
}

#[test]
fn a_clock_wall_on_a_terminal_keeps_ignoring_an_interrupt() {
    let clock = Server::start("clock", &[]);
    let (mut master, terminal) = pseudo_terminal();
    let mut wall = ignoring_interrupts("clockwall", &[&format!("here={}", clock.addr())]);
    let mut wall = wall.stdout(Stdio::from(terminal)).spawn().unwrap();
    let mut seen = [0; 64];
    assert!(master.read(&mut seen).unwrap() > 0); // it draws after it has set up its signals
    assert!(ignores_interrupts(wall.id()));
    rustix::process::kill_process(rustix::process::Pid::from_child(&wall), Signal::INT).unwrap();
    assert!(master.read(&mut seen).unwrap() > 0, "and goes on drawing");
    wall.kill().unwrap();
    wall.wait().unwrap();
}
