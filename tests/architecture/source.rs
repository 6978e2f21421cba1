//! Rust source as far as the rules need it: code without comments and literals, literals by themselves, tests apart.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of `src/`.
pub struct Source {
    /// From `src/` on, with slashes.
    pub path: String,
    pub text: String,
    /// The text with comments and the inside of literals blanked; every byte keeps its place.
    pub code: String,
    /// String literals: where they start, and what they say.
    pub literals: Vec<(usize, String)>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let (code, literals) = split(text);
        Source {
            path: path.to_string(),
            text: text.to_string(),
            code,
            literals,
        }
    }

    /// Every file of `src/`, in order.
    pub fn all() -> Vec<Source> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut paths = Vec::new();
        collect(&root, &mut paths);
        paths.sort();
        paths
            .iter()
            .map(|path| {
                let shown: Vec<_> = path
                    .strip_prefix(&root)
                    .unwrap()
                    .iter()
                    .map(|part| part.to_str().unwrap())
                    .collect();
                Source::new(&shown.join("/"), &fs::read_to_string(path).unwrap())
            })
            .collect()
    }

    /// `kernel` for `kernel/time.rs`; nothing for the roots of the crates.
    pub fn room(&self) -> Option<&str> {
        match self.path.split('/').next()? {
            "lib.rs" | "main.rs" => None,
            first => Some(first.trim_end_matches(".rs")),
        }
    }

    /// A file that holds nothing but tests.
    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    pub fn line(&self, at: usize) -> usize {
        1 + self.text[..at].matches('\n').count()
    }

    /// The same file without what is under `#[cfg(test)]`.
    pub fn without_tests(&self) -> Source {
        let mut code = self.code.clone().into_bytes();
        while let Some(start) = find(&code, b"#[cfg(test)]") {
            let end = end_of_item(&code, start);
            code[start..end].fill(b' ');
        }
        let code = String::from_utf8(code).unwrap();
        let kept = |at: usize| code.as_bytes()[at] == b'"';
        Source {
            path: self.path.clone(),
            text: self.text.clone(),
            literals: self
                .literals
                .iter()
                .filter(|(at, _)| kept(*at))
                .cloned()
                .collect(),
            code,
        }
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn find(code: &[u8], what: &[u8]) -> Option<usize> {
    code.windows(what.len()).position(|window| window == what)
}

/// Up to the brace that closes the item, or its semicolon, whichever comes first.
fn end_of_item(code: &[u8], start: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.iter().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Blanks comments and the inside of literals; the quotes of strings stay.
fn split(text: &str) -> (String, Vec<(usize, String)>) {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut literals = Vec::new();
    let mut blank = |from: usize, to: usize| {
        for byte in &mut code[from..to] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    };
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let before = at.checked_sub(1).map_or(b' ', |before| bytes[before]);
        let word_before = before.is_ascii_alphanumeric() || before == b'_';
        if rest.starts_with(b"//") {
            let end = at + find(rest, b"\n").unwrap_or(rest.len());
            blank(at, end);
            at = end;
        } else if rest.starts_with(b"/*") {
            let end = at + 4 + find(&rest[2..], b"*/").unwrap_or(rest.len() - 4);
            blank(at, end);
            at = end;
        } else if rest[0] == b'r' && !word_before && raw_hashes(rest).is_some() {
            let hashes = raw_hashes(rest).unwrap();
            let quote = at + 1 + hashes;
            let close = [&b"\""[..], &b"#".repeat(hashes)].concat();
            let end = quote + 1 + find(&bytes[quote + 1..], &close).unwrap();
            literals.push((quote, text[quote + 1..end].to_string()));
            blank(quote + 1, end);
            at = end + close.len();
        } else if rest[0] == b'"' {
            let mut end = at + 1;
            while bytes[end] != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            literals.push((at, text[at + 1..end].to_string()));
            blank(at + 1, end);
            at = end + 1;
        } else if rest[0] == b'\'' {
            // A character closes after one (escaped) character; anything else is a lifetime.
            let inside = text[at + 1..].chars().next().map_or(1, char::len_utf8);
            let end = match rest.get(1) {
                Some(b'\\') => 3 + find(&rest[3..], b"'").unwrap(),
                _ => 1 + inside,
            };
            if rest.get(end) == Some(&b'\'') {
                blank(at, at + end + 1);
                at += end;
            }
            at += 1;
        } else {
            at += 1;
        }
    }
    (String::from_utf8(code).unwrap(), literals)
}

/// How many hashes open a raw string here; none where there is no raw string.
fn raw_hashes(rest: &[u8]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    (rest.get(1 + hashes) == Some(&b'"')).then_some(hashes)
}

#[test]
fn comments_literals_and_tests_are_told_apart() {
    let text = r##"
//! crate::a
fn f<'a>(x: &'a str) { g("tm-3 \" // no", 'x', '\'', '"', r#"raw " one"#); } /* crate::b */
#[cfg(test)]
mod tests { fn g() { h("in a test"); } }
fn after() { k("last"); }
"##;
    let source = Source::new("kernel/x.rs", text);
    assert_eq!(source.code.len(), text.len());
    assert!(!source.code.contains("crate::"));
    let said = |source: &Source| -> Vec<String> {
        source
            .literals
            .iter()
            .map(|(_, text)| text.clone())
            .collect()
    };
    assert_eq!(
        said(&source),
        ["tm-3 \\\" // no", "raw \" one", "in a test", "last"]
    );
    let rest = source.without_tests();
    assert_eq!(said(&rest), ["tm-3 \\\" // no", "raw \" one", "last"]);
    assert!(rest.code.contains("fn after"));
    assert!(!rest.code.contains("mod tests"));
}
