//! The CPU of one machine: a few cores and a run queue. A runnable that finds no core waits its turn.

use std::collections::VecDeque;

use crate::kernel::ActorId;
use crate::kernel::time::Span;

/// How long a runnable keeps its core while others wait, where it shares the machine with other processes, or is
/// sliced for another reason.
pub const QUANTUM: Span = Span::from_ms(10);

/// Something that a process wants a core for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runnable {
    pub actor: ActorId,
    /// Its process numbers it.
    pub number: u32,
}

/// A runnable has a core: what it does ends after this span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    pub runnable: Runnable,
    pub lasts: Span,
}

#[derive(Clone, Copy, Debug)]
struct Work {
    runnable: Runnable,
    /// Beyond the slice that runs.
    left: Span,
    sliced: bool,
}

#[derive(Clone, Debug)]
pub struct Cpu {
    millicores: u32,
    /// When nothing is taken from it.
    millicores_whole: u32,
    cores: usize,
    /// Speed of each core in thousandths of a whole one.
    speed_per_mille: u64,
    /// Of the whole machine, for as long as the run lasts.
    host_speed_per_mille: u64,
    /// How much slower than normal, in thousandths; 1000 is normal.
    slowdown_per_mille: u64,
    /// Several processes live here: none may keep a core for itself.
    shared: bool,
    running: Vec<Work>,
    waiting: VecDeque<Work>,
    /// Of processes that are stopped: the end of a slice is on its way, but there is no core behind it.
    detached: Vec<Work>,
    /// Of processes that are stopped: these want a core when they go on.
    parked: Vec<Work>,
}

impl Cpu {
    /// 2.5 cores are three cores of 0.833 each.
    pub fn new(millicores: u32, host_speed_per_mille: u64, shared: bool) -> Cpu {
        let mut cpu = Cpu {
            millicores,
            millicores_whole: millicores,
            cores: 0,
            speed_per_mille: 0,
            host_speed_per_mille: host_speed_per_mille.max(1),
            slowdown_per_mille: 1000,
            shared,
            running: Vec::new(),
            waiting: VecDeque::new(),
            detached: Vec::new(),
            parked: Vec::new(),
        };
        cpu.resize(millicores);
        cpu
    }

    /// More cores or fewer from now on. What runs keeps its core to the end of its slice.
    pub fn resize(&mut self, millicores: u32) -> Vec<Slice> {
        assert!(millicores > 0, "a machine has some CPU");
        let cores = millicores.div_ceil(1000);
        self.millicores = millicores;
        self.cores = cores as usize;
        self.speed_per_mille = u64::from(millicores) / u64::from(cores);
        self.fill()
    }

    pub fn millicores(&self) -> u32 {
        self.millicores
    }

    pub fn slow_down(&mut self, factor_per_mille: u32) {
        assert!(factor_per_mille > 0, "a slowdown has a factor");
        self.slowdown_per_mille = u64::from(factor_per_mille);
    }

    fn is_slowed(&self) -> bool {
        self.millicores < self.millicores_whole || self.slowdown_per_mille > 1000
    }

    /// How long something takes here that takes `span` at ordinary speed.
    pub fn stretched(&self, span: Span) -> Span {
        let scaled = u128::from(span.0) * u128::from(self.slowdown_per_mille);
        Span((scaled / u128::from(self.host_speed_per_mille)) as u64)
    }

    /// How long a core is occupied by work that takes `work` on one whole core of ordinary speed.
    pub fn occupancy(&self, work: Span) -> Span {
        let speed = (self.speed_per_mille * self.host_speed_per_mille / 1000).max(1);
        match work.0.checked_mul(self.slowdown_per_mille) {
            Some(scaled) => Span(scaled / speed),
            None => {
                let scaled =
                    u128::from(work.0) * u128::from(self.slowdown_per_mille) / u128::from(speed);
                Span(u64::try_from(scaled).unwrap_or(u64::MAX))
            }
        }
    }

    /// A runnable wants to work. A slice: it has a core at once. `sliced`: even on a machine of its own it gives others a turn.
    pub fn run(&mut self, runnable: Runnable, work: Span, sliced: bool) -> Option<Slice> {
        let work = Work {
            runnable,
            left: work,
            // What begins while the machine is slow is not to be as slow when it has recovered.
            sliced: sliced || self.shared || self.is_slowed(),
        };
        if self.running.len() < self.cores {
            return Some(self.start(work));
        }
        self.waiting.push_back(work);
        None
    }

