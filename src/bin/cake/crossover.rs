//! `cake crossover`: threads beside goroutines, from no work per item to 10 ms.

use std::fs;
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;
use threadbare::cli;
use threadbare::engines::cake::crossover::{self, Comparison, Options, OtherSide, Point, Shape};
use threadbare::engines::cake::draw;
use threadbare::fs::atomic;
use threadbare::machine::affinity::{Placement, place};
use threadbare::machine::cpu;

use super::goroutines::Goroutines;

#[derive(Args)]
pub(crate) struct CrossoverArgs {
    /// Measure fewer points, in ten to thirty seconds
    #[arg(long)]
    quick: bool,
    /// Rounds over all points; the median counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    rounds: u8,
    /// Stop after this long and show what was measured
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = cli::duration)]
    limit: Duration,
    /// Shapes to measure: shop, pipeline, pool
    #[arg(
        long,
        value_name = "NAME,…",
        value_delimiter = ',',
        default_value = "shop,pipeline,pool"
    )]
    shape: Vec<Shape>,
    /// Where both sides run: free, one (all on one CPU) or neighbours (on two)
    #[arg(long, value_name = "NAME", default_value = "free")]
    placement: Placement,
    /// Directory for crossover.json and crossover.svg (heat maps); created if missing
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

/// The shortest run of a point, and with --quick.
const MIN_TIME: Duration = Duration::from_millis(20);
const MIN_TIME_QUICK: Duration = Duration::from_millis(5);

pub(crate) fn run(args: &CrossoverArgs) -> anyhow::Result<()> {
    if let Some(dir) = &args.out {
        fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    // Before any thread starts; the Go program inherits it.
    let n_cpus =
        place(args.placement).with_context(|| format!("--placement {}", args.placement))?;
    let points = args.points(n_cpus);
    let mut goroutines = Goroutines::start()?;
    if goroutines.is_none() {
        cli::warn("no Go toolchain on the PATH: threads are compared with the ideal only");
    }
    let (comparisons, signal) = measure(&points, args.options(n_cpus), goroutines.as_mut())?;
    drop(goroutines);
    args.write(&comparisons, n_cpus)?;
    if let Some(signal) = signal {
        emulate_default_handler(signal)?;
    }
    Ok(())
}

/// Measures until all is done, the limit is reached or a signal arrives, which is returned.
fn measure(
    points: &[Point],
    options: Options,
    goroutines: Option<&mut Goroutines>,
) -> anyhow::Result<(Vec<Comparison>, Option<i32>)> {
    let mut signals = cli::signals(&[SIGINT, SIGTERM])?;
    let (mut signal, bar) = (None, progress_bar());
    let mut on_goroutines =
        goroutines.map(|program| move |point: &Point, min_time| program.measure(point, min_time));
    let goroutines = on_goroutines.as_mut();
    let goroutines = goroutines.map(|measure| measure as &mut OtherSide<'_>);
    let comparisons = crossover::compare(points, options, goroutines, |done| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        bar.set_position((done * 1e3) as u64);
        signal = signals.pending().next();
        signal.is_none()
    });
    bar.finish_and_clear();
    Ok((comparisons?, signal))
}

/// A bar on stderr, if that is a terminal.
fn progress_bar() -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(1_000), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{wide_bar} {percent} %, {eta} left");
    bar.with_style(style.expect("the template is valid"))
}

impl CrossoverArgs {
    fn points(&self, n_cpus: usize) -> Vec<Point> {
        let points =
            if self.quick { crossover::quick_grid(n_cpus) } else { crossover::full_grid(n_cpus) };
        points.into_iter().filter(|point| self.shape.contains(&point.shape)).collect()
    }

    fn options(&self, n_cpus: usize) -> Options {
        let min_time = if self.quick { MIN_TIME_QUICK } else { MIN_TIME };
        Options { rounds: self.rounds.into(), min_time, limit: self.limit, n_cpus }
    }

    fn write(&self, comparisons: &[Comparison], n_cpus: usize) -> anyhow::Result<()> {
        let json = serde_json::to_string_pretty(comparisons)? + "\n";
        if let Some(dir) = &self.out {
            let s = if n_cpus == 1 { "" } else { "s" };
            let title = format!("Throughput of threads / goroutines on {n_cpus} CPU{s}");
            save(dir, "crossover.json", &json)?;
            save(dir, "crossover.svg", &draw::crossover(&title, comparisons)?)?;
        }
        let text = if self.json { json } else { self.text(comparisons, n_cpus) };
        Ok(write!(cli::stdout(), "{text}")?)
    }

    /// The tables, the answers, and the circumstances.
    fn text(&self, comparisons: &[Comparison], n_cpus: usize) -> String {
        let load = cpu::load_average().map_or_else(String::new, |load| format!(", load {load:.1}"));
        let rounds = comparisons.iter().map(|comparison| comparison.threads_ns.len());
        let (least, most) = (rounds.clone().min().unwrap_or(0), rounds.max().unwrap_or(0));
        let rounds = if least == most { least.to_string() } else { format!("{least} or {most}") };
        let (text, n, placement) =
            (crossover::text(comparisons), comparisons.len(), self.placement);
        format!(
            "{text}\nThreads count as behind only if every round says so.\n\
             {n} points, {rounds} rounds, {n_cpus} CPUs, placement {placement}{load}\n"
        )
    }
}

fn save(dir: &Path, name: &str, contents: &str) -> anyhow::Result<()> {
    Ok(atomic::write(&dir.join(name), contents.as_bytes())?)
}
