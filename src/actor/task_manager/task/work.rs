//! A piece of work: where it comes from, what it takes on a core, and what becomes of its records.

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::sink_fact::OffsetReset;
use crate::actor::task_manager::input::Input;
use crate::actor::task_manager::source::SourceReader;
use crate::dataflow::batch::Batch;
use crate::kernel::{Random, Span};

use super::{Task, Work};

/// A rate limiter is not asked more often.
const HELD_MIN: Span = Span::from_ms(5);

impl Task {
    /// Looks for records; checkpoints that are due on the way are taken.
    pub(super) fn find_work(&mut self, ctx: &mut Context<'_>) -> bool {
        if self.work.is_some() {
            return true;
        }
        if self.source.is_some() {
            return self.find_records(ctx);
        }
        while self.input.has_turn() {
            let next = self.input.next(self.aborted_up_to, ctx.now());
            if self.input.has_marks() {
                self.pass_marks_on(ctx);
            }
            match next {
                Some(Input::Batch {
                    input,
                    emitted,
                    batch,
                }) => {
                    self.work = Some(Work::Batch {
                        input,
                        emitted,
                        batch,
                    });
                    return true;
                }
                Some(Input::Aligned { barrier, since }) => {
                    self.meter.start_delay(since.since(barrier.triggered_at));
                    self.meter.alignment(ctx.now().since(since));
                    self.snapshot(barrier, ctx);
                    if self.outputs.is_blocked() || self.taking_snapshot.is_some() || self.writes()
                    {
                        return false;
                    }
                }
                Some(Input::Hopeless(checkpoint)) => self.decline(checkpoint),
                None => {}
            }
        }
        false
    }

    /// Looks for records of a source's splits.
    fn find_records(&mut self, ctx: &mut Context<'_>) -> bool {
        self.jump(ctx);
        self.fetch_more(ctx);
        let Some(source) = &self.source else {
            return false;
        };
        let records = source.available(self.batch_max, ctx.now());
        if records > 0 {
            self.work = Some(Work::Source { records });
        } else if let Some(at) = source.held_until() {
            self.held.set_at(at.max(ctx.now() + HELD_MIN), ctx);
        }
        records > 0
    }

    /// Splits whose offset is out of range go on where there are records.
    fn jump(&mut self, ctx: &mut Context<'_>) {
        let jumps = self.source.as_mut().map(SourceReader::jumps);
        for (split, from, to) in jumps.into_iter().flatten() {
            ctx.state(Fact::OffsetReset(OffsetReset {
                subtask: self.subtask,
                attempt: self.attempt,
                split,
                from,
                to,
            }));
        }
    }

    fn fetch_more(&mut self, ctx: &mut Context<'_>) {
        let due = |source: &SourceReader| source.is_fetch_due(self.batch_max);
        if self.source.as_ref().is_some_and(due) {
            let (room, tick) = (self.room(), self.next_tick(ctx.now()));
            let source = self.source.as_mut().expect("it has a fetch to send");
            source.fetch(self.number, self.batch_max, room, tick, ctx);
        }
    }

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
                if records >= self.batch_max {
                    self.batch_max = self.buffers.next(&mut self.carried);
                }
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