    /// A slice is over. None: the work is done, and the core is the runnable's until [`Cpu::release`]. Else it goes on, now or
    /// when it is its turn again, and whoever has the core now is named.
    pub fn end_slice(&mut self, runnable: Runnable) -> Option<Option<Slice>> {
        if let Some(at) = self.detached_at(runnable) {
            if self.detached[at].left == Span::ZERO {
                return None;
            }
            let work = self.detached.remove(at);
            return Some(self.run(runnable, work.left, work.sliced));
        }
        let at = self.position(runnable);
        if self.running[at].left == Span::ZERO {
            return None;
        }
        let work = self.running.remove(at);
        self.waiting.push_back(work);
        Some(self.next())
    }

    /// Gives a core back; who gets it, if somebody waits.
    pub fn release(&mut self, runnable: Runnable) -> Option<Slice> {
        if let Some(at) = self.detached_at(runnable) {
            self.detached.remove(at);
            return None;
        }
        let at = self.position(runnable);
        // Who runs beside whom has no order.
        self.running.swap_remove(at);
        self.next()
    }

    /// The runnable will not work any more: if it has a core, to the end of its slice.
    pub fn forget(&mut self, runnable: Runnable) {
        let is_other = |work: &Work| work.runnable != runnable;
        self.waiting.retain(is_other);
        self.parked.retain(is_other);
        for work in self.running.iter_mut().chain(&mut self.detached) {
            if work.runnable == runnable {
                work.left = Span::ZERO;
            }
        }
    }

    /// A process is gone; who gets its cores.
    pub fn forget_all(&mut self, actor: ActorId) -> Vec<Slice> {
        let is_other = |work: &Work| work.runnable.actor != actor;
        self.running.retain(is_other);
        self.waiting.retain(is_other);
        self.detached.retain(is_other);
        self.parked.retain(is_other);
        self.fill()
    }

    /// A process is stopped: on a machine that it shares, others get its cores.
    pub fn stop(&mut self, actor: ActorId) -> Vec<Slice> {
        if !self.shared {
            return Vec::new();
        }
        let is_its = |work: &Work| work.runnable.actor == actor;
        self.detached
            .extend(self.running.extract_if(.., |work| is_its(work)));
        let (parked, waiting): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(is_its);
        self.waiting = waiting.into();
        self.parked.extend(parked);
        self.fill()
    }

    /// A stopped process goes on.
    pub fn go_on(&mut self, actor: ActorId) -> Vec<Slice> {
        let is_its = |work: &mut Work| work.runnable.actor == actor;
        let parked: Vec<_> = self.parked.extract_if(.., is_its).collect();
        self.waiting.extend(parked);
        self.fill()
    }

    fn fill(&mut self) -> Vec<Slice> {
        std::iter::from_fn(|| self.next()).collect()
    }

    fn next(&mut self) -> Option<Slice> {
        if self.running.len() >= self.cores {
            return None;
        }
        let work = self.waiting.pop_front()?;
        Some(self.start(work))
    }

    fn start(&mut self, mut work: Work) -> Slice {
        let slice = if work.sliced {
            work.left.min(QUANTUM)
        } else {
            work.left
        };
        work.left = work.left - slice;
        self.running.push(work);
        Slice {
            runnable: work.runnable,
            lasts: self.occupancy(slice),
        }
    }

    fn detached_at(&self, runnable: Runnable) -> Option<usize> {
        // Hardly ever is there anything.
        if self.detached.is_empty() {
            return None;
        }
        let is_it = |work: &Work| work.runnable == runnable;
        self.detached.iter().position(is_it)
    }

