//! The ResourceManager: who is registered, which slots there are, which job needs more (`StandaloneResourceManager`).

mod job_leaders;
mod registrations;
pub mod slot_manager;
mod slots;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::actor::context::{Alarm, Context};
use crate::actor::fact::Fact;
use crate::actor::message::{FencingToken, Timer};
use crate::dataflow::topology::JobId;
use crate::kernel::Span;
use crate::policy::hash_order::HashOrder;

use super::office::Office;
use super::rpc::asks::Asks;
use super::rpc::call::InstanceId;
use super::rpc::heartbeat::{Heartbeats, Peer, Verdict};
use super::rpc::{Address, Answer, AskId, Call, Endpoint, Rpc, RpcError, line};
use job_leaders::JobLeader;
use slot_manager::{SlotManager, SlotRequest};

/// What its own timers say to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ResourceManagerTimer {
    /// `slotmanager.requirement-check.delay` has passed since a check was wanted.
    CheckRequirements,
    /// `resourcemanager.standalone.start-up-time` is over: what cannot be fulfilled now never will be.
    StartUpOver,
    /// `resourcemanager.job.timeout`: the job has had no leader for so long.
    JobTimeout { job: JobId },
}

/// What an open ask is for.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Heartbeat(Peer),
    Slot(SlotRequest),
}

/// A JobMaster that is registered.
#[derive(Clone, Copy, Debug)]
struct JobMasterConnection {
    peer: Peer,
    token: FencingToken,
}

const ENDPOINT: Endpoint = Endpoint::ResourceManager;

#[derive(Clone, Debug)]
pub struct ResourceManager {
    /// Its leader session id.
    pub token: FencingToken,
    taskexecutors: BTreeMap<Address, InstanceId>,
    next_instance: InstanceId,
    job_masters: BTreeMap<JobId, JobMasterConnection>,
    /// `JobLeaderIdService`
    leaders: BTreeMap<JobId, JobLeader>,
    slots: SlotManager,
    heartbeats: Heartbeats,
    round: Alarm,
    asks: Asks<Ask>,
    check: Alarm,
    start_up: Alarm,
    /// The start-up period is over.
    fails_unfulfillable: bool,
}

impl ResourceManager {
    pub fn new(token: FencingToken, office: &Office<'_>) -> ResourceManager {
        let config = &office.blueprint.config;
        let name = office.blueprint.directory.name(office.me.actor);
        let stream = format!("{name}@{token}");
        let mut random = office.blueprint.streams.small("resource-manager", &stream);
        let order = HashOrder::new(&mut random);
        ResourceManager {
            token,
            taskexecutors: BTreeMap::new(),
            next_instance: 0,
            job_masters: BTreeMap::new(),
            leaders: BTreeMap::new(),
            slots: SlotManager::new(token, config.load_balance, order),
            heartbeats: Heartbeats::new(
                ENDPOINT,
                config.heartbeat.timeout,
                config.heartbeat.rpc_failure_threshold,
            )
            .with(office.blueprint.defects),
            round: Alarm::new(Timer::HeartbeatRound { owner: ENDPOINT }),
            asks: Asks::of_leader(ENDPOINT, token),
            check: alarm(ResourceManagerTimer::CheckRequirements),
            start_up: alarm(ResourceManagerTimer::StartUpOver),
            fails_unfulfillable: false,
        }
    }

    /// The first round of heartbeats is due at once; nobody is registered yet.
    pub fn start(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let start_up = office.blueprint.config.slots.standalone_start_up;
        self.start_up.set(start_up, ctx);
        self.round.set(Span::ZERO, ctx);
    }

    /// Leadership is revoked: whoever was registered learns it from ZooKeeper.
    pub fn stop(&mut self, ctx: &mut Context<'_>) {
        self.heartbeats.stop(ctx);
        self.asks.drop_all(ctx);
        self.round.release(ctx);
        self.check.release(ctx);
        self.start_up.release(ctx);
        for leader in self.leaders.values_mut() {
            leader.timeout.release(ctx);
        }
    }

