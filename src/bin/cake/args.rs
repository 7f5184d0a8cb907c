//! The command-line arguments of cake.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use threadbare::cli;
use threadbare::engines::cake::experiment::{self, Engine, Method};
use threadbare::engines::cake::threads::Work;
use threadbare::engines::cake::{Distribution, Shop, Stage};

use super::crossover::CrossoverArgs;

/// Measure an assembly line of threads and channels, and compare it with a simulation
///
/// The line is the book's cake shop. Without flags that describe a shop, its six settings are run.
/// Durations are written as in Go: 10ms, 2500us, 1s.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) shop: ShopArgs,
    #[command(flatten)]
    pub(crate) method: MethodArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Print each step: baking N, icing N, inscribing N, finished N
    #[arg(short, conflicts_with = "json")]
    pub(crate) verbose: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Measure all combinations of buffer capacity and number of icers
    Sweep {
        /// Capacities of the buffers, as a list (0,1,2,5) with ranges (0..4)
        #[arg(long, value_name = "LIST", default_value = "0,1,2,5,10,100", value_parser = numbers)]
        buffers: Numbers,
        /// Numbers of icers, as a list with ranges
        #[arg(long, value_name = "LIST", default_value = "1..8", value_parser = numbers)]
        icers: Numbers,
        /// Directory for sweep.csv, sweep.json and sweep.svg (a heat map)
        #[arg(short, long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
        #[command(flatten)]
        line: LineArgs,
        #[command(flatten)]
        method: MethodArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Draw a timeline of what each cook did, one row per cook
    Timeline {
        /// File to write the chart to
        #[arg(long, value_name = "FILE")]
        svg: PathBuf,
        #[command(flatten)]
        shop: ShopArgs,
        #[command(flatten)]
        method: MethodArgs,
    },
    /// Measure for about a minute and write charts, their data and a page, index.html
    Report {
        /// Directory for the files; created if missing
        dir: PathBuf,
        #[command(flatten)]
        method: MethodArgs,
    },
    /// Compare threads with goroutines from no work per item to 10 ms; needs Go for the goroutines
    Crossover(CrossoverArgs),
}

/// The flags that describe a shop.
#[derive(Args, Default, PartialEq)]
pub(crate) struct ShopArgs {
    #[command(flatten)]
    line: LineArgs,
    /// Capacity of the buffer between baking and icing, in cakes [default: 0]
    #[arg(long, value_name = "N")]
    bakebuf: Option<usize>,
    /// Number of cooks who ice [default: 1]
    #[arg(long, value_name = "N")]
    icers: Option<usize>,
    /// Capacity of the buffer between icing and inscribing, in cakes [default: 0]
    #[arg(long, value_name = "N")]
    icebuf: Option<usize>,
}

/// The flags that describe a shop, without those that a sweep varies.
#[derive(Args, Default, PartialEq)]
pub(crate) struct LineArgs {
    /// Number of cakes [default: 20]
    #[arg(long, value_name = "N")]
    cakes: Option<u64>,
    /// Number of cooks who bake [default: 1]
    #[arg(long, value_name = "N")]
    bakers: Option<usize>,
    /// Time to bake a cake [default: 10ms]
    #[arg(long, value_name = "TIME", value_parser = cli::duration, allow_hyphen_values = true)]
    bake: Option<Duration>,
    /// Standard deviation of the baking time [default: 0]
    #[arg(long, value_name = "TIME", value_parser = cli::duration, allow_hyphen_values = true)]
    bakestddev: Option<Duration>,
    /// Time to ice a cake [default: 10ms]
    #[arg(long, value_name = "TIME", value_parser = cli::duration, allow_hyphen_values = true)]
    ice: Option<Duration>,
    /// Standard deviation of the icing time [default: 0]
    #[arg(long, value_name = "TIME", value_parser = cli::duration, allow_hyphen_values = true)]
    icestddev: Option<Duration>,
    /// Number of cooks who inscribe [default: 1]
    #[arg(long, value_name = "N")]
    inscribers: Option<usize>,
    /// Time to inscribe a cake [default: 10ms]
    #[arg(long, value_name = "TIME", value_parser = cli::duration, allow_hyphen_values = true)]
    inscribe: Option<Duration>,
    /// Standard deviation of the inscribing time [default: 0]
    #[arg(long, value_name = "TIME", value_parser = cli::duration, allow_hyphen_values = true)]
    inscribestddev: Option<Duration>,
    /// Distribution of the times: fixed, normal or exponential [default: normal where a standard
    /// deviation is given, else fixed]
    #[arg(long, value_name = "NAME")]
    distribution: Option<Distribution>,
}

#[derive(Args)]
pub(crate) struct MethodArgs {
    /// Seed of the random times; the same seed gives the same times in every engine
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Engine to use: threads, virtual (simulation), recurrence (formula), or both (the first two)
    #[arg(long, default_value = "both", value_name = "NAME")]
    pub(crate) engine: Engine,
    /// How threads spend the time of a step: sleep, or spin until they have used as much CPU time
    #[arg(long, default_value = "sleep", value_name = "NAME")]
    pub(crate) work: Work,
}

#[derive(Args)]
pub(crate) struct OutputArgs {
    /// Number of times to repeat each measurement, each time with other random times
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) repetitions: u64,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

impl MethodArgs {
    pub(crate) fn method(&self, output: &OutputArgs) -> Method {
        Method { engine: self.engine, work: self.work, repetitions: output.repetitions }
    }
}

impl ShopArgs {
    /// The described shop, if any flag that describes one was given.
    pub(crate) fn shop(&self, seed: u64) -> Option<Shop> {
        (*self != ShopArgs::default()).then(|| self.shop_or_book(seed))
    }

    /// The described shop, with the book's values where a flag was not given.
    pub(crate) fn shop_or_book(&self, seed: u64) -> Shop {
        let mut shop = self.line.shop(seed).with_icers(self.icers.unwrap_or(1));
        shop.stages[0].buffer = self.bakebuf.unwrap_or(0);
        shop.stages[1].buffer = self.icebuf.unwrap_or(0);
        shop
    }
}

impl LineArgs {
    /// The described shop, with one icer and no buffers.
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
        std_dev: Option<Duration>,
    ) -> Stage {
        let std_dev = std_dev.unwrap_or_default();
        let default = if std_dev.is_zero() { Distribution::Fixed } else { Distribution::Normal };
        Stage {
            cooks: cooks.unwrap_or(book.cooks),
            time: time.unwrap_or(book.time),
            std_dev,
            distribution: self.distribution.unwrap_or(default),
            ..book.clone()
        }
    }
}

/// Numbers from a list such as `0,1,2,5` or `1..8`.
#[derive(Clone)]
pub(crate) struct Numbers(pub(crate) Vec<usize>);

fn numbers(text: &str) -> Result<Numbers, String> {
    experiment::parse_numbers(text).map(Numbers)
}
