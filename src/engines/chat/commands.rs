//! The commands a client can type.

/// A line of input of a client that is in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// Text for everyone in the room.
    Message(&'a str),
    Help,
    Nick(&'a str),
    Who,
    Me(&'a str),
    Msg(&'a str, &'a str),
    Join(&'a str),
    Rooms,
    Quit,
    /// A command without its arguments; holds how to use it.
    Incomplete(&'static str),
    Unknown(&'a str),
}

/// The reply to `/help`.
pub(super) const HELP: &str = "\
/help             list the commands
/nick NAME        change your name
/who              list the users in this room
/me TEXT          describe what you do
/msg NAME TEXT    send a private message to a user in any room
/join ROOM        move to another room
/rooms            list the rooms and the number of users in each
/quit             disconnect
//TEXT            send a line that begins with a slash
";

/// Parses a line without its newline. A line that does not begin with `/` is text to send.
pub(super) fn parse(line: &str) -> Command<'_> {
    let Some(command) = line.strip_prefix('/') else { return Command::Message(line) };
    if command.starts_with('/') {
        return Command::Message(command);
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

/// Splits off the first word; the rest is without the blanks before it.
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
        check("hello", Command::Message("hello"));
        check("", Command::Message(""));
        check(" /who", Command::Message(" /who"));
        check("//usr/bin", Command::Message("/usr/bin"));
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
            assert!(!matches!(parse(word), Command::Message(_) | Command::Unknown(_)), "{word}");
        }
    }

    proptest! {
        #[test]
        fn only_lines_with_one_slash_are_commands(line in "/{0,3}\\PC{0,40}") {
            let is_command = line.starts_with('/') && !line.starts_with("//");
            match parse(&line) {
                Command::Message(text) => {
                    prop_assert!(!is_command);
                    prop_assert_eq!(text, line.strip_prefix("//").map_or(&*line, |_| &line[1..]));
                }
                Command::Unknown(word) => {
                    prop_assert!(is_command && line[1..].trim_start().starts_with(word));
                }
                _ => prop_assert!(is_command),
            }
        }
    }
}
