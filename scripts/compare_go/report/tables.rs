//! The tables of README.md and benches/README.md, replaced by those of this run.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Context;
use threadbare::fs::atomic;

use super::{Results, figure};
use crate::case::{Case, Metric, RowResult, Side};
use crate::rows::{ORIGINAL, OWN};
use crate::stats::Ratio;

/// The lines around the part of a document that is written here.
const BEGIN: &str = "<!-- written by scripts/compare-go --docs -->\n";
const END: &str = "<!-- end -->\n";
/// Writing to a string cannot fail.
const FITS: &str = "a string accepts all text";

/// A case that README shows: its row, the beginning of its input, our side, and its description.
struct Headline {
    row: &'static str,
    input: &'static str,
    side: &'static str,
    title: &'static str,
}

const HEADLINES: [Headline; 6] = [
    Headline {
        row: "thumbnail",
        input: "24 photographs",
        side: "thumbnail",
        title: "thumbnails of 24 photographs",
    },
    Headline {
        row: "du",
        input: "/usr, du3",
        side: "du (the tool)",
        title: "disk usage of `/usr`",
    },
    Headline {
        row: "spawn",
        input: "10,000 short jobs, our",
        side: "our thread pool",
        title: "one of 10,000 short jobs, on a thread pool",
    },
    Headline {
        row: "chat",
        input: "1000 clients",
        side: "chat (the tool)",
        title: "CPU per chat line delivered, 1,000 clients, light load",
    },
    Headline {
        row: "spawn",
        input: "10,000 alive",
        side: "threads",
        title: "one of 10,000 threads that are alive at once",
    },
    Headline {
        row: "channel",
        input: "handoff, capacity 0",
        side: "crossbeam",
        title: "one item over an unbuffered channel",
    },
];

/// Replaces the tables in both documents below `root`.
///
/// # Errors
/// If a row was not measured or a document has no place for its table; nothing is replaced then.
pub(crate) fn update_docs(root: &Path, results: &Results<'_>) -> anyhow::Result<()> {
    let readme = with_table(&root.join("README.md"), &headlines(results)?)?;
    let benches = with_table(&root.join("benches/README.md"), &all_cases(results))?;
    atomic::write(&root.join("README.md"), readme.as_bytes())?;
    atomic::write(&root.join("benches/README.md"), benches.as_bytes())?;
    Ok(())
}

fn with_table(path: &Path, table: &str) -> anyhow::Result<String> {
    let name = || path.display().to_string();
    let text = fs::read_to_string(path).with_context(name)?;
    let (before, rest) = text.split_once(BEGIN).with_context(name).context(BEGIN.trim())?;
    let (_, after) = rest.split_once(END).with_context(name).context(END.trim())?;
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

fn headlines(results: &Results<'_>) -> anyhow::Result<String> {
    let machine = results.machine;
    let day = machine.date.split(' ').next().unwrap_or_default();
    let mut table = format!(
        "Medians on {} CPUs, {}, {day}, by `scripts/compare-go`. Below 1, ours takes less.\n\n\
         | case | ours | Go | ours / Go | Go is |\n|---|--:|--:|--:|---|\n",
        machine.n_cpus, machine.go
    );
    for headline in &HEADLINES {
        let line = headline.line(results.rows).with_context(|| {
            format!("{}, {}: not measured in this run", headline.row, headline.input)
        })?;
        table.push_str(&line);
    }
    Ok(table)
}

impl Headline {
    fn line(&self, rows: &[RowResult]) -> Option<String> {
        let row = rows.iter().find(|row| row.name == self.row)?;
        let case = row.cases.iter().find(|case| case.input.starts_with(self.input))?;
        let ours = case.sides.iter().find(|side| side.label == self.side)?;
        let (theirs, ratio) = (case.base()?, case.ratio(ours, 0)?);
        let program = if theirs.label == ORIGINAL { "the original" } else { "our own" };
        let [mine, other] = [ours, theirs].map(|side| with_unit(&side.metrics[0]));
        let title = self.title;
        Some(format!("| {title} | {mine} | {other} | {} | {program} |\n", figure(ratio.median)))
    }
}

/// A median with the unit that suits its size.
fn with_unit(metric: &Metric) -> String {
    let (value, unit) = match metric.unit.split_whitespace().find(|word| UNITS.contains(word)) {
        Some("ns") if metric.median >= 1_000.0 => (metric.median / 1e3, "µs"),
        Some("ms") if metric.median >= 1_000.0 => (metric.median / 1e3, "s"),
        Some(unit) => (metric.median, unit),
        None => (metric.median, metric.unit),
    };
    format!("{} {unit}", figure(value))
}

const UNITS: [&str; 4] = ["ns", "µs", "ms", "MiB"];

fn all_cases(results: &Results<'_>) -> String {
    let machine = results.machine;
    let load = machine.load_before.map_or_else(String::new, |load| format!("{load:.1}"));
    let mut table = format!(
        "**{} CPUs ({}), {}, {}, {}, load average {load} before, {}, `{}`**\n\n\
         | row | case | figure | ours | Go original | Go, our own | ours / Go |\n\
         |---|---|---|--:|--:|--:|--:|\n",
        machine.n_cpus,
        machine.processor,
        machine.system,
        machine.go,
        machine.rust,
        machine.date,
        machine.command
    );
    for row in results.rows {
        for case in &row.cases {
            for side in case.sides.iter().filter(|side| side.is_ours) {
                table.push_str(&line(row, case, side));
            }
        }
    }
    table
}

/// The first metric of one of our sides beside Go's.
fn line(row: &RowResult, case: &Case, ours: &Side) -> String {
    let theirs = |is_wanted: fn(&Side) -> bool| {
        case.sides.iter().find(|side| is_wanted(side)).map_or_else(|| "–".to_owned(), median)
    };
    let original = theirs(|side| side.label == ORIGINAL);
    let own = theirs(|side| !side.is_ours && side.label.starts_with(OWN));
    let ratio = case.ratio(ours, 0).map_or_else(|| "–".to_owned(), |ratio| range(&ratio));
    let unit = ours.metrics[0].unit;
    let mut line = String::new();
    let (name, input, label) = (row.name, &case.input, &ours.label);
    let ours = median(ours);
    writeln!(
        line,
        "| {name} | {input}: {label} | {unit} | {ours} | {original} | {own} | {ratio} |"
    )
    .expect(FITS);
    line
}

fn median(side: &Side) -> String {
    let value = figure(side.metrics[0].median);
    match &side.shortfall {
        Some(shortfall) => format!("{value} ({shortfall})"),
        None => value,
    }
}

fn range(ratio: &Ratio) -> String {
    let [median, min, max] = [ratio.median, ratio.min, ratio.max].map(figure);
    if ratio.n_rounds == 1 { median } else { format!("{median} ({min} to {max})") }
}
