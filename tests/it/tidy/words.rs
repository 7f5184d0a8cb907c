//! Names are the field's own: no private metaphor for a mechanism, no pronoun as a variable.

use super::sources;

/// Items that had these names once, or would invite them back, and what a stranger looks for.
const ITEMS: [(&str, &str); 31] = [
    ("Hall", "Broadcaster"),
    ("Door", "PerIpLimit"),
    ("Face", "TimeFormat or OutputMode"),
    ("Wall", "WallClock"),
    ("Roll", "ConnRegistry"),
    ("Roster", "ConnRegistry"),
    ("Book", "ThreadTally"),
    ("What", "ClientOp or TimerTask"),
    ("Found", "a noun that says what was found"),
    ("Silence", "IdleTimer"),
    ("Readers", "ThreadPool"),
    ("NoRoom", "PoolFull"),
    ("Slot", "Worker"),
    ("News", "a noun that says what is new"),
    ("REST", "IDLE_TIMEOUT"),
    ("PATIENCE", "the timeout, named after what is waited for"),
    ("FAREWELL", "CLOSE_TIMEOUT"),
    ("GRACE", "the timeout, named after what is waited for"),
    ("LINGER", "the timeout, named after what is waited for"),
    ("DRAIN", "DRAIN_TIMEOUT, or what is drained"),
    ("GRAIN", "the interval, named after what it separates"),
    ("PAUSE", "the interval, named after what it separates"),
    ("set_read()", "mark_drained"),
    ("part()", "close_gracefully"),
    ("hang_up()", "abort"),
    ("tend()", "flush_pending, or what is done"),
    ("hear()", "read_tls, or what is read"),
    ("say()", "write_tls, or what is written"),
    ("tell()", "a verb that says what is sent"),
    ("is_broken()", "reset"),
    ("OneLine", "Escaped"),
];

/// Variables and channel ends need a noun.
const VARIABLES: [&str; 6] = ["it", "of", "what", "told", "heard", "whom"];

/// Words that declare the item or variable that follows them.
const DECLARING: [&str; 12] = [
    "struct", "enum", "trait", "type", "union", "const", "static", "fn", "mod", "let", "mut", "for",
];

/// The code of a file in words and single characters, without comments and literals of text.
fn tokens(text: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = skipped(rest);
        if skipped == 0 {
            let end = rest.find(|c| !is_word(c)).filter(|end| *end > 0);
            let end = if is_word(first) { end.unwrap_or(rest.len()) } else { first.len_utf8() };
            tokens.push(&rest[..end]);
            rest = &rest[end..];
        } else {
            rest = &rest[skipped..];
        }
    }
    tokens.retain(|token| !token.trim().is_empty());
    tokens
}

/// The length of the comment or literal that `text` begins with; 0 if it begins with code.
fn skipped(text: &str) -> usize {
    let up_to = |end: &str, n_before: usize| {
        text[n_before..].find(end).map_or(text.len(), |at| n_before + at + end.len())
    };
    if text.starts_with("//") {
        up_to("\n", 2)
    } else if text.starts_with("r#\"") {
        up_to("\"#", 3)
    } else if text.starts_with("'\\") {
        up_to("'", 3)
    } else if text.starts_with("'\"'") {
        3
    } else if let Some(inside) = text.strip_prefix('"') {
        let mut is_escaped = false;
        let end = inside.find(|c| {
            let is_end = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            is_end
        });
        end.map_or(text.len(), |end| end + 2)
    } else {
        0
    }
}

/// The names that `text` declares: items, variables, parameters, fields and closure arguments.
/// A function's name is followed by `()`.
fn declared(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let is_declared = |window: &[&str]| {
        let [before, name, after] = window else { return false };
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let is_parameter = matches!(*before, "(" | "," | "|" | "&" | "{") && *after == ":";
        let is_argument = matches!(*before, "|" | ",") && matches!(*after, "|" | ",");
        is_name && (DECLARING.contains(before) || is_parameter || is_argument)
    };
    let triples = tokens.windows(3).filter(|window| is_declared(window));
    let name = |window: &[&str]| window[1].to_owned() + if window[0] == "fn" { "()" } else { "" };
    let mut names: Vec<String> = triples.map(name).collect();
    // `let (urls_tx, urls_rx) = …`
    for (i, _) in tokens.windows(2).enumerate().filter(|(_, pair)| *pair == ["let", "("]) {
        let pattern = tokens[i + 2..].iter().take_while(|token| !matches!(**token, ")" | "="));
        let idents = pattern.filter(|token| token.starts_with(char::is_alphabetic));
        names.extend(idents.map(|token| (*token).to_owned()));
    }
    names
}

#[test]
fn declared_names_are_found() {
    let check = |code: &str, expected: &[&str]| assert_eq!(declared(code), expected, "{code}");
    check("struct Hall { doors: u8 }", &["Hall", "doors"]);
    check("fn part(of: u8, it: &str) {", &["part()", "of", "it"]);
    check("let (told, heard) = bounded(1);", &["told", "heard"]);
    check("x.map(|it| it + 1) // let of", &["it"]);
    check("say(\"let it\\\" \nlet of = \"); for what in 0..3 {}", &["what"]);
    check("match c { '\"' => r#\"let \"it\"#, '\\'' => 1 } // let of", &[]);
}

#[test]
fn names_are_standard_terms() {
    let mut faults = Vec::new();
    for dir in ["src", "tests", "benches", "scripts"] {
        for (path, text) in sources(dir) {
            for name in declared(&text) {
                if let Some((_, better)) = ITEMS.iter().find(|(item, _)| *item == name) {
                    faults.push(format!("{}: {name}: write {better}", path.display()));
                }
                if VARIABLES.contains(&name.as_str()) {
                    faults.push(format!("{}: {name} is no name for a variable", path.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} names:\n{}", faults.len(), faults.join("\n"));
}
