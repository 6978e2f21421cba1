//! What is wrong with a file: where, what, and what would be right.

use std::fmt;

/// Where something stands that a message may point at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Bytes of the file.
    File { start: usize, len: usize },
    /// Bytes of the nth other file, a configuration or a profile.
    Beside {
        document: u8,
        start: usize,
        len: usize,
    },
    /// The nth override.
    Argument(usize),
    /// The file as a whole.
    Nowhere,
}

impl Place {
    /// As one number, the way it travels through serde; a file has at most 2^20 bytes.
    pub(super) fn pack(self) -> u64 {
        match self {
            Place::Nowhere => 0,
            Place::File { start, len } => (1 << 60) | ((start as u64) << 30) | len as u64,
            Place::Argument(index) => (2 << 60) | index as u64,
            Place::Beside {
                document,
                start,
                len,
            } => ((3 + u64::from(document)) << 60) | ((start as u64) << 30) | len as u64,
        }
    }

    pub(super) fn unpack(packed: u64) -> Place {
        let low = |bits: u64| (bits & ((1 << 30) - 1)) as usize;
        match packed >> 60 {
            1 => Place::File {
                start: low(packed >> 30),
                len: low(packed),
            },
            0 => Place::Nowhere,
            2 => Place::Argument(low(packed)),
            tag => Place::Beside {
                document: tag as u8 - 3,
                start: low(packed >> 30),
                len: low(packed),
            },
        }
    }

    /// The same bytes, of another file than the scenario.
    pub(super) fn beside(self, document: u8) -> Place {
        match self {
            Place::File { start, len } => Place::Beside {
                document,
                start,
                len,
            },
            place => place,
        }
    }
}

/// One thing that is wrong, before it meets the text it is about.
#[derive(Clone, Debug)]
pub struct Problem {
    pub place: Place,
    /// One sentence, with what would be right.
    pub message: String,
}

impl Problem {
    pub fn at(place: Place, message: impl Into<String>) -> Problem {
        Problem {
            place,
            message: message.into(),
        }
    }

    pub fn nowhere(message: impl Into<String>) -> Problem {
        Problem::at(Place::Nowhere, message)
    }
}

/// Why a scenario cannot be run: every problem found, each with file, line, column and the offending text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// Rendered, in the order of the file.
    messages: Vec<String>,
}

impl ScenarioError {
    pub(super) fn new(source: &Source<'_>, mut problems: Vec<Problem>) -> ScenarioError {
        problems.sort_by_key(|problem| match problem.place {
            Place::Nowhere => (0, 0),
            Place::File { start, .. } => (1, start),
            Place::Argument(index) => (2, index),
            Place::Beside {
                document, start, ..
            } => (3 + usize::from(document), start),
        });
        let mut messages: Vec<String> = problems
            .iter()
            .map(|problem| format!("error: {}", source.show(problem)))
            .collect();
        messages.dedup();
        ScenarioError { messages }
    }

    /// Each problem by itself, as `Display` shows them together.
    pub fn messages(&self) -> &[String] {
        &self.messages
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.messages.join("\n"))
    }
}

impl std::error::Error for ScenarioError {}

/// The text that places refer to.
pub struct Source<'a> {
    /// The file's name, as the user gave it.
    pub name: &'a str,
    pub text: &'a str,
    /// The overrides, `a.b=c`: `--set` is not the only option that makes them.
    pub arguments: Vec<String>,
    /// Name and text of other files.
    pub beside: Vec<(String, String)>,
}

/// Longer lines are cut around the place.
const WIDTH: usize = 100;

impl Source<'_> {
    /// `file:line:column: message` with the line and a caret below.
    pub fn show(&self, problem: &Problem) -> String {
        match problem.place {
            Place::Nowhere => format!("{}: {}", self.name, problem.message),
            Place::Argument(index) => {
                let argument = self.arguments.get(index).map_or("--set", String::as_str);
                format!("{argument}: {}", problem.message)
            }
            Place::File { start, len } => {
                show_line(self.name, self.text, (start, len), &problem.message)
            }
            Place::Beside {
                document,
                start,
                len,
            } => match self.beside.get(usize::from(document)) {
                Some((name, text)) => show_line(name, text, (start, len), &problem.message),
                None => problem.message.clone(),
            },
        }
    }
}

fn show_line(name: &str, text: &str, (start, len): (usize, usize), message: &str) -> String {
    let mut start = start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let before = &text[..start];
    let number = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let line: Vec<char> = text[line_start..line_end]
        .trim_end_matches('\r')
        .chars()
        .collect();
    let column = text[line_start..start].chars().count().min(line.len());

    let mut end = start.saturating_add(len).min(line_end);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let marked = text
        .get(start..end)
        .map_or(0, |part| part.trim_end().chars().count())
        .max(1);

    let from = if line.len() > WIDTH {
        column.saturating_sub(WIDTH / 3)
    } else {
        0
    };
    let shown: String = line
        .iter()
        .skip(from)
        .take(WIDTH)
        .map(|&c| printable(c))
        .collect();
    let marked = marked.min((from + WIDTH).saturating_sub(column).max(1));
    let gutter = format!("{number:>4} | ");
    format!(
        "{}:{number}:{}: {message}\n{gutter}{}\n{:>4} | {}{}",
        name,
        column + 1,
        shown.trim_end(),
        "",
        " ".repeat(column - from),
        "^".repeat(marked),
    )
}

/// Control characters would move the caret or the terminal.
fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}
