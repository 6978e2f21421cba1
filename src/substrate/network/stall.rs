//! Messages that TCP cannot get through at the moment, by connection and direction, and when it tries again.

use std::collections::BTreeMap;

use crate::kernel::ActorId;
use crate::kernel::time::{Span, Time};

/// Linux: the first retransmission after 200 ms, then doubling (`TCP_RTO_MIN`, `TCP_RTO_MAX`).
pub(super) const RETRANSMISSION_FIRST: Span = Span::from_ms(200);
const RETRANSMISSION_MAX: Span = Span::from_secs(120);
/// Of an attempt to connect (`TCP_TIMEOUT_INIT`).
pub(super) const CONNECT_FIRST: Span = Span::from_secs(1);

/// After fifteen retransmissions (`tcp_retries2`): 200 ms doubled ten times, then 120 s each.
const GIVES_UP: Span = Span::from_ms(924_600);

/// One direction of one connection, while it stands still.
#[derive(Clone, Debug)]
struct Stall<M> {
    /// When the oldest segment that nobody has acknowledged was first sent.
    since: Time,
    /// It is an attempt to connect.
    opening: bool,
    messages: Vec<M>,
}

#[derive(Clone, Debug)]
pub(super) struct Stalls<M>(BTreeMap<(ActorId, ActorId), Stall<M>>);

impl<M> Stalls<M> {
    pub fn new() -> Stalls<M> {
        Stalls(BTreeMap::new())
    }

    /// Since when nothing that was sent is acknowledged; `now` and from now on, if it is the first.
    pub fn unacknowledged_since(
        &mut self,
        from: ActorId,
        to: ActorId,
        opening: bool,
        now: Time,
    ) -> Time {
        let stall = self.0.entry((from, to)).or_insert(Stall {
            since: now,
            opening,
            messages: Vec::new(),
        });
        stall.since
    }

    /// Keeps a message for retransmission.
    pub fn hold(&mut self, from: ActorId, to: ActorId, message: M) {
        self.0
            .get_mut(&(from, to))
            .expect("what is held was found to be unacknowledged")
            .messages
            .push(message);
    }

    /// The connection is closed, and with it go its buffers.
    pub fn drop_between(&mut self, one: ActorId, other: ActorId) {
        self.0.remove(&(one, other));
        self.0.remove(&(other, one));
    }

    /// What a process had in its buffers, and what others had in theirs for it.
    pub fn drop_of(&mut self, actor: ActorId) {
        self.0
            .retain(|(from, to), _| *from != actor && *to != actor);
    }

    /// Takes out what TCP gives up by `now`: with its direction, and whether it was an attempt to connect. An attempt lasts as
    /// long as the application that makes it, by its first message, has `patience`.
    pub fn give_up(
        &mut self,
        now: Time,
        patience: impl Fn(&M) -> Span,
    ) -> Vec<(ActorId, ActorId, bool, Vec<M>)> {
        let is_over = |stall: &Stall<M>| {
            let lasts = match stall.messages.first() {
                Some(message) if stall.opening => patience(message),
                _ => GIVES_UP,
            };
            now.since(stall.since) >= lasts
        };
        let over: Vec<_> = self
            .0
            .iter()
            .filter(|(_, stall)| is_over(stall))
            .map(|(ends, _)| *ends)
            .collect();
        over.into_iter()
            .filter_map(|(from, to)| {
                let stall = self.0.remove(&(from, to))?;
                Some((from, to, stall.opening, stall.messages))
            })
            .collect()
    }

    /// Takes out what moves again at `now`: with the next retransmission, by direction.
    pub fn release(
        &mut self,
        now: Time,
        mut is_cut: impl FnMut(ActorId, ActorId) -> bool,
    ) -> Vec<(ActorId, ActorId, Time, Vec<M>)> {
        let free: Vec<_> = self
            .0
            .keys()
            .copied()
            .filter(|(from, to)| !is_cut(*from, *to) && !is_cut(*to, *from))
            .collect();
        free.into_iter()
            .filter_map(|(from, to)| {
                let stall = self.0.remove(&(from, to))?;
                let first = if stall.opening {
                    CONNECT_FIRST
                } else {
                    RETRANSMISSION_FIRST
                };
                let at = next_retransmission(stall.since, first, now);
                Some((from, to, at, stall.messages))
            })
            .collect()
    }
}

/// The first retransmission, of a segment first sent at `sent`, that is not before `healed`.
fn next_retransmission(sent: Time, first: Span, healed: Time) -> Time {
    let mut at = sent;
    let mut wait = first;
    while at < healed {
        at += wait;
        wait = (wait * 2).min(RETRANSMISSION_MAX);
    }
    at
}
