//! Whom the JobMaster is connected to: TaskManagers and the ResourceManager, their heartbeats and their loss.

use crate::actor::checkpoint::Attempt;
use crate::actor::context::{Alarm, Context};
use crate::actor::fact::{Detector, Fact};
use crate::actor::flink::office::Office;
use crate::actor::flink::rpc::call::TaskFailure;
use crate::actor::flink::rpc::heartbeat::{Peer, Verdict};
use crate::actor::flink::rpc::registration::{Registration, Retry};
use crate::actor::flink::rpc::{Address, Answer, Call, Endpoint, RpcError, line};
use crate::actor::message::FencingToken;
use crate::actor::settings::RegistrationConfig;
use crate::dataflow::topology::SubtaskId;
use crate::policy::defect::Defect;

use super::{JobAsk, JobMaster};

/// The connection to the ResourceManager that leads (`ResourceManagerConnection`).
#[derive(Clone, Debug)]
pub(super) struct ResourceManagerLine {
    config: RegistrationConfig,
    leader: Option<(Address, FencingToken)>,
    registration: Registration,
    registered: bool,
    retry: Alarm,
}

impl ResourceManagerLine {
    pub(super) fn new(config: RegistrationConfig, retry: Alarm) -> ResourceManagerLine {
        ResourceManagerLine {
            config,
            leader: None,
            registration: Registration::new(config),
            registered: false,
            retry,
        }
    }

    pub(super) fn release(&mut self, ctx: &mut Context<'_>) {
        self.retry.release(ctx);
        self.leader = None;
        self.registered = false;
    }
}

impl JobMaster {
    /// The TaskManager's own RPC endpoint.
    pub(super) fn executor(address: Address) -> Peer {
        Peer {
            address,
            endpoint: Endpoint::TaskExecutor,
        }
    }

    pub(super) fn resource_manager(&self) -> Option<(Peer, FencingToken)> {
        self.resource_manager.leader.map(|(address, token)| {
            let peer = Peer {
                address,
                endpoint: Endpoint::ResourceManager,
            };
            (peer, token)
        })
    }

    pub(super) fn is_registered(&self) -> bool {
        self.resource_manager.registered
    }

    // TaskManagers.

    /// `registerTaskManager`: idempotent for one session, another session under the same resource id replaces it. That is
    /// the same process, or its predecessor where `taskmanager.resource-id` is set.
    pub(super) fn register(
        &mut self,
        from: Peer,
        session: u64,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) -> Result<Answer, RpcError> {
        let known = self.taskmanagers.get(&from.address).copied();
        if known == Some(session) {
            return Ok(Answer::RegisteredTaskManager);
        }
        if known.is_some() {
            self.lose_taskmanager(from.address, Detector::Reregistration, office, ctx);
        }
        let is_predecessor = |known: &&Address| from.address.is_other_life_of(**known);
        if office.blueprint.config.resource_id.is_some()
            && let Some(old) = self.taskmanagers.keys().find(is_predecessor).copied()
        {
            self.lose_taskmanager(old, Detector::Reregistration, office, ctx);
        }
        self.taskmanagers.insert(from.address, session);
        self.heartbeats.monitor(from, ctx);
        ctx.state(Fact::TaskManagerRegistered {
            taskmanager: from.address.actor,
        });
        Ok(Answer::RegisteredTaskManager)
    }

    /// A round of requests, then the next one an interval later (`HeartbeatManagerSenderImpl`).
    pub fn on_heartbeat_round(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let config = &office.blueprint.config;
        let peers: Vec<_> = self
            .heartbeats
            .peers()
            .filter(|peer| peer.endpoint == Endpoint::TaskExecutor)
            .collect();
        for peer in peers {
            let call = Call::HeartbeatFromJobManager {
                job: self.job,
                job_master: self.token,
                owned: self.pool.of(peer.address),
            };
            let what = JobAsk::Heartbeat(peer);
            line::ask(
                &mut self.asks,
                what,
                config.rpc.ask_timeout,
                peer,
                None,
                call,
                ctx,
            );
        }
        self.round.set(config.heartbeat.interval, ctx);
    }

    pub(super) fn on_heartbeat_rpc(
        &mut self,
        peer: Peer,
        result: Result<Answer, RpcError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let verdict = self.heartbeats.on_rpc(peer, result.map(|_| ()), ctx);
        self.judge(peer, verdict, office, ctx);
    }

    pub fn on_heartbeat_timeout(
        &mut self,
        peer: Peer,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let verdict = self.heartbeats.on_timeout(peer, ctx);
        self.judge(peer, verdict, office, ctx);
    }

    fn judge(
        &mut self,
        peer: Peer,
        verdict: Option<Verdict>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let Some(verdict) = verdict else { return };
        ctx.state(Fact::PeerLost {
            owner: self.me(),
            peer,
            verdict,
        });
        match peer.endpoint {
            Endpoint::TaskExecutor => {
                let detector = match verdict {
                    Verdict::Timeout => Detector::HeartbeatTimeout,
                    Verdict::Unreachable => Detector::RpcUnreachable,
                };
                self.lose_taskmanager(peer.address, detector, office, ctx);
            }
            _ => self.reconnect_resource_manager(office, ctx),
        }
    }

