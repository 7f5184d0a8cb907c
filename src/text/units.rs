//! Quantities as people write them: Go's durations and decimal gigabytes.

use std::time::Duration;

/// Parses a duration as Go's `time.ParseDuration` does: `300ms`, `1.5h`, `1m30s`, `0`.
///
/// Units are `ns`, `us` (or `µs`), `ms`, `s`, `m` and `h`.
///
/// # Errors
/// Says what is wrong with the text: no number, no unit or an unknown one, a negative or a too
/// large duration.
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

/// Takes one number and its unit off the front of `text`.
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

/// Bytes as the book prints them: decimal gigabytes with one digit, `12.3 GB`.
#[must_use]
pub fn gigabytes(n_bytes: u64) -> String {
    format!("{:.1} GB", n_bytes as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_gos() {
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
    fn nonsense_is_refused() {
        for text in ["", "s", "1", "-1s", "1x", "1..2s", "1s2", "NaN", "inf", "1e400h", "+"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(duration(&format!("{}h", "9".repeat(400))).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            _ = duration(&text);
        }

        #[test]
        fn milliseconds_come_back(ms in 0u64..1_000_000_000) {
            prop_assert_eq!(duration(&format!("{ms}ms")), Ok(Duration::from_millis(ms)));
        }
    }

    #[test]
    fn gigabytes_have_one_digit() {
        assert_eq!(gigabytes(0), "0.0 GB");
        assert_eq!(gigabytes(1_250_000_000), "1.2 GB");
    }
}
