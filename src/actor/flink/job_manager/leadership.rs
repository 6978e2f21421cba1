//! How a process comes to lead for all components at once, and how it ceases to (`DefaultLeaderElectionService`).

use std::collections::BTreeMap;

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::flink::job_master::{JobMaster, Used};
use crate::actor::flink::leader_paths::Component;
use crate::actor::flink::office::{Office, ZkAsk};
use crate::actor::flink::resource_manager::ResourceManager;
use crate::actor::flink::rpc::Endpoint;
use crate::actor::message::FencingToken;
use crate::actor::zookeeper::latch::{LatchAsk, Turn};
use crate::actor::zookeeper::protocol::{Answer, Op, ZkError};
use crate::dataflow::topology::JobId;

use super::JobManager;
use super::dispatcher::Dispatcher;
use super::publisher::Publisher;

/// A token is the time of the grant in microseconds, and the process: unique, and growing with time. Attempts pack it
/// together with a number, so it has this many bits.
const TOKEN_BITS: u32 = 44;
const PROCESS_BITS: u32 = 7;

#[derive(Clone, Debug)]
pub struct Leadership {
    /// The leader session id.
    pub token: FencingToken,
    /// None until they have started.
    pub services: Option<Services>,
}

/// What runs in a process that leads.
#[derive(Clone, Debug)]
pub struct Services {
    pub dispatcher: Dispatcher,
    pub resource_manager: ResourceManager,
    pub jobs: BTreeMap<JobId, JobMaster>,
    pub publisher: Publisher,
    /// By JobMasters of jobs that have ended, under this leader session id.
    pub used: BTreeMap<JobId, Used>,
    /// Whether somebody has been told that a JobMaster can be found, and that all jobs are back.
    pub says_published: bool,
    pub says_recovered: bool,
    /// The Dispatcher looks for the jobs: of an earlier leadership of this process nothing is left.
    recovers: bool,
}

impl JobManager {
    pub(super) fn services(&mut self) -> Option<&mut Services> {
        self.leadership.as_mut()?.services.as_mut()
    }

    pub(super) fn on_latch(
        &mut self,
        ask: LatchAsk,
        result: Result<Answer, ZkError>,
        ctx: &mut Context<'_>,
    ) {
        let session = self.desk.client.session();
        match self.latch.on_answer(ask, result, session) {
            Some(Turn::Ask(op, ask)) => self.desk.ask(op, ZkAsk::Latch(ask), ctx),
            Some(Turn::Replace { path, op, ask }) => {
                self.desk.ask(Op::Delete { path }, ZkAsk::Cleanup, ctx);
                self.desk.ask(op, ZkAsk::Latch(ask), ctx);
            }
            Some(Turn::Leads) => self.grant(ctx),
            None => {}
        }
    }

    /// The leadership begins, under a session id that nobody has had.
    fn grant(&mut self, ctx: &mut Context<'_>) {
        ctx.state(Fact::LeadershipGranted);
        let directory = &self.blueprint.directory;
        let process = directory
            .jobmanagers
            .iter()
            .position(|jm| *jm == self.me.actor);
        let process = process.expect("this process is a JobManager") as u64;
        assert!(
            process < 1 << PROCESS_BITS,
            "fewer JobManagers than a token tells apart"
        );
        let token = (ctx.now().0 / 1_000) << PROCESS_BITS | process;
        // Twice in one microsecond is possible where nothing takes time.
        let token = token.max(self.last_token + (1 << PROCESS_BITS));
        assert!(
            token < 1 << TOKEN_BITS,
            "a run is shorter than a day and a half"
        );
        self.last_token = token;
        self.leadership = Some(Leadership {
            token,
            services: None,
        });
        self.start_services(ctx);
    }

