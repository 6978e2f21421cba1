//! The data plane between TaskManagers: partition requests, batches, credits, and connections that break.

use crate::actor::checkpoint::Barrier;
use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::flink::rpc::Address;
use crate::actor::flink::rpc::call::TaskFailure;
use crate::actor::message::{Body, PartitionRequest, PartitionUpdate, ReplayFrom};
use crate::dataflow::batch::{CheckpointId, Element};
use crate::dataflow::topology::ChannelId;
use crate::kernel::{ActorId, Span, Time};
use crate::policy::defect::Defect;

use super::TaskManager;
use super::output::{Consumer, ParkedRequest, Sent};
use super::routes::Route;

/// What one task hands another on the same TaskManager, without a network in between (`LocalInputChannel`).
#[derive(Clone, Debug)]
pub(super) enum Handed {
    Element(Sent),
    Credit(ChannelId, u32, u32),
}

impl TaskManager {
    pub(super) fn on_data(
        &mut self,
        from: ActorId,
        connection: u32,
        emitted: Time,
        element: Element,
        ctx: &mut Context<'_>,
    ) {
        if let Some(receiver) = self.receiver(from, connection) {
            self.receive(receiver, emitted, element, ctx);
        }
    }

    /// The task that reads what comes over a connection, and at which of its inputs.
    #[inline]
    pub(super) fn receiver(&self, from: ActorId, connection: u32) -> Option<Route> {
        let (number, input) = self.connections.get(connection)?;
        let task = self.tasks[number as usize].as_ref()?;
        let receiver = &task.input.channels[input as usize];
        ((receiver.producer, receiver.connection) == (from, connection)).then_some((number, input))
    }

    #[inline]
    pub(super) fn receive(
        &mut self,
        (number, input): Route,
        emitted: Time,
        element: Element,
        ctx: &mut Context<'_>,
    ) {
        let task = self.task(number);
        let receiver = &task.input.channels[input as usize];
        let channel = receiver.channel;
        if receiver.asked.is_some() {
            task.input.answered(input);
        }
        let barrier = Barrier::in_channel(&element, emitted);
        if barrier.is_some_and(|barrier| task.input.count_barrier(input, barrier, ctx.now())) {
            return;
        }
        let dropped = task.input.push(input, emitted, element);
        let stands_still = task.input.is_blocked_for_nothing(input, task.aborted_up_to);
        let is_at_work = task.is_at_work();
        let (queued, credits) = (
            task.input.channels[input as usize].queued(),
            task.input.window,
        );
        if queued > credits {
            ctx.state(Fact::CreditExceeded {
                channel,
                queued,
                credits,
            });
        }
        if stands_still {
            ctx.state(Fact::BlockedForNothing(channel));
        }
        if dropped > 0 {
            ctx.state(Fact::Deduplicated {
                channel,
                records: dropped,
            });
            self.return_credits(number, input, ctx);
        }
        if barrier.is_some() {
            self.task(number).expect_alignment(ctx);
        } else if is_at_work {
            // It looks again when it is through with what it has.
            return;
        }
        self.advance(number, ctx);
    }

    /// Takes in what tasks have handed each other while something was handled.
    #[inline]
    pub(super) fn take_handed(&mut self, ctx: &mut Context<'_>) {
        while let Some(handed) = self.handed.pop_front() {
            let me = self.me;
            match handed {
                Handed::Element(sent) => {
                    let connection = sent.consumer.connection;
                    self.on_data(me, connection, sent.emitted, sent.element, ctx);
                }
                Handed::Credit(channel, connection, credits) => {
                    self.on_credit(me, channel, connection, credits, ctx)
                }
            }
        }
    }

    /// Gives consumed buffers back to the producer.
    pub(super) fn return_credits(&mut self, number: u32, input: u16, ctx: &mut Context<'_>) {
        let task = self.task(number);
        let window = task.input.window;
        let channel = &mut task.input.channels[input as usize];
        if let Some(credits) = channel.credits_due(window) {
            let (producer, connection) = (channel.producer, channel.connection);
            let channel = channel.channel;
            if producer == self.me {
                let credit = Handed::Credit(channel, connection, credits);
                return self.handed.push_back(credit);
            }
            let body = Body::Credit {
                channel,
                connection,
                credits,
            };
            ctx.send(producer, body);
        }
    }

