//! What this room takes from the rooms below: the one place that names where it lives.

pub(super) use crate::drill::outcome::{Outcome, Summary};
pub(super) use crate::drill::verdict::{Verdict, verdict as judge};
pub(super) use crate::drill::{Drill, Ended};
pub(super) use crate::kernel::time::{Span, Time};
pub(super) use crate::kernel::trace::{TraceKind, TraceLine, TraceSink};
pub(super) use crate::report::number::instant;
pub(super) use crate::report::{
    Artifact, compare, explanation_json, explanation_text, junit, render, steps_text, sweep, text,
};
pub(super) use crate::scenario::model::Scenario;
pub(super) use crate::scenario::{
    Beside, Document, Loaded, Override, Text, hint, load, load_profile, load_with, profile_yaml,
    resolved_yaml, schema,
};

/// Names and what they stand for.
pub(super) type Names = Vec<(&'static str, &'static str)>;

pub(super) fn models() -> Names {
    crate::scenario::catalogue::models()
}

pub(super) fn policies() -> Names {
    crate::scenario::catalogue::policies()
}

pub(super) fn faults() -> Names {
    crate::scenario::catalogue::faults()
}

pub(super) fn defects() -> Names {
    let all = crate::scenario::model::Defect::ALL.iter();
    all.map(|defect| (defect.name(), defect.about())).collect()
}

pub(super) fn invariants() -> Vec<(&'static str, String)> {
    crate::invariant::catalogue()
}
