//! Whether and when a failed job restarts: Flink's four `RestartBackoffTimeStrategy` classes as state machines.
//!
//! Flink's clock here has milliseconds (`SystemClock.absoluteTimeMillis`), and so have all decisions.

use std::collections::VecDeque;
use std::fmt;

use crate::kernel::random::Random;
use crate::kernel::{Span, Time};

use super::defect::{Defect, Defects};
use super::exact_power::scaled_power;

/// `restart-strategy.type` with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartStrategy {
    /// `none`: the first failure is the last (`NoRestartBackoffTimeStrategy`).
    NoRestart,
    /// `fixed-delay` (`FixedDelayRestartBackoffTimeStrategy`).
    FixedDelay {
        /// `restart-strategy.fixed-delay.attempts`: failures that are forgiven in the life of the JobMaster.
        attempts: u32,
        /// `restart-strategy.fixed-delay.delay`
        delay: Span,
    },
    /// `failure-rate` (`FailureRateRestartBackoffTimeStrategy`).
    FailureRate {
        /// `restart-strategy.failure-rate.max-failures-per-interval`
        max_failures: u32,
        /// `restart-strategy.failure-rate.failure-rate-interval`
        interval: Span,
        /// `restart-strategy.failure-rate.delay`
        delay: Span,
    },
    /// `exponential-delay` (`ExponentialDelayRestartBackoffTimeStrategy`).
    ExponentialDelay {
        /// `restart-strategy.exponential-delay.initial-backoff`
        initial: Span,
        /// `restart-strategy.exponential-delay.max-backoff`
        max: Span,
        /// `restart-strategy.exponential-delay.backoff-multiplier`, in thousandths.
        multiplier_per_mille: u32,
        /// `restart-strategy.exponential-delay.reset-backoff-threshold`: quiet time after the last back-off
        /// that makes the next one the first again.
        reset_threshold: Span,
        /// `restart-strategy.exponential-delay.jitter-factor`, in thousandths.
        jitter_per_mille: u32,
        /// `restart-strategy.exponential-delay.attempts-before-reset-backoff`
        attempts: u32,
    },
}

impl fmt::Display for RestartStrategy {
    /// As Flink's log names it where it suppresses a recovery.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestartStrategy::NoRestart => write!(f, "NoRestartBackoffTimeStrategy"),
            RestartStrategy::FixedDelay { attempts, delay } => write!(
                f,
                "FixedDelayRestartBackoffTimeStrategy(maxNumberRestartAttempts={attempts}, backoffTimeMS={})",
                milliseconds(*delay)
            ),
            RestartStrategy::FailureRate {
                max_failures,
                interval,
                delay,
            } => write!(
                f,
                "FailureRateRestartBackoffTimeStrategy(failuresIntervalMS={}, backoffTimeMS={}, \
                 maxFailuresPerInterval={max_failures})",
                milliseconds(*interval),
                milliseconds(*delay)
            ),
            RestartStrategy::ExponentialDelay {
                initial,
                max,
                attempts,
                ..
            } => write!(
                f,
                "ExponentialDelayRestartBackoffTimeStrategy(initialBackoffMS={}, maxBackoffMS={}, \
                 attemptsBeforeResetBackoff={attempts})",
                milliseconds(*initial),
                milliseconds(*max)
            ),
        }
    }
}

/// One JobMaster's restart strategy and what it remembers of the failures so far (`RestartBackoffTimeStrategy`).
#[derive(Clone, Debug)]
pub struct RestartBackoff {
    strategy: RestartStrategy,
    /// Failures that counted: of `fixed-delay` all, of `exponential-delay` those since the last reset.
    attempts: u32,
    /// Of `failure-rate`: when the last `max_failures` + 1 failures came, in milliseconds, oldest first.
    failures_ms: VecDeque<u64>,
    /// Of `exponential-delay`: when the last back-off ends, in milliseconds; none before the first failure.
    next_restart_ms: Option<u64>,
    defects: Defects,
}

impl RestartBackoff {
    pub fn new(strategy: RestartStrategy) -> RestartBackoff {
        RestartBackoff {
            strategy,
            attempts: 0,
            failures_ms: VecDeque::new(),
            next_restart_ms: None,
            defects: Defects::default(),
        }
    }

    /// With mistakes that are made on purpose.
    pub fn with(mut self, defects: Defects) -> Self {
        self.defects = defects;
        self
    }

