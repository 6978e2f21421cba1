//! A recovery as the seven steps of the story: detection, reassignment, retrieval, redistribution, resumption,
//! monitoring, reporting.

use crate::actor::blueprint::Blueprint;
use crate::kernel::{ActorId, Time};
use crate::policy::Liveness;

use super::episode::{Episode, Retrieval};
use super::outcome::Step;

pub fn steps(episode: &Episode, blueprint: &Blueprint, end: Time) -> Vec<Step> {
    let name = |actor: &ActorId| blueprint.directory.name(*actor);
    let marks = &episode.marks;
    let leader = marks.leader.as_ref().map_or("the leader", name);
    let mut steps = Vec::new();
    let mut step = |number: u8, name: &str, from: Time, to: Time, what: String| {
        steps.push(Step {
            number,
            name: name.to_owned(),
            from_ms: from.as_ms(),
            to_ms: to.as_ms(),
            what,
        });
    };
    if let Some(detected) = episode.detected {
        let what = match &marks.last_heard {
            Some((owner, heard)) => format!(
                "ZooKeeper last heard {} at {heard} and expired its session; {leader} was notified",
                name(owner)
            ),
            None => format!("noticed by {}", episode.detector.unwrap_or("nobody")),
        };
        step(1, "Failure detection", episode.at, detected, what);
    }
    if let Some((at, tasks, lost)) = &marks.reassigned {
        let until = marks
            .retrieval
            .as_ref()
            .map_or(*at, |retrieval| retrieval.from.max(*at));
        let lost: Vec<&str> = lost.iter().map(name).collect();
        let whose = match blueprint.liveness {
            _ if lost.is_empty() => "failed".to_owned(),
            Liveness::ZkEphemeral => format!("of {} failed", lost.join(", ")),
            Liveness::RpcHeartbeats => {
                format!("failed, after the failure of one on {}", lost.join(", "))
            }
        };
        step(
            2,
            "Task reassignment",
            *at,
            until,
            format!("{leader} marked {tasks} tasks {whose}"),
        );
    }
    if let Some(Retrieval {
        from,
        to,
        checkpoint,
        partitions,
        bytes,
    }) = &marks.retrieval
    {
        let storage = &blueprint.cluster.storage.name;
        let what = if *checkpoint == 0 {
            "no checkpoint had completed: from the beginning".to_owned()
        } else {
            let partitions: Vec<String> = partitions.iter().map(u32::to_string).collect();
            let of = if partitions.is_empty() {
                String::new()
            } else {
                format!("offsets of partitions {}, ", partitions.join(", "))
            };
            format!(
                "checkpoint {checkpoint} from {storage}: {of}{:.1} MB of state",
                *bytes as f64 / 1e6
            )
        };
        step(3, "Checkpoint retrieval", *from, to.unwrap_or(*from), what);
    }
    let retrieved = marks.retrieval.as_ref().and_then(|retrieval| retrieval.to);
    if let (Some(deployed), Some(retrieved)) = (marks.deployed, retrieved) {
        let targets: std::collections::BTreeSet<&str> = episode
            .placement
            .iter()
            .map(|(_, _, to)| name(to))
            .collect();
        let targets: Vec<&str> = targets.into_iter().collect();
        let what = format!(
            "{} tasks placed on {}",
            episode.placement.len(),
            targets.join(", ")
        );
        step(4, "Redistribution", retrieved, deployed, what);
    }
    if let (Some(deployed), Some(running)) = (marks.deployed, marks.running) {
        let what = format!(
            "tasks deployed, state restored, sources sought; {} records replayed, {} read again",
            episode.replayed * u64::from(blueprint.weight),
            episode.reprocessed * u64::from(blueprint.weight)
        );
        step(5, "Resumption", deployed, running, what);
    }
    if let Some(running) = marks.running {
        let until = episode.until(end).max(running);
        let what = match (episode.end, episode.given_up) {
            (Some(_), _) => "output is in time again".to_owned(),
            (None, Some(_)) => "the job failed for good".to_owned(),
            (None, None) => "not caught up when the run ended".to_owned(),
        };
        step(6, "Monitoring", running, until, what);
    }
    if let Some((from, to, sent)) = marks.notified {
        step(
            7,
            "Reporting",
            from,
            to,
            format!(
                "{} was told, {sent} messages sent",
                blueprint.cluster.receiver.name
            ),
        );
    }
    steps
}
