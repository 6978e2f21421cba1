//! Reading the scenario file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::args::RunArgs;
use super::console;
use super::engine::{self, Beside, Document, Loaded, Override, Scenario};
use super::run::{SCENARIO, overrides};
use super::shipped;
use super::status::Failure;

/// Far beyond any scenario: whoever names a disk image should hear so at once.
const BYTES_MAX: u64 = 16 << 20;

/// The scenario that `run` names, with all that its arguments change.
pub(super) fn of_run(args: &RunArgs, model: Option<&str>) -> Result<Scenario, Failure> {
    let config = args.flink_config.as_deref();
    let loaded = load(&args.scenario, &overrides(args, model), config)?;
    Ok(shown(loaded))
}

/// Reads and validates a scenario file, and shows its warnings.
pub(super) fn scenario(path: &Path, overrides: &[Override]) -> Result<Scenario, Failure> {
    Ok(shown(load(path, overrides, None)?))
}

/// The scenario of a report. Its warnings were shown when the report was made.
pub(super) fn of_report(folder: &Path, overrides: &[Override]) -> Result<Scenario, Failure> {
    Ok(load(&folder.join(SCENARIO), overrides, None)?.scenario)
}

fn shown(loaded: Loaded) -> Scenario {
    for warning in &loaded.warnings {
        console::warning(warning);
    }
    loaded.scenario
}

fn load(
    path: &Path,
    overrides: &[Override],
    flink_config: Option<&Path>,
) -> Result<Loaded, Failure> {
    let bytes = read(path)?;
    let flink_config = flink_config.map(|path| document(path, "Flink configuration"));
    let beside = Beside {
        flink_config: flink_config.transpose().map_err(Failure::bad)?,
        read: &|profile, from_argument| self::profile(path, profile, from_argument),
    };
    engine::load_with(&bytes, &path.display().to_string(), overrides, &beside)
        .map_err(|error| Failure::bad(error.to_string()))
}

/// The profile that a scenario, or an argument, names by its path.
pub(super) fn profile(
    scenario: &Path,
    profile: &str,
    from_argument: bool,
) -> Result<Document, String> {
    // A path in the scenario starts where the scenario is, one on the command line where the user is.
    let path = match from_argument {
        true => PathBuf::from(profile),
        false => scenario.parent().unwrap_or(Path::new("")).join(profile),
    };
    document(&path, "profile")
}

/// Another file than the scenario.
pub(super) fn document(path: &Path, what: &str) -> Result<Document, String> {
    let name = path.display().to_string();
    let bytes = bytes(path, &format!("the {what}")).map_err(|failure| failure.message)?;
    Ok(Document { name, bytes })
}

/// Reads a file that is no scenario; `what` it is, a message says.
pub(super) fn bytes(path: &Path, what: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::bad(format!("cannot read {what} {}: {error}", path.display())))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(Failure::bad(format!(
            "{} is larger than {} MB",
            path.display(),
            BYTES_MAX >> 20
        )));
    }
    Ok(bytes)
}

/// Reads a scenario: a file, or one that is built in where no file has its name.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if path.is_dir() {
        return Err(Failure::bad(format!(
            "{} is a folder; a scenario is a YAML file (for the folder of a report: firedrill replay {0})",
            path.display()
        )));
    }
    if let Some(shipped) = shipped::named(path).filter(|_| !path.exists()) {
        return Ok(shipped.text.as_bytes().to_vec());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            let named = path
                .file_stem()
                .and_then(|name| shipped::named(Path::new(name)));
            let hint = match named {
                Some(shipped) => {
                    format!("{} by itself names the one that is built in", shipped.name)
                }
                None => format!(
                    "give the path of a YAML file, or a name that `firedrill list scenarios` shows{}",
                    shipped::nearest(path)
                ),
            };
            let path = path.display();
            Failure::bad(format!("cannot read the scenario {path}: {error}; {hint}"))
        })?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(Failure::bad(format!(
            "{} is larger than {} MB, which no scenario is; give a YAML file",
            path.display(),
            BYTES_MAX >> 20
        )));
    }
    Ok(bytes)
}

/// A file that every report has.
pub(super) fn file_of_report(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let file = folder.join(name);
    match file.is_file() {
        true => Ok(file),
        false => Err(Failure::bad(format!(
            "{} is not the folder of a report: it has no {name}; `firedrill run SCENARIO.yaml --out DIR` makes one",
            folder.display()
        ))),
    }
}

/// What a path ends with: reports name no folder.
pub(super) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Reads a file that Firedrill wrote, however large.
pub(super) fn bytes_of_any_size(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::io("read", path, &error))
}