    fn position(&self, runnable: Runnable) -> usize {
        self.running
            .iter()
            .position(|work| work.runnable == runnable)
            .expect("a core is released by whoever took it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ActorId = ActorId(1);
    const OTHER: ActorId = ActorId(2);

    fn of(actor: ActorId, number: u32) -> Runnable {
        Runnable { actor, number }
    }

    fn slice(actor: ActorId, number: u32, lasts: Span) -> Slice {
        let runnable = of(actor, number);
        Slice { runnable, lasts }
    }

    #[test]
    fn cores_are_shared_in_turn() {
        let mut cpu = Cpu::new(1_500, 1_000, false);
        let work = Span(3_000);
        let occupancy = Span(4_000);
        assert_eq!(cpu.occupancy(work), occupancy);
        assert!(cpu.run(of(ONE, 1), work, false).is_some());
        assert!(cpu.run(of(ONE, 2), work, false).is_some());
        assert!(cpu.run(of(ONE, 3), work, false).is_none());
        assert!(cpu.run(of(ONE, 4), work, false).is_none());
        cpu.forget(of(ONE, 3));
        assert_eq!(cpu.end_slice(of(ONE, 1)), None);
        assert_eq!(cpu.release(of(ONE, 1)), Some(slice(ONE, 4, occupancy)));
        assert_eq!(cpu.release(of(ONE, 2)), None);
        cpu.slow_down(2_000);
        assert_eq!(cpu.occupancy(work), occupancy * 2);
    }

    #[test]
    fn what_begins_while_cpu_is_taken_away_goes_on_at_full_speed_afterwards() {
        let mut cpu = Cpu::new(1_000, 1_000, false);
        cpu.resize(10);
        let long = QUANTUM * 3;
        assert_eq!(
            cpu.run(of(ONE, 1), long, false),
            Some(slice(ONE, 1, QUANTUM * 100))
        );
        cpu.resize(1_000);
        assert_eq!(
            cpu.end_slice(of(ONE, 1)),
            Some(Some(slice(ONE, 1, QUANTUM)))
        );
    }

    #[test]
    fn a_slow_host_takes_longer() {
        let cpu = Cpu::new(2_000, 800, false);
        assert_eq!(cpu.occupancy(Span(800)), Span(1_000));
    }

    #[test]
    fn on_a_shared_machine_nobody_keeps_a_core() {
        let mut cpu = Cpu::new(1_000, 1_000, true);
        let long = QUANTUM * 2 + Span(5);
        assert_eq!(
            cpu.run(of(ONE, 1), long, false),
            Some(slice(ONE, 1, QUANTUM))
        );
        assert_eq!(cpu.run(of(OTHER, 1), Span(7), false), None);
        assert_eq!(
            cpu.end_slice(of(ONE, 1)),
            Some(Some(slice(OTHER, 1, Span(7))))
        );
        assert_eq!(cpu.end_slice(of(OTHER, 1)), None);
        assert_eq!(cpu.release(of(OTHER, 1)), Some(slice(ONE, 1, QUANTUM)));
        // Nobody else wants it.
        assert_eq!(
            cpu.end_slice(of(ONE, 1)),
            Some(Some(slice(ONE, 1, Span(5))))
        );
        assert_eq!(cpu.end_slice(of(ONE, 1)), None);
    }

    #[test]
    fn a_stopped_process_leaves_its_cores_to_others() {
        let mut cpu = Cpu::new(1_000, 1_000, true);
        let long = QUANTUM * 2;
        cpu.run(of(ONE, 1), long, false);
        cpu.run(of(ONE, 2), Span(9), false);
        cpu.run(of(OTHER, 1), Span(7), false);
        assert_eq!(cpu.stop(ONE), [slice(OTHER, 1, Span(7))]);
        assert_eq!(cpu.release(of(OTHER, 1)), None);
        assert_eq!(cpu.go_on(ONE), [slice(ONE, 2, Span(9))]);
        // The slice that ended while it was stopped.
        assert_eq!(cpu.end_slice(of(ONE, 1)), Some(None));
        assert_eq!(cpu.release(of(ONE, 2)), Some(slice(ONE, 1, QUANTUM)));
        assert_eq!(cpu.end_slice(of(ONE, 1)), None);
        assert_eq!(cpu.release(of(ONE, 1)), None);
    }

    #[test]
    fn the_dead_free_their_cores() {
        let mut cpu = Cpu::new(1_000, 1_000, true);
        cpu.run(of(ONE, 1), Span(5), false);
        cpu.run(of(OTHER, 1), Span(7), false);
        assert_eq!(cpu.forget_all(ONE), [slice(OTHER, 1, Span(7))]);
    }

    #[test]
    fn cores_that_are_taken_away_are_missed_at_the_next_turn() {
        let mut cpu = Cpu::new(2_000, 1_000, true);
        for number in 1..=3 {
            cpu.run(of(ONE, number), Span(5), false);
        }
        assert_eq!(cpu.resize(500), []);
        assert_eq!(cpu.release(of(ONE, 1)), None);
        assert_eq!(cpu.release(of(ONE, 2)), Some(slice(ONE, 3, Span(10))));
        assert_eq!(cpu.run(of(ONE, 4), Span(5), false), None);
        assert_eq!(cpu.resize(2_000), [slice(ONE, 4, Span(5))]);
    }
}