    /// A TaskManager's heartbeat, with what it runs of the job: both sides' views are made equal
    /// (`ExecutionDeploymentReconciler`).
    pub(super) fn on_heartbeat(
        &mut self,
        from: Peer,
        deployed: &[(SubtaskId, Attempt)],
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let reconciles = !office
            .blueprint
            .defects
            .has(Defect::DeploymentsNotReconciled);
        if !self.heartbeats.heard(from, ctx) || !reconciles {
            return;
        }
        let here = from.address;
        for (subtask, attempt) in deployed {
            let known = self.peek(*subtask);
            if known.attempt != *attempt || !known.is_at(here) {
                let call = Call::CancelTask {
                    subtask: *subtask,
                    attempt: *attempt,
                };
                line::tell(self.me(), from, None, call, ctx);
            }
        }
        let missing: Vec<_> = self
            .executions
            .iter()
            .filter(|execution| {
                execution.is_at(here)
                    && execution.acknowledged
                    && !deployed.contains(&(execution.subtask, execution.attempt))
            })
            .map(|execution| (execution.subtask, execution.attempt))
            .collect();
        for (subtask, attempt) in missing {
            let why = TaskFailure::Other("unexpectedly no longer running on its TaskManager");
            self.fail(subtask, attempt, Detector::TaskFailure, &why, office, ctx);
        }
    }

    /// An orderly goodbye (`disconnectTaskManager`).
    pub(super) fn on_goodbye(
        &mut self,
        from: Address,
        _reason: &'static str,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.lose_taskmanager(from, Detector::Goodbye, office, ctx);
    }

    /// The ResourceManager has given a TaskManager up, and whoever counts on it is told.
    pub(super) fn on_resource_manager_lost(
        &mut self,
        taskmanager: Address,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.lose_taskmanager(taskmanager, Detector::ResourceManager, office, ctx);
    }

    /// `disconnectTaskManager`: its slots leave the pool, and whatever ran there has ended.
    fn lose_taskmanager(
        &mut self,
        taskmanager: Address,
        detector: Detector,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if self.taskmanagers.remove(&taskmanager).is_none() {
            return;
        }
        self.heartbeats.unmonitor(Self::executor(taskmanager), ctx);
        ctx.state(Fact::TaskManagerLost {
            taskmanager: taskmanager.actor,
            detector,
        });
        let call = Call::GoodbyeFromJobManager {
            job: self.job,
            reason: "the JobMaster has given the TaskManager up",
        };
        line::tell(self.me(), Self::executor(taskmanager), None, call, ctx);
        let slots = self.pool.of(taskmanager);
        self.lose_slots(slots, detector, office, ctx);
    }

    pub(super) fn say_goodbye(&mut self, reason: &'static str, ctx: &mut Context<'_>) {
        for address in std::mem::take(&mut self.taskmanagers).into_keys() {
            let call = Call::GoodbyeFromJobManager {
                job: self.job,
                reason,
            };
            line::tell(self.me(), Self::executor(address), None, call, ctx);
        }
        if let Some((peer, token)) = self.resource_manager()
            && self.is_registered()
        {
            let call = Call::GoodbyeFromJobMaster {
                job: self.job,
                terminal: self.has_ended(),
            };
            line::tell(self.me(), peer, Some(token), call, ctx);
        }
    }

    // The ResourceManager.

    /// Who leads among the ResourceManagers, if anybody does.
    pub fn on_resource_manager(
        &mut self,
        leader: Option<(Address, FencingToken)>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if leader == self.resource_manager.leader {
            return;
        }
        self.close_resource_manager(ctx);
        self.resource_manager.leader = leader;
        self.connect_resource_manager(office, ctx);
    }

    /// The connection is lost, the leader is not: running tasks are not touched, only new slots have to wait.
    pub(super) fn reconnect_resource_manager(
        &mut self,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.close_resource_manager(ctx);
        self.connect_resource_manager(office, ctx);
    }

    fn close_resource_manager(&mut self, ctx: &mut Context<'_>) {
        if let Some((peer, _)) = self.resource_manager() {
            self.heartbeats.unmonitor(peer, ctx);
        }
        self.resource_manager.registered = false;
        self.resource_manager.retry.cancel(ctx);
        self.asks.retain(
            |ask| {
                !matches!(
                    ask,
                    JobAsk::RegisterAtResourceManager | JobAsk::DeclareRequirements
                )
            },
            ctx,
        );
    }

    fn connect_resource_manager(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        self.resource_manager.registration = Registration::new(self.resource_manager.config);
        self.register_at_resource_manager(office, ctx);
    }

    pub(super) fn register_at_resource_manager(
        &mut self,
        _office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let Some((peer, token)) = self.resource_manager() else {
            return;
        };
        if !self.started {
            return;
        }
        let call = Call::RegisterJobMaster {
            job: self.job,
            job_master: self.token,
        };
        let timeout = self.resource_manager.registration.timeout();
        let what = JobAsk::RegisterAtResourceManager;
        line::ask(&mut self.asks, what, timeout, peer, Some(token), call, ctx);
    }

    pub(super) fn on_registered(
        &mut self,
        result: Result<Answer, RpcError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let Some((peer, _)) = self.resource_manager() else {
            return;
        };
        match result {
            Ok(_) => {
                self.resource_manager.registered = true;
                self.heartbeats.monitor(peer, ctx);
                self.declare_requirements(office, ctx);
            }
            Err(error) => {
                if let Retry::After(pause) = self.resource_manager.registration.on_error(error) {
                    self.resource_manager.retry.set(pause, ctx);
                }
            }
        }
    }

    pub(super) fn answer_heartbeat(&mut self, from: Peer, ctx: &mut Context<'_>) {
        if self.heartbeats.heard(from, ctx)
            && let Some((peer, token)) = self.resource_manager()
        {
            let call = Call::HeartbeatFromJobMaster { job: self.job };
            line::tell(self.me(), peer, Some(token), call, ctx);
        }
    }
}
