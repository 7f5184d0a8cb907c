//! Runs our programs and the Go originals in turn, and writes a report.
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
#[path = "../photographs.rs"]
mod photographs;
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
use report::Results;

/// Compares threads with goroutines: runs our programs and the Go originals in turn on the same work.
///
/// The report is written to target/compare. It lists as a gap what could not be built or run.
#[derive(Parser)]
pub(crate) struct Cli {
    /// Run fewer rounds on smaller inputs: under three minutes
    #[arg(long)]
    quick: bool,
    /// Run only these rows, or the rows of these programs
    #[arg(long, value_delimiter = ',', value_name = "ROW,…")]
    only: Vec<String>,
    /// Use this checkout of gopl.io instead of fetching one
    #[arg(long, value_name = "DIR")]
    gopl: Option<PathBuf>,
    /// Replace the tables in README.md and benches/README.md by those of this run
    #[arg(long, conflicts_with_all = ["quick", "only"])]
    docs: bool,
    /// List the rows and exit
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    if words.next().is_some_and(|word| word == run::MEASURE_FLAG) {
        return run::run_measured(words).unwrap_or_else(|err| {
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
    let rows = select_rows(&args.only)?;
    let interrupt = Interrupt::install()?;
    let out = target_dir()?.join("compare");
    fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    let programs = Programs::prepare(&out, args.gopl.as_deref())?;
    let machine = Machine::describe(&programs, &command_line());
    let mut results = Vec::new();
    for row in rows {
        if interrupt.is_pending() {
            break;
        }
        let start = Instant::now();
        let work = out.join("work");
        let mut bench = Bench::new(row, (args.quick, &args.only), &programs, &work, &interrupt.0);
        bench.run();
        results.push(bench.result);
        let is_complete = !interrupt.is_pending();
        report::write(&out, &Results { machine: &machine, is_complete, rows: &results })?;
        cli::warn(&format!("{}: {:.0} s", row.name, start.elapsed().as_secs_f64()));
    }
    writeln!(cli::stdout(), "{}", out.join("report.md").display())?;
    if args.docs && !interrupt.is_pending() {
        let results = Results { machine: &machine, is_complete: true, rows: &results };
        report::update_docs(Path::new("."), &results)?;
    }
    interrupt.end_process()
}

fn select_rows(only: &[String]) -> anyhow::Result<Vec<&'static Row>> {
    for name in only {
        if !rows::ALL.iter().any(|row| row.matches(name)) {
            let names: Vec<_> = rows::ALL.iter().map(|row| row.name).collect();
            bail!("{name}: no such row; there are {}", names.join(", "));
        }
    }
    let is_selected = |row: &&Row| only.is_empty() || only.iter().any(|name| row.matches(name));
    Ok(rows::ALL.into_iter().filter(is_selected).collect())
}

/// The target directory this program was built into.
fn target_dir() -> anyhow::Result<PathBuf> {
    let program = env::current_exe()?;
    let target = program.ancestors().nth(3).map(Path::to_owned); // target/release/examples/compare-go
    target.with_context(|| format!("{}: not in a target directory", program.display()))
}

fn command_line() -> String {
    let args: Vec<String> = env::args().skip(1).collect();
    ["scripts/compare-go".to_owned()].into_iter().chain(args).collect::<Vec<_>>().join(" ")
}

/// Whether SIGINT or SIGTERM has arrived. The children receive ^C as well; what has been measured is
/// still written, then the process ends by the signal.
struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    fn install() -> anyhow::Result<Self> {
        let pending = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // A second signal ends the process at once.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&pending))?;
            signal_hook::flag::register(signal, Arc::clone(&pending))?;
        }
        Ok(Interrupt(pending))
    }

    fn is_pending(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn end_process(&self) -> anyhow::Result<()> {
        if self.is_pending() {
            signal_hook::low_level::emulate_default_handler(SIGINT)?;
        }
        Ok(())
    }
}