    /// Services of an earlier leadership of this process stop first, and they take until ZooKeeper has answered them.
    pub(super) fn start_services(&mut self, ctx: &mut Context<'_>) {
        let waits = self
            .leadership
            .as_ref()
            .is_some_and(|l| l.services.is_none());
        if waits && self.withdrawals == 0 && !self.starting.is_set(ctx) {
            let profile = &self.blueprint.profile;
            let mut startup = profile.leader_services_startup.draw(&mut self.random);
            if !self.has_led {
                startup += profile.first_leader_services_startup.draw(&mut self.random);
            }
            self.starting.set(ctx.stretched(startup), ctx);
        }
    }

    /// Dispatcher and ResourceManager run, and only now they can be found.
    pub(super) fn on_services_started(&mut self, ctx: &mut Context<'_>) {
        let Some(leadership) = &mut self.leadership else {
            return;
        };
        let token = leadership.token;
        self.has_led = true;
        let mut office = Office {
            me: self.me,
            desk: &mut self.desk,
            blueprint: &self.blueprint,
        };
        let mut services = Services {
            dispatcher: Dispatcher::new(token, &office),
            resource_manager: ResourceManager::new(token, &office),
            jobs: BTreeMap::new(),
            publisher: Publisher::new(token),
            used: BTreeMap::new(),
            says_published: false,
            says_recovered: false,
            recovers: false,
        };
        for component in [
            Component::Dispatcher,
            Component::ResourceManager,
            Component::RestServer,
        ] {
            services.publisher.publish(component, &mut office, ctx);
        }
        services.resource_manager.start(&mut office, ctx);
        leadership.services = Some(services);
        self.recover_jobs(ctx);
    }

    /// The Dispatcher starts when the one before it in this process has stopped (`DefaultDispatcherRunner`); the
    /// ResourceManager does not wait for that.
    pub(super) fn recover_jobs(&mut self, ctx: &mut Context<'_>) {
        let services = self.leadership.as_mut().and_then(|l| l.services.as_mut());
        let Some(services) = services.filter(|services| !services.recovers) else {
            return;
        };
        if self.closing.is_over() {
            services.recovers = true;
            // `DefaultLeaderElectionService.remove`: who leads again by then deletes what a session before has left, lest
            // the ResourceManager take the job's next JobMaster for another than its leader.
            for job in std::mem::take(&mut self.left_behind) {
                let path = Component::JobMaster(job).path();
                self.desk.ask(Op::Delete { path }, ZkAsk::Cleanup, ctx);
            }
            let mut office = Office {
                me: self.me,
                desk: &mut self.desk,
                blueprint: &self.blueprint,
            };
            services.dispatcher.recover(&mut office, ctx);
        }
    }

    /// Leadership is gone, or cannot be vouched for: everything that ran under it stops. The process stays a candidate.
    pub(super) fn revoke(&mut self, ctx: &mut Context<'_>) {
        self.latch.step_down();
        let Some(leadership) = self.leadership.take() else {
            return;
        };
        ctx.state(Fact::LeadershipLost {
            token: leadership.token,
        });
        self.starting.cancel(ctx);
        let Some(mut services) = leadership.services else {
            return;
        };
        if !services.jobs.is_empty() && !self.desk.client.is_connected() {
            self.closing.begin(ctx);
        }
        let mut office = Office {
            me: self.me,
            desk: &mut self.desk,
            blueprint: &self.blueprint,
        };
        self.left_behind.extend(services.jobs.keys().copied());
        for (job, job_master) in &mut services.jobs {
            job_master.suspend(&mut office, ctx);
            self.threads.end(Endpoint::JobMaster(*job));
        }
        services.resource_manager.stop(ctx);
        self.threads.end(Endpoint::ResourceManager);
        services.dispatcher.stop(ctx);
        self.withdrawals += services.publisher.withdraw_all(&mut office, ctx);
        self.desk.keep_asks(|ask| {
            matches!(
                ask,
                ZkAsk::Latch(_) | ZkAsk::Leader(Component::ResourceManager) | ZkAsk::Withdraw
            )
        });
    }
}
