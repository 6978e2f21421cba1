//! The folder of a sweep: its manifest, the journal while it grows, and what it leaves.

use std::fs;
use std::path::{Path, PathBuf};

use crate::campaign::sweep::{Row, SweepSummary};
use crate::cli::engine;
use crate::cli::folder::{name_of_folder, write_whole};
use crate::cli::input;
use crate::cli::status::Failure;

use super::journal::Journal;
use super::manifest::Manifest;

const MANIFEST: &str = "sweep.json";
const JOURNAL: &str = "journal.csv";
pub(super) const RUNS: &str = "runs.csv";

pub(super) struct Home {
    folder: PathBuf,
    /// All rows so far, in the order in which they came.
    pub(super) rows: Vec<Row>,
    journal: Journal,
}

impl Home {
    /// Makes the folder, or opens it to go on.
    pub(super) fn open(
        out: Option<&Path>,
        manifest: &Manifest,
        resume: bool,
    ) -> Result<Home, Failure> {
        let folder = place(out, manifest)?;
        let there = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
        let keys = manifest.varied.len();
        let mut rows = Vec::new();
        if there {
            let earlier = read_manifest(&folder)?;
            if resume {
                if let Some(difference) = earlier.difference(manifest) {
                    return Err(another(&folder, &difference));
                }
                if earlier.shard != manifest.shard {
                    return Err(another(&folder, "the shard"));
                }
                // With a journal there, what stands beside it is of an earlier sweep.
                if !folder.join(JOURNAL).exists() {
                    rows = read_runs(&folder, keys).unwrap_or_default();
                }
            } else if folder.join(JOURNAL).exists() {
                return Err(Failure::bad(format!(
                    "{} holds a sweep that is not finished; go on with --resume, remove it, or name another folder \
                     with --out",
                    folder.display()
                )));
            }
        }
        fs::create_dir_all(&folder)
            .map_err(|error| Failure::io("make the folder", &folder, &error))?;
        if !resume {
            clear(&folder)?;
        }
        write_whole(&folder.join(MANIFEST), &manifest.bytes())?;
        let (journal, more) = Journal::open(&folder.join(JOURNAL), keys)?;
        if rows.is_empty() {
            rows = more;
        }
        let plan = manifest.plan();
        if let Some(stray) = rows.iter().find(|row| !plan.has(row)) {
            return Err(Failure::bad(format!(
                "{} holds a run of another sweep (case {}); name another folder with --out",
                folder.display(),
                stray.case
            )));
        }
        Ok(Home {
            folder,
            rows,
            journal,
        })
    }

    pub(super) fn shown(&self) -> String {
        self.folder.display().to_string()
    }

    pub(super) fn add(&mut self, row: Row) -> Result<(), Failure> {
        self.journal.append(&row)?;
        self.rows.push(row);
        Ok(())
    }

    /// Puts the runs in order; with them there the journal has done its work.
    pub(super) fn keep_runs(mut self, manifest: &Manifest) -> Result<(), Failure> {
        let kept = self.write_runs(manifest);
        self.close(kept)
    }

    /// The same with all that is made of them.
    pub(super) fn keep(
        mut self,
        manifest: &Manifest,
        summary: &SweepSummary,
    ) -> Result<(), Failure> {
        let kept = self.write_all(manifest, summary);
        self.close(kept)
    }

    fn write_all(&mut self, manifest: &Manifest, summary: &SweepSummary) -> Result<(), Failure> {
        self.write_runs(manifest)?;
        let artifacts = engine::sweep::artifacts(summary);
        let page = engine::sweep::page::page(summary, &manifest.command, &self.rows, &artifacts);
        for artifact in artifacts.iter().chain([&page]) {
            write_whole(&self.folder.join(artifact.name), &artifact.bytes)?;
        }
        Ok(())
    }

    fn write_runs(&mut self, manifest: &Manifest) -> Result<(), Failure> {
        self.rows.sort_by_key(|row| row.case);
        let bytes = engine::sweep::runs(&manifest.varied, &self.rows);
        write_whole(&self.folder.join(RUNS), &bytes)
    }

    /// Without the journal, whose rows are elsewhere by now; where they are not, it stays.
    fn close(self, kept: Result<(), Failure>) -> Result<(), Failure> {
        let path = self.folder.join(JOURNAL);
        if let Err(failure) = kept {
            // An empty one would hide the table of a sweep that was finished before.
            let (is_empty, table) = (self.journal.is_empty(), self.folder.join(RUNS));
            let at = match is_empty && fs::remove_file(&path).is_ok() {
                true => table,
                false => path,
            };
            return Err(Failure::bad(format!(
                "{}; all runs are kept in {}: once the folder can be written to, go on with --resume",
                failure.message,
                at.display()
            )));
        }
        fs::remove_file(&path).map_err(|error| Failure::io("remove", &path, &error))
    }
}

/// What an earlier sweep has left goes before anything of a new one is written.
fn clear(folder: &Path) -> Result<(), Failure> {
    for name in engine::sweep::FILES.iter().chain([&RUNS]) {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::io("remove", &path, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn another(folder: &Path, difference: &str) -> Failure {
    Failure::bad(format!(
        "{} holds another sweep; what differs: {difference}; name another folder with --out",
        folder.display()
    ))
}

fn place(out: Option<&Path>, manifest: &Manifest) -> Result<PathBuf, Failure> {
    if let Some(out) = out {
        return Ok(out.to_path_buf());
    }
    let name = &manifest.scenario;
    name_of_folder(name, "name one")?;
    let shard = manifest
        .shard
        .map(|(which, of)| format!("-{which}-of-{of}"));
    let name = format!("{name}-sweep{}", shard.unwrap_or_default());
    Ok(PathBuf::from("reports").join(name))
}

pub(super) fn read_manifest(folder: &Path) -> Result<Manifest, Failure> {
    let path = folder.join(MANIFEST);
    let bytes = fs::read(&path).map_err(|error| {
        Failure::bad(format!(
            "{} is not the folder of a sweep (cannot read {MANIFEST}: {error}) and is left alone; name another one",
            folder.display()
        ))
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::bad(format!(
            "{} is no manifest of a sweep: {error}",
            path.display()
        ))
    })
}

/// The rows of a sweep that is finished.
pub(super) fn read_runs(folder: &Path, keys: usize) -> Result<Vec<Row>, Failure> {
    let path = folder.join(RUNS);
    let bytes = input::bytes_of_any_size(&path)?;
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record =
            record.map_err(|error| Failure::bad(format!("{}: {error}", path.display())))?;
        let fields: Vec<String> = record.iter().map(str::to_owned).collect();
        let row = Row::read(&fields, keys);
        rows.push(row.ok_or_else(|| {
            let line = record.position().map_or(0, csv::Position::line);
            Failure::bad(format!(
                "{}:{line}: this is no row of a sweep",
                path.display()
            ))
        })?);
    }
    Ok(rows)
}
