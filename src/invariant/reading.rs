//! No split is left unread.

use crate::actor::fact::Fact;
use crate::actor::sink_fact::OffsetReset;
use crate::actor::source_fact::SourceFact;
use crate::dataflow::record::SplitId;
use crate::kernel::{Header, Span, Time};

use super::quiet::{everybody_is_well, flow_bound};
use super::scene::{Scene, is_disturbance};
use super::tally::{Moment, Promise, Tally, Verdict, liveness};

pub(super) const PROMISES: [Promise; 1] = [liveness(
    "K5",
    "While a job runs and nothing disturbs it, a split that holds unread records is read in bounded time.",
)];

#[derive(Clone, Debug)]
pub(super) struct Reading {
    read: Tally,
    splits: Vec<Split>,
    /// When an execution or the leader changed last.
    changed: Time,
}

#[derive(Clone, Copy, Debug, Default)]
struct Split {
    appended: u64,
    /// The offset after the last record that was read.
    next: u64,
    /// When it was read last, or had nothing more to read.
    at: Time,
    /// No reader has it: it waits to be discovered.
    unknown: bool,
}

impl Reading {
    pub fn new(scene: &Scene) -> Reading {
        let [read] = PROMISES.map(Tally::new);
        let topology = &scene.blueprint.topology;
        let splits = (0..topology.splits.len() as SplitId).map(|split| Split {
            unknown: !topology.is_initial(split),
            ..Split::default()
        });
        Reading {
            read,
            splits: splits.collect(),
            changed: Time::ZERO,
        }
    }

    pub fn appended(&mut self, header: &Header, split: SplitId, records: usize) {
        let known = &mut self.splits[split as usize];
        if known.next >= known.appended {
            known.at = header.time;
        }
        known.appended += records as u64;
    }

    pub fn emitted(&mut self, header: &Header, split: SplitId, first: u64, records: u32) {
        let known = &mut self.splits[split as usize];
        known.next = first + u64::from(records);
        known.at = header.time;
    }

    pub fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::OffsetReset(OffsetReset { split, to, .. }) => {
                let known = &mut self.splits[*split as usize];
                (known.next, known.at) = (*to, header.time);
            }
            Fact::Source(SourceFact::SplitsAdded { splits, .. }) => {
                for (split, next) in splits {
                    let known = &mut self.splits[*split as usize];
                    (known.next, known.at, known.unknown) = (*next, header.time, false);
                }
            }
            Fact::ExecutionChanged { .. }
            | Fact::LeaderPublished { .. }
            | Fact::LeadershipGranted
            | Fact::LeadershipLost { .. } => {
                self.judge(header.into(), scene);
                self.changed = header.time;
            }
            fact if is_disturbance(fact) => self.judge(header.into(), scene),
            _ => {}
        }
    }

    /// A stretch in which nothing changed ends.
    fn judge(&mut self, now: Moment, scene: &Scene) {
        let from = self.changed.max(scene.processes.disturbed_at());
        let (config, bound) = (&scene.blueprint.config, flow_bound(scene));
        if now.at.since(from.min(now.at)) <= bound || !everybody_is_well(scene) {
            return;
        }
        let Some((_, leader)) = scene.current_leader() else {
            return;
        };
        let topology = &scene.blueprint.topology;
        for job in topology
            .jobs
            .iter()
            .filter(|job| leader.all_run(job.layout.job))
        {
            for split in &job.splits {
                let known = self.splits[*split as usize];
                let waits = known.appended > known.next;
                let waited = now.at.since(known.at.max(from));
                // Without an interval nobody looks before an enumerator starts again.
                let discovery = match (known.unknown, config.partition_discovery) {
                    (false, _) => Span::ZERO,
                    (true, Some(interval)) => interval,
                    (true, None) => continue,
                };
                self.read
                    .expect(!waits || waited <= bound + discovery, now, || {
                        format!(
                            "split {split} has {} records, {} are read, and none for {waited}",
                            known.appended, known.next
                        )
                    });
            }
        }
    }

    pub fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        let now = Moment {
            at: end,
            ..scene.last
        };
        last.judge(now, scene);
        vec![last.read.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::checkpoint::Attempt;
    use crate::actor::fact::AppendTimes;
    use crate::invariant::stage::{DB, Stage, TM};

    fn append(stage: &mut Stage, split: SplitId) -> &mut Stage {
        let times = AppendTimes(vec![Time::ZERO; 10].into());
        let first = 0;
        stage.says(
            DB,
            Fact::Appended {
                split,
                first,
                times,
            },
        )
    }

    fn read(stage: &mut Stage, split: SplitId, first: u64) -> &mut Stage {
        let (subtask, attempt, records) = (0, Attempt::new(100, 1), 10);
        stage.says(
            TM(0),
            Fact::SourceEmitted {
                subtask,
                attempt,
                split,
                first,
                records,
            },
        )
    }

    #[test]
    fn a_split_that_nobody_reads_is_noticed() {
        let mut stage = Stage::running();
        append(stage.at(20), 0);
        read(stage.at(21), 0, 0);
        stage.at(30).holds("K5");
        append(&mut stage, 0);
        stage.at(40).holds("K5");
        stage.at(400).broken("K5", 1);
    }
}
