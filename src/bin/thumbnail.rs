//! 8.5 thumbnail: makes thumbnails of image files and folders, on every core.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Parser, ValueEnum};
use crossbeam::channel::Receiver;
use image::ImageFormat;
use indicatif::{ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;
use threadbare::cli;
use threadbare::engines::thumbnail::batch::{self, Batch, Outcome, Strategy};
use threadbare::engines::thumbnail::plan::Template;
use threadbare::engines::thumbnail::record::Record;
use threadbare::engines::thumbnail::{self, Error, Job, Options, Originals, Size, find, plan};
use threadbare::machine::cpu;
use threadbare::threads;

/// Outcomes waiting to be printed.
const OUTCOMES_IN_FLIGHT: usize = 64;

/// Make thumbnails of images and print their names
///
/// Reads JPEG, PNG, GIF, WebP, TIFF and BMP. Rotates pictures upright, converts them to sRGB and
/// removes metadata; never enlarges. Thumbnails are written atomically.
#[derive(Parser)]
struct Cli {
    /// Images and folders of images; without any, names are read from stdin, one per line
    #[arg(value_name = "FILE|DIR", value_parser = cli::path())]
    names: Vec<PathBuf>,
    /// Search folders recursively
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    appearance: AppearanceArgs,
    /// Name of the thumbnails; {stem} is required
    #[arg(short, long, value_name = "TEMPLATE", default_value = "{dir}/{stem}.thumb.{ext}")]
    output: Template,
    /// Replace also files that are not thumbnails made by this tool; never an image of this run
    #[arg(long)]
    force: bool,
    /// Skip images whose thumbnail exists and is not older
    #[arg(long)]
    skip_existing: bool,
    /// Number of threads [default: one per CPU]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// How to distribute the work: sequential, threads (one per image), channel or rayon
    #[arg(long, value_name = "NAME", default_value = "rayon")]
    strategy: Strategy,
    #[command(flatten)]
    report: ReportArgs,
}

#[derive(Args)]
struct AppearanceArgs {
    /// Longest side in pixels, or a box to fit into such as 256x192
    #[arg(short, long, default_value = "128")]
    size: Size,
    /// Fill the box and cut off what does not fit
    #[arg(long)]
    crop: bool,
    /// JPEG quality, 1 to 100
    #[arg(short, long, value_name = "N", default_value_t = 75)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    /// File format of the thumbnails [default: by the extension in --output, else jpeg]
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Args)]
struct ReportArgs {
    /// Print names in the order of the images instead of the order of completion
    #[arg(long)]
    ordered: bool,
    /// Print a summary to stderr
    #[arg(short)]
    verbose: bool,
    /// Print one JSON object per image and line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Jpeg,
    Png,
}

fn main() -> ExitCode {
    // A panic of a decoder is reported as an error of its image.
    let print_panic = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !thumbnail::is_panic_caught() {
            print_panic(info);
        }
    }));
    cli::run_tool(|args: Cli| {
        let started = Instant::now();
        let names = if args.names.is_empty() { names_on_stdin()? } else { args.names.clone() };
        let images = find::images(&names, args.recursive);
        let format = args.appearance.format.map(|format| match format {
            Format::Jpeg => ImageFormat::Jpeg,
            Format::Png => ImageFormat::Png,
        });
        let mut report = Report::new(args.report, images.len());
        let originals = Originals::new(images.iter().flatten());
        let mut jobs = Vec::new();
        for job in plan::jobs(images, &originals, &args.output, format) {
            match job {
                Ok(job) => jobs.push(job),
                Err(err) => report.add_error(&err)?,
            }
        }
        let batch = Batch {
            options: Options {
                size: args.appearance.size,
                crop: args.appearance.crop,
                quality: args.appearance.quality,
            },
            originals: &originals,
            force: args.force,
            skip_existing: args.skip_existing,
            n_threads: args.threads.map_or_else(cpu::n_cpus, usize::from),
            strategy: args.strategy,
        };
        report.clear_on_signal()?;
        run(&jobs, &batch, &mut report)?;
        report.finish(started.elapsed());
        Ok(cli::status(report.count.failed + report.count.damaged > 0))
    })
}

