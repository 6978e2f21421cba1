//! What may run: splits, operators, subtasks and channels of all jobs, densely numbered, for every parallelism that a
//! job may come to have. What does run is a [`Layout`].

use std::sync::Arc;

use super::event_time::WatermarkStrategy;
use super::job_graph::{Exchange, Job, Operator, OperatorKind, Topic};
use super::key_groups::{KeySelector, default_max_parallelism};
use super::layout::Layout;
use super::record::SplitId;
use super::routing::consumers;
use super::sink::SinkSpec;
use super::split_owner::SplitOwner;

pub type JobId = u32;
pub type OperatorId = u32;
/// A subtask of any job: an `ExecutionVertex`.
pub type SubtaskId = u32;
/// One producer subtask to one consumer subtask.
pub type ChannelId = u32;

#[derive(Clone, Debug)]
pub struct Topology {
    pub splits: Vec<Split>,
    pub topics: Vec<Topic>,
    pub jobs: Vec<JobInfo>,
    pub operators: Vec<OperatorInfo>,
    pub subtasks: Vec<Subtask>,
    pub channels: Vec<Channel>,
    pub(super) edges: Vec<Edge>,
    pub(super) split_owner: SplitOwner,
}

/// How wide operators may come to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Elasticity {
    /// As wide as the job says, always.
    #[default]
    Fixed,
    /// As wide as the job says or less (adaptive scheduler).
    Shrinks,
    /// As wide as there are slots, of which there are so many at the most, up to the max parallelism (reactive mode).
    Reactive { slots: u32 },
}

/// What decides about the layout of jobs beside the jobs themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct TopologyOptions {
    /// `pipeline.max-parallelism`; none: from the parallelism, by Flink's rule.
    pub max_parallelism: Option<u32>,
    pub elasticity: Elasticity,
    pub split_owner: SplitOwner,
}

#[derive(Clone, Debug)]
pub struct Split {
    pub topic: usize,
    pub partition: u32,
}

#[derive(Clone, Debug)]
pub struct JobInfo {
    pub name: String,
    pub operators: Vec<OperatorId>,
    /// All that some layout of the job has.
    pub subtasks: Vec<SubtaskId>,
    /// The splits that its sources read, those included that topics have only later.
    pub splits: Vec<SplitId>,
    /// How its sources make watermarks, where it has event time.
    pub event_time: Option<WatermarkStrategy>,
    /// The layout with the widest parallelism of each operator.
    pub layout: Arc<Layout>,
}

#[derive(Clone, Debug)]
pub struct OperatorInfo {
    pub job: JobId,
    pub spec: Operator,
    /// From the parallelism that the job says, and fixed from then on.
    pub max_parallelism: u32,
    /// The widest parallelism of any layout.
    pub widest: u32,
    /// Its first subtask; the others follow by index.
    pub first: SubtaskId,
    /// Bytes of one simulated record.
    pub record_bytes: u64,
    /// Set where the operator keeps state by key.
    pub selector: Option<KeySelector>,
    /// Simulated records per second that flow through it when nothing is wrong, over all subtasks.
    pub rate_per_s: f64,
}

#[derive(Clone, Debug)]
pub struct Subtask {
    pub operator: OperatorId,
    pub index: u32,
}

#[derive(Clone, Debug)]
pub struct Channel {
    pub producer: SubtaskId,
    pub consumer: SubtaskId,
}

/// An exchange between two operators, with its channels.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) producer: OperatorId,
    pub(super) consumer: OperatorId,
    pub(super) exchange: Exchange,
    /// By index of the producer: its first channel; one more for the end. Channels of one producer are in the order of
    /// their consumers.
    first_channels: Vec<ChannelId>,
}

impl Topology {
    /// Whose output an operator reads, and how it is spread.
    pub fn inputs_of(&self, operator: OperatorId) -> impl Iterator<Item = (OperatorId, Exchange)> {
        let info = &self.operators[operator as usize];
        let base = self.jobs[info.job as usize].operators[0];
        let inputs = info.spec.kind.inputs().iter();
        inputs.map(move |input| (base + input.operator as OperatorId, input.exchange))
    }

    /// The slot sharing group of each operator of a job, numbered in the order in which they first occur.
    pub fn slot_sharing_groups(&self, job: JobId) -> Vec<u32> {
        let operators = &self.jobs[job as usize].operators;
        let name = |at: &OperatorId| &self.operators[*at as usize].spec.slot_sharing_group;
        let number = |at: &OperatorId| operators.iter().position(|first| name(first) == name(at));
        let numbers = operators.iter().map(number);
        numbers
            .map(|number| number.expect("an operator is in its own group") as u32)
            .collect()
    }

