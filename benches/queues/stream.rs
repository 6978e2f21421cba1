//! What a run asked of its queue: every event handled, with the one that caused it.

use firedrill::kernel::queue::Key;
use firedrill::kernel::trace::{TraceKind, TraceLine, TraceSink};
use firedrill::kernel::{EventId, Header, Observer, Time, World};
use serde::Serialize;

/// Notes every event handled. A run's own observer can do the same into a file: a line per event,
/// in the order of handling, of event, cause and time in nanoseconds.
#[derive(Default)]
pub struct Recorder {
    handled: Vec<(u64, u64, u64)>,
}

impl Recorder {
    fn note(&mut self, header: &Header) {
        self.handled
            .push((header.event.0, header.cause.0, header.time.0));
    }
}

impl<W: World> Observer<W> for Recorder {
    fn message(&mut self, header: &Header, _: &W::Message) {
        self.note(header);
    }

    fn timer(&mut self, header: &Header, _: W::Timer) {
        self.note(header);
    }
}

/// The trace of a drill has the same numbers.
impl TraceSink for Recorder {
    fn record<B: Serialize>(&mut self, line: &TraceLine<'_>, _: &B) {
        if line.kind != TraceKind::State {
            self.handled.push((line.event, line.cause, line.time.0));
        }
    }
}

/// Pushes and pops in their order.
pub struct Stream {
    handled: Vec<EventId>,
    /// The pushes of all handlers, in the order of handling; first those of the setup.
    pushes: Vec<Key>,
    /// Where the pushes of each handled event end.
    ends: Vec<u32>,
    same_instant: usize,
    pending_max: usize,
}

impl Stream {
    /// Reads a file as [`Recorder`] describes it.
    pub fn read(path: &str) -> Stream {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let handled = text.lines().enumerate().map(|(number, line)| {
            let mut fields = line.split_whitespace().map(str::parse::<u64>);
            match (fields.next(), fields.next(), fields.next()) {
                (Some(Ok(event)), Some(Ok(cause)), Some(Ok(time))) => (event, cause, time),
                _ => panic!("{path}:{}: event, cause and time are asked for", number + 1),
            }
        });
        Recorder {
            handled: handled.collect(),
        }
        .into()
    }

    pub fn len(&self) -> usize {
        self.handled.len()
    }

    pub fn handled(&self, index: usize) -> EventId {
        self.handled[index]
    }

    pub fn pushes_at_start(&self) -> &[Key] {
        &self.pushes[..self.ends[0] as usize]
    }

    #[inline]
    pub fn pushes_after(&self, index: usize) -> &[Key] {
        &self.pushes[self.ends[index] as usize..self.ends[index + 1] as usize]
    }

    /// The most events pending, and the fraction scheduled for the instant they are scheduled at.
    pub fn shape(&self) -> (usize, f64) {
        (
            self.pending_max,
            self.same_instant as f64 / self.len() as f64,
        )
    }
}

impl From<Recorder> for Stream {
    fn from(recorder: Recorder) -> Stream {
        let handled = recorder.handled;
        // Where an event stands among those handled: a table by its number, which is dense enough.
        let last = handled
            .iter()
            .map(|&(event, _, _)| event)
            .max()
            .unwrap_or(0);
        let mut position = vec![0_u32; last as usize + 1];
        for (index, &(event, _, _)) in handled.iter().enumerate() {
            position[event as usize] = index as u32 + 1;
        }
        // (handler's position, event, time); setup is at position 0.
        let mut pushes: Vec<(u32, u64, u64)> = handled
            .iter()
            .map(|&(event, cause, time)| (position[cause as usize], event, time))
            .collect();
        pushes.sort_unstable();
        let mut ends = vec![0_u32; handled.len() + 1];
        for &(by, _, _) in &pushes {
            ends[by as usize] += 1;
        }
        let (mut sum, mut pending_max) = (0, 0);
        for (popped, end) in ends.iter_mut().enumerate() {
            sum += *end;
            *end = sum;
            pending_max = pending_max.max(sum as usize - popped);
        }
        let is_now = |by: u32, time| by > 0 && handled[by as usize - 1].2 == time;
        Stream {
            same_instant: pushes
                .iter()
                .filter(|&&(by, _, time)| is_now(by, time))
                .count(),
            pushes: pushes
                .iter()
                .map(|&(by, event, time)| Key::new(Time(time), EventId(event), by & Key::SLOT_MAX))
                .collect(),
            ends,
            handled: handled
                .iter()
                .map(|&(event, _, _)| EventId(event))
                .collect(),
            pending_max,
        }
    }
}
