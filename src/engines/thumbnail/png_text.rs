//! Text chunks of PNG files (PNG, third edition, 11.3.3.2).

use flate2::Crc;

/// Length of a PNG's signature and first chunk, IHDR, behind which text chunks are put.
pub(super) const HEADER: usize = 33;
/// Length of a chunk before its data: its own length, and its type.
pub(super) const CHUNK_HEADER: usize = 8;
/// Length of the checksum at the end of a chunk.
pub(super) const CHUNK_CHECKSUM: usize = 4;

/// A chunk with `text`, which is in Latin-1, under `keyword`.
pub(super) fn chunk(keyword: &str, text: &[u8]) -> Vec<u8> {
    let data = [keyword.as_bytes(), b"\0", text].concat();
    let length = u32::try_from(data.len()).expect("texts are short");
    let typed = [b"tEXt", &data[..]].concat();
    let mut crc = Crc::new();
    crc.update(&typed);
    [&length.to_be_bytes()[..], &typed, &crc.sum().to_be_bytes()].concat()
}
