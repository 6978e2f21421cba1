//! A task in event time: sources make watermarks, others pass on what has come of those on their channels.

use crate::actor::context::{Alarm, Context};
use crate::actor::fact::Fact;
use crate::actor::kafka::protocol::FetchedInTime;
use crate::actor::message::Timer;
use crate::actor::source_fact::EventTimeFact;
use crate::dataflow::event_time::{EventTime, Mark, ReaderWatermark};
use crate::kernel::Span;
use crate::policy::defect::Defect;

use super::TaskManager;
use super::task::Task;

#[derive(Clone, Debug)]
pub struct TaskEventTime {
    /// Of a source.
    reader: Option<ReaderWatermark>,
    /// What it has told those behind it, or would tell them.
    current: EventTime,
    due: Alarm,
}

impl Task {
    /// With what it needs for event time, if its job has that.
    pub(super) fn in_event_time(mut self) -> Task {
        let topology = &self.blueprint.topology;
        let job = &topology.jobs[topology.job_of(self.subtask) as usize];
        let Some(strategy) = job.event_time else {
            return self;
        };
        self.input.keep_event_time();
        self.outputs.keep_event_time();
        let is_source = self.source.is_some();
        self.event_time = Some(Box::new(TaskEventTime {
            reader: is_source.then(|| ReaderWatermark::new(strategy)),
            current: EventTime::MIN,
            due: Alarm::new(Timer::Watermark {
                task: self.number(),
            }),
        }));
        self
    }

    /// What its input and its output have come to (`currentInputWatermark`, `currentOutputWatermark`).
    pub(super) fn watermarks(&self) -> (Option<EventTime>, Option<EventTime>) {
        let Some(event_time) = &self.event_time else {
            return (None, None);
        };
        let current = Some(event_time.current);
        (
            current.filter(|_| event_time.reader.is_none()),
            current.filter(|_| !self.is_sink()),
        )
    }

    /// What the marks on its channels come to goes on, behind the records before them.
    #[cold]
    pub(super) fn pass_marks_on(&mut self, ctx: &mut Context<'_>) {
        for mark in self.input.take_marks() {
            self.emit_mark(mark, ctx);
        }
        self.expect_flush(ctx);
    }

    fn emit_mark(&mut self, mark: Mark, ctx: &mut Context<'_>) {
        let (subtask, attempt) = (self.subtask, self.attempt);
        let fact = match mark {
            Mark::Watermark(watermark) => {
                if let Some(event_time) = &mut self.event_time {
                    event_time.current = watermark;
                }
                EventTimeFact::Advanced {
                    subtask,
                    attempt,
                    watermark,
                }
            }
            Mark::Idle | Mark::Active => EventTimeFact::Idle {
                subtask,
                attempt,
                is_idle: mark == Mark::Idle,
            },
        };
        ctx.state(Fact::EventTime(fact));
        self.outputs.emit_mark(mark);
    }

    pub(super) fn stop_watermarks(&mut self, ctx: &mut Context<'_>) {
        if let Some(event_time) = &mut self.event_time {
            event_time.due.release(ctx);
        }
    }
}

impl TaskManager {
    /// A task runs: where it is a source, it makes its first watermark an interval later.
    pub(super) fn start_watermarks(&mut self, number: u32, ctx: &mut Context<'_>) {
        let interval = self.blueprint.config.auto_watermark_interval;
        let event_time = self.task(number).event_time.as_mut();
        if let Some(event_time) = event_time.filter(|event_time| event_time.reader.is_some())
            && interval > Span::ZERO
        {
            event_time.due.set(interval, ctx);
        }
    }

    /// `pipeline.auto-watermark-interval` is over (`ProgressiveTimestampsAndWatermarks.emitPeriodicWatermark`). A source
    /// that waits for room downstream makes none, and its splits are not idle by that.
    pub(super) fn on_watermark_due(&mut self, number: u32, ctx: &mut Context<'_>) {
        let interval = self.blueprint.config.auto_watermark_interval;
        let hasty = self.blueprint.defects.has(Defect::WatermarkOfFastest);
        let now = ctx.now();
        let task = self.task(number);
        let works = task.works() && !task.outputs.is_blocked();
        let Some(event_time) = &mut task.event_time else {
            return;
        };
        event_time.due.set(interval, ctx);
        let (Some(reader), Some(source)) = (&mut event_time.reader, &mut task.source) else {
            return;
        };
        if !works {
            source.watermarks().for_each(|split| split.pause());
            return;
        }
        let marks = match hasty {
            true => {
                let fastest = source.watermarks().max_by_key(|split| split.latest());
                reader.on_tick(fastest.into_iter(), now)
            }
            false => reader.on_tick(source.watermarks(), now),
        };
        for mark in marks {
            task.emit_mark(mark, ctx);
        }
        task.expect_flush(ctx);
    }

    pub(super) fn on_fetched_in_time(&mut self, fetched: FetchedInTime, ctx: &mut Context<'_>) {
        let number = fetched.task;
        let task = self.tasks[number as usize].as_mut();
        if let Some(source) = task.and_then(|task| task.source.as_mut()) {
            source.on_fetched_in_time(fetched);
            self.advance(number, ctx);
        }
    }
}
