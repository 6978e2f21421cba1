//! The main thread of an endpoint: everything that reaches it is handled one at a time.

use std::collections::VecDeque;

use crate::kernel::{Span, Time};

/// A single-server queue. Work that finds the thread idle is handled at once and keeps it busy for as long as it takes;
/// what comes meanwhile waits, timers too.
#[derive(Clone, Debug)]
pub struct MainThread<W> {
    busy_until: Time,
    waiting: VecDeque<W>,
    /// A wake-up is on its way.
    woken: bool,
}

/// What becomes of work that arrives.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission<W> {
    /// Handle it now.
    Now(W),
    /// It waits; wake the thread after this span.
    WakeAfter(Span),
    /// It waits, and a wake-up is on its way.
    Waits,
}

impl<W> Default for MainThread<W> {
    fn default() -> MainThread<W> {
        MainThread {
            busy_until: Time::ZERO,
            waiting: VecDeque::new(),
            woken: false,
        }
    }
}

impl<W> MainThread<W> {
    pub fn admit(&mut self, work: W, now: Time) -> Admission<W> {
        if self.waiting.is_empty() && self.busy_until <= now {
            return Admission::Now(work);
        }
        self.waiting.push_back(work);
        if self.woken {
            return Admission::Waits;
        }
        self.woken = true;
        Admission::WakeAfter(self.busy_until.since(now))
    }

    /// The thread is busy for `span` from now on, or for so much longer.
    pub fn occupy(&mut self, span: Span, now: Time) {
        self.busy_until = self.busy_until.max(now) + span;
    }

    /// The wake-up has come: the next piece of work, if the thread is free for it.
    pub fn next(&mut self, now: Time) -> Option<W> {
        if self.busy_until > now {
            return None;
        }
        self.waiting.pop_front()
    }

    /// Work that is for nobody any more goes.
    pub fn retain(&mut self, keep: impl FnMut(&W) -> bool) {
        self.waiting.retain(keep);
    }

    /// Called when [`MainThread::next`] has given nothing more: how long until the next wake-up, if one is needed.
    pub fn sleep(&mut self, now: Time) -> Option<Span> {
        self.woken = !self.waiting.is_empty();
        self.woken.then(|| self.busy_until.since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_handled_one_at_a_time() {
        let mut thread = MainThread::default();
        assert_eq!(thread.admit(1, Time(0)), Admission::Now(1));
        thread.occupy(Span(100), Time(0));
        assert_eq!(thread.admit(2, Time(40)), Admission::WakeAfter(Span(60)));
        assert_eq!(thread.admit(3, Time(50)), Admission::Waits);
        assert_eq!(thread.next(Time(99)), None);
        assert_eq!(thread.next(Time(100)), Some(2));
        thread.occupy(Span(100), Time(100));
        assert_eq!(thread.next(Time(100)), None);
        assert_eq!(thread.sleep(Time(100)), Some(Span(100)));
        assert_eq!(thread.next(Time(200)), Some(3));
        assert_eq!(thread.next(Time(200)), None);
        assert_eq!(thread.sleep(Time(200)), None);
        assert_eq!(thread.admit(4, Time(200)), Admission::Now(4));
    }
}
