//! 8.8, 8.9, exercise 8.9 du: disk usage.

use std::io::{self, BufWriter, IsTerminal, Write, stderr};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use crossbeam::channel::{Receiver, bounded, never, tick};
use crossbeam::select;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::SIGINT;
use signal_hook::low_level::emulate_default_handler;
use threadbare::cli;
use threadbare::engines::du::{self, Error, Event, Measure, Sum, Tree, Unit};
use threadbare::text::units;

#[path = "du/args.rs"]
mod args;

use args::{Cli, Face};

/// Events in flight: progress, and what failed.
const EVENTS: usize = 1_000;
const TOTALS_EVERY: Duration = Duration::from_millis(500);
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// What is over by then needs no progress.
const PROGRESS_FROM: u32 = 5;

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| {
        if let Some(contradiction) = args.contradiction() {
            cli::warn(&contradiction);
            return Ok(ExitCode::from(2));
        }
        args.warnings().for_each(cli::warn);
        run(&args)
    })
}

fn run(args: &Cli) -> anyhow::Result<ExitCode> {
    let face = args.face();
    let options = args.options(&face);
    let done = interrupt()?;
    let mut report = Report::new(args, &face, options.measure);
    thread::scope(|scope| {
        let (events, happened) = bounded(EVENTS);
        let (options, done) = (&options, &done);
        let counting = scope.spawn(move || du::run(&args.roots, options, &events, done));
        report.follow(&happened)?; // with stdout gone `happened` is dropped: the walk ends
        report.is_partial = !counting.join().expect("counting does not panic")?;
        report.end()
    })
}

/// A channel that is closed by the first SIGINT. The second ends the process at once.
fn interrupt() -> anyhow::Result<Receiver<()>> {
    let (cancel, done) = bounded(0);
    let mut signals = cli::signals(&[SIGINT])?;
    thread::spawn(move || {
        let mut cancel = Some(cancel);
        for signal in signals.forever() {
            if cancel.take().is_none() {
                _ = emulate_default_handler(signal);
            }
        }
    });
    Ok(done)
}

/// What has happened so far, and where it is told.
struct Report<'a> {
    args: &'a Cli,
    face: &'a Face,
    out: BufWriter<cli::Stdout>,
    progress: Progress,
    /// What was found below each root.
    found: Vec<Sum>,
    total: u64,
    /// Kept until all are there to be drawn.
    trees: Vec<Tree>,
    /// Kept until their root is done.
    errors: Vec<Error>,
    n_failed: u64,
    is_partial: bool,
}

impl<'a> Report<'a> {
    fn new(args: &'a Cli, face: &'a Face, measure: Measure) -> Self {
        Report {
            args,
            face,
            out: BufWriter::new(cli::stdout()),
            progress: Progress::new(measure),
            found: vec![Sum::default(); args.roots.len()],
            total: 0,
            trees: Vec::new(),
            errors: Vec::new(),
            n_failed: 0,
            is_partial: false,
        }
    }

    fn follow(&mut self, happened: &Receiver<Event>) -> io::Result<()> {
        let ticker = match self.face {
            Face::Book => tick(TOTALS_EVERY),
            _ if stderr().is_terminal() => tick(PROGRESS_EVERY),
            _ => never(),
        };
        loop {
            select! {
                recv(happened) -> event => match event {
                    Ok(event) => self.take(event)?,
                    Err(_) => return Ok(()), // closed: all roots are done
                },
                recv(ticker) -> _ => match self.face {
                    Face::Book => self.print_totals()?,
                    _ => self.progress.show(&self.found),
                },
            }
        }
    }

    fn take(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Found(root, sum) => self.found[root] += sum,
            Event::Failed(error) => {
                self.n_failed += 1;
                self.progress.bar.suspend(|| cli::warn(&error));
                if matches!(self.face, Face::Json(_)) {
                    self.errors.push(error);
                }
            }
            Event::Done(_, tree) => {
                self.total += tree.as_ref().map_or(0, |tree| tree.total().size);
                self.progress.bar.clone().suspend(|| self.done(tree))?;
            }
        }
        Ok(())
    }

    fn done(&mut self, tree: Option<Tree>) -> io::Result<()> {
        match (self.face, tree) {
            (Face::Book, _) | (Face::Lines(..), None) => return Ok(()),
            (Face::Lines(lines, _), Some(tree)) if tree.is_partial() => {
                let name = [tree.root(), b" (partial)"].concat();
                du::write_total(&mut self.out, tree.total().size, &name, lines)?;
            }
            (Face::Lines(lines, _), Some(tree)) => du::write_lines(&mut self.out, &tree, lines)?,
            (Face::Tree(_), tree) => self.trees.extend(tree),
            (Face::Json(lines), tree) => {
                du::write_json(&mut self.out, tree.as_ref(), &self.errors, lines)?;
                self.errors.clear();
            }
        }
        self.out.flush()
    }

    /// The last words, and the exit status.
    fn end(&mut self) -> anyhow::Result<ExitCode> {
        self.progress.bar.finish_and_clear();
        match self.face {
            Face::Lines(lines, true) => {
                let name = if self.is_partial { "total (partial)" } else { "total" };
                du::write_total(&mut self.out, self.total, name.as_bytes(), lines)?;
            }
            Face::Tree(view) => write!(self.out, "{}", du::draw(&self.trees, view))?,
            Face::Book => self.print_totals()?,
            Face::Lines(..) | Face::Json(_) => {}
        }
        self.out.flush()?;
        match self.n_failed {
            0 => {}
            1 => cli::warn("1 failure: the sums are without what could not be read"),
            n => cli::warn(&format!("{n} failures: the sums are without what could not be read")),
        }
        if self.is_partial {
            _ = emulate_default_handler(SIGINT);
        }
        Ok(cli::status(self.n_failed > 0))
    }

    /// A line a root, as the book's programs have it; with several roots it says which.
    fn print_totals(&mut self) -> io::Result<()> {
        for (root, sum) in self.args.roots.iter().zip(&self.found) {
            if self.found.len() > 1 {
                self.out.write_all(root.as_os_str().as_encoded_bytes())?;
                write!(self.out, ": ")?;
            }
            let partial = if self.is_partial { " (partial)" } else { "" };
            let gigabytes = units::gigabytes(sum.size);
            writeln!(self.out, "{} files  {gigabytes}{partial}", sum.n_files)?;
        }
        self.out.flush()
    }
}

/// A line on a terminal while it takes long.
struct Progress {
    bar: ProgressBar,
    unit: Unit,
    n_ticks: u32,
}

impl Progress {
    fn new(measure: Measure) -> Self {
        let style =
            ProgressStyle::with_template("{spinner} {msg}").expect("a constant that parses");
        let is_bytes = measure != Measure::Inodes;
        let unit = if is_bytes { Unit::Human } else { Unit::Bytes(1, " inodes".to_owned()) };
        Progress { bar: ProgressBar::hidden().with_style(style), unit, n_ticks: 0 }
    }

    fn show(&mut self, found: &[Sum]) {
        let mut sum = Sum::default();
        for root in found {
            sum += *root;
        }
        self.n_ticks += 1;
        if self.n_ticks == PROGRESS_FROM {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_message(format!("{} files, {}", sum.n_files, self.unit.format(sum.size)));
        self.bar.tick();
    }
}
