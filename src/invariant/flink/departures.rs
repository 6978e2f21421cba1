//! Whoever counts on a TaskManager hears that the ResourceManager has lost it (`closeTaskManagerConnection`).

use std::collections::BTreeMap;

use crate::actor::fact::{Fact, JobStatus};
use crate::actor::flink::rpc::Endpoint;
use crate::actor::flink::rpc::heartbeat::Peer;
use crate::actor::message::FencingToken;
use crate::dataflow::topology::JobId;
use crate::invariant::checks::Checker;
use crate::invariant::scene::{Scene, is_disturbance};
use crate::invariant::tally::{Moment, Promise, Tally, Verdict, liveness};
use crate::kernel::{ActorId, Header, Span, Time};

pub(in crate::invariant) const PROMISES: [Promise; 1] = [liveness(
    "H15",
    "When the ResourceManager gives a TaskManager up, every JobMaster that is registered there gives it up at once.",
)
.of_flink()];

/// Word of it, in a cluster in which nothing else happens.
const WORD_TAKES: Span = Span::from_secs(2);

/// Who watches a TaskManager: the JobManager, the job, the TaskManager.
type Watch = (ActorId, JobId, Peer);

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Departures {
    told: Tally,
    /// By ResourceManager and job: the JobMaster that is registered there.
    registered: BTreeMap<(ActorId, JobId), FencingToken>,
    /// By whom a JobMaster is to be told that a TaskManager is gone, and since when.
    awaited: BTreeMap<Watch, (ActorId, Time)>,
}

impl Departures {
    pub fn new() -> Departures {
        let [told] = PROMISES.map(Tally::new);
        Departures {
            told,
            registered: BTreeMap::new(),
            awaited: BTreeMap::new(),
        }
    }

    /// A ResourceManager gives a TaskManager up: who has to hear of it.
    fn lost(&mut self, header: &Header, peer: Peer, scene: &Scene) {
        let works = |actor| scene.processes.is_well(actor) && !scene.processes.is_slow(actor);
        // Until everything that was held up has been sent again.
        if !works(header.actor) || scene.processes.disturbed_at() > header.time {
            return;
        }
        for (jobmanager, owner, of) in scene.endpoints.monitors.keys() {
            let Endpoint::JobMaster(job) = *owner else {
                continue;
            };
            let token = scene.leader(*jobmanager).and_then(|leader| leader.token);
            let registered = self.registered.get(&(header.actor, job)).copied();
            if *of == peer && registered.is_some() && registered == token && works(*jobmanager) {
                let awaited = (header.actor, header.time);
                self.awaited.insert((*jobmanager, job, peer), awaited);
            }
        }
    }

    /// Until now a JobMaster has counted on a TaskManager.
    fn left(&mut self, now: Moment, watch: Watch, scene: &Scene) {
        let Some((manager, since)) = self.awaited.remove(&watch) else {
            return;
        };
        let (jobmanager, job, peer) = watch;
        let waited = now.at.since(since);
        self.told.expect(waited <= WORD_TAKES, now, || {
            let name = |actor| scene.name(actor);
            let (manager, owner, peer) = (name(manager), name(jobmanager), name(peer.address.actor));
            format!("{manager} has given {peer} up, and {owner} has counted on it for job {job} {waited} longer")
        });
    }

    /// Something befalls a process: of those whom it concerns nothing is asked.
    fn forget(&mut self, actor: ActorId) {
        self.awaited
            .retain(|(of, ..), (manager, _)| *of != actor && *manager != actor);
    }
}

impl Checker for Departures {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        let actor = header.actor;
        match fact {
            Fact::JobMasterRegistered { job, job_master } => {
                self.registered.insert((actor, *job), *job_master);
            }
            Fact::JobMasterUnregistered { job, .. } => {
                self.registered.remove(&(actor, *job));
            }
            Fact::PeerLost {
                owner: Endpoint::ResourceManager,
                peer,
                ..
            } if peer.endpoint == Endpoint::TaskExecutor => self.lost(header, *peer, scene),
            Fact::PeerLost {
                owner: Endpoint::JobMaster(job),
                peer,
                ..
            }
            | Fact::PeerUnmonitored {
                owner: Endpoint::JobMaster(job),
                peer,
            } => self.left(header.into(), (actor, *job, *peer), scene),
            Fact::JobStatusChanged {
                job,
                status: JobStatus::Failed | JobStatus::Suspended | JobStatus::Finished,
                ..
            } => self
                .awaited
                .retain(|(of, at, _), _| (*of, *at) != (actor, *job)),
            Fact::LeadershipGranted | Fact::LeadershipLost { .. } => {
                self.registered.retain(|(manager, _), _| *manager != actor);
                self.forget(actor);
            }
            fact if is_disturbance(fact) => self.forget(actor),
            _ => {}
        }
    }

    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        let now = scene.at_end(end);
        for watch in self.awaited.keys() {
            last.left(now, *watch, scene);
        }
        vec![last.told.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::flink::rpc::heartbeat::Verdict as Reason;
    use crate::invariant::stage::{JM, Stage, executor, job_master, resource_manager};

    fn loses(stage: &mut Stage, owner: Peer) -> &mut Stage {
        let lost = Fact::PeerLost {
            owner: owner.endpoint,
            peer: executor(0),
            verdict: Reason::Unreachable,
        };
        stage.says(JM(0), lost)
    }

    fn registered() -> Stage {
        let mut stage = Stage::flink();
        let (job, job_master) = (0, 100);
        stage.says(JM(0), Fact::JobMasterRegistered { job, job_master });
        stage
    }

    #[test]
    fn a_jobmaster_that_counts_on_whom_the_resourcemanager_has_lost_is_noticed() {
        let mut stage = registered();
        loses(stage.at(20), resource_manager());
        loses(stage.at(21), job_master());
        stage.at(60).broken("H15", 0);
        let mut stage = registered();
        loses(stage.at(20), resource_manager());
        stage.at(23).broken("H15", 1);
        loses(&mut stage, job_master()).broken("H15", 1);
    }

    #[test]
    fn nobody_has_to_hear_of_it_who_is_not_registered_or_in_trouble() {
        let mut stage = Stage::flink();
        loses(stage.at(20), resource_manager());
        stage.at(60).holds("H15");
        let mut stage = registered();
        loses(stage.at(20), resource_manager());
        stage.says(JM(0), Fact::FaultInjected { what: "hang" });
        stage.at(60).holds("H15");
    }
}
