//! Go's spelling of flags: `-port 8010` for `--port 8010`, `-names=false` for a switch left out.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::{Arg, ArgAction, Command};

/// Rewrites the flags in `argv` that are spelled as in Go to the form clap knows.
///
/// One dash before a word of two letters or more means the long flag of that name, unless the word
/// is a cluster of short flags: `-port` becomes `--port`, while `du -sb` stays as it is. A switch
/// takes a value: `-v=true` becomes `-v`, and `-v=false` removes the `-v` before it. A value may be
/// negative, which clap would take for a flag: `-delay -1s` becomes `--delay=-1s`. Words behind `--`
/// are operands and stay.
pub(super) fn rewrite(
    command: &Command,
    argv: impl IntoIterator<Item = OsString>,
) -> Vec<OsString> {
    let flags = Flags::of(command);
    let mut argv = argv.into_iter().peekable();
    let mut words: Vec<OsString> = argv.next().into_iter().collect(); // the program's name
    let mut is_operand = false;
    while let Some(word) = argv.next() {
        is_operand |= word == "--";
        let (name, value) = split(&word);
        let Some((flag, name)) = flags.find(name).filter(|_| !is_operand) else {
            words.push(word);
            continue;
        };
        let is_switch = matches!(flag.get_action(), ArgAction::SetTrue);
        match value.filter(|_| is_switch).and_then(boolean) {
            Some(true) => words.push(name.into()),
            Some(false) => words.retain(|word| flags.find(word).is_none_or(|(f, _)| f != flag)),
            None if value.is_none() && flag.get_action().takes_values() => {
                let value = argv.next_if(|word| is_negative(word));
                words.push(join(name, value.as_deref()));
            }
            None => words.push(join(name, value)),
        }
    }
    words
}

/// The flags of a program and of all its subcommands.
struct Flags<'a>(Vec<&'a Arg>);

impl<'a> Flags<'a> {
    fn of(command: &'a Command) -> Self {
        let below = command.get_subcommands().flat_map(|command| Flags::of(command).0);
        Flags(command.get_arguments().chain(below).collect())
    }

    /// The flag that `word` names, as `-name`, `--name` or `-n`, and clap's spelling of its name.
    ///
    /// Two dashes before one letter are Go's spelling too; clap's flags that also have a long name
    /// keep that for themselves, since GNU's may be abbreviated.
    fn find(&self, word: impl AsRef<OsStr>) -> Option<(&'a Arg, String)> {
        let body = word.as_ref().to_str()?.strip_prefix('-')?;
        let (is_double, name) = body.strip_prefix('-').map_or((false, body), |name| (true, name));
        if let Some(letter) = only_char(name) {
            let flag = self.short(letter)?;
            let is_named = !is_double || flag.get_long().is_none();
            return is_named.then(|| (flag, format!("-{letter}")));
        }
        let flag = self.0.iter().find(|flag| flag.get_long() == Some(name))?;
        let is_named = is_double || !self.is_cluster(name);
        is_named.then(|| (*flag, format!("--{name}")))
    }

    fn short(&self, letter: char) -> Option<&'a Arg> {
        let has_letter = |flag: &&&Arg| {
            flag.get_short_and_visible_aliases().is_some_and(|letters| letters.contains(&letter))
        };
        self.0.iter().find(has_letter).copied()
    }

    /// Whether `name` is several short flags in one word; only the last of them may take a value.
    fn is_cluster(&self, name: &str) -> bool {
        let is_switch = |letter| self.short(letter).is_some_and(|f| !f.get_action().takes_values());
        let mut letters = name.chars();
        let last = letters.next_back();
        letters.all(is_switch) && last.is_some_and(|letter| self.short(letter).is_some())
    }
}

