//! 8.4.4 cake: the tool, run as a program.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Process, command, limited, outcome, report_skipped, run};

const SETTINGS: [&str; 6] =
    ["baseline", "buffers", "variable", "variable_buffers", "slow_icing", "slow_icing_many_icers"];

fn json(args: &[&str]) -> Value {
    let outcome = run("cake", args);
    assert_eq!((outcome.code(), &*outcome.stderr), (0, ""));
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn the_six_settings_are_printed_with_real_and_virtual_times() {
    let outcome = run("cake", &[] as &[&str]);
    assert_eq!((outcome.code(), &*outcome.stderr), (0, ""));
    let rows = |name: &str| {
        let row = |line: &&str| line.split(' ').next() == Some(name);
        outcome.lines().into_iter().filter(row).count()
    };
    for name in SETTINGS {
        assert_eq!(rows(name), 1, "{name}: {}", outcome.stdout);
    }
    for word in ["virtual", "real", "ratio", "cakes/s", "1020.0 ms", "load average"] {
        assert!(outcome.stdout.contains(word), "{word}: {}", outcome.stdout);
    }
}

#[test]
fn the_virtual_times_equal_the_formulas() {
    let shops = json(&["--engine", "virtual", "--json"]);
    let virtual_ms = |name: &str| {
        shops.as_array().unwrap().iter().find(|shop| shop["name"] == name).unwrap()["virtual_ms"]
            ["mean"]
            .as_f64()
            .unwrap()
    };
    for (name, ms) in [
        ("baseline", 220.0),
        ("buffers", 220.0),
        ("slow_icing", 1020.0),
        ("slow_icing_many_icers", 260.0),
    ] {
        assert!((virtual_ms(name) - ms).abs() < 1e-6, "{name}: {}", virtual_ms(name));
    }
    assert!(virtual_ms("variable_buffers") < virtual_ms("variable"));
}

#[test]
fn flags_in_gos_spelling_describe_a_shop() {
    let line = "-cakes 7 -bake 2ms -bakestddev=100us -bakebuf 3 -icers 2 -ice 4ms -icestddev 0 \
                -icebuf 1 -inscribe 1ms -inscribestddev 10us -v=false --json";
    let shops = json(&line.split_whitespace().collect::<Vec<_>>());
    let shop = &shops[0];
    assert_eq!((shops.as_array().unwrap().len(), &shop["cakes"]), (1, &7.into()));
    let stage = |n: usize| {
        let stage = &shop["stages"][n];
        (
            stage["cooks"].as_u64(),
            stage["time_ms"].as_f64(),
            stage["stddev_ms"].as_f64(),
            stage["buffer"].as_u64(),
        )
    };
    assert_eq!(stage(0), (Some(1), Some(2.0), Some(0.1), Some(3)));
    assert_eq!(stage(1), (Some(2), Some(4.0), Some(0.0), Some(1)));
    assert_eq!(stage(2), (Some(1), Some(1.0), Some(0.01), Some(0)));
    assert!(shop["ratio"]["mean"].as_f64().unwrap() >= 1.0);
    let cooks = shop["cooks"].as_array().unwrap();
    let n_processed: u64 = cooks.iter().filter_map(|cook| cook["cakes"].as_u64()).sum();
    assert_eq!(n_processed, 3 * 7);
}

#[test]
fn verbose_prints_every_step_in_a_possible_order() {
    let flags = "-v -cakes 9 -bake 1ms -icers 3 -ice 3ms -inscribe 1ms".split(' ');
    for engine in ["threads", "virtual", "both"] {
        let outcome = run("cake", &flags.clone().chain(["--engine", engine]).collect::<Vec<_>>());
        let lines = outcome.lines();
        let at = |line: String| {
            let at: Vec<usize> = (0..lines.len()).filter(|&i| lines[i] == line).collect();
            assert_eq!(at.len(), 1, "{engine}: {line}");
            at[0]
        };
        for cake in 0..9 {
            let steps = ["baking", "icing", "inscribing", "finished"];
            assert!(steps.map(|step| at(format!("{step} {cake}"))).is_sorted(), "{engine} {cake}");
        }
        assert!((0..9).map(|cake| at(format!("baking {cake}"))).is_sorted(), "{engine}");
    }
}

#[test]
fn the_same_seed_gives_the_same_times_in_every_engine() {
    let makespan = |engine: &str, seed: &str| {
        let line = ["--json", "--distribution", "exponential", "-cakes", "500", "-bakebuf", "2"];
        let shops = json(&[&line[..], &["--engine", engine, "-seed", seed]].concat());
        shops[0]["virtual_ms"]["mean"].as_f64().unwrap()
    };
    assert_eq!(makespan("virtual", "7").to_bits(), makespan("recurrence", "7").to_bits());
    assert_ne!(makespan("virtual", "7").to_bits(), makespan("virtual", "8").to_bits());
}

#[test]
fn repetitions_give_a_margin() {
    let line = "--engine virtual --repetitions 20 --json -cakes 50 -bakestddev 2ms";
    let shops = json(&line.split(' ').collect::<Vec<_>>());
    assert!(shops[0]["virtual_ms"]["margin"].as_f64().unwrap() > 0.0);
    assert_eq!(shops[0]["repetitions"], 20);
}

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    for line in [
        "-icers 0",
        "-bakers 0",
        "-cakes 0",
        "-cakes -1",
        "-bake -5ms",
        "-bake NaN",
        "-ice inf",
        "-bakestddev -1ms",
        "-bake 10",
        "-icebuf 1000000000000",
        "-icebuf 99999999999999999999999999",
        "-ice 2h",
        "-cakes 1000000000 -ice 1h",
        "-icers 2 --engine recurrence",
        "-v --engine recurrence",
        "-v --json",
        "--distribution fixed -bakestddev 1ms",
        "--distribution exponential -bakestddev 1ms",
        "--distribution odd",
        "--engine steam",
        "--work play",
        "--repetitions 0",
        "sweep --icers 0",
        "sweep --buffers 5..1",
        "sweep --buffers 0..1000000",
        "sweep --buffers 1000000000000",
        "timeline",
        "timeline --svg /dev/null/x -cakes 100000",
        "report",
        "-icers 5 sweep",
        "bake",
    ] {
        let outcome = run("cake", &line.split(' ').collect::<Vec<_>>());
        assert_eq!((outcome.code(), outcome.lines().len()), (2, 0), "{line}: {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{line}: {}", outcome.stderr);
        assert!(outcome.stderr.starts_with("cake: "), "{line}: {}", outcome.stderr);
    }
}

