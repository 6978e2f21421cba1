//! What sinks ask of the brokers: topics that are written to, transactions on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::checkpoint::Attempt;
use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::message::{Batches, Body};
use crate::actor::sink_fact::{AbortCause, SinkFact};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::sink::{SinkTopic, sink_topics};
use crate::dataflow::topology::{OperatorId, SubtaskId};
use crate::kernel::{ActorId, Random, SmallStream, Time};

use super::partition::{SinkPartition, TransactionNumber};
use super::protocol::{
    KafkaAnswer, KafkaCall, KafkaError, KafkaReply, KafkaRequest, Producer, TransactionalId,
};
use super::sequences::Sequences;
use super::transactions::{Append, Coordinator, Transaction};

#[derive(Clone, Debug)]
pub struct SinkTopics {
    blueprint: Arc<Blueprint>,
    random: SmallStream,
    topics: Vec<Vec<SinkPartition>>,
    /// The topic of each operator that writes to one.
    topic_of: BTreeMap<OperatorId, u32>,
    coordinator: Coordinator,
    /// What open transactions hold.
    written: BTreeMap<TransactionNumber, Vec<Batches>>,
    /// The newest attempt of each sink that has asked for a commit. Kafka does not know attempts: this is for whoever watches.
    committers: BTreeMap<SubtaskId, Attempt>,
    /// Requests of each producer without transactions that were appended.
    sequences: BTreeMap<(SubtaskId, Attempt), Sequences>,
}

impl SinkTopics {
    pub fn new(blueprint: &Arc<Blueprint>) -> SinkTopics {
        let operators = blueprint.topology.operators.iter().enumerate();
        let specs = operators
            .filter_map(|(operator, info)| Some((operator as OperatorId, info.spec.kind.sink()?)));
        let topics = sink_topics(specs);
        let operators = (0..).zip(&topics).flat_map(|(topic, info)| {
            let operators = info.operators.iter();
            operators.map(move |operator| (*operator, topic))
        });
        let partitions =
            |topic: &SinkTopic| vec![SinkPartition::default(); topic.partitions as usize];
        SinkTopics {
            topic_of: operators.collect(),
            topics: topics.iter().map(partitions).collect(),
            random: blueprint.streams.small("replication", "kafka"),
            coordinator: Coordinator::default(),
            written: BTreeMap::new(),
            committers: BTreeMap::new(),
            sequences: BTreeMap::new(),
            blueprint: Arc::clone(blueprint),
        }
    }

    /// Of all topics together.
    pub fn partitions(&self) -> usize {
        self.topics.iter().map(Vec::len).sum()
    }

    /// The number of a partition over all topics.
    pub fn place(&self, sink: SubtaskId, partition: u32) -> usize {
        let topic = self.topic(sink) as usize;
        let before = self.topics[..topic].iter().map(Vec::len).sum::<usize>();
        before + partition as usize
    }

    fn topic(&self, sink: SubtaskId) -> u32 {
        let operator = self.blueprint.topology.subtasks[sink as usize].operator;
        let topic = self.topic_of.get(&operator).copied();
        topic.expect("whoever writes has a topic")
    }

    /// Somebody writes with transactions.
    pub fn has_transactions(&self) -> bool {
        let operators = &self.blueprint.topology.operators;
        operators.iter().any(|operator| {
            let sink = operator.spec.kind.sink();
            sink.is_some_and(|sink| sink.is_transactional_kafka())
        })
    }

    pub fn handle(&mut self, from: ActorId, call: KafkaCall, ctx: &mut Context<'_>) {
        let answer = self.answer(&call, ctx);
        if let (Err(KafkaError::ProducerFenced), Some(id)) = (&answer, writer(&call.request)) {
            let (sink, attempt) = (call.sink, call.attempt);
            ctx.state(Fact::Sink(SinkFact::Fenced { sink, attempt, id }));
        }
        let range = self.blueprint.cluster.kafka.replication_latency;
        let delay = self.random.between(range.min, range.max);
        let reply = KafkaReply {
            sink: call.sink,
            attempt: call.attempt,
            call: call.call,
            answer,
        };
        ctx.send_after(delay, from, 0, Body::KafkaDone(Box::new(reply)));
    }

