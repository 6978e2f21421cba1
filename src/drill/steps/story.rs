//! A recovery as the seven steps of the story: detection, reassignment, retrieval, redistribution, resumption,
//! monitoring, reporting.

use crate::actor::blueprint::Blueprint;
use crate::kernel::{ActorId, Time};

use crate::drill::episode::{Episode, Restart, Retrieval};
use crate::drill::number::count;
use crate::drill::outcome::Step;

use super::restored;

pub(super) fn steps(episode: &Episode, blueprint: &Blueprint, end: Time) -> Vec<Step> {
    let name = |actor: &ActorId| blueprint.directory.name(*actor);
    let marks = &episode.marks;
    // Restarts before the last were part of taking the tasks over.
    let (first, last) = (episode.restarts.first(), episode.restarts.last());
    let leader = last.map_or("the leader", |restart| name(&restart.leader));
    let retrieval = last.and_then(|restart| restart.retrieval.as_ref());
    let deployed = last.and_then(|restart| restart.deployed);
    let running = last.and_then(|restart| restart.running);
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
    if let Some(Restart {
        at, lost, tasks, ..
    }) = first
    {
        let until = retrieval.map_or(*at, |retrieval| retrieval.from.max(*at));
        let lost: Vec<&str> = lost.iter().map(name).collect();
        let whose = match lost.is_empty() {
            true => "failed".to_owned(),
            false => format!("of {} failed", lost.join(", ")),
        };
        let what = format!("{leader} marked {} tasks {whose}", tasks.len());
        step(2, "Task reassignment", *at, until, what);
    }
    if let Some(retrieval) = retrieval {
        let Retrieval { from, to, .. } = *retrieval;
        let what = restored(retrieval, blueprint);
        step(3, "Checkpoint retrieval", from, to.unwrap_or(from), what);
    }
    let retrieved = retrieval.and_then(|retrieval| retrieval.to);
    if let (Some(deployed), Some(retrieved)) = (deployed, retrieved) {
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
    if let (Some(deployed), Some(running)) = (deployed, running) {
        let what = format!(
            "tasks deployed, state restored, sources sought; {} records replayed, {} read again",
            count(episode.replayed * u64::from(blueprint.weight)),
            count(episode.reprocessed * u64::from(blueprint.weight))
        );
        step(5, "Resumption", deployed, running, what);
    }
    if let Some(running) = running {
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
