//! The back-off of a job that has run well for long begins anew.

use std::collections::BTreeMap;

use crate::actor::fact::Fact;
use crate::actor::settings::SchedulerKind;
use crate::dataflow::topology::JobId;
use crate::invariant::checks::Checker;
use crate::invariant::scene::Scene;
use crate::invariant::tally::{Promise, Tally, Verdict, safety};
use crate::kernel::{ActorId, Header, Span, Time};
use crate::policy::exact_power::scaled_power;
use crate::policy::restart::RestartStrategy;

pub(in crate::invariant) const PROMISES: [Promise; 2] = [
    safety(
        "R11",
        "After a job has run for reset-backoff-threshold, its back-off is the initial one again.",
    )
    .of_flink(),
    safety(
        "R12",
        "A job restarts at most as often as its strategy allows under one leadership, and after a delay that the strategy knows.",
    )
    .of_flink(),
];

/// Flink's clock for back-offs.
const MILLISECOND: Span = Span::from_ms(1);

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Backoffs {
    anew: Tally,
    allowed: Tally,
    /// Restarts of each job under each JobMaster.
    restarts: BTreeMap<(ActorId, JobId), u32>,
    /// How often the back-off of each job of each JobManager has grown since it was the initial one.
    grown: BTreeMap<(ActorId, JobId), u32>,
    /// When the last back-off ends, of each job of each JobManager.
    ends: BTreeMap<(ActorId, JobId), Time>,
}

impl Backoffs {
    pub fn new() -> Backoffs {
        let [anew, allowed] = PROMISES.map(Tally::new);
        Backoffs {
            anew,
            allowed,
            restarts: BTreeMap::new(),
            grown: BTreeMap::new(),
            ends: BTreeMap::new(),
        }
    }

    fn restarts(&mut self, header: &Header, job: JobId, delay: Span, strategy: RestartStrategy) {
        let key = (header.actor, job);
        let number = self.restarts.entry(key).or_insert(0);
        *number += 1;
        // What fails while a back-off runs waits for the same end.
        let end = header.time + delay;
        let last = self.ends.get(&key).copied();
        let running = last.filter(|last| *last >= header.time);
        let joins =
            running.is_some_and(|running| end.max(running).since(end.min(running)) <= MILLISECOND);
        let (most, least_delay, most_delay) = match strategy {
            RestartStrategy::NoRestart => (0, Span::ZERO, Span::ZERO),
            RestartStrategy::FixedDelay { attempts, delay } => (attempts, delay, delay),
            RestartStrategy::FailureRate { delay, .. } => (u32::MAX, delay, delay),
            RestartStrategy::ExponentialDelay {
                initial,
                max,
                multiplier_per_mille,
                reset_threshold,
                jitter_per_mille,
                ..
            } => {
                let by_clock = |at: Time| at.0 / MILLISECOND.0;
                let ran = |last| MILLISECOND * by_clock(header.time).saturating_sub(by_clock(last));
                let grown = self.grown.entry(key).or_insert(0);
                *grown = match last {
                    Some(_) if joins => *grown,
                    Some(last) if ran(last) < reset_threshold => *grown + 1,
                    _ => 0,
                };
                let initial_ms = initial.0 / MILLISECOND.0;
                let scaled = scaled_power(initial_ms, multiplier_per_mille, 1_000, *grown);
                let most = max.0 / MILLISECOND.0;
                let jitter = u128::from(scaled) * u128::from(jitter_per_mille) / 1_000;
                let jitter = (jitter as u64).min(scaled);
                let within = |ms: u64| Span::from_ms(ms.min(most).max(initial_ms));
                let least = within(scaled - jitter);
                let most = within(scaled.saturating_add(jitter));
                (u32::MAX, least - MILLISECOND.min(least), most + MILLISECOND)
            }
        };
        let waits = running.is_some_and(|running| running.since(header.time) > MILLISECOND);
        let is_known = joins || (!waits && least_delay <= delay && delay <= most_delay);
        let allowed = *number <= most && is_known;
        self.allowed.expect(allowed, header, || {
            format!("restart {number} of job {job} comes after {delay}, under {strategy:?}")
        });
    }
}

