//! `/jobs/:id/checkpoints`, its `/config` and its `/details/:id`: how large state is, how long checkpoints take.

use std::collections::BTreeMap;

use super::answer::Answer;
use crate::scenario::error::Problem;
use crate::scenario::units::write_duration;

/// What all answers about checkpoints come to.
#[derive(Debug, Default)]
pub struct Checkpoints {
    /// Of the latest completed one, all tasks together, in bytes.
    pub state_bytes: Option<f64>,
    /// What a checkpoint writes, in bytes: of an incremental one less than there is state.
    pub written_bytes: Option<f64>,
    /// From trigger to completion, the median of those that Flink remembers.
    pub duration_ms: Option<f64>,
    /// By vertex, in bytes.
    pub of_vertex: BTreeMap<String, f64>,
    /// Between triggers, as seen.
    pub seen_interval_ms: Option<f64>,
    /// Flink keys out of `/config`.
    pub keys: Vec<(&'static str, String)>,
}

impl Checkpoints {
    /// Adds an answer; which it is shows by what it holds.
    pub fn add(&mut self, answer: Answer<'_>) -> Result<(), Problem> {
        if answer.find("history").is_some() {
            self.history(answer)
        } else if answer.find("interval").is_some() {
            self.config(answer)
        } else if answer.find("tasks").is_some() {
            self.details(answer)
        } else {
            Err(answer.refuse(
                "this is no answer about checkpoints; give that of /jobs/:id/checkpoints, \
                 /jobs/:id/checkpoints/config or /jobs/:id/checkpoints/details/:checkpointid",
            ))
        }
    }

    fn history(&mut self, answer: Answer<'_>) -> Result<(), Problem> {
        let latest = answer
            .find("latest")
            .and_then(|latest| latest.find("completed"));
        if let Some(completed) = latest {
            if self.state_bytes.is_none() {
                self.state_bytes = completed.amount("state_size")?;
            }
            self.written_bytes = completed.amount("checkpointed_size")?;
            self.duration_ms = completed.amount("end_to_end_duration")?;
        }
        let median = |key: &str| {
            let all = answer.find("summary").and_then(|summary| summary.find(key));
            all.map_or(Ok(None), |all| all.amount("p50"))
        };
        self.written_bytes = median("checkpointed_size")?.or(self.written_bytes);
        self.duration_ms = median("end_to_end_duration")?.or(self.duration_ms);
        let mut triggered = Vec::new();
        for checkpoint in answer.get("history", "this answer")?.list()? {
            let at = checkpoint.amount("trigger_timestamp")?;
            triggered.extend(checkpoint.amount("id")?.zip(at));
        }
        triggered.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut gaps: Vec<f64> = triggered
            .windows(2)
            .filter(|pair| pair[1].0 - pair[0].0 == 1.0)
            .map(|pair| pair[1].1 - pair[0].1)
            .collect();
        gaps.sort_by(f64::total_cmp);
        self.seen_interval_ms = gaps.get(gaps.len() / 2).copied().filter(|gap| *gap >= 10.0);
        Ok(())
    }

    fn details(&mut self, answer: Answer<'_>) -> Result<(), Problem> {
        self.state_bytes = answer.amount("state_size")?.or(self.state_bytes);
        if self.duration_ms.is_none() {
            self.written_bytes = answer.amount("checkpointed_size")?;
            self.duration_ms = answer.amount("end_to_end_duration")?;
        }
        let tasks = answer.get("tasks", "this answer")?;
        for (id, task) in tasks.entries()? {
            if let Some(bytes) = task.amount("state_size")? {
                self.of_vertex.insert(id.to_owned(), bytes);
            }
        }
        Ok(())
    }

    fn config(&mut self, answer: Answer<'_>) -> Result<(), Problem> {
        // `Long.MAX_VALUE` stands for never.
        let ms = |key: &str| -> Result<Option<String>, Problem> {
            let found = answer.amount(key)?.filter(|ms| *ms < 1e15);
            Ok(found.map(|ms| write_duration((ms * 1e6) as u64)))
        };
        let text = |key: &str| answer.find(key).map(Answer::text).transpose();
        let mut keys = Vec::new();
        let mut put = |key: &'static str, value: Option<String>| {
            keys.extend(value.map(|value| (key, value)));
        };
        put("execution.checkpointing.interval", ms("interval")?);
        put("execution.checkpointing.timeout", ms("timeout")?);
        put("execution.checkpointing.min-pause", ms("min_pause")?);
        put(
            "execution.checkpointing.max-concurrent-checkpoints",
            answer
                .amount("max_concurrent")?
                .map(|count| count.to_string()),
        );
        put(
            "execution.checkpointing.tolerable-failed-checkpoints",
            answer
                .amount("tolerable_failed_checkpoints")?
                .map(|count| count.to_string()),
        );
        put(
            "execution.checkpointing.mode",
            text("mode")?.map(str::to_uppercase),
        );
        let backend = text("state_backend")?.map(|name| match name.contains("RocksDB") {
            true => "rocksdb".to_owned(),
            false => "hashmap".to_owned(),
        });
        put("state.backend.type", backend);
        if text("unaligned_checkpoints")? == Some("true") {
            keys.push((
                "execution.checkpointing.unaligned.enabled",
                "true".to_owned(),
            ));
            let timeout = ms("aligned_checkpoint_timeout")?;
            keys.extend(
                timeout.map(|ms| ("execution.checkpointing.aligned-checkpoint-timeout", ms)),
            );
        }
        self.keys = keys;
        Ok(())
    }
}
