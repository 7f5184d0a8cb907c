//! `du browse`: keys, files that are found, deletions, a ticker and signals in one loop.

use std::env;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write, stdout};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded, never, tick};
use crossbeam::select;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::low_level::emulate_default_handler;
use threadbare::cli;
use threadbare::cli::terminal::{self, Terminal};
use threadbare::engines::du::Options;
use threadbare::engines::du::browse::{
    self, Browser, DeleteEvent, DeletePlan, ExportFormat, Request, ScanEvent, ScanTarget,
};
use threadbare::text::keys::Key;
use threadbare::text::printable::Subject;
use threadbare::threads;

use crate::browse_args::Browse;

/// Batches of files in flight between the scan and the browser.
const EVENTS: usize = 8;
/// Signals in flight.
const SIGNALS: usize = 8;
/// How often the screen is drawn while a scan or a deletion is running.
const DRAW_INTERVAL: Duration = Duration::from_millis(100);
/// How long the end waits for threads inside a system call, such as one on a dead network.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs the browser, or prints the scan instead.
pub(crate) fn run(args: &Browse) -> anyhow::Result<ExitCode> {
    if let Some(format) = args.export_format() {
        return export(args, format);
    }
    if !stdout().is_terminal() {
        cli::warn("browse: stdout is not a terminal (--json and --ncdu print the scan)");
        return Ok(ExitCode::from(2));
    }
    if env::var_os("TERM").is_some_and(|term| term == "dumb") {
        cli::warn("browse: this terminal cannot move its cursor (TERM=dumb)");
        return Ok(ExitCode::from(2));
    }
    let (browser, scan) = start(args)?;
    let session = Session::start(browser, scan, args.options())?;
    session.run()
}

/// Opens the saved scan, or starts one.
fn start(args: &Browse) -> anyhow::Result<(Browser, Option<Scan>)> {
    let options = args.browser_options()?;
    if let Some(path) = &args.from {
        return Ok((Browser::open(read_scan(path)?, options), None));
    }
    let root = root(&args.dir).with_context(|| Subject(&args.dir).to_string())?;
    let scan = Scan::start(ScanTarget::root(&root), args.options())?;
    Ok((Browser::new(&root, options), Some(scan)))
}

/// The absolute path of a directory that can be read.
fn root(dir: &Path) -> io::Result<PathBuf> {
    let root = fs::canonicalize(dir)?;
    fs::read_dir(&root)?;
    Ok(root)
}

fn read_scan(path: &Path) -> anyhow::Result<browse::SavedScan> {
    let is_stdin = path.as_os_str() == "-";
    let name = if is_stdin { "stdin".to_owned() } else { Subject(path).to_string() };
    let input: Box<dyn BufRead> = if is_stdin {
        Box::new(BufReader::new(cli::stdin()))
    } else {
        Box::new(BufReader::new(File::open(path).with_context(|| name.clone())?))
    };
    browse::read_scan(input).context(name)
}

/// Prints a scan that is made now, or was saved, in another form.
fn export(args: &Browse, format: ExportFormat) -> anyhow::Result<ExitCode> {
    let (mut browser, scan) = start(args)?;
    let signals = signals(&[SIGINT, SIGTERM])?;
    let mut signal = None;
    if let Some(mut scan) = scan {
        loop {
            select! {
                recv(scan.events) -> event => match event {
                    Ok(event) => {
                        if let ScanEvent::Failed(error) = &event {
                            cli::warn(error);
                        }
                        browser.handle_scan(event);
                    }
                    Err(_) => break, // closed: the scan has ended
                },
                recv(signals) -> received => {
                    signal = received.ok();
                    scan.cancel = None;
                }
            }
        }
        scan.join();
    }
    browser.refresh();
    let mut out = BufWriter::new(cli::stdout());
    browser.write(&mut out, format, now())?;
    out.flush()?;
    if let Some(signal) = signal {
        _ = emulate_default_handler(signal);
    }
    warn_of_errors(browser.n_errors());
    Ok(cli::status(browser.n_errors() > 0 || browser.is_partial()))
}

