//! The TaskManagers that a leader knows.

use std::collections::BTreeMap;

use crate::actor::blueprint::Blueprint;
use crate::dataflow::topology::JobId;
use crate::kernel::{ActorId, Time};
use crate::policy::defect::Defect;
use crate::policy::placement::Resources;

/// By place in the cluster.
#[derive(Clone, Debug)]
pub struct Members {
    members: Vec<Option<Member>>,
    /// Sessions in the last listing of the members' znodes.
    listed: Vec<(usize, u64)>,
    pub changed: Time,
    /// What each job takes, by TaskManager: resources and number of tasks.
    usage: BTreeMap<JobId, BTreeMap<usize, (Resources, u32)>>,
}

#[derive(Clone, Debug)]
pub struct Member {
    pub session: u64,
    /// Its znode has been seen in a listing: from then on its absence means that it is gone.
    seen: bool,
}

impl Members {
    pub fn new(blueprint: &Blueprint) -> Members {
        Members {
            members: vec![None; blueprint.cluster.taskmanagers.len()],
            listed: Vec::new(),
            changed: Time::ZERO,
            usage: BTreeMap::new(),
        }
    }

    pub fn note_usage(&mut self, job: JobId, usage: BTreeMap<usize, (Resources, u32)>) {
        self.usage.insert(job, usage);
    }

    /// What the other jobs take of a TaskManager.
    pub fn taken_by_others(&self, taskmanager: usize, job: JobId) -> (Resources, u32) {
        let others = self.usage.iter().filter(|(other, _)| **other != job);
        let mut taken = (Resources::default(), 0);
        for (resources, tasks) in others.filter_map(|(_, usage)| usage.get(&taskmanager)) {
            taken.0 += *resources;
            taken.1 += tasks;
        }
        taken
    }

    /// A TaskManager is gone, and with it whatever ran there.
    fn forget_usage(&mut self, taskmanager: usize) {
        for usage in self.usage.values_mut() {
            usage.remove(&taskmanager);
        }
    }

    pub fn is_registered(&self, taskmanager: usize) -> bool {
        self.members[taskmanager].is_some()
    }

    /// Registered TaskManagers, in the cluster's order.
    pub fn registered(&self) -> Vec<usize> {
        (0..self.members.len())
            .filter(|taskmanager| self.is_registered(*taskmanager))
            .collect()
    }

    /// Whether everyone who has a znode has registered.
    pub fn are_complete(&self) -> bool {
        let registered = |(taskmanager, session): &(usize, u64)| {
            self.members[*taskmanager]
                .as_ref()
                .is_some_and(|member| member.session == *session)
        };
        !self.listed.is_empty() && self.listed.iter().all(registered)
    }

    /// A TaskManager registers. True: it was here before under another session, which is over.
    pub fn register(&mut self, taskmanager: usize, session: u64, now: Time) -> Registered {
        self.changed = now;
        let before = self.members[taskmanager].take();
        let seen = self.listed.contains(&(taskmanager, session));
        self.members[taskmanager] = Some(Member { session, seen });
        match before {
            None => Registered::New,
            Some(member) if member.session == session => {
                self.members[taskmanager] = Some(member);
                Registered::Again
            }
            Some(_) => {
                self.forget_usage(taskmanager);
                Registered::InPlaceOfAnother
            }
        }
    }

    /// Its process is gone, and no listing has had its znode yet: from now on it counts if it is not in one. False: so it
    /// did already, or nobody has registered.
    pub fn doubt(&mut self, taskmanager: usize) -> bool {
        let member = self.members[taskmanager].as_mut();
        let unseen = member.filter(|member| !member.seen);
        unseen.map(|member| member.seen = true).is_some()
    }

    /// The znodes that are there now; whose are gone.
    pub fn list(&mut self, znodes: &[String], blueprint: &Blueprint, now: Time) -> Vec<usize> {
        let parse = |name: &String| {
            let (name, session) = name.rsplit_once('@')?;
            let place = blueprint
                .cluster
                .taskmanagers
                .iter()
                .position(|tm| tm.name == name)?;
            Some((place, u64::from_str_radix(session, 16).ok()?))
        };
        self.listed = znodes.iter().filter_map(parse).collect();
        let mut lost = Vec::new();
        for (taskmanager, slot) in self.members.iter_mut().enumerate() {
            let Some(member) = slot else { continue };
            if self.listed.contains(&(taskmanager, member.session)) {
                member.seen = true;
            } else if member.seen {
                match blueprint.defects.has(Defect::DeploysToLost) {
                    true => member.seen = false,
                    false => *slot = None,
                }
                self.changed = now;
                lost.push(taskmanager);
            }
        }
        for taskmanager in &lost {
            self.forget_usage(*taskmanager);
        }
        lost
    }

    pub fn actor(blueprint: &Blueprint, taskmanager: usize) -> ActorId {
        blueprint.directory.taskmanagers[taskmanager]
    }

    pub fn capacity(blueprint: &Blueprint, taskmanager: usize) -> Resources {
        let settings = &blueprint.cluster.taskmanagers[taskmanager];
        Resources {
            cpu_microcores: u64::from(settings.cpu_millicores) * 1_000,
            network_bytes_per_s: settings.network_bytes_per_s,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    New,
    Again,
    InPlaceOfAnother,
}
