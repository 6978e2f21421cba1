//! `report.html` of a sweep: variants, distributions, and every run with the command that shows it by itself; one file, no network.

use serde_json::{Value, json};

use crate::campaign::sweep::measure::{MEASURES, TOTAL_AND_PHASES};
use crate::campaign::sweep::{Row, SweepSummary};
use crate::drill::verdict::Verdict;
use crate::report::template::{escaped, filled};
use crate::report::{Artifact, number};

use super::{WIDTH, shown_measure, text};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// `command`: arguments of `run` for what all variants have in common. `drawn`: the plots, among what else stands beside
/// the page.
pub fn page(
    summary: &SweepSummary,
    command: &[String],
    rows: &[Row],
    drawn: &[Artifact],
) -> Artifact {
    let title = format!(
        "{} · {} of {}",
        summary.scenario,
        number::counted(summary.runs, "run"),
        number::counted(summary.variants.len() as u64, "variant")
    );
    let parts = [
        ("TITLE", escaped(&title)),
        ("STYLE", STYLE.to_owned()),
        ("HEADING", escaped(&title)),
        ("TEXT", escaped(&text(summary, WIDTH))),
        ("PLOTS", pictures(drawn)),
        (
            "DATA",
            data(summary, command, rows)
                .to_string()
                .replace('<', "\\u003c"),
        ),
        ("SCRIPT", SCRIPT.to_owned()),
    ];
    Artifact {
        name: "report.html",
        bytes: filled(PAGE, &parts).into_bytes(),
    }
}

/// The plots as they stand beside the page, inside it.
fn pictures(drawn: &[Artifact]) -> String {
    let vector = drawn
        .iter()
        .filter(|artifact| artifact.name.ends_with(".svg"));
    vector
        .map(|artifact| {
            format!(
                "<figure>{}</figure>\n",
                String::from_utf8_lossy(&artifact.bytes)
            )
        })
        .collect()
}

/// A run is variant, seed, whether it fails, and its measures; -1: not over, null: no recovery.
fn data(summary: &SweepSummary, command: &[String], rows: &[Row]) -> Value {
    let measures = &MEASURES[..TOTAL_AND_PHASES];
    let value = |value: Option<f64>| match value {
        None => Value::Null,
        Some(value) if value.is_infinite() => json!(-1),
        Some(value) => json!((value * 1e3).round() / 1e3),
    };
    let run = |row: &Row| {
        let fails = u8::from(row.verdict != Verdict::Met);
        let mut run = vec![json!(row.variant), json!(row.seed), json!(fails)];
        run.extend(measures.iter().map(|measure| value((measure.of)(row))));
        Value::from(run)
    };
    json!({
        "summary": summary,
        "command": command,
        "measures": measures.iter().map(|measure| shown_measure(measure.name)).collect::<Vec<_>>(),
        "runs": rows.iter().map(run).collect::<Vec<_>>(),
    })
}
