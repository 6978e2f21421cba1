//! Measures whole drills: the world, the digest and everybody who watches, as `firedrill run --no-files` does.
//!
//! ```text
//! cargo bench --bench drill                             all scenarios, the best of five runs
//! cargo bench --bench drill -- --runs 1 SCENARIO...     for instruction counts
//! ```

use std::time::{Duration, Instant};

use firedrill::drill::Drill;
use firedrill::scenario::model::Scenario;

const SCENARIOS: [&str; 3] = [
    "scenarios/fraud-detection.yaml",
    "scenarios/fraud-detection-10k.yaml",
    "benches/thousand-slots.yaml",
];

fn main() {
    let (runs, files) = arguments();
    println!(
        "{:40} {:>9} {:>9} {:>8} {:>11} {:>15}  digest",
        "scenario", "ms", "events", "ns/event", "events/s", "record-hops/s"
    );
    for file in files {
        let scenario = load(&file);
        let (wall, drill) = (0..runs)
            .map(|_| run(&scenario))
            .min_by_key(|(wall, _)| *wall)
            .expect("at least one run");
        let (seconds, events) = (wall.as_secs_f64(), drill.events());
        println!(
            "{:40} {:9.1} {events:9} {:8.0} {:11.0} {:15.0}  {:032x}",
            file.rsplit('/').next().unwrap_or(&file),
            seconds * 1e3,
            seconds * 1e9 / events as f64,
            events as f64 / seconds,
            record_hops(&scenario) / seconds,
            drill.digest()
        );
    }
}

fn run(scenario: &Scenario) -> (Duration, Drill) {
    let start = Instant::now();
    let mut drill = Drill::new(scenario);
    drill
        .advance(drill.end(), &mut ())
        .expect("shipped scenarios make progress");
    (start.elapsed(), drill)
}

/// Records handed on from operator to operator when nothing is wrong: what arrives, times the operators of its job.
fn record_hops(scenario: &Scenario) -> f64 {
    let rate: f64 = scenario
        .topics
        .iter()
        .map(|topic| topic.rate_per_s * f64::from(topic.partitions))
        .sum();
    let operators = scenario.jobs.iter().map(|job| job.operators.len()).max();
    let simulated = rate * scenario.duration.as_secs() / f64::from(scenario.weight);
    simulated * operators.unwrap_or(0) as f64
}

fn load(file: &str) -> Scenario {
    let text = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    match firedrill::scenario::load(text, file, &[]) {
        Ok(loaded) => loaded.scenario,
        Err(error) => panic!("{error}"),
    }
}

/// How many runs, of which files.
fn arguments() -> (u32, Vec<String>) {
    let (mut runs, mut files) = (5, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // What `cargo bench` adds by itself.
            "--bench" => {}
            "--runs" => {
                let value = arguments.next().and_then(|value| value.parse().ok());
                runs = value.filter(|runs| *runs > 0).expect("--runs N");
            }
            _ => files.push(argument),
        }
    }
    if files.is_empty() {
        files = SCENARIOS.map(str::to_owned).to_vec();
    }
    (runs, files)
}
