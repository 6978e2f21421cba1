//! The folder of a report: checked before the run, filled beside its place, swapped in whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::run::TRACE;
use super::status::Failure;

mod place;
mod shelf;
mod staging;

pub(super) use place::COMPARISON;
use place::{Place, REPORT};
pub(super) use shelf::{Shelf, can_write, write_whole};
pub(super) use staging::{Staging, tidy};

/// Where reports go unless `--out` says otherwise.
const HOME: &str = "reports";

/// A report in the making. Dropped before [`Folder::publish`] it leaves nothing behind.
pub(super) struct Folder {
    place: Place,
    staging: Staging,
    /// Goes last, when nothing of ours is in it any more.
    _parents: Parents,
}

/// Folders made on the way, outermost first. Those that stay empty go.
#[derive(Default)]
struct Parents(Vec<PathBuf>);

impl Parents {
    /// Makes a folder, and those above it that are missing.
    fn make(folder: &Path) -> Result<Parents, Failure> {
        let missing = folder
            .ancestors()
            .take_while(|above| !above.as_os_str().is_empty() && !above.exists());
        let missing: Vec<&Path> = missing.collect();
        let mut made = Parents::default();
        for above in missing.into_iter().rev() {
            match fs::create_dir(above) {
                Ok(()) => made.0.push(above.to_path_buf()),
                // Somebody else was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Failure::io("make the folder", folder, &error)),
            }
        }
        Ok(made)
    }
}

impl Drop for Parents {
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            // Only succeeds where it is empty, which is what is wanted.
            let _ = fs::remove_dir(folder);
        }
    }
}

impl Folder {
    /// Checks that the report can go where it shall, and starts it beside that place.
    pub(super) fn prepare(out: Option<&Path>, scenario: &str) -> Result<Folder, Failure> {
        let (wanted, parents) = match out {
            Some(out) => (out.to_path_buf(), Parents::default()),
            None => default_place(scenario)?,
        };
        let place = Place::check(&wanted)?;
        let staging = Staging::begin(&place.target).map_err(|error| {
            Failure::bad(format!(
                "cannot write the report to {}: {error}; name a folder in a place that you may write to, \
                 with --out DIR",
                place.shown.display()
            ))
        })?;
        Ok(Folder {
            place,
            staging,
            _parents: parents,
        })
    }

    /// The place, as the user named it.
    pub(super) fn shown(&self) -> String {
        self.place.shown.display().to_string()
    }

    /// A file of the report, to be written as the run goes.
    pub(super) fn create(&self, name: &str) -> Result<File, Failure> {
        File::create(self.staging.path().join(name)).map_err(|error| self.failure(name, &error))
    }

    /// A file of the report, whole.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.create(name)?
            .write_all(bytes)
            .map_err(|error| self.failure(name, &error))
    }

    /// What to say when a file of the report could not be written.
    pub(super) fn failure(&self, name: &str, error: &io::Error) -> Failure {
        let full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        );
        let traced = self.staging.path().join(TRACE).exists();
        let advice = match (full, traced) {
            (true, true) => {
                "; make room, name another folder with --out, or leave the trace out with --no-trace"
            }
            (true, false) => "; make room, or name another folder with --out",
            (false, _) => "",
        };
        Failure::bad(format!(
            "cannot write {name} of the report in {}: {error}{advice}; nothing was left behind",
            self.shown()
        ))
    }

    /// Puts the report in its place; an earlier one goes.
    pub(super) fn publish(self) -> Result<(), Failure> {
        // It may have changed while the run worked.
        REPORT.check(&self.place.shown, &self.place.target)?;
        let Folder { place, staging, .. } = self;
        let failed = |error| Failure::io("put the report into", &place.shown, &error);
        staging.publish().map_err(failed)
    }
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
fn default_place(scenario: &str) -> Result<(PathBuf, Parents), Failure> {
    name_of_folder(scenario, "say where the report goes")?;
    let home = PathBuf::from(HOME);
    let made = Parents::make(&home)?;
    Ok((home.join(scenario), made))
}
