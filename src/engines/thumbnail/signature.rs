//! A comment in every thumbnail by which a later run knows it, so that it may be replaced, and knows
//! whether it would make the same.
//!
//! The comment holds a checksum of everything behind that: a thumbnail that someone has edited, or a
//! picture whose editor kept the comment, is not ours any more. Size, crop and quality follow.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use flate2::Crc;
use image::ImageFormat;
use memchr::memmem;

use super::job::Target;
use super::png_text;

/// Precedes the checksum, eight hexadecimal digits.
const TEXT: &[u8] = b"threadbare thumbnail ";
const DIGITS: usize = 8;
/// Keyword of the text in a PNG.
const PNG_KEYWORD: &str = "Software";
/// Offset before which the comment starts.
const OFFSET_MAX: usize = 128;
/// Offset before which it ends.
const END_MAX: u64 = 256;
/// Larger files are not thumbnails of ours.
const BYTES_MAX: u64 = 1 << 30;

/// Adds the comment to an encoded JPEG or PNG; other formats stay as they are.
pub(super) fn sign(file: Vec<u8>, target: &Target) -> Vec<u8> {
    match target.format {
        ImageFormat::Jpeg => sign_jpeg(&file, &look(target)).unwrap_or(file),
        ImageFormat::Png => sign_png(&file, &look(target)).unwrap_or(file),
        _ => file,
    }
}

/// How the thumbnail looks, in words; the quality of a PNG is always the same.
fn look(target: &Target) -> String {
    let options = &target.options;
    let crop = if options.crop { " crop" } else { "" };
    let quality = match target.format {
        ImageFormat::Jpeg => format!(" q{}", options.quality),
        _ => String::new(),
    };
    format!(" {}{crop}{quality}", options.size)
}

/// Adds a comment segment (COM; T.81, B.2.4.5) behind the JFIF segment, which has to be the first.
fn sign_jpeg(file: &[u8], look: &str) -> Option<Vec<u8>> {
    let jfif_length = match file.get(2..6)? {
        [0xFF, 0xE0, high, low] => 2 + usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    let (header, rest) = file.split_at_checked(2 + jfif_length)?;
    let length = u16::try_from(2 + TEXT.len() + DIGITS + look.len()).ok()?.to_be_bytes();
    Some([header, &[0xFF, 0xFE], &length, &comment(look, rest), rest].concat())
}

fn sign_png(file: &[u8], look: &str) -> Option<Vec<u8>> {
    let (header, rest) = file.split_at_checked(png_text::HEADER)?;
    Some([header, &png_text::chunk(PNG_KEYWORD, &comment(look, rest)), rest].concat())
}

fn comment(look: &str, rest: &[u8]) -> Vec<u8> {
    let checksum = checksum(look.as_bytes(), rest);
    [TEXT, format!("{checksum:08x}{look}").as_bytes()].concat()
}

fn checksum(start: &[u8], rest: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(start);
    crc.update(rest);
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
    if !info.is_file() || info.len() >= BYTES_MAX {
        return Ok(false);
    }
    let (mut file, mut bytes) = (File::open(path)?, Vec::new());
    file.by_ref().take(END_MAX).read_to_end(&mut bytes)?;
    if Comment::find(&bytes).is_none() {
        return Ok(false); // without reading all of it
    }
    file.read_to_end(&mut bytes)?;
    Ok(is_signed(&bytes).unwrap_or(false))
}

/// Whether the file at `path` has the comment of a thumbnail made here that looks different from
/// `target`.
///
/// # Errors
/// When it cannot be read.
pub(super) fn looks_different(path: &Path, target: &Target) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(END_MAX).read_to_end(&mut start)?;
    let comment = Comment::find(&start);
    Ok(comment.is_some_and(|comment| comment.look != look(target).as_bytes()))
}

/// The comment in a file.
struct Comment<'a> {
    digits: &'a [u8],
    look: &'a [u8],
    /// What follows the comment.
    rest: &'a [u8],
}

impl<'a> Comment<'a> {
    fn find(file: &'a [u8]) -> Option<Self> {
        let text = memmem::find(&file[..file.len().min(OFFSET_MAX)], TEXT)?;
        let is_png = file.starts_with(b"\x89PNG");
        let (end, after) = if is_png {
            let length = u32::from_be_bytes(*file.get(png_text::HEADER..)?.first_chunk()?);
            let end = png_text::HEADER + png_text::CHUNK_HEADER + usize::try_from(length).ok()?;
            (end, end.checked_add(png_text::CHUNK_CHECKSUM)?)
        } else {
            let length = file.get(text.checked_sub(2)?..)?.first_chunk()?;
            let end = text - 2 + usize::from(u16::from_be_bytes(*length));
            (end, end)
        };
        let (digits, look) = file.get(text + TEXT.len()..end)?.split_at_checked(DIGITS)?;
        Some(Comment { digits, look, rest: file.get(after..).unwrap_or_default() })
    }
}

fn is_signed(file: &[u8]) -> Option<bool> {
    let Comment { digits, look, rest } = Comment::find(file)?;
    Some(digits == format!("{:08x}", checksum(look, rest)).as_bytes())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::PathBuf;

    use image::{DynamicImage, RgbImage};

    use super::super::options::Options;
    use super::super::size::Size;
    use super::*;

    fn target(format: ImageFormat) -> Target {
        Target { path: PathBuf::new(), format, options: Options::default(), cache_entry: None }
    }

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        DynamicImage::from(RgbImage::new(9, 7)).write_to(&mut file, format).unwrap();
        file.into_inner()
    }

    #[test]
    fn a_signed_file_is_known_until_it_is_changed() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let file = encoded(format);
            assert_eq!(is_signed(&file), None);
            let mut signed = sign(file.clone(), &target(format));
            assert_eq!(is_signed(&signed), Some(true));
            let decode = |file: &[u8]| image::load_from_memory_with_format(file, format).unwrap();
            assert_eq!(decode(&signed), decode(&file));
            *signed.last_mut().unwrap() ^= 1;
            assert_eq!(is_signed(&signed), Some(false));
        }
    }

    #[test]
    fn another_size_crop_or_quality_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("thumb");
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let same = target(format);
            let with = |options| Target { options, ..same.clone() };
            let options = same.options;
            let different = |target: &Target| looks_different(&path, target).unwrap();
            fs::write(&path, encoded(format)).unwrap();
            assert!(!different(&same), "nothing is known of a file that somebody else made");
            fs::write(&path, sign(encoded(format), &same)).unwrap();
            assert!(!different(&same));
            assert!(different(&with(Options { size: Size::square(9), ..options })));
            assert!(different(&with(Options { crop: true, ..options })));
            let is_jpeg = format == ImageFormat::Jpeg;
            assert_eq!(different(&with(Options { quality: 9, ..options })), is_jpeg);
        }
    }
}
