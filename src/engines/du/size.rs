//! Sizes as GNU du takes and prints them.

/// How sizes are printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// In units of so many bytes, rounded up; the number is followed by the text.
    Bytes(u64, String),
    /// Two digits at least and a letter, by powers of 1024: `4.0K`.
    Human,
    /// The same by powers of 1000: `4.1k`.
    Si,
}

/// The letters of the powers.
const POWERS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];

impl Unit {
    /// Reads what `-B` takes: `512`, `1K`, `M`, `kB`, `GiB`, `human-readable`, `si`.
    ///
    /// # Errors
    /// Says that it is not one of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "human" | "human-readable" => return Ok(Unit::Human),
            "si" => return Ok(Unit::Si),
            _ => {}
        }
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, suffix) = text.split_at(digits);
        if number.is_empty() && matches!(suffix, "" | "B") {
            return Err(format!("{text:?} is no size: {EXAMPLES}"));
        }
        let bytes = parse(text).filter(|bytes| *bytes > 0);
        let bytes = bytes.ok_or_else(|| format!("{text:?} is no size: {EXAMPLES}"))?;
        Ok(Unit::Bytes(bytes, if number.is_empty() { shown(suffix) } else { String::new() }))
    }

    /// `n` bytes in this unit, rounded up.
    pub fn format(&self, n: u64) -> String {
        match self {
            Unit::Bytes(unit, suffix) => format!("{}{suffix}", n.div_ceil((*unit).max(1))),
            Unit::Human => human(n, 1024),
            Unit::Si => human(n, 1000).replace('K', "k"),
        }
    }
}

const EXAMPLES: &str = "sizes are like 512, 1K, M, GB or MiB";

/// A suffix alone is also what follows the numbers: powers of 1000 begin with a small k.
fn shown(suffix: &str) -> String {
    let (letter, rest) = suffix.split_at(1);
    let letter = if rest == "B" { letter.replace('K', "k") } else { letter.to_uppercase() };
    letter + rest
}

/// Bytes as a number with or without a suffix.
///
/// # Errors
/// Says that it is no size.
pub fn bytes(text: &str) -> Result<u64, String> {
    let starts_well = text.starts_with(|c: char| c.is_ascii_digit());
    parse(text).filter(|_| starts_well).ok_or_else(|| format!("{text:?} is no size: {EXAMPLES}"))
}

fn parse(text: &str) -> Option<u64> {
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

/// Always rounded up: a file of a byte takes up some of the disk.
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
    fn units_are_gnus() {
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
    fn people_read_two_digits_rounded_up() {
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
        fn any_text_is_answered(text: String) {
            _ = (Unit::parse(&text), bytes(&text));
        }

        #[test]
        fn people_never_read_less_than_there_is(n in 1024u64..1 << 50) {
            let text = Unit::Human.format(n);
            let value: f64 = text[..text.len() - 1].parse().unwrap();
            let power = "KMGTPE".find(&text[text.len() - 1..]).unwrap() + 1;
            let value = value * 1024f64.powi(i32::try_from(power).unwrap());
            prop_assert!(value >= n as f64 && value <= n as f64 * 1.1 + 1.0, "{text}");
        }
    }
}
