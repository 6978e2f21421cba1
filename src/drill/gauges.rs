//! The gauges of the JobManager that leads, of its cluster and its jobs: read at every `monitor.interval`, as a scrape would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::Fact;
use crate::actor::flink::rpc::Address;
use crate::actor::flink::rpc::call::SlotIndex;
use crate::actor::task_manager::executor::SlotState;
use crate::dataflow::topology::JobId;
use crate::kernel::{ActorId, Header, Time};
use crate::policy::Liveness;

use super::outcome::MetricPoint;

mod job;

use job::Job;

pub use job::{is_beginning, job_of};

/// What a gauge says from some moment on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    Is(f64),
    /// So many milliseconds as have passed since then.
    Since(Time),
    /// There is nobody to ask.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Host(ActorId),
    Job(JobId),
}

#[derive(Clone, Debug)]
pub struct Gauges {
    blueprint: Arc<Blueprint>,
    /// Who leads.
    host: Option<ActorId>,
    /// Of the ResourceManager there.
    registered: BTreeSet<Address>,
    /// The latest life of each TaskManager that has registered, and which of its slots some job has.
    lives: BTreeMap<ActorId, Address>,
    used: BTreeMap<Address, BTreeSet<SlotIndex>>,
    /// Those that a JobMaster there has, or has had until they were over.
    jobs: BTreeMap<JobId, Job>,
    /// When each gauge came to say what.
    changes: BTreeMap<(Of, &'static str), Vec<(Time, Reading)>>,
}

impl Gauges {
    pub fn new(blueprint: &Arc<Blueprint>) -> Gauges {
        Gauges {
            blueprint: Arc::clone(blueprint),
            host: None,
            registered: BTreeSet::new(),
            lives: BTreeMap::new(),
            used: BTreeMap::new(),
            jobs: BTreeMap::new(),
            changes: BTreeMap::new(),
        }
    }

    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        let (now, actor) = (header.time, header.actor);
        match fact {
            Fact::LeadershipGranted => {
                if let Some(old) = self.host {
                    self.retire(old, now);
                }
                self.host = Some(actor);
                self.count_cluster(now);
            }
            Fact::LeadershipLost { .. }
            | Fact::ProcessExited
            | Fact::FaultInjected {
                what: "kill" | "power-off",
            } => self.retire(actor, now),
            // The textbook's leader knows no lives.
            Fact::TaskManagerRegistered { taskmanager }
            | Fact::TaskManagerLost { taskmanager, .. }
                if self.host == Some(actor) && self.blueprint.liveness == Liveness::ZkEphemeral =>
            {
                let taskmanager = Address {
                    actor: *taskmanager,
                    incarnation: 0,
                };
                match fact {
                    Fact::TaskManagerLost { .. } => self.registered.remove(&taskmanager),
                    _ => self.registered.insert(taskmanager),
                };
                self.count_cluster(now);
            }
            Fact::TaskExecutorRegistered { taskmanager, .. } if self.host == Some(actor) => {
                self.lives.insert(taskmanager.actor, *taskmanager);
                self.registered.insert(*taskmanager);
                self.count_cluster(now);
            }
            Fact::TaskExecutorUnregistered { taskmanager, .. } if self.host == Some(actor) => {
                self.registered.remove(taskmanager);
                self.count_cluster(now);
            }
            Fact::TaskSlotChanged { slot, state, .. } => {
                if let Some(life) = self.lives.get(&actor) {
                    let used = self.used.entry(*life).or_default();
                    match state {
                        SlotState::Free => used.remove(slot),
                        _ => used.insert(*slot),
                    };
                    self.count_cluster(now);
                }
            }
            fact => self.of_job(now, fact),
        }
    }

    /// The process leads no more: nobody is asked there, nor its JobMasters.
    fn retire(&mut self, actor: ActorId, now: Time) {
        if self.host != Some(actor) {
            return;
        }
        self.host = None;
        self.registered.clear();
        self.jobs.clear();
        for changes in self.changes.values_mut() {
            note(changes, now, Reading::Gone);
        }
    }

    fn count_cluster(&mut self, now: Time) {
        let Some(host) = self.host else {
            return;
        };
        let (mut total, mut available) = (0, 0);
        for taskmanager in &self.registered {
            let index = self
                .blueprint
                .directory
                .taskmanager_index(taskmanager.actor);
            let slots = index.map_or(0, |i| self.blueprint.cluster.taskmanagers[i].slots);
            let used = self.used.get(taskmanager).map_or(0, BTreeSet::len);
            total += slots;
            available += slots - slots.min(used as u32);
        }
        let running = self.jobs.values().filter(|job| !job.is_over());
        let mut counts = vec![
            ("numRegisteredTaskManagers", self.registered.len() as f64),
            ("numRunningJobs", running.count() as f64),
        ];
        // The textbook's tasks have no slots.
        if self.blueprint.liveness == Liveness::RpcHeartbeats {
            counts.push(("taskSlotsTotal", f64::from(total)));
            counts.push(("taskSlotsAvailable", f64::from(available)));
        }
        for (metric, count) in counts {
            let changes = self.changes.entry((Of::Host(host), metric)).or_default();
            note(changes, now, Reading::Is(count));
        }
    }

    fn of_job(&mut self, now: Time, fact: &Fact) {
        let topology = &self.blueprint.topology;
        let (Some(id), Some(_)) = (job_of(fact, topology), self.host) else {
            return;
        };
        let new = || Job::new(topology.jobs[id as usize].layout.subtasks.len());
        if is_beginning(fact) {
            self.jobs.remove(&id);
        }
        // What was handed in begins without a word.
        let job = self.jobs.entry(id).or_insert_with(new);
        job.fact(now, fact);
        let is_over = job.is_over();
        for (metric, reading) in job.readings() {
            let reading = if is_over { Reading::Gone } else { reading };
            let changes = self.changes.entry((Of::Job(id), metric)).or_default();
            note(changes, now, reading);
        }
        self.count_cluster(now);
    }

    /// The gauges as measurements, up to an instant.
    pub fn metrics(&self, until: Time) -> Vec<MetricPoint> {
        let interval = self.blueprint.monitor.interval.0.max(1);
        let mut points = Vec::new();
        for ((of, metric), changes) in &self.changes {
            let (scope, subject) = match of {
                Of::Host(actor) => ("jobmanager", self.blueprint.directory.name(*actor)),
                Of::Job(job) => (
                    "job",
                    self.blueprint.topology.jobs[*job as usize].name.as_str(),
                ),
            };
            let subject: Arc<str> = subject.into();
            let ends = changes.iter().skip(1).map(|(at, _)| at.0);
            for ((from, reading), end) in changes.iter().zip(ends.chain([until.0 + 1])) {
                let mut at = from.0.next_multiple_of(interval);
                while at < end {
                    let value = match reading {
                        Reading::Is(value) => *value,
                        Reading::Since(since) => Time(at).since(*since).as_ms(),
                        Reading::Gone => break,
                    };
                    points.push(MetricPoint {
                        at_ms: Time(at).as_ms(),
                        scope,
                        subject: Arc::clone(&subject),
                        metric,
                        value,
                    });
                    at += interval;
                }
            }
        }
        points
    }
}

/// What is said again is no change.
fn note(changes: &mut Vec<(Time, Reading)>, now: Time, reading: Reading) {
    if changes.last().is_none_or(|(_, last)| *last != reading) {
        changes.push((now, reading));
    }
}

#[cfg(test)]
mod tests;
