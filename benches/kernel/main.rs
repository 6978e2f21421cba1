//! Measures the kernel: real dispatch, payloads and digest, on four workloads that other
//! simulators run too (see `benches/README.md`).
//!
//! ```text
//! cargo bench --bench kernel -- [--quick]                    all of them, as a table
//! cargo bench --bench kernel -- phold --n 1024 --k 1 --m 10000000 [--digest off]      one, as JSON
//! ```

mod draws;

#[path = "../workloads/mod.rs"]
mod workloads;

use workloads::spec::{Outcome, Watch};
use workloads::{churn, mm1, phold, pingpong};

/// One workload with its size.
struct Job {
    workload: String,
    n: u64,
    k: u64,
    m: u64,
    seed: u64,
    digesting: bool,
}

impl Job {
    fn run(&self) -> Outcome {
        let Job {
            n,
            k,
            m,
            seed,
            digesting,
            ..
        } = *self;
        let watch = Watch {
            digesting,
            observer: &mut (),
        };
        match self.workload.as_str() {
            "phold" => phold::run(n, k, m, seed, watch),
            "churn" => churn::run(n, m, seed, watch),
            "mm1" => mm1::run(m, seed, watch),
            "pingpong" => pingpong::run(n, m, seed, watch),
            other => panic!("no workload is called {other}: phold, churn, mm1, pingpong"),
        }
    }

    /// One line in the form that the drivers of the other simulators print.
    fn print_json(&self) {
        let Job {
            workload,
            n,
            k,
            m,
            seed,
            digesting,
        } = self;
        let Outcome {
            events,
            checksum,
            wall_s,
            digest,
        } = self.run();
        let ns_per_event = wall_s * 1e9 / events as f64;
        println!(
            "{{\"impl\":\"firedrill\",\"workload\":\"{workload}\",\"n\":{n},\"k\":{k},\"m\":{m},\
             \"seed\":{seed},\"events\":{events},\"checksum\":\"{checksum:016x}\",\
             \"wall_s\":{wall_s:.6},\"ns_per_event\":{ns_per_event:.3},\
             \"digesting\":{digesting},\"digest\":\"{digest:032x}\"}}"
        );
    }
}

const TABLE: [(&str, u64, u64, u64); 8] = [
    ("phold", 1024, 1, 5_000_000),
    ("phold", 1024, 16, 5_000_000),
    ("phold", 65536, 1, 5_000_000),
    ("phold", 65536, 16, 5_000_000),
    ("churn", 1000, 1, 5_000_000),
    ("churn", 100_000, 1, 5_000_000),
    ("mm1", 1, 1, 2_000_000),
    ("pingpong", 100, 1, 5_000_000),
];

fn print_table(quick: bool) {
    let (divisor, repetitions) = if quick { (10, 1) } else { (1, 5) };
    println!("workload        n   k     events  digest off  digest on   events/s");
    for (workload, n, k, m) in TABLE {
        let median = |digesting| {
            let job = Job {
                workload: workload.into(),
                n,
                k,
                m: m / divisor,
                seed: 1,
                digesting,
            };
            let mut runs: Vec<Outcome> = (0..repetitions).map(|_| job.run()).collect();
            runs.sort_by(|a, b| a.wall_s.total_cmp(&b.wall_s));
            runs.swap_remove(repetitions / 2)
        };
        let (off, on) = (median(false), median(true));
        assert_eq!(off.checksum, on.checksum, "the digest changes nothing");
        let ns = |outcome: &Outcome| outcome.wall_s * 1e9 / outcome.events as f64;
        println!(
            "{workload:<9}{n:>8} {k:>3} {:>10} {:>8.1} ns {:>7.1} ns {:>10.0}",
            on.events,
            ns(&off),
            ns(&on),
            1e9 / ns(&on)
        );
    }
    draws::print(50_000_000 / divisor as u32);
}

fn main() {
    let mut job = Job {
        workload: String::new(),
        n: 1024,
        k: 1,
        m: 1_000_000,
        seed: 1,
        digesting: true,
    };
    let mut quick = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || -> u64 {
            let value = arguments.next().unwrap_or_default();
            value
                .parse()
                .unwrap_or_else(|_| panic!("{argument} needs a number, not {value:?}"))
        };
        match argument.as_str() {
            "--bench" => {} // cargo adds it
            "--test" => return,
            "--quick" => quick = true,
            "--n" => job.n = number(),
            "--k" => job.k = number(),
            "--m" => job.m = number(),
            "--seed" => job.seed = number(),
            "--digest" => job.digesting = arguments.next().is_some_and(|value| value == "on"),
            _ => job.workload = argument,
        }
    }
    if job.workload.is_empty() {
        print_table(quick);
    } else {
        job.print_json();
    }
}
