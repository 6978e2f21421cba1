//! Who is registered at the ResourceManager: TaskExecutors and JobMasters, and what follows when one is lost.

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::flink::office::Office;
use crate::actor::flink::rpc::call::{InstanceId, SlotStatus};
use crate::actor::flink::rpc::heartbeat::Peer;
use crate::actor::flink::rpc::{Address, Answer, AskId, Call, Endpoint, RpcError, line};
use crate::actor::message::FencingToken;
use crate::dataflow::topology::JobId;

use super::{ENDPOINT, JobMasterConnection, ResourceManager};

impl ResourceManager {
    // TaskExecutors.

    /// `registerTaskExecutor`: whoever registers again is a new instance, and its predecessor's slots are gone. A process
    /// that was started again has another resource id and replaces nobody, unless `taskmanager.resource-id` is set.
    pub(super) fn register_taskexecutor(
        &mut self,
        from: Peer,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) -> Result<Answer, RpcError> {
        if office.blueprint.config.resource_id.is_some() {
            self.replace_predecessor(from.address, office, ctx);
        }
        if self.slots.unregister(from.address) {
            self.check_soon(office, ctx);
        }
        self.next_instance += 1;
        let instance = self.next_instance;
        self.taskexecutors.insert(from.address, instance);
        self.heartbeats.monitor(from, ctx);
        ctx.state(Fact::TaskExecutorRegistered {
            taskmanager: from.address,
            instance,
        });
        Ok(Answer::RegisteredTaskExecutor { instance })
    }

    /// The earlier process under the same resource id is gone. JobMasters are not told: they learn of it when the new
    /// process registers with them.
    fn replace_predecessor(
        &mut self,
        taskmanager: Address,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let is_predecessor = |known: &&Address| taskmanager.is_other_life_of(**known);
        let Some(old) = self.taskexecutors.keys().find(is_predecessor).copied() else {
            return;
        };
        let peer = Peer {
            address: old,
            endpoint: Endpoint::TaskExecutor,
        };
        let reason = "a new process registers under its resource id";
        self.forget_taskexecutor(peer, reason, office, ctx);
    }

    /// Its slots are gone. False: it was not known.
    fn forget_taskexecutor(
        &mut self,
        peer: Peer,
        reason: &'static str,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) -> bool {
        let Some(instance) = self.taskexecutors.remove(&peer.address) else {
            return false;
        };
        self.heartbeats.unmonitor(peer, ctx);
        ctx.state(Fact::TaskExecutorUnregistered {
            taskmanager: peer.address,
            instance,
            reason,
        });
        if self.slots.unregister(peer.address) {
            self.check_soon(office, ctx);
        }
        true
    }

    pub(super) fn is_instance(&self, taskmanager: Address, instance: InstanceId) -> bool {
        self.taskexecutors.get(&taskmanager) == Some(&instance)
    }

    /// `sendSlotReport`: only now the slots count.
    pub(super) fn on_slot_report(
        &mut self,
        from: Address,
        instance: InstanceId,
        slots: &[SlotStatus],
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) -> Result<Answer, RpcError> {
        if !self.is_instance(from, instance) {
            return Err(RpcError::Refused("unknown TaskManager instance"));
        }
        self.slots.register(from, instance, slots);
        for status in slots {
            if let Some((allocation, job)) = status.allocation {
                ctx.state(Fact::SlotKnown {
                    job,
                    allocation,
                    taskmanager: from,
                });
            }
        }
        self.check_soon(office, ctx);
        Ok(Answer::Ack)
    }

    /// `closeTaskManagerConnection`: its slots are gone, and every JobMaster that is registered is told.
    pub(super) fn close_taskexecutor(
        &mut self,
        peer: Peer,
        reason: &'static str,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if !self.forget_taskexecutor(peer, reason, office, ctx) {
            return;
        }
        let goodbye = Call::GoodbyeFromResourceManager { reason };
        line::tell(ENDPOINT, peer, None, goodbye, ctx);
        for connection in self.job_masters.values() {
            let call = Call::DisconnectTaskManager {
                taskmanager: peer.address,
                reason,
            };
            line::tell(ENDPOINT, connection.peer, Some(connection.token), call, ctx);
        }
    }

    // JobMasters.

    /// The job's leader id is known now, and it is this JobMaster's or not.
    pub(super) fn complete_registration(
        &mut self,
        from: Peer,
        ask: Option<AskId>,
        job: JobId,
        job_master: FencingToken,
        is_leader: bool,
        ctx: &mut Context<'_>,
    ) {
        if !is_leader {
            let refusal = Err(RpcError::Refused(
                "the JobMaster is not the leader of its job",
            ));
            return line::answer(from, ask, refusal, ctx);
        }
        let known = self.job_masters.get(&job).copied();
        if known.is_none_or(|known| known.token != job_master || known.peer != from) {
            self.close_job_master(job, "a new JobMaster registers", ctx);
            let connection = JobMasterConnection {
                peer: from,
                token: job_master,
            };
            self.job_masters.insert(job, connection);
            self.heartbeats.monitor(from, ctx);
            ctx.state(Fact::JobMasterRegistered { job, job_master });
        }
        line::answer(from, ask, Ok(Answer::RegisteredJobMaster), ctx);
    }

    /// `closeJobManagerConnection`: what the job requires is retained; the JobMaster is asked to come again.
    pub(super) fn close_job_master(
        &mut self,
        job: JobId,
        reason: &'static str,
        ctx: &mut Context<'_>,
    ) {
        let Some(connection) = self.job_masters.remove(&job) else {
            return;
        };
        self.heartbeats.unmonitor(connection.peer, ctx);
        ctx.state(Fact::JobMasterUnregistered {
            job,
            job_master: connection.token,
            reason,
        });
        let call = Call::DisconnectResourceManager { reason };
        line::tell(ENDPOINT, connection.peer, Some(connection.token), call, ctx);
    }

    /// `disconnectJobManager`. A job that has ended for good needs nothing any more.
    pub(super) fn on_job_master_goodbye(
        &mut self,
        from: Peer,
        job: JobId,
        terminal: bool,
        ctx: &mut Context<'_>,
    ) {
        if self
            .job_masters
            .get(&job)
            .is_some_and(|known| known.peer == from)
        {
            self.close_job_master(job, "the JobMaster said goodbye", ctx);
            if terminal {
                self.forget_job(job, ctx);
            }
        }
    }
}
