//! Reading the scenario file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::console;
use super::engine::{self, Loaded, Override};
use super::status::Failure;

/// Far beyond any scenario: whoever names a disk image should hear so at once.
const BYTES_MAX: u64 = 16 << 20;

/// Reads and validates a scenario file, and shows its warnings.
pub(super) fn scenario(path: &Path, overrides: &[Override]) -> Result<Loaded, Failure> {
    let bytes = read(path)?;
    let loaded = engine::load(&bytes, &path.display().to_string(), overrides)
        .map_err(|error| Failure::bad(error.to_string()))?;
    for warning in &loaded.warnings {
        console::warning(warning);
    }
    Ok(loaded)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if path.is_dir() {
        return Err(Failure::bad(format!(
            "{} is a folder; a scenario is a YAML file (for the folder of a report: firedrill replay {0})",
            path.display()
        )));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            Failure::bad(format!(
                "cannot read the scenario {}: {error}; give the path of a YAML file \
                 (`firedrill list scenarios` shows those that come with Firedrill)",
                path.display()
            ))
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
