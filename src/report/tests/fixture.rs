//! Outcomes to test reports with: the story, and the odd ones.

use crate::drill::outcome::*;

/// Every outcome that a report must survive.
pub fn all() -> Vec<Outcome> {
    vec![
        story(),
        quiet(),
        two_recoveries(),
        never_caught_up(),
        hundred(),
        empty(),
    ]
}

fn some(p50: f64, p90: f64, p99: f64, max: f64) -> Quantiles {
    Quantiles {
        p50: Some(p50),
        p90: Some(p90),
        p99: Some(p99),
        max: Some(max),
    }
}

/// Nothing at all: zero records, no TaskManager, no measurement.
pub fn empty() -> Outcome {
    let none = || DelayedShare {
        records: 0,
        delayed: 0,
        share: None,
        delay_ms: Quantiles::default(),
    };
    Outcome {
        summary: Summary {
            scenario: "empty".into(),
            about: String::new(),
            model: "story".into(),
            seed: 0,
            digest: "0".repeat(32),
            events: 0,
            simulated_ms: 0.0,
            weight: 1,
            ended: "completed".into(),
            stall: None,
            recoveries: Vec::new(),
            not_recovered: Vec::new(),
            notable: Vec::new(),
            spared: Vec::new(),
            waiting: Vec::new(),
            unprovoked: Vec::new(),
            delivery: Delivery {
                guarantee: "exactly-once".into(),
                produced: 0,
                visible: 0,
                lost: 0,
                duplicated: 0,
                pending: 0,
                sinks: Vec::new(),
                lost_records: Vec::new(),
                duplicated_records: Vec::new(),
            },
            interruption: Some(Interruption {
                threshold_ms: f64::NAN,
                records: 0,
                all: none(),
                through_failed_tasks: none(),
                others: none(),
            }),
            checkpoints: Checkpoints::default(),
            rebalances: Vec::new(),
            notifications: Notifications::default(),
            invariants: Vec::new(),
            expectations: Vec::new(),
            job_status: "CREATED".into(),
            jobs: Vec::new(),
            latency_ms: Quantiles::default(),
            visibility_latency_ms: Quantiles::default(),
            in_flight_log_max_bytes: 0,
            event_time: Vec::new(),
        },
        timeline: Vec::new(),
        tasks: Vec::new(),
        metrics: Vec::new(),
        latency: Vec::new(),
        lag: Vec::new(),
        watermark_lag: Vec::new(),
        phases: Vec::new(),
        faults: Vec::new(),
        taskmanagers: Vec::new(),
        explanations: Vec::new(),
        film: Film::default(),
        graphs: Vec::new(),
        checkpoints: Vec::new(),
    }
}

const OPERATORS: [(&str, u32); 5] = [
    ("Kafka source", 10),
    ("Parse JSON", 5),
    ("Enrich Data", 5),
    ("Detect Fraud", 5),
    ("Sink to Database", 2),
];

/// The story's job on its five TaskManagers, where nothing fails.
pub fn quiet() -> Outcome {
    let mut outcome = empty();
    let summary = &mut outcome.summary;
    summary.scenario = "fraud-detection".into();
    summary.about = "TM-3 of five fails under a real-time fraud-detection job.".into();
    summary.seed = 1;
    summary.digest = "8f1c02d4a97be35560aa7c1f9e3b4d21".into();
    summary.events = 1_234_567;
    summary.simulated_ms = 180_000.0;
    summary.delivery.produced = 900_000;
    summary.delivery.visible = 849_211;
    summary.delivery.pending = 50_789;
    summary.checkpoints = Checkpoints {
        triggered: 17,
        completed: 16,
        failed: 1,
        latest_completed: Some(17),
        state_bytes: Some(201_326_592),
        written_bytes: 3_221_225_472,
        duration_ms: some(312.0, 401.0, 655.0, 655.0),
    };
    summary.job_status = "RUNNING".into();
    summary.jobs = vec![JobSummary {
        name: "fraud-detection".into(),
        status: "RUNNING".into(),
        rescales: Vec::new(),
        history: Vec::new(),
    }];
    summary.latency_ms = some(24.0, 41.0, 88.0, 140.0);
    summary.visibility_latency_ms = some(5_300.0, 9_800.0, 10_700.0, 11_020.0);
    summary.invariants = [
        ("exactly-once", "safety", "A reader sees every record once."),
        (
            "consistent-cut",
            "safety",
            "A checkpoint holds exactly the records before its barriers.",
        ),
        (
            "single-leader",
            "safety",
            "At most one JobManager commands the job.",
        ),
        (
            "job-recovers",
            "liveness",
            "After the last fault the job runs again.",
        ),
    ]
    .map(|(id, kind, statement)| InvariantVerdict {
        id: id.into(),
        kind: kind.into(),
        statement: statement.into(),
        checked: 1_204,
        violations: Vec::new(),
    })
    .into();
    outcome.taskmanagers = (1..=5).map(|i| format!("tm-{i}")).collect();
    outcome.tasks = spans(5);
    steady(&mut outcome);
    outcome
}

