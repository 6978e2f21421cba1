//! What TaskManagers report of tasks, and how tasks are cancelled (`Execution`).

use crate::actor::checkpoint::Attempt;
use crate::actor::context::Context;
use crate::actor::fact::{Detector, ExecutionState, Fact, JobStatus};
use crate::actor::flink::office::Office;
use crate::actor::flink::rpc::call::TaskFailure;
use crate::actor::flink::rpc::{Answer, Call, RpcError, line};
use crate::dataflow::topology::SubtaskId;

use super::{JobAsk, JobMaster};

/// `Execution.NUM_CANCEL_CALL_TRIES`: after the first call, so many more.
const CANCEL_RETRIES: u32 = 3;

impl JobMaster {
    /// `updateTaskExecutionState`: an attempt that is not the current one is refused, and its TaskManager fails it.
    pub(super) fn on_task_state(
        &mut self,
        subtask: SubtaskId,
        attempt: Attempt,
        state: ExecutionState,
        failure: Option<TaskFailure>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) -> Result<Answer, RpcError> {
        let refused = Err(RpcError::Refused("the attempt is not known here"));
        let Some(execution) = self.current(subtask, attempt) else {
            return refused;
        };
        let known = execution.state;
        if known.is_terminal() {
            return refused;
        }
        if state == ExecutionState::Running {
            self.on_running_reported(office, ctx);
        }
        let execution = self.execution(subtask);
        match (known, state) {
            (ExecutionState::Canceling, state) if state.is_terminal() => {
                self.ended(subtask, ExecutionState::Canceled, office, ctx);
            }
            // On its way out: what it still reports of its way in does not matter.
            (ExecutionState::Canceling, _) => {}
            (_, ExecutionState::Failed | ExecutionState::Canceled) => {
                let why = failure.unwrap_or(TaskFailure::Other("cancelled by its TaskManager"));
                let detector = match why {
                    TaskFailure::RemoteTransport
                    | TaskFailure::PartitionConnection { .. }
                    | TaskFailure::PartitionNotFound { .. } => Detector::DataPlane,
                    TaskFailure::UserException => Detector::UserException,
                    _ => Detector::TaskFailure,
                };
                self.fail(subtask, attempt, detector, &why, office, ctx);
            }
            (_, ExecutionState::Running) => {
                execution.turn(ExecutionState::Running, ctx);
                self.assign_splits(office, ctx);
                self.on_running(office, ctx);
            }
            (_, ExecutionState::Finished) => {
                self.ended(subtask, ExecutionState::Finished, office, ctx);
                self.finish_when_all_have(ctx);
            }
            (_, state) => execution.turn(state, ctx),
        }
        Ok(Answer::Ack)
    }

    /// The last task of the job has come up.
    fn on_running(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        if self.status == JobStatus::Running && self.all_run() {
            self.submission = false;
            ctx.state(Fact::RecoveryRunning {
                job: self.job,
                recovery: self.next_failover,
            });
            self.start_checkpoints(office, ctx);
        }
    }

    pub(super) fn all_run(&self) -> bool {
        let mut subtasks = self.layout.subtasks.iter();
        subtasks.all(|subtask| self.peek(*subtask).state == ExecutionState::Running)
    }

    /// Ends an attempt: at once where nothing is deployed yet, else by asking its TaskManager.
    pub(super) fn cancel(
        &mut self,
        subtask: SubtaskId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        match self.peek(subtask).state {
            ExecutionState::Scheduled => self.ended(subtask, ExecutionState::Canceled, office, ctx),
            ExecutionState::Deploying | ExecutionState::Initializing | ExecutionState::Running => {
                self.execution(subtask).turn(ExecutionState::Canceling, ctx);
                let attempt = self.peek(subtask).attempt;
                self.send_cancel(subtask, attempt, CANCEL_RETRIES, office, ctx);
            }
            _ => {}
        }
    }

    fn send_cancel(
        &mut self,
        subtask: SubtaskId,
        attempt: Attempt,
        retries: u32,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let slot = self
            .peek(subtask)
            .slot
            .expect("what is cancelled was deployed");
        let call = Call::CancelTask { subtask, attempt };
        line::ask(
            &mut self.asks,
            JobAsk::Cancel(subtask, attempt, retries),
            office.blueprint.config.rpc.ask_timeout,
            Self::executor(slot.taskmanager),
            None,
            call,
            ctx,
        );
    }

    /// The TaskManager has heard, or nobody has: after the last try the attempt counts as ended.
    pub(super) fn on_cancel_answered(
        &mut self,
        subtask: SubtaskId,
        attempt: Attempt,
        retries: u32,
        result: Result<Answer, RpcError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let canceling = self
            .current(subtask, attempt)
            .is_some_and(|execution| execution.state == ExecutionState::Canceling);
        if result.is_ok() || !canceling {
            return;
        }
        match retries.checked_sub(1) {
            Some(left) => self.send_cancel(subtask, attempt, left, office, ctx),
            None => self.ended(subtask, ExecutionState::Canceled, office, ctx),
        }
    }

    /// The attempt has ended: nobody waits for what became of its cancellation.
    pub(super) fn drop_cancels_of(&mut self, subtask: SubtaskId, ctx: &mut Context<'_>) {
        self.asks.retain(
            |ask| !matches!(ask, JobAsk::Cancel(other, ..) if *other == subtask),
            ctx,
        );
    }
}
