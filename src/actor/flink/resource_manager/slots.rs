//! From what jobs require to requests to TaskManagers, in batches (`FineGrainedSlotManager`).

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::flink::office::Office;
use crate::actor::flink::rpc::call::{AllocationId, InstanceId, SlotIndex};
use crate::actor::flink::rpc::heartbeat::Peer;
use crate::actor::flink::rpc::{Address, Answer, Call, Endpoint, RpcError, line};
use crate::actor::message::FencingToken;
use crate::dataflow::topology::JobId;

use super::slot_manager::SlotRequest;
use super::{Ask, ENDPOINT, ResourceManager};

impl ResourceManager {
    /// `declareRequiredResources`; from a JobMaster that is not registered it is an error.
    pub(super) fn on_requirements(
        &mut self,
        job: JobId,
        job_master: FencingToken,
        slots: u32,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) -> Result<Answer, RpcError> {
        let connection = self.job_masters.get(&job);
        let Some(connection) = connection.filter(|known| known.token == job_master) else {
            return Err(RpcError::Refused("the JobMaster is not registered"));
        };
        self.slots.require(job, slots, connection.peer.address);
        ctx.state(Fact::RequirementsDeclared { job, slots });
        self.check_soon(office, ctx);
        Ok(Answer::Ack)
    }

    /// `notifySlotAvailable`
    pub(super) fn on_slot_available(
        &mut self,
        from: Address,
        instance: InstanceId,
        slot: SlotIndex,
        allocation: AllocationId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if self.is_instance(from, instance) && self.slots.free(from, slot, allocation) {
            self.check_soon(office, ctx);
        }
    }

    /// Whatever changes within `slotmanager.requirement-check.delay` is looked at together.
    pub(super) fn check_soon(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        if !self.check.is_set(ctx) {
            let delay = office.blueprint.config.slots.requirement_check_delay;
            self.check.set(delay, ctx);
        }
    }

    pub(super) fn check_requirements(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let (requests, unfulfillable) = self.slots.check();
        for request in requests {
            self.request_slot(request, office, ctx);
        }
        for (job, missing) in unfulfillable {
            // In the start-up period TaskManagers may still come.
            if !self.fails_unfulfillable {
                continue;
            }
            ctx.state(Fact::NotEnoughResources { job, missing });
            if let Some(connection) = self.job_masters.get(&job) {
                let call = Call::NotifyNotEnoughResources;
                line::tell(ENDPOINT, connection.peer, Some(connection.token), call, ctx);
            }
        }
    }

    fn request_slot(
        &mut self,
        request: SlotRequest,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        ctx.state(Fact::SlotRequested {
            job: request.job,
            allocation: request.allocation,
            taskmanager: request.taskmanager,
            slot: request.slot,
        });
        let call = Call::RequestSlot {
            slot: request.slot,
            allocation: request.allocation,
            job: request.job,
            job_master: request.job_master,
            resource_manager: self.token,
        };
        let to = Peer {
            address: request.taskmanager,
            endpoint: Endpoint::TaskExecutor,
        };
        let timeout = office.blueprint.config.rpc.ask_timeout;
        let what = Ask::Slot(request);
        line::ask(&mut self.asks, what, timeout, to, None, call, ctx);
    }

    /// A request that failed is looked for elsewhere, or there again: the TaskManager may be gone without anybody knowing.
    pub(super) fn on_slot_requested(
        &mut self,
        request: SlotRequest,
        result: Result<Answer, RpcError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let SlotRequest {
            taskmanager,
            slot,
            allocation,
            job,
            ..
        } = request;
        match result {
            Ok(_) => {
                self.slots.confirm(taskmanager, slot, allocation);
                if self.slots.knows(taskmanager) {
                    ctx.state(Fact::SlotKnown {
                        job,
                        allocation,
                        taskmanager,
                    });
                }
            }
            Err(error) => {
                ctx.state(Fact::SlotRequestFailed {
                    job,
                    allocation,
                    taskmanager,
                    error,
                });
                self.slots.free(taskmanager, slot, allocation);
                self.check_soon(office, ctx);
            }
        }
    }
}