    pub(super) fn on_credit(
        &mut self,
        from: ActorId,
        channel: ChannelId,
        connection: u32,
        credits: u32,
        ctx: &mut Context<'_>,
    ) {
        if let Some(parked) = self.parked.get_mut(&channel)
            && (parked.from, parked.connection) == (from, connection)
        {
            // Consumed while its request waits for the producer to come up.
            parked.credits += credits;
            return;
        }
        let Some((number, output)) = self.outputs.get(channel) else {
            return;
        };
        let consumer = Consumer {
            taskmanager: from,
            connection,
        };
        let outputs = &mut self.task(number).outputs;
        if !outputs.add_credits(output as usize, consumer, credits) {
            return;
        }
        let was_blocked = outputs.is_blocked();
        self.pump(number, output as usize, ctx);
        self.go_on(number, was_blocked, ctx);
    }

    /// More can be sent. A task that nothing held back has done already what it can.
    fn go_on(&mut self, number: u32, was_blocked: bool, ctx: &mut Context<'_>) {
        if was_blocked {
            self.advance(number, ctx);
        } else {
            self.settle_channels(number, ctx);
        }
    }

    /// Tells the coordinator that a checkpoint cannot reach a task.
    pub(super) fn decline(&mut self, number: u32, checkpoint: CheckpointId, ctx: &mut Context<'_>) {
        let (subtask, attempt) = (self.task(number).subtask, self.task(number).attempt);
        let job = self.blueprint.topology.job_of(subtask);
        if self.executor.is_some() {
            return self.tell_declined(job, checkpoint, (subtask, attempt), ctx);
        }
        if let Some(leader) = self.membership.registered_leader() {
            ctx.send(leader, Body::DeclineCheckpoint { job, checkpoint });
        }
    }

    /// Asks the producers of all inputs to send, from where the task was restored.
    pub(super) fn connect_inputs(&mut self, number: u32, ctx: &mut Context<'_>) {
        let from = self.task(number).deployment.inputs_from;
        for input in 0..self.task(number).input.channels.len() {
            self.request_partition(number, input, from, ctx);
        }
    }

    pub(super) fn request_partition(
        &mut self,
        number: u32,
        input: usize,
        from: ReplayFrom,
        ctx: &mut Context<'_>,
    ) {
        let connection = self.connections.open((number, input as u16));
        let task = self.task(number);
        let (attempt, window) = (task.attempt, task.input.window);
        let channel = &mut task.input.channels[input];
        channel.connection = connection;
        channel.asked = Some(from);
        let request = PartitionRequest {
            channel: channel.channel,
            connection,
            producer_attempt: channel.upstream.attempt,
            consumer_attempt: attempt,
            from,
            credits: channel.fresh_credits(window),
        };
        let producer = channel.producer;
        let incarnation = channel.upstream.incarnation;
        let body = Body::PartitionRequest(Box::new(request));
        match incarnation {
            Some(incarnation) => ctx.send_to(
                Address {
                    actor: producer,
                    incarnation,
                },
                body,
            ),
            None => ctx.send(producer, body),
        }
        let went_to = Some(ctx.incarnation_of(producer));
        self.task(number).input.channels[input].upstream.went_to = went_to;
    }

    /// A producer was restored elsewhere: what it sends again is dropped as far as it came already.
    pub(super) fn update_partition(&mut self, update: PartitionUpdate, ctx: &mut Context<'_>) {
        let consumer = self.blueprint.topology.channels[update.channel as usize].consumer;
        let Some(number) = self.find(consumer, update.consumer_attempt) else {
            return;
        };
        let forgets = self.blueprint.defects.has(Defect::DedupForgotten);
        let task = self.task(number);
        let mut channels = task.input.channels.iter();
        let input = channels.position(|channel| channel.channel == update.channel);
        let input = input.expect("a subtask's channels are its own");
        task.input.find_producer(input as u16);
        let channel = &mut task.input.channels[input];
        channel.producer = update.producer;
        channel.upstream.request_backoff = Span::ZERO;
        channel.upstream.attempt = update.producer_attempt;
        match update.from {
            ReplayFrom::Checkpoint(checkpoint) if update.deduplicate && !forgets => {
                channel.expect_again_since(checkpoint)
            }
            _ => channel.expect_nothing_again(),
        }
        self.request_partition(number, input, update.from, ctx);
    }

