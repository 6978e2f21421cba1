//! The workload of a check: as small as a run can be in which everything still happens.

use std::collections::BTreeSet;

use crate::kernel::Span;
use crate::scenario::model::{Job, Liveness, Scenario, SchedulerKind, Slots};

/// Simulated length of most runs.
pub const DURATION: Span = Span::from_secs(60);
/// Simulated records of such a run, about.
pub const RECORDS: u64 = 5_000;

/// Real records that one simulated record stands for, so that a run of [`DURATION`] has [`RECORDS`].
pub fn weight(scenario: &Scenario) -> u32 {
    let rate = scenario
        .topics
        .iter()
        .map(|topic| (topic.rate_per_s * f64::from(topic.partitions)) as u64);
    let records = rate
        .fold(0, u64::saturating_add)
        .saturating_mul(DURATION.0 / 1_000_000_000);
    u32::try_from(records.div_ceil(RECORDS))
        .unwrap_or(u32::MAX)
        .clamp(1, 1_000_000)
}

/// Of which each needs a slot at the least.
fn groups(job: &Job) -> u32 {
    let operators = job.operators.iter();
    let groups: BTreeSet<&str> = operators
        .map(|operator| operator.slot_sharing_group.as_str())
        .collect();
    groups.len() as u32
}

/// Slots that the tasks need, as the scenario's models count them.
pub fn slots_needed(scenario: &Scenario) -> u32 {
    let tasks = |job: &Job| -> u32 {
        job.operators
            .iter()
            .map(|operator| operator.parallelism)
            .sum()
    };
    let (story, bind) = (
        scenario.switches.liveness == Liveness::ZkEphemeral,
        scenario.switches.slots == Slots::Bind,
    );
    match (story, bind) {
        (true, true) => scenario.jobs.iter().map(tasks).sum(),
        (true, false) => 1,
        (false, _) => match scenario.config.scheduler {
            // With fewer slots the job is smaller.
            SchedulerKind::Adaptive => scenario.jobs.iter().map(groups).sum(),
            SchedulerKind::Default => scenario.jobs.iter().map(Job::slots_needed).sum(),
        },
    }
}

/// At most so many subtasks of every operator, and the load that goes with it.
pub fn cap_parallelism(scenario: &mut Scenario, cap: u32) {
    let widest = scenario
        .jobs
        .iter()
        .flat_map(|job| &job.operators)
        .map(|operator| operator.parallelism);
    if widest.max().unwrap_or(0) <= cap {
        return;
    }
    for job in &mut scenario.jobs {
        job.pins.clear();
        for operator in &mut job.operators {
            operator.parallelism = operator.parallelism.min(cap);
        }
    }
    for topic in &mut scenario.topics {
        // As many records in all: each partition has more of them.
        let before = topic.partitions;
        let most = cap * 2;
        if before > most {
            topic.partitions = most;
            topic.rate_per_s *= f64::from(before) / f64::from(most);
        }
    }
    if scenario.config.scheduler == SchedulerKind::Adaptive {
        // So few slots that each loss of a TaskManager tells; the reactive mode uses every one.
        for taskmanager in &mut scenario.cluster.taskmanagers {
            taskmanager.slots = taskmanager.slots.min(cap.div_ceil(2));
        }
    }
    spread(scenario);
}

/// Fewer tasks do the same work; they get machines that can.
fn spread(scenario: &mut Scenario) {
    for taskmanager in &mut scenario.cluster.taskmanagers {
        taskmanager.cpu_millicores = taskmanager.cpu_millicores.max(2_000);
    }
}

/// Only the first `keep` TaskManagers that start; spares stay.
pub fn keep_taskmanagers(scenario: &mut Scenario, keep: usize) {
    let mut seen = 0;
    let stays: Vec<bool> = scenario
        .cluster
        .taskmanagers
        .iter()
        .map(|taskmanager| {
            seen += usize::from(taskmanager.starts);
            !taskmanager.starts || seen <= keep
        })
        .collect();
    if stays.iter().all(|stays| *stays) {
        return;
    }
    let mut index = 0;
    let mut gone = Vec::new();
    scenario.cluster.taskmanagers.retain(|taskmanager| {
        index += 1;
        if !stays[index - 1] {
            gone.push(taskmanager.name.clone());
        }
        stays[index - 1]
    });
    leave_hosts(scenario, &gone);
    for job in &mut scenario.jobs {
        job.pins.clear();
    }
    spread(scenario);
}

/// Only the first `keep` JobManagers.
pub fn keep_jobmanagers(scenario: &mut Scenario, keep: usize) {
    let jobmanagers = &mut scenario.cluster.jobmanagers;
    let gone: Vec<String> = jobmanagers.drain(keep.min(jobmanagers.len())..).collect();
    leave_hosts(scenario, &gone);
}

fn leave_hosts(scenario: &mut Scenario, gone: &[String]) {
    for host in &mut scenario.cluster.hosts {
        host.processes.retain(|process| !gone.contains(process));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load;

    fn story() -> Scenario {
        let text = include_str!("../../../scenarios/fraud-detection.yaml");
        load(text, "story.yaml", &[]).unwrap().scenario
    }

    #[test]
    fn the_weight_brings_a_run_down_to_so_many_records() {
        let scenario = story();
        assert_eq!(weight(&scenario), 60);
        let mut slow = scenario;
        slow.topics[0].rate_per_s = 1.0;
        assert_eq!(weight(&slow), 1);
    }

    #[test]
    fn a_smaller_cluster_is_a_scenario_that_can_be_written_and_read() {
        let mut scenario = story();
        scenario.faults.clear();
        cap_parallelism(&mut scenario, 2);
        keep_taskmanagers(&mut scenario, 3);
        keep_jobmanagers(&mut scenario, 1);
        let text = crate::scenario::resolved_yaml(&scenario);
        let again = load(&text, "again.yaml", &[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again.scenario, scenario);
        assert_eq!(scenario.cluster.taskmanagers.len(), 3);
    }
}
