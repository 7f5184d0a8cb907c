//! BMP files of OS/2 2.x, whose header is longer or shorter than that of Windows but begins alike.

use std::io::{self, Read, Seek, SeekFrom};

use super::error::Cause;

/// Length of the file header, which precedes the bitmap header.
const FILE_HEADER: usize = 14;
/// Lengths of the bitmap header: of Windows 3, of OS/2 2.x, and of Windows that lie between these.
const WINDOWS: usize = 40;
const OS2: std::ops::RangeInclusive<usize> = 16..=64;
const OTHERS: [usize; 3] = [WINDOWS, 52, 56];

/// The file with a header of Windows; `None` if it is not of OS/2 2.x. The position is lost.
///
/// # Errors
/// When the file cannot be read, has more than `bytes_max` bytes, or is compressed in a way that only
/// OS/2 has.
pub(super) fn as_windows(
    file: &mut (impl Read + Seek),
    bytes_max: u64,
) -> Result<Option<Vec<u8>>, Cause> {
    let length = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let mut bytes = Vec::new();
    file.by_ref().take((FILE_HEADER + WINDOWS) as u64).read_to_end(&mut bytes)?;
    let Some(header_length) = header_length(&bytes) else { return Ok(None) };
    if length > bytes_max {
        return Err(Cause::NotSupported("a BMP of OS/2 with more than 1 GiB".to_owned()));
    }
    file.rewind()?;
    bytes.clear();
    file.read_to_end(&mut bytes)?;
    let windows = with_windows_header(bytes, header_length).ok_or(io::ErrorKind::UnexpectedEof);
    let windows = windows.map_err(io::Error::from)?;
    match windows[FILE_HEADER + 16] {
        3 | 4 => Err(Cause::NotSupported("a BMP of OS/2 with this compression".to_owned())),
        _ => Ok(Some(windows)),
    }
}

/// The length of the bitmap header if it is one of OS/2 2.x.
fn header_length(start: &[u8]) -> Option<usize> {
    let length = start.get(FILE_HEADER..FILE_HEADER + 4)?.try_into().ok()?;
    let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
    (OS2.contains(&length) && !OTHERS.contains(&length)).then_some(length)
}

fn with_windows_header(mut file: Vec<u8>, length: usize) -> Option<Vec<u8>> {
    let mut header = file.get(FILE_HEADER..FILE_HEADER + length)?.to_vec();
    header.resize(WINDOWS, 0);
    header[..4].copy_from_slice(&u32::try_from(WINDOWS).ok()?.to_le_bytes());
    file.splice(FILE_HEADER..FILE_HEADER + length, header);
    // Where the pixels begin.
    let offset = u32::from_le_bytes(file[10..14].try_into().ok()?);
    let moved = i32::try_from(WINDOWS).ok()? - i32::try_from(length).ok()?;
    file[10..14].copy_from_slice(&offset.checked_add_signed(moved)?.to_le_bytes());
    Some(file)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, Rgb, RgbImage};

    use super::*;

    fn windows() -> (RgbImage, Vec<u8>) {
        let image =
            RgbImage::from_fn(5, 3, |x, y| Rgb([x, y, 7].map(|c| u8::try_from(c).unwrap())));
        let mut file = Cursor::new(Vec::new());
        image.write_to(&mut file, ImageFormat::Bmp).unwrap();
        (image, file.into_inner())
    }

    /// The same file with a bitmap header of this length.
    fn os2(length: usize) -> Vec<u8> {
        let (_, file) = windows();
        let mut header = file[FILE_HEADER..FILE_HEADER + WINDOWS].to_vec();
        header.resize(length, 0);
        header[0] = u8::try_from(length).unwrap();
        let mut start = file[..FILE_HEADER].to_vec();
        start[10] = u8::try_from(FILE_HEADER + length).unwrap();
        [&start, &header, &file[FILE_HEADER + WINDOWS..]].concat()
    }

    #[test]
    fn every_length_of_the_header_is_read() {
        let (image, file) = windows();
        assert!(as_windows(&mut Cursor::new(&file), 1 << 20).unwrap().is_none());
        for length in [16, 36, 48, 64] {
            let file = as_windows(&mut Cursor::new(os2(length)), 1 << 20).unwrap().unwrap();
            let decoded = image::load_from_memory_with_format(&file, ImageFormat::Bmp).unwrap();
            assert_eq!(decoded.into_rgb8(), image, "{length}");
        }
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_an_error() {
        assert!(as_windows(&mut Cursor::new(&os2(64)[..70]), 1 << 20).is_err());
        assert!(as_windows(&mut Cursor::new(os2(64)), 50).is_err());
        assert!(as_windows(&mut Cursor::new(b"BM"), 50).unwrap().is_none());
    }
}
