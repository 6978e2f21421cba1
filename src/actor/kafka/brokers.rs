//! The brokers of a Kafka cluster: who leads which partition, how the controller misses a broker, and what lies at one that
//! hangs (KRaft's `broker.session.timeout.ms`; the clients' `request.timeout.ms`).

use crate::actor::sink_fact::SinkFact;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::actor::blueprint::Blueprint;
use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::flink::rpc::Address;
use crate::actor::message::Body;
use crate::actor::settings::KafkaCluster;
use crate::kernel::{Span, Time};

/// What happens to a broker, and the times that run because of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum BrokerEvent {
    /// SIGKILL; with `back_after` it is started again.
    Kill {
        back_after: Option<Span>,
    },
    /// A controlled shutdown: it hands over what it leads.
    Stop {
        back_after: Option<Span>,
    },
    Start,
    /// It is up, and has registered with the controller.
    Started {
        life: u32,
    },
    Hang {
        lasts: Option<Span>,
    },
    /// None: whichever silence it is.
    Resume {
        life: Option<u32>,
    },
    /// `broker.session.timeout.ms` after its last heartbeat.
    SessionOver {
        life: u32,
    },
}

/// What a client asks of whoever leads a partition.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    pub from: Address,
    pub body: Body,
    /// How often it has been tried in vain.
    pub tries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Hung,
    Down,
}

#[derive(Clone, Copy, Debug)]
struct Broker {
    state: State,
    /// The controller has given it up: it leads nothing.
    fenced: bool,
    /// Grows with whatever happens to it, so that times of an earlier state are void.
    life: u32,
    /// A fault whose end has not been stated: every partition has a leader again, or the broker is back.
    fault: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(super) struct Brokers {
    settings: KafkaCluster,
    brokers: Vec<Broker>,
    /// By partition; none: no replica of it that is in sync is there.
    leaders: Vec<Option<u32>>,
    /// By partition: since when its leader has led it, in the process that it is now.
    led_since: Vec<Time>,
    /// Requests at brokers that hang.
    held: BTreeMap<u64, (u32, Request)>,
    next_held: u64,
    /// Nothing has ever happened to any of them.
    untouched: bool,
}

/// How a request fares.
pub(super) enum Way {
    Open,
    /// Its broker cannot be reached, or nobody leads: it is tried again.
    Closed,
    /// It lies at a broker that hangs.
    Stuck(u32),
}

impl Brokers {
    pub(super) fn new(partitions: usize, blueprint: &Blueprint) -> Brokers {
        let settings = blueprint.cluster.kafka.clone();
        let up = Broker {
            state: State::Up,
            fenced: false,
            life: 0,
            fault: None,
        };
        let count = settings.brokers;
        Brokers {
            brokers: vec![up; count as usize],
            leaders: (0..partitions as u32).map(|p| Some(p % count)).collect(),
            led_since: vec![Time::ZERO; partitions],
            held: BTreeMap::new(),
            next_held: 0,
            untouched: true,
            settings,
        }
    }

    pub(super) fn are_untouched(&self) -> bool {
        self.untouched
    }

    /// Whether somebody answers what every broker knows.
    pub(super) fn is_any_up(&self) -> bool {
        self.brokers.iter().any(|broker| broker.state == State::Up)
    }

    /// In the order in which they are preferred as leaders.
    fn replicas(&self, partition: usize) -> impl Iterator<Item = u32> + use<> {
        let count = self.settings.brokers;
        let copies = self.settings.replication_factor.min(count);
        (0..copies).map(move |copy| (partition as u32 + copy) % count)
    }

    /// `writes`: it has to be on `min.insync.replicas` before it is answered.
    pub(super) fn way(&self, partition: usize, writes: bool) -> Way {
        let Some(leader) = self.leaders[partition] else {
            return Way::Closed;
        };
        let in_sync = self.replicas(partition);
        let in_sync = in_sync.filter(|replica| !self.brokers[*replica as usize].fenced);
        if writes && (in_sync.count() as u32) < self.settings.min_insync_replicas {
            return Way::Closed;
        }
        match self.brokers[leader as usize].state {
            State::Up => Way::Open,
            State::Down => Way::Closed,
            State::Hung => Way::Stuck(leader),
        }
    }

    /// Since when somebody serves a partition; none: nobody does.
    pub(super) fn serves_since(&self, partition: usize) -> Option<Time> {
        let leader = self.leaders[partition]?;
        let is_up = self.brokers[leader as usize].state == State::Up;
        is_up.then(|| self.led_since[partition])
    }

    /// Whether a broker serves, and leads the partition.
    pub(super) fn leads(&self, broker: u32, partition: usize) -> bool {
        self.leaders[partition] == Some(broker) && self.brokers[broker as usize].state == State::Up
    }

    /// It waits until the broker goes on, or the client loses its patience (`request.timeout.ms`).
    pub(super) fn hold(&mut self, broker: u32, request: Request, ctx: &mut Context<'_>) {
        self.next_held += 1;
        self.held.insert(self.next_held, (broker, request));
        let number = self.next_held;
        let timeout = self.settings.request_timeout;
        ctx.after(timeout, Body::KafkaRequestTimeout(number));
    }

    pub(super) fn time_out(&mut self, number: u64) -> Option<Request> {
        self.held.remove(&number).map(|(_, request)| request)
    }

