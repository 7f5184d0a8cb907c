//! What became of an image, for other programs to read.

use std::path::Path;

use serde::Serialize;

use super::batch::Outcome;
use super::{Error, Job};

/// One image. Names that are not UTF-8 have replacement characters.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct Record {
    /// The image; of a failure, whichever file is to blame.
    pub image: String,
    /// made, damaged, skipped or failed.
    pub status: &'static str,
    /// Its thumbnail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<String>,
    /// The thumbnail's width and height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<[u32; 2]>,
    /// The thumbnail's size as a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Record {
    /// Of a job that has ended.
    pub fn new(job: &Job, outcome: &Outcome) -> Self {
        let image = text(&job.source);
        let thumbnail = Some(text(&job.thumb));
        match outcome {
            Outcome::Made(made) => Record {
                image,
                status: if made.damage.is_some() { "damaged" } else { "made" },
                thumbnail,
                size: Some([made.width, made.height]),
                bytes: Some(made.n_bytes),
                error: made.damage.map(|damage| damage.to_string()),
            },
            Outcome::Skipped => Record { image, status: "skipped", thumbnail, ..Record::default() },
            Outcome::Failed(err) => Record { image, ..Record::failed(err) },
        }
    }

    /// Of an image that did not come to be a job.
    pub fn failed(err: &Error) -> Self {
        let error = Some(err.cause.to_string());
        Record { image: text(&err.path), status: "failed", error, ..Record::default() }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
