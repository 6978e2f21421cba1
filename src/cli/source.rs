//! A scenario and what stands beside it, read once: many threads then make variants of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::campaign::check::Base;

use super::args::Chosen;
use super::console;
use super::engine::{Beside, Document, Loaded, Override, Scenario, Text};
use super::input;
use super::status::Failure;

pub(super) struct Source {
    path: PathBuf,
    text: Text,
    flink_config: Option<Document>,
    /// What holds for all variants.
    overrides: Vec<Override>,
    /// Profiles by path, and whether it came from the command line: files may change while we work.
    profiles: Mutex<BTreeMap<(String, bool), Document>>,
    warned: Mutex<BTreeSet<String>>,
    /// The variants that were asked for last, the latest at the end: their runs come one after the other.
    resolved: Mutex<VecDeque<(Vec<Override>, Arc<Scenario>)>>,
}

/// How many variants are kept resolved: those of a pair, or of threads where one variant ends and the next begins.
const KEPT: usize = 4;

fn named(path: &str, value: impl Into<String>) -> Override {
    Override {
        path: path.to_string(),
        value: value.into(),
    }
}

impl Source {
    pub(super) fn read(path: &Path, chosen: &Chosen) -> Result<Source, Failure> {
        let flink_config = chosen.flink_config.as_deref();
        let flink_config = flink_config.map(|path| input::document(path, "Flink configuration"));
        // Quoted, so that whatever the path holds it is one word of YAML.
        let quoted = |path: &String| format!("'{}'", path.replace('\'', "''"));
        let model = chosen
            .model
            .iter()
            .map(|model| named("model", model.clone()));
        let profile = chosen
            .profile
            .iter()
            .map(|path| named("profile", quoted(path)));
        let set = chosen
            .set
            .iter()
            .map(|(path, value)| named(path, value.clone()));
        Ok(Source {
            path: path.to_path_buf(),
            text: Text::new(&input::read(path)?, &path.display().to_string()),
            flink_config: flink_config.transpose().map_err(Failure::bad)?,
            overrides: model.chain(profile).chain(set).collect(),
            profiles: Mutex::default(),
            warned: Mutex::default(),
            resolved: Mutex::default(),
        })
    }

    /// The scenario with `more` set on it; each warning is shown once, for whichever value comes first.
    pub(super) fn variant(&self, more: &[Override]) -> Result<Scenario, Failure> {
        let loaded = self.load(more)?;
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        for warning in loaded.warnings {
            let of_any_value = more.iter().find_map(|set| {
                let what = warning.strip_prefix(&format!("{}={}: ", set.path, set.value))?;
                Some(format!("{}: {what}", set.path))
            });
            if warned.insert(of_any_value.unwrap_or_else(|| warning.clone())) {
                console::warning(&warning);
            }
        }
        Ok(loaded.scenario)
    }

    /// Whether the scenario can be so.
    pub(super) fn accepts(&self, more: &[Override]) -> bool {
        self.load(more).is_ok()
    }

    /// Whether `more` earns the scenario a warning that it does not have without.
    pub(super) fn warns_of(&self, more: &[Override]) -> bool {
        let count = |more| self.load(more).map_or(0, |loaded| loaded.warnings.len());
        count(more) > count(&[])
    }

    /// A variant that was checked before, under a seed: nothing but the seed depends on the seed.
    pub(super) fn checked(&self, more: &[Override], seed: u64) -> Scenario {
        Scenario {
            seed,
            ..Scenario::clone(&self.resolved(more))
        }
    }

    fn resolved(&self, more: &[Override]) -> Arc<Scenario> {
        let kept = || self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept().iter().find(|(of, _)| of == more).cloned();
        if let Some((_, scenario)) = known {
            return scenario;
        }
        // Not under the lock: another thread may want another variant.
        let scenario = match self.load(more) {
            Ok(loaded) => Arc::new(loaded.scenario),
            Err(failure) => panic!("a variant that was checked is refused: {}", failure.message),
        };
        let mut kept = kept();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((more.to_vec(), Arc::clone(&scenario)));
        scenario
    }

    /// What a search starts from: the scenario with `more` set on it.
    pub(super) fn with_base<T>(&self, more: &[Override], search: impl FnOnce(&Base<'_>) -> T) -> T {
        let overrides = [self.overrides.as_slice(), more].concat();
        let beside = Beside {
            flink_config: self.flink_config.clone(),
            read: &|path, from_argument| self.profile(path, from_argument),
        };
        search(&Base {
            text: &self.text,
            beside: &beside,
            overrides: &overrides,
        })
    }

    fn load(&self, more: &[Override]) -> Result<Loaded, Failure> {
        self.with_base(more, |base| base.load(&[]))
            .map_err(|error| Failure::bad(error.to_string()))
    }

    fn profile(&self, path: &str, from_argument: bool) -> Result<Document, String> {
        let mut profiles = self.profiles.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (path.to_string(), from_argument);
        if let Some(document) = profiles.get(&key) {
            return Ok(document.clone());
        }
        let document = input::profile(&self.path, path, from_argument)?;
        profiles.insert(key, document.clone());
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_variant_under_a_seed_is_what_the_file_says_with_that_seed() {
        let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/any-time.yaml");
        let chosen = Chosen {
            model: None,
            set: vec![named("seed", "99")]
                .into_iter()
                .map(|set| (set.path, set.value))
                .collect(),
            flink_config: None,
            profile: None,
        };
        let source = Source::read(Path::new(scenario), &chosen).unwrap();
        let weights: Vec<Override> = (1..=2 * KEPT as u32)
            .map(|weight| named("weight", weight.to_string()))
            .collect();
        // Twice over more variants than are kept: some come from there, some are read again.
        for seed in [7, 8] {
            for weight in weights.iter().chain(weights.iter().rev()) {
                let overrides = [weight.clone(), named("seed", seed.to_string())];
                let read = source.load(&overrides).unwrap().scenario;
                assert_eq!(source.checked(std::slice::from_ref(weight), seed), read);
            }
        }
        assert_eq!(source.resolved.lock().unwrap().len(), KEPT);
    }
}
