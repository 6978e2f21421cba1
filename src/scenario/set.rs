//! Overrides: `cluster.taskmanagers.tm-3.cpu=4`, `seed=7`, `execution.checkpointing.interval=5 s`.

use super::error::{Place, Problem};
use super::tree::{self, Name, Node, Value};
use super::units::short;
use super::{flink, near};

/// One value that is set from outside the file; later ones win.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// A dotted path of the scenario, with items of a list by number or by their `name`; or a Flink key.
    pub path: String,
    /// YAML, as it would stand in the file.
    pub value: String,
}

/// The keys of the scenario itself.
const TOP: &[&str] = &[
    "name",
    "about",
    "model",
    "seed",
    "duration",
    "weight",
    "defects",
    "flink-version",
    "liveness",
    "scheduler",
    "recovery",
    "placement",
    "rebalancing",
    "cluster",
    "profile",
    "config",
    "topics",
    "jobs",
    "monitor",
    "faults",
    "expect",
];

/// Changes the tree; what cannot be done is returned.
pub fn apply(root: &mut Node, overrides: &[Override]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, change) in overrides.iter().enumerate() {
        let place = Place::Argument(index);
        let result = value(&change.value, place).and_then(|value| set(root, &change.path, value));
        if let Err(message) = result {
            problems.push(Problem::at(place, message));
        }
    }
    problems
}

fn set(root: &mut Node, path: &str, value: Node) -> Result<(), String> {
    let path = path.trim();
    let key = path.strip_prefix("config.").unwrap_or(path);
    if key != path || flink::find(path).is_some() || flink::is_known(path) {
        let config = entry(root, &["config"], value.place, "")?.0;
        let place = value.place;
        *child(config, key, place)? = value;
        return Ok(());
    }
    let parts: Vec<&str> = path.split('.').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(
            "this is no path; write names between dots, like `cluster.taskmanagers.tm-3.cpu`"
                .to_owned(),
        );
    }
    if !TOP.contains(&parts[0]) {
        let near = flink::nearest(path).or_else(|| near::nearest(parts[0], TOP));
        let hint = near.map_or_else(
            || format!("; known are {}, and Flink keys", near::quoted(TOP)),
            |near| format!("; did you mean `{near}`?"),
        );
        return Err(format!(
            "unknown key `{}`{hint}",
            short(
                if parts.len() > 1 && near.is_some_and(|n| n.contains('.')) {
                    path
                } else {
                    parts[0]
                }
            )
        ));
    }
    let mut node = root;
    let mut rest = parts.as_slice();
    while !rest.is_empty() {
        // `profile: default` opens up to be changed piece by piece.
        if rest.len() == parts.len() - 1
            && parts[0] == "profile"
            && matches!(node.value, Value::Scalar(_))
        {
            node.value = Value::Map(Vec::new());
        }
        let above = parts[..parts.len() - rest.len()].join(".");
        let (next, used) = entry(node, rest, value.place, &above)?;
        node = next;
        rest = &rest[used..];
    }
    *node = value;
    Ok(())
}

/// The node below, and how many parts of the path lead to it: names may themselves hold dots. `above` is the path so
/// far, for messages.
fn entry<'a>(
    node: &'a mut Node,
    parts: &[&str],
    place: Place,
    above: &str,
) -> Result<(&'a mut Node, usize), String> {
    let candidates: Vec<String> = (1..=parts.len()).map(|n| parts[..n].join(".")).collect();
    // The longest name that is there.
    let there =
        |known: &dyn Fn(&str) -> bool| (0..candidates.len()).rev().find(|&n| known(&candidates[n]));
    let n = match &node.value {
        Value::List(items) => there(&|name| position(items, name).is_some())
            .ok_or_else(|| no_item(items, parts[0], above))?,
        Value::Map(entries) => {
            there(&|name| entries.iter().any(|(key, _)| key.text == name)).unwrap_or(0)
        }
        Value::Scalar(text) => {
            let (name, text) = (short(parts[0]), short(text));
            return Err(format!(
                "there is no `{name}` in `{above}`, which is a single value, `{text}`"
            ));
        }
        Value::Null => 0,
    };
    Ok((child(node, &candidates[n], place)?, n + 1))
}

fn no_item(items: &[Node], wanted: &str, above: &str) -> String {
    let names: Vec<&str> = items.iter().filter_map(name_of).collect();
    let hint = near::hint(wanted, names.iter().copied());
    if names.is_empty() || wanted.bytes().all(|b| b.is_ascii_digit()) {
        let count = items.len();
        return format!(
            "there is no item `{}` in `{above}`, which has {count}, numbered from 0",
            short(wanted)
        );
    }
    format!("there is no `{}` in `{above}`{hint}", short(wanted))
}

/// The item of this name or number, or the value of this key, made if it is not there; a wrong key is found when the
/// tree is read.
fn child<'a>(node: &'a mut Node, key: &str, place: Place) -> Result<&'a mut Node, String> {
    if matches!(node.value, Value::Null) {
        node.value = Value::Map(Vec::new());
    }
    let entries = match &mut node.value {
        Value::Map(entries) => entries,
        Value::List(items) => {
            let at = position(items, key).ok_or_else(|| no_item(&[], key, ""))?;
            return Ok(&mut items[at]);
        }
        Value::Null | Value::Scalar(_) => {
            return Err(format!("there is no `{}` to set", short(key)));
        }
    };
    let at = match entries.iter().position(|(name, _)| name.text == key) {
        Some(at) => at,
        None => {
            entries.push((
                Name {
                    place,
                    text: key.to_owned(),
                },
                Node {
                    place,
                    value: Value::Null,
                },
            ));
            entries.len() - 1
        }
    };
    Ok(&mut entries[at].1)
}

fn position(items: &[Node], part: &str) -> Option<usize> {
    let named = items.iter().position(|item| name_of(item) == Some(part));
    named.or_else(|| part.parse::<usize>().ok().filter(|at| *at < items.len()))
}

fn name_of(item: &Node) -> Option<&str> {
    match &item.value {
        Value::Scalar(text) => Some(text),
        Value::Map(entries) => {
            entries
                .iter()
                .find(|(key, _)| key.text == "name")
                .and_then(|(_, value)| match &value.value {
                    Value::Scalar(text) => Some(text.as_str()),
                    _ => None,
                })
        }
        _ => None,
    }
}

fn value(text: &str, place: Place) -> Result<Node, String> {
    if text.trim().is_empty() {
        return Ok(Node {
            place,
            value: Value::Null,
        });
    }
    if text.len() > tree::MAX_BYTES {
        return Err("the value is too long".to_owned());
    }
    let mut node = tree::parse(text)
        .map_err(|problem| format!("the value is no YAML: {}", problem.message))?;
    everywhere(&mut node, place);
    Ok(node)
}

fn everywhere(node: &mut Node, place: Place) {
    node.place = place;
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| everywhere(item, place)),
        Value::Map(entries) => {
            for (key, value) in entries {
                key.place = place;
                everywhere(value, place);
            }
        }
        Value::Null | Value::Scalar(_) => {}
    }
}
