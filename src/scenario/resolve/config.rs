//! `config`: Flink keys, flat or nested, and those of a cluster's own configuration file.

use std::collections::BTreeMap;

use super::{Check, switches};
use crate::scenario::error::Place;
use crate::scenario::file::{At, Either, Named, Setting};
use crate::scenario::flink::file::FlinkConf;
use crate::scenario::flink::{self, FlinkVersion, Settings};
use crate::scenario::units::short;

/// A key with its value, from where the files have them.
struct Entry {
    key: String,
    place: Place,
    value: String,
    value_place: Place,
}

/// `config` as read, before it is known which scheduler is in force.
pub struct Keys {
    pub settings: Settings,
    /// By the name in Flink 2.
    chosen: BTreeMap<String, Entry>,
}

/// The [`rank`] of what stands in the cluster's configuration.
const OF_CLUSTER: u8 = 1;

/// How late a place comes: the cluster's configuration, the scenario, the command line. Later wins.
pub fn rank(place: Place) -> u8 {
    match place {
        Place::Beside { .. } => OF_CLUSTER,
        Place::File { .. } | Place::Nowhere => 2,
        Place::Argument(_) => 4,
    }
}

/// Reads all keys and refuses those that are wrong by themselves.
pub fn read(
    version: FlinkVersion,
    cluster: Option<&FlinkConf>,
    file: Option<&Named<At<Setting>>>,
    check: &mut Check,
) -> Keys {
    if cluster.is_some_and(|conf| conf.is_flink_1) && version >= FlinkVersion::FIRST_2 {
        check.warn(
            Place::Nowhere,
            format!(
                "only Flink 1 reads a `flink-conf.yaml`, and what that file leaves open is here as in Flink {version}: write `flink-version: \"1.20\"`, or whichever release the cluster runs"
            ),
        );
    }
    let mut entries = Vec::new();
    for entry in cluster.into_iter().flat_map(|conf| &conf.entries) {
        entries.push(Entry {
            key: entry.key.clone(),
            place: entry.place,
            value: entry.value.clone(),
            value_place: entry.value_place,
        });
    }
    if let Some(map) = file {
        flatten(map, "", &mut entries);
    }
    let (chosen, replaced) = choose(entries, check);
    warn_of_replaced(&replaced, &chosen, version, check);
    let mut keys = Keys {
        settings: Settings::new(version),
        chosen,
    };
    for (name, entry) in &keys.chosen {
        if let Some(key) = flink::find(name) {
            if let Err(message) = (key.set)(&mut keys.settings, &entry.value) {
                check.refuse(entry.value_place, format!("{message} (`{name}`)"));
            }
        } else if let Some(why) = flink::outside(name) {
            check.refuse(entry.place, format!("`{}`: {why}", short(name)));
        } else if !flink::is_known(name) {
            let key = short(name);
            match flink::nearest(name) {
                Some(near) => check.refuse(
                    entry.place,
                    format!("`{key}` is no Flink key; did you mean `{near}`?"),
                ),
                // A cluster may have keys that only its own code reads.
                None if rank(entry.place) == OF_CLUSTER => check.warn(
                    entry.place,
                    format!("`{key}` is no Flink key, and has no effect here"),
                ),
                None => check.refuse(entry.place, format!("`{key}` is no Flink key")),
            }
        }
    }
    keys
}

/// Of each key the one that counts, and what the cluster's configuration has that the scenario replaces.
fn choose(
    entries: Vec<Entry>,
    check: &mut Check,
) -> (BTreeMap<String, Entry>, BTreeMap<String, Entry>) {
    let mut chosen: BTreeMap<String, Entry> = BTreeMap::new();
    let mut replaced = BTreeMap::new();
    for entry in entries {
        let name =
            flink::find(&entry.key).map_or_else(|| entry.key.clone(), |key| key.name.to_owned());
        if let Some(first) = chosen.get(&name) {
            let (old, new) = (rank(first.place), rank(entry.place));
            if new < old {
                continue;
            }
            // On the command line too the later one wins.
            if new == old && !matches!(entry.place, Place::Argument(_)) {
                let message = format!(
                    "`{}` is set already, as `{}`",
                    short(&entry.key),
                    short(&first.key)
                );
                check.refuse(entry.place, message);
                continue;
            }
        }
        let by_scenario = rank(entry.place) == rank(Place::Nowhere);
        if let Some(first) = chosen.insert(name.clone(), entry)
            && by_scenario
        {
            replaced.insert(name, first);
        }
    }
    (chosen, replaced)
}

/// Whoever gives a cluster's configuration believes that it counts.
fn warn_of_replaced(
    replaced: &BTreeMap<String, Entry>,
    chosen: &BTreeMap<String, Entry>,
    version: FlinkVersion,
    check: &mut Check,
) {
    let mut scratch = Settings::new(version);
    let mut told = Vec::new();
    for (name, entry) in replaced {
        if let Some(key) = flink::find(name)
            && let Err(message) = (key.set)(&mut scratch, &entry.value)
        {
            check.refuse(entry.value_place, format!("{message} (`{name}`)"));
        }
        let counts = &chosen[name].value;
        if *counts != entry.value {
            let (counts, other) = (shown(name, counts), shown(name, &entry.value));
            told.push(format!(
                "`{name}`: {}, not {}",
                short(&counts),
                short(&other)
            ));
        }
    }
    if !told.is_empty() {
        check.warn(
            Place::Nowhere,
            format!(
                "the scenario's own `config` counts where the cluster's configuration says otherwise:\n  {}",
                told.join("\n  ")
            ),
        );
    }
}

