//! No watermark stands still.

use std::collections::{BTreeMap, VecDeque};

use crate::actor::checkpoint::Attempt;
use crate::actor::fact::Fact;
use crate::actor::source_fact::EventTimeFact;
use crate::dataflow::event_time::EventTime;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{Header, Span, Time};

use super::checks::Checker;
use super::quiet::{everybody_is_well, flow_bound};
use super::scene::{LeaderView, Scene, is_disturbance};
use super::tally::{Moment, Promise, Tally, Verdict, liveness};

pub(super) const PROMISES: [Promise; 1] = [liveness(
    "K8",
    "While a job runs and nothing disturbs it, the watermark of a task reaches in bounded time what all its producers that are not idle have told.",
)];

/// So many marks are remembered for the time that they may take.
const MARKS: u64 = 8;

#[derive(Clone, Debug)]
pub(super) struct Stillness {
    goes_on: Tally,
    /// By subtask: its latest attempt that has said something of its event time.
    tasks: BTreeMap<SubtaskId, Task>,
    /// When an execution or the leader changed last.
    changed: Time,
}

#[derive(Clone, Debug)]
struct Task {
    attempt: Attempt,
    watermark: EventTime,
    /// When it advanced last.
    at: Time,
    /// Some of the watermarks before, and when they were told; the first as long ago as they may take.
    told: VecDeque<(Time, EventTime)>,
    /// Whether it holds nobody back, and since when.
    idle: (bool, Time),
}

impl Task {
    fn new(attempt: Attempt, now: Time) -> Task {
        Task {
            attempt,
            watermark: EventTime::MIN,
            at: now,
            told: VecDeque::new(),
            idle: (false, now),
        }
    }

    fn advance(&mut self, now: Time, watermark: EventTime, bound: Span) {
        (self.watermark, self.at) = (watermark, now);
        let last = self.told.back().map(|(at, _)| *at);
        if last.is_none_or(|at| now.since(at) * MARKS >= bound) {
            self.told.push_back((now, watermark));
        }
        while self
            .told
            .get(1)
            .is_some_and(|(at, _)| now.since(*at) > bound)
        {
            self.told.pop_front();
        }
    }

    /// What it told in this stretch, if that was before `until`.
    fn told_between(&self, from: Time, until: Time) -> Option<EventTime> {
        let mut told = self.told.iter().rev();
        let (at, watermark) = told.find(|(at, _)| *at <= until)?;
        (*at >= from).then_some(*watermark)
    }
}

impl Stillness {
    pub fn new() -> Stillness {
        let [goes_on] = PROMISES.map(Tally::new);
        Stillness {
            goes_on,
            tasks: BTreeMap::new(),
            changed: Time::ZERO,
        }
    }

    fn of(&mut self, subtask: SubtaskId, attempt: Attempt, now: Time) -> &mut Task {
        let task = self.tasks.entry(subtask);
        let task = task.or_insert_with(|| Task::new(attempt, now));
        if task.attempt < attempt {
            *task = Task::new(attempt, now);
        }
        task
    }

    /// A stretch in which nothing changed ends.
    fn judge(&mut self, now: Moment, scene: &Scene) {
        let from = self.changed.max(scene.processes.disturbed_at());
        let bound = flow_bound(scene);
        if self.tasks.is_empty() || now.at.since(from.min(now.at)) <= bound {
            return;
        }
        let Some((_, leader)) = scene.current_leader().filter(|_| everybody_is_well(scene)) else {
            return;
        };
        let until = Time(now.at.0 - bound.0);
        let jobs = 0..scene.blueprint.topology.jobs.len() as JobId;
        for job in jobs.filter(|job| leader.all_run(*job)) {
            for subtask in &leader.jobs[job as usize].layout.subtasks {
                self.judge_task(now, (from, until), *subtask, leader, scene);
            }
        }
    }

