//! What reaches the endpoints of a process that leads: through their main threads, past their fences.

use crate::actor::checkpoint::{Blob, BlobKey};
use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::flink::job_master::JobMaster;
use crate::actor::flink::leader_paths::Component;
use crate::actor::flink::office::{Office, ZkAsk};
use crate::actor::flink::rpc::heartbeat::Peer;
use crate::actor::flink::rpc::{Address, Endpoint, Rpc, RpcError, line};
use crate::actor::message::{Body, FencingToken, Timer};
use crate::actor::zookeeper::protocol::{Answer, ZkError};
use crate::dataflow::topology::{JobId, OperatorId};
use crate::kernel::ActorId;

use super::JobManager;
use super::leadership::Services;
use super::threads::Work;

impl JobManager {
    pub(super) fn take_rpc(&mut self, from: Address, rpc: Box<Rpc>, ctx: &mut Context<'_>) {
        let peer = Peer {
            address: from,
            endpoint: rpc.from,
        };
        let to = rpc.to;
        self.admit(to, Work::Rpc(peer, rpc), ctx);
    }

    /// Nobody is where it was sent to: dead letters, and whoever asked hears of it.
    pub(super) fn on_undeliverable(&mut self, body: Body, ctx: &mut Context<'_>) {
        if let Body::Rpc(rpc) = body
            && let Some(ask) = rpc.ask
        {
            let work = Work::Answer(ask, Err(RpcError::Unreachable));
            self.admit(rpc.from, work, ctx);
        }
    }

    /// Storage does not answer, and whoever reads plans waits in vain.
    pub(super) fn on_storage_lost(&mut self, peer: ActorId, ctx: &mut Context<'_>) {
        let is_storage = peer == self.blueprint.directory.storage;
        if is_storage
            && self
                .services()
                .is_some_and(|services| services.is_reading())
        {
            self.fail("storage cannot be read", ctx);
        }
    }

    /// Nobody guesses what cannot be read: to a Dispatcher a result that may be there is not one that is absent.
    pub(super) fn on_read_failed(&mut self, key: BlobKey, ctx: &mut Context<'_>) {
        match key {
            BlobKey::Metadata { .. } => self.on_read(key, None, ctx),
            _ if self.services().is_some() => self.fail("storage cannot be read", ctx),
            _ => {}
        }
    }

    /// Something for an endpoint has come: it is handled once the endpoint's main thread is free.
    pub(super) fn admit(&mut self, endpoint: Endpoint, work: Work, ctx: &mut Context<'_>) {
        if let Some(work) = self.threads.admit(endpoint, work, ctx) {
            self.handle(endpoint, work, ctx);
        }
    }

    /// The endpoint's main thread is free again.
    pub(super) fn go_on(&mut self, endpoint: Endpoint, ctx: &mut Context<'_>) {
        while let Some(work) = self.threads.next(endpoint, ctx) {
            self.handle(endpoint, work, ctx);
            self.settle(ctx);
        }
    }

    fn handle(&mut self, endpoint: Endpoint, work: Work, ctx: &mut Context<'_>) {
        let mut office = Office {
            me: self.me,
            desk: &mut self.desk,
            blueprint: &self.blueprint,
        };
        let services = self.leadership.as_mut().and_then(|l| l.services.as_mut());
        let token = services.as_ref().and_then(|s| s.token(endpoint));
        let (Some(services), Some(token)) = (services, token) else {
            // Whoever calls finds nobody.
            if let Work::Rpc(from, rpc) = work {
                line::answer(from, rpc.ask, Err(RpcError::Unreachable), ctx);
            }
            return;
        };
        let profile = &self.blueprint.profile;
        let handling = match work.is_heartbeat() {
            true => profile.heartbeat_handling,
            false => profile.rpc_handling,
        };
        match work {
            Work::Rpc(from, rpc) if rpc.token != Some(token) => {
                line::answer(from, rpc.ask, Err(RpcError::Fenced), ctx);
            }
            work => services.handle(endpoint, work, &mut office, ctx),
        }
        let mut handling = handling.draw(&mut self.random);
        if let Endpoint::JobMaster(job) = endpoint
            && let Some((services, _)) = self.at_work()
            && let Some(job_master) = services.jobs.get_mut(&job)
        {
            handling += job_master.take_busy();
        }
        self.threads.occupy(endpoint, handling, ctx);
    }

    /// What runs while this process leads, and what it works with.
    pub(super) fn at_work(&mut self) -> Option<(&mut Services, Office<'_>)> {
        let services = self.leadership.as_mut()?.services.as_mut()?;
        let office = Office {
            me: self.me,
            desk: &mut self.desk,
            blueprint: &self.blueprint,
        };
        Some((services, office))
    }

