//! A look at the tags of a TIFF before it is decoded (TIFF 6.0, section 2; BigTIFF): a palette that is
//! read as gray, because the tiff crate (0.11.3) refuses palettes, and the name of its kind.

use std::io::{self, Read, Seek, SeekFrom};

use tiff::decoder::Decoder;
use tiff::tags::Tag;

/// Number of the tag `PhotometricInterpretation`.
const PHOTOMETRIC: u64 = 262;
/// Values of it: gray with black as zero, and a palette.
const BLACK_IS_ZERO: u16 = 1;
const PALETTE: u16 = 3;
/// The most entries of a directory that are looked at.
const ENTRIES_MAX: u64 = 1 << 12;

/// A TIFF file in which a palette is declared to be gray: its pixels are read as indexes.
pub(super) struct PaletteAsGray<R> {
    file: R,
    position: u64,
    /// Where the byte of the value is that has to be replaced, if the file has a palette.
    replaced: Option<u64>,
}

impl<R: Read + Seek> PaletteAsGray<R> {
    pub(super) fn new(mut file: R) -> io::Result<Self> {
        file.rewind()?;
        let replaced = find_palette(&mut file);
        file.rewind()?;
        Ok(PaletteAsGray { file, position: 0, replaced })
    }

    pub(super) fn has_palette(&self) -> bool {
        self.replaced.is_some()
    }
}

impl<R: Read> Read for PaletteAsGray<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buf)?;
        let place = self.replaced.and_then(|at| at.checked_sub(self.position));
        let place = place.and_then(|place| usize::try_from(place).ok());
        if let Some(byte) = place.and_then(|place| buf[..n].get_mut(place)) {
            *byte = BLACK_IS_ZERO.to_le_bytes()[0];
        }
        self.position += n as u64;
        Ok(n)
    }
}

impl<R: Seek> Seek for PaletteAsGray<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.file.seek(to)?;
        Ok(self.position)
    }
}

/// The offset of the low byte of `PhotometricInterpretation` in the first directory, if that means a
/// palette.
fn find_palette(file: &mut (impl Read + Seek)) -> Option<u64> {
    let mut header = Numbers { is_little_endian: bytes::<2>(file)? == *b"II" };
    let is_big = header.read::<2>(file)? == 43;
    let directory = if is_big {
        header.read::<4>(file)?; // the size of offsets
        header.read::<8>(file)?
    } else {
        header.read::<4>(file)?
    };
    let mut at = file.seek(SeekFrom::Start(directory)).ok()?;
    let n_entries = if is_big { header.read::<8>(file)? } else { header.read::<2>(file)? };
    at += if is_big { 8 } else { 2 };
    for _ in 0..n_entries.min(ENTRIES_MAX) {
        let tag = header.read::<2>(file)?;
        header.read::<2>(file)?; // the type
        if is_big {
            header.read::<8>(file)?
        } else {
            header.read::<4>(file)?
        }; // the count
        let value = header.read::<2>(file)?;
        let (value_offset, length) = if is_big { (12, 20) } else { (8, 12) };
        if tag == PHOTOMETRIC {
            let low = u64::from(!header.is_little_endian);
            return (value == u64::from(PALETTE)).then_some(at + value_offset + low);
        }
        at = file.seek(SeekFrom::Start(at + length)).ok()?;
    }
    None
}

/// Reads numbers in the byte order of the file.
struct Numbers {
    is_little_endian: bool,
}

impl Numbers {
    fn read<const N: usize>(&mut self, file: &mut impl Read) -> Option<u64> {
        let mut bytes = bytes::<N>(file)?;
        if self.is_little_endian {
            bytes.reverse();
        }
        Some(bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }
}

fn bytes<const N: usize>(file: &mut impl Read) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// What kind of TIFF this is, for a message.
pub(super) fn kind<R: Read + Seek>(file: R) -> String {
    let Ok(mut decoder) = Decoder::new(file) else { return "this kind of TIFF".to_owned() };
    let mut first = |tag, default| {
        let values = decoder.find_tag_unsigned_vec::<u16>(tag).ok().flatten();
        values.and_then(|values| values.first().copied()).unwrap_or(default)
    };
    let colors = match first(Tag::PhotometricInterpretation, 1) {
        0 | 1 => "gray",
        2 => "RGB",
        PALETTE => "palette",
        4 => "mask",
        5 => "CMYK",
        6 => "YCbCr",
        8..=10 => "CIE L*a*b*",
        32_803 | 34_892 => "raw photograph",
        _ => "unknown colour space",
    };
    let numbers = match first(Tag::SampleFormat, 1) {
        1 => "",
        2 => " signed",
        3 => " floating-point",
        _ => " unknown",
    };
    let compression = match first(Tag::Compression, 1) {
        1 => "uncompressed".to_owned(),
        2..=4 => "fax".to_owned(),
        5 => "LZW".to_owned(),
        6 => "JPEG of before 1995".to_owned(),
        7 => "JPEG".to_owned(),
        8 | 32_946 => "Deflate".to_owned(),
        32_773 => "PackBits".to_owned(),
        34_712 => "JPEG 2000".to_owned(),
        34_925 => "LZMA".to_owned(),
        50_000 => "Zstandard".to_owned(),
        50_001 => "WebP".to_owned(),
        number => format!("compression {number}"),
    };
    let planes = if first(Tag::PlanarConfiguration, 1) == 2 { ", each colour apart" } else { "" };
    let order = if first(Tag::FillOrder, 1) == 2 { ", lowest bit first" } else { "" };
    let bits = match first(Tag::BitsPerSample, 1) {
        1 => "1 bit".to_owned(),
        n => format!("{n}{numbers} bits"),
    };
    format!("this kind of TIFF ({colors}, {bits} per sample, {compression}{planes}{order})")
}
