//! Whoever is told of failures from outside (a webhook behind Prometheus or Grafana): slow, and sometimes deaf.

use std::sync::Arc;

use crate::kernel::{Random, SmallStream};

use super::blueprint::Blueprint;
use super::context::Context;
use super::fact::Fact;
use super::message::{Body, Envelope};

#[derive(Clone, Debug)]
pub struct Receiver {
    blueprint: Arc<Blueprint>,
    random: SmallStream,
}

impl Receiver {
    pub fn new(blueprint: Arc<Blueprint>) -> Receiver {
        let random = blueprint
            .streams
            .small("notifications", &blueprint.cluster.receiver.name);
        Receiver { blueprint, random }
    }

    pub fn on_message(&mut self, envelope: Envelope, ctx: &mut Context<'_>) {
        let settings = &self.blueprint.cluster.receiver;
        if let Body::Notify { id, .. } = envelope.body
            && !self.random.chance_per_mille(settings.loss_per_mille)
        {
            ctx.state(Fact::NotificationDelivered { id });
            let delay = self
                .random
                .between(settings.latency.min, settings.latency.max);
            ctx.send_after(delay, envelope.from, 0, Body::NotifyReceived { id });
        }
    }
}
