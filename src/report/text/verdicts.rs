//! Did it hold: invariants and expectations.

use crate::drill::outcome::Summary;
use crate::report::number::{self, counted};

use super::page::{Page, Tone};

/// More violations of one invariant than this are only counted.
const LISTED_MAX: usize = 5;

pub fn write(page: &mut Page, summary: &Summary) {
    page.section("Verdict");
    let broken: Vec<_> = summary
        .invariants
        .iter()
        .filter(|verdict| !verdict.violations.is_empty())
        .collect();
    let tone = if broken.is_empty() {
        Tone::Good
    } else {
        Tone::Bad
    };
    page.toned_item(tone, &capitalised(&invariants_in_short(summary)));
    for verdict in broken {
        let violations = counted(verdict.violations.len() as u64, "violation");
        page.toned_item(
            Tone::Bad,
            &format!(
                "✗ {} ({}): {} {violations}",
                verdict.id, verdict.kind, verdict.statement
            ),
        );
        for violation in verdict.violations.iter().take(LISTED_MAX) {
            let lead = format!("    event {} at ", violation.event);
            let text = format!("{}: {}", number::instant(violation.at_ms), violation.what);
            page.hanging(Tone::Plain, &lead, 6, &text);
        }
        if verdict.violations.len() > LISTED_MAX {
            let more = verdict.violations.len() - LISTED_MAX;
            page.hanging(Tone::Plain, "    ", 4, &format!("and {more} more"));
        }
    }
    for expectation in &summary.expectations {
        let (mark, tone) = if expectation.met {
            ("✓", Tone::Good)
        } else {
            ("✗", Tone::Bad)
        };
        page.toned_item(
            tone,
            &format!("{mark} {} — {}", expectation.text, expectation.measured),
        );
    }
}

/// `all 12 invariants hold`, or how many do not.
pub fn invariants_in_short(summary: &Summary) -> String {
    let all = summary.invariants.len() as u64;
    let broken = summary
        .invariants
        .iter()
        .filter(|verdict| !verdict.violations.is_empty())
        .count() as u64;
    let checks: u64 = summary
        .invariants
        .iter()
        .map(|verdict| verdict.checked)
        .sum();
    match (all, broken) {
        (0, _) => "no invariants checked".into(),
        (1, 0) => format!("the invariant holds ({})", counted(checks, "check")),
        (_, 0) => format!("all {all} invariants hold ({})", counted(checks, "check")),
        (_, _) => format!("{broken} of {} broken", counted(all, "invariant")),
    }
}

/// `2 of 3 expectations met`.
pub fn expectations_in_short(summary: &Summary) -> String {
    let met = summary
        .expectations
        .iter()
        .filter(|expectation| expectation.met)
        .count();
    match summary.expectations.len() as u64 {
        0 => "no expectations".into(),
        all => format!("{met} of {} met", counted(all, "expectation")),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
