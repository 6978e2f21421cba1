//! The sinks' transactions: visible only behind a completed checkpoint, and never both committed and aborted.

mod waited;

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::kafka::protocol::Producer;
use crate::actor::sink_fact::SinkFact;
use crate::actor::zookeeper::paths::checkpoint_at;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::sink::{SinkTopic, TransactionNaming, sink_topics};
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{Header, Time};

use super::checks::Checker;
use super::scene::Scene;
use super::tally::{Moment, Promise, Tally, Verdict, liveness, safety};
use waited::Waited;

pub(super) const PROMISES: [Promise; 7] = [
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
    safety(
        "S8",
        "A sink runs only when no transaction is open that one of its subtask's attempts had begun before this one was deployed; but for one under an id that the restored checkpoint covers, which nobody looks for (FLINK-40626).",
    ),
    safety(
        "S9",
        "A producer whose transaction was aborted begins none under the same epoch.",
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
    lingering: Tally,
    fenced: Tally,
    held: Tally,
    /// By job: checkpoints that were stored.
    stored: Vec<BTreeSet<CheckpointId>>,
    /// By subtask.
    sinks: Vec<Sink>,
    /// Kafka's transactions: who writes into each, and how it has ended.
    transactions: BTreeMap<u64, Transaction>,
    /// Whose transaction was aborted.
    aborted: BTreeSet<Producer>,
    /// Topics that sinks write to.
    topics: Vec<SinkTopic>,
    /// By topic and partition: since when readers wait there.
    waiting: BTreeMap<(u32, u32), Time>,
    /// Nobody looks after some of the transactions.
    leaderless: bool,
    /// Since when brokers have looked after what they look after now, at the latest.
    looked_after_since: Time,
}

#[derive(Clone, Copy, Debug)]
struct Transaction {
    sink: SubtaskId,
    begun: Time,
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
    /// The attempt that was deployed last, when, and from which checkpoint.
    deployed: Option<(Attempt, Time, CheckpointId)>,
}

impl Sinks {
    pub fn new(scene: &Scene) -> Sinks {
        let [complete, decided, forward, failed, lingering, fenced, held] =
            PROMISES.map(Tally::new);
        let topology = &scene.blueprint.topology;
        let stored = vec![BTreeSet::new(); topology.jobs.len()];
        let operators = (0..).zip(&topology.operators);
        let specs = operators.filter_map(|(number, info)| Some((number, info.spec.kind.sink()?)));
        Sinks {
            complete,
            decided,
            forward,
            failed,
            lingering,
            fenced,
            held,
            stored,
            sinks: vec![Sink::default(); topology.subtasks.len()],
            transactions: BTreeMap::new(),
            aborted: BTreeSet::new(),
            topics: sink_topics(specs),
            waiting: BTreeMap::new(),
            leaderless: false,
            looked_after_since: Time::ZERO,
        }
    }

    /// What a sink does with Kafka's transactions, and Kafka with them.
    fn kafka(&mut self, header: &Header, fact: &SinkFact, scene: &Scene) {
        match fact {
            SinkFact::TransactionBegun {
                sink,
                transaction,
                producer,
            } => {
                let aborted = self.aborted.contains(producer);
                self.fenced.expect(!aborted, header, || {
                    let task = scene.task(*sink);
                    format!("{task} begins transaction {transaction} with a producer whose last one was aborted")
                });
                let begun = Transaction {
                    sink: *sink,
                    begun: header.time,
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
                    let since = before.max(self.looked_after_since);
                    let waited = Waited::new(place, since, header.time, &self.topics, scene);
                    self.held
                        .expect(waited.is_over_in_time(), header, || waited.to_string());
                }
                if let Some(since) = since {
                    self.waiting.insert(place, *since);
                }
            }
            SinkFact::BrokerChanged { leaderless, .. } => {
                self.leaderless = *leaderless > 0;
                self.looked_after_since = header.time;
            }
            _ => {}
        }
    }

    /// A sink's subtask is scheduled, or runs.
    fn turns(
        &mut self,
        header: &Header,
        (subtask, attempt): (SubtaskId, Attempt),
        state: ExecutionState,
        scene: &Scene,
    ) {
        let deployed = &mut self.sinks[subtask as usize].deployed;
        match state {
            ExecutionState::Deploying => {
                let job = scene.blueprint.topology.job_of(subtask) as usize;
                let leader = scene.leader(header.actor);
                let restored = leader.map_or(0, |leader| leader.jobs[job].retrieved);
                *deployed = Some((attempt, header.time, restored));
            }
            ExecutionState::Running => {
                let ours = deployed.filter(|(deployed, ..)| *deployed == attempt);
                let Some((_, at, restored)) = ours else {
                    return;
                };
                let sink = scene.blueprint.topology.sink_of(subtask);
                let lists = sink
                    .and_then(|sink| sink.kafka())
                    .is_some_and(|kafka| kafka.naming == TransactionNaming::Pooling);
                let mut open = self.transactions.iter().filter(|(_, known)| {
                    let sought = lists || known.producer.id.number > restored;
                    let is_open = !known.committed && !known.aborted;
                    known.sink == subtask && known.begun < at && sought && is_open
                });
                let left = open.next();
                self.lingering.expect(left.is_none(), header, || {
                    let (number, task) =
                        (left.map_or(0, |(number, _)| *number), scene.task(subtask));
                    format!("{task} runs, and transaction {number} of a predecessor is open")
                });
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
        if !commits {
            self.aborted.insert(transaction.producer);
        }
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
            Fact::CheckpointCompleted {
                job, checkpoint, ..
            // It is in no store, and its completion is enough.
            } if scene.is_savepoint(*job, *checkpoint) => {
                self.stored[*job as usize].insert(*checkpoint);
            }
            Fact::CheckpointTriggered { job, checkpoint }
                if scene.begins_anew(*job, *checkpoint) =>
            {
                for subtask in &scene.layout(*job).subtasks {
                    let known = &mut self.sinks[*subtask as usize];
                    (known.committed, known.done) = (0, 0);
                    known.aborted.clear();
                }
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
            Fact::ExecutionChanged {
                subtask,
                attempt,
                state,
                ..
            } if scene.is_latest_leader(header.actor) => {
                self.turns(header, (*subtask, *attempt), *state, scene);
            }
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
        let waiting = self.waiting.iter().filter(|_| !self.leaderless);
        for (place, since) in waiting {
            let since = (*since).max(self.looked_after_since);
            let waited = Waited::new(*place, since, end, &self.topics, scene);
            let moment = Moment { at: end, event: 0 };
            held.expect(waited.is_over_in_time(), moment, || waited.to_string());
        }
        [
            &self.complete,
            &self.decided,
            &self.forward,
            &self.failed,
            &self.lingering,
            &self.fenced,
            &held,
        ]
        .map(Tally::verdict)
        .into()
    }
}

#[cfg(test)]
mod tests;