fn warn_of_errors(n_errors: u64) {
    match n_errors {
        0 => {}
        1 => cli::warn("1 error: a file could not be read or deleted"),
        n => cli::warn(&format!("{n} errors: files could not be read or deleted")),
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_1970.map_or(0, |duration| duration.as_secs())
}

/// Forwards signals to a channel. One that ends the program does so at once if the program has not
/// taken the ones before.
fn signals(signals: &[i32]) -> anyhow::Result<Receiver<i32>> {
    let (signals_tx, signals_rx) = bounded(SIGNALS);
    cli::on_signals(signals, move |signal| {
        let is_end = !matches!(signal, SIGCONT | SIGWINCH | SIGTSTP);
        if let Err(TrySendError::Full(_)) = signals_tx.try_send(signal)
            && is_end
        {
            terminal::restore();
            _ = emulate_default_handler(signal);
        }
    })?;
    Ok(signals_rx)
}

/// A scan that is running.
struct Scan {
    events: Receiver<ScanEvent>,
    /// Dropped to cancel.
    cancel: Option<Sender<()>>,
    thread: JoinHandle<()>,
}

impl Scan {
    fn start(target: ScanTarget, options: Options) -> anyhow::Result<Self> {
        let (events_tx, events_rx) = bounded(EVENTS);
        let (cancel, done) = bounded(0);
        let thread = thread::Builder::new().name("scan".to_owned());
        let thread = thread
            .spawn(move || browse::scan(&target, &options, &events_tx, &done))
            .map_err(|err| threads::cannot_start(&err))?;
        Ok(Scan { events: events_rx, cancel: Some(cancel), thread })
    }

    fn join(self) {
        drop(self.events); // lets a scan that waits for room go on to its end
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic));
    }
}

/// A deletion that is running.
struct Deletion {
    events: Receiver<DeleteEvent>,
    /// Dropped to cancel.
    cancel: Option<Sender<()>>,
    thread: JoinHandle<()>,
}

impl Deletion {
    fn start(plan: DeletePlan) -> anyhow::Result<Self> {
        let (events_tx, events_rx) = bounded(EVENTS);
        let (cancel, done) = bounded(0);
        let thread = thread::Builder::new().name("delete".to_owned());
        let thread = thread
            .spawn(move || browse::delete(&plan, &events_tx, &done))
            .map_err(|err| threads::cannot_start(&err))?;
        Ok(Deletion { events: events_rx, cancel: Some(cancel), thread })
    }
}

/// Why the browser ends.
enum End {
    Quit,
    Signal(i32),
    /// The terminal has gone.
    HangUp,
}

/// The browser on a terminal.
struct Session {
    browser: Browser,
    terminal: Terminal,
    keys: Receiver<Key>,
    signals: Receiver<i32>,
    ticker: Receiver<Instant>,
    options: Options,
    scan: Option<Scan>,
    deletion: Option<Deletion>,
    is_stale: bool,
}

