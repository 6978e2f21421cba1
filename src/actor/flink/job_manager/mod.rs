//! The JobManager process: its line to ZooKeeper, leader election for all components, Dispatcher, ResourceManager, JobMasters.
//!
//! Where ZooKeeper is gone for so long that Curator gives up on what the process asks of it for leadership, the process ends
//! itself; unless its session has expired before, with which everything ends that was asked for.

mod clients;
mod closing;
mod dispatcher;
mod endpoints;
mod leadership;
mod publisher;
#[cfg(test)]
mod tests;
mod threads;

use std::sync::Arc;

use serde::Serialize;

use crate::actor::blueprint::Blueprint;
use crate::actor::context::{Alarm, Context};
use crate::actor::fact::Fact;
use crate::actor::message::{Body, Envelope, FencingToken, Timer};
use crate::actor::zookeeper::client::{Client, ClientEvent};
use crate::actor::zookeeper::desk::Desk;
use crate::actor::zookeeper::latch::Latch;
use crate::actor::zookeeper::protocol::{Answer, Op, ZkError};
use crate::dataflow::topology::JobId;
use crate::kernel::{ActorId, SmallStream};

use super::leader_paths::{Component, LATCH_PATH, LeaderRetrieval};
use super::office::{Office, ZkAsk};
use super::rpc::{Address, Endpoint};
pub use clients::JobView;
use closing::Closing;
use leadership::Leadership;
use threads::{Threads, Work};

/// What its own timers say to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum JobManagerTimer {
    /// Dispatcher and ResourceManager run.
    ServicesStarted,
    /// The client hands a job in.
    JobSubmitted { job: JobId },
    /// A job's execution plan is rebuilt.
    JobRecovered { job: JobId },
    /// What an earlier leadership of this process asks of ZooKeeper has waited long enough.
    Closing,
}

#[derive(Clone, Debug)]
pub struct JobManager {
    me: Address,
    blueprint: Arc<Blueprint>,
    desk: Desk<ZkAsk>,
    latch: Latch,
    threads: Threads,
    /// While the latch is ours.
    leadership: Option<Leadership>,
    /// No later leadership of this process has a smaller one.
    last_token: FencingToken,
    /// What earlier leaderships have written and ZooKeeper has not confirmed as deleted: until then they are stopping.
    withdrawals: u32,
    /// Jobs of an earlier leadership of which it is not known that what it has written about them is deleted.
    left_behind: Vec<JobId>,
    closing: Closing,
    starting: Alarm,
    /// Services have run in this process, and a JobMaster has been made: their classes are loaded.
    has_led: bool,
    has_made_job_master: bool,
    resource_manager: LeaderRetrieval,
    random: SmallStream,
    /// The process has ended itself.
    dead: bool,
}

impl JobManager {
    pub fn new(me: ActorId, blueprint: Arc<Blueprint>) -> JobManager {
        let ha = &blueprint.config.ha;
        let name = blueprint.directory.name(me);
        let client = Client::new(
            name,
            &blueprint.directory.zookeeper,
            ha.session_timeout,
            ha.connection_timeout,
            &blueprint.streams,
        )
        .lost_after_percent(ha.simulated_session_expiration_percent)
        .retrying(ha.retries());
        JobManager {
            me: Address {
                actor: me,
                incarnation: 0,
            },
            desk: Desk::new(client),
            latch: Latch::new(LATCH_PATH, [u64::from(me.0), 0], true),
            threads: Threads::default(),
            leadership: None,
            last_token: 0,
            withdrawals: 0,
            left_behind: Vec::new(),
            closing: Closing::new(ha),
            starting: Alarm::new(Timer::JobManager(JobManagerTimer::ServicesStarted)),
            has_led: false,
            has_made_job_master: false,
            resource_manager: LeaderRetrieval::new(Component::ResourceManager),
            random: blueprint.streams.small("job-manager", name),
            dead: false,
            blueprint,
        }
    }

    pub fn is_leading(&self) -> bool {
        self.leadership.is_some()
    }

