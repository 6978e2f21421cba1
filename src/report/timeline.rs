//! `timeline.csv`: what happened, in order.

use crate::drill::outcome::Outcome;

use super::{Artifact, Format, csv_bytes};

pub struct TimelineCsv;

impl Format for TimelineCsv {
    fn artifacts(&self, outcome: &Outcome) -> Vec<Artifact> {
        let header = ["at_ms", "event", "actor", "kind", "recovery", "text"];
        let rows = outcome.timeline.iter().map(|entry| {
            vec![
                entry.at_ms.to_string(),
                entry.event.to_string(),
                entry.actor.clone(),
                entry.kind.clone(),
                entry
                    .recovery
                    .map(|index| index.to_string())
                    .unwrap_or_default(),
                entry.text.clone(),
            ]
        });
        vec![Artifact {
            name: "timeline.csv",
            bytes: csv_bytes(&header, rows),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn texts_are_quoted_where_they_must_be() {
        let mut outcome = fixture::story();
        outcome.timeline.truncate(1);
        outcome.timeline[0].text = "sources of 4, 5 and \"Parse JSON\"".into();
        let bytes = TimelineCsv.artifacts(&outcome).remove(0).bytes;
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "at_ms,event,actor,kind,recovery,text\n\
             60000,120001,faults,fault,0,\"sources of 4, 5 and \"\"Parse JSON\"\"\"\n"
        );
    }

    #[test]
    fn an_empty_timeline_still_has_its_header() {
        let mut outcome = fixture::story();
        outcome.timeline.clear();
        let bytes = TimelineCsv.artifacts(&outcome).remove(0).bytes;
        assert_eq!(bytes, b"at_ms,event,actor,kind,recovery,text\n");
    }
}
