//! Every kind of fault, at a time or when something has happened: it comes, does what it says, and takes no record with it.

use crate::support;

use firedrill::drill::outcome::Outcome;
use firedrill::drill::{Drill, Ended};
use firedrill::kernel::trace::{TraceLine, TraceSink};
use firedrill::scenario::{self, model::Scenario};
use serde::Serialize;
use support::parse;

/// A small cluster; `faults` are lines of the plan.
fn yaml(faults: &[&str]) -> String {
    let mut text = "\
name: small
duration: 3 min
weight: 20
cluster:
  jobmanagers: [jm-1, jm-2]
  taskmanagers:
    - {name: tm-1, slots: 4}
    - {name: tm-2, slots: 4, host: box}
    - {name: tm-3, slots: 4, host: box}
  hosts:
    - {name: box, cpu: 4.0}
config:
  execution.checkpointing.interval: 10 s
topics:
  orders: {partitions: 2, rate: 200/s, arrivals: constant}
jobs:
  - name: job
    operators:
      - {name: Source, topic: orders, parallelism: 2}
      - {name: Count, input: Source, exchange: hash, parallelism: 2, state: 1 MB}
      - {name: Sink, input: Count, exchange: rebalance, guarantee: exactly-once}
    placement:
      tm-1: [Source 0, Count 0]
      tm-2: [Source 1, Sink 0]
      tm-3: [Count 1]
"
    .to_owned();
    if !faults.is_empty() {
        text += "faults:\n";
    }
    for fault in faults {
        text += &format!("  - {fault}\n");
    }
    text
}

/// The same under Flink's default scheduler, which places tasks itself.
fn flink_yaml(faults: &[&str]) -> String {
    let text = yaml(faults).replace("name: small", "name: small\nmodel: flink-default");
    let kept = text
        .lines()
        .filter(|line| !line.starts_with("      tm-") && !line.starts_with("    placement:"));
    kept.map(|line| format!("{line}\n")).collect()
}

fn load(faults: &[&str]) -> Scenario {
    parse(&yaml(faults))
}

fn run(faults: &[&str]) -> Outcome {
    support::run(&load(faults))
}

/// When, in milliseconds, the timeline first says this.
fn first(outcome: &Outcome, text: &str) -> f64 {
    let entry = outcome
        .timeline
        .iter()
        .find(|entry| entry.text.contains(text));
    let all = || outcome.timeline.iter().map(|entry| &entry.text);
    let found =
        entry.unwrap_or_else(|| panic!("`{text}` is not in {:#?}", all().collect::<Vec<_>>()));
    found.at_ms
}

fn says(outcome: &Outcome, text: &str) -> bool {
    outcome
        .timeline
        .iter()
        .any(|entry| entry.text.contains(text))
}

const ALL: [&str; 23] = [
    "{kill: tm-1, at: 60 s, restart-after: 5 s}",
    "{stop: tm-1, at: 60 s, restart-after: 5 s}",
    "{stop: leader, at: 60 s}",
    "{kill: leader, at: 60 s, restart-after: 5 s}",
    "{kill: taskmanager-of Count 1, at: 60 s, restart-after: 10 s}",
    "{hang: tm-1, at: 60 s, for: 50 s}",
    "{power-off: tm-1, at: 60 s, restart-after: 40 s}",
    "{power-off: box, at: 60 s, restart-after: 40 s}",
    "{cut-off: tm-1, at: 60 s, for: 30 s}",
    "{cut: {from: [tm-1], to: [tm-2, tm-3]}, at: 60 s, for: 20 s}",
    "{cut: {from: [taskmanagers], to: [jobmanagers], one-way: true}, at: 60 s, for: 20 s}",
    "{slow-link: {from: [tm-1], latency: 20 ms .. 40 ms, bandwidth: 10 Mbit/s}, at: 60 s, for: 20 s}",
    "{lossy-link: {from: [tm-1], to: [tm-2], loss: 10 %}, at: 60 s, for: 20 s}",
    "{slow: box, at: 60 s, factor: 4, for: 20 s}",
    "{take-cpu: tm-1, cores: 1.5, at: 60 s, for: 20 s}",
    "{expire-session: tm-1, at: 60 s}",
    "{slow-storage: hdfs, factor: 50, at: 60 s, for: 20 s}",
    "{fail-storage: hdfs, at: 65 s, for: 20 s}",
    "{lose-storage: hdfs, at: 60 s, for: 20 s}",
    "{throw: Count subtask 1, at: 60 s}",
    "{hang: zk-1, at: 60 s, for: 30 s}",
    "{kill: zk-1, at: 60 s, restart-after: 20 s}",
    "{rolling-restart: taskmanagers, at: 60 s, pause: 15 s}",
];

