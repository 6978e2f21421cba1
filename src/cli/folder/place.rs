//! Where a report may go: a new folder, an empty one, or one that holds an earlier report and nothing else.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::engine;
use crate::cli::status::Failure;

/// What a folder of ours may hold: whatever else lies in one is not ours to replace.
pub(in crate::cli) struct Kind {
    what: &'static str,
    files: &'static [&'static str],
    folders: fn(&OsStr) -> bool,
    /// Without these it is something else.
    marks: &'static [&'static str],
}

pub(super) const REPORT: Kind = Kind {
    what: "report",
    files: FILES,
    folders: |_| false,
    marks: &["scenario.yaml", "summary.json"],
};

/// A report of each model, and how they compare. One that was interrupted has some of the reports.
pub(in crate::cli) const COMPARISON: Kind = Kind {
    what: "comparison of models",
    files: &["comparison.csv", "comparison.json", "comparison.txt"],
    folders: |name| engine::models().iter().any(|(model, _)| name == *model),
    marks: &[],
};

/// Every file that a report may have.
const FILES: &[&str] = &[
    "latency-and-lag.png",
    "latency-and-lag.svg",
    "message-sequence.png",
    "message-sequence.svg",
    "metrics.csv",
    "metrics.txt",
    "perfetto.json",
    "recovery-phases.png",
    "recovery-phases.svg",
    "report.html",
    "report.txt",
    "rest-checkpoints.json",
    "rest-exceptions.json",
    "rest-job.json",
    "scenario.yaml",
    "summary.json",
    "tasks-on-taskmanagers.png",
    "tasks-on-taskmanagers.svg",
    "tasks.csv",
    "timeline.csv",
    "trace.jsonl",
];

impl Kind {
    /// Refuses a folder that holds anything else than what an earlier command has left there.
    pub(in crate::cli) fn check(&self, shown: &Path, target: &Path) -> Result<(), Failure> {
        if !target.exists() {
            return Ok(());
        }
        let unreadable = |error| Failure::io("look into", shown, &error);
        let mut foreign = Vec::new();
        let mut names = Vec::new();
        for entry in fs::read_dir(target).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let is_ours = match entry.file_type().map_err(unreadable)? {
                kind if kind.is_file() => self.files.iter().any(|file| name == **file),
                kind => kind.is_dir() && (self.folders)(&name),
            };
            if !is_ours {
                foreign.push(name.to_string_lossy().into_owned());
            }
            names.push(name);
        }
        let refuse = |why: String| {
            Err(Failure::bad(format!(
                "{} is not the folder of a {} ({why}), and is left alone; name another folder with --out, \
                 or empty this one",
                shown.display(),
                self.what
            )))
        };
        foreign.sort();
        if let Some(first) = foreign.first() {
            return refuse(match foreign.len() {
                1 => format!("it holds {first}"),
                n => format!(
                    "it holds {first} and {} more that no {} has",
                    n - 1,
                    self.what
                ),
            });
        }
        let missing = self
            .marks
            .iter()
            .find(|mark| !names.iter().any(|name| name == **mark));
        match missing {
            Some(mark) if !names.is_empty() => refuse(format!("it has no {mark}")),
            _ => Ok(()),
        }
    }
}

/// A place that was checked.
#[derive(Debug)]
pub(super) struct Place {
    /// As the user named it.
    pub(super) shown: PathBuf,
    /// Without links and dots, as far as it exists.
    pub(super) target: PathBuf,
}

impl Place {
    /// Refuses what cannot become the folder of a report, before anything is computed.
    pub(super) fn check(shown: &Path) -> Result<Place, Failure> {
        let refuse = |why: &str| {
            Err(Failure::bad(format!(
                "the report cannot go to {}: {why}",
                shown.display()
            )))
        };
        if shown.as_os_str().is_empty() {
            return Err(Failure::bad(
                "--out is empty; name a folder, as in --out reports/mine",
            ));
        }
        let target = match fs::symlink_metadata(shown) {
            Err(_) => {
                let Some(name) = shown.file_name() else {
                    return refuse("that is no name of a folder");
                };
                let parent = match shown.parent() {
                    Some(parent) if !parent.as_os_str().is_empty() => parent,
                    _ => Path::new("."),
                };
                match parent.canonicalize() {
                    Ok(folder) if folder.is_dir() => folder.join(name),
                    Ok(_) => return refuse(&format!("{} is not a folder", parent.display())),
                    Err(error) => {
                        return refuse(&format!(
                            "{}: {error}; make that folder first",
                            parent.display()
                        ));
                    }
                }
            }
            Ok(_) => match shown.canonicalize() {
                Ok(target) if target.is_dir() => target,
                Ok(_) => return refuse("that is a file; name a folder"),
                Err(error) => return refuse(&error.to_string()),
            },
        };
        let place = Place {
            shown: shown.to_path_buf(),
            target,
        };
        if place.is_mount_point() {
            return refuse(
                "that is a mount point, which cannot be replaced whole; name a folder inside it",
            );
        }
        if std::env::current_dir().is_ok_and(|here| here.starts_with(&place.target)) {
            return refuse(
                "that is where you are, and it would be replaced; name a folder inside it",
            );
        }
        if fs::metadata(&place.target).is_ok_and(|known| known.permissions().readonly()) {
            return refuse("it is write-protected; name another folder, or allow writing to it");
        }
        REPORT.check(&place.shown, &place.target)?;
        Ok(place)
    }

    #[cfg(unix)]
    fn is_mount_point(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let device = |path: &Path| fs::metadata(path).ok().map(|known| known.dev());
        match self.target.parent() {
            Some(parent) => self.target.exists() && device(&self.target) != device(parent),
            None => true,
        }
    }

    #[cfg(not(unix))]
    fn is_mount_point(&self) -> bool {
        self.target.parent().is_none()
    }
}
