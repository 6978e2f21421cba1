//! Cases on disk: what broke, how to see it again, and why it happened.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::campaign::check;
use crate::campaign::check::results::{Failure as Found, FailureReport, KnownCase};
use crate::campaign::check::shrink::Shrunk;
use crate::cli::engine::{self, Scenario};
use crate::cli::folder::{name_of_folder, write_whole};
use crate::cli::status::Failure;
use crate::cli::{console, input, trace};

use super::chain;

/// Where cases go unless `--out` says otherwise.
const HOME: &str = "checks";
const CASE: &str = "case.json";
const SCENARIO: &str = "scenario.yaml";
const ORIGINAL: &str = "original.yaml";
const TRACE: &str = "trace.jsonl";
const EXPLANATION: &str = "explanation.txt";

/// `case.json`
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    /// Of this file.
    format: u32,
    scenario: String,
    model: String,
    invariant: String,
    kind: String,
    statement: String,
    seed: u64,
    at_ms: f64,
    event: u64,
    what: String,
    faults: usize,
    shrunk_faults: usize,
    /// Of the shrunk scenario's run.
    digest: String,
    command: String,
}

const FORMAT: u32 = 1;

/// The folder of cases.
pub(super) struct Cases {
    /// None: nothing is kept.
    folder: Option<PathBuf>,
}

/// What a case is called.
pub(super) fn name(scenario: &Scenario, id: &str, seed: u64) -> String {
    format!("{}-{id}-seed-{seed}", scenario.model.name())
}

impl Cases {
    /// Makes sure beforehand that cases can be kept.
    pub(super) fn open(
        out: Option<&Path>,
        scenario: &str,
        suffix: &str,
        no_files: bool,
    ) -> Result<Cases, Failure> {
        if no_files {
            return Ok(Cases { folder: None });
        }
        let folder = match out {
            Some(out) => out.to_path_buf(),
            None => {
                name_of_folder(scenario, "say where cases go")?;
                Path::new(HOME).join(format!("{scenario}{suffix}"))
            }
        };
        if folder.exists() && !folder.is_dir() {
            return Err(Failure::bad(format!(
                "cases cannot go to {}: that is a file; name a folder",
                folder.display()
            )));
        }
        Ok(Cases {
            folder: Some(folder),
        })
    }

    /// Runs the cases of earlier checks. What is no case is passed by with a warning.
    pub(super) fn run_known(&self) -> Vec<KnownCase> {
        let mut names: Vec<String> = self
            .folder
            .iter()
            .filter_map(|folder| fs::read_dir(folder).ok())
            .flatten()
            .flatten()
            .filter(|entry| entry.path().join(CASE).is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        let mut known = Vec::new();
        for name in names {
            match self.run_one(&name) {
                Ok(case) => known.push(case),
                Err(failure) => console::warning(&format!(
                    "the case {name} is passed by: {}",
                    failure.message
                )),
            }
        }
        known
    }

    fn run_one(&self, name: &str) -> Result<KnownCase, Failure> {
        let folder = self.folder.as_deref().unwrap_or(Path::new("")).join(name);
        let file = folder.join(CASE);
        let case: CaseFile = serde_json::from_slice(&input::bytes(&file, "the case")?)
            .map_err(|error| Failure::bad(format!("{}: {error}", file.display())))?;
        let path = folder.join(SCENARIO);
        let bytes = input::bytes(&path, "the scenario")?;
        let loaded = engine::load(&bytes, &path.display().to_string(), &[])
            .map_err(|error| Failure::bad(error.to_string()))?;
        let shown = check::run(&loaded.scenario);
        Ok(KnownCase {
            case: name.to_owned(),
            breaks: shown
                .broken
                .iter()
                .any(|broken| broken.id == case.invariant),
            documented: check::documented(&loaded.scenario, &case.invariant).map(str::to_owned),
            invariant: case.invariant,
            kind: case.kind,
        })
    }

    /// Writes a case, whole or not at all.
    pub(super) fn keep(
        &self,
        name: &str,
        id: &str,
        found: &Found,
        original: &Scenario,
        small: &Shrunk,
        report: &mut FailureReport,
    ) -> Result<(), Failure> {
        let Some(home) = &self.folder else {
            return Ok(());
        };
        let Some(broken) = small.shown.broken.iter().find(|broken| broken.id == id) else {
            return Ok(());
        };
        let folder = home.join(name);
        let partial = home.join(format!(".{name}.partial"));
        let _ = fs::remove_dir_all(&partial);
        fs::create_dir_all(&partial)
            .map_err(|error| Failure::io("make the folder", &partial, &error))?;
        let scenario = folder.join(SCENARIO);
        let case = CaseFile {
            format: FORMAT,
            scenario: original.name.clone(),
            model: original.model.name().to_owned(),
            invariant: id.to_owned(),
            kind: broken.kind.name().to_owned(),
            statement: broken.statement.clone(),
            seed: found.seed,
            at_ms: broken.at.as_ms(),
            event: broken.event,
            what: broken.what.clone(),
            faults: original.faults.len(),
            shrunk_faults: small.scenario.faults.len(),
            digest: format!("{:032x}", small.shown.digest),
            command: format!("firedrill run {} --no-files", scenario.display()),
        };
        let write = || -> Result<(), Failure> {
            let mut json = serde_json::to_vec_pretty(&case)
                .map_err(|error| Failure::bad(error.to_string()))?;
            json.push(b'\n');
            write_whole(
                &partial.join(SCENARIO),
                engine::resolved_yaml(&small.scenario).as_bytes(),
            )?;
            write_whole(
                &partial.join(ORIGINAL),
                engine::resolved_yaml(original).as_bytes(),
            )?;
            if id != check::NO_PANIC {
                let path = partial.join(TRACE);
                let failed = |error: std::io::Error| Failure::io("write", &path, &error);
                let mut writer = trace::Writer::new(fs::File::create(&path).map_err(failed)?);
                let explanation = chain::explain(&small.scenario, broken, &mut writer);
                writer.finish().map_err(failed)?;
                write_whole(&partial.join(EXPLANATION), explanation.as_bytes())?;
            }
            write_whole(&partial.join(CASE), &json)?;
            let _ = fs::remove_dir_all(&folder);
            fs::rename(&partial, &folder)
                .map_err(|error| Failure::io("put the case into", &folder, &error))
        };
        write().inspect_err(|_| {
            let _ = fs::remove_dir_all(&partial);
        })?;
        report.case = Some(name.to_owned());
        Ok(())
    }
}
