//! How long one transaction may keep the readers of a partition waiting.

use std::fmt;

use crate::dataflow::sink::SinkTopic;
use crate::invariant::scene::Scene;
use crate::kernel::{Span, Time};

/// How long readers of a partition have waited for one transaction, and how long they may.
pub(super) struct Waited {
    place: (u32, u32),
    lasted: Span,
    allowed: Span,
}

impl Waited {
    pub(super) fn new(
        place: (u32, u32),
        since: Time,
        now: Time,
        topics: &[SinkTopic],
        scene: &Scene,
    ) -> Waited {
        let kafka = &scene.blueprint.cluster.kafka;
        let topic = topics.get(place.0 as usize);
        let timeout = topic.map_or(kafka.transaction_timeout_max, |topic| {
            topic.transaction_timeout
        });
        // Brokers that are stopped abort nothing.
        let broker = scene.blueprint.directory.kafka;
        let woke = scene.processes.woke_at(broker);
        let since = since.max(woke.unwrap_or(Time::ZERO).min(now));
        Waited {
            place,
            lasted: now.since(since),
            // A broker looks for the first time one interval after it has taken a transaction over.
            allowed: timeout.max(kafka.abort_interval) + kafka.abort_interval,
        }
    }

    pub(super) fn is_over_in_time(&self) -> bool {
        self.lasted <= self.allowed
    }
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (topic, partition) = self.place;
        write!(
            f,
            "readers of partition {partition} of the topic {topic} that sinks write to have waited {} for one transaction, {} are allowed",
            self.lasted, self.allowed
        )
    }
}
