//! The echoes of a shout.

use crate::text::go_case;

/// Number of echoes of each shout.
pub(super) const N_ECHOES: u8 = 3;

/// Returns echo number `nth` of some lines, each with its newline: 0 in upper case, 1 unchanged, 2
/// in lower case. Upper and lower case are Go's.
pub(super) fn echo(lines: &[u8], nth: u8) -> Vec<u8> {
    let text = match nth {
        0 => go_case::upper(lines),
        1 => lines.to_vec(),
        _ => go_case::lower(lines),
    };
    let mut echo = Vec::with_capacity(text.len() + text.len() / 2);
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        echo.extend_from_slice(b"\t ");
        echo.extend_from_slice(line);
    }
    echo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_echoes_of_every_line() {
        let lines = "Straße\n\nΑΣ\n".as_bytes();
        let echo = |nth| String::from_utf8(echo(lines, nth)).unwrap();
        assert_eq!(echo(0), "\t STRAßE\n\t \n\t ΑΣ\n");
        assert_eq!(echo(1), "\t Straße\n\t \n\t ΑΣ\n");
        assert_eq!(echo(2), "\t straße\n\t \n\t ασ\n");
    }
}