    pub fn on_message(&mut self, envelope: Envelope, ctx: &mut Context<'_>) {
        if self.dead {
            return;
        }
        let from = Address {
            actor: envelope.from,
            incarnation: envelope.from_incarnation,
        };
        match envelope.body {
            Body::Start => {
                self.me.incarnation = envelope.to_incarnation;
                self.desk.client.open(ctx);
            }
            Body::Zk(message) => {
                let event = self.desk.client.on_message(envelope.from, *message, ctx);
                self.on_zookeeper(event, ctx);
            }
            Body::ConnectionReset { peer } | Body::ConnectionRefused { peer } => {
                let event = self.desk.client.on_reset(peer, ctx);
                self.on_zookeeper(event, ctx);
                self.on_storage_lost(peer, ctx);
            }
            Body::Undeliverable(body) => self.on_undeliverable(*body, ctx),
            Body::Rpc(rpc) => self.take_rpc(from, rpc, ctx),
            Body::RpcAnswer(answer) => {
                let work = Work::Answer(answer.ask, answer.result);
                self.admit(answer.to, work, ctx);
            }
            Body::MainThreadFree { endpoint } => self.go_on(endpoint, ctx),
            Body::ReadDone { key, blob } => self.on_read(key, blob, ctx),
            Body::ReadFailed { key } => self.on_read_failed(key, ctx),
            Body::Written { key } => self.on_written(key, ctx),
            Body::Shutdown => self.shut_down(ctx),
            Body::Client(request) => self.on_client(request, ctx),
            Body::WriteFailed { key } => self.on_write_failed(key, ctx),
            Body::Partitions {
                job,
                operator,
                partitions,
            } => self.on_partitions(job, operator, partitions, ctx),
            body => unreachable!("JobManagers do not receive {body:?}"),
        }
        self.settle(ctx);
    }

    pub fn on_timer(&mut self, timer: Timer, ctx: &mut Context<'_>) {
        if self.dead {
            return;
        }
        match timer {
            Timer::Zk(timer) => {
                let event = self.desk.client.on_timer(timer, ctx);
                self.on_zookeeper(event, ctx);
            }
            Timer::JobManager(JobManagerTimer::ServicesStarted) => self.on_services_started(ctx),
            Timer::JobManager(JobManagerTimer::Closing) => {
                let connected = self.desk.client.is_connected();
                self.closing.on_timer(connected);
                self.recover_jobs(ctx);
            }
            Timer::JobManager(JobManagerTimer::JobSubmitted { job }) => {
                let storage = self.blueprint.directory.storage;
                if let Some(services) = self.services() {
                    services.dispatcher.on_submitted(job, storage, ctx);
                }
            }
            Timer::JobManager(JobManagerTimer::JobRecovered { job }) => {
                if let Some(services) = self.services() {
                    services.dispatcher.on_job_recovered(job, ctx);
                }
            }
            Timer::Ask { owner, .. }
            | Timer::HeartbeatTimeout { owner, .. }
            | Timer::HeartbeatRound { owner } => self.admit(owner, Work::Timer(timer), ctx),
            Timer::ResourceManager(_) => {
                self.admit(Endpoint::ResourceManager, Work::Timer(timer), ctx)
            }
            Timer::JobMaster { job, .. } => {
                self.admit(Endpoint::JobMaster(job), Work::Timer(timer), ctx)
            }
            timer => unreachable!("JobManagers set no {timer:?}"),
        }
        self.settle(ctx);
    }

