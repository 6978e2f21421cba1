//! The execution graph's fixed part: splits, subtasks, channels and pipelined regions of all jobs, densely numbered.

use petgraph::unionfind::UnionFind;

use super::job_graph::{Exchange, Job, Operator, OperatorKind, Topic};
use super::key_groups::{KeySelector, default_max_parallelism, range_of_subtask};
use super::record::SplitId;
use super::routing::{Router, consumers};

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
    pub subtasks: Vec<SubtaskId>,
    /// The splits that its sources read.
    pub splits: Vec<SplitId>,
    pub sinks: Vec<SubtaskId>,
    pub sources: Vec<SubtaskId>,
}

#[derive(Clone, Debug)]
pub struct OperatorInfo {
    pub job: JobId,
    pub spec: Operator,
    pub max_parallelism: u32,
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
    /// Of a source: what it reads.
    pub splits: Vec<SplitId>,
    pub inputs: Vec<ChannelId>,
    pub outputs: Vec<Output>,
    /// Inclusive; meaningful where the operator keeps keyed state.
    pub key_groups: (u32, u32),
    /// Subtasks of one region restart together (`PipelinedRegionComputeUtil`).
    pub region: u32,
}

#[derive(Clone, Debug)]
pub struct Output {
    pub router: Router,
    pub channels: Vec<ChannelId>,
}

#[derive(Clone, Debug)]
pub struct Channel {
    pub producer: SubtaskId,
    pub consumer: SubtaskId,
}

impl Topology {
    /// Lays out all jobs. `weight` real records make one simulated record.
    pub fn new(
        topics: &[Topic],
        jobs: &[Job],
        max_parallelism: Option<u32>,
        weight: u32,
    ) -> Topology {
        let mut topology = Topology {
            splits: Vec::new(),
            topics: topics.to_vec(),
            jobs: Vec::new(),
            operators: Vec::new(),
            subtasks: Vec::new(),
            channels: Vec::new(),
        };
        for (topic, spec) in topics.iter().enumerate() {
            topology
                .splits
                .extend((0..spec.partitions).map(|partition| Split { topic, partition }));
        }
        for job in jobs {
            topology.add_job(job, max_parallelism, weight);
        }
        topology.find_regions();
        topology
    }

    fn add_job(&mut self, job: &Job, max_parallelism: Option<u32>, weight: u32) {
        let id = self.jobs.len() as JobId;
        let base = self.operators.len();
        let mut info = JobInfo {
            name: job.name.clone(),
            operators: Vec::new(),
            subtasks: Vec::new(),
            splits: Vec::new(),
            sinks: Vec::new(),
            sources: Vec::new(),
        };
        for spec in &job.operators {
            let operator = self.operators.len() as OperatorId;
            let described = self.describe(id, base, spec, max_parallelism, weight);
            self.operators.push(described);
            info.operators.push(operator);
            let first = self.subtasks.len() as SubtaskId;
            for index in 0..spec.parallelism {
                self.add_subtask(operator, index);
            }
            let subtasks = first..self.subtasks.len() as SubtaskId;
            match &spec.kind {
                OperatorKind::Source { .. } => info.sources.extend(subtasks.clone()),
                OperatorKind::Sink { .. } => info.sinks.extend(subtasks.clone()),
                OperatorKind::Transform { .. } => {}
            }
            info.subtasks.extend(subtasks.clone());
            for subtask in subtasks.clone() {
                info.splits
                    .extend(self.subtasks[subtask as usize].splits.iter().copied());
            }
            for input in spec.kind.inputs() {
                self.connect(
                    (base + input.operator) as OperatorId,
                    operator,
                    input.exchange,
                );
            }
        }
        info.splits.sort_unstable();
        self.jobs.push(info);
    }

