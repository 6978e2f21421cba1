//! What faults do to a TaskManager from within: exceptions of the user's code, storage that fails.

use crate::actor::checkpoint::BlobKey;
use crate::actor::context::Context;
use crate::actor::fact::ExecutionState;
use crate::actor::flink::rpc::call::TaskFailure;
use crate::dataflow::topology::SubtaskId;
use crate::policy::defect::Defect;

use super::TaskManager;

impl TaskManager {
    /// Whether a task of this subtask is here and works.
    pub fn runs(&self, subtask: SubtaskId) -> bool {
        self.running(subtask).is_some()
    }

    fn running(&self, subtask: SubtaskId) -> Option<u32> {
        self.numbers().into_iter().find(|number| {
            let task = self.tasks[*number as usize].as_ref();
            task.is_some_and(|task| task.subtask == subtask && task.is_running())
        })
    }

    /// The user's code throws, in whatever attempt of the subtask runs here.
    pub(super) fn suffer_exception(&mut self, subtask: SubtaskId, ctx: &mut Context<'_>) {
        if self.executor.is_some() {
            self.throw(subtask, ctx);
        } else if let Some(number) = self.running(subtask) {
            self.remove_failed(number, ctx);
        }
    }

    /// A task cannot go on by itself.
    pub(super) fn fail_task(&mut self, number: u32, failure: TaskFailure, ctx: &mut Context<'_>) {
        if self.executor.is_some() {
            return self.end_task(number, Some(failure), ctx);
        }
        self.remove_failed(number, ctx);
    }

    fn remove_failed(&mut self, number: u32, ctx: &mut Context<'_>) {
        let task = self.task(number);
        let (subtask, attempt) = (task.subtask, task.attempt);
        self.remove_task(number, ctx);
        self.report_state(subtask, attempt, ExecutionState::Failed, ctx);
    }

    /// A snapshot could not be stored: the checkpoint will not complete. The task runs on.
    pub(super) fn on_write_failed(&mut self, key: BlobKey, ctx: &mut Context<'_>) {
        if let BlobKey::State {
            subtask,
            attempt,
            checkpoint,
        }
        | BlobKey::Channels {
            subtask,
            attempt,
            checkpoint,
        } = key
            && let Some(number) = self.find(subtask, attempt)
        {
            if self.blueprint.defects.has(Defect::WriteErrorIgnored) {
                return self.on_written(key, ctx);
            }
            self.task(number).checkpoint_aborted(checkpoint);
            self.decline(number, checkpoint, ctx);
        }
    }
}
