//! 8.4.4 cake: the assembly line, measured with real threads and compared with a virtual one.

use std::io::Write;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{Args, Parser};
use crossbeam::channel::{self, Receiver};
use threadbare::cake::lab::{self, Engine, Method, Trial};
use threadbare::cake::record::Record;
use threadbare::cake::threads::Work;
use threadbare::cake::{Act, Distribution, Error, Event, Shop, Stage, settings, table};
use threadbare::{cli, cpu};

/// Events in flight between the cooks and whoever prints them.
const EVENTS: usize = 1_024;

const GO_FLAGS: &[&str] = &[
    "cakes",
    "bake",
    "bakestddev",
    "bakebuf",
    "icers",
    "ice",
    "icestddev",
    "icebuf",
    "inscribe",
    "inscribestddev",
    "v",
    "bakers",
    "inscribers",
    "seed",
];

/// Bakes, ices and inscribes cakes on threads, and says what the same cakes take in theory.
///
/// Without flags for a shop it runs the book's six settings. Times are Go's: 10ms, 2500us, 1s.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    shop: ShopArgs,
    #[command(flatten)]
    method: MethodArgs,
    /// Print what each cook does: baking N, icing N, inscribing N, finished N
    #[arg(short)]
    verbose: bool,
}

#[derive(Args, Default, PartialEq)]
struct ShopArgs {
    /// Number of cakes [default: 20]
    #[arg(long)]
    cakes: Option<u64>,
    /// Number of cooks baking [default: 1]
    #[arg(long)]
    bakers: Option<usize>,
    /// Time to bake a cake [default: 10ms]
    #[arg(long, value_parser = cli::duration, allow_hyphen_values = true)]
    bake: Option<Duration>,
    /// Standard deviation of the baking time [default: 0]
    #[arg(long, value_parser = cli::duration, allow_hyphen_values = true)]
    bakestddev: Option<Duration>,
    /// Places on the counter between baking and icing [default: 0]
    #[arg(long)]
    bakebuf: Option<usize>,
    /// Number of cooks icing [default: 1]
    #[arg(long)]
    icers: Option<usize>,
    /// Time to ice a cake [default: 10ms]
    #[arg(long, value_parser = cli::duration, allow_hyphen_values = true)]
    ice: Option<Duration>,
    /// Standard deviation of the icing time [default: 0]
    #[arg(long, value_parser = cli::duration, allow_hyphen_values = true)]
    icestddev: Option<Duration>,
    /// Places on the counter between icing and inscribing [default: 0]
    #[arg(long)]
    icebuf: Option<usize>,
    /// Number of cooks inscribing [default: 1]
    #[arg(long)]
    inscribers: Option<usize>,
    /// Time to inscribe a cake [default: 10ms]
    #[arg(long, value_parser = cli::duration, allow_hyphen_values = true)]
    inscribe: Option<Duration>,
    /// Standard deviation of the inscribing time [default: 0]
    #[arg(long, value_parser = cli::duration, allow_hyphen_values = true)]
    inscribestddev: Option<Duration>,
    /// How times vary: fixed, normal or exponential [default: normal where there is a deviation]
    #[arg(long, value_name = "NAME", value_parser = distribution)]
    distribution: Option<Distribution>,
}

#[derive(Args)]
struct MethodArgs {
    /// Seed of the cakes: the same seed gives the same cakes in every engine
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days to repeat each measurement on, each with cakes of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    repetitions: u64,
    /// What runs the shop: threads, virtual, recurrence, or both of the first two
    #[arg(long, default_value = "both", value_name = "NAME", value_parser = engine)]
    engine: Engine,
    /// What real cooks do: sleep, or spin until the cake has used its time on a CPU
    #[arg(long, default_value = "sleep", value_name = "NAME", value_parser = work)]
    work: Work,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    cli::run(GO_FLAGS, |args: Cli| match run(&args) {
        Err(err) if err.downcast_ref().is_some_and(Error::is_usage) => {
            cli::warn(&err);
            Ok(ExitCode::from(2))
        }
        done => done.map(|()| ExitCode::SUCCESS),
    })
}

