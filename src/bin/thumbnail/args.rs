//! The command line of thumbnail.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use image::ImageFormat;
use threadbare::cli;
use threadbare::engines::thumbnail::batch::Strategy;
use threadbare::engines::thumbnail::find::Search;
use threadbare::engines::thumbnail::plan::Template;
use threadbare::engines::thumbnail::{Cache, Options, Size};

/// Make thumbnails of images and print their names
///
/// Reads JPEG, PNG, GIF, WebP, TIFF and BMP. Rotates pictures upright, converts them to sRGB and
/// removes metadata; never enlarges. Thumbnails are written atomically.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Cli {
    /// Images and folders of images; without any, names are read from stdin, one per line, and each
    /// thumbnail is made as soon as its name comes
    #[arg(value_name = "FILE|DIR", value_parser = cli::path())]
    pub(crate) names: Vec<PathBuf>,
    /// Names on stdin end with NUL instead of a newline (find -print0)
    #[arg(short = '0', long, conflicts_with = "names")]
    pub(crate) null: bool,
    /// Search folders recursively
    #[arg(short, long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) appearance: AppearanceArgs,
    /// Names of the thumbnails: {stem} is required for more than one image, {size} for more than one
    /// size
    #[arg(short, long, value_name = "TEMPLATE", default_value = "{dir}/{stem}.thumb.{ext}")]
    pub(crate) output: Template,
    /// Fill the thumbnail cache of file managers (`$XDG_CACHE_HOME/thumbnails`, else
    /// `~/.cache/thumbnails`): -s 128, 256, 512 and 1024 are its sizes; what is there and current is
    /// skipped, and an image that could not be decoded is not tried again before it changes or with
    /// --force
    #[arg(long, conflicts_with_all = ["output", "crop", "quality", "format"])]
    pub(crate) freedesktop: bool,
    /// Replace also files that are not thumbnails made by this tool; never an image of this run, as far
    /// as its name has come
    #[arg(long)]
    pub(crate) force: bool,
    /// Skip thumbnails that are not older than their image and have the same size, crop and quality (a
    /// comment in each file tells)
    #[arg(long)]
    pub(crate) skip_existing: bool,
    /// Number of threads [default: one per CPU]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// How to distribute the work: sequential, threads (one per image), channel or rayon
    #[arg(long, value_name = "NAME", default_value = "rayon")]
    pub(crate) strategy: Strategy,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Args)]
pub(crate) struct AppearanceArgs {
    /// Longest side in pixels, a box to fit into such as 256x192, a width (200x) or a height (x200);
    /// several, such as 128,256,512, are made from one read of each image
    #[arg(short, long, value_name = "SIZE,…", default_value = "128", value_delimiter = ',')]
    size: Vec<Size>,
    /// Fill the box and cut off what does not fit
    #[arg(long)]
    crop: bool,
    /// JPEG quality, 1 to 100
    #[arg(short, long, value_name = "N", default_value_t = 75)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    /// File format of the thumbnails [default: by the extension in --output, else jpeg]
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Args, Clone, Copy)]
pub(crate) struct ReportArgs {
    /// Print names in the order of the images instead of the order of completion
    #[arg(long)]
    pub(crate) ordered: bool,
    /// Print a summary to stderr
    #[arg(short)]
    pub(crate) verbose: bool,
    /// Print one JSON object per thumbnail and line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Jpeg,
    Png,
}

impl AppearanceArgs {
    /// How the thumbnails of each image look.
    pub(crate) fn options(&self) -> Vec<Options> {
        let options = |size: &Size| Options { size: *size, crop: self.crop, quality: self.quality };
        self.size.iter().map(options).collect()
    }

    /// The file format, if it is not chosen by names.
    pub(crate) fn format(&self) -> Option<ImageFormat> {
        self.format.map(|format| match format {
            Format::Jpeg => ImageFormat::Jpeg,
            Format::Png => ImageFormat::Png,
        })
    }
}

/// Arguments that do not go together.
#[derive(Debug)]
pub(crate) struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Without `{stem}`, all thumbnails would have the same name.
const NEED_STEM: &str = "need {stem} in --output, or their thumbnails would be one file";

impl Cli {
    /// Checks what can be wrong about these arguments together.
    pub(crate) fn check(&self) -> Result<(), UsageError> {
        let sizes = &self.appearance.size;
        let is_repeated = |&i: &usize| sizes[..i].contains(&sizes[i]);
        if let Some(i) = (0..sizes.len()).find(is_repeated) {
            return Err(UsageError(format!("size {} is given twice", sizes[i])));
        }
        if self.freedesktop {
            let is_wrong = |size: &&Size| !Cache::has_size(**size);
            let wrong = sizes.iter().find(is_wrong);
            return wrong.map_or(Ok(()), |size| {
                let sizes = "128, 256, 512 and 1024";
                Err(UsageError(format!("--freedesktop has the sizes {sizes}, not {size}")))
            });
        }
        if sizes.len() > 1 && !self.output.has_size() {
            let example = "-o '{dir}/{stem}.{size}.thumb.{ext}'";
            let text = format!("several sizes need {{size}} in --output, as in {example}");
            return Err(UsageError(text));
        }
        if self.appearance.crop && sizes.iter().any(|size| size.is_open()) {
            return Err(UsageError("--crop needs a size with both sides, as 200x150".to_owned()));
        }
        if self.names.is_empty() && !self.has_own_names() {
            return Err(UsageError(format!("names on stdin {NEED_STEM}")));
        }
        Ok(())
    }

    /// Whether the names of thumbnails follow from those of their images.
    fn has_own_names(&self) -> bool {
        self.freedesktop || self.output.has_stem()
    }

    /// What to look for: an image with the name of a thumbnail is left out where that would have a
    /// thumbnail beside it.
    pub(crate) fn search(&self) -> Search {
        let with_thumbnails = self.freedesktop || !self.output.has_stem();
        Search { recursive: self.recursive, with_thumbnails }
    }

    /// Checks what can be wrong for so many images.
    pub(crate) fn check_for(&self, n_images: usize) -> Result<(), UsageError> {
        if n_images > 1 && !self.has_own_names() {
            return Err(UsageError(format!("{n_images} images {NEED_STEM}")));
        }
        Ok(())
    }
}
