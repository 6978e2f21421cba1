//! Calls that wait for an answer, each with its own deadline (`PekkoInvocationHandler`).

use std::collections::BTreeMap;

use crate::actor::context::Context;
use crate::actor::message::{FencingToken, Timer};
use crate::kernel::{Span, TimerId};

use super::{AskId, Endpoint};

/// An endpoint asks less often than this power of two.
const ASK_BITS: u32 = 20;

/// The open asks of one endpoint; `W` says what each is for.
#[derive(Clone, Debug)]
pub struct Asks<W> {
    owner: Endpoint,
    next: AskId,
    open: BTreeMap<AskId, (W, TimerId)>,
}

impl<W> Asks<W> {
    pub fn new(owner: Endpoint) -> Asks<W> {
        Asks {
            owner,
            next: 0,
            open: BTreeMap::new(),
        }
    }

    /// Of an endpoint that is made anew for each leader session: an answer to a predecessor's ask must not be taken for one
    /// to its own.
    pub fn of_leader(owner: Endpoint, token: FencingToken) -> Asks<W> {
        Asks {
            next: token << ASK_BITS,
            ..Asks::new(owner)
        }
    }

    /// The latest ask.
    pub fn last(&self) -> AskId {
        self.next
    }

    /// Of an endpoint that takes the place of one that has asked so much already.
    pub fn go_on_after(&mut self, last: AskId) {
        self.next = last;
    }

    pub fn owner(&self) -> Endpoint {
        self.owner
    }

    /// Opens an ask that fails with a timeout after `timeout`, unless it is answered before.
    pub fn open(&mut self, what: W, timeout: Span, ctx: &mut Context<'_>) -> AskId {
        self.next += 1;
        let ask = self.next;
        let timer = ctx.timer(Timer::Ask {
            owner: self.owner,
            ask,
        });
        ctx.arm(timer, timeout);
        self.open.insert(ask, (what, timer));
        ask
    }

    /// The ask is over, answered or timed out: what it was for; none if it was over before.
    pub fn close(&mut self, ask: AskId, ctx: &mut Context<'_>) -> Option<W> {
        let (what, timer) = self.open.remove(&ask)?;
        ctx.release(timer);
        Some(what)
    }

    /// The endpoint ends: nobody waits any more.
    pub fn drop_all(&mut self, ctx: &mut Context<'_>) {
        for (_, timer) in std::mem::take(&mut self.open).into_values() {
            ctx.release(timer);
        }
    }

    /// Drops the asks that are for nobody any more.
    pub fn retain(&mut self, mut keep: impl FnMut(&W) -> bool, ctx: &mut Context<'_>) {
        self.open.retain(|_, (what, timer)| {
            let keeps = keep(what);
            if !keeps {
                ctx.release(*timer);
            }
            keeps
        });
    }
}
