//! Rules of the house that a reader would otherwise have to check.

use crate::source::Source;

const LINES_MAX: usize = 450;
const LINES_MEDIAN_MAX: usize = 250;
/// Shorter reasons name what failed, not why it cannot.
const REASON_CHARS_MIN: usize = 12;

/// Macros that belong to no finished program, or write past the command line's own output.
const BANNED: &[&str] = &[
    "dbg!",
    "todo!",
    "unimplemented!",
    "print!",
    "println!",
    "eprint!",
    "eprintln!",
];

/// Rooms whose messages show by example what would be right.
const EXPLAINING: &[&str] = &["scenario", "cli"];

type Rule = fn(&Source) -> Vec<String>;

#[track_caller]
fn holds(rule: Rule) {
    let found: Vec<String> = Source::all()
        .iter()
        .filter(|source| !source.is_test())
        .flat_map(|source| {
            let path = source.path.clone();
            rule(&source.without_tests())
                .into_iter()
                .map(move |what| format!("src/{path}:{what}"))
        })
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Where a word stands by itself in the code.
fn places(source: &Source, what: &str) -> Vec<usize> {
    source
        .code
        .match_indices(what)
        .map(|(at, _)| at)
        .filter(|at| {
            let before = source.code[..*at].chars().next_back();
            what.starts_with('.') || !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
        .collect()
}

fn purpose(source: &Source) -> Vec<String> {
    match source.text.starts_with("//! ") {
        true => Vec::new(),
        false => {
            vec!["1: begin with a line (`//! ...`) that says what the file is for".to_string()]
        }
    }
}

fn length(source: &Source) -> Vec<String> {
    match source.text.lines().count() {
        lines if lines > LINES_MAX => vec![format!(
            "{lines}: more than {LINES_MAX} lines; give each purpose a file of its own"
        )],
        _ => Vec::new(),
    }
}

fn stated_reasons(source: &Source) -> Vec<String> {
    let mut found: Vec<String> = places(source, ".unwrap()")
        .into_iter()
        .map(|at| {
            format!(
                "{}: unwrap() leaves its argument unsaid; use expect(\"why this holds\"), or handle it",
                source.line(at)
            )
        })
        .collect();
    for at in places(source, ".expect(") {
        let quote = at + ".expect(".len();
        let reason = source.literals.iter().find(|(at, _)| {
            *at >= quote && source.code[quote..*at].chars().all(char::is_whitespace)
        });
        if let Some((_, reason)) = reason
            && reason.chars().count() < REASON_CHARS_MIN
        {
            found.push(format!(
                "{}: expect({reason:?}) does not say why it holds",
                source.line(at)
            ));
        }
    }
    found
}

fn no_loose_ends(source: &Source) -> Vec<String> {
    BANNED
        .iter()
        .flat_map(|word| {
            places(source, word)
                .into_iter()
                .map(move |at| format!("{}: {word} has no place here", source.line(at)))
        })
        .collect()
}

/// What happens must follow from the scenario: no code may know a host, an operator or a partition of one.
fn no_story(source: &Source) -> Vec<String> {
    let explains = source.room().is_some_and(|room| EXPLAINING.contains(&room));
    let mut found = Vec::new();
    for (at, literal) in &source.literals {
        let told = ["Parse JSON", "Enrich Data", "Detect Fraud"]
            .iter()
            .any(|name| literal.contains(name));
        let host = hosts(literal).any(|host| !explains || host == literal);
        if host || (told && !explains) {
            found.push(format!(
                "{}: {literal:?} is a name out of a scenario",
                source.line(*at)
            ));
        }
    }
    for at in source.code.match_indices("partition").map(|(at, _)| at) {
        let rest = source.code[at..].trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
        let compared = rest.trim_start().strip_prefix("==");
        let number: String = compared
            .unwrap_or("")
            .trim_start()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        if number.parse().is_ok_and(|number: u64| number > 1) {
            found.push(format!(
                "{}: partition {number} is one out of a scenario",
                source.line(at)
            ));
        }
    }
    found
}

/// Words like `tm-3` in a text.
fn hosts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '-'))
        .filter(|word| {
            ["tm-", "jm-"].iter().any(|kind| {
                word.strip_prefix(kind).is_some_and(|number| {
                    !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
                })
            })
        })
}

#[test]
fn every_file_says_what_it_is_for() {
    holds(purpose);
}

#[test]
fn no_file_is_long() {
    holds(length);
    let mut lines: Vec<usize> = Source::all()
        .iter()
        .map(|source| source.text.lines().count())
        .collect();
    lines.sort_unstable();
    let median = lines[lines.len() / 2];
    assert!(
        median <= LINES_MEDIAN_MAX,
        "the median file has {median} lines"
    );
}

#[test]
fn what_cannot_fail_says_why() {
    holds(stated_reasons);
}

#[test]
fn nothing_is_left_lying_about() {
    holds(no_loose_ends);
}

#[test]
fn no_code_knows_the_story() {
    holds(no_story);
}

#[test]
fn each_rule_can_fail() {
    let count =
        |rule: Rule, text: &str| rule(&Source::new("drill/a.rs", text).without_tests()).len();
    assert_eq!(count(purpose, "//! Why.\n"), 0);
    assert_eq!(count(purpose, "use a;\n"), 1);
    assert_eq!(count(length, &"\n".repeat(LINES_MAX + 1)), 1);
    assert_eq!(
        count(stated_reasons, "fn f() { a.unwrap(); b.expect(\"ok\"); }"),
        2
    );
    assert_eq!(
        count(
            stated_reasons,
            "fn f() { b.expect(\"the queue was filled above\"); }"
        ),
        0
    );
    assert_eq!(
        count(
            stated_reasons,
            "#[cfg(test)]\nmod t { fn f() { a.unwrap(); } }"
        ),
        0
    );
    assert_eq!(count(no_loose_ends, "fn f() { eprintln!(); todo!() }"), 2);
    assert_eq!(count(no_story, "const A: &str = \"tm-3\"; // tm-4"), 1);
    assert_eq!(count(no_story, "const A: &str = \"tm-{n}\";"), 0);
    assert_eq!(count(no_story, "fn f() { if partition == 4 {} }"), 1);
    let message = Source::new("scenario/a.rs", "const A: &str = \"as in {kill: tm-3}\";");
    assert_eq!(no_story(&message).len(), 0);
}