    pub(super) fn on_read(&mut self, key: BlobKey, blob: Option<Blob>, ctx: &mut Context<'_>) {
        let Some((services, mut office)) = self.at_work() else {
            return;
        };
        let read = match key {
            BlobKey::Metadata { job, .. } => match services.jobs.get_mut(&job) {
                Some(job_master) => job_master.on_read(key, blob, &mut office, ctx),
                None => Ok(()),
            },
            _ => services.dispatcher.on_read(key, blob, &mut office, ctx),
        };
        if let Err(fatal) = read {
            self.fail(fatal.0, ctx);
        }
    }

    pub(super) fn on_written(&mut self, key: BlobKey, ctx: &mut Context<'_>) {
        let Some((services, mut office)) = self.at_work() else {
            return;
        };
        if let BlobKey::Metadata { job, .. } = key {
            if let Some(job_master) = services.jobs.get_mut(&job) {
                job_master.on_written(key, &mut office, ctx);
            }
        } else {
            services.dispatcher.on_written(key, &mut office, ctx);
        }
    }

    /// Kafka tells the enumerator of a source what its topic has.
    pub(super) fn on_partitions(
        &mut self,
        job: JobId,
        operator: OperatorId,
        partitions: u32,
        ctx: &mut Context<'_>,
    ) {
        if let Some((services, mut office)) = self.at_work()
            && let Some(job_master) = services.jobs.get_mut(&job)
        {
            job_master.on_partitions(operator, partitions, &mut office, ctx);
        }
    }

    /// Storage could not write: a checkpoint fails, the rest is written again.
    pub(super) fn on_write_failed(&mut self, key: BlobKey, ctx: &mut Context<'_>) {
        let Some((services, mut office)) = self.at_work() else {
            return;
        };
        match key {
            BlobKey::Metadata { job, checkpoint } => {
                if let Some(job_master) = services.jobs.get_mut(&job) {
                    job_master.on_metadata_lost(checkpoint, &mut office, ctx);
                }
            }
            key => services.dispatcher.write_again(key, &office, ctx),
        }
    }

    /// An answer of ZooKeeper to somebody who works only while this process leads.
    pub(super) fn on_services_answer(
        &mut self,
        ask: ZkAsk,
        result: Result<Answer, ZkError>,
        ctx: &mut Context<'_>,
    ) {
        let mut office = Office {
            me: self.me,
            desk: &mut self.desk,
            blueprint: &self.blueprint,
        };
        let Some(leadership) = &mut self.leadership else {
            return;
        };
        let token = leadership.token;
        let Some(services) = &mut leadership.services else {
            return;
        };
        match ask {
            ZkAsk::Store(job, ask) => {
                if let Some(job_master) = services.jobs.get_mut(&job) {
                    job_master.on_store(ask, result, &mut office, ctx);
                }
            }
            ZkAsk::Dispatcher(ask, of) if of == token => {
                services.dispatcher.on_answer(ask, result, &mut office, ctx);
            }
            ZkAsk::Publish(component, of) if of == token => {
                let known = services
                    .publisher
                    .on_answer(component, result, &mut office, ctx);
                if known && matches!(component, Component::JobMaster(_)) && !services.says_published
                {
                    services.says_published = true;
                    ctx.state(Fact::LeaderPublished { token });
                }
            }
            ZkAsk::Leader(Component::JobMaster(job)) => {
                let resource_manager = &mut services.resource_manager;
                resource_manager.on_job_leader(job, result, &mut office, ctx);
            }
            _ => {}
        }
    }

    /// The JobMasters hear who leads among the ResourceManagers.
    pub(super) fn tell_resource_manager(&mut self, ctx: &mut Context<'_>) {
        let leader = self.resource_manager.known();
        let mut office = Office {
            me: self.me,
            desk: &mut self.desk,
            blueprint: &self.blueprint,
        };
        let services = self.leadership.as_mut().and_then(|l| l.services.as_mut());
        for job_master in services.into_iter().flat_map(|s| s.jobs.values_mut()) {
            job_master.on_resource_manager(leader, &mut office, ctx);
        }
    }

