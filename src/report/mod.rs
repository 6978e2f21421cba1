//! Floor 8: what a run leaves for people and machines, drawn from its outcome alone.
//!
//! One file per output format, each a [`Format`]; the caller decides where the bytes go. Everything shown is
//! simulated, so two runs of one seed give the same bytes.

pub mod check;
mod comparison;
mod explanation;
mod json;
pub mod junit;
mod metrics;
pub mod number;
mod openmetrics;
mod page;
pub mod pairs;
mod perfetto;
mod phase;
mod plot;
mod rest;
pub mod sweep;
mod tasks;
mod template;
mod text;
mod timeline;
pub mod tune;
pub mod validation;

#[cfg(test)]
#[path = "tests/fixture.rs"]
mod fixture;

use crate::drill::outcome::Outcome;

pub use comparison::{Comparison, compare};
pub use explanation::{explanation_json, explanation_text, steps_text};
pub use text::{short, text};

/// One file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    pub name: &'static str,
    pub bytes: Vec<u8>,
}

/// An output format: from an outcome to the files that show it.
trait Format {
    fn artifacts(&self, outcome: &Outcome) -> Vec<Artifact>;
}

const FORMATS: [&dyn Format; 13] = [
    &json::SummaryJson,
    &timeline::TimelineCsv,
    &tasks::TasksCsv,
    &metrics::MetricsCsv,
    &openmetrics::OpenMetrics,
    &text::ReportText,
    &page::Page,
    &perfetto::Perfetto,
    &rest::Rest,
    &plot::Plot::LatencyAndLag,
    &plot::Plot::TasksOnTaskManagers,
    &plot::Plot::RecoveryPhases,
    &plot::Plot::MessageSequence,
];

/// Every file of the report, in a fixed order.
pub fn render(outcome: &Outcome) -> Vec<Artifact> {
    FORMATS
        .iter()
        .flat_map(|format| format.artifacts(outcome))
        .collect()
}

/// A CSV file from a header and rows; fields are quoted where they must be, lines end in `\n`.
fn csv_bytes(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(header)
        .expect("writing to memory cannot fail");
    for row in rows {
        assert_eq!(
            row.len(),
            header.len(),
            "a row has as many fields as the header"
        );
        writer
            .write_record(&row)
            .expect("writing to memory cannot fail");
    }
    writer.into_inner().expect("writing to memory cannot fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_outcome_gives_the_same_bytes() {
        for outcome in fixture::all() {
            assert_eq!(render(&outcome), render(&outcome.clone()));
        }
    }

    #[test]
    fn every_artifact_has_its_own_name_and_content() {
        let artifacts = render(&fixture::story());
        let mut names: Vec<_> = artifacts.iter().map(|artifact| artifact.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), artifacts.len());
        assert_eq!(names.len(), 19);
        assert!(artifacts.iter().all(|artifact| !artifact.bytes.is_empty()));
    }
}
