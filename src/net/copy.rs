//! Copying from a reader to a writer.

use std::io::{self, Read, Write};

/// Copies all of `from` to `to`, up to 64 KiB at a time, flushing each. Returns the number of
/// bytes.
///
/// Unlike `std::io::copy`, which copies 8 KiB at a time and leaves part of a line in a
/// line-buffered stdout.
///
/// # Errors
/// The first error of reading or writing, except interruptions by signals.
pub fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<u64> {
    let mut buf = vec![0; 64 << 10];
    let mut n_copied = 0;
    loop {
        match from.read(&mut buf) {
            Ok(0) => return Ok(n_copied),
            Ok(n) => {
                to.write_all(&buf[..n])?;
                to.flush()?;
                n_copied += n as u64;
            }
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_every_byte() {
        let input: Vec<u8> = (0..200_000u32).map(|i| i.to_le_bytes()[1]).collect();
        let mut output = Vec::new();
        assert_eq!(copy(&*input, &mut output).unwrap(), 200_000);
        assert!(input == output);
    }
}
