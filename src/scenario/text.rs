//! The text of a scenario, parsed once: its variants differ by what overrides change.

use super::error::{Place, Problem, Source};
use super::tree::{self, Node};
use super::{Beside, Loaded, Override, ScenarioError, file, resolve, set};

/// What a scenario's file holds.
#[derive(Clone, Debug)]
pub struct Text {
    /// What messages call the file.
    name: String,
    /// As far as it is text.
    text: String,
    tree: Result<Node, Problem>,
}

impl Text {
    /// What is wrong with it is said when it is loaded.
    pub fn new(bytes: &[u8], name: &str) -> Text {
        let (text, tree) = parse(bytes);
        Text {
            name: name.to_owned(),
            text: text.to_owned(),
            tree,
        }
    }

    /// The scenario, checked; overrides apply in order.
    ///
    /// # Errors
    /// Where it is no scenario, or no override fits.
    pub fn load(
        &self,
        overrides: &[Override],
        beside: &Beside<'_>,
    ) -> Result<Loaded, ScenarioError> {
        let arguments = overrides
            .iter()
            .map(|set| format!("{}={}", set.path, set.value))
            .collect();
        let mut check = resolve::Check::default();
        let scenario = self
            .tree
            .clone()
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
        let source = Source {
            name: &self.name,
            text: &self.text,
            arguments,
            beside: check.documents,
        };
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
}

/// The part that is text, and what it says.
fn parse(bytes: &[u8]) -> (&str, Result<Node, Problem>) {
    if bytes.len() > tree::MAX_BYTES {
        let message = format!(
            "the file has {} bytes; a scenario has 1 MiB at the most",
            bytes.len()
        );
        return ("", Err(Problem::nowhere(message)));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            (text, tree::parse(text))
        }
        Err(error) => not_utf8(bytes, error.valid_up_to()),
    }
}

fn not_utf8(bytes: &[u8], good: usize) -> (&str, Result<Node, Problem>) {
    let text = std::str::from_utf8(&bytes[..good]).unwrap_or_default();
    let found = bytes.get(good).copied().unwrap_or_default();
    let message = format!("byte {good} (0x{found:02x}) is not UTF-8; save the file as UTF-8 text");
    let place = Place::File {
        start: good,
        len: 1,
    };
    (text, Err(Problem::at(place, message)))
}
