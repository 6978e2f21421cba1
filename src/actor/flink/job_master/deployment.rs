//! Bringing subtasks up: slots first, all of them, then one `submitTask` each (`DefaultExecutionDeployer`).

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::actor::checkpoint::Attempt;
use crate::actor::context::{Alarm, Context};
use crate::actor::fact::{Detector, ExecutionState, Fact};
use crate::actor::flink::office::Office;
use crate::actor::flink::rpc::call::TaskFailure;
use crate::actor::flink::rpc::{Answer, Call, RpcError, line};
use crate::actor::message::{ReplayFrom, TaskDeployment, Timer};
use crate::actor::state_assignment::{AssignedState, assign_state};
use crate::dataflow::topology::SubtaskId;

use super::execution::AssignedSlot;
use super::slot_groups::SharedSlot;
use super::{JobAsk, JobMaster, JobMasterTimer};

/// A set of subtasks that is deployed together, once every slot is there.
#[derive(Clone, Debug)]
pub(super) struct Deployment {
    number: u32,
    recovery: u32,
    subtasks: Vec<SubtaskId>,
    /// The slots are there; runs while the deployment descriptors are made.
    pub(super) descriptors: Alarm,
    making_descriptors: bool,
}

impl JobMaster {
    /// Takes the subtasks from CREATED to SCHEDULED, to go back to the latest completed checkpoint.
    pub(super) fn schedule(
        &mut self,
        subtasks: Vec<SubtaskId>,
        recovery: u32,
        _global: bool,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if !self.submission {
            self.state_retrieval(&subtasks, recovery, ctx);
        }
        for subtask in &subtasks {
            self.execution(*subtask)
                .turn(ExecutionState::Scheduled, ctx);
        }
        self.plan_deployment(subtasks.clone(), recovery);
        self.request_slots(&subtasks, office, ctx);
    }

    /// The same where the slots have been assigned and the descriptors are made already.
    pub(super) fn deploy_at_once(
        &mut self,
        subtasks: Vec<SubtaskId>,
        recovery: u32,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        for subtask in &subtasks {
            self.execution(*subtask)
                .turn(ExecutionState::Scheduled, ctx);
        }
        let number = self.plan_deployment(subtasks, recovery);
        self.deploy(number, office, ctx);
    }

    fn plan_deployment(&mut self, subtasks: Vec<SubtaskId>, recovery: u32) -> u32 {
        let number = self.next_deployment;
        self.next_deployment += 1;
        let timer = JobMasterTimer::Deploy { deployment: number };
        self.deployments.push(Deployment {
            number,
            recovery,
            subtasks,
            descriptors: Alarm::new(Timer::JobMaster {
                job: self.job,
                timer,
            }),
            making_descriptors: false,
        });
        number
    }

    /// What the whole job goes back to.
    pub(super) fn retrieve_latest(&self, recovery: u32, ctx: &mut Context<'_>) {
        let all: Vec<SubtaskId> = self.executions.iter().map(|e| e.subtask).collect();
        self.state_retrieval(&all, recovery, ctx);
    }

    /// The checkpoint's metadata is in memory: only a new leader has to read it.
    fn state_retrieval(&self, subtasks: &[SubtaskId], recovery: u32, ctx: &mut Context<'_>) {
        let (job, checkpoint) = (self.job, self.store.latest());
        ctx.state(Fact::RetrievalStarted {
            job,
            recovery,
            checkpoint,
        });
        let handles = || {
            self.store
                .metadata()
                .into_iter()
                .flat_map(|metadata| &metadata.handles)
                .filter(|handle| subtasks.contains(&handle.subtask))
        };
        ctx.state(Fact::RetrievalDone {
            job,
            recovery,
            checkpoint,
            offsets: handles()
                .flat_map(|handle| handle.offsets.iter().copied())
                .collect(),
            bytes: handles().map(|handle| handle.bytes).sum(),
        });
    }

    /// Nothing is deployed before every slot of the set is there.
    pub(super) fn deploy_when_all_slots_are_there(
        &mut self,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        for at in 0..self.deployments.len() {
            let deployment = &self.deployments[at];
            let held = |subtask: &SubtaskId| {
                let group = &self.groups[self.group_of(*subtask)];
                matches!(group.slot, SharedSlot::Held(_))
            };
            if !deployment.making_descriptors && deployment.subtasks.iter().all(held) {
                let delay = office.blueprint.profile.scheduling.draw(&mut self.random);
                self.deployments[at].making_descriptors = true;
                self.deployments[at].descriptors.set(delay, ctx);
            }
        }
    }

