//! A process's line to ZooKeeper, with a note of what each open request is for.

use std::collections::BTreeMap;

use crate::actor::context::Context;

use super::client::Client;
use super::protocol::Op;

/// The client and its open requests; `A` says what each is for.
#[derive(Clone, Debug)]
pub struct Desk<A> {
    pub client: Client,
    asks: BTreeMap<u32, A>,
}

impl<A> Desk<A> {
    pub fn new(client: Client) -> Desk<A> {
        Desk {
            client,
            asks: BTreeMap::new(),
        }
    }

    pub fn ask(&mut self, op: Op, what: A, ctx: &mut Context<'_>) {
        let xid = self.client.request(op, ctx);
        self.asks.insert(xid, what);
    }

    pub fn take_ask(&mut self, xid: u32) -> Option<A> {
        self.asks.remove(&xid)
    }

    /// The session is over, and with it every open request.
    pub fn forget_asks(&mut self) {
        self.asks.clear();
        self.client.forget_requests();
    }

    /// Whether something is asked for that such a thing is for.
    pub fn waits_for(&self, is: impl Fn(&A) -> bool) -> bool {
        self.asks.values().any(is)
    }

    /// Answers to other requests are for nobody any more.
    pub fn keep_asks(&mut self, keep: impl Fn(&A) -> bool) {
        self.asks.retain(|_, ask| keep(ask));
    }
}
