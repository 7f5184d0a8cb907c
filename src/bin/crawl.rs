//! 8.6, 8.7 crawl: prints the pages of a web site, checks its links, or copies it.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use crossbeam::channel::{self, Receiver};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;
use threadbare::cli::{self, Urls};
use threadbare::engines::crawl::check;
use threadbare::engines::crawl::mirror::{self, File, GoneFile, Mirror};
use threadbare::engines::crawl::{self, Archive, Crawl, Options, Page, Summary};

#[path = "crawl/args.rs"]
mod args;
#[path = "crawl/check_args.rs"]
mod check_args;
#[path = "crawl/junit.rs"]
mod junit;
#[path = "crawl/records.rs"]
mod records;
#[path = "crawl/report.rs"]
mod report;
#[path = "crawl/targets.rs"]
mod targets;

use args::{Cli, Command, Flags};
use records::{FileRecord, PageRecord};
use report::Format;
use targets::CheckArgs;

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| {
        if args.flags.requests.insecure {
            cli::warn("--insecure: certificates are not checked");
        }
        match args.command {
            None => pages(&args.urls, &args.flags),
            Some(Command::Check(targets)) => check(&targets, &args.flags),
            Some(Command::Mirror { dir, update, urls }) => mirror(&dir, update, &urls, &args.flags),
        }
    })
}

/// `crawl URL…`: prints the pages.
fn pages(urls: &Urls, flags: &Flags) -> anyhow::Result<ExitCode> {
    let mut records = flags.records();
    let mut print = |page: &Page| {
        let is_fetched = page.error.is_none() && page.redirect.is_none();
        records.write(&PageRecord::new(page), || is_fetched.then(|| page.url.to_string()))
    };
    let crawl =
        with_progress(&progress(true), &flags.options()?, &mut print, |options, done, report| {
            Ok(crawl::run(&urls.urls, options, done, report)?)
        })?;
    records.flush()?;
    Ok(finish(flags, &crawl, crawl.summary.n_failed > 0))
}

/// `crawl check URL…` or `crawl check DIR`: prints the broken links.
fn check(args: &CheckArgs, flags: &Flags) -> anyhow::Result<ExitCode> {
    let (starts, folder) = args.starts()?;
    if folder.is_some() && flags.selection.state.is_some() {
        anyhow::bail!("--state is for sites; a folder is checked from its start");
    }
    let format = flags.report_format(args.flags.format);
    let options = args.flags.options(flags.options()?);
    let crawl = with_progress(
        &progress(false),
        &Options { keep_places: format != Format::Text, folder, ..options },
        &mut |_| Ok(()),
        |options, done, report| Ok(check::run(&starts, options, done, report)?),
    )?;
    let has_broken = report::print(format, &crawl)?;
    Ok(finish(flags, &crawl, has_broken))
}

/// `crawl mirror DIR URL…`: copies the pages.
fn mirror(dir: &Path, update: bool, urls: &Urls, flags: &Flags) -> anyhow::Result<ExitCode> {
    if flags.selection.state.is_some() {
        anyhow::bail!(
            "--state is not for mirror; `mirror --update` continues from the pages it has"
        );
    }
    let archive = update.then(|| Archive::open(dir)).transpose()?.map(Arc::new);
    let Mirror { crawl, files, gone } = with_progress(
        &progress(false),
        &Options { archive, ..flags.options()? },
        &mut |_| Ok(()),
        |options, done, report| Ok(mirror::run(dir, &urls.urls, options, done, report)?),
    )?;
    let mut records = flags.records();
    let mut failed = crawl.summary.n_failed > 0;
    for GoneFile { path, url, reason } in &gone {
        cli::warn(&format!("{}: kept; {url} is gone: {reason}", dir.join(path).display()));
    }
    for File { url, path, is_unchanged, error } in &files {
        let file = &*dir.join(path);
        if let Some(error) = error {
            cli::warn(error);
            failed = true;
        } else if !is_unchanged {
            records.write(&FileRecord { url, file }, || Some(file.display().to_string()))?;
        }
    }
    records.flush()?;
    Ok(finish(flags, &crawl, failed))
}

/// Called with pages as they are done; false ends the crawl.
type Report<'a> = &'a mut dyn FnMut(&[Page], &Summary) -> bool;