#[test]
fn a_full_disk_is_an_error() {
    for args in [&["-cakes", "1"][..], &["-v", "-cakes", "100"], &["--engine", "virtual", "--json"]]
    {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let status = command("cake", args).stdout(full).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(1), "{args:?}");
    }
}

#[test]
fn a_closed_stdout_ends_the_run_successfully() {
    for engine in ["threads", "virtual"] {
        let args = ["-v", "-cakes", "1000000", "--engine", engine];
        let process = Process::start(&mut command("cake", &args));
        assert_eq!(process.line().as_deref(), Some("baking 0"));
        drop(process);
        let script = format!(
            "'{}' {} | head -n 1",
            crate::support::program("cake").display(),
            args.join(" ")
        );
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &script]);
        outcome(shell).is(0, "baking 0\n", "");
    }
}

#[test]
fn a_sweep_prints_a_table_and_writes_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let line =
        ["sweep", "--buffers", "0,3", "--icers", "1..3", "-ice", "50ms", "-icestddev", "5ms"];
    let outcome = run("cake", &[&line[..], &["--engine", "virtual", "-o", out]].concat());
    assert_eq!((outcome.code(), &*outcome.stderr), (0, ""));
    assert_eq!(outcome.lines().len(), 3 + 6);
    let csv = read(dir.path(), "sweep.csv");
    assert_eq!(csv.lines().count(), 1 + 6);
    assert!(csv.lines().all(|line| line.split(',').count() == 8), "{csv}");
    let records: Value = serde_json::from_str(&read(dir.path(), "sweep.json")).unwrap();
    assert_eq!(records.as_array().unwrap().len(), 6);
    assert!(read(dir.path(), "sweep.svg").contains("buffer capacity"));
}

#[test]
fn a_timeline_has_one_row_per_cook() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("line.svg");
    let svg = file.to_str().unwrap();
    run("cake", &["timeline", "--svg", svg, "-ice", "50ms", "-icers", "3", "-cakes", "6"])
        .is(0, "", "");
    let figure = read(dir.path(), "line.svg");
    for label in
        ["baking 0", "icing 0", "icing 1", "icing 2", "inscribing 0", "blocked", "milliseconds"]
    {
        assert!(figure.contains(label), "{label}");
    }
}

