//! The command line of cake.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use threadbare::cli;
use threadbare::engines::cake::lab::{self, Engine, Method};
use threadbare::engines::cake::threads::Work;
use threadbare::engines::cake::{Distribution, Shop, Stage};

/// Bakes, ices and inscribes cakes on threads, and says what the same cakes take in theory.
///
/// Without flags for a shop it runs the book's six settings. Times are Go's: 10ms, 2500us, 1s.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) shop: ShopArgs,
    #[command(flatten)]
    pub(crate) method: MethodArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Print what each cook does: baking N, icing N, inscribing N, finished N
    #[arg(short, conflicts_with = "json")]
    pub(crate) verbose: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Runs a shop with every buffer and number of icers; writes sweep.csv, sweep.json, sweep.svg
    Sweep {
        /// Places on each counter: 0,1,2,5 or 0..4 or both
        #[arg(long, default_value = "0,1,2,5,10,100", value_parser = numbers)]
        buffers: Numbers,
        /// Numbers of icers
        #[arg(long, default_value = "1..8", value_parser = numbers)]
        icers: Numbers,
        /// Directory for the files
        #[arg(short, long, default_value = ".")]
        out: PathBuf,
        #[command(flatten)]
        line: LineArgs,
        #[command(flatten)]
        method: MethodArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Draws who baked, iced, waited for a cake and was blocked, a row a cook
    Timeline {
        /// File for the figure
        #[arg(long)]
        svg: PathBuf,
        #[command(flatten)]
        shop: ShopArgs,
        #[command(flatten)]
        method: MethodArgs,
    },
    /// Measures for a minute and writes all figures and a page, index.html
    Report {
        /// Directory for the files
        dir: PathBuf,
        #[command(flatten)]
        method: MethodArgs,
    },
}

/// A shop, every part of it optional.
#[derive(Args, Default, PartialEq)]
pub(crate) struct ShopArgs {
    #[command(flatten)]
    line: LineArgs,
    /// Places on the counter between baking and icing [default: 0]
    #[arg(long)]
    bakebuf: Option<usize>,
    /// Number of cooks icing [default: 1]
    #[arg(long)]
    icers: Option<usize>,
    /// Places on the counter between icing and inscribing [default: 0]
    #[arg(long)]
    icebuf: Option<usize>,
}

/// A shop but for what a sweep varies.
#[derive(Args, Default, PartialEq)]
pub(crate) struct LineArgs {
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
    /// Time to ice a cake [default: 10ms]
    #[arg(long, value_parser = cli::duration, allow_hyphen_values = true)]
    ice: Option<Duration>,
    /// Standard deviation of the icing time [default: 0]
    #[arg(long, value_parser = cli::duration, allow_hyphen_values = true)]
    icestddev: Option<Duration>,
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
pub(crate) struct MethodArgs {
    /// Seed of the cakes: the same seed gives the same cakes in every engine
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// What runs the shop: threads, virtual, recurrence, or both of the first two
    #[arg(long, default_value = "both", value_name = "NAME", value_parser = engine)]
    pub(crate) engine: Engine,
    /// What real cooks do: sleep, or spin until the cake has used its time on a CPU
    #[arg(long, default_value = "sleep", value_name = "NAME", value_parser = work)]
    pub(crate) work: Work,
}

#[derive(Args)]
pub(crate) struct OutputArgs {
    /// Days to repeat each measurement on, each with cakes of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) repetitions: u64,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl MethodArgs {
    pub(crate) fn method(&self, output: &OutputArgs) -> Method {
        Method { engine: self.engine, work: self.work, days: output.repetitions }
    }
}

impl ShopArgs {
    /// The shop asked for, if any flag of a shop was given.
    pub(crate) fn shop(&self, seed: u64) -> Option<Shop> {
        (*self != ShopArgs::default()).then(|| self.shop_or_book(seed))
    }

    /// The shop asked for, with the book's values for what was not.
    pub(crate) fn shop_or_book(&self, seed: u64) -> Shop {
        let mut shop = self.line.shop(seed).with_icers(self.icers.unwrap_or(1));
        shop.stages[0].buffer = self.bakebuf.unwrap_or(0);
        shop.stages[1].buffer = self.icebuf.unwrap_or(0);
        shop
    }
}

impl LineArgs {
    /// The shop asked for, with one icer and no buffers.
    pub(crate) fn shop(&self, seed: u64) -> Shop {
        let Shop { stages, cakes, .. } = Shop::book();
        let stages = [
            self.stage(&stages[0], self.bakers, self.bake, self.bakestddev),
            self.stage(&stages[1], None, self.ice, self.icestddev),
            self.stage(&stages[2], self.inscribers, self.inscribe, self.inscribestddev),
        ];
        Shop { cakes: self.cakes.unwrap_or(cakes), stages: stages.into(), seed }
    }

    fn stage(
        &self,
        book: &Stage,
        cooks: Option<usize>,
        time: Option<Duration>,
        spread: Option<Duration>,
    ) -> Stage {
        let spread = spread.unwrap_or_default();
        let by_spread = if spread.is_zero() { Distribution::Fixed } else { Distribution::Normal };
        Stage {
            cooks: cooks.unwrap_or(book.cooks),
            time: time.unwrap_or(book.time),
            spread,
            distribution: self.distribution.unwrap_or(by_spread),
            ..book.clone()
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

/// Numbers such as `0,1,2,5` or `1..8`.
#[derive(Clone)]
pub(crate) struct Numbers(pub(crate) Vec<usize>);

fn numbers(text: &str) -> Result<Numbers, String> {
    lab::numbers(text).map(Numbers)
}