impl Checker for Backoffs {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        // The adaptive scheduler draws its delay when the failure comes and states it when all tasks have ended.
        let config = &scene.blueprint.config;
        if let Fact::RestartDelayed { job, delay, .. } = fact
            && config.scheduler == SchedulerKind::Default
        {
            self.restarts(header, *job, *delay, config.restart);
        }
        // Handed in again, it has a JobMaster and a strategy of its own.
        if let Fact::JobResubmitted(job, _) = fact {
            let key = (header.actor, *job);
            self.restarts.remove(&key);
            self.grown.remove(&key);
            self.ends.remove(&key);
        }
        if matches!(fact, Fact::LeadershipGranted) {
            self.restarts
                .retain(|(jobmanager, _), _| *jobmanager != header.actor);
        }
        let RestartStrategy::ExponentialDelay {
            initial,
            reset_threshold,
            jitter_per_mille,
            ..
        } = config.restart
        else {
            return;
        };
        if config.scheduler == SchedulerKind::Adaptive {
            return;
        }
        match fact {
            Fact::RestartDelayed { job, delay, .. } => {
                let end = header.time + *delay;
                let before = self.ends.insert((header.actor, *job), end);
                let longest =
                    initial + initial * u64::from(jitter_per_mille) / 1_000 + Span::from_ms(1);
                if before.is_some_and(|before| header.time.since(before) >= reset_threshold) {
                    self.anew.expect(*delay <= longest, header, || {
                        format!(
                            "the back-off of job {job} is {delay}, though it has run for {reset_threshold}; {initial} is the initial one"
                        )
                    });
                }
            }
            // A new JobMaster counts anew.
            Fact::LeadershipGranted => {
                self.ends
                    .retain(|(jobmanager, _), _| *jobmanager != header.actor);
            }
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        vec![self.anew.verdict(), self.allowed.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{JM, Stage};

    fn delayed(stage: &mut Stage, at: u64, delay_ms: u64) {
        stage.at(at).says(
            JM(0),
            Fact::RestartDelayed {
                job: 0,
                recovery: 1,
                delay: Span::from_ms(delay_ms),
            },
        );
    }

    #[test]
    fn a_back_off_that_stays_long_is_noticed() {
        let mut stage = Stage::flink();
        delayed(&mut stage, 10, 1_000);
        delayed(&mut stage, 20, 1_500);
        stage.holds("R11");
        // An hour later, by default.
        delayed(&mut stage, 4_000, 1_000);
        stage.broken("R11", 0);
        delayed(&mut stage, 8_000, 1_500);
        stage.broken("R11", 1);
    }

    #[test]
    fn a_back_off_that_does_not_grow_is_noticed() {
        let mut stage = Stage::flink();
        for (at, delay) in [(10, 1_000), (20, 1_400), (30, 2_400)] {
            delayed(&mut stage, at, delay);
        }
        stage.broken("R12", 0);
        delayed(&mut stage, 40, 1_000);
        stage.broken("R12", 1);
    }

    #[test]
    fn a_job_has_run_for_as_long_as_a_clock_of_milliseconds_says() {
        let shortly_before = |hours: u64, early_us: u64| {
            let mut stage = Stage::flink();
            delayed(&mut stage, 10, 1_000);
            // Half a millisecond past the one at which the last back-off ended.
            stage.at_time(Time(Span::from_secs(20).0 + 500_000));
            let (job, recovery, delay) = (0, 2, Span::from_ms(1_500));
            let again = |delay| Fact::RestartDelayed {
                job,
                recovery,
                delay,
            };
            stage.says(JM(0), again(delay));
            let end = Span::from_secs(20 + 3_600 * hours) + delay + Span(500_000);
            stage.at_time(Time(end.0 - early_us * 1_000));
            stage.says(JM(0), again(Span::from_ms(1_000)));
            stage.verdict("R12").violations_total
        };
        assert_eq!([shortly_before(1, 400), shortly_before(1, 600)], [0, 1]);
    }

    #[test]
    fn a_delay_shorter_than_any_is_noticed_unless_a_back_off_runs() {
        let mut stage = Stage::flink();
        delayed(&mut stage, 10, 1_050);
        // Another region fails a second later, and waits for the same end.
        delayed(&mut stage, 11, 50);
        stage.broken("R12", 0);
        delayed(&mut stage, 12, 500);
        stage.broken("R12", 1);
        // A back-off of its own, while another one runs.
        let mut stage = Stage::flink();
        delayed(&mut stage, 10, 1_050);
        delayed(&mut stage, 11, 1_500);
        stage.broken("R12", 1);
    }
}
