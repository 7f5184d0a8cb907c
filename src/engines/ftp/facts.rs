//! A file as a line of a listing: as `ls -l` writes it (LIST), or as facts for programs (MLSD and
//! MLST, RFC 3659, 7). Times are in UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::names;
use super::users::Rights;
use crate::fs::jail::{Info, Kind};

/// Files older than half a year, in seconds, are listed with the year in place of the time of day.
const RECENT: i64 = 182 * 24 * 3600;
/// The facts that MLSD can send, in this order.
const FACTS: [&str; 5] = ["type", "size", "modify", "perm", "UNIX.mode"];

/// The facts that a client has selected (OPTS MLST).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts([bool; FACTS.len()]);

impl Facts {
    pub(super) const ALL: Facts = Facts([true; FACTS.len()]);

    /// Parses the argument of OPTS MLST; unknown facts are ignored (RFC 3659, 7.9).
    pub(super) fn parse(list: &str) -> Self {
        let wanted = |fact: &str| list.split(';').any(|name| name.eq_ignore_ascii_case(fact));
        Facts(FACTS.map(wanted))
    }

    /// The selected facts, as the reply to OPTS MLST lists them: `type;size;`
    pub(super) fn list(self) -> String {
        let on = FACTS.iter().zip(self.0).filter(|(_, on)| *on);
        on.flat_map(|(fact, _)| [fact, ";"]).collect()
    }

    /// The line of FEAT, with a star behind each selected fact: `MLST type*;size*;…`
    pub(super) fn feature(self) -> String {
        let star = |on: bool| if on { "*;" } else { ";" };
        let facts = FACTS.iter().zip(self.0).flat_map(|(fact, on)| [fact, star(on)]);
        ["MLST "].into_iter().chain(facts).collect()
    }

    /// The line of one file: `type=file;size=5;… name`; without facts, a space and the name.
    pub(super) fn line(self, info: &Info, name: &[u8], rights: Rights) -> Vec<u8> {
        let values = [
            Some(kind(info.kind).to_owned()),
            (info.kind == Kind::File).then(|| info.len.to_string()),
            Some(stamp(info.modified)),
            Some(permissions(info.kind, rights).to_owned()),
            Some(format!("0{:03o}", info.mode & 0o777)),
        ];
        let mut line = String::new();
        for ((fact, on), value) in FACTS.iter().zip(self.0).zip(values) {
            if let Some(value) = value.filter(|_| on) {
                line.extend([*fact, "=", &value, ";"]);
            }
        }
        line.push(' ');
        [line.as_bytes(), &names::printable(name)].concat()
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Dir => "dir",
        Kind::Link => "OS.unix=symlink",
        Kind::Other => "OS.unix=special",
    }
}

/// The perm fact: what the user may try. File permissions are not considered.
fn permissions(kind: Kind, rights: Rights) -> &'static str {
    match (kind, rights) {
        (Kind::File, Rights::Write) => "adfrw",
        (Kind::File, Rights::Read) => "r",
        (Kind::Dir, Rights::Write) => "cdeflmp",
        (Kind::Dir, Rights::Read) => "el",
        (Kind::Dir, Rights::Drop) => "cem",
        (Kind::Link | Kind::Other, Rights::Write) => "df",
        (Kind::Link | Kind::Other, Rights::Read) | (_, Rights::Drop) => "",
    }
}

/// The line that `ls -l` would write, with the target of a symbolic link.
pub(super) fn long(info: &Info, name: &[u8], target: Option<&[u8]>, now: i64) -> Vec<u8> {
    let letter = match info.kind {
        Kind::File => '-',
        Kind::Dir => 'd',
        Kind::Link => 'l',
        Kind::Other => 's',
    };
    let (mode, links, len) = (mode(info.mode), info.n_links, info.len);
    let date = date(info.modified, now);
    let mut line =
        format!("{letter}{mode} {links:>3} ftp      ftp      {len:>12} {date} ").into_bytes();
    line.extend(names::printable(name));
    if let Some(target) = target {
        line.extend(b" -> ");
        line.extend(names::printable(target));
    }
    line
}

fn mode(mode: u32) -> String {
    let letters = "rwxrwxrwx".chars().enumerate();
    letters.map(|(nth, c)| if mode & (0o400 >> nth) == 0 { '-' } else { c }).collect()
}

fn date(seconds: i64, now: i64) -> String {
    let is_recent = (now - RECENT..=now + 24 * 3600).contains(&seconds);
    let format = if is_recent { "%b %e %H:%M" } else { "%b %e  %Y" };
    utc(seconds).strftime(format).to_string()
}

/// A time as MDTM writes it: `20261121053756`
pub(super) fn stamp(seconds: i64) -> String {
    utc(seconds).strftime("%Y%m%d%H%M%S").to_string()
}

/// Parses `20261121053756`, with or without a fraction, as seconds since 1970.
pub(super) fn parse_stamp(stamp: &str) -> Option<i64> {
    let (whole, fraction) = stamp.split_once('.').unwrap_or((stamp, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if whole.len() != 14 || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let time = DateTime::strptime("%Y%m%d%H%M%S", whole).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

fn utc(seconds: i64) -> DateTime {
    let time = Timestamp::from_second(seconds).unwrap_or_default(); // beyond the year 9999
    time.to_zoned(TimeZone::UTC).datetime()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_239_476; // 2026-11-21 05:37:56

    fn info(kind: Kind) -> Info {
        Info { kind, len: 1234, modified: NOW, mode: 0o644, n_links: 1 }
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn long_lines() {
        let line = |kind, target, now| text(long(&info(kind), b"a b", target, now));
        let expected = "-rw-r--r--   1 ftp      ftp              1234 Nov 21 05:37 a b";
        assert_eq!(line(Kind::File, None, NOW), expected);
        let old = line(Kind::Dir, None, NOW + 2 * RECENT);
        assert_eq!(old, "drw-r--r--   1 ftp      ftp              1234 Nov 21  2026 a b");
        assert!(line(Kind::Link, Some(b"c\nd"), NOW).ends_with("a b -> c?d"));
    }

    #[test]
    fn lines_of_facts() {
        let line = |facts: Facts, kind, rights| text(facts.line(&info(kind), b"a\r\nb", rights));
        let expected = "type=file;size=1234;modify=20261121053756;perm=r;UNIX.mode=0644; a??b";
        assert_eq!(line(Facts::ALL, Kind::File, Rights::Read), expected);
        let some = Facts::parse("SIZE;perm;nonsense;");
        assert_eq!(some.list(), "size;perm;");
        assert_eq!(some.feature(), "MLST type;size*;modify;perm*;UNIX.mode;");
        assert_eq!(line(some, Kind::Dir, Rights::Write), "perm=cdeflmp; a??b");
        assert_eq!(line(Facts::parse(""), Kind::Dir, Rights::Write), " a??b");
    }

    #[test]
    fn times_are_written_and_parsed() {
        assert_eq!(stamp(NOW), "20261121053756");
        assert_eq!(parse_stamp("20261121053756"), Some(NOW));
        assert_eq!(parse_stamp("20261121053756.123"), Some(NOW));
        for bad in [
            "",
            "2026",
            "20261321053756",
            "20261121053756.",
            "2026112105375x",
            "2026112105375\u{e9}",
        ] {
            assert_eq!(parse_stamp(bad), None, "{bad}");
        }
        assert_eq!(stamp(i64::MAX), "19700101000000");
    }
}