#[test]
fn a_report_is_one_page_that_loads_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("new/report");
    let outcome = run("cake", &["report", out.to_str().unwrap(), "--engine", "virtual"]);
    assert_eq!(outcome.code(), 0, "{outcome:?}");
    let page = read(&out, "index.html");
    for name in ["shares", "timeline", "throughput", "icers", "ecdf", "heatmap"] {
        assert!(read(&out, &format!("{name}.svg")).starts_with("<svg"), "{name}");
        assert!(page.contains(&format!("id=\"{name}\"")), "{name}");
    }
    for word in ["<script", "<link", "src=", "@import", "url("] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("width=device-width") && page.contains("prefers-color-scheme:dark"));
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("line.svg");
    let args = ["timeline", "--svg", file.to_str().unwrap(), "--engine", "virtual"];
    // A file size limit of one block, with its signal ignored, acts like a full disk.
    let mut shell = std::process::Command::new("sh");
    let program = crate::support::program("cake");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 1 && exec \"$0\" \"$@\""]).arg(program).args(args);
    let refused = outcome(shell);
    assert_eq!(refused.code(), 1, "{refused:?}");
    assert!(
        refused.stderr.starts_with(&format!("cake: {}: File too large", file.display())),
        "{refused:?}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn more_cooks_than_threads_are_refused() {
    let args = ["-cakes", "1", "-icers", "100"];
    let limit = "-u 100 2> /dev/null || ulimit -p 100"; // the limit on processes in bash, in dash
    let error = "cake: 102 cooks: this process may start 90 threads\n"; // a tenth is kept free
    outcome(limited(limit, "cake", &args)).is(1, "", error);
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap_or_else(|err| panic!("{name}: {err}"))
}

const CROSSOVER: [&str; 8] =
    ["crossover", "--quick", "--rounds", "1", "--limit", "300ms", "--shape", "pool"];

/// Without Go on the path there is no other side, which is said.
#[test]
fn crossover_without_go_compares_threads_with_the_ideal() {
    let dir = tempfile::tempdir().unwrap();
    let mut cake = command("cake", &CROSSOVER);
    cake.arg("-o").arg(dir.path().join("new")).env("PATH", dir.path());
    let outcome = outcome(cake);
    let warning = "cake: no Go toolchain on the PATH: threads are compared with the ideal only\n";
    assert_eq!((outcome.code(), &*outcome.stderr), (0, warning));
    assert!(outcome.stdout.starts_with("a pool, computing: throughput, share of the ideal"));
    assert!(!outcome.stdout.contains("goroutines"), "{}", outcome.stdout);
    let json = fs::read(dir.path().join("new/crossover.json")).unwrap();
    let points: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(points[0]["shape"], "pool");
    assert!(points[0]["threads_ns"][0].as_f64().unwrap() > 0.0);
    let svg = fs::read_to_string(dir.path().join("new/crossover.svg")).unwrap();
    assert!(svg.contains("a pool, computing"));
}

#[test]
fn crossover_measures_goroutines_where_there_is_go() {
    if Command::new("go").arg("version").output().is_err() {
        report_skipped("no go to build the other side of cake crossover with");
        return;
    }
    let outcome = run("cake", &[&CROSSOVER[..], &["--json", "--placement", "one"]].concat());
    assert_eq!((outcome.code(), &*outcome.stderr), (0, ""));
    let points: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let ns = |side: &str| points[0][side][0].as_f64().unwrap();
    assert!(ns("threads_ns") > 0.0 && ns("goroutines_ns") > 0.0, "{points}");
}

#[test]
fn crossover_refuses_what_it_does_not_know() {
    for (args, error) in [
        (
            ["--shape", "line"],
            "invalid value 'line' for '--shape <NAME,…>': use shop, pipeline or pool",
        ),
        (
            ["--placement", "two"],
            "invalid value 'two' for '--placement <NAME>': use free, one or neighbours",
        ),
    ] {
        let outcome = run("cake", &["crossover", args[0], args[1]]);
        assert_eq!(outcome.code(), 2);
        assert!(outcome.stderr.contains(error), "{}", outcome.stderr);
    }
}
