//! Single files, and folders for some of them: each is there whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use super::Parents;
use crate::cli::status::Failure;
use crate::report::Artifact;

/// Writes one file beside its place and renames it there.
pub(in crate::cli) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let unfinished = unfinished(path);
    fs::write(&unfinished, bytes)
        .and_then(|()| fs::rename(&unfinished, path))
        .map_err(|error| {
            let _ = fs::remove_file(&unfinished);
            Failure::io("write", path, &error)
        })
}

/// Sees whether a file can be written before anything is computed for it.
pub(in crate::cli) fn can_write(path: &Path) -> Result<(), Failure> {
    let unfinished = unfinished(path);
    let tried = fs::write(&unfinished, []).and_then(|()| fs::remove_file(&unfinished));
    match path.is_dir() {
        true => Err(Failure::io("write", path, &"that is a folder")),
        false => tried.map_err(|error| Failure::io("write", path, &error)),
    }
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// A folder for files, made before anything is computed for them. It goes again where nothing has come into it.
pub(in crate::cli) struct Shelf {
    folder: PathBuf,
    _made: Parents,
}

impl Shelf {
    pub(in crate::cli) fn make(folder: &Path) -> Result<Shelf, Failure> {
        let made = Parents::make(folder)?;
        if !folder.is_dir() {
            return Err(Failure::io(
                "write into",
                folder,
                &"that is a file; name a folder",
            ));
        }
        can_write(&folder.join("firedrill"))?;
        Ok(Shelf {
            folder: folder.to_path_buf(),
            _made: made,
        })
    }

    pub(in crate::cli) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(in crate::cli) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        write_whole(&self.folder.join(name), bytes)
    }

    pub(in crate::cli) fn put(&self, artifacts: &[Artifact]) -> Result<(), Failure> {
        artifacts
            .iter()
            .try_for_each(|artifact| self.write(artifact.name, &artifact.bytes))
    }
}
