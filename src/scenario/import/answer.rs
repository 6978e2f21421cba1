//! A REST answer: what is looked up in it by name, and where what is wrong stands.

use crate::scenario::Document;
use crate::scenario::error::{Place, Problem};
use crate::scenario::tree::{self, Node, Value};
use crate::scenario::units::short;

/// The texts that were read, so that messages can point into them.
#[derive(Default)]
pub struct Texts {
    pub read: Vec<(String, String)>,
}

impl Texts {
    /// A file's number and its text.
    pub fn text(&mut self, document: &Document) -> Result<(u8, &str), Problem> {
        let refuse = |why: &str| Err(Problem::nowhere(format!("{}: {why}", document.name)));
        let Ok(text) = std::str::from_utf8(&document.bytes) else {
            return refuse("this is no UTF-8 text");
        };
        if text.len() > tree::MAX_BYTES {
            return refuse("this is larger than 1 MiB");
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // Place numbers documents with four bits, of which three values are taken.
        let number = u8::try_from(self.read.len()).unwrap_or(u8::MAX);
        if number > 8 {
            return refuse("this is one file too many");
        }
        self.read.push((document.name.clone(), text.to_owned()));
        Ok((number, &self.read[usize::from(number)].1))
    }

    /// A file as the tree that its JSON is: every JSON text is YAML too.
    pub fn tree(&mut self, document: &Document) -> Result<Node, Problem> {
        let (number, text) = self.text(document)?;
        if text.trim().is_empty() {
            let message = format!("{} is empty; it should hold JSON", document.name);
            return Err(Problem::nowhere(message));
        }
        let tree = tree::parse(text).map_err(|problem| Problem {
            place: problem.place.beside(number),
            message: format!("this is no JSON: {}", problem.message),
        })?;
        let tree = tree.beside(number);
        let answer = Answer { node: &tree };
        match answer.find("errors") {
            Some(errors) => Err(errors.refuse("Flink answered with an error, not with data")),
            None => Ok(tree),
        }
    }
}

/// A value of an answer. Flink writes `null`, or -1 for a number, where it has nothing: both count as absent.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    pub node: &'a Node,
}

impl<'a> Answer<'a> {
    pub fn find(self, key: &str) -> Option<Answer<'a>> {
        let Value::Map(entries) = &self.node.value else {
            return None;
        };
        let (_, node) = entries.iter().find(|(name, _)| name.text == key)?;
        (!matches!(node.value, Value::Null)).then_some(Answer { node })
    }

    pub fn get(self, key: &str, of: &str) -> Result<Answer<'a>, Problem> {
        self.find(key)
            .ok_or_else(|| self.refuse(format!("`{key}` is missing: {of} has it")))
    }

    pub fn text(self) -> Result<&'a str, Problem> {
        match &self.node.value {
            Value::Scalar(text) => Ok(text),
            _ => Err(self.refuse("a text is expected here")),
        }
    }

    pub fn number(self) -> Result<f64, Problem> {
        let text = self.text()?;
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| {
            let message = format!("`{}` where a number is expected", short(text));
            self.refuse(message)
        })
    }

    pub fn whole(self, most: u32) -> Result<u32, Problem> {
        let text = self.text()?;
        let number = text.parse::<u32>().ok().filter(|number| *number <= most);
        number.ok_or_else(|| {
            let text = short(text);
            let message = format!("`{text}` where a whole number from 0 to {most} is expected");
            self.refuse(message)
        })
    }

    pub fn list(self) -> Result<impl Iterator<Item = Answer<'a>>, Problem> {
        match &self.node.value {
            Value::List(items) => Ok(items.iter().map(|node| Answer { node })),
            _ => Err(self.refuse("a list is expected here")),
        }
    }

    pub fn entries(self) -> Result<impl Iterator<Item = (&'a str, Answer<'a>)>, Problem> {
        match &self.node.value {
            Value::Map(entries) => Ok(entries
                .iter()
                .map(|(name, node)| (name.text.as_str(), Answer { node }))),
            _ => Err(self.refuse("an object is expected here")),
        }
    }

    /// A number that is there and not negative.
    pub fn amount(self, key: &str) -> Result<Option<f64>, Problem> {
        let number = self.find(key).map(Answer::number).transpose()?;
        Ok(number.filter(|number| *number >= 0.0))
    }

    pub fn place(self) -> Place {
        self.node.place
    }

    pub fn refuse(self, message: impl Into<String>) -> Problem {
        Problem::at(self.node.place, message)
    }
}
