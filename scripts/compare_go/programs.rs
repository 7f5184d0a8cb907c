//! The programs: ours from the target directory, and Go's, which are built here: the originals, if
//! they can be fetched, and our own in `scripts/go`.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use threadbare::cli;

/// The Go modules in `scripts/go` and their programs.
const OWN: [(&str, &[&str]); 3] = [
    (
        "peers",
        &[
            "spinner",
            "pipeline",
            "crossover",
            "cake",
            "micro",
            "mandelbrot",
            "thumbnail",
            "du",
            "clock",
            "reverb",
            "netcat",
            "chat",
        ],
    ),
    ("crawl", &["crawl"]),
    ("chat", &["strong-chat"]),
];

/// The originals that are commands, by the names used here.
const ORIGINALS: [(&str, &str); 13] = [
    ("spinner", "ch8/spinner"),
    ("mandelbrot", "ch3/mandelbrot"),
    ("crawl2", "ch8/crawl2"),
    ("du1", "ch8/du1"),
    ("du3", "ch8/du3"),
    ("du4", "ch8/du4"),
    ("clock2", "ch8/clock2"),
    ("reverb2", "ch8/reverb2"),
    ("chat", "ch8/chat"),
    ("netcat3", "ch8/netcat3"),
    ("pipeline1", "ch8/pipeline1"),
    ("pipeline2", "ch8/pipeline2"),
    ("pipeline3", "ch8/pipeline3"),
];

/// The originals that are packages: mains in `scripts/go/gopl` call them.
const PACKAGES: [&str; 2] = ["cake", "thumbnail"];

pub(crate) struct Programs {
    release: PathBuf,
    bin: PathBuf,
    built: BTreeSet<String>,
    pub(crate) go_version: String,
    /// What could not be built, each with the reason.
    pub(crate) gaps: Vec<String>,
    /// The source tree of the originals, to count their lines of code.
    pub(crate) sources: Option<PathBuf>,
}

impl Programs {
    pub(crate) fn prepare(out: &Path, gopl: Option<&Path>) -> anyhow::Result<Self> {
        let program = env::current_exe()?;
        let release = program.ancestors().nth(2).context("a release directory")?.to_owned();
        let go_version = go(Path::new("."), &["env", "GOVERSION"])?;
        let (bin, built) = (out.join("go/bin"), BTreeSet::new());
        let gaps = Vec::new();
        let mut programs = Programs { release, bin, built, go_version, gaps, sources: None };
        programs.build_own();
        if let Err(err) = programs.build_originals(&out.join("go/gopl"), gopl) {
            programs.gaps.push(format!("the Go originals: {err:#}"));
        }
        for gap in &programs.gaps {
            cli::warn(gap);
        }
        Ok(programs)
    }

    fn build_own(&mut self) {
        for (module, names) in OWN {
            let dir = Path::new("scripts/go").join(module);
            for name in names {
                let package = if module == "peers" { format!("./{name}") } else { ".".to_owned() };
                self.build(&dir, "-mod=readonly", &package, format!("own-{name}"));
            }
        }
    }

    /// Makes a module that requires gopl.io in the target directory, so that our own requires nothing.
    fn build_originals(&mut self, module: &Path, gopl: Option<&Path>) -> anyhow::Result<()> {
        copy_dir(Path::new("scripts/go/gopl"), module)?;
        fs::write(module.join("go.mod"), "module threadbare/gopl\n\ngo 1.24\n")?;
        if let Some(dir) = gopl {
            let dir = dir.canonicalize().with_context(|| dir.display().to_string())?;
            if !dir.join("go.mod").exists() {
                bail!("{}: no go.mod there: is it a checkout of gopl.io?", dir.display());
            }
            let replace = format!("-replace=gopl.io={}", dir.display());
            go(module, &["mod", "edit", "-require=gopl.io@v0.0.0", &replace])?;
            self.sources = Some(dir);
        } else {
            go(module, &["get", "gopl.io@latest"])?;
            let dir = go(module, &["list", "-m", "-f", "{{.Dir}}", "gopl.io"])?;
            self.sources = Some(dir.into());
        }
        _ = go(module, &["mod", "tidy"]); // the builds report what is still missing
        for (name, package) in ORIGINALS {
            self.build(module, "-mod=mod", &format!("gopl.io/{package}"), format!("gopl-{name}"));
        }
        for name in PACKAGES {
            self.build(module, "-mod=mod", &format!("./{name}"), format!("gopl-{name}"));
        }
        Ok(())
    }

    fn build(&mut self, dir: &Path, mode: &str, package: &str, name: String) {
        let to = self.bin.join(&name);
        let to = env::current_dir().unwrap_or_default().join(to);
        // The module made here has no go.sum for what the originals import.
        match go(dir, &["build", mode, "-o", &to.to_string_lossy(), package]) {
            Ok(_) => _ = self.built.insert(name),
            Err(err) => self.gaps.push(format!("{package}: {err:#}")),
        }
    }

    /// The path of one of our lessons or tools.
    pub(crate) fn ours(&self, name: &str) -> PathBuf {
        self.release.join(name)
    }

    /// The path of one of our measuring instruments.
    pub(crate) fn instrument(&self, name: &str) -> PathBuf {
        self.release.join("examples").join(name)
    }

    /// The path of the book's program, if it was built.
    pub(crate) fn original(&self, name: &str) -> Option<PathBuf> {
        self.go(format!("gopl-{name}"))
    }

    /// The path of our Go program that does the same, if it was built.
    pub(crate) fn own(&self, name: &str) -> Option<PathBuf> {
        self.go(format!("own-{name}"))
    }

    fn go(&self, name: String) -> Option<PathBuf> {
        self.built.contains(&name).then(|| self.bin.join(name))
    }
}

/// Runs the go command in `dir` and returns its output.
fn go(dir: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("go").args(args).current_dir(dir).output().context("go")?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        // Indented lines are hints, not the cause.
        let mut causes = stderr.lines().filter(|line| !line.is_empty() && !line.starts_with('\t'));
        bail!("go {}: {}", args[0], causes.next_back().unwrap_or("no message"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn copy_dir(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