    /// `notifyFailure`: true where the failure is a new one. `exponential-delay` merges what comes while a back-off
    /// runs, its last millisecond included; the other strategies count every failure. A new failure of `exponential-delay`
    /// takes one number from `random`, others take none.
    pub fn notify_failure(&mut self, now: Time, random: &mut impl Random) -> bool {
        let now = milliseconds(Span(now.0));
        match self.strategy {
            RestartStrategy::NoRestart => true,
            RestartStrategy::FixedDelay { .. } => {
                self.attempts = self.attempts.saturating_add(1);
                true
            }
            RestartStrategy::FailureRate { max_failures, .. } => {
                if self.failures_ms.len() > max_failures as usize {
                    self.failures_ms.pop_front();
                }
                self.failures_ms.push_back(now);
                true
            }
            RestartStrategy::ExponentialDelay {
                reset_threshold, ..
            } => {
                if let Some(next) = self.next_restart_ms {
                    if now <= next {
                        return false;
                    }
                    let resets = !self.defects.has(Defect::BackoffNeverResets);
                    if resets && now - next >= milliseconds(reset_threshold) {
                        self.attempts = 0;
                    }
                }
                self.next_restart_ms = Some(now.saturating_add(self.exponential_ms(random)));
                let grows = !self.defects.has(Defect::BackoffNeverGrows);
                self.attempts = self.attempts.saturating_add(u32::from(grows));
                true
            }
        }
    }

    /// `canRestart`, after the failure was notified: may the job restart at all?
    pub fn can_restart(&self, now: Time) -> bool {
        match self.strategy {
            _ if self.defects.has(Defect::AttemptsIgnored) => true,
            RestartStrategy::NoRestart => false,
            RestartStrategy::FixedDelay { attempts, .. }
            | RestartStrategy::ExponentialDelay { attempts, .. } => self.attempts <= attempts,
            RestartStrategy::FailureRate {
                max_failures,
                interval,
                ..
            } => {
                let full = self.failures_ms.len() > max_failures as usize;
                let oldest = self.failures_ms.front().filter(|_| full);
                let now = milliseconds(Span(now.0));
                oldest.is_none_or(|oldest| now - oldest > milliseconds(interval))
            }
        }
    }

    /// `getBackoffTime`: how long from now until the restart.
    pub fn backoff(&self, now: Time) -> Span {
        match self.strategy {
            RestartStrategy::NoRestart => Span::ZERO,
            RestartStrategy::FixedDelay { delay, .. }
            | RestartStrategy::FailureRate { delay, .. } => delay,
            RestartStrategy::ExponentialDelay { .. } => {
                let now = milliseconds(Span(now.0));
                let left = self
                    .next_restart_ms
                    .map_or(0, |next| next.saturating_sub(now));
                Span::from_ms(left)
            }
        }
    }

    /// `calculateActualBackoffTime`, in milliseconds. The jitter is a whole number of milliseconds and never takes
    /// the back-off below the initial one.
    fn exponential_ms(&self, random: &mut impl Random) -> u64 {
        let RestartStrategy::ExponentialDelay {
            initial,
            max,
            multiplier_per_mille,
            jitter_per_mille,
            ..
        } = self.strategy
        else {
            return 0;
        };
        let initial = milliseconds(initial);
        let current = scaled_power(initial, multiplier_per_mille, 1000, self.attempts);
        let reach = (u128::from(current) * u128::from(jitter_per_mille) / 1000) as u64;
        // From -reach to +reach, shifted up by reach.
        let drawn = random.below(reach.saturating_mul(2).saturating_add(1));
        let jittered = (current - reach.min(current)).saturating_add(drawn);
        jittered.min(milliseconds(max)).max(initial)
    }
}

