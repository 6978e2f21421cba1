//! What is wrong with links: cuts, additional latency, narrow bandwidth, lost packets.

use crate::kernel::ActorId;
use crate::kernel::time::{Span, SpanRange, Time};

use super::super::server::Server;

/// Ends of links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Group {
    /// Everybody else.
    All,
    /// In order.
    Of(Vec<ActorId>),
}

impl Group {
    fn has(&self, actor: ActorId) -> bool {
        match self {
            Group::All => true,
            Group::Of(actors) => actors.contains(&actor),
        }
    }
}

/// What happens to packets.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// None gets through.
    Cut,
    /// They take longer, and share `bandwidth`.
    Slow {
        latency: SpanRange,
        bandwidth: Server,
    },
    /// A share of them is lost, in thousandths.
    Lossy { per_mille: u32 },
}

/// Some links, with something wrong.
#[derive(Clone, Debug)]
pub struct Condition {
    pub from: Group,
    pub to: Group,
    pub one_way: bool,
    pub trouble: Trouble,
    /// When it is over; none: not known yet.
    pub until: Option<Time>,
}

impl Condition {
    fn is_over_at(&self, at: Time) -> bool {
        self.until.is_some_and(|until| at >= until)
    }

    fn concerns(&self, from: ActorId, to: ActorId) -> bool {
        (self.from.has(from) && self.to.has(to))
            || (!self.one_way && self.from.has(to) && self.to.has(from))
    }
}

/// Names a condition, so that it can end.
pub type ConditionId = u32;

/// All that is wrong at the moment, in the order in which it came.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    next: ConditionId,
    present: Vec<(ConditionId, Condition)>,
}

impl Conditions {
    pub fn add(&mut self, condition: Condition) -> ConditionId {
        self.next += 1;
        self.present.push((self.next, condition));
        self.next
    }

    pub fn remove(&mut self, id: ConditionId) {
        self.present.retain(|(present, _)| *present != id);
    }

    pub fn are_none(&self) -> bool {
        self.present.is_empty()
    }

    pub fn have_cuts(&self) -> bool {
        let is_cut =
            |(_, condition): &(ConditionId, Condition)| matches!(condition.trouble, Trouble::Cut);
        self.present.iter().any(is_cut)
    }

    pub fn is_cut(&self, from: ActorId, to: ActorId) -> bool {
        let cuts = |(_, condition): &(ConditionId, Condition)| {
            matches!(condition.trouble, Trouble::Cut) && condition.concerns(from, to)
        };
        self.present.iter().any(cuts)
    }

    /// Share of packets sent at `at` that are lost on the way, in thousandths: of the worst link on it.
    pub fn loss_per_mille(&self, from: ActorId, to: ActorId, at: Time) -> u32 {
        let of = |(_, condition): &(ConditionId, Condition)| match condition.trouble {
            Trouble::Lossy { per_mille }
                if condition.concerns(from, to) && !condition.is_over_at(at) =>
            {
                per_mille
            }
            _ => 0,
        };
        self.present.iter().map(of).max().unwrap_or(0)
    }

    /// When a message sent at `sent` that would arrive at `arrival` arrives over slow links; `draw` draws a latency. What is
    /// left of it when the trouble is over takes no longer than all of it usually does.
    pub fn delay(
        &mut self,
        from: ActorId,
        to: ActorId,
        (sent, arrival): (Time, Time),
        bytes: u64,
        mut draw: impl FnMut(SpanRange) -> Span,
    ) -> Time {
        let mut at = arrival;
        for (_, condition) in &mut self.present {
            if !condition.concerns(from, to) {
                continue;
            }
            if let Trouble::Slow { latency, bandwidth } = &mut condition.trouble {
                let through = bandwidth.serve(at, bytes).1;
                let whole = |until: Time| until + arrival.since(sent);
                let latest = condition.until.map_or(Time::MAX, whole).max(at);
                at = through.min(latest) + draw(*latency);
            }
        }
        at
    }
}
