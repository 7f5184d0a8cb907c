//! Runs our programs and the Go originals by turns, and writes what came of it.
//!
//! Started by `scripts/compare-go`, which builds the programs first.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Parser;
use signal_hook::consts::{SIGINT, SIGTERM};
use threadbare::cli;

mod case;
mod machine;
mod programs;
mod report;
mod rows;
mod run;
#[path = "../similarity/ssim.rs"]
mod ssim;
mod stats;

use case::{Bench, Row};
use machine::Machine;
use programs::Programs;

/// Compares threads with goroutines: our programs and the Go originals on the same work, by turns.
///
/// The report is in target/compare. What cannot be built or run is named there as a gap.
#[derive(Parser)]
pub(crate) struct Cli {
    /// Less of everything: under three minutes
    #[arg(long)]
    quick: bool,
    /// Only these rows, or rows of these programs
    #[arg(long, value_delimiter = ',', value_name = "ROW,…")]
    only: Vec<String>,
    /// A checkout of gopl.io; without it, it is fetched
    #[arg(long, value_name = "DIR")]
    gopl: Option<PathBuf>,
    /// Say which rows there are
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    if words.next().is_some_and(|word| word == run::MEASURED) {
        return run::measured(words).unwrap_or_else(|err| {
            cli::warn(&format!("{err:#}"));
            ExitCode::FAILURE
        });
    }
    cli::run(|args: Cli| {
        if args.list {
            for row in rows::ALL {
                writeln!(cli::stdout(), "{:<11} {}", row.name, row.title)?;
            }
            return Ok(());
        }
        compare(&args)
    })
}

fn compare(args: &Cli) -> anyhow::Result<()> {
    let rows = chosen(&args.only)?;
    let signals = Signals::catch()?;
    let out = target()?.join("compare");
    fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    let programs = Programs::prepare(&out, args.gopl.as_deref())?;
    let machine = Machine::look(&programs, &command_line());
    let mut results = Vec::new();
    for row in rows {
        if signals.came() {
            break;
        }
        let start = Instant::now();
        let work = out.join("work");
        let mut bench = Bench::new(row, (args.quick, &args.only), &programs, &work, &signals.0);
        bench.run();
        results.push(bench.result);
        report::write(&out, &machine, &results, !signals.came())?;
        cli::warn(&format!("{}: {:.0} s", row.name, start.elapsed().as_secs_f64()));
    }
    writeln!(cli::stdout(), "{}", out.join("report.md").display())?;
    signals.die()
}

fn chosen(only: &[String]) -> anyhow::Result<Vec<&'static Row>> {
    for name in only {
        if !rows::ALL.iter().any(|row| row.is_called(name)) {
            let names: Vec<_> = rows::ALL.iter().map(|row| row.name).collect();
            bail!("{name}: no such row; there are {}", names.join(", "));
        }
    }
    let is_chosen = |row: &&Row| only.is_empty() || only.iter().any(|name| row.is_called(name));
    Ok(rows::ALL.into_iter().filter(is_chosen).collect())
}

/// The target folder this program was built into.
fn target() -> anyhow::Result<PathBuf> {
    let me = env::current_exe()?;
    let target = me.ancestors().nth(3).map(Path::to_owned); // target/release/examples/compare-go
    target.with_context(|| format!("{}: not in a target folder", me.display()))
}

fn command_line() -> String {
    let args: Vec<String> = env::args().skip(1).collect();
    ["scripts/compare-go".to_owned()].into_iter().chain(args).collect::<Vec<_>>().join(" ")
}

/// ^C: the children get it too; what was measured is written, and we die by it.
struct Signals(Arc<AtomicBool>);

impl Signals {
    fn catch() -> anyhow::Result<Self> {
        let came = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // A second one ends us at once.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&came))?;
            signal_hook::flag::register(signal, Arc::clone(&came))?;
        }
        Ok(Signals(came))
    }

    fn came(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn die(&self) -> anyhow::Result<()> {
        if self.came() {
            signal_hook::low_level::emulate_default_handler(SIGINT)?;
        }
        Ok(())
    }
}