    /// After each event: JobMasters are made where a job is ready, published where one has started, and taken away where
    /// the job has ended for good.
    pub(super) fn settle(&mut self, ctx: &mut Context<'_>) {
        let leader = self.resource_manager.known();
        let mut office = Office {
            me: self.me,
            desk: &mut self.desk,
            blueprint: &self.blueprint,
        };
        let Some(leadership) = &mut self.leadership else {
            return;
        };
        let token = leadership.token;
        let Some(services) = &mut leadership.services else {
            return;
        };
        while let Some((job, submission, savepoint)) = services.dispatcher.take_ready() {
            let mut job_master = JobMaster::new(job, token, submission, &office);
            job_master.starts_from(savepoint, services.used.get(&job).cloned());
            let is_first = !std::mem::replace(&mut self.has_made_job_master, true);
            job_master.start(is_first, &mut office, ctx);
            job_master.on_resource_manager(leader, &mut office, ctx);
            services.jobs.insert(job, job_master);
        }
        for (job, job_master) in &services.jobs {
            if job_master.has_started() {
                let component = Component::JobMaster(*job);
                services.publisher.publish(component, &mut office, ctx);
            }
        }
        services.say_recovered(token, ctx);
        let ended: Vec<_> = services
            .jobs
            .iter()
            .filter(|(_, job_master)| job_master.has_ended())
            .map(|(job, _)| *job)
            .collect();
        for job in ended {
            self.end(job, ctx);
        }
    }

    /// A job has ended for good, and its JobMaster has said goodbye: its result is kept, nobody runs it again.
    fn end(&mut self, job: JobId, ctx: &mut Context<'_>) {
        let Some((services, mut office)) = self.at_work() else {
            return;
        };
        if let Some(job_master) = services.jobs.remove(&job) {
            services.used.insert(job, job_master.used());
            let component = Component::JobMaster(job);
            services.publisher.withdraw(component, &mut office, ctx);
            services
                .dispatcher
                .end(job, job_master.savepoint(), &mut office, ctx);
            self.threads.end(Endpoint::JobMaster(job));
        }
    }
}

impl Services {
    /// Somebody waits for what storage has of a job.
    fn is_reading(&self) -> bool {
        self.dispatcher.is_reading() || self.jobs.values().any(JobMaster::is_reading)
    }

    /// The token that an endpoint wants to see; none: it is not there.
    fn token(&self, endpoint: Endpoint) -> Option<FencingToken> {
        match endpoint {
            Endpoint::ResourceManager => Some(self.resource_manager.token),
            Endpoint::JobMaster(job) => self.jobs.get(&job).map(|job_master| job_master.token),
            // Nobody calls a Dispatcher: the client's part is played by the scenario.
            Endpoint::Dispatcher | Endpoint::TaskExecutor => None,
        }
    }

    fn say_recovered(&mut self, token: FencingToken, ctx: &mut Context<'_>) {
        if !self.says_recovered
            && self.dispatcher.has_recovered()
            && self.jobs.values().all(JobMaster::has_started)
        {
            self.says_recovered = true;
            let jobs = self.jobs.len() as u32;
            ctx.state(Fact::JobsRecovered { token, jobs });
        }
    }

    fn handle(
        &mut self,
        endpoint: Endpoint,
        work: Work,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        match endpoint {
            Endpoint::ResourceManager => {
                let rm = &mut self.resource_manager;
                match work {
                    Work::Rpc(from, rpc) => rm.on_rpc(from, *rpc, office, ctx),
                    Work::Answer(ask, result) => rm.on_answer(ask, result, office, ctx),
                    Work::Timer(Timer::Ask { ask, .. }) => {
                        rm.on_answer(ask, Err(RpcError::Timeout), office, ctx)
                    }
                    Work::Timer(Timer::HeartbeatTimeout { peer, .. }) => {
                        rm.on_heartbeat_timeout(peer, office, ctx)
                    }
                    Work::Timer(Timer::HeartbeatRound { .. }) => rm.on_heartbeat_round(office, ctx),
                    Work::Timer(Timer::ResourceManager(timer)) => rm.on_timer(timer, office, ctx),
                    Work::Timer(timer) => unreachable!("ResourceManagers set no {timer:?}"),
                }
            }
            Endpoint::JobMaster(job) => {
                let Some(jm) = self.jobs.get_mut(&job) else {
                    return;
                };
                match work {
                    Work::Rpc(from, rpc) => jm.on_rpc(from, *rpc, office, ctx),
                    Work::Answer(ask, result) => jm.on_answer(ask, result, office, ctx),
                    Work::Timer(Timer::Ask { ask, .. }) => {
                        jm.on_answer(ask, Err(RpcError::Timeout), office, ctx)
                    }
                    Work::Timer(Timer::HeartbeatTimeout { peer, .. }) => {
                        jm.on_heartbeat_timeout(peer, office, ctx)
                    }
                    Work::Timer(Timer::HeartbeatRound { .. }) => jm.on_heartbeat_round(office, ctx),
                    Work::Timer(Timer::JobMaster { timer, .. }) => jm.on_timer(timer, office, ctx),
                    Work::Timer(timer) => unreachable!("JobMasters set no {timer:?}"),
                }
            }
            Endpoint::Dispatcher | Endpoint::TaskExecutor => {}
        }
    }
}