#[test]
fn whatever_happens_no_record_is_lost_and_no_promise_broken() {
    for fault in ALL {
        let outcome = run(&[fault]);
        let summary = &outcome.summary;
        assert!(
            outcome.timeline.iter().any(|entry| entry.kind == "fault"),
            "{fault}"
        );
        assert_eq!(
            (summary.delivery.lost, summary.delivery.duplicated),
            (0, 0),
            "{fault}"
        );
        for invariant in &summary.invariants {
            assert!(
                invariant.kind != "safety" || invariant.violations.is_empty(),
                "{fault}: {invariant:?}"
            );
        }
        assert_eq!(summary.job_status, "RUNNING", "{fault}");
    }
}

#[test]
fn resolved_faults_load_as_the_same() {
    let conditions = [
        "{kill: jm-1, when: checkpoint 3 triggered, after: 10 ms .. 200 ms}",
        "{kill: jm-1, when: leader granted, at: 30 s}",
        "{hang: tm-1, when: any task is INITIALIZING, for: 5 s}",
        "{hang: tm-1, when: job is RESTARTING}",
        "{resume: tm-1, when: kill tm-2, after: 5 s}",
        "{resume: tm-1, when: hang tm-1 over}",
    ];
    let flinks = ["{reset-connections: {from: [tm-1], to: [tm-2, jobmanagers]}, at: 60 s}"];
    let scenarios = ALL.iter().chain(&conditions).map(|fault| load(&[fault]));
    let flinks = flinks.iter().map(|fault| parse(&flink_yaml(&[fault])));
    for first in scenarios.chain(flinks) {
        let written = scenario::resolved_yaml(&first);
        let second = scenario::load(&written, "resolved.yaml", &[])
            .unwrap_or_else(|error| panic!("{error}\n{written}"))
            .scenario;
        assert_eq!(first, second, "{written}");
    }
}

#[test]
fn a_condition_sets_a_fault_off_so_long_after_it() {
    let outcome = run(&["{kill: tm-1, when: checkpoint 5 triggered, after: 200 ms}"]);
    let triggered = first(&outcome, "checkpoint 5");
    let killed = first(&outcome, "kill tm-1");
    assert!((killed - triggered - 200.0).abs() < 0.001);
    let outcome = run(&[
        "{kill: leader, at: 60 s}",
        "{kill: tm-1, when: leader granted, after: 2 s}",
        "{hang: tm-2, when: kill tm-1, after: 1 s, for: 1 s}",
    ]);
    let killed = first(&outcome, "kill tm-1");
    assert!(killed > 62_000.0, "{killed}");
    let after = first(&outcome, "hang tm-2") - killed;
    assert!((after - 1_000.0).abs() < 0.001, "{after}");
}

#[test]
fn without_its_trigger_a_fault_never_comes_and_the_summary_says_so() {
    let quiet = run(&[]);
    assert!(quiet.summary.waiting.is_empty());
    let fault = "{kill: tm-1, when: checkpoint 5000 triggered, after: 0 s}";
    let waiting = run(&["{kill: tm-1, at: 170 s}", fault]);
    assert_eq!(waiting.summary.waiting, [fault]);
    let waiting = run(&[fault]);
    assert_eq!(quiet.summary.digest, waiting.summary.digest);
}

