//! The reader of a source task: fetches its splits and hands out their records (`KafkaSourceReader`).

use std::collections::VecDeque;
use std::ops::Range;

use crate::actor::context::Context;
use crate::actor::kafka::protocol::FetchedInTime;
use crate::actor::message::Body;
use crate::dataflow::event_time::{EventTime, SplitWatermark};
use crate::dataflow::record::SplitId;
use crate::kernel::{ActorId, Span, Time};

/// Real records that a reader keeps fetched ahead (`max.poll.records`).
const FETCHED_AHEAD_MAX: u64 = 500;

#[derive(Clone, Debug)]
pub struct SourceReader {
    kafka: ActorId,
    readers: VecDeque<SplitReader>,
    /// Between two records of a split, where the rate is limited.
    pace: Option<Span>,
    /// Records of a split that are kept fetched ahead.
    ahead_max: u64,
}

#[derive(Clone, Debug)]
struct SplitReader {
    split: SplitId,
    /// The next record to hand out: what a checkpoint stores.
    position: u64,
    /// The end of what was fetched.
    fetched: u64,
    log_end: u64,
    fetching: bool,
    /// When the next record may be handed out, if the rate is limited: what has not been used up to then, as far as it
    /// counts, is a burst.
    next_at: Time,
    /// Where it goes on when it has handed out what it has: its offset is out of range.
    jump: Option<u64>,
    /// Where event time matters: when the records between `position` and `fetched` happened.
    times: VecDeque<EventTime>,
    watermark: SplitWatermark,
}

/// A number of records in one fetch.
fn at_most(records: u64) -> u16 {
    u16::try_from(records).unwrap_or(u16::MAX)
}

/// What a limiter saves up while it is not used: a fiftieth of a second's records, one at the least.
fn burst(pace: Span) -> Span {
    pace.max(Span::from_ms(20))
}

impl SplitReader {
    /// Its next fetch is to be sent.
    #[inline]
    fn wants_more(&self, ahead_max: u64) -> bool {
        self.jump.is_none() && !self.fetching && self.fetched - self.position < ahead_max
    }

    /// Records that are there, and that the limiter lets through now.
    fn available(&self, pace: Option<Span>, now: Time) -> u64 {
        let fetched = self.fetched - self.position;
        let Some(pace) = pace else { return fetched };
        let from = self.next_at.0.max(now.0.saturating_sub(burst(pace).0));
        match now.0.checked_sub(from) {
            Some(saved) => fetched.min(saved / pace.0.max(1) + 1),
            None => 0,
        }
    }
}

impl SourceReader {
    /// Reads each split from the given offset on.
    pub fn new(
        kafka: ActorId,
        splits: &[(SplitId, u64)],
        pace: Option<Span>,
        weight: u32,
        now: Time,
    ) -> SourceReader {
        let mut reader = SourceReader {
            kafka,
            readers: VecDeque::with_capacity(splits.len()),
            pace,
            ahead_max: FETCHED_AHEAD_MAX.div_ceil(u64::from(weight)),
        };
        reader.add(splits, now);
        reader
    }

    /// Reads more splits, each from the given offset on.
    pub fn add(&mut self, splits: &[(SplitId, u64)], now: Time) {
        let reader = |(split, offset): &(SplitId, u64)| SplitReader {
            split: *split,
            position: *offset,
            fetched: *offset,
            log_end: 0,
            fetching: false,
            next_at: now,
            jump: None,
            times: VecDeque::new(),
            watermark: SplitWatermark::default(),
        };
        self.readers.extend(splits.iter().map(reader));
    }

    /// Nothing of the split was read before: it has been discovered.
    pub fn begins(&self, split: SplitId) -> bool {
        let mut readers = self.readers.iter();
        readers.any(|reader| reader.split == split && reader.position == 0)
    }

    pub fn offsets(&self) -> Vec<(SplitId, u64)> {
        let mut offsets: Vec<_> = self
            .readers
            .iter()
            .map(|reader| (reader.split, reader.position))
            .collect();
        offsets.sort_unstable();
        offsets
    }

    fn ahead_max(&self, batch_max: u32) -> u64 {
        self.ahead_max.max(u64::from(batch_max))
    }

    /// Whether a split's next fetch is not under way.
    pub fn is_fetch_due(&self, batch_max: u32) -> bool {
        let ahead_max = self.ahead_max(batch_max);
        (self.readers.iter()).any(|reader| reader.wants_more(ahead_max))
    }

    /// Keeps every split's next fetch under way. Unless `room` records come, the task puts nothing out before its
    /// flusher's next `tick`.
    pub fn fetch(
        &mut self,
        task: u32,
        batch_max: u32,
        room: u64,
        tick: Time,
        ctx: &mut Context<'_>,
    ) {
        let ahead_max = self.ahead_max(batch_max);
        // What a rate limit lets through in its own rhythm is not collected.
        let records_min = match self.pace {
            Some(_) => 1,
            None => room / self.readers.len().max(1) as u64,
        };
        for reader in &mut self.readers {
            if reader.wants_more(ahead_max) {
                reader.fetching = true;
                let body = Body::Fetch {
                    split: reader.split,
                    offset: reader.fetched,
                    records_min: at_most(records_min.max(1)),
                    records_max: at_most(ahead_max),
                    task,
                    tick,
                };
                ctx.send(self.kafka, body);
            }
        }
    }

