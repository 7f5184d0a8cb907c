//! Decoding what there is of a damaged file with the `image` crate.

use std::cell::Cell;

use image::{ColorType, DynamicImage, ImageDecoder, ImageError};

use super::job::{Damage, PERCENT_MIN};

/// A decoder that accepts a picture of which enough was decoded before the file ended or an error
/// occurred.
pub(super) struct LenientDecoder<'a, D> {
    decoder: D,
    /// Whether rows that were not decoded may be between others: in a GIF.
    may_be_interlaced: bool,
    damage: &'a Cell<Option<Damage>>,
}

impl<D: ImageDecoder> LenientDecoder<'_, D> {
    /// The picture, and the damage of the file.
    pub(super) fn decode(
        decoder: D,
        may_be_interlaced: bool,
    ) -> Result<(DynamicImage, Option<Damage>), ImageError> {
        let damage = Cell::new(None);
        let decoder = LenientDecoder { decoder, may_be_interlaced, damage: &damage };
        let picture = DynamicImage::from_decoder(decoder)?;
        Ok((picture, damage.into_inner()))
    }
}

impl<D: ImageDecoder> ImageDecoder for LenientDecoder<'_, D> {
    fn dimensions(&self) -> (u32, u32) {
        self.decoder.dimensions()
    }

    fn color_type(&self) -> ColorType {
        self.decoder.color_type()
    }

    fn read_image(self, pixels: &mut [u8]) -> Result<(), ImageError> {
        let width = self.dimensions().0 as usize * usize::from(self.color_type().bytes_per_pixel());
        let is_interlaced = self.may_be_interlaced;
        self.decoder.read_image(pixels).or_else(|err| {
            // Pixels that were not decoded are still zero. They may be at either end, for a BMP
            // starts with its last row.
            let first = pixels.iter().position(|&byte| byte != 0).unwrap_or(pixels.len());
            let last = pixels.iter().rposition(|&byte| byte != 0).map_or(first, |last| last + 1);
            let n_in_rows = if is_interlaced { n_in_rows(pixels, width) } else { usize::MAX };
            let n_decoded = (last - first).min(n_in_rows);
            match damage_if_usable(n_decoded, pixels.len()) {
                Some(damage) => {
                    self.damage.set(Some(damage));
                    Ok(())
                }
                None => Err(err),
            }
        })
    }

    fn read_image_boxed(self: Box<Self>, pixels: &mut [u8]) -> Result<(), ImageError> {
        (*self).read_image(pixels)
    }
}

/// Number of bytes in those rows, of `width` bytes, that are not empty.
fn n_in_rows(pixels: &[u8], width: usize) -> usize {
    let rows = pixels.chunks(width.max(1));
    rows.filter(|row| row.iter().any(|&byte| byte != 0)).map(<[u8]>::len).sum()
}

/// The damage of a picture of which `n_decoded` of `n` bytes were decoded, if that is enough.
fn damage_if_usable(n_decoded: usize, n: usize) -> Option<Damage> {
    let percent_decoded = u8::try_from(n_decoded * 100 / n.max(1)).ok()?;
    (percent_decoded >= PERCENT_MIN).then_some(Damage { percent_decoded })
}