    /// Requests that were at a broker, and are not any more: it goes on with them, or its sockets are closed.
    pub(super) fn happen(
        &mut self,
        number: u32,
        event: BrokerEvent,
        ctx: &mut Context<'_>,
    ) -> Vec<Request> {
        self.untouched = false;
        let startup = self.settings.start_up;
        let session = self.settings.session_timeout;
        let broker = &mut self.brokers[number as usize];
        let life = broker.life + 1;
        let tell = |event| Body::Broker { number, event };
        match (event, broker.state) {
            (BrokerEvent::Kill { back_after } | BrokerEvent::Stop { back_after }, state)
                if state != State::Down =>
            {
                // One that hangs is missed as a dead one from now on.
                self.heal(number, ctx);
                let broker = &mut self.brokers[number as usize];
                broker.state = State::Down;
                broker.life = life;
                let is_orderly = matches!(event, BrokerEvent::Stop { .. }) && state == State::Up;
                let what = match is_orderly {
                    true => "stop-broker",
                    false => "kill-broker",
                };
                broker.fault = Some(what);
                ctx.state(Fact::FaultInjected { what });
                ctx.after(session, tell(BrokerEvent::SessionOver { life }));
                if let Some(back_after) = back_after {
                    ctx.after(back_after, tell(BrokerEvent::Start));
                }
                if is_orderly {
                    self.fence(number, ctx);
                }
                self.release(number)
            }
            (BrokerEvent::Start, State::Down) => {
                ctx.after(startup, tell(BrokerEvent::Started { life: broker.life }));
                Vec::new()
            }
            (BrokerEvent::Started { life: of }, State::Down) if of == broker.life => {
                self.come_up(number, ctx);
                Vec::new()
            }
            (BrokerEvent::Hang { lasts }, State::Up) => {
                broker.state = State::Hung;
                broker.life = life;
                let what = "hang-broker";
                broker.fault = Some(what);
                ctx.state(Fact::FaultInjected { what });
                ctx.after(session, tell(BrokerEvent::SessionOver { life }));
                if let Some(lasts) = lasts {
                    let life = Some(life);
                    ctx.after(lasts, tell(BrokerEvent::Resume { life }));
                }
                Vec::new()
            }
            (BrokerEvent::Resume { life: of }, State::Hung)
                if of.is_none_or(|of| of == broker.life) =>
            {
                self.come_up(number, ctx);
                self.release(number)
            }
            (BrokerEvent::SessionOver { life }, _) if life == broker.life && !broker.fenced => {
                self.fence(number, ctx);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn release(&mut self, broker: u32) -> Vec<Request> {
        let waiting = std::mem::take(&mut self.held).into_iter();
        let (released, held): (BTreeMap<_, _>, _) = waiting.partition(|(_, (at, _))| *at == broker);
        self.held = held;
        released.into_values().map(|(_, request)| request).collect()
    }

    fn come_up(&mut self, number: u32, ctx: &mut Context<'_>) {
        let broker = &mut self.brokers[number as usize];
        let is_new = broker.state == State::Down;
        broker.state = State::Up;
        broker.life += 1;
        broker.fenced = false;
        // Whatever has had no leader since it was lost.
        for partition in 0..self.leaders.len() {
            if self.leaders[partition].is_none() && self.replicas(partition).any(|r| r == number) {
                self.leaders[partition] = Some(number);
                self.led_since[partition] = ctx.now();
            } else if is_new && self.leaders[partition] == Some(number) {
                self.led_since[partition] = ctx.now();
            }
        }
        self.say(number, "is registered", 0, ctx);
        self.heal(number, ctx);
        self.heal_who_is_replaced(ctx);
    }

    /// The controller gives a broker up: the next replica that is in sync leads what it has led.
    fn fence(&mut self, number: u32, ctx: &mut Context<'_>) {
        self.brokers[number as usize].fenced = true;
        let mut moved = 0;
        for partition in 0..self.leaders.len() {
            if self.leaders[partition] == Some(number) {
                let mut replicas = self.replicas(partition);
                self.leaders[partition] =
                    replicas.find(|replica| !self.brokers[*replica as usize].fenced);
                self.led_since[partition] = ctx.now();
                moved += 1;
            }
        }
        self.say(number, "is fenced", moved, ctx);
        self.heal_who_is_replaced(ctx);
    }

    /// Where every partition has a leader that serves, nobody misses whom the controller has given up.
    fn heal_who_is_replaced(&mut self, ctx: &mut Context<'_>) {
        let serves = |leader: u32| self.brokers[leader as usize].state == State::Up;
        if !self.leaders.iter().all(|leader| leader.is_some_and(serves)) {
            return;
        }
        for number in 0..self.brokers.len() as u32 {
            if self.brokers[number as usize].fenced {
                self.heal(number, ctx);
            }
        }
    }

    fn heal(&mut self, number: u32, ctx: &mut Context<'_>) {
        if let Some(what) = self.brokers[number as usize].fault.take() {
            ctx.state(Fact::FaultHealed { what });
        }
    }

    fn say(&self, broker: u32, what: &'static str, moved: u32, ctx: &mut Context<'_>) {
        let leaderless = self
            .leaders
            .iter()
            .filter(|leader| leader.is_none())
            .count() as u32;
        ctx.state(Fact::Sink(SinkFact::BrokerChanged {
            broker,
            what,
            moved,
            leaderless,
        }));
    }
}
