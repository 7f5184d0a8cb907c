//! Thumbnails of images, beside their source, whole or not at all (book 8.5).

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{fmt, thread};

use image::{DynamicImage, ImageFormat, ImageReader};
use tempfile::Builder;

use crate::sync::Semaphore;

/// The longest side of a thumbnail, as in the book.
const SIDE: u32 = 128;

/// Images in memory at once, whatever the number of threads that ask.
static DECODING: LazyLock<Semaphore> = LazyLock::new(|| {
    let n_cores = thread::available_parallelism().map_or(1, usize::from);
    Semaphore::new(2 * n_cores)
});

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Which image has no thumbnail, and why.
#[derive(Debug)]
pub struct Error {
    path: PathBuf,
    cause: BoxError,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.cause)
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
    let error = |path: &Path, cause| Error { path: path.to_owned(), cause };
    let thumb_path = thumb_path(path);
    let thumb = {
        let _permit = DECODING.acquire();
        shrink(path).map_err(|cause| error(path, cause))?
    };
    write(&thumb, &thumb_path).map_err(|cause| error(&thumb_path, cause))?;
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

/// Writes to a temporary file in the same folder and renames it, so that no reader ever sees half
/// of it.
fn write(thumb: &DynamicImage, path: &Path) -> Result<(), BoxError> {
    let format = ImageFormat::from_path(path).ok().filter(ImageFormat::can_write);
    let format = format.unwrap_or(ImageFormat::Jpeg);
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = new_file().prefix(".thumb").tempfile_in(dir).map_err(|err| bare(&err))?;
    let mut out = BufWriter::new(&mut file);
    match format {
        ImageFormat::Jpeg => thumb.to_rgb8().write_to(&mut out, format)?, // it knows no alpha
        _ => thumb.write_to(&mut out, format)?,
    }
    out.flush()?;
    drop(out);
    file.persist(path).map_err(|err| err.error)?;
    Ok(())
}

/// A temporary file is private by default; a thumbnail is as public as any new file.
fn new_file() -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// tempfile's errors name its own path; ours name the thumbnail's.
fn bare(err: &io::Error) -> io::Error {
    err.raw_os_error().map_or(err.kind().into(), io::Error::from_raw_os_error)
}
