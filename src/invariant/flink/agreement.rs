//! Where nothing happens, a JobMaster and its TaskManagers come to agree about slots and tasks.

use std::collections::BTreeSet;

use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::flink::rpc::call::AllocationId;
use crate::actor::flink::rpc::heartbeat::Peer;
use crate::actor::flink::rpc::{Address, Endpoint};
use crate::actor::task_manager::executor::SlotState;
use crate::dataflow::topology::JobId;
use crate::invariant::checks::Checker;
use crate::invariant::scene::{Executor, LeaderView, Scene, is_disturbance};
use crate::invariant::tally::{Moment, Promise, Tally, Verdict, liveness};
use crate::kernel::{ActorId, Header, Span, Time};

pub(in crate::invariant) const PROMISES: [Promise; 1] = [liveness(
    "H4",
    "After two heartbeat intervals in which nothing else happens, a JobMaster and a TaskManager agree about tasks and slots.",
)
.of_flink()];

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Agreement {
    agreed: Tally,
    /// When something happened last.
    changed: Time,
}

impl Agreement {
    pub fn new() -> Agreement {
        let [agreed] = PROMISES.map(Tally::new);
        Agreement {
            agreed,
            changed: Time::ZERO,
        }
    }

    /// A stretch in which nothing happened ends.
    fn judge(&mut self, now: Moment, scene: &Scene) {
        let config = &scene.blueprint.config;
        let enough = config.heartbeat.interval * 2 + config.rpc.ask_timeout;
        let from = self.changed.max(scene.processes.disturbed_at());
        if now.at.since(from.min(now.at)) <= enough || now.at < from {
            return;
        }
        for (jobmanager, owner, peer) in scene.endpoints.monitors.keys() {
            let Endpoint::JobMaster(job) = *owner else {
                continue;
            };
            if peer.endpoint == Endpoint::TaskExecutor {
                self.compare(now, (*jobmanager, job), peer.address, enough, scene);
            }
        }
    }

    fn compare(
        &mut self,
        now: Moment,
        (jobmanager, job): (ActorId, JobId),
        taskmanager: Address,
        quiet: Span,
        scene: &Scene,
    ) {
        let actor = taskmanager.actor;
        let well = |actor| scene.processes.is_well(actor);
        let follows = |(owner, endpoint, peer): &(ActorId, Endpoint, Peer)| {
            (*owner, *endpoint) == (actor, Endpoint::TaskExecutor)
                && peer.address.actor == jobmanager
                && peer.endpoint == Endpoint::JobMaster(job)
        };
        let mutual = scene.endpoints.monitors.keys().any(follows);
        // Of a process that has been replaced the JobMaster has to hear by its own means: the new one registers under
        // another resource id, and nobody connects the two (`TaskManagerRunner.getTaskManagerResourceID`).
        let same = scene.processes.is_same(actor, taskmanager.incarnation);
        if !mutual || !same || !well(jobmanager) || !well(actor) {
            return;
        }
        // As long as its predecessor is not missed, what ran there counts as running.
        let predecessor = scene
            .endpoints
            .monitors
            .keys()
            .any(|(owner, endpoint, peer)| {
                (*owner, *endpoint) == (jobmanager, Endpoint::JobMaster(job))
                    && peer.address.actor == actor
                    && peer.address != taskmanager
            });
        let (Some(leader), Some(executor)) = (
            scene.leader(jobmanager),
            scene.endpoints.executors.get(&actor),
        ) else {
            return;
        };
        let pool = scene.endpoints.pools.get(&(jobmanager, job));
        let pooled: BTreeSet<AllocationId> = pool
            .into_iter()
            .flatten()
            .filter(|(_, place)| **place == taskmanager)
            .map(|(allocation, _)| *allocation)
            .collect();
        let differs = slots_differ(&pooled, executor, job)
            .or_else(|| tasks_differ(leader, executor, (job, actor), predecessor, scene));
        self.agreed.expect(differs.is_none(), now, || {
            format!(
                "after {quiet} without an event {} and {} differ: {}",
                scene.name(jobmanager),
                scene.name(actor),
                differs.unwrap_or_default()
            )
        });
    }
}

fn slots_differ(
    pooled: &BTreeSet<AllocationId>,
    executor: &Executor,
    job: JobId,
) -> Option<String> {
    let held = || executor.slots.values().filter(|(_, of, _)| *of == job);
    let lacks = pooled
        .iter()
        .any(|allocation| !held().any(|(held, ..)| held == allocation));
    if lacks {
        return Some("the pool has a slot that is not there".to_owned());
    }
    held()
        .any(|(held, _, state)| *state == SlotState::Active && !pooled.contains(held))
        .then(|| "a slot is active, but not in the pool".to_owned())
}

fn tasks_differ(
    leader: &LeaderView,
    executor: &Executor,
    (job, taskmanager): (JobId, ActorId),
    predecessor: bool,
    scene: &Scene,
) -> Option<String> {
    let topology = &scene.blueprint.topology;
    let stray = executor
        .working(job, topology)
        .find(|(subtask, attempt, _)| {
            let view = leader.tasks[*subtask as usize];
            view.attempt != *attempt || view.state.is_terminal()
        });
    if let Some((subtask, ..)) = stray {
        return Some(format!("{} runs for nobody", scene.task(subtask)));
    }
    let subtasks = topology.jobs[job as usize].subtasks.iter();
    let missing = subtasks.copied().find(|subtask| {
        let view = leader.tasks[*subtask as usize];
        let deployed = matches!(
            view.state,
            ExecutionState::Deploying | ExecutionState::Initializing | ExecutionState::Running
        );
        deployed
            && !predecessor
            && view.taskmanager == Some(taskmanager)
            && !executor.tasks.contains_key(&(*subtask, view.attempt))
    });
    missing.map(|subtask| format!("{} is not there", scene.task(subtask)))
}

fn is_event(fact: &Fact) -> bool {
    is_disturbance(fact)
        || matches!(
            fact,
            Fact::PeerMonitored { .. }
                | Fact::PeerLost { .. }
                | Fact::PeerUnmonitored { .. }
                | Fact::SlotPoolChanged { .. }
                | Fact::TaskSlotChanged { .. }
                | Fact::TaskStarted { .. }
                | Fact::TaskStopping { .. }
                | Fact::TaskEnded { .. }
                | Fact::ExecutionChanged { .. }
                | Fact::LeadershipGranted
                | Fact::LeadershipLost { .. }
        )
}

impl Checker for Agreement {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        if is_event(fact) {
            self.judge(header.into(), scene);
            self.changed = header.time;
        }
    }

    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        let now = scene.at_end(end);
        last.judge(now, scene);
        vec![last.agreed.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::checkpoint::Attempt;
    use crate::invariant::stage::{Stage, TM};

    #[test]
    fn views_that_stay_apart_are_noticed() {
        let mut stage = Stage::flink();
        stage.at(60).broken("H4", 0);
        let mut stage = Stage::flink();
        let (subtask, attempt) = (2, Attempt::new(100, 1));
        let state = ExecutionState::Canceled;
        stage.at(20).says(
            TM(0),
            Fact::TaskEnded {
                subtask,
                attempt,
                state,
            },
        );
        stage.at(60).broken("H4", 1);
        let mut stage = Stage::flink();
        stage.at(20).sees(0, 2, attempt, ExecutionState::Failed, 0);
        stage.at(60).broken("H4", 1);
        let mut stage = Stage::flink();
        stage.at(20).pool(0, 0, "lost");
        stage.at(60).broken("H4", 1);
    }
}
