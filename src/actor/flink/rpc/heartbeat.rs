//! Heartbeats (`HeartbeatManagerImpl`, `HeartbeatManagerSenderImpl`, `DefaultHeartbeatMonitor`): one monitor per peer.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::message::Timer;
use crate::kernel::{Span, TimerId};
use crate::policy::defect::{Defect, Defects};

use super::{Address, Endpoint, RpcError};

/// The other end that a monitor watches, as its owner knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Peer {
    pub address: Address,
    pub endpoint: Endpoint,
}

/// Why a peer counts as gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// No sign of life for `heartbeat.timeout`.
    Timeout,
    /// `heartbeat.rpc-failure-threshold` requests in a row found nobody.
    Unreachable,
}

#[derive(Clone, Debug)]
struct Monitor {
    timer: TimerId,
    failures: u32,
}

/// The monitors of one endpoint. A monitor reports its peer once at most: with the verdict it is gone.
#[derive(Clone, Debug)]
pub struct Heartbeats {
    owner: Endpoint,
    timeout: Span,
    /// None: `heartbeat.rpc-failure-threshold: -1`.
    threshold: Option<u32>,
    monitors: BTreeMap<Peer, Monitor>,
    defects: Defects,
}

impl Heartbeats {
    pub fn new(owner: Endpoint, timeout: Span, threshold: Option<u32>) -> Heartbeats {
        Heartbeats {
            owner,
            timeout,
            threshold,
            monitors: BTreeMap::new(),
            defects: Defects::default(),
        }
    }

    /// With mistakes that are made on purpose.
    pub fn with(mut self, defects: Defects) -> Self {
        self.defects = defects;
        self
    }

    /// `monitorTarget`: a fresh monitor, whatever was known of the peer before.
    pub fn monitor(&mut self, peer: Peer, ctx: &mut Context<'_>) {
        self.unmonitor(peer, ctx);
        let timer = ctx.timer(Timer::HeartbeatTimeout {
            owner: self.owner,
            peer,
        });
        ctx.arm(timer, self.timeout);
        self.monitors.insert(peer, Monitor { timer, failures: 0 });
        let owner = self.owner;
        ctx.state(Fact::PeerMonitored { owner, peer });
    }

    pub fn unmonitor(&mut self, peer: Peer, ctx: &mut Context<'_>) {
        if self.remove(peer, ctx) {
            let owner = self.owner;
            ctx.state(Fact::PeerUnmonitored { owner, peer });
        }
    }

    fn remove(&mut self, peer: Peer, ctx: &mut Context<'_>) -> bool {
        let monitor = self.monitors.remove(&peer);
        if let Some(monitor) = &monitor {
            ctx.release(monitor.timer);
        }
        monitor.is_some()
    }

    pub fn monitors(&self, peer: Peer) -> bool {
        self.monitors.contains_key(&peer)
    }

    /// Whom a round of requests goes to, in order.
    pub fn peers(&self) -> impl Iterator<Item = Peer> + '_ {
        self.monitors.keys().copied()
    }

    /// Any heartbeat message from the peer, request or answer, restarts its timeout. False: it is not monitored.
    pub fn heard(&mut self, peer: Peer, ctx: &mut Context<'_>) -> bool {
        let Some(monitor) = self.monitors.get(&peer) else {
            return false;
        };
        if !self.defects.has(Defect::HeartbeatNotReset) {
            ctx.arm(monitor.timer, self.timeout);
        }
        let owner = self.owner;
        ctx.state(Fact::PeerHeard { owner, peer });
        true
    }

    /// What came of a heartbeat RPC. Success only resets the count; a plain ask timeout is not counted.
    pub fn on_rpc(
        &mut self,
        peer: Peer,
        result: Result<(), RpcError>,
        ctx: &mut Context<'_>,
    ) -> Option<Verdict> {
        let monitor = self.monitors.get_mut(&peer)?;
        match result {
            Ok(()) => monitor.failures = 0,
            Err(RpcError::Unreachable) => monitor.failures += 1,
            Err(_) => {
                let counts = self.defects.has(Defect::TimeoutCountsAsRefusal);
                monitor.failures += u32::from(counts);
            }
        }
        if self
            .threshold
            .is_some_and(|threshold| monitor.failures >= threshold)
        {
            self.remove(peer, ctx);
            return Some(Verdict::Unreachable);
        }
        None
    }

    /// The monitor's timer has fired.
    pub fn on_timeout(&mut self, peer: Peer, ctx: &mut Context<'_>) -> Option<Verdict> {
        // Heard of while the timer waited for the main thread: it is armed again.
        let monitor = self.monitors.get(&peer)?;
        if ctx.is_armed(monitor.timer) {
            return None;
        }
        if self.defects.has(Defect::VerdictNever) {
            ctx.arm(monitor.timer, self.timeout);
            return None;
        }
        self.remove(peer, ctx);
        Some(Verdict::Timeout)
    }

    /// The endpoint ends.
    pub fn stop(&mut self, ctx: &mut Context<'_>) {
        for peer in self.peers().collect::<Vec<_>>() {
            self.unmonitor(peer, ctx);
        }
    }
}
