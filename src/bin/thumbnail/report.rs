//! What thumbnail prints: names, records, errors, a progress bar, a summary.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;
use threadbare::cli;
use threadbare::engines::thumbnail::Damage;
use threadbare::engines::thumbnail::batch::{Done, Outcome};
use threadbare::engines::thumbnail::record::Record;

use crate::args::ReportArgs;

/// Prints outcomes and counts them.
pub(crate) struct Report {
    pub(crate) args: ReportArgs,
    bar: ProgressBar,
    count: Count,
}

#[derive(Default)]
struct Count {
    made: u64,
    skipped: u64,
    damaged: u64,
    failed: u64,
    bytes: u64,
}

impl Report {
    pub(crate) fn new(args: ReportArgs) -> Self {
        let style = "{wide_bar} {pos}/{len}  {per_sec}  {eta} left";
        let style = ProgressStyle::with_template(style).expect("the template is valid");
        let bar = ProgressBar::with_draw_target(Some(0), cli::progress_target()).with_style(style);
        Report { args, bar, count: Count::default() }
    }

    /// Returns the progress bar, whose length is the number of images known.
    pub(crate) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// Removes the progress bar before a signal ends the program.
    pub(crate) fn clear_on_signal(&self) -> io::Result<()> {
        let bar = self.bar.clone();
        if !bar.is_hidden() {
            cli::on_signals(&[SIGINT, SIGTERM], move |signal| {
                bar.finish_and_clear();
                _ = emulate_default_handler(signal);
            })?;
        }
        Ok(())
    }

    /// Prints and counts what became of the thumbnails of an image.
    pub(crate) fn add(&mut self, done: &Done) -> anyhow::Result<()> {
        let damage = |outcome: &Outcome| match outcome {
            Outcome::Made(thumbnail) => thumbnail.damage,
            _ => None,
        };
        if let Some(damage) = done.outcomes.iter().find_map(damage) {
            self.add_damage(&done.source, damage);
        }
        for outcome in &done.outcomes {
            self.add_outcome(&done.source, outcome)?;
        }
        self.bar.inc(1);
        Ok(())
    }

    fn add_damage(&mut self, source: &Path, damage: Damage) {
        self.count.damaged += 1;
        self.warn(&format!("{}: {damage}", source.display()));
    }

    fn add_outcome(&mut self, source: &Path, outcome: &Outcome) -> anyhow::Result<()> {
        match outcome {
            Outcome::Made(thumbnail) => {
                self.count.made += 1;
                self.count.bytes += thumbnail.n_bytes;
                if !self.args.json {
                    let path = thumbnail.path.as_os_str().as_encoded_bytes();
                    self.print(&[path, b"\n"].concat())?;
                }
            }
            Outcome::Skipped(_) => self.count.skipped += 1,
            Outcome::Failed(err) => {
                self.count.failed += 1;
                self.warn(err);
            }
        }
        if self.args.json {
            let line = serde_json::to_string(&Record::new(source, outcome))? + "\n";
            self.print(line.as_bytes())?;
        }
        Ok(())
    }

    fn warn(&self, err: &impl std::fmt::Display) {
        self.bar.suspend(|| cli::warn(err));
    }

    fn print(&self, line: &[u8]) -> io::Result<()> {
        self.bar.suspend(|| cli::stdout().write_all(line))
    }

    /// Whether an image is damaged or a thumbnail could not be made.
    pub(crate) fn has_failures(&self) -> bool {
        self.count.failed + self.count.damaged > 0
    }

    /// Removes the progress bar and prints the summary, if asked for.
    pub(crate) fn finish(&self, elapsed: Duration) {
        self.bar.finish_and_clear();
        if self.args.verbose {
            let Count { made, skipped, damaged, failed, bytes } = self.count;
            let seconds = elapsed.as_secs_f64();
            cli::warn(&format!(
                "{made} made, {damaged} of them damaged, {skipped} skipped, {failed} failed; \
                 {bytes} bytes in {seconds:.2} s"
            ));
        }
    }
}
