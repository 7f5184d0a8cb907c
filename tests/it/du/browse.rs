//! du browse: what is on the screen after which keys, and what is left on disk.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use rustix::fs::{Mode, OFlags, mkdirat, open, openat};
use rustix::process::Signal;
use tempfile::{TempDir, tempdir};

mod saved;
mod session;

use crate::support::{as_user, eventually, outcome, program, report_skipped, run};
use session::{Session, text};

/// Two directories, a file with a name in both, and a link out of the tree.
fn tree() -> TempDir {
    let dir = tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in ["big/deep/deeper", "small", "empty", "outside", "root"] {
        fs::create_dir_all(at("root").join(name)).unwrap();
    }
    fs::rename(at("root/outside"), at("outside")).unwrap();
    fs::remove_dir(at("root/root")).unwrap();
    fs::write(at("outside/kept"), "kept").unwrap();
    fs::write(at("root/big/a.log"), vec![1; 300_000]).unwrap();
    fs::write(at("root/big/deep/deeper/b.log"), vec![1; 200_000]).unwrap();
    fs::write(at("root/small/c.txt"), vec![1; 50_000]).unwrap();
    fs::hard_link(at("root/big/a.log"), at("root/small/same")).unwrap();
    fs::write(at("root/short"), [1; 10_000]).unwrap();
    symlink("../outside", at("root/link")).unwrap();
    dir
}

fn browse(dir: &TempDir) -> Session {
    let session = Session::start(&[dir.path().join("root")]);
    session.wait_for_names(&["big/", "small/", "short", "empty/", "link"]);
    session
}

/// The size that `du -s` prints for a directory, with a unit.
fn size(path: &Path) -> String {
    run("du", &["-sh", text(path)]).stdout.split('\t').next().unwrap().to_owned()
}

#[test]
fn the_list_is_sorted_and_directories_are_entered() {
    let dir = tree();
    let root = dir.path().join("root");
    let mut session = browse(&dir);
    session.wait_for_text(&format!("{} disk", size(&root)));
    session.wait_for_selected(&size(&root.join("big")));
    session.press("\r");
    session.wait_for_names(&["a.log", "deep/"]);
    session.press("j");
    session.wait_for_selected("deep/");
    session.press("\x1b[C");
    session.wait_for_names(&["deeper/"]);
    session.press("\x1b[D");
    session.wait_for_selected("deep/");
    session.press("\x7f");
    session.wait_for_selected("big/");
    session.press("G");
    session.wait_for_selected("link");
    session.press("n");
    session.wait_for_names(&["big/", "empty/", "link", "short", "small/"]);
    session.press("n");
    session.wait_for_names(&["small/", "short", "link", "empty/", "big/"]);
    session.press("c");
    session.wait_for_names(&["big/", "small/", "empty/", "link", "short"]);
    session.press("sa");
    session.wait_for_names(&["big/", "small/", "short", "link", "empty/"]);
    session.press("t");
    session.wait_for_names(&["big/", "small/", "empty/", "short", "link"]);
    session.press("?");
    session.wait_for_text("space  mark");
    session.press("x");
    session.wait_for_names(&["big/", "small/", "empty/", "short", "link"]);
    session.press("gi");
    session.wait_for_text("kind      directory");
    session.press("xq");
    assert_eq!(session.wait().code(), Some(0));
}

#[test]
fn entries_are_sorted_by_time() {
    let dir = tempdir().unwrap();
    for (name, days) in [("old", 400), ("new", 1), ("older", 800)] {
        let file = fs::File::create(dir.path().join(name)).unwrap();
        let age = std::time::Duration::from_hours(24 * days);
        file.set_modified(std::time::SystemTime::now() - age).unwrap();
    }
    let mut session = Session::start(&[dir.path()]);
    session.wait_for_names(&["new", "old", "older"]); // of equal sizes, by name
    session.press("mm");
    session.wait_for_names(&["older", "old", "new"]);
    session.wait_for_text("  2y ");
    session.wait_for_text("  1d ");
}

