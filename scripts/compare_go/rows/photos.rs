//! 8.5: making thumbnails of the same photographs.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::case::{Bench, Row, Runner, Sample};
use super::super::photographs::{make_dir, make_photos};
use super::super::run::Job;
use super::super::ssim;
use super::{go_sides, shown, usual};
use anyhow::{Context, ensure};
use image::imageops::{self, FilterType};

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