fn names_on_stdin() -> io::Result<Vec<PathBuf>> {
    let mut text = Vec::new();
    cli::stdin().read_to_end(&mut text)?;
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(|line| PathBuf::from(OsString::from_vec(line.to_vec()))).collect())
}

fn run(jobs: &[Job], batch: &Batch<'_>, report: &mut Report) -> anyhow::Result<()> {
    let print = |outcomes: Receiver<_>| {
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        for (i, outcome) in outcomes {
            if !report.args.ordered {
                report.add(&jobs[i], &outcome)?; // an error drops `outcomes`: the batch ends
                continue;
            }
            waiting.insert(i, outcome);
            while let Some(outcome) = waiting.remove(&next) {
                report.add(&jobs[next], &outcome)?;
                next += 1;
            }
        }
        Ok(())
    };
    let make = |outcomes| batch::run(jobs, batch, &outcomes);
    let ((), printed) = threads::with_producer(OUTCOMES_IN_FLIGHT, make, print);
    printed
}

/// Prints outcomes and counts them.
struct Report {
    args: ReportArgs,
    bar: ProgressBar,
    count: Count,
}

#[derive(Default)]
struct Count {
    made: u64,
    skipped: u64,
    damaged: u64,
    failed: u64,
    bytes: u64,
}

impl Report {
    fn new(args: ReportArgs, n_images: usize) -> Self {
        let style = "{wide_bar} {pos}/{len}  {per_sec}  {eta} left";
        let style = ProgressStyle::with_template(style).expect("the template is valid");
        let n_images = Some(n_images as u64);
        let bar = ProgressBar::with_draw_target(n_images, cli::progress_target()).with_style(style);
        Report { args, bar, count: Count::default() }
    }

    /// Removes the progress bar before a signal ends the program.
    fn clear_on_signal(&self) -> io::Result<()> {
        let bar = self.bar.clone();
        if !bar.is_hidden() {
            cli::on_signals(&[SIGINT, SIGTERM], move |signal| {
                bar.finish_and_clear();
                _ = emulate_default_handler(signal);
            })?;
        }
        Ok(())
    }

    /// Prints and counts the outcome of a job.
    fn add(&mut self, job: &Job, outcome: &Outcome) -> anyhow::Result<()> {
        match outcome {
            Outcome::Made(thumbnail) => {
                self.count.made += 1;
                self.count.bytes += thumbnail.n_bytes;
                if let Some(damage) = thumbnail.damage {
                    self.count.damaged += 1;
                    self.warn(&format!("{}: {damage}", job.source.display()));
                }
                if !self.args.json {
                    let thumb = job.thumb.as_os_str().as_encoded_bytes();
                    self.print(&[thumb, b"\n"].concat())?;
                }
            }
            Outcome::Skipped => self.count.skipped += 1,
            Outcome::Failed(err) => {
                self.count.failed += 1;
                self.warn(err);
            }
        }
        self.bar.inc(1);
        self.print_record(|| Record::new(job, outcome))
    }

    /// Reports an image for which there is no job.
    fn add_error(&mut self, err: &Error) -> anyhow::Result<()> {
        self.count.failed += 1;
        self.warn(err);
        self.bar.inc(1);
        self.print_record(|| Record::failed(err))
    }

    fn print_record(&self, record: impl FnOnce() -> Record) -> anyhow::Result<()> {
        if self.args.json {
            let line = serde_json::to_string(&record())? + "\n";
            self.print(line.as_bytes())?;
        }
        Ok(())
    }

    fn warn(&self, err: &impl std::fmt::Display) {
        self.bar.suspend(|| cli::warn(err));
    }

    fn print(&self, line: &[u8]) -> io::Result<()> {
        self.bar.suspend(|| cli::stdout().write_all(line))
    }

    /// Removes the progress bar and prints the summary, if asked for.
    fn finish(&self, elapsed: Duration) {
        self.bar.finish_and_clear();
        if self.args.verbose {
            let Count { made, skipped, damaged, failed, bytes } = self.count;
            let seconds = elapsed.as_secs_f64();
            cli::warn(&format!(
                "{made} made, {damaged} of them damaged, {skipped} skipped, {failed} failed; \
                 {bytes} bytes in {seconds:.2} s"
            ));
        }
    }
}