fn milliseconds(span: Span) -> u64 {
    span.0 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Streams;

    fn ms(ms: u64) -> Time {
        Time::ZERO + Span::from_ms(ms)
    }

    fn random() -> impl Random {
        Streams::new(1).small("restart", "test")
    }

    fn exponential(jitter_per_mille: u32, attempts: u32) -> RestartBackoff {
        RestartBackoff::new(RestartStrategy::ExponentialDelay {
            initial: Span::from_secs(1),
            max: Span::from_secs(60),
            multiplier_per_mille: 1500,
            reset_threshold: Span::from_secs(3600),
            jitter_per_mille,
            attempts,
        })
    }

    /// From Flink's own class: defaults without jitter, each failure one millisecond after the restart.
    #[test]
    fn exponential_delays_are_flinks() {
        let (mut strategy, mut random) = (exponential(0, u32::MAX), random());
        let mut now = ms(500);
        let mut delays = Vec::new();
        for _ in 0..13 {
            assert!(strategy.notify_failure(now, &mut random));
            assert!(strategy.can_restart(now));
            let delay = strategy.backoff(now);
            delays.push(delay.as_ms() as u64);
            now += delay + Span::from_ms(1);
        }
        let expected = [
            1000, 1500, 2250, 3375, 5062, 7593, 11390, 17085, 25628, 38443, 57665, 60000, 60000,
        ];
        assert_eq!(delays, expected);
    }

    #[test]
    fn a_failure_while_the_back_off_runs_is_merged() {
        let (mut strategy, mut random) = (exponential(0, u32::MAX), random());
        assert!(strategy.notify_failure(ms(100), &mut random));
        assert!(!strategy.notify_failure(ms(700), &mut random));
        assert_eq!(strategy.backoff(ms(700)), Span::from_ms(400));
        // Exactly at the end: merged, and the restart is due at once.
        assert!(!strategy.notify_failure(ms(1100), &mut random));
        assert_eq!(strategy.backoff(ms(1100)), Span::ZERO);
        // Within the same millisecond of Flink's clock too.
        assert!(!strategy.notify_failure(ms(1100) + Span::from_us(999), &mut random));
        assert!(strategy.notify_failure(ms(1101), &mut random));
        assert_eq!(strategy.backoff(ms(1101)), Span::from_ms(1500));
    }

    #[test]
    fn the_reset_is_measured_from_the_end_of_the_last_back_off() {
        let (mut strategy, mut random) = (exponential(0, u32::MAX), random());
        strategy.notify_failure(ms(0), &mut random);
        strategy.notify_failure(ms(1001), &mut random);
        let end = 1001 + 1500;
        let mut early = strategy.clone();
        early.notify_failure(ms(end + 3_599_999), &mut random);
        assert_eq!(early.backoff(ms(end + 3_599_999)), Span::from_ms(2250));
        strategy.notify_failure(ms(end + 3_600_000), &mut random);
        assert_eq!(strategy.backoff(ms(end + 3_600_000)), Span::from_secs(1));
    }

    #[test]
    fn jitter_reaches_both_ends_but_not_below_the_initial_back_off() {
        let mut random = random();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for _ in 0..2_000 {
            let mut strategy = exponential(100, u32::MAX);
            strategy.notify_failure(ms(0), &mut random);
            first.push(strategy.backoff(ms(0)));
            let next = ms(10_000);
            strategy.notify_failure(next, &mut random);
            second.push(strategy.backoff(next));
        }
        let ends = |delays: &[Span]| (delays.iter().min().copied(), delays.iter().max().copied());
        let between = |min, max| (Some(Span::from_ms(min)), Some(Span::from_ms(max)));
        assert_eq!(ends(&first), between(1000, 1100));
        assert_eq!(ends(&second), between(1350, 1650));
        // The lower half of the first one's jitter is cut off: half of all are the initial back-off.
        let cut = first.iter().filter(|d| **d == Span::from_secs(1)).count();
        assert!((900..1_110).contains(&cut), "{cut}");
    }

    #[test]
    fn exponential_attempts_run_out() {
        let (mut strategy, mut random) = (exponential(0, 2), random());
        let mut allowed = Vec::new();
        for now in [0, 10_000, 20_000] {
            strategy.notify_failure(ms(now), &mut random);
            allowed.push(strategy.can_restart(ms(now)));
        }
        assert_eq!(allowed, [true, true, false]);
    }

    #[test]
    fn fixed_delay_counts_every_failure_and_never_forgets() {
        let mut strategy = RestartBackoff::new(RestartStrategy::FixedDelay {
            attempts: 3,
            delay: Span::from_secs(1),
        });
        let mut random = random();
        let mut allowed = Vec::new();
        for now in [0, 0, 86_400_000, 864_000_000] {
            assert!(strategy.notify_failure(ms(now), &mut random));
            assert_eq!(strategy.backoff(ms(now)), Span::from_secs(1));
            allowed.push(strategy.can_restart(ms(now)));
        }
        assert_eq!(allowed, [true, true, true, false]);
    }

    #[test]
    fn failure_rate_looks_back_one_interval() {
        let strategy = |max_failures| {
            RestartBackoff::new(RestartStrategy::FailureRate {
                max_failures,
                interval: Span::from_secs(60),
                delay: Span::from_secs(1),
            })
        };
        let allowed = |max_failures, failures: &[u64]| {
            let (mut strategy, mut random) = (strategy(max_failures), random());
            for now in failures {
                strategy.notify_failure(ms(*now), &mut random);
            }
            strategy.can_restart(ms(*failures.last().unwrap()))
        };
        assert!(allowed(1, &[0]));
        assert!(!allowed(1, &[0, 60_000]));
        assert!(allowed(1, &[0, 60_001]));
        assert!(!allowed(1, &[0, 60_001, 60_002]));
        assert!(allowed(3, &[0, 1, 2]));
        assert!(!allowed(3, &[0, 1, 2, 3]));
        assert!(allowed(3, &[0, 1, 2, 60_001]));
    }

    #[test]
    fn none_never_restarts() {
        let mut strategy = RestartBackoff::new(RestartStrategy::NoRestart);
        assert!(strategy.notify_failure(ms(5), &mut random()));
        assert!(!strategy.can_restart(ms(5)));
        assert_eq!(strategy.backoff(ms(5)), Span::ZERO);
    }
}
