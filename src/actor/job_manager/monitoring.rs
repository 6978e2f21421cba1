//! What the leader sees of running tasks, and whether some should move.

use crate::actor::blueprint::Blueprint;
use crate::actor::metric_report::{MetricReport, TaskMetrics};
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{Span, Time};
use crate::policy::Rebalancing;
use crate::policy::rebalancing::{Observation, OnPressure};

use super::job_master::JobMaster;

#[derive(Clone, Debug)]
pub struct Monitoring {
    /// The latest report of each subtask.
    tasks: Vec<Option<(usize, TaskMetrics)>>,
    cpu_per_mille: Vec<u32>,
    policy: Option<OnPressure>,
}

impl Monitoring {
    pub fn new(blueprint: &Blueprint) -> Monitoring {
        let subtasks = blueprint.topology.subtasks.len();
        let policy = match blueprint.rebalancing {
            Rebalancing::Off => None,
            Rebalancing::OnPressure => {
                Some(OnPressure::new(blueprint.monitor.rebalance_when, subtasks))
            }
        };
        Monitoring {
            tasks: vec![None; subtasks],
            cpu_per_mille: vec![0; blueprint.cluster.taskmanagers.len()],
            policy,
        }
    }

    pub fn take(&mut self, taskmanager: usize, report: &MetricReport) {
        self.cpu_per_mille[taskmanager] = report.cpu_per_mille;
        for metrics in &report.tasks {
            self.tasks[metrics.subtask as usize] = Some((taskmanager, *metrics));
        }
    }

    pub fn forget(&mut self, taskmanager: usize) {
        self.cpu_per_mille[taskmanager] = 0;
        for task in &mut self.tasks {
            task.take_if(|(host, _)| *host == taskmanager);
        }
    }

    pub fn metrics(&self, subtask: SubtaskId) -> Option<&TaskMetrics> {
        self.tasks[subtask as usize]
            .as_ref()
            .map(|(_, metrics)| metrics)
    }

    /// The task to move, by the policy.
    pub fn decide(
        &mut self,
        jobs: &[JobMaster],
        blueprint: &Blueprint,
        now: Time,
    ) -> Option<SubtaskId> {
        let policy = self.policy.as_mut()?;
        let mut observations = Vec::new();
        for execution in jobs.iter().flat_map(|job| &job.executions) {
            let Some((taskmanager, metrics)) = &self.tasks[execution.subtask as usize] else {
                continue;
            };
            observations.push(observe(
                *taskmanager,
                metrics,
                &self.tasks,
                self.cpu_per_mille[*taskmanager],
                blueprint,
            ));
        }
        let chosen = policy.decide(now, &observations)?;
        policy.reset();
        Some(chosen.subtask)
    }
}

fn observe(
    taskmanager: usize,
    metrics: &TaskMetrics,
    tasks: &[Option<(usize, TaskMetrics)>],
    machine_cpu_per_mille: u32,
    blueprint: &Blueprint,
) -> Observation {
    let topology = &blueprint.topology;
    let layout = &topology.jobs[topology.job_of(metrics.subtask) as usize].layout;
    let producers = layout.vertex(metrics.subtask).inputs.iter();
    let back_pressured = producers
        .filter_map(|channel| {
            tasks[topology.channels[*channel as usize].producer as usize].as_ref()
        })
        .map(|(_, producer)| per_mille(producer.back_pressured, producer.interval))
        .max();
    // A source has no input channel: it is as late as what it has not taken yet is old.
    let rate = topology.rate_of(metrics.subtask);
    let behind = if topology.is_source(metrics.subtask) && rate > 0.0 {
        Span((metrics.pending_records as f64 / rate * 1e9) as u64)
    } else {
        Span::ZERO
    };
    Observation {
        subtask: metrics.subtask,
        taskmanager,
        latency: metrics.input_latency.max(behind),
        producers_back_pressured_per_mille: back_pressured.unwrap_or(0),
        machine_cpu_per_mille,
        cpu_microcores: u64::from(per_million(metrics.cpu, metrics.interval)),
    }
}

fn per_mille(part: Span, whole: Span) -> u32 {
    (u128::from(part.0) * 1_000 / u128::from(whole.0.max(1))) as u32
}

fn per_million(part: Span, whole: Span) -> u32 {
    (u128::from(part.0) * 1_000_000 / u128::from(whole.0.max(1))) as u32
}

impl JobMaster {
    /// Remembers what each running task uses, for placement: an average that leans on the last eight reports.
    pub fn measured(&mut self, monitoring: &Monitoring) {
        if !self.is_steady() {
            return;
        }
        for execution in &mut self.executions {
            if let Some(metrics) = monitoring.metrics(execution.subtask) {
                let used = u64::from(per_million(metrics.cpu, metrics.interval));
                let average = execution
                    .cpu_microcores
                    .map_or(used, |average| (average * 7 + used) / 8);
                execution.cpu_microcores = Some(average);
            }
        }
    }
}
