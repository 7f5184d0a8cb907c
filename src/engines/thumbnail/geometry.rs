//! Which part of a picture a thumbnail shows, and how large the thumbnail is.

use image::metadata::Orientation;

use super::size::Size;

/// The part of a picture that a thumbnail shows and the size of the thumbnail, both before the
/// orientation of the picture is applied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Geometry {
    /// The part shown, in pixels of the full picture.
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    /// The size of the thumbnail.
    pub(super) size: Size,
}

impl Geometry {
    /// The geometry for a full picture of size `full` that is to be displayed with `orientation`,
    /// and a thumbnail that fits into `bounds` or, with `crop`, fills it.
    pub(super) fn new(full: Size, orientation: Orientation, bounds: Size, crop: bool) -> Self {
        let is_turned = matches!(
            orientation,
            Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH
        );
        let bounds = if is_turned { bounds.turned() } else { bounds };
        let by_width = f64::from(bounds.width) / f64::from(full.width);
        let by_height = f64::from(bounds.height) / f64::from(full.height);
        let scale = if crop { by_width.max(by_height) } else { by_width.min(by_height) };
        let scale = scale.min(1.0); // smaller pictures are not enlarged
        let size = Size {
            width: shrunk(full.width, scale).min(bounds.width),
            height: shrunk(full.height, scale).min(bounds.height),
        };
        let shown = |size: u32, full: u32| {
            if crop { (f64::from(size) / scale).min(f64::from(full)) } else { f64::from(full) }
        };
        let (width, height) = (shown(size.width, full.width), shown(size.height, full.height));
        let left = (f64::from(full.width) - width) / 2.0;
        let top = (f64::from(full.height) - height) / 2.0;
        Geometry { left, top, width, height, size }
    }

    /// How many times larger than the thumbnail the part shown is: the smaller of the ratios of
    /// the widths and of the heights.
    pub(super) fn ratio(&self) -> f64 {
        let by_width = self.width / f64::from(self.size.width);
        by_width.min(self.height / f64::from(self.size.height))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the result is in 1..=side"
)]
fn shrunk(side: u32, scale: f64) -> u32 {
    ((f64::from(side) * scale).round() as u32).clamp(1, side)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(full: (u32, u32), bounds: &str, crop: bool) -> Geometry {
        let full = Size { width: full.0, height: full.1 };
        Geometry::new(full, Orientation::NoTransforms, bounds.parse().unwrap(), crop)
    }

    #[test]
    fn the_aspect_ratio_is_kept_and_nothing_enlarged() {
        let check = |full, bounds: &str, expected| {
            let Size { width, height } = geometry(full, bounds, false).size;
            assert_eq!((width, height), expected, "{full:?} into {bounds}");
        };
        check((400, 200), "128", (128, 64));
        check((200, 400), "128", (64, 128));
        check((50, 20), "128", (50, 20));
        check((10_000, 3), "128", (128, 1));
        check((1, 1), "128", (1, 1));
        check((4000, 3000), "256x100", (133, 100));
        check((65_500, 1), "1", (1, 1));
    }

    #[test]
    fn a_crop_shows_the_middle_and_fills_the_box() {
        let cropped = geometry((400, 200), "100x100", true);
        assert_eq!(cropped.size, Size::square(100));
        assert_eq!(
            (cropped.left, cropped.top, cropped.width, cropped.height),
            (100.0, 0.0, 200.0, 200.0)
        );
        let small = geometry((50, 300), "100x100", true);
        assert_eq!(small.size, Size { width: 50, height: 100 });
    }

    #[test]
    fn a_rotated_picture_fits_the_rotated_box() {
        let full = Size { width: 400, height: 200 };
        let bounds = Size { width: 100, height: 1_000 };
        let geometry = Geometry::new(full, Orientation::Rotate90, bounds, false);
        assert_eq!(geometry.size, Size { width: 200, height: 100 });
    }
}
