//! A page of text of a given width, coloured or plain.

/// How a line is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Bold,
    Faint,
    Good,
    Bad,
}

/// Collects lines, wrapping those that are too long.
pub struct Page {
    text: String,
    width: usize,
    colour: bool,
}

/// Narrower pages would wrap every other word.
const WIDTH_MIN: usize = 40;

impl Page {
    pub fn new(width: usize, colour: bool) -> Page {
        Page {
            text: String::new(),
            width: width.max(WIDTH_MIN),
            colour,
        }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn colour(&self) -> bool {
        self.colour
    }

    pub fn blank(&mut self) {
        self.text.push('\n');
    }

    pub fn title(&mut self, text: &str) {
        self.hanging(Tone::Bold, "", 0, text);
    }

    /// The heading of a section, with a blank line above.
    pub fn section(&mut self, text: &str) {
        self.blank();
        self.hanging(Tone::Bold, "", 0, text);
    }

    pub fn line(&mut self, text: &str) {
        self.hanging(Tone::Plain, "", 0, text);
    }

    pub fn faint(&mut self, text: &str) {
        self.hanging(Tone::Faint, "", 0, text);
    }

    pub fn toned(&mut self, tone: Tone, text: &str) {
        self.hanging(tone, "", 0, text);
    }

    /// A line of a section.
    pub fn item(&mut self, text: &str) {
        self.hanging(Tone::Plain, "  ", 2, text);
    }

    pub fn toned_item(&mut self, tone: Tone, text: &str) {
        self.hanging(tone, "  ", 4, text);
    }

    /// Lines that are laid out already, within the width.
    pub fn verbatim(&mut self, lines: &str) {
        for line in lines.lines() {
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
    }

    /// `lead` and then `text`, whose further lines begin `indent` characters in.
    pub fn hanging(&mut self, tone: Tone, lead: &str, indent: usize, text: &str) {
        let mut line = lead.to_string();
        let mut length = lead.chars().count();
        let mut fresh = true;
        for word in text.split(' ') {
            let word_length = word.chars().count();
            if !fresh && length + 1 + word_length > self.width {
                self.push(tone, &line);
                line = " ".repeat(indent);
                length = indent;
                fresh = true;
            }
            if !fresh {
                line.push(' ');
                length += 1;
            }
            line.push_str(word);
            length += word_length;
            fresh = false;
        }
        self.push(tone, &line);
    }

    fn push(&mut self, tone: Tone, line: &str) {
        let code = match tone {
            Tone::Plain => "",
            Tone::Bold => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Bad => "1;31",
        };
        let line = line.trim_end();
        if self.colour && !code.is_empty() {
            self.text.push_str(&format!("\x1b[{code}m{line}\x1b[0m\n"));
        } else {
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    pub fn into_text(self) -> String {
        self.text
    }
}
