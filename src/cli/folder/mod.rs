//! The folder of a report: checked before the run, filled beside its place, swapped in whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::status::Failure;
use super::{console, interrupt};

mod place;

use place::Place;

/// Where reports go unless `--out` says otherwise.
const HOME: &str = "reports";

/// A folder in the making. Dropped before [`Folder::publish`] it leaves nothing behind.
pub(super) struct Folder {
    place: Place,
    /// A sibling of the place, so that a rename brings it there.
    staging: PathBuf,
    /// Parents made on the way, outermost first.
    made: Vec<PathBuf>,
}

impl Folder {
    /// Checks that the report can go where it shall, and starts it beside that place.
    pub(super) fn prepare(out: Option<&Path>, scenario: &str) -> Result<Folder, Failure> {
        let (wanted, made) = match out {
            Some(out) => (out.to_path_buf(), Vec::new()),
            None => default_place(scenario)?,
        };
        let started = Place::check(&wanted).and_then(|place| {
            let staging = start(&place)?;
            Ok((place, staging))
        });
        match started {
            Ok((place, staging)) => {
                interrupt::unfinished(Some(&staging));
                Ok(Folder {
                    place,
                    staging,
                    made,
                })
            }
            Err(failure) => {
                remove_empty(&made);
                Err(failure)
            }
        }
    }

    /// The place, as the user named it.
    pub(super) fn shown(&self) -> String {
        self.place.shown.display().to_string()
    }

    /// A file of the report, to be written as the run goes.
    pub(super) fn create(&self, name: &str) -> Result<File, Failure> {
        File::create(self.staging.join(name)).map_err(|error| self.failure(name, &error))
    }

    /// A file of the report, whole.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.create(name)?
            .write_all(bytes)
            .map_err(|error| self.failure(name, &error))
    }

    /// What to say when a file of the report could not be written.
    pub(super) fn failure(&self, name: &str, error: &io::Error) -> Failure {
        let advice = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "; make room, name another folder with --out, or leave the trace out with --no-trace"
            }
            _ => "",
        };
        Failure::bad(format!(
            "cannot write {name} of the report in {}: {error}{advice}; nothing was left behind",
            self.shown()
        ))
    }

    /// Puts the report in its place; an earlier one goes.
    pub(super) fn publish(self) -> Result<(), Failure> {
        // It may have changed while the run worked.
        self.place.check_content()?;
        let target = &self.place.target;
        let previous = self.place.sibling("previous", 0);
        let replaces = target.exists();
        let failed =
            |error: io::Error| Failure::io("put the report into", &self.place.shown, &error);
        if replaces {
            fs::rename(target, &previous).map_err(failed)?;
        }
        if let Err(error) = fs::rename(&self.staging, target) {
            if replaces {
                fs::rename(&previous, target).map_err(failed)?;
            }
            return Err(failed(error));
        }
        if replaces && let Err(error) = fs::remove_dir_all(&previous) {
            console::warning(&format!(
                "the earlier report could not be removed, it is in {}: {error}",
                previous.display()
            ));
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // After a successful swap neither exists any more, or is no longer empty.
        let _ = fs::remove_dir_all(&self.staging);
        interrupt::unfinished(None);
        remove_empty(&self.made);
    }
}

/// Writes one file beside its place and renames it there: it is there whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".partial");
    let unfinished = PathBuf::from(unfinished);
    fs::write(&unfinished, bytes)
        .and_then(|()| fs::rename(&unfinished, path))
        .map_err(|error| {
            let _ = fs::remove_file(&unfinished);
            Failure::io("write", path, &error)
        })
}

/// Creates the unfinished folder; a name left over from a killed run is passed by.
fn start(place: &Place) -> Result<PathBuf, Failure> {
    for attempt in 0..100 {
        let staging = place.sibling("partial", attempt);
        match fs::create_dir(&staging) {
            Ok(()) => return Ok(staging),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(Failure::bad(format!(
                    "cannot write the report to {}: {error}; name a folder in a place that you may write to, \
                     with --out DIR",
                    place.shown.display()
                )));
            }
        }
    }
    Err(Failure::bad(format!(
        "there are too many unfinished reports beside {}; remove {}",
        place.shown.display(),
        place.sibling("partial", 0).display()
    )))
}

/// Refuses the name of a scenario that would lead out of the folder that it is to stand in.
pub fn name_of_folder(scenario: &str, remedy: &str) -> Result<(), Failure> {
    let is_plain = Path::new(scenario)
        .file_name()
        .is_some_and(|name| name == scenario);
    if is_plain {
        return Ok(());
    }
    Err(Failure::bad(format!(
        "the scenario's name, {scenario:?}, does not make the name of a folder; {remedy} with --out DIR"
    )))
}

/// `reports/<scenario>`, and which folders had to be made for it.
fn default_place(scenario: &str) -> Result<(PathBuf, Vec<PathBuf>), Failure> {
    name_of_folder(scenario, "say where the report goes")?;
    let home = PathBuf::from(HOME);
    let mut made = Vec::new();
    match fs::create_dir(&home) {
        Ok(()) => made.push(home.clone()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(Failure::io("make the folder", &home, &error)),
    }
    Ok((home.join(scenario), made))
}

fn remove_empty(folders: &[PathBuf]) {
    for folder in folders.iter().rev() {
        // Only succeeds where it is empty, which is what is wanted.
        let _ = fs::remove_dir(folder);
    }
}