#[test]
fn connections_that_are_reset_fail_the_tasks_that_read_over_them_and_nobody_is_taken_for_dead() {
    let spread = |faults: &[&str]| {
        let text = flink_yaml(faults).replace("slots: 4", "slots: 1");
        support::run(&parse(&text))
    };
    // Between TaskManagers: consumers lose their producers, which are there for the next attempt.
    let data = spread(&["{reset-connections: {from: [tm-1, tm-2], to: [tm-3]}, at: 60 s}"]);
    let restarted = |outcome: &Outcome| outcome.summary.recoveries.len();
    assert_eq!(restarted(&data), 1, "{:#?}", data.timeline);
    let recovery = &data.summary.recoveries[0];
    let detected = recovery.detected_ms.expect("somebody noticed") - recovery.at_ms;
    assert!(detected < 1_000.0, "{detected}");
    // Between the leader and a TaskManager: what was in flight is lost, heartbeats come over the next connection.
    let control = spread(&["{reset-connections: {from: [leader], to: [taskmanagers]}, at: 60 s}"]);
    assert_eq!(restarted(&control), 0, "{:#?}", control.timeline);
    for outcome in [&data, &control] {
        assert_eq!(outcome.summary.job_status, "RUNNING");
        assert_eq!(
            (
                outcome.summary.delivery.lost,
                outcome.summary.delivery.duplicated
            ),
            (0, 0)
        );
        assert!(!says(outcome, "no longer reachable") && !says(outcome, "timed out"));
    }
}

#[test]
fn an_orderly_stop_is_noticed_at_once_and_a_dark_machine_late() {
    let stopped = run(&["{stop: tm-1, at: 60 s}"]);
    let dark = run(&["{power-off: tm-1, at: 60 s}"]);
    let detected = |outcome: &Outcome| {
        let recovery = outcome.summary.recoveries.first().expect("a recovery");
        recovery.detected_ms.expect("somebody noticed") - recovery.at_ms
    };
    assert!(detected(&stopped) < 1_000.0, "{}", detected(&stopped));
    assert!(detected(&dark) > 30_000.0, "{}", detected(&dark));
}

#[test]
fn a_taskmanager_without_tasks_leaves_nothing_to_recover() {
    // Flink fills one TaskManager before the next: of three with room for everything, two have no task.
    let flink = |faults: &[&str], expect: &str| {
        support::run(&parse(&format!("{}{expect}", flink_yaml(faults))))
    };
    let quiet = flink(&[], "");
    let taken: Vec<&String> = quiet.tasks.iter().map(|task| &task.taskmanager).collect();
    let mut names = quiet.taskmanagers.iter();
    let idle = names.find(|name| !taken.contains(name)).expect("one");
    let kill = |name: &str| format!("{{kill: {name}, at: 60 s}}");
    let expect = "expect:\n  - detection <= 45 s\n  - recoveries == 0 and lost == 0\n";
    let outcome = flink(&[&kill(idle)], expect);
    assert!(outcome.summary.recoveries.is_empty());
    let [spared] = &outcome.summary.spared[..] else {
        panic!("{:#?}", outcome.summary.spared);
    };
    let what = format!("{idle} ran no task of job: nothing to recover");
    assert_eq!((&spared.what, spared.at_ms), (&what, 60_000.0));
    // Nobody's task tells; the heartbeats of the ResourceManager still do.
    assert_eq!(spared.noticed_by.as_deref(), Some("resource-manager"));
    let after = spared.noticed_ms.expect("it was noticed") - spared.at_ms;
    assert!((10_000.0..=20_500.0).contains(&after), "{after}");
    // A drill that hit nothing does not pass for one that went well, unless nothing is what it expects.
    let verdicts: Vec<(bool, &str)> = outcome
        .summary
        .expectations
        .iter()
        .map(|verdict| (verdict.met, verdict.measured.as_str()))
        .collect();
    let measured = format!("detection: no recovery ({what})");
    assert_eq!(verdicts[0], (false, measured.as_str()));
    assert!(verdicts[1].0, "{verdicts:?}");
    // The same fault where the tasks are is a recovery.
    let hit = flink(&[&kill(taken[0])], "");
    assert!(hit.summary.spared.is_empty());
    assert_eq!(hit.summary.recoveries.len(), 1);
}

