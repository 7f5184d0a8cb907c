//! Planning: the path of each thumbnail, and which of them would collide.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use image::ImageFormat;

use super::error::{Cause, Error};
use super::job::{Job, Target};
use super::options::Options;
use super::originals::{Originals, Place};
use super::size::Size;

/// Extensions of JPEG files; a thumbnail in this format keeps that of its image.
const JPEG: [&str; 4] = ["jpg", "jpeg", "jpe", "jfif"];

/// What a thumbnail can be.
const FORMATS: [ImageFormat; 2] = [ImageFormat::Jpeg, ImageFormat::Png];

/// A pattern that turns the path of an image into the path of its thumbnail.
#[derive(Clone, Debug)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Dir,
    Stem,
    Size,
    Extension,
}

impl Default for Template {
    /// `{dir}/{stem}.thumb.{ext}`.
    fn default() -> Self {
        let text = |text: &str| Part::Text(text.to_owned());
        Template(vec![Part::Dir, text("/"), Part::Stem, text(".thumb."), Part::Extension])
    }
}

impl FromStr for Template {
    type Err = String;

    /// Parses text that may contain `{dir}`, `{stem}`, `{size}` and `{ext}`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("{ without }")?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(match name {
                "dir" => Part::Dir,
                "stem" => Part::Stem,
                "size" => Part::Size,
                "ext" => Part::Extension,
                _ => {
                    let names = "{dir}, {stem}, {size} or {ext}";
                    return Err(format!("unknown placeholder {{{name}}}: use {names}"));
                }
            });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        if parts.is_empty() {
            return Err("it is empty".to_owned());
        }
        if let Some(Part::Text(end)) = parts.last()
            && let Ok(format) = ImageFormat::from_path(format!("x{end}"))
            && !FORMATS.contains(&format)
        {
            let name = format.extensions_str()[0];
            return Err(format!("thumbnails are JPEG or PNG, not {name}"));
        }
        Ok(Template(parts))
    }
}

impl Template {
    /// Whether the names of thumbnails differ by the names of their images: it contains `{stem}`.
    pub fn has_stem(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Stem))
    }

    /// Whether the names of thumbnails differ by their sizes: it contains `{size}`.
    pub fn has_size(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Size))
    }

    /// The path of the thumbnail of `image`; an image without extension gets one without.
    fn apply(&self, image: &Path, format: ImageFormat, size: Size) -> PathBuf {
        let dir = image.parent().unwrap_or(Path::new(""));
        let mut name = OsString::new();
        let mut skip_slash = false;
        for part in &self.0 {
            match part {
                Part::Text(text) => {
                    name.push(text.strip_prefix('/').filter(|_| skip_slash).unwrap_or(text));
                }
                Part::Dir => name.push(dir),
                Part::Stem => name.push(image.file_stem().unwrap_or_default()),
                Part::Size => name.push(size.to_string()),
                Part::Extension => match extension(image, format) {
                    Some(extension) => name.push(extension),
                    None => name = without_dot(&name),
                },
            }
            // An empty {dir} must not turn a relative path into an absolute one.
            skip_slash = matches!(part, Part::Dir) && dir.as_os_str().is_empty();
        }
        PathBuf::from(name)
    }
}

/// Turns `x.thumb.` into `x.thumb`.
fn without_dot(name: &OsString) -> OsString {
    let path = Path::new(name);
    let has_dot = path.extension().is_some_and(OsStr::is_empty);
    if has_dot { path.with_extension("").into_os_string() } else { name.clone() }
}

fn extension(image: &Path, format: ImageFormat) -> Option<OsString> {
    let extension = image.extension()?;
    let is_jpeg = JPEG.iter().any(|known| extension.eq_ignore_ascii_case(known));
    Some(match format {
        ImageFormat::Png => "png".into(),
        _ if is_jpeg => extension.to_owned(),
        _ => "jpg".into(),
    })
}

/// The path of a thumbnail beside its image: `dir/x.thumb.jpg` for `dir/x.jpg`, and `dir/x.thumb`
/// for `dir/x`.
pub(super) fn beside(image: &Path) -> PathBuf {
    let mut name = image.file_stem().unwrap_or_default().to_owned();
    name.push(".thumb");
    if let Some(extension) = image.extension() {
        name.push(".");
        name.push(extension);
    }
    image.with_file_name(name)
}

/// What the jobs of a batch have in common.
#[derive(Clone, Copy, Debug)]
pub struct Common<'a> {
    /// The names of the thumbnails.
    pub template: &'a Template,
    /// Their file format. Without one the extension of each thumbnail decides, and it is JPEG for
    /// `{ext}` and for other extensions.
    pub format: Option<ImageFormat>,
    /// How the thumbnails of each image look.
    pub options: &'a [Options],
    /// The images, as far as they are known: none of them is replaced.
    pub originals: &'a Originals,
    /// Whether an image may come again, because it has changed in the meantime.
    pub may_repeat: bool,
}

