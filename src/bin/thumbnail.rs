//! 8.5 thumbnail: makes thumbnails of image files and folders, on every core.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use std::{env, io, panic};

use crossbeam::channel::{Receiver, bounded};
use indicatif::ProgressBar;
use threadbare::cli;
use threadbare::engines::thumbnail::batch::{self, Batch, Done};
use threadbare::engines::thumbnail::plan::{Common, Planner};
use threadbare::engines::thumbnail::{self, Cache, Error, Originals, find};
use threadbare::machine::cpu;
use threadbare::threads;

#[path = "thumbnail/args.rs"]
mod args;
#[path = "thumbnail/names.rs"]
mod names;
#[path = "thumbnail/report.rs"]
mod report;

use args::{Cli, UsageError};
use names::Names;
use report::Report;

/// Finished jobs waiting to be printed.
const DONE_IN_FLIGHT: usize = 64;

type Images<'a> = Box<dyn Iterator<Item = Result<PathBuf, Error>> + Send + 'a>;

fn main() -> ExitCode {
    // A panic of a decoder is reported as an error of its image.
    let print_panic = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !thumbnail::is_panic_caught() {
            print_panic(info);
        }
    }));
    cli::run_tool(|args: Cli| match run(&args) {
        Err(err) if err.is::<UsageError>() => {
            cli::warn(&format!("{err} (try --help)"));
            Ok(ExitCode::from(2))
        }
        result => result,
    })
}

fn run(args: &Cli) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    args.check()?;
    let mut report = Report::new(args.report);
    let originals = Originals::default();
    let (printing, stopped) = bounded::<()>(0);
    let cache = if args.freedesktop { Some(Cache::new(&cache_home()?)?) } else { None };
    let images = images(args, cache.as_ref(), &originals, report.bar(), stopped)?;
    let options = args.appearance.options();
    let mut planner = Planner::new(Common {
        template: &args.output,
        format: args.appearance.format(),
        options: &options,
        originals: &originals,
        may_repeat: args.names.is_empty(),
    });
    let mut job = |image| match &cache {
        Some(cache) => cache.job(image, &options),
        None => planner.job(image),
    };
    let jobs = images.map(|image| image.and_then(&mut job));
    let batch = Batch {
        originals: &originals,
        force: args.force,
        skip_existing: args.skip_existing,
        n_threads: args.threads.map_or_else(cpu::n_cpus, usize::from),
        strategy: args.strategy,
    };
    report.clear_on_signal()?;
    let make = |done| batch::run(jobs, &batch, &done);
    let print = |done| {
        let _printing = printing; // dropped when nobody prints any more: waiting for names ends
        print(done, &mut report)
    };
    let ((), printed) = threads::with_producer(DONE_IN_FLIGHT, make, print);
    printed?;
    report.finish(started.elapsed());
    Ok(cli::status(report.has_failures()))
}

/// The user's folder for caches (XDG Base Directory Specification, 0.8).
fn cache_home() -> io::Result<PathBuf> {
    let variable = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache_home = variable("XDG_CACHE_HOME");
    let cache_home = cache_home.or_else(|| Some(variable("HOME")?.join(".cache")));
    cache_home
        .ok_or_else(|| io::Error::other("neither XDG_CACHE_HOME nor HOME is an absolute path"))
}

/// The images that are named on the command line, or on stdin as they come, but those in the cache;
/// each is known as an original before it is returned.
fn images<'a>(
    args: &Cli,
    cache: Option<&'a Cache>,
    originals: &'a Originals,
    bar: ProgressBar,
    stopped: Receiver<()>,
) -> anyhow::Result<Images<'a>> {
    let search = args.search();
    let is_wanted = move |image: &Result<PathBuf, Error>| {
        let is_cached = |cache: &Cache| image.as_ref().is_ok_and(|path| cache.contains(path));
        !cache.is_some_and(is_cached)
    };
    if !args.names.is_empty() {
        let mut images = find::images(&args.names, search);
        images.retain(is_wanted);
        args.check_for(images.len())?;
        images.iter().flatten().for_each(|image| originals.add(image));
        bar.set_length(images.len() as u64);
        return Ok(Box::new(images.into_iter()));
    }
    let delimiter = if args.null { 0 } else { b'\n' };
    let images = Names::on_stdin(delimiter, stopped)?.flat_map(move |name| {
        let mut images = match name {
            Ok(name) => find::images_streamed(&name, search),
            Err(err) => vec![Err(Error { path: "stdin".into(), cause: err.into() })],
        };
        images.retain(is_wanted);
        images.iter().flatten().for_each(|image| originals.add(image));
        bar.inc_length(images.len() as u64);
        images
    });
    Ok(Box::new(images))
}

/// Prints what comes, if asked for in the order of the images.
fn print(done: Receiver<Done>, report: &mut Report) -> anyhow::Result<()> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for done in done {
        if !report.args.ordered {
            report.add(&done)?; // an error drops the receiver: the batch ends
            continue;
        }
        waiting.insert(done.index, done);
        while let Some(done) = waiting.remove(&next) {
            report.add(&done)?;
            next += 1;
        }
    }
    Ok(())
}
