//! The scenario in the making: sections of text, each under what had to be assumed for it.

/// Columns of a comment.
const WIDTH: usize = 110;

/// Some lines of the file, and what is said above them.
#[derive(Debug, Default)]
pub struct Section {
    assumed: Vec<String>,
    notes: Vec<String>,
    lines: Vec<String>,
}

impl Section {
    /// What no answer says; it is told on the terminal too.
    pub fn assume(&mut self, what: impl Into<String>) {
        self.assumed.push(what.into());
    }

    /// What is worth a comment and no assumption.
    pub fn note(&mut self, what: impl Into<String>) {
        self.notes.push(what.into());
    }

    pub fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    pub fn assumed(&self) -> &[String] {
        &self.assumed
    }

    pub fn write(&self, into: &mut String) {
        for assumed in &self.assumed {
            comment(&format!("Assumed: {assumed}."), into);
        }
        for note in &self.notes {
            comment(&format!("{note}."), into);
        }
        for line in &self.lines {
            into.push_str(line);
            into.push('\n');
        }
    }
}

/// Wrapped, and free of what would end the comment.
fn comment(text: &str, into: &mut String) {
    let mut column = WIDTH;
    for word in text.split_whitespace() {
        let width = word.chars().count() + 1;
        if column + width > WIDTH {
            if !into.is_empty() && !into.ends_with('\n') {
                into.push('\n');
            }
            into.push('#');
            column = 1;
        }
        into.push(' ');
        into.extend(word.chars().filter(|c| !c.is_control()));
        column += width;
    }
    into.push('\n');
}

/// A scalar of YAML: bare where nothing in it could mean something else.
pub fn scalar(text: &str) -> String {
    let first = text
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric());
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-' | '/');
    let null = text.eq_ignore_ascii_case("null");
    match first && text.chars().all(plain) && !text.ends_with(' ') && !null {
        true => text.to_owned(),
        // A text of JSON is one of YAML.
        false => serde_json::Value::from(text).to_string(),
    }
}

/// A whole number of a unit, rounded to two digits: an estimate should look like one.
pub fn rounded(value: f64) -> u64 {
    let mut scale = 1.0;
    while value / scale >= 100.0 {
        scale *= 10.0;
    }
    ((value / scale).round() * scale) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_words_are_bare() {
        for bare in ["10 s", "tm-1", "file", "0.5"] {
            assert_eq!(scalar(bare), bare);
        }
        for quoted in [
            "a: b",
            "",
            "- a",
            "a ",
            "#a",
            "{a}",
            "Source: x -> y",
            "a\nb",
            "[1]",
        ] {
            let text = scalar(quoted);
            assert!(text.starts_with('"'), "{text}");
            let back: String = serde_json::from_str(&text).unwrap();
            assert_eq!(back, quoted);
        }
    }

    #[test]
    fn a_long_comment_is_wrapped_and_stays_one() {
        let mut section = Section::default();
        section.assume("word ".repeat(60) + "end\nfaults: []");
        section.line("a: 1");
        let mut text = String::new();
        section.write(&mut text);
        let (last, comments) = text
            .lines()
            .collect::<Vec<_>>()
            .split_last()
            .map(|(l, c)| (l.to_string(), c.to_vec()))
            .unwrap();
        assert_eq!(last, "a: 1");
        assert!(comments.len() > 2 && comments.iter().all(|line| line.starts_with("# ")));
        assert!(comments.iter().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn estimates_have_two_digits() {
        assert_eq!(rounded(488_575_000.0), 490_000_000);
        assert_eq!(rounded(0.6), 1);
        assert_eq!(rounded(99.4), 99);
    }
}
