//! The output of a task: per channel a log of what was emitted, a cursor to what was sent, and credits.
//!
//! The log is the output queue and, where the recovery scope asks for it, the in-flight log: it then keeps
//! what was sent until the checkpoint behind it has completed, and a restored consumer reads it again.

use std::collections::VecDeque;

use crate::actor::checkpoint::{Attempt, Barrier};
use crate::actor::message::ReplayFrom;
use crate::dataflow::batch::{Batch, CheckpointId, Content, Element, Run};
use crate::dataflow::event_time::Mark;
use crate::dataflow::record::Record;
use crate::dataflow::routing::ByKey;
use crate::dataflow::topology::ChannelId;
use crate::kernel::{ActorId, Time};
use crate::policy::defect::{Defect, Defects};

use super::buffers::Buffers;
use backlog::Backlog;
use builder::Builder;
pub use outbox::Sent;

/// What becomes of output whose consumer is gone, or that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Kept until the next checkpoint has completed, for replay; up to so many bytes per task.
    UntilCheckpoint { bytes_max: u64 },
    /// Dropped once sent, and while nobody receives.
    Nothing,
    /// Dropped once sent; kept while nobody receives, as far as buffers go.
    UntilSent,
}

#[derive(Clone, Debug)]
struct Entry {
    /// Of a barrier: when its checkpoint was triggered.
    emitted: Time,
    element: Element,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumer {
    pub taskmanager: ActorId,
    pub connection: u32,
}

/// One output channel (`PipelinedSubpartition`).
#[derive(Clone, Debug)]
pub struct OutputChannel {
    pub channel: ChannelId,
    log: VecDeque<Entry>,
    /// The number of the log's first entry; entries are numbered from 0.
    base: u64,
    /// The next entry to send.
    cursor: u64,
    /// Entries before this one were sent at least once.
    sent: u64,
    /// The log begins right behind this checkpoint's barrier, or earlier.
    base_checkpoint: CheckpointId,
    consumer: Option<Consumer>,
    /// The latest attempt of the consumer that was served.
    pub consumer_attempt: Attempt,
    was_connected: bool,
    /// The consumer is being replaced: output is logged without holding the task back.
    spooling: bool,
    credits: u32,
    /// The flusher has found records that could not be sent.
    flush_requested: bool,
    /// Marks and barriers among what was not sent.
    events: u32,
    /// The round of the outbox into which the latest event was put.
    event_round: u64,
}

#[derive(Clone, Debug)]
pub struct Outputs {
    pub channels: Vec<OutputChannel>,
    /// By channel: the buffer that is being filled. Apart from the channels, so that they lie together.
    builders: Vec<Builder>,
    /// By channel: what the buffer holds as long as it is all one run; its builder is empty then.
    runs: Vec<Run>,
    /// Channels whose buffer is one.
    runs_open: u32,
    /// Channels whose buffer got its first record since the flusher last came.
    open: Vec<u32>,
    /// What goes on its way when what is being handled is done, in this order.
    outbox: Vec<Sent>,
    /// How often the outbox was emptied.
    rounds: u64,
    backlog: Backlog,
    retention: Retention,
    record_bytes: u64,
    buffers: Buffers,
    logged_records: u64,
    /// A checkpoint whose barriers may time out here, and how many of them have not been sent.
    timeoutable: (CheckpointId, u32),
    /// By channel: marks that go with the buffer that is being filled. Empty: there is no event time.
    marks: Vec<Vec<Mark>>,
    pub defects: Defects,
}

impl Outputs {
    pub fn new(
        channels: impl Iterator<Item = ChannelId>,
        retention: Retention,
        record_bytes: u64,
        buffers: Buffers,
        floating: u64,
        restored: CheckpointId,
    ) -> Outputs {
        let channels: Vec<_> = channels
            .map(|channel| OutputChannel::new(channel, restored))
            .collect();
        Outputs {
            builders: vec![Builder::new(buffers); channels.len()],
            runs: vec![Run::EMPTY; channels.len()],
            runs_open: 0,
            open: Vec::new(),
            outbox: Vec::new(),
            rounds: 1,
            backlog: Backlog::new(channels.len() as u64, floating, buffers),
            channels,
            retention,
            record_bytes,
            buffers,
            logged_records: 0,
            timeoutable: (0, 0),
            marks: Vec::new(),
            defects: Defects::default(),
        }
    }

