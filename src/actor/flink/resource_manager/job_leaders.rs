//! Who leads each job, by what stands in ZooKeeper: a JobMaster that does not is turned away (`DefaultJobLeaderIdService`).

use crate::actor::context::{Alarm, Context};
use crate::actor::flink::leader_paths::{Component, LeaderRetrieval};
use crate::actor::flink::office::{Office, ZkAsk};
use crate::actor::flink::rpc::AskId;
use crate::actor::flink::rpc::heartbeat::Peer;
use crate::actor::message::FencingToken;
use crate::actor::zookeeper::protocol::{Answer, ZkError};
use crate::dataflow::topology::JobId;

use super::{ResourceManager, ResourceManagerTimer, alarm};

/// A JobMaster that waits to hear whether it leads.
#[derive(Clone, Copy, Debug)]
struct Applicant {
    from: Peer,
    ask: Option<AskId>,
    token: FencingToken,
}

/// One job's leader, as far as known.
#[derive(Clone, Debug)]
pub(super) struct JobLeader {
    retrieval: LeaderRetrieval,
    /// `resourcemanager.job.timeout`, while nobody leads.
    pub(super) timeout: Alarm,
    applicants: Vec<Applicant>,
}

impl ResourceManager {
    /// `registerJobMaster`: decided once the job's leader is known. Until then the caller waits, as long as it cares to.
    pub(super) fn on_register_job_master(
        &mut self,
        from: Peer,
        ask: Option<AskId>,
        job: JobId,
        token: FencingToken,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let leader = self.leaders.entry(job).or_insert_with(|| {
            let mut leader = JobLeader {
                retrieval: LeaderRetrieval::new(Component::JobMaster(job)),
                timeout: alarm(ResourceManagerTimer::JobTimeout { job }),
                applicants: Vec::new(),
            };
            leader.timeout.set(office.blueprint.config.job_timeout, ctx);
            read(&leader.retrieval, job, office, ctx);
            leader
        });
        match leader.retrieval.known() {
            Some((_, known)) => {
                self.complete_registration(from, ask, job, token, known == token, ctx)
            }
            None => leader.applicants.push(Applicant { from, ask, token }),
        }
    }

    /// An answer of ZooKeeper to who leads a job.
    pub fn on_job_leader(
        &mut self,
        job: JobId,
        result: Result<Answer, ZkError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let Some(leader) = self.leaders.get_mut(&job) else {
            return;
        };
        if leader.retrieval.on_answer(result) {
            self.on_leader_changed(job, office, ctx);
        }
    }

    /// A watch has fired, on this path or on all of them (a new connection).
    pub fn on_watch(&mut self, path: Option<&str>, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        for (job, leader) in &self.leaders {
            let component = Component::JobMaster(*job);
            if path.is_none_or(|path| path == component.path()) {
                read(&leader.retrieval, *job, office, ctx);
            }
        }
    }

    /// Whoever is registered under another id leads no more; applicants hear where they stand.
    fn on_leader_changed(&mut self, job: JobId, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let Some(leader) = self.leaders.get_mut(&job) else {
            return;
        };
        let known = leader.retrieval.known().map(|(_, token)| token);
        let applicants = match known {
            Some(_) => {
                leader.timeout.cancel(ctx);
                std::mem::take(&mut leader.applicants)
            }
            None => {
                leader.timeout.set(office.blueprint.config.job_timeout, ctx);
                Vec::new()
            }
        };
        let registered = self.job_masters.get(&job).map(|known| known.token);
        if registered.is_some() && registered != known {
            self.close_job_master(job, "the job's leader has lost its leadership", ctx);
        }
        for Applicant { from, ask, token } in applicants {
            self.complete_registration(from, ask, job, token, known == Some(token), ctx);
        }
    }

    /// Nobody has led the job for `resourcemanager.job.timeout`.
    pub(super) fn on_job_timeout(&mut self, job: JobId, ctx: &mut Context<'_>) {
        let leaderless = self
            .leaders
            .get(&job)
            .is_some_and(|leader| leader.retrieval.known().is_none());
        if leaderless {
            self.close_job_master(job, "the job has had no leader for too long", ctx);
            self.forget_job(job, ctx);
        }
    }

    /// `removeJob`. Its slots come back by what its TaskManagers report.
    pub(super) fn forget_job(&mut self, job: JobId, ctx: &mut Context<'_>) {
        if let Some(mut leader) = self.leaders.remove(&job) {
            leader.timeout.release(ctx);
        }
        self.slots.forget(job);
    }
}

fn read(retrieval: &LeaderRetrieval, job: JobId, office: &mut Office<'_>, ctx: &mut Context<'_>) {
    let ask = ZkAsk::Leader(Component::JobMaster(job));
    office.desk.ask(retrieval.read(), ask, ctx);
}
