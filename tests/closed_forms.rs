//! Where theory has a formula, the simulation follows it: waiting times, catching up, records read again, the best
//! checkpoint interval, and what `weight` must not change. Seeds are fixed; tolerances come from the spread over seeds.

use crate::support;

use firedrill::drill::outcome::{Outcome, Recovery};
use support::{parse, run};

/// Runs a scenario that is written here.
fn simulate(text: &str) -> Outcome {
    run(&parse(text))
}

/// Mean and standard error.
fn estimate(sample: &[f64]) -> (f64, f64) {
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    let variance = sample.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// One server with exponential service of 10 ms, Poisson arrivals, first come, first served: the time in the system is
/// exponential with the mean 1 / (mu - lambda). A buffer holds one record, so that none waits for those behind it. Three standard
/// errors, and what network and appending take on top of it.
#[test]
fn a_chain_with_exponential_service_waits_like_m_m_1() {
    const MU: f64 = 100.0;
    for lambda in [30.0, 60.0, 80.0] {
        let runs: Vec<Outcome> = (1..=12)
            .map(|seed| {
                simulate(&format!(
                    "name: m-m-1\nmodel: flink-default\nseed: {seed}\nduration: 700 s\nprofile: {{process-startup: 1 ms, job-submission: 1 ms, task-deployment: 1 ms, task-initialization: 1 ms}}\n\
                     cluster:\n  jobmanagers: [jm]\n  taskmanagers: [{{name: tm, slots: 4, cpu: 4.0, network: 100 Gbit/s}}]\n  \
                     links: {{default: {{latency: 1 us .. 1 us}}}}\n\
                     config: {{execution.buffer-timeout.interval: 0 ms}}\n\
                     topics:\n  events: {{partitions: 1, rate: {lambda}/s, arrivals: poisson, linger: 0 ms, record-size: 32768 B}}\n\
                     jobs:\n  - name: queue\n    operators:\n      \
                     - {{name: Source, topic: events, cpu: 1 us}}\n      \
                     - {{name: Server, input: Source, cpu: 10 ms, service: exponential}}\n      \
                     - {{name: Sink, input: Server, cpu: 1 us}}\n"
                ))
            })
            .collect();
        let mean_ms = 1e3 / (MU - lambda);
        // ln 2 and ln 10 of the mean.
        for (what, share, of) in [
            (
                "p50",
                std::f64::consts::LN_2,
                (|run| run.summary.latency_ms.p50) as fn(&Outcome) -> _,
            ),
            ("p90", std::f64::consts::LN_10, |run| {
                run.summary.latency_ms.p90
            }),
        ] {
            let sample: Vec<f64> = runs.iter().filter_map(of).collect();
            let (mean, error) = estimate(&sample);
            let expected = share * mean_ms;
            let apart = mean - expected;
            assert!(
                apart.abs() <= 3.0 * error + 0.2,
                "{what} at {lambda}/s: {mean:.2} ms +- {error:.2}, expected {expected:.2}"
            );
        }
    }
}

/// A job of 50 us a record on each of two TaskManagers: 20,000 records a second and partition in all.
fn job(rate: u32, weight: u32, interval_s: u32, more: &str) -> Outcome {
    simulate(&format!(
        "name: chain\nmodel: flink-default\nduration: 400 s\nweight: {weight}\n\
         cluster:\n  jobmanagers: [jm]\n  taskmanagers:\n    \
         - {{name: tm-1, slots: 1, cpu: 1.0, network: 10 Gbit/s}}\n    - {{name: tm-2, slots: 1, cpu: 1.0, network: 10 Gbit/s}}\n    \
         - {{name: tm-3, slots: 1, cpu: 1.0, network: 10 Gbit/s}}\n\
         config:\n  execution.checkpointing.interval: {interval_s} s\n  restart-strategy.type: fixed-delay\n  \
         restart-strategy.fixed-delay.delay: 5 s\n\
         topics:\n  events: {{partitions: 2, rate: {rate}/s, keys: 100000}}\n\
         jobs:\n  - name: chain\n    operators:\n      \
         - {{name: Source, topic: events, parallelism: 2, cpu: 10 us}}\n      \
         - {{name: Work, input: Source, exchange: hash, parallelism: 2, cpu: 35 us, state: 1 MB}}\n      \
         - {{name: Sink, input: Work, exchange: forward, parallelism: 2, cpu: 5 us}}\n{more}"
    ))
}

const THROW: &str = "faults:\n  - {throw: Work 0, when: checkpoint 3 triggered, after: 15 s}\n";

fn only(outcome: &Outcome) -> &Recovery {
    let [recovery] = outcome.summary.recoveries.as_slice() else {
        panic!("one recovery: {:#?}", outcome.summary.recoveries);
    };
    recovery
}

/// When the restored checkpoint was triggered, and when it failed.
fn age_s(outcome: &Outcome, recovery: &Recovery) -> f64 {
    let restored = recovery.restored_checkpoint.expect("one was restored");
    let triggered = format!("checkpoint {restored} is triggered");
    let at = outcome
        .timeline
        .iter()
        .find(|entry| entry.text == triggered)
        .expect("it was triggered")
        .at_ms;
    (recovery.at_ms - at) / 1e3
}

/// Records read again: rate times the age of the restored checkpoint.
#[test]
fn what_is_read_again_is_rate_times_age() {
    for rate in [4_000, 8_000, 12_000] {
        let outcome = job(rate, 20, 20, THROW);
        let recovery = only(&outcome);
        let expected = 2.0 * f64::from(rate) * age_s(&outcome, recovery);
        let found = recovery.reprocessed_records as f64;
        // A fetch and a buffer of each source more or less, and the time from the trigger to the barrier.
        let slack = 0.02 * expected + 2.0 * 2.0 * 160.0 * 20.0;
        assert!(
            (found - expected).abs() <= slack,
            "{rate}/s: {found} of {expected}"
        );
    }
}

/// Catching up: backlog divided by spare capacity.
#[test]
fn catching_up_takes_the_backlog_divided_by_spare_capacity() {
    const CAPACITY: f64 = 20_000.0;
    for rate in [4_000, 8_000, 12_000] {
        let outcome = job(rate, 20, 20, THROW);
        let recovery = only(&outcome);
        let total = recovery.total_ms.expect("it caught up") / 1e3;
        let catch_up = recovery.phases_ms.catch_up / 1e3;
        let arrives = f64::from(rate);
        // Of what came since the barrier; a second of lag is in time already.
        let behind = age_s(&outcome, recovery) + (total - catch_up) - 1.0;
        let expected = arrives * behind / (CAPACITY - arrives);
        // Snapshots, buffers that fill again, the first records on a cold start: a twentieth, and a second.
        let slack = 0.05 * expected + 1.0;
        assert!(
            (catch_up - expected).abs() <= slack,
            "{rate}/s: {catch_up:.2} s, expected {expected:.2} s"
        );
    }
}

/// One simulated record for a hundred: every phase within 2 %, or the time of two simulated records and of the flusher's tick
/// that a record waits for.
#[test]
fn weight_changes_no_phase() {
    let rate = 2_000;
    let (fine, coarse) = (job(rate, 1, 20, THROW), job(rate, 100, 20, THROW));
    let (fine, coarse) = (only(&fine), only(&coarse));
    let slack_ms = 2.0 * 100.0 * 1e3 / f64::from(rate) + 100.0;
    let close = |what: &str, fine: f64, coarse: f64| {
        assert!(
            (fine - coarse).abs() <= (0.02 * fine).max(slack_ms),
            "{what}: {fine} ms at weight 1, {coarse} ms at weight 100"
        );
    };
    let (a, b) = (&fine.phases_ms, &coarse.phases_ms);
    for (what, a, b) in [
        ("detection", a.detection, b.detection),
        ("cancellation", a.cancellation, b.cancellation),
        ("backoff", a.backoff, b.backoff),
        ("resources", a.resources, b.resources),
        ("deployment", a.deployment, b.deployment),
        ("restore", a.restore, b.restore),
        ("first_output", a.first_output, b.first_output),
        ("catch_up", a.catch_up, b.catch_up),
    ] {
        close(what, a, b);
    }
    close(
        "total",
        fine.total_ms.expect("over"),
        coarse.total_ms.expect("over"),
    );
}

/// Time lost to snapshots and to reading again, with a failure every 60 s: the best interval is near sqrt(2 delta M), where a
/// snapshot costs delta of a core and M lies between failures (Young, Daly). The curve is flat around it.
#[test]
fn the_best_checkpoint_interval_is_youngs() {
    const SNAPSHOT_S: f64 = 0.6;
    const BETWEEN_FAILURES_S: f64 = 60.0;
    // A saturated job: what reaches the sink is what was not lost.
    let done = |interval: u32| {
        let profile = "profile: {checkpoint-cpu: 200 ms, restore-read: 1 GB/s}\n";
        let faults: String = (0..6)
            .map(|n| {
                format!(
                    "  - {{throw: Work 0, at: {} s .. {} s}}\n",
                    40 + n * 60,
                    60 + n * 60
                )
            })
            .collect();
        let more = format!("{profile}faults:\n{faults}");
        let handled: u64 = (1..=4)
            .map(|seed| {
                let outcome = job(60_000, 200, interval, &format!("seed: {seed}\n{more}"));
                outcome
                    .latency
                    .iter()
                    .map(|second| second.records)
                    .sum::<u64>()
            })
            .sum();
        handled as f64
    };
    let best = (2.0 * SNAPSHOT_S * BETWEEN_FAILURES_S).sqrt();
    let near = done(best.round() as u32);
    // Well outside the flat part, on both sides.
    let (short, long) = (done(1), done(50));
    assert!(near > short && near > long, "{short} {near} {long}");
    // Within it: a factor of 1.5 costs little.
    for other in [(best / 1.5).round() as u32, (best * 1.5).round() as u32] {
        let found = done(other);
        assert!(
            (found - near).abs() < 0.05 * near,
            "{other} s: {found}, {near}"
        );
    }
}
