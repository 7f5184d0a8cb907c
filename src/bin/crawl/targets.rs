//! What `crawl check` starts from: URLs, or a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use threadbare::engines::crawl::Folder;
use threadbare::web::urls;

use crate::check_args::CheckFlags;

#[derive(Args)]
pub(crate) struct CheckArgs {
    /// URLs to start from, or a folder of HTML to check without a server
    #[arg(required = true, value_name = "URL|DIR", value_parser = target)]
    targets: Vec<Target>,
    /// URL at which the folder will be served, or the path of that URL, such as /docs/
    #[arg(long, value_name = "URL", default_value = "/", help_heading = "Folders")]
    root_url: String,
    /// Check what the folder's index.html leads to, instead of every page in the folder
    #[arg(long, help_heading = "Folders")]
    from_index: bool,
    #[command(flatten)]
    pub(crate) flags: CheckFlags,
}

/// A URL, or a folder where there is one of that name.
#[derive(Clone)]
enum Target {
    Url(String),
    Folder(PathBuf),
}

impl CheckArgs {
    /// The URLs to start from, and the folder that they are in, if it is one.
    pub(crate) fn starts(&self) -> anyhow::Result<(Vec<String>, Option<Arc<Folder>>)> {
        if let [Target::Folder(dir)] = &self.targets[..] {
            let folder = Folder::open(dir, &self.root_url).map_err(anyhow::Error::msg)?;
            return Ok((folder.starts(self.from_index), Some(Arc::new(folder))));
        }
        let url = |target: &Target| match target {
            Target::Url(url) => Ok(url.clone()),
            Target::Folder(dir) => {
                anyhow::bail!(
                    "{}: a folder is checked alone, without other arguments",
                    dir.display()
                )
            }
        };
        Ok((self.targets.iter().map(url).collect::<anyhow::Result<_>>()?, None))
    }
}

fn target(text: &str) -> Result<Target, String> {
    let url = urls::absolute(text).map(Target::Url);
    if text.contains("://") {
        return url;
    }
    let path = Path::new(text);
    if path.is_dir() {
        return Ok(Target::Folder(path.to_owned()));
    }
    if path.is_file() {
        return Err("is a file; check the folder that it is in".to_owned());
    }
    url.map_err(|err| format!("there is no such folder, and {err}"))
}
