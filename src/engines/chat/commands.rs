//! What a line asks for.

/// What a client in a room wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Say(&'a str),
    Help,
    Nick(&'a str),
    Who,
    Me(&'a str),
    Msg(&'a str, &'a str),
    Join(&'a str),
    Rooms,
    Quit,
    /// A command that wants something more: what it looks like.
    Incomplete(&'static str),
    Unknown(&'a str),
}

pub(super) const HELP: &str = "\
/help             this list
/nick NAME        take another name
/who              who is in this room
/me TEXT          say what you do
/msg NAME TEXT    tell one person, in any room
/join ROOM        go to another room
/rooms            the rooms and how many are there
/quit             leave
//TEXT            say a line that begins with a slash
";

pub(super) fn parse(line: &str) -> Command<'_> {
    let Some(command) = line.strip_prefix('/') else { return Command::Say(line) };
    if command.starts_with('/') {
        return Command::Say(command);
    }
    let (word, rest) = first_word(command);
    match (word, rest) {
        ("help", _) => Command::Help,
        ("nick", "") => Command::Incomplete("/nick NAME"),
        ("nick", name) => Command::Nick(name),
        ("who", _) => Command::Who,
        ("me", "") => Command::Incomplete("/me TEXT"),
        ("me", text) => Command::Me(text),
        ("msg", rest) => match first_word(rest) {
            (_, "") => Command::Incomplete("/msg NAME TEXT"),
            (name, text) => Command::Msg(name, text),
        },
        ("join", "") => Command::Incomplete("/join ROOM"),
        ("join", room) => Command::Join(room),
        ("rooms", _) => Command::Rooms,
        ("quit", _) => Command::Quit,
        (word, _) => Command::Unknown(word),
    }
}

/// The first word, and what follows the blanks after it.
fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once([' ', '\t']).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_and_commands() {
        let check = |line, expected| assert_eq!(parse(line), expected, "{line}");
        check("hello", Command::Say("hello"));
        check("", Command::Say(""));
        check(" /who", Command::Say(" /who"));
        check("//usr/bin", Command::Say("/usr/bin"));
        check("/help", Command::Help);
        check("/nick", Command::Incomplete("/nick NAME"));
        check("/nick  ann ", Command::Nick("ann"));
        check("/me waves  twice", Command::Me("waves  twice"));
        check("/msg bob", Command::Incomplete("/msg NAME TEXT"));
        check("/msg bob  how are you?", Command::Msg("bob", "how are you?"));
        check("/join\trust", Command::Join("rust"));
        check("/", Command::Unknown(""));
        check("/shrug it", Command::Unknown("shrug"));
    }

    #[test]
    fn help_names_every_command() {
        for command in HELP.lines().filter(|line| !line.starts_with("//")) {
            let word = command.split_whitespace().next().unwrap();
            assert!(!matches!(parse(word), Command::Say(_) | Command::Unknown(_)), "{word}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_understood(line in "/?\\PC{0,40}") {
            _ = parse(&line);
        }
    }
}
