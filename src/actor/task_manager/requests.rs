//! Requests that are lost with their connection, and processes that are gone: who reads no more, who is asked again.

use crate::actor::context::Context;
use crate::actor::message::Body;
use crate::kernel::ActorId;

use super::output::Consumer;
use super::{CONNECTION_BITS, TaskManager};

impl TaskManager {
    /// At the consumer: the connection that was to be made, if it is still wanted; with its task and its input there.
    pub(super) fn wanted(&self, connection: u32) -> Option<(u32, usize)> {
        let (number, input) = self.connections.get(connection)?;
        let task = self.tasks[number as usize].as_ref()?;
        let wanted = task.input.channels[input as usize].connection == connection;
        (wanted && !task.is_ending()).then_some((number, input as usize))
    }

    /// Asks again, when it is time.
    pub(super) fn request_later(&mut self, number: u32, input: usize, ctx: &mut Context<'_>) {
        let channel = &self.task(number).input.channels[input];
        let body = Body::RequestPartitionAgain {
            channel: channel.channel,
            connection: channel.connection,
        };
        let backoff = channel.upstream.request_backoff;
        ctx.after(backoff, body);
    }

    pub(super) fn request_again(&mut self, connection: u32, ctx: &mut Context<'_>) {
        let Some((number, input)) = self.wanted(connection) else {
            return;
        };
        if let Some(from) = self.task(number).input.channels[input].asked {
            self.request_partition(number, input, from, ctx);
        }
    }

    /// A peer's process died, or the connection with it: consumers there are gone, and so are producers that have
    /// answered from there. What was asked and not answered may have been meant for its successor, which registered
    /// before anybody here knew: it is asked again.
    pub(super) fn lose_peer(&mut self, peer: ActorId, incarnation: u32, ctx: &mut Context<'_>) {
        self.lose_consumers(peer, incarnation);
        for number in self.numbers() {
            self.task(number).lose_producer(peer, incarnation);
            self.repeat_requests(number, (peer, incarnation), ctx);
            self.advance(number, ctx);
        }
    }

    /// What the story's consumers ask is not given up: a producer that is gone for good is replaced, and they are told.
    fn repeat_requests(
        &mut self,
        number: u32,
        (peer, incarnation): (ActorId, u32),
        ctx: &mut Context<'_>,
    ) {
        let network = &self.blueprint.config.network;
        let (initial, max) = (network.request_backoff_initial, network.request_backoff_max);
        for input in 0..self.task(number).input.channels.len() {
            let channel = &mut self.task(number).input.channels[input];
            if channel.is_from(peer, incarnation) && channel.asked.is_some() {
                channel.back_off(initial, max);
                self.request_later(number, input, ctx);
            }
        }
    }

    /// Whoever consumed in a process that is gone.
    pub(super) fn lose_consumers(&mut self, peer: ActorId, incarnation: u32) {
        // Each process numbers its connections in a range of its own.
        let is_its = |consumer: Consumer| {
            consumer.taskmanager == peer && consumer.connection >> CONNECTION_BITS == incarnation
        };
        self.parked.retain(|_, parked| !is_its(parked.consumer()));
        for number in self.numbers() {
            self.task(number).outputs.disconnect_all(is_its);
        }
    }
}