#[test]
fn checkpoints_start_with_the_first_task_that_runs_and_keep_their_pace() {
    let text = yaml(&[
        "{throw: Count 0, at: 43 s}",
        "{throw: Count 0, at: 77 s}",
        "{kill: jm-1, at: 100 s}",
    ]);
    let text = text.replace("name: small", "name: small\nmodel: flink-default");
    let outcome = support::run(&parse(&text));
    let all = |text: &str| -> Vec<f64> {
        let of = outcome.timeline.iter();
        of.filter(|entry| entry.text.contains(text))
            .map(|entry| entry.at_ms)
            .collect()
    };
    let triggered = all("is triggered");
    let after = |at: f64| *triggered.iter().find(|t| **t > at).expect("another one");
    let [start, first, second, led] = all("all tasks of job run")[..] else {
        panic!("{:?}", all("all tasks of job run"));
    };
    // Nothing has ended yet in this execution graph, nor in a new leader's: at once.
    assert!(after(start) - start < 100.0, "{start}: {triggered:?}");
    assert!(after(led) - led < 100.0, "{led}: {triggered:?}");
    // The trigger stood still: it starts when the first task runs, too early for its first tick.
    let wait = after(first) - first;
    assert!(
        (9_000.0..10_000.0).contains(&wait),
        "{first}: {triggered:?}"
    );
    // From then on no failure stops it.
    let pace = (after(second) - after(first)) / 10_000.0;
    assert!((pace - pace.round()).abs() < 1e-3, "{triggered:?}");
    assert!(after(second) - second < 9_900.0 || pace.round() == 4.0);
}

/// Nobody hears the JobManagers for longer than a call waits for its answer.
const UNHEARD: &str = "{cut: {from: [jobmanagers], to: [taskmanagers]}, at: 60 s, for: 15 s}";

#[test]
fn a_checkpoint_that_a_source_was_not_told_of_is_given_up_and_counts_for_nothing() {
    let outcome = support::run(&parse(&flink_yaml(&[UNHEARD])));
    let triggered = first(&outcome, "checkpoint 7 is triggered");
    let aborted = first(&outcome, "checkpoint 7 is aborted");
    assert_eq!(aborted - triggered, 10_000.0, "pekko.ask.timeout");
    // The next one has waited for it, and the first that gets through completes.
    assert!(first(&outcome, "checkpoint 8 is triggered") - aborted < 10.0);
    assert!(says(&outcome, "checkpoint 8 has completed"));
    assert!(outcome.summary.recoveries.is_empty());
}

#[test]
fn checkpoints_are_at_least_min_pause_apart_even_where_one_fails() {
    let text = flink_yaml(&[UNHEARD]).replace(
        "config:\n",
        "config:\n  execution.checkpointing.min-pause: 30 s\n",
    );
    let outcome = support::run(&parse(&text));
    let triggered = support::said(&outcome, "is triggered");
    let [aborted] = support::said(&outcome, "is aborted")[..] else {
        panic!("{:?}", support::said(&outcome, "is aborted"));
    };
    let before = triggered.iter().rfind(|at| **at < aborted);
    let after = triggered.iter().find(|at| **at > aborted);
    let apart = after.expect("another one") - before.expect("it was triggered");
    assert!(apart > 29_900.0, "{triggered:?}, {aborted}");
}

