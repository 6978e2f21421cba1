//! Session expiry in buckets of a tick (`ExpiryQueue`, `SessionTrackerImpl`).

use std::collections::BTreeMap;

use crate::kernel::{Span, Time};
use crate::policy::defect::{Defect, Defects};

use super::protocol::SessionId;

/// The server cuts what a client asks for to 2 to 20 ticks (`ZooKeeperServer`).
pub fn negotiate(requested: Span, tick: Span) -> Span {
    requested.max(tick * 2).min(tick * 20)
}

#[derive(Clone, Debug)]
pub struct Sessions {
    tick: Span,
    live: BTreeMap<SessionId, Session>,
}

#[derive(Clone, Debug)]
struct Session {
    timeout: Span,
    heard: Time,
    /// The end of its bucket.
    deadline: Time,
}

impl Sessions {
    pub fn new(tick: Span) -> Sessions {
        Sessions {
            tick,
            live: BTreeMap::new(),
        }
    }

    /// A new session, or one that a new leader takes over: it gets its whole timeout.
    pub fn add(&mut self, session: SessionId, timeout: Span, now: Time) {
        let deadline = self.bucket(now + timeout);
        self.live.insert(
            session,
            Session {
                timeout,
                heard: now,
                deadline,
            },
        );
    }

    /// Any packet of the client. False: there is no such session any more.
    pub fn touch(&mut self, session: SessionId, now: Time) -> bool {
        let tick = self.tick;
        match self.live.get_mut(&session) {
            Some(info) => {
                info.heard = now;
                info.deadline = info.deadline.max(bucket(now + info.timeout, tick));
                true
            }
            None => false,
        }
    }

    /// Takes out whatever has expired by now: session, when it was last heard, its timeout.
    pub fn expire(&mut self, now: Time, defects: Defects) -> Vec<(SessionId, Time, Span)> {
        let early = match defects.has(Defect::ExpiresEarly) {
            true => self.tick * 2,
            false => Span::ZERO,
        };
        let due = self
            .live
            .iter()
            .filter(|(_, session)| session.deadline <= now + early);
        let due: Vec<_> = due
            .map(|(id, session)| (*id, session.heard, session.timeout))
            .collect();
        for (id, ..) in &due {
            self.live.remove(id);
        }
        due
    }

    /// Its client has closed it, or somebody has.
    pub fn close(&mut self, session: SessionId) {
        self.live.remove(&session);
    }

    pub fn timeout(&self, session: SessionId) -> Option<Span> {
        self.live.get(&session).map(|session| session.timeout)
    }

    fn bucket(&self, at: Time) -> Time {
        bucket(at, self.tick)
    }
}

/// Rounded up to the next tick, and one more where it falls on one.
pub(super) fn bucket(at: Time, tick: Span) -> Time {
    Time((at.0 / tick.0 + 1) * tick.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Span = Span::from_secs(2);
    const T: fn(u64) -> Time = |ms| Time(ms * 1_000_000);

    #[test]
    fn what_is_asked_for_is_cut_to_ticks() {
        assert_eq!(negotiate(Span::from_secs(60), TICK), Span::from_secs(40));
        assert_eq!(negotiate(Span::from_secs(1), TICK), Span::from_secs(4));
        assert_eq!(negotiate(Span::from_secs(10), TICK), Span::from_secs(10));
    }

    #[test]
    fn a_session_dies_between_its_timeout_and_one_tick_more() {
        let mut sessions = Sessions::new(TICK);
        sessions.add(1, Span::from_secs(10), T(500));
        assert!(sessions.touch(1, T(3_900)));
        assert!(sessions.expire(T(13_899), Defects::default()).is_empty());
        assert_eq!(
            sessions.expire(T(14_000), Defects::default()),
            [(1, T(3_900), Span::from_secs(10))]
        );
        assert!(!sessions.touch(1, T(14_001)));
    }
}
