//! How records find their way: credits between tasks, and key groups among subtasks.

use crate::actor::fact::Fact;
use crate::dataflow::layout::Layout;
use crate::dataflow::topology::{ChannelId, Topology};
use crate::kernel::{Header, Time};

use super::checks::Checker;
use super::scene::Scene;
use super::tally::{Moment, Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 3] = [
    safety("F1", "No channel is filled beyond its credit."),
    safety(
        "F2",
        "A channel waits behind its barrier only while the same barrier is awaited on others, and its checkpoint has not been given up.",
    ),
    safety(
        "P1",
        "Each key group of an operator belongs to exactly one of its subtasks.",
    ),
];

#[derive(Clone, Debug)]
pub(super) struct Flow {
    credits: Tally,
    blocked: Tally,
    groups: Tally,
}

impl Flow {
    pub fn new(scene: &Scene) -> Flow {
        let [mut credits, mut blocked, groups] = PROMISES.map(Tally::new);
        let topology = &scene.blueprint.topology;
        // Only a breach is stated; each channel is watched.
        for _ in &topology.channels {
            credits.held();
            blocked.held();
        }
        let mut flow = Flow {
            credits,
            blocked,
            groups,
        };
        for job in &topology.jobs {
            flow.check_groups(&job.layout, scene.last, topology);
        }
        flow
    }

    fn check_groups(&mut self, layout: &Layout, at: Moment, topology: &Topology) {
        let operators = &topology.jobs[layout.job as usize].operators;
        for (operator, width) in operators.iter().zip(&layout.parallelism) {
            let info = &topology.operators[*operator as usize];
            if info.selector.is_none() {
                continue;
            }
            let subtasks = info.first..info.first + width;
            let ranges: Vec<_> = subtasks
                .map(|subtask| layout.vertex(subtask).key_groups)
                .collect();
            self.groups
                .expect(partition(&ranges, info.max_parallelism), at, || {
                    format!(
                        "{} has key groups {ranges:?} of {}",
                        info.spec.name, info.max_parallelism
                    )
                });
        }
    }
}

/// Whether inclusive ranges cover `0..groups`, each number once, in order.
fn partition(ranges: &[(u32, u32)], groups: u32) -> bool {
    let end = ranges.iter().try_fold(0, |next, (first, last)| {
        (*first == next && last >= first).then_some(last + 1)
    });
    end == Some(groups)
}

impl Checker for Flow {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        if let Fact::ExecutionGraphCreated { job, parallelism } = fact {
            let topology = &scene.blueprint.topology;
            self.check_groups(
                &Layout::new(topology, *job, parallelism),
                header.into(),
                topology,
            );
        }
        let between = |channel: &ChannelId| {
            let ends = &scene.blueprint.topology.channels[*channel as usize];
            let (from, to) = (scene.task(ends.producer), scene.task(ends.consumer));
            format!("between {from} and {to}")
        };
        if let Fact::CreditExceeded {
            channel,
            queued,
            credits,
        } = fact
        {
            self.credits.expect(false, header, || {
                let between = between(channel);
                format!("{queued} elements wait {between}, {credits} credits were given")
            });
        }
        if let Fact::BlockedForNothing(channel) = fact {
            self.blocked.expect(false, header, || {
                let between = between(channel);
                format!("what comes {between} waits behind a barrier that nobody awaits elsewhere")
            });
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        [&self.credits, &self.blocked, &self.groups]
            .map(Tally::verdict)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{Stage, TM};

    #[test]
    fn key_groups_are_checked_as_they_are_laid_out() {
        Stage::new().broken("P1", 0).broken("F1", 0);
        assert!(partition(&[(0, 63), (64, 127)], 128));
        assert!(!partition(&[(0, 63), (63, 127)], 128));
        assert!(!partition(&[(0, 62), (64, 127)], 128));
        assert!(!partition(&[(0, 63), (64, 126)], 128));
    }

    #[test]
    fn a_group_that_belongs_to_nobody_is_noticed() {
        let blueprint = crate::invariant::stage::blueprint();
        let scene = Scene::new(&blueprint);
        let mut flow = Flow::new(&scene);
        let mut topology = blueprint.topology.clone();
        for operator in &mut topology.operators {
            operator.max_parallelism += 1;
        }
        flow.check_groups(&blueprint.topology.jobs[0].layout, scene.last, &topology);
        assert_eq!(flow.groups.verdict().violations.len(), 1);
    }

    #[test]
    fn a_channel_that_stands_still_for_nothing_is_noticed() {
        Stage::running()
            .says(TM(0), Fact::BlockedForNothing(0))
            .broken("F2", 1);
    }

    #[test]
    fn a_channel_beyond_its_credit_is_noticed() {
        Stage::running()
            .says(
                TM(0),
                Fact::CreditExceeded {
                    channel: 0,
                    queued: 9,
                    credits: 8,
                },
            )
            .broken("F1", 1);
    }
}
