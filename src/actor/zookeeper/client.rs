//! ZooKeeper's client, as JobManagers and TaskManagers carry it (`ClientCnxn`, with Curator's connection states).

use std::collections::BTreeMap;

use crate::actor::context::{Alarm, Context};
use crate::actor::message::{Body, Timer, ZkTimer};
use crate::kernel::{ActorId, Random, SmallStream, Span, Streams, Time};

use super::protocol::{Answer, Op, SessionId, ZkError, ZkMessage};

/// Between two attempts to connect (`ClientCnxn` sleeps up to a second).
const RECONNECT_MAX: Span = Span::from_ms(1_000);

/// Before the server that it was connected to last, once all others have been tried (`StaticHostProvider.next`).
const SPIN_DELAY: Span = Span::from_ms(1_000);

/// A client that is woken when it has sent nothing for so long pings so much earlier than it has to.
const PING_EARLY: Span = Span::from_ms(1_000);

/// And at once when it has sent nothing for so long (`ClientCnxn.MAX_SEND_PING_INTERVAL`).
const PING_INTERVAL_MAX: Span = Span::from_secs(10);

/// What the client tells the process that it belongs to.
#[derive(Clone, Debug)]
pub enum ClientEvent {
    /// A session is there: a new one, or the old one again (RECONNECTED).
    Connected {
        new_session: bool,
    },
    /// The connection is lost, the session perhaps not.
    Suspended,
    /// Another connection could not be made: what was asked meanwhile has failed.
    NotConnected,
    /// The session is over, and with it everything that it owned.
    Lost,
    Reply {
        xid: u32,
        result: Result<Answer, ZkError>,
    },
    WatchFired {
        path: String,
    },
    /// Curator has tried a request for the last time without a connection: an unhandled error.
    GaveUp,
}

/// How often Curator tries a request again, and how long it waits before (`BoundedExponentialBackoffRetry`).
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    pub attempts_max: u32,
    pub wait: Span,
    pub wait_max: Span,
}

impl RetryPolicy {
    /// Before this retry, the first of which is 0: `wait` times a random number below a power of two that doubles, one at
    /// the least.
    pub fn wait(&self, retry: u32, random: &mut SmallStream) -> Span {
        let below = 1 << (retry + 1).min(RETRIES_TOLD_APART);
        (self.wait * random.below(below).max(1)).min(self.wait_max)
    }

    /// All waits together.
    fn patience(&self, random: &mut SmallStream) -> Span {
        (0..self.attempts_max).fold(Span::ZERO, |sum, retry| sum + self.wait(retry, random))
    }
}

/// `ExponentialBackoffRetry.MAX_RETRIES_LIMIT`
const RETRIES_TOLD_APART: u32 = 29;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    /// Between two attempts: there is no connection, and what still comes was meant for an earlier one.
    Waiting,
    Connecting,
    Connected,
}

#[derive(Clone, Debug)]
pub struct Client {
    servers: Vec<ActorId>,
    /// The server in use, an index into `servers`.
    current: usize,
    /// The server that it was connected to last; before that the first one.
    last_connected: usize,
    state: State,
    session: Option<SessionId>,
    /// The session that was lost last.
    given_up: Option<SessionId>,
    requested: Span,
    connection_timeout: Span,
    /// Negotiated.
    timeout: Span,
    /// Suspended for this share of the session timeout, the session counts as lost.
    lost_after_percent: u32,
    next_xid: u32,
    /// Requests without an answer: asked again on the next connection of the same session.
    outstanding: BTreeMap<u32, Op>,
    sent: Time,
    random: SmallStream,
    ping: Alarm,
    read_timeout: Alarm,
    reconnect: Alarm,
    lost: Alarm,
    /// None: requests wait for ever.
    retries: Option<RetryPolicy>,
    give_up: Alarm,
}

impl Client {
    pub fn new(
        owner: &str,
        servers: &[ActorId],
        requested: Span,
        connection_timeout: Span,
        streams: &Streams,
    ) -> Client {
        let mut random = streams.small("zookeeper-client", owner);
        let current = random.below(servers.len() as u64) as usize;
        Client {
            servers: servers.to_vec(),
            current,
            last_connected: current,
            state: State::Closed,
            session: None,
            given_up: None,
            requested,
            connection_timeout,
            timeout: requested,
            lost_after_percent: 100,
            next_xid: 0,
            outstanding: BTreeMap::new(),
            sent: Time::ZERO,
            random,
            ping: Alarm::new(Timer::Zk(ZkTimer::Ping)),
            read_timeout: Alarm::new(Timer::Zk(ZkTimer::ReadTimeout)),
            reconnect: Alarm::new(Timer::Zk(ZkTimer::Reconnect)),
            lost: Alarm::new(Timer::Zk(ZkTimer::Lost)),
            retries: None,
            give_up: Alarm::new(Timer::Zk(ZkTimer::GiveUp)),
        }
    }

