//! The cluster's own configuration: what of it a model uses goes into the scenario, and what does not is named.

use super::answer::Texts;
use super::checkpoints::Checkpoints;
use super::draft::{Section, scalar};
use crate::kernel::Span;
use crate::scenario::Document;
use crate::scenario::error::Problem;
use crate::scenario::flink::file::{self, Entry};
use crate::scenario::flink::format::duration;
use crate::scenario::flink::{self, Family, FlinkVersion, Settings};
use crate::scenario::units::{short, write_duration};

/// What the configuration decides beside its keys.
pub struct Decided {
    pub model: &'static str,
    family: Family,
    entries: Vec<Entry>,
    /// Servers that `high-availability.zookeeper.quorum` names.
    pub zookeepers: Option<u32>,
    pub is_zookeeper: bool,
    pub slots: Option<u32>,
}

/// What the keys in force say of checkpoints.
pub struct Checkpointing {
    pub interval: Span,
    pub exactly_once: bool,
}

const HA_TYPE: &str = "high-availability.type";
const INTERVAL: &str = "execution.checkpointing.interval";

/// Reads the file and settles which model it makes; the plan's own word on the scheduler counts more.
pub fn read(
    document: &Document,
    scheduler: Option<&str>,
    texts: &mut Texts,
    problems: &mut Vec<Problem>,
) -> Option<Decided> {
    let (number, text) = match texts.text(document) {
        Ok((number, text)) => (number, text.to_owned()),
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let conf = match file::parse(&document.name, &text) {
        Ok(conf) => conf,
        Err(problem) => {
            problems.push(Problem::at(problem.place.beside(number), problem.message));
            return None;
        }
    };
    let mut entries = conf.entries;
    for entry in &mut entries {
        entry.value_place = entry.value_place.beside(number);
        if let Some(key) = flink::find(&entry.key) {
            key.name.clone_into(&mut entry.key);
        }
    }
    let value = |name: &str| {
        let entry = entries.iter().find(|entry| entry.key == name);
        entry.map(|entry| entry.value.trim().to_lowercase())
    };
    let reactive = value("scheduler-mode").is_some_and(|mode| mode == "reactive");
    let scheduler = scheduler
        .map(str::to_lowercase)
        .or(value("jobmanager.scheduler"));
    let adaptive = scheduler.is_some_and(|scheduler| scheduler == "adaptive");
    let (model, family) = match (reactive, adaptive) {
        (true, _) => ("flink-reactive", Family::Adaptive),
        (false, true) => ("flink-adaptive", Family::Adaptive),
        (false, false) => ("flink-default", Family::Default),
    };
    let quorum = value("high-availability.zookeeper.quorum");
    let zookeepers = quorum.map(|quorum| {
        quorum
            .split(',')
            .filter(|one| !one.trim().is_empty())
            .count()
    });
    let slots = value("taskmanager.numberOfTaskSlots").and_then(|slots| slots.parse().ok());
    Some(Decided {
        model,
        family,
        zookeepers: zookeepers.and_then(|count| u32::try_from(count.clamp(1, 15)).ok()),
        is_zookeeper: value(HA_TYPE).is_some_and(|kind| kind == "zookeeper"),
        slots,
        entries,
    })
}

/// The section `config`.
pub fn section(
    decided: &Decided,
    checkpoints: &Checkpoints,
    problems: &mut Vec<Problem>,
) -> (Section, Checkpointing) {
    let mut section = Section::default();
    let mut keys: Vec<(String, String)> = Vec::new();
    let (mut unused, mut unknown) = (Vec::new(), Vec::new());
    let own = |key: &str| checkpoints.keys.iter().any(|(own, _)| *own == key);
    for entry in &decided.entries {
        let key = entry.key.as_str();
        if own(key) {
            continue;
        }
        if key == HA_TYPE && !decided.is_zookeeper {
            section.assume(format!(
                "`{HA_TYPE}: {}` stands for ZooKeeper, which alone is modelled",
                short(&entry.value)
            ));
            continue;
        }
        match flink::find(key) {
            Some(known) if known.is_used_by(decided.family) => {
                // Alone; what keys say together is checked with the whole.
                let tried = (known.set)(&mut Settings::new(FlinkVersion::LATEST), &entry.value);
                if let Err(message) = tried {
                    problems.push(Problem::at(
                        entry.value_place,
                        format!("{message} (`{key}`)"),
                    ));
                }
                keys.push((key.to_owned(), entry.value.clone()));
            }
            _ if flink::is_known_or_used(key) => unused.push(key),
            _ => unknown.push(key),
        }
    }
    for (key, value) in &checkpoints.keys {
        keys.push(((*key).to_owned(), value.clone()));
    }
    if !keys.iter().any(|(key, _)| key == INTERVAL) {
        let (value, why) = match checkpoints.seen_interval_ms {
            Some(ms) => (
                write_duration((ms * 1e6) as u64),
                "as checkpoints were triggered",
            ),
            None => (
                "1 min".to_owned(),
                "nothing says how often; give /jobs/:id/checkpoints/config",
            ),
        };
        section.assume(format!("a checkpoint every {value}: {why}"));
        keys.push((INTERVAL.to_owned(), value));
    }
    if !unknown.is_empty() {
        section.assume(format!(
            "no effect of what Flink does not know: {}",
            unknown.join(", ")
        ));
    }
    if !unused.is_empty() {
        section.note(format!(
            "Left out, for the model does not use it: {}",
            unused.join(", ")
        ));
    }
    section.line("config:");
    let mut checkpointing = Checkpointing {
        interval: Span::ZERO,
        exactly_once: true,
    };
    for (key, value) in keys {
        if key == INTERVAL {
            checkpointing.interval = duration(&value).unwrap_or_default();
        }
        if key == "execution.checkpointing.mode" {
            checkpointing.exactly_once = !value.eq_ignore_ascii_case("AT_LEAST_ONCE");
        }
        section.line(format!("  {key}: {}", scalar(&value)));
    }
    (section, checkpointing)
}
