//! Each time that a job comes to have another parallelism, and why (Flink's rescale history).

use std::collections::BTreeMap;

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::{Detector, Fact};
use crate::dataflow::topology::JobId;
use crate::kernel::{Header, Time};

use super::outcome::Rescale;

#[derive(Clone, Debug, Default)]
pub struct Rescales {
    /// By job: who started the latest restart, and the parallelism of its operators since it changed first.
    detectors: BTreeMap<JobId, Detector>,
    widths: BTreeMap<JobId, Vec<u32>>,
    /// With the parallelism before; none: as the scenario has it.
    all: Vec<Change>,
}

#[derive(Clone, Debug)]
struct Change {
    at: Time,
    job: JobId,
    from: Option<Vec<u32>>,
    to: Vec<u32>,
    cause: &'static str,
}

impl Rescales {
    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        match fact {
            Fact::RecoveryStarted { job, detector, .. } => {
                self.detectors.insert(*job, *detector);
            }
            Fact::ExecutionGraphCreated { job, parallelism } => {
                let cause = self.detectors.get(job);
                self.all.push(Change {
                    at: header.time,
                    job: *job,
                    from: self.widths.insert(*job, parallelism.clone()),
                    to: parallelism.clone(),
                    cause: cause.map_or("submission", |detector| detector.name()),
                });
            }
            _ => {}
        }
    }

    pub fn of(&self, job: JobId, blueprint: &Blueprint) -> Vec<Rescale> {
        let planned = || {
            blueprint.topology.jobs[job as usize]
                .layout
                .parallelism
                .clone()
        };
        let of_job = self.all.iter().filter(|change| change.job == job);
        of_job
            .map(|change| Rescale {
                at_ms: change.at.as_ms(),
                from: change.from.clone().unwrap_or_else(planned),
                to: change.to.clone(),
                cause: change.cause.to_owned(),
            })
            .collect()
    }
}
