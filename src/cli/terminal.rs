//! The whole terminal: keys as they are typed, and a screen of its own, which is put back whatever
//! ends the program.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{panic, thread};

use super::stdio::{Unbuffered, stdin};
use crate::text::keys::{Key, KeyParser};
use crate::threads::cannot_start;
use crossbeam::channel::{Receiver, Sender, bounded};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr,
};

/// Switches to the second screen, hides the cursor and turns line wrapping off.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
/// Restores colours, line wrapping, the cursor and the first screen.
const LEAVE: &str = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
/// Keys in flight.
const KEYS: usize = 64;
/// Longest run of bytes that is read at once.
const BUFFER_BYTES: usize = 256;

/// The terminal as it was, to be put back.
static ORIGINAL: OnceLock<(Input, Termios)> = OnceLock::new();
/// Whether the terminal has been put back because of a panic, so that nothing is drawn any more.
static HAS_PANICKED: AtomicBool = AtomicBool::new(false);

/// Where keys come from.
#[derive(Debug)]
enum Input {
    Stdin,
    /// `/dev/tty`, because stdin is something else.
    Tty(File),
}

impl Input {
    fn open() -> io::Result<Self> {
        if io::stdin().is_terminal() {
            return Ok(Input::Stdin);
        }
        let tty = OpenOptions::new().read(true).write(true).open("/dev/tty");
        let tty = tty.map_err(|err| io::Error::new(err.kind(), format!("/dev/tty: {err}")))?;
        Ok(Input::Tty(tty))
    }
}

impl AsFd for Input {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Input::Stdin => rustix::stdio::stdin(),
            Input::Tty(tty) => tty.as_fd(),
        }
    }
}

impl Read for &Input {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Input::Stdin => stdin().read(buf),
            Input::Tty(tty) => {
                let mut tty = tty;
                tty.read(buf)
            }
        }
    }
}

/// The terminal in the mode of a full-screen program, until it is dropped.
#[derive(Debug)]
pub struct Terminal {
    /// The lines on the screen; none if it has to be drawn anew.
    lines: Vec<String>,
}

