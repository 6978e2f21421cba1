//! All checkers together, and which facts go to whom.

use std::fmt::Debug;
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::Fact;
use crate::kernel::{Header, Time};

use super::checkpoints::Checkpoints;
use super::deployment::Deployment;
use super::executions::Executions;
use super::flink::{
    Agreement, Backoffs, Cancellations, Departures, Endpoints, Followers, Heartbeats, Jobs,
    Redeployments, Releases, Requests, Slots, Tasks,
};
use super::flow::Flow;
use super::leadership::Leadership;
use super::liveness::Liveness;
use super::membership::Membership;
use super::notifications::Notifications;
use super::parallelism::Parallelism;
use super::reading::Reading;
use super::restarts::Restarts;
use super::restore::Restore;
use super::retention::Retention;
use super::scene::Scene;
use super::sessions::Sessions;
use super::sinks::Sinks;
use super::sources::Sources;
use super::split_times::SplitTimes;
use super::splits::Splits;
use super::stillness::Stillness;
use super::tally::{ControlPlane, Promise, Verdict};
use super::watermarks::Watermarks;
use super::znodes::Znodes;

/// Watches for a few promises.
pub(super) trait Checker: Debug + Send + Sync {
    /// A fact, with the scene as it was before.
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene);
    /// What has come of the promises. Nothing follows `end` for certain, but the run may also go on.
    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict>;
}

/// A checker behind a pointer, which can be copied with what it has seen.
trait Copied: Checker {
    fn copied(&self) -> Box<dyn Copied>;
}

impl<T: Checker + Clone + 'static> Copied for T {
    fn copied(&self) -> Box<dyn Copied> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Copied> {
    fn clone(&self) -> Box<dyn Copied> {
        (**self).copied()
    }
}

/// A checker that there is: what it promises, and how it begins.
struct Entry {
    promises: &'static [Promise],
    begin: fn(&Scene) -> Box<dyn Copied>,
}

macro_rules! entry {
    ($promises:expr, $begin:expr) => {
        Entry {
            promises: &$promises,
            begin: |scene| Box::new($begin(scene)),
        }
    };
}

/// In the order of the catalogue. [`Sources`] come after them.
static ENTRIES: [Entry; 31] = [
    entry!(super::sessions::PROMISES, Sessions::new),
    entry!(super::znodes::PROMISES, |_| Znodes::new()),
    entry!(super::leadership::PROMISES, |_| Leadership::new()),
    entry!(super::membership::PROMISES, Membership::new),
    entry!(super::flink::HEARTBEATS, |_| Heartbeats::new()),
    entry!(super::flink::ENDPOINTS, |_| Endpoints::new()),
    entry!(super::executions::PROMISES, |_| Executions::new()),
    entry!(super::restarts::PROMISES, |_| Restarts::new()),
    entry!(super::flink::REDEPLOYMENTS, Redeployments::new),
    entry!(super::flink::BACKOFFS, |_| Backoffs::new()),
    entry!(super::flink::CANCELLATIONS, |_| Cancellations::new()),
    entry!(super::flink::JOBS, Jobs::new),
    entry!(super::deployment::PROMISES, |_| Deployment::new()),
    entry!(super::flink::SLOTS, |_| Slots::new()),
    entry!(super::flink::RELEASES, |_| Releases::new()),
    entry!(super::flink::REQUESTS, |_| Requests::new()),
    entry!(super::flink::TASKS, |_| Tasks::new()),
    entry!(super::flink::AGREEMENT, |_| Agreement::new()),
    entry!(super::flink::FOLLOWERS, |_| Followers::new()),
    entry!(super::flink::DEPARTURES, |_| Departures::new()),
    entry!(super::checkpoints::PROMISES, Checkpoints::new),
    entry!(super::retention::PROMISES, Retention::new),
    entry!(super::restore::PROMISES, Restore::new),
    entry!(super::parallelism::PROMISES, |_| Parallelism::new()),
    entry!(super::splits::PROMISES, Splits::new),
    entry!(super::sinks::PROMISES, Sinks::new),
    entry!(super::watermarks::PROMISES, |_| Watermarks::new()),
    entry!(super::stillness::PROMISES, |_| Stillness::new()),
    entry!(super::flow::PROMISES, Flow::new),
    entry!(super::notifications::PROMISES, |_| Notifications::new()),
    entry!(super::liveness::PROMISES, Liveness::new),
];

/// Checks every promise that the control plane makes over one run.
#[derive(Clone, Debug)]
pub struct Checks {
    scene: Scene,
    checkers: Vec<Box<dyn Copied>>,
    sources: Sources,
    reading: Reading,
    split_times: SplitTimes,
}

impl Checks {
    pub fn new(blueprint: &Arc<Blueprint>) -> Checks {
        let scene = Scene::new(blueprint);
        let applies = |entry: &&Entry| {
            let made = |promise: &Promise| promise.of.covers(blueprint.liveness);
            entry.promises.iter().any(made)
        };
        Checks {
            checkers: ENTRIES
                .iter()
                .filter(applies)
                .map(|entry| (entry.begin)(&scene))
                .collect(),
            sources: Sources::new(&scene),
            reading: Reading::new(&scene),
            split_times: SplitTimes::new(&scene),
            scene,
        }
    }

