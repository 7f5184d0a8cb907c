//! The part of a terminal emulator that the table of clockwall needs.

/// The contents of the screen, each character with whether it is dim.
#[derive(Debug, Default)]
pub(super) struct Screen {
    rows: Vec<Vec<(char, bool)>>,
    row: usize,
    column: usize,
    is_dim: bool,
    pub(super) is_cursor_hidden: bool,
    pub(super) is_wrap_off: bool,
}

impl Screen {
    /// The screen after `text` was written. Panics at a control sequence that it does not know.
    pub(super) fn parse(text: &str) -> Self {
        let mut screen = Screen::default();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\r' => screen.column = 0,
                '\n' => screen.row += 1,
                '\x1b' => {
                    let Some(end) = rest.find(|c: char| c.is_ascii_alphabetic()) else { break };
                    screen.control(&rest[..end], &rest[end..=end]);
                    rest = &rest[end + 1..];
                }
                c => screen.put(c),
            }
        }
        screen
    }

    fn put(&mut self, c: char) {
        assert!(!c.is_control(), "{c:?}");
        let (row, column) = (self.row, self.column);
        self.rows.resize_with(self.rows.len().max(row + 1), Vec::new);
        let cells = &mut self.rows[row];
        cells.resize(cells.len().max(column + 1), (' ', false));
        cells[column] = (c, self.is_dim);
        self.column += 1;
    }

    fn control(&mut self, parameters: &str, command: &str) {
        match (parameters, command) {
            ("[?25", on) => self.is_cursor_hidden = on == "l",
            ("[?7", on) => self.is_wrap_off = on == "l",
            ("[2", "m") => self.is_dim = true,
            ("[0", "m") => self.is_dim = false,
            ("[", "K") => {
                if let Some(cells) = self.rows.get_mut(self.row) {
                    cells.truncate(self.column);
                }
            }
            ("[", "H") => (self.row, self.column) = (0, 0),
            ("[2", "J") => self.rows.clear(),
            ("[", "J") => self.rows.truncate(self.row + usize::from(self.column > 0)),
            (up, "A") => self.row -= up.trim_start_matches('[').parse::<usize>().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn n_lines(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn line(&self, n: usize) -> String {
        let cells = self.rows.get(n).map_or(&[][..], Vec::as_slice);
        cells.iter().map(|(c, _)| c).collect::<String>().trim_end().to_owned()
    }

    pub(super) fn is_dim(&self, n: usize) -> bool {
        self.rows.get(n).is_some_and(|cells| cells.iter().any(|&(c, dim)| dim && c != ' '))
    }
}