impl Session {
    fn start(browser: Browser, scan: Option<Scan>, options: Options) -> anyhow::Result<Self> {
        let ending = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];
        let signals = signals(&[&ending[..], &[SIGTSTP, SIGCONT, SIGWINCH]].concat())?;
        let terminal = Terminal::open()?;
        let keys = terminal::keys()?;
        let ticker = tick(DRAW_INTERVAL);
        let deletion = None;
        Ok(Session {
            browser,
            terminal,
            keys,
            signals,
            ticker,
            options,
            scan,
            deletion,
            is_stale: true,
        })
    }

    fn run(mut self) -> anyhow::Result<ExitCode> {
        let end = self.handle_events()?;
        drop(self.terminal); // puts it back before anything is printed
        end_threads(self.scan, self.deletion);
        match end {
            End::Quit => {
                warn_of_errors(self.browser.n_errors());
                Ok(cli::status(self.browser.n_errors() > 0))
            }
            End::HangUp => Ok(ExitCode::FAILURE),
            End::Signal(signal) => {
                _ = emulate_default_handler(signal);
                Ok(ExitCode::FAILURE)
            }
        }
    }

    /// The loop: waits for whatever comes first and handles it.
    fn handle_events(&mut self) -> anyhow::Result<End> {
        let (no_scan, no_deletion, no_tick) = (never(), never(), never());
        loop {
            self.draw()?;
            let files = self.scan.as_ref().map_or(&no_scan, |scan| &scan.events);
            let deleted = self.deletion.as_ref().map_or(&no_deletion, |deletion| &deletion.events);
            let ticker = if self.browser.is_busy() { &self.ticker } else { &no_tick };
            select! {
                recv(self.keys) -> key => match key {
                    Ok(key) => {
                        if self.press(key)? {
                            return Ok(End::Quit);
                        }
                    }
                    Err(_) => return Ok(End::HangUp),
                },
                recv(files) -> event => self.handle_scan(event.ok()),
                recv(deleted) -> event => self.handle_delete(event.ok()),
                recv(ticker) -> _ => {
                    self.browser.refresh_if_due();
                    self.is_stale = true;
                }
                recv(self.signals) -> signal => {
                    if let Some(signal) = self.handle_signal(signal?)? {
                        return Ok(End::Signal(signal));
                    }
                }
            }
        }
    }

    fn draw(&mut self) -> anyhow::Result<()> {
        if std::mem::take(&mut self.is_stale) {
            let (width, height) = Terminal::size();
            let now = i64::try_from(now()).unwrap_or(i64::MAX);
            self.terminal.draw(self.browser.draw(width, height, now))?;
        }
        Ok(())
    }

    /// Handles a key. Returns whether it ends the browser.
    fn press(&mut self, key: Key) -> anyhow::Result<bool> {
        self.is_stale = true;
        match self.browser.press(key) {
            None => {}
            Some(Request::Quit) => return Ok(true),
            Some(Request::Delete(plan)) => self.deletion = Some(Deletion::start(plan)?),
            Some(Request::CancelDelete) => {
                if let Some(deletion) = &mut self.deletion {
                    deletion.cancel = None;
                }
            }
            Some(Request::Scan(target)) => {
                self.scan = Some(Scan::start(target, self.options.clone())?);
            }
        }
        Ok(false)
    }

    /// Handles what a scan has sent; `None` is its end.
    fn handle_scan(&mut self, event: Option<ScanEvent>) {
        if let Some(event) = event {
            if self.browser.handle_scan(event) {
                self.browser.refresh();
                self.is_stale = true;
            }
        } else if let Some(scan) = self.scan.take() {
            scan.join();
        }
    }

    /// Handles what a deletion has sent; `None` is its end.
    fn handle_delete(&mut self, event: Option<DeleteEvent>) {
        if let Some(event) = event {
            return self.browser.handle_delete(event);
        }
        if let Some(deletion) = self.deletion.take() {
            deletion.thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        self.browser.end_delete();
        self.is_stale = true;
    }

    /// Handles a signal. Returns it if it ends the browser.
    fn handle_signal(&mut self, signal: i32) -> anyhow::Result<Option<i32>> {
        match signal {
            SIGWINCH => self.terminal.invalidate(),
            SIGCONT => self.terminal.resume()?,
            SIGTSTP => {
                self.terminal.suspend();
                emulate_default_handler(SIGTSTP)?; // returns when the process is continued
                self.terminal.resume()?;
            }
            _ => return Ok(Some(signal)),
        }
        self.is_stale = true;
        Ok(None)
    }
}

/// Cancels what is running and waits for it, but not for ever.
fn end_threads(scan: Option<Scan>, deletion: Option<Deletion>) {
    let deadline = Instant::now() + EXIT_TIMEOUT;
    if let Some(Deletion { events, cancel, .. }) = deletion {
        drop(cancel);
        while events.recv_deadline(deadline).is_ok() {}
    }
    if let Some(Scan { events, cancel, .. }) = scan {
        drop(cancel);
        while events.recv_deadline(deadline).is_ok() {}
    }
}
