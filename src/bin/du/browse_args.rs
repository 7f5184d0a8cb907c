//! The command line of du browse.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use threadbare::cli;
use threadbare::engines::du::browse::{BrowserOptions, ExportFormat};
use threadbare::engines::du::{self, Options, Pattern, TimeStyle};
use threadbare::machine::limits::Limits;

use crate::environment::{has_colors, number_format};

/// The command line of `du browse`.
#[derive(Args)]
#[command(args_override_self = true)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct Browse {
    /// Directory to scan
    #[arg(value_name = "DIR", default_value = ".", conflicts_with = "from", value_parser = cli::path())]
    pub(crate) dir: PathBuf,
    /// Open a scan that was saved with --json, --ncdu, du -a --json or ncdu -o (- = stdin); nothing
    /// can be deleted in it
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Print the scan as JSON lines, as du -a --json does, instead of browsing it
    #[arg(long, conflicts_with = "ncdu")]
    json: bool,
    /// Print the scan as ncdu -o does, instead of browsing it
    #[arg(long)]
    ncdu: bool,
    /// Show lengths of files first, instead of disk space
    #[arg(short = 'A', long)]
    apparent_size: bool,
    /// Refuse to delete
    #[arg(short, long)]
    read_only: bool,
    /// Skip directories on other file systems
    #[arg(short = 'x', long)]
    one_file_system: bool,
    /// Skip files whose path or name matches the pattern
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<OsString>,
    /// Maximum number of threads
    #[arg(long, value_name = "N", default_value_t = du::DEFAULT_THREADS)]
    threads: usize,
}

impl Browse {
    pub(crate) fn export_format(&self) -> Option<ExportFormat> {
        let json = self.json.then_some(ExportFormat::Json);
        json.or(self.ncdu.then_some(ExportFormat::Ncdu))
    }

    pub(crate) fn browser_options(&self) -> anyhow::Result<BrowserOptions> {
        let time_style = TimeStyle::parse("long-iso", cli::time_zone()?).ok();
        Ok(BrowserOptions {
            is_apparent: self.apparent_size,
            is_read_only: self.read_only,
            numbers: number_format(),
            time_style,
            is_colored: has_colors(),
        })
    }

    pub(crate) fn options(&self) -> Options {
        let limits = Limits::current();
        let exclude = self.exclude.iter().map(|glob| Pattern::new(glob.as_encoded_bytes()));
        Options {
            one_file_system: self.one_file_system,
            exclude: exclude.collect(),
            n_threads: self.threads.min(limits.threads()),
            max_open_fds: limits.free_fds(),
            ..Options::default()
        }
    }
}
