//! Exercise 8.5 mandelbrot: the book's picture as PNG, and the speed-up by more threads.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::num::ParseIntError;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use threadbare::cli;
use threadbare::engines::mandelbrot::sweep::{self, Measurement};
use threadbare::engines::mandelbrot::{self, Error, Region, Strategy, View};
use threadbare::fs::atomic;
use threadbare::machine::cpu;

/// Draw the Mandelbrot set on several threads, pixel for pixel as gopl.io/ch3/mandelbrot does
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    picture: Picture,
    /// How to distribute the rows: sequential, rows (one thread per row), chunks (one thread
    /// per group of rows) or rayon [default: rayon]
    #[arg(long, value_name = "NAME", value_parser = Strategy::from_str)]
    strategy: Option<Strategy>,
    /// Maximum number of threads [default: number of CPUs]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Write the PNG to FILE instead of stdout; on failure FILE is unchanged
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Measure every strategy with several thread counts
    Sweep(Sweep),
}

#[derive(Args)]
struct Sweep {
    /// Thread counts to measure, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8", value_name = "N,…")]
    threads: Vec<usize>,
    /// Number of drawings per measurement, of which the median is reported
    #[arg(long, default_value_t = 9, value_name = "N", value_parser = repetitions)]
    repetitions: usize,
    /// Write a plot of the speed-up to FILE as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print the measurements as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Picture {
    /// Width and height in pixels
    #[arg(long, global = true, default_value = "1024x1024", value_name = "WxH", value_parser = size)]
    size: (usize, usize),
    /// Part of the complex plane, as XMIN,YMIN,XMAX,YMAX
    #[arg(long, global = true, default_value = "-2,-2,2,2", value_name = "X,Y,X,Y",
          value_parser = region, allow_hyphen_values = true)]
    region: Region,
    /// Number of iterations after which a point counts as part of the set
    #[arg(long, global = true, default_value_t = 200, value_name = "N")]
    iterations: u32,
    /// Skip points known to be in the set and copy mirrored rows; the picture is the same
    #[arg(long, global = true)]
    shortcuts: bool,
}

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| match run(&args) {
        Err(err) if is_usage(&err) => {
            cli::warn(&err);
            Ok(ExitCode::from(2))
        }
        result => result.map(|()| ExitCode::SUCCESS),
    })
}

fn is_usage(err: &anyhow::Error) -> bool {
    err.is::<Terminal>() || err.is::<Misplaced>() || err.downcast_ref().is_some_and(Error::is_usage)
}

/// The picture would be written to a terminal.
#[derive(Debug)]
struct Terminal;

impl fmt::Display for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stdout is a terminal: use -o FILE or redirect it")
    }
}

impl std::error::Error for Terminal {}

/// A flag for a single picture stands before `sweep`, where it has no effect.
#[derive(Debug)]
struct Misplaced;

impl fmt::Display for Misplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("--strategy, --threads and -o cannot be used before sweep (try --help)")
    }
}

impl std::error::Error for Misplaced {}

impl Cli {
    fn has_flags_for_one_picture(&self) -> bool {
        self.strategy.is_some() || self.threads.is_some() || self.output.is_some()
    }
}

fn run(args: &Cli) -> anyhow::Result<()> {
    match &args.command {
        Some(Command::Sweep(_)) if args.has_flags_for_one_picture() => Err(Misplaced.into()),
        Some(Command::Sweep(sweep)) => measure(&args.picture.view(), sweep),
        None => draw(args),
    }
}

fn draw(args: &Cli) -> anyhow::Result<()> {
    if args.output.is_none() && io::stdout().is_terminal() {
        return Err(Terminal.into());
    }
    let view = args.picture.view();
    let n_threads = args.threads.unwrap_or_else(cpu::n_cpus);
    let strategy = args.strategy.unwrap_or(Strategy::Rayon);
    let pixels = mandelbrot::draw(&view, strategy, n_threads)?;
    let mut png = Vec::new();
    mandelbrot::write_png(&view, &pixels, &mut png)?;
    match &args.output {
        Some(path) => Ok(atomic::write(path, &png)?),
        None => Ok(cli::stdout().write_all(&png)?),
    }
}

fn measure(view: &View, args: &Sweep) -> anyhow::Result<()> {
    let measurements = sweep::sweep(view, &args.threads, args.repetitions)?;
    if let Some(path) = &args.svg {
        atomic::write(path, mandelbrot::plot(&measurements, cpu::n_cpus())?.as_bytes())?;
    }
    if args.json {
        writeln!(cli::stdout(), "{}", serde_json::to_string_pretty(&measurements)?)?;
        return Ok(());
    }
    print_table(&measurements)
}

fn print_table(measurements: &[Measurement]) -> anyhow::Result<()> {
    let mut out = cli::stdout();
    writeln!(out, "strategy    threads   time ms    CPU ms  speed-up  efficiency")?;
    for measurement in measurements {
        let &Measurement { strategy, threads, time_ms, cpu_ms, speed_up, efficiency } = measurement;
        writeln!(
            out,
            "{strategy:<10} {threads:>8} {time_ms:>9.2} {cpu_ms:>9.2} {speed_up:>9.2} {:>10.0}%",
            efficiency * 100.0
        )?;
    }
    let load = cpu::load_average().map_or_else(String::new, |load| format!(", load {load:.2}"));
    writeln!(out, "{} CPUs{load}", cpu::n_cpus())?;
    Ok(())
}

impl Picture {
    fn view(&self) -> View {
        let (width, height) = self.size;
        let Picture { region, iterations, shortcuts, .. } = *self;
        View { width, height, region, iterations, shortcuts }
    }
}

fn size(text: &str) -> Result<(usize, usize), String> {
    let (width, height) = text.split_once('x').ok_or("use WIDTHxHEIGHT, as in 1024x768")?;
    let side = |text: &str| text.parse().map_err(|err: ParseIntError| format!("{text:?}: {err}"));
    Ok((side(width)?, side(height)?))
}

fn region(text: &str) -> Result<Region, String> {
    let number = |text: &str| text.trim().parse().map_err(|err| format!("{text:?}: {err}"));
    let numbers: Vec<f64> = text.split(',').map(number).collect::<Result<_, _>>()?;
    let [x_min, y_min, x_max, y_max] =
        numbers[..].try_into().map_err(|_| "use XMIN,YMIN,XMAX,YMAX")?;
    Ok(Region { x_min, y_min, x_max, y_max })
}

fn repetitions(text: &str) -> Result<usize, &'static str> {
    let n = text.parse().ok().filter(|n| (1..=10_000).contains(n));
    n.ok_or("use 1 to 10000")
}
