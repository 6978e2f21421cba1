//! A cluster's own configuration: Flink 2's `config.yaml`, or the `flink-conf.yaml` of before.

use crate::scenario::error::{Place, Problem};
use crate::scenario::tree::{self, Node, Value};

/// One key of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Flat, with dots.
    pub key: String,
    pub place: Place,
    pub value: String,
    pub value_place: Place,
}

/// What the file says, and what Flink would ignore in it.
#[derive(Debug, Default)]
pub struct FlinkConf {
    /// In the format that Flink 2 no longer reads.
    pub is_flink_1: bool,
    pub entries: Vec<Entry>,
    pub warnings: Vec<Problem>,
}

/// Reads the file, which is named for its format: `flink-conf.yaml` is read line by line, anything else as YAML.
pub fn parse(name: &str, text: &str) -> Result<FlinkConf, Problem> {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let mut conf = FlinkConf::default();
    if base.starts_with("flink-conf") {
        conf.is_flink_1 = true;
        lines(text, &mut conf);
    } else if text
        .lines()
        .any(|line| !matches!(line.trim().as_bytes(), [] | [b'#', ..]))
    {
        flatten(&tree::parse(text)?, "", &mut conf);
    }
    Ok(conf)
}

/// As `GlobalConfiguration` of Flink 1 reads it: a comment ends the line, the first `: ` ends the key, later lines win.
fn lines(text: &str, conf: &mut FlinkConf) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let code = line.split('#').next().unwrap_or_default();
        if code.trim().is_empty() {
            continue;
        }
        let place = |part: &str| Place::File {
            start: at + (part.as_ptr() as usize - line.as_ptr() as usize),
            len: part.len(),
        };
        let split = code
            .split_once(": ")
            .map(|(key, value)| (key.trim(), value.trim()));
        match split.filter(|(key, value)| !key.is_empty() && !value.is_empty()) {
            Some((key, value)) => {
                // Flink 1.17 and later strip quotes as YAML does.
                let bare = unquoted(value);
                conf.entries.retain(|entry| entry.key != key);
                conf.entries.push(Entry {
                    key: key.to_owned(),
                    place: place(key),
                    value: bare.to_owned(),
                    value_place: place(value),
                });
            }
            None => conf.warnings.push(Problem::at(
                place(code.trim()),
                "Flink ignores this line: it is no `key: value`, with a space after the colon",
            )),
        }
    }
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    value
}

fn flatten(node: &Node, key: &str, conf: &mut FlinkConf) {
    let Value::Map(entries) = &node.value else {
        let message =
            "a list or a value where keys are expected; Flink's `config.yaml` is a map of keys";
        conf.warnings.push(Problem::at(node.place, message));
        return;
    };
    for (name, value) in entries {
        let key = match key {
            "" => name.text.clone(),
            above => format!("{above}.{}", name.text),
        };
        let text = match &value.value {
            Value::Map(_) => {
                flatten(value, &key, conf);
                continue;
            }
            Value::Null => continue,
            Value::Scalar(text) => text.clone(),
            // `YamlParserUtils` joins lists with semicolons.
            Value::List(items) => items
                .iter()
                .map(|item| match &item.value {
                    Value::Scalar(text) => text.as_str(),
                    _ => "",
                })
                .collect::<Vec<_>>()
                .join(";"),
        };
        conf.entries.push(Entry {
            key,
            place: name.place,
            value: text,
            value_place: value.place,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(conf: &FlinkConf) -> Vec<(&str, &str)> {
        conf.entries
            .iter()
            .map(|entry| (entry.key.as_str(), entry.value.as_str()))
            .collect()
    }

    #[test]
    fn nested_and_flat_keys_are_the_same() {
        let text = "heartbeat:\n  interval: 5 s\n  timeout: 25000\nrestart-strategy.type: fixed-delay\nclassloader.parent-first-patterns.additional: [a, b]\nempty:\n";
        let conf = parse("conf/config.yaml", text).expect("it is YAML");
        let expected = [
            ("heartbeat.interval", "5 s"),
            ("heartbeat.timeout", "25000"),
            ("restart-strategy.type", "fixed-delay"),
            ("classloader.parent-first-patterns.additional", "a;b"),
        ];
        assert_eq!(pairs(&conf), expected);
        assert!(
            parse("config.yaml", "# all is commented out\n\n")
                .expect("empty")
                .entries
                .is_empty()
        );
        assert!(parse("config.yaml", "a: [1\n").is_err());
    }

    #[test]
    fn the_old_format_is_read_line_by_line() {
        let text = "# a comment\nheartbeat.interval: 5000 # ms\njobmanager.rpc.address:localhost\nenv.java.opts: -Dkey=a: b\nheartbeat.interval: '6000'\n";
        let conf = parse("/etc/flink/flink-conf.yaml", text).expect("lines");
        assert_eq!(
            pairs(&conf),
            [
                ("env.java.opts", "-Dkey=a: b"),
                ("heartbeat.interval", "6000")
            ]
        );
        let Place::File { start, len } = conf.entries[1].value_place else {
            panic!("it has a place");
        };
        assert_eq!(&text[start..start + len], "'6000'");
        assert_eq!(conf.warnings.len(), 1);
        let Place::File { start, len } = conf.warnings[0].place else {
            panic!("it has a place");
        };
        assert_eq!(
            &text[start..start + len],
            "jobmanager.rpc.address:localhost"
        );
    }
}
