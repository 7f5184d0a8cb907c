//! Runs our programs with 1, 2, 4 … all CPUs in turn, and writes one page: speed-up and efficiency.
//!
//! Started by `scripts/scaling`, or in a bundle on a machine without a toolchain.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context, bail};
use clap::Parser;
use threadbare::cli;
use threadbare::fs::atomic;
use threadbare::machine::{affinity, cpu};

#[path = "scaling_parts/page.rs"]
mod page;
#[path = "photographs.rs"]
mod photographs;
#[path = "scaling_parts/subject.rs"]
mod subject;

use subject::{Context as Setup, SUBJECTS};

/// Measures how our programs use more CPUs
///
/// The load generator and the web site under test use all CPUs; the program under test is restricted
/// to the first ones.
#[derive(Parser)]
struct Cli {
    /// Directory of the built programs, with `examples` in it
    #[arg(long, value_name = "DIR", default_value = "target/release")]
    programs: PathBuf,
    /// Page to write
    #[arg(long, value_name = "FILE", default_value = "scaling.html")]
    out: PathBuf,
    /// Measure one round of smaller inputs
    #[arg(long)]
    quick: bool,
    /// Measure only these programs
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,
}

/// The first argument with which this program restricts itself to so many CPUs and becomes another.
const ON_FLAG: &str = "--on";

/// What one program did with each number of CPUs: work per second, round by round.
struct Series {
    name: &'static str,
    unit: &'static str,
    points: Vec<(usize, Vec<f64>)>,
}

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    if words.next().is_some_and(|word| word == ON_FLAG) {
        return become_restricted(words).unwrap_or_else(|err| {
            cli::warn(&format!("{err:#}"));
            ExitCode::FAILURE
        });
    }
    cli::run(|args: Cli| measure(&args))
}

/// Runs `N PROGRAM ARGUMENT…` on the first N CPUs.
fn become_restricted(mut words: impl Iterator<Item = OsString>) -> anyhow::Result<ExitCode> {
    let n_cpus = words.next().and_then(|n| n.to_str()?.parse().ok()).context("--on N PROGRAM …")?;
    let program = words.next().context("--on N PROGRAM …")?;
    affinity::use_first(n_cpus)?;
    let err = Command::new(&program).args(words).exec();
    Err(err).with_context(|| Path::new(&program).display().to_string())
}

fn measure(args: &Cli) -> anyhow::Result<()> {
    for name in &args.only {
        if !SUBJECTS.iter().any(|subject| subject.name == name) {
            let names: Vec<_> = SUBJECTS.iter().map(|subject| subject.name).collect();
            bail!("{name}: no such program; there are {}", names.join(", "));
        }
    }
    let n_cpus = cpu::n_cpus();
    let load = cpu::load_average();
    let setup = Setup::new(&args.programs, args.quick)?;
    let (mut all, mut gaps) = (Vec::new(), Vec::new());
    for subject in SUBJECTS {
        if !args.only.is_empty() && !args.only.iter().any(|name| name == subject.name) {
            continue;
        }
        let mut series = Series { name: subject.name, unit: subject.unit, points: Vec::new() };
        series.points.extend(steps(n_cpus).into_iter().map(|n| (n, Vec::new())));
        if let Err(err) = rounds(&setup, subject, &mut series) {
            gaps.push(format!("{}: {err:#}", subject.name));
            continue;
        }
        writeln!(cli::stdout(), "{}", page::line(&series))?;
        all.push(series);
    }
    let limits = setup.limits.into_inner();
    gaps.iter().chain(&limits).for_each(cli::warn);
    atomic::write(&args.out, page::page(&all, &gaps, &limits, load)?.as_bytes())?;
    Ok(writeln!(cli::stdout(), "{}", fs::canonicalize(&args.out)?.display())?)
}

/// All numbers of CPUs in turn, as often as there are rounds.
fn rounds(setup: &Setup, subject: &subject::Subject, series: &mut Series) -> anyhow::Result<()> {
    (subject.run)(setup, series.points[0].0)?; // warms caches up
    for _ in 0..setup.n_rounds() {
        for (n_cpus, rates) in &mut series.points {
            rates.push((subject.run)(setup, *n_cpus)?);
        }
    }
    Ok(())
}

/// 1, 2, 4 … and all.
fn steps(n_cpus: usize) -> Vec<usize> {
    let powers = std::iter::successors(Some(1), |n| Some(n * 2)).take_while(|&n| n < n_cpus);
    powers.chain([n_cpus]).collect()
}