    /// Curator's `simulatedSessionExpirationPercent`; 0: it waits for the server's word.
    pub fn lost_after_percent(mut self, percent: u32) -> Client {
        self.lost_after_percent = percent;
        self
    }

    pub fn retrying(mut self, policy: RetryPolicy) -> Client {
        self.retries = Some(policy);
        self
    }

    /// Requests that find no connection fail with every attempt to connect, and are tried again so often, for so long. A new
    /// connection answers them; a session that has expired has no requests any more.
    fn expect_answers(&mut self, ctx: &mut Context<'_>) {
        let waits = self.state == State::Connecting && self.session.is_some();
        if let Some(policy) = self.retries.filter(|_| waits)
            && !self.outstanding.is_empty()
            && !self.give_up.is_set(ctx)
        {
            // The first attempt, and the one after each wait, ends when a connection could not be made.
            let attempts = RECONNECT_MAX * u64::from(policy.attempts_max + 1);
            let patience = policy.patience(&mut self.random);
            self.give_up.set(patience + attempts, ctx);
        }
    }

    pub fn open(&mut self, ctx: &mut Context<'_>) {
        self.state = State::Connecting;
        let message = ZkMessage::Connect {
            session: self.session,
            timeout: self.requested,
        };
        self.send(message, ctx);
        self.read_timeout.set(self.connection_timeout, ctx);
    }

    /// The process ends in order: the server is asked to end the session at once.
    pub fn close(&mut self, ctx: &mut Context<'_>) {
        if let (State::Connected, Some(session)) = (self.state, self.session) {
            self.send(ZkMessage::CloseSession { session }, ctx);
        }
        self.state = State::Closed;
        for alarm in [
            &mut self.ping,
            &mut self.read_timeout,
            &mut self.reconnect,
            &mut self.lost,
            &mut self.give_up,
        ] {
            alarm.cancel(ctx);
        }
    }

    pub fn session(&self) -> Option<SessionId> {
        self.session
    }

    pub fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    /// What is asked for is not asked again on the next connection, and its answer is for nobody.
    pub fn forget_requests(&mut self) {
        self.outstanding.clear();
    }

    /// Asks for something; the answer comes as [`ClientEvent::Reply`] with the returned number.
    pub fn request(&mut self, op: Op, ctx: &mut Context<'_>) -> u32 {
        self.next_xid += 1;
        let xid = self.next_xid;
        self.outstanding.insert(xid, op.clone());
        if let (State::Connected, Some(session)) = (self.state, self.session) {
            self.send(ZkMessage::Request { session, xid, op }, ctx);
        }
        self.expect_answers(ctx);
        xid
    }

    /// True where a message from this actor is for the client.
    pub fn is_server(&self, actor: ActorId) -> bool {
        self.servers.contains(&actor)
    }

    pub fn on_message(
        &mut self,
        from: ActorId,
        message: ZkMessage,
        ctx: &mut Context<'_>,
    ) -> Option<ClientEvent> {
        let listens = matches!(self.state, State::Connecting | State::Connected);
        if from != self.servers[self.current] || !listens {
            return None;
        }
        self.hear(ctx);
        match message {
            // A server that was stopped answers connections, too, that have been given up meanwhile.
            ZkMessage::Connected { session, .. }
                if self.state != State::Connecting || self.given_up == Some(session) =>
            {
                None
            }
            ZkMessage::Connected { session, timeout } => {
                Some(self.on_connected(session, timeout, ctx))
            }
            // Of a session given up before there is nothing more to lose.
            ZkMessage::Expired { session } if self.session != Some(session) => None,
            ZkMessage::Expired { .. } => self.on_expired(ctx),
            ZkMessage::Pong => None,
            ZkMessage::Reply { xid, result } => {
                self.outstanding.remove(&xid)?;
                Some(ClientEvent::Reply { xid, result })
            }
            ZkMessage::WatchFired { path } => Some(ClientEvent::WatchFired { path }),
            ZkMessage::NotServing => self.disconnect(ctx),
            message => unreachable!("clients are not told {message:?}"),
        }
    }

    /// The server's process died, or it was never there.
    pub fn on_reset(&mut self, peer: ActorId, ctx: &mut Context<'_>) -> Option<ClientEvent> {
        (peer == self.servers[self.current])
            .then(|| self.disconnect(ctx))
            .flatten()
    }

