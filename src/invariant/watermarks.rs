//! Event time goes forward.

use std::collections::BTreeMap;

use crate::actor::checkpoint::Attempt;
use crate::actor::fact::Fact;
use crate::actor::source_fact::EventTimeFact;
use crate::dataflow::event_time::EventTime;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{Header, Time};

use super::checks::Checker;
use super::scene::Scene;
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 1] = [safety(
    "K3",
    "The watermark of a task never goes back within an attempt.",
)];

#[derive(Clone, Debug)]
pub(super) struct Watermarks {
    forward: Tally,
    reached: BTreeMap<(SubtaskId, Attempt), EventTime>,
}

impl Watermarks {
    pub fn new() -> Watermarks {
        let [forward] = PROMISES.map(Tally::new);
        Watermarks {
            forward,
            reached: BTreeMap::new(),
        }
    }
}

impl Checker for Watermarks {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        if let Fact::EventTime(EventTimeFact::Advanced {
            subtask,
            attempt,
            watermark,
        }) = fact
        {
            let reached = self.reached.entry((*subtask, *attempt));
            let reached = reached.or_insert(EventTime::MIN);
            let before = std::mem::replace(reached, *watermark);
            self.forward.expect(*watermark > before, header, || {
                let task = scene.task(*subtask);
                format!("{task} goes from watermark {} to {}", before.0, watermark.0)
            });
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        vec![self.forward.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{Stage, TM};

    fn advance(stage: &mut Stage, number: u32, watermark: i64) -> &mut Stage {
        let (subtask, attempt) = (2, Attempt::new(100, number));
        let watermark = EventTime(watermark);
        stage.says(
            TM(0),
            Fact::EventTime(EventTimeFact::Advanced {
                subtask,
                attempt,
                watermark,
            }),
        )
    }

    #[test]
    fn an_attempt_goes_forward_and_the_next_one_begins_anew() {
        let mut stage = Stage::running();
        advance(advance(&mut stage, 1, -5), 1, 7).broken("K3", 0);
        advance(&mut stage, 2, 3).broken("K3", 0);
        advance(&mut stage, 2, 2).broken("K3", 1);
        advance(&mut stage, 2, 2).broken("K3", 2);
    }
}
