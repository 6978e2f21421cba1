//! Connections between living processes that somebody in between has reset: what was on its way is lost, and so is what an
//! end sends before it knows.

use std::collections::BTreeMap;

use crate::kernel::ActorId;
use crate::kernel::time::Time;

/// By sender and receiver: until when what arrives was sent on a connection that is no more; none while the sender takes it
/// to stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Resets(BTreeMap<(ActorId, ActorId), Option<Time>>);

impl Resets {
    pub fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    pub fn begin(&mut self, from: ActorId, to: ActorId) {
        self.0.insert((from, to), None);
    }

    /// The sender knows; `last` is the arrival of the last that it sent. False: it has known already.
    pub fn learn(&mut self, from: ActorId, to: ActorId, last: Time) -> bool {
        match self.0.get_mut(&(from, to)) {
            Some(until @ None) => {
                *until = Some(last);
                true
            }
            _ => false,
        }
    }

    /// Whether what arrives now is lost.
    pub fn lose(&mut self, from: ActorId, to: ActorId, now: Time) -> bool {
        let Some(until) = self.0.get(&(from, to)) else {
            return false;
        };
        let lost = until.is_none_or(|until| now <= until);
        if !lost {
            self.0.remove(&(from, to));
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_before_the_sender_knows_is_lost_and_what_it_sends_then_is_not() {
        let (one, other) = (ActorId(1), ActorId(2));
        let mut resets = Resets::default();
        assert!(!resets.learn(one, other, Time(5)) && !resets.lose(one, other, Time(5)));
        resets.begin(one, other);
        assert!(resets.lose(one, other, Time(6)) && !resets.lose(other, one, Time(6)));
        assert!(resets.learn(one, other, Time(9)) && !resets.learn(one, other, Time(20)));
        assert!(resets.lose(one, other, Time(9)) && !resets.lose(one, other, Time(10)));
        assert!(resets.are_none());
    }
}
