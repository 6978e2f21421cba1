//! `topics` and `jobs`: the workload.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::either::Either;
use super::named::{At, Named};
use super::values::{Delay, Duration, Rate, Size};
use crate::scenario::model::{
    Arrivals, Exchange, Guarantee, OffsetReset, Service, TransactionNaming,
};

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "a topic", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Topic")]
pub struct TopicFile {
    pub partitions: At<u32>,
    /// Per partition.
    pub rate: At<Rate>,
    /// Default: constant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<Arrivals>,
    /// Default: 200 B.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_size: Option<At<Size>>,
    /// Distinct keys of a record. Default: 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<At<u32>>,
    /// The producer's `linger.ms`. Default: 20 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linger: Option<Delay>,
    /// How long a record is kept (`retention.ms`). Default: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<At<Duration>>,
    /// Where a source goes on whose offset is not there any more (`auto.offset.reset`). Default: earliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_reset: Option<OffsetReset>,
    /// Records carry timestamps that lie up to so long before their arrival. Default: 0, each happens when it arrives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disorder: Option<Delay>,
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "a job", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Job")]
pub struct JobFile {
    pub name: At<String>,
    pub operators: Vec<OperatorFile>,
    /// Tasks pinned at the start, `tm-3: [Parse JSON 2]`; the policy places the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Named<Vec<At<String>>>>,
    /// Its sources make watermarks (`WatermarkStrategy`). Default: no event time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_time: Option<EventTimeFile>,
}

/// How sources make watermarks.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "event time", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "EventTime")]
pub struct EventTimeFile {
    /// `forBoundedOutOfOrderness`: how much older than the newest a record may be without being late. Default: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_orderness: Option<Delay>,
    /// `withIdleness`: after so long without a record a partition holds event time back no more. Default: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idleness: Option<At<Duration>>,
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "an operator", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Operator")]
pub struct OperatorFile {
    pub name: At<String>,
    /// What a source reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<At<String>>,
    /// The operator whose output this one reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<At<String>>,
    /// Several inputs: names, or `{operator, exchange}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<At<Vec<At<Either<InputFile>>>>>,
    /// How records come here. Default: forward where the parallelism is the same, else rebalance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<At<Exchange>>,
    /// Default: `parallelism.default` of `config`, else 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<At<u32>>,
    /// CPU per record on one core. Default: 5 us for sources, 10 us for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Delay>,
    /// How the CPU of single records is spread around `cpu`. Default: constant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Of the operator in all, once every key has been seen. Default: 0 B.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<At<Size>>,
    /// Of a source: records per second that it reads from one partition at the most (a rate limiter). Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<At<Rate>>,
    /// Operators of one group share slots (`slotSharingGroup`); the story knows none. Default: that of its inputs where they
    /// agree, else `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_sharing_group: Option<At<String>>,
    /// What a hash exchange partitions by; equal names, equal keys. Default: key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<At<String>>,
    /// Of a sink: what it writes to, `database`, `upsert`, `append` or `kafka`, or a map with more of it. Default: database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink: Option<At<Either<SinkFile>>>,
    /// Of a sink. Default: exactly-once for a database, none for Kafka, else at-least-once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guarantee: Option<At<Guarantee>>,
}

/// What a sink writes to.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "a sink", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Sink")]
pub struct SinkFile {
    /// `database`: a table, with transactions where the guarantee is exactly-once; `upsert`: a table where what is written
    /// again overwrites; `append`: a log without transactions; `kafka`: Flink's KafkaSink.
    pub kind: At<String>,
    /// How long the writer collects records before it sends them; a database with transactions does not need it.
    /// Default: 5 ms for Kafka, else 100 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linger: Option<Delay>,
    /// The topic that a KafkaSink writes to; several sinks may write to one. Default: the operator's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<At<String>>,
    /// Of the topic that a KafkaSink writes to. Default: as many as the operator has subtasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<At<u32>>,
    /// Of a KafkaSink: `transaction.timeout.ms`. Default: 1 h, as Flink sets it: more than brokers allow by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_timeout: Option<At<Duration>>,
    /// Of a KafkaSink: how transactional ids are given. Default: incrementing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_naming: Option<At<TransactionNaming>>,
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "an input", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Input")]
pub struct InputFile {
    pub operator: At<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Exchange>,
}
