//! What is wrong with a file: where, what, and what would be right.

use std::fmt;

/// Where something stands that a message may point at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Bytes of the file.
    File { start: usize, len: usize },
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
        }
    }

    pub(super) fn unpack(packed: u64) -> Place {
        let low = |bits: u64| (bits & ((1 << 30) - 1)) as usize;
        match packed >> 60 {
            1 => Place::File {
                start: low(packed >> 30),
                len: low(packed),
            },
            2 => Place::Argument(low(packed)),
            _ => Place::Nowhere,
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
    /// The overrides as the user wrote them, `--set a.b=c`.
    pub arguments: Vec<String>,
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
            Place::File { start, len } => self.show_line(start, len, &problem.message),
        }
    }

    fn show_line(&self, start: usize, len: usize, message: &str) -> String {
        let mut start = start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        let number = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |at| start + at);
        let line: Vec<char> = self.text[line_start..line_end]
            .trim_end_matches('\r')
            .chars()
            .collect();
        let column = self.text[line_start..start].chars().count().min(line.len());

        let mut end = start.saturating_add(len).min(line_end);
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let marked = self
            .text
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
            self.name,
            column + 1,
            shown.trim_end(),
            "",
            " ".repeat(column - from),
            "^".repeat(marked),
        )
    }
}

/// Control characters would move the caret or the terminal.
fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}
