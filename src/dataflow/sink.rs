//! What a sink writes to, and what it promises.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::time::Span;

/// A sink operator's own settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkSpec {
    pub target: SinkTarget,
    pub guarantee: Guarantee,
    /// How long a writer without transactions of the database collects records before it sends them (`linger.ms`).
    pub linger: Span,
}

impl Default for SinkSpec {
    /// Transactions of the database.
    fn default() -> SinkSpec {
        SinkSpec {
            target: SinkTarget::Database,
            guarantee: Guarantee::ExactlyOnce,
            linger: Span::from_ms(100),
        }
    }
}

impl SinkSpec {
    /// Records are prepared in the database at a barrier, and become visible when the checkpoint has completed.
    pub fn prepares(&self) -> bool {
        self.target == SinkTarget::Database && self.guarantee == Guarantee::ExactlyOnce
    }

    /// The settings of a KafkaSink, if it is one.
    pub fn kafka(&self) -> Option<&KafkaSink> {
        match &self.target {
            SinkTarget::Kafka(kafka) => Some(kafka),
            _ => None,
        }
    }

    /// Kafka transactions.
    pub fn is_transactional_kafka(&self) -> bool {
        self.kafka().is_some() && self.guarantee == Guarantee::ExactlyOnce
    }

    /// Writing a record again changes nothing.
    pub fn is_idempotent(&self) -> bool {
        self.target == SinkTarget::Upsert
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkTarget {
    /// A table to which rows are added.
    Database,
    /// A table by key: what is written again overwrites.
    Upsert,
    /// A log to which records are added, without transactions.
    Append,
    /// `KafkaSink`
    Kafka(KafkaSink),
}

impl SinkTarget {
    /// As the file has it.
    pub fn name(&self) -> &'static str {
        match self {
            SinkTarget::Database => "database",
            SinkTarget::Upsert => "upsert",
            SinkTarget::Append => "append",
            SinkTarget::Kafka(_) => "kafka",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSink {
    /// What it writes to; sinks of several operators may share it.
    pub topic: String,
    pub partitions: u32,
    /// `transaction.timeout.ms`: one hour where nobody says otherwise (`KafkaSinkBuilder`).
    pub transaction_timeout: Span,
    pub naming: TransactionNaming,
}

/// A topic that sinks write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkTopic {
    pub name: String,
    pub partitions: u32,
    /// Operators that write there, and the longest timeout of a transaction of theirs.
    pub operators: Vec<u32>,
    pub transaction_timeout: Span,
}

/// The topics that these operators write to, each once, in the order of their first writers.
pub fn sink_topics<'a>(sinks: impl Iterator<Item = (u32, &'a SinkSpec)>) -> Vec<SinkTopic> {
    let mut topics: Vec<SinkTopic> = Vec::new();
    for (operator, spec) in sinks {
        let Some(kafka) = spec.kafka() else {
            continue;
        };
        match topics.iter_mut().find(|topic| topic.name == kafka.topic) {
            Some(topic) => {
                topic.operators.push(operator);
                topic.partitions = topic.partitions.max(kafka.partitions);
                topic.transaction_timeout =
                    topic.transaction_timeout.max(kafka.transaction_timeout);
            }
            None => topics.push(SinkTopic {
                name: kafka.topic.clone(),
                partitions: kafka.partitions,
                operators: vec![operator],
                transaction_timeout: kafka.transaction_timeout,
            }),
        }
    }
    topics
}

/// How transactional ids are given, and how those of predecessors are found (`TransactionNamingStrategy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a naming of transactions", rename_all = "kebab-case")]
#[schemars(rename = "TransactionNaming")]
pub enum TransactionNaming {
    /// The number follows the checkpoint; on restore ids are probed until one was never used.
    Incrementing,
    /// Numbers are used again; on restore open transactions are listed.
    Pooling,
}

/// What a sink promises of each record (`DeliveryGuarantee`), the weakest first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename = "a guarantee", rename_all = "kebab-case")]
#[schemars(rename = "Guarantee")]
pub enum Guarantee {
    /// Nothing: a checkpoint does not wait for what is on its way.
    None,
    /// What a completed checkpoint covers has been written; after a restore it may be written again.
    AtLeastOnce,
    /// What a completed checkpoint covers becomes visible once.
    ExactlyOnce,
}

impl Guarantee {
    /// As the file has it.
    pub fn name(self) -> &'static str {
        match self {
            Guarantee::None => "none",
            Guarantee::AtLeastOnce => "at-least-once",
            Guarantee::ExactlyOnce => "exactly-once",
        }
    }
}