/// Turns images into jobs.
#[derive(Debug)]
pub struct Planner<'a> {
    common: Common<'a>,
    /// The image of each thumbnail planned so far.
    planned: HashMap<Place, PathBuf>,
}

impl<'a> Planner<'a> {
    /// A planner that has planned nothing yet.
    pub fn new(common: Common<'a>) -> Self {
        Planner { common, planned: HashMap::new() }
    }

    /// The job for the image at `source`.
    ///
    /// # Errors
    /// When a thumbnail would be the same file as another one or would overwrite an image, whatever
    /// the spelling.
    pub fn job(&mut self, source: PathBuf) -> Result<Job, Error> {
        let Common { options, .. } = self.common;
        let targets = options.iter().map(|options| self.target(&source, *options));
        let targets = targets.collect::<Result<_, _>>()?;
        Ok(Job { source, targets })
    }

    fn target(&mut self, source: &Path, options: Options) -> Result<Target, Error> {
        let Common { template, format, originals, may_repeat, .. } = self.common;
        let path = template.apply(source, format.unwrap_or(ImageFormat::Jpeg), options.size);
        if originals.contains(&path) {
            return Err(Error::new(source, Cause::ReplacesSource));
        }
        let place = Place::of_path(&path).map_err(|err| Error::new(&path, err.into()))?;
        if let Some(other) = self.planned.get(&place)
            && !(may_repeat && other == source)
        {
            return Err(Error::new(source, Cause::SameThumbnail(other.clone())));
        }
        self.planned.insert(place, source.to_owned());
        let format = format.or_else(|| format_by_extension(&path)).unwrap_or(ImageFormat::Jpeg);
        Ok(Target { path, format, options, cache_entry: None })
    }
}

fn format_by_extension(thumb: &Path) -> Option<ImageFormat> {
    ImageFormat::from_path(thumb).ok().filter(|format| FORMATS.contains(format))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_give_the_names_of_thumbnails() {
        let check = |template: &str, image: &str, expected: &str| {
            let template = template.parse::<Template>().unwrap();
            let thumb = template.apply(Path::new(image), ImageFormat::Jpeg, Size::square(64));
            assert_eq!(thumb, Path::new(expected), "{image}");
        };
        let book = "{dir}/{stem}.thumb.{ext}";
        check(book, "foo.jpg", "foo.thumb.jpg");
        check(book, "d/foo.JPEG", "d/foo.thumb.JPEG");
        check(book, "/foo.png", "/foo.thumb.jpg");
        check(book, "d/foo", "d/foo.thumb");
        check(book, "a.b.tiff", "a.b.thumb.jpg");
        check("t/{stem}.{ext}", "d/foo.gif", "t/foo.jpg");
        check("t/{dir}/{stem}.{ext}", "foo.gif", "t/foo.jpg");
        check("t/{dir}/{stem}.{ext}", "/d/foo.gif", "t//d/foo.jpg");
        check("{dir}/{stem}", "foo.jpg", "foo");
        check("{dir}/{stem}.{size}.thumb.{ext}", "d/foo.jpg", "d/foo.64.thumb.jpg");
        check("out.jpg", "d/foo.png", "out.jpg");
    }

    #[test]
    fn the_default_template_is_as_documented() {
        let thumb = |image: &str| {
            Template::default().apply(Path::new(image), ImageFormat::Png, Size::square(64))
        };
        assert_eq!(thumb("d/x.png"), Path::new("d/x.thumb.png"));
        assert_eq!(thumb("x"), Path::new("x.thumb"));
    }

    #[test]
    fn invalid_templates_are_refused() {
        for text in ["", "{stem", "{name}", "{stem}{}", "{stem}.webp", "out.gif"] {
            assert!(text.parse::<Template>().is_err(), "{text}");
        }
    }

    #[test]
    fn colliding_names_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["a.jpg", "a.png", "./a.jpg", "b.thumb.jpg", "b.jpg"];
        let paths = names.map(|name| dir.path().join(name));
        for path in &paths {
            std::fs::write(path, b"").unwrap();
        }
        let originals = Originals::new(&paths);
        let template = Template::default();
        let common = Common {
            template: &template,
            format: None,
            options: &[Options::default()],
            originals: &originals,
            may_repeat: false,
        };
        let mut planner = Planner::new(common);
        let jobs = paths.map(|path| planner.job(path));
        let is_ok: Vec<bool> = jobs.iter().map(Result::is_ok).collect();
        assert_eq!(is_ok, [true, false, false, true, false]);
        let cause = |i: usize| jobs[i].as_ref().unwrap_err().cause.to_string();
        let same = "its thumbnail would overwrite the thumbnail of ";
        assert!(cause(1).starts_with(same) && cause(2).starts_with(same));
        assert_eq!(cause(4), "its thumbnail would overwrite an image");
    }
}