impl Keys {
    /// Where a key was set, if it was.
    pub fn place(&self, name: &str) -> Option<Place> {
        self.chosen.get(name).map(|entry| entry.place)
    }

    /// The settings in force under these switches; warns of keys that they leave without effect.
    pub fn finish(mut self, decided: &switches::Decided, check: &mut Check) -> Settings {
        self.settings
            .finish(decided.scheduler(), decided.reactive(), decided.failover());
        let mut written = BTreeMap::new();
        let mut idle = Vec::new();
        for (name, entry) in &self.chosen {
            let used = flink::find(name).is_some_and(|key| key.is_used_by(decided.family));
            if !used && flink::outside(name).is_none() && flink::is_known_or_used(name) {
                written.insert(name.clone(), shown(name, &entry.value));
                // A scenario of the story may say how Flink's models are to be set that it is compared with.
                let is_for_others = decided.family == flink::Family::Story
                    && rank(entry.place) == rank(Place::Nowhere)
                    && flink::find(name).is_some_and(|key| key.is_used_by_any());
                if !is_for_others {
                    idle.push((name, entry.place));
                }
            }
        }
        warn_of_idle(&idle, decided, check);
        for complaint in flink::check(&self.settings, decided.family) {
            let place = complaint.keys.iter().find_map(|key| self.chosen.get(*key));
            let place = place.map_or(Place::Nowhere, |entry| entry.value_place);
            if complaint.fatal {
                check.refuse(place, complaint.message);
            } else {
                check.warn(place, complaint.message);
            }
        }
        // A log in flight is replayed from where the barrier stands in it: what it has overtaken would come twice.
        let checkpointing = &mut self.settings.config.checkpointing;
        if decided.switches.scope.spares_survivors() && std::mem::take(&mut checkpointing.unaligned)
        {
            const KEY: &str = "execution.checkpointing.unaligned.enabled";
            let place = self.chosen.get(KEY).map(|entry| entry.place);
            check.warn(
                place.unwrap_or(Place::Nowhere),
                format!("`{KEY}` has no effect where single tasks restart (`recovery.scope`): barriers stay aligned"),
            );
        }
        for key in flink::KEYS {
            if key.is_used_by(decided.family)
                && let Some(value) = (key.get)(&self.settings)
            {
                written.insert(key.name.to_owned(), value);
            }
        }
        self.settings.config.keys = written;
        self.settings
    }
}

/// What a report shows of a secret (`GlobalConfiguration.HIDDEN_CONTENT`).
const HIDDEN: &str = "******";

/// Flink's `GlobalConfiguration.isSensitive`: reports are passed on.
fn is_sensitive(key: &str) -> bool {
    const PARTS: [&str; 11] = [
        "password",
        "secret",
        "fs.azure.account.key",
        "apikey",
        "api-key",
        "auth-params",
        "service-key",
        "token",
        "basic-auth",
        "jaas.config",
        "http-headers",
    ];
    let key = key.to_ascii_lowercase();
    PARTS.iter().any(|part| key.contains(part))
}

/// A value as others may see it.
fn shown(name: &str, value: &str) -> String {
    match is_sensitive(name) {
        true => HIDDEN.to_owned(),
        false => value.to_owned(),
    }
}

/// Keys of Flink that are without effect here. A real configuration has many: they get one warning.
fn warn_of_idle(idle: &[(&String, Place)], decided: &switches::Decided, check: &mut Check) {
    let user = decided.user();
    match idle {
        [] => {}
        [(name, place)] => check.warn(
            *place,
            format!("`{name}` is a Flink key that {user} does not use; it has no effect here"),
        ),
        _ => {
            let names: Vec<String> = idle.iter().map(|(name, _)| format!("`{name}`")).collect();
            check.warn(
                Place::Nowhere,
                format!(
                    "{} Flink keys that {user} does not use; they have no effect here:\n  {}",
                    names.len(),
                    names.join("\n  ")
                ),
            );
        }
    }
}

/// Flink 2 reads nested maps as dotted keys, so this does.
fn flatten(map: &Named<At<Setting>>, prefix: &str, into: &mut Vec<Entry>) {
    for (name, setting) in &map.0 {
        let key = if prefix.is_empty() {
            name.value.clone()
        } else {
            format!("{prefix}.{}", name.value)
        };
        match &setting.value.0 {
            Either::Word(value) => into.push(Entry {
                key,
                place: name.place,
                value: value.clone(),
                value_place: setting.place,
            }),
            Either::Map(inner) => flatten(inner, &key, into),
        }
    }
}
