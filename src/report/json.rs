//! `summary.json`: the outcome in figures, for programs.

use crate::drill::outcome::Outcome;

use super::{Artifact, Format};

pub struct SummaryJson;

impl Format for SummaryJson {
    fn artifacts(&self, outcome: &Outcome) -> Vec<Artifact> {
        // Numbers that are none (NaN) become null, as the contract asks of absent values.
        let mut bytes = serde_json::to_vec_pretty(&outcome.summary)
            .expect("a summary holds nothing that JSON cannot");
        bytes.push(b'\n');
        vec![Artifact {
            name: "summary.json",
            bytes,
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_contract_fields_are_there_and_absent_values_are_null() {
        let bytes = SummaryJson
            .artifacts(&fixture::never_caught_up())
            .remove(0)
            .bytes;
        assert!(bytes.ends_with(b"}\n"));
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        for field in [
            "scenario",
            "model",
            "seed",
            "digest",
            "events",
            "simulated_ms",
            "job_status",
        ] {
            assert!(!json[field].is_null(), "{field}");
        }
        let recovery = json["recoveries"][0].as_object().unwrap();
        assert!(recovery["total_ms"].is_null() && recovery.contains_key("total_ms"));
        assert!(json["recoveries"][0]["phases_ms"]["catch_up"].is_number());
    }
}
