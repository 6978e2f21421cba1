//! `tasks.csv`: who ran where, from when to when.

use crate::drill::outcome::Outcome;

use super::{Artifact, Format, csv_bytes};

pub struct TasksCsv;

const HEADER: [&str; 11] = [
    "job",
    "task",
    "operator",
    "subtask",
    "partitions",
    "attempt",
    "taskmanager",
    "from_ms",
    "running_ms",
    "to_ms",
    "state",
];

impl Format for TasksCsv {
    fn artifacts(&self, outcome: &Outcome) -> Vec<Artifact> {
        let ms = |value: Option<f64>| value.map(|ms| ms.to_string()).unwrap_or_default();
        let rows = outcome.tasks.iter().map(|span| {
            let partitions: Vec<_> = span.partitions.iter().map(u32::to_string).collect();
            vec![
                span.job.clone(),
                span.task.clone(),
                span.operator.clone(),
                span.subtask.to_string(),
                partitions.join(" "),
                span.attempt.to_string(),
                span.taskmanager.clone(),
                span.from_ms.to_string(),
                ms(span.running_ms),
                ms(span.to_ms),
                span.state.clone(),
            ]
        });
        vec![Artifact {
            name: "tasks.csv",
            bytes: csv_bytes(&HEADER, rows),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn partitions_are_apart_by_spaces_and_open_ends_are_empty() {
        let mut outcome = fixture::story();
        outcome.tasks.truncate(1);
        outcome.tasks[0].partitions = vec![4, 5];
        let bytes = TasksCsv.artifacts(&outcome).remove(0).bytes;
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(
            text.lines().nth(1).unwrap(),
            "fraud-detection,Kafka source (1/10),Kafka source,0,4 5,1,tm-1,0,800,,RUNNING"
        );
    }
}
