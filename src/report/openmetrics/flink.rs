//! Flink's naming: which family and labels a measurement has.

use std::collections::BTreeMap;

use crate::drill::outcome::{MetricPoint, Outcome, TaskSpan};

use super::Exposition;

/// Measurements that Flink has no metric of, or one of another meaning.
const OWN: [&str; 4] = [
    "cpuLoad",
    "inFlightLogBytes",
    "inputLatencyMs",
    "inputQueueLength",
];

/// Measurements of a source's or a sink's operator, not of its task.
const OF_OPERATOR: [&str; 3] = ["failedCommittables", "pendingRecords", "watermarkLag"];

/// Nothing of these is left once the task or the process is gone.
const ENDS_AT_ZERO: [&str; 14] = [
    "allSubTasksRunningOrFinishedTime",
    "backPressuredTimeMsPerSecond",
    "busyTimeMsPerSecond",
    "cpuLoad",
    "idleTimeMsPerSecond",
    "inFlightLogBytes",
    "inputQueueLength",
    "numRecordsInPerSecond",
    "numRecordsOutPerSecond",
    "numRegisteredTaskManagers",
    "pendingRecords",
    "taskSlotsAvailable",
    "taskSlotsTotal",
    "uptime",
];

/// What a series ends with. Prometheus takes its last sample for the present value for five minutes more, unless the scrape
/// that finds nothing says so. None: what a job has counted holds until its next JobMaster counts anew.
fn end(scope: &str, metric: &str) -> Option<f64> {
    if ENDS_AT_ZERO.contains(&metric) {
        Some(0.0)
    } else {
        (scope != "job").then_some(f64::NAN)
    }
}

/// Prefix by scope, as Flink's reporter flattens it; what is not Flink's does not look as if it were.
fn prefix(scope: &str, metric: &str) -> &'static str {
    match scope {
        "task" if OWN.contains(&metric) => "firedrill_task",
        "taskmanager" if OWN.contains(&metric) => "firedrill_taskmanager",
        "task" if OF_OPERATOR.contains(&metric) => "flink_taskmanager_job_task_operator",

        "jobmanager" => "flink_jobmanager",
        "job" => "flink_jobmanager_job",
        "task" => "flink_taskmanager_job_task",
        "taskmanager" => "flink_taskmanager",
        _ => "firedrill",
    }
}

/// What the better-known names mean; the rest are described by their scope.
fn help(scope: &str, metric: &str) -> String {
    match metric {
        "busyTimeMsPerSecond" => "Time the task was busy, in milliseconds per second.".into(),
        "idleTimeMsPerSecond" => {
            "Time the task had nothing to do, in milliseconds per second.".into()
        }
        "backPressuredTimeMsPerSecond" => {
            "Time the task waited for room downstream, in milliseconds per second.".into()
        }
        "numRecordsInPerSecond" => "Records taken in per second.".into(),
        "numRecordsOutPerSecond" => "Records put out per second.".into(),
        "numRestarts" => "Restarts of the job under the present JobMaster.".into(),
        "numRescales" => "Rescales of the job under the present JobMaster.".into(),
        "lastCheckpointDuration" => "How long the last checkpoint took, in milliseconds.".into(),
        "lastCheckpointSize" => "What the last checkpoint wrote, in bytes.".into(),
        "lastCheckpointFullSize" => "Size of the last checkpoint, in bytes.".into(),
        "checkpointAlignmentTime" => {
            "How long the last alignment of barriers took, in nanoseconds.".into()
        }
        "checkpointStartDelayNanos" => {
            "From the trigger of the last checkpoint to its first barrier, in nanoseconds.".into()
        }
        "lastCheckpointPersistedData" => {
            "What barriers of the last checkpoint overtook and it stored, in bytes.".into()
        }
        "currentInputWatermark" => {
            "The last watermark that the task has received, in milliseconds; the least number: none.".into()
        }
        "currentOutputWatermark" => {
            "The last watermark that the task has emitted, in milliseconds; the least number: none.".into()
        }
        "watermarkLag" => {
            "How far a source's watermark is behind the clock, in milliseconds.".into()
        }
        "pendingRecords" => "Records in the topic that the source has not taken.".into(),
        "cpuLoad" => "Share of the machine's CPU in use.".into(),
        "inFlightLogBytes" => "What the task keeps to send again, in bytes.".into(),
        "inputLatencyMs" => "How old the oldest unread batch is, in milliseconds.".into(),
        "inputQueueLength" => "Elements that wait in the task's input channels.".into(),
        "totalNumberOfCheckpoints" => "Checkpoints triggered under the present JobMaster.".into(),
        "numberOfInProgressCheckpoints" => "Checkpoints under way.".into(),
        "numberOfCompletedCheckpoints" => {
            "Checkpoints completed under the present JobMaster.".into()
        }
        "numberOfFailedCheckpoints" => "Checkpoints failed under the present JobMaster.".into(),
        "lastCompletedCheckpointId" => "The last checkpoint completed; -1: none.".into(),
        "lastCheckpointCompletedTimestamp" => {
            "When the last checkpoint had completed, in simulated milliseconds; -1: none.".into()
        }
        "lastCheckpointRestoreTimestamp" => {
            "When a checkpoint was restored last, in simulated milliseconds; -1: none.".into()
        }
        "uptime" => "For how long the job's status has been RUNNING, in milliseconds.".into(),
        "downtime" => {
            "For how long the job has been FAILING, in milliseconds: 0 while it restarts, as in Flink.".into()
        }
        "createdTime" | "runningTime" | "restartingTime" | "failingTime" => {
            let status = metric.trim_end_matches("Time").to_uppercase();
            format!("For how long the job's status has been {status}, in milliseconds; else 0.")
        }
        "deployingTime" => {
            "For how long some task has been DEPLOYING, in milliseconds; else 0.".into()
        }
        "allSubTasksRunningOrFinishedTime" => {
            "For how long all tasks have been running, in milliseconds; 0: some task does not.".into()
        }
        "failedCommittables" => "Commits of this attempt's sink that failed.".into(),
        "numRegisteredTaskManagers" => "TaskManagers registered with the ResourceManager.".into(),
        "taskSlotsTotal" => "Slots of the TaskManagers registered.".into(),
        "taskSlotsAvailable" => "Slots that no job has.".into(),
        "numRunningJobs" => "Jobs that have a JobMaster.".into(),
        _ => format!("{metric} of each {scope}."),
    }
}

