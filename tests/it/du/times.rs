//! du's --time and --time-style: right values are those of GNU du 9.1.

use std::fs::{self, File, FileTimes};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use tempfile::{TempDir, tempdir};

use super::has_gnu_du;
use crate::support::{command, outcome};

/// Files with times around 1970, in a leap year, with nanoseconds, and far in the future.
fn tree() -> TempDir {
    let dir = tempdir().unwrap();
    fs::create_dir_all(dir.path().join("a/b")).unwrap();
    let times =
        [("a/old", -86_400.5), ("a/b/leap", 951_827_696.000_001), ("a/b/far", 4e9), ("f", 0.25)];
    for (name, secs) in times {
        let path = dir.path().join(name);
        fs::write(&path, name).unwrap();
        let since = Duration::from_secs_f64(f64::abs(secs));
        let time = if secs < 0.0 { UNIX_EPOCH - since } else { UNIX_EPOCH + since };
        let read = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let times = FileTimes::new().set_modified(time).set_accessed(read);
        File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
    }
    for name in ["a/b", "a"] {
        let times = FileTimes::new().set_modified(UNIX_EPOCH).set_accessed(UNIX_EPOCH);
        File::open(dir.path().join(name)).unwrap().set_times(times).unwrap();
    }
    dir
}

#[test]
fn the_latest_time_of_a_directory_is_printed() {
    let dir = tree();
    let check = |args: &[&str], expected: &str| {
        for walker in ["openat", "ordered", "jwalk"] {
            let mut command = command("du", &["--inodes", "--walker", walker]);
            command.args(args).current_dir(&dir).env("TZ", "UTC").env_remove("TIME_STYLE");
            outcome(command).is(0, expected, "");
        }
    };
    check(&["--time", "a"], "3\t2096-10-02 07:06\ta/b\n5\t2096-10-02 07:06\ta\n");
    check(
        &["-aS", "--time", "--time-style=iso", "a/old", "f"],
        "1\t1969-12-30\ta/old\n1\t1970-01-01\tf\n",
    );
    check(
        &["-sS", "--time", "--time-style=full", "a"],
        "2\t1970-01-01 00:00:00.000000000 +0000\ta\n",
    );
    check(
        &["-c", "--time=use", "--time-style=+%s", "a/old"],
        "1\t1000000000\ta/old\n1\t1000000000\ttotal\n",
    );
    // The total begins at 1970.
    check(
        &["-c", "--time", "--time-style=+%s.%N", "a/old"],
        "1\t-86401.500000000\ta/old\n1\t0.000000000\ttotal\n",
    );
}

#[test]
fn formats_are_those_of_gnu_du() {
    let dir = tree();
    if !has_gnu_du() {
        return;
    }
    let formats = "+%a %A %b %B %h|+%c|+%C %y %Y %G %g|+%d %e %j|+%D %F %x|+%H %I %k %l %p %P|\
                   +%M %S %s %N|+%r %R %T %X|+%u %w %U %V %W|+%z %:z %::z %:::z %Z|+%q%n%t%%|\
                   +%-d %-m %_H %^a %#b %010Y %_5d %-H|+%3N %6N|+%Ey %Od|+%E|+%|+no|+|full-iso|iso";
    for zone in ["UTC", "Europe/Berlin", "America/St_Johns"] {
        for format in formats.split('|') {
            let stdout = |mut command: Command| {
                command.args(["-al", "--time", "--time-style", format, "a", "f"]).current_dir(&dir);
                command.env("TZ", zone).env("LC_ALL", "C");
                let mut lines = command.output().unwrap().stdout;
                lines.extend(b"\n");
                let mut lines: Vec<String> =
                    String::from_utf8_lossy(&lines).lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            assert_eq!(
                stdout(command("du", &[""; 0])),
                stdout(Command::new("du")),
                "{format} {zone}"
            );
        }
    }
}
