//! What goes out on the channels of a task: buffers one by one, an event that goes to many channels together.

use crate::actor::context::Context;
use crate::actor::message::{Body, ChannelEvents};
use crate::dataflow::batch::Element;
use crate::dataflow::topology::ChannelId;
use crate::kernel::{ActorId, Time};

use super::TaskManager;
use super::channels::Handed;
use super::output::Sent;

/// A barrier or mark that waits to be written, with its channels: what goes to one TaskManager goes at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Unwritten {
    event: Option<(Time, Element)>,
    /// To whom, and the number of the connection.
    channels: Vec<(ActorId, ChannelId, u32)>,
}

impl Unwritten {
    fn is_of(&self, sent: &Sent) -> bool {
        let Some((emitted, element)) = &self.event else {
            return true;
        };
        *emitted == sent.emitted
            && match (element, &sent.element) {
                (Element::Barrier(id, how), Element::Barrier(other, other_how)) => {
                    (id, how) == (other, other_how)
                }
                (Element::Mark(mark), Element::Mark(other)) => mark == other,
                _ => false,
            }
    }

    fn add(&mut self, sent: Sent) {
        let consumer = sent.consumer;
        self.channels
            .push((consumer.taskmanager, sent.channel, consumer.connection));
        self.event = Some((sent.emitted, sent.element));
    }
}

impl TaskManager {
    /// Sends what a channel may send.
    pub(super) fn pump(&mut self, number: u32, output: usize, ctx: &mut Context<'_>) {
        let now = ctx.now();
        self.task(number).outputs.send(output, now);
        self.write_outgoing(number, ctx);
    }

    /// Writes what a task has put on its way.
    #[inline]
    pub(super) fn write_outgoing(&mut self, number: u32, ctx: &mut Context<'_>) {
        let outputs = &mut self.task(number).outputs;
        if !outputs.has_outgoing() {
            return;
        }
        let record_bytes = outputs.record_bytes();
        let mut outgoing = outputs.take_outgoing();
        for sent in outgoing.drain(..) {
            self.write(sent, record_bytes, ctx);
        }
        self.write_events(ctx);
        self.task(number).outputs.give_back(outgoing);
    }

    fn write(&mut self, sent: Sent, record_bytes: u64, ctx: &mut Context<'_>) {
        if sent.consumer.taskmanager == self.me {
            self.handed.push_back(Handed::Element(sent));
        } else if let Element::Records(batch) = &sent.element {
            let bytes = batch.len() as u64 * record_bytes;
            if sent.follows_event {
                self.write_events(ctx);
            }
            let body = Body::Data {
                channel: sent.channel,
                connection: sent.consumer.connection,
                emitted: sent.emitted,
                element: sent.element,
            };
            ctx.send_data(sent.consumer.taskmanager, bytes, body);
        } else {
            if !self.unwritten.is_of(&sent) {
                self.write_events(ctx);
            }
            self.unwritten.add(sent);
        }
    }

    #[inline]
    fn write_events(&mut self, ctx: &mut Context<'_>) {
        if self.unwritten.event.is_some() {
            self.write_waiting_events(ctx);
        }
    }

    #[inline(never)]
    fn write_waiting_events(&mut self, ctx: &mut Context<'_>) {
        let Unwritten {
            event,
            mut channels,
        } = std::mem::take(&mut self.unwritten);
        let (emitted, element) = event.expect("an event waits");
        channels.sort_by_key(|(taskmanager, ..)| *taskmanager);
        for together in channels.chunk_by(|one, next| one.0 == next.0) {
            let element = element.clone();
            let body = match together {
                [(_, channel, connection)] => Body::Data {
                    channel: *channel,
                    connection: *connection,
                    emitted,
                    element,
                },
                _ => Body::Events(Box::new(ChannelEvents {
                    emitted,
                    element,
                    channels: together
                        .iter()
                        .map(|(_, channel, connection)| (*channel, *connection))
                        .collect(),
                })),
            };
            ctx.send_data(together[0].0, 0, body);
        }
    }

    /// An event arrives on several channels.
    #[inline(never)]
    pub(super) fn on_events(
        &mut self,
        from: ActorId,
        events: ChannelEvents,
        ctx: &mut Context<'_>,
    ) {
        // All receivers first: where channels are many, each lies in memory that is not at hand.
        let channels = events.channels.iter();
        let receivers: Vec<_> = channels
            .filter_map(|(_, connection)| self.receiver(from, *connection))
            .collect();
        for receiver in receivers {
            if self.tasks[receiver.0 as usize].is_some() {
                self.receive(receiver, events.emitted, events.element.clone(), ctx);
            }
        }
    }
}
