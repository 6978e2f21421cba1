//! The CPU of one machine: a few cores and a run queue. A runnable that finds no core waits its turn.

use std::collections::VecDeque;

use crate::kernel::time::Span;

#[derive(Clone, Debug)]
pub struct Cpu {
    cores: u32,
    /// Speed of each core in thousandths of a whole one.
    speed_per_mille: u64,
    /// How much slower than normal, in thousandths; 1000 is normal.
    slowdown_per_mille: u64,
    busy: u32,
    waiting: VecDeque<u32>,
}

impl Cpu {
    /// 2.5 cores are three cores of 0.833 each.
    pub fn new(millicores: u32) -> Cpu {
        assert!(millicores > 0, "a machine has some CPU");
        let cores = millicores.div_ceil(1000);
        Cpu {
            cores,
            speed_per_mille: u64::from(millicores) / u64::from(cores),
            slowdown_per_mille: 1000,
            busy: 0,
            waiting: VecDeque::new(),
        }
    }

    pub fn slow_down(&mut self, factor_per_mille: u32) {
        assert!(factor_per_mille > 0, "a slowdown has a factor");
        self.slowdown_per_mille = u64::from(factor_per_mille);
    }

    /// How long a runnable occupies a core for work that takes `work` on one whole core.
    pub fn occupancy(&self, work: Span) -> Span {
        let speed = self.speed_per_mille.max(1);
        match work.0.checked_mul(self.slowdown_per_mille) {
            Some(scaled) => Span(scaled / speed),
            None => {
                let scaled =
                    u128::from(work.0) * u128::from(self.slowdown_per_mille) / u128::from(speed);
                Span(u64::try_from(scaled).unwrap_or(u64::MAX))
            }
        }
    }

    /// True: a core is taken, the runnable may run. False: it waits until [`Cpu::release`] names it.
    pub fn acquire(&mut self, runnable: u32) -> bool {
        if self.busy < self.cores {
            self.busy += 1;
            return true;
        }
        self.waiting.push_back(runnable);
        false
    }

    /// Gives a core back; the runnable that gets it, if one waits.
    pub fn release(&mut self) -> Option<u32> {
        assert!(self.busy > 0, "a core is released by whoever took it");
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.busy -= 1;
        }
        next
    }

    /// The runnable will not run after all.
    pub fn forget(&mut self, runnable: u32) {
        self.waiting.retain(|waiting| *waiting != runnable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_shared_in_turn() {
        let mut cpu = Cpu::new(1_500);
        assert_eq!(cpu.occupancy(Span(3_000)), Span(4_000));
        assert!(cpu.acquire(1) && cpu.acquire(2) && !cpu.acquire(3) && !cpu.acquire(4));
        cpu.forget(3);
        assert_eq!(cpu.release(), Some(4));
        assert_eq!(cpu.release(), None);
        cpu.slow_down(2_000);
        assert_eq!(cpu.occupancy(Span(3_000)), Span(8_000));
    }
}
