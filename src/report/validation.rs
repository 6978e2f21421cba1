//! Predictions beside measurements: as text, CSV, JSON, Markdown and a plot.

use crate::campaign::validate::results::Noticed;
use crate::campaign::validate::{Overall, Predicted, Quantity, Validation};

use super::plot::scatter;
use super::{Artifact, csv_bytes, number};

/// What a reader sees of each row at a glance.
const SHOWN: [Quantity; 5] = [
    Quantity::Detect,
    Quantity::Restarts,
    Quantity::FirstDeploying,
    Quantity::AllRunning,
    Quantity::CaughtUp,
];

const KIND: &str = "What shows the fault first is predicted right in";

pub fn artifacts(results: &Validation) -> Vec<Artifact> {
    let artifact = |name, bytes| Artifact { name, bytes };
    let mut artifacts = vec![
        artifact("validation.json", json(results)),
        artifact("validation.csv", csv(results)),
        artifact("validation.txt", text(results).into_bytes()),
        artifact("validation.md", markdown(results).into_bytes()),
    ];
    artifacts.extend(scatter::artifacts(results));
    artifacts
}

pub fn json(results: &Validation) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(results).expect("results are plain values");
    bytes.push(b'\n');
    bytes
}

/// One quantity of one row a line.
pub fn csv(results: &Validation) -> Vec<u8> {
    let header = [
        "line",
        "run_id",
        "cell",
        "fault",
        "quantity",
        "measured",
        "median",
        "p5",
        "p95",
        "seeds",
        "relative_error",
        "inside_band",
    ];
    let or_empty = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let rows = results.rows.iter().flat_map(|row| {
        row.quantities.iter().map(move |(quantity, predicted)| {
            vec![
                row.line.to_string(),
                row.run_id.clone(),
                row.cell.clone(),
                row.fault.clone(),
                quantity.name().to_owned(),
                or_empty(predicted.measured),
                or_empty(predicted.median),
                or_empty(predicted.p5),
                or_empty(predicted.p95),
                predicted.seeds.to_string(),
                or_empty(predicted.relative_error),
                predicted
                    .inside_band
                    .map(|inside| inside.to_string())
                    .unwrap_or_default(),
            ]
        })
    });
    csv_bytes(&header, rows)
}

fn value(quantity: Quantity, value: Option<f64>) -> String {
    match (quantity, value) {
        (_, None) => "-".to_owned(),
        (count, Some(value)) if count.is_count() => format!("{value:.1}").replace(".0", ""),
        (_, Some(ms)) => number::duration(ms),
    }
}

fn band(quantity: Quantity, predicted: &Predicted) -> String {
    match predicted.median {
        None => "-".to_owned(),
        median => format!(
            "{} [{}, {}]",
            value(quantity, median),
            value(quantity, predicted.p5),
            value(quantity, predicted.p95)
        ),
    }
}

/// What showed the fault first.
fn noticed(kind: &Noticed) -> String {
    let predicted: Vec<String> = kind
        .predicted
        .iter()
        .map(|(kind, share)| format!("{kind} {}", number::share(*share)))
        .collect();
    if predicted.is_empty() && kind.measured.is_none() {
        return String::new();
    }
    format!(
        "    {:<26} measured {}  predicted {}\n",
        "detect_kind",
        kind.measured.as_deref().unwrap_or("-"),
        predicted.join(", ")
    )
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), number::share)
}

fn verdict(overall: &Overall) -> String {
    format!(
        "median relative error {} over {} cells · {} of {} values inside the band",
        percent(overall.median_relative_error),
        overall.cells,
        percent(overall.inside_band),
        overall.values
    )
}

pub fn text(results: &Validation) -> String {
    let mut text = format!(
        "{} against {} · profile {} · {} seeds\npredicted: median [5th, 95th percentile]; times after the fault\n",
        results.scenario, results.table, results.profile, results.seeds
    );
    let mut cell = None;
    for row in &results.rows {
        if cell != Some((&row.cell, &row.fault)) {
            cell = Some((&row.cell, &row.fault));
            text.push_str(&format!("\n{} ({})\n", row.cell, row.fault));
        }
        text.push_str(&format!("  line {} {}\n", row.line, row.run_id));
        text.push_str(&noticed(&row.detect_kind));
        for (quantity, predicted) in &row.quantities {
            if predicted.measured.is_none() && predicted.median.is_none() {
                continue;
            }
            let inside = match predicted.inside_band {
                Some(true) => "inside",
                Some(false) => "OUTSIDE",
                None => "",
            };
            text.push_str(
                format!(
                    "    {:<26} measured {:>10}  predicted {:<34} {:>6}  {inside}",
                    quantity.name(),
                    value(*quantity, predicted.measured),
                    band(*quantity, predicted),
                    percent(predicted.relative_error),
                )
                .trim_end(),
            );
            text.push('\n');
        }
    }
    text.push_str("\nBy kind of fault (all_running, caught_up)\n");
    for (fault, overall) in &results.overall.faults {
        text.push_str(&format!("  {fault:<28} {}\n", verdict(overall)));
    }
    text.push_str("\nBy quantity\n");
    for (quantity, overall) in &results.overall.quantities {
        text.push_str(&format!("  {:<28} {}\n", quantity.name(), verdict(overall)));
    }
    if let Some(agree) = results.overall.detect_kind {
        text.push_str(&format!("\n{KIND}: {} of the rows\n", number::share(agree)));
    }
    text.push_str(&format!("\nOverall: {}\n", verdict(&results.overall.both)));
    text
}

/// For the documentation: a line per cell.
pub fn markdown(results: &Validation) -> String {
    let mut text = String::from("| cell | fault | rows |");
    for quantity in SHOWN {
        text.push_str(&format!(" {} |", quantity.name()));
    }
    text.push_str("\n|---|---|---|");
    text.push_str(&"---|".repeat(SHOWN.len()));
    text.push('\n');
    let empty = Predicted::default();
    for cell in &results.cells {
        text.push_str(&format!(
            "| {} | {} | {} |",
            cell.cell, cell.fault, cell.rows
        ));
        for quantity in SHOWN {
            let predicted = cell.quantities.get(&quantity).unwrap_or(&empty);
            text.push_str(&format!(
                " {} · {} |",
                value(quantity, predicted.measured),
                band(quantity, predicted)
            ));
        }
        text.push('\n');
    }
    text.push_str("\nEach cell: measured median · predicted median [5th, 95th percentile].\n\n");
    for quantity in [Quantity::AllRunning, Quantity::CaughtUp, Quantity::Total] {
        if let Some(overall) = results.overall.quantities.get(&quantity) {
            text.push_str(&format!("- {}: {}\n", quantity.name(), verdict(overall)));
        }
    }
    text.push_str(&format!("- together: {}\n", verdict(&results.overall.both)));
    if let Some(agree) = results.overall.detect_kind {
        text.push_str(&format!("- {KIND}: {} of the rows\n", number::share(agree)));
    }
    text.push_str("\n| quantity | median relative error | cells | inside the band | values |\n|---|---|---|---|---|\n");
    for (quantity, overall) in &results.overall.quantities {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            quantity.name(),
            percent(overall.median_relative_error),
            overall.cells,
            percent(overall.inside_band),
            overall.values
        ));
    }
    text
}
