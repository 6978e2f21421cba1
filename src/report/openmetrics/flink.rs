//! Flink's naming: which family and labels a measurement has.

use std::collections::BTreeSet;

use crate::drill::outcome::{MetricPoint, Outcome, TaskSpan};

use super::Exposition;

/// Measurements that Flink has no metric of, or one of another meaning.
const OWN: [&str; 4] = [
    "cpuLoad",
    "inFlightLogBytes",
    "inputLatencyMs",
    "inputQueueLength",
];

/// Measurements of a source's operator, not of its task.
const OF_OPERATOR: [&str; 2] = ["pendingRecords", "watermarkLag"];

/// What there is nothing of once the task or the TaskManager is gone. Prometheus takes the last sample of a series for
/// the present value for five minutes more, unless the scrape that finds nothing says so.
const GONE_WITH_IT: [&str; 9] = [
    "backPressuredTimeMsPerSecond",
    "busyTimeMsPerSecond",
    "cpuLoad",
    "idleTimeMsPerSecond",
    "inFlightLogBytes",
    "inputQueueLength",
    "numRecordsInPerSecond",
    "numRecordsOutPerSecond",
    "pendingRecords",
];

/// Prefix by scope, as Flink's reporter flattens it; what is not Flink's does not look as if it were.
fn prefix(scope: &str, metric: &str) -> &'static str {
    match scope {
        "task" if OWN.contains(&metric) => "firedrill_task",
        "taskmanager" if OWN.contains(&metric) => "firedrill_taskmanager",
        "task" if OF_OPERATOR.contains(&metric) => "flink_taskmanager_job_task_operator",

        "jobmanager" => "flink_jobmanager",
        "job" | "checkpoint" => "flink_jobmanager_job",
        "task" => "flink_taskmanager_job_task",
        "taskmanager" => "flink_taskmanager",
        "partition" => "flink_taskmanager_job_task_operator_KafkaSourceReader_topic_partition",
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
        "currentOffset" => "The source's position in the partition.".into(),
        "committedOffset" => "The offset committed for the partition.".into(),
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
            "The last watermark that the task has received, in milliseconds.".into()
        }
        "currentOutputWatermark" => {
            "The last watermark that the task has emitted, in milliseconds.".into()
        }
        "watermarkLag" => {
            "How far a source's watermark is behind the clock, in milliseconds.".into()
        }
        "pendingRecords" => "Records in the topic that the source has not taken.".into(),
        "cpuLoad" => "Share of the machine's CPU in use.".into(),
        "inFlightLogBytes" => "What the task keeps to send again, in bytes.".into(),
        "inputLatencyMs" => "How old the oldest unread batch is, in milliseconds.".into(),
        "inputQueueLength" => "Elements that wait in the task's input channels.".into(),
        "numberOfCompletedCheckpoints" => "Checkpoints completed.".into(),
        "numberOfFailedCheckpoints" => "Checkpoints failed.".into(),
        "numRegisteredTaskManagers" => "TaskManagers registered with the leader.".into(),
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
    let mut ending = BTreeSet::new();
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
        if GONE_WITH_IT.contains(&point.metric) {
            ending.insert(name);
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
        "checkpoint" => vec![("job_name", filtered(job))],
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
        "partition" => {
            let (topic, partition) = topic_and_partition(subject);
            vec![("partition", partition.into()), ("topic", filtered(topic))]
        }
        scope => vec![("scope", filtered(scope)), ("subject", filtered(subject))],
    }
}

/// `transactions-4` is partition 4 of transactions; what does not end in a number is all topic.
fn topic_and_partition(subject: &str) -> (&str, &str) {
    let topic = subject.trim_end_matches(|c: char| c.is_ascii_digit());
    let partition = &subject[topic.len()..];
    match topic.trim_end_matches(['-', '/', ':', ' ', '@', '[']) {
        name if !partition.is_empty() && name.len() < topic.len() => (name, partition),
        _ => (subject, ""),
    }
}

/// The attempts of each task, for the labels that change when it restarts.
struct Attempts<'a>(std::collections::BTreeMap<&'a str, Vec<&'a TaskSpan>>);

impl<'a> Attempts<'a> {
    fn of(tasks: &'a [TaskSpan]) -> Attempts<'a> {
        let mut by_task = std::collections::BTreeMap::<&str, Vec<&TaskSpan>>::new();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_told_from_topics() {
        assert_eq!(topic_and_partition("transactions-4"), ("transactions", "4"));
        assert_eq!(topic_and_partition("a/b/12"), ("a/b", "12"));
        assert_eq!(topic_and_partition("topic"), ("topic", ""));
        assert_eq!(topic_and_partition("v2"), ("v2", ""));
    }
}
