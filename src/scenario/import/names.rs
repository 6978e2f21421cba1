//! Names of operators, topics and jobs: short enough for a report, each given once.

use std::collections::BTreeSet;

/// Longer chains keep their ends.
const NAME_MAX: usize = 80;

/// The chain as Flink names its tasks, short enough for a report.
pub fn chain_name(chain: &[String]) -> String {
    let whole = chain.join(" -> ");
    if whole.chars().count() <= NAME_MAX {
        return whole;
    }
    let cut = |name: &String| {
        name.chars()
            .take(NAME_MAX / 2 - 5)
            .collect::<String>()
            .trim()
            .to_owned()
    };
    match chain {
        [one] => cut(one),
        [first, .., last] => format!("{} -> ... -> {}", cut(first), cut(last)),
        [] => String::new(),
    }
}

pub fn distinct(name: &str, taken: &mut BTreeSet<String>) -> String {
    let name = match name {
        "" => "unnamed",
        name => name,
    };
    let mut own = name.to_owned();
    let mut number = 2;
    while !taken.insert(own.clone()) {
        own = format!("{name} #{number}");
        number += 1;
    }
    own
}

pub fn job_name(name: &str) -> &str {
    let cut = name
        .char_indices()
        .nth(100)
        .map_or(name.len(), |(at, _)| at);
    match name[..cut].trim() {
        "" => "job",
        name => name,
    }
}
