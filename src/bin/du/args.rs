//! du's arguments, and what they ask for.

use std::env;
use std::ffi::OsString;
use std::io::{IsTerminal, stdout};
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Parser};
use rustix::termios::tcgetwinsize;
use threadbare::engines::du::{self, Lines, Measure, Options, Pattern, Unit, View};
use threadbare::fs::walk::{Follow, Walker};
use threadbare::machine::limits::Limits;

/// Says how much of the disk files and directories take up.
///
/// On a terminal and without any of GNU du's flags it draws what is largest; otherwise it prints
/// GNU du's lines, sorted by name.
#[derive(Parser)]
#[command(disable_help_flag = true, args_override_self = true, infer_long_args = true)]
pub(crate) struct Cli {
    /// What to count
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) roots: Vec<PathBuf>,
    #[command(flatten)]
    face: FaceFlags,
    #[command(flatten, next_help_heading = "GNU du's")]
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

/// How the result is shown.
#[derive(Args)]
#[allow(clippy::struct_excessive_bools)] // that is what flags are
struct FaceFlags {
    /// Draw the tree, into a pipe too
    #[arg(long, conflicts_with_all = LINES_ALONE)]
    tree: bool,
    /// Draw the N largest entries [default: what fits the terminal]
    #[arg(short = 'n', long, value_name = "N", conflicts_with_all = LINES_ALONE)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Print lines, on a terminal too
    #[arg(long, conflicts_with_all = ["tree", "top"])]
    flat: bool,
    /// Print a JSON object a line: sizes in bytes, files, errors
    #[arg(long, conflicts_with_all = ["tree", "top", "flat"], conflicts_with_all = SIZES)]
    #[arg(conflicts_with_all = ["total", "null"])]
    json: bool,
    /// Print the number of files and their lengths now and then, and at the end
    #[arg(short, conflicts_with_all = ["tree", "top", "flat", "json"], conflicts_with_all = SIZES)]
    #[arg(conflicts_with_all = LINES_ALONE, conflicts_with_all = ["all", "max_depth", "summarize"])]
    verbose: bool,
}

/// What makes no sense but in lines.
const LINES_ALONE: [&str; 4] = ["total", "null", "separate_dirs", "threshold"];
/// What chooses the sizes that are printed.
const SIZES: [&str; 8] = [
    "apparent_size",
    "block-size",
    "bytes",
    "human-readable",
    "inodes",
    "kilobytes",
    "megabytes",
    "si",
];

/// What is printed.
pub(crate) enum Face {
    /// GNU's lines; with a grand total.
    Lines(Lines, bool),
    /// The tree with bars.
    Tree(View),
    /// JSON.
    Json(Lines),
    /// The book's totals.
    Book,
}

/// GNU du's flags.
#[derive(Args, Default, PartialEq)]
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
    #[arg(short, long, conflicts_with = "all")]
    summarize: bool,
    /// Only what is at least SIZE, or at most -SIZE
    #[arg(short, long, value_name = "SIZE", allow_hyphen_values = true, value_parser = threshold)]
    threshold: Option<i64>,
    /// Stay on each argument's file system
    #[arg(short = 'x', long)]
    one_file_system: bool,
}

/// The flags that choose what sizes are printed in: the last one counts.
#[derive(Default, PartialEq)]
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

impl Cli {
    /// What is wrong with flags that are right one by one.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let depth = self.gnu.max_depth.filter(|depth| self.gnu.summarize && *depth > 0)?;
        Some(format!("-s is --max-depth=0 and cannot be used with --max-depth={depth}"))
    }

    /// What some flags do not do, because of others.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = &'static str> {
        let Gnu { summarize, max_depth, inodes, .. } = self.gnu;
        let is_twice = summarize && max_depth == Some(0);
        let is_idle = inodes && self.is_apparent();
        let twice = is_twice.then_some("-s is --max-depth=0 already");
        let idle = is_idle.then_some("--apparent-size and -b change nothing with --inodes");
        twice.into_iter().chain(idle)
    }

    fn is_apparent(&self) -> bool {
        self.gnu.apparent_size || self.gnu.unit.is_bytes
    }

    pub(crate) fn face(&self) -> Face {
        let FaceFlags { tree, top, flat, json, verbose } = self.face;
        let is_bare = self.gnu == Gnu::default() && stdout().is_terminal();
        match () {
            () if verbose => Face::Book,
            () if json => Face::Json(self.gnu.lines()),
            () if tree || top.is_some() || is_bare && !flat => Face::Tree(self.view(top)),
            () => Face::Lines(self.gnu.lines(), self.gnu.total),
        }
    }

    fn view(&self, top: Option<u32>) -> View {
        let (width, height) = screen();
        let no_color = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        View {
            unit: self.gnu.unit(Unit::Human),
            depth_max: self.gnu.depth_max(),
            n_entries: top.map_or(height, |top| top as usize),
            width,
            is_colored: stdout().is_terminal() && !no_color("NO_COLOR") && !is_dumb,
        }
    }

    pub(crate) fn options(&self, face: &Face) -> Options {
        let gnu = &self.gnu;
        let is_book = matches!(face, Face::Book);
        let limits = Limits::current();
        let exclude = gnu.exclude.iter().map(|glob| Pattern::new(glob.as_encoded_bytes()));
        Options {
            measure: match () {
                () if is_book => Measure::Lengths,
                () if gnu.inodes => Measure::Inodes,
                () if self.is_apparent() => Measure::Apparent,
                () => Measure::Disk,
            },
            depth_max: match face {
                Face::Book => 0,
                _ if gnu.separate_dirs => u32::MAX,
                _ => gnu.depth_max(),
            },
            separate: gnu.separate_dirs,
            n_files_told: match face {
                Face::Tree(view) => view.n_entries,
                _ if gnu.all => usize::MAX,
                _ => 0,
            },
            count_links: gnu.count_links || is_book,
            one_file_system: gnu.one_file_system,
            follow: match () {
                () if gnu.dereference => Follow::Always,
                () if gnu.dereference_args || is_book && !gnu.no_dereference => Follow::Roots,
                () => Follow::Never,
            },
            exclude: exclude.collect(),
            walker: self.walker,
            n_threads: self.threads.min(limits.threads()),
            n_files: limits.free_fds(),
        }
    }
}

impl Gnu {
    fn depth_max(&self) -> u32 {
        if self.summarize { 0 } else { self.max_depth.unwrap_or(u32::MAX) }
    }

    fn lines(&self) -> Lines {
        Lines {
            unit: self.unit(unit_of_environment()),
            depth_max: self.depth_max(),
            threshold: self.threshold.unwrap_or(0),
            end: if self.null { '\0' } else { '\n' },
        }
    }

    fn unit(&self, default: Unit) -> Unit {
        match &self.unit.unit {
            Some(Unit::Bytes(..)) | None if self.inodes => Unit::Bytes(1, String::new()),
            Some(unit) => unit.clone(),
            None => default,
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

/// Columns of the terminal, and its lines but those of the prompt before and after.
fn screen() -> (usize, usize) {
    let variable = |name| env::var(name).ok().and_then(|value| value.parse().ok());
    let size = tcgetwinsize(stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    let (width, height) = match size {
        Some(size) => (size.ws_col.into(), size.ws_row.into()),
        None => (variable("COLUMNS").unwrap_or(80), variable("LINES").unwrap_or(24)),
    };
    (width, height.saturating_sub(2).max(1))
}
