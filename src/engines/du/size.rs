//! Sizes as GNU du parses and prints them.

/// The unit in which sizes are printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Multiples of this many bytes, rounded up, with this text after the number.
    Bytes(u64, String),
    /// At least two digits and the letter of a power of 1024, such as `4.0K`.
    Human,
    /// At least two digits and the letter of a power of 1000, such as `4.1k`.
    Si,
}

/// The letters of the powers of 1024 or 1000, from the first.
const POWERS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];

impl Unit {
    /// Parses the argument of GNU du's `-B`: `512`, `1K`, `M`, `kB`, `GiB`, `human-readable` or
    /// `si`.
    ///
    /// # Errors
    /// A message with examples, if the text is none of these or means 0 bytes.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "human" | "human-readable" => return Ok(Unit::Human),
            "si" => return Ok(Unit::Si),
            _ => {}
        }
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, suffix) = text.split_at(digits);
        if number.is_empty() && matches!(suffix, "" | "B") {
            return Err(invalid(text));
        }
        let bytes = parse_bytes(text).filter(|bytes| *bytes > 0);
        let bytes = bytes.ok_or_else(|| invalid(text))?;
        Ok(Unit::Bytes(
            bytes,
            if number.is_empty() { printed_suffix(suffix) } else { String::new() },
        ))
    }

    /// Formats `n_bytes` bytes in this unit, rounded up.
    pub fn format(&self, n_bytes: u64) -> String {
        match self {
            Unit::Bytes(unit, suffix) => format!("{}{suffix}", n_bytes.div_ceil((*unit).max(1))),
            Unit::Human => human(n_bytes, 1024),
            Unit::Si => human(n_bytes, 1000).replace('K', "k"),
        }
    }
}

fn invalid(text: &str) -> String {
    format!("{text:?} is not a size: use a number and a unit, such as 512, 1K, M, GB or MiB")
}

/// The suffix printed after numbers when the unit was given as a suffix alone, as GNU du spells it:
/// powers of 1000 have a small k.
fn printed_suffix(suffix: &str) -> String {
    let (letter, rest) = suffix.split_at(1);
    let letter = if rest == "B" { letter.replace('K', "k") } else { letter.to_uppercase() };
    letter + rest
}

/// Parses a number of bytes with or without a suffix, such as `512`, `4K` or `1MB`.
///
/// # Errors
/// A message with examples, if the text is not a size or does not start with a digit.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let has_digits = text.starts_with(|c: char| c.is_ascii_digit());
    parse_bytes(text).filter(|_| has_digits).ok_or_else(|| invalid(text))
}

fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let number: u64 = if number.is_empty() { 1 } else { number.parse().ok()? };
    if matches!(suffix, "" | "B") {
        return Some(number);
    }
    let letter = suffix.get(..1)?.to_ascii_uppercase();
    let power = POWERS.iter().position(|power| *power == letter)? + 1;
    let base: u64 = match &suffix[1..] {
        "" | "iB" => 1024,
        "B" => 1000,
        _ => return None,
    };
    base.checked_pow(u32::try_from(power).ok()?)?.checked_mul(number)
}

/// A number and the letter of a power, always rounded up, so that no file seems to take no space.
fn human(n: u64, base: u64) -> String {
    if n < base {
        return n.to_string();
    }
    let n = u128::from(n);
    let mut unit = 1;
    for power in POWERS {
        unit *= u128::from(base);
        let tenths = (n * 10).div_ceil(unit);
        if tenths < 100 {
            return format!("{}.{}{power}", tenths / 10, tenths % 10);
        }
        let whole = n.div_ceil(unit);
        if whole < u128::from(base) {
            return format!("{whole}{power}");
        }
    }
    format!("{}E", n.div_ceil(unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_those_of_gnu_du() {
        let check = |text: &str, n: u64, expected: &str| {
            assert_eq!(Unit::parse(text).unwrap().format(n), expected, "{text}");
        };
        check("K", 3_002_368, "2932K");
        check("k", 3_002_368, "2932K");
        check("KB", 3_002_368, "3003kB");
        check("kB", 3_002_368, "3003kB");
        check("kiB", 3_002_368, "2932KiB");
        check("MB", 3_002_368, "4MB");
        check("1MB", 3_002_368, "4");
        check("2", 3_002_368, "1501184");
        check("si", 3_002_368, "3.1M");
        check("human-readable", 3_002_368, "2.9M");
        check("10M", 3_002_368, "1");
        check("10M", 0, "0");
        for text in ["", "0", "b", "B", "1x", "Q", "-1", "1KK", "99999999999E", "ä"] {
            assert!(Unit::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn human_sizes_have_two_digits_and_are_rounded_up() {
        let check = |n: u64, human: &str, si: &str| {
            assert_eq!((&*Unit::Human.format(n), &*Unit::Si.format(n)), (human, si), "{n}");
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
        fn a_size_is_a_unit_unless_it_is_0(text in "[0-9]{1,4}[kKMGTPE]?(B|iB|b)?|\\PC*") {
            let unit = parse_size(&text).ok().filter(|n| *n > 0);
            let unit = unit.map(|n| Unit::Bytes(n, String::new()));
            if text.starts_with(|c: char| c.is_ascii_digit()) {
                prop_assert_eq!(Unit::parse(&text).ok(), unit);
            } else {
                prop_assert_eq!(unit, None);
            }
        }

        #[test]
        fn a_human_size_is_at_least_the_size_and_at_most_a_tenth_more(n in 1024u64..1 << 50) {
            let text = Unit::Human.format(n);
            let value: f64 = text[..text.len() - 1].parse().unwrap();
            let power = "KMGTPE".find(&text[text.len() - 1..]).unwrap() + 1;
            let value = value * 1024f64.powi(i32::try_from(power).unwrap());
            prop_assert!(value >= n as f64 && value <= n as f64 * 1.1 + 1.0, "{text}");
        }
    }
}
