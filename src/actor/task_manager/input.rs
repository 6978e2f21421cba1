//! The input gate of a task: one queue per channel, barriers that block, and what is needed to drop what comes twice.

use std::collections::VecDeque;

use crate::actor::checkpoint::{Attempt, Barrier};
use crate::actor::message::ReplayFrom;
use crate::dataflow::batch::{Batch, CheckpointId, Element};
use crate::dataflow::event_time::{Mark, Valve};
use crate::dataflow::topology::ChannelId;
use crate::kernel::{ActorId, Span, Time};
use crate::policy::defect::Defects;

/// One input channel (`RemoteInputChannel`): what every element of it touches.
#[derive(Clone, Debug)]
pub struct InputChannel {
    pub channel: ChannelId,
    pub producer: ActorId,
    /// 0: not connected yet.
    pub connection: u32,
    /// What the producer was asked for, as long as nothing has come of it.
    pub asked: Option<ReplayFrom>,
    queue: VecDeque<(Time, Element)>,
    /// Record batches in the queue.
    queued: u32,
    /// Batches that the task has taken and not consumed yet.
    in_work: u32,
    /// Batches consumed whose credit the producer has not been given back.
    to_return: u32,
    blocked: bool,
    /// The latest checkpoint whose barrier was taken out of the queue in its turn.
    passed: CheckpointId,
    /// Turns that this channel missed while it was blocked.
    missed_turns: u32,
    filter: Option<Box<Filter>>,
    /// Apart, so that the channels of a wide exchange lie close together.
    pub upstream: Box<Upstream>,
}

/// The producer of a channel, and what is kept of what it has sent.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub attempt: Attempt,
    /// Which life of the producer's process is meant; none: whichever is there.
    pub incarnation: Option<u32>,
    /// The producer's process died, and no successor has been announced.
    is_lost: bool,
    /// Before the latest request for a producer that was not there; 0: there was none.
    pub request_backoff: Span,
    /// Which life of the producer's process the latest request went to.
    pub went_to: Option<u32>,
    /// Everything accepted since the barrier of `received_since`: what a restored producer will send again.
    received: VecDeque<Element>,
    received_since: CheckpointId,
}

#[derive(Clone, Debug)]
pub struct InputGate {
    pub channels: Vec<InputChannel>,
    /// Channels whose producer is lost.
    lost: u32,
    /// Buffers per channel: exclusive ones and this channel's part of the floating ones.
    pub window: u32,
    /// Channels in the order in which their elements arrived.
    turns: VecDeque<u16>,
    /// Checkpoints whose barriers have come on some channels, the oldest first; where barriers block, one at most.
    aligning: Vec<Alignment>,
    /// Barriers up to this checkpoint came before everything that is expected again: what this task has applied is
    /// ahead of what its restored producer has sent, so that no such checkpoint would be a consistent cut.
    premature_up_to: CheckpointId,
    /// Whether accepted batches are kept for deduplication.
    remembers: bool,
    pub defects: Defects,
    /// Whether a channel whose barrier has come waits for the others; else barriers are only counted
    /// (`CheckpointBarrierTracker`), and what comes behind one may get into its checkpoint.
    aligns: bool,
    overtaking: Overtaking,
    /// Where the job has event time.
    valve: Option<Box<Valve>>,
    /// What has come of marks that the task has yet to pass on.
    marks: Vec<Mark>,
}

/// What the gate has for the task.
#[derive(Clone, Debug)]
pub enum Input {
    Batch {
        input: u16,
        emitted: Time,
        batch: Batch,
    },
    /// Barriers have come on all channels.
    Aligned {
        barrier: Barrier,
        /// When the first of them was met.
        since: Time,
    },
    /// The checkpoint cannot be taken here: a producer is gone, or has not caught up with its predecessor.
    Hopeless(CheckpointId),
}

