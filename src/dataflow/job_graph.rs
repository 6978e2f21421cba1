//! Topics and jobs as their author draws them: operators and the exchanges between them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::time::Span;

use super::event_time::WatermarkStrategy;
use super::sink::SinkSpec;

#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    pub name: String,
    pub partitions: u32,
    /// Records per second and partition, before `weight`.
    pub rate_per_s: f64,
    pub arrivals: Arrivals,
    pub record_bytes: u32,
    /// Distinct keys of a record.
    pub keys: u32,
    /// How long a producer collects records before it appends them (`linger.ms`).
    pub linger: Span,
    /// How long a record is kept (`retention.ms`); none: for ever.
    pub retention: Option<Span>,
    pub offset_reset: OffsetReset,
    /// Records happened up to so long before they arrived.
    pub disorder: Span,
}

/// Where a reader goes on whose offset is not there any more (`auto.offset.reset`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a reset of offsets", rename_all = "kebab-case")]
#[schemars(rename = "OffsetReset")]
pub enum OffsetReset {
    /// With the oldest record that is kept.
    Earliest,
    /// With the next one to come.
    Latest,
    /// Nowhere: the source fails.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a kind of arrivals", rename_all = "kebab-case")]
#[schemars(rename = "Arrivals")]
pub enum Arrivals {
    Constant,
    Poisson,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub name: String,
    /// In topological order: inputs name earlier operators by index.
    pub operators: Vec<Operator>,
    /// Tasks pinned at the start: (operator index, subtask) to TaskManager index.
    pub pins: BTreeMap<(usize, u32), usize>,
    /// How its sources make watermarks; none: it has no event time.
    pub event_time: Option<WatermarkStrategy>,
}

impl Job {
    /// Slots that it needs where its tasks share them: as many as the widest operator of each group has subtasks.
    pub fn slots_needed(&self) -> u32 {
        let mut widths: BTreeMap<&str, u32> = BTreeMap::new();
        for operator in &self.operators {
            let width = widths.entry(&operator.slot_sharing_group).or_default();
            *width = (*width).max(operator.parallelism);
        }
        widths.values().sum()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    pub name: String,
    pub parallelism: u32,
    /// CPU per record, in nanoseconds on one whole core.
    pub cpu_per_record: Span,
    pub service: Service,
    pub kind: OperatorKind,
    /// State of the operator in all, once every key has been seen, in bytes; zero: stateless.
    pub state_bytes: u64,
    /// Of a source: records per second and split that it reads at the most, before `weight`; none: as fast as it can.
    pub max_rate_per_s: Option<f64>,
    /// Operators of one group share slots (`slotSharingGroup`).
    pub slot_sharing_group: String,
    /// Which key of the record a hash exchange into this operator uses; equal names, equal keys.
    pub key: String,
}

/// The group of operators that name none, and read from none that does.
pub const DEFAULT_SLOT_SHARING_GROUP: &str = "default";

/// How the CPU of single records is spread around what one takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a service", rename_all = "kebab-case")]
#[schemars(rename = "Service")]
pub enum Service {
    /// Every record takes the same.
    #[default]
    Constant,
    /// Drawn for each real record from an exponential distribution with this mean.
    Exponential,
}

#[derive(Clone, Debug, PartialEq)]
pub enum OperatorKind {
    Source { topic: usize },
    Transform { inputs: Vec<Input> },
    Sink { inputs: Vec<Input>, spec: SinkSpec },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Index of the producing operator in the same job.
    pub operator: usize,
    pub exchange: Exchange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "an exchange", rename_all = "kebab-case")]
#[schemars(rename = "Exchange")]
pub enum Exchange {
    /// Subtask to subtask; pointwise groups where the parallelism differs.
    Forward,
    /// Round-robin by record.
    Rebalance,
    /// By key group.
    Hash,
}

impl OperatorKind {
    /// What a source reads, by its place among the topics.
    pub fn topic(&self) -> Option<usize> {
        match self {
            OperatorKind::Source { topic } => Some(*topic),
            _ => None,
        }
    }

    /// What a sink writes to.
    pub fn sink(&self) -> Option<&SinkSpec> {
        match self {
            OperatorKind::Sink { spec, .. } => Some(spec),
            _ => None,
        }
    }

    /// The exchanges into the operator; none for a source.
    pub fn inputs(&self) -> &[Input] {
        match self {
            OperatorKind::Source { .. } => &[],
            OperatorKind::Transform { inputs } | OperatorKind::Sink { inputs, .. } => inputs,
        }
    }
}
