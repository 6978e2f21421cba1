//! Producers that are not there when a consumer asks for their output: the request waits, is tried again, or ends the
//! consumer (`ResultPartitionManager`, `RemoteInputChannel`, `RemoteChannelStateChecker`).

use crate::actor::context::Context;
use crate::actor::fact::ExecutionState;
use crate::actor::flink::rpc::call::TaskFailure;
use crate::actor::flink::rpc::{Answer, Call, RpcError, line};
use crate::actor::message::Body;
use crate::dataflow::topology::{ChannelId, SubtaskId};
use crate::kernel::ActorId;

use super::{ExecutorAsk, TaskManager};
use crate::actor::task_manager::output::ParkedRequest;

impl TaskManager {
    /// At the producer: a request has waited for `partition-request-timeout`. Where the producer is not up by now, the
    /// consumer is told.
    pub(in crate::actor::task_manager) fn on_request_expired(
        &mut self,
        consumer: ActorId,
        channel: ChannelId,
        connection: u32,
        ctx: &mut Context<'_>,
    ) {
        let waits =
            |parked: &&ParkedRequest| (parked.from, parked.connection) == (consumer, connection);
        let Some(parked) = self.parked.get(&channel).filter(waits) else {
            return;
        };
        let attempt = parked.producer_attempt;
        // A task that restores has its partitions already, and sends as soon as it runs.
        let restores = self.outputs.get(channel).is_some_and(|(number, _)| {
            let task = self.task(number);
            task.attempt == attempt && task.state == ExecutionState::Initializing
        });
        if !restores {
            self.parked.remove(&channel);
            let body = Body::PartitionNotFound {
                channel,
                connection,
            };
            ctx.send(consumer, body);
        }
    }

    fn producer(&self, channel: ChannelId) -> SubtaskId {
        self.blueprint.topology.channels[channel as usize].producer
    }

    /// Nobody listens where the producer is said to run.
    pub(super) fn on_producer_unreachable(
        &mut self,
        channel: ChannelId,
        connection: u32,
        ctx: &mut Context<'_>,
    ) {
        let producer = self.producer(channel);
        if let Some((number, _)) = self.wanted(connection) {
            let why = TaskFailure::PartitionConnection { producer };
            self.end_task(number, Some(why), ctx);
        }
    }

    /// The producer's TaskManager does not know the partition: the JobMaster is asked whether it is worth waiting.
    pub(in crate::actor::task_manager) fn on_partition_not_found(
        &mut self,
        channel: ChannelId,
        connection: u32,
        ctx: &mut Context<'_>,
    ) {
        let ask_timeout = self.blueprint.config.rpc.ask_timeout;
        let producer = self.producer(channel);
        let job = self.blueprint.topology.job_of(producer);
        let Some((number, input)) = self.wanted(connection) else {
            return;
        };
        let attempt = self.task(number).input.channels[input].upstream.attempt;
        let executor = self.executor();
        let Some((peer, token)) = executor.job_master(job) else {
            return;
        };
        line::ask(
            &mut executor.asks,
            ExecutorAsk::PartitionState(channel, connection),
            ask_timeout,
            peer,
            Some(token),
            Call::RequestPartitionState {
                subtask: producer,
                attempt,
            },
            ctx,
        );
    }

    pub(super) fn on_partition_state(
        &mut self,
        channel: ChannelId,
        connection: u32,
        result: Result<Answer, RpcError>,
        ctx: &mut Context<'_>,
    ) {
        let producer = self.producer(channel);
        let Some((number, input)) = self.wanted(connection) else {
            return;
        };
        match result {
            Ok(Answer::PartitionState(Some(
                ExecutionState::Canceling | ExecutionState::Canceled | ExecutionState::Failed,
            ))) => self.end_task(number, None, ctx),
            Ok(Answer::PartitionState(Some(_))) | Err(RpcError::Timeout) => {
                self.retry_request(number, input, ctx)
            }
            Ok(Answer::PartitionState(None)) | Err(_) => {
                let why = TaskFailure::PartitionNotFound { producer };
                self.end_task(number, Some(why), ctx);
            }
            Ok(answer) => unreachable!("a partition's state is not {answer:?}"),
        }
    }

    /// Again after a back-off that doubles; none is left beyond the longest (`retriggerSubpartitionRequest`).
    fn retry_request(&mut self, number: u32, input: usize, ctx: &mut Context<'_>) {
        let network = &self.blueprint.config.network;
        let (initial, max) = (network.request_backoff_initial, network.request_backoff_max);
        let channel = &mut self.task(number).input.channels[input];
        if channel.back_off(initial, max) {
            return self.request_later(number, input, ctx);
        }
        let channel = channel.channel;
        let producer = self.producer(channel);
        let why = TaskFailure::PartitionNotFound { producer };
        self.end_task(number, Some(why), ctx);
    }

    /// A peer's process died, and its connections are closed: consumers of what comes from there fail, producers for
    /// there only release the reader (`CreditBasedPartitionRequestClientHandler`, `PartitionRequestQueue`).
    pub(super) fn lose_data_connection(
        &mut self,
        peer: ActorId,
        incarnation: u32,
        ctx: &mut Context<'_>,
    ) {
        self.lose_consumers(peer, incarnation);
        for number in self.numbers() {
            let lost = self.task(number).input.channels.iter().any(|channel| {
                channel.producer == peer
                    && channel.upstream.incarnation == Some(incarnation)
                    && channel.connection != 0
            });
            if lost {
                self.end_task(number, Some(TaskFailure::RemoteTransport), ctx);
            } else {
                self.advance(number, ctx);
            }
        }
    }
}