/// All tasks of the job spread over `taskmanagers`, the third of which takes the story's share.
fn spans(taskmanagers: u32) -> Vec<TaskSpan> {
    let mut spans = Vec::new();
    for (operator, parallelism) in OPERATORS {
        for subtask in 0..parallelism {
            let source = operator == "Kafka source";
            // Partitions 4 and 5 are together on tm-3, as in the story.
            let taskmanager = if source {
                subtask / 2 + 1
            } else {
                subtask % taskmanagers + 1
            };
            spans.push(TaskSpan {
                job: "fraud-detection".into(),
                task: format!("{operator} ({}/{parallelism})", subtask + 1),
                operator: operator.into(),
                subtask,
                partitions: if source { vec![subtask] } else { Vec::new() },
                attempt: 1,
                taskmanager: format!("tm-{taskmanager}"),
                slot: None,
                from_ms: 0.0,
                running_ms: Some(800.0),
                to_ms: None,
                state: "RUNNING".into(),
            });
        }
    }
    spans
}

/// A little noise that is the same every time.
fn noise(i: u32) -> f64 {
    f64::from(i.wrapping_mul(2_654_435_761) >> 16) / 65_536.0
}

fn steady(outcome: &mut Outcome) {
    for i in 0..180 {
        let at_ms = f64::from(i) * 1e3 + 500.0;
        let wave = noise(i);
        outcome.latency.push(LatencyPoint {
            at_ms,
            records: 5_000,
            p50_ms: 22.0 + 6.0 * wave,
            p99_ms: 60.0 + 40.0 * wave,
            max_ms: 85.0 + 70.0 * noise(i + 500),
        });
        outcome.lag.push(LagPoint {
            at_ms: f64::from(i) * 1e3,
            total: 90 + (60.0 * wave) as u64,
            max: 15 + (20.0 * wave) as u64,
        });
        for tm in 1..=5 {
            outcome.metrics.push(MetricPoint {
                at_ms: f64::from(i) * 1e3,
                scope: "task",
                subject: format!("Parse JSON ({tm}/5)").into(),
                metric: "busyTimeMsPerSecond",
                value: 400.0 + 10.0 * wave,
            });
        }
        outcome.metrics.push(MetricPoint {
            at_ms: f64::from(i) * 1e3,
            scope: "job",
            subject: "fraud-detection".into(),
            metric: "numRestarts",
            value: 0.0,
        });
    }
}

const PHASES: [(&str, f64); 6] = [
    ("detection", 40_400.0),
    ("resources", 30.0),
    ("deployment", 120.0),
    ("restore", 900.0),
    ("first_output", 100.0),
    ("catch_up", 6_000.0),
];

