//! `config`: Flink keys, flat or nested.

use std::collections::BTreeMap;

use super::Check;
use crate::scenario::error::Place;
use crate::scenario::file::{At, Either, Named, Setting};
use crate::scenario::flink::{self, Settings};
use crate::scenario::units::short;

/// A key with its value, from where the file has them.
struct Entry<'a> {
    key: String,
    place: Place,
    value: &'a str,
    value_place: Place,
}

pub fn resolve(file: Option<&Named<At<Setting>>>, check: &mut Check) -> Settings {
    let mut entries = Vec::new();
    if let Some(map) = file {
        flatten(map, "", &mut entries);
    }
    let mut settings = Settings::default();
    let mut chosen: BTreeMap<String, Entry<'_>> = BTreeMap::new();
    for entry in entries {
        let name =
            flink::find(&entry.key).map_or_else(|| entry.key.clone(), |key| key.name.to_owned());
        match chosen.get(&name) {
            // An override wins over the file.
            Some(_) if matches!(entry.place, Place::Argument(_)) => {}
            Some(first) if matches!(first.place, Place::Argument(_)) => continue,
            Some(first) => {
                let message = format!(
                    "`{}` is set already, as `{}`",
                    short(&entry.key),
                    short(&first.key)
                );
                check.refuse(entry.place, message);
                continue;
            }
            None => {}
        }
        chosen.insert(name, entry);
    }
    let mut keys = BTreeMap::new();
    for (name, entry) in chosen {
        if let Some(key) = flink::find(&name) {
            if let Err(message) = (key.set)(&mut settings, entry.value) {
                check.refuse(entry.value_place, format!("{message} (`{name}`)"));
            }
        } else if flink::is_known(&name) {
            check.warn(
                entry.place,
                format!(
                    "`{name}` is a Flink key that this model does not use; it has no effect here"
                ),
            );
            keys.insert(name, entry.value.to_owned());
        } else {
            let hint = flink::nearest(&name)
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            check.refuse(
                entry.place,
                format!("`{}` is no Flink key{hint}", short(&name)),
            );
        }
    }
    for key in flink::KEYS {
        if let Some(value) = (key.get)(&settings) {
            keys.insert(key.name.to_owned(), value);
        }
    }
    settings.config.keys = keys;
    settings
}

/// Flink 2 reads nested maps as dotted keys, so this does.
fn flatten<'a>(map: &'a Named<At<Setting>>, prefix: &str, into: &mut Vec<Entry<'a>>) {
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
                value,
                value_place: setting.place,
            }),
            Either::Map(inner) => flatten(inner, &key, into),
        }
    }
}