    /// Lays out all jobs. `weight` real records make one simulated record.
    pub fn new(topics: &[Topic], jobs: &[Job], options: TopologyOptions, weight: u32) -> Topology {
        Topology::growing(topics, &[], jobs, options, weight)
    }

    /// The same where topics come to have more partitions: `later`, by topic, so many.
    pub fn growing(
        topics: &[Topic],
        later: &[u32],
        jobs: &[Job],
        options: TopologyOptions,
        weight: u32,
    ) -> Topology {
        let mut topology = Topology {
            splits: Vec::new(),
            topics: topics.to_vec(),
            jobs: Vec::new(),
            operators: Vec::new(),
            subtasks: Vec::new(),
            channels: Vec::new(),
            edges: Vec::new(),
            split_owner: options.split_owner,
        };
        for (topic, spec) in topics.iter().enumerate() {
            let partitions = spec.partitions + later.get(topic).copied().unwrap_or(0);
            topology
                .splits
                .extend((0..partitions).map(|partition| Split { topic, partition }));
        }
        for job in jobs {
            topology.add_job(job, options, weight);
        }
        topology
    }

    fn add_job(&mut self, job: &Job, options: TopologyOptions, weight: u32) {
        let id = self.jobs.len() as JobId;
        let base = self.operators.len();
        let mut info = JobInfo {
            name: job.name.clone(),
            operators: Vec::new(),
            subtasks: Vec::new(),
            splits: Vec::new(),
            event_time: job.event_time,
            layout: Arc::default(),
        };
        for spec in &job.operators {
            let operator = self.operators.len() as OperatorId;
            let described = self.describe(id, base, spec, options, weight);
            let subtasks = described.first..described.first + described.widest;
            for index in 0..described.widest {
                self.subtasks.push(Subtask { operator, index });
            }
            self.operators.push(described);
            info.operators.push(operator);
            info.subtasks.extend(subtasks);
            if let OperatorKind::Source { topic } = spec.kind {
                let of_topic = |(_, split): &(usize, &Split)| split.topic == topic;
                let splits = self.splits.iter().enumerate().filter(of_topic);
                info.splits.extend(splits.map(|(id, _)| id as SplitId));
            }
            for input in spec.kind.inputs() {
                let producer = (base + input.operator) as OperatorId;
                self.connect(producer, operator, input.exchange, options.elasticity);
            }
        }
        info.splits.sort_unstable();
        self.jobs.push(info);
        let parallelism: Vec<u32> = self.operators[base..]
            .iter()
            .map(|operator| operator.widest)
            .collect();
        self.jobs[id as usize].layout = Arc::new(Layout::new(self, id, &parallelism));
    }

    fn describe(
        &self,
        job: JobId,
        base: usize,
        spec: &Operator,
        options: TopologyOptions,
        weight: u32,
    ) -> OperatorInfo {
        let max_parallelism = options
            .max_parallelism
            .unwrap_or_else(|| default_max_parallelism(spec.parallelism));
        let widest = match options.elasticity {
            Elasticity::Fixed | Elasticity::Shrinks => spec.parallelism,
            Elasticity::Reactive { slots } => max_parallelism.min(slots).max(1),
        };
        let inputs = spec.kind.inputs();
        let producers = || {
            inputs
                .iter()
                .map(|input| &self.operators[base + input.operator])
        };
        let (record_bytes, rate_per_s, keys) = match &spec.kind {
            OperatorKind::Source { topic } => {
                let topic = &self.topics[*topic];
                let weight = f64::from(weight);
                let rate = topic.rate_per_s * f64::from(topic.partitions) / weight;
                (
                    u64::from(topic.record_bytes) * weight as u64,
                    rate,
                    topic.keys,
                )
            }
            _ => (
                producers().map(|p| p.record_bytes).max().unwrap_or(1),
                producers().map(|p| p.rate_per_s).sum(),
                self.keys_upstream(base, spec),
            ),
        };
        let keyed = inputs.iter().any(|input| input.exchange == Exchange::Hash);
        let splits = self.splits.len() as u32;
        let selector =
            keyed.then(|| KeySelector::new(&spec.key, keys, max_parallelism, weight, splits));
        OperatorInfo {
            job,
            spec: spec.clone(),
            max_parallelism,
            widest,
            first: self.subtasks.len() as SubtaskId,
            record_bytes,
            selector,
            rate_per_s,
        }
    }

