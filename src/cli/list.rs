//! `firedrill list` and `firedrill schema`: what a scenario may say.

use serde_json::json;

use super::args::{Format, ListArgs, Listing};
use super::console;
use super::engine;
use super::shipped::SHIPPED;
use super::status::{Failure, Status};

/// A name and what it stands for.
type Entry = (String, String);

pub(super) fn list(args: &ListArgs) -> Result<Status, Failure> {
    let entries = match args.what {
        Listing::Models => owned(engine::models()),
        Listing::Policies => owned(engine::policies()),
        Listing::Faults => owned(engine::faults()),
        Listing::Invariants => owned(engine::invariants()),
        Listing::Scenarios => scenarios()?,
        Listing::Defects => owned(engine::defects()),
    };
    let text = match args.format {
        Format::Text => table(&entries),
        Format::Json => {
            let list: Vec<_> = entries
                .iter()
                .map(|(name, about)| json!({"name": name, "about": about}))
                .collect();
            pretty(&json!(list))
        }
    };
    console::print(text.as_bytes())?;
    if matches!((args.what, args.format), (Listing::Scenarios, Format::Text)) {
        console::note("they are built in: firedrill run NAME; firedrill new --from NAME FILE.yaml");
    }
    Ok(Status::Ok)
}

pub(super) fn schema() -> Result<Status, Failure> {
    console::print(pretty(&engine::schema()).as_bytes())?;
    Ok(Status::Ok)
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

fn owned(names: Vec<(&str, impl Into<String>)>) -> Vec<Entry> {
    let entries = names.into_iter();
    let entries = entries.map(|(name, about)| (name.to_string(), about.into()));
    entries.collect()
}

fn scenarios() -> Result<Vec<Entry>, Failure> {
    SHIPPED
        .iter()
        .map(|shipped| {
            let loaded = engine::load(shipped.text.as_bytes(), shipped.name, &[])
                .map_err(|error| Failure::bad(error.to_string()))?;
            Ok((loaded.scenario.name, loaded.scenario.about))
        })
        .collect()
}

fn table(entries: &[Entry]) -> String {
    let width = entries
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    entries
        .iter()
        .map(|(name, about)| {
            // An `about` may have been folded over several lines.
            let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{name:width$}  {about}").trim_end().to_string() + "\n"
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_one_line_per_entry() {
        let entry = |name: &str, about: &str| (name.to_string(), about.to_string());
        let entries = [entry("a", "one\n  two"), entry("long", "")];
        assert_eq!(table(&entries), "a     one two\nlong\n");
    }

    #[test]
    fn the_shipped_scenarios_are_those_of_the_folder() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
        let mut there: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter_map(|file| file.strip_suffix(".yaml").map(str::to_owned))
            .collect();
        let mut listed: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
        there.sort();
        listed.sort_unstable();
        assert_eq!(listed, there);
    }

    #[test]
    fn a_shipped_scenario_is_named_as_its_file() {
        for shipped in SHIPPED {
            let loaded = engine::load(shipped.text.as_bytes(), shipped.name, &[])
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(shipped.name, loaded.scenario.name);
        }
    }
}