    /// Every fact of the run, in order.
    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        match fact {
            // Most facts are of these kinds, and only one checker wants any of them.
            Fact::SourceEmitted {
                subtask,
                attempt,
                split,
                first,
                records,
            } => {
                self.reading.emitted(header, *split, *first, *records);
                self.split_times.emitted(
                    header,
                    (*subtask, *attempt),
                    *split,
                    (*first, *records),
                    &self.scene,
                );
                self.sources.emitted(
                    header,
                    *subtask,
                    *attempt,
                    *split,
                    *first,
                    *records,
                    &self.scene,
                );
            }
            Fact::Appended {
                split,
                first,
                times,
            } => {
                self.reading.appended(header, *split, *first, &times.0);
                self.split_times.appended(*split, times);
            }
            Fact::SinkWritten { .. }
            | Fact::TaskMeasured { .. }
            | Fact::MachineMeasured { .. }
            | Fact::FirstOutput { .. }
            | Fact::Replayed { .. }
            | Fact::Deduplicated { .. } => {}
            fact if self.scene.restates(fact) => {}
            fact => {
                for checker in &mut self.checkers {
                    checker.fact(header, fact, &self.scene);
                }
                self.sources.fact(header, fact, &self.scene);
                self.reading.fact(header, fact, &self.scene);
                self.split_times.fact(header, fact, &self.scene);
                self.scene.take(header, fact);
            }
        }
    }

    /// The verdicts if the run ends here, in the order of the catalogue.
    pub fn finish(&self, end: Time) -> Vec<Verdict> {
        let liveness = self.scene.blueprint.liveness;
        let made = |verdict: &Verdict| {
            let id = |promise: &&Promise| promise.statement == verdict.statement;
            promises()
                .find(id)
                .is_some_and(|promise| promise.of.covers(liveness))
        };
        let checkers = self
            .checkers
            .iter()
            .map(|checker| checker.finish(end, &self.scene));
        checkers
            .flatten()
            .chain(self.sources.finish(end, &self.scene))
            .chain(self.reading.finish(end, &self.scene))
            .chain(self.split_times.finish())
            .filter(made)
            .collect()
    }
}

/// Id and statement of whatever is checked. An id stands twice where the story keeps the promise in a way of its own.
pub fn catalogue() -> Vec<(&'static str, String)> {
    let everyones = super::delivery::STATEMENTS.iter();
    let everyones = everyones.map(|(id, statement)| (*id, (*statement).to_owned()));
    // An id may mean one thing in the story, and another under Flink.
    let promises = promises().map(|promise| {
        let statement = promise.statement;
        let whole = match promise.of {
            ControlPlane::Any => statement.to_owned(),
            ControlPlane::Story => format!("Story: {statement}"),
            ControlPlane::Flink => format!("Flink: {statement}"),
        };
        (promise.id, whole)
    });
    everyones.chain(promises).collect()
}

fn promises() -> impl Iterator<Item = &'static Promise> {
    ENTRIES
        .iter()
        .flat_map(|entry| entry.promises)
        .chain(&super::sources::PROMISES)
        .chain(&super::reading::PROMISES)
        .chain(&super::split_times::PROMISES)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::invariant::stage::{blueprint, flink_blueprint};

    #[test]
    fn each_control_plane_has_its_promises_once_and_in_the_order_of_the_catalogue() {
        for blueprint in [blueprint(), flink_blueprint()] {
            let verdicts = Checks::new(&blueprint).finish(Time::ZERO);
            let named: Vec<_> = verdicts
                .iter()
                .map(|verdict| (verdict.id, verdict.statement))
                .collect();
            let promised: Vec<_> = promises()
                .filter(|promise| promise.of.covers(blueprint.liveness))
                .map(|promise| (promise.id, promise.statement))
                .collect();
            assert_eq!(named, promised);
            let ids: BTreeSet<_> = named.iter().map(|(id, _)| id).collect();
            assert_eq!(ids.len(), named.len());
        }
        let statements: BTreeSet<_> = catalogue().into_iter().collect();
        assert_eq!(statements.len(), catalogue().len());
    }

    #[test]
    fn flink_is_held_to_all_that_it_promises_and_to_nothing_that_only_the_story_does() {
        let verdicts = Checks::new(&flink_blueprint()).finish(Time::ZERO);
        let ids: BTreeSet<_> = verdicts.iter().map(|verdict| verdict.id).collect();
        let counted =
            |letter: &'static str, last: u32| (1..=last).map(move |n| format!("{letter}{n}"));
        let wanted = counted("H", 6)
            .chain(counted("L", 8))
            .chain(counted("R", 9))
            .chain(counted("P", 6));
        for id in wanted {
            assert!(ids.contains(id.as_str()), "{id} is not checked");
        }
        assert!(!ids.contains("J1"), "RUNNING does not mean that tasks run");
    }

    #[test]
    fn nothing_is_broken_before_anything_has_happened() {
        for blueprint in [blueprint(), flink_blueprint()] {
            let verdicts = Checks::new(&blueprint).finish(Time::ZERO);
            assert!(verdicts.iter().all(|verdict| verdict.violations_total == 0));
        }
    }
}
