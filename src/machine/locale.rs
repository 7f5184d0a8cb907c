//! How the user's locale writes numbers, read from the files that the C library of Linux reads.
//!
//! A locale that is not installed counts as the locale C, as for every other program: `sort -h`
//! then expects the point of that locale too.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The decimal point, and how digits are grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    /// What separates the whole from the fraction.
    pub decimal_point: String,
    /// What separates groups of digits.
    pub separator: String,
    /// Sizes of the groups from the right. The last one repeats; one of 127 or more takes all
    /// digits that are left.
    pub grouping: Vec<u8>,
}

impl Default for NumberFormat {
    /// The locale C.
    fn default() -> Self {
        let (decimal_point, separator) = (".".to_owned(), String::new());
        NumberFormat { decimal_point, separator, grouping: Vec::new() }
    }
}

const LOCALES: &str = "/usr/lib/locale";
/// The variables that name the locale of a category.
const CATEGORIES: [&str; 12] = [
    "LC_NUMERIC",
    "LC_CTYPE",
    "LC_TIME",
    "LC_COLLATE",
    "LC_MONETARY",
    "LC_MESSAGES",
    "LC_PAPER",
    "LC_NAME",
    "LC_ADDRESS",
    "LC_TELEPHONE",
    "LC_MEASUREMENT",
    "LC_IDENTIFICATION",
];
/// First numbers of an archive and of a file for the category `LC_NUMERIC`.
const ARCHIVE_MAGIC: u32 = 0xde02_0109;
const NUMERIC_MAGIC: u32 = 0x2003_1115 ^ 1;
/// The number of the category.
const LC_NUMERIC: usize = 1;
/// An archive has a few hundred locales; a longer table is a broken one.
const NAMES_MAX: usize = 100_000;

impl NumberFormat {
    /// The format of the locale that the environment names; `variable` looks a variable up.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty());
        let locale = |category: &str| {
            let names = ["LC_ALL", category, "LANG"];
            names.iter().find_map(|name| value(name)).unwrap_or_else(|| "C".to_owned())
        };
        let path = value("LOCPATH").unwrap_or_default();
        let format = NumberFormat::of_locale(&locale(CATEGORIES[0]), &path);
        // If one of the locales is not installed, setlocale(3) leaves all categories as they are.
        let all: BTreeSet<String> = CATEGORIES.map(locale).into();
        let is_installed = |name: &String| NumberFormat::of_locale(name, &path).is_some();
        format.filter(|_| all.iter().all(is_installed)).unwrap_or_default()
    }

    /// The format of the locale `name`, if it is installed in the archive, in the default folder or
    /// in one of the folders in `path`, separated by colons.
    fn of_locale(name: &str, path: &str) -> Option<Self> {
        if matches!(name, "C" | "POSIX") {
            return Some(NumberFormat::default());
        }
        if name.contains('/') {
            return None;
        }
        let names = [name.to_owned(), with_plain_charset(name)];
        if path.is_empty()
            && let Some(format) = names.iter().find_map(|name| from_archive(name))
        {
            return Some(format);
        }
        let dirs = path.split(':').filter(|dir| !dir.is_empty()).chain([LOCALES]);
        let files = dirs.flat_map(|dir| names.iter().map(move |name| Path::new(dir).join(name)));
        let mut texts = files.filter_map(|file| fs::read(file.join("LC_NUMERIC")).ok());
        texts.find_map(|bytes| parse(&bytes))
    }

    /// Puts separators between the groups of `digits`.
    pub fn group(&self, digits: &str) -> String {
        let mut groups = Vec::new();
        let (mut rest, mut sizes, mut size) = (digits, self.grouping.iter(), usize::MAX);
        while !rest.is_empty() {
            if let Some(next) = sizes.next() {
                size = if *next < 127 { usize::from(*next) } else { usize::MAX };
            }
            let (before, group) = rest.split_at(rest.len().saturating_sub(size.max(1)));
            groups.push(group);
            rest = before;
        }
        groups.reverse();
        groups.join(&self.separator)
    }
}