#[test]
fn triggers_that_come_while_checkpoints_are_slow_are_made_up_for() {
    let slow = "{slow-storage: hdfs, factor: 1000, at: 61 s, for: 45 s}";
    let text = flink_yaml(&[slow]).replace("interval: 10 s", "interval: 5 s");
    let outcome = support::run(&parse(&text));
    let triggered = support::said(&outcome, "is triggered");
    let (healed, caught_up) = (106_000.0, 115_000.0);
    let (slow, later): (Vec<f64>, Vec<f64>) = triggered.iter().partition(|at| **at < caught_up);
    let made_up = slow.iter().filter(|at| **at > healed).count();
    // One every five seconds is due, and no request of the minute before is forgotten.
    assert!(made_up >= 5, "{triggered:?}");
    let due = |at: &f64| ((at - slow[0]) / 5_000.0).fract();
    let pace = later
        .iter()
        .map(due)
        .filter(|late| *late > 0.01 && *late < 0.99);
    assert_eq!(pace.count(), 0, "{triggered:?}");
}

#[test]
fn a_request_for_a_slot_times_out_whatever_is_requested_after_it() {
    let text = "\
name: small
model: flink-default
duration: 3 min
weight: 20
cluster:
  taskmanagers:
    - {name: tm-1, slots: 1}
    - {name: tm-2, slots: 1}
    - {name: tm-3, slots: 1}
config:
  execution.checkpointing.interval: 10 s
  resourcemanager.standalone.start-up-time: 1 h
  slot.request.timeout: 60 s
topics:
  orders: {partitions: 3, rate: 200/s, arrivals: constant}
jobs:
  - name: job
    operators:
      - {name: Source, topic: orders, parallelism: 3}
      - {name: Sink, input: Source, exchange: forward, parallelism: 3, guarantee: at-least-once}
faults:
  - {kill: taskmanager-of Source 0, at: 60 s}
  - {kill: taskmanager-of Source 1, at: 60 s}
  - {throw: Source 2, at: 110 s}
";
    let outcome = support::run(&parse(text));
    let given_up = first(&outcome, "is lost (resource-manager)");
    let waited = first(&outcome, "because of no-resources") - given_up;
    // Two regions want slots since then, but for the back-off; the third's slot goes to one of them.
    assert!((60_000.0..65_000.0).contains(&waited), "{waited} ms");
}

/// When a ResourceManager struck a TaskExecutor off, and why.
#[derive(Default)]
struct StruckOff(Vec<(f64, String)>);

impl TraceSink for StruckOff {
    fn record<B: Serialize>(&mut self, line: &TraceLine<'_>, body: &B) {
        let body = serde_json::to_value(body).expect("plain values");
        if let Some(fact) = body.get("TaskExecutorUnregistered") {
            let reason = fact["reason"].as_str().expect("there is one").to_owned();
            self.0.push((line.time.as_ms(), reason));
        }
    }
}

#[test]
fn a_kept_resource_id_makes_a_restarted_taskmanager_known_at_once() {
    let struck_off = |config: &str| {
        let text = flink_yaml(&["{kill: tm-1, at: 60 s, restart-after: 2 s}"])
            .replace("config:\n", &format!("config:\n{config}"));
        let mut drill = Drill::new(&parse(&text));
        let (end, mut seen) = (drill.end(), StruckOff::default());
        drill.advance(end, &mut seen).expect("it goes on");
        let summary = drill.finish(Ended::Completed).summary;
        let invariants = &summary.invariants;
        assert!(
            invariants
                .iter()
                .all(|invariant| invariant.violations.is_empty())
        );
        assert_eq!(summary.job_status, "RUNNING");
        seen.0
    };
    let [(at, reason)] = &struck_off("")[..] else {
        panic!("one process ends, once");
    };
    assert!(
        *at > 70_000.0 && reason == "no longer reachable",
        "{at}, {reason}"
    );
    let [(at, reason)] = &struck_off("  taskmanager.resource-id: mine\n")[..] else {
        panic!("one process ends, once");
    };
    assert!(
        *at < 70_000.0 && reason.contains("resource id"),
        "{at}, {reason}"
    );
}

