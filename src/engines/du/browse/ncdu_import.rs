//! Reads the export of ncdu: `[1, 2, {about}, [{directory}, {file}, [{directory}, …], …]]`.
//!
//! Source: <https://dev.yorhel.nl/ncdu/jsonfmt>. Directories may be nested to any depth, so the
//! brackets are counted here, and only the objects are left to serde.

use std::fmt;
use std::io::BufRead;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::Number;

use super::record::{NONE, NodeKind, Record};
use super::saved::{ImportError, SavedScan};

/// The version of the format; a greater minor one adds nothing that has to be understood.
const MAJOR_VERSION: u64 = 1;

/// A file or directory.
#[derive(serde::Deserialize)]
struct Item {
    name: Name,
    #[serde(default)]
    asize: u64,
    #[serde(default)]
    dsize: u64,
    dev: Option<u64>,
    ino: Option<u64>,
    nlink: Option<u32>,
    #[serde(default)]
    hlnkc: bool,
    #[serde(default)]
    notreg: bool,
    #[serde(default)]
    read_error: bool,
    excluded: Option<String>,
    mtime: Option<Number>,
}

/// A name, which need not be UTF-8.
struct Name(Vec<u8>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<Name, E> {
        Ok(Name(name.to_owned()))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        self.visit_bytes(name.as_bytes())
    }
}

/// A piece of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    /// The text of the object is in the buffer.
    Object,
    Number(u64),
    End,
}

impl Token {
    fn name(self) -> &'static str {
        match self {
            Token::Open => "a bracket",
            Token::Close => "a closing bracket",
            Token::Object => "an object",
            Token::Number(_) => "a number",
            Token::End => "the end",
        }
    }
}

/// Reads a scan.
pub(super) fn read(input: impl BufRead) -> Result<SavedScan, ImportError> {
    let mut reader = Reader { input, line: 1, object: Vec::new() };
    reader.expect(Token::Open)?;
    let Token::Number(major) = reader.next()? else { return Err(reader.error("no version")) };
    if major != MAJOR_VERSION {
        return Err(reader.error(format!("version {major} of ncdu's format is not known")));
    }
    let Token::Number(_) = reader.next()? else { return Err(reader.error("no minor version")) };
    reader.expect(Token::Object)?;
    reader.expect(Token::Open)?;
    let scan = reader.read_tree()?;
    reader.expect(Token::Close)?;
    reader.expect(Token::End)?;
    Ok(scan)
}

struct Reader<R> {
    input: R,
    line: u64,
    object: Vec<u8>,
}

impl<R: BufRead> Reader<R> {
    fn error(&self, cause: impl fmt::Display) -> ImportError {
        ImportError::new(self.line, cause)
    }

    fn expect(&mut self, expected: Token) -> Result<(), ImportError> {
        let token = self.next()?;
        if token == expected {
            return Ok(());
        }
        Err(self.error(match token {
            Token::End => "it breaks off".to_owned(),
            _ => format!("{} is expected, not {}", expected.name(), token.name()),
        }))
    }

    /// Reads the directories from behind the bracket of the root to its end.
    fn read_tree(&mut self) -> Result<SavedScan, ImportError> {
        let mut scan = SavedScan::default();
        let mut next_dir = 0;
        let mut dirs: Vec<(u32, u64)> = Vec::new();
        let mut is_opening = true;
        loop {
            let token = self.next()?;
            match token {
                Token::Object if is_opening => {
                    let dev = self.push_item(&mut scan, dirs.last().copied(), Some(next_dir))?;
                    dirs.push((next_dir, dev));
                    next_dir += 1;
                    is_opening = false;
                }
                Token::Object => {
                    self.push_item(&mut scan, dirs.last().copied(), None)?;
                }
                Token::Open if !is_opening => is_opening = true,
                Token::Close if !is_opening => {
                    dirs.pop();
                    if dirs.is_empty() {
                        scan.flush();
                        return Ok(scan);
                    }
                }
                Token::End => return Err(self.error("it breaks off")),
                token => return Err(self.error(format!("{} is not expected here", token.name()))),
            }
        }
    }