    /// A later failover takes these subtasks over: deployments that were meant to bring them up are void.
    pub(super) fn drop_stale_deployments(
        &mut self,
        subtasks: &BTreeSet<SubtaskId>,
        ctx: &mut Context<'_>,
    ) {
        for deployment in &mut self.deployments {
            deployment
                .subtasks
                .retain(|subtask| !subtasks.contains(subtask));
            if deployment.subtasks.is_empty() {
                deployment.descriptors.release(ctx);
            }
        }
        self.deployments
            .retain(|deployment| !deployment.subtasks.is_empty());
    }

    pub(super) fn deploy(&mut self, number: u32, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let Some(at) = self
            .deployments
            .iter()
            .position(|deployment| deployment.number == number)
        else {
            return;
        };
        let mut deployment = self.deployments.remove(at);
        deployment.descriptors.release(ctx);
        for subtask in &deployment.subtasks {
            let group = self.group_of(*subtask);
            let SharedSlot::Held(allocation) = self.groups[group].slot else {
                unreachable!("a slot that was lost has failed its subtasks");
            };
            let taskmanager = self
                .pool
                .slot(allocation)
                .expect("a held slot is in the pool")
                .taskmanager;
            let slot = AssignedSlot {
                allocation,
                taskmanager,
            };
            let from = self.execution(*subtask).assign(slot);
            if !self.submission {
                ctx.state(Fact::TaskPlaced {
                    job: self.job,
                    recovery: deployment.recovery,
                    subtask: *subtask,
                    from: from.map(|address| address.actor),
                    to: taskmanager.actor,
                });
            }
        }
        let topology = &office.blueprint.topology;
        let mut assigned = assign_state(self.store.metadata(), &self.layout, topology);
        for subtask in &deployment.subtasks {
            let assigned = assigned.remove(subtask).unwrap_or_default();
            self.submit(*subtask, assigned, office, ctx);
        }
        self.busy += self.first_deployment.take().unwrap_or_default();
        ctx.state(Fact::RecoveryDeployed {
            job: self.job,
            recovery: deployment.recovery,
        });
    }

    fn submit(
        &mut self,
        subtask: SubtaskId,
        assigned: AssignedState,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let descriptor = self.descriptor(subtask, assigned, office);
        let execution = self.execution(subtask);
        execution.turn(ExecutionState::Deploying, ctx);
        let slot = execution.slot.expect("it was assigned");
        let attempt = execution.attempt;
        let call = Call::SubmitTask {
            job_master: self.token,
            allocation: slot.allocation,
            task: Box::new(descriptor),
        };
        line::ask(
            &mut self.asks,
            JobAsk::Submit(subtask, attempt),
            office.blueprint.config.rpc.ask_timeout,
            Self::executor(slot.taskmanager),
            None,
            call,
            ctx,
        );
    }

    /// `TaskDeploymentDescriptor`
    fn descriptor(
        &self,
        subtask: SubtaskId,
        assigned: AssignedState,
        office: &Office<'_>,
    ) -> TaskDeployment {
        let topology = &office.blueprint.topology;
        let producer = |channel: &u32| {
            let execution = self.peek(topology.channels[*channel as usize].producer);
            let slot = execution
                .slot
                .expect("producers are deployed together or run");
            (slot.taskmanager, execution.attempt)
        };
        let inputs = &self.layout.vertex(subtask).inputs;
        let producers: Vec<_> = inputs.iter().map(producer).collect();
        TaskDeployment {
            subtask,
            attempt: self.peek(subtask).attempt,
            restored_checkpoint: self.store.latest(),
            layout: Arc::clone(&self.layout),
            state: assigned.state,
            channels: assigned.channels,
            splits: assigned.splits,
            aborted_up_to: self.coordinator.issued_max(),
            producers: producers
                .iter()
                .map(|(address, attempt)| (address.actor, *attempt))
                .collect(),
            incarnations: producers
                .iter()
                .map(|(address, _)| address.incarnation)
                .collect(),
            inputs_from: ReplayFrom::Checkpoint(self.store.latest()),
        }
    }

    pub(super) fn on_submitted(
        &mut self,
        subtask: SubtaskId,
        attempt: Attempt,
        result: Result<Answer, RpcError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let Some(execution) = self.current(subtask, attempt) else {
            return;
        };
        match result {
            Ok(_) => execution.acknowledged = true,
            // It may have started nevertheless: then the next heartbeat shows it, and it is cancelled.
            Err(error) => {
                let detector = match error {
                    RpcError::Unreachable => Detector::DeploymentUnreachable,
                    _ => Detector::DeploymentFailed,
                };
                let why = TaskFailure::Other("submitTask failed");
                self.fail(subtask, attempt, detector, &why, office, ctx);
            }
        }
    }
}
