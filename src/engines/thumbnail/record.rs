//! What became of a thumbnail, as a JSON record.

use std::path::Path;

use serde::Serialize;

use super::batch::Outcome;

/// What became of one thumbnail. Bytes of a path that are not UTF-8 become replacement characters.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct Record {
    /// Path of the image; if it was not found, the path at fault.
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
    /// The record of a thumbnail of the image at `source`.
    pub fn new(source: &Path, outcome: &Outcome) -> Self {
        let image = text(source);
        match outcome {
            Outcome::Made(thumb) => Record {
                image,
                status: if thumb.damage.is_some() { "damaged" } else { "made" },
                thumbnail: Some(text(&thumb.path)),
                size: Some([thumb.width, thumb.height]),
                bytes: Some(thumb.n_bytes),
                error: thumb.damage.map(|damage| damage.to_string()),
            },
            Outcome::Skipped(path) => {
                let thumbnail = Some(text(path));
                Record { image, status: "skipped", thumbnail, ..Record::default() }
            }
            Outcome::Failed(err) => {
                let thumbnail = (err.path != source).then(|| text(&err.path));
                let error = Some(err.cause.to_string());
                Record { image, status: "failed", thumbnail, error, ..Record::default() }
            }
        }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
