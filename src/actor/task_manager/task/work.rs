//! A piece of work: what it takes on a core, and what becomes of its records.

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::dataflow::batch::Batch;
use crate::kernel::{Random, Span};

use super::{Task, Work};

impl Task {
    /// What the records to be handled next take on a whole core.
    pub(super) fn cpu_of_work(&mut self) -> Span {
        let records = match &self.work {
            Some(Work::Batch { batch, .. }) => batch.len() as u64,
            Some(Work::Source { records }) => u64::from(*records),
            None => unreachable!("a core is asked for when there is work"),
        };
        let Some(random) = &mut self.service else {
            return self.cpu_per_record * records;
        };
        let weight = u64::from(self.blueprint.weight);
        let mean = Span(self.cpu_per_record.0 / weight);
        (0..records * weight).fold(Span::ZERO, |sum, _| sum + random.exponential(mean))
    }

    /// The records are through the operator: returns the input that gave a batch back, if any.
    pub fn finish_work(&mut self, ctx: &mut Context<'_>) -> Option<u16> {
        let now = ctx.now();
        self.on_cpu = false;
        self.meter.use_cpu(self.work_cpu);
        match self.work.take().expect("work was begun") {
            Work::Source { records } => {
                let source = self.source.as_mut().expect("only sources read splits");
                let (split, offsets) = source
                    .take(records, now)
                    .expect("available records can be taken");
                ctx.state(Fact::SourceEmitted {
                    subtask: self.subtask,
                    attempt: self.attempt,
                    split,
                    first: offsets.start,
                    records,
                });
                self.meter.records_in(u64::from(records));
                self.emit_range(split, offsets, ctx);
                None
            }
            Work::Batch {
                input,
                emitted,
                batch,
            } => {
                self.meter.records_in(batch.len() as u64);
                self.meter.latency(now.since(emitted));
                if let Some(state) = &mut self.operator_state {
                    state.apply(&batch);
                }
                if self.is_sink() {
                    self.write(batch, ctx);
                } else {
                    self.emit(&batch, ctx);
                }
                Some(input)
            }
        }
    }

    /// A sink's writer takes a batch.
    fn write(&mut self, batch: Batch, ctx: &mut Context<'_>) {
        self.note_output(ctx);
        ctx.state(Fact::SinkWritten {
            subtask: self.subtask,
            attempt: self.attempt,
            batch: batch.clone(),
        });
        if let Some(writer) = &mut self.writer {
            writer.write(batch, ctx);
        } else if let Some(transaction) = &mut self.transaction {
            transaction.push(batch);
        }
    }
}