fn run(args: &Cli) -> anyhow::Result<()> {
    let MethodArgs { engine, work, repetitions: days, .. } = args.method;
    let method = Method { engine, work, days };
    match args.shop.shop(args.method.seed) {
        Some(shop) => one_shop(&shop, method, args),
        None => six_settings(method, args),
    }
}

fn one_shop(shop: &Shop, method: Method, args: &Cli) -> anyhow::Result<()> {
    let trial = measure(shop, method, args.verbose)?;
    if args.method.json {
        return print_json(&[Record::new("shop", &trial)]);
    }
    write!(cli::stdout(), "{}", table::details(&trial))?;
    Ok(())
}

fn six_settings(method: Method, args: &Cli) -> anyhow::Result<()> {
    let settings = settings(args.method.seed);
    let mut out = cli::stdout();
    let stream = !args.verbose && !args.method.json;
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
    if args.method.json {
        return print_json(&done().map(|(s, t)| Record::new(s.name, t)).collect::<Vec<_>>());
    }
    if !stream {
        let rows: String = done().map(|(setting, trial)| table::row(setting, trial)).collect();
        write!(out, "{head}{rows}")?;
    }
    write!(out, "{}", table::foot(cpu::n_cpus(), cpu::load_average()))?;
    Ok(())
}

fn print_json(records: &[Record]) -> anyhow::Result<()> {
    writeln!(cli::stdout(), "{}", serde_json::to_string_pretty(records)?)?;
    Ok(())
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

impl ShopArgs {
    /// The shop asked for, if any flag of a shop was given.
    fn shop(&self, seed: u64) -> Option<Shop> {
        if *self == ShopArgs::default() {
            return None;
        }
        let Shop { stages, cakes, .. } = Shop::book();
        let [baking, icing, inscribing] = stages.try_into().expect("the book has three");
        let stages = [
            self.stage(baking, self.bakers, self.bake, self.bakestddev, self.bakebuf),
            self.stage(icing, self.icers, self.ice, self.icestddev, self.icebuf),
            self.stage(inscribing, self.inscribers, self.inscribe, self.inscribestddev, None),
        ];
        Some(Shop { cakes: self.cakes.unwrap_or(cakes), stages: stages.into(), seed })
    }

    fn stage(
        &self,
        book: Stage,
        cooks: Option<usize>,
        time: Option<Duration>,
        spread: Option<Duration>,
        buffer: Option<usize>,
    ) -> Stage {
        let spread = spread.unwrap_or_default();
        let by_spread = if spread.is_zero() { Distribution::Fixed } else { Distribution::Normal };
        Stage {
            cooks: cooks.unwrap_or(book.cooks),
            time: time.unwrap_or(book.time),
            spread,
            distribution: self.distribution.unwrap_or(by_spread),
            buffer: buffer.unwrap_or(book.buffer),
            ..book
        }
    }
}

fn distribution(name: &str) -> Result<Distribution, &'static str> {
    match name {
        "fixed" => Ok(Distribution::Fixed),
        "normal" => Ok(Distribution::Normal),
        "exponential" => Ok(Distribution::Exponential),
        _ => Err("use fixed, normal or exponential"),
    }
}

fn engine(name: &str) -> Result<Engine, &'static str> {
    match name {
        "both" => Ok(Engine::Both),
        "threads" => Ok(Engine::Threads),
        "virtual" => Ok(Engine::Virtual),
        "recurrence" => Ok(Engine::Recurrence),
        _ => Err("use both, threads, virtual or recurrence"),
    }
}

fn work(name: &str) -> Result<Work, &'static str> {
    match name {
        "sleep" => Ok(Work::Sleep),
        "spin" => Ok(Work::Spin),
        _ => Err("use sleep or spin"),
    }
}
