//! Cases on disk: what broke, how to see it again, and why it happened.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::campaign::check;
use crate::campaign::check::results::{Failure as Found, KnownCase};
use crate::campaign::check::shrink::Shrunk;
use crate::cli::engine::{self, Scenario};
use crate::cli::folder::{Shelf, Staging, name_of_folder, tidy, write_whole};
use crate::cli::run::{SCENARIO, TRACE};
use crate::cli::status::Failure;
use crate::cli::{console, input, trace};
use crate::drill::trial::Broken;

use super::chain;

/// Where cases go unless `--out` says otherwise.
const HOME: &str = "checks";
/// What makes a folder a case.
pub(in crate::cli) const CASE: &str = "case.json";
const ORIGINAL: &str = "original.yaml";
const EXPLANATION: &str = "explanation.txt";

/// `case.json`
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct CaseFile {
    /// Of this file.
    format: u32,
    scenario: String,
    model: String,
    pub(in crate::cli) invariant: String,
    kind: String,
    statement: String,
    seed: u64,
    at_ms: f64,
    event: u64,
    what: String,
    faults: usize,
    /// Null where it is as it was found: the search, or its shrinking, did not come to its end.
    shrunk_faults: Option<usize>,
    /// Of the run of the scenario beside this file.
    pub(in crate::cli) digest: String,
    command: String,
}

const FORMAT: u32 = 1;

impl CaseFile {
    /// The case in this folder.
    pub(in crate::cli) fn read(folder: &Path) -> Result<CaseFile, Failure> {
        let file = folder.join(CASE);
        serde_json::from_slice(&input::bytes(&file, "the case")?)
            .map_err(|error| Failure::bad(format!("{}: {error}", file.display())))
    }
}

/// The folder of cases.
pub(super) struct Cases {
    /// None: nothing is kept.
    home: Option<Shelf>,
    /// Of earlier checks, by name.
    pub(super) known: Vec<KnownCase>,
}

/// What a case is called.
fn name(scenario: &Scenario, id: &str, seed: u64) -> String {
    format!("{}-{id}-seed-{seed}", scenario.model.name())
}

impl Cases {
    /// Makes sure beforehand that cases can be kept, and runs those of earlier checks.
    pub(super) fn open(
        out: Option<&Path>,
        scenario: &str,
        suffix: &str,
        no_files: bool,
    ) -> Result<Cases, Failure> {
        let mut cases = Cases {
            home: None,
            known: Vec::new(),
        };
        if no_files {
            return Ok(cases);
        }
        let folder = match out {
            Some(out) => out.to_path_buf(),
            None => {
                name_of_folder(scenario, "say where cases go")?;
                Path::new(HOME).join(format!("{scenario}{suffix}"))
            }
        };
        let shelf = Shelf::make(&folder)?;
        tidy(&folder, None);
        cases.known = run_known(&folder);
        cases.home = Some(shelf);
        Ok(cases)
    }

    /// The case of an earlier check that shows this still.
    pub(super) fn known(&self, scenario: &Scenario, id: &str, seed: u64) -> Option<&KnownCase> {
        let name = name(scenario, id, seed);
        let mut known = self.known.iter();
        known.find(|case| case.case == name && case.breaks)
    }

    /// Writes down what was found as soon as it is, in a case without its trace and explanation: whatever ends the program
    /// before it is made small, it is not lost.
    pub(super) fn note(&self, id: &str, found: &Found, scenario: &Scenario) {
        if self.known(scenario, id, found.seed).is_some() {
            return;
        }
        let case = Case {
            id,
            seed: found.seed,
            original: scenario,
            scenario,
            broken: &found.broken,
            digest: found.digest,
            is_shrunk: false,
        };
        // What is not possible now is tried again when it is small, and said then.
        let _ = self.write(&case, |_| Ok(()));
    }

