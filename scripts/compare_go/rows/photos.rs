//! 8.5: making thumbnails of the same photographs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use threadbare::fs::atomic;

use super::super::case::{Bench, Row, Runner, Sample};
use super::super::run::Job;
use super::super::ssim;
use super::{go_sides, shown, usual};

pub(crate) const THUMBNAIL: Row = Row {
    name: "thumbnail",
    title: "Thumbnails of a folder of photographs (8.5)",
    programs: &["thumbnails6"],
    why: "The work is decoding, and both sides use all CPUs. Ours skips most of it: a JPEG much larger \
          than its thumbnail is decoded at an eighth of its size, from the first coefficient of each \
          block. That is an algorithm, not threads, and the price is a decoder of our own. The original \
          samples the nearest pixel, which is fast and rough: compare SSIM, where 1 is perfect.",
    run: thumbnail,
};

/// 12 megapixels, the size of a phone camera's photographs.
const SIZE: (u16, u16) = (4_000, 3_000);

fn thumbnail(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let n_photos = bench.pick(24, 6);
    let photos = make_photos(&bench.work.join("photos"), n_photos)?;
    let programs = bench.programs;
    let ours = Job::new(programs.ours("thumbnail"));
    let mut sides = Vec::new();
    let out = make_dir(&bench.work.join("thumbs-ours"))?;
    let template = format!("{}/{{stem}}.{{ext}}", out.display());
    sides.push(batch("thumbnail", ours.args(["-o", &template]), &out, &photos));
    for (i, (label, program)) in
        go_sides(bench, Some("thumbnail"), Some("thumbnail")).into_iter().enumerate()
    {
        let out = make_dir(&bench.work.join(format!("thumbs-go-{i}")))?;
        sides.push(batch(label, Job::new(program).arg("-o").arg(&out), &out, &photos));
    }
    bench.case(format!("{n_photos} photographs of 12 megapixels"), bench.pick(5, 3), sides)?;
    for name in ["thumbs-ours", "thumbs-go-0", "thumbs-go-1"] {
        if let Ok((ssim, psnr)) = likeness(&photos[0], &bench.work.join(name)) {
            bench.note(format!(
                "{name}: SSIM {ssim:.3}, PSNR {psnr:.1} dB against a Lanczos reduction of the whole picture"
            ));
        }
    }
    bench.note(
        "The photographs are synthetic (texture and noise); scripts/compare-thumbnail takes real \
                ones, and adds libvips.",
    );
    Ok(())
}

fn batch<'a>(label: &str, job: Job, out: &Path, photos: &'a [PathBuf]) -> Runner<'a> {
    let (job, out) = (job.args(photos), out.to_owned());
    Runner::new(label, shown(&job), move || {
        for thumb in fs::read_dir(&out)? {
            fs::remove_file(thumb?.path())?;
        }
        let outcome = job.run()?;
        let mut sizes = Vec::new();
        for photo in photos {
            let thumb = out.join(photo.file_name().context("the photograph has no name")?);
            sizes.push(
                image::image_dimensions(&thumb).with_context(|| thumb.display().to_string())?,
            );
        }
        sizes.dedup();
        let answer = format!("{} thumbnails of {sizes:?}", photos.len());
        Ok(Sample::whole(usual(&outcome), answer))
    })
}

fn make_dir(path: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(path).with_context(|| path.display().to_string())?;
    Ok(path.to_owned())
}

/// `n` different photographs, kept for the next run.
fn make_photos(dir: &Path, n: u32) -> anyhow::Result<Vec<PathBuf>> {
    let dir = make_dir(dir)?;
    (0..n)
        .map(|i| {
            let path = dir.join(format!("{i}.jpg"));
            if !path.exists() {
                atomic::write(&path, &photo(i))?;
            }
            Ok(path)
        })
        .collect()
}

fn photo(seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_add(1);
    let tilt = f64::from(seed) / 10.0;
    let image = RgbImage::from_fn(SIZE.0.into(), SIZE.1.into(), |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (x, y) = (f64::from(x), f64::from(y));
        let wave = ((x / 97.0 + tilt).sin() + ((y + x * tilt) / 61.0).cos()) * 50.0 + 110.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "10 to 233")]
        let level = wave as u8 + (state >> 28) as u8;
        Rgb([level, level / 2 + 60, 255 - level])
    });
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 88);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(image.as_raw(), SIZE.0, SIZE.1, ColorType::Rgb).expect("a picture of that size");
    file
}

/// SSIM and PSNR of a thumbnail against a Lanczos reduction of its photograph.
fn likeness(photo: &Path, thumbs: &Path) -> anyhow::Result<(f64, f64)> {
    let thumb = thumbs.join(photo.file_name().context("the photograph has no name")?);
    let thumb = image::open(thumb)?.into_rgb8();
    let photo = image::open(photo)?.into_rgb8();
    let (width, height) = thumb.dimensions();
    let reference = imageops::resize(&photo, width, height, FilterType::Lanczos3);
    ensure!(reference.dimensions() == thumb.dimensions(), "sizes differ");
    Ok((ssim::ssim(&reference, &thumb), ssim::psnr(&reference, &thumb)))
}
