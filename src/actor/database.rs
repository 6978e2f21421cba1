//! The sink's database: transactions that sinks prepare at a barrier and commit when the checkpoint has completed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{Random, SmallStream, Span};
use crate::policy::defect::Defect;

use super::blueprint::Blueprint;
use super::checkpoint::Attempt;
use super::context::Context;
use super::fact::Fact;
use super::message::{Batches, Body, DatabaseAnswer, DatabaseRequest, Envelope};
use super::sink_fact::SinkFact;

#[derive(Clone, Debug)]
pub struct Database {
    blueprint: Arc<Blueprint>,
    random: SmallStream,
    writers: BTreeMap<SubtaskId, Writer>,
    /// The last request of each writer without transactions.
    written: BTreeMap<(SubtaskId, Attempt), u64>,
}

/// What the database knows of one sink subtask.
#[derive(Clone, Debug, Default)]
struct Writer {
    /// The latest attempt that has introduced itself: earlier ones are fenced.
    attempt: Attempt,
    /// Transactions that are durable but not visible.
    prepared: BTreeMap<CheckpointId, Batches>,
}

impl Database {
    pub fn new(blueprint: Arc<Blueprint>) -> Database {
        let random = blueprint
            .streams
            .small("commit-latency", &blueprint.cluster.database.name);
        Database {
            blueprint,
            random,
            writers: BTreeMap::new(),
            written: BTreeMap::new(),
        }
    }

    pub fn on_message(&mut self, envelope: Envelope, ctx: &mut Context<'_>) {
        let (sink, attempt, delay, what) = match envelope.body {
            Body::Database(DatabaseRequest::Recover {
                sink,
                attempt,
                restored,
            }) => (
                sink,
                attempt,
                self.commit_latency(),
                self.recover(sink, attempt, restored, ctx),
            ),
            Body::Database(DatabaseRequest::Prepare {
                sink,
                attempt,
                checkpoint,
                batches,
            }) => (
                sink,
                attempt,
                Span::ZERO,
                self.prepare(sink, attempt, checkpoint, batches),
            ),
            Body::Database(DatabaseRequest::Commit {
                sink,
                attempt,
                checkpoint,
            }) => {
                // A committer of an earlier attempt commits what has completed: that is never wrong.
                self.commit(sink, checkpoint, ctx);
                (
                    sink,
                    attempt,
                    self.commit_latency(),
                    DatabaseAnswer::Committed(checkpoint),
                )
            }
            Body::Database(DatabaseRequest::Write {
                sink,
                attempt,
                number,
                batches,
            }) => {
                self.write(sink, attempt, number, batches, ctx);
                (
                    sink,
                    attempt,
                    self.commit_latency(),
                    DatabaseAnswer::Written(number),
                )
            }
            _ => return,
        };
        ctx.send_after(
            delay,
            envelope.from,
            0,
            Body::DatabaseDone {
                sink,
                attempt,
                what,
            },
        );
    }

    fn commit_latency(&mut self) -> Span {
        let range = self.blueprint.cluster.database.commit_latency;
        self.random.between(range.min, range.max)
    }

    fn recover(
        &mut self,
        sink: SubtaskId,
        attempt: Attempt,
        restored: CheckpointId,
        ctx: &mut Context<'_>,
    ) -> DatabaseAnswer {
        let writer = self.writers.entry(sink).or_default();
        if attempt < writer.attempt {
            return DatabaseAnswer::Fenced;
        }
        writer.attempt = attempt;
        if !self.blueprint.defects.has(Defect::CommitLost) {
            self.commit(sink, restored, ctx);
        }
        if self.blueprint.defects.has(Defect::LingeringTransactions) {
            return DatabaseAnswer::Recovered;
        }
        let writer = self.writers.entry(sink).or_default();
        for (checkpoint, batches) in std::mem::take(&mut writer.prepared) {
            ctx.state(Fact::TransactionAborted {
                sink,
                checkpoint,
                records: batches.records(),
            });
        }
        DatabaseAnswer::Recovered
    }

    fn prepare(
        &mut self,
        sink: SubtaskId,
        attempt: Attempt,
        checkpoint: CheckpointId,
        batches: Batches,
    ) -> DatabaseAnswer {
        let writer = self.writers.entry(sink).or_default();
        if attempt < writer.attempt {
            return DatabaseAnswer::Fenced;
        }
        writer.prepared.insert(checkpoint, batches);
        DatabaseAnswer::Prepared(checkpoint)
    }

    /// Each request is a transaction of its own. One that comes again, because its answer was lost, is known by its number.
    fn write(
        &mut self,
        sink: SubtaskId,
        attempt: Attempt,
        number: u64,
        batches: Batches,
        ctx: &mut Context<'_>,
    ) {
        let written = self.written.entry((sink, attempt)).or_insert(0);
        if number > *written {
            *written = number;
            ctx.state(Fact::Sink(SinkFact::Written {
                sink,
                attempt,
                batches,
            }));
        }
    }

    /// Commits everything prepared up to the checkpoint. Committing again what is committed does nothing.
    fn commit(&mut self, sink: SubtaskId, checkpoint: CheckpointId, ctx: &mut Context<'_>) {
        let writer = self.writers.entry(sink).or_default();
        let later = writer.prepared.split_off(&(checkpoint + 1));
        let due = std::mem::replace(&mut writer.prepared, later);
        let mut batches: Vec<_> = Vec::new();
        for transaction in due.into_values() {
            batches.extend(transaction.0.iter().cloned());
        }
        ctx.state(Fact::TransactionCommitted {
            sink,
            checkpoint,
            batches: Batches(Arc::new(batches)),
        });
    }
}
