//! A job that is stopped with a savepoint and handed in again goes on where it stood: nothing is read twice, nothing is missing,
//! whatever dies meanwhile.

use firedrill::drill::outcome::Outcome;

use crate::support;

use support::{assert_whole, load, run, said};

const MODELS: [&str; 3] = ["flink-default", "flink-adaptive", "flink-reactive"];

fn stopped(overrides: &[&str]) -> Outcome {
    run(&load("savepoint-and-restart", overrides))
}

#[test]
fn what_a_client_was_asked_for_is_over_when_the_job_is_handed_in_again() {
    let outcome = stopped(&[]);
    let [fault] = &outcome.faults[..] else {
        panic!("one fault: {:?}", outcome.faults);
    };
    let over = fault.until_ms.expect("it is over");
    let resubmitted = &outcome.summary.recoveries[0].attempts[1];
    assert!(over > fault.at_ms && over <= resubmitted.at_ms, "{over}");
    // Two restarts, of which none was for nothing: the first is the stop.
    assert_eq!(outcome.summary.recoveries[0].wasted(), 0);
    let states = outcome
        .film
        .states
        .iter()
        .filter(|state| state.detail == "savepoint-and-restart");
    let states: Vec<&str> = states.map(|state| state.what).collect();
    assert_eq!(states, ["fault", "healed"]);
}

#[test]
fn under_each_of_flinks_models_the_job_goes_on_from_the_savepoint() {
    for model in MODELS {
        let outcome = stopped(&[&format!("model={model}")]);
        assert_whole(&outcome, model);
        assert_eq!(outcome.summary.recoveries.len(), 1, "{model}");
        let recovery = &outcome.summary.recoveries[0];
        assert_eq!(
            recovery.detector.as_deref(),
            Some("stop-with-savepoint"),
            "{model}"
        );
        assert_eq!(recovery.replayed_records, 0, "{model}");
        let finished = said(&outcome, "FINISHED");
        assert!(!finished.is_empty(), "{model}: {:#?}", outcome.timeline);
        // A client's JVM comes up meanwhile.
        assert!(recovery.phases_ms.leadership >= 3_000.0, "{model}");
        assert!(
            recovery.total_ms.is_some_and(|total| total < 20_000.0),
            "{model}"
        );
    }
}

#[test]
fn a_leader_that_dies_takes_no_job_with_it() {
    // While the savepoint is taken, while tasks finish, while the client comes up, while the job is handed in.
    for at in ["60.5 s", "62.05 s", "64 s", "66.5 s", "66.83 s"] {
        let kill = format!(
            r#"faults=[{{savepoint-and-restart: payments, at: 60 s}}, {{kill: jm-1, at: {at}, restart-after: 5 s}}]"#
        );
        let outcome = stopped(&[&kill]);
        assert_whole(&outcome, at);
        assert_eq!(outcome.summary.job_status, "RUNNING", "{at}");
        assert!(
            !said(&outcome, "FINISHED").is_empty(),
            "{at}: it is stopped all the same"
        );
    }
}

#[test]
fn a_savepoint_that_fails_is_asked_for_again() {
    let faults = r#"faults=[{savepoint-and-restart: payments, at: 60 s}, {fail-storage: hdfs, at: 60.1 s, for: 15 s}]"#;
    let tolerable = "execution.checkpointing.tolerable-failed-checkpoints=100";
    let outcome = stopped(&[faults, tolerable]);
    assert_whole(&outcome, "storage fails");
    // Others have stopped for it already: the job restarts (`CheckpointFailureManager.handleTaskLevelCheckpointException`).
    assert!(!said(&outcome, "RESTARTING").is_empty());
    let finished = said(&outcome, "FINISHED");
    assert!(
        finished.len() == 1 && finished[0] > 75_000.0,
        "{finished:?}"
    );
    assert_eq!(outcome.summary.job_status, "RUNNING");
}

#[test]
fn a_taskmanager_that_dies_makes_the_job_restart_and_stop_later() {
    for model in MODELS {
        let faults = r#"faults=[{savepoint-and-restart: payments, at: 60 s}, {kill: taskmanager-of Account 1, at: 60.7 s, restart-after: 1 s}]"#;
        let outcome = stopped(&[faults, &format!("model={model}"), "duration=4 min"]);
        assert_whole(&outcome, model);
        assert_eq!(said(&outcome, "FINISHED").len(), 1, "{model}");
        assert_eq!(outcome.summary.job_status, "RUNNING", "{model}");
    }
}

#[test]
fn a_job_that_has_become_smaller_is_as_large_as_ever_when_it_is_handed_in_again() {
    let faults = r#"faults=[{kill: tm-2, at: 30 s, restart-after: 30 s}, {kill: tm-3, at: 30 s, restart-after: 30 s}, {savepoint-and-restart: payments, at: 60 s}]"#;
    let outcome = stopped(&[faults, "model=flink-adaptive"]);
    assert_whole(&outcome, "two TaskManagers die");
    let rescales = &outcome.summary.jobs[0].rescales;
    let told: Vec<_> = rescales
        .iter()
        .map(|rescale| (rescale.cause.as_str(), &rescale.from[..], &rescale.to[..]))
        .collect();
    let (large, small) = (&[4, 4, 4][..], &[2, 2, 2][..]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((told[0].1, told[0].2), (large, small), "{told:?}");
    assert_eq!(told[1], ("resubmission", small, large));
}
