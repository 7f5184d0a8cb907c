//! Finding the images that names of files and folders stand for.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jwalk::{Parallelism, WalkDir};

use super::error::{Cause, Error};
use super::signature;
use crate::threads::rayon_pool;

/// Extensions by which files in a folder are taken for images. HEIC and AVIF are listed so that an
/// error reports them as not supported, instead of skipping them silently.
const EXTENSIONS: [&str; 18] = [
    "jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "gif", "webp", "tif", "tiff", "btf", "bmp",
    "dib", "heic", "heif", "hif", "avif",
];

/// Threads that read directories: a disk is faster with several requests in flight.
const WALK_THREADS: usize = 4;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// Search the whole tree of a folder.
    pub recursive: bool,
    /// Take files with the names of thumbnails for images too.
    pub with_thumbnails: bool,
}

/// Expands `names` to images: a file stands for itself, a folder for the images directly in it or in
/// the whole tree, sorted by name. Thumbnails, hidden files and hidden folders are left out, and
/// symbolic links to folders are not followed. A name that cannot be read is an error in its place.
pub fn images(names: &[PathBuf], search: Search) -> Vec<Result<PathBuf, Error>> {
    names.iter().flat_map(|name| images_of(name, search)).collect()
}

/// As [`images`] for one name that another program prints, such as one that watches a folder in which
/// thumbnails are made: without thumbnails made by this crate, whatever their names are.
pub fn images_streamed(name: &Path, search: Search) -> Vec<Result<PathBuf, Error>> {
    let is_thumbnail = |path: &PathBuf| signature::is_ours(path).unwrap_or(false);
    let mut images = images_of(name, search);
    if !search.with_thumbnails {
        images.retain(|image| !image.as_ref().is_ok_and(is_thumbnail));
    }
    images
}

fn images_of(name: &Path, search: Search) -> Vec<Result<PathBuf, Error>> {
    let mut images = match fs::metadata(name) {
        Ok(info) if info.is_dir() && search.recursive => in_tree(name),
        Ok(info) if info.is_dir() => {
            directly_in(name).unwrap_or_else(|err| vec![Err(Error::new(name, err.into()))])
        }
        Ok(info) if !info.is_file() => vec![Err(Error::new(name, Cause::NotAFile))],
        Ok(_) => vec![Ok(name.to_owned())],
        Err(err) => vec![Err(Error::new(name, err.into()))],
    };
    if !search.with_thumbnails {
        images.retain(|image| !image.as_ref().is_ok_and(|path| is_thumbnail(path)));
    }
    images
}

fn directly_in(dir: &Path) -> std::io::Result<Vec<Result<PathBuf, Error>>> {
    let entries = fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    let paths = entries.into_iter().map(|entry| entry.path());
    let mut images: Vec<PathBuf> = paths.filter(|path| is_image(path) && path.is_file()).collect();
    images.sort();
    Ok(images.into_iter().map(Ok).collect())
}

fn in_tree(dir: &Path) -> Vec<Result<PathBuf, Error>> {
    let walk = WalkDir::new(dir).sort(true).skip_hidden(true);
    // A pool of its own, because a walk can deadlock in a shared one.
    let pool = rayon_pool(WALK_THREADS, None).map(Arc::new);
    let on_pool = |pool| Parallelism::RayonExistingPool { pool, busy_timeout: None };
    let walk = walk.parallelism(pool.map_or(Parallelism::Serial, on_pool));
    let images = walk.into_iter().filter_map(|entry| match entry {
        Ok(entry) => {
            let path = entry.path();
            let failure = entry.read_children.as_ref().and_then(|children| children.error());
            let failure = failure.map(|err| Err(walk_error(&path, err)));
            failure.or_else(|| (is_image(&path) && path.is_file()).then_some(Ok(path)))
        }
        Err(err) => Some(Err(walk_error(dir, &err))),
    });
    images.collect()
}

fn walk_error(dir: &Path, err: &jwalk::Error) -> Error {
    let path = err.path().unwrap_or(dir);
    let code = err.io_error().and_then(std::io::Error::raw_os_error);
    let cause = match code {
        Some(code) => std::io::Error::from_raw_os_error(code).into(),
        None => Cause::Walk(err.to_string()),
    };
    Error::new(path, cause)
}

fn is_image(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let extension = path.extension().unwrap_or_default();
    !hidden && EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Whether the name is one that thumbnails have by default: `x.thumb.jpg` or `x.thumb`.
fn is_thumbnail(path: &Path) -> bool {
    let is_thumb = |path: &Path| path.extension().is_some_and(|extension| extension == "thumb");
    is_thumb(path) || path.file_stem().is_some_and(|stem| is_thumb(Path::new(stem)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_are_recognized_by_name() {
        for name in ["a.thumb.jpg", "d/a.thumb.JPEG", "a.thumb", "a.b.thumb.png"] {
            assert!(is_thumbnail(Path::new(name)), "{name}");
        }
        for name in ["a.jpg", "thumb.jpg", "thumb", "a.thumbs.jpg", "a.thumb.b.jpg", "x.thumb/a"] {
            assert!(!is_thumbnail(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn images_are_recognized_by_extension() {
        for name in ["a.jpg", "a.JPEG", "d/a.b.Png", "a.heic", "a.mpo", "a.apng", "a.DIB", "a.btf"]
        {
            assert!(is_image(Path::new(name)), "{name}");
        }
        for name in ["a", "a.txt", ".a.jpg", "jpg", ".jpg"] {
            assert!(!is_image(Path::new(name)), "{name}");
        }
    }
}