    /// Adds the file or directory in the buffer. Returns its device.
    fn push_item(
        &self,
        scan: &mut SavedScan,
        parent: Option<(u32, u64)>,
        dir: Option<u32>,
    ) -> Result<u64, ImportError> {
        let item: Item = serde_json::from_slice(&self.object).map_err(|err| self.error(err))?;
        let kind = kind(&item, dir.is_some());
        let (parent, dev) = parent.unwrap_or((NONE, 0));
        let dev = item.dev.unwrap_or(dev);
        let is_linked = (item.hlnkc || item.nlink > Some(1)) && item.ino.is_some();
        let record = Record {
            dir: dir.unwrap_or(NONE),
            n_links: if is_linked { item.nlink.unwrap_or(2).max(2) } else { 1 },
            id: (dev, item.ino.unwrap_or(0)),
            n_bytes: item.asize,
            n_blocks: item.dsize.div_ceil(512),
            mtime: item.mtime.as_ref().and_then(seconds),
            ..Record::new(parent, kind)
        };
        let is_failed = item.read_error;
        scan.push(Record { is_failed, ..record }, &item.name.0);
        scan.n_errors += u64::from(is_failed);
        Ok(dev)
    }

    /// The next piece; commas are not looked at.
    fn next(&mut self) -> Result<Token, ImportError> {
        loop {
            let buffer = self.input.fill_buf().map_err(|err| ImportError::new(0, err))?;
            let Some(&byte) = buffer.first() else { return Ok(Token::End) };
            match byte {
                b'{' => return self.read_object(),
                b'0'..=b'9' => return self.read_number(),
                _ => self.input.consume(1),
            }
            match byte {
                b'[' => return Ok(Token::Open),
                b']' => return Ok(Token::Close),
                b'\n' => self.line += 1,
                b',' | b' ' | b'\t' | b'\r' => {}
                _ => {
                    let byte = char::from(byte).escape_default();
                    return Err(self.error(format!("'{byte}' is not expected here")));
                }
            }
        }
    }

    fn read_number(&mut self) -> Result<Token, ImportError> {
        let mut number = 0u64;
        loop {
            let buffer = self.input.fill_buf().map_err(|err| ImportError::new(0, err))?;
            match buffer.first() {
                Some(digit @ b'0'..=b'9') => {
                    number = number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
                    self.input.consume(1);
                }
                _ => return Ok(Token::Number(number)),
            }
        }
    }

    /// Reads an object, to the brace that closes it, into the buffer.
    fn read_object(&mut self) -> Result<Token, ImportError> {
        self.object.clear();
        let (mut depth, mut is_string, mut is_escaped) = (0, false, false);
        loop {
            let buffer = self.input.fill_buf().map_err(|err| ImportError::new(0, err))?;
            if buffer.is_empty() {
                return Err(self.error("it breaks off"));
            }
            let end = buffer.iter().position(|byte| {
                match byte {
                    _ if is_escaped => is_escaped = false,
                    b'\\' => is_escaped = is_string,
                    b'"' => is_string = !is_string,
                    b'{' if !is_string => depth += 1,
                    b'}' if !is_string => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
            let n_used = end.map_or(buffer.len(), |end| end + 1);
            self.object.extend_from_slice(&buffer[..n_used]);
            self.line += memchr::memchr_iter(b'\n', &buffer[..n_used]).count() as u64;
            self.input.consume(n_used);
            if end.is_some() {
                return Ok(Token::Object);
            }
        }
    }
}

fn kind(item: &Item, is_dir: bool) -> NodeKind {
    match item.excluded.as_deref() {
        _ if is_dir => NodeKind::Dir,
        Some("otherfs" | "othfs" | "kernfs") => NodeKind::OtherDevice,
        Some(_) => NodeKind::Excluded,
        None if item.read_error => NodeKind::Unreadable,
        None if item.notreg => NodeKind::Special,
        None => NodeKind::File,
    }
}

/// A time stamp in whole seconds.
#[allow(clippy::cast_possible_truncation, reason = "a float is cut off at the limits")]
fn seconds(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds.floor() as i64))
}
