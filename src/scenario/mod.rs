//! Floor 5: the file format, validation with positions, defaults of the models.
//!
//! Bytes become a tree with places (`tree`), overrides change it (`set`), types read it (`file`), and `resolve` fills
//! in defaults and checks the whole. `write` goes the other way.

pub mod catalogue;
mod error;
pub mod expect;
mod expectation;
mod file;
mod flink;
pub mod import;
pub mod model;
mod near;
pub mod range;
mod resolve;
mod schema;
mod set;
mod tree;
mod units;
mod write;

use error::{Place, Problem, Source};

pub use error::ScenarioError;
pub use schema::schema;
pub use set::Override;
pub use write::{fault_lines, profile_yaml, resolved_yaml};

/// A scenario that may run, and what its author should know.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub scenario: model::Scenario,
    /// Each with its place in the file: keys that have no effect, say.
    pub warnings: Vec<String>,
}

/// Another file that a scenario is read with.
#[derive(Clone, Debug)]
pub struct Document {
    /// As messages call it.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// What stands beside the scenario's own file. This room reads no files: who calls it does.
pub struct Beside<'a> {
    /// The cluster's own `config.yaml` or `flink-conf.yaml`.
    pub flink_config: Option<Document>,
    /// Reads a profile by its path. The flag says that the path comes from the command line, not from the scenario.
    pub read: &'a dyn Fn(&str, bool) -> Result<Document, String>,
}

impl Beside<'_> {
    /// The scenario stands alone.
    pub fn nothing() -> Beside<'static> {
        Beside {
            flink_config: None,
            read: &|path, _| {
                let path = units::short(path);
                Err(format!("there is no file to read `{path}` from here"))
            },
        }
    }
}

/// Reads and checks a scenario that stands alone. `source_name` is what messages call the file; overrides apply in order.
pub fn load(
    bytes: impl AsRef<[u8]>,
    source_name: &str,
    overrides: &[Override],
) -> Result<Loaded, ScenarioError> {
    load_with(bytes, source_name, overrides, &Beside::nothing())
}

/// The same with what stands beside it.
pub fn load_with(
    bytes: impl AsRef<[u8]>,
    source_name: &str,
    overrides: &[Override],
    beside: &Beside<'_>,
) -> Result<Loaded, ScenarioError> {
    let bytes = bytes.as_ref();
    let arguments = overrides
        .iter()
        .map(|set| format!("--set {}={}", set.path, set.value))
        .collect();
    let mut source = Source {
        name: source_name,
        text: "",
        arguments,
        beside: Vec::new(),
    };
    if bytes.len() > tree::MAX_BYTES {
        let message = format!(
            "the file has {} bytes; a scenario has 1 MiB at the most",
            bytes.len()
        );
        return Err(ScenarioError::new(&source, vec![Problem::nowhere(message)]));
    }
    source.text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => return Err(not_utf8(source, bytes, error.valid_up_to())),
    };
    let mut check = resolve::Check::default();
    let scenario = tree::parse(source.text)
        .map_err(|problem| vec![problem])
        .and_then(|mut tree| {
            let problems = set::apply(&mut tree, overrides);
            if !problems.is_empty() {
                return Err(problems);
            }
            let file: file::ScenarioFile = file::read(&tree)?;
            let scenario = resolve::resolve(&file, beside, &mut check);
            if check.problems.is_empty() {
                Ok(scenario)
            } else {
                Err(std::mem::take(&mut check.problems))
            }
        });
    source.beside = check.documents;
    match scenario {
        Ok(scenario) => {
            let warnings = check
                .warnings
                .iter()
                .map(|warning| source.show(warning))
                .collect();
            Ok(Loaded { scenario, warnings })
        }
        Err(problems) => Err(ScenarioError::new(&source, problems)),
    }
}

/// Reads a profile alone, by its name or path; `argument` is how messages call where it was given, like `--base ours.yaml`.
pub fn load_profile(
    word: &str,
    argument: &str,
    beside: &Beside<'_>,
) -> Result<model::Profile, ScenarioError> {
    let mut check = resolve::Check::default();
    let profile = resolve::profile(word, beside, &mut check);
    if check.problems.is_empty() {
        return Ok(profile);
    }
    let source = Source {
        name: "",
        text: "",
        arguments: vec![argument.to_owned()],
        beside: check.documents,
    };
    Err(ScenarioError::new(&source, check.problems))
}

fn not_utf8<'a>(mut source: Source<'a>, bytes: &'a [u8], good: usize) -> ScenarioError {
    source.text = std::str::from_utf8(&bytes[..good]).unwrap_or_default();
    let found = bytes.get(good).copied().unwrap_or_default();
    let message = format!("byte {good} (0x{found:02x}) is not UTF-8; save the file as UTF-8 text");
    ScenarioError::new(
        &source,
        vec![Problem::at(
            Place::File {
                start: good,
                len: 1,
            },
            message,
        )],
    )
}
