//! Making one thumbnail: decode, resize, convert the colours, encode, write.

use super::error::Error;
use super::job::{Job, Thumbnail};
use super::options::Options;
use super::originals::{Originals, OverwriteRule};
use super::{decode, save};

/// Makes one thumbnail, replacing a file of its name unless that is the image itself.
///
/// # Errors
/// When the image cannot be read or the thumbnail cannot be written. An incomplete thumbnail is
/// never left behind.
///
/// # Examples
/// ```
/// use image::{ImageFormat, RgbImage};
/// use threadbare::engines::thumbnail::{Job, Options, Size, make};
///
/// let dir = tempfile::tempdir()?;
/// let job = Job {
///     source: dir.path().join("photo.png"),
///     thumb: dir.path().join("small.jpg"),
///     format: ImageFormat::Jpeg,
/// };
/// RgbImage::new(40, 20).save(&job.source)?;
///
/// let thumbnail = make(&job, &Options { size: Size::square(10), ..Options::default() })?;
/// assert_eq!((thumbnail.width, thumbnail.height), (10, 5));
/// assert_eq!(thumbnail.n_bytes, std::fs::metadata(&job.thumb)?.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn make(job: &Job, options: &Options) -> Result<Thumbnail, Error> {
    let originals = Originals::new([&job.source]);
    make_if_allowed(job, options, OverwriteRule { originals: &originals, force: true })
}

/// Makes one thumbnail, replacing a file of its name if `rule` allows that.
pub(super) fn make_if_allowed(
    job: &Job,
    options: &Options,
    rule: OverwriteRule<'_>,
) -> Result<Thumbnail, Error> {
    rule.check(&job.thumb).map_err(|cause| Error::new(&job.thumb, cause))?;
    let (image, damage) =
        decode::thumbnail(&job.source, options).map_err(|cause| Error::new(&job.source, cause))?;
    let saved = save::encode(&image, job.format, options.quality)
        .and_then(|bytes| save::write(&bytes, &job.thumb, rule).map(|()| bytes.len() as u64));
    let n_bytes = saved.map_err(|cause| Error::new(&job.thumb, cause))?;
    Ok(Thumbnail { width: image.width(), height: image.height(), n_bytes, damage })
}
