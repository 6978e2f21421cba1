//! Who leads, as the TaskExecutor learns it from ZooKeeper, and what the loss of its own line there means.

use crate::actor::context::Context;
use crate::actor::flink::leader_paths::{Component, LeaderRetrieval};
use crate::actor::zookeeper::client::ClientEvent;
use crate::actor::zookeeper::protocol::{Answer, ZkError};
use crate::kernel::ActorId;

use super::TaskManager;

impl TaskManager {
    /// Reads who leads, and watches.
    pub(super) fn retrieve(&mut self, component: Component, ctx: &mut Context<'_>) {
        let op = LeaderRetrieval::new(component).read();
        self.executor().desk.ask(op, component, ctx);
    }

    pub(super) fn on_executor_zookeeper(
        &mut self,
        event: Option<ClientEvent>,
        ctx: &mut Context<'_>,
    ) {
        match event {
            Some(ClientEvent::Connected { .. }) => {
                self.executor().desk.forget_asks();
                let jobs: Vec<_> = self.executor().jobs.keys().copied().collect();
                self.retrieve(Component::ResourceManager, ctx);
                for job in jobs {
                    self.retrieve(Component::JobMaster(job), ctx);
                }
            }
            Some(ClientEvent::GaveUp) => {
                self.fail_fatally("Curator has given up on ZooKeeper", ctx)
            }
            Some(ClientEvent::Suspended) if self.blueprint.config.ha.tolerate_suspended => {}
            Some(ClientEvent::Suspended | ClientEvent::Lost) => self.forget_leaders(ctx),
            Some(ClientEvent::Reply { xid, result }) => {
                if let Some(component) = self.executor().desk.take_ask(xid) {
                    self.on_leader_read(component, result, ctx);
                }
            }
            Some(ClientEvent::WatchFired { path }) => {
                let jobs = self.executor().jobs.keys().copied();
                let component = jobs
                    .map(Component::JobMaster)
                    .chain([Component::ResourceManager])
                    .find(|component| component.path() == path);
                if let Some(component) = component {
                    self.retrieve(component, ctx);
                }
            }
            Some(ClientEvent::NotConnected) | None => {}
        }
    }

    /// What stands in ZooKeeper; nothing follows where it is known already.
    fn on_leader_read(
        &mut self,
        component: Component,
        result: Result<Answer, ZkError>,
        ctx: &mut Context<'_>,
    ) {
        let executor = self.executor();
        let Component::JobMaster(job) = component else {
            if executor.resource_manager.retrieval.on_answer(result) {
                self.reconnect_resource_manager("the ResourceManager leader has changed", ctx);
            }
            return;
        };
        let line = executor.jobs.get_mut(&job);
        if line.is_some_and(|line| line.retrieval.on_answer(result)) {
            self.on_job_leader(job, ctx);
        }
    }

    /// Without a line to ZooKeeper nobody is known to lead.
    fn forget_leaders(&mut self, ctx: &mut Context<'_>) {
        if self.executor().resource_manager.retrieval.forget() {
            self.reconnect_resource_manager("no ResourceManager is known to lead", ctx);
        }
        let jobs: Vec<_> = self.executor().jobs.keys().copied().collect();
        for job in jobs {
            let line = self.executor().jobs.get_mut(&job);
            if line.is_some_and(|line| line.retrieval.forget()) {
                self.on_job_leader(job, ctx);
            }
        }
    }

    /// A process died: if it is the ZooKeeper server in use, the line is suspended; if it is a TaskManager, its tasks'
    /// consumers here fail.
    pub(in crate::actor::task_manager) fn on_executor_reset(
        &mut self,
        peer: ActorId,
        incarnation: u32,
        ctx: &mut Context<'_>,
    ) {
        if self.executor().desk.client.is_server(peer) {
            let event = self.executor().desk.client.on_reset(peer, ctx);
            self.on_executor_zookeeper(event, ctx);
        } else if self.blueprint.directory.taskmanagers.contains(&peer) {
            self.lose_data_connection(peer, incarnation, ctx);
        }
    }
}
