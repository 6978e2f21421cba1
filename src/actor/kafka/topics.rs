//! Topics change: they get more partitions, and producers leave some alone.

use serde::Serialize;

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::message::Body;
use crate::actor::source_fact::SourceFact;
use crate::kernel::Span;

use super::Kafka;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum TopicChange {
    /// So many more partitions (`AdminClient.createPartitions`), to which producers write like to the others.
    Grows {
        topic: u32,
        count: u32,
    },
    /// Producers write nothing to a partition for a while, or to the end.
    Silence {
        topic: u32,
        partition: u32,
        lasts: Option<Span>,
    },
    SilenceOver {
        topic: u32,
        partition: u32,
    },
}

const SILENCE: &str = "silence";

impl Kafka {
    pub(super) fn change_topic(&mut self, change: TopicChange, ctx: &mut Context<'_>) {
        match change {
            TopicChange::Grows { topic, count } => {
                let has = &mut self.partitions[topic as usize];
                let before = *has;
                *has += count;
                let partitions = *has;
                ctx.state(Fact::Source(SourceFact::PartitionsAdded {
                    topic,
                    partitions,
                }));
                for partition in before..partitions {
                    self.log(topic, partition).begin(ctx.now());
                }
            }
            TopicChange::Silence {
                topic,
                partition,
                lasts,
            } => {
                self.log(topic, partition).cease();
                ctx.state(Fact::FaultInjected { what: SILENCE });
                if let Some(lasts) = lasts {
                    let over = TopicChange::SilenceOver { topic, partition };
                    ctx.after(lasts, Body::Topic(over));
                }
            }
            TopicChange::SilenceOver { topic, partition } => {
                self.log(topic, partition).begin(ctx.now());
                ctx.state(Fact::FaultHealed { what: SILENCE });
            }
        }
    }

    fn log(&mut self, topic: u32, partition: u32) -> &mut super::Log {
        let split = self.blueprint.topology.split(topic as usize, partition);
        let split = split.expect("the topology has every partition that there ever is");
        &mut self.logs[split as usize]
    }
}
