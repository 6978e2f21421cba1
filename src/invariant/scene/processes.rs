//! Which processes are up, awake and connected.

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::Fact;
use crate::kernel::{ActorId, Header, Span, Time};

#[derive(Clone, Debug)]
pub struct Processes {
    states: Vec<State>,
    /// When the last fault began, ended, or had its last echo.
    disturbed: Time,
}

#[derive(Clone, Debug, Default)]
struct State {
    up: bool,
    hung: bool,
    /// Faults of its links that last, and since when there are any.
    cuts: u32,
    cut_at: Option<Time>,
    /// Since when its machine has no power.
    off_at: Option<Time>,
    woke_at: Option<Time>,
    incarnation: u32,
    slow: bool,
}

/// Whether the fact changes what the cluster has to work with.
pub fn is_disturbance(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::FaultInjected { .. }
            | Fact::FaultHealed { .. }
            | Fact::ProcessStarted { .. }
            | Fact::ProcessExited
    )
}

/// Whether a process ends, by itself or not.
pub fn is_end(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::FaultInjected {
            what: "kill" | "power-off"
        } | Fact::ProcessExited
    )
}

/// Faults under which a process may be out of touch with others, or Kafka has partitions that nobody serves, as long as they last.
fn is_of_links(what: &str) -> bool {
    matches!(
        what,
        "cut-off"
            | "cut"
            | "slow-link"
            | "lossy-link"
            | "kill-broker"
            | "stop-broker"
            | "hang-broker"
    )
}

/// Faults under which a process works, but not as it should.
fn is_of_speed(what: &str) -> bool {
    matches!(
        what,
        "slow" | "take-cpu" | "slow-storage" | "fail-storage" | "lose-storage"
    )
}

impl Processes {
    pub fn new(blueprint: &Blueprint) -> Processes {
        let directory = &blueprint.directory;
        let starts = |actor: u32| {
            let taskmanager = directory.taskmanager_index(ActorId(actor));
            taskmanager.is_none_or(|index| blueprint.cluster.taskmanagers[index].starts)
        };
        let states = (0..directory.len() as u32).map(|actor| State {
            up: starts(actor),
            ..State::default()
        });
        Processes {
            states: states.collect(),
            disturbed: Time::ZERO,
        }
    }

    pub fn take(&mut self, header: &Header, fact: &Fact) {
        if !is_disturbance(fact) {
            return;
        }
        let now = header.time;
        let state = &mut self.states[header.actor.0 as usize];
        let mut echo = Span::ZERO;
        match fact {
            fact if is_end(fact) => {
                (state.up, state.hung) = (false, false);
                state.woke_at = None;
                if let Fact::FaultInjected { what: "power-off" } = fact {
                    state.off_at = Some(now);
                }
            }
            Fact::FaultInjected { what: "hang" } => {
                state.hung = true;
                state.woke_at = Some(Time::MAX);
            }
            Fact::FaultInjected { what } if is_of_links(what) => {
                state.cuts += 1;
                state.cut_at = state.cut_at.or(Some(now));
            }
            Fact::FaultInjected { what } if is_of_speed(what) => state.slow = true,
            Fact::FaultHealed { what } if is_of_speed(what) => state.slow = false,
            Fact::FaultHealed { what: "hang" } => {
                state.hung = false;
                state.woke_at = Some(now);
            }
            // What was sent meanwhile is retransmitted, at the latest after as long again.
            Fact::FaultHealed { what } if is_of_links(what) => {
                state.cuts = state.cuts.saturating_sub(1);
                let cut_at = state.cut_at.take_if(|_| state.cuts == 0);
                echo = cut_at.map_or(Span::ZERO, |at| now.since(at));
            }
            Fact::FaultHealed { what: "power-off" } => {
                echo = state.off_at.take().map_or(Span::ZERO, |at| now.since(at));
            }
            Fact::ProcessStarted { incarnation } => {
                state.up = true;
                state.incarnation = *incarnation;
            }
            _ => {}
        }
        self.disturbed = self.disturbed.max(now + echo);
    }

    /// Up, awake and connected.
    pub fn is_well(&self, actor: ActorId) -> bool {
        let state = &self.states[actor.0 as usize];
        state.up && !state.hung && state.cut_at.is_none()
    }

    /// It has not ended, whatever else may be the matter with it.
    pub fn is_up(&self, actor: ActorId) -> bool {
        self.states[actor.0 as usize].up
    }

    /// Out of touch with others, whether it is up or not.
    pub fn is_cut(&self, actor: ActorId) -> bool {
        self.states[actor.0 as usize].cut_at.is_some()
    }

    pub fn is_slow(&self, actor: ActorId) -> bool {
        self.states[actor.0 as usize].slow
    }

    /// Whether it is still the process of this incarnation.
    pub fn is_same(&self, actor: ActorId, incarnation: u32) -> bool {
        self.states[actor.0 as usize].incarnation == incarnation
    }

    /// When a process last went on after a stop; the end of time while it is stopped.
    pub fn woke_at(&self, actor: ActorId) -> Option<Time> {
        self.states[actor.0 as usize].woke_at
    }

    pub fn disturbed_at(&self) -> Time {
        self.disturbed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::blueprint;
    use crate::kernel::EventId;

    fn seconds(seconds: u64) -> Time {
        Time(Span::from_secs(seconds).0)
    }

    /// Something befalls a process: whether it is well then, and when the last disturbance was.
    fn at(processes: &mut Processes, time: u64, fact: &Fact) -> (bool, Time) {
        let actor = ActorId(0);
        let header = Header {
            time: seconds(time),
            event: EventId(1),
            cause: EventId(1),
            actor,
        };
        processes.take(&header, fact);
        (processes.is_well(actor), processes.disturbed_at())
    }

    #[test]
    fn a_process_is_cut_off_until_the_last_of_its_faults_is_over() {
        let mut processes = Processes::new(&blueprint());
        let mut at = |seconds: u64, fact: Fact| at(&mut processes, seconds, &fact);
        let cut = Fact::FaultInjected { what: "cut-off" };
        let mended = Fact::FaultHealed { what: "cut-off" };
        assert_eq!(at(10, cut.clone()), (false, seconds(10)));
        assert_eq!(at(11, cut), (false, seconds(11)));
        assert_eq!(at(12, mended.clone()), (false, seconds(12)));
        assert_eq!(at(20, mended), (true, seconds(30)));
    }

    /// Its peers learn that their connections are gone when they send again what nobody has acknowledged.
    #[test]
    fn a_machine_that_had_no_power_is_a_disturbance_for_as_long_again() {
        let mut processes = Processes::new(&blueprint());
        let what = "power-off";
        let mut disturbed_at = |seconds, fact| at(&mut processes, seconds, &fact).1;
        assert_eq!(disturbed_at(10, Fact::FaultInjected { what }), seconds(10));
        assert_eq!(disturbed_at(25, Fact::FaultHealed { what }), seconds(40));
        let started = Fact::ProcessStarted { incarnation: 2 };
        assert_eq!(disturbed_at(28, started), seconds(40));
    }
}
