//! Event time: timestamps of records, and watermarks by split, by channel and by task, as Flink's classes combine them.

use serde::{Deserialize, Serialize};

use crate::kernel::{Span, Time};

use super::record::Record;

/// A timestamp or a watermark, in nanoseconds since the start of the run; events may lie before it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EventTime(pub i64);

impl EventTime {
    /// Before anything (`Long.MIN_VALUE`).
    pub const MIN: EventTime = EventTime(i64::MIN);

    /// When a record happened that arrived at this time: up to `disorder` before, as its identity says.
    pub fn of(record: Record, arrival: Time, disorder: Span) -> EventTime {
        let spread = disorder.0.saturating_add(1);
        let before = scramble(record.identity()) % spread;
        EventTime(arrival.0 as i64 - before as i64)
    }

    /// How far behind the clock it is; none: it has not begun.
    pub fn lag(self, now: Time) -> Option<Span> {
        let behind = (now.0 as i64).checked_sub(self.0)?;
        Some(Span(behind.max(0) as u64))
    }
}

/// The finalizer of MurmurHash3: neighbours get unrelated values.
fn scramble(identity: u64) -> u64 {
    let mut x = identity;
    x = (x ^ (x >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    x = (x ^ (x >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    x ^ (x >> 33)
}

/// `WatermarkStrategy.forBoundedOutOfOrderness(..).withIdleness(..)`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatermarkStrategy {
    /// Records are expected to be out of order by this at the most.
    pub out_of_orderness: Span,
    /// A split without a record for this long holds nothing back; none: it does so for ever.
    pub idleness: Option<Span>,
}

/// What goes down a channel beside records and barriers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Mark {
    /// No record behind it is older (`Watermark`).
    Watermark(EventTime),
    /// The channel holds nobody back for now (`WatermarkStatus.IDLE`).
    Idle,
    /// It does again (`WatermarkStatus.ACTIVE`).
    Active,
}

/// The generator of one split (`BoundedOutOfOrdernessWatermarks`, `WatermarksWithIdleness`).
#[derive(Clone, Debug)]
pub struct SplitWatermark {
    max: EventTime,
    /// What it has told the reader, and whether it counts as idle there.
    told: EventTime,
    is_idle: bool,
    idleness: Idleness,
}

/// `WatermarksWithIdleness.IdlenessTimer`: asked at each tick.
#[derive(Clone, Copy, Debug, Default)]
struct Idleness {
    active: bool,
    since: Option<Time>,
}

impl Idleness {
    fn is_over(&mut self, idleness: Option<Span>, now: Time) -> bool {
        if std::mem::take(&mut self.active) {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        idleness.is_some_and(|idleness| now.since(since) > idleness)
    }
}

impl Default for SplitWatermark {
    fn default() -> SplitWatermark {
        SplitWatermark {
            max: EventTime::MIN,
            told: EventTime::MIN,
            is_idle: false,
            idleness: Idleness::default(),
        }
    }
}

impl SplitWatermark {
    /// The largest timestamp so far.
    pub fn latest(&self) -> EventTime {
        self.max
    }

    /// A record has been handed out.
    pub fn on_event(&mut self, timestamp: EventTime) {
        self.max = self.max.max(timestamp);
        self.idleness.active = true;
    }

    /// Its reader cannot hand anything out: that does not make it idle.
    pub fn pause(&mut self) {
        self.idleness.active = true;
    }

    fn on_tick(&mut self, strategy: WatermarkStrategy, now: Time) {
        self.is_idle = self.idleness.is_over(strategy.idleness, now);
        if !self.is_idle && self.max > EventTime::MIN {
            // A millisecond less: the same timestamp may come again.
            let behind = strategy.out_of_orderness.0 as i64 + 1_000_000;
            self.told = self.told.max(EventTime(self.max.0 - behind));
        }
    }
}

/// The watermark of a reader: the least of its splits (`WatermarkOutputMultiplexer`, `IdlenessManager`).
#[derive(Clone, Debug)]
pub struct ReaderWatermark {
    strategy: WatermarkStrategy,
    current: EventTime,
    is_idle: bool,
    /// Of a reader without splits: only an idleness lets it be idle.
    without_splits: Idleness,
}

impl ReaderWatermark {
    pub fn new(strategy: WatermarkStrategy) -> ReaderWatermark {
        ReaderWatermark {
            strategy,
            current: EventTime::MIN,
            is_idle: false,
            without_splits: Idleness::default(),
        }
    }

    /// `pipeline.auto-watermark-interval` is over: what the reader tells those behind it.
    pub fn on_tick<'a>(
        &mut self,
        splits: impl Iterator<Item = &'a mut SplitWatermark>,
        now: Time,
    ) -> Vec<Mark> {
        let (mut least, mut largest) = (None::<EventTime>, None::<EventTime>);
        let mut any = false;
        for split in splits {
            split.on_tick(self.strategy, now);
            any = true;
            largest = largest.max(Some(split.told));
            if !split.is_idle {
                least = Some(least.map_or(split.told, |least| least.min(split.told)));
            }
        }
        let all_idle = match any {
            true => least.is_none(),
            false => self.without_splits.is_over(self.strategy.idleness, now),
        };
        let mut marks = Vec::new();
        match least.or(largest) {
            Some(combined) if combined > self.current => {
                self.current = combined;
                if std::mem::take(&mut self.is_idle) {
                    marks.push(Mark::Active);
                }
                marks.push(Mark::Watermark(combined));
            }
            _ => {}
        }
        if all_idle && !self.is_idle {
            self.is_idle = true;
            marks.push(Mark::Idle);
        }
        marks
    }
}

/// The watermark of a task: the least of its channels (`StatusWatermarkValve`).
#[derive(Clone, Debug)]
pub struct Valve {
    channels: Vec<ChannelMark>,
    current: EventTime,
    is_idle: bool,
}

#[derive(Clone, Copy, Debug)]
struct ChannelMark {
    watermark: EventTime,
    is_idle: bool,
    /// Back from idleness, it has to catch up first before it counts again.
    is_aligned: bool,
}

impl Valve {
    pub fn new(channels: usize) -> Valve {
        let begins = ChannelMark {
            watermark: EventTime::MIN,
            is_idle: false,
            is_aligned: true,
        };
        Valve {
            channels: vec![begins; channels],
            current: EventTime::MIN,
            is_idle: false,
        }
    }

    /// A mark has come on a channel: what the task tells those behind it.
    pub fn on_mark(&mut self, channel: usize, mark: Mark, out: &mut Vec<Mark>) {
        match mark {
            Mark::Idle => self.on_idle(channel, out),
            Mark::Active => self.on_active(channel, out),
            Mark::Watermark(watermark) => {
                // A producer that took over from one that was idle does not know that it was.
                self.on_active(channel, out);
                let known = &mut self.channels[channel];
                if watermark > known.watermark {
                    known.watermark = watermark;
                    known.is_aligned |= watermark >= self.current;
                    self.advance(out);
                }
            }
        }
    }

    fn on_active(&mut self, channel: usize, out: &mut Vec<Mark>) {
        let known = &mut self.channels[channel];
        if !std::mem::take(&mut known.is_idle) {
            return;
        }
        known.is_aligned = known.watermark >= self.current;
        if std::mem::take(&mut self.is_idle) {
            out.push(Mark::Active);
        }
    }

    fn on_idle(&mut self, channel: usize, out: &mut Vec<Mark>) {
        let known = &mut self.channels[channel];
        if std::mem::replace(&mut known.is_idle, true) {
            return;
        }
        known.is_aligned = false;
        let held = known.watermark == self.current;
        if self.channels.iter().all(|channel| channel.is_idle) {
            // Whoever held the others back does so no more: the largest counts.
            let largest = self.channels.iter().map(|channel| channel.watermark).max();
            if let Some(largest) = largest.filter(|largest| held && *largest > self.current) {
                self.current = largest;
                out.push(Mark::Watermark(largest));
            }
            self.is_idle = true;
            out.push(Mark::Idle);
        } else if held {
            self.advance(out);
        }
    }

    /// The least of all channels that count.
    fn advance(&mut self, out: &mut Vec<Mark>) {
        let aligned = self.channels.iter().filter(|channel| channel.is_aligned);
        if let Some(least) = aligned.map(|channel| channel.watermark).min()
            && least > self.current
        {
            self.current = least;
            out.push(Mark::Watermark(least));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;
    const MS: i64 = 1_000_000;

    fn at(seconds: i64) -> Mark {
        Mark::Watermark(EventTime(seconds))
    }

    /// `StatusWatermarkValveTest.testMultipleInputYieldsMinWatermark` and its neighbours.
    #[test]
    fn a_task_is_as_far_as_its_last_channel() {
        let mut valve = Valve::new(3);
        let mut said = |channel, mark| {
            let mut out = Vec::new();
            valve.on_mark(channel, mark, &mut out);
            out
        };
        assert_eq!(said(0, at(12)), []);
        assert_eq!(said(1, at(8)), []);
        assert_eq!(said(2, at(10)), [at(8)]);
        assert_eq!(said(1, at(15)), [at(10)]);
        assert_eq!(said(2, at(17)), [at(12)]);
        // What is older than what is known says nothing.
        assert_eq!(said(0, at(7)), []);
        assert_eq!(said(0, at(20)), [at(15)]);
    }

    /// `testMultipleInputYieldsWatermarkOnlyIfAllActiveChannelsReachMin`, `testUnalignedActiveInputsShouldNotBlockMin...`
    #[test]
    fn idle_channels_hold_nothing_back_and_come_back_behind() {
        let mut valve = Valve::new(3);
        let mut said = |channel, mark| {
            let mut out = Vec::new();
            valve.on_mark(channel, mark, &mut out);
            out
        };
        said(0, at(12));
        said(1, at(8));
        // The third one has said nothing: idle, it does not hold the others.
        assert_eq!(said(2, Mark::Idle), [at(8)]);
        assert_eq!(said(1, at(10)), [at(10)]);
        // It is back, and behind: it does not count before it has caught up.
        assert_eq!(said(2, Mark::Active), []);
        assert_eq!(said(2, at(5)), []);
        assert_eq!(said(1, at(11)), [at(11)]);
        assert_eq!(said(2, at(11)), []);
        assert_eq!(said(1, at(14)), []);
        assert_eq!(said(2, at(13)), [at(12)]);
    }

    #[test]
    fn where_all_are_idle_the_largest_counts_and_the_task_is_idle() {
        let mut valve = Valve::new(2);
        let mut said = |channel, mark| {
            let mut out = Vec::new();
            valve.on_mark(channel, mark, &mut out);
            out
        };
        said(0, at(5));
        assert_eq!(said(1, at(3)), [at(3)]);
        assert_eq!(said(0, Mark::Idle), []);
        assert_eq!(said(1, Mark::Idle), [at(5), Mark::Idle]);
        // A successor of the producer says a watermark without having been idle itself.
        assert_eq!(said(0, at(7)), [Mark::Active, at(7)]);
    }

    fn strategy(idleness: Option<Span>) -> WatermarkStrategy {
        WatermarkStrategy {
            out_of_orderness: Span::from_secs(2),
            idleness,
        }
    }

    #[test]
    fn a_reader_is_as_far_as_its_last_split() {
        let mut reader = ReaderWatermark::new(strategy(None));
        let mut splits = vec![SplitWatermark::default(); 2];
        let tick = |reader: &mut ReaderWatermark, splits: &mut Vec<_>, s| {
            reader.on_tick(splits.iter_mut(), Time::ZERO + Span::from_secs(s))
        };
        splits[0].on_event(EventTime(10 * S));
        assert_eq!(tick(&mut reader, &mut splits, 10), []);
        splits[1].on_event(EventTime(9 * S));
        splits[1].on_event(EventTime(8 * S));
        assert_eq!(tick(&mut reader, &mut splits, 11), [at(7 * S - MS)]);
        // Nothing comes to the second one, and without an idleness that holds everything for ever.
        splits[0].on_event(EventTime(500 * S));
        assert_eq!(tick(&mut reader, &mut splits, 500), []);
    }

    #[test]
    fn a_split_without_records_is_idle_after_a_while() {
        let mut reader = ReaderWatermark::new(strategy(Some(Span::from_secs(5))));
        let mut splits = vec![SplitWatermark::default(); 2];
        let mut tick = |splits: &mut Vec<SplitWatermark>, s| {
            reader.on_tick(splits.iter_mut(), Time::ZERO + Span::from_secs(s))
        };
        for split in &mut splits {
            split.on_event(EventTime(10 * S));
        }
        assert_eq!(tick(&mut splits, 10), [at(8 * S - MS)]);
        for s in 11..=16 {
            splits[0].on_event(EventTime(s * S));
            assert_eq!(tick(&mut splits, s as u64), []);
        }
        splits[0].on_event(EventTime(17 * S));
        assert_eq!(tick(&mut splits, 17), [at(15 * S - MS)]);
        // Both: the reader is idle, until one of them has more.
        for s in 18..=23 {
            assert_eq!(tick(&mut splits, s), []);
        }
        assert_eq!(tick(&mut splits, 24), [Mark::Idle]);
        splits[1].on_event(EventTime(24 * S));
        assert_eq!(tick(&mut splits, 25), [Mark::Active, at(22 * S - MS)]);
    }

    #[test]
    fn a_reader_without_splits_is_idle_only_where_there_is_an_idleness() {
        for (idleness, said) in [(None, 0), (Some(Span::from_secs(5)), 1)] {
            let mut reader = ReaderWatermark::new(strategy(idleness));
            let marks = (0..20)
                .flat_map(|s| reader.on_tick(std::iter::empty(), Time::ZERO + Span::from_secs(s)));
            assert_eq!(marks.collect::<Vec<_>>(), vec![Mark::Idle; said]);
        }
    }

    #[test]
    fn timestamps_lie_within_the_disorder_before_the_arrival() {
        let (arrival, disorder) = (Time::ZERO + Span::from_secs(10), Span::from_secs(2));
        let times: Vec<EventTime> = (0..1_000)
            .map(|offset| EventTime::of(Record::new(3, offset), arrival, disorder))
            .collect();
        assert!(times.iter().all(|t| (8 * S..=10 * S).contains(&t.0)));
        let early = times.iter().filter(|t| t.0 < 9 * S).count();
        assert!((400..600).contains(&early), "{early}");
        let exact = EventTime::of(Record::new(3, 5), arrival, Span::ZERO);
        assert_eq!(exact, EventTime(10 * S));
        assert_eq!(
            exact.lag(arrival + Span::from_secs(1)),
            Some(Span::from_secs(1))
        );
        assert_eq!(EventTime::MIN.lag(arrival), None);
    }
}
