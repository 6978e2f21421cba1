//! Unaligned checkpoints at the output: a barrier goes ahead of the buffers that wait, which become state of the channel
//! (`PipelinedSubpartition.addPriorityBuffer`).

use crate::actor::checkpoint::{Barrier, Overtaken};
use crate::dataflow::batch::{Alignment, Batch, CheckpointId, Element};
use crate::kernel::Time;

use super::{Entry, Outputs};

impl Outputs {
    /// A barrier goes ahead of everything that was not sent: what that is.
    pub fn emit_overtaking(&mut self, barrier: Barrier, now: Time) -> Overtaken {
        (0..self.channels.len()).for_each(|output| self.close_buffer(output, now));
        self.timeoutable = (barrier.checkpoint, 0);
        let mut overtaken = Overtaken::new();
        for output in 0..self.channels.len() {
            if self.is_released(output) {
                continue;
            }
            let unsent = self.channels[output].log.len();
            self.put_ahead(output, unsent, barrier, &mut overtaken);
        }
        overtaken
    }

    /// `aligned-checkpoint-timeout` is over: barriers that still wait go ahead. What they overtake.
    pub fn time_out(&mut self, barrier: Barrier) -> Overtaken {
        let barrier = Barrier {
            alignment: Alignment::Unaligned,
            ..barrier
        };
        let mut overtaken = Overtaken::new();
        for output in 0..self.channels.len() {
            let channel = &mut self.channels[output];
            let first = (channel.cursor.max(channel.sent) - channel.base) as usize;
            let mut unsent = channel.log.iter().skip(first);
            let Some(at) = unsent.position(|entry| entry.is_timeoutable(barrier.checkpoint)) else {
                continue;
            };
            self.backlog.subtract(channel.waiting());
            channel.log.remove(first + at);
            channel.events -= 1;
            self.backlog.add(channel.waiting());
            self.put_ahead(output, first + at, barrier, &mut overtaken);
        }
        self.timeoutable = (barrier.checkpoint, 0);
        overtaken
    }

    /// Puts a barrier where the next entry to send is; entries of the log up to `end` are overtaken.
    fn put_ahead(
        &mut self,
        output: usize,
        end: usize,
        barrier: Barrier,
        overtaken: &mut Overtaken,
    ) {
        let channel = &mut self.channels[output];
        let next = (channel.cursor - channel.base) as usize;
        let waiting = channel.log.range(next..end);
        let batches: Vec<Batch> = waiting
            .filter_map(|entry| match &entry.element {
                Element::Records(batch) => Some(batch.clone()),
                Element::Barrier(..) | Element::Mark(_) => None,
            })
            .collect();
        if !batches.is_empty() {
            overtaken.push((channel.channel, batches));
        }
        self.backlog.subtract(channel.waiting());
        channel.log.insert(next, Entry::barrier(barrier));
        channel.events += 1;
        // What is being sent again has moved on by one.
        channel.sent += u64::from(channel.cursor < channel.sent);
        self.backlog.add(channel.waiting());
        self.send_waiting(output);
    }

    /// All barriers of the checkpoint have been sent, in their turn.
    pub fn has_sent_barriers(&self, checkpoint: CheckpointId) -> bool {
        self.timeoutable.0 != checkpoint || self.timeoutable.1 == 0
    }

    /// State of a channel that was restored: it comes before whatever the task puts out.
    pub fn restore(&mut self, output: usize, batches: &[Batch], now: Time) {
        for batch in batches {
            self.append(
                output,
                Entry {
                    emitted: now,
                    element: Element::Records(batch.clone()),
                },
            );
        }
    }
}
