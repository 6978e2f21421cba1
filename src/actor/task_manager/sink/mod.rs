//! The writer of a sink that sends its records on as they come (`SinkWriter`): to Kafka, or to the database without
//! transactions. What it does with Kafka's transactions is in [`transactions`].

mod calls;
mod transactions;

use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::checkpoint::{Attempt, Committable, Snapshot};
use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::kafka::protocol::{KafkaAnswer, KafkaError, KafkaRequest};
use crate::actor::message::{Batches, Body, TaskStep};
use crate::actor::sink_fact::SinkFact;
use crate::dataflow::batch::{Batch, CheckpointId};
use crate::dataflow::sink::{Guarantee, SinkSpec};
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{ActorId, Span};

use calls::{Calls, Purpose, Request};
use transactions::Transactions;

#[derive(Clone, Debug)]
pub struct Writer {
    sink: SubtaskId,
    attempt: Attempt,
    /// The task's number on its TaskManager.
    task: u32,
    /// Index of the subtask.
    index: u32,
    spec: SinkSpec,
    record_bytes: u64,
    buffer: Vec<Batch>,
    flush_due: bool,
    /// Requests of the current producer so far.
    sequence: u64,
    calls: Calls,
    /// A barrier waits until everything before it is acknowledged.
    flushing: Option<CheckpointId>,
    flushed: Option<CheckpointId>,
    /// The checkpoint whose transaction is opened when what was written before has arrived.
    opens: Option<CheckpointId>,
    /// The latest checkpoint that has completed while something was flushed.
    completes: Option<CheckpointId>,
    transactions: Option<Transactions>,
    /// It is through with what a restore asks of it, and nobody has been told.
    ready: bool,
    failed: Option<&'static str>,
}

impl Writer {
    /// None for sinks whose records wait in the task until the barrier.
    pub fn new(
        sink: SubtaskId,
        attempt: Attempt,
        task: u32,
        width: u32,
        restored: CheckpointId,
        blueprint: &Blueprint,
    ) -> Option<Box<Writer>> {
        let topology = &blueprint.topology;
        let spec = topology.sink_of(sink).filter(|spec| !spec.prepares())?;
        let directory = &blueprint.directory;
        let target = match spec.kafka() {
            Some(_) => directory.kafka,
            None => directory.database,
        };
        let subtask = &topology.subtasks[sink as usize];
        let kafka = spec.kafka().filter(|_| spec.is_transactional_kafka());
        let transactions =
            kafka.map(|kafka| Transactions::new(subtask, width, restored, kafka.clone()));
        Some(Box::new(Writer {
            sink,
            attempt,
            task,
            index: subtask.index,
            spec: spec.clone(),
            record_bytes: topology.operator_of(sink).record_bytes,
            buffer: Vec::new(),
            flush_due: false,
            sequence: 0,
            calls: Calls::new(
                sink,
                attempt,
                task,
                target,
                blueprint.config.committer_retries,
            ),
            flushing: None,
            flushed: None,
            opens: None,
            completes: None,
            transactions,
            ready: false,
            failed: None,
        }))
    }

    /// The task may not go on with its records.
    pub fn is_blocking(&self) -> bool {
        let transacting = self.transactions.as_ref();
        self.flushing.is_some() || transacting.is_some_and(Transactions::is_busy)
    }

    pub fn write(&mut self, batch: Batch, ctx: &mut Context<'_>) {
        self.buffer.push(batch);
        if self.spec.linger == Span::ZERO {
            self.send_buffer(ctx);
        } else if !self.flush_due {
            self.flush_due = true;
            self.tell_task(self.spec.linger, TaskStep::WriterFlush, ctx);
        }
    }

    fn tell_task(&self, after: Span, step: TaskStep, ctx: &mut Context<'_>) {
        let task = self.task;
        ctx.after(after, Body::TaskProgress { task, step });
    }

    /// The records that it has collected have waited long enough.
    pub fn linger_over(&mut self, ctx: &mut Context<'_>) {
        self.flush_due = false;
        self.send_buffer(ctx);
    }

    fn send_buffer(&mut self, ctx: &mut Context<'_>) {
        if self.buffer.is_empty() {
            return;
        }
        let batches = Batches(Arc::new(std::mem::take(&mut self.buffer)));
        let bytes = batches.records() * self.record_bytes;
        self.sequence += 1;
        let sequence = self.sequence;
        let request = match self.spec.kafka() {
            // The sticky partitioner: each batch goes to one partition, the next to another.
            Some(kafka) => Request::Kafka(KafkaRequest::Produce {
                partition: ((u64::from(self.index) + sequence) % u64::from(kafka.partitions))
                    as u32,
                producer: self.transactions.as_mut().map(Transactions::write),
                sequence,
                batches,
            }),
            None => Request::Write {
                number: sequence,
                batches,
            },
        };
        self.calls.make(Purpose::Write, request, bytes, ctx);
    }