#[test]
fn the_filter_chooses_names() {
    let dir = tree();
    let mut session = browse(&dir);
    session.press("/SM");
    session.wait_for_text("nothing matches the filter");
    session.press("\x7f\x7fs");
    session.wait_for_names(&["small/", "short"]);
    session.press("\r");
    session.press("G");
    session.wait_for_selected("short");
    session.press("/\x7f*i*\r");
    session.wait_for_names(&["big/", "link"]);
    session.press("\x1b");
    session.wait_for_names(&["big/", "small/", "short", "empty/", "link"]);
}

#[test]
fn deleting_asks_first() {
    let dir = tree();
    let big = dir.path().join("root/big");
    let mut session = browse(&dir);
    session.press("d");
    session.wait_for_text(&format!("Delete 5 items, {} on disk?", size(&big)));
    session.wait_for_text(text(&big));
    session.wait_for_text("Hard links elsewhere keep data");
    session.press("n");
    session.wait_for_text("nothing was deleted");
    assert!(big.join("deep/deeper/b.log").exists());
    session.press("d");
    session.wait_for_text("y delete");
    session.press("y");
    session.wait_for_text("5 deleted");
    session.wait_for_names(&["small/", "short", "empty/", "link"]);
    assert!(!big.exists());
    session.wait_for_text(&format!("{} disk", size(&dir.path().join("root"))));
    session.press("q");
    assert_eq!(session.wait().code(), Some(0));
}

#[test]
fn marked_entries_are_deleted_and_links_are_not_followed() {
    let dir = tree();
    let root = dir.path().join("root");
    let mut session = browse(&dir);
    session.press("G \x1b[A\x1b[A ");
    session.wait_for_text("2 marked");
    session.press("ggl");
    session.wait_for_names(&["a.log", "deep/"]);
    session.press("j d");
    session.wait_for_text("Delete 5 items");
    session.press("y");
    session.wait_for_text("5 deleted");
    session.press("h");
    session.wait_for_names(&["small/", "big/", "empty/"]);
    assert!(dir.path().join("outside/kept").exists());
    assert!(!root.join("link").is_symlink() && !root.join("short").exists());
    assert!(!root.join("big/deep").exists() && root.join("big/a.log").exists());
    session.wait_for_text(&format!("{} disk", size(&root)));
}

#[test]
fn what_was_not_scanned_is_kept() {
    let dir = tree();
    let root = dir.path().join("root");
    let mut session = browse(&dir);
    // A file in place of another, a link in place of a directory, and a new file.
    fs::write(root.join("big/other"), "other").unwrap();
    fs::rename(root.join("big/other"), root.join("big/a.log")).unwrap();
    fs::rename(root.join("big/deep"), root.join("moved")).unwrap();
    symlink("../../outside", root.join("big/deep")).unwrap();
    fs::write(root.join("small/new"), "new").unwrap();
    session.press(" d");
    session.wait_for_text("y delete");
    session.press("y");
    session.wait_for_text("0 deleted, 2 kept (e: why)");
    session.press("e");
    session.wait_for_text("it has changed since the scan");
    session.wait_for_text("Not a directory");
    session.press("xuG");
    session.press("ggjd");
    session.wait_for_text("small/");
    session.press("y");
    session.wait_for_text("2 deleted, 1 kept (e: why)");
    session.press("e");
    session.wait_for_text("it has files that were not scanned");
    assert_eq!(fs::read(root.join("big/a.log")).unwrap(), b"other");
    assert_eq!(fs::read(dir.path().join("outside/kept")).unwrap(), b"kept");
    assert_eq!(fs::read(root.join("small/new")).unwrap(), b"new");
    assert!(root.join("moved/deeper/b.log").exists() && !root.join("small/c.txt").exists());
    session.press("xq");
    assert_eq!(session.wait().code(), Some(1));
}

