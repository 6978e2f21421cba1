//! How tasks follow what Kafka and their sinks' writers say: answers, what a barrier waited for, offsets out of range, failures.

use crate::actor::checkpoint::Attempt;
use crate::actor::context::Context;
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::flink::rpc::call::TaskFailure;
use crate::actor::kafka::protocol::{KafkaAnswer, KafkaError, KafkaReply, OffsetOutOfRange};
use crate::actor::message::TaskStep;
use crate::actor::source_fact::SourceFact;
use crate::dataflow::job_graph::OffsetReset;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::ActorId;

use super::TaskManager;
use super::task::SnapshotPart;

impl TaskManager {
    pub(super) fn on_sink_recovered(
        &mut self,
        sink: SubtaskId,
        attempt: Attempt,
        ctx: &mut Context<'_>,
    ) {
        let recovers = |number: &u32| {
            let task = self.tasks[*number as usize].as_ref();
            task.is_some_and(|task| {
                task.attempt == attempt && task.sinks_to_recover.contains(&sink)
            })
        };
        let Some(number) = self.numbers().into_iter().find(recovers) else {
            return;
        };
        let task = self.task(number);
        task.sinks_to_recover.remove(&sink);
        if task.sinks_to_recover.is_empty()
            && task.state_loaded
            && task.state == ExecutionState::Initializing
        {
            self.initialize(number, ctx);
        }
    }

    pub(super) fn on_kafka(&mut self, reply: KafkaReply, ctx: &mut Context<'_>) {
        self.on_writer_answer(reply.sink, reply.attempt, reply.call, reply.answer, ctx);
    }

    pub(super) fn on_records_written(
        &mut self,
        sink: SubtaskId,
        attempt: Attempt,
        request: u64,
        ctx: &mut Context<'_>,
    ) {
        self.on_writer_answer(sink, attempt, request, Ok(KafkaAnswer::Appended), ctx);
    }

    fn on_writer_answer(
        &mut self,
        sink: SubtaskId,
        attempt: Attempt,
        call: u64,
        answer: Result<KafkaAnswer, KafkaError>,
        ctx: &mut Context<'_>,
    ) {
        let Some(number) = self.find(sink, attempt) else {
            return;
        };
        let task = self.task(number);
        if let Some(writer) = &mut task.writer
            && task.state != ExecutionState::Canceling
        {
            writer.on_answer(call, answer, ctx);
            self.follow_writer(number, ctx);
        }
    }

    pub(super) fn on_writer_step(&mut self, number: u32, step: TaskStep, ctx: &mut Context<'_>) {
        if let Some(writer) = &mut self.task(number).writer {
            match step {
                TaskStep::WriterFlush => writer.linger_over(ctx),
                TaskStep::WriterPatience => writer.look_at_patience(ctx),
                step => unreachable!("writers take no {step:?}"),
            }
            self.follow_writer(number, ctx);
        }
    }

    /// Does what has become possible, or necessary, because of a writer.
    pub(super) fn follow_writer(&mut self, number: u32, ctx: &mut Context<'_>) {
        let Some(writer) = &mut self.task(number).writer else {
            return;
        };
        if let Some(reason) = writer.take_failure() {
            return self.fail_task(number, TaskFailure::Other(reason), ctx);
        }
        let (is_ready, flushed) = (writer.take_ready(), writer.take_flushed());
        if let Some(checkpoint) = flushed {
            self.on_durable(number, checkpoint, SnapshotPart::Transaction, ctx);
        }
        match is_ready {
            true => self.initialize(number, ctx),
            false => self.finish_or_advance(number, ctx),
        }
    }

    /// What a source asked for is not kept any more (`auto.offset.reset`).
    pub(super) fn on_offset_out_of_range(&mut self, what: OffsetOutOfRange, ctx: &mut Context<'_>) {
        let OffsetOutOfRange {
            split,
            task,
            earliest,
            latest,
        } = what;
        let topology = &self.blueprint.topology;
        let topic = topology.splits[split as usize].topic;
        let reader = self.tasks[task as usize].as_ref();
        let source = reader.and_then(|task| task.source.as_ref());
        let is_new = source.is_some_and(|source| source.begins(split));
        let to = match topology.topics[topic].offset_reset {
            // Where nothing was read before, it begins with what there is.
            _ if is_new => Some(earliest),
            OffsetReset::Earliest => Some(earliest),
            OffsetReset::Latest => Some(latest.max(earliest)),
            OffsetReset::None => None,
        };
        let reader = self.tasks[task as usize].as_mut();
        let Some(source) = reader.and_then(|task| task.source.as_mut()) else {
            return;
        };
        match to {
            Some(to) => {
                source.jump(split, to);
                self.advance(task, ctx);
            }
            None => self.fail_task(task, TaskFailure::Other("OffsetOutOfRangeException"), ctx),
        }
    }

    /// A source gets splits that were discovered: each from the oldest record that is kept. False: it does not run here.
    pub(super) fn add_splits(
        &mut self,
        subtask: SubtaskId,
        attempt: Attempt,
        splits: &[SplitId],
        ctx: &mut Context<'_>,
    ) -> bool {
        let Some(number) = self.find(subtask, attempt) else {
            return false;
        };
        let task = self.task(number);
        let is_running = task.is_running();
        let Some(source) = task.source.as_mut().filter(|_| is_running) else {
            return false;
        };
        let splits: Vec<_> = splits.iter().map(|split| (*split, 0)).collect();
        source.add(&splits, ctx.now());
        ctx.state(Fact::Source(SourceFact::SplitsAdded {
            subtask,
            attempt,
            splits,
        }));
        self.advance(number, ctx);
        true
    }

    pub(super) fn writes_to(&self, peer: ActorId) -> bool {
        let directory = &self.blueprint.directory;
        peer == directory.kafka || peer == directory.database
    }

    /// A connection to Kafka or the database was lost.
    pub(super) fn repeat_writes(&mut self, peer: ActorId, ctx: &mut Context<'_>) {
        for number in self.numbers() {
            if let Some(writer) = &mut self.task(number).writer
                && writer.is_for(peer)
            {
                writer.on_reset(ctx);
            }
        }
    }
}
