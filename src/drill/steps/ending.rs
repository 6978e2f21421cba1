//! Why a recovery did not come to its end: what happened last, and what it waited for.

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::JobStatus;
use crate::dataflow::topology::JobId;
use crate::drill::episode::Episode;
use crate::drill::phase::Phase;
use crate::drill::watch::Watch;
use crate::kernel::Time;

/// None: it did. `now` is where the run has ended.
pub fn why_not(episode: &Episode, watch: &Watch, now: Time) -> Option<String> {
    if episode.end.is_some() {
        return None;
    }
    if let Some(at) = episode.given_up {
        let why = last_status(episode.job, watch, |status| status == JobStatus::Failing);
        let why = why.map_or("", |(.., why)| why);
        return Some(format!("the job failed for good at {at}: {why}"));
    }
    let (phase, since) = episode.intervals.turns().last().copied()?;
    let number = episode.restarts.len();
    let last = episode.restarts.last();
    let what = match phase {
        Phase::Detection => "nobody had noticed it".to_owned(),
        Phase::Leadership => {
            "no JobManager led the job, or the new leader still read it back".to_owned()
        }
        Phase::Cancellation => format!("restart {number} waited for tasks to end"),
        Phase::Backoff => format!("restart {number} was in its back-off"),
        Phase::Resources => match last.and_then(|restart| restart.missing) {
            Some((at, _)) => format!("restart {number} had too few slots, from {at} on"),
            None => match last.and_then(|restart| restart.slots) {
                Some((pooled, needed)) => {
                    format!("restart {number} waited for slots, with {pooled} of {needed} at first")
                }
                None => format!("restart {number} waited for room"),
            },
        },
        Phase::Deployment => format!("tasks of restart {number} were DEPLOYING"),
        Phase::Restore => format!("tasks of restart {number} were INITIALIZING"),
        Phase::FirstOutput => "a restored task had put nothing out".to_owned(),
        Phase::CatchUp => "all tasks ran, and output was still late".to_owned(),
    };
    let since = since.min(now);
    Some(format!("when the run ended {what}, since {since}"))
}

/// Every recovery without an end, and every job that is not well although no recovery of it is open.
pub fn not_recovered(watch: &Watch, blueprint: &Blueprint, now: Time) -> Vec<String> {
    let episodes = watch.recoveries.closed.iter();
    let mut told: Vec<String> = episodes
        .filter_map(|episode| {
            let why = why_not(episode, watch, now)?;
            Some(format!(
                "{}: {why}",
                super::faults(episode, watch, blueprint)
            ))
        })
        .collect();
    for (number, job) in (0..).zip(&blueprint.topology.jobs) {
        let mut episodes = watch.recoveries.closed.iter();
        if episodes.any(|episode| episode.job == number && episode.end.is_none()) {
            continue;
        }
        let last = last_status(number, watch, |_| true);
        let (since, status, why) = last.unwrap_or((Time::ZERO, JobStatus::Created, ""));
        let is_well = matches!(status, JobStatus::Running | JobStatus::Finished);
        let stands = format!("{} since {since}: {why}", status.name());
        if !watch.recoveries.has_run(number) {
            told.push(format!(
                "{} never had all its tasks running; {stands}",
                job.name
            ));
        } else if !is_well {
            // What it failed for says more than that it has failed.
            let failing = last_status(number, watch, |status| status == JobStatus::Failing);
            let why = failing.filter(|_| status == JobStatus::Failed);
            let why = why.map_or(String::new(), |(.., why)| format!("; {why}"));
            told.push(format!("{} is {stands}{why}", job.name));
        }
    }
    told
}

/// When a job last came to such a status, and why.
fn last_status(
    job: JobId,
    watch: &Watch,
    such: impl Fn(JobStatus) -> bool,
) -> Option<(Time, JobStatus, &str)> {
    let mut statuses = watch.statuses.iter().rev();
    let found = statuses.find(|(_, of, status, _)| *of == job && such(*status));
    found.map(|(at, _, status, why)| (*at, *status, why.as_str()))
}