/// Runs `work` with a progress line on a terminal; a signal cancels it.
fn with_progress<T>(
    progress: &ProgressBar,
    options: &Options,
    each: &mut dyn FnMut(&Page) -> anyhow::Result<()>,
    work: impl FnOnce(&Options, &Receiver<()>, Report<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let done = signals()?;
    let mut outcome = Ok(());
    let result = work(options, &done, &mut |pages, summary| {
        outcome = pages.iter().try_for_each(|page| {
            warn(page, options, progress);
            each(page)
        });
        progress.set_message(progress_line(summary, progress.elapsed()));
        outcome.is_ok()
    });
    progress.finish_and_clear();
    outcome?;
    result
}

/// Prints what went wrong to stderr. `check` reports broken links later, by the page with the link;
/// on a terminal it shows each as it is found, too.
fn warn(page: &Page, options: &Options, progress: &ProgressBar) {
    let (is_check, is_hidden) = (options.keep_links, progress.is_hidden());
    progress.suspend(|| {
        if let Some(error) = page.error.as_ref().filter(|_| !is_check || page.is_cut) {
            cli::warn(&format!("{}: {error}", page.url));
        } else if let Some(error) = page.error.as_ref().filter(|_| !is_hidden) {
            let on = page.referrer.as_deref().unwrap_or("start URL");
            cli::warn(&format!("{}: {error} (on {on})", page.url));
        }
        for warning in &page.warnings {
            cli::warn(&format!("{}: {warning}", page.url));
        }
    });
}

/// A channel that the first SIGINT or SIGTERM closes. The second signal ends the process at once,
/// as the first does if there is no thread to wait for it.
fn signals() -> anyhow::Result<Receiver<()>> {
    let (cancel_tx, cancel_rx) = channel::bounded(0);
    let mut cancel_tx = Some(cancel_tx);
    let is_handled = cli::on_signals(&[SIGINT, SIGTERM], move |signal| {
        SIGNAL.store(signal, Ordering::Relaxed);
        if cancel_tx.take().is_none() {
            _ = emulate_default_handler(signal);
        }
    })?;
    Ok(if is_handled { cancel_rx } else { channel::never() })
}

/// The number of the signal received, or 0.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// A progress line, if stderr is a terminal and no pages are printed to it meanwhile.
fn progress(prints_pages: bool) -> ProgressBar {
    if prints_pages && std::io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{elapsed} {wide_msg}").expect("a constant that parses");
    ProgressBar::with_draw_target(None, cli::progress_target()).with_style(style)
}

fn progress_line(summary: &Summary, elapsed: Duration) -> String {
    let Summary { n_pages, n_outside, n_failed, n_waiting, .. } = summary;
    let rate = *n_pages as f64 / elapsed.as_secs_f64().max(0.001);
    if *n_outside > 0 {
        return format!(
            "{n_pages} pages, {n_outside} outside URLs, {n_failed} broken, {n_waiting} waiting"
        );
    }
    format!("{n_pages} pages, {n_failed} broken, {rate:.0} pages/s, {n_waiting} waiting")
}

/// Removes the state of a crawl that has ended. Returns whether it could not be saved or removed.
fn end_state(flags: &Flags, crawl: &Crawl) -> bool {
    let Some(path) = &flags.selection.state else { return false };
    if let Some(err) = &crawl.state_error {
        cli::warn(err);
        return true;
    }
    if crawl.summary.is_cancelled {
        cli::warn(&format!("{}: saved; the same command continues from it", path.display()));
        return false;
    }
    let removed = std::fs::remove_file(path);
    removed.inspect_err(|err| cli::warn(&format!("{}: {err}", path.display()))).is_err()
}

/// Prints warnings and statistics. Returns the exit status, or dies by the signal received.
fn finish(flags: &Flags, crawl: &Crawl, failed: bool) -> ExitCode {
    let summary = &crawl.summary;
    if summary.is_limited {
        cli::warn(&format!("stopped at the limit: --max-pages is {}", flags.selection.max_pages));
    }
    if flags.output.stats {
        let Summary {
            n_pages, n_outside, n_failed, n_unchanged, n_forbidden, n_bytes, time, ..
        } = *summary;
        if n_outside > 0 {
            cli::warn(&format!("{n_outside} URLs on other hosts are not broken"));
        }
        let rate = n_pages as f64 / time.as_secs_f64();
        let unchanged =
            if n_unchanged > 0 { format!("{n_unchanged} unchanged, ") } else { String::new() };
        cli::warn(&format!(
            "{n_pages} pages, {unchanged}{n_failed} failed, {n_forbidden} forbidden, {} in {time:.2?}: {rate:.0} pages/s",
            HumanBytes(n_bytes)
        ));
    }
    let failed = end_state(flags, crawl) || failed;
    if summary.is_cancelled {
        _ = cli::stdout().flush();
        let signal = SIGNAL.load(Ordering::Relaxed);
        _ = emulate_default_handler(signal);
    }
    cli::status(failed || summary.is_limited || summary.n_incomplete > 0)
}
