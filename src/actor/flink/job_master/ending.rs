//! How a JobMaster ends: with its leadership, or with its job.

use crate::actor::context::Context;
use crate::actor::fact::JobStatus;
use crate::actor::flink::office::Office;
use crate::actor::flink::rpc::{Call, line};

use super::JobMaster;

impl JobMaster {
    /// Leadership is revoked: the job is SUSPENDED here, every TaskManager is told goodbye. What is in the checkpoint
    /// store stays there.
    pub fn suspend(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        self.give_stopping_up();
        self.stop_checkpoints(office, ctx);
        self.turn(JobStatus::Suspended, "leadership revoked".to_owned(), ctx);
        self.say_goodbye("JobManager is no longer the leader.", ctx);
        self.release_timers(ctx);
    }

    /// The job is over: its slots are nobody's (`DeclarativeSlotPoolService.close`), and everybody is told goodbye.
    pub(super) fn end(&mut self, reason: &'static str, ctx: &mut Context<'_>) {
        for (allocation, slot) in self.pool.all() {
            let call = Call::FreeSlot { allocation, reason };
            let peer = Self::executor(slot.taskmanager);
            line::tell(self.me(), peer, None, call, ctx);
        }
        self.say_goodbye(reason, ctx);
        self.release_timers(ctx);
    }

    pub(super) fn release_timers(&mut self, ctx: &mut Context<'_>) {
        self.heartbeats.stop(ctx);
        self.asks.drop_all(ctx);
        self.resource_manager.release(ctx);
        for alarm in [
            &mut self.round,
            &mut self.created,
            &mut self.idle,
            &mut self.request_timeout,
            &mut self.declare,
        ] {
            alarm.release(ctx);
        }
        for failover in &mut self.failovers {
            failover.delay.release(ctx);
        }
        for deployment in &mut self.deployments {
            deployment.descriptors.release(ctx);
        }
        if let Some(scheduler) = &mut self.adaptive {
            scheduler.end(ctx);
        }
        self.failovers.clear();
        self.deployments.clear();
        self.coordinator.release(ctx);
        self.enumerators.stop(ctx);
    }
}
