//! The file as YAML has it: names, scalars, lists and maps, each with its place in the text.
//!
//! Between bytes and types stands this tree, so that `--set` can change it and so that every later message
//! can point at what the user wrote.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::error::{Place, Problem};

/// Files are written by people; anything larger is a mistake or an attack.
pub const MAX_BYTES: usize = 1 << 20;
const EMPTY: &str =
    "the file is empty; a scenario needs at least `name`, `cluster`, `topics` and `jobs`";
const MAX_DEPTH: usize = 64;
const MAX_NODES: usize = 100_000;

/// One value of the file and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    pub place: Place,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub enum Value {
    Null,
    /// As written; whether it is a number or a word is for the reader to say.
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(Name, Node)>),
}

/// A key of a map and where it stands.
#[derive(Clone, Debug)]
pub struct Name {
    pub place: Place,
    pub text: String,
}

impl Node {
    /// The same tree, of another file than the scenario.
    pub fn beside(mut self, document: u8) -> Node {
        self.place = self.place.beside(document);
        self.value = match self.value {
            Value::List(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| item.beside(document))
                    .collect(),
            ),
            Value::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(mut name, node)| {
                        name.place = name.place.beside(document);
                        (name, node.beside(document))
                    })
                    .collect(),
            ),
            value => value,
        };
        self
    }
}

/// Parses one YAML document.
pub fn parse(text: &str) -> Result<Node, Problem> {
    if text.trim().is_empty() {
        return Err(Problem::nowhere(EMPTY));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_aliases: 1_000,
            max_anchors: 1_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_NODES,
            max_replay_stack_depth: 16,
            max_alias_expansions_per_anchor: 1_000,
        },
        with_snippet: false,
    };
    let spanned: Spanned<Raw> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| syntax(&error, text))?;
    let root = node(spanned, text);
    if matches!(root.value, Value::Null) {
        return Err(Problem::nowhere(EMPTY));
    }
    Ok(root)
}

/// What the YAML parser says, without its own idea of where: that is ours to show.
fn syntax(error: &serde_saphyr::Error, text: &str) -> Problem {
    let said = error
        .without_snippet()
        .render_with_formatter(&serde_saphyr::UserMessageFormatter);
    let said = said.split(" at line ").next().unwrap_or_default();
    let message = if said.contains("recursion limit") || said.contains("depth") {
        format!("nested more than {MAX_DEPTH} levels deep")
    } else if said.contains("replayed") || said.contains("too large or too complex") {
        "the file is too large once its aliases are written out".to_owned()
    } else {
        said.to_owned()
    };
    let place = error
        .location()
        .map_or(Place::Nowhere, |at| match place(at, text) {
            Place::Nowhere => line_and_column(at, text),
            place => place,
        });
    Problem { place, message }
}

/// For errors of which the parser does not know the bytes.
fn line_and_column(at: Location, text: &str) -> Place {
    let index = |number: u64| {
        usize::try_from(number)
            .unwrap_or(usize::MAX)
            .saturating_sub(1)
    };
    let Some(line) = text.split_inclusive('\n').nth(index(at.line())) else {
        return Place::Nowhere;
    };
    let column: usize = line
        .chars()
        .take(index(at.column()))
        .map(char::len_utf8)
        .sum();
    let start = line.as_ptr() as usize - text.as_ptr() as usize + column;
    Place::File { start, len: 1 }
}

fn node(spanned: Spanned<Raw>, text: &str) -> Node {
    let place = place(spanned.referenced, text);
    let value = match spanned.value {
        Raw::Null => Value::Null,
        Raw::Text(scalar) => Value::Scalar(scalar),
        // The text, not the number that the parser made of it: `007`, `1e3` and `off` keep their spelling.
        Raw::Plain(parsed) => Value::Scalar(written(spanned.defined, text).unwrap_or(parsed)),
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(item, text)).collect()),
        Raw::Map(pairs) => Value::Map(
            pairs
                .into_iter()
                .map(|(key, value)| {
                    let name = Name {
                        place: self::place(key.referenced, text),
                        text: key.value,
                    };
                    (name, node(value, text))
                })
                .collect(),
        ),
    };
    Node { place, value }
}

fn place(at: Location, text: &str) -> Place {
    let span = at.span();
    let (Some(start), Some(len)) = (span.byte_offset(), span.byte_len()) else {
        return Place::Nowhere;
    };
    let start = usize::try_from(start).unwrap_or(usize::MAX).min(text.len());
    let len = usize::try_from(len).unwrap_or(0).min(text.len() - start);
    Place::File { start, len }
}

fn written(at: Location, text: &str) -> Option<String> {
    let Place::File { start, len } = place(at, text) else {
        return None;
    };
    let slice = text.get(start..start + len)?.trim();
    (!slice.is_empty()).then(|| slice.to_owned())
}

enum Raw {
    Null,
    Text(String),
    /// A number or a truth value, as the parser printed it.
    Plain(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut pairs = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            pairs.push(entry);
        }
        Ok(Raw::Map(pairs))
    }
}