    fn describe(
        &self,
        job: JobId,
        base: usize,
        spec: &Operator,
        max_parallelism: Option<u32>,
        weight: u32,
    ) -> OperatorInfo {
        let max_parallelism =
            max_parallelism.unwrap_or_else(|| default_max_parallelism(spec.parallelism));
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
        let selector = keyed.then(|| KeySelector::new(&spec.key, keys, max_parallelism));
        OperatorInfo {
            job,
            spec: spec.clone(),
            max_parallelism,
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

    fn add_subtask(&mut self, operator: OperatorId, index: u32) {
        let info = &self.operators[operator as usize];
        let splits = match info.spec.kind {
            OperatorKind::Source { topic } => self
                .splits
                .iter()
                .enumerate()
                .filter(|(_, split)| {
                    split.topic == topic && split.partition % info.spec.parallelism == index
                })
                .map(|(id, _)| id as SplitId)
                .collect(),
            _ => Vec::new(),
        };
        self.subtasks.push(Subtask {
            operator,
            index,
            splits,
            inputs: Vec::new(),
            outputs: Vec::new(),
            key_groups: range_of_subtask(index, info.spec.parallelism, info.max_parallelism),
            region: 0,
        });
    }

    fn connect(&mut self, producer: OperatorId, consumer: OperatorId, exchange: Exchange) {
        let p = self.operators[producer as usize].spec.parallelism;
        let info = &self.operators[consumer as usize];
        let (q, max_parallelism) = (info.spec.parallelism, info.max_parallelism);
        let selector = info.selector.clone();
        let (from, to) = (self.first_subtask(producer), self.first_subtask(consumer));
        for index in 0..p {
            let targets = consumers(exchange, index, p, q);
            let router = match (exchange, &selector) {
                (Exchange::Hash, Some(selector)) => {
                    Router::hash(selector.clone(), q, max_parallelism)
                }
                _ if targets.len() == 1 => Router::Single,
                _ => Router::RoundRobin {
                    targets: targets.len() as u32,
                },
            };
            let mut channels = Vec::new();
            for target in targets {
                let channel = self.channels.len() as ChannelId;
                self.channels.push(Channel {
                    producer: from + index,
                    consumer: to + target,
                });
                self.subtasks[(to + target) as usize].inputs.push(channel);
                channels.push(channel);
            }
            self.subtasks[(from + index) as usize]
                .outputs
                .push(Output { router, channels });
        }
    }

    fn first_subtask(&self, operator: OperatorId) -> SubtaskId {
        self.subtasks
            .iter()
            .position(|s| s.operator == operator)
            .expect("operators have subtasks") as SubtaskId
    }

    /// Every exchange here is pipelined, so regions are the connected components of subtasks.
    fn find_regions(&mut self) {
        let mut components = UnionFind::<u32>::new(self.subtasks.len());
        for channel in &self.channels {
            components.union(channel.producer, channel.consumer);
        }
        for (id, subtask) in self.subtasks.iter_mut().enumerate() {
            subtask.region = components.find(id as u32);
        }
    }

    /// The subtask of an operator with this index.
    pub fn subtask(&self, operator: OperatorId, index: u32) -> SubtaskId {
        self.first_subtask(operator) + index
    }

    pub fn operator_of(&self, subtask: SubtaskId) -> &OperatorInfo {
        &self.operators[self.subtasks[subtask as usize].operator as usize]
    }

    pub fn job_of(&self, subtask: SubtaskId) -> JobId {
        self.operator_of(subtask).job
    }

    /// As Flink names it: `Parse JSON (3/5)`.
    pub fn task_name(&self, subtask: SubtaskId) -> String {
        let operator = &self.operator_of(subtask).spec;
        format!(
            "{} ({}/{})",
            operator.name,
            self.subtasks[subtask as usize].index + 1,
            operator.parallelism
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

    /// The partitions that a source reads; none for other tasks.
    pub fn partitions_of(&self, subtask: SubtaskId) -> Vec<u32> {
        let splits = &self.subtasks[subtask as usize].splits;
        splits
            .iter()
            .map(|split| self.splits[*split as usize].partition)
            .collect()
    }

    /// Simulated records per second that a subtask handles when nothing is wrong.
    pub fn rate_of(&self, subtask: SubtaskId) -> f64 {
        let operator = self.operator_of(subtask);
        operator.rate_per_s / f64::from(operator.spec.parallelism)
    }
}

#[cfg(test)]
mod tests;
