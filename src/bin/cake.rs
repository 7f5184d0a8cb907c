//! 8.4.4 cake: the assembly line, measured with real threads and compared with a virtual one.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::{fs, mem, thread};

use anyhow::Context;
use crossbeam::channel::{self, Receiver};
use threadbare::cli;
use threadbare::engines::cake::lab::{self, Method, Trial};
use threadbare::engines::cake::record::{self, Record};
use threadbare::engines::cake::{Act, Error, Event, Shop, draw, report, settings, table};
use threadbare::fs::atomic;
use threadbare::machine::cpu;

use args::{Cli, Command, MethodArgs, ShopArgs};

#[path = "cake/args.rs"]
mod args;

/// Events in flight between the cooks and whoever prints them.
const EVENTS: usize = 1_024;

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| match run(&args) {
        Err(err) if err.downcast_ref().is_some_and(Error::is_usage) => {
            cli::warn(&err);
            Ok(ExitCode::from(2))
        }
        done => done.map(|()| ExitCode::SUCCESS),
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
        None => match args.shop.shop(args.method.seed) {
            Some(shop) => one_shop(&shop, args.method.method(&args.output), args),
            None => six_settings(args.method.method(&args.output), args),
        },
    }
}

fn one_shop(shop: &Shop, method: Method, args: &Cli) -> anyhow::Result<()> {
    let trial = measure(shop, method, args.verbose)?;
    if args.output.json {
        return print_json(&[Record::new("shop", &trial)]);
    }
    Ok(write!(cli::stdout(), "{}", table::details(&trial))?)
}

fn six_settings(method: Method, args: &Cli) -> anyhow::Result<()> {
    let settings = settings(args.method.seed);
    settings.iter().try_for_each(|setting| lab::check(&setting.shop, method))?;
    let mut out = cli::stdout();
    let stream = !args.verbose && !args.output.json;
    let head = table::head(&settings[0].shop, method.days);
    if stream {
        write!(out, "{head}")?;
    }
    let mut trials = Vec::new();
    for setting in &settings {
        let trial = measure(&setting.shop, method, args.verbose)?;
        if stream {
            write!(out, "{}", table::row(setting, &trial))?;
        }
        trials.push(trial);
    }
    let done = || settings.iter().zip(&trials);
    if args.output.json {
        return print_json(&done().map(|(s, t)| Record::new(s.name, t)).collect::<Vec<_>>());
    }
    if !stream {
        let rows: String = done().map(|(setting, trial)| table::row(setting, trial)).collect();
        write!(out, "{head}{rows}")?;
    }
    Ok(write!(out, "{}", table::foot(cpu::n_cpus(), cpu::load_average()))?)
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
    let mut head = table::sweep_head(shop);
    let points = lab::sweep(shop, ranges, method, |point| {
        let row = mem::take(&mut head) + &table::sweep_row(point);
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
    let events = lab::events(&shop, Method { engine: args.engine, work: args.work, days: 1 })?;
    let figure = draw::timeline(&table::describe(&shop), &shop, &events)?;
    Ok(atomic::write(svg, figure.as_bytes())?)
}

fn report(dir: &Path, args: &MethodArgs) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    let machine = report::Machine { n_cpus: cpu::n_cpus(), load: cpu::load_average() };
    let progress = |what: &str| cli::warn(&format!("measuring {what}"));
    for file in report::run(args.seed, args.engine, args.work, &machine, progress)? {
        save(dir, &file.name, &file.contents)?;
    }
    Ok(writeln!(cli::stdout(), "{}", dir.join("index.html").display())?)
}

fn save(dir: &Path, name: &str, contents: &str) -> anyhow::Result<()> {
    Ok(atomic::write(&dir.join(name), contents.as_bytes())?)
}

/// Runs an experiment; with `verbose`, prints its events while they happen.
fn measure(shop: &Shop, method: Method, verbose: bool) -> anyhow::Result<Trial> {
    if !verbose {
        return Ok(lab::run(shop, method, None)?);
    }
    thread::scope(|scope| {
        let (events, happened) = channel::bounded(EVENTS);
        let trial = scope.spawn(move || lab::run(shop, method, Some(&events)));
        print(shop, happened)?; // with stdout gone this drops `happened`: the cooks stop
        Ok(trial.join().expect("the laboratory panicked")?)
    })
}

fn print(shop: &Shop, happened: Receiver<Event>) -> anyhow::Result<()> {
    let last = shop.stages.len() - 1;
    let mut out = cli::stdout();
    for Event { cook: (stage, _), cake, act, .. } in happened {
        match act {
            Act::Took => writeln!(out, "{} {cake}", shop.stages[stage].name)?,
            Act::Completed if stage == last => writeln!(out, "finished {cake}")?,
            _ => (),
        }
    }
    Ok(())
}
