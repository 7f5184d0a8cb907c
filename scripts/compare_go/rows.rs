//! The rows in the order of the report, and the helpers they share.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::case::{Bench, Row, Runner, Sample};
use super::run::{Job, Outcome};

mod channels;
mod compute;
mod crossover;
mod files;
mod photos;
mod servers;
mod start;
mod web;

pub(crate) const ALL: [&Row; 15] = [
    &compute::SPINNER,
    &channels::CHANNEL,
    &channels::CAKE,
    &crossover::CROSSOVER,
    &channels::SPAWN,
    &compute::MANDELBROT,
    &photos::THUMBNAIL,
    &web::CRAWL,
    &files::DU,
    &servers::CLOCK,
    &servers::REVERB,
    &servers::CHAT,
    &servers::FULL,
    &web::NETCAT,
    &start::START,
];

const WALL: &str = "wall ms";
const CPU: &str = "CPU ms";
const PEAK: &str = "peak MiB";

/// Wall time, CPU time and peak memory of a process.
fn usual(outcome: &Outcome) -> Vec<(&'static str, f64)> {
    vec![(WALL, outcome.usage.wall_ms), (CPU, outcome.usage.cpu_ms), (PEAK, outcome.usage.peak_mib)]
}

/// A side that runs a program to its end; `answer` extracts the result from its output.
fn process<'a>(
    label: &str,
    job: Job,
    answer: impl Fn(&Outcome) -> anyhow::Result<String> + 'a,
) -> Runner<'a> {
    Runner::new(label, shown(&job), move || {
        let outcome = job.run()?;
        Ok(Sample::whole(usual(&outcome), answer(&outcome)?))
    })
}

/// A command as a user would type it, with programs by name.
fn shown(job: &Job) -> String {
    let words = job.words();
    let program = Path::new(&words[0]).file_name().unwrap_or_default().to_string_lossy();
    let args =
        words[1..].iter().map(|word| match word.to_string_lossy().split_once("/compare/work/") {
            Some((_, inside)) => inside.to_owned(),
            None => word.to_string_lossy().into_owned(),
        });
    // Six arguments show the pattern; there may be a hundred photographs.
    let (args, n_args): (Vec<_>, usize) = (args.take(6).collect(), words.len() - 1);
    let rest = if n_args > 6 { " …" } else { "" };
    format!("{program} {}{rest}", args.join(" ")).trim_end().to_owned()
}

pub(crate) const ORIGINAL: &str = "Go original";
pub(crate) const OWN: &str = "Go, our own";

/// The Go sides that were built: the book's program first, then ours. A missing original is a gap.
fn go_sides(
    bench: &mut Bench<'_>,
    original: Option<&str>,
    own: Option<&str>,
) -> Vec<(&'static str, PathBuf)> {
    let programs = bench.programs;
    let original = original.and_then(|name| programs.original(name));
    let own = own.and_then(|name| programs.own(name));
    if original.is_none() {
        bench.gap("the Go original could not be built");
    }
    let sides = [(ORIGINAL, original), (OWN, own)];
    sides.into_iter().filter_map(|(label, path)| Some((label, path?))).collect()
}

/// The number before `word` in `text`.
fn number_before(text: &str, word: &str) -> anyhow::Result<u64> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let at = words.iter().position(|candidate| *candidate == word);
    let number = at.and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok());
    number.with_context(|| format!("no number of {word} in {text:?}"))
}
