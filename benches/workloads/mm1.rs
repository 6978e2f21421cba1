//! A single queue with one server (M/M/1): two events pending at most.

use std::collections::VecDeque;

use firedrill::kernel::{ActorId, Kernel, Observer, Simulation, Span, Time, World};
use serde::Serialize;

use super::spec::{Draws, Outcome, SECOND_NS, Watch, timed};

const LAMBDA_PER_SECOND: f64 = 0.8;
const SERVER: ActorId = ActorId(0);

#[derive(Serialize)]
pub enum Message {
    Arrival,
    Departure,
}

pub struct Server {
    arrivals: Draws,
    services: Draws,
    to_come: u64,
    line: VecDeque<Time>,
    busy: bool,
    waits_ns: u64,
}

impl Server {
    fn next_arrival(&mut self, kernel: &mut Kernel<Self>) {
        let gap = self
            .arrivals
            .exponential_ns(SECOND_NS as f64 / LAMBDA_PER_SECOND);
        kernel.schedule(kernel.now() + Span(gap), SERVER, Message::Arrival);
        self.to_come -= 1;
    }

    fn serve(&mut self, kernel: &mut Kernel<Self>) {
        let service = self.services.exponential_ns(SECOND_NS as f64);
        kernel.schedule(kernel.now() + Span(service), SERVER, Message::Departure);
    }
}

impl World for Server {
    type Message = Message;
    type Timer = ();
    type Fact = ();

    #[inline]
    fn on_message(&mut self, _: ActorId, message: Message, kernel: &mut Kernel<Self>) {
        match message {
            Message::Arrival => {
                if self.to_come > 0 {
                    self.next_arrival(kernel);
                }
                if self.busy {
                    self.line.push_back(kernel.now());
                } else {
                    self.busy = true;
                    self.serve(kernel);
                }
            }
            Message::Departure => match self.line.pop_front() {
                Some(arrived) => {
                    self.waits_ns += (kernel.now() - arrived).0;
                    self.serve(kernel);
                }
                None => self.busy = false,
            },
        }
    }

    fn on_timer(&mut self, _: ActorId, (): (), _: &mut Kernel<Self>) {}

    fn name(&self, _: ActorId) -> String {
        "server".to_string()
    }
}

/// `m` customers, two events each.
pub fn run<O: Observer<Server>>(m: u64, seed: u64, watch: Watch<'_, O>) -> Outcome {
    let mut simulation = Simulation::new(Server {
        arrivals: Draws::new(seed, 0),
        services: Draws::new(seed, 1),
        to_come: m,
        line: VecDeque::new(),
        busy: false,
        waits_ns: 0,
    });
    simulation.setup(Server::next_arrival);
    let wall_s = timed(&mut simulation, Time::MAX, watch);
    let waits_ns = simulation.world().waits_ns;
    // The closed form is 4 s; 1976 / m is the asymptotic variance of the mean.
    let mean_wait_s = waits_ns as f64 / m as f64 / 1e9;
    assert!(
        (mean_wait_s - 4.0).abs() < 5.0 * (1976.0 / m as f64).sqrt(),
        "{mean_wait_s}"
    );
    Outcome {
        events: simulation.events(),
        checksum: waits_ns,
        wall_s,
        digest: simulation.digest(),
    }
}
