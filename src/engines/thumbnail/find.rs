//! Which images are meant by the names of files and folders.

use std::fs;
use std::path::{Path, PathBuf};

use jwalk::{Parallelism, WalkDir};

use super::{Cause, Error};

/// Extensions that make a file in a folder an image. HEIC and AVIF are among them so that they
/// are named as not supported instead of missed.
const EXTENSIONS: [&str; 13] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp", "tif", "tiff", "bmp", "heic", "heif",
    "avif",
];

/// Threads that read folders: a disk wants more than one question at a time.
const WALKERS: usize = 4;

/// The images that `names` mean: a file means itself, a folder the images directly in it, or with
/// `recursive` in the whole tree, in the order of their names. Thumbnails are left out, and so are
/// hidden files and folders; a tree is followed through no symbolic link.
pub fn images(names: &[PathBuf], recursive: bool) -> Vec<Result<PathBuf, Error>> {
    names.iter().flat_map(|name| images_of(name, recursive)).collect()
}

fn images_of(name: &Path, recursive: bool) -> Vec<Result<PathBuf, Error>> {
    match fs::metadata(name) {
        Ok(info) if info.is_dir() && recursive => below(name),
        Ok(info) if info.is_dir() => {
            directly_in(name).unwrap_or_else(|err| vec![Err(Error::new(name, err.into()))])
        }
        Ok(info) if !info.is_file() => vec![Err(Error::new(name, Cause::NotAFile))],
        Ok(_) if is_thumbnail(name) => Vec::new(),
        Ok(_) => vec![Ok(name.to_owned())],
        Err(err) => vec![Err(Error::new(name, err.into()))],
    }
}

fn directly_in(dir: &Path) -> std::io::Result<Vec<Result<PathBuf, Error>>> {
    let entries = fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    let paths = entries.into_iter().map(|entry| entry.path());
    let mut images: Vec<PathBuf> = paths.filter(|path| is_image(path) && path.is_file()).collect();
    images.sort();
    Ok(images.into_iter().map(Ok).collect())
}

fn below(dir: &Path) -> Vec<Result<PathBuf, Error>> {
    let walk = WalkDir::new(dir).sort(true).skip_hidden(true);
    let walk = walk.parallelism(Parallelism::RayonNewPool(WALKERS)); // a shared pool can deadlock
    let found = walk.into_iter().filter_map(|entry| match entry {
        Ok(entry) => {
            let path = entry.path();
            let unread = entry.read_children.as_ref().and_then(|children| children.error());
            let unread = unread.map(|err| Err(walk_error(&path, err)));
            unread.or_else(|| (is_image(&path) && path.is_file()).then_some(Ok(path)))
        }
        Err(err) => Some(Err(walk_error(dir, &err))),
    });
    found.collect()
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
    !hidden
        && EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
        && !is_thumbnail(path)
}

/// Whether the name is that of a thumbnail: `x.thumb.jpg`, or `x.thumb`.
fn is_thumbnail(path: &Path) -> bool {
    let is_thumb = |path: &Path| path.extension().is_some_and(|extension| extension == "thumb");
    is_thumb(path) || path.file_stem().is_some_and(|stem| is_thumb(Path::new(stem)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_are_known_by_name() {
        for name in ["a.thumb.jpg", "d/a.thumb.JPEG", "a.thumb", "a.b.thumb.png"] {
            assert!(is_thumbnail(Path::new(name)), "{name}");
        }
        for name in ["a.jpg", "thumb.jpg", "thumb", "a.thumbs.jpg", "a.thumb.b.jpg", "x.thumb/a"] {
            assert!(!is_thumbnail(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn images_are_known_by_extension() {
        for name in ["a.jpg", "a.JPEG", "d/a.b.Png", "a.heic"] {
            assert!(is_image(Path::new(name)), "{name}");
        }
        for name in ["a", "a.txt", ".a.jpg", "jpg", ".jpg", "a.thumb.jpg"] {
            assert!(!is_image(Path::new(name)), "{name}");
        }
    }
}
