//! 8.5: thumbnails by strategy and number of threads, and the JPEG decoder alone.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossbeam::channel;
use image::{ImageFormat, Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use tempfile::TempDir;
use threadbare::engines::thumbnail::batch::{self, Batch, Strategy};
use threadbare::engines::thumbnail::{self, Job, Options, Originals, Target};

const N_IMAGES: usize = 16;
const SIDE: u16 = 1_600;

/// A picture with texture and noise, so that its blocks have as many coefficients as in a
/// photograph.
fn photo(is_progressive: bool) -> Vec<u8> {
    let mut state = 1u32;
    let image = RgbImage::from_fn(SIDE.into(), SIDE.into(), |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let wave = ((f64::from(x) / 37.0).sin() + (f64::from(y) / 23.0).cos()) * 50.0 + 110.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "10 to 233")]
        let level = wave as u8 + (state >> 28) as u8;
        Rgb([level, level / 2 + 60, 255 - level])
    });
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 85);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_progressive(is_progressive);
    encoder.encode(image.as_raw(), SIDE, SIDE, ColorType::Rgb).expect("a picture of that size");
    file
}

fn jobs(dir: &Path, file: &[u8]) -> Vec<Job> {
    let job = |i: usize| {
        let source = dir.join(format!("{i}.jpg"));
        fs::write(&source, file).expect("a temporary folder can be written");
        let target = Target {
            path: dir.join(format!("{i}.thumb.jpg")),
            format: ImageFormat::Jpeg,
            options: Options::default(),
            cache_entry: None,
        };
        Job { source, targets: vec![target] }
    };
    (0..N_IMAGES).map(job).collect()
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn thumbnails(c: &mut Criterion) {
    let dir = folder();
    let jobs = jobs(dir.path(), &photo(false));
    let originals = Originals::new(jobs.iter().map(|job| &job.source));
    let mut group = c.benchmark_group("thumbnails");
    group.sample_size(10).throughput(Throughput::Elements(N_IMAGES as u64));
    let strategies = [
        ("sequential", Strategy::Sequential),
        ("threads", Strategy::Threads),
        ("channel", Strategy::Channel),
        ("rayon", Strategy::Rayon),
    ];
    for (name, strategy) in strategies {
        let has_choice = matches!(strategy, Strategy::Channel | Strategy::Rayon);
        for n_threads in if has_choice { &[1, 2, 4][..] } else { &[1] } {
            let batch = Batch {
                originals: &originals,
                force: false,
                skip_existing: false,
                n_threads: *n_threads,
                strategy,
            };
            group.bench_with_input(BenchmarkId::new(name, n_threads), &batch, |b, batch| {
                b.iter(|| {
                    let (done_tx, done_rx) = channel::bounded(N_IMAGES);
                    batch::run(jobs.iter().cloned().map(Ok), batch, &done_tx);
                    drop(done_tx);
                    done_rx.iter().count()
                });
            });
        }
    }
    group.finish();
}

/// One image, from file to file; everything but decoding is the same for both formats.
fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("jpeg");
    for (name, is_progressive) in [("baseline", false), ("progressive", true)] {
        let (dir, file) = (folder(), photo(is_progressive));
        let job = jobs(dir.path(), &file).swap_remove(0);
        group.throughput(Throughput::Bytes(file.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| black_box(thumbnail::make(&job.source, &job.targets[0])).is_ok());
        });
    }
    group.finish();
}

criterion_group!(benches, thumbnails, decode);
criterion_main!(benches);
