//! Marks of event time at the output: they go with the buffer that is being filled, and take no buffer themselves.

use crate::dataflow::batch::Element;
use crate::dataflow::event_time::Mark;
use crate::kernel::Time;

use super::{Entry, OutputChannel, Outputs};

impl Outputs {
    /// The channels carry event time.
    pub fn keep_event_time(&mut self) {
        self.marks = vec![Vec::new(); self.channels.len()];
    }

    /// To all channels, behind the records so far.
    pub fn emit_mark(&mut self, mark: Mark) {
        for marks in &mut self.marks {
            // Of two watermarks in one buffer the later one says all.
            if let (Mark::Watermark(_), Some(Mark::Watermark(_))) = (mark, marks.last()) {
                marks.pop();
            }
            marks.push(mark);
        }
    }

    /// The buffer before them is in the log.
    #[inline]
    pub(super) fn append_marks(&mut self, output: usize, now: Time) {
        if !self.marks.is_empty() && !self.marks[output].is_empty() {
            self.append_waiting_marks(output, now);
        }
    }

    #[cold]
    fn append_waiting_marks(&mut self, output: usize, now: Time) {
        let marks = std::mem::take(&mut self.marks[output]);
        if self.is_released(output) {
            return;
        }
        for mark in marks {
            let channel = &mut self.channels[output];
            let entry = Entry {
                emitted: now,
                element: Element::Mark(mark),
            };
            // One that waits is made good by the next one, as long as no record stands between them.
            let waits = channel.base + channel.log.len() as u64 > channel.cursor.max(channel.sent);
            match channel.log.back_mut() {
                Some(last)
                    if waits
                        && matches!(mark, Mark::Watermark(_))
                        && matches!(last.element, Element::Mark(Mark::Watermark(_))) =>
                {
                    *last = entry;
                }
                _ => {
                    channel.log.push_back(entry);
                    channel.events += 1;
                }
            }
        }
    }
}

impl OutputChannel {
    /// The cursor stands elsewhere.
    pub(super) fn count_events(&mut self) {
        let waiting = self.log.iter().skip((self.cursor - self.base) as usize);
        self.events = waiting.filter(|entry| entry.is_event()).count() as u32;
    }
}
