//! Thumbnails of images, beside their source, whole or not at all (book 8.5).

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{fmt, thread};

use image::{DynamicImage, ImageFormat, ImageReader};

use crate::files;
use crate::sync::Semaphore;

/// The longest side of a thumbnail, as in the book.
const SIDE: u32 = 128;

/// Images in memory at once, whatever the number of threads that ask.
static DECODING: LazyLock<Semaphore> = LazyLock::new(|| {
    let n_cores = thread::available_parallelism().map_or(1, usize::from);
    Semaphore::new(2 * n_cores)
});

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Which file, and why there is no thumbnail.
#[derive(Debug)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Writes a thumbnail of the image in `path` beside it, as `NAME.thumb.EXT`, and returns its name.
///
/// Its longest side is at most 128 pixels; a smaller image is not enlarged. The format is that of
/// the extension, JPEG where there is none.
///
/// # Errors
/// When the image cannot be read or the thumbnail not be written. No part of one is left behind.
pub fn image_file(path: &Path) -> Result<PathBuf, Error> {
    let thumb_path = thumb_path(path);
    let thumb = {
        let _permit = DECODING.acquire();
        shrink(path).map_err(|cause| Error(format!("{}: {cause}", path.display())))?
    };
    write(&thumb, &thumb_path).map_err(|cause| Error(cause.to_string()))?;
    Ok(thumb_path)
}

/// `dir/x.jpg` becomes `dir/x.thumb.jpg`, and `dir/x` `dir/x.thumb`.
fn thumb_path(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(".thumb");
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

fn shrink(path: &Path) -> Result<DynamicImage, BoxError> {
    let image = ImageReader::open(path)?.with_guessed_format()?.decode()?;
    let fits = image.width().max(image.height()) <= SIDE;
    Ok(if fits { image } else { image.thumbnail(SIDE, SIDE) })
}

/// Encoded before the file is touched: it is then written in one go, whole or not at all.
fn write(thumb: &DynamicImage, path: &Path) -> Result<(), BoxError> {
    let format = ImageFormat::from_path(path).ok().filter(ImageFormat::can_write);
    let format = format.unwrap_or(ImageFormat::Jpeg);
    let mut bytes = Cursor::new(Vec::new());
    match format {
        ImageFormat::Jpeg => thumb.to_rgb8().write_to(&mut bytes, format)?, // it knows no alpha
        _ => thumb.write_to(&mut bytes, format)?,
    }
    Ok(files::write(path, bytes.get_ref())?)
}
