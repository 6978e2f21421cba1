//! What tuning found: the settings, before and after, what each key buys, recovery against steady-state cost.

use crate::campaign::tune::{State, Tuned};

use super::plot::pareto;
use super::sweep::{shown_measure, shown_value, table, value};
use super::{Artifact, number};

pub fn artifacts(tuned: &Tuned) -> Vec<Artifact> {
    let artifact = |name, bytes| Artifact { name, bytes };
    let mut artifacts = vec![
        artifact("tune.json", json(tuned)),
        artifact("tune.txt", text(tuned).into_bytes()),
    ];
    artifacts.extend(pareto::artifacts(tuned));
    artifacts
}

pub fn json(tuned: &Tuned) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(tuned).expect("a result is made of plain values");
    bytes.push(b'\n');
    bytes
}

pub fn text(tuned: &Tuned) -> String {
    let verdict = match (tuned.met, tuned.met_before) {
        (true, false) => "met",
        (true, true) => "met, and already met before any change",
        (false, false) => "NOT met: this is the nearest that was found",
        (false, true) => {
            "already met before any change; what the search found misses it on fresh seeds"
        }
    };
    let mut text = format!(
        "{} · target: {} · {verdict}\n{} tried; checked on {} that the search has not seen\n\nSet\n",
        tuned.scenario,
        tuned.target,
        number::counted(tuned.settings_tried, "setting"),
        number::counted(tuned.seeds, "seed"),
    );
    for (key, value) in tuned.keys.iter().zip(&tuned.settings) {
        text.push_str(&format!("  {key}: {value}\n"));
    }
    text.push_str("\nPredicted\n");
    let mut rows = vec![["", "before", "after"].map(str::to_owned).to_vec()];
    let clauses = tuned.before.clauses.iter().zip(&tuned.after.clauses);
    for (before, after) in clauses {
        let shown = |value_of: Option<f64>, met: bool| {
            let mark = if met { "" } else { " (missed)" };
            format!("{}{mark}", value(before.unit, value_of))
        };
        rows.push(vec![
            before.clause.clone(),
            shown(before.value, before.met),
            shown(after.value, after.met),
        ]);
    }
    for (place, name) in ["total p50", "total p90", "total p99", "total max"]
        .iter()
        .enumerate()
    {
        let of = |state: &State| value("ms", state.total_ms[place]);
        rows.push(vec![
            (*name).to_owned(),
            of(&tuned.before),
            of(&tuned.after),
        ]);
    }
    let cost = |state: &State| match state.cost {
        None => number::NONE.to_owned(),
        cost => value(tuned.cost_unit, cost),
    };
    rows.push(vec![
        format!("steady-state cost ({}, p50)", shown_measure(tuned.cost)),
        cost(&tuned.before),
        cost(&tuned.after),
    ]);
    text.push_str(&table(&rows));
    text.push_str("\nWhat each key does to the target's first quantity\n");
    let mut rows = vec![
        ["", "changed alone", "buys", "all but it changed"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let unit = tuned.objective_unit;
    for gain in &tuned.sensitivity {
        rows.push(vec![
            format!("{}={}", gain.key, shown_value(&gain.value)),
            value(unit, gain.alone),
            match gain.buys {
                None => number::NONE.to_owned(),
                Some(buys) if buys < 0.0 => format!("-{}", value(unit, Some(-buys))),
                buys => value(unit, buys),
            },
            value(unit, gain.without),
        ]);
    }
    text.push_str(&table(&rows));
    text
}
