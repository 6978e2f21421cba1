//! A source's event time is no further than the splits that it reads.

use std::collections::BTreeMap;

use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{AppendTimes, Fact};
use crate::actor::source_fact::{EventTimeFact, SourceFact};
use crate::dataflow::event_time::{EventTime, WatermarkStrategy};
use crate::dataflow::record::{Record, SplitId};
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{Header, Time};

use super::scene::Scene;
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 1] = [safety(
    "K7",
    "A source's watermark is behind the latest record of each split that it reads, by out-of-orderness, but for splits that are idle.",
)];

#[derive(Clone, Debug)]
pub(super) struct SplitTimes {
    behind: Tally,
    /// Some job has event time; without one there is nothing to keep.
    matters: bool,
    /// By split: when its records arrived.
    arrivals: Vec<Vec<Time>>,
    read: BTreeMap<(SubtaskId, Attempt), BTreeMap<SplitId, Read>>,
}

/// What an attempt has read of a split.
#[derive(Clone, Copy, Debug)]
struct Read {
    latest: EventTime,
    /// When it read last, or got the split.
    at: Time,
}

impl SplitTimes {
    pub fn new(scene: &Scene) -> SplitTimes {
        let [behind] = PROMISES.map(Tally::new);
        let topology = &scene.blueprint.topology;
        SplitTimes {
            behind,
            matters: topology.jobs.iter().any(|job| job.event_time.is_some()),
            arrivals: vec![Vec::new(); topology.splits.len()],
            read: BTreeMap::new(),
        }
    }

    pub fn appended(&mut self, split: SplitId, times: &AppendTimes) {
        if self.matters {
            self.arrivals[split as usize].extend_from_slice(&times.0);
        }
    }

    pub fn emitted(
        &mut self,
        header: &Header,
        reader: (SubtaskId, Attempt),
        split: SplitId,
        (first, records): (u64, u32),
        scene: &Scene,
    ) {
        if !self.matters {
            return;
        }
        let topology = &scene.blueprint.topology;
        let disorder = topology.topics[topology.splits[split as usize].topic].disorder;
        let arrivals = &self.arrivals[split as usize];
        let happened = |offset| {
            let arrival = arrivals.get(offset as usize)?;
            Some(EventTime::of(
                Record::new(split, offset),
                *arrival,
                disorder,
            ))
        };
        let latest = (first..first + u64::from(records))
            .filter_map(happened)
            .max();
        let known = self.read.entry(reader).or_default();
        let known = known.entry(split).or_insert(Read {
            latest: EventTime::MIN,
            at: header.time,
        });
        known.latest = known.latest.max(latest.unwrap_or(EventTime::MIN));
        known.at = header.time;
    }

    pub fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::TaskRestored {
                subtask,
                attempt,
                offsets: splits,
                ..
            }
            | Fact::Source(SourceFact::SplitsAdded {
                subtask,
                attempt,
                splits,
            }) if self.matters => {
                let known = self.read.entry((*subtask, *attempt)).or_default();
                let begins = Read {
                    latest: EventTime::MIN,
                    at: header.time,
                };
                known.extend(splits.iter().map(|(split, _)| (*split, begins)));
            }
            Fact::EventTime(EventTimeFact::Advanced {
                subtask,
                attempt,
                watermark,
            }) => self.check(header, (*subtask, *attempt), *watermark, scene),
            _ => {}
        }
    }

    fn check(
        &mut self,
        header: &Header,
        reader: (SubtaskId, Attempt),
        watermark: EventTime,
        scene: &Scene,
    ) {
        let topology = &scene.blueprint.topology;
        let job = &topology.jobs[topology.job_of(reader.0) as usize];
        let (Some(strategy), Some(splits)) = (job.event_time, self.read.get(&reader)) else {
            return;
        };
        let WatermarkStrategy {
            out_of_orderness,
            idleness,
        } = strategy;
        let counts = |read: &Read| {
            let silence = header.time.since(read.at);
            idleness.is_none_or(|idleness| silence <= idleness)
        };
        let splits = splits.iter().filter(|(_, read)| counts(read));
        let Some((split, read)) = splits.min_by_key(|(_, read)| read.latest) else {
            return;
        };
        let least = read.latest.0.saturating_sub(out_of_orderness.0 as i64);
        self.behind.expect(watermark.0 < least, header, || {
            format!(
                "{} goes to watermark {}, and the latest record of split {split} is of {}",
                scene.task(reader.0),
                watermark.0,
                read.latest.0
            )
        });
    }

    pub fn finish(&self) -> Vec<Verdict> {
        vec![self.behind.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{DB, Stage, TM, blueprint};
    use crate::kernel::Span;
    use std::sync::Arc;

    const S: i64 = 1_000_000_000;

    fn stage(idleness: Option<Span>) -> Stage {
        let mut blueprint = Arc::unwrap_or_clone(blueprint());
        blueprint.topology.jobs[0].event_time = Some(WatermarkStrategy {
            out_of_orderness: Span::from_secs(1),
            idleness,
        });
        Stage::of(&Arc::new(blueprint))
    }

    fn arrives(stage: &mut Stage, split: SplitId, secs: u64) {
        let times = AppendTimes(vec![Time::ZERO + Span::from_secs(secs)].into());
        let first = 0;
        stage.says(
            DB,
            Fact::Appended {
                split,
                first,
                times,
            },
        );
    }

    fn reads(stage: &mut Stage, split: SplitId) {
        let (subtask, attempt) = (0, Attempt::new(100, 1));
        let (first, records) = (0, 1);
        stage.says(
            TM(0),
            Fact::SourceEmitted {
                subtask,
                attempt,
                split,
                first,
                records,
            },
        );
    }

    fn advances(stage: &mut Stage, watermark: i64) -> &mut Stage {
        let fact = EventTimeFact::Advanced {
            subtask: 0,
            attempt: Attempt::new(100, 1),
            watermark: EventTime(watermark),
        };
        stage.says(TM(0), Fact::EventTime(fact))
    }

    #[test]
    fn a_watermark_beyond_the_slowest_split_is_noticed() {
        let mut stage = stage(None);
        arrives(&mut stage, 0, 10);
        arrives(&mut stage, 1, 5);
        reads(stage.at(11), 0);
        reads(&mut stage, 1);
        advances(&mut stage, 4 * S - 1).broken("K7", 0);
        advances(&mut stage, 4 * S).broken("K7", 1);
    }

    #[test]
    fn a_split_that_is_idle_holds_nothing_back() {
        let mut stage = stage(Some(Span::from_secs(5)));
        arrives(&mut stage, 0, 10);
        arrives(&mut stage, 1, 5);
        reads(stage.at(11), 1);
        reads(stage.at(17), 0);
        advances(&mut stage, 9 * S - 1).broken("K7", 0);
        advances(&mut stage, 9 * S).broken("K7", 1);
    }
}