#[test]
fn a_hung_leader_of_zookeeper_is_replaced() {
    let outcome = run(&["{hang: zk-1, at: 60 s, for: 60 s}"]);
    assert!(says(&outcome, "in epoch 2"), "nobody else leads");
    let again = outcome
        .timeline
        .iter()
        .find(|entry| entry.text.contains("in epoch 2"));
    let at = again.expect("it is there").at_ms;
    // syncLimit: five ticks of two seconds.
    assert!((68_000.0..75_000.0).contains(&at), "{at}");
}

#[test]
fn what_a_quorum_has_acknowledged_survives_its_leader() {
    // The session's end is proposed at once; the acknowledgements are on their way when the leader stops.
    for (end, heals) in [("hang", "for"), ("kill", "restart-after")] {
        let outcome = run(&[
            "{expire-session: tm-1, at: 60 s}",
            &format!("{{{end}: zk-1, at: 60.0005 s, {heals}: 20 s}}"),
        ]);
        assert!(says(&outcome, "in epoch 2"), "nobody else leads");
        for invariant in &outcome.summary.invariants {
            assert!(invariant.violations.is_empty(), "{end}: {}", invariant.id);
        }
        // Whoever leads next has it in its log, and commits it: the session is not there any more.
        assert!(says(&outcome, "tm-1 stops its tasks"), "{end}");
    }
}

#[test]
fn quorum_comes_back_with_its_servers() {
    let outcome = run(&[
        "{kill: zk-1, at: 60 s, restart-after: 20 s}",
        "{kill: zk-2, at: 60 s, restart-after: 20 s}",
    ]);
    assert_eq!(outcome.summary.job_status, "RUNNING");
    assert!(says(&outcome, "zk-1 has started"));
}

#[test]
fn a_rolling_restart_takes_one_after_the_other() {
    let outcome = run(&["{rolling-restart: taskmanagers, at: 40 s, pause: 10 s}"]);
    for (one, next) in [("tm-1", "tm-2"), ("tm-2", "tm-3")] {
        let up = first(&outcome, &format!("{one} has started"));
        let stopped = first(&outcome, &format!("stop {next}"));
        assert!(
            (stopped - up - 10_000.0).abs() < 0.001,
            "{one}: {up}, {next}: {stopped}"
        );
    }
}