    /// Adds a record to a channel's buffer; a full buffer goes to the log.
    #[inline]
    pub fn emit(&mut self, output: usize, record: Record, now: Time) {
        if self.runs_open > 0 {
            self.unroll(output);
        }
        self.push(output, record, now);
    }

    #[inline]
    fn push(&mut self, output: usize, record: Record, now: Time) {
        let builder = &mut self.builders[output];
        if builder.records.is_empty() {
            builder.open(output, &mut self.open);
        }
        builder.records.push(record);
        if builder.records.len() >= builder.max {
            self.seal(output, now);
        }
    }

    /// Adds many records to one channel.
    pub fn emit_all(&mut self, output: usize, batch: &Batch, now: Time) {
        let mut records = match batch.content() {
            Content::Run(run) => return self.emit_run(output, *run, now),
            Content::Listed(list) => list.records(),
        };
        self.unroll(output);
        while !records.is_empty() {
            let builder = &mut self.builders[output];
            builder.open(output, &mut self.open);
            let room = (builder.max - builder.records.len()).min(records.len());
            builder.records.extend_from_slice(&records[..room]);
            records = &records[room..];
            if builder.records.len() >= builder.max {
                self.seal(output, now);
            }
        }
    }

    /// Adds every so-many-th record of a split to one channel.
    pub fn emit_run(&mut self, output: usize, mut run: Run, now: Time) {
        while !run.is_empty() {
            let part = run.split_to(self.left(output));
            let open = &mut self.runs[output];
            let was_open = !open.is_empty();
            self.builders[output].open(output, &mut self.open);
            if self.builders[output].records.is_empty() && open.extend(part) {
                self.runs_open += u32::from(!was_open);
            } else {
                self.unroll(output);
                self.builders[output].records.extend(part.iter());
            }
            if self.left(output) == 0 {
                self.seal(output, now);
            }
        }
    }

    /// Adds each record to the channel, counted from `first`, that its key leads to.
    pub fn emit_by_key(&mut self, first: usize, batch: &Batch, keys: &ByKey, now: Time) {
        if self.runs_open > 0 {
            (0..self.runs.len()).for_each(|output| self.unroll(output));
        }
        match batch.content() {
            Content::Run(run) => self.deal(first, run.iter(), keys, now),
            Content::Listed(list) => self.deal(first, list.records().iter().copied(), keys, now),
        }
    }

    #[inline]
    fn deal(
        &mut self,
        first: usize,
        records: impl Iterator<Item = Record>,
        keys: &ByKey,
        now: Time,
    ) {
        for record in records {
            let (target, record) = keys.route(record);
            self.push(first + target, record, now);
        }
    }

    /// A buffer that was a run so far gets something else.
    fn unroll(&mut self, output: usize) {
        let run = std::mem::replace(&mut self.runs[output], Run::EMPTY);
        if !run.is_empty() {
            self.runs_open -= 1;
            self.builders[output].records.extend(run.iter());
        }
    }

    /// Everything so far belongs to the checkpoint, everything from now on does not.
    pub fn emit_barrier(&mut self, barrier: Barrier, now: Time) {
        self.close(now);
        self.timeoutable = (barrier.checkpoint, 0);
        for output in 0..self.channels.len() {
            self.append(output, Entry::barrier(barrier));
            self.send_waiting(output);
        }
    }

    /// Closes a channel's buffer, which goes on its way if it may.
    fn seal(&mut self, output: usize, now: Time) {
        self.close_buffer(output, now);
        self.send_waiting(output);
    }

