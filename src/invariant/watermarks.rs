//! Event time goes forward.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::checkpoint::Attempt;
use crate::actor::fact::Fact;
use crate::actor::source_fact::EventTimeFact;
use crate::dataflow::event_time::EventTime;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{Header, Time};

use super::checks::Checker;
use super::scene::Scene;
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 2] = [
    safety(
        "K3",
        "The watermark of a task never goes back within an attempt.",
    ),
    safety(
        "K6",
        "The watermark of a task is not ahead of any of its producers that has never been idle.",
    ),
];

#[derive(Clone, Debug)]
pub(super) struct Watermarks {
    forward: Tally,
    least: Tally,
    reached: BTreeMap<(SubtaskId, Attempt), EventTime>,
    /// The largest that any attempt has told those behind it: what an earlier one told stays with whoever survives it.
    told: BTreeMap<SubtaskId, EventTime>,
    /// Who has been idle: that its channel holds nobody back may be known there for longer than here.
    idle: BTreeSet<SubtaskId>,
}

impl Watermarks {
    pub fn new() -> Watermarks {
        let [forward, least] = PROMISES.map(Tally::new);
        Watermarks {
            forward,
            least,
            reached: BTreeMap::new(),
            told: BTreeMap::new(),
            idle: BTreeSet::new(),
        }
    }

    /// A task has heard of no more than its slowest producer has told.
    fn check_producers(
        &mut self,
        header: &Header,
        (subtask, attempt): (SubtaskId, Attempt),
        watermark: EventTime,
        scene: &Scene,
    ) {
        let topology = &scene.blueprint.topology;
        let Some((_, leader)) = scene.current_leader() else {
            return;
        };
        let layout = &leader.jobs[topology.job_of(subtask) as usize].layout;
        // Zombies may belong to another execution graph.
        let current = leader.tasks[subtask as usize].attempt == attempt;
        let Some(vertex) = layout.get(subtask).filter(|_| current) else {
            return;
        };
        let channels = vertex.inputs.iter();
        let producers = channels.map(|channel| topology.channels[*channel as usize].producer);
        let told = |producer: &SubtaskId| self.told.get(producer).copied();
        let counts = |producer: &SubtaskId| !self.idle.contains(producer);
        let slowest = producers
            .filter(counts)
            .min_by_key(|producer| told(producer).unwrap_or(EventTime::MIN));
        let Some(slowest) = slowest else { return };
        let told = told(&slowest).unwrap_or(EventTime::MIN);
        self.least.expect(watermark <= told, header, || {
            let (task, producer) = (scene.task(subtask), scene.task(slowest));
            format!(
                "{task} goes to watermark {}, and {producer} has told {}",
                watermark.0, told.0
            )
        });
    }
}

impl Checker for Watermarks {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        if let Fact::EventTime(EventTimeFact::Advanced {
            subtask,
            attempt,
            watermark,
        }) = fact
        {
            let reached = self.reached.entry((*subtask, *attempt));
            let reached = reached.or_insert(EventTime::MIN);
            let before = std::mem::replace(reached, *watermark);
            self.forward.expect(*watermark > before, header, || {
                let task = scene.task(*subtask);
                format!("{task} goes from watermark {} to {}", before.0, watermark.0)
            });
            self.check_producers(header, (*subtask, *attempt), *watermark, scene);
            let told = self.told.entry(*subtask).or_insert(EventTime::MIN);
            *told = (*told).max(*watermark);
        }
        if let Fact::EventTime(EventTimeFact::Idle { subtask, .. }) = fact {
            self.idle.insert(*subtask);
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        vec![self.forward.verdict(), self.least.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{Stage, TM};

    fn advance(stage: &mut Stage, number: u32, watermark: i64) -> &mut Stage {
        let (subtask, attempt) = (2, Attempt::new(100, number));
        let watermark = EventTime(watermark);
        stage.says(
            TM(0),
            Fact::EventTime(EventTimeFact::Advanced {
                subtask,
                attempt,
                watermark,
            }),
        )
    }

    fn says(stage: &mut Stage, fact: EventTimeFact) -> &mut Stage {
        stage.says(TM(0), Fact::EventTime(fact))
    }

    #[test]
    fn a_task_that_runs_ahead_of_its_slowest_producer_is_noticed() {
        let attempt = Attempt::new(100, 1);
        let advanced = |subtask, watermark| EventTimeFact::Advanced {
            subtask,
            attempt,
            watermark: EventTime(watermark),
        };
        let mut stage = Stage::running();
        says(&mut stage, advanced(0, 5));
        says(&mut stage, advanced(1, 3));
        says(&mut stage, advanced(2, 3)).broken("K6", 0);
        says(&mut stage, advanced(2, 4)).broken("K6", 1);
        // Who is idle holds nobody back.
        let mut stage = Stage::running();
        says(&mut stage, advanced(0, 5));
        let idle = EventTimeFact::Idle {
            subtask: 1,
            attempt,
            is_idle: true,
        };
        says(&mut stage, idle);
        says(&mut stage, advanced(2, 5)).broken("K6", 0);
    }

    #[test]
    fn an_attempt_goes_forward_and_the_next_one_begins_anew() {
        let mut stage = Stage::running();
        advance(advance(&mut stage, 1, -5), 1, 7).broken("K3", 0);
        advance(&mut stage, 2, 3).broken("K3", 0);
        advance(&mut stage, 2, 2).broken("K3", 1);
        advance(&mut stage, 2, 2).broken("K3", 2);
    }
}
