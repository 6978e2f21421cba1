//! `firedrill run --seeds`: one scenario under many seeds, and which of them to look at.

use std::path::Path;

use crate::campaign::sweep::{Plan, Row, Sampling, SweepSummary};
use crate::fault::{Fault, When};
use crate::scenario::expect::Expectation;

use super::args::{Chosen, Effort, Format, RunArgs};
use super::console::{self, Stdout, shell_word};
use super::engine::{self, Scenario};
use super::folder::write_whole;
use super::interrupt;
use super::source::Source;
use super::status::{Failure, Status};
use super::sweep::{check, compute, gates, seeds, worst};

/// There are faults, and no seed draws when any of them comes.
pub(super) fn all_at_one_time(scenario: &Scenario) -> bool {
    let fixed = |fault: &Fault| matches!(fault.at, When::At(_));
    !scenario.faults.is_empty() && scenario.faults.iter().all(fixed)
}

pub(super) fn run(args: &RunArgs, text: &str) -> Result<Status, Failure> {
    let chosen = Chosen {
        model: args.model.first().cloned(),
        set: args.set.clone(),
        flink_config: args.flink_config.clone(),
        profile: args.profile.clone(),
    };
    let effort = Effort {
        jobs: args.jobs,
        quiet: args.quiet,
    };
    let source = Source::read(&args.scenario, &chosen)?;
    let plan = Plan::new(Vec::new(), Sampling::Grid, seeds(text)?).map_err(Failure::bad)?;
    let checked = check(&source, &plan)?;
    let scenario = source.variant(&[])?;
    if plan.seeds.count > 1 && all_at_one_time(&scenario) {
        console::warning(
            "every fault comes at one time: all seeds meet about the same moment between two checkpoints; give it a range, \
             as in --set faults.0.at='55 s .. 75 s'",
        );
    }
    interrupt::install();
    let mut rows: Vec<Row> = Vec::new();
    let cases: Vec<u64> = (0..plan.cases()).collect();
    let whole = compute(&source, &plan, &cases, 0, &effort, |row| {
        rows.push(row);
        Ok(())
    })?;
    if !whole {
        console::note("interrupted; nothing is reported. `firedrill sweep` keeps what it has");
        return Ok(Status::Interrupted);
    }
    let expect = checked.expect.iter().map(|text| Expectation::parse(text));
    let expect = expect
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::bad)?;
    let summary = SweepSummary::of(&plan, &checked.name, &expect, &rows);
    match args.format {
        Format::Json => console::print(&engine::sweep::json(&summary))?,
        Format::Text if args.quiet => {}
        Format::Text => {
            let width = Stdout::ask().width;
            let mut text = engine::sweep::phases_text(&summary, &summary.variants[0], width);
            let path = |path: &Path| path.display().to_string();
            let words = [vec![path(&args.scenario)], chosen.words(path)].concat();
            let words: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
            text.push_str(&format!(
                "to look at one: firedrill run {} --seed N\n",
                words.join(" ")
            ));
            console::print(text.as_bytes())?;
        }
    }
    if let Some(junit) = &args.junit {
        write_whole(junit, &engine::junit::sweep(&summary))?;
    }
    Ok(worst(&rows).worse(gates(&summary)))
}
