//! Splits: the partitions of all topics, who reads them, and from when on they are there.

use crate::dataflow::record::SplitId;

use super::{JobId, Split, SubtaskId, Topology};

impl Topology {
    /// The split of a partition, if the topic ever has it.
    pub fn split(&self, topic: usize, partition: u32) -> Option<SplitId> {
        let first = self.splits.partition_point(|split| split.topic < topic);
        let split = self.splits.get(first + partition as usize)?;
        (split.topic == topic).then_some(first as SplitId + partition)
    }

    /// Whether the topic has more partitions at some time than at the start.
    pub fn grows(&self, topic: usize) -> bool {
        self.split(topic, self.topics[topic].partitions).is_some()
    }

    /// Whether a split is there from the start.
    pub fn is_initial(&self, split: SplitId) -> bool {
        let Split { topic, partition } = self.splits[split as usize];
        partition < self.topics[topic].partitions
    }

    /// Splits of a job that are there from the start.
    pub fn initial_splits(&self, job: JobId) -> impl Iterator<Item = SplitId> + '_ {
        let splits = self.jobs[job as usize].splits.iter().copied();
        splits.filter(|split| self.is_initial(*split))
    }

    /// Whether somebody reads the topic in event time: then its records' timestamps matter.
    pub fn is_timed(&self, topic: usize) -> bool {
        self.operators.iter().any(|operator| {
            let job = &self.jobs[operator.job as usize];
            operator.spec.kind.topic() == Some(topic) && job.event_time.is_some()
        })
    }

    /// The source subtask that a split is given to which no checkpoint has, among so many readers.
    pub fn owner_of(&self, split: SplitId, readers: u32) -> u32 {
        let Split { topic, partition } = self.splits[split as usize];
        let name = &self.topics[topic].name;
        self.split_owner.owner(name, partition, readers)
    }

    /// The partitions that a source reads in the first layout; none for other tasks.
    pub fn partitions_of(&self, subtask: SubtaskId) -> Vec<u32> {
        let layout = &self.jobs[self.job_of(subtask) as usize].layout;
        let splits = layout.get(subtask).map(|vertex| &vertex.splits[..]);
        self.partitions(splits.unwrap_or_default())
    }

    /// The partitions that splits stand for.
    pub fn partitions(&self, splits: &[SplitId]) -> Vec<u32> {
        splits
            .iter()
            .map(|split| self.splits[*split as usize].partition)
            .collect()
    }
}
