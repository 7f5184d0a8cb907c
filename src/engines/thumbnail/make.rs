//! Making the thumbnails of one image: decode, resize, convert the colours, encode, write.

use std::path::Path;

use image::DynamicImage;

use super::error::Error;
use super::job::{Damage, Target, Thumbnail};
use super::options::Options;
use super::originals::{Originals, OverwriteRule};
use super::{decode, save};

/// Makes one thumbnail of the image at `source`, replacing a file of its name unless that is the image
/// itself.
///
/// # Errors
/// When the image cannot be read or the thumbnail cannot be written. An incomplete thumbnail is
/// never left behind.
///
/// # Examples
/// ```
/// use image::{ImageFormat, RgbImage};
/// use threadbare::engines::thumbnail::{Options, Size, Target, make};
///
/// let dir = tempfile::tempdir()?;
/// let photo = dir.path().join("photo.png");
/// RgbImage::new(40, 20).save(&photo)?;
/// let target = Target {
///     path: dir.path().join("small.jpg"),
///     format: ImageFormat::Jpeg,
///     options: Options { size: Size::square(10), ..Options::default() },
///     cache_entry: None,
/// };
///
/// let thumbnail = make(&photo, &target)?;
/// assert_eq!((thumbnail.width, thumbnail.height), (10, 5));
/// assert_eq!(thumbnail.n_bytes, std::fs::metadata(&target.path)?.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn make(source: &Path, target: &Target) -> Result<Thumbnail, Error> {
    let originals = Originals::new([source]);
    let rule = OverwriteRule { originals: &originals, force: true };
    rule.check(&target.path).map_err(|cause| Error::new(&target.path, cause))?;
    let (mut images, damage) = decoded(source, &[target])?;
    save(&images.swap_remove(0), target, damage, rule)
}

/// Makes thumbnails of the image at `source`, replacing files of their names if `rule` allows that.
/// There is one error for all of them if the image cannot be decoded.
pub(super) fn make_if_allowed(
    source: &Path,
    targets: &[Target],
    rule: OverwriteRule<'_>,
) -> Vec<Result<Thumbnail, Error>> {
    let (mut allowed, mut made) = (Vec::new(), Vec::new());
    for target in targets {
        match rule.check(&target.path) {
            Ok(()) => allowed.push(target),
            Err(cause) => made.push(Err(Error::new(&target.path, cause))),
        }
    }
    if allowed.is_empty() {
        return made;
    }
    match decoded(source, &allowed) {
        Ok((images, damage)) => {
            let images = images.iter().zip(allowed);
            made.extend(images.map(|(image, target)| save(image, target, damage, rule)));
        }
        Err(err) => made.push(Err(err)),
    }
    made
}

fn decoded(
    source: &Path,
    targets: &[&Target],
) -> Result<(Vec<DynamicImage>, Option<Damage>), Error> {
    let options: Vec<Options> = targets.iter().map(|target| target.options).collect();
    decode::thumbnails(source, &options).map_err(|cause| Error::new(source, cause))
}

fn save(
    image: &DynamicImage,
    target: &Target,
    damage: Option<Damage>,
    rule: OverwriteRule<'_>,
) -> Result<Thumbnail, Error> {
    let path = &target.path;
    let saved = save::encode(image, target)
        .and_then(|bytes| save::write(&bytes, target, rule).map(|()| bytes.len() as u64));
    let n_bytes = saved.map_err(|cause| Error::new(path, cause))?;
    let (width, height) = (image.width(), image.height());
    Ok(Thumbnail { path: path.clone(), width, height, n_bytes, damage })
}
