//! Consumers of a task's output come and go; credits.

use crate::actor::message::ReplayFrom;

use super::{Consumer, Entry, Outputs, Retention};

impl Outputs {
    /// A consumer asks for a channel; how many records it is sent that a predecessor was sent already.
    /// None: the log does not reach back to where it wants to begin.
    pub fn connect(
        &mut self,
        output: usize,
        consumer: Consumer,
        from: ReplayFrom,
        credits: u32,
    ) -> Option<u64> {
        let channel = &mut self.channels[output];
        let start = match from {
            ReplayFrom::Now => channel.cursor,
            // What was sent is not kept.
            ReplayFrom::Checkpoint(_)
                if self.retention == Retention::UntilSent && channel.sent > 0 =>
            {
                return None;
            }
            ReplayFrom::Checkpoint(checkpoint) => channel.behind_barrier(checkpoint)?,
        };
        let replayed = (start..channel.sent)
            .map(|number| {
                channel
                    .log
                    .get((number - channel.base) as usize)
                    .map_or(0, Entry::records)
            })
            .sum();
        self.backlog.subtract(channel.waiting());
        channel.cursor = start;
        channel.count_events();
        channel.consumer = Some(consumer);
        channel.was_connected = true;
        channel.credits = credits;
        channel.spooling = channel.unsent() > 1;
        self.backlog.add(channel.waiting());
        Some(replayed)
    }

    /// Those consumers are gone.
    pub fn disconnect_all(&mut self, is_gone: impl Fn(Consumer) -> bool) {
        for output in 0..self.channels.len() {
            let consumer = self.channels[output].consumer();
            if consumer.is_some_and(&is_gone) {
                self.disconnect(output);
            }
        }
    }

    /// The consumer is gone.
    pub fn disconnect(&mut self, output: usize) {
        let channel = &mut self.channels[output];
        self.backlog.subtract(channel.waiting());
        channel.consumer = None;
        channel.credits = 0;
        channel.spooling = matches!(self.retention, Retention::UntilCheckpoint { .. });
        if self.retention == Retention::Nothing {
            channel.base += channel.log.len() as u64;
            channel.cursor = channel.base;
            channel.sent = channel.base;
            channel.events = 0;
            for entry in channel.log.drain(..) {
                self.logged_records -= entry.records();
                self.timeoutable.1 -= u32::from(entry.is_timeoutable(self.timeoutable.0));
            }
        }
        self.backlog.add(channel.waiting());
    }

    /// Whether there is anything to send with them.
    pub fn add_credits(&mut self, output: usize, consumer: Consumer, credits: u32) -> bool {
        let channel = &mut self.channels[output];
        let is_served = channel.consumer == Some(consumer);
        if is_served {
            channel.credits += credits;
        }
        is_served && (channel.flush_requested || channel.has_unsent())
    }
}
