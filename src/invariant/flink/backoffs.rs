//! The back-off of a job that has run well for long begins anew.

use std::collections::BTreeMap;

use crate::actor::fact::Fact;
use crate::actor::settings::SchedulerKind;
use crate::dataflow::topology::JobId;
use crate::invariant::checks::Checker;
use crate::invariant::scene::Scene;
use crate::invariant::tally::{Promise, Tally, Verdict, safety};
use crate::kernel::{ActorId, Header, Span, Time};
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
            ends: BTreeMap::new(),
        }
    }

    fn restarts(&mut self, header: &Header, job: JobId, delay: Span, strategy: RestartStrategy) {
        let number = self.restarts.entry((header.actor, job)).or_insert(0);
        *number += 1;
        let (most, least_delay, most_delay) = match strategy {
            RestartStrategy::NoRestart => (0, Span::ZERO, Span::ZERO),
            RestartStrategy::FixedDelay { attempts, delay } => (attempts, delay, delay),
            RestartStrategy::FailureRate { delay, .. } => (u32::MAX, delay, delay),
            RestartStrategy::ExponentialDelay {
                initial,
                max,
                jitter_per_mille,
                ..
            } => {
                let jitter = |of: Span| of * u64::from(jitter_per_mille) / 1_000 + Span::from_ms(1);
                (u32::MAX, initial - jitter(initial), max + jitter(max))
            }
        };
        // What fails while a back-off runs waits for the same end.
        let end = header.time + delay;
        let running = self.ends.get(&(header.actor, job));
        let joins = running.is_some_and(|running| {
            *running >= header.time && end.max(*running).since(end.min(*running)) <= MILLISECOND
        });
        let is_known = joins || (least_delay <= delay && delay <= most_delay);
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
            self.restarts.remove(&(header.actor, *job));
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
    fn a_delay_shorter_than_any_is_noticed_unless_a_back_off_runs() {
        let mut stage = Stage::flink();
        delayed(&mut stage, 10, 3_000);
        // Another region fails a second later, and waits for the same end.
        delayed(&mut stage, 11, 2_000);
        stage.broken("R12", 0);
        delayed(&mut stage, 12, 500);
        stage.broken("R12", 1);
    }
}