    /// A call whose token is right. The caller is answered where it asked.
    pub fn on_rpc(&mut self, from: Peer, rpc: Rpc, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let done = Ok(Answer::Ack);
        let result = match rpc.call {
            Call::RegisterTaskExecutor { .. } => self.register_taskexecutor(from, office, ctx),
            Call::SendSlotReport { instance, slots } => {
                self.on_slot_report(from.address, instance, &slots, office, ctx)
            }
            Call::NotifySlotAvailable {
                instance,
                slot,
                allocation,
            } => {
                self.on_slot_available(from.address, instance, slot, allocation, office, ctx);
                done
            }
            Call::HeartbeatFromTaskExecutor { slots } => {
                if self.heartbeats.heard(from, ctx) && self.slots.reconcile(from.address, &slots) {
                    self.check_soon(office, ctx);
                }
                done
            }
            Call::GoodbyeFromTaskExecutor { reason } => {
                self.close_taskexecutor(from, reason, office, ctx);
                done
            }
            Call::RegisterJobMaster { job, job_master } => {
                // Answered once the job's leader is known.
                self.on_register_job_master(from, rpc.ask, job, job_master, office, ctx);
                return;
            }
            Call::DeclareRequiredResources {
                job,
                job_master,
                slots,
            } => self.on_requirements(job, job_master, slots, office, ctx),
            Call::HeartbeatFromJobMaster { .. } => {
                self.heartbeats.heard(from, ctx);
                done
            }
            Call::GoodbyeFromJobMaster { job, terminal } => {
                self.on_job_master_goodbye(from, job, terminal, ctx);
                done
            }
            call => unreachable!("ResourceManagers do not receive {call:?}"),
        };
        line::answer(from, rpc.ask, result, ctx);
    }

    pub fn on_answer(
        &mut self,
        ask: AskId,
        result: Result<Answer, RpcError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        match self.asks.close(ask, ctx) {
            Some(Ask::Heartbeat(peer)) => {
                let verdict = self.heartbeats.on_rpc(peer, result.map(|_| ()), ctx);
                self.judge(peer, verdict, office, ctx);
            }
            Some(Ask::Slot(request)) => self.on_slot_requested(request, result, office, ctx),
            None => {}
        }
    }

    pub fn on_timer(
        &mut self,
        timer: ResourceManagerTimer,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        match timer {
            ResourceManagerTimer::CheckRequirements => self.check_requirements(office, ctx),
            ResourceManagerTimer::StartUpOver => {
                self.fails_unfulfillable = true;
                self.check_soon(office, ctx);
            }
            ResourceManagerTimer::JobTimeout { job } => self.on_job_timeout(job, ctx),
        }
    }

    /// Requests to everybody who is registered, then the next round an interval later (`HeartbeatManagerSenderImpl`).
    pub fn on_heartbeat_round(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let config = &office.blueprint.config;
        let peers: Vec<_> = self.heartbeats.peers().collect();
        for peer in peers {
            let (token, call) = match peer.endpoint {
                Endpoint::JobMaster(job) => {
                    let token = self
                        .job_masters
                        .get(&job)
                        .map(|connection| connection.token);
                    (token, Call::RequestHeartbeatFromJobMaster)
                }
                _ => (None, Call::HeartbeatFromResourceManager),
            };
            let timeout = config.rpc.ask_timeout;
            let what = Ask::Heartbeat(peer);
            line::ask(&mut self.asks, what, timeout, peer, token, call, ctx);
        }
        self.round.set(config.heartbeat.interval, ctx);
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
            owner: ENDPOINT,
            peer,
            verdict,
        });
        let reason = match verdict {
            Verdict::Timeout => "heartbeat timed out",
            Verdict::Unreachable => "no longer reachable",
        };
        match peer.endpoint {
            Endpoint::JobMaster(job) => self.close_job_master(job, reason, ctx),
            _ => self.close_taskexecutor(peer, reason, office, ctx),
        }
    }
}

fn alarm(timer: ResourceManagerTimer) -> Alarm {
    Alarm::new(Timer::ResourceManager(timer))
}
