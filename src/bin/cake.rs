//! 8.4.4 cake: an assembly line of threads, measured and compared with a simulation.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::{fs, mem};

use anyhow::Context;
use crossbeam::channel::Receiver;
use threadbare::cli;
use threadbare::engines::cake::experiment::{self, Measurement, Method};
use threadbare::engines::cake::record::{self, Record};
use threadbare::engines::cake::{Error, Event, EventKind, Shop, draw, report, settings, table};
use threadbare::fs::atomic;
use threadbare::machine::cpu;
use threadbare::threads;

use args::{Cli, Command, MethodArgs, ShopArgs};

#[path = "cake/args.rs"]
mod args;
#[path = "cake/crossover.rs"]
mod crossover;
#[path = "cake/goroutines.rs"]
mod goroutines;

/// Events in flight between the cooks and the thread that prints them.
const EVENTS_IN_FLIGHT: usize = 1_024;

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| match run(&args) {
        Err(err) if err.downcast_ref().is_some_and(Error::is_usage) => {
            cli::warn(&err);
            Ok(ExitCode::from(2))
        }
        result => result.map(|()| ExitCode::SUCCESS),
    })
}

fn run(args: &Cli) -> anyhow::Result<()> {
    match &args.command {
        Some(Command::Sweep { buffers, icers, out, line, method, output }) => {
            let shop = line.shop(method.seed);
            sweep(&shop, (&buffers.0, &icers.0), method.method(output), out, output.json)
        }
        Some(Command::Timeline { svg, shop, method }) => timeline(svg, shop, method),
        Some(Command::Report { dir, method }) => report(dir, method),
        Some(Command::Crossover(args)) => crossover::run(args),
        None => match args.shop.shop(args.method.seed) {
            Some(shop) => one_shop(&shop, args.method.method(&args.output), args),
            None => six_settings(args.method.method(&args.output), args),
        },
    }
}

fn one_shop(shop: &Shop, method: Method, args: &Cli) -> anyhow::Result<()> {
    let measured = measure(shop, method, args.verbose)?;
    if args.output.json {
        return print_json(&[Record::new("shop", &measured)]);
    }
    Ok(write!(cli::stdout(), "{}", table::details(&measured))?)
}

fn six_settings(method: Method, args: &Cli) -> anyhow::Result<()> {
    let settings = settings(args.method.seed);
    settings.iter().try_for_each(|setting| experiment::check(&setting.shop, method))?;
    let mut out = cli::stdout();
    let prints_rows = !args.verbose && !args.output.json; // as soon as each is measured
    let header = table::header(&settings[0].shop, method.repetitions);
    if prints_rows {
        write!(out, "{header}")?;
    }
    let mut measurements = Vec::new();
    for setting in &settings {
        let measured = measure(&setting.shop, method, args.verbose)?;
        if prints_rows {
            write!(out, "{}", table::row(setting, &measured))?;
        }
        measurements.push(measured);
    }
    let results = || settings.iter().zip(&measurements);
    if args.output.json {
        return print_json(&results().map(|(s, m)| Record::new(s.name, m)).collect::<Vec<_>>());
    }
    if !prints_rows {
        let rows: String = results().map(|(s, m)| table::row(s, m)).collect();
        write!(out, "{header}{rows}")?;
    }
    Ok(write!(out, "{}", table::footer(cpu::n_cpus(), cpu::load_average()))?)
}

fn print_json(records: &[Record]) -> anyhow::Result<()> {
    Ok(write!(cli::stdout(), "{}", record::json(records))?)
}

fn sweep(
    shop: &Shop,
    ranges: (&[usize], &[usize]),
    method: Method,
    out: &Path,
    json: bool,
) -> anyhow::Result<()> {
    let mut stdout = cli::stdout();
    let mut header = table::sweep_header(shop);
    let points = experiment::sweep(shop, ranges, method, |point| {
        let row = mem::take(&mut header) + &table::sweep_row(point);
        if !json {
            write!(stdout, "{row}")?;
        }
        anyhow::Ok(())
    })?;
    let records = record::of_sweep(&points);
    save(out, "sweep.csv", &record::csv(&points))?;
    save(out, "sweep.json", &record::json(&records))?;
    save(out, "sweep.svg", &draw::heat_map(&table::describe(shop), &points)?)?;
    if json { print_json(&records) } else { Ok(()) }
}

fn timeline(svg: &Path, shop: &ShopArgs, args: &MethodArgs) -> anyhow::Result<()> {
    let shop = shop.shop_or_book(args.seed);
    let method = Method { engine: args.engine, work: args.work, repetitions: 1 };
    let events = experiment::events(&shop, method)?;
    let chart = draw::timeline(&table::describe(&shop), &shop, &events)?;
    Ok(atomic::write(svg, chart.as_bytes())?)
}

fn report(dir: &Path, args: &MethodArgs) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    let machine = report::Machine { n_cpus: cpu::n_cpus(), load: cpu::load_average() };
    let progress = |experiment: &str| cli::warn(&format!("measuring {experiment}"));
    for file in report::run(args.seed, args.engine, args.work, &machine, progress)? {
        save(dir, &file.name, &file.contents)?;
    }
    Ok(writeln!(cli::stdout(), "{}", dir.join("index.html").display())?)
}

fn save(dir: &Path, name: &str, contents: &str) -> anyhow::Result<()> {
    Ok(atomic::write(&dir.join(name), contents.as_bytes())?)
}

/// Runs an experiment; with `verbose`, prints its events as they happen.
fn measure(shop: &Shop, method: Method, verbose: bool) -> anyhow::Result<Measurement> {
    if !verbose {
        return Ok(experiment::run(shop, method, None)?);
    }
    let (measured, printed) = threads::with_producer(
        EVENTS_IN_FLIGHT,
        |events| experiment::run(shop, method, Some(&events)),
        |events| print_events(shop, events), // an error drops `events`, which cancels the run
    );
    printed?;
    Ok(measured?)
}

fn print_events(shop: &Shop, events: Receiver<Event>) -> anyhow::Result<()> {
    let last = shop.stages.len() - 1;
    let mut out = cli::stdout();
    for Event { cook: (stage, _), cake, kind, .. } in events {
        match kind {
            EventKind::Started => writeln!(out, "{} {cake}", shop.stages[stage].name)?,
            EventKind::Finished if stage == last => writeln!(out, "finished {cake}")?,
            _ => (),
        }
    }
    Ok(())
}