impl Terminal {
    /// Switches the terminal to its second screen, without echo and line editing; ^C, ^Z and ^\
    /// still send their signals. A panic puts it back before its message is printed.
    ///
    /// # Errors
    /// The system's, if there is no terminal to read keys from.
    pub fn open() -> io::Result<Self> {
        if ORIGINAL.get().is_none() {
            let input = Input::open()?;
            let modes = tcgetattr(&input)?;
            let message = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                HAS_PANICKED.store(true, Ordering::Release);
                restore();
                message(info);
            }));
            ORIGINAL.get_or_init(|| (input, modes));
        }
        let mut terminal = Terminal { lines: Vec::new() };
        terminal.resume()?;
        Ok(terminal)
    }

    /// Columns and lines of the terminal.
    pub fn size() -> (usize, usize) {
        let size = tcgetwinsize(io::stdout());
        let size = size.ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
        size.map_or((80, 24), |size| (size.ws_col.into(), size.ws_row.into()))
    }

    /// Takes the terminal back after [`Terminal::suspend`], or after the process was stopped.
    ///
    /// # Errors
    /// The system's, if the terminal has gone.
    pub fn resume(&mut self) -> io::Result<()> {
        if let Some((input, original)) = ORIGINAL.get() {
            tcsetattr(input, OptionalActions::Now, &for_keys(original))?;
        }
        self.lines.clear();
        Unbuffered.write_all(ENTER.as_bytes())
    }

    /// Gives the terminal back as it was.
    pub fn suspend(&mut self) {
        restore();
    }

    /// Has everything drawn anew: the terminal has another size.
    pub fn invalidate(&mut self) {
        self.lines.clear();
    }

    /// Writes the lines that differ from those on the screen.
    ///
    /// # Errors
    /// The errors of stdout.
    pub fn draw(&mut self, lines: Vec<String>) -> io::Result<()> {
        let mut frame = String::new();
        if self.lines.len() != lines.len() {
            self.lines = vec![String::new(); lines.len()];
            frame.push_str("\x1b[2J");
        }
        for (i, (line, old)) in lines.iter().zip(&self.lines).enumerate() {
            if line != old {
                _ = write!(frame, "\x1b[{};1H\x1b[2K{line}", i + 1); // a String never fails
            }
        }
        self.lines = lines;
        if frame.is_empty() || HAS_PANICKED.load(Ordering::Acquire) {
            return Ok(());
        }
        Unbuffered.write_all(frame.as_bytes())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts the terminal back as it was. Failures are ignored: it may be gone.
pub fn restore() {
    _ = Unbuffered.write_all(LEAVE.as_bytes());
    if let Some((input, original)) = ORIGINAL.get() {
        _ = tcsetattr(input, OptionalActions::Now, original);
    }
}

/// The modes in which every key is read at once.
fn for_keys(original: &Termios) -> Termios {
    let mut modes = original.clone();
    modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN;
    modes.input_modes -= InputModes::ICRNL | InputModes::INLCR | InputModes::IXON;
    modes.special_codes[SpecialCodeIndex::VMIN] = 1;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    modes
}

/// Starts a thread that reads keys from the terminal, which [`Terminal::open`] has switched. The
/// channel is closed when the terminal has gone. Nothing can wake that thread: the program ends
/// without it.
///
/// # Errors
/// The system's, if it refuses to start a thread.
pub fn keys() -> io::Result<Receiver<Key>> {
    let (keys_tx, keys_rx) = bounded(KEYS);
    let read = move || {
        if let Some((input, _)) = ORIGINAL.get() {
            read_keys(input, &keys_tx);
        }
    };
    let thread = thread::Builder::new().name("keys".to_owned());
    thread.spawn(read).map_err(|err| cannot_start(&err))?;
    Ok(keys_rx)
}

/// Reads keys until the terminal or the receiver has gone.
fn read_keys(mut input: impl Read, keys: &Sender<Key>) {
    let (mut parser, mut buffer) = (KeyParser::default(), [0; BUFFER_BYTES]);
    loop {
        let n_bytes = match input.read(&mut buffer) {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => return,
            Ok(n_bytes) => n_bytes,
        };
        for key in parser.parse(&buffer[..n_bytes]) {
            if keys.send(key).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::{Command, Stdio};

    use rustix::fs::{Mode, OFlags};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    const IN_CHILD: &str = "THREADBARE_TEST_PANICS";

    /// Runs itself on a terminal, where it panics.
    #[test]
    fn a_panic_puts_the_terminal_back_before_its_message() {
        if env::var_os(IN_CHILD).is_some() {
            let _terminal = Terminal::open().unwrap();
            panic!("for the test");
        }
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty());
        let terminal = terminal.unwrap();
        let before = tcgetattr(&terminal).unwrap();
        let stream = || Stdio::from(terminal.try_clone().unwrap());
        let test = "cli::terminal::tests::a_panic_puts_the_terminal_back_before_its_message";
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(IN_CHILD, "1");
        let status = command.stdin(stream()).stdout(stream()).stderr(stream()).status().unwrap();
        assert!(!status.success());
        assert_eq!(tcgetattr(&terminal).unwrap().local_modes, before.local_modes);
        drop((command, terminal));
        let (mut output, mut master) = (Vec::new(), File::from(master));
        let mut buffer = [0; 4_096];
        while let Ok(n_bytes @ 1..) = master.read(&mut buffer) {
            output.extend_from_slice(&buffer[..n_bytes]); // until EIO: the other end is closed
        }
        let output = String::from_utf8_lossy(&output);
        let position = |text: &str| output.find(text).unwrap_or_else(|| panic!("{output:?}"));
        assert!(position(ENTER) < position(LEAVE), "{output:?}");
        assert!(position(LEAVE) < position("for the test"), "{output:?}");
    }
}
