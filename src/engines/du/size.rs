//! Sizes as GNU du parses and prints them.

use crate::machine::locale::NumberFormat;

/// The unit in which sizes are printed, and whether digits are grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    scale: Scale,
    is_grouped: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Scale {
    /// Multiples of this many bytes, rounded up, with this text after the number.
    Bytes(u64, String),
    /// At least two digits and the letter of a power of this base.
    Auto(u64),
}

/// The letters of the powers of 1024 or 1000, from the first.
const POWERS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
/// The letters that stand for a unit in a block size, and in a threshold.
const UNIT_LETTERS: &str = "EgGkKmMPtT";
const THRESHOLD_LETTERS: &str = "kKmMGTPE";

impl Unit {
    /// At least two digits and the letter of a power of 1024, such as `4.0K`.
    pub const HUMAN: Unit = Unit { scale: Scale::Auto(1024), is_grouped: false };
    /// At least two digits and the letter of a power of 1000, such as `4.1k`.
    pub const SI: Unit = Unit { scale: Scale::Auto(1000), is_grouped: false };

    /// Multiples of `n_bytes` bytes, rounded up, with `suffix` after the number.
    pub fn bytes(n_bytes: u64, suffix: &str) -> Self {
        Unit { scale: Scale::Bytes(n_bytes, suffix.to_owned()), is_grouped: false }
    }

    /// Whether the unit is the same for all sizes.
    pub fn is_fixed(&self) -> bool {
        matches!(self.scale, Scale::Bytes(..))
    }

    /// Parses the argument of GNU du's `-B`: `512`, `1K`, `M`, `kB`, `GiB`, `human-readable` or
    /// `si`; numbers may be octal (`010`) or hexadecimal (`0x10`). After a `'`, digits are grouped.
    ///
    /// # Errors
    /// A message with examples, if the text is none of these or means 0 bytes.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (is_grouped, spec) = text.strip_prefix('\'').map_or((false, text), |spec| (true, spec));
        let scale = match spec {
            "human" | "human-readable" => Scale::Auto(1024),
            "si" => Scale::Auto(1000),
            _ => {
                let (bytes, suffix) =
                    parse_bytes(spec, UNIT_LETTERS).ok_or_else(|| invalid(text))?;
                if bytes == 0 {
                    return Err(invalid(text));
                }
                let is_bare = spec.starts_with(|c: char| c.is_ascii_alphabetic());
                Scale::Bytes(bytes, if is_bare { printed_suffix(suffix) } else { String::new() })
            }
        };
        Ok(Unit { scale, is_grouped })
    }

    /// Formats `n_bytes` bytes in this unit, rounded up.
    pub fn format(&self, n_bytes: u64, numbers: &NumberFormat) -> String {
        let (digits, rest) = match &self.scale {
            Scale::Bytes(unit, suffix) => {
                (n_bytes.div_ceil((*unit).max(1)).to_string(), suffix.clone())
            }
            Scale::Auto(base) => auto(n_bytes, *base, &numbers.decimal_point),
        };
        if self.is_grouped { numbers.group(&digits) + &rest } else { digits + &rest }
    }
}

fn invalid(text: &str) -> String {
    format!("{text:?} is not a size: use a number and a unit, such as 512, 1K, M, GB or MiB")
}

/// The suffix printed after numbers when the unit was given as a suffix alone, as GNU du spells it:
/// powers of 1000 have a small k.
fn printed_suffix(suffix: &str) -> String {
    let (letter, rest) = suffix.split_at(1);
    match rest {
        "B" => letter.to_uppercase().replace('K', "k") + "B",
        "iB" => letter.to_uppercase() + "iB",
        _ => letter.to_uppercase(),
    }
}

/// Parses the argument of GNU du's `-t`: a number of bytes, such as `512`, `4K`, `1MB`, `K` or
/// `0x10`, after a `-` if it is a maximum.
///
/// # Errors
/// A message with examples, if the text is not a size.
pub fn parse_threshold(text: &str) -> Result<i64, String> {
    let (sign, size) = match text.strip_prefix('-') {
        Some(size) if size.starts_with(|c: char| c.is_ascii_digit()) => (-1, size),
        _ => (1, text),
    };
    let (bytes, _) = parse_bytes(size, THRESHOLD_LETTERS).ok_or_else(|| invalid(text))?;
    let bytes = i64::try_from(bytes).map_err(|_| format!("{text} is too large"))?;
    if sign < 0 && bytes == 0 {
        return Err("-0 would exclude every file".to_owned());
    }
    Ok(sign * bytes)
}

/// Parses a number with an optional sign, in the base that its prefix says, and one of the letters,
/// or only a letter. Returns the number of bytes and the suffix.
fn parse_bytes<'t>(text: &'t str, letters: &str) -> Option<(u64, &'t str)> {
    let text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let (base, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit() => (16, &unsigned[2..]),
        [b'0', ..] => (8, unsigned),
        _ => (10, unsigned),
    };
    let n_digits = digits.find(|c: char| !c.is_digit(base)).unwrap_or(digits.len());
    let (number, suffix) = digits.split_at(n_digits);
    if number.is_empty() && text.len() > unsigned.len() {
        return None;
    }
    let number = match number {
        "" if suffix.is_empty() => return None,
        "" => 1,
        number => u64::from_str_radix(number, base).ok()?,
    };
    let Some(letter) = suffix.get(..1) else {
        return suffix.is_empty().then_some((number, suffix));
    };
    let power = POWERS.iter().position(|power| *power == letter.to_ascii_uppercase())? + 1;
    let base: u64 = match &suffix[1..] {
        "" | "iB" => 1024,
        "B" | "D" => 1000,
        _ => return None,
    };
    let unit = base.checked_pow(u32::try_from(power).ok()?)?;
    letters.contains(letter).then_some((unit.checked_mul(number)?, suffix))
}

