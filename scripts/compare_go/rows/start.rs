//! Binary size, start-up time and lines of code.

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::super::case::{Bench, Row, Runner, Sample};
use super::super::run::{Job, Outcome};
use super::{go_sides, process};

pub(crate) const START: Row = Row {
    name: "start",
    title: "Binary size, start-up time, lines of code",
    programs: &[],
    why: "Go links its runtime into every binary and starts it; Rust links only what is used, which in \
          each lesson includes the command line parser. Rust lessons have more lines of declarations: \
          imports and types.",
    run: start,
};

fn start(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let empty = bench.work.join("empty");
    fs::create_dir_all(&empty)?;
    let answer = |outcome: &Outcome| Ok(outcome.text());
    let mut programs = vec![("du1", bench.programs.ours("du1"), &[][..])];
    for (label, program) in go_sides(bench, Some("du1"), Some("du")) {
        let args: &[&str] = if label == super::OWN { &["-shape", "1"] } else { &[] };
        programs.push((label, program, args));
    }
    let sides = programs.iter().map(|(label, program, args)| {
        process(label, Job::new(program).args(*args).arg(&empty), answer)
    });
    let sides = sides.collect();
    bench.case("du1 on an empty directory: the whole run", bench.pick(51, 21), sides)?;
    let sides = programs.iter().map(|(label, program, _)| size(label, program)).collect();
    bench.case("size of du1, stripped", 1, sides)?;
    lines(bench)
}

fn size<'a>(label: &str, program: &Path) -> Runner<'a> {
    let program = program.to_owned();
    Runner::new(label, "strip", move || {
        let stripped = tempfile::NamedTempFile::new()?;
        Job::new("strip").arg("-o").arg(stripped.path()).arg(&program).run()?;
        let mib = fs::metadata(stripped.path())?.len() as f64 / f64::from(1 << 20);
        Ok(Sample::whole(vec![("MiB", mib)], "a binary"))
    })
}

/// Notes the lines of code of each lesson and its original.
fn lines(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let Some(gopl) = bench.programs.sources.clone() else {
        bench.gap("lines of code: the originals' sources are missing");
        return Ok(());
    };
    let mut lessons = Vec::new();
    for entry in fs::read_dir("src/book").context("src/book")? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let original = gopl.join("ch8").join(if name == "chat1" { "chat" } else { &name });
        if let Some(theirs) = go_lines(&original) {
            lessons.push((name, code_lines(&fs::read_to_string(&path)?), theirs));
        }
    }
    lessons.sort();
    let all: Vec<String> =
        lessons.iter().map(|(name, ours, theirs)| format!("{name} {ours}/{theirs}")).collect();
    bench.note(format!("lines of code, ours/original: {}", all.join(", ")));
    Ok(())
}

fn go_lines(dir: &Path) -> Option<usize> {
    let files = fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let go = files.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".go") && !name.ends_with("_test.go")
    });
    Some(go.filter_map(|path| fs::read_to_string(path).ok()).map(|text| code_lines(&text)).sum())
}

/// Counts the lines that are neither blank nor only a comment.
fn code_lines(text: &str) -> usize {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}
