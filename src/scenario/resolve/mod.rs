//! From the file to the resolved scenario: defaults filled in, names looked up, everything checked that types
//! cannot check. Problems are collected, so that one look shows them all.

mod cluster;
mod config;
mod faults;
mod graph;
mod hosts;
mod jobs;
mod pins;
mod profile;
mod promises;
mod sinks;
mod switches;
mod topics;

use crate::kernel::time::Span;
use crate::scenario::error::{Place, Problem};
use crate::scenario::file::{At, Either, ScenarioFile};
use crate::scenario::flink::FlinkVersion;
use crate::scenario::flink::file::FlinkConf;
use crate::scenario::model::{
    Defects, Liveness, Monitor, Profile, RebalanceWhen, Scenario, Scheduler,
};
use crate::scenario::{Beside, Document, expectation, flink, tree, units};
pub use faults::write_condition;

pub const MAX_DURATION: Span = Span::from_secs(30 * 86_400);
pub const MAX_PROCESSES: usize = 4_096;
pub const MAX_PARTITIONS: u32 = 16_000;
pub const MAX_OPERATOR_PARALLELISM: u32 = 4_096;
pub const MAX_SLOTS: u32 = 4_096;
/// Of all jobs together.
pub const MAX_TASKS: u64 = 65_536;
/// Of all jobs together; a hash exchange has one from each producer to each consumer.
pub const MAX_CHANNELS: u64 = 1 << 22;
pub const MAX_OFFSET: f64 = (1_u64 << 34) as f64;
pub const MAX_STATE: u64 = 1 << 50;
const MAX_NAME: usize = 128;
/// Beside the scenario: a configuration, a profile.
const MAX_DOCUMENTS: u8 = 8;

/// What resolving has to say besides its result.
#[derive(Default)]
pub struct Check {
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
    /// The texts of other files that places refer to, by their number.
    pub documents: Vec<(String, String)>,
}

impl Check {
    fn refuse(&mut self, place: Place, message: impl Into<String>) {
        self.problems.push(Problem::at(place, message));
    }

    fn warn(&mut self, place: Place, message: impl Into<String>) {
        self.warnings.push(Problem::at(place, message));
    }