    fn answer(
        &mut self,
        call: &KafkaCall,
        ctx: &mut Context<'_>,
    ) -> Result<KafkaAnswer, KafkaError> {
        match &call.request {
            KafkaRequest::InitProducerId { id, timeout } => {
                let max = self.blueprint.cluster.kafka.transaction_timeout_max;
                let writer = (call.sink, call.attempt);
                let (producer, left) = self.coordinator.init(*id, writer, *timeout, max)?;
                if let Some((left, cause)) = left {
                    self.abort(left, cause, ctx);
                }
                Ok(KafkaAnswer::Producer(producer))
            }
            KafkaRequest::Produce {
                partition,
                producer: Some(producer),
                sequence,
                batches,
            } => {
                let (sink, now) = (call.sink, ctx.now());
                let appended = self
                    .coordinator
                    .append(*producer, *sequence, *partition, sink, now)?;
                if let Append::Into(transaction, begins) = appended {
                    if begins {
                        ctx.state(Fact::Sink(SinkFact::TransactionBegun {
                            sink,
                            transaction,
                            producer: *producer,
                        }));
                    }
                    let written = self.written.entry(transaction).or_default();
                    written.push(batches.clone());
                    self.append(sink, *partition, Some(transaction), batches, ctx);
                }
                Ok(KafkaAnswer::Appended)
            }
            KafkaRequest::Produce {
                partition,
                producer: None,
                sequence,
                batches,
            } => {
                let key = (call.sink, call.attempt);
                if self.sequences.entry(key).or_default().insert(*sequence) {
                    ctx.state(Fact::Sink(SinkFact::Written {
                        sink: call.sink,
                        attempt: call.attempt,
                        batches: batches.clone(),
                    }));
                    self.append(call.sink, *partition, None, batches, ctx);
                }
                Ok(KafkaAnswer::Appended)
            }
            KafkaRequest::Commit {
                producer,
                covered_by,
            } => {
                let newest = self.committers.entry(call.sink).or_default();
                *newest = call.attempt.max(*newest);
                let has_successor = call.attempt < *newest;
                match self.coordinator.commit(*producer)? {
                    Some(transaction) => self.commit(transaction, *covered_by, ctx),
                    None if has_successor => {
                        ctx.state(Fact::Sink(SinkFact::CommittedBySuccessor {
                            sink: call.sink,
                            attempt: call.attempt,
                            id: producer.id,
                        }));
                    }
                    None => {}
                }
                Ok(KafkaAnswer::Committed)
            }
            KafkaRequest::ListTransactions { operator } => {
                Ok(KafkaAnswer::Open(self.coordinator.open(*operator)))
            }
            KafkaRequest::Abort { producer } => {
                if let Some(transaction) = self.coordinator.abort(*producer)? {
                    self.abort(transaction, AbortCause::Closed, ctx);
                }
                Ok(KafkaAnswer::Aborted)
            }
        }
    }

    fn append(
        &mut self,
        sink: SubtaskId,
        partition: u32,
        transaction: Option<TransactionNumber>,
        batches: &Batches,
        ctx: &mut Context<'_>,
    ) {
        let now = ctx.now();
        let writer = self.blueprint.topology.subtasks[sink as usize].operator;
        self.change(sink, partition, ctx, |log| {
            log.append(writer, transaction, batches.clone(), now)
        });
    }

    /// Changes a partition, and states what that means for readers.
    fn change(
        &mut self,
        sink: SubtaskId,
        partition: u32,
        ctx: &mut Context<'_>,
        change: impl FnOnce(&mut SinkPartition) -> Vec<(OperatorId, Batches)>,
    ) {
        let topic = self.topic(sink);
        let log = &mut self.topics[topic as usize][partition as usize];
        let before = log.held_since();
        let readable = change(log);
        let since: Option<Time> = log.held_since();
        let mut by_writer: BTreeMap<OperatorId, Vec<_>> = BTreeMap::new();
        for (writer, batches) in readable {
            let of_writer = by_writer.entry(writer).or_default();
            of_writer.extend(batches.0.iter().cloned());
        }
        for (operator, batches) in by_writer {
            let batches = Batches(Arc::new(batches));
            ctx.state(Fact::Sink(SinkFact::Readable { operator, batches }));
        }
        if since != before {
            ctx.state(Fact::Sink(SinkFact::ReadersHeld {
                topic,
                partition,
                since,
            }));
        }
    }

    fn end(&mut self, transaction: &Transaction) -> Batches {
        let written = self.written.remove(&transaction.number).unwrap_or_default();
        let batches = written.iter().flat_map(|batches| batches.0.iter().cloned());
        Batches(Arc::new(batches.collect()))
    }

    fn commit(
        &mut self,
        transaction: Transaction,
        covered_by: CheckpointId,
        ctx: &mut Context<'_>,
    ) {
        let batches = self.end(&transaction);
        ctx.state(Fact::Sink(SinkFact::TransactionCommitted {
            sink: transaction.sink,
            transaction: transaction.number,
            covered_by,
            batches,
        }));
        self.decide(&transaction, true, ctx);
    }

    fn abort(&mut self, transaction: Transaction, cause: AbortCause, ctx: &mut Context<'_>) {
        let batches = self.end(&transaction);
        ctx.state(Fact::Sink(SinkFact::TransactionAborted {
            sink: transaction.sink,
            transaction: transaction.number,
            cause,
            batches,
        }));
        self.decide(&transaction, false, ctx);
    }

    fn decide(&mut self, transaction: &Transaction, commits: bool, ctx: &mut Context<'_>) {
        for partition in &transaction.partitions {
            self.change(transaction.sink, *partition, ctx, |log| {
                log.decide(transaction.number, commits)
            });
        }
    }

    /// The periodic look for transactions whose time is over: each broker's at those whose ids it looks after
    /// (`TransactionCoordinator`).
    pub fn expire(
        &mut self,
        is_looked_after: impl Fn(&TransactionalId) -> bool,
        ctx: &mut Context<'_>,
    ) {
        for transaction in self.coordinator.expire(ctx.now(), is_looked_after) {
            self.abort(transaction, AbortCause::Timeout, ctx);
        }
    }
}

/// Who asks, where it is a producer of a transaction.
fn writer(request: &KafkaRequest) -> Option<TransactionalId> {
    let producer: Option<Producer> = match request {
        KafkaRequest::Produce { producer, .. } => *producer,
        KafkaRequest::Commit { producer, .. } => Some(*producer),
        _ => None,
    };
    producer.map(|producer| producer.id)
}
