//! Tells the world outside of failures and recoveries, until it has heard.

use crate::actor::blueprint::Blueprint;
use crate::actor::context::{Alarm, Context};
use crate::actor::fact::Fact;
use crate::actor::message::{Body, FencingToken, Timer};
use crate::kernel::Span;
use crate::policy::defect::Defect;

/// How long an answer is waited for.
const RETRY_AFTER: Span = Span::from_secs(2);

#[derive(Clone, Debug)]
pub struct Notifier {
    next: u64,
    /// Not confirmed: id, how often it was sent, text.
    open: Vec<(u64, u32, String)>,
    retry: Alarm,
}

impl Notifier {
    pub fn new(token: FencingToken) -> Notifier {
        // Ids of different leaders differ.
        Notifier {
            next: token << 20,
            open: Vec::new(),
            retry: Alarm::new(Timer::Notify),
        }
    }

    pub fn notify(&mut self, text: String, blueprint: &Blueprint, ctx: &mut Context<'_>) {
        self.next += 1;
        self.open.push((self.next, 0, text));
        self.send(self.open.len() - 1, blueprint, ctx);
    }

    fn send(&mut self, which: usize, blueprint: &Blueprint, ctx: &mut Context<'_>) {
        let (id, attempts, text) = &mut self.open[which];
        *attempts += 1;
        ctx.state(Fact::NotificationSent {
            id: *id,
            attempt: *attempts,
            text: text.clone(),
        });
        ctx.send(
            blueprint.directory.receiver,
            Body::Notify {
                id: *id,
                text: text.clone(),
            },
        );
        self.retry.set(RETRY_AFTER, ctx);
    }

    pub fn on_received(&mut self, id: u64, ctx: &mut Context<'_>) {
        self.open.retain(|(open, ..)| *open != id);
        if self.open.is_empty() {
            self.retry.cancel(ctx);
        }
    }

    pub fn retry(&mut self, blueprint: &Blueprint, ctx: &mut Context<'_>) {
        if blueprint.defects.has(Defect::NotificationNotRetried) {
            return;
        }
        for which in 0..self.open.len() {
            self.send(which, blueprint, ctx);
        }
    }

    pub fn stop(&mut self, ctx: &mut Context<'_>) {
        self.open.clear();
        self.retry.release(ctx);
    }
}