#[test]
fn a_mount_is_not_crossed() {
    let dir = tree();
    let script = "mount --bind \"$1/outside\" \"$1/root/empty\" && \
                  exec setsid --ctty \"$0\" browse \"$1/root\"";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-ec", script]).arg(program("du")).arg(dir.path());
    if !Command::new("unshare")
        .args(["-m", "mount", "--bind", "/", "/"])
        .status()
        .unwrap()
        .success()
    {
        return report_skipped("no bind mounts here");
    }
    let mut session = Session::run(command, 80, 24);
    session.wait_for_names(&["big/", "small/", "short", "empty/", "link"]);
    session.press("jjjd");
    session.wait_for_text("Delete 2 items");
    session.press("y");
    session.wait_for_text("0 deleted, 1 kept");
    session.press("e");
    session.wait_for_text("a file system is mounted there");
    assert!(dir.path().join("outside/kept").exists());
    session.press("xq");
    session.wait();
}

#[test]
fn a_deep_tree_is_deleted() {
    let dir = tempdir().unwrap();
    let mut fd = open(dir.path(), OFlags::PATH, Mode::empty()).unwrap();
    for _ in 0..3_000 {
        mkdirat(&fd, "d", Mode::RWXU).unwrap();
        fd = openat(&fd, "d", OFlags::PATH, Mode::empty()).unwrap();
    }
    let mut session = Session::start(&[dir.path()]);
    session.wait_for_text("3000 items");
    session.press("d");
    session.wait_for_text("Delete 3000 items");
    session.press("y");
    session.wait_for_text("3000 deleted");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_is_scanned_again() {
    let dir = tree();
    let root = dir.path().join("root");
    let mut session = browse(&dir);
    session.press("l");
    session.wait_for_names(&["a.log", "deep/"]);
    fs::write(root.join("big/new"), vec![1; 500_000]).unwrap();
    fs::remove_file(root.join("big/a.log")).unwrap();
    session.press("r");
    session.wait_for_names(&["new", "deep/"]);
    session.press("h");
    session.wait_for_text(&format!("{} disk", size(&root)));
    session.press("ld");
    session.wait_for_text("Delete 1 item,");
    session.press("y");
    session.wait_for_names(&["deep/"]);
    session.press("h");
    session.wait_for_text(&format!("{} disk", size(&root)));
}

#[test]
fn signals_put_the_terminal_back() {
    let dir = tree();
    for (keys, signal) in [("\x03", Signal::INT), ("", Signal::TERM)] {
        let mut session = browse(&dir);
        assert!(session.has_own_screen());
        assert_ne!(session.current_modes().local_modes, session.modes.local_modes);
        match keys {
            "" => session.signal(signal),
            keys => session.press(keys),
        }
        assert_eq!(session.wait().signal(), Some(signal.as_raw()));
        check_is_put_back(&session);
    }
}

fn check_is_put_back(session: &Session) {
    eventually("the first screen is back", || !session.has_own_screen());
    let (modes, before) = (session.current_modes(), &session.modes);
    assert_eq!(modes.local_modes, before.local_modes);
    assert_eq!(modes.input_modes, before.input_modes);
}

#[test]
fn a_stopped_browser_gives_the_terminal_back_until_it_is_continued() {
    let dir = tree();
    let mut session = browse(&dir);
    let is_stopped = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit(") ").next().unwrap().starts_with('T')
    };
    for name in ["small/", "short"] {
        session.press("\x1a");
        eventually("it is stopped", || is_stopped(session.pid()));
        check_is_put_back(&session);
        session.signal(Signal::CONT);
        session.wait_for("its screen", |screen| screen.alternate_screen().then_some(()));
        session.wait_for_names(&["big/", "small/", "short", "empty/", "link"]);
        session.press("j");
        session.wait_for_selected(name); // the terminal forgets keys that it has not sent before ^Z
    }
    session.press("q");
    assert_eq!(session.wait().code(), Some(0));
}

