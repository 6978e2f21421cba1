//! The executions of a job's subtasks, as its JobMaster sees them.

use crate::actor::checkpoint::Attempt;
use crate::actor::context::Context;
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::message::FencingToken;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::ActorId;
use crate::policy::defect::{Defect, Defects};

/// The current execution of one subtask.
#[derive(Clone, Debug)]
pub struct Execution {
    pub subtask: SubtaskId,
    pub attempt: Attempt,
    pub state: ExecutionState,
    pub taskmanager: Option<ActorId>,
    /// What the subtask uses, in millionths of a core, as far as it has been measured.
    pub cpu_microcores: Option<u64>,
    attempts: u32,
}

impl Execution {
    pub fn new(subtask: SubtaskId, token: FencingToken) -> Execution {
        Execution {
            subtask,
            attempt: Attempt::new(token, 0),
            state: ExecutionState::Created,
            taskmanager: None,
            cpu_microcores: None,
            attempts: 0,
        }
    }

    pub fn turn(&mut self, state: ExecutionState, ctx: &mut Context<'_>) {
        assert!(!self.state.is_terminal(), "{:?} is final", self.state);
        self.state = state;
        self.state_fact(ctx);
    }

    /// A new attempt, on this TaskManager.
    pub fn schedule(
        &mut self,
        token: FencingToken,
        taskmanager: ActorId,
        defects: Defects,
        ctx: &mut Context<'_>,
    ) {
        assert!(
            self.state.is_terminal() || self.state == ExecutionState::Created,
            "an attempt ends before the next begins"
        );
        if self.attempts == 0 || !defects.has(Defect::AttemptReused) {
            self.attempts += 1;
        }
        self.attempt = Attempt::new(token, self.attempts);
        self.taskmanager = Some(taskmanager);
        self.state = ExecutionState::Scheduled;
        self.state_fact(ctx);
    }

    fn state_fact(&self, ctx: &mut Context<'_>) {
        ctx.state(Fact::ExecutionChanged {
            subtask: self.subtask,
            attempt: self.attempt,
            state: self.state,
            taskmanager: self.taskmanager,
        });
    }

    /// Deployed or about to be, and not ended.
    pub fn is_live(&self) -> bool {
        self.taskmanager.is_some() && !self.state.is_terminal()
    }
}
