//! The house rules that can be proved by reading the sources.

mod imports;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of `src/`, from the ground up, and which of them each may import.
const FLOORS: [(&str, &[&str]); 11] = [
    ("machine", &[]),
    ("text", &[]),
    ("threads", &["text", "machine"]),
    ("web", &["threads", "text", "machine"]),
    ("net", &["threads", "text", "machine"]),
    ("fs", &["threads", "text", "machine"]),
    ("demo", &["web", "net", "fs", "threads", "text", "machine"]),
    ("engines", &["web", "net", "fs", "threads", "text", "machine"]),
    ("cli", &["engines", "web", "net", "fs", "threads", "text", "machine"]),
    ("bin", &["cli", "engines", "web", "net", "fs", "threads", "text", "machine"]),
    ("book", &["cli", "engines", "demo", "web", "net", "fs", "threads", "text", "machine"]),
];

/// Async runtimes, event loops and what brings them.
const FORBIDDEN: [&str; 10] = [
    "tokio",
    "mio",
    "async-std",
    "smol",
    "async-io",
    "async-executor",
    "polling",
    "futures-executor",
    "hyper",
    "reqwest",
];

/// A lesson's Go original in lines of code, where that is a whole program, and what ours may have
/// more, with the reason. Without an original a lesson may have 60.
const BUDGETS: [(&str, usize, usize, &str); 23] = [
    ("spinner", 25, 16, "-delay and -n, and an end to the animation"),
    ("clock1", 31, 0, ""),
    ("clock2", 31, 0, ""),
    ("netcat1", 20, 0, ""),
    ("netcat2", 21, 0, ""),
    ("netcat3", 27, 0, ""),
    ("reverb1", 37, 0, ""),
    ("reverb2", 37, 8, "-delay, a bound on shouts"),
    ("pipeline1", 20, 0, ""),
    ("pipeline2", 21, 0, ""),
    ("pipeline3", 26, 0, ""),
    ("countdown1", 17, 8, "-delay and -n"),
    ("countdown2", 24, 7, "-delay and -n"),
    ("countdown3", 28, 10, "-delay and -n"),
    ("crawl1", 30, 10, "it has a bound and says what it skips"),
    ("crawl2", 37, 9, "a thread starts only with a token in hand; failures count"),
    ("crawl3", 37, 12, "it ends; neither side can block the other"),
    ("du1", 49, 7, "files and links as roots; failures count"),
    ("du2", 64, 2, "files and links as roots; failures count"),
    ("du3", 72, 8, "files and links as roots; failures count"),
    ("du4", 94, 8, "files and links as roots; failures count"),
    ("chat1", 64, 21, "one ordered channel; stalled clients are disconnected"),
    ("deadlock", 60, 16, "it contains what the runtime does in Go"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

/// Every Rust file below `dir`, by its path from the root.
fn sources(dir: &str) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![root().join(dir)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(root()).unwrap().to_owned(), text);
            }
        }
    }
    assert!(!found.is_empty(), "{dir} has no sources");
    found
}

fn programs(shelf: &str) -> BTreeSet<String> {
    let dir = root().join("src").join(shelf);
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_program_is_in_the_manifest_and_in_the_readme_of_its_shelf() {
    let manifest = read("Cargo.toml");
    for shelf in ["book", "bin"] {
        let readme = read(format!("src/{shelf}/README.md"));
        for name in programs(shelf) {
            let entry = format!("name = \"{name}\", path = \"src/{shelf}/{name}.rs\"");
            assert!(manifest.contains(&entry), "{name} is not in Cargo.toml");
            assert!(
                readme.contains(&format!("`{name}`")),
                "{name} is not in src/{shelf}/README.md"
            );
        }
    }
}

#[test]
fn nothing_asynchronous_is_below_us() {
    let lock = read("Cargo.lock");
    for name in FORBIDDEN {
        assert!(!lock.contains(&format!("\nname = \"{name}\"\n")), "{name} is in Cargo.lock");
    }
}

/// Lines with code in them: neither blank nor a comment alone.
fn n_code_lines(text: &str) -> usize {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[test]
fn no_lesson_is_longer_than_its_original() {
    for name in programs("book") {
        let n_lines = n_code_lines(&read(format!("src/book/{name}.rs")));
        let budget = BUDGETS.iter().find(|(lesson, ..)| *lesson == name);
        let most = budget.map_or(60, |(_, go, more, _)| go + more);
        assert!(n_lines <= most, "{name} has {n_lines} lines of code, {most} are allowed");
    }
    for (name, _, more, reason) in BUDGETS {
        assert!(programs("book").contains(name), "{name} has a budget and is no lesson");
        assert!(more == 0 || !reason.is_empty(), "{name} is longer for no reason");
    }
}

#[test]
fn a_lesson_says_what_it_is_and_where_it_comes_from() {
    let table = read("src/book/README.md");
    for name in programs("book") {
        assert!(table.contains(&format!("| `{name}` |")), "{name} is not in src/book/README.md");
        let text = read(format!("src/book/{name}.rs"));
        let mut lines = text.lines();
        let (first, second) = (lines.next().unwrap(), lines.next().unwrap());
        assert!(first.starts_with("//! ") && first.contains(&format!("{name}: ")), "{first}");
        assert!(second.starts_with("//! Go: "), "{name}: {second}");
    }
}

#[test]
fn du1_to_du4_repeat_each_other_to_the_letter() {
    let mut first = BTreeMap::new();
    for name in ["du1", "du2", "du3", "du4"] {
        for (function, text) in functions(&read(format!("src/book/{name}.rs"))) {
            if function != "main" {
                let known = first.entry(function.clone()).or_insert_with(|| text.clone());
                assert_eq!(*known, text, "{function} of {name} differs and is not marked so");
            }
        }
    }
    assert!(first.len() >= 4, "{first:?}");
}

/// Functions by name, without those marked `// Differs`.
fn functions(text: &str) -> Vec<(String, String)> {
    let blocks = text.split("\n\n").filter(|block| !block.starts_with("// Differs"));
    let functions = blocks.filter_map(|block| {
        let (_, signature) = block.split_once("fn ")?;
        let name = signature.split(['(', '<']).next()?;
        (block.starts_with("fn ") || block.starts_with("//"))
            .then(|| (name.to_owned(), block.trim_end().to_owned()))
    });
    functions.collect()
}

#[test]
fn files_are_short_and_do_not_print_past_cli() {
    for dir in ["src", "tests"] {
        for (path, text) in sources(dir) {
            let n_lines = text.lines().count();
            assert!(n_lines <= 500, "{path:?} has {n_lines} lines: two subjects in one?");
            assert!(text.starts_with("//! "), "{path:?} does not say what it is");
            if dir == "src" {
                assert!(
                    !text.replace("eprintln!(", "").contains("println!("),
                    "{path:?}: println! panics on a closed stdout"
                );
            }
        }
    }
}

#[test]
fn tests_do_not_sleep() {
    let sleep = ["thread::", "sleep"].concat();
    for (path, text) in sources("tests") {
        assert!(!text.contains(&sleep), "{path:?} waits for the clock");
    }
}
