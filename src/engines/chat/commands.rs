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
    /// Leave the room for the lobby, or the lobby for good.
    Leave,
    Quit,
    Ignore(&'a str),
    Unignore(&'a str),
    /// List whom one ignores.
    Ignored,
    /// Switch the time in front of each line on or off.
    Timestamps,
    /// Show the topic of the room.
    Topic,
    SetTopic(&'a str),
    /// Remove a user, with a reason.
    Kick(&'a str, &'a str),
    /// Ban a name or an address, for a time.
    Ban(&'a str, &'a str),
    Unban(&'a str),
    /// List the bans.
    Bans,
    /// Text for all rooms.
    Announce(&'a str),
    /// A command without its arguments; holds how to use it.
    Incomplete(&'static str),
    Unknown(&'a str),
}

/// The reply to `/help`.
pub(super) const HELP: &str = "\
/help             list the commands
/nick NAME        change your name
/who, /names      list the users in this room
/me TEXT          describe what you do
/msg NAME TEXT    send a private message to a user in any room
/join ROOM        move to another room
/leave            go back to the lobby; in the lobby, disconnect
/rooms, /list     list the rooms and the number of users in each
/ignore NAME      hide what a user says, also under this name later; without NAME, list them
/unignore NAME    show it again
/timestamps       switch the time in front of each line on or off
/topic            show the topic of the room
/quit, /exit      disconnect
//TEXT            send a line that begins with a slash
";

/// What the reply to `/help` says to operators besides.
pub(super) const OPERATORS_HELP: &str = "\
For operators:
/kick NAME TEXT   remove a user, and say why
/ban NAME TIME    ban a name, or an address, for 30m, 24h …; an hour if not given
/unban NAME       lift a ban
/bans             list the bans
/topic TEXT       set the topic of the room
/announce TEXT    send a line to all rooms
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
        ("who" | "names", _) => Command::Who,
        ("me", "") => Command::Incomplete("/me TEXT"),
        ("me", text) => Command::Me(text),
        ("msg", rest) => match first_word(rest) {
            (_, "") => Command::Incomplete("/msg NAME TEXT"),
            (name, text) => Command::Msg(name, text),
        },
        ("join", "") => Command::Incomplete("/join ROOM"),
        ("join", room) => Command::Join(room),
        ("rooms" | "list", _) => Command::Rooms,
        ("leave", _) => Command::Leave,
        ("quit" | "exit", _) => Command::Quit,
        ("ignore", "") => Command::Ignored,
        ("ignore", name) => Command::Ignore(name),
        ("unignore", "") => Command::Incomplete("/unignore NAME"),
        ("unignore", name) => Command::Unignore(name),
        ("timestamps", _) => Command::Timestamps,
        ("topic", "") => Command::Topic,
        ("topic", topic) => Command::SetTopic(topic),
        ("kick", "") => Command::Incomplete("/kick NAME TEXT"),
        ("kick", rest) => {
            let (name, reason) = first_word(rest);
            Command::Kick(name, reason)
        }
        ("ban", "") => Command::Incomplete("/ban NAME TIME"),
        ("ban", rest) => {
            let (target, time) = first_word(rest);
            Command::Ban(target, time)
        }
        ("unban", "") => Command::Incomplete("/unban NAME"),
        ("unban", target) => Command::Unban(target),
        ("bans", _) => Command::Bans,
        ("announce", "") => Command::Incomplete("/announce TEXT"),
        ("announce", text) => Command::Announce(text),
        (word, _) => Command::Unknown(word),
    }
}

/// Splits off the first word; the rest is without the blanks before it.
pub(super) fn first_word(text: &str) -> (&str, &str) {
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
        check("/exit", Command::Quit);
        check("/names", Command::Who);
        check("/list", Command::Rooms);
        check("/leave now", Command::Leave);
        check("/ignore", Command::Ignored);
        check("/ignore bob", Command::Ignore("bob"));
        check("/ban bob 10m", Command::Ban("bob", "10m"));
        check("/kick bob for  that", Command::Kick("bob", "for  that"));
        check("/", Command::Unknown(""));
        check("/shrug it", Command::Unknown("shrug"));
    }

    #[test]
    fn help_names_every_command() {
        let lines = HELP.lines().chain(OPERATORS_HELP.lines().skip(1));
        for command in lines.filter(|line| !line.starts_with("//")) {
            for word in command.split_whitespace().take_while(|word| word.starts_with('/')) {
                let word = word.trim_end_matches(',');
                let parsed = parse(word);
                assert!(!matches!(parsed, Command::Message(_) | Command::Unknown(_)), "{word}");
            }
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
