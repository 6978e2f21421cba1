//! Unaligned checkpoints at the input gate: barriers are seen as they arrive, and the records that they overtake are kept
//! (`SingleCheckpointBarrierHandler` with its alternating states, `ChannelStatePersister`).

use crate::actor::checkpoint::{Barrier, Overtaken};
use crate::dataflow::batch::{Alignment, Batch, CheckpointId, Element};
use crate::kernel::Time;

use super::InputGate;

/// What the gate knows of barriers that have arrived, whether or not their turn has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Overtaking {
    /// The latest checkpoint that the task has begun.
    begun: CheckpointId,
    /// A barrier that may be made to overtake, and has not been met in its turn on all channels yet.
    announced: Option<Barrier>,
    /// A barrier that overtakes: the task begins its checkpoint as soon as it is between two records.
    urgent: Option<Barrier>,
    collecting: Option<Collecting>,
}

/// The records before the barriers of a checkpoint that has begun already.
#[derive(Clone, Debug)]
struct Collecting {
    checkpoint: CheckpointId,
    /// When the first barrier was met.
    since: Time,
    /// By channel: its barrier has not come.
    open: Vec<bool>,
    batches: Vec<Vec<Batch>>,
}

/// The channels of a checkpoint that has begun ahead of them, once all of its barriers are there.
pub struct Collected {
    pub checkpoint: CheckpointId,
    pub since: Time,
    pub overtaken: Overtaken,
}

impl Overtaking {
    pub(super) fn has_begun(&self, checkpoint: CheckpointId) -> bool {
        checkpoint <= self.begun
    }

    pub(super) fn begin(&mut self, checkpoint: CheckpointId) {
        self.begun = self.begun.max(checkpoint);
        self.announced
            .take_if(|barrier| barrier.checkpoint <= checkpoint);
        self.urgent
            .take_if(|barrier| barrier.checkpoint <= checkpoint);
    }

    /// A barrier has come into a channel's queue.
    pub(super) fn announce(&mut self, input: u16, barrier: Barrier) {
        if let Some(collecting) = &mut self.collecting
            && collecting.checkpoint == barrier.checkpoint
        {
            collecting.open[input as usize] = false;
        }
        // A newer checkpoint means that the older one was given up.
        self.collecting
            .take_if(|collecting| collecting.checkpoint < barrier.checkpoint);
        if self.has_begun(barrier.checkpoint) {
            return;
        }
        let known = match barrier.alignment {
            Alignment::Aligned | Alignment::Stopping => return,
            Alignment::Timeoutable => &mut self.announced,
            Alignment::Unaligned => &mut self.urgent,
        };
        if known.is_none_or(|known| known.checkpoint < barrier.checkpoint) {
            *known = Some(barrier);
        }
    }

    /// Records have come into a channel's queue.
    #[inline]
    pub(super) fn keep(&mut self, input: u16, batch: &Batch) {
        if let Some(collecting) = &mut self.collecting
            && collecting.open[input as usize]
        {
            collecting.batches[input as usize].push(batch.clone());
        }
    }

    /// The checkpoint whose barriers have not all come.
    pub(super) fn waits_for(&self) -> Option<CheckpointId> {
        let collecting = self.collecting.as_ref();
        let waiting = collecting.filter(|collecting| collecting.open.contains(&true));
        waiting.map(|collecting| collecting.checkpoint)
    }

    pub(super) fn abort(&mut self, aborted_up_to: CheckpointId) {
        let is_void = |barrier: &mut Barrier| barrier.checkpoint <= aborted_up_to;
        self.announced.take_if(is_void);
        self.urgent.take_if(is_void);
        self.collecting
            .take_if(|collecting| collecting.checkpoint <= aborted_up_to);
    }
}

impl InputGate {
    /// A barrier whose alignment may time out.
    pub fn announced(&self) -> Option<Barrier> {
        self.overtaking.announced
    }

    /// `aligned-checkpoint-timeout` is over: what has come of the barriers goes ahead (`prioritizeAllAnnouncements`).
    pub fn time_out(&mut self) {
        if let Some(barrier) = self.overtaking.announced.take() {
            self.overtaking.urgent = Some(Barrier {
                alignment: Alignment::Unaligned,
                ..barrier
            });
        }
    }

    /// The barrier that overtakes everything in the queues, if one has come. An error: its checkpoint cannot be taken here.
    pub fn take_urgent(
        &mut self,
        aborted_up_to: CheckpointId,
    ) -> Option<Result<Barrier, CheckpointId>> {
        let barrier = self.overtaking.urgent.take()?;
        if barrier.checkpoint <= aborted_up_to {
            return None;
        }
        Some(match self.is_hopeless(barrier.checkpoint) {
            true => Err(barrier.checkpoint),
            false => Ok(barrier),
        })
    }

    /// The task begins a checkpoint now: what lies before its barriers is kept, and what still comes before them. When the
    /// first barrier was met.
    pub fn begin_overtaking(&mut self, barrier: Barrier, now: Time) -> Time {
        let checkpoint = barrier.checkpoint;
        let its = self
            .aligning
            .drain(..)
            .find(|known| known.barrier.checkpoint == checkpoint);
        let since = its.map_or(now, |alignment| alignment.since);
        self.unblock();
        self.overtaking.begin(checkpoint);
        let mut collecting = Collecting {
            checkpoint,
            since,
            open: Vec::new(),
            batches: Vec::new(),
        };
        for channel in &self.channels {
            let is_barrier =
                |element: &Element| matches!(element, Element::Barrier(id, _) if *id == checkpoint);
            let waiting = || channel.queue.iter().map(|(_, element)| element);
            let has_passed = channel.passed == checkpoint;
            let before = waiting().take_while(|element| !has_passed && !is_barrier(element));
            let batches = before.filter_map(|element| match element {
                Element::Records(batch) => Some(batch.clone()),
                Element::Barrier(..) | Element::Mark(_) => None,
            });
            collecting.batches.push(batches.collect());
            let has_come = has_passed || waiting().any(is_barrier);
            collecting.open.push(!has_come);
        }
        self.overtaking.collecting = Some(collecting);
        since
    }

    /// What a checkpoint's barriers have overtaken, once all of them have come: says so once.
    pub fn take_collected(&mut self) -> Option<Collected> {
        let is_whole = |collecting: &mut Collecting| !collecting.open.contains(&true);
        let collecting = self.overtaking.collecting.take_if(is_whole)?;
        let channels = self.channels.iter().map(|channel| channel.channel);
        let overtaken = channels.zip(collecting.batches);
        Some(Collected {
            checkpoint: collecting.checkpoint,
            since: collecting.since,
            overtaken: overtaken
                .filter(|(_, batches)| !batches.is_empty())
                .collect(),
        })
    }

    /// State of a channel that was restored: it comes before whatever the producer sends.
    pub fn restore(&mut self, input: usize, batches: &[Batch], now: Time) {
        let channel = &mut self.channels[input];
        for batch in batches {
            channel.queued += 1;
            channel
                .queue
                .push_back((now, Element::Records(batch.clone())));
            self.turns.push_back(input as u16);
        }
    }
}