    pub(super) fn on_partition_request(
        &mut self,
        from: ActorId,
        request: PartitionRequest,
        ctx: &mut Context<'_>,
    ) {
        // The latest attempt of a consumer counts, and its latest request: one that was deposed may still ask.
        let earlier = self.parked.get(&request.channel);
        if earlier.is_some_and(|parked| parked.consumer_attempt > request.consumer_attempt) {
            return;
        }
        self.parked.remove(&request.channel);
        let parked = ParkedRequest {
            from,
            channel: request.channel,
            connection: request.connection,
            producer_attempt: request.producer_attempt,
            consumer_attempt: request.consumer_attempt,
            replay: request.from,
            credits: request.credits,
        };
        match self.outputs.get(request.channel) {
            Some((number, output))
                if self.task(number).attempt == request.producer_attempt
                    && self.task(number).works() =>
            {
                self.serve_request(number, output as usize, parked, ctx);
            }
            // The producer is not there yet: it is being deployed.
            _ => {
                if self.executor.is_some() {
                    let timeout = self.blueprint.config.network.partition_request_timeout;
                    let body = Body::PartitionRequestExpired {
                        consumer: from,
                        channel: parked.channel,
                        connection: parked.connection,
                    };
                    ctx.after(timeout, body);
                }
                self.parked.insert(request.channel, parked);
            }
        }
    }

    /// Serves those who asked for a task's output before it was there.
    pub(super) fn serve_parked(&mut self, number: u32, ctx: &mut Context<'_>) {
        let task = self.task(number);
        let attempt = task.attempt;
        let channels = task.outputs.channels.iter();
        let channels: Vec<ChannelId> = channels.map(|output| output.channel).collect();
        for channel in channels {
            let parked = self.parked.get(&channel);
            if parked.is_some_and(|parked| parked.producer_attempt == attempt)
                // The one before may have ended the task.
                && let Some((owner, output)) = self.outputs.get(channel)
                && owner == number
                && let Some(parked) = self.parked.remove(&channel)
            {
                self.serve_request(number, output as usize, parked, ctx);
            }
        }
    }

    fn serve_request(
        &mut self,
        number: u32,
        output: usize,
        request: ParkedRequest,
        ctx: &mut Context<'_>,
    ) {
        let task = self.task(number);
        let served = &mut task.outputs.channels[output].consumer_attempt;
        if request.consumer_attempt < *served {
            return;
        }
        *served = request.consumer_attempt;
        let was_blocked = task.outputs.is_blocked();
        let (replay, credits) = (request.replay, request.credits);
        match task
            .outputs
            .connect(output, request.consumer(), replay, credits)
        {
            Some(replayed) => {
                if replayed > 0 {
                    ctx.state(Fact::Replayed {
                        channel: request.channel,
                        records: replayed,
                    });
                }
                self.pump(number, output, ctx);
                self.go_on(number, was_blocked, ctx);
            }
            // The log does not reach back: this cannot be mended by restarting the consumer alone.
            None => {
                let reason = TaskFailure::Other("its in-flight log does not reach back");
                self.fail_task(number, reason, ctx);
            }
        }
    }

    pub(super) fn on_partition_closed(
        &mut self,
        from: ActorId,
        channel: ChannelId,
        connection: u32,
        ctx: &mut Context<'_>,
    ) {
        let Some((number, output)) = self.outputs.get(channel) else {
            return;
        };
        let outputs = &mut self.task(number).outputs;
        // Each TaskManager numbers its own connections.
        let closed = Consumer {
            taskmanager: from,
            connection,
        };
        if outputs.channels[output as usize].consumer() == Some(closed) {
            // What waited for the reader does not hold the task back any more.
            let was_blocked = outputs.is_blocked();
            outputs.disconnect(output as usize);
            self.go_on(number, was_blocked, ctx);
        }
    }
}