/// The name with its character set as folders and archives spell it: `de_DE.UTF-8` becomes
/// `de_DE.utf8`.
fn with_plain_charset(name: &str) -> String {
    let Some((language, rest)) = name.split_once('.') else { return name.to_owned() };
    let (charset, modifier) = rest.find('@').map_or((rest, ""), |at| rest.split_at(at));
    let plain: String = charset.chars().filter(char::is_ascii_alphanumeric).collect();
    let iso = if plain.chars().all(|c| c.is_ascii_digit()) { "iso" } else { "" };
    format!("{language}.{iso}{}{modifier}", plain.to_ascii_lowercase())
}

fn from_archive(name: &str) -> Option<NumberFormat> {
    let archive = File::open(Path::new(LOCALES).join("locale-archive")).ok()?;
    let read = |at: u32, n: usize| {
        let mut bytes = vec![0; n];
        archive.read_exact_at(&mut bytes, at.into()).ok().map(|()| bytes)
    };
    let head = read(0, 24)?;
    let (table, n_names) = (number(&head, 2)?, number(&head, 4)? as usize);
    if number(&head, 0)? != ARCHIVE_MAGIC || n_names > NAMES_MAX {
        return None;
    }
    let table = read(table, n_names * 12)?; // hash, name, record
    let wanted = [name.as_bytes(), b"\0"].concat();
    let is_name = |i: &usize| {
        let at = number(&table, i * 3 + 1).filter(|at| *at > 0);
        at.and_then(|at| read(at, wanted.len())).is_some_and(|found| found == wanted)
    };
    let record = number(&table, (0..n_names).find(is_name)? * 3 + 2)?;
    let place = read(record.checked_add(4 + 8 * u32::try_from(LC_NUMERIC).ok()?)?, 8)?;
    let n_bytes = number(&place, 1)? as usize;
    parse(&read(number(&place, 0)?, n_bytes.min(1 << 16))?)
}

/// Parses the file of the category: a magic number, the number of items, where each begins, and the
/// items: decimal point, separator, grouping.
fn parse(bytes: &[u8]) -> Option<NumberFormat> {
    if number(bytes, 0)? != NUMERIC_MAGIC {
        return None;
    }
    let item = |i: usize| {
        let item = bytes.get(number(bytes, 2 + i)? as usize..)?;
        Some(&item[..item.iter().position(|byte| *byte == 0)?])
    };
    // A byte that is not UTF-8 is a no-break space in ISO 8859.
    let text = |i: usize| {
        let text = String::from_utf8_lossy(item(i)?);
        Some(text.replace(char::REPLACEMENT_CHARACTER, "\u{a0}"))
    };
    let decimal_point = text(0).filter(|point| !point.is_empty())?;
    Some(NumberFormat { decimal_point, separator: text(1)?, grouping: item(2)?.to_vec() })
}

/// The 32-bit number with this index.
fn number(bytes: &[u8], index: usize) -> Option<u32> {
    let bytes = bytes.get(index * 4..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_right() {
        let check = |grouping: &[u8], expected: &str| {
            let (separator, grouping) = (",".to_owned(), grouping.to_vec());
            let format = NumberFormat { separator, grouping, ..NumberFormat::default() };
            assert_eq!(
                format.group("123456789"),
                expected,
                "{grouping:?}",
                grouping = format.grouping
            );
        };
        check(&[3], "123,456,789");
        check(&[3, 2], "12,34,56,789");
        check(&[3, 255], "123456,789");
        check(&[255], "123456789");
        check(&[], "123456789");
    }

    #[test]
    fn character_sets_are_spelt_as_in_the_archive() {
        assert_eq!(with_plain_charset("de_DE.UTF-8"), "de_DE.utf8");
        assert_eq!(with_plain_charset("de_DE.ISO-8859-15@euro"), "de_DE.iso885915@euro");
        assert_eq!(with_plain_charset("xx.8859-1"), "xx.iso88591");
        assert_eq!(with_plain_charset("fr_FR@euro"), "fr_FR@euro");
    }

    #[test]
    fn a_locale_that_is_not_installed_is_the_locale_c() {
        let all = |name: &str| Some(name.to_owned());
        for name in ["xx_XX.UTF-8", "../../etc", "", "C", "POSIX"] {
            let format =
                NumberFormat::from_environment(|key| all(name).filter(|_| key == "LC_ALL"));
            assert_eq!(format, NumberFormat::default(), "{name}");
        }
        assert_eq!(parse(b""), None);
        assert_eq!(parse(&NUMERIC_MAGIC.to_ne_bytes()), None);
    }
}
