//! Copying a stream to its end.

use std::io::{self, Read, Write};

/// Copies until the end of `from`, 64 KiB at a time, flushing as it goes. Returns bytes copied.
///
/// `std::io::copy` moves 8 KiB at a time and lets a line-buffered stdout sit on half a line.
///
/// # Errors
/// The first that reading or writing reports.
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
