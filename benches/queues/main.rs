//! Measures event lists on recorded streams: exactly the pushes and pops that a run made, without
//! anything else (see `benches/README.md`).
//!
//! ```text
//! cargo bench --bench queues -- [--quick]                the shipped drill, and the benchmark's workloads
//! cargo bench --bench queues -- --stream FILE...         recorded ones
//! ```

mod candidates;
mod stream;

#[path = "../workloads/mod.rs"]
#[allow(dead_code)] // checksums are the other benchmark's business
mod workloads;

use std::time::Instant;

use candidates::{FourAry, List, Ordered, Radix, StdHeap, StdHeapOfTuples};
use firedrill::drill::Drill;
use firedrill::kernel::queue::Queue;
use stream::{Recorder, Stream};
use workloads::spec::Watch;
use workloads::{churn, phold, pingpong};

/// Replays a stream; nanoseconds an event.
fn replay<L: List>(stream: &Stream) -> f64 {
    let mut list = L::default();
    for key in stream.pushes_at_start() {
        list.push(*key);
    }
    let start = Instant::now();
    for index in 0..stream.len() {
        let key = list.pop().expect("the list holds what the stream pops");
        assert_eq!(
            key.event(),
            stream.handled(index),
            "{} loses the order",
            L::NAME
        );
        for key in stream.pushes_after(index) {
            list.push(*key);
        }
    }
    start.elapsed().as_secs_f64() * 1e9 / stream.len() as f64
}

fn print_row(name: &str, stream: &Stream, repetitions: usize) {
    let median = |run: fn(&Stream) -> f64| {
        let mut runs: Vec<f64> = (0..repetitions).map(|_| run(stream)).collect();
        runs.sort_by(f64::total_cmp);
        runs[repetitions / 2]
    };
    let (pending, now) = stream.shape();
    print!(
        "{name:<24}{:>9}{pending:>9}{:>5.0}%",
        stream.len(),
        now * 100.0
    );
    for run in [
        replay::<Queue>,
        replay::<StdHeap>,
        replay::<StdHeapOfTuples>,
        replay::<FourAry>,
        replay::<Radix>,
        replay::<Ordered>,
    ] {
        print!("{:>10.1}", median(run));
    }
    println!();
}

const DRILL: &str = "scenarios/fraud-detection.yaml";

/// Runs a scenario, and notes what it asks of the queue.
fn drill(file: &str) -> Recorder {
    let text = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let scenario = match firedrill::scenario::load(text, file, &[]) {
        Ok(loaded) => loaded.scenario,
        Err(error) => panic!("{error}"),
    };
    let mut recorder = Recorder::default();
    let mut drill = Drill::new(&scenario);
    drill
        .advance(drill.end(), &mut recorder)
        .expect("shipped scenarios make progress");
    recorder
}

fn main() {
    let mut quick = false;
    let mut files = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--bench" | "--stream" => {}
            "--test" => return,
            "--quick" => quick = true,
            _ => files.push(argument),
        }
    }
    let (m, repetitions) = if quick { (300_000, 1) } else { (3_000_000, 5) };
    println!("nanoseconds an event (one pop and its pushes); now: events for the same instant");
    print!(
        "{:<24}{:>9}{:>9}{:>6}",
        "stream", "events", "pending", "now"
    );
    for name in [
        Queue::NAME,
        StdHeap::NAME,
        StdHeapOfTuples::NAME,
        FourAry::NAME,
        Radix::NAME,
        Ordered::NAME,
    ] {
        print!("{name:>10}");
    }
    println!();
    for file in &files {
        let name = file.rsplit('/').next().unwrap_or(file);
        print_row(name, &Stream::read(file), repetitions);
    }
    if !files.is_empty() {
        return;
    }
    print_row("fraud-detection", &drill(DRILL).into(), repetitions);
    for (n, k) in [(1024, 1), (1024, 16), (65536, 1), (65536, 16)] {
        let mut recorder = Recorder::default();
        phold::run(
            n,
            k,
            m,
            1,
            Watch {
                digesting: false,
                observer: &mut recorder,
            },
        );
        print_row(&format!("phold {n} x {k}"), &recorder.into(), repetitions);
    }
    for n in [1000, 100_000] {
        let mut recorder = Recorder::default();
        churn::run(
            n,
            m,
            1,
            Watch {
                digesting: false,
                observer: &mut recorder,
            },
        );
        print_row(&format!("churn {n}"), &recorder.into(), repetitions);
    }
    let mut recorder = Recorder::default();
    pingpong::run(
        100,
        m,
        1,
        Watch {
            digesting: false,
            observer: &mut recorder,
        },
    );
    print_row("pingpong 100", &recorder.into(), repetitions);
}
