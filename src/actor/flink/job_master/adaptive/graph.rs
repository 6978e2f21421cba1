//! A new execution graph: its parallelism, its slots, and its deployment (`CreatingExecutionGraph`, `Executing`).

use std::sync::Arc;

use crate::actor::context::Context;
use crate::actor::fact::{Detector, Fact, JobStatus};
use crate::actor::flink::job_master::slot_groups::{SharedSlot, SlotGroup};
use crate::actor::flink::office::Office;
use crate::actor::flink::rpc::call::AllocationId;
use crate::dataflow::layout::Layout;
use crate::kernel::Span;
use crate::policy::adaptive::parallelism::{
    PreviousVertex, assign_by_state, assign_in_order, shared_slots,
};
use crate::policy::adaptive::transition::StateTransitionManager;
use crate::policy::slot_sharing::SharedSlot as Members;

use super::{AdaptiveTimer, JobMaster, State, while_executing};

impl JobMaster {
    /// To CreatingExecutionGraph, with what there is; the job fails where that is not even the least.
    pub(super) fn create_graph(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let Some(parallelism) = self.available_parallelism(office) else {
            self.scheduler().end(ctx);
            let why =
                "NoResourceAvailableException: Not enough resources available for scheduling.";
            return self.fail_job(Detector::NoResources, None, why, office, ctx);
        };
        self.scheduler()
            .enter(State::CreatingExecutionGraph(parallelism), ctx);
        let delay = office.blueprint.profile.scheduling.draw(&mut self.random);
        self.set_timer(AdaptiveTimer::GraphCreated, delay, ctx);
    }

    /// The graph is there: it gets its slots and is deployed, or waits again where some of them have gone.
    pub(super) fn execute(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let State::CreatingExecutionGraph(parallelism) = &self.scheduler().state else {
            return;
        };
        let parallelism = parallelism.clone();
        let shared = shared_slots(&self.requirements(office), &parallelism);
        let Some(allocations) = self.assign_slots(&shared, &parallelism, office) else {
            return self.wait_for_resources(office, ctx);
        };
        self.adopt(parallelism, shared, allocations, office, ctx);
        self.turn(JobStatus::Running, "the graph executes".to_owned(), ctx);
        let (manager, actions) = StateTransitionManager::new(while_executing(office), ctx.now());
        let executing = State::Executing {
            manager,
            failures_left: None,
        };
        self.scheduler().enter(executing, ctx);
        self.carry_out(actions, office, ctx);
        self.set_timer(AdaptiveTimer::Entered, Span::ZERO, ctx);
        let (subtasks, recovery) = (self.layout.subtasks.clone(), self.scheduler().recovery);
        self.deploy_at_once(subtasks, recovery, office, ctx);
    }

    /// A slot for each group of subtasks; none where the pool has too few free ones.
    fn assign_slots(
        &self,
        shared: &[Members],
        parallelism: &[u32],
        office: &Office<'_>,
    ) -> Option<Vec<AllocationId>> {
        let mut free: Vec<u64> = self.pool.free().map(|(slot, _)| slot.0).collect();
        if free.len() < shared.len() {
            return None;
        }
        self.order.arrange(&mut free, |slot| *slot);
        let previous = self.previous_vertices(office);
        let assigned = if office.blueprint.config.local_recovery {
            assign_by_state(shared, parallelism, &free, &previous)
        } else {
            assign_in_order(shared, &free)
        };
        Some(assigned.into_iter().map(AllocationId).collect())
    }

    /// Where the state of each operator is, by the last graph and the latest checkpoint.
    fn previous_vertices(&self, office: &Office<'_>) -> Vec<Option<PreviousVertex>> {
        let topology = &office.blueprint.topology;
        let operators = &topology.jobs[self.job as usize].operators;
        let vertex = |(operator, width): (&u32, &u32)| {
            let info = &topology.operators[*operator as usize];
            let handles = self.store.metadata().into_iter().flat_map(|m| &m.handles);
            let of_operator =
                handles.filter(|h| topology.subtasks[h.subtask as usize].operator == *operator);
            let allocations: Option<Vec<u64>> = (info.first..info.first + width)
                .map(|subtask| self.peek(subtask).slot.map(|slot| slot.allocation.0))
                .collect();
            Some(PreviousVertex {
                parallelism: *width,
                max_parallelism: info.max_parallelism,
                state_bytes: of_operator.map(|handle| handle.bytes).sum(),
                allocations: allocations?,
            })
        };
        operators
            .iter()
            .zip(&self.layout.parallelism)
            .map(vertex)
            .collect()
    }

    /// The new graph takes the place of the old one.
    fn adopt(
        &mut self,
        parallelism: Vec<u32>,
        shared: Vec<Members>,
        allocations: Vec<AllocationId>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if parallelism != self.layout.parallelism {
            let layout = Layout::new(&office.blueprint.topology, self.job, &parallelism);
            self.layout = Arc::new(layout);
            ctx.state(Fact::ExecutionGraphCreated {
                job: self.job,
                parallelism,
            });
        }
        // Attempts of a subtask that comes back are later ones than those of whoever stood in for it.
        let number = self.executions.iter().map(|e| e.number()).max();
        let (token, number) = (self.token, number.unwrap_or(0) + 1);
        for execution in &mut self.executions {
            execution.renew(token, number);
        }
        self.coordinator.renew();
        self.start_enumerators(office, ctx);
        self.set_groups(shared, office);
        for (group, allocation) in allocations.into_iter().enumerate() {
            let request = self.pool.request(ctx.now());
            self.pool.reserve(allocation, request);
            self.groups[group].slot = SharedSlot::Held(allocation);
            for subtask in self.groups[group].subtasks.clone() {
                self.execution(subtask).wants_slot = true;
            }
            self.state_slot(allocation, "reserved", ctx);
        }
    }

    fn set_groups(&mut self, shared: Vec<Members>, office: &Office<'_>) {
        let topology = &office.blueprint.topology;
        let first_operator = topology.jobs[self.job as usize].operators[0];
        self.groups = shared
            .into_iter()
            .map(|members| SlotGroup {
                subtasks: members
                    .subtasks
                    .iter()
                    .map(|(vertex, index)| {
                        topology.subtask(first_operator + *vertex as u32, *index)
                    })
                    .collect(),
                slot: SharedSlot::None,
            })
            .collect();
        let first = self.executions[0].subtask;
        for (number, group) in self.groups.iter().enumerate() {
            for subtask in &group.subtasks {
                self.group_of[(subtask - first) as usize] = number;
            }
        }
    }
}