    fn judge_task(
        &mut self,
        now: Moment,
        (from, until): (Time, Time),
        subtask: SubtaskId,
        leader: &LeaderView,
        scene: &Scene,
    ) {
        let topology = &scene.blueprint.topology;
        let layout = &leader.jobs[topology.job_of(subtask) as usize].layout;
        let Some(vertex) = layout.get(subtask) else {
            return;
        };
        let current = |of: &SubtaskId| {
            let attempt = leader.tasks[*of as usize].attempt;
            self.tasks.get(of).filter(|task| task.attempt == attempt)
        };
        let mut told = Vec::new();
        for channel in vertex.inputs.iter() {
            let Some(producer) = current(&topology.channels[*channel as usize].producer) else {
                return;
            };
            match producer.idle {
                (true, since) if since <= until => {}
                (false, since) if since <= until => {
                    let Some(watermark) = producer.told_between(from, until) else {
                        return;
                    };
                    told.push(watermark);
                }
                // Who was idle may have to catch up first.
                _ => return,
            }
        }
        let Some(slowest) = told.into_iter().min() else {
            return;
        };
        let own = current(&subtask).map(|task| (task.watermark, task.at));
        let (reached, at) = own.unwrap_or((EventTime::MIN, from));
        self.goes_on.expect(reached >= slowest || at > until, now, || {
            let task = scene.task(subtask);
            let (reached, told) = (reached.0, slowest.0);
            format!("{task} stands at watermark {reached} since {at}, and all its producers had told {told} by {until}")
        });
    }
}

impl Checker for Stillness {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        let now = header.time;
        match fact {
            Fact::EventTime(EventTimeFact::Advanced {
                subtask,
                attempt,
                watermark,
            }) => {
                let bound = flow_bound(scene);
                self.of(*subtask, *attempt, now)
                    .advance(now, *watermark, bound);
            }
            Fact::EventTime(EventTimeFact::Idle {
                subtask,
                attempt,
                is_idle,
            }) => self.of(*subtask, *attempt, now).idle = (*is_idle, now),
            Fact::ExecutionChanged { .. }
            | Fact::LeaderPublished { .. }
            | Fact::LeadershipGranted
            | Fact::LeadershipLost { .. } => {
                self.judge(header.into(), scene);
                self.changed = now;
            }
            fact if is_disturbance(fact) => self.judge(header.into(), scene),
            _ => {}
        }
    }

    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        let now = scene.at_end(end);
        last.judge(now, scene);
        vec![last.goes_on.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{SUBTASKS, Stage, TM};

    const ATTEMPT: fn() -> Attempt = || Attempt::new(100, 1);

    /// All tasks but one tell how late it is, each second from `first` on.
    fn goes_on(stage: &mut Stage, seconds: std::ops::Range<u64>, but: Option<u32>) {
        for second in seconds {
            for subtask in (0..SUBTASKS).filter(|subtask| Some(*subtask) != but) {
                let advanced = EventTimeFact::Advanced {
                    subtask,
                    attempt: ATTEMPT(),
                    watermark: EventTime(second as i64),
                };
                stage.at(second).says(TM(0), Fact::EventTime(advanced));
            }
        }
    }

    #[test]
    fn a_task_that_stands_still_while_its_producers_go_on_is_noticed() {
        let mut stage = Stage::running();
        goes_on(&mut stage, 2..200, None);
        stage.broken("K8", 0);
        goes_on(&mut stage, 200..400, Some(2));
        stage.broken("K8", 1);
        // The last task waits for the one that stands still.
        let mut stage = Stage::running();
        goes_on(&mut stage, 2..200, None);
        goes_on(&mut stage, 200..210, Some(2));
        stage.broken("K8", 0);
    }

    #[test]
    fn nobody_waits_for_those_who_are_idle() {
        let idle = |subtask| {
            Fact::EventTime(EventTimeFact::Idle {
                subtask,
                attempt: ATTEMPT(),
                is_idle: true,
            })
        };
        // One source stands still. So do those behind it, unless it is idle.
        let stands = |is_idle: bool| {
            let mut stage = Stage::running();
            goes_on(&mut stage, 2..100, None);
            if is_idle {
                stage.says(TM(0), idle(0));
            }
            for second in 100..300 {
                let advanced = EventTimeFact::Advanced {
                    subtask: 1,
                    attempt: ATTEMPT(),
                    watermark: EventTime(second),
                };
                let fact = Fact::EventTime(advanced);
                stage.at(second as u64).says(TM(0), fact);
            }
            stage
        };
        stands(false).broken("K8", 0);
        stands(true).broken("K8", 2);
    }
}