    /// Another file than the scenario: its number, for places in it, and its text.
    fn document(&mut self, document: &Document) -> Option<(u8, String)> {
        let number = u8::try_from(self.documents.len()).unwrap_or(u8::MAX);
        let Ok(text) = std::str::from_utf8(&document.bytes) else {
            self.problems.push(Problem::nowhere(format!(
                "{} is no UTF-8 text",
                document.name
            )));
            return None;
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.len() > tree::MAX_BYTES || number >= MAX_DOCUMENTS {
            self.problems
                .push(Problem::nowhere(format!("{} is too large", document.name)));
            return None;
        }
        self.documents
            .push((document.name.clone(), text.to_owned()));
        Some((number, text.to_owned()))
    }

    /// A name that reports and messages can carry.
    fn name(&mut self, name: &At<String>, of: &str) {
        let text = &name.value;
        if text.is_empty() {
            self.refuse(
                name.place,
                format!("{of} needs a name of at least one letter"),
            );
        } else if text.chars().count() > MAX_NAME {
            self.refuse(
                name.place,
                format!("the name of {of} has more than {MAX_NAME} letters"),
            );
        } else if text.trim() != text || text.chars().any(char::is_control) {
            self.refuse(
                name.place,
                format!(
                    "the name of {of} may not start or end with a space or hold a control character"
                ),
            );
        }
    }

    /// A count that must be within bounds.
    fn within(&mut self, value: &At<u32>, min: u32, max: u32, what: &str) {
        if !(min..=max).contains(&value.value) {
            self.refuse(
                value.place,
                format!("`{}` {what}; it can be {min} to {max}", value.value),
            );
        }
    }

    /// A name that must not have been seen before.
    fn unique(
        &mut self,
        seen: &mut std::collections::BTreeSet<String>,
        name: &At<String>,
        of: &str,
    ) {
        if !seen.insert(name.value.clone()) {
            self.refuse(
                name.place,
                format!(
                    "{of} is named `{}` already; names must differ",
                    units::short(&name.value)
                ),
            );
        }
    }
}

/// The whole file; what is wrong with it is in `check` afterwards, and the scenario is then not to be used.
pub fn resolve(file: &ScenarioFile, beside: &Beside<'_>, check: &mut Check) -> Scenario {
    file_name(&file.name, check);

    let duration = file
        .duration
        .as_ref()
        .map_or(Span::from_secs(180), |at| at.value.0);
    if let Some(at) = file
        .duration
        .as_ref()
        .filter(|at| at.value.0 > MAX_DURATION)
    {
        check.refuse(at.place, "a run lasts 30 days (`720 h`) at the most");
    }
    let weight = file.weight.as_ref().map_or(1, |at| at.value);
    if let Some(at) = &file.weight {
        check.within(at, 1, 1_000_000, "is not a weight");
    }

    let flink_version = version(file.flink_version.as_ref(), check);
    let conf = flink_conf(beside, check);
    let keys = config::read(flink_version, conf.as_ref(), file.config.as_ref(), check);
    let decided = switches::decide(file, &keys, check);
    let switches = decided.switches;
    let settings = keys.finish(&decided, check);
    let cluster = cluster::resolve(&file.cluster, settings.slots, check);
    let profile = profile::resolve(file.profile.as_ref(), beside, check);
    let topics = topics::resolve(&file.topics, duration, weight, check);
    let jobs = jobs::resolve(&file.jobs, &topics, &cluster, &settings, check);
    // Flink's slots hold a part of the pipeline each, and a shortage of them is something to rehearse.
    if switches.liveness == Liveness::ZkEphemeral {
        pins::slots(&file.cluster, &jobs, &cluster, switches.slots, check);
    }
    promises::warn(
        file,
        &jobs,
        &cluster,
        settings.config.checkpointing.interval,
        check,
    );
    if switches.liveness == Liveness::RpcHeartbeats
        && decided.switches.scheduler == Scheduler::Default
    {
        promises::warn_of_slots(file, &jobs, &cluster, check);
    }
    let faults = faults::resolve(
        file.faults.as_deref().unwrap_or(&[]),
        faults::Around {
            cluster: &cluster,
            jobs: &jobs,
            topics: &topics,
            liveness: switches.liveness,
            duration,
        },
        check,
    );
    let mut expect = Vec::new();
    for text in file.expect.iter().flatten() {
        match expectation::parse(&text.value) {
            Ok(statement) => expect.push(statement),
            Err(message) => check.refuse(text.place, message),
        }
    }

    Scenario {
        name: file.name.value.clone(),
        about: file.about.clone().unwrap_or_default(),
        model: decided.model,
        flink_version,
        seed: file.seed.unwrap_or(1),
        duration,
        weight,
        defects: Defects::of(file.defects.iter().flatten().copied()),
        switches,
        cluster,
        profile,
        config: settings.config,
        topics,
        jobs,
        monitor: monitor(file),
        faults,
        expect,
    }
}

/// A profile by its name or path, as an argument gives it.
pub fn profile(word: &str, beside: &Beside<'_>, check: &mut Check) -> Profile {
    let chosen = At {
        value: Either::Word(word.to_owned()),
        place: Place::Argument(0),
    };
    profile::resolve(Some(&chosen), beside, check)
}

fn version(file: Option<&At<String>>, check: &mut Check) -> FlinkVersion {
    let parsed = file.map(|at| (FlinkVersion::parse(&at.value), at.place));
    match parsed {
        None => FlinkVersion::LATEST,
        Some((Ok(version), _)) => version,
        Some((Err(message), place)) => {
            check.refuse(place, message);
            FlinkVersion::LATEST
        }
    }
}

/// The cluster's own configuration, where one was given.
fn flink_conf(beside: &Beside<'_>, check: &mut Check) -> Option<FlinkConf> {
    let document = beside.flink_config.as_ref()?;
    let (number, text) = check.document(document)?;
    match flink::file::parse(&document.name, &text) {
        Ok(mut conf) => {
            for entry in &mut conf.entries {
                entry.place = entry.place.beside(number);
                entry.value_place = entry.value_place.beside(number);
            }
            for warning in std::mem::take(&mut conf.warnings) {
                check.warn(warning.place.beside(number), warning.message);
            }
            Some(conf)
        }
        Err(problem) => {
            check.refuse(problem.place.beside(number), problem.message);
            None
        }
    }
}

/// Reports go to a folder of this name.
fn file_name(name: &At<String>, check: &mut Check) {
    let text = &name.value;
    let fits = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if text.is_empty() || text.len() > MAX_NAME || !fits || text.starts_with('.') {
        check.refuse(
            name.place,
            format!(
                "`{}` cannot name a scenario: reports go to a folder of that name; use letters, digits, `-`, `_` and `.`, like `fraud-detection`",
                units::short(text)
            ),
        );
    }
}

fn monitor(file: &ScenarioFile) -> Monitor {
    let monitor = file.monitor.clone().unwrap_or_default();
    let when = monitor.rebalance_when.unwrap_or_default();
    Monitor {
        interval: monitor.interval.map_or(Span::from_secs(1), |value| value.0),
        rebalance_when: RebalanceWhen {
            latency: when.latency.map_or(Span::from_secs(2), |value| value.0),
            back_pressure_per_mille: when.back_pressure.map_or(500, |value| value.0),
            lasting: when.r#for.map_or(Span::from_secs(10), |value| value.0),
        },
        late: monitor.late.map_or(Span::from_secs(1), |value| value.0),
    }
}