/// Outside `[a-zA-Z0-9:_]` everything becomes `_`, in names and, by Flink's default, in label values too.
pub fn filtered(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == ':' || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect()
}

/// Adds the periodic measurements.
pub fn measurements(outcome: &Outcome, exposition: &mut Exposition) {
    let attempts = Attempts::of(&outcome.tasks);
    let mut ending = BTreeMap::new();
    for point in &outcome.metrics {
        let name = format!(
            "{}_{}",
            prefix(point.scope, point.metric),
            filtered(point.metric)
        );
        let labels = labels(outcome, &attempts, point);
        let labels: Vec<_> = labels
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let family = exposition.family(&name, &help(point.scope, point.metric), None);
        family.sample(&labels, point.at_ms, point.value);
        if let Some(value) = end(point.scope, point.metric) {
            ending.insert(name, value);
        }
    }
    exposition.end(&ending, outcome.summary.simulated_ms);
}

fn labels(
    outcome: &Outcome,
    attempts: &Attempts<'_>,
    point: &MetricPoint,
) -> Vec<(&'static str, String)> {
    let job = outcome
        .summary
        .jobs
        .first()
        .map_or("", |job| job.name.as_str());
    let subject = &*point.subject;
    match point.scope {
        "job" => vec![("job_name", filtered(subject))],
        "taskmanager" => vec![("tm_id", filtered(subject))],
        "jobmanager" => vec![("host", filtered(subject))],
        "task" => match attempts.at(subject, point.at_ms) {
            Some(span) => {
                let mut labels = vec![
                    ("job_name", filtered(&span.job)),
                    ("subtask_index", span.subtask.to_string()),
                    ("task_attempt_num", span.attempt.to_string()),
                    ("task_name", filtered(&span.operator)),
                    ("tm_id", filtered(&span.taskmanager)),
                ];
                if OF_OPERATOR.contains(&point.metric) {
                    labels.insert(1, ("operator_name", filtered(&span.operator)));
                }
                labels
            }
            None => vec![
                ("job_name", filtered(job)),
                ("task_name", filtered(subject)),
            ],
        },
        scope => vec![("scope", filtered(scope)), ("subject", filtered(subject))],
    }
}

/// The attempts of each task, for the labels that change when it restarts.
struct Attempts<'a>(BTreeMap<&'a str, Vec<&'a TaskSpan>>);

impl<'a> Attempts<'a> {
    fn of(tasks: &'a [TaskSpan]) -> Attempts<'a> {
        let mut by_task = BTreeMap::<&str, Vec<&TaskSpan>>::new();
        for span in tasks {
            by_task.entry(&span.task).or_default().push(span);
        }
        Attempts(by_task)
    }

    /// The latest attempt that had begun by then.
    fn at(&self, task: &str, at_ms: f64) -> Option<&'a TaskSpan> {
        let spans = self.0.get(task)?;
        spans
            .iter()
            .rev()
            .find(|span| span.from_ms <= at_ms)
            .or(spans.first())
            .copied()
    }
}
