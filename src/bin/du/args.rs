//! The command line of du.

use std::env;
use std::ffi::OsString;
use std::io::{IsTerminal, stdout};
use std::path::PathBuf;

use anyhow::Context;
use clap::builder::TypedValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand};
use jiff::tz::TimeZone;
use regex::bytes::Regex;
use rustix::termios::tcgetwinsize;
use threadbare::cli;
use threadbare::engines::du::{
    self, DrawOptions, FileKind, Filter, LineOptions, Measure, Options, Pattern, Time, TimeKind,
    TimeStyle, Unit,
};
use threadbare::fs::walk::{Backend, Follow};
use threadbare::machine::limits::Limits;

use crate::browse_args::Browse;
use crate::environment::{has_colors, number_format};
use crate::files;
use crate::values::{UsageError, date_or_age, kinds, size_min, time_kind, without_extra_slashes};

/// Summarize the disk usage of files and directories
///
/// On a terminal, draws the largest entries as a tree, unless a flag asks for what only lines show
/// (-s, -c, -S, -0, --time); otherwise prints the lines of GNU du, sorted by name.
#[derive(Parser)]
#[command(disable_help_flag = true, args_override_self = true, infer_long_args = true)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Subcommands>,
    /// Files and directories to measure [default: .]
    #[arg(value_name = "PATH", value_parser = cli::path().map(without_extra_slashes))]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten, next_help_heading = "Which files count")]
    filters: FilterFlags,
    #[command(flatten, next_help_heading = "GNU du flags")]
    gnu: Gnu,
    /// Maximum number of threads
    #[arg(long, value_name = "N", default_value_t = du::DEFAULT_THREADS)]
    threads: usize,
    /// How to walk the tree: openat, ordered (one thread, standard library) or jwalk (a crate that is
    /// no longer maintained)
    #[arg(long, value_name = "NAME", default_value = "openat")]
    walker: Backend,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

#[derive(Subcommand)]
pub(crate) enum Subcommands {
    /// Browse the disk usage of a directory on the terminal, and delete what is not needed
    ///
    /// ? shows the keys. A directory of this name is ./browse.
    Browse(Browse),
}

/// Flags that choose the output.
#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
struct OutputFlags {
    /// Draw a tree even if stdout is not a terminal
    #[arg(long, conflicts_with_all = LINES_ONLY)]
    tree: bool,
    /// Draw a tree of the N largest entries [default: as many as fit the terminal]
    #[arg(short = 'n', long, value_name = "N", conflicts_with_all = LINES_ONLY)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Print lines even on a terminal
    #[arg(long, conflicts_with_all = ["tree", "top"])]
    flat: bool,
    /// Print one JSON object per line, with sizes in bytes and numbers of files and errors
    #[arg(long, conflicts_with_all = ["tree", "top", "flat"], conflicts_with_all = SIZES)]
    #[arg(conflicts_with_all = ["total", "null", "time"])]
    json: bool,
    /// Print the number and total length of files every 500 ms and at the end, as the book's du2
    #[arg(short, conflicts_with_all = ["tree", "top", "flat", "json"], conflicts_with_all = SIZES)]
    #[arg(conflicts_with_all = LINES_ONLY)]
    #[arg(conflicts_with_all = ["all", "max_depth", "summarize", "threshold"])]
    verbose: bool,
}

/// Flags that apply to lines only.
const LINES_ONLY: [&str; 4] = ["total", "null", "separate_dirs", "time"];
/// Flags that choose which sizes are printed.
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
pub(crate) enum OutputMode {
    /// Lines as GNU du prints them.
    Lines { options: LineOptions, grand_total: bool },
    /// A tree with bars.
    Tree(DrawOptions),
    /// One JSON object per line.
    Json(LineOptions),
    /// Numbers of files and gigabytes, as the book's programs print them.
    Totals,
}

