//! Folders in the making, beside their place: held by the process that fills them, cleared away once nobody holds them.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::{console, interrupt};

/// A folder that is filled, and the one that was there before.
const PARTIAL: &str = "partial";
const PREVIOUS: &str = "previous";

/// Dropped before [`Staging::publish`] it leaves nothing behind.
pub(in crate::cli) struct Staging {
    target: PathBuf,
    path: PathBuf,
    /// Locked as long as this process lives, however it ends.
    _held: Option<File>,
}

impl Staging {
    /// Starts a folder beside its place, which has a name; what killed processes have left of it goes.
    pub(in crate::cli) fn begin(target: &Path) -> io::Result<Staging> {
        let home = target.parent().unwrap_or(Path::new(""));
        tidy(home, target.file_name());
        let mut path = sibling(target, PARTIAL, 0);
        for attempt in 1..100 {
            match fs::create_dir(&path) {
                // Where nothing can be locked, names that are left over are passed by.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    path = sibling(target, PARTIAL, attempt);
                }
                made => {
                    made?;
                    break;
                }
            }
        }
        interrupt::unfinished(Some(&path));
        Ok(Staging {
            target: target.to_path_buf(),
            _held: hold(&path),
            path,
        })
    }

    pub(in crate::cli) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the folder in its place; what was there goes.
    pub(in crate::cli) fn publish(self) -> io::Result<()> {
        let previous = sibling(&self.target, PREVIOUS, 0);
        let replaces = self.target.exists();
        let _held = hold(&self.target);
        if replaces {
            fs::rename(&self.target, &previous)?;
        }
        if let Err(error) = fs::rename(&self.path, &self.target) {
            if replaces {
                fs::rename(&previous, &self.target)?;
            }
            return Err(error);
        }
        if replaces && let Err(error) = fs::remove_dir_all(&previous) {
            console::warning(&format!(
                "what was there before could not be removed, it is in {}: {error}",
                previous.display()
            ));
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After a successful swap it does not exist any more.
        let _ = fs::remove_dir_all(&self.path);
        interrupt::unfinished(None);
    }
}

/// Clears away what killed processes have left in a folder, of one place or of all: folders in the making go, and what was
/// just being replaced comes back where nothing has taken its place.
pub(in crate::cli) fn tidy(home: &Path, of: Option<&OsStr>) {
    let home = match home.as_os_str().is_empty() {
        true => Path::new("."),
        false => home,
    };
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some((place, what)) = name.to_str().and_then(parse) else {
            continue;
        };
        let (path, target) = (entry.path(), home.join(place));
        if of.is_some_and(|of| of != place) || hold(&path).is_none() {
            continue;
        }
        // Nobody is there to tell: what cannot be cleared away does no harm.
        let _ = match what == PREVIOUS && !target.exists() {
            true => fs::rename(&path, &target),
            false => fs::remove_dir_all(&path),
        };
    }
}

/// Locks a folder until the file is dropped, or the process ends. None: somebody else holds it, or nothing can be locked.
fn hold(folder: &Path) -> Option<File> {
    let file = File::open(folder).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

/// A name beside the place, hidden, on the same file system.
fn sibling(target: &Path, what: &str, attempt: u32) -> PathBuf {
    let name = target.file_name().unwrap_or(OsStr::new("report"));
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{what}-{}", std::process::id()));
    if attempt > 0 {
        hidden.push(format!("-{attempt}"));
    }
    target.with_file_name(hidden)
}

/// The place that a hidden name stands beside, and for what.
fn parse(name: &str) -> Option<(&str, &'static str)> {
    let name = name.strip_prefix('.')?;
    [PARTIAL, PREVIOUS].into_iter().find_map(|what| {
        let (place, number) = name.rsplit_once(&format!(".{what}-"))?;
        let is_number = number.chars().all(|c| c.is_ascii_digit() || c == '-');
        (is_number && !place.is_empty()).then_some((place, what))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(home: &Path) -> Vec<String> {
        let entries = fs::read_dir(home).unwrap().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[cfg(unix)]
    #[test]
    fn what_nobody_holds_is_cleared_away() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        for name in [
            ".a.partial-1",
            ".a.partial-2-3",
            ".a.previous-4",
            ".b.partial-5",
            ".b.previous-6",
            ".c.partial-x",
            ".partial-7",
            "a",
        ] {
            fs::create_dir(home.join(name)).unwrap();
        }
        let held = hold(&home.join(".a.partial-1")).unwrap();
        let rest = [
            ".b.partial-5",
            ".b.previous-6",
            ".c.partial-x",
            ".partial-7",
        ];
        tidy(home, Some(OsStr::new("a")));
        assert_eq!(names(home), [&[".a.partial-1"], &rest[..], &["a"]].concat());
        drop(held);
        tidy(home, None);
        assert_eq!(names(home), [".c.partial-x", ".partial-7", "a", "b"]);
    }

    #[test]
    fn a_folder_takes_the_place_of_the_one_before() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("x");
        for content in ["first", "second"] {
            let staging = Staging::begin(&target).unwrap();
            assert!(names(home.path())[0].starts_with(".x.partial-"));
            fs::write(staging.path().join("file"), content).unwrap();
            staging.publish().unwrap();
            assert_eq!(fs::read_to_string(target.join("file")).unwrap(), content);
            assert_eq!(names(home.path()), ["x"]);
        }
        drop(Staging::begin(&target).unwrap());
        assert_eq!(names(home.path()), ["x"]);
    }
}
