//! 8.8, 8.9: disk usage.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::super::case::{Bench, Row};
use super::super::run::{Job, Outcome};
use super::{ORIGINAL, OWN, process};

pub(crate) const DU: Row = Row {
    name: "du",
    title: "Counting files and bytes, warm cache (8.8, 8.9)",
    programs: &["du1", "du3", "du4"],
    why: "Walking a cached tree consists of system calls. The tool makes fewer and cheaper ones (names \
          relative to an open directory, one statx per file) in sixteen threads; the lessons make the \
          same as the book. Sending one size per file over a channel costs threads more than \
          goroutines; a capacity of 1,000 reduces that.",
    run: du,
};

fn du(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let made = make_tree(&bench.work.join("tree"), bench.pick(1_000, 200))?;
    on_tree(bench, &made, "a generated tree")?;
    let real = Path::new("/usr");
    if real.is_dir() {
        on_tree(bench, real, "/usr")?;
    } else {
        bench.gap("there is no /usr");
    }
    Ok(())
}

fn on_tree(bench: &mut Bench<'_>, root: &Path, tree: &str) -> anyhow::Result<()> {
    let lessons = [("du1", "1"), ("du3", "3"), ("du4", "4")];
    for (lesson, shape) in
        lessons.into_iter().filter(|(lesson, _)| bench.wants(lesson)).collect::<Vec<_>>()
    {
        let programs = bench.programs;
        let mut sides = vec![process(lesson, Job::new(programs.ours(lesson)).arg(root), answer)];
        if lesson != "du1" {
            let tool = Job::new(programs.ours("du")).arg("-v").arg(root);
            sides.push(process("du (the tool)", tool, answer));
        }
        match programs.original(lesson) {
            // The original of du4 is cancelled by the end of stdin.
            Some(program) => {
                let job = Job::new(program).arg(root).stdin_open();
                sides.push(process(ORIGINAL, job, answer));
            }
            None => bench.gap("the Go originals could not be built"),
        }
        if let Some(program) = programs.own("du") {
            let job = Job::new(program).args(["-shape", shape]).arg(root);
            sides.push(process(OWN, job, answer));
        }
        bench.case(format!("{tree}, {lesson}"), bench.pick(7, 3), sides)?;
    }
    Ok(())
}

/// The last total, in the format that all of them print: `N files  X.Y GB`.
fn answer(outcome: &Outcome) -> anyhow::Result<String> {
    let text = outcome.text();
    text.lines().next_back().map(str::to_owned).context("no total")
}

/// Directories of 50 files each, kept for the next run.
fn make_tree(root: &Path, n_dirs: u32) -> anyhow::Result<PathBuf> {
    let root = root.with_extension(n_dirs.to_string());
    for i in (0..n_dirs).filter(|_| !root.join("whole").exists()) {
        let dir = root.join(format!("{}/{}/{i}", i % 10, i % 100));
        fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        for file in 0..50_u16 {
            fs::write(dir.join(file.to_string()), vec![b'x'; usize::from(file) * 100])?;
        }
    }
    fs::write(root.join("whole"), "")?;
    Ok(root)
}