#[test]
fn a_hang_up_ends_the_browser() {
    let dir = tree();
    let mut session = browse(&dir);
    session.signal(Signal::HUP);
    assert_eq!(session.wait().signal(), Some(Signal::HUP.as_raw()));
    check_is_put_back(&session);
}

#[test]
fn a_small_terminal_is_enough_and_its_size_may_change() {
    let dir = tree();
    let root = dir.path().join("root");
    let mut session = Session::with_size(&[&root], 40, 10);
    session.wait_for_names(&["big/", "small/", "short", "empty/", "link"]);
    session.press("?");
    session.wait_for_text("Moving");
    session.press("\x1b[F");
    session.wait_for_text("e  empty");
    session.press("qd");
    session.wait_for_text("Delete 5 items");
    session.press("nG");
    for (columns, rows) in [(20, 5), (1, 1), (200, 50), (40, 10)] {
        session.resize(columns, rows);
        session.press("i");
        session.press("x");
    }
    session.wait_for_selected("link");
    session.press("gg");
    session.wait_for_selected("big/");
    let lines = session.lines();
    assert!(lines[8].ends_with("items"), "{lines:?}");
    session.press("q");
    assert_eq!(session.wait().code(), Some(0));
}

#[test]
fn names_cannot_reach_the_terminal() {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("\x1b]0;title\x07\n\x1b[2J日本語")).unwrap();
    let mut session = Session::start(&[dir.path()]);
    session.wait_for_text("\\u{1b}]0;title\\u{7}\\n\\u{1b}[2J日本語/");
    session.press("d");
    session.wait_for_text("\\u{1b}]0;title\\u{7}\\n\\u{1b}[2J日本語/");
}

#[test]
fn a_directory_counts_its_hard_links_once() {
    let dir = tree();
    let root = dir.path().join("root");
    let scan = run("du", &["browse", "--json", text(&root)]);
    for line in scan.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let path = Path::new(record["path"].as_str().unwrap());
        let disk_bytes = record["disk_bytes"].as_u64().unwrap();
        let expected = run("du", &["-s", "-B1", text(path)]);
        assert_eq!(expected.stdout, format!("{disk_bytes}\t{}\n", path.display()));
        let own = record["own_disk_bytes"].as_u64();
        assert!(own.is_none_or(|own| own == path.metadata().unwrap().blocks() * 512), "{line}");
    }
}

#[test]
fn what_cannot_be_browsed_is_one_line() {
    let dir = tree();
    let closed = dir.path().join("root/big");
    let check = |args: &[&str], code: i32, message: &str| {
        run("du", &[&["browse"], args].concat()).is(code, "", &format!("du: {message}\n"));
    };
    let no_terminal = "browse: stdout is not a terminal (--json and --ncdu print the scan)";
    check(&[], 2, no_terminal);
    check(&["--from", "nowhere"], 2, no_terminal);
    check(&["--json", "nowhere"], 1, "nowhere: No such file or directory (os error 2)");
    check(&["--json", ""], 1, "'': No such file or directory (os error 2)");
    check(&["--json", "/dev/null"], 1, "/dev/null: Not a directory (os error 20)");
    fs::set_permissions(&closed, PermissionsExt::from_mode(0o0)).unwrap();
    fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let closed = text(&closed);
    let refused = outcome(as_user("du", &["browse", "--json", closed], dir.path()));
    refused.is(1, "", &format!("du: {closed}: Permission denied (os error 13)\n"));
    let root = dir.path().join("root");
    let partial = outcome(as_user("du", &["browse", "--json", text(&root)], dir.path()));
    assert_eq!(partial.code(), 1);
    assert!(partial.lines().last().unwrap().contains("\"errors\":1"), "{partial:?}");
    fs::set_permissions(closed, PermissionsExt::from_mode(0o755)).unwrap();
    let both = run("du", &["browse", "--json", "--ncdu"]);
    assert_eq!((both.code(), both.stderr.lines().count()), (2, 1));
}