impl InputGate {
    pub fn new(
        channels: Vec<InputChannel>,
        window: u32,
        remembers: bool,
        aligns: bool,
    ) -> InputGate {
        InputGate {
            channels,
            lost: 0,
            window,
            turns: VecDeque::new(),
            aligning: Vec::new(),
            premature_up_to: 0,
            remembers,
            defects: Defects::default(),
            aligns,
            overtaking: Overtaking::default(),
            valve: None,
            marks: Vec::new(),
        }
    }

    /// An element arrives, emitted at this time; a barrier's checkpoint was triggered at it. Records that are known already are
    /// dropped; how many. A batch that is dropped whole counts as consumed.
    pub fn push(&mut self, input: u16, emitted: Time, element: Element) -> u64 {
        let channel = &mut self.channels[input as usize];
        match &element {
            Element::Records(_) if channel.filter.is_some() => {
                return self.push_fresh(input, emitted, element);
            }
            Element::Records(batch) => {
                channel.queued += 1;
                self.overtaking.keep(input, batch);
            }
            Element::Barrier(checkpoint, _) if channel.filter.is_some() => {
                self.premature_up_to = self.premature_up_to.max(*checkpoint);
            }
            Element::Barrier(..) | Element::Mark(_) => {}
        }
        if let Some(barrier) = Barrier::in_channel(&element, emitted) {
            self.overtaking.announce(input, barrier);
        }
        self.enqueue(input, emitted, element);
        0
    }

    /// The last in its channel, with a turn of its own.
    #[inline]
    fn enqueue(&mut self, input: u16, emitted: Time, element: Element) {
        let channel = &mut self.channels[input as usize];
        if self.remembers && !matches!(element, Element::Mark(_)) {
            channel.upstream.received.push_back(element.clone());
        }
        channel.queue.push_back((emitted, element));
        self.turns.push_back(input);
    }

    /// The same on a channel on which some records may come again.
    #[inline(never)]
    fn push_fresh(&mut self, input: u16, emitted: Time, element: Element) -> u64 {
        let channel = &mut self.channels[input as usize];
        let Element::Records(batch) = element else {
            unreachable!("barriers are never duplicates");
        };
        let (fresh, dropped) = channel.deduplicate(batch);
        let Some(batch) = fresh else {
            channel.to_return += 1;
            return dropped;
        };
        channel.queued += 1;
        self.overtaking.keep(input, &batch);
        self.enqueue(input, emitted, Element::Records(batch));
        dropped
    }

    /// Something has come that was not looked at.
    #[inline]
    pub fn has_turn(&self) -> bool {
        !self.turns.is_empty()
    }

    /// The next thing to do, skipping blocked channels; barriers up to `aborted_up_to` are void.
    pub fn next(&mut self, aborted_up_to: CheckpointId, now: Time) -> Option<Input> {
        while let Some(input) = self.turns.pop_front() {
            let channel = &mut self.channels[input as usize];
            if channel.blocked {
                channel.missed_turns += 1;
                continue;
            }
            match channel
                .queue
                .pop_front()
                .expect("a turn stands for an element")
            {
                (emitted, Element::Records(batch)) => {
                    channel.queued -= 1;
                    channel.in_work += 1;
                    return Some(Input::Batch {
                        input,
                        emitted,
                        batch,
                    });
                }
                (triggered_at, Element::Barrier(checkpoint, alignment))
                    if checkpoint > aborted_up_to && !self.overtaking.has_begun(checkpoint) =>
                {
                    if self.is_hopeless(checkpoint) {
                        return Some(Input::Hopeless(checkpoint));
                    }
                    let barrier = Barrier {
                        checkpoint,
                        alignment,
                        triggered_at,
                    };
                    if let Some(since) = self.on_barrier(input, barrier, now) {
                        return Some(Input::Aligned { barrier, since });
                    }
                }
                (_, Element::Barrier(..)) => {}
                (_, Element::Mark(mark)) => {
                    if let Some(valve) = &mut self.valve {
                        valve.on_mark(input as usize, mark, &mut self.marks);
                    }
                }
            }
        }
        None
    }

