//! Attempts of a job's subtasks, as its JobMaster sees them (`ExecutionVertex`, `Execution`).

use crate::actor::checkpoint::Attempt;
use crate::actor::context::Context;
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::flink::rpc::Address;
use crate::actor::flink::rpc::call::AllocationId;
use crate::actor::message::FencingToken;
use crate::dataflow::topology::SubtaskId;

/// A slot that an execution has been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssignedSlot {
    pub allocation: AllocationId,
    pub taskmanager: Address,
}

/// A subtask with its current attempt.
#[derive(Clone, Debug)]
pub struct Execution {
    pub subtask: SubtaskId,
    pub attempt: Attempt,
    pub state: ExecutionState,
    pub slot: Option<AssignedSlot>,
    /// Where the previous attempt ran: preferred while there is state to restore.
    pub previous: Option<AssignedSlot>,
    /// Grows with each failover that takes the vertex in: what an earlier one still plans is stale
    /// (`ExecutionVertexVersioner`).
    pub version: u32,
    /// It holds, or waits for, a part of its group's slot.
    pub wants_slot: bool,
    /// The TaskManager has acknowledged the deployment (`ExecutionDeploymentTracker`).
    pub acknowledged: bool,
    /// The last place that was reported, where a task was moved from.
    last_place: Option<Address>,
    number: u32,
}

impl Execution {
    pub fn new(subtask: SubtaskId, token: FencingToken) -> Execution {
        Execution {
            subtask,
            attempt: Attempt::new(token, 0),
            state: ExecutionState::Created,
            slot: None,
            previous: None,
            version: 0,
            wants_slot: false,
            acknowledged: false,
            last_place: None,
            number: 0,
        }
    }

    pub fn turn(&mut self, state: ExecutionState, ctx: &mut Context<'_>) {
        assert!(!self.state.is_terminal(), "{:?} is final", self.state);
        self.state = state;
        ctx.state(Fact::ExecutionChanged {
            subtask: self.subtask,
            attempt: self.attempt,
            state,
            taskmanager: self.slot.map(|slot| slot.taskmanager.actor),
        });
    }

    /// `resetForNewExecution`: a new attempt, which has no slot yet.
    pub fn reset(&mut self, token: FencingToken) {
        assert!(
            self.state.is_terminal() || self.state == ExecutionState::Created,
            "an attempt ends before the next begins"
        );
        if let Some(slot) = self.slot.take() {
            self.previous = Some(slot);
            self.last_place = Some(slot.taskmanager);
        }
        self.number += 1;
        self.acknowledged = false;
        self.attempt = Attempt::new(token, self.number);
        self.state = ExecutionState::Created;
    }

    /// Attempts of this subtask so far.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The subtask as part of a new execution graph, or outside of it: an attempt with this number, which has no slot yet.
    pub fn renew(&mut self, token: FencingToken, number: u32) {
        self.reset(token);
        self.number = number;
        self.attempt = Attempt::new(token, number);
    }

    /// `tryAssignResource`; gives back where the subtask ran before.
    pub fn assign(&mut self, slot: AssignedSlot) -> Option<Address> {
        self.slot = Some(slot);
        self.last_place
    }

    /// Deployed or about to be, and not ended.
    pub fn is_deployed(&self) -> bool {
        self.slot.is_some() && !self.state.is_terminal()
    }

    /// May be told things at its TaskManager.
    pub fn is_at(&self, taskmanager: Address) -> bool {
        self.is_deployed()
            && self
                .slot
                .is_some_and(|slot| slot.taskmanager == taskmanager)
    }
}
