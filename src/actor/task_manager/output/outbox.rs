//! What goes on its way, as far as credits go: at once when it comes into the log, or when a consumer asks or gives credit.

use crate::dataflow::batch::Element;
use crate::dataflow::topology::ChannelId;
use crate::kernel::Time;
use crate::policy::defect::Defect;

use super::{Consumer, Outputs, Retention};

/// An element on its way to a consumer.
#[derive(Clone, Debug)]
pub struct Sent {
    pub channel: ChannelId,
    pub consumer: Consumer,
    pub emitted: Time,
    pub element: Element,
    /// An event of the same channel goes on its way before it, at the same time.
    pub follows_event: bool,
}

impl Outputs {
    /// Puts on the way what a channel may send. A buffer that the flusher asked for goes with what it has got by now.
    pub fn send(&mut self, output: usize, now: Time) {
        self.send_waiting(output);
        let channel = &self.channels[output];
        if channel.flush_requested && channel.can_send() {
            self.seal(output, now);
        }
    }

    #[inline]
    pub(super) fn send_waiting(&mut self, output: usize) {
        while self.channels[output].has_unsent()
            && let Some(sent) = self.take_next(output)
        {
            self.outbox.push(sent);
        }
    }

    fn take_next(&mut self, output: usize) -> Option<Sent> {
        let channel = &mut self.channels[output];
        let consumer = channel.consumer?;
        let entry = channel.log.get((channel.cursor - channel.base) as usize)?;
        let is_event = entry.is_event();
        if !is_event {
            let gift = u32::from(self.defects.has(Defect::CreditIgnored) && channel.credits == 0);
            channel.credits = (channel.credits + gift).checked_sub(1)?;
        } else if channel.cursor >= channel.sent {
            // A barrier that is sent again, to a consumer that was restored, was counted when it was sent first.
            self.timeoutable.1 -= u32::from(entry.is_timeoutable(self.timeoutable.0));
        }
        let sent = Sent {
            channel: channel.channel,
            consumer,
            emitted: entry.emitted,
            element: entry.element.clone(),
            follows_event: channel.event_round == self.rounds,
        };
        if is_event {
            channel.events -= 1;
            channel.event_round = self.rounds;
        } else if !channel.spooling {
            self.backlog.shrink(channel.unsent());
        }
        channel.cursor += 1;
        channel.sent = channel.sent.max(channel.cursor);
        if channel.spooling && channel.unsent() <= 1 {
            channel.spooling = false;
            self.backlog.add(channel.unsent());
        }
        if !matches!(self.retention, Retention::UntilCheckpoint { .. }) {
            let entry = channel.log.pop_front().expect("it was sent just now");
            channel.base += 1;
            self.logged_records -= entry.records();
        }
        Some(sent)
    }

    /// Whether something is to go on its way.
    pub fn has_outgoing(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// What goes on its way now, in this order. The list comes back with [`Outputs::give_back`].
    pub fn take_outgoing(&mut self) -> Vec<Sent> {
        self.rounds += 1;
        std::mem::take(&mut self.outbox)
    }

    /// Takes an empty list back, to be filled again.
    pub fn give_back(&mut self, list: Vec<Sent>) {
        if self.outbox.is_empty() {
            self.outbox = list;
        }
    }
}
