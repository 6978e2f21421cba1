//! The Kafka clients of tasks: what no broker has taken is asked again, for as long as the task lives that asked
//! (`retry.backoff.ms`, `retry.backoff.max.ms`). Whoever ends closes its client, and nothing of its comes late.

use crate::actor::context::Context;
use crate::actor::kafka::brokers::Request;
use crate::actor::message::Body;
use crate::kernel::{Random, Span};

use super::TaskManager;

impl TaskManager {
    /// Each time after twice as long, a fifth more or less.
    pub(super) fn on_kafka_refused(&mut self, mut request: Box<Request>, ctx: &mut Context<'_>) {
        if !self.wants(&request.body) {
            return;
        }
        let settings = &self.blueprint.cluster.kafka;
        let doubled = settings
            .retry_backoff
            .0
            .saturating_mul(1 << request.tries.min(16));
        let doubled = Span(doubled).min(settings.retry_backoff_max);
        let fifth = Span(doubled.0 / 5);
        let backoff = self.retries.between(fifth * 4, doubled + fifth);
        request.tries += 1;
        ctx.after(backoff, Body::KafkaRetryDue(request));
    }

    pub(super) fn on_kafka_retry_due(&mut self, request: Box<Request>, ctx: &mut Context<'_>) {
        if self.wants(&request.body) {
            ctx.send(self.blueprint.directory.kafka, Body::KafkaRetry(request));
        }
    }

    /// The task that asked is still at work.
    fn wants(&self, body: &Body) -> bool {
        let number = match body {
            Body::Kafka(call) => self.find(call.sink, call.attempt),
            Body::Fetch { task, .. } => Some(*task),
            body => unreachable!("clients do not ask {body:?}"),
        };
        let task = number.and_then(|number| self.tasks[number as usize].as_ref());
        task.is_some_and(|task| !task.is_ending())
    }
}
