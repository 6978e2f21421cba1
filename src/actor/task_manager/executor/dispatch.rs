//! Which part of the TaskExecutor a call, an answer or a timer is for.

use crate::actor::context::Context;
use crate::actor::flink::rpc::heartbeat::Peer;
use crate::actor::flink::rpc::{Answer, Call, RpcError};

use super::{ExecutorAsk, TaskExecutorTimer, TaskManager};

impl TaskManager {
    pub(super) fn on_call(
        &mut self,
        from: Peer,
        call: Call,
        ctx: &mut Context<'_>,
    ) -> Result<Answer, RpcError> {
        let ack = Ok(Answer::Ack);
        match call {
            Call::HeartbeatFromResourceManager => {
                self.answer_resource_manager(from, ctx);
                ack
            }
            Call::RequestSlot {
                slot,
                allocation,
                job,
                resource_manager,
                ..
            } => self.on_slot_request(from, slot, allocation, job, resource_manager, ctx),
            Call::GoodbyeFromResourceManager { .. } => {
                self.on_goodbye_of_resource_manager(from, ctx);
                ack
            }
            Call::HeartbeatFromJobManager {
                job,
                job_master,
                owned,
            } => {
                self.answer_job_master(from, job, job_master, &owned, ctx);
                ack
            }
            Call::GoodbyeFromJobManager { job, .. } => {
                self.on_goodbye_of_job_master(from, job, ctx);
                ack
            }
            Call::FreeSlot { allocation, .. } => {
                self.free_slot(allocation, ctx);
                ack
            }
            Call::SubmitTask {
                job_master,
                allocation,
                task,
            } => self.on_submit(job_master, allocation, task, ctx),
            Call::CancelTask { subtask, attempt } => self.on_cancel(subtask, attempt, ctx),
            Call::TriggerCheckpoint {
                subtask,
                attempt,
                barrier,
            } => {
                let Some(number) = self.find(subtask, attempt) else {
                    return Err(RpcError::Refused("the task is not here"));
                };
                self.task(number).trigger(barrier);
                self.advance(number, ctx);
                ack
            }
            Call::NotifyCheckpointComplete {
                subtask,
                attempt,
                checkpoint,
            } => {
                if let Some(number) = self.find(subtask, attempt) {
                    self.confirm_local_state(number, checkpoint);
                    self.checkpoint_complete(number, checkpoint, ctx);
                }
                ack
            }
            Call::NotifyCheckpointAborted {
                subtask,
                attempt,
                checkpoint,
            } => {
                if let Some(number) = self.find(subtask, attempt) {
                    self.abort_local_state(number, checkpoint);
                    self.task(number).checkpoint_aborted(checkpoint);
                    self.advance(number, ctx);
                }
                ack
            }
            Call::AddSplits {
                subtask,
                attempt,
                splits,
            } => match self.add_splits(subtask, attempt, &splits, ctx) {
                true => ack,
                false => Err(RpcError::Refused("the task is not here")),
            },
            call => unreachable!("TaskExecutors do not receive {call:?}"),
        }
    }

    pub(super) fn on_answer(
        &mut self,
        what: ExecutorAsk,
        result: Result<Answer, RpcError>,
        ctx: &mut Context<'_>,
    ) {
        match what {
            ExecutorAsk::RegisterAtResourceManager => self.on_registered_there(result, ctx),
            ExecutorAsk::SlotReport => self.on_report_heard(result, ctx),
            ExecutorAsk::RegisterAtJobMaster(job) => self.on_registered_at_job(job, result, ctx),
            ExecutorAsk::Offer(job, offer) => self.on_offer_answered(job, offer, result, ctx),
            ExecutorAsk::TaskState(subtask, attempt) => {
                self.on_state_heard(subtask, attempt, result, ctx)
            }
            ExecutorAsk::PartitionState(channel, connection) => {
                self.on_partition_state(channel, connection, result, ctx)
            }
        }
    }

    pub(super) fn on_own_timer(&mut self, timer: TaskExecutorTimer, ctx: &mut Context<'_>) {
        match timer {
            TaskExecutorTimer::RegistrationTimeout => self.on_registration_overdue(ctx),
            TaskExecutorTimer::RegisterAtResourceManager => self.register_there(ctx),
            TaskExecutorTimer::RegisterAtJobMaster { job } => self.register_at_job(job, ctx),
            TaskExecutorTimer::OfferSlots { job } => self.offer_slots(job, ctx),
            TaskExecutorTimer::SlotTimeout { slot, allocation } => {
                self.on_slot_timeout(slot, allocation, ctx)
            }
            TaskExecutorTimer::CancellationTimeout { task } => {
                self.on_cancellation_overdue(task, ctx)
            }
            // The endpoint lives.
            TaskExecutorTimer::ExitLimit => {}
        }
    }
}
