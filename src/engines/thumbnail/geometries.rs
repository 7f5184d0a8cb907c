//! Several thumbnails of one picture: which are made from the picture, and which from a larger one.

use image::DynamicImage;
use image::metadata::Orientation;

use super::geometry::Geometry;
use super::options::Options;
use super::resize::resize_image;
use super::size::Size;

/// Parts of a picture whose edges are nearer to each other than this, in pixels, are the same.
const SAME_EDGE: f64 = 0.5;

/// The geometries of the thumbnails of one picture.
pub(super) struct Geometries {
    all: Vec<Geometry>,
    /// For each of `all`, the thumbnail that it is reduced from: the smallest of those that are
    /// larger and show the same part. `None` if it has to be made from the picture.
    larger: Vec<Option<usize>>,
    /// Those that are made from the picture.
    from_picture: Vec<Geometry>,
}

impl Geometries {
    /// The geometries for a full picture of size `full` that is to be displayed with `orientation`.
    pub(super) fn new(full: Size, orientation: Orientation, options: &[Options]) -> Self {
        let geometry = |o: &Options| Geometry::new(full, orientation, o.size, o.crop);
        let all: Vec<Geometry> = options.iter().map(geometry).collect();
        let larger: Vec<_> = (0..all.len()).map(|i| next_larger(&all, i)).collect();
        let first = all.iter().zip(&larger).filter(|(_, larger)| larger.is_none());
        let from_picture = first.map(|(geometry, _)| *geometry).collect();
        Geometries { all, larger, from_picture }
    }

    /// How many times smaller than the part shown the most detailed thumbnail is.
    pub(super) fn ratio(&self) -> f64 {
        self.all.iter().map(Geometry::ratio).fold(f64::INFINITY, f64::min)
    }

    /// The geometries of those thumbnails that have to be made from the picture.
    pub(super) fn largest(&self) -> &[Geometry] {
        &self.from_picture
    }

    /// All thumbnails, from those made from the picture.
    pub(super) fn thumbnails(&self, from_picture: Vec<DynamicImage>) -> Vec<DynamicImage> {
        let mut from_picture = from_picture.into_iter();
        let place = |larger: &Option<usize>| match larger {
            Some(_) => None,
            None => from_picture.next(),
        };
        let mut thumbs: Vec<Option<DynamicImage>> = self.larger.iter().map(place).collect();
        let mut order: Vec<usize> = (0..self.all.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(rank(&self.all, i)));
        for i in order {
            let larger = self.larger[i].and_then(|larger| thumbs[larger].as_ref());
            if let Some(larger) = larger {
                thumbs[i] = Some(reduced(larger, self.all[i].size));
            }
        }
        thumbs.into_iter().flatten().collect()
    }
}

/// The order of reduction: by number of pixels, then the first one first.
fn rank(all: &[Geometry], i: usize) -> (u64, usize) {
    let Size { width, height } = all[i].size;
    (u64::from(width) * u64::from(height), all.len() - i)
}

fn next_larger(all: &[Geometry], i: usize) -> Option<usize> {
    let is_larger = |&other: &usize| {
        let (larger, smaller) = (all[other].size, all[i].size);
        let is_enough = larger.width >= smaller.width && larger.height >= smaller.height;
        rank(all, other) > rank(all, i) && is_enough && shows_same_part(&all[other], &all[i])
    };
    (0..all.len()).filter(is_larger).min_by_key(|&other| rank(all, other))
}

fn shows_same_part(a: &Geometry, b: &Geometry) -> bool {
    let edges = |g: &Geometry| [g.left, g.top, g.left + g.width, g.top + g.height];
    edges(a).iter().zip(edges(b)).all(|(a, b)| (a - b).abs() < SAME_EDGE)
}

fn reduced(thumb: &DynamicImage, size: Size) -> DynamicImage {
    if (thumb.width(), thumb.height()) == (size.width, size.height) {
        return thumb.clone();
    }
    let (width, height) = (f64::from(thumb.width()), f64::from(thumb.height()));
    let whole = Geometry { left: 0.0, top: 0.0, width, height, size };
    resize_image(thumb.clone(), &[whole]).swap_remove(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn larger(sizes: &[&str], crop: bool) -> Vec<Option<usize>> {
        let options =
            |size: &&str| Options { size: size.parse().unwrap(), crop, ..Options::default() };
        let options: Vec<Options> = sizes.iter().map(options).collect();
        let full = Size { width: 4_000, height: 3_000 };
        Geometries::new(full, Orientation::Rotate90, &options).larger
    }

    #[test]
    fn smaller_thumbnails_are_reduced_from_the_next_larger_one() {
        assert_eq!(larger(&["128", "512", "256"], false), [Some(2), None, Some(1)]);
        assert_eq!(larger(&["5000", "6000", "4000"], false), [None, Some(0), Some(1)]);
        assert_eq!(larger(&["200x", "x200", "100x50"], false), [None, Some(0), Some(1)]);
    }

    #[test]
    fn thumbnails_of_different_parts_are_made_from_the_picture() {
        assert_eq!(larger(&["64x64", "256x256", "128x64"], true), [Some(1), None, None]);
    }

    #[test]
    fn each_thumbnail_has_its_size_and_place() {
        let options =
            [10, 40, 20].map(|side| Options { size: Size::square(side), ..Options::default() });
        let full = Size { width: 80, height: 60 };
        let geometries = Geometries::new(full, Orientation::NoTransforms, &options);
        assert_eq!(geometries.largest().len(), 1);
        assert!((geometries.ratio() - 2.0).abs() < 1e-9);
        let thumbs = geometries.thumbnails(vec![DynamicImage::new_rgb8(40, 30)]);
        let sizes: Vec<_> = thumbs.iter().map(|thumb| (thumb.width(), thumb.height())).collect();
        assert_eq!(sizes, [(10, 8), (40, 30), (20, 15)]);
    }
}
