//! No job waits for ever for the end of a task.

use std::collections::BTreeMap;

use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{ExecutionState, Fact};
use crate::dataflow::topology::SubtaskId;
use crate::invariant::checks::Checker;
use crate::invariant::scene::{Scene, is_end};
use crate::invariant::tally::{Moment, Promise, Tally, Verdict, liveness};
use crate::kernel::{ActorId, Header, Span, Time};

pub(in crate::invariant) const PROMISES: [Promise; 1] = [liveness(
    "R9",
    "A task is CANCELING no longer than its cancel calls are repeated, its TaskManager is missed, or its watchdog needs and that process is missed then.",
)
.of_flink()];

/// `Execution.NUM_CANCEL_CALL_TRIES` and the first one.
const CALLS: u64 = 4;
/// Teardown of a process, turns on main threads.
const MARGIN: Span = Span::from_secs(20);

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Cancellations {
    bounded: Tally,
    /// By JobManager.
    canceling: BTreeMap<(ActorId, SubtaskId), (Attempt, Time)>,
}

impl Cancellations {
    pub fn new() -> Cancellations {
        let [bounded] = PROMISES.map(Tally::new);
        Cancellations {
            bounded,
            canceling: BTreeMap::new(),
        }
    }

    fn judge(
        &mut self,
        now: Moment,
        (jobmanager, subtask): (ActorId, SubtaskId),
        since: Time,
        scene: &Scene,
    ) {
        let Some(bound) = bound(scene) else { return };
        let from = since.max(scene.processes.disturbed_at());
        if !scene.processes.is_well(jobmanager) {
            return;
        }
        let waited = now.at.since(from);
        self.bounded.expect(waited <= bound, now, || {
            format!(
                "{} has been CANCELING for {waited}, {bound} is the most",
                scene.task(subtask)
            )
        });
    }
}

/// None where no watchdog ends a task that does not end itself.
fn bound(scene: &Scene) -> Option<Span> {
    let config = &scene.blueprint.config;
    let missed = config.heartbeat.timeout + config.heartbeat.interval;
    let calls = config.rpc.ask_timeout * CALLS;
    let watchdog = config.task.cancellation_timeout? + missed;
    Some(calls.max(missed).max(watchdog) + MARGIN)
}

impl Checker for Cancellations {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::ExecutionChanged {
                subtask,
                attempt,
                state,
                ..
            } => {
                let key = (header.actor, *subtask);
                if let Some((_, since)) = self.canceling.remove(&key) {
                    self.judge(header.into(), key, since, scene);
                }
                if *state == ExecutionState::Canceling {
                    self.canceling.insert(key, (*attempt, header.time));
                }
            }
            // Whoever waited waits no more.
            fact if is_end(fact) || matches!(fact, Fact::LeadershipLost { .. }) => {
                self.canceling
                    .retain(|(jobmanager, _), _| *jobmanager != header.actor);
            }
            _ => {}
        }
    }

    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        let now = scene.at_end(end);
        for (key, (_, since)) in &self.canceling {
            last.judge(now, *key, *since, scene);
        }
        vec![last.bounded.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::Stage;

    #[test]
    fn a_task_that_is_never_over_is_noticed() {
        let mut stage = Stage::flink();
        let attempt = Attempt::new(100, 1);
        stage
            .at(20)
            .sees(0, 2, attempt, ExecutionState::Canceling, 0);
        stage.at(220).broken("R9", 0);
        stage.at(300).broken("R9", 1);
        stage
            .at(60)
            .sees(0, 2, attempt, ExecutionState::Canceled, 0);
        stage.at(400).broken("R9", 0);
    }
}