/// Filters, beside --exclude. Directories are then counted for what is in them, not for themselves.
#[derive(Args)]
struct FilterFlags {
    /// Count only files whose path matches the regular expression
    #[arg(long, value_name = "REGEX")]
    only: Vec<Regex>,
    /// Count only files of these types: f (regular), d (directory), l (symbolic link), p (pipe), s (socket), b or c (device)
    #[arg(long = "type", value_name = "LETTERS", value_delimiter = ',', value_parser = kinds)]
    kinds: Vec<Vec<FileKind>>,
    /// Count only files of at least SIZE, such as 100M; --threshold hides smaller entries instead
    #[arg(long = "min", value_name = "SIZE", value_parser = size_min, default_value = "0", hide_default_value = true)]
    size_min: u64,
    /// Count only files changed since DATE: 2026-01-31, 2026-01-31T12:00, or an age such as 7d or 2w
    #[arg(long, value_name = "DATE", value_parser = date_or_age)]
    newer: Option<Time>,
}

/// Flags that GNU du has too. The aliases are abbreviations that are unique among its flags, but not
/// among ours.
#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
struct Gnu {
    /// Print files as well as directories
    #[arg(short, long)]
    all: bool,
    /// Measure the lengths of regular files and symbolic links instead of the allocated disk space
    /// of everything, as GNU du since 9.2
    #[arg(short = 'A', long)]
    apparent_size: bool,
    #[command(flatten)]
    unit: UnitFlags,
    /// Print a grand total at the end
    #[arg(short = 'c', long, alias = "to")]
    total: bool,
    /// Follow symbolic links given as arguments
    #[arg(short = 'D', visible_short_alias = 'H', long, overrides_with_all = ["dereference", "no_dereference"])]
    dereference_args: bool,
    /// Print only entries at most N levels below an argument
    #[arg(short = 'd', long, value_name = "N", alias = "m")]
    max_depth: Option<u32>,
    /// Skip files whose path or name matches the pattern
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<OsString>,
    /// Skip files that match a pattern in FILE, which has one per line (- = stdin)
    #[arg(short = 'X', long, value_name = "FILE")]
    exclude_from: Vec<PathBuf>,
    /// Measure the files whose names are in FILE, each ended by NUL (- = stdin)
    #[arg(long, value_name = "FILE", alias = "f")]
    files0_from: Option<PathBuf>,
    /// Count inodes instead of bytes
    #[arg(long)]
    inodes: bool,
    /// Follow all symbolic links
    #[arg(short = 'L', long, overrides_with_all = ["dereference_args", "no_dereference"])]
    dereference: bool,
    /// Count a file once for each of its hard links
    #[arg(short = 'l', long)]
    count_links: bool,
    /// End lines with NUL
    #[arg(short = '0', long)]
    null: bool,
    /// Follow no symbolic links (default)
    #[arg(short = 'P', long)]
    no_dereference: bool,
    /// Leave subdirectories out of the size of a directory
    #[arg(short = 'S', long)]
    separate_dirs: bool,
    /// Print only one line per argument; same as --max-depth=0
    #[arg(short, long, conflicts_with = "all")]
    summarize: bool,
    /// Print only entries of at least SIZE, or of at most SIZE if given as -SIZE
    #[arg(short, long, value_name = "SIZE", allow_hyphen_values = true)]
    #[arg(value_parser = du::parse_threshold, aliases = ["th", "thr", "thre"])]
    threshold: Option<i64>,
    /// Print the time of the latest change in each directory; WORD is atime, access or use for reads,
    /// ctime or status for changes of the metadata too
    #[arg(long, value_name = "WORD", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = time_kind, default_missing_value = "mtime")]
    time: Option<TimeKind>,
    /// Print times in STYLE: full-iso, long-iso, iso or +FORMAT, as for date(1) [default: `$TIME_STYLE`, else long-iso]
    #[arg(long, value_name = "STYLE")]
    time_style: Option<String>,
    /// Skip directories on other file systems than their argument
    #[arg(short = 'x', long, aliases = ["o", "on"])]
    one_file_system: bool,
}

/// The flags that choose the unit of sizes; the last one given applies.
#[derive(Default)]
struct UnitFlags {
    unit: Option<Unit>,
    is_bytes: bool,
}

/// Short name, long name, unit and help text.
const UNITS: [(Option<char>, &str, &str, &str); 5] = [
    (Some('b'), "bytes", "1", "Print lengths in bytes; same as --apparent-size -B1"),
    (Some('k'), "kilobytes", "1K", "Print sizes in KiB"),
    (Some('m'), "megabytes", "1M", "Print sizes in MiB"),
    (Some('h'), "human-readable", "human", "Print sizes with a unit, such as 4.0K, 13M or 2.5G"),
    (None, "si", "si", "Print sizes with a unit in powers of 1000"),
];