    /// Distinct keys of the records that reach an operator: those of the widest topic above it.
    fn keys_upstream(&self, base: usize, spec: &Operator) -> u32 {
        spec.kind
            .inputs()
            .iter()
            .map(|input| {
                let producer = &self.operators[base + input.operator].spec;
                match &producer.kind {
                    OperatorKind::Source { topic } => self.topics[*topic].keys,
                    _ => self.keys_upstream(base, producer),
                }
            })
            .max()
            .unwrap_or(1)
    }

    /// Numbers the channels of an exchange: every pair of subtasks that some layout connects.
    fn connect(
        &mut self,
        producer: OperatorId,
        consumer: OperatorId,
        exchange: Exchange,
        elasticity: Elasticity,
    ) {
        let (from, to) = (
            &self.operators[producer as usize],
            &self.operators[consumer as usize],
        );
        let (first_producer, first_consumer) = (from.first, to.first);
        let targets = targets(exchange, (from.widest, to.widest), elasticity);
        let mut first_channels = vec![self.channels.len() as ChannelId];
        for (index, targets) in targets.iter().enumerate() {
            self.channels.extend(targets.iter().map(|target| Channel {
                producer: first_producer + index as u32,
                consumer: first_consumer + target,
            }));
            first_channels.push(self.channels.len() as ChannelId);
        }
        self.edges.push(Edge {
            producer,
            consumer,
            exchange,
            first_channels,
        });
    }

    /// The channel of an exchange between a producer and a consumer by their indexes.
    pub(super) fn channel(&self, edge: &Edge, producer: u32, consumer: u32) -> ChannelId {
        let [first, end] = [0, 1].map(|next| edge.first_channels[producer as usize + next]);
        let consumer = self.operators[edge.consumer as usize].first + consumer;
        let channels = &self.channels[first as usize..end as usize];
        let at = channels
            .binary_search_by_key(&consumer, |channel| channel.consumer)
            .expect("a layout connects subtasks that have a channel");
        first + at as ChannelId
    }

    /// The subtask of an operator with this index.
    pub fn subtask(&self, operator: OperatorId, index: u32) -> SubtaskId {
        self.operators[operator as usize].first + index
    }

    pub fn operator_of(&self, subtask: SubtaskId) -> &OperatorInfo {
        &self.operators[self.subtasks[subtask as usize].operator as usize]
    }

    pub fn job_of(&self, subtask: SubtaskId) -> JobId {
        self.operator_of(subtask).job
    }

    /// As Flink names it where the operator is as wide as it may become: `Parse JSON (3/5)`. It keeps this name when the
    /// parallelism changes.
    pub fn task_name(&self, subtask: SubtaskId) -> String {
        let operator = &self.operator_of(subtask).spec;
        format!(
            "{} ({}/{})",
            operator.name,
            self.subtasks[subtask as usize].index + 1,
            self.operator_of(subtask).widest
        )
    }

    pub fn is_source(&self, subtask: SubtaskId) -> bool {
        matches!(
            self.operator_of(subtask).spec.kind,
            OperatorKind::Source { .. }
        )
    }

    pub fn is_sink(&self, subtask: SubtaskId) -> bool {
        matches!(
            self.operator_of(subtask).spec.kind,
            OperatorKind::Sink { .. }
        )
    }

    /// What a sink writes to; none for other tasks.
    pub fn sink_of(&self, subtask: SubtaskId) -> Option<&SinkSpec> {
        self.operator_of(subtask).spec.kind.sink()
    }

    /// Simulated records per second that a subtask handles when nothing is wrong.
    pub fn rate_of(&self, subtask: SubtaskId) -> f64 {
        let operator = self.operator_of(subtask);
        operator.rate_per_s / f64::from(operator.spec.parallelism)
    }
}

/// By index of the producer: the indexes of the consumers that some layout connects it with. `widest`: of both operators.
fn targets(
    exchange: Exchange,
    (producers, widest): (u32, u32),
    elasticity: Elasticity,
) -> Vec<Vec<u32>> {
    let of = |p: u32, q: u32| (0..p).map(move |index| consumers(exchange, index, p, q));
    if elasticity == Elasticity::Fixed || exchange != Exchange::Forward {
        return of(producers, widest).collect();
    }
    // With few slots both ends are as wide as there are slots, with more the narrower one stays behind.
    let mut union = vec![std::collections::BTreeSet::new(); producers as usize];
    for slots in 1..=producers.max(widest) {
        for (index, targets) in of(producers.min(slots), widest.min(slots)).enumerate() {
            union[index].extend(targets);
        }
    }
    union
        .into_iter()
        .map(|set| set.into_iter().collect())
        .collect()
}

mod splits;

#[cfg(test)]
mod tests;
