//! 8.8, 8.9, exercise 8.9 du: disk usage.

use std::ffi::OsString;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, thread};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Parser};
use crossbeam::channel::{bounded, never};
use threadbare::cli;
use threadbare::du::{self, Event, Lines, Measure, Options, Pattern, Unit};
use threadbare::limits::Limits;
use threadbare::walk::{Follow, Walker};

/// Says how much of the disk files and directories take up.
#[derive(Parser)]
#[command(disable_help_flag = true, args_override_self = true, infer_long_args = true)]
struct Cli {
    /// What to count
    #[arg(value_name = "PATH", default_value = ".")]
    roots: Vec<PathBuf>,
    #[command(flatten)]
    gnu: Gnu,
    /// Threads that walk
    #[arg(long, value_name = "N", default_value_t = du::N_THREADS)]
    threads: usize,
    /// What walks: openat, ordered (one thread, std) or jwalk
    #[arg(long, value_name = "NAME", default_value = "openat")]
    walker: Walker,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

/// GNU du's flags.
#[derive(Args)]
#[allow(clippy::struct_excessive_bools)] // that is what flags are
struct Gnu {
    /// A line for files too
    #[arg(short, long)]
    all: bool,
    /// Lengths of files instead of what they take up
    #[arg(long)]
    apparent_size: bool,
    #[command(flatten)]
    unit: UnitFlags,
    /// A grand total at the end
    #[arg(short = 'c', long)]
    total: bool,
    /// Follow links given as arguments
    #[arg(short = 'D', visible_short_alias = 'H', long, overrides_with_all = ["dereference", "no_dereference"])]
    dereference_args: bool,
    /// Lines only so many steps below the arguments
    #[arg(short = 'd', long, value_name = "N")]
    max_depth: Option<u32>,
    /// Leave out what matches
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<OsString>,
    /// Count inodes instead of bytes
    #[arg(long)]
    inodes: bool,
    /// Follow all links
    #[arg(short = 'L', long, overrides_with_all = ["dereference_args", "no_dereference"])]
    dereference: bool,
    /// Count a file under each of its names
    #[arg(short = 'l', long)]
    count_links: bool,
    /// End lines with NUL
    #[arg(short = '0', long)]
    null: bool,
    /// Follow no links (the default)
    #[arg(short = 'P', long)]
    no_dereference: bool,
    /// Directories without their subdirectories
    #[arg(short = 'S', long)]
    separate_dirs: bool,
    /// A line for each argument only: --max-depth=0
    #[arg(short, long, conflicts_with_all = ["all", "max_depth"])]
    summarize: bool,
    /// Only what is at least SIZE, or at most -SIZE
    #[arg(short, long, value_name = "SIZE", allow_hyphen_values = true, value_parser = threshold)]
    threshold: Option<i64>,
    /// Stay on each argument's file system
    #[arg(short = 'x', long)]
    one_file_system: bool,
}

/// The flags that choose what sizes are printed in: the last one counts.
#[derive(Default)]
struct UnitFlags {
    unit: Option<Unit>,
    is_bytes: bool,
}

/// Short and long name, the unit, help.
const UNITS: [(Option<char>, &str, &str, &str); 5] = [
    (Some('b'), "bytes", "1", "Lengths in bytes: --apparent-size -B1"),
    (Some('k'), "kilobytes", "1K", "Sizes in KiB"),
    (Some('m'), "megabytes", "1M", "Sizes in MiB"),
    (Some('h'), "human-readable", "human", "Sizes like 4.0K, 13M, 2.5G"),
    (None, "si", "si", "The same by powers of 1000"),
];

impl Args for UnitFlags {
    fn augment_args(command: Command) -> Command {
        let size = Arg::new("block-size").short('B').long("block-size").value_name("SIZE");
        let size =
            size.help("Sizes in units of SIZE, such as 512, K, MB").value_parser(Unit::parse);
        let switch = |(short, long, _, help): (Option<char>, &'static str, _, &'static str)| {
            let arg = Arg::new(long).long(long).help(help).action(ArgAction::SetTrue);
            short.map_or(arg.clone(), |short| arg.short(short))
        };
        command.arg(size).args(UNITS.map(switch))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for UnitFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
        let last = |name: &str| matches.indices_of(name).and_then(Iterator::max);
        let switches = UNITS.iter().filter(|(_, name, ..)| given(name));
        let switches = switches.map(|(_, name, unit, _)| (last(name), Unit::parse(unit).ok()));
        let size = matches.get_one::<Unit>("block-size").cloned();
        let unit = switches.chain([(last("block-size"), size)]).max_by_key(|(last, _)| *last);
        let unit = unit.and_then(|(_, unit)| unit);
        Ok(UnitFlags { unit, is_bytes: given("bytes") })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn threshold(text: &str) -> Result<i64, String> {
    let size =
        |text: &str| i64::try_from(du::bytes(text)?).map_err(|_| format!("{text} is too large"));
    match text.strip_prefix('-') {
        Some(text) => match size(text)? {
            0 => Err("nothing is at most -0".to_owned()),
            size => Ok(-size),
        },
        None => size(text),
    }
}

fn main() -> ExitCode {
    cli::run(&["v"], |args: Cli| run(&args))
}

fn run(args: &Cli) -> anyhow::Result<ExitCode> {
    let (options, lines) = (args.options(), args.gnu.lines());
    let (events, happened) = bounded(1_000);
    let mut out = BufWriter::new(cli::stdout());
    let mut n_failed = 0;
    let mut total = 0;
    thread::scope(|scope| {
        let counting = scope.spawn(|| {
            let events = events; // dropped at the end: that closes the channel
            du::run(&args.roots, &options, &events, &never())
        });
        for event in happened {
            match event {
                Event::Found(..) | Event::Done(_, None) => {}
                Event::Failed(err) => {
                    n_failed += 1;
                    cli::warn(&err);
                }
                Event::Done(_, Some(tree)) => {
                    total += tree.total().size;
                    du::write_lines(&mut out, &tree, &lines)?;
                }
            }
        }
        if args.gnu.total {
            du::write_total(&mut out, total, b"total", &lines)?;
        }
        out.flush()?;
        counting.join().expect("counting does not panic")?;
        Ok(cli::status(n_failed > 0))
    })
}

impl Cli {
    fn options(&self) -> Options {
        let gnu = &self.gnu;
        let is_apparent = gnu.apparent_size || gnu.unit.is_bytes;
        let exclude = gnu.exclude.iter().map(|glob| Pattern::new(glob.as_encoded_bytes()));
        Options {
            measure: match () {
                () if gnu.inodes => Measure::Inodes,
                () if is_apparent => Measure::Apparent,
                () => Measure::Disk,
            },
            depth_max: if gnu.separate_dirs { u32::MAX } else { gnu.depth_max() },
            files: gnu.all,
            count_links: gnu.count_links,
            one_file_system: gnu.one_file_system,
            follow: match () {
                () if gnu.dereference => Follow::Always,
                () if gnu.dereference_args => Follow::Roots,
                () => Follow::Never,
            },
            exclude: exclude.collect(),
            walker: self.walker,
            n_threads: self.threads,
            n_files: Limits::current().files_free(),
        }
    }
}

impl Gnu {
    fn depth_max(&self) -> u32 {
        if self.summarize { 0 } else { self.max_depth.unwrap_or(u32::MAX) }
    }

    fn lines(&self) -> Lines {
        let plain = Unit::Bytes(1, String::new());
        let unit = match &self.unit.unit {
            Some(Unit::Bytes(..)) | None if self.inodes => plain,
            Some(unit) => unit.clone(),
            None => unit_of_environment(),
        };
        Lines {
            unit,
            depth_max: self.depth_max(),
            separate: self.separate_dirs,
            threshold: self.threshold.unwrap_or(0),
            end: if self.null { '\0' } else { '\n' },
        }
    }
}

/// GNU's: the first of these variables that is set; without, 1024 bytes, or 512 as POSIX has it.
fn unit_of_environment() -> Unit {
    let names = ["DU_BLOCK_SIZE", "BLOCK_SIZE", "BLOCKSIZE"];
    let set = names.iter().find_map(|name| env::var(name).ok());
    let default = if env::var_os("POSIXLY_CORRECT").is_some() { 512 } else { 1024 };
    let unit = set.and_then(|text| Unit::parse(&text).ok());
    unit.unwrap_or(Unit::Bytes(default, String::new()))
}