impl Args for UnitFlags {
    fn augment_args(command: Command) -> Command {
        let size = Arg::new("block-size").short('B').long("block-size").value_name("SIZE");
        let size = size
            .help("Print sizes in multiples of SIZE, such as 512, K or MB; '1 groups digits")
            .value_parser(Unit::parse);
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

impl Cli {
    /// Says which flags exclude each other, where clap cannot express it.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let Gnu { max_depth, summarize, threshold, .. } = self.gnu;
        if let (Some(_), Some(path)) = (&self.gnu.files0_from, self.paths.first()) {
            let path = path.display();
            return Some(format!(
                "extra operand '{path}': file operands cannot be combined with --files0-from"
            ));
        }
        if let Some(depth) = max_depth.filter(|depth| summarize && *depth > 0) {
            return Some(format!(
                "-s means --max-depth=0 and cannot be used with --max-depth={depth}"
            ));
        }
        let is_tree = self.output.tree || self.output.top.is_some();
        let is_maximum = threshold.is_some_and(|threshold| threshold < 0);
        let has_maximum = is_tree && is_maximum;
        has_maximum.then(|| "a tree has no maximum size (--threshold=-SIZE)".to_owned())
    }

    /// Messages about flags that have no effect because of others.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = &'static str> {
        let Gnu { summarize, max_depth, inodes, .. } = self.gnu;
        let is_redundant = summarize && max_depth == Some(0);
        let is_ignored = inodes && self.is_apparent();
        let redundant = is_redundant.then_some("-s already means --max-depth=0");
        let ignored = is_ignored.then_some("--apparent-size and -b have no effect with --inodes");
        redundant.into_iter().chain(ignored)
    }

    fn is_apparent(&self) -> bool {
        self.gnu.apparent_size || self.gnu.unit.is_bytes
    }

    pub(crate) fn output_mode(&self) -> anyhow::Result<OutputMode> {
        let OutputFlags { tree, top, flat, json, verbose } = self.output;
        let is_interactive = stdout().is_terminal() && !self.gnu.needs_lines();
        Ok(match () {
            () if verbose => OutputMode::Totals,
            () if json => OutputMode::Json(self.line_options()?),
            () if tree || top.is_some() || is_interactive && !flat => {
                OutputMode::Tree(self.draw_options(top))
            }
            () => OutputMode::Lines { options: self.line_options()?, grand_total: self.gnu.total },
        })
    }

    fn filter(&self) -> Filter {
        let FilterFlags { only, kinds, size_min, newer } = &self.filters;
        let (paths, kinds) = (only.clone(), kinds.concat());
        Filter { paths, kinds, size_min: *size_min, modified_since: *newer }
    }

    fn hides_empty(&self) -> bool {
        !self.filter().has_dirs()
    }

    fn line_options(&self) -> anyhow::Result<LineOptions> {
        Ok(LineOptions {
            unit: self.gnu.unit(unit_from_environment()),
            numbers: number_format(),
            depth_max: self.gnu.depth_max(),
            threshold: self.gnu.threshold.unwrap_or(0),
            hides_empty: self.hides_empty(),
            time: self.gnu.time.map(|_| self.gnu.time_style()).transpose()?,
            end: if self.gnu.null { '\0' } else { '\n' },
        })
    }

    fn draw_options(&self, top: Option<u32>) -> DrawOptions {
        let (width, height) = terminal_size();
        DrawOptions {
            unit: self.gnu.unit(Unit::HUMAN),
            numbers: number_format(),
            depth_max: self.gnu.depth_max(),
            size_min: self.gnu.threshold.map_or(0, i64::unsigned_abs),
            hides_empty: self.hides_empty(),
            n_entries: top.map_or(height, |top| top as usize),
            width,
            is_colored: has_colors(),
        }
    }