    fn on_zookeeper(&mut self, event: Option<ClientEvent>, ctx: &mut Context<'_>) {
        let tolerates = self.blueprint.config.ha.tolerate_suspended;
        match event {
            Some(ClientEvent::Connected { .. }) => {
                self.on_connected(ctx);
                self.closing.on_connected(ctx);
                self.recover_jobs(ctx);
            }
            Some(ClientEvent::NotConnected) => {
                self.closing.on_not_connected(&mut self.random, ctx);
                self.recover_jobs(ctx);
            }
            // Curator's standard policy: a leader that cannot be sure of its session is no leader.
            Some(ClientEvent::Suspended) => {
                ctx.state(Fact::ZooKeeperSuspended);
                if !tolerates {
                    self.revoke(ctx);
                    self.forget_resource_manager(ctx);
                }
            }
            Some(ClientEvent::Lost) => {
                self.revoke(ctx);
                self.forget_resource_manager(ctx);
                self.latch.on_session_lost();
                self.desk.forget_asks();
                self.withdrawals = 0;
            }
            Some(ClientEvent::Reply { xid, result }) => {
                if let Some(ask) = self.desk.take_ask(xid) {
                    self.on_zookeeper_answer(ask, result, ctx);
                }
            }
            Some(ClientEvent::WatchFired { path }) => self.on_watch(Some(&path), ctx),
            // `UnhandledErrorListener`. Whoever waits for a checkpoint store asks again on the next connection.
            Some(ClientEvent::GaveUp) => {
                let store = |ask: &ZkAsk| matches!(ask, ZkAsk::Store(..) | ZkAsk::Cleanup);
                if self.desk.waits_for(|ask| !store(ask)) {
                    self.fail("Curator has given up on ZooKeeper", ctx);
                }
            }
            None => {}
        }
    }

    fn on_connected(&mut self, ctx: &mut Context<'_>) {
        // Who leads without a doubt has nothing to ask.
        if !self.latch.has_leadership() {
            let (op, ask) = self.latch.take_part();
            self.desk.ask(op, ZkAsk::Latch(ask), ctx);
        }
        self.read_resource_manager(ctx);
        self.on_watch(None, ctx);
    }

    /// A watch has fired, or, on a new connection, any may have.
    fn on_watch(&mut self, path: Option<&str>, ctx: &mut Context<'_>) {
        if let Some((op, ask)) = path.and_then(|path| self.latch.on_watch(path)) {
            self.desk.ask(op, ZkAsk::Latch(ask), ctx);
        }
        if path.is_some_and(|path| path == Component::ResourceManager.path()) {
            self.read_resource_manager(ctx);
        }
        let mut office = Office {
            me: self.me,
            desk: &mut self.desk,
            blueprint: &self.blueprint,
        };
        if let Some(leadership) = &mut self.leadership
            && let Some(services) = &mut leadership.services
        {
            services.publisher.on_watch(path, &mut office, ctx);
            services.resource_manager.on_watch(path, &mut office, ctx);
        }
    }

    fn read_resource_manager(&mut self, ctx: &mut Context<'_>) {
        let op = self.resource_manager.read();
        let ask = ZkAsk::Leader(Component::ResourceManager);
        self.desk.ask(op, ask, ctx);
    }

    fn forget_resource_manager(&mut self, ctx: &mut Context<'_>) {
        if self.resource_manager.forget() {
            self.tell_resource_manager(ctx);
        }
    }

    fn on_zookeeper_answer(
        &mut self,
        ask: ZkAsk,
        result: Result<Answer, ZkError>,
        ctx: &mut Context<'_>,
    ) {
        match ask {
            ZkAsk::Latch(ask) => self.on_latch(ask, result, ctx),
            ZkAsk::Leader(Component::ResourceManager) => {
                if self.resource_manager.on_answer(result) {
                    self.tell_resource_manager(ctx);
                }
            }
            ZkAsk::Withdraw => {
                self.withdrawals -= 1;
                if self.withdrawals == 0 {
                    self.left_behind.clear();
                }
                self.start_services(ctx);
            }
            ZkAsk::Cleanup => {}
            ask => self.on_services_answer(ask, result, ctx),
        }
    }

    /// SIGTERM: everybody can see at once that nobody leads here any more, and the process ends.
    pub fn shut_down(&mut self, ctx: &mut Context<'_>) {
        self.revoke(ctx);
        if let Some(path) = self.latch.node() {
            self.desk.ask(Op::Delete { path }, ZkAsk::Cleanup, ctx);
        }
        self.desk.client.close(ctx);
        self.dead = true;
        ctx.exit(self.blueprint.directory.faults);
    }

    /// The process ends itself (`FatalErrorHandler`).
    fn fail(&mut self, reason: &'static str, ctx: &mut Context<'_>) {
        ctx.state(Fact::FatalError { reason });
        self.dead = true;
        ctx.exit(self.blueprint.directory.faults);
    }
}
