//! A recovery told step by step: the story in its seven steps, Flink in its own terms.

mod cause;
mod ending;
mod flink;
mod story;

use crate::actor::blueprint::Blueprint;
use crate::dataflow::ledger::ranges;
use crate::policy::Liveness;

use super::episode::{Episode, Restart, Retrieval};
use super::number::size;
use super::outcome::{RestartAttempt, Step};
use super::watch::Watch;
use crate::kernel::{Span, Time};

pub use ending::{not_recovered, why_not};

/// What was done, in order of time; `now` is where the run has ended.
pub fn steps(episode: &Episode, watch: &Watch, blueprint: &Blueprint, now: Time) -> Vec<Step> {
    match blueprint.liveness {
        Liveness::ZkEphemeral => story::steps(episode, blueprint, now),
        Liveness::RpcHeartbeats => flink::steps(episode, watch, blueprint, now),
    }
}

/// The restarts of a recovery, and what became of each.
pub fn restarts(episode: &Episode, blueprint: &Blueprint) -> Vec<RestartAttempt> {
    let ms = |at: Option<Time>| at.map(Time::as_ms);
    let attempt = |(number, restart): (usize, &Restart)| {
        let overtaken = restart.overtaken.map(|by| episode.restarts[by].at);
        let outcome = match (overtaken, restart.running, episode.given_up) {
            _ if restart.is_stop() => "stopped",
            (Some(_), ..) => "wasted",
            (_, Some(_), _) => "running",
            (.., Some(_)) => "failed",
            (.., None) => "unfinished",
        };
        RestartAttempt {
            number: number as u32 + 1,
            at_ms: restart.at.as_ms(),
            detector: restart.detector.name().to_owned(),
            leader: blueprint.directory.name(restart.leader).to_owned(),
            failed_on: named(&restart.lost, blueprint),
            scope: restart.scope.name().to_owned(),
            tasks: restart.tasks.len() as u64,
            delay_ms: restart.delay.map(Span::as_ms),
            checkpoint: restart
                .retrieval
                .as_ref()
                .map(|r| r.checkpoint)
                .filter(|id| *id > 0),
            slots_needed: restart.slots.map(|(_, needed)| needed),
            slots_pooled: restart.slots.map(|(pooled, _)| pooled),
            no_room_ms: restart.missing.map(|(at, _)| at.as_ms()),
            missing_slots: restart.missing.and_then(|(_, slots)| slots),
            deployed_ms: ms(restart.deployed),
            running_ms: ms(restart.running),
            overtaken_ms: ms(overtaken),
            outcome: outcome.to_owned(),
        }
    };
    episode.restarts.iter().enumerate().map(attempt).collect()
}

/// What a recovery answers, as `kill tm-3`; joined with ` + ` where recoveries overlap.
pub fn faults(episode: &Episode, watch: &Watch, blueprint: &Blueprint) -> String {
    let faults = episode.faults.iter().map(|number| {
        let fault = &watch.recoveries.faults[*number];
        format!("{} {}", fault.what, blueprint.directory.name(fault.target))
    });
    faults.collect::<Vec<_>>().join(" + ")
}

/// A length of time for people.
pub fn took(span: Span) -> String {
    match span.as_ms() {
        ms if ms < 1.0 => "<1 ms".to_owned(),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1e3),
    }
}

fn named(actors: &[crate::kernel::ActorId], blueprint: &Blueprint) -> Vec<String> {
    let name = |actor: &crate::kernel::ActorId| blueprint.directory.name(*actor).to_owned();
    actors.iter().map(name).collect()
}

/// `0-9, 12`, in order.
fn numbers(all: &[u32]) -> String {
    let mut sorted: Vec<u64> = all.iter().copied().map(u64::from).collect();
    sorted.sort_unstable();
    let name = |[first, last]: &[u64; 2]| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}-{last}"),
    };
    ranges(&sorted)
        .iter()
        .map(name)
        .collect::<Vec<_>>()
        .join(", ")
}

/// What a restart goes back to.
fn restored(retrieval: &Retrieval, blueprint: &Blueprint) -> String {
    if retrieval.checkpoint == 0 {
        return "no checkpoint had completed: from the beginning".to_owned();
    }
    let of = match retrieval.partitions.is_empty() {
        true => String::new(),
        false => format!("offsets of partitions {}, ", numbers(&retrieval.partitions)),
    };
    format!(
        "checkpoint {} from {}: {of}{} of state",
        retrieval.checkpoint,
        blueprint.cluster.storage.name,
        size(retrieval.bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_told_as_a_range() {
        assert_eq!(numbers(&[12, 3, 2, 0, 1]), "0-3, 12");
        assert_eq!(numbers(&[7]), "7");
        assert_eq!(numbers(&[4, 5]), "4, 5");
    }
}
