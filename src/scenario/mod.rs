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
mod text;
mod tree;
mod units;
mod write;

use error::Source;

pub use error::ScenarioError;
pub use near::hint;
pub use schema::schema;
pub use set::Override;
pub use text::Text;
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
    Text::new(bytes.as_ref(), source_name).load(overrides, beside)
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
