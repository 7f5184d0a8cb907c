//! Parsing a line as a command, and executing it.

use super::arg::Arg;
use super::attempt::Attempt;
use super::verbs::{Interrupt, Verb, find};
use crate::engines::ftp::input::Line;
use crate::engines::ftp::outcome::Outcome;
use crate::engines::ftp::reply::ReplyError;
use crate::engines::ftp::session::Session;

/// A command line: a verb of the table and its argument.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) verb: &'static Verb,
    pub(crate) arg: Arg,
}

/// A line that is not a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParseError {
    TooLong,
    UnknownVerb,
    /// The argument contains a NUL, which no file name does.
    Nul,
}

impl From<ParseError> for ReplyError {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::TooLong => ReplyError::new(500, "Command line too long."),
            ParseError::UnknownVerb => ReplyError::new(500, "Unknown command."),
            ParseError::Nul => ReplyError::new(501, "NUL in argument."),
        }
    }
}

impl Command {
    /// Splits a line at its first space; further spaces belong to the argument.
    ///
    /// # Errors
    /// When the line was too long, the verb is not in the table, or the argument contains a NUL.
    pub(crate) fn parse(line: Line) -> Result<Self, ParseError> {
        let Line::Text(mut line) = line else { return Err(ParseError::TooLong) };
        let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let verb = find(&line[..end]).ok_or(ParseError::UnknownVerb)?;
        let arg = line.split_off((end + 1).min(line.len()));
        if arg.contains(&0) {
            return Err(ParseError::Nul);
        }
        Ok(Command { verb, arg: Arg::new(arg) })
    }

    /// What the command does at once during a transfer; `None` if it waits for the end.
    pub(crate) fn interrupt(&self) -> Option<Interrupt> {
        let is_path = |interrupt| interrupt == Interrupt::Status && !self.arg.is_empty();
        self.verb.interrupt.filter(|interrupt| !is_path(*interrupt))
    }
}

/// Executes a command.
///
/// # Errors
/// The refusal, as a reply.
pub(crate) fn run(command: Result<Command, ParseError>, session: &mut Session<'_, '_>) -> Outcome {
    let verb = command.as_ref().ok().map(|command| command.verb);
    if !verb.is_some_and(|verb| verb.keeps_rename) {
        session.state.rename_from = None;
    }
    if !verb.is_some_and(|verb| verb.keeps_restart) {
        session.state.restart = None;
    }
    let Command { verb, arg } = command?;
    if verb.needs_login {
        session.rights()?;
    }
    let attempt = Attempt::new(session, verb, &arg);
    let outcome = (verb.handler)(session, &arg);
    if let Some(attempt) = attempt {
        attempt.record(session, &outcome);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::ftp::options::Options;
    use crate::engines::ftp::outcome::Next;
    use crate::engines::ftp::session::tests::with_session;
    use crate::engines::ftp::users::Rights;
    use proptest::prelude::*;

    fn parse(line: &str) -> Result<(&'static str, String), ParseError> {
        let command = Command::parse(Line::Text(line.into()))?;
        Ok((command.verb.name, String::from_utf8(command.arg.bytes().to_vec()).unwrap()))
    }

    #[test]
    fn a_line_is_a_verb_and_an_argument() {
        let check = |line: &str, verb: &str, arg: &str| {
            assert_eq!(parse(line), Ok((verb, arg.to_owned())), "{line:?}");
        };
        check("NOOP", "NOOP", "");
        check("noop ", "NOOP", "");
        check("RETR a b", "RETR", "a b");
        check("RETR  a ", "RETR", " a ");
        check("xPwD", "XPWD", "");
        assert_eq!(parse(""), Err(ParseError::UnknownVerb));
        assert_eq!(parse(" NOOP"), Err(ParseError::UnknownVerb));
        assert_eq!(parse("NOOPS"), Err(ParseError::UnknownVerb));
        assert_eq!(parse("DELE a\0b"), Err(ParseError::Nul));
        assert_eq!(Command::parse(Line::TooLong).unwrap_err(), ParseError::TooLong);
    }

    #[test]
    fn abor_and_stat_interrupt_a_transfer() {
        let interrupt = |line: &str| Command::parse(Line::Text(line.into())).unwrap().interrupt();
        assert_eq!(interrupt("ABOR"), Some(Interrupt::Abort));
        assert_eq!(interrupt("STAT"), Some(Interrupt::Status));
        assert_eq!((interrupt("STAT x"), interrupt("NOOP")), (None, None));
    }

    /// The last line of the reply to `line`.
    fn reply(session: &mut Session<'_, '_>, line: &str) -> String {
        match run(Command::parse(Line::Text(line.into())), session) {
            Ok(Next::Reply(reply) | Next::Close(reply)) | Err(ReplyError(reply)) => {
                reply.last_line()
            }
            Ok(next) => panic!("{line}: {next:?}"),
        }
    }

    #[test]
    fn restart_and_rename_survive_only_the_commands_of_the_table() {
        with_session(&Options::default(), |client, mut session| {
            session.state.rights = Some(Rights::Write);
            session.state.is_ascii = false;
            reply(&mut session, "REST 5");
            for (line, restart) in [("NOOP", Some(5)), ("EPSV", Some(5)), ("PWD", None)] {
                reply(&mut session, line);
                assert_eq!(session.state.restart, restart, "{line}");
            }
            reply(&mut session, "RNFR file");
            assert!(session.state.rename_from.is_some());
            reply(&mut session, "NONSENSE");
            assert_eq!(reply(&mut session, "RNTO new"), "503 RNFR required first.");
            reply(&mut session, "RNFR file");
            assert_eq!(reply(&mut session, "RNTO new"), "250 Rename successful.");
            drop(client);
        });
    }

    #[test]
    fn most_commands_need_a_login() {
        with_session(&Options::default(), |client, mut session| {
            let refusal = "530 Please log in with USER and PASS.";
            for line in ["PWD", "ABOR", "STAT file", "REST 5"] {
                assert_eq!(reply(&mut session, line), refusal, "{line}");
            }
            assert_eq!(reply(&mut session, "STAT"), "211 End of status.");
            assert_eq!(reply(&mut session, "QUIT"), "221 Goodbye.");
            drop(client);
        });
    }

    proptest! {
        #[test]
        fn a_parsed_line_can_be_put_together_again(
            verb in "[A-Za-z]{0,2}|STOR|retr|Site", arg in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let line = [verb.as_bytes(), b" ", &arg].concat();
            match Command::parse(Line::Text(line)) {
                Ok(command) => {
                    prop_assert!(command.verb.name.eq_ignore_ascii_case(&verb));
                    prop_assert_eq!(command.arg.bytes(), &arg);
                }
                Err(ParseError::Nul) => prop_assert!(arg.contains(&0)),
                Err(error) => {
                    prop_assert_eq!(error, ParseError::UnknownVerb);
                    prop_assert!(verb.len() < 4);
                }
            }
        }
    }
}
