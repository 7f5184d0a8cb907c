//! The report as Markdown.

use std::fmt::Write;

use super::{Results, figure, lines, scores, shortfalls};
use crate::case::RowResult;
use crate::machine::Machine;

/// Writing to a string cannot fail.
const FITS: &str = "a string accepts all text";

pub(super) fn page(results: &Results<'_>) -> String {
    let mut page = format!("# Threads beside goroutines\n\n{}", machine(results.machine));
    if !results.is_complete {
        page.push_str("\n**Interrupted**: these are the measurements until then.\n");
    }
    for gap in &results.machine.gaps {
        writeln!(page, "\nGap: {gap}.").expect(FITS);
    }
    for row in results.rows {
        row_of(&mut page, row);
    }
    summary(&mut page, results.rows);
    page
}

fn machine(machine: &Machine) -> String {
    let load =
        machine.load_before.map_or_else(|| "unknown".to_owned(), |load| format!("{load:.2}"));
    let busy = if machine.was_busy() {
        "\n**The machine was busy when the comparison began: small differences mean nothing.**\n"
    } else {
        ""
    };
    format!(
        "{}, `{}`, on {} CPUs ({}), {:.0} GiB, {}, load average before {load}; {}, {}.\n\
         The sides run in turn. A ratio is ours divided by the first Go side's that did the whole work, \
         round by round: median and extremes. Below 1, ours takes less.\n{busy}",
        machine.date,
        machine.command,
        machine.n_cpus,
        machine.processor,
        machine.memory_gib,
        machine.system,
        machine.go,
        machine.rust
    )
}

fn row_of(page: &mut String, row: &RowResult) {
    writeln!(page, "\n## {}: {}\n", row.name, row.title).expect(FITS);
    if !row.cases.is_empty() {
        page.push_str("| case | figure | side | median | min | max | ours / Go |\n|---|---|---|--:|--:|--:|---|\n");
    }
    for line in row.cases.iter().flat_map(lines) {
        let ratio = line.outcome();
        let [median, min, max] = [line.median, line.min, line.max].map(figure);
        let (input, unit, label) = (line.input, line.unit, &line.side.label);
        writeln!(page, "| {input} | {unit} | {label} | {median} | {min} | {max} | {ratio} |")
            .expect(FITS);
    }
    for gap in &row.gaps {
        writeln!(page, "\nGap: {gap}.").expect(FITS);
    }
    for note in &row.notes {
        writeln!(page, "\n{note}").expect(FITS);
    }
    commands(page, row);
}

/// The command lines of the row, without repetitions.
fn commands(page: &mut String, row: &RowResult) {
    let sides = row.cases.iter().flat_map(|case| &case.sides);
    let mut words: Vec<&str> = sides.map(|side| side.command.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    if !words.is_empty() {
        writeln!(
            page,
            "\n<details><summary>commands</summary>\n\n```\n{}\n```\n</details>",
            words.join("\n")
        )
        .expect(FITS);
    }
}

/// Where threads win, tie and lose, and why.
fn summary(page: &mut String, rows: &[RowResult]) {
    page.push_str("\n## Summary\n\nBy the first metric of each row:\n");
    for row in rows {
        writeln!(page, "\n**{}**, {}.", row.name, row.title).expect(FITS);
        for score in scores(row) {
            writeln!(page, "- {}", score.words()).expect(FITS);
        }
        for shortfall in shortfalls(row) {
            writeln!(page, "- {shortfall}").expect(FITS);
        }
        if row.cases.is_empty() {
            page.push_str("- not compared\n");
        }
        writeln!(page, "\n{}", row.why).expect(FITS);
    }
}
