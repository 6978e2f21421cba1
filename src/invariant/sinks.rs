//! The sinks' transactions: visible only behind a completed checkpoint, and never both committed and aborted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::actor::fact::Fact;
use crate::actor::kafka::protocol::Producer;
use crate::actor::sink_fact::SinkFact;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::sink::{SinkTopic, sink_topics};
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{Header, Span, Time};

use super::checks::Checker;
use super::retention::checkpoint_at;
use super::scene::Scene;
use super::tally::{Moment, Promise, Tally, Verdict, liveness, safety};

pub(super) const PROMISES: [Promise; 5] = [
    safety(
        "S2-store",
        "A sink commits only behind a checkpoint that the store holds.",
    ),
    safety("S4", "No transaction is both committed and aborted."),
    safety(
        "S3",
        "Once a sink has made visible what belongs to a checkpoint, nothing of earlier ones follows.",
    ),
    safety(
        "S5",
        "A commit fails only where its transaction was aborted before, or had been committed by a predecessor.",
    ),
    liveness(
        "S7",
        "A transaction keeps readers of committed records waiting for its timeout, and until the brokers' next look, at the longest.",
    ),
];

#[derive(Clone, Debug)]
pub(super) struct Sinks {
    complete: Tally,
    decided: Tally,
    forward: Tally,
    failed: Tally,
    held: Tally,
    /// By job: checkpoints that were stored.
    stored: Vec<BTreeSet<CheckpointId>>,
    /// By job: the latest savepoint, which is in no store and whose completion is enough.
    savepoints: Vec<CheckpointId>,
    /// By subtask.
    sinks: Vec<Sink>,
    /// Kafka's transactions: who writes into each, and how it has ended.
    transactions: BTreeMap<u64, Transaction>,
    /// Topics that sinks write to.
    topics: Vec<SinkTopic>,
    /// By topic and partition: since when readers wait there.
    waiting: BTreeMap<(u32, u32), Time>,
}

#[derive(Clone, Copy, Debug)]
struct Transaction {
    producer: Producer,
    committed: bool,
    aborted: bool,
}

#[derive(Clone, Debug, Default)]
struct Sink {
    /// In the database: the latest checkpoint whose transaction is committed.
    committed: CheckpointId,
    /// In Kafka: the latest that a committer is done with. Until then its transactions are committed in any order.
    done: CheckpointId,
    aborted: BTreeSet<CheckpointId>,
}

impl Sinks {
    pub fn new(scene: &Scene) -> Sinks {
        let [complete, decided, forward, failed, held] = PROMISES.map(Tally::new);
        let topology = &scene.blueprint.topology;
        let stored = vec![BTreeSet::new(); topology.jobs.len()];
        let operators = (0..).zip(&topology.operators);
        let specs = operators.filter_map(|(number, info)| Some((number, info.spec.kind.sink()?)));
        Sinks {
            complete,
            decided,
            forward,
            failed,
            held,
            stored,
            savepoints: vec![0; topology.jobs.len()],
            sinks: vec![Sink::default(); topology.subtasks.len()],
            transactions: BTreeMap::new(),
            topics: sink_topics(specs),
            waiting: BTreeMap::new(),
        }
    }

