//! Parsing Go's durations and sizes in bytes, formatting decimal gigabytes.

use std::time::Duration;

/// Parses a duration as Go's `time.ParseDuration` does: `300ms`, `1.5h`, `1m30s`, `0`.
///
/// Units are `ns`, `us` (or `µs`), `ms`, `s`, `m` and `h`.
///
/// # Errors
/// A message that says what is wrong: the number or the unit is missing or invalid, or the duration
/// is negative or too long.
///
/// ```
/// use std::time::Duration;
/// use threadbare::text::units;
///
/// assert_eq!(units::duration("1m30s"), Ok(Duration::from_secs(90)));
/// ```
pub fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.starts_with('-') {
        return Err("a duration cannot be negative".to_owned());
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return Err("a duration is a number and a unit, as in 300ms".to_owned());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (term, tail) = term(rest)?;
        total = total.checked_add(term).ok_or("the duration is too long")?;
        rest = tail;
    }
    Ok(total)
}

/// Parses a number of bytes, at least one: `500`, `500K`, `10M`, `1G`, in powers of 1024.
///
/// # Errors
/// A message that says what is wrong.
///
/// ```
/// use threadbare::text::units;
///
/// assert_eq!(units::size("500K"), Ok(512_000));
/// ```
pub fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        unit => return Err(format!("unknown unit {unit:?}: use K, M or G")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("{digits:?} is not a number"))?;
    let n_bytes = number.checked_mul(unit).ok_or("the number is too large")?;
    if n_bytes == 0 { Err("expected at least 1 byte".to_owned()) } else { Ok(n_bytes) }
}

/// Parses one number with its unit at the front of `text`; returns it and the rest.
fn term(text: &str) -> Result<(Duration, &str), String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    let seconds = match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "" => return Err("a duration needs a unit: ns, us, ms, s, m or h".to_owned()),
        _ => return Err(format!("unknown unit {unit:?}: use ns, us, ms, s, m or h")),
    };
    let value: f64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
    let term = Duration::try_from_secs_f64(value * seconds)
        .map_err(|_| "the duration is too long".to_owned())?;
    Ok((term, rest))
}

/// Formats a number of bytes in decimal gigabytes with one digit, as the book's du does: `12.3 GB`.
#[must_use]
pub fn gigabytes(n_bytes: u64) -> String {
    format!("{:.1} GB", n_bytes as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_parsed_as_in_go() {
        let check = |text: &str, ms: u64| {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        };
        check("0", 0);
        check("300ms", 300);
        check("2s", 2_000);
        check("+2s", 2_000);
        check("1m30s", 90_000);
        check("1.5h", 5_400_000);
        check(".5s", 500);
        assert_eq!(duration("1500us"), Ok(Duration::from_micros(1500)));
        assert_eq!(duration("7µs"), Ok(Duration::from_micros(7)));
    }

    #[test]
    fn invalid_durations_are_refused() {
        for text in ["", "s", "1", "-1s", "1x", "1..2s", "1s2", "NaN", "inf", "1e400h", "+"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(duration(&format!("{}h", "9".repeat(400))).is_err());
    }

    /// Go's grammar, `[+]([0-9]*(\.[0-9]*)?[a-z]+)+` or `0`, checked without converting the numbers.
    fn is_duration(text: &str) -> bool {
        let mut rest = text.strip_prefix('+').unwrap_or(text);
        if text == "0" || rest.is_empty() {
            return text == "0";
        }
        while !rest.is_empty() {
            let number: String = rest.chars().take_while(|c| "0123456789.".contains(*c)).collect();
            rest = &rest[number.len()..];
            let has_digit = number.chars().any(|c| c.is_ascii_digit());
            // A unit is followed by a number or by the end.
            let unit = ["ns", "us", "µs", "ms", "s", "m", "h"].iter().find_map(|unit| {
                let tail = rest.strip_prefix(unit)?;
                (tail.is_empty() || tail.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
                    .then_some(tail)
            });
            let (Some(tail), true) = (unit, has_digit && number.matches('.').count() <= 1) else {
                return false;
            };
            rest = tail;
        }
        true
    }

    proptest! {
        #[test]
        fn gos_grammar_decides_what_is_a_duration(
            text in "[+-]?([0-9.]{0,3}(ns|[uµ]s|m?s|[mh]|x?)){0,3}",
        ) {
            prop_assert_eq!(duration(&text).is_ok(), is_duration(&text), "{}", text);
        }

        #[test]
        fn terms_are_added(h in 0u32..1000, m in 0u32..1000, us in 0u32..1000) {
            let total = u64::from(h) * 3_600_000_000 + u64::from(m) * 60_000_000 + u64::from(us);
            prop_assert_eq!(duration(&format!("{h}h{m}m{us}us")), Ok(Duration::from_micros(total)));
        }

        #[test]
        fn milliseconds_are_parsed(ms in 0u64..1_000_000_000) {
            prop_assert_eq!(duration(&format!("{ms}ms")), Ok(Duration::from_millis(ms)));
        }
    }

    #[test]
    fn gigabytes_have_one_digit() {
        assert_eq!(gigabytes(0), "0.0 GB");
        assert_eq!(gigabytes(1_250_000_000), "1.2 GB");
    }
}