    pub(crate) fn options(&self, mode: &OutputMode) -> anyhow::Result<Options> {
        let gnu = &self.gnu;
        let is_totals = matches!(mode, OutputMode::Totals);
        let limits = Limits::current();
        let globs = gnu.exclude.iter().map(|glob| Pattern::new(glob.as_encoded_bytes()));
        let mut exclude: Vec<Pattern> = globs.collect();
        for file in &gnu.exclude_from {
            let text = files::read(file).with_context(|| file.display().to_string())?;
            exclude.extend(du::patterns_in(&text));
        }
        Ok(Options {
            measure: match () {
                () if gnu.inodes => Measure::Inodes,
                () if is_totals || self.is_apparent() => Measure::Apparent,
                () => Measure::Disk,
            },
            depth_max: match mode {
                OutputMode::Totals => 0,
                _ if gnu.separate_dirs => u32::MAX,
                _ => gnu.depth_max(),
            },
            separate: gnu.separate_dirs,
            n_largest_files: match mode {
                OutputMode::Tree(options) => options.n_entries,
                _ if gnu.all => usize::MAX,
                _ => 0,
            },
            count_links: gnu.count_links || is_totals,
            one_file_system: gnu.one_file_system,
            follow: match () {
                () if gnu.dereference => Follow::Always,
                () if gnu.dereference_args || is_totals && !gnu.no_dereference => Follow::Roots,
                () => Follow::Never,
            },
            time: gnu.time,
            filter: self.filter(),
            exclude,
            backend: self.walker,
            n_threads: self.threads.min(limits.threads()),
            max_open_fds: limits.free_fds(),
        })
    }

    /// The paths to measure, and how many of those in the file of --files0-from are no paths.
    pub(crate) fn roots(&self) -> anyhow::Result<(Vec<PathBuf>, u64)> {
        match &self.gnu.files0_from {
            Some(file) => files::roots_in(file),
            None if self.paths.is_empty() => Ok((vec![".".into()], 0)),
            None => Ok((self.paths.clone(), 0)),
        }
    }
}

impl Gnu {
    fn depth_max(&self) -> u32 {
        if self.summarize { 0 } else { self.max_depth.unwrap_or(u32::MAX) }
    }

    /// Whether a flag asks for what a tree does not show.
    fn needs_lines(&self) -> bool {
        let &Gnu { summarize, total, null, separate_dirs, threshold, .. } = self;
        let has_maximum = threshold.is_some_and(|threshold| threshold < 0);
        summarize || total || null || separate_dirs || self.time.is_some() || has_maximum
    }

    fn time_style(&self) -> anyhow::Result<TimeStyle> {
        let zone = cli::time_zone().unwrap_or(TimeZone::UTC); // as the C library does
        let style = match &self.time_style {
            Some(style) => TimeStyle::parse(style, zone),
            None => TimeStyle::from_variable(env::var("TIME_STYLE").ok().as_deref(), zone),
        };
        style.map_err(|err| UsageError(err).into())
    }

    fn unit(&self, default: Unit) -> Unit {
        match &self.unit.unit {
            Some(unit) if !self.inodes || !unit.is_fixed() => unit.clone(),
            _ if self.inodes => Unit::bytes(1, ""),
            _ => default,
        }
    }
}

/// The unit that GNU du uses by default: the value of the first of these variables that is set,
/// else 1024 bytes, or 512 bytes if POSIX behaviour is asked for.
fn unit_from_environment() -> Unit {
    let names = ["DU_BLOCK_SIZE", "BLOCK_SIZE", "BLOCKSIZE"];
    let value = names.iter().find_map(|name| env::var(name).ok());
    let default = if env::var_os("POSIXLY_CORRECT").is_some() { 512 } else { 1024 };
    let unit = value.and_then(|text| Unit::parse(&text).ok());
    unit.unwrap_or(Unit::bytes(default, ""))
}

/// Columns of the terminal, and its lines without two for the prompts before and after.
fn terminal_size() -> (usize, usize) {
    let variable = |name| env::var(name).ok().and_then(|value| value.parse().ok());
    let size = tcgetwinsize(stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    let (width, height) = match size {
        Some(size) => (size.ws_col.into(), size.ws_row.into()),
        None => (variable("COLUMNS").unwrap_or(80), variable("LINES").unwrap_or(24)),
    };
    (width, height.saturating_sub(2).max(1))
}