/// The story: tm-3 is killed at 60 s.
pub fn story() -> Outcome {
    let mut outcome = quiet();
    fail(&mut outcome, "tm-3", 60_000.0, Some(150_000.0));
    let none = DelayedShare {
        records: 0,
        delayed: 0,
        share: None,
        delay_ms: Quantiles::default(),
    };
    outcome.summary.interruption = Some(Interruption {
        threshold_ms: 188.0,
        records: 600_000,
        all: DelayedShare {
            records: 600_000,
            delayed: 50_120,
            share: Some(0.083_53),
            delay_ms: some(21_800.0, 39_000.0, 45_900.0, 47_412.0),
        },
        through_failed_tasks: DelayedShare {
            records: 120_000,
            delayed: 50_120,
            share: Some(0.417_7),
            delay_ms: some(21_800.0, 39_000.0, 45_900.0, 47_412.0),
        },
        others: DelayedShare {
            records: 480_000,
            ..none
        },
    });
    outcome.summary.notifications = Notifications {
        sent: 9,
        delivered: 9,
        retried: 1,
        repeated: 0,
    };
    outcome.summary.rebalances = vec![Rebalance {
        at_ms: 131_000.0,
        task: "Detect Fraud (3/5)".into(),
        from: "tm-4".into(),
        to: "tm-1".into(),
        reason: "latency above 2 s for 10 s".into(),
    }];
    outcome.summary.expectations = vec![
        ExpectationVerdict {
            text: "detection <= 45 s".into(),
            met: true,
            measured: "40.4 s".into(),
        },
        ExpectationVerdict {
            text: "total < 40 s".into(),
            met: false,
            measured: "47.55 s".into(),
        },
    ];
    outcome
}

/// Adds one failure of `victim`, its recovery and what it does to latency and lag.
fn fail(outcome: &mut Outcome, victim: &str, at_ms: f64, until_ms: Option<f64>) {
    let index = outcome.summary.recoveries.len();
    let fault = format!("kill {victim}");
    let mut clock = at_ms;
    for (phase, ms) in PHASES {
        outcome.phases.push(PhaseSpan {
            recovery: index,
            phase,
            from_ms: clock,
            to_ms: clock + ms,
        });
        clock += ms;
    }
    let (detected, running, caught_up) = (at_ms + 40_400.0, at_ms + 41_450.0, clock);
    let others: Vec<String> = outcome
        .taskmanagers
        .iter()
        .filter(|name| *name != victim)
        .cloned()
        .collect();
    let mut placement = Vec::new();
    let mut moved = Vec::new();
    for span in &mut outcome.tasks {
        if span.taskmanager != victim || span.to_ms.is_some() {
            continue;
        }
        span.to_ms = Some(detected);
        span.state = "FAILED".into();
        let to = others[[0, 1, 2, 3, 2][placement.len() % 5] % others.len()].clone();
        placement.push(PlacementEntry {
            task: span.task.clone(),
            operator: span.operator.clone(),
            subtask: span.subtask,
            partitions: span.partitions.clone(),
            from: Some(victim.into()),
            to: to.clone(),
        });
        moved.push(TaskSpan {
            attempt: span.attempt + 1,
            taskmanager: to,
            from_ms: detected + 30.0,
            running_ms: Some(running),
            to_ms: None,
            state: "RUNNING".into(),
            ..span.clone()
        });
    }
    outcome.tasks.extend(moved);
    for point in &mut outcome.latency {
        if point.at_ms > running && point.at_ms < caught_up {
            let left = (caught_up - point.at_ms) / (caught_up - running);
            point.p99_ms = 200.0 + 46_000.0 * left;
            point.max_ms = point.p99_ms * 1.05;
            point.p50_ms *= 1.0 + 8.0 * left;
        }
    }
    for point in &mut outcome.lag {
        let late = if point.at_ms < at_ms {
            0.0
        } else if point.at_ms < running {
            (point.at_ms - at_ms) / (running - at_ms)
        } else {
            ((caught_up - point.at_ms) / (caught_up - running)).max(0.0)
        };
        point.total += (41_450.0 * late) as u64;
        point.max += (20_800.0 * late) as u64;
    }
    outcome.faults.push(FaultSpan {
        fault: fault.clone(),
        target: victim.into(),
        at_ms,
        until_ms,
    });
    outcome.timeline.push(TimelineEntry {
        at_ms,
        event: 120_001,
        actor: "faults".into(),
        kind: "fault".into(),
        text: fault.clone(),
        recovery: Some(index),
        causes: Vec::new(),
    });
    outcome.timeline.push(noticed(victim, index, detected));
    outcome
        .timeline
        .push(running_again(index, detected, running));
    outcome.summary.recoveries.push(Recovery {
        fault,
        job: "fraud-detection".into(),
        at_ms,
        detector: Some("zookeeper-session".into()),
        detected_ms: Some(detected),
        restored_checkpoint: Some(5),
        restarted_tasks: placement.len() as u64,
        restarts: 1,
        scope: Some("per-task".into()),
        phases_ms: Phases {
            detection: 40_400.0,
            resources: 30.0,
            deployment: 120.0,
            restore: 900.0,
            first_output: 100.0,
            catch_up: 6_000.0,
            ..Phases::default()
        },
        total_ms: Some(clock - at_ms),
        event_time_stall_ms: None,
        failed_ms: None,
        placement,
        replayed_records: 4_512,
        reprocessed_records: 980,
        deduplicated_records: 4_031,
        why_not: None,
        attempts: Vec::new(),
        told_as: "seven-steps",
        steps: steps(victim, at_ms),
    });
}

