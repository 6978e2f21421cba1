//! What a profile says shows in the recovery: a main thread that is busy with a failover, a restart that begins late, state that goes into RocksDB key by
//! key, a process that takes a while to act on SIGTERM.

use crate::support;

use firedrill::drill::outcome::{Outcome, Recovery};
use support::{parse, run_for_report};

/// Twelve tasks, two of them with 20 MB of state each.
fn simulate(fault: &str, profile: &str, config: &str) -> Outcome {
    let text = format!(
        "name: profiled\nmodel: flink-default\nduration: 3 min\nweight: 20\n\
         profile: {{process-startup: 1 ms, job-submission: 1 ms, process-teardown: 1 ms{profile}}}\n\
         cluster:\n  jobmanagers: [jm]\n  taskmanagers:\n    - {{name: tm-1, slots: 2, network: 10 Gbit/s}}\n    - {{name: tm-2, slots: 2, network: 10 Gbit/s}}\n  \
         storage: {{name: disk, read: 10 GB/s, write: 10 GB/s}}\n\
         config: {{execution.checkpointing.interval: 10 s{config}}}\n\
         topics:\n  orders: {{partitions: 4, rate: 100/s}}\n\
         jobs:\n  - name: job\n    operators:\n      \
         - {{name: Source, topic: orders, parallelism: 4}}\n      \
         - {{name: Count, input: Source, exchange: hash, parallelism: 4, state: 80 MB}}\n      \
         - {{name: Sink, input: Count, exchange: hash, parallelism: 4}}\n\
         faults:\n  - {{{fault}, at: 60 s}}\n"
    );
    run_for_report(&parse(&text))
}

fn recovery(outcome: &Outcome) -> &Recovery {
    &outcome.summary.recoveries[0]
}

#[test]
fn a_failover_keeps_the_main_thread_from_hearing_that_tasks_have_ended() {
    let cancelled = |each: &str| {
        let outcome = simulate(
            "throw: Count 0",
            &format!(", failover-handling: {each}"),
            "",
        );
        recovery(&outcome).phases_ms.cancellation
    };
    let (quick, slow) = (cancelled("0 ms"), cancelled("50 ms"));
    // Twelve tasks of 50 ms each.
    assert!(quick < 100.0, "{quick}");
    assert!((600.0..700.0).contains(&slow), "{slow}");
}

#[test]
fn a_restart_begins_so_much_later_than_its_delay() {
    let backoff = |scheduler: &str, handling: &str| {
        let outcome = simulate(
            "throw: Count 0",
            &format!(", restart-handling: {handling}"),
            &format!(
                ", restart-strategy: fixed-delay, restart-strategy.fixed-delay.delay: 3 s{scheduler}"
            ),
        );
        recovery(&outcome).phases_ms.backoff
    };
    for scheduler in ["", ", jobmanager.scheduler: adaptive"] {
        let longer = backoff(scheduler, "200 ms") - backoff(scheduler, "0 ms");
        assert!((longer - 200.0).abs() < 1.0, "{scheduler}: {longer}");
    }
}

#[test]
fn a_checkpoint_that_is_triggered_late_does_not_make_the_next_one_late() {
    let paces = |late: &str| -> Vec<f64> {
        let profile = format!(", checkpoint-trigger: {late}");
        let outcome = simulate("throw: Count 0", &profile, "");
        let triggered = outcome.checkpoints.iter().map(|each| each.triggered_ms);
        // The second timer is the first that comes of a checkpoint.
        let triggered: Vec<f64> = triggered.skip(1).filter(|at| *at < 60_000.0).collect();
        assert!(triggered.len() >= 4, "{triggered:?}");
        triggered.windows(2).map(|pair| pair[1] - pair[0]).collect()
    };
    let even = |paces: &[f64]| paces.iter().all(|pace| (pace - 10_000.0).abs() < 10.0);
    assert!(even(&paces("0 ms")));
    assert!(even(&paces("2 s")));
    let uneven = paces("0 s .. 2 s");
    assert!(!even(&uneven), "{uneven:?}");
    let drift = uneven.iter().map(|pace| pace - 10_000.0).sum::<f64>();
    assert!(drift.abs() < 2_010.0, "{uneven:?}");
}

#[test]
fn full_snapshots_go_into_rocksdb_key_by_key_and_incremental_ones_do_not() {
    let restored = |config: &str| {
        let profile = ", restore-read: 1 GB/s, restore-rocksdb: 10 MB/s";
        recovery(&simulate("throw: Count 0", profile, config))
            .phases_ms
            .restore
    };
    let on_heap = restored("");
    let full = restored(", state.backend.type: rocksdb");
    let incremental =
        restored(", state.backend.type: rocksdb, execution.checkpointing.incremental: true");
    // 20 MB a task at 10 MB/s.
    assert!((1_500.0..3_000.0).contains(&full), "{full}");
    assert!(
        on_heap < 500.0 && incremental < 500.0,
        "{on_heap} {incremental}"
    );
}

#[test]
fn sigterm_is_acted_on_as_late_as_a_reset() {
    let outcome = simulate("stop: tm-1", ", connection-notice: 700 ms", "");
    let recovery = recovery(&outcome);
    let after = recovery.detected_ms.expect("it says goodbye") - recovery.at_ms;
    assert!((700.0..750.0).contains(&after), "{after}");
}
