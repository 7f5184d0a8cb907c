//! A line as a command: a verb and the rest.

use super::input::Line;

/// Names each verb once: the enum, and the table that HELP shows and lines are looked up in.
macro_rules! verbs {
    ($($name:ident)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Verb { $($name),* }
        pub(super) const VERBS: &[(&str, Verb)] = &[$((stringify!($name), Verb::$name)),*];
    };
}

verbs! {
    Abor Acct Allo Appe Auth Ccc Cdup Cwd Dele Eprt Epsv Feat Help List Mdtm Mfmt Mkd Mlsd Mlst
    Mode Nlst Noop Opts Pass Pasv Pbsz Port Prot Pwd Quit Rein Rest Retr Rmd Rnfr Rnto Site Size
    Stat Stor Stou Stru Syst Type User
}

/// Spellings from before RFC 959, which RFC 1123 wants understood.
const OLD: [(&str, Verb); 5] = [
    ("XCUP", Verb::Cdup),
    ("XCWD", Verb::Cwd),
    ("XMKD", Verb::Mkd),
    ("XPWD", Verb::Pwd),
    ("XRMD", Verb::Rmd),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) verb: Verb,
    pub(super) arg: Vec<u8>,
}

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    TooLong,
    Unknown,
    /// No file has such a name, and no argument needs one.
    Nul,
}

impl Command {
    /// One space ends the verb; any further ones belong to the argument, a file name perhaps.
    pub(super) fn parse(line: Line) -> Result<Self, Bad> {
        let Line::Text(mut line) = line else { return Err(Bad::TooLong) };
        let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let verb = verb(&line[..end]).ok_or(Bad::Unknown)?;
        let arg = line.split_off((end + 1).min(line.len()));
        if arg.contains(&0) { Err(Bad::Nul) } else { Ok(Command { verb, arg }) }
    }

    /// Whether it is for the transfer under way and not for after it.
    pub(super) fn is_urgent(&self) -> bool {
        match self.verb {
            Verb::Abor => true,
            Verb::Stat => self.arg.is_empty(),
            _ => false,
        }
    }

    /// The argument as text without spaces around it; what is no text is no such argument.
    pub(super) fn word(&self) -> &str {
        str::from_utf8(&self.arg).unwrap_or("\u{fffd}").trim()
    }
}

fn verb(word: &[u8]) -> Option<Verb> {
    let is_it = |(name, _): &&(&str, Verb)| name.as_bytes().eq_ignore_ascii_case(word);
    VERBS.iter().chain(&OLD).find(is_it).map(|(_, verb)| *verb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(line: &str) -> Result<(Verb, String), Bad> {
        let command = Command::parse(Line::Text(line.into()))?;
        Ok((command.verb, String::from_utf8(command.arg).unwrap()))
    }

    #[test]
    fn a_verb_and_the_rest() {
        let check = |line: &str, verb: Verb, arg: &str| {
            assert_eq!(parse(line), Ok((verb, arg.to_owned())), "{line:?}");
        };
        check("NOOP", Verb::Noop, "");
        check("noop ", Verb::Noop, "");
        check("RETR a b", Verb::Retr, "a b");
        check("RETR  a ", Verb::Retr, " a ");
        check("xPwD", Verb::Pwd, "");
        assert_eq!(parse(""), Err(Bad::Unknown));
        assert_eq!(parse(" NOOP"), Err(Bad::Unknown));
        assert_eq!(parse("NOOPS"), Err(Bad::Unknown));
        assert_eq!(parse("DELE a\0b"), Err(Bad::Nul));
        assert_eq!(Command::parse(Line::TooLong), Err(Bad::TooLong));
    }

    #[test]
    fn what_cannot_wait() {
        let is_urgent = |line: &str| Command::parse(Line::Text(line.into())).unwrap().is_urgent();
        assert!(is_urgent("ABOR") && is_urgent("STAT"));
        assert!(!is_urgent("STAT x") && !is_urgent("NOOP"));
    }

    proptest! {
        #[test]
        fn any_line_is_answered(line in proptest::collection::vec(any::<u8>(), 0..40)) {
            _ = Command::parse(Line::Text(line));
        }
    }
}
