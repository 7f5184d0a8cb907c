//! Decoding every pixel of a JPEG, for thumbnails that show more detail than our decoder yields.

use std::io::Read;

use zune_core::bytestream::ZCursor;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::caught_panic;
use super::size::Size;

/// The components of the JPEG, interleaved and at full size, in the colour space of the file: which
/// one that is, is left to our own reader. `None` if the file cannot be decoded, or has another
/// size or number of components than our reader found.
pub(super) fn decode(mut file: impl Read, size: Size, n_components: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    // zune-jpeg 0.5.15 can panic on a malformed file, which must not end the batch.
    caught_panic::catch(|| components(&bytes, size, n_components)).flatten()
}

fn components(file: &[u8], size: Size, n_components: usize) -> Option<Vec<u8>> {
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().ok()?;
    let color_space = decoder.input_colorspace()?;
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(color_space)); // no conversion
    let (width, height) = (size.width.try_into().ok()?, size.height.try_into().ok()?);
    let is_as_expected =
        decoder.dimensions()? == (width, height) && color_space.num_components() == n_components;
    let bytes = if is_as_expected { decoder.decode().ok()? } else { return None };
    (bytes.len() == width * height * n_components).then_some(bytes)
}
