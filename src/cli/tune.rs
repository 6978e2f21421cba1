//! `firedrill tune`: the settings that meet a target.

use std::path::PathBuf;

use crate::campaign::sweep::measure::measure;
use crate::campaign::sweep::plan::Case;
use crate::campaign::sweep::vary::overrides;
use crate::campaign::sweep::{Axis, MEASURES, Plan, Row, Seeds, Values};
use crate::campaign::tune::{Bench, Goal, Tried, tune};
use crate::report::tune as report;

use super::args::{Effort, Format, TuneArgs};
use super::console;
use super::engine::{Override, Scenario};
use super::folder::{Shelf, name_of_folder};
use super::interrupt;
use super::seeds::all_at_one_time;
use super::source::Source;
use super::status::{Failure, Status};
use super::sweep::{compute_with, seeds};

const INTERVAL: &str = "execution.checkpointing.interval";

pub(super) fn run(args: &TuneArgs) -> Result<Status, Failure> {
    let bad = |what: String| move |why: String| Failure::bad(format!("{what}: {why}"));
    let goal = Goal::parse(&args.target).map_err(bad(format!("--target {}", args.target)))?;
    let axes = args
        .vary
        .iter()
        .map(|text| Axis::parse(text).map_err(bad(format!("--vary {text}"))))
        .collect::<Result<Vec<Axis>, Failure>>()?;
    let cost = measure(&args.cost).ok_or_else(|| {
        let known: Vec<&str> = MEASURES.iter().map(|measure| measure.name).collect();
        Failure::bad(format!(
            "--cost {}: known are {}",
            args.cost,
            known.join(", ")
        ))
    })?;
    let source = Source::read(&args.scenario, &args.chosen)?;
    let scenario = source.variant(&[])?;
    if axes.iter().any(|axis| axis.key == INTERVAL) && all_at_one_time(&scenario) {
        console::warning(&format!(
            "every fault comes at one time: what looks best may be the {INTERVAL} whose checkpoint happens to end just \
             before it; give the fault a range, as in `at: 30 s .. 150 s`"
        ));
    }
    let name = scenario.name;
    let seeds = seeds(&args.seeds)?;
    if args.budget < seeds.count {
        return Err(Failure::bad(format!(
            "--budget {}: one setting takes {} runs, a run for each of --seeds",
            args.budget, seeds.count
        )));
    }
    let mut bench = Machine {
        source: &source,
        seeds,
        effort: &args.effort,
    };
    // A key that is misspelt shows before anything runs.
    for axis in &axes {
        if let Some(value) = axis.grid().into_iter().next_back() {
            bench.source.variant(&[Override {
                path: axis.key.clone(),
                value,
            }])?;
        }
    }
    let out = match &args.out {
        Some(out) => out.clone(),
        None => {
            name_of_folder(&name, "name one")?;
            PathBuf::from("reports").join(format!("{name}-tune"))
        }
    };
    let shelf = Shelf::make(&out)?;
    interrupt::install();
    let most = (args.budget / bench.seeds.count) as usize;
    let Some(tuned) = tune(&name, &axes, &goal, cost, most, &mut bench)? else {
        console::note("interrupted; nothing is reported");
        return Ok(Status::Interrupted);
    };
    // What is recommended may have its own warnings.
    source.variant(&overrides(&axes, &tuned.settings))?;
    // The answer is known by now: it is shown even where it cannot be kept.
    let kept = shelf.put(&report::artifacts(&tuned));
    match args.format {
        Format::Json => console::print(&report::json(&tuned))?,
        Format::Text if args.effort.quiet => {}
        Format::Text => {
            let mut text = report::text(&tuned);
            if kept.is_ok() {
                text.push_str(&format!("\nFiles: {}\n", out.display()));
            }
            console::print(text.as_bytes())?;
        }
    }
    kept.map(|()| match tuned.met {
        true => Status::Ok,
        false => Status::Unmet,
    })
}

/// Runs settings on all cores.
struct Machine<'a> {
    source: &'a Source,
    seeds: Seeds,
    effort: &'a Effort,
}

impl Bench<Failure> for Machine<'_> {
    fn run(
        &mut self,
        settings: &[Vec<Override>],
        fresh: bool,
    ) -> Result<Option<Vec<Tried>>, Failure> {
        // What the scenario refuses is no way out, but no mistake either.
        let accepted: Vec<bool> = settings
            .iter()
            .map(|set| self.source.accepts(set))
            .collect();
        let first = self.seeds.first + if fresh { self.seeds.count } else { 0 };
        let names: Vec<String> = (0..settings.len())
            .map(|number| number.to_string())
            .collect();
        let plan = Plan {
            axes: vec![Axis {
                key: "setting".to_owned(),
                values: Values::List(names.clone()),
            }],
            variants: names.into_iter().map(|name| vec![name]).collect(),
            seeds: Seeds {
                first,
                count: self.seeds.count,
            },
        };
        let cases: Vec<u64> = (0..plan.cases())
            .filter(|case| accepted[plan.case(*case).variant])
            .collect();
        let scenario =
            |case: Case| -> Scenario { self.source.checked(&settings[case.variant], case.seed) };
        let mut rows: Vec<Vec<Row>> = vec![Vec::new(); settings.len()];
        let whole = compute_with(&plan, &cases, 0, self.effort, scenario, |row| {
            rows[row.variant].push(row);
            Ok(())
        })?;
        if !whole {
            return Ok(None);
        }
        let tried = rows.into_iter().zip(accepted).map(|(mut rows, accepted)| {
            rows.sort_by_key(|row| row.case);
            accepted.then_some(rows)
        });
        Ok(Some(tried.collect()))
    }

    fn warns_of(&self, setting: &[Override]) -> bool {
        self.source.warns_of(setting)
    }
}