    /// Writes a case, whole or not at all; its name, where cases are kept.
    pub(super) fn keep(
        &self,
        id: &str,
        seed: u64,
        original: &Scenario,
        small: &Shrunk,
        is_shrunk: bool,
    ) -> Result<Option<String>, Failure> {
        let Some(broken) = small.broken(id) else {
            return Ok(None);
        };
        let case = Case {
            id,
            seed,
            original,
            scenario: &small.scenario,
            broken,
            digest: small.shown.digest,
            is_shrunk,
        };
        self.write(&case, |folder| match id == check::NO_PANIC {
            true => Ok(()),
            false => case.explain(folder),
        })
    }

    fn write(
        &self,
        case: &Case<'_>,
        more: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<Option<String>, Failure> {
        let Some(home) = &self.home else {
            return Ok(None);
        };
        let name = name(case.original, case.id, case.seed);
        let target = home.folder().join(&name);
        let staging = Staging::begin(&target)
            .map_err(|error| Failure::io("make the folder", &target, &error))?;
        let put = |name: &str, bytes: &[u8]| write_whole(&staging.path().join(name), bytes);
        put(SCENARIO, engine::resolved_yaml(case.scenario).as_bytes())?;
        put(ORIGINAL, engine::resolved_yaml(case.original).as_bytes())?;
        more(staging.path())?;
        put(CASE, &case.file(&target)?)?;
        staging
            .publish()
            .map_err(|error| Failure::io("put the case into", &target, &error))?;
        Ok(Some(name))
    }
}

/// What a case is made of.
struct Case<'a> {
    id: &'a str,
    seed: u64,
    original: &'a Scenario,
    scenario: &'a Scenario,
    broken: &'a Broken,
    digest: u128,
    is_shrunk: bool,
}

impl Case<'_> {
    /// `case.json`, for this folder.
    fn file(&self, folder: &Path) -> Result<Vec<u8>, Failure> {
        let scenario = folder.join(SCENARIO);
        let case = CaseFile {
            format: FORMAT,
            scenario: self.original.name.clone(),
            model: self.original.model.name().to_owned(),
            invariant: self.id.to_owned(),
            kind: self.broken.kind.name().to_owned(),
            statement: self.broken.statement.clone(),
            seed: self.seed,
            at_ms: self.broken.at.as_ms(),
            event: self.broken.event,
            what: self.broken.what.clone(),
            faults: self.original.faults.len(),
            shrunk_faults: self.is_shrunk.then_some(self.scenario.faults.len()),
            digest: format!("{:032x}", self.digest),
            command: format!("firedrill run {} --no-files", scenario.display()),
        };
        let mut json =
            serde_json::to_vec_pretty(&case).map_err(|error| Failure::bad(error.to_string()))?;
        json.push(b'\n');
        Ok(json)
    }

    /// The trace of the run, and what led to the violation.
    fn explain(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(TRACE);
        let failed = |error: std::io::Error| Failure::io("write", &path, &error);
        let mut writer = trace::Writer::new(fs::File::create(&path).map_err(failed)?);
        let explanation = chain::explain(self.scenario, self.broken, &mut writer);
        writer.finish().map_err(failed)?;
        write_whole(&folder.join(EXPLANATION), explanation.as_bytes())
    }
}

/// Runs the cases of earlier checks. What is no case is passed by with a warning.
fn run_known(folder: &Path) -> Vec<KnownCase> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join(CASE).is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut known = Vec::new();
    for name in names {
        match run_one(&folder.join(&name), &name) {
            Ok(case) => known.push(case),
            Err(failure) => console::warning(&format!(
                "the case {name} is passed by: {}",
                failure.message
            )),
        }
    }
    known
}

fn run_one(folder: &Path, name: &str) -> Result<KnownCase, Failure> {
    let case = CaseFile::read(folder)?;
    let scenario = input::of_report(folder, &[])?;
    let shown = check::run(&scenario);
    Ok(KnownCase {
        case: name.to_owned(),
        breaks: shown
            .broken
            .iter()
            .any(|broken| broken.id == case.invariant),
        documented: check::documented(&scenario, &case.invariant).map(str::to_owned),
        shrunk: case.shrunk_faults.is_some(),
        invariant: case.invariant,
        kind: case.kind,
    })
}