    /// The process died that producers had answered from: the latest checkpoint that waits for their barriers, if one does.
    pub fn lose_producer(&mut self, producer: ActorId, incarnation: u32) -> Option<CheckpointId> {
        let mut lost = false;
        let is_its = |channel: &&mut InputChannel| {
            channel.is_from(producer, incarnation) && channel.asked.is_none()
        };
        for channel in self.channels.iter_mut().filter(is_its) {
            self.lost += u32::from(!channel.upstream.is_lost);
            channel.upstream.is_lost = true;
            lost = true;
        }
        let latest = self.aligning.last();
        let aligning = latest.map(|alignment| alignment.barrier.checkpoint);
        let waiting = aligning.or(self.overtaking.waits_for());
        waiting.filter(|_| lost)
    }

    /// The channel's producer has a successor.
    pub fn find_producer(&mut self, input: u16) {
        let channel = &mut self.channels[input as usize];
        self.lost -= u32::from(channel.upstream.is_lost);
        channel.upstream.is_lost = false;
    }

    /// The first thing that comes of a request.
    #[cold]
    pub fn answered(&mut self, input: u16) {
        self.find_producer(input);
        let channel = &mut self.channels[input as usize];
        channel.asked = None;
        channel.upstream.request_backoff = Span::ZERO;
    }

    /// A checkpoint has completed: a restored producer begins behind its barrier at the earliest.
    pub fn forget_until(&mut self, checkpoint: CheckpointId) {
        if !self.remembers {
            return;
        }
        for channel in &mut self.channels {
            channel.forget_until(checkpoint);
        }
    }

    /// Every channel's queue is empty.
    fn is_empty(&self) -> bool {
        // Only while barriers are awaited do elements wait that have had their turn.
        self.turns.is_empty() && self.aligning.is_empty()
    }

    /// Batches that wait, over all channels.
    pub fn queued(&self) -> u32 {
        if self.is_empty() {
            return 0;
        }
        self.channels.iter().map(|channel| channel.queued).sum()
    }

    /// When the oldest waiting batch was emitted.
    pub fn oldest(&self) -> Option<Time> {
        if self.is_empty() {
            return None;
        }
        self.channels
            .iter()
            .filter_map(|channel| {
                let mut waiting = channel.queue.iter();
                waiting.find(|(_, element)| matches!(element, Element::Records(_)))
            })
            .map(|(emitted, _)| *emitted)
            .min()
    }
}

impl InputChannel {
    pub fn new(
        channel: ChannelId,
        producer: ActorId,
        producer_attempt: Attempt,
        restored: CheckpointId,
    ) -> Self {
        InputChannel {
            channel,
            producer,
            connection: 0,
            asked: None,
            queue: VecDeque::new(),
            queued: 0,
            in_work: 0,
            to_return: 0,
            blocked: false,
            passed: 0,
            missed_turns: 0,
            filter: None,
            upstream: Box::new(Upstream {
                attempt: producer_attempt,
                incarnation: None,
                is_lost: false,
                request_backoff: Span::ZERO,
                went_to: None,
                received: VecDeque::new(),
                received_since: restored,
            }),
        }
    }

    /// Credits for a new connection: what the window has left.
    pub fn fresh_credits(&mut self, window: u32) -> u32 {
        self.to_return = 0;
        window.saturating_sub(self.queued + self.in_work)
    }

    /// A batch was consumed.
    pub fn consume(&mut self) {
        self.in_work -= 1;
        self.to_return += 1;
    }

    /// Credits to give back, once there are enough of them to be worth a message: half a window, so that the
    /// producer has the other half to go on with meanwhile. None is kept for ever: a producer without credit
    /// means that the whole window is consumed in the end.
    pub fn credits_due(&mut self, window: u32) -> Option<u32> {
        // What was restored took no credit of a producer.
        (self.connection != 0 && self.to_return > 0 && self.to_return >= window.div_ceil(2))
            .then(|| std::mem::take(&mut self.to_return))
    }

    pub fn queued(&self) -> u32 {
        self.queued
    }
}

mod again;
mod alignment;
mod marks;
mod overtaking;

use again::Filter;
use alignment::Alignment;
use overtaking::Overtaking;

#[cfg(test)]
mod tests;
