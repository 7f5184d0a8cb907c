//! A comment in every thumbnail by which a later run knows it, so that it may be replaced.
//!
//! The comment holds a checksum of everything behind it: a thumbnail that someone has edited, or a
//! picture whose editor kept the comment, is not ours any more.

use std::fs;
use std::io;
use std::path::Path;

use flate2::Crc;
use image::ImageFormat;
use memchr::memmem;

/// Precedes the checksum, eight hexadecimal digits.
const TEXT: &[u8] = b"threadbare thumbnail ";
const DIGITS: usize = 8;
/// Keyword of the text chunk in a PNG (PNG, third edition, 11.3.3.2), with its end.
const PNG_KEYWORD: &[u8] = b"Software\0";
/// Length of a PNG's signature and first chunk, IHDR.
const PNG_HEADER: usize = 33;
/// Offset before which the comment starts.
const OFFSET_MAX: usize = 128;
/// Larger files are not thumbnails of ours.
const BYTES_MAX: u64 = 1 << 30;

/// Adds the comment to an encoded JPEG or PNG; other formats stay as they are.
pub(super) fn sign(file: Vec<u8>, format: ImageFormat) -> Vec<u8> {
    match format {
        ImageFormat::Jpeg => sign_jpeg(&file).unwrap_or(file),
        ImageFormat::Png => sign_png(&file).unwrap_or(file),
        _ => file,
    }
}

/// Adds a comment segment (COM; T.81, B.2.4.5) behind the JFIF segment, which has to be the first.
fn sign_jpeg(file: &[u8]) -> Option<Vec<u8>> {
    let jfif_length = match file.get(2..6)? {
        [0xFF, 0xE0, high, low] => 2 + usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    let (header, rest) = file.split_at_checked(2 + jfif_length)?;
    let length = u16::try_from(2 + TEXT.len() + DIGITS).ok()?.to_be_bytes();
    Some([header, &[0xFF, 0xFE], &length, &comment(rest), rest].concat())
}

fn sign_png(file: &[u8]) -> Option<Vec<u8>> {
    let (header, rest) = file.split_at_checked(PNG_HEADER)?;
    let chunk = [&b"tEXt"[..], PNG_KEYWORD, &comment(rest)].concat();
    let length = u32::try_from(chunk.len() - 4).ok()?.to_be_bytes();
    Some([header, &length, &chunk, &checksum(&chunk).to_be_bytes(), rest].concat())
}

fn comment(rest: &[u8]) -> Vec<u8> {
    [TEXT, format!("{:08x}", checksum(rest)).as_bytes()].concat()
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Whether the file at `path` is a thumbnail made here and not changed since.
///
/// # Errors
/// When it cannot be read.
pub(super) fn is_ours(path: &Path) -> io::Result<bool> {
    let info = match fs::metadata(path) {
        Ok(info) => info,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(false), // a dangling link
        Err(err) => return Err(err),
    };
    Ok(info.is_file() && info.len() < BYTES_MAX && is_signed(&fs::read(path)?).unwrap_or(false))
}

fn is_signed(file: &[u8]) -> Option<bool> {
    let is_png = file.starts_with(b"\x89PNG");
    let text = memmem::find(&file[..file.len().min(OFFSET_MAX)], TEXT)?;
    let (digits, rest) = file[text + TEXT.len()..].split_at_checked(DIGITS)?;
    let rest = rest.get(if is_png { 4 } else { 0 }..)?; // the chunk ends with its checksum
    Some(digits == format!("{:08x}", checksum(rest)).as_bytes())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, RgbImage};

    use super::*;

    #[test]
    fn a_signed_file_is_known_until_it_is_changed() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let image = DynamicImage::from(RgbImage::new(9, 7));
            let mut file = Cursor::new(Vec::new());
            image.write_to(&mut file, format).unwrap();
            let file = file.into_inner();
            assert_eq!(is_signed(&file), None);
            let mut signed = sign(file, format);
            assert_eq!(is_signed(&signed), Some(true));
            let decoded = image::load_from_memory_with_format(&signed, format).unwrap();
            assert_eq!(decoded.to_rgb8(), image.to_rgb8());
            *signed.last_mut().unwrap() ^= 1;
            assert_eq!(is_signed(&signed), Some(false));
        }
    }
}