fn only_char(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// Splits `-name=value` at the first `=`.
fn split(word: &OsStr) -> (&OsStr, Option<&OsStr>) {
    let bytes = word.as_bytes();
    match bytes.iter().position(|&byte| byte == b'=') {
        Some(i) => (OsStr::from_bytes(&bytes[..i]), Some(OsStr::from_bytes(&bytes[i + 1..]))),
        None => (word, None),
    }
}

/// Whether `word` is a negative number, perhaps with a unit.
fn is_negative(word: &OsStr) -> bool {
    matches!(word.as_bytes(), [b'-', b'0'..=b'9' | b'.', ..])
}

fn join(name: String, value: Option<&OsStr>) -> OsString {
    let mut word = OsString::from(name);
    if let Some(value) = value {
        word.push("=");
        word.push(value);
    }
    word
}

/// The spellings of a boolean that Go's `strconv.ParseBool` takes.
fn boolean(value: &OsStr) -> Option<bool> {
    match value.to_str()? {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    struct Args {
        #[arg(long, default_value_t = 1)]
        port: u16,
        #[arg(long)]
        log_file: Option<String>,
        #[arg(short)]
        verbose: bool,
        #[arg(short, long)]
        all: bool,
        #[arg(short, action = ArgAction::Count)]
        long_list: u8,
        #[arg(long)]
        names: bool,
        #[arg(short, long)]
        size: Option<String>,
        #[command(subcommand)]
        command: Option<Sub>,
        words: Vec<String>,
    }

    #[derive(clap::Subcommand)]
    enum Sub {
        Sweep {
            #[arg(long)]
            icers: String,
        },
    }

    fn built_command() -> Command {
        let mut command = Args::command();
        command.build();
        command
    }

    fn rewritten(line: &str) -> String {
        let argv = ["program"].into_iter().chain(line.split_whitespace()).map(OsString::from);
        let words = rewrite(&built_command(), argv);
        let words: Vec<&str> = words[1..].iter().map(|word| word.to_str().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn one_dash_is_gos_spelling_of_a_long_flag() {
        let check = |line: &str, expected: &str| assert_eq!(rewritten(line), expected, "{line}");
        check("-port 8010", "--port 8010");
        check("-port=8010", "--port=8010");
        check("--port=8010", "--port=8010");
        check("-log-file x", "--log-file x");
        check("-size 3x3", "--size 3x3"); // not -s with the value ize
        check("-help", "--help");
        check("-s3", "-s3");
        check("sweep -icers=1..3", "sweep --icers=1..3");
        check("-- -port -v=false", "-- -port -v=false");
        check("-ports -5 - x=y", "-ports -5 - x=y");
    }

    #[test]
    fn a_value_may_be_negative() {
        let check = |line: &str, expected: &str| assert_eq!(rewritten(line), expected, "{line}");
        check("-size -1s x", "--size=-1s x");
        check("--size -.5h", "--size=-.5h");
        check("-s -1", "-s=-1");
        check("-size=2 -1", "--size=2 -1");
        check("-size -names", "--size --names");
        check("-names -1", "--names -1");
    }

    #[test]
    fn clusters_of_short_flags_stay() {
        let check = |line: &str| assert_eq!(rewritten(line), line);
        check("-va");
        check("-all"); // -a -l -l
        check("-vs 3");
        check("--all");
    }

    #[test]
    fn switches_take_gos_booleans_and_the_last_wins() {
        let check = |line: &str, expected: &str| assert_eq!(rewritten(line), expected, "{line}");
        check("-names=true -v=T --names=1", "--names -v --names");
        check("-names=false --names=F -v=0 --v=0", "");
        check("-names x --names=false", "x");
        check("-names=false -names", "--names");
        check("-names=maybe", "--names=maybe"); // refused by clap
        check("--v", "-v");
        check("--a", "--a");
        check("-port=true", "--port=true");
    }

    #[test]
    fn values_need_not_be_text() {
        let word = OsStr::from_bytes(b"-log-file=\xff").to_owned();
        let words = rewrite(&built_command(), ["program".into(), word]);
        assert_eq!(words[1].as_bytes(), b"--log-file=\xff");
    }
}
