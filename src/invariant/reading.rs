//! No split is left unread, and nothing of it is passed over that is kept.

use std::collections::VecDeque;

use crate::actor::fact::Fact;
use crate::actor::sink_fact::OffsetReset;
use crate::actor::source_fact::SourceFact;
use crate::dataflow::job_graph::OffsetReset as Policy;
use crate::dataflow::record::SplitId;
use crate::kernel::{Header, Span, Time};

use super::quiet::{everybody_is_well, flow_bound};
use super::scene::{Scene, is_disturbance};
use super::tally::{Moment, Promise, Tally, Verdict, liveness, safety};

pub(super) const PROMISES: [Promise; 2] = [
    liveness(
        "K5",
        "While a job runs and nothing disturbs it, a split that holds unread records is read in bounded time.",
    ),
    safety(
        "K9",
        "A source whose offset is not kept any more goes on from the earliest record that is, unless auto.offset.reset says latest.",
    ),
];

#[derive(Clone, Debug)]
pub(super) struct Reading {
    read: Tally,
    earliest: Tally,
    splits: Vec<Split>,
    /// By split, where records are kept for a while only, and readers go on from the earliest.
    kept: Vec<Option<Kept>>,
    /// When an execution or the leader changed last.
    changed: Time,
}

/// What has come lately.
#[derive(Clone, Debug)]
struct Kept {
    retention: Span,
    /// First offsets, and when these records arrived.
    firsts: VecDeque<(Time, u64)>,
}

impl Kept {
    /// The first of what must be kept at a time.
    fn first(&self, now: Time) -> Option<u64> {
        let mut firsts = self.firsts.iter();
        let kept = firsts.find(|(at, _)| *at + self.retention >= now);
        kept.map(|(_, first)| *first)
    }

    fn append(&mut self, now: Time, at: Time, first: u64) {
        let is_over = |(at, _): &(Time, u64)| *at + self.retention < now;
        while self.firsts.front().is_some_and(is_over) {
            self.firsts.pop_front();
        }
        self.firsts.push_back((at, first));
    }
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
        let [read, earliest] = PROMISES.map(Tally::new);
        let topology = &scene.blueprint.topology;
        let kept = |split: &SplitId| {
            let topic = &topology.topics[topology.splits[*split as usize].topic];
            let retention = topic.retention?;
            (topic.offset_reset == Policy::Earliest).then(|| Kept {
                retention,
                firsts: VecDeque::new(),
            })
        };
        let splits = (0..topology.splits.len() as SplitId).map(|split| Split {
            unknown: !topology.is_initial(split),
            ..Split::default()
        });
        Reading {
            read,
            earliest,
            kept: (0..topology.splits.len() as SplitId)
                .map(|split| kept(&split))
                .collect(),
            splits: splits.collect(),
            changed: Time::ZERO,
        }
    }

    /// Records have come, the first of them at this offset.
    pub fn appended(&mut self, header: &Header, split: SplitId, first: u64, times: &[Time]) {
        if let (Some(kept), Some(at)) = (&mut self.kept[split as usize], times.first()) {
            kept.append(header.time, *at, first);
        }
        let known = &mut self.splits[split as usize];
        if known.next >= known.appended {
            known.at = header.time;
        }
        known.appended += times.len() as u64;
    }

    pub fn emitted(&mut self, header: &Header, split: SplitId, first: u64, records: u32) {
        let known = &mut self.splits[split as usize];
        known.next = first + u64::from(records);
        known.at = header.time;
    }

    pub fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::OffsetReset(OffsetReset { split, to, .. }) => {
                self.goes_on(header, *split, *to);
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

    /// A reader goes on at this offset, as what it wanted is not kept any more.
    fn goes_on(&mut self, header: &Header, split: SplitId, to: u64) {
        let kept = self.kept[split as usize].as_ref();
        let Some(earliest) = kept.and_then(|kept| kept.first(header.time)) else {
            return;
        };
        self.earliest.expect(to <= earliest, header, || {
            format!("split {split} goes on at {to}, and {earliest} is kept")
        });
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
        let now = scene.at_end(end);
        last.judge(now, scene);
        vec![last.read.verdict(), last.earliest.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::actor::checkpoint::Attempt;
    use crate::actor::fact::AppendTimes;
    use crate::invariant::stage::{DB, Stage, TM, blueprint};

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

    #[test]
    fn what_is_passed_over_though_it_is_kept_is_noticed() {
        let resets = |to| {
            Fact::OffsetReset(OffsetReset {
                subtask: 0,
                attempt: Attempt::new(100, 1),
                split: 0,
                from: 0,
                to,
            })
        };
        let keeps = |policy| {
            let mut blueprint = Arc::unwrap_or_clone(blueprint());
            let topic = &mut blueprint.topology.topics[0];
            (topic.retention, topic.offset_reset) = (Some(Span::from_secs(10)), policy);
            let mut stage = Stage::of(&Arc::new(blueprint));
            for (second, first) in [(10, 0), (14, 10), (18, 20)] {
                let times = AppendTimes(vec![Time(Span::from_secs(second).0); 10].into());
                let appended = Fact::Appended {
                    split: 0,
                    first,
                    times,
                };
                stage.at(second).says(DB, appended);
            }
            stage.at(22);
            stage
        };
        keeps(Policy::Earliest)
            .says(TM(0), resets(10))
            .broken("K9", 0);
        keeps(Policy::Earliest)
            .says(TM(0), resets(11))
            .broken("K9", 1);
        keeps(Policy::Latest).says(TM(0), resets(30)).holds("K9");
    }
}