    pub fn on_timer(&mut self, timer: ZkTimer, ctx: &mut Context<'_>) -> Option<ClientEvent> {
        match timer {
            ZkTimer::Ping => {
                if let (State::Connected, Some(session)) = (self.state, self.session) {
                    self.send(ZkMessage::Ping { session }, ctx);
                }
                None
            }
            ZkTimer::ReadTimeout => self.disconnect(ctx),
            ZkTimer::Reconnect => {
                self.current = (self.current + 1) % self.servers.len();
                self.open(ctx);
                None
            }
            // Curator: suspended for a whole session timeout is as good as expired.
            ZkTimer::Lost => self.on_expired(ctx),
            ZkTimer::GiveUp if self.outstanding.is_empty() => None,
            ZkTimer::GiveUp => Some(ClientEvent::GaveUp),
            timer => unreachable!("clients set no {timer:?}"),
        }
    }

    fn on_connected(
        &mut self,
        session: SessionId,
        timeout: Span,
        ctx: &mut Context<'_>,
    ) -> ClientEvent {
        let new_session = self.session != Some(session);
        self.session = Some(session);
        self.timeout = timeout;
        self.state = State::Connected;
        self.last_connected = self.current;
        self.lost.cancel(ctx);
        self.give_up.cancel(ctx);
        self.hear(ctx);
        let outstanding: Vec<_> = self
            .outstanding
            .iter()
            .map(|(xid, op)| (*xid, op.clone()))
            .collect();
        for (xid, op) in outstanding {
            self.send(ZkMessage::Request { session, xid, op }, ctx);
        }
        ClientEvent::Connected { new_session }
    }

    /// Any packet from the server puts the read timeout off.
    fn hear(&mut self, ctx: &mut Context<'_>) {
        if self.state == State::Connected {
            self.read_timeout.set(self.timeout * 2 / 3, ctx);
            self.ping.set(self.until_ping(ctx.now()), ctx);
        }
    }

    /// Whatever is sent puts the next ping off for a third of the timeout, and whatever comes later wakes the client
    /// (`ClientCnxn.SendThread.run`).
    fn until_ping(&self, now: Time) -> Span {
        let idle = now.since(self.sent);
        let early = if idle > PING_EARLY {
            PING_EARLY
        } else {
            Span::ZERO
        };
        let due = (self.timeout / 3).0.saturating_sub((idle + early).0);
        Span(if idle > PING_INTERVAL_MAX { 0 } else { due })
    }

    fn disconnect(&mut self, ctx: &mut Context<'_>) -> Option<ClientEvent> {
        let was_connected = self.state == State::Connected;
        self.state = State::Waiting;
        // The socket is closed: what it still had to send is never sent.
        ctx.hang_up(self.servers[self.current]);
        self.ping.cancel(ctx);
        self.read_timeout.cancel(ctx);
        let mut pause = self.random.between(Span(1), RECONNECT_MAX);
        if (self.current + 1) % self.servers.len() == self.last_connected {
            pause += SPIN_DELAY;
        }
        self.reconnect.set(pause, ctx);
        self.expect_answers(ctx);
        if was_connected {
            if self.lost_after_percent > 0 {
                let patience = self.timeout * u64::from(self.lost_after_percent) / 100;
                self.lost.set(patience, ctx);
            }
            return Some(ClientEvent::Suspended);
        }
        Some(ClientEvent::NotConnected)
    }

    fn on_expired(&mut self, ctx: &mut Context<'_>) -> Option<ClientEvent> {
        let lost = self.session.take();
        self.given_up = lost.or(self.given_up);
        self.outstanding.clear();
        self.lost.cancel(ctx);
        self.give_up.cancel(ctx);
        self.disconnect(ctx);
        self.lost.cancel(ctx);
        lost.map(|_| ClientEvent::Lost)
    }

    fn send(&mut self, message: ZkMessage, ctx: &mut Context<'_>) {
        self.sent = ctx.now();
        if self.state == State::Connected {
            self.ping.set(self.until_ping(self.sent), ctx);
        }
        ctx.send(self.servers[self.current], Body::Zk(Box::new(message)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_puts_the_next_ping_off() {
        let (nine, fifteen) = (Span::from_secs(9), Span::from_secs(15));
        let mut client = Client::new("jm-1", &[ActorId(1)], nine, fifteen, &Streams::new(1));
        let at = |ms: u64| Time(ms * 1_000_000);
        client.sent = at(500);
        assert_eq!(client.until_ping(at(500)), Span::from_ms(3_000));
        assert_eq!(client.until_ping(at(1_400)), Span::from_ms(2_100));
        // Something has come that wakes it.
        assert_eq!(client.until_ping(at(2_000)), Span::from_ms(500));
        assert_eq!(client.until_ping(at(3_000)), Span::ZERO);
        client.timeout = Span::from_secs(60);
        assert_eq!(client.until_ping(at(9_500)), Span::from_secs(10));
        assert_eq!(client.until_ping(at(10_600)), Span::ZERO);
    }
}
