//! The outcome of a job as a JSON record.

use std::path::Path;

use serde::Serialize;

use super::batch::Outcome;
use super::error::Error;
use super::job::Job;

/// The outcome for one image. Bytes of a path that are not UTF-8 become replacement characters.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct Record {
    /// Path of the image; of a failure, the path at fault.
    pub image: String,
    /// `made`, `damaged`, `skipped` or `failed`.
    pub status: &'static str,
    /// Path of its thumbnail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<String>,
    /// Width and height of the thumbnail in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<[u32; 2]>,
    /// Size of the thumbnail's file in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The cause of a failure, or the damage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Record {
    /// The record of a job that has ended.
    pub fn new(job: &Job, outcome: &Outcome) -> Self {
        let image = text(&job.source);
        let thumbnail = Some(text(&job.thumb));
        match outcome {
            Outcome::Made(thumb) => Record {
                image,
                status: if thumb.damage.is_some() { "damaged" } else { "made" },
                thumbnail,
                size: Some([thumb.width, thumb.height]),
                bytes: Some(thumb.n_bytes),
                error: thumb.damage.map(|damage| damage.to_string()),
            },
            Outcome::Skipped => Record { image, status: "skipped", thumbnail, ..Record::default() },
            Outcome::Failed(err) => Record { image, ..Record::failed(err) },
        }
    }

    /// The record of an image for which there was no job.
    pub fn failed(err: &Error) -> Self {
        let error = Some(err.cause.to_string());
        Record { image: text(&err.path), status: "failed", error, ..Record::default() }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