/// A number and the letter of a power, always rounded up, so that no file seems to take no space:
/// the digits before the decimal point, and the rest.
fn auto(n: u64, base: u64, decimal_point: &str) -> (String, String) {
    if n < base {
        return (n.to_string(), String::new());
    }
    let n = u128::from(n);
    let mut unit = 1;
    for power in POWERS {
        unit *= u128::from(base);
        let power = if base == 1000 && power == "K" { "k" } else { power };
        let tenths = (n * 10).div_ceil(unit);
        if tenths < 100 {
            return ((tenths / 10).to_string(), format!("{decimal_point}{}{power}", tenths % 10));
        }
        let whole = n.div_ceil(unit);
        if whole < u128::from(base) {
            return (whole.to_string(), power.to_owned());
        }
    }
    (n.div_ceil(unit).to_string(), "E".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn format(unit: &Unit, n: u64) -> String {
        unit.format(n, &NumberFormat::default())
    }

    #[test]
    fn units_are_those_of_gnu_du() {
        let check = |text: &str, n: u64, expected: &str| {
            assert_eq!(format(&Unit::parse(text).unwrap(), n), expected, "{text}");
        };
        check("K", 3_002_368, "2932K");
        check("k", 3_002_368, "2932K");
        check("KB", 3_002_368, "3003kB");
        check("kB", 3_002_368, "3003kB");
        check("KD", 3_002_368, "3003K");
        check("kiB", 3_002_368, "2932KiB");
        check("MB", 3_002_368, "4MB");
        check("1MB", 3_002_368, "4");
        check("2", 3_002_368, "1501184");
        check("010", 3_002_368, "375296");
        check("0x10", 3_002_368, "187648");
        check(" +16", 3_002_368, "187648");
        check("si", 3_002_368, "3.1M");
        check("human-readable", 3_002_368, "2.9M");
        check("'human-readable", 1_001, "1001");
        check("10M", 3_002_368, "1");
        check("10M", 0, "0");
        let refused =
            "|0|00|0x|b|B|1B|1b|1x|Q|-1|1KK|99999999999E|ä|1ä|+|+K|08|'|''1|e|p|1p|Y|1KiD";
        for text in refused.split('|') {
            assert!(Unit::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn thresholds_are_those_of_gnu_du() {
        let check = |text: &str, expected: i64| {
            assert_eq!(parse_threshold(text), Ok(expected), "{text}");
        };
        check("K", 1024);
        check("+5k", 5 * 1024);
        check("0x10", 16);
        check("-0x10", -16);
        check("010", 8);
        check("-5MB", -5_000_000);
        check("0", 0);
        for text in ["", "-0", "-", "-K", "--5", "+-5", "g", "1t", "1B", "9E", "x", "5 "] {
            assert!(parse_threshold(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_written_as_in_the_locale() {
        let (decimal_point, separator) = (",".to_owned(), ".".to_owned());
        let german = NumberFormat { decimal_point, separator, grouping: vec![3] };
        let check = |text: &str, n: u64, expected: &str| {
            assert_eq!(Unit::parse(text).unwrap().format(n, &german), expected, "{text}");
        };
        check("human-readable", 1_500_000, "1,5M");
        check("si", 1_500, "1,5k");
        check("1", 1_500_000, "1500000");
        check("'1", 1_500_000, "1.500.000");
        check("'kB", 1_500_000, "1.500kB");
        check("'human-readable", 1_023, "1.023");
        check("'human-readable", 1_500_000, "1,5M");
    }

    #[test]
    fn human_sizes_have_two_digits_and_are_rounded_up() {
        let check = |n: u64, human: &str, si: &str| {
            assert_eq!((&*format(&Unit::HUMAN, n), &*format(&Unit::SI, n)), (human, si), "{n}");
        };
        check(0, "0", "0");
        check(999, "999", "999");
        check(1000, "1000", "1.0k");
        check(1023, "1023", "1.1k");
        check(1024, "1.0K", "1.1k");
        check(10_139, "10K", "11k");
        check(1_047_553, "1.0M", "1.1M");
        check(u64::MAX, "16E", "19E");
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[ '+0]{0,2}[0-9]{0,4}[kKMGTPEä]?(B|iB|D)?|\\PC*") {
            let unit = Unit::parse(&text);
            prop_assert!(unit.is_err() || parse_threshold(&text) != Ok(0));
        }

        #[test]
        fn a_human_size_is_at_least_the_size_and_at_most_a_tenth_more(n in 1024u64..1 << 50) {
            let text = format(&Unit::HUMAN, n);
            let value: f64 = text[..text.len() - 1].parse().unwrap();
            let power = "KMGTPE".find(&text[text.len() - 1..]).unwrap() + 1;
            let value = value * 1024f64.powi(i32::try_from(power).unwrap());
            prop_assert!(value >= n as f64 && value <= n as f64 * 1.1 + 1.0, "{text}");
        }
    }
}