/// A session's end, as three servers agree on it and the leader hears of it.
fn noticed(victim: &str, index: usize, at_ms: f64) -> TimelineEntry {
    let reason = |event, before: f64, from: &str, actor: &str, what| Reason {
        event,
        at_ms: at_ms - before,
        actor: actor.into(),
        from: from.into(),
        what,
    };
    TimelineEntry {
        at_ms,
        event: 130_009,
        actor: "jm-1".into(),
        kind: "detection".into(),
        text: format!("{victim} is lost (zookeeper-session)"),
        recovery: Some(index),
        causes: vec![
            reason(130_009, 0.0, "zk-1", "jm-1", "Reply"),
            reason(130_008, 0.5, "jm-1", "zk-1", "Request"),
            reason(130_007, 1.0, "zk-1", "jm-1", "WatchFired"),
            reason(130_006, 1.5, "zk-2", "zk-1", "AckProposal"),
            reason(130_005, 2.0, "zk-1", "zk-2", "Propose"),
            reason(130_004, 2.5, "zk-1", "zk-1", "Zk"),
        ],
    }
}

/// Orders, state, and the word that all is well.
fn running_again(index: usize, detected: f64, running: f64) -> TimelineEntry {
    let steps = [
        ("tm-4", "jm-1", "UpdateTaskExecutionState", running),
        ("tm-4", "tm-4", "TaskProgress", running - 0.4),
        ("hdfs", "tm-4", "ReadDone", running - 80.0),
        ("tm-4", "hdfs", "Read", running - 900.0),
        ("jm-1", "tm-4", "SubmitTask", detected + 60.0),
        ("hdfs", "jm-1", "ReadDone", detected + 30.0),
        ("jm-1", "hdfs", "Read", detected + 1.0),
    ];
    let reason =
        |(number, (from, actor, what, at_ms)): (usize, (&str, &str, &'static str, f64))| Reason {
            event: 140_000 - number as u64,
            at_ms,
            actor: actor.to_owned(),
            from: from.to_owned(),
            what,
        };
    TimelineEntry {
        at_ms: running,
        event: 140_000,
        actor: "jm-1".into(),
        kind: "resumption".into(),
        text: "all tasks of fraud-detection run".into(),
        recovery: Some(index),
        causes: steps.into_iter().enumerate().map(reason).collect(),
    }
}

fn steps(victim: &str, at_ms: f64) -> Vec<Step> {
    let lines = [
        ("detection", 0.0, 40_400.0, format!("zk-1 expires the session of {victim} and tells jm-1")),
        ("reassignment", 40_400.0, 40_401.0, "jm-1 marks 5 tasks failed".into()),
        ("retrieval", 40_401.0, 40_415.0, "jm-1 reads checkpoint 5 from hdfs: offsets of partitions 4 and 5, state of 3 operators".into()),
        ("redistribution", 40_415.0, 40_430.0, "jm-1 places 5 tasks on 4 TaskManagers by resources left".into()),
        ("resumption", 40_430.0, 41_450.0, "5 tasks deployed, 192 MB of state restored, sources seek to their offsets".into()),
        ("monitoring", 41_450.0, 47_550.0, "latency back below 1 s after 6.00 s".into()),
    ];
    lines
        .into_iter()
        .enumerate()
        .map(|(i, (name, from, to, what))| Step {
            number: i as u8 + 1,
            name: name.into(),
            from_ms: at_ms + from,
            to_ms: at_ms + to,
            what,
        })
        .collect()
}

/// Two TaskManagers fail, one after the other.
pub fn two_recoveries() -> Outcome {
    let mut outcome = story();
    fail(&mut outcome, "tm-5", 115_000.0, None);
    outcome
}

/// The run ends before the job has caught up, exactly-once is broken and the guard has stopped it.
pub fn never_caught_up() -> Outcome {
    let mut outcome = story();
    let summary = &mut outcome.summary;
    summary.model = "flink-default".into();
    summary.ended = "stalled".into();
    summary.stall = Some("jm-1 and tm-4 wait for each other".into());
    summary.job_status = "RESTARTING".into();
    let recovery = &mut summary.recoveries[0];
    recovery.total_ms = None;
    recovery.why_not =
        Some("when the run ended tasks of restart 1 were DEPLOYING, since 101 s".into());
    recovery.restored_checkpoint = None;
    recovery.phases_ms.first_output = f64::NAN;
    recovery.phases_ms.catch_up = 78_450.0;
    recovery.steps.truncate(3);
    if let Some(last) = outcome.phases.last_mut() {
        last.to_ms = 180_000.0;
    }
    outcome.summary.delivery.lost = 12_501;
    outcome.summary.delivery.duplicated = 3;
    outcome.summary.delivery.lost_records = vec![RecordRanges {
        topic: "transactions".into(),
        partition: 4,
        offsets: vec![[30_000, 36_250], [40_000, 46_249]],
        records: 12_501,
    }];
    outcome.summary.delivery.duplicated_records = vec![RecordRanges {
        topic: "transactions".into(),
        partition: 5,
        offsets: vec![[7, 7]],
        records: 3,
    }];
    outcome.summary.invariants[0].violations = vec![Violation {
        at_ms: 118_204.5,
        event: 883_211,
        what: "record transactions-4@30000 is below the committed offset and no reader sees it"
            .into(),
    }];
    outcome
        .latency
        .retain(|point| point.at_ms < 62_000.0 || point.at_ms > 102_000.0);
    outcome
}

/// A hundred TaskManagers with eight tasks each; the whole job restarts.
pub fn hundred() -> Outcome {
    let mut outcome = quiet();
    outcome.summary.scenario =
        "a-hundred-taskmanagers-in-one-region-restart-with-a-long-name".into();
    outcome.taskmanagers = (1..=100)
        .map(|i| format!("taskmanager-{i}.flink.svc.cluster"))
        .collect();
    outcome.tasks.clear();
    for tm in 0..100 {
        for (operator, _) in OPERATORS {
            for slot in 0..2 {
                let subtask = tm * 2 + slot;
                let first = TaskSpan {
                    job: "fraud-detection".into(),
                    task: format!("{operator} ({}/200)", subtask + 1),
                    operator: operator.into(),
                    subtask,
                    partitions: Vec::new(),
                    attempt: 1,
                    taskmanager: outcome.taskmanagers[tm as usize].clone(),
                    slot: None,
                    from_ms: 0.0,
                    running_ms: Some(800.0),
                    to_ms: Some(72_000.0),
                    state: if tm == 2 { "FAILED" } else { "CANCELED" }.into(),
                };
                let next = (tm + u32::from(tm == 2)) as usize;
                let second = TaskSpan {
                    attempt: 2,
                    taskmanager: outcome.taskmanagers[next].clone(),
                    from_ms: 73_000.0,
                    running_ms: Some(80_000.0),
                    to_ms: None,
                    state: "RUNNING".into(),
                    ..first.clone()
                };
                outcome.tasks.extend([first, second]);
            }
        }
    }
    let victim = outcome.taskmanagers[2].clone();
    let spans = std::mem::take(&mut outcome.tasks);
    for i in 0..8 {
        let at_ms = 20_000.0 + 13_000.0 * f64::from(i);
        fail(&mut outcome, &victim, at_ms, Some(at_ms + 9_000.0));
    }
    outcome.tasks = spans;
    outcome
}
