//! What a search has found: as text and as JSON.

use crate::report::number;
use std::fmt::Write as _;

use crate::campaign::check::results::{DefectReport, FailureReport, Placements, Report};

pub fn json(report: &Report) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(report).expect("a report has only plain values");
    bytes.push(b'\n');
    bytes
}

pub fn text(report: &Report) -> String {
    let mut text = String::new();
    if let Some(defects) = &report.defects {
        self::defects(&mut text, report, defects);
        return text;
    }
    let with = match report.defects_on.is_empty() {
        true => String::new(),
        false => format!(" · with defect {}", report.defects_on.join(", ")),
    };
    let under = match report.faults_on.is_empty() {
        true => String::new(),
        false => format!(" · under {} alone", report.faults_on.join(", ")),
    };
    let _ = writeln!(
        text,
        "check of {} · model {}{with}{under}",
        report.scenario, report.model
    );
    match &report.exhaustive {
        None => {
            let _ = writeln!(
                text,
                "{} from {} on, {} events · {}",
                number::counted(report.seeds, "seed"),
                report.first_seed,
                report.events,
                report.ended
            );
        }
        Some(covered) => exhaustive(&mut text, covered, report),
    }
    if let Some(forks) = &report.forks {
        let _ = writeln!(
            text,
            "{} from {}",
            number::counted(forks.continuations, "other continuation"),
            number::counted(forks.situations as u64, "rare situation"),
        );
    }
    for case in &report.known {
        let verdict = if case.breaks {
            "still breaks"
        } else {
            "does not break any more"
        };
        let _ = writeln!(
            text,
            "known case {}: {} {verdict}",
            case.case, case.invariant
        );
    }
    text.push('\n');
    let holds = report.known.iter().all(|case| !case.breaks);
    if holds && report.failures.is_empty() {
        text.push_str("Every promise held.\n");
    }
    for failure in &report.failures {
        self::failure(&mut text, failure, noun(report));
    }
    if report.exhaustive.is_some() {
        return text;
    }
    let seen = report
        .sometimes
        .iter()
        .filter(|seen| seen.seeds > 0)
        .count();
    let _ = writeln!(
        text,
        "\nRare situations: {seen} of {} came about",
        report.sometimes.len()
    );
    for seen in report.sometimes.iter().filter(|seen| seen.seeds > 0) {
        let _ = writeln!(text, "  {:>6}  {}", seen.seeds, seen.situation);
    }
    if seen < report.sometimes.len() {
        text.push_str("  Never:\n");
    }
    for never in report.sometimes.iter().filter(|seen| seen.seeds == 0) {
        let _ = writeln!(text, "          {}", never.situation);
    }
    text
}

/// What is wrong, a line each.
pub fn complaints(report: &Report) -> Vec<String> {
    let known = report.known.iter().filter(|case| case.breaks);
    let known =
        known.map(|case| format!("known case {}: {} still breaks", case.case, case.invariant));
    let found = report.failures.iter().map(|failure| {
        let case = failure.case.as_ref();
        let case = case.map_or(String::new(), |case| format!(" (case {case})"));
        format!("{}: {}{case}", broken(failure, noun(report)), failure.what)
    });
    let defects = report.defects.iter().flatten();
    let missed = defects
        .filter(|defect| !defect.found)
        .map(|defect| format!("defect {} is {}", defect.name, not_found(defect)));
    known.chain(found).chain(missed).collect()
}

/// What promises break in.
fn noun(report: &Report) -> &'static str {
    match (&report.exhaustive, &report.forks) {
        (Some(_), _) => "plan",
        // Some of them are continuations of others.
        (None, Some(forks)) if forks.broken > 0 => "run",
        (None, _) => "seed",
    }
}

fn exhaustive(text: &mut String, covered: &Placements, report: &Report) {
    let _ = writeln!(
        text,
        "a tiny cluster, {} in each plan: {} in {} at {}, {} that differ, {} events · {}",
        number::counted(u64::from(covered.faults), "fault"),
        number::counted(covered.placements, "placement"),
        number::counted(covered.states, "state"),
        match covered.boundaries {
            1 => "1 boundary between events".to_owned(),
            boundaries => format!("{} boundaries between events", number::count(boundaries)),
        },
        number::counted(covered.runs as u64, "run"),
        report.events,
        report.ended
    );
}

fn broken(failure: &FailureReport, noun: &str) -> String {
    format!(
        "{} {} is broken in {}, first in seed {}",
        failure.kind,
        failure.invariant,
        number::counted(failure.seeds, noun),
        failure.seed
    )
}

fn failure(text: &mut String, failure: &FailureReport, noun: &str) {
    let _ = writeln!(text, "{}", broken(failure, noun));
    let _ = writeln!(text, "  {}", failure.statement);
    let _ = writeln!(text, "  at {} ms: {}", failure.at_ms, failure.what);
    if let Some(why) = &failure.documented {
        let _ = writeln!(text, "  documented: {why}");
    }
    match failure.shrunk_faults {
        Some(shrunk) => {
            let _ = writeln!(
                text,
                "  {}, shrunk to {shrunk}:",
                number::counted(failure.faults as u64, "fault")
            );
        }
        None => {
            let _ = writeln!(
                text,
                "  {}, not shrunk:",
                number::counted(failure.faults as u64, "fault")
            );
        }
    }
    for line in &failure.plan {
        let _ = writeln!(text, "    {line}");
    }
    if let Some(case) = &failure.case {
        let _ = writeln!(text, "  case {case}");
    }
}

fn defects(text: &mut String, report: &Report, defects: &[DefectReport]) {
    let found = defects.iter().filter(|defect| defect.found).count();
    let _ = writeln!(
        text,
        "defects of {}: {found} of {} found",
        report.scenario,
        defects.len()
    );
    for defect in defects {
        let what = match (&defect.invariant, defect.shrunk_faults) {
            (Some(invariant), Some(faults)) => {
                let faults = number::counted(faults as u64, "fault");
                format!("after {:>11} · {invariant} · {faults}", seeds(defect))
            }
            (Some(invariant), None) => format!("after {:>11} · {invariant}", seeds(defect)),
            _ => not_found(defect),
        };
        let _ = writeln!(text, "  {:<44} {:<14} {what}", defect.name, defect.model);
    }
}

fn seeds(defect: &DefectReport) -> String {
    number::counted(defect.seeds, "seed")
}

fn not_found(defect: &DefectReport) -> String {
    format!("not found in {}", seeds(defect))
}
