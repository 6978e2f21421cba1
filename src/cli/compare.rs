//! `firedrill compare`: two scenarios, or one in two ways, on the same seeds.

use std::path::Path;

use crate::campaign::statistics::proportion;
use crate::campaign::sweep::pairs::compare;
use crate::campaign::sweep::{Axis, Plan, Row, Values};
use crate::drill::verdict::Verdict;
use crate::report::pairs::{Pairs, json, text};

use super::args::{Chosen, CompareArgs, Format};
use super::console;
use super::interrupt;
use super::source::Source;
use super::status::{Failure, Status};
use super::sweep::{compute_with, seeds};

pub(super) fn run(args: &CompareArgs) -> Result<Status, Failure> {
    let other = args.b_scenario.as_ref().unwrap_or(&args.a_scenario);
    if other == &args.a_scenario && args.a == args.b {
        return Err(Failure::bad(
            "A and B are the same; name two scenarios, or say what differs, as in --b model=flink-default",
        ));
    }
    let side = |path: &Path, more: &[(String, String)]| {
        let mut chosen: Chosen = args.chosen.clone();
        chosen.set.extend(more.iter().cloned());
        let source = Source::read(path, &chosen)?;
        source.variant(&[])?;
        let set: Vec<String> = more
            .iter()
            .map(|(key, value)| format!(" {key}={value}"))
            .collect();
        Ok::<_, Failure>((source, format!("{}{}", path.display(), set.concat())))
    };
    let (a, a_name) = side(&args.a_scenario, &args.a)?;
    let (b, b_name) = side(other, &args.b)?;
    let sides = ["A", "B"].map(str::to_owned);
    let plan = Plan {
        axes: vec![Axis {
            key: "of".to_owned(),
            values: Values::List(sides.to_vec()),
        }],
        variants: sides.map(|side| vec![side]).to_vec(),
        seeds: seeds(&args.seeds)?,
    };
    interrupt::install();
    let cases: Vec<u64> = (0..plan.cases()).collect();
    let mut rows: Vec<Row> = Vec::new();
    let scenario = |case: crate::campaign::sweep::plan::Case| match case.variant {
        0 => a.checked(&[], case.seed),
        _ => b.checked(&[], case.seed),
    };
    let whole = compute_with(&plan, &cases, 0, &args.effort, scenario, |row| {
        rows.push(row);
        Ok(())
    })?;
    if !whole {
        console::note("interrupted; nothing is reported");
        return Ok(Status::Interrupted);
    }
    rows.sort_by_key(|row| row.case);
    let (of_a, of_b) = rows.split_at(plan.seeds.count as usize);
    let failing = |rows: &[Row]| {
        let failing = rows.iter().filter(|row| row.verdict != Verdict::Met);
        proportion(failing.count() as u64, rows.len() as u64)
    };
    let pairs = Pairs {
        a: a_name,
        b: b_name,
        first_seed: plan.seeds.first,
        seeds: plan.seeds.count,
        a_failing: failing(of_a),
        b_failing: failing(of_b),
        measures: compare(of_a, of_b),
    };
    match args.format {
        Format::Json => console::print(&json(&pairs))?,
        Format::Text if args.effort.quiet => {}
        Format::Text => console::print(text(&pairs).as_bytes())?,
    }
    Ok(Status::Ok)
}
