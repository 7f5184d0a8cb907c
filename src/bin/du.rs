//! 8.8, 8.9, exercise 8.9 du: disk usage.

use std::io::{self, BufWriter, IsTerminal, Write, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use crossbeam::channel::{Receiver, bounded, never, tick};
use crossbeam::select;
use indicatif::{ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;
use threadbare::cli;
use threadbare::engines::du::{self, Error, Event, Measure, Time, Tree, Unit, Usage};
use threadbare::machine::locale::NumberFormat;
use threadbare::text::units;
use threadbare::threads;

#[path = "du/args.rs"]
mod args;
#[path = "du/browse.rs"]
mod browse;
#[path = "du/browse_args.rs"]
mod browse_args;
#[path = "du/environment.rs"]
mod environment;
#[path = "du/files.rs"]
mod files;
#[path = "du/values.rs"]
mod values;

use args::{Cli, OutputMode, Subcommands};
use values::UsageError;

/// Events in flight between counting and printing.
const EVENTS: usize = 1_000;
/// How often `-v` prints its totals.
const TOTALS_INTERVAL: Duration = Duration::from_millis(500);
/// How often the progress line on a terminal is redrawn.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// Number of intervals before the progress line appears, so that short runs show none.
const PROGRESS_DELAY: u32 = 5;

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| {
        if let Some(Subcommands::Browse(args)) = &args.command {
            return browse::run(args);
        }
        if let Some(contradiction) = args.contradiction() {
            cli::warn(&format!("{contradiction} (try --help)"));
            return Ok(ExitCode::from(2));
        }
        args.warnings().for_each(cli::warn);
        match run(&args) {
            Err(err) if err.is::<UsageError>() => {
                cli::warn(&err);
                Ok(ExitCode::from(2))
            }
            result => result,
        }
    })
}

fn run(args: &Cli) -> anyhow::Result<ExitCode> {
    let mode = args.output_mode()?;
    let options = args.options(&mode)?;
    let (roots, n_errors) = args.roots()?;
    let signal = Arc::new(AtomicI32::new(SIGINT));
    let done = cancel_on_signal(&signal)?;
    let mut report = Report { n_errors, ..Report::new(&roots, &mode, options.measure) };
    let (is_whole, reported) = threads::with_producer(
        EVENTS,
        |events| du::run(&roots, &options, &events, &done),
        |events| report.receive_events(&events), // an error drops `events`, which cancels counting
    );
    reported?;
    report.is_partial = !is_whole;
    report.print_summary()?;
    report.warn_of_errors();
    if report.is_partial {
        _ = emulate_default_handler(signal.load(Ordering::Relaxed));
    }
    Ok(cli::status(report.n_errors > 0))
}

/// Returns a channel that the first SIGINT or SIGTERM closes; which one it was is stored in `first`.
/// The second one ends the process at once, as the first does if there is no thread to wait for it.
fn cancel_on_signal(first: &Arc<AtomicI32>) -> anyhow::Result<Receiver<()>> {
    let (cancel, done) = bounded(0);
    let (mut cancel, first) = (Some(cancel), Arc::clone(first));
    let is_handled = cli::on_signals(&[SIGINT, SIGTERM], move |signal| {
        first.store(signal, Ordering::Relaxed); // before the channel closes
        if cancel.take().is_none() {
            _ = emulate_default_handler(signal);
        }
    })?;
    Ok(if is_handled { done } else { never() })
}

/// Prints results as they come, and collects what is printed at the end.
struct Report<'a> {
    roots: &'a [PathBuf],
    mode: &'a OutputMode,
    out: BufWriter<cli::Stdout>,
    progress: Progress,
    /// What has been counted so far below each root.
    usages: Vec<Usage>,
    /// Usage of all finished roots.
    total: Usage,
    /// Kept until all trees can be drawn together.
    trees: Vec<Tree>,
    /// Errors of the current root, for JSON.
    errors: Vec<Error>,
    n_errors: u64,
    is_partial: bool,
}

impl<'a> Report<'a> {
    fn new(roots: &'a [PathBuf], mode: &'a OutputMode, measure: Measure) -> Self {
        Report {
            roots,
            mode,
            out: BufWriter::new(cli::stdout()),
            progress: Progress::new(measure),
            usages: vec![Usage::default(); roots.len()],
            total: Usage { newest: Time::EPOCH, ..Usage::default() }, // as in GNU du
            trees: Vec::new(),
            errors: Vec::new(),
            n_errors: 0,
            is_partial: false,
        }
    }