    /// Whether a call has waited for too long.
    pub fn look_at_patience(&mut self, ctx: &mut Context<'_>) {
        self.failed = self.failed.or(self.calls.lose_patience(ctx));
    }

    /// A barrier: what was written before it has to arrive before the checkpoint may complete. True: the
    /// acknowledgement has to wait.
    pub fn barrier(
        &mut self,
        checkpoint: CheckpointId,
        snapshot: &mut Snapshot,
        ctx: &mut Context<'_>,
    ) -> bool {
        if self.spec.guarantee != Guarantee::None {
            self.send_buffer(ctx);
            self.flushing = self.calls.has_writes().then_some(checkpoint);
        }
        if let Some(transactions) = &mut self.transactions {
            let (sink, attempt) = (self.sink, self.attempt);
            if let Some(producer) = transactions.pre_commit(checkpoint) {
                ctx.state(Fact::Sink(SinkFact::PreCommitted {
                    sink,
                    attempt,
                    checkpoint,
                    producer,
                }));
            }
            snapshot.committables = transactions.committables().to_vec();
            self.opens = Some(checkpoint + 1);
        }
        self.go_on(ctx);
        self.flushing.is_some()
    }

    /// `flush` holds the task up: only when it has come back the next transaction is begun, and what has completed meanwhile is
    /// committed.
    fn go_on(&mut self, ctx: &mut Context<'_>) {
        if self.flushing.is_some() {
            return;
        }
        let Some(transactions) = &mut self.transactions else {
            return;
        };
        if let Some(checkpoint) = self.opens.take() {
            transactions.open(checkpoint, &mut self.calls, ctx);
        }
        if let Some(checkpoint) = self.completes.take() {
            transactions.commit(checkpoint, &mut self.calls, ctx);
        }
    }

    /// Its task has ended in a process that lives: what it has open is aborted, so that no reader waits for it
    /// (`ExactlyOnceKafkaWriter.close`).
    pub fn close(&mut self, ctx: &mut Context<'_>) {
        if let Some(transactions) = &mut self.transactions {
            transactions.close(&mut self.calls, ctx);
        }
    }

    /// What a restored checkpoint has for this subtask.
    pub fn load(&mut self, committables: &[Committable]) {
        if let Some(transactions) = &mut self.transactions {
            transactions.load(committables);
        }
    }

    /// The state is there: what was pre-committed is committed, what others left open is aborted.
    pub fn recover(&mut self, ctx: &mut Context<'_>) {
        match &mut self.transactions {
            Some(transactions) => {
                transactions.recover(&mut self.calls, ctx);
                self.look(ctx);
            }
            None => self.ready = true,
        }
    }

    pub fn checkpoint_complete(&mut self, checkpoint: CheckpointId, ctx: &mut Context<'_>) {
        self.completes = self.completes.max(Some(checkpoint));
        self.look(ctx);
    }

    /// An answer to something that this writer has asked.
    pub fn on_answer(
        &mut self,
        call: u64,
        answer: Result<KafkaAnswer, KafkaError>,
        ctx: &mut Context<'_>,
    ) {
        let Some(purpose) = self.calls.answered(call) else {
            return;
        };
        match (purpose, answer) {
            (Purpose::Write, Ok(_)) => {}
            (Purpose::Write, Err(error)) => self.failed = Some(error.name()),
            (purpose, answer) => {
                if let Some(transactions) = &mut self.transactions {
                    let failed = transactions.on_answer(purpose, answer, &mut self.calls, ctx);
                    self.failed = self.failed.or(failed);
                }
            }
        }
        self.look(ctx);
    }

    /// Whether this is whom it writes to.
    pub fn is_for(&self, peer: ActorId) -> bool {
        self.calls.target() == peer
    }

    /// The connection to whom it writes is gone: whatever was not answered is sent again.
    pub fn on_reset(&mut self, ctx: &mut Context<'_>) {
        self.calls.repeat(ctx);
    }

    /// What has come about.
    fn look(&mut self, ctx: &mut Context<'_>) {
        if self.flushing.is_some() && !self.calls.has_writes() {
            self.flushed = self.flushing.take();
        }
        self.go_on(ctx);
        if let Some(transactions) = &mut self.transactions {
            if let Some(checkpoint) = transactions.take_committed() {
                let (sink, attempt) = (self.sink, self.attempt);
                ctx.state(Fact::Sink(SinkFact::CommitterDone {
                    sink,
                    attempt,
                    checkpoint,
                }));
            }
            if transactions.take_opened() {
                self.sequence = 0;
            }
            self.ready |= transactions.take_recovered();
        }
    }

    /// It is through with a restore: says so once.
    pub fn take_ready(&mut self) -> bool {
        std::mem::take(&mut self.ready)
    }

    /// The checkpoint whose barrier everything has arrived behind: says so once.
    pub fn take_flushed(&mut self) -> Option<CheckpointId> {
        self.flushed.take()
    }

    /// Why the task cannot go on.
    pub fn take_failure(&mut self) -> Option<&'static str> {
        self.failed.take()
    }
}