    /// The fetch asked for what is not kept any more; it goes on at `to`.
    pub fn jump(&mut self, split: SplitId, to: u64) {
        let mut readers = self.readers.iter_mut();
        if let Some(reader) = readers.find(|reader| reader.split == split) {
            reader.fetching = false;
            reader.jump = Some(to);
        }
    }

    /// Splits that go on elsewhere now: from and to.
    pub fn jumps(&mut self) -> Vec<(SplitId, u64, u64)> {
        let mut jumps = Vec::new();
        for reader in &mut self.readers {
            if reader.position == reader.fetched
                && let Some(to) = reader.jump.take()
            {
                jumps.push((reader.split, reader.position, to));
                (reader.position, reader.fetched) = (to, to);
            }
        }
        jumps
    }

    pub fn on_fetched(&mut self, split: SplitId, first: u64, records: u32, log_end: u64) {
        self.take_in(split, first, records, log_end);
    }

    /// The reader that has asked for it; none: nobody has.
    fn take_in(
        &mut self,
        split: SplitId,
        first: u64,
        records: u32,
        log_end: u64,
    ) -> Option<&mut SplitReader> {
        let mut readers = self.readers.iter_mut();
        let reader = readers.find(|reader| reader.split == split && reader.fetching)?;
        assert_eq!(first, reader.fetched, "a fetch answers what was asked");
        reader.fetching = false;
        reader.fetched += u64::from(records);
        reader.log_end = log_end;
        Some(reader)
    }

    /// The same, with the time of each record.
    pub fn on_fetched_in_time(&mut self, fetched: FetchedInTime) {
        let FetchedInTime {
            split,
            first,
            log_end,
            times,
            ..
        } = fetched;
        if let Some(reader) = self.take_in(split, first, times.len() as u32, log_end) {
            reader.times.extend(&times);
        }
    }

    /// What each split makes of the times of its records.
    pub fn watermarks(&mut self) -> impl Iterator<Item = &mut SplitWatermark> {
        self.readers.iter_mut().map(|reader| &mut reader.watermark)
    }

    /// How many records a unit of work would take.
    pub fn available(&self, batch_max: u32, now: Time) -> u32 {
        let next = self
            .readers
            .iter()
            .map(|reader| reader.available(self.pace, now))
            .find(|available| *available > 0);
        next.unwrap_or(0).min(u64::from(batch_max)) as u32
    }

    /// When the rate limit lets the next record through, where only it stands in the way.
    pub fn held_until(&self) -> Option<Time> {
        self.pace?;
        self.readers
            .iter()
            .filter(|reader| reader.fetched > reader.position)
            .map(|reader| reader.next_at)
            .min()
    }

    /// Takes what [`SourceReader::available`] has promised of the split whose turn it is: split and offsets. A split
    /// that has got fewer records since then waits for its own turn.
    pub fn take(&mut self, records: u32, now: Time) -> Option<(SplitId, Range<u64>)> {
        let pace = self.pace;
        let turn = self
            .readers
            .iter()
            .position(|reader| reader.available(pace, now) >= u64::from(records))?;
        let reader = &mut self.readers[turn];
        let (split, first) = (reader.split, reader.position);
        let end = first + u64::from(records);
        reader.position = end;
        if !reader.times.is_empty() {
            for time in reader.times.drain(..records as usize) {
                reader.watermark.on_event(time);
            }
        }
        if let Some(pace) = pace {
            let unused = now.0.saturating_sub(burst(pace).0);
            reader.next_at = Time(reader.next_at.0.max(unused)) + pace * (end - first);
        }
        // The others come first next time.
        self.readers.rotate_left(turn + 1);
        Some((split, first..end))
    }

    /// Records in the topic that were not taken yet.
    pub fn pending(&self) -> u64 {
        self.readers
            .iter()
            .map(|reader| reader.log_end.saturating_sub(reader.position))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_promised_is_taken_whoever_has_come_first_meanwhile() {
        let mut source = SourceReader::new(ActorId(0), &[(0, 10), (1, 20)], None, 1, Time::ZERO);
        for reader in &mut source.readers {
            reader.fetching = true;
        }
        source.on_fetched(1, 20, 7, 27);
        let promised = source.available(100, Time::ZERO);
        source.on_fetched(0, 10, 3, 13);
        assert_eq!(source.take(promised, Time::ZERO), Some((1, 20..27)));
        assert_eq!(source.available(100, Time::ZERO), 3);
        assert_eq!(source.take(3, Time::ZERO), Some((0, 10..13)));
    }

    #[test]
    fn a_reader_hands_out_what_it_has_before_it_goes_on_elsewhere() {
        let mut source = SourceReader::new(ActorId(0), &[(0, 10)], None, 1, Time::ZERO);
        source.readers[0].fetching = true;
        source.on_fetched(0, 10, 3, 13);
        source.jump(0, 40);
        assert!(source.jumps().is_empty());
        assert_eq!(source.take(3, Time::ZERO), Some((0, 10..13)));
        assert_eq!(source.jumps(), [(0, 13, 40)]);
        assert_eq!(source.offsets(), [(0, 40)]);
        assert!(source.jumps().is_empty());
    }
}