    /// Handles events until the channel is closed.
    fn receive_events(&mut self, events: &Receiver<Event>) -> io::Result<()> {
        let ticker = match self.mode {
            OutputMode::Totals => tick(TOTALS_INTERVAL),
            _ if stderr().is_terminal() => tick(PROGRESS_INTERVAL),
            _ => never(),
        };
        loop {
            select! {
                recv(events) -> event => match event {
                    Ok(event) => self.handle(event)?,
                    Err(_) => return Ok(()), // closed: counting has ended
                },
                recv(ticker) -> _ => match self.mode {
                    OutputMode::Totals => self.print_totals()?,
                    _ => self.progress.show(&self.usages),
                },
            }
        }
    }

    fn handle(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Progress { root, usage } => self.usages[root] += usage,
            Event::Failed(error) => {
                self.n_errors += 1;
                self.progress.bar.suspend(|| cli::warn(&error));
                if matches!(self.mode, OutputMode::Json(_)) {
                    self.errors.push(error);
                }
            }
            Event::Done { tree, .. } => {
                self.total += tree.as_ref().map_or_else(Usage::default, Tree::total);
                self.progress.bar.clone().suspend(|| self.print_root(tree))?;
            }
        }
        Ok(())
    }

    /// Prints a finished root, or keeps it for the summary.
    fn print_root(&mut self, tree: Option<Tree>) -> io::Result<()> {
        match (self.mode, tree) {
            (OutputMode::Totals, _) | (OutputMode::Lines { .. }, None) => return Ok(()),
            (OutputMode::Lines { options, .. }, Some(tree)) if tree.is_partial() => {
                let name = [tree.root(), b" (partial)"].concat();
                du::write_total(&mut self.out, &tree.total(), &name, options)?;
            }
            (OutputMode::Lines { options, .. }, Some(tree)) => {
                du::write_lines(&mut self.out, &tree, options)?;
            }
            (OutputMode::Tree(_), tree) => self.trees.extend(tree),
            (OutputMode::Json(options), tree) => {
                du::write_json(&mut self.out, tree.as_ref(), &self.errors, options)?;
                self.errors.clear();
            }
        }
        self.out.flush()
    }

    /// Prints what concerns all roots together.
    fn print_summary(&mut self) -> io::Result<()> {
        self.progress.bar.finish_and_clear();
        match self.mode {
            OutputMode::Lines { options, grand_total: true } => {
                let name = if self.is_partial { "total (partial)" } else { "total" };
                du::write_total(&mut self.out, &self.total, name.as_bytes(), options)?;
            }
            OutputMode::Tree(options) => {
                write!(self.out, "{}", du::draw(&self.trees, options))?;
            }
            OutputMode::Totals => self.print_totals()?,
            OutputMode::Lines { .. } | OutputMode::Json(_) => {}
        }
        self.out.flush()
    }

    fn warn_of_errors(&self) {
        match self.n_errors {
            0 => {}
            1 => cli::warn("1 error: sizes do not include what could not be read"),
            n => cli::warn(&format!("{n} errors: sizes do not include what could not be read")),
        }
    }

    /// Prints one line per root as the book's du2 does, with its path if there are several.
    fn print_totals(&mut self) -> io::Result<()> {
        for (root, usage) in self.roots.iter().zip(&self.usages) {
            if self.usages.len() > 1 {
                self.out.write_all(root.as_os_str().as_encoded_bytes())?;
                write!(self.out, ": ")?;
            }
            let partial = if self.is_partial { " (partial)" } else { "" };
            let gigabytes = units::gigabytes(usage.size);
            writeln!(self.out, "{} files  {gigabytes}{partial}", usage.n_files)?;
        }
        self.out.flush()
    }
}

/// The progress line on a terminal.
struct Progress {
    bar: ProgressBar,
    unit: Unit,
    numbers: NumberFormat,
    n_ticks: u32,
}

impl Progress {
    fn new(measure: Measure) -> Self {
        let style =
            ProgressStyle::with_template("{spinner} {wide_msg}").expect("a constant that parses");
        let is_bytes = measure != Measure::Inodes;
        let unit = if is_bytes { Unit::HUMAN } else { Unit::bytes(1, " inodes") };
        let numbers = environment::number_format();
        Progress { bar: ProgressBar::hidden().with_style(style), unit, numbers, n_ticks: 0 }
    }

    fn show(&mut self, usages: &[Usage]) {
        let mut total = Usage::default();
        for usage in usages {
            total += *usage;
        }
        self.n_ticks += 1;
        if self.n_ticks == PROGRESS_DELAY {
            self.bar.set_draw_target(cli::progress_target());
        }
        let size = self.unit.format(total.size, &self.numbers);
        self.bar.set_message(format!("{} files, {size}", total.n_files));
        self.bar.tick();
    }
}