    /// What a sink does with Kafka's transactions, and Kafka with them.
    fn kafka(&mut self, header: &Header, fact: &SinkFact, scene: &Scene) {
        match fact {
            SinkFact::TransactionBegun {
                transaction,
                producer,
                ..
            } => {
                let begun = Transaction {
                    producer: *producer,
                    committed: false,
                    aborted: false,
                };
                self.transactions.insert(*transaction, begun);
            }
            SinkFact::TransactionCommitted {
                sink,
                transaction,
                covered_by,
                ..
            } => {
                let stored = &self.stored[scene.blueprint.topology.job_of(*sink) as usize];
                let complete = stored.contains(covered_by);
                self.complete.expect(complete, header, || {
                    format!(
                        "{} commits transaction {transaction} behind checkpoint {covered_by}, which did not complete",
                        scene.task(*sink)
                    )
                });
                let done = self.sinks[*sink as usize].done;
                self.forward.expect(*covered_by >= done, header, || {
                    format!(
                        "{} makes records of checkpoint {covered_by} visible, and was done with {done}",
                        scene.task(*sink)
                    )
                });
                self.end(header, *transaction, true);
            }
            SinkFact::CommitterDone {
                sink, checkpoint, ..
            } => {
                let known = &mut self.sinks[*sink as usize];
                known.done = known.done.max(*checkpoint);
            }
            SinkFact::TransactionAborted { transaction, .. } => {
                self.end(header, *transaction, false)
            }
            SinkFact::CommitFailed {
                sink,
                checkpoint,
                producer,
                ..
            } => {
                let known = self.transactions.values();
                let mut of_it = known.filter(|transaction| transaction.producer == *producer);
                let over = of_it
                    .next_back()
                    .is_some_and(|transaction| transaction.aborted || transaction.committed);
                self.failed.expect(over, header, || {
                    format!(
                        "{} could not commit checkpoint {checkpoint}, and its transaction was open",
                        scene.task(*sink)
                    )
                });
            }
            SinkFact::ReadersHeld {
                topic,
                partition,
                since,
            } => {
                let place = (*topic, *partition);
                if let Some(before) = self.waiting.remove(&place) {
                    let waited = Waited::new(place, before, header.time, &self.topics, scene);
                    self.held
                        .expect(waited.is_over_in_time(), header, || waited.to_string());
                }
                if let Some(since) = since {
                    self.waiting.insert(place, *since);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, header: &Header, number: u64, commits: bool) {
        let known = self.transactions.get_mut(&number);
        let Some(transaction) = known else {
            return self.decided.expect(false, header, || {
                format!("transaction {number} ends, and never began")
            });
        };
        let once = !transaction.committed && !transaction.aborted;
        self.decided.expect(once, header, || {
            format!("transaction {number} ends a second time")
        });
        transaction.committed |= commits;
        transaction.aborted |= !commits;
    }

    fn committed(
        &mut self,
        header: &Header,
        sink: SubtaskId,
        checkpoint: CheckpointId,
        empty: bool,
        scene: &Scene,
    ) {
        let stored = &self.stored[scene.blueprint.topology.job_of(sink) as usize];
        let complete = if checkpoint == 0 {
            empty
        } else {
            stored.contains(&checkpoint)
        };
        let name = || scene.task(sink);
        self.complete.expect(complete, header, || {
            format!(
                "{} commits checkpoint {checkpoint}, which did not complete",
                name()
            )
        });
        let known = &mut self.sinks[sink as usize];
        self.decided
            .expect(!known.aborted.contains(&checkpoint), header, || {
                format!(
                    "{} commits checkpoint {checkpoint}, whose transaction was aborted",
                    name()
                )
            });
        // A committer that was replaced may repeat itself: it commits nothing that was not visible.
        let before = known.committed;
        self.forward
            .expect(empty || checkpoint > before, header, || {
                format!(
                    "{} makes records of checkpoint {checkpoint} visible after those of {before}",
                    name()
                )
            });
        known.committed = before.max(checkpoint);
    }
}

impl Checker for Sinks {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::SavepointTriggered(job, checkpoint) => {
                self.savepoints[*job as usize] = *checkpoint;
            }
            Fact::CheckpointCompleted {
                job, checkpoint, ..
            } if self.savepoints[*job as usize] == *checkpoint => {
                self.stored[*job as usize].insert(*checkpoint);
            }
            Fact::ZnodeCreated { path, .. } => {
                if let Some((job, checkpoint)) = checkpoint_at(path)
                    && let Some(stored) = self.stored.get_mut(job as usize)
                {
                    stored.insert(checkpoint);
                }
            }
            Fact::TransactionCommitted {
                sink,
                checkpoint,
                batches,
            } => {
                self.committed(header, *sink, *checkpoint, batches.0.is_empty(), scene);
            }
            Fact::Sink(fact) => self.kafka(header, fact, scene),
            Fact::TransactionAborted {
                sink, checkpoint, ..
            } => {
                let known = &mut self.sinks[*sink as usize];
                let committed = known.committed;
                self.decided.expect(*checkpoint > committed, header, || {
                    format!(
                        "{} aborts checkpoint {checkpoint}, {committed} is committed",
                        scene.task(*sink)
                    )
                });
                known.aborted.insert(*checkpoint);
            }
            _ => {}
        }
    }

    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut held = self.held.clone();
        for (place, since) in &self.waiting {
            let waited = Waited::new(*place, *since, end, &self.topics, scene);
            let moment = Moment { at: end, event: 0 };
            held.expect(waited.is_over_in_time(), moment, || waited.to_string());
        }
        [
            &self.complete,
            &self.decided,
            &self.forward,
            &self.failed,
            &held,
        ]
        .map(Tally::verdict)
        .into()
    }
}

/// How long readers of a partition have waited for one transaction, and how long they may.
struct Waited {
    place: (u32, u32),
    lasted: Span,
    allowed: Span,
}

impl Waited {
    fn new(
        place: (u32, u32),
        since: Time,
        now: Time,
        topics: &[SinkTopic],
        scene: &Scene,
    ) -> Waited {
        let kafka = &scene.blueprint.cluster.kafka;
        let topic = topics.get(place.0 as usize);
        let timeout = topic.map_or(kafka.transaction_timeout_max, |topic| {
            topic.transaction_timeout
        });
        // Brokers that are stopped abort nothing.
        let broker = scene.blueprint.directory.kafka;
        let woke = scene.processes.woke_at(broker);
        let since = since.max(woke.unwrap_or(Time::ZERO).min(now));
        Waited {
            place,
            lasted: now.since(since),
            allowed: timeout + kafka.abort_interval,
        }
    }

    fn is_over_in_time(&self) -> bool {
        self.lasted <= self.allowed
    }
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (topic, partition) = self.place;
        write!(
            f,
            "readers of partition {partition} of the topic {topic} that sinks write to have waited {} for one transaction, {} are allowed",
            self.lasted, self.allowed
        )
    }
}

#[cfg(test)]
mod tests;
