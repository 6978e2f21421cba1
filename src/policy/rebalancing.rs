//! When a running task should move because of load (`on-pressure`).

use crate::dataflow::topology::SubtaskId;
use crate::kernel::{Span, Time};

use super::RebalanceWhen;

/// Above this share of its CPU a machine counts as overloaded, in thousandths.
const CPU_OVERLOADED_PER_MILLE: u32 = 850;

/// One task as the monitor sees it.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    pub subtask: SubtaskId,
    pub taskmanager: usize,
    /// Latency into the task, or how far a source is behind.
    pub latency: Span,
    /// The largest share of time that one of its producers is back-pressured, in thousandths.
    pub producers_back_pressured_per_mille: u32,
    /// Share of the machine's CPU in use, in thousandths.
    pub machine_cpu_per_mille: u32,
    /// CPU that the task itself uses, in millionths of a core.
    pub cpu_microcores: u64,
}

/// Remembers for how long each task has been late.
#[derive(Clone, Debug)]
pub struct OnPressure {
    when: RebalanceWhen,
    late_since: Vec<Option<Time>>,
}

impl OnPressure {
    pub fn new(when: RebalanceWhen, subtasks: usize) -> OnPressure {
        OnPressure {
            when,
            late_since: vec![None; subtasks],
        }
    }

    /// The task to move, if some machine has been overloaded for long enough: the largest one that is late there.
    pub fn decide(&mut self, now: Time, observations: &[Observation]) -> Option<Observation> {
        for seen in observations {
            let late = seen.machine_cpu_per_mille >= CPU_OVERLOADED_PER_MILLE
                && (seen.latency > self.when.latency
                    || seen.producers_back_pressured_per_mille > self.when.back_pressure_per_mille);
            let since = &mut self.late_since[seen.subtask as usize];
            *since = if late { since.or(Some(now)) } else { None };
        }
        let lasting = |seen: &&Observation| {
            self.late_since[seen.subtask as usize]
                .is_some_and(|since| now.since(since) >= self.when.lasting)
        };
        let worst = observations
            .iter()
            .filter(lasting)
            .max_by_key(|seen| seen.machine_cpu_per_mille)?;
        let machine = worst.taskmanager;
        observations
            .iter()
            .filter(|seen| seen.taskmanager == machine)
            .filter(lasting)
            .max_by_key(|seen| (seen.cpu_microcores, std::cmp::Reverse(seen.subtask)))
            .copied()
    }

    /// A task moves: what was late gets time to recover.
    pub fn reset(&mut self) {
        self.late_since.fill(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(subtask: SubtaskId, latency_ms: u64, cpu: u32) -> Observation {
        Observation {
            subtask,
            taskmanager: 0,
            latency: Span::from_ms(latency_ms),
            producers_back_pressured_per_mille: 0,
            machine_cpu_per_mille: cpu,
            cpu_microcores: u64::from(subtask),
        }
    }

    #[test]
    fn pressure_must_last_and_the_largest_late_task_goes() {
        let when = RebalanceWhen {
            latency: Span::from_secs(2),
            back_pressure_per_mille: 500,
            lasting: Span::from_secs(10),
        };
        let mut policy = OnPressure::new(when, 4);
        let late = [
            observation(1, 3_000, 990),
            observation(2, 3_000, 990),
            observation(3, 10, 990),
        ];
        assert!(policy.decide(Time::ZERO, &late).is_none());
        assert!(policy.decide(Time(9_000_000_000), &late).is_none());
        assert_eq!(
            policy.decide(Time(10_000_000_000), &late).unwrap().subtask,
            2
        );
        let relieved = [observation(1, 3_000, 300), observation(2, 3_000, 300)];
        assert!(policy.decide(Time(11_000_000_000), &relieved).is_none());
        assert!(
            policy.decide(Time(12_000_000_000), &late).is_none(),
            "the clock starts again"
        );
    }
}