    /// A channel's buffer, and the marks behind it, wait from now on.
    fn close_buffer(&mut self, output: usize, now: Time) {
        self.channels[output].flush_requested = false;
        if self.left(output) == 0 {
            self.builders[output].begin(self.buffers);
        }
        let builder = &mut self.builders[output];
        let batch = if !builder.records.is_empty() {
            Some(Batch::take(&mut builder.records))
        } else if !self.runs[output].is_empty() {
            self.runs_open -= 1;
            Some(Batch::of_run(std::mem::replace(
                &mut self.runs[output],
                Run::EMPTY,
            )))
        } else {
            None
        };
        if let Some(batch) = batch {
            let element = Element::Records(batch);
            self.append(
                output,
                Entry {
                    emitted: now,
                    element,
                },
            );
        }
        self.append_marks(output, now);
    }

    /// Whoever read it is gone, and nobody takes over.
    fn is_released(&self, output: usize) -> bool {
        let channel = &self.channels[output];
        self.retention == Retention::Nothing && channel.consumer.is_none() && channel.was_connected
    }

    fn append(&mut self, output: usize, entry: Entry) {
        if self.is_released(output) {
            return;
        }
        let channel = &mut self.channels[output];
        let is_event = entry.is_event();
        self.logged_records += entry.records();
        self.timeoutable.1 += u32::from(entry.is_timeoutable(self.timeoutable.0));
        channel.log.push_back(entry);
        if is_event {
            channel.events += 1;
        } else if !channel.spooling {
            self.backlog.grow(channel.unsent());
        }
    }

    /// A checkpoint has completed: nobody will ask for what lies before its barrier.
    pub fn forget_until(&mut self, checkpoint: CheckpointId) {
        if !matches!(self.retention, Retention::UntilCheckpoint { .. }) {
            return;
        }
        let careless = self.defects.has(Defect::LogTruncatedEarly);
        for channel in &mut self.channels {
            let Some(start) = channel.behind_barrier(checkpoint) else {
                continue;
            };
            // Not yet sent to a consumer that is being replaced: it still wants it.
            let start = start.min(channel.cursor);
            for _ in channel.base..start {
                let entry = channel.log.pop_front();
                let entry = entry.expect("the log holds what it numbers");
                self.logged_records -= entry.records();
                channel.base += 1;
                if let (Element::Barrier(id, _), false) = (entry.element, careless) {
                    channel.base_checkpoint = id;
                }
            }
        }
    }

    /// Whether the task has to wait: no buffers left.
    pub fn is_blocked(&self) -> bool {
        if let Retention::UntilCheckpoint { bytes_max } = self.retention
            && self.logged_records * self.record_bytes > bytes_max
        {
            return true;
        }
        self.backlog.is_full()
    }

    /// Bytes that the log holds.
    pub fn log_bytes(&self) -> u64 {
        self.logged_records * self.record_bytes
    }

    pub fn record_bytes(&self) -> u64 {
        self.record_bytes
    }

    pub fn index_of(&self, channel: ChannelId) -> Option<usize> {
        self.channels
            .iter()
            .position(|output| output.channel == channel)
    }
}

/// Who asked for a task's output before the task was there.
#[derive(Clone, Debug)]
pub struct ParkedRequest {
    pub from: ActorId,
    pub channel: ChannelId,
    pub connection: u32,
    pub producer_attempt: Attempt,
    pub consumer_attempt: Attempt,
    pub replay: ReplayFrom,
    pub credits: u32,
}

impl ParkedRequest {
    pub fn consumer(&self) -> Consumer {
        Consumer {
            taskmanager: self.from,
            connection: self.connection,
        }
    }
}

mod backlog;
mod builder;
mod connections;
mod log;
mod marks;
mod outbox;
mod overtaking;

#[cfg(test)]
mod tests;
