//! A room imports only from rooms below it.

use crate::source::Source;

/// From the ground up. Rooms on one floor do not know each other.
const FLOORS: &[&[&str]] = &[
    &["kernel"],
    &["dataflow", "substrate"],
    &["policy"],
    &["actor"],
    &["invariant", "fault"],
    &["scenario"],
    &["drill"],
    &["campaign"],
    &["report"],
    &["cli"],
];

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Names that a file takes from the root of the crate, with their lines: `crate::x`, or enough `super::` to get there.
fn taken(source: &Source) -> Vec<(usize, String)> {
    let tokens = tokens(&source.code);
    let word = |at: usize| tokens.get(at).map_or("", |(_, word)| *word);
    // `scenario/mod.rs` is one module deep, `scenario/units.rs` two.
    let parts = source.path.split('/').count();
    let own = parts - usize::from(source.path.ends_with("/mod.rs"));
    let mut modules: Vec<usize> = Vec::new();
    let mut braces = 0;
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        match word(at) {
            "{" => {
                braces += 1;
                if at >= 2 && word(at - 2) == "mod" {
                    modules.push(braces);
                }
            }
            "}" => {
                if modules.last() == Some(&braces) {
                    modules.pop();
                }
                braces -= 1;
            }
            "crate" if word(at + 1) == "::" => names(&tokens, at + 2, &mut found),
            "super" if at < 2 || word(at - 2) != "super" => {
                let supers = (0..).take_while(|n| word(at + 2 * n) == "super").count();
                if supers >= own + modules.len() && word(at + 2 * supers - 1) == "::" {
                    names(&tokens, at + 2 * supers, &mut found);
                }
            }
            _ => {}
        }
    }
    found
        .into_iter()
        .map(|(at, name)| (source.line(at), name))
        .collect()
}

/// The first name of a path, or of each path in a group.
fn names(tokens: &[(usize, &str)], at: usize, found: &mut Vec<(usize, String)>) {
    let Some((place, first)) = tokens.get(at) else {
        return;
    };
    if *first != "{" {
        found.push((*place, first.to_string()));
        return;
    }
    let mut depth = 0;
    let mut starts = false;
    for (place, token) in &tokens[at..] {
        match *token {
            "{" => {
                depth += 1;
                starts = depth == 1;
            }
            "}" => depth -= 1,
            "," => starts = depth == 1,
            name if starts && depth == 1 => {
                found.push((*place, name.to_string()));
                starts = false;
            }
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

/// Words, `::`, and single signs, with where they start.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    while let Some(first) = code[at..].chars().next() {
        let rest = &code[at..];
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            tokens.push((at, &rest[..length]));
        }
        at += length;
    }
    tokens
}

/// What a file takes although it may not, a line each.
fn violations(source: &Source) -> Vec<String> {
    let Some(room) = source.room() else {
        return Vec::new();
    };
    let Some(own) = floor(room) else {
        return vec![format!(
            "src/{}: there is no room `{room}` in the house; give it a floor in tests/architecture/rooms.rs",
            source.path
        )];
    };
    let mut found = Vec::new();
    for (line, name) in taken(source) {
        let allowed = name == room || floor(&name).is_some_and(|other| other < own);
        if !allowed {
            found.push(format!(
                "src/{}:{line}: `{room}` (floor {own}) takes from `{name}`, which is not below it",
                source.path
            ));
        }
    }
    found
}

#[test]
fn a_room_imports_only_from_rooms_below_it() {
    let sources = Source::all();
    assert!(sources.len() > 5, "{} files", sources.len());
    let found: Vec<String> = sources.iter().flat_map(violations).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn reaching_up_is_seen_in_every_spelling() {
    let count = |path: &str, text: &str| violations(&Source::new(path, text)).len();
    assert_eq!(count("policy/a.rs", "use crate::kernel::time::Time;"), 0);
    assert_eq!(count("policy/a.rs", "use crate::policy::b;"), 0);
    assert_eq!(count("policy/a.rs", "use crate::actor::x;"), 1);
    assert_eq!(
        count(
            "policy/a.rs",
            "use crate::{kernel::{a, b}, actor::x, drill};"
        ),
        2
    );
    assert_eq!(count("policy/a.rs", "fn f() { crate::cli::main() }"), 1);
    assert_eq!(count("policy/a.rs", "use super::super::actor::x;"), 1);
    assert_eq!(count("policy/mod.rs", "use super::{actor, kernel};"), 1);
    assert_eq!(count("policy/mod.rs", "mod tests { use super::fault; }"), 0);
    assert_eq!(count("policy/a.rs", "use super::actor;"), 0);
    assert_eq!(count("policy/a.rs", "// use crate::actor;"), 0);
    assert_eq!(count("dataflow/a.rs", "use crate::substrate::link;"), 1);
    assert_eq!(count("attic/mod.rs", ""), 1);
}
