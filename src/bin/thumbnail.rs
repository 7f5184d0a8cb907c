//! 8.5 thumbnail: thumbnails of files and folders of images, on every core.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, Parser, ValueEnum};
use crossbeam::channel;
use image::ImageFormat;
use indicatif::{ProgressBar, ProgressStyle};
use threadbare::cli;
use threadbare::engines::thumbnail::batch::{self, Batch, Outcome, Strategy};
use threadbare::engines::thumbnail::plan::Template;
use threadbare::engines::thumbnail::record::Record;
use threadbare::engines::thumbnail::{Error, Job, Options, Size, find, plan};
use threadbare::machine::cpu;

/// Outcomes on their way to stdout.
const OUTCOMES: usize = 64;

/// Makes thumbnails, beside their images as NAME.thumb.EXT, and prints their names.
///
/// Reads JPEG, PNG, GIF, WebP, TIFF and BMP; turns pictures upright, converts them to sRGB and
/// leaves out metadata. Never enlarges. A thumbnail is whole or not there.
#[derive(Parser)]
struct Cli {
    /// Images, and folders of images; without any, one name a line from stdin
    #[arg(value_name = "FILE|DIR")]
    names: Vec<PathBuf>,
    /// Take the images in the whole tree below a folder
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    look: LookArgs,
    /// Name of the thumbnail
    #[arg(short, long, value_name = "TEMPLATE", default_value = "{dir}/{stem}.thumb.{ext}")]
    output: Template,
    /// Leave out images whose thumbnail is there and not older
    #[arg(long)]
    skip_existing: bool,
    /// Threads [default: one for each CPU]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// How to share out the work: sequential, threads (one an image), channel or rayon
    #[arg(long, value_name = "NAME", default_value = "rayon")]
    strategy: Strategy,
    #[command(flatten)]
    report: ReportArgs,
}

#[derive(Args)]
struct LookArgs {
    /// Longest side in pixels, or a box to fit into, as 256x192
    #[arg(short, long, default_value = "128")]
    size: Size,
    /// Fill the size and cut off what sticks out
    #[arg(long)]
    crop: bool,
    /// Quality of a JPEG, 1 to 100
    #[arg(short, long, value_name = "N", default_value_t = 75)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    /// Format of the thumbnails
    #[arg(long, value_enum, default_value = "jpeg")]
    format: Format,
}

#[derive(Args)]
struct ReportArgs {
    /// Print names in the order of the images, not of completion
    #[arg(long)]
    ordered: bool,
    /// Print a summary on stderr
    #[arg(short)]
    verbose: bool,
    /// Print JSON, a line an image
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Jpeg,
    Png,
}

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| {
        let started = Instant::now();
        let names = if args.names.is_empty() { names_on_stdin()? } else { args.names.clone() };
        let images = find::images(&names, args.recursive);
        let format = match args.look.format {
            Format::Jpeg => ImageFormat::Jpeg,
            Format::Png => ImageFormat::Png,
        };
        let mut report = Report::new(args.report, images.len());
        let mut jobs = Vec::new();
        for job in plan::jobs(images, &args.output, format) {
            match job {
                Ok(job) => jobs.push(job),
                Err(err) => report.failed(&err)?,
            }
        }
        let batch = Batch {
            options: Options {
                size: args.look.size,
                crop: args.look.crop,
                quality: args.look.quality,
            },
            skip_existing: args.skip_existing,
            n_threads: args.threads.map_or_else(cpu::n_cpus, usize::from),
            strategy: args.strategy,
        };
        run(&jobs, &batch, &mut report)?;
        report.end(started.elapsed());
        Ok(cli::status(report.count.failed + report.count.damaged > 0))
    })
}

fn names_on_stdin() -> io::Result<Vec<PathBuf>> {
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text)?;
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(|line| PathBuf::from(OsString::from_vec(line.to_vec()))).collect())
}

fn run(jobs: &[Job], batch: &Batch, report: &mut Report) -> anyhow::Result<()> {
    thread::scope(|scope| {
        let (ended, outcomes) = channel::bounded(OUTCOMES);
        let work = scope.spawn(move || batch::run(jobs, batch, &ended));
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        for (i, outcome) in outcomes {
            if !report.args.ordered {
                report.outcome(&jobs[i], &outcome)?; // stdout gone: dropping `outcomes` stops them
                continue;
            }
            waiting.insert(i, outcome);
            while let Some(outcome) = waiting.remove(&next) {
                report.outcome(&jobs[next], &outcome)?;
                next += 1;
            }
        }
        Ok(work.join().expect("a batch survives its images")?)
    })
}

/// What has happened so far, and where it is told.
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
        let style = "{bar:40} {pos}/{len}  {per_sec}  {eta} left";
        let style = ProgressStyle::with_template(style).expect("a template of indicatif's own");
        let bar = ProgressBar::new(n_images as u64).with_style(style); // hidden but on a terminal
        Report { args, bar, count: Count::default() }
    }

    fn outcome(&mut self, job: &Job, outcome: &Outcome) -> anyhow::Result<()> {
        match outcome {
            Outcome::Made(made) => {
                self.count.made += 1;
                self.count.bytes += made.n_bytes;
                if let Some(damage) = made.damage {
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
        self.record(|| Record::new(job, outcome))
    }

    /// Of an image that did not come to be a job.
    fn failed(&mut self, err: &Error) -> anyhow::Result<()> {
        self.count.failed += 1;
        self.warn(err);
        self.bar.inc(1);
        self.record(|| Record::failed(err))
    }

    fn record(&self, record: impl FnOnce() -> Record) -> anyhow::Result<()> {
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

    fn end(&self, elapsed: Duration) {
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
