//! All checkers together, and which facts go to whom.

use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::Fact;
use crate::kernel::{Header, Time};

use super::checkpoints::Checkpoints;
use super::deployment::Deployment;
use super::executions::Executions;
use super::flow::Flow;
use super::leadership::Leadership;
use super::liveness::Liveness;
use super::membership::Membership;
use super::notifications::Notifications;
use super::restarts::Restarts;
use super::restore::Restore;
use super::retention::Retention;
use super::scene::Scene;
use super::sessions::Sessions;
use super::sinks::Sinks;
use super::sources::Sources;
use super::tally::{Promise, Verdict};
use super::znodes::Znodes;

/// Watches for a few promises.
pub(super) trait Checker {
    /// A fact, with the scene as it was before.
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene);
    /// What has come of the promises. Nothing follows `end` for certain, but the run may also go on.
    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict>;
}

/// Checks every promise over one run.
#[derive(Clone, Debug)]
pub struct Checks {
    scene: Scene,
    sessions: Sessions,
    znodes: Znodes,
    leadership: Leadership,
    membership: Membership,
    executions: Executions,
    restarts: Restarts,
    deployment: Deployment,
    checkpoints: Checkpoints,
    retention: Retention,
    restore: Restore,
    sources: Sources,
    sinks: Sinks,
    flow: Flow,
    notifications: Notifications,
    liveness: Liveness,
}

impl Checks {
    pub fn new(blueprint: &Arc<Blueprint>) -> Checks {
        let scene = Scene::new(blueprint);
        Checks {
            sessions: Sessions::new(&scene),
            znodes: Znodes::new(),
            leadership: Leadership::new(),
            membership: Membership::new(&scene),
            executions: Executions::new(),
            restarts: Restarts::new(),
            deployment: Deployment::new(),
            checkpoints: Checkpoints::new(&scene),
            retention: Retention::new(&scene),
            restore: Restore::new(&scene),
            sources: Sources::new(&scene),
            sinks: Sinks::new(&scene),
            flow: Flow::new(&scene),
            notifications: Notifications::new(),
            liveness: Liveness::new(&scene),
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
            Fact::Appended { .. }
            | Fact::SinkWritten { .. }
            | Fact::TaskMeasured { .. }
            | Fact::MachineMeasured { .. }
            | Fact::FirstOutput { .. }
            | Fact::Replayed { .. }
            | Fact::Deduplicated { .. } => {}
            fact => {
                let scene = &self.scene;
                let all: [&mut dyn Checker; 15] = [
                    &mut self.sessions,
                    &mut self.znodes,
                    &mut self.leadership,
                    &mut self.membership,
                    &mut self.executions,
                    &mut self.restarts,
                    &mut self.deployment,
                    &mut self.checkpoints,
                    &mut self.retention,
                    &mut self.restore,
                    &mut self.sources,
                    &mut self.sinks,
                    &mut self.flow,
                    &mut self.notifications,
                    &mut self.liveness,
                ];
                for checker in all {
                    checker.fact(header, fact, scene);
                }
                self.scene.take(header, fact);
            }
        }
    }

    /// The verdicts if the run ends here, in the order of the catalogue.
    pub fn finish(&self, end: Time) -> Vec<Verdict> {
        let all: [&dyn Checker; 15] = [
            &self.sessions,
            &self.znodes,
            &self.leadership,
            &self.membership,
            &self.executions,
            &self.restarts,
            &self.deployment,
            &self.checkpoints,
            &self.retention,
            &self.restore,
            &self.sources,
            &self.sinks,
            &self.flow,
            &self.notifications,
            &self.liveness,
        ];
        all.iter()
            .flat_map(|checker| checker.finish(end, &self.scene))
            .collect()
    }
}

/// Id and statement of whatever is checked.
pub fn catalogue() -> Vec<(&'static str, &'static str)> {
    let promises = promises().map(|promise| (promise.id, promise.statement));
    super::delivery::STATEMENTS
        .iter()
        .copied()
        .chain(promises)
        .collect()
}

fn promises() -> impl Iterator<Item = &'static Promise> {
    let all: [&'static [Promise]; 15] = [
        &super::sessions::PROMISES,
        &super::znodes::PROMISES,
        &super::leadership::PROMISES,
        &super::membership::PROMISES,
        &super::executions::PROMISES,
        &super::restarts::PROMISES,
        &super::deployment::PROMISES,
        &super::checkpoints::PROMISES,
        &super::retention::PROMISES,
        &super::restore::PROMISES,
        &super::sources::PROMISES,
        &super::sinks::PROMISES,
        &super::flow::PROMISES,
        &super::notifications::PROMISES,
        &super::liveness::PROMISES,
    ];
    all.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::invariant::stage::blueprint;

    #[test]
    fn the_catalogue_names_each_verdict_once_and_in_order() {
        let verdicts = Checks::new(&blueprint()).finish(Time::ZERO);
        let named: Vec<_> = verdicts
            .iter()
            .map(|verdict| (verdict.id, verdict.statement))
            .collect();
        let promised: Vec<_> = promises()
            .map(|promise| (promise.id, promise.statement))
            .collect();
        assert_eq!(named, promised);
        let ids: BTreeSet<_> = catalogue().into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), catalogue().len());
    }

    #[test]
    fn nothing_is_broken_before_anything_has_happened() {
        let verdicts = Checks::new(&blueprint()).finish(Time::ZERO);
        assert!(verdicts.iter().all(|verdict| verdict.violations_total == 0));
    }
}