fn message(fault: &str) -> String {
    match scenario::load(yaml(&[fault]), "x.yaml", &[]) {
        Ok(_) => panic!("this should not load: {fault}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn mistakes_are_named_where_they_stand() {
    for (fault, place, expected) in [
        ("{at: 60 s}", "27:5", "a fault names what happens to whom"),
        ("{kill: tm-1}", "27:5", "a fault says when it comes"),
        (
            "{kill: tm-1, at: 60 s, after: 5 s}",
            "27:35",
            "`after` goes with `when`",
        ),
        (
            "{kill: tm-1, when: checkpoint five triggered}",
            "27:24",
            "is no condition",
        ),
        (
            "{kill: tm-1, when: checkpoint 5 triggered, at: 1 s .. 2 s}",
            "27:52",
            "`at` is one instant",
        ),
        ("{kill: box, at: 60 s}", "27:12", "`box` is a host"),
        ("{kill: tm-9, at: 60 s}", "27:12", "unknown process `tm-9`"),
        (
            "{start: leader, at: 60 s}",
            "27:13",
            "needs the name of a process",
        ),
        (
            "{cut: {from: [tm-1], to: [tm-1]}, at: 60 s, for: 1 s}",
            "27:30",
            "in `from` and in `to`",
        ),
        (
            "{cut: {from: [], to: [tm-1]}, at: 60 s, for: 1 s}",
            "27:18",
            "at least one member",
        ),
        ("{cut: {from: [tm-1]}, at: 60 s}", "27:11", "for how long"),
        (
            "{slow-link: {from: [tm-1]}, at: 60 s}",
            "27:17",
            "a slow link needs `latency`",
        ),
        (
            "{lossy-link: {from: [tm-1], loss: 100 %}, at: 60 s}",
            "27:39",
            "write `cut`",
        ),
        ("{throw: Cuont 1, at: 60 s}", "27:13", "is no task"),
        (
            "{throw: Count 2, at: 60 s}",
            "27:13",
            "its subtasks are 0 to 1",
        ),
        ("{slow-storage: hdfs, at: 60 s}", "27:20", "needs a factor"),
        (
            "{fail-storage: s3, at: 60 s}",
            "27:20",
            "the storage is called `hdfs`",
        ),
        ("{take-cpu: tm-1, at: 60 s}", "27:16", "like `cores: 1.5`"),
        (
            "{slow: jm-1, factor: 2, at: 60 s}",
            "27:12",
            "no CPU to take away",
        ),
        (
            "{stuck-cancel: Count 1, at: 60 s}",
            "27:20",
            "the story has no `stuck-cancel`",
        ),
        (
            "{reset-connections: {from: [tm-1]}, at: 60 s}",
            "27:25",
            "in the story nobody's connections are reset",
        ),
        (
            "{savepoint-and-restart: job, at: 60 s}",
            "27:29",
            "the story takes no savepoints",
        ),
        (
            "{rolling-restart: tm-1, at: 60 s}",
            "27:23",
            "all `taskmanagers`",
        ),
        (
            "{kill: tm-1, at: 60 s, cores: 1.0}",
            "27:35",
            "`cores` does not go with `kill`",
        ),
        (
            "{expire-session: zk-1, at: 60 s}",
            "27:22",
            "no session of its own",
        ),
    ] {
        let message = message(fault);
        assert!(message.contains(expected), "{fault}:\n{message}");
        assert!(
            message.contains(&format!("x.yaml:{place}")),
            "{fault}:\n{message}"
        );
    }
}

/// It was about to end when it was stopped: it ends when it goes on, and starts again.
#[test]
fn a_process_that_hangs_on_its_way_out_ends_when_it_goes_on() {
    let outcome = run(&[
        "{stop: tm-1, at: 60 s, restart-after: 5 s}",
        "{hang: tm-1, when: stop tm-1, for: 20 s}",
    ]);
    assert_eq!(first(&outcome, "hang of tm-1 is over"), 80_000.0);
    let starts = outcome.timeline.iter();
    let starts = starts.filter(|entry| entry.text == "tm-1 has started");
    let back: Vec<f64> = starts.map(|entry| entry.at_ms).collect();
    assert!(back.len() == 1 && back[0] >= 85_000.0, "{back:?}");
    assert_eq!(outcome.summary.delivery.lost, 0);
}

/// An attempt to connect that a ZooKeeper server takes up late moves the session there, and the client is elsewhere: what
/// it uses is closed, and it connects again (ZOOKEEPER-710).
#[test]
fn a_client_follows_its_session() {
    for seed in 1..=9 {
        let text = yaml(&["{cut-off: zk-1, at: 20 s, for: 6 s}"])
            .replace("cluster:\n", "cluster:\n  zookeeper: {tick-time: 500 ms}\n");
        let outcome = support::run(&parse(&format!("seed: {seed}\n{text}")));
        let completed = outcome.summary.checkpoints.completed;
        assert!(completed >= 13, "seed {seed}: {completed} checkpoints");
    }
}

/// What a job has borne for a while, in time, is not why it is late when something else has happened since.
#[test]
fn a_fault_that_does_no_harm_is_not_where_a_recovery_begins() {
    let outcome = run(&[
        "{delay-notifications: tm-2, at: 30 s, for: 100 s, by: 1 s}",
        "{kill: tm-1, at: 60 s}",
    ]);
    let begun: Vec<f64> = outcome.summary.recoveries.iter().map(|r| r.at_ms).collect();
    assert_eq!(begun, [60_000.0]);
}

/// An outage of ZooKeeper takes a while to be noticed, output in time: one before it, which nobody has noticed, is not why.
#[test]
fn a_fault_that_is_over_is_not_where_the_recovery_from_the_next_begins() {
    let outages = [
        "{hang: zk-1, at: 40 s, for: 1 s}",
        "{hang: zk-1, at: 60 s, for: 90 s}",
    ];
    let text = flink_yaml(&outages).replace("cluster:\n", "cluster:\n  zookeeper: {servers: 1}\n");
    let outcome = support::run(&parse(&text));
    let begun: Vec<f64> = outcome.summary.recoveries.iter().map(|r| r.at_ms).collect();
    assert_eq!(begun, [60_000.0]);
}

/// What consumers ask its new tasks for goes to the process that is gone, over connections that nobody has closed: they are
/// told so, and ask again.
#[test]
fn requests_that_are_lost_with_their_connection_are_made_again() {
    for seed in 1..=8 {
        let text = yaml(&["{power-off: tm-1, at: 60 s, restart-after: 1 s}"]);
        let outcome = support::run(&parse(&format!("seed: {seed}\n{text}")));
        assert!(says(&outcome, "re-registration"), "seed {seed}");
        support::assert_whole(&outcome, &format!("seed {seed}"));
        let completed = outcome.summary.checkpoints.completed;
        assert!(completed >= 15, "seed {seed}: {completed} checkpoints");
    }
}

/// Its registration lies in a connection that stands still, and comes to the new leader when its process and its znode are
/// gone: nobody waits for it.
#[test]
fn a_taskmanager_that_registers_when_it_is_gone_is_missed() {
    let mut late = 0;
    for seed in 1..=6 {
        let text = yaml(&[
            "{kill: jm-1, at: 1 s}",
            "{cut: {from: [jm-2]}, at: 12 s, for: 8 s}",
            "{stop: tm-1, at: 21 s}",
        ])
        .replace(
            "config:\n",
            "config:\n  high-availability.zookeeper.client.session-timeout: 8 s\n",
        );
        let outcome = support::run(&parse(&format!("seed: {seed}\n{text}")));
        support::assert_whole(&outcome, &format!("seed {seed}"));
        let registered = support::said(&outcome, "tm-1 registers");
        let closed = support::said(&outcome, "the session of tm-1 is closed");
        if registered.last() > closed.last() {
            late += 1;
            let lost = support::said(&outcome, "tm-1 is lost");
            assert!(lost.last() > registered.last(), "seed {seed}");
        }
    }
    assert!(late >= 2, "{late} seeds show it");
}

/// When a process is told that the ZooKeeper server that it called does not serve.
#[derive(Default)]
struct TurnedAway(Vec<f64>);

impl TraceSink for TurnedAway {
    fn record<B: Serialize>(&mut self, line: &TraceLine<'_>, body: &B) {
        let body = serde_json::to_value(body).expect("plain values");
        if line.actor == "tm-1" && body["body"]["Zk"] == "NotServing" {
            self.0.push(line.time.as_ms());
        }
    }
}

#[test]
fn who_is_about_to_connect_when_a_zookeeper_server_loses_its_leader_is_turned_away() {
    // tm-1 is back after some four seconds; the others miss the leader of the ensemble only after five ticks.
    let faults = [
        "{kill: tm-1, at: 55 s, restart-after: 5 s}",
        "{power-off: zk-1, at: 60 s}",
    ];
    let turned_away = (1..=8).filter(|seed| {
        let mut scenario = parse(&flink_yaml(&faults));
        scenario.seed = *seed;
        let mut drill = Drill::new(&scenario);
        let (end, mut seen) = (drill.end(), TurnedAway::default());
        drill.advance(end, &mut seen).expect("it goes on");
        seen.0.iter().any(|at| (64_000.0..72_000.0).contains(at))
    });
    // The others have called the dark server, or hear of their session before.
    assert!(turned_away.count() >= 3);
}
